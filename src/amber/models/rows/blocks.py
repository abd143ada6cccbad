"""A block of rows, and what a reader of rows is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from amber.errors import SourceError

Kind = Literal["text", "values", "array"]


@dataclass(frozen=True)
class Block:
    """Some rows: one entry of `cells` for each column asked for.

    `kind` says what a column is: list of str, list of Python values, or a NumPy array.
    """

    cells: list[Any]
    rows: int
    first: int  # number of the first row, from 1
    kind: Kind
    lines: Sequence[int] | None = None  # line of each row in a text file, from 1

    def place(self, position: int) -> str:
        """Where a row of this block stands in its file."""
        return f"line {self.lines[position]}" if self.lines is not None else f"row {self.first + position}"


class Reader(Protocol):
    """One opened file of rows."""

    form: str  # for messages: CSV, JSON lines ...
    names: list[str] | None  # of the columns; None where the file has none
    width: int  # number of columns
    records: bool  # each row may be had whole, as a dict

    def blocks(self, wanted: Sequence[int], rows: int) -> Iterator[Block]:
        """Yield blocks of at most `rows` rows with the columns at the positions `wanted`."""

    def share(self) -> float | None:
        """Return how much of the file has been read, 0 to 1; None where nobody knows."""


def bad_input(where: str, code: str, message: str, hint: str = "") -> SourceError:
    """Return the error for an input that cannot be read."""
    return SourceError(code, message, where=where, hint=hint)
