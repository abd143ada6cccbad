"""Whatever a run raised, as the failure of one part: status, code, sentence, row, column, what was expected.

No internals and no values. Refusals of a program name row and column in their sentence; here they become fields. What
was expected is what the program said, else what the column takes, else what all of them take.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from amber.errors import AmberError, LimitError, shown
from amber.server.wire.batch import Failed

REFUSED, BROKEN, TOO_LARGE = 422, 500, 413
_ROW = re.compile(r"\brow ([0-9]{1,9})\b")
_FAR = 64  # characters before the column in a sentence that names one
_FEWER = "send fewer rows at once"
_REFUSALS = ("input-refused", "outside-domain")
# What the libraries raise where rows are not what the model was fitted on.
_OF_ROWS = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError)


class Misfit(Exception):  # noqa: N818 - a signal within this folder
    """The answer of a model is not what the manifest says."""


class Words(NamedTuple):
    """What each column takes, and what a row is."""

    columns: dict[str, str]
    row: str


@dataclass
class Columns:
    """How columns are called in the sentences of a program, with the names that clients know them by."""

    names: dict[str, str] = field(default_factory=dict)
    describe: Callable[[], Words] = lambda: Words({}, "")

    @cached_property
    def words(self) -> Words:
        """What the model takes: put into words when the first rows are refused."""
        return self.describe()

    def expected(self, error: Exception, column: str | None) -> str:
        """Return what would have been right instead of what raised this error, in words."""
        said: str = getattr(error, "expected", "")
        return said or self.words.columns.get(column or "", self.words.row)

    def find(self, message: str) -> tuple[int | None, str | None]:
        """Return the row and the column that a sentence is about."""
        begin = message.find("column ")
        column = None
        if 0 <= begin <= _FAR:
            rest = message[begin:]
            said = next((said for said in self.names if rest.startswith((said + ":", said + ","))), "")
            column = self.names.get(said)
            message = message[:begin] + rest[len(said) :]  # a row in the name of a column is none
        found = _ROW.match(message)
        if found is None and (begin == 0 or message.startswith("the ")):
            found = _ROW.search(message)
        return (int(found[1]) if found else None), column


def failed(part: int, error: Exception, columns: Columns) -> Failed:
    """Return the failure of a part."""
    if isinstance(error, LimitError):
        return Failed(part, TOO_LARGE, error.code, error.message, hint=_FEWER)
    if isinstance(error, AmberError) and error.code in _REFUSALS:
        row, column = columns.find(error.message)
        expected = columns.expected(error, column)
        return Failed(part, REFUSED, error.code, error.message, row, column, error.hint, expected)
    if isinstance(error, MemoryError):
        return Failed(part, TOO_LARGE, "limit-memory", "the rows need more memory than there is", hint=_FEWER)
    if isinstance(error, _OF_ROWS) and not isinstance(error, AmberError):
        said = f"the model refuses the rows: {shown(error)}"
        hint = "send rows like those the model was trained on"
        return Failed(part, REFUSED, "input-refused", said, hint=hint, expected=columns.words.row)
    return Failed(part, BROKEN, "model-failed", "the model failed on these rows", hint="the server's log says more")


def absent(part: int, methods: str) -> Failed:
    """Return the failure of a part that asks this form of the model for what it does not have."""
    hint = "ask for other outputs, or the other form"
    return Failed(part, REFUSED, "method-absent", f"this form of the model has no {methods}", hint=hint)
