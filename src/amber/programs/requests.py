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

    `whole`: all columns as one array, where they came so. `narrow`: all columns are float32. `single`: all that
    hold numbers are. `integers`: the dtype of rows that hold integers alone. `index`: of a
    frame. `half`: some numbers are float16. `sparse`: it came as a sparse matrix.
    """

    count: int
    pick: Pick
    whole: Any = None
    narrow: bool = False
    integers: Any = None
    single: bool = False
    index: Any = None
    half: bool = False
    sparse: bool = False
    entries: tuple[Any, Any, Any] | None = None  # data, column, row of a sparse request


NO_TABLE = "no rows: the model refuses an empty table"


class RowsError(SourceError):
    """Rows that are refused. `expected`: what would have been right, in words; empty where that is the whole model."""

    expected = ""


def refusal(message: str, hint: str = "", expected: str = "") -> RowsError:
    """Return the error for rows that the original refuses."""
    error = RowsError("input-refused", message, where="input", hint=hint)
    error.expected = expected
    return error


def label(request: Request, column: int) -> str:
    """Return a column's name for a message."""
    return f"column {shown(request.names[column])!r}" if request.names else f"column {column}"


def rows_of(value: Any, request: Request, needed: frozenset[int]) -> Rows:
    """Return the rows of a request.

    Args:
        value: What the caller passed; `Rows` are what they are.
        request: What the original takes.
        needed: Positions of the columns that some step uses.

    Raises:
        SourceError: `input-refused`, with what was expected and what came.
    """
    if type(value) is Rows:
        found = value
    elif hasattr(value, "tocsr") and hasattr(value, "shape"):  # one of its formats is a dict too
        found = _sparse(value, request)
    elif hasattr(value, "iloc") and hasattr(value, "columns"):
        found = _frame(value, request, needed)
    elif isinstance(value, Mapping) and request.form != "sparse":
        found = _mapping(value, request, needed)
    elif request.form in ("texts", "records"):
        found = _items(value)
    else:
        found = _array(value, request, needed)
    if not found.count and not request.empty:
        raise refusal(NO_TABLE)
    return found


def _mapping(value: Mapping[Any, Any], request: Request, needed: frozenset[int]) -> Rows:
    """Columns by name: lists, arrays, or one plain value each, which is one row."""
    if request.form == "records":
        return _items([value])
    names = request.names if request.names is not None else list(range(request.width))
    if request.form == "texts":
        raise refusal("a dict of columns; the model takes a list of texts")
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
    if not request.frames or request.form in ("texts", "records"):
        raise refusal(f"a table with named columns; the model takes {_TAKES[request.form]}")
    own = list(value.columns)
    places = list(range(request.width))
    if request.names is not None and request.order != "position":
        places = _places(own, request, needed)
    elif len(own) != request.width:
        raise refusal(f"{len(own)} columns, the model takes {request.width}")
    dtypes = list(value.dtypes)
    if dtypes and all(hasattr(dtype, "fill_value") and hasattr(dtype, "subtype") for dtype in dtypes):
        return _sparse(value.sparse.to_coo(), request)
    if request.form == "sparse":
        return _entries(value.to_numpy(), value.index)
    narrow = [str(dtypes[place]) == "float32" for place in places if place >= 0]
    plain = places == list(range(len(own))) and all(getattr(dtype, "kind", "O") in "fiub" for dtype in dtypes)
    plain = plain and all(isinstance(dtype, np.dtype) for dtype in dtypes)
    return Rows(
        len(value),
        lambda column: value.iloc[:, places[column]],
        whole=value.to_numpy() if plain and len(own) else None,
        narrow=bool(narrow) and all(narrow),
        integers=_integers(dtypes[0]) if len(set(dtypes)) == 1 else None,
        single={str(each) for each in dtypes if getattr(each, "kind", "O") in "fiub"} == {"float32"},
        index=value.index,
        half=any(dtypes[place] == np.float16 for place in places if place >= 0),
    )


def _places(own: list[Any], request: Request, needed: frozenset[int]) -> list[int]:
    """Where each of the model's columns stands in the frame; -1 for one it lacks and no step uses."""
    names = request.names or []
    where = {name: place for place, name in reversed(list(enumerate(own)))}
    if len(where) < len(own):
        twice = next(name for place, name in enumerate(own) if where[name] != place)
        raise refusal(f"two columns {shown(twice)!r}")
    places = [where.get(name, -1) for name in names]
    for column, place in enumerate(places):
        if place < 0 and (column in needed or not request.partial):
            raise refusal(f"{label(request, column)} is missing", hint=f"the model takes {_listed(names)}")
    if {True, False} == {isinstance(name, str) for name in own}:
        raise refusal("some columns are named by texts, others not", hint="name all of them by texts")
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
    if request.form != "sparse":  # what the original makes of it is not recorded: many refuse it
        hint = "ask with rows.toarray(), or save the model with a sparse sample" if request.form == "table" else ""
        raise refusal(f"a sparse matrix; the model takes {_TAKES[request.form]}", hint)
    if len(value.shape) != 2 or value.shape[1] != request.width:
        raise refusal(f"{value.shape[-1]} columns, the model takes {request.width}")
    matrix = value.tocsr()
    counts = np.diff(matrix.indptr)
    row = np.repeat(np.arange(matrix.shape[0], dtype=np.int64), counts)
    return Rows(
        matrix.shape[0], _none, narrow=matrix.dtype == np.float32, half=matrix.dtype == np.float16, sparse=True,
        entries=(matrix.data, matrix.indices, row),
    )  # fmt: skip


def _entries(array: Any, index: Any = None) -> Rows:
    """A table without sparse storage, where the original was shown sparse ones: what is not zero."""
    narrow, half = array.dtype == np.float32, array.dtype == np.float16
    table = floats(array, "the table")
    row, column = np.nonzero(table)
    return Rows(len(table), _none, narrow=narrow, half=half, index=index, entries=(table[row, column], column, row))


_TAKES = {"table": "arrays", "texts": "a list of texts", "records": "a list of dicts", "sparse": "sparse matrices"}


def _none(column: int) -> Any:
    raise refusal(f"column {column} of a request without columns")


def _items(value: Any) -> Rows:
    """Texts or records: a list, a series, an array of them."""
    if isinstance(value, str | bytes):
        raise refusal("one text; the model takes a list of them")
    if getattr(value, "ndim", 1) != 1:
        raise refusal(f"{value.ndim} dimensions; the model takes a list")
    try:
        items = value.tolist() if hasattr(value, "tolist") else list(value)
    except TypeError as error:
        raise refusal("the model takes a list of texts or dicts") from error
    return Rows(len(items), lambda column: items)


def _array(value: Any, request: Request, needed: frozenset[int]) -> Rows:
    if hasattr(value, "iloc"):  # a series
        value = value.to_numpy()
    if not request.arrays:
        names = _listed(request.names or [])
        raise refusal(
            "a table without names; the model selects columns by name", hint=f"pass a frame or dict of {names}"
        )
    if isinstance(value, list | tuple) and not request.lists:
        raise refusal("a list of rows; the model takes arrays", hint="pass np.asarray(rows)")
    if isinstance(value, np.matrix):
        raise refusal("np.matrix is refused", hint="pass np.asarray(rows)")
    try:
        array: Any = value if isinstance(value, np.ndarray) else np.asarray(value)
    except Exception as error:  # whatever an object's own conversion raises
        raise refusal(f"not a table: {error}") from error
    if request.one and array.ndim == 1:
        array = array.reshape(-1, 1)
    if array.ndim != 2:
        raise refusal(f"{array.ndim} dimensions, the model takes rows of {request.width} columns")
    if request.partial and request.names is None and array.shape[1] < request.width and array.dtype.kind in "fiub":
        lacking = np.full((len(array), request.width - array.shape[1]), np.nan, np.float32)  # at the end
        array = np.concatenate([array, lacking], axis=1)
    if array.shape[1] > request.width and request.extra:
        array = array[:, : request.width]
    fewer = request.partial and max(needed, default=-1) < array.shape[1] < request.width
    if array.shape[1] != request.width and not fewer:
        raise refusal(f"{array.shape[1]} columns, the model takes {request.width}")
    if request.form == "sparse":
        return _entries(array)
    cells = array
    if array.dtype.kind in "US" and not isinstance(value, np.ndarray):  # a list: texts and numbers side by side
        cells = np.empty(array.shape, object)
        cells[:] = [list(row) for row in value] if cells.shape[1] > 1 or not request.one else [[row] for row in value]
    return Rows(
        len(array), lambda column: cells[:, column], whole=array, narrow=array.dtype == np.float32,
        integers=_integers(array.dtype), half=array.dtype == np.float16,
    )  # fmt: skip


def floats(values: Any, where: str, *, objects: bool = True, texts: bool = True) -> Any:
    """Return values as float64, as the original casts them: numbers, booleans, numbers in objects; no texts.

    `objects`, `texts`: whether a frame's column or an array of objects, and texts among objects are taken.
    """
    listed = False
    if not isinstance(values, np.ndarray):
        if hasattr(values, "to_numpy"):
            dtype = values.dtype
            plain = isinstance(dtype, np.dtype)
            if not plain and getattr(dtype, "kind", "O") not in "fiub":
                values = values.to_numpy(dtype=object)
            else:
                values = values.to_numpy() if plain else values.to_numpy(dtype=np.float64, na_value=np.nan)
        else:  # of a dict: it has no dtype that the original could refuse
            listed = True
            values = np.asarray(values, dtype=object if any(map(_odd, values)) else None)
    if values.dtype == np.float64:
        return values
    if values.dtype.kind not in "fiubO":
        raise refusal(f"{where}: {values.dtype} where the model takes numbers", expected="a number")
    if values.dtype == object and not objects and not listed:
        raise refusal(f"{where}: objects where the model takes numbers", expected="a number")
    if values.dtype == object and not texts and any(isinstance(each, str | bytes) for each in values.flat):
        raise refusal(f"{where}: a text among numbers", expected="a number")
    try:
        with np.errstate(over="ignore"):
            return values.astype(np.float64)
    except Exception as error:  # whatever an object's own __float__ raises
        raise refusal(f"{where}{_place(values)}: a value that is no number", expected="a number") from error


def _place(values: Any) -> str:
    """Where the first value stands that is no number."""
    for place, value in enumerate(values.flat):
        try:
            float(value)
        except Exception:
            row, column = divmod(place, values.shape[1] if values.ndim > 1 else 1)
            return f", row {row}" + (f", column {column}" if values.ndim > 1 else "")
    return ""


def _odd(value: Any) -> bool:
    return value is None or isinstance(value, str)


def _integers(dtype: Any) -> Any:
    return dtype if isinstance(dtype, np.dtype) and dtype.kind in "iu" else None
