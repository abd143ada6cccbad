"""Imputers and the indicator of missing values: of numbers in the graph, of texts as functions of a value."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from amber.programs.emit.encode import missing, plain
from amber.programs.emit.flow import Answer, Context, Labels, Methods, Scores, emits, inverts
from amber.programs.emit.graph import Tensor, Unsupported
from amber.programs.emit.values import NA, NAN, NONE, Coded, Matrix, Raw, Refused, Sparse, Texts, Value
from amber.programs.emit.view import View

_P = "sklearn.impute."


@emits(_P + "SimpleImputer")
def simple(e: View, X: Value, c: Context) -> Methods:
    """Missing values become the statistic of their column; a column without one is dropped."""

    def transform() -> Answer:
        if np.dtype(e["_fit_dtype"]).kind == "O" and isinstance(X, Raw | Coded):
            return _texts(e, X, c)
        return _numbers(e, X, c)

    return {"transform": transform}


def _kept(e: View) -> list[int]:
    """Return the columns that stay: those with a statistic."""
    given = plain(e["statistics_"])
    return [i for i, value in enumerate(given) if e.get("keep_empty_features", False) or not missing(value)]


def _numbers(e: View, X: Value, c: Context) -> Matrix:
    g, marker = c.graph, e["missing_values"]
    if isinstance(X, Sparse):
        raise Unsupported("SimpleImputer of sparse rows")
    whole = c.require(c.matrix(X), "no-infinity" if missing(marker) or is_na(marker) else "finite")
    gone, kept = is_missing(whole.tensor, marker, c), _kept(e)
    given = plain(e["statistics_"])
    statistics = np.array([float(given[i]) for i in kept], np.float64)
    every = kept == list(range(whole.width))
    values, mask = (tensor if every else g.columns(tensor, kept) for tensor in (whole.tensor, gone))
    filled = g.where(mask, statistics[None, :], values)
    single = c.keeps_single(X)
    found = with_indicator(e, Matrix(c.single(filled) if single else filled, len(kept)), gone, c)
    return Matrix(c.single(found.tensor), found.width) if single else found


def is_missing(value: Tensor, marker: Any, c: Context) -> Tensor:
    """Return where numbers are the marker of missing values.

    Raises:
        Unsupported: No number can be it.
    """
    if missing(marker) or is_na(marker):
        return c.graph.op("IsNaN", value, dtype="bool")
    if isinstance(marker, int | float | np.number):
        return value.equal(float(marker))
    raise Unsupported(f"missing values {marker!r} of numbers")


def with_indicator(e: View, value: Matrix, gone: Tensor, c: Context) -> Matrix:
    """Return imputed columns, and beside them the indicator of missing values where the imputer adds one."""
    if not e["add_indicator"]:
        return value
    beside = indicated(e["indicator_"], gone, c)
    return Matrix(c.graph.concat([value.tensor, beside.tensor]), value.width + beside.width)


def indicated(e: View, gone: Tensor, c: Context) -> Matrix:
    """Return the columns of an indicator; a value missing where none was in training may be refused."""
    g, columns = c.graph, [int(each) for each in e["features_"]]
    total = int(e["_n_features"])
    if e["features"] == "missing-only" and e["error_on_new"]:
        rest = [i for i in range(total) if i not in columns]
        if rest:
            c.refuse(g.columns(gone, rest))
    return Matrix(g.columns(gone, columns).cast(g.precision), len(columns))


@inverts(_P + "SimpleImputer")
def simple_inverse(e: View, X: Matrix, c: Context) -> Value | Labels | Scores:
    """Values that the indicator says were missing are so again; without an indicator every row is refused."""
    g, marker = c.graph, e["missing_values"]
    if not e["add_indicator"]:
        never = g.op("IsNaN", X.tensor, dtype="bool")
        c.refuse(never | ~never)
        return X
    width, columns = len(e["statistics_"]), [int(each) for each in e["indicator_"]["features_"]]
    if not columns and len(_kept(e)) == width:
        return X
    if len(_kept(e)) != width or not (missing(marker) or isinstance(marker, int | float)):
        raise Unsupported("inverse_transform of an imputer that drops columns or marks missing values otherwise")
    imputed = g.columns(X.tensor, np.arange(width))
    flags = ~g.columns(X.tensor, np.arange(width, X.width)).equal(0.0)
    # a column that is missing in every row of the request shifts the others in the original, which then fails
    every = g.op("ReduceMin", flags.cast("int64"), g.const([0]), keepdims=1) > 0
    c.refuse(flags & every)
    beside = [columns.index(i) if i in columns else len(columns) for i in range(width)]
    none = flags & ~flags
    gone = g.columns(g.concat([flags, g.columns(none, [0])]), beside)
    return Matrix(g.where(gone, float(marker), imputed), width)


@emits(_P + "MissingIndicator")
def indicator(e: View, X: Value, c: Context) -> Methods:
    """One column for each column with missing values (or for all): whether the value is missing."""

    def transform() -> Answer:
        marker = e["missing_values"]
        if isinstance(X, Sparse | Texts):
            raise Unsupported("MissingIndicator of sparse rows or texts")
        if isinstance(X, Coded):
            return _text_indicator(e, X, c)
        whole = c.require(c.matrix(X), "no-infinity" if missing(marker) else "finite")
        return indicated(e, is_missing(whole.tensor, marker, c), c)

    return {"transform": transform}


# -- texts ---------------------------------------------------------------------------------------------------------


def _texts(e: View, X: Raw | Coded, c: Context) -> Coded:
    """Return columns whose missing values are replaced as they come; the graph sees codes only."""
    marker, given = e["missing_values"], plain(e["statistics_"])
    before = _checked_columns(X, marker, c)
    found: list[tuple[int, Callable[[Any], Any]]] = []
    for i in _kept(e):
        column, function = before[i]
        statistic = NONE if given[i] is None else NAN if missing(given[i]) else given[i]
        found.append((column, functools.partial(_filled, function, _is_gone(marker), statistic)))
    if e["add_indicator"]:
        found += _indicators(e["indicator_"], before, _is_gone(marker))
    return Coded(tuple(found))


def _text_indicator(e: View, X: Coded, c: Context) -> Coded:
    marker = e["missing_values"]
    return Coded(tuple(_indicators(e, _checked_columns(X, marker, c), _is_gone(marker))))


def _indicators(
    e: View, before: list[tuple[int, Callable[[Any], Any]]], gone: Callable[[Any], bool]
) -> list[tuple[int, Callable[[Any], Any]]]:
    if e["features"] == "missing-only" and e["error_on_new"] and len(e["features_"]) < len(before):
        raise Unsupported("an indicator of texts that refuses new missing values")
    return [
        (before[i][0], functools.partial(_flagged, before[i][1], gone)) for i in (int(each) for each in e["features_"])
    ]


def _source(X: Raw | Coded, i: int) -> tuple[int, Callable[[Any], Any]]:
    return X.columns[i] if isinstance(X, Coded) else (X.columns[i], _same)


def _same(value: Any) -> Any:
    return value


def _is_gone(marker: Any) -> Callable[[Any], bool]:
    if missing(marker):
        return lambda value: value is NAN or missing(value)
    if marker is None:
        return lambda value: value is NONE
    if is_na(marker):
        return lambda value: value in (NA, NAN, NONE) or missing(value)
    if isinstance(marker, str | int | float):
        return lambda value: bool(value == marker)
    raise Unsupported(f"missing values {marker!r}")


def _checked_columns(X: Raw | Coded, marker: Any, c: Context) -> list[tuple[int, Callable[[Any], Any]]]:
    """Return each source column with its function; values that the check of the table refuses are refused."""
    before = [_source(X, i) for i in range(len(X.columns))]
    for column, function in before:
        checked = functools.partial(_checked, function, not (missing(marker) or is_na(marker)), is_na(marker))
        c.categories(column, checked, [marker] if isinstance(marker, str) else [], "int64")
    return before


def is_na(marker: Any) -> bool:
    """Whether the marker of missing values is pandas.NA: then None and NaN are missing too."""
    return isinstance(marker, View) and marker.type == "pandas.NA"


def _checked(function: Callable[[Any], Any], refuses: bool, known: bool, value: Any) -> int:
    """Refuse what the check of a table of objects refuses: NaN and pandas.NA where they are not what is imputed."""
    found = function(value)
    if (found is NA and not known) or (refuses and (found is NAN or missing(found))):
        raise Refused
    return 0


def _filled(function: Callable[[Any], Any], gone: Callable[[Any], bool], statistic: Any, value: Any) -> Any:
    found = function(value)
    return statistic if gone(found) else found


def _flagged(function: Callable[[Any], Any], gone: Callable[[Any], bool], value: Any) -> bool:
    return gone(function(value))
