"""A fuzzing child whose files are the names of what their one method does, so that each kind of finding can be seen."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from typing import Any

from fuzz import child


def crash() -> None:
    ctypes.string_at(0)


def loop() -> None:
    while True:
        pass


def native_loop() -> None:
    return sum(range(10**12))  # type: ignore[return-value]


def effect() -> None:
    os.system("true")


def bomb() -> None:
    bytearray(1 << 45)


def broken() -> None:
    raise SystemError("a native call said nothing")


def honest() -> None:
    raise ValueError("X has 4 features, but 5 are needed")


WHAT: dict[str, Callable[[], None]] = {
    each.__name__: each for each in (crash, loop, native_loop, effect, bomb, broken, honest)
}


class Calls:
    """Stands for `fuzz.calls`."""

    FITTING = CHANGING = frozenset(("fit",))

    @staticmethod
    def calls(model: str, _rng: Any) -> Iterator[tuple[str, Callable[[], None]]]:
        method, what = model.split()
        yield f"Model.{method}", WHAT[what]


class Pretender(child.Worker):
    """A worker that loads nothing."""

    def __init__(self, note: int) -> None:
        super().__init__(note)
        self.calls = Calls  # type: ignore[assignment]
        self.load = lambda data, **_: data.decode()  # type: ignore[assignment]


def serve(connection: Connection, notes: str) -> None:
    """Answer like a fuzzing child."""
    child.SECONDS = 1
    child.serve(connection, notes, Pretender)
