"""Whatever a run raised, as the failure of one part: status, code, sentence, row, column. No internals, no values.

Refusals of a program name row and column in their sentence; here they become fields.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from amber.errors import AmberError, LimitError, shown
from amber.server.wire.batch import Failed

REFUSED, BROKEN, TOO_LARGE = 422, 500, 413
_ROW = re.compile(r"\brow ([0-9]{1,9})\b")
_FAR = 64  # characters before the column in a sentence that names one
_REFUSALS = ("input-refused", "outside-domain")
# What the libraries raise where rows are not what the model was fitted on.
_OF_ROWS = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError)


class Misfit(Exception):  # noqa: N818 - a signal within this folder
    """The answer of a model is not what the manifest says."""


@dataclass
class Columns:
    """How columns are called in the sentences of a program, with the names that clients know them by."""

    names: dict[str, str] = field(default_factory=dict)

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
        return (part, TOO_LARGE, error.code, error.message, None, None, "send fewer rows at once")
    if isinstance(error, AmberError) and error.code in _REFUSALS:
        return (part, REFUSED, error.code, error.message, *columns.find(error.message), error.hint)
    if isinstance(error, MemoryError):
        return (part, TOO_LARGE, "limit-memory", "the rows need more memory than there is", None, None,
                "send fewer rows at once")  # fmt: skip
    if isinstance(error, _OF_ROWS) and not isinstance(error, AmberError):
        said = f"the model refuses the rows: {shown(error)}"
        return (part, REFUSED, "input-refused", said, None, None, "send rows like those the model was trained on")
    return (part, BROKEN, "model-failed", "the model failed on these rows", None, None,
            "the log of the server says more")  # fmt: skip


def absent(part: int, methods: str) -> Failed:
    """Return the failure of a part that asks this form of the model for what it does not have."""
    return (part, REFUSED, "method-absent", f"this form of the model has no {methods}", None, None,
            "ask for other outputs, or the other form")  # fmt: skip
