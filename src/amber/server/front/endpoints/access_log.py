"""The access log: one JSON line for each request, never a value of a row.

Lines gather on the loop's thread and are written by a thread of their own, so that a full pipe or a slow disk never
stops the loop; what it cannot take in time is counted and dropped.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections import deque

import msgspec

from amber.errors import SourceError, shown
from amber.server.front.http.messages import Request

_KEPT_BYTES = 8 << 20  # waiting to be written
_SECONDS = 0.2  # that a line waits at most before it is written
_CLOSE_SECONDS = 2.0  # that the last lines may take; nobody may be reading them
_STDERR = 2


class _Line(msgspec.Struct, omit_defaults=True):
    """One line. `bytes_in`, `bytes_out`: of the bodies; `seconds`: from the head of the request to the answer's end."""

    time: str
    id: str
    method: str
    path: str
    status: int
    seconds: float
    bytes_in: int
    bytes_out: int
    traceparent: str = ""
    model: str = ""
    version: str = ""
    rows: int = 0
    code: str = ""
    key: str = ""


class AccessLog:
    """Writes to the standard error, or to the end of a file.

    Args:
        target: `stderr`, or the path of a file; it is made where it is not there.

    Raises:
        SourceError: `target-unwritable`: the file cannot be opened.
    """

    def __init__(self, target: str) -> None:
        self.dropped = 0
        self._target = target
        self._encode = msgspec.json.Encoder().encode
        self._second, self._prefix = -1, ""
        self._lines: deque[bytes] = deque()
        self._added = self._written = 0  # bytes; each is written by one thread
        self._file = self._opened()
        self._reopen = self._closing = False
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="access-log", daemon=True)
        self._thread.start()

    def answered(self, request: Request, status: int, sent: int, seconds: float, rows: int) -> None:
        """Note one request: never waits."""
        model, _, version = request.label.rpartition("/")
        line = _Line(
            self._now(),
            request.id,
            request.method,
            request.path if len(request.path) <= 200 else shown(request.path),
            status,
            round(seconds, 6),
            len(request.body) or request.taken,
            sent,
            request.traceparent.decode("latin-1"),
            model,
            version,
            rows,
            request.code,
            request.key,
        )
        data = self._encode(line) + b"\n"
        if self._added - self._written > _KEPT_BYTES:
            self.dropped += 1
            return
        self._added += len(data)
        self._lines.append(data)
        if not self._ready.is_set():
            self._ready.set()

    def reopen(self) -> None:
        """Open the file anew by its name: the old one was moved away (SIGHUP)."""
        self._reopen = True
        self._ready.set()

    def close(self) -> None:
        """Write what is there and end."""
        self._closing = True
        self._ready.set()
        self._thread.join(_CLOSE_SECONDS)
        if self._file != _STDERR and not self._thread.is_alive():
            os.close(self._file)

    def _now(self) -> str:
        """Return the time in UTC, ISO 8601 with milliseconds."""
        now = time.time()
        second = int(now)
        if second != self._second:
            self._second, self._prefix = second, time.strftime("%Y-%m-%dT%H:%M:%S.", time.gmtime(second))
        return f"{self._prefix}{int((now - second) * 1000):03d}Z"

    def _opened(self) -> int:
        if self._target == "stderr":
            return _STDERR
        try:
            return os.open(self._target, os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o640)
        except (OSError, ValueError) as error:
            raise SourceError("target-unwritable", str(error), where=self._target) from error

    def _run(self) -> None:
        while not self._closing:
            self._ready.wait()
            if not self._closing:
                time.sleep(_SECONDS)  # gather
            self._ready.clear()
            if self._reopen:
                self._open_anew()
            self._write()
        self._write()

    def _open_anew(self) -> None:
        self._reopen = False
        if self._file == _STDERR:
            return
        try:
            fresh = self._opened()
        except SourceError as error:
            sys.stderr.write(f"the access log stays where it is: {error.message}\n")
            return
        self._write()
        os.close(self._file)
        self._file = fresh

    def _write(self) -> None:
        parts = []
        with contextlib.suppress(IndexError):
            while True:
                parts.append(self._lines.popleft())
        data = memoryview(b"".join(parts))
        size = len(data)
        try:
            while data:
                data = data[os.write(self._file, data) :]
        except OSError:  # a full disk, a pipe that nobody reads any more
            self.dropped += len(parts)
        self._written += size
