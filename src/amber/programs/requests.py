"""A caller's rows as columns of plain values: frames, dicts of columns, arrays, lists, sparse matrices, texts.

Nothing is computed here and no library but NumPy is imported: pandas and SciPy objects are known by their methods.
What the original would refuse for its form (columns missing, too many, in another order, no rows) is refused here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from amber.errors import SourceError, shown
from amber.programs.plan import Request

Pick = Callable[[int], Any]


@dataclass(slots=True)
class Rows:
    """A request: the number of rows, a way to each column by its position, and what the answer must look like.

    `whole`: all columns as one array, where they came so. `narrow`: all numbers are float32. `index`: of a frame.
    """

    count: int
    pick: Pick
    whole: Any = None
    narrow: bool = False
    index: Any = None
    entries: tuple[Any, Any, Any] | None = None  # data, column, row of a sparse request


def refusal(message: str, hint: str = "") -> SourceError:
    """Return the error for rows that the original refuses."""
    return SourceError("input-refused", message, where="input", hint=hint)


def label(request: Request, column: int) -> str:
    """Return a column's name for a message."""
    return f"column {shown(request.names[column])!r}" if request.names else f"column {column}"


def rows_of(value: Any, request: Request, needed: frozenset[int]) -> Rows:
    """Return the rows of a request.

    Args:
        value: What the caller passed.
        request: What the original takes.
        needed: Positions of the columns that some step uses.

    Raises:
        SourceError: `input-refused`, with what was expected and what came.
    """
    if isinstance(value, Mapping):
        found = _mapping(value, request, needed)
    elif hasattr(value, "iloc") and hasattr(value, "columns"):
        found = _frame(value, request, needed)
    elif hasattr(value, "tocsr") and hasattr(value, "shape"):
        found = _sparse(value, request)
    elif request.form in ("texts", "records"):
        found = _items(value)
    else:
        found = _array(value, request)
    if not found.count and not request.empty:
        raise refusal("no rows: the model refuses an empty table")
    return found


def _mapping(value: Mapping[Any, Any], request: Request, needed: frozenset[int]) -> Rows:
    """Columns by name: lists, arrays, or one plain value each, which is one row."""
    if request.form == "records":
        return _items([value])
    names = request.names if request.names is not None else list(range(request.width))
    columns: dict[int, Any] = {}
    for position, name in enumerate(names):
        if name in value:
            columns[position] = value[name]
        elif position in needed or not request.partial:
            raise refusal(f"{label(request, position)} is missing", hint=f"the model takes {_listed(names)}")
    if not request.extra and len(columns) < len(value):
        other = next(name for name in value if name not in names)
        raise refusal(f"column {shown(other)!r} is none of the model's", hint=f"the model takes {_listed(names)}")
    if not any(map(_is_column, columns.values())):
        return Rows(1, lambda column: [columns[column]])
    counts = {len(each) for each in columns.values() if _is_column(each)}
    if len(counts) > 1 or not all(map(_is_column, columns.values())):
        raise refusal("the columns have different lengths")
    return Rows(counts.pop(), columns.__getitem__)


def _is_column(value: Any) -> bool:
    return not isinstance(value, str | bytes) and hasattr(value, "__len__") and getattr(value, "ndim", 1) > 0


def _frame(value: Any, request: Request, needed: frozenset[int]) -> Rows:
    if not request.frames:
        raise refusal("a table with named columns; the model takes arrays")
    own = list(value.columns)
    places = list(range(request.width))
    if request.names is not None:
        places = _places(own, request, needed)
    elif len(own) != request.width:
        raise refusal(f"{len(own)} columns, the model takes {request.width}")
    dtypes = list(value.dtypes)
    narrow = [str(dtypes[place]) == "float32" for place in places if place >= 0]
    plain = places == list(range(len(own))) and all(getattr(dtype, "kind", "O") in "fiub" for dtype in dtypes)
    plain = plain and all(isinstance(dtype, np.dtype) for dtype in dtypes)
    return Rows(
        len(value),
        lambda column: value.iloc[:, places[column]],
        whole=value.to_numpy() if plain and len(own) else None,
        narrow=bool(narrow) and all(narrow),
        index=value.index,
    )


def _places(own: list[Any], request: Request, needed: frozenset[int]) -> list[int]:
    """Where each of the model's columns stands in the frame; -1 for one it lacks and no step uses."""
    names = request.names or []
    where = {name: place for place, name in reversed(list(enumerate(own)))}
    places = [where.get(name, -1) for name in names]
    for column, place in enumerate(places):
        if place < 0 and (column in needed or not request.partial):
            raise refusal(f"{label(request, column)} is missing", hint=f"the model takes {_listed(names)}")
    if not request.extra and len(own) > len(names):
        other = next((name for name in own if name not in names), own[-1])
        raise refusal(f"column {shown(other)!r} is none of the model's", hint=f"the model takes {_listed(names)}")
    if request.order == "exact" and [place for place in places if place >= 0] != sorted(
        place for place in places if place >= 0
    ):
        raise refusal("the columns stand in another order", hint=f"the model takes {_listed(names)}, in this order")
    return places


def _listed(names: Sequence[Any]) -> str:
    more = f" and {len(names) - 20} more" if len(names) > 20 else ""
    return ", ".join(shown(name) for name in names[:20]) + more


def _sparse(value: Any, request: Request) -> Rows:
    if request.form != "sparse" and request.form != "table":
        raise refusal("a sparse matrix; the model takes texts")
    matrix = value.tocsr()
    if len(matrix.shape) != 2 or matrix.shape[1] != request.width:
        raise refusal(f"{matrix.shape[-1]} columns, the model takes {request.width}")
    narrow = matrix.dtype == np.float32
    if request.form == "table":
        dense = matrix.toarray()
        return Rows(len(dense), lambda column: dense[:, column], whole=dense, narrow=narrow)
    counts = np.diff(matrix.indptr)
    row = np.repeat(np.arange(matrix.shape[0], dtype=np.int64), counts)
    return Rows(matrix.shape[0], _none, narrow=narrow, entries=(matrix.data, matrix.indices, row))


def _none(column: int) -> Any:
    raise refusal(f"column {column} of a request without columns")


def _items(value: Any) -> Rows:
    """Texts or records: a list, a series, an array of them."""
    if isinstance(value, str | bytes):
        raise refusal("one text; the model takes a list of them")
    if getattr(value, "ndim", 1) != 1:
        value = np.ravel(value) if value.shape[1:] == (1,) else None
    try:
        items = value.tolist() if hasattr(value, "tolist") else list(value)
    except TypeError as error:
        raise refusal("the model takes a list of texts") from error
    return Rows(len(items), lambda column: items)


def _array(value: Any, request: Request) -> Rows:
    if hasattr(value, "iloc"):  # a series
        value = value.to_numpy()
    if not request.arrays:
        names = _listed(request.names or [])
        raise refusal(
            "a table without names; the model selects columns by name", hint=f"pass a frame or dict of {names}"
        )
    try:
        array = value if isinstance(value, np.ndarray) else np.asarray(value)
    except ValueError as error:
        raise refusal(f"not a table: {error}") from error
    if request.one and array.ndim == 1:
        array = array.reshape(-1, 1)
    if array.ndim != 2:
        raise refusal(f"{array.ndim} dimensions, the model takes rows of {request.width} columns")
    if array.shape[1] != request.width:
        raise refusal(f"{array.shape[1]} columns, the model takes {request.width}")
    narrow = array.dtype == np.float32
    if request.form == "sparse":
        row, column = np.nonzero(array)
        return Rows(len(array), _none, narrow=narrow, entries=(array[row, column], column, row))
    return Rows(len(array), lambda column: array[:, column], whole=array, narrow=narrow)
