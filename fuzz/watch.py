"""What a hostile file would want to do in the world outside, as the interpreter's own audit events show it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

_EVENTS = frozenset((
    "pickle.find_class", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.remove",
    "os.rename", "os.mkdir", "os.rmdir", "os.chmod", "os.putenv", "os.symlink", "os.link", "subprocess.Popen",
    "shutil.rmtree", "socket.connect", "socket.bind", "socket.getaddrinfo", "ctypes.dlopen", "urllib.Request",
))  # fmt: skip
_READABLE = (sys.prefix, sys.base_prefix, "/proc/", "/sys/", "/usr/", "/dev/")
_LIBRARIES = frozenset((
    "amber", "numpy", "scipy", "sklearn", "pandas", "joblib", "threadpoolctl", "pyarrow", "dateutil", "pytz", "six",
    "tzdata", "msgspec", "blake3", "narwhals", "cython_runtime", "packaging",
))  # fmt: skip


class Watch:
    """An audit hook: what happened outside the process while it was on.

    Args:
        readable: Folders whose files may be opened for reading.
    """

    def __init__(self, *readable: str) -> None:
        self.seen: list[str] = []
        self.on = False
        self.readable = (*_READABLE, *readable)
        sys.addaudithook(self)

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Note one event."""
        if not self.on:
            return
        if event == "ctypes.dlopen" and self.is_loaded(str(arguments[0])):
            return  # threadpoolctl asks libraries that are loaded already
        if event in _EVENTS:
            self.seen.append(f"{event} {arguments!r:.200}")
        elif event == "open" and isinstance(arguments[0], str | bytes | os.PathLike):
            name, flags = os.fsdecode(arguments[0]), arguments[2]
            writes = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
            if writes or not name.startswith(self.readable):
                self.seen.append(f"open {name[:200]!r}")

    def is_loaded(self, library: str) -> bool:
        """Whether a file is part of this process already; to look is no effect."""
        self.on = False
        try:
            return library in Path("/proc/self/maps").read_text()
        finally:
            self.on = True

    def start(self) -> None:
        """Forget what was seen and begin."""
        self.seen, self.on = [], True

    def stop(self) -> list[str]:
        """Return what was seen since `start`."""
        self.on = False
        return self.seen


def strange(names: set[str]) -> list[str]:
    """Return the packages that belong neither to the libraries of the vocabulary nor to the standard library."""
    tops = {name.partition(".")[0] for name in names} - _LIBRARIES - set(sys.stdlib_module_names)
    return sorted(top for top in tops if not top.startswith("_"))
