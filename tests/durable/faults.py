"""A fault at the n-th call into the file layer: every call of `os` and `fcntl` that a write makes goes through here.

Works on every system, also where no debugger may be attached; `system_calls.py` does the same from outside.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

CALLS = (
    "open", "close", "write", "writev", "fsync", "replace", "rename", "unlink", "rmdir", "mkdir", "chmod", "fchmod",
    "fchown", "stat", "lstat", "fstat", "scandir", "listdir", "readlink",
)  # fmt: skip
Call = Callable[[], Any]
Fault = Callable[[str, Call, tuple[Any, ...]], Any]


class Counter:
    """Counts the calls and replaces the `at`-th one by the fault, and one `also`; with `onwards`, all from there.

    Counting begins when a writer looks for leftovers in `folder`: nothing before that touches it.
    """

    def __init__(self, folder: Path, at: int, fault: Fault, *, onwards: bool = False, also: int = 0) -> None:
        self.folder, self.at, self.fault, self.onwards, self.also = str(folder.resolve()), at, fault, onwards, also
        self.begun = False
        self.seen: list[str] = []
        self.hit = ""

    def wrap(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            self.begun = self.begun or (name == "scandir" and args[0] == self.folder)
            if not self.begun:
                return real(*args, **kwargs)
            self.seen.append(name)
            number = len(self.seen)
            if number in (self.at, self.also) or (self.onwards and number > self.at):
                self.hit = self.hit or name
                return self.fault(name, lambda: real(*args, **kwargs), args)
            return real(*args, **kwargs)

        return call


@contextlib.contextmanager
def installed(counter: Counter) -> Iterator[Counter]:
    """Send every call of the file layer through the counter."""
    with contextlib.ExitStack() as stack:
        for name in CALLS:
            stack.enter_context(mock.patch.object(os, name, counter.wrap(name, getattr(os, name))))
        stack.enter_context(mock.patch.object(fcntl, "flock", counter.wrap("flock", fcntl.flock)))
        yield counter


def kill(_name: str, _real: Call, _args: tuple[Any, ...]) -> Any:
    """End the process before the call."""
    os.kill(os.getpid(), signal.SIGKILL)


def kill_half_way(name: str, real: Call, args: tuple[Any, ...]) -> Any:
    """End the process in the middle of a write, after any other call."""
    if name == "writev":
        descriptor, views = args
        whole = b"".join(views)
        os.pwrite(descriptor, whole[: len(whole) // 2], 0)
    else:
        with contextlib.suppress(OSError):
            real()
    os.kill(os.getpid(), signal.SIGKILL)


def error(number: int) -> Fault:
    """Fail with an `errno` in place of the call."""

    def fail(_name: str, _real: Call, _args: tuple[Any, ...]) -> Any:
        raise OSError(number, os.strerror(number))

    return fail


def interrupt_before(_name: str, _real: Call, _args: tuple[Any, ...]) -> Any:
    """Ctrl-C just before the call."""
    raise KeyboardInterrupt


def interrupt_after(name: str, real: Call, _args: tuple[Any, ...]) -> Any:
    """Ctrl-C during the call: Python raises it once the call has returned, and what it returned is lost."""
    try:
        result = real()
    except OSError as error:
        raise KeyboardInterrupt from error
    if name == "open":
        os.close(result)  # or this process would run out of descriptors
    if name == "scandir":
        result.close()
    raise KeyboardInterrupt
