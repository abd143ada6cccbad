"""Rows and tables where models break, made from ordinary ones: gaps, unseen categories, extremes, other dtypes."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from amber.cases import cells, rows
from amber.cases.anatomy import Chain
from amber.cases.thresholds import threshold_rows

MAX_COLUMNS = 24  # columns that get a row of their own
BASE_ROWS = 6  # ordinary rows in groups about a whole table (dtypes, order of columns)
UNSEEN = "amber-unseen"
_EXTREMES = (0.0, 1e12, -1e12, 1e-300, 1e100, -1e100)
_BEYOND = (math.inf, -math.inf)


class Edge(NamedTuple):
    """One group to record.

    `rowwise`: rows that the model refuses are told from those it answers. `about`: the column each row is about.
    """

    kind: str
    X: Any
    rowwise: bool = False
    about: tuple[int, ...] = ()


def edge_tables(chain: Chain, X: Any) -> list[Edge]:
    """Return the edge groups for tables like `X`, most telling first; what cannot be made is left out."""
    found: list[Edge] = []
    makers = [_thresholds(chain), _single, _missing, _unseen, _empty_text, _extreme, _reordered, _dtypes, _no_rows]
    for make in makers:
        try:
            found += make(X)
        except Exception:  # noqa: S112 - an odd table that cannot be made is no evidence, and no reason to stop
            continue
    return [edge for edge in found if rows.form(edge.X)]


def _thresholds(chain: Chain) -> Any:
    def make(X: Any) -> list[Edge]:
        table = threshold_rows(chain, X)
        return [] if table is None else [Edge("threshold", table, True)]

    return make


def _single(X: Any) -> list[Edge]:
    return [Edge("single", rows.take(X, [0]))]


def _no_rows(X: Any) -> list[Edge]:
    return [Edge("no-rows", rows.take(X, []))]


def _at(kinds: list[str], *wanted: str) -> list[int]:
    columns = [position for position, kind in enumerate(kinds) if kind in wanted]
    return [columns[k] for k in rows.spread(len(columns), MAX_COLUMNS)]


def _missing(X: Any) -> list[Edge]:
    """One row for each column without its value, and one with none at all; both spellings for text."""
    if rows.form(X) == "list":
        return _missing_in_list(X)
    kinds = rows.kinds(X)
    if not kinds or rows.form(X) == "csr":
        return []
    about = _at(kinds, "number", "integer", "time", "text", "category", "other", "bool")
    lines: list[list[tuple[int, Any]]] = [[(column, _gap(X, column))] for column in about]
    texts = [c for c in _at(kinds, "text") if _is_object(X, c)]
    lines += [[(column, None)] for column in texts]
    if len(kinds) <= 1000:
        lines.append([(column, _gap(X, column)) for column in range(len(kinds))])
    return [Edge("missing", _with(X, lines), True, (*about, *texts, -1))]


def _missing_in_list(X: list[Any]) -> list[Edge]:
    if X and all(isinstance(row, dict) for row in X):
        keys = list(X[0])[:MAX_COLUMNS]
        made: list[Any] = [{k: v for k, v in X[0].items() if k != key} for key in keys]
        return [Edge("missing", [*made, {}, dict.fromkeys(keys)], True)]
    return [Edge("missing", [None], False)]


def _is_object(X: Any, column: int) -> bool:
    dtype = X.dtypes.iloc[column] if rows.form(X) == "frame" else X.dtype
    return rows.is_object(dtype)


def _gap(X: Any, column: int) -> Any:
    """The missing value that the table's own kind of column would hold."""
    if rows.form(X) == "frame":
        dtype = X.dtypes.iloc[column]
        if not isinstance(dtype, np.dtype):
            return getattr(dtype, "na_value", math.nan)
        if dtype.kind in "mM":
            return cells.pandas_module().NaT
    elif X.dtype.kind in "mM":
        return np.array("NaT", X.dtype)[()]
    return math.nan


def _with(X: Any, lines: list[list[tuple[int, Any]]]) -> Any:
    base = rows.cycled(X, len(lines))
    return rows.edited(base, [(row, column, value) for row, line in enumerate(lines) for column, value in line])


def _unseen(X: Any) -> list[Edge]:
    """A category nobody has seen; for integers, which may stand for categories, a number nobody has."""
    if rows.form(X) == "list":
        if X and all(isinstance(row, dict) for row in X):
            keys = list(X[0])[:MAX_COLUMNS]
            made = [{**X[0], key: UNSEEN} for key in keys if isinstance(X[0][key], str)]
            return [Edge("unseen", [*made, {**X[0], UNSEEN: 1.0}, {UNSEEN: UNSEEN}], True)]
        if all(isinstance(row, str) for row in X):
            return [Edge("unseen", [UNSEEN, f"{X[0]} {UNSEEN}", "日本語 ñandú straße Ⅷ"], True)]
        if all(isinstance(row, list | tuple) for row in X):
            return [Edge("unseen", [[UNSEEN], [*X[0], UNSEEN], []], True)]
        return [Edge("unseen", [UNSEEN], True)]
    if rows.form(X) == "series":
        return [Edge("unseen", type(X)([UNSEEN, f"{X.iloc[0]} {UNSEEN}"], name=X.name), True)]
    kinds = rows.kinds(X)
    lines: list[list[tuple[int, Any]]] = [[(column, UNSEEN)] for column in _at(kinds, "text")]
    if rows.form(X) == "frame" or X.dtype.kind in "iu":
        lines += [[(column, _unseen_integer(X, column))] for column in _at(kinds, "integer")]
    return [Edge("unseen", _with(X, lines), True)] if lines and rows.form(X) != "csr" else []


def _unseen_integer(X: Any, column: int) -> int:
    dtype = X.dtypes.iloc[column] if rows.form(X) == "frame" else X.dtype
    return 101 if getattr(dtype, "itemsize", 1) == 1 else 31_101


def _empty_text(X: Any) -> list[Edge]:
    if rows.form(X) == "list" and X and all(isinstance(row, str) for row in X):
        return [Edge("empty", ["", " ", "\n\t", "a", "word " * 200], True)]
    kinds = rows.kinds(X)
    lines: list[list[tuple[int, Any]]] = [[(column, "")] for column in _at(kinds, "text")]
    lines += [[(column, " ")] for column in _at(kinds, "text")[:4]]
    if rows.form(X) == "csr":
        import scipy.sparse

        return [Edge("empty", type(X)(scipy.sparse.csr_matrix((2, X.shape[1]), dtype=X.dtype)))]
    return [Edge("empty", _with(X, lines), True)] if lines and kinds else []


def _extreme(X: Any) -> list[Edge]:
    """All numeric columns huge, tiny, zero or negative at once; infinite ones apart, since most models refuse them."""
    kinds = rows.kinds(X)
    floats, integers = _at(kinds, "number"), _at(kinds, "integer")
    if rows.form(X) == "csr" or not (floats or integers):
        return []
    limits = {c: _integer_limits(X, c) for c in integers}
    lines: list[list[tuple[int, Any]]] = []
    for value in _EXTREMES:
        line: list[tuple[int, Any]] = [(column, value) for column in floats]
        lines.append(line + [(c, int(min(max(value, limits[c][0]), limits[c][1]))) for c in integers])
    if floats and integers:
        lines.append([(column, -1.0) for column in floats])
    found = [Edge("extreme", _with(X, lines), True)]
    if floats:
        found.append(Edge("infinite", _with(X, [[(column, value) for column in floats] for value in _BEYOND]), True))
    return found


def _integer_limits(X: Any, column: int) -> tuple[int, int]:
    dtype = X.dtypes.iloc[column] if rows.form(X) == "frame" else X.dtype
    if isinstance(dtype, np.dtype) and dtype.kind in "iu":
        info = np.iinfo(dtype)
        return int(info.min), int(info.max)
    return 0, 127


def _reordered(X: Any) -> list[Edge]:
    """Columns in another order, one missing, one too many."""
    if not rows.width(X) or rows.form(X) == "csr":
        return []
    base = rows.cycled(X, min(BASE_ROWS, rows.count(X)))
    if rows.form(X) == "array":
        wide = np.concatenate([base, base[:, :1]], axis=1)
        return [Edge("column-missing", base[:, :-1].copy()), Edge("column-extra", wide)]
    found = [Edge("column-missing", base.iloc[:, :-1]), Edge("column-extra", base.assign(amber_extra=1.0))]
    if rows.width(X) > 1:
        found.insert(0, Edge("column-order", base.iloc[:, ::-1]))
    return found


def _dtypes(X: Any) -> list[Edge]:
    """The same rows in float32, integers, objects, and in the other common containers."""
    kind = rows.form(X)
    base = rows.cycled(X, min(BASE_ROWS, rows.count(X)))
    if kind == "frame":
        return _frame_dtypes(base)
    if kind == "series":
        return [Edge("container", base.tolist())]
    if kind == "csr":
        found = [Edge("dtype", base.astype(np.float32)), Edge("container", base.tocsc())]
        return [*found, Edge("container", base.toarray())] if base.shape[1] <= 2000 else found
    if kind == "array" and X.dtype.kind in "fiub":
        whole = np.nan_to_num(base.astype(np.float64), posinf=0, neginf=0)
        others = [
            base.astype(np.float32),
            np.rint(np.clip(whole, -(2**31), 2**31)).astype(np.int64),
            base.astype(object),
        ]
        return [Edge("dtype", other) for other in others if other.dtype != X.dtype] + [Edge("container", base.tolist())]
    if kind == "array" and X.dtype.kind in "OU":
        return [Edge("container", base.tolist())]
    if kind == "list" and all(isinstance(row, str) for row in X):
        array = np.empty(len(base), dtype=object)
        array[:] = base
        return [Edge("container", array)]
    return []


def _frame_dtypes(base: Any) -> list[Edge]:
    found = []
    floats = {label: np.float32 for label in base.columns if base[label].ndim == 1 and base[label].dtype == np.float64}
    if floats:
        found.append(Edge("dtype", base.astype(floats)))
    found.append(Edge("dtype", base.astype(object)))
    if all(isinstance(dtype, np.dtype) and dtype.kind in "fiub" for dtype in base.dtypes):
        found.append(Edge("container", base.to_numpy()))
    return found
