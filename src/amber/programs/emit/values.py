"""What flows from one emitter to the next: raw input columns, coded columns, a matrix, sparse entries, texts.

A transformer takes one of these and returns one; `as_matrix` (in `emit.flow`) makes a float matrix of any.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from amber.programs.emit.graph import Tensor


class Sentinel:
    """A value of a category column that is no category of any step."""

    def __init__(self, name: str, code: int) -> None:
        self.name, self.code = name, code

    def __repr__(self) -> str:
        return self.name


# None, NaN and pandas.NA are told apart; a step decides which of them it treats alike.
NAN, UNSEEN, NONE, NA = Sentinel("NaN", -1), Sentinel("unseen", -2), Sentinel("None", -3), Sentinel("pandas.NA", -4)
SENTINELS = (NAN, UNSEEN, NONE, NA)


class Refused(Exception):  # noqa: N818 - an answer, not a failure
    """Raised by the function of a coded column: the original refuses a row with this value."""


@dataclass(frozen=True)
class Raw:
    """Columns of the request as they came, by position in the model's own input. Nothing is in the graph yet.

    `names` are the labels the estimator sees, None where the table has none.
    """

    columns: tuple[int, ...]


@dataclass(frozen=True)
class Coded:
    """Columns whose values are categories: each a source column of the request and what was done to its value so far.

    A function maps a str (or int, float, bool as the original sees it) or a sentinel to the same, or raises `Refused`.
    The graph holds nothing but the codes of the source; whatever leaves this form is a table looked up by them.
    """

    columns: tuple[tuple[int, Callable[[Any], Any]], ...]


@dataclass(frozen=True)
class Matrix:
    """A float matrix [N, width] of the graph.

    `source`: where each column of it is a column of the request, unchanged: their positions; else None.
    """

    tensor: Tensor
    width: int
    source: tuple[int, ...] | None = None
    parts: tuple[Any, ...] = field(default=(), compare=False)


@dataclass(frozen=True)
class Sparse:
    """Entries of a matrix [N, width] that is mostly zero: value, column and row of each, in row order.

    `data` is float [nnz], `column` and `row` are int64 [nnz], `rows` is int64 [1], the number of rows.
    """

    data: Tensor
    column: Tensor
    row: Tensor
    rows: Tensor
    width: int


@dataclass(frozen=True)
class Texts:
    """One column of the request that holds texts, for a vectoriser.

    `column` is None where the request itself is texts or records.
    """

    column: int | None


Value = Raw | Coded | Matrix | Sparse | Texts
