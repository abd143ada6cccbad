"""One request on its way: what it asks for, and what comes back. Made by the formats, carried by the queue."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from amber.server.interface import Route


class Asked(msgspec.Struct, gc=False):
    """Rows of one request, decoded and checked, in the form they travel in.

    Attributes:
        rows: How many.
        numbers: rows x cells x 8 bytes, row by row, inputs in the interface's order (`Interface.cells`).
        objects: One list of `rows` values for each input of cell `object`; MessagePack can hold them.
        outputs: Places in `Interface.outputs`, ascending.
        route: Which form of the model is asked; None: the one that is served.
        id: The caller's, sent back.
        reply: What only the format that made this needs to write the answer.
    """

    rows: int
    numbers: bytes | bytearray | memoryview
    objects: Sequence[list[Any]] = ()
    outputs: tuple[int, ...] = ()
    route: Route | None = None
    id: str | None = None
    reply: Any = None


class Answered(msgspec.Struct, gc=False):
    """The answers to one request: for each asked output its values.

    Attributes:
        rows: How many.
        values: Beside `Asked.outputs`: bytes of 8-byte cells (rows x width; float, integer or label index), or a list
            of `rows` objects for an output of cell `object`.
    """

    rows: int
    values: list[bytes | memoryview | list[Any]] = []


@dataclass(slots=True)
class Failure(Exception):  # noqa: N818 - an answer, not an accident
    """Why there is no answer: an HTTP status, a stable code, and for a person what, where and what to do.

    `row` counts from 0 within the request. `retry_after`: seconds. `expected`: what would have been right, in words.
    """

    status: int
    code: str
    message: str
    row: int | None = None
    column: str | None = None
    hint: str = ""
    retry_after: float | None = None
    expected: str = ""

    def __str__(self) -> str:
        return self.message
