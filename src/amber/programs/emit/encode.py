"""Encoders of categories: one-hot, ordinal, by the target.

A value becomes its place first - 0 unknown, else one more than its position in `categories_` - and the place is looked
up in a table of what the encoder makes of it. Places of texts are looked up by the code of the value, those of
numbers are found by search.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from amber.programs.emit.bins import looked_up, positions
from amber.programs.emit.flow import Answer, Context, Labels, Methods, Scores, emits, inverts
from amber.programs.emit.graph import Tensor, Unsupported
from amber.programs.emit.values import NAN, NONE, Coded, Matrix, Raw, Refused, Sparse, Texts, Value
from amber.programs.emit.view import View

_P = "sklearn.preprocessing."
LARGEST = 2**53  # integers above are not all different as float64
GROUPED = ("infrequent_if_exist", "warn")
INFREQUENT = "infrequent_sklearn"


def missing(value: Any) -> bool:
    """Whether a category is NaN."""
    return isinstance(value, float | np.floating) and bool(value != value)


def plain(values: Any) -> list[Any]:
    """Return categories as Python scalars."""
    return [each.item() if isinstance(each, np.generic) else each for each in np.asarray(values).tolist()]


def place_of(values: Sequence[Any]) -> Callable[[Any], int]:
    """Return the function from a value to its place among categories: None and NaN are found as such."""
    known = {value: place for place, value in enumerate(values, 1) if value is not None and not missing(value)}
    none = next((place for place, value in enumerate(values, 1) if value is None), 0)
    nan = next((place for place, value in enumerate(values, 1) if missing(value)), 0)

    def place(value: Any) -> int:
        return none if value is NONE else nan if value is NAN else known.get(value, 0)

    return place


def places(X: Value, categories: Sequence[Any], c: Context, *, refuse: bool) -> list[Tensor]:
    """Return the place of each row's value in each column, int64 [N]; `refuse`: unknown ones are refused."""
    if isinstance(X, Texts | Sparse):
        raise Unsupported("an encoder of texts or of sparse rows")
    found: dict[int, Tensor] = {}
    for i, values in enumerate(categories):
        if np.asarray(values).dtype.kind in "OU" and not isinstance(X, Matrix):
            column, before = X.columns[i] if isinstance(X, Coded) else (X.columns[i], None)
            known = plain(values)
            if isinstance(X, Raw):
                c.compared.add(column)
            if any(isinstance(each, bytes) for each in known):
                raise Unsupported("categories that are bytes")
            function = _composed(place_of(known), before, refuse)
            found[i] = c.categories(column, function, [each for each in known if each is not None], "int64")
    numeric = [i for i in range(len(categories)) if i not in found]
    if numeric:
        if isinstance(X, Coded):
            raise Unsupported("an encoder of numbers after a step that gives categories")
        if isinstance(X, Raw):
            c.compared.update(X.columns[i] for i in numeric)
        part: Value = Raw(tuple(X.columns[i] for i in numeric)) if isinstance(X, Raw) else X
        found |= dict(zip(numeric, _numeric(part, [categories[i] for i in numeric], c, refuse), strict=True))
    return [found[i] for i in range(len(categories))]


def _composed(place: Callable[[Any], int], before: Callable[[Any], Any] | None, refuse: bool) -> Callable[[Any], int]:
    def function(value: Any) -> int:
        found = place(value if before is None else before(value))
        if refuse and not found:
            raise Refused
        return found

    return function


def _numeric(X: Value, categories: Sequence[Any], c: Context, refuse: bool) -> list[Tensor]:
    """Return places of numbers: the last category that is not above, where it is equal."""
    g, whole = c.graph, c.require(c.matrix(X), "no-infinity")
    x, known, nan = whole.tensor, [], []
    for values in categories:
        each = np.asarray(values)
        if each.dtype.kind not in "biuf":
            raise Unsupported(f"categories of dtype {each.dtype} of numbers")
        if each.dtype.kind in "iu" and len(each) and max(abs(int(each.min())), abs(int(each.max()))) >= LARGEST:
            raise Unsupported("categories that are integers above 2^53")
        each = each.astype(np.float64)
        if len(np.unique(each.astype(x.dtype))) < len(each):
            raise Unsupported(f"categories that are one number as {x.dtype}")
        absent = np.isnan(each)
        nan.append(len(each) if absent.any() else 0)
        known.append(each[~absent])
    below = positions(x, known, c)
    value = looked_up(below, [[np.nan, *each] for each in known], c)
    place = g.where(value.equal(x), below, 0)
    if any(nan):
        place = g.where(g.op("IsNaN", x, dtype="bool"), np.array(nan, np.int64)[None, :], place)
    if refuse:
        c.refuse(place.equal(0))
    return [g.column(place, i) for i in range(len(categories))]


def grouped(e: View, i: int, kept: int | None = None) -> tuple[Any, Any]:
    """Return the code of each place of column i after grouping of infrequent categories, and where it is known.

    `kept`: an index that is not grouped (the missing value of OrdinalEncoder).
    """
    number = len(e["categories_"][i])
    code, known = np.append(0, np.arange(number)), np.append(False, np.ones(number, bool))
    infrequent, mapping = _infrequent(e, i)
    if infrequent is None:
        return code, known
    code[0] = infrequent[0]
    known[0] = e.get("handle_unknown") in GROUPED
    moved = code != kept if kept is not None else np.ones(len(code), bool)
    code[moved] = np.asarray(mapping)[code[moved]]
    return code, known


def _infrequent(e: View, i: int) -> tuple[Any, Any]:
    if not e.get("_infrequent_enabled", False):
        return None, None
    return e["_infrequent_indices"][i], e["_default_to_infrequent_mappings"][i]


def _dropped(e: View, i: int) -> int | None:
    drop = e.get("_drop_idx_after_grouping")
    return None if drop is None or drop[i] is None else int(drop[i])


@emits(_P + "OneHotEncoder")
def one_hot(e: View, X: Value, c: Context) -> Methods:
    """One column for each category that is not dropped; an unknown value has a row of zeros, or is infrequent."""

    def transform() -> Answer:
        g, parts = c.graph, []
        for i, place in enumerate(places(X, e["categories_"], c, refuse=e["handle_unknown"] == "error")):
            code, known = grouped(e, i)
            drop = _dropped(e, i)
            if drop is not None:
                known &= code != drop
                code = code - (code > drop)
            column = g.op("Gather", g.const(np.where(known, code, -1)), place, axis=0)
            parts.append(g.expand(column).equal(np.arange(int(e["_n_features_outs"][i]))[None, :]))
        return Matrix(g.concat(parts).cast(g.precision), int(sum(e["_n_features_outs"])))

    return {"transform": transform}


@inverts(_P + "OneHotEncoder")
def one_hot_inverse(e: View, X: Matrix, c: Context) -> Value | Labels | Scores:
    """The category of the largest number of each group; a group of zeros is what was dropped, or unknown."""
    g, whole, start = c.graph, c.require(X).tensor, 0
    if not X.width:  # the original refuses a table without columns
        nothing = g.sum(whole, 1, keep=True)
        c.refuse(nothing.equal(0.0))
        return Matrix(nothing * np.zeros((1, len(e["categories_"]))), len(e["categories_"]))
    index, classes = [], []
    for i, number in enumerate(int(each) for each in e["_n_features_outs"]):
        given, drop = plain(e["categories_"][i]), _dropped(e, i)
        shown = _shown(e, i)
        kept = [each for place, each in enumerate(shown) if place != drop]
        part = g.columns(whole, np.arange(start, start + number))
        start += number
        if not number:
            index.append(g.sum(part, 1).cast("int64") * 0)
            classes.append([given[drop or 0]])
            continue
        nothing, extra = g.sum(part, 1).equal(0.0), None
        mode = e["handle_unknown"]
        if mode == "ignore" or (mode in GROUPED and _infrequent(e, i)[0] is None):
            extra = [None if drop is None else given[drop]]
        elif drop is not None:
            extra = [shown[drop]]
        else:
            c.refuse(nothing, wide=False)
        most = g.argmax(part)
        index.append(most if extra is None else g.where(nothing, number, most))
        classes.append(kept + (extra or []))
    return _back(index, classes, c)


def _shown(e: View, i: int) -> list[Any]:
    """Return the categories of a column after grouping."""
    infrequent = _infrequent(e, i)[0]
    given = plain(e["categories_"][i])
    if infrequent is None:
        return given
    gone = {int(each) for each in infrequent}
    return [each for place, each in enumerate(given) if place not in gone] + [INFREQUENT]


def _back(index: list[Tensor], classes: list[list[Any]], c: Context) -> Value | Labels:
    """Return categories: numbers as a matrix, others as labels."""
    whole = c.graph.concat([c.graph.expand(each) for each in index])
    if all(isinstance(each, int | float) for values in classes for each in values):
        return Matrix(looked_up(whole, [np.array(each, np.float64) for each in classes], c), len(index))
    return Labels(whole, tuple(_objects(each) for each in classes))


def _objects(values: list[Any]) -> Any:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


@emits(_P + "OrdinalEncoder")
def ordinal(e: View, X: Value, c: Context) -> Methods:
    """The position of the category; values of their own for missing and for unknown ones."""

    def transform() -> Answer:
        g, parts = c.graph, []
        gaps = e.get("_missing_indices") or {}
        for i, place in enumerate(places(X, e["categories_"], c, refuse=e["handle_unknown"] == "error")):
            gap = gaps.get(i)
            code, known = grouped(e, i, None if gap is None else int(gap))
            table = code.astype(np.float64)
            if gap is not None:
                table[code == gap] = e["encoded_missing_value"]
            if e["handle_unknown"] == "use_encoded_value":
                table[~known] = e["unknown_value"]
            parts.append(g.expand(g.op("Gather", g.const(table), place, dtype=g.precision, axis=0)))
        return Matrix(g.concat(parts), len(parts))

    return {"transform": transform}


@inverts(_P + "OrdinalEncoder")
def ordinal_inverse(e: View, X: Matrix, c: Context) -> Value | Labels | Scores:
    """The category at a position; what stands for unknown ones becomes None."""
    g, whole = c.graph, c.require(X, "no-infinity").tensor
    gaps, index, classes = e.get("_missing_indices") or {}, [], []
    for i, values in enumerate(e["categories_"]):
        given, label, gap = plain(values), g.column(whole, i), gaps.get(i)
        if gap is not None:
            label = g.where(_is(label, e["encoded_missing_value"], c), float(gap), label)
        infrequent = _infrequent(e, i)[0]
        table = _frequent(given, infrequent)
        number = len(table)
        place = g.where(g.op("IsNaN", label, dtype="bool"), float(-LARGEST), label).cast("int64")
        place = g.where(place < 0, place + number, place)  # as NumPy counts from the end
        outside = (place < 0) | (place >= number)
        if infrequent is not None:
            common = label.equal(float(len(given) - len(infrequent)))
            place, outside = g.where(common, len(table), place), outside & ~common
            table = [*table, INFREQUENT]
        if e["handle_unknown"] == "use_encoded_value":
            unknown = _is(label, e["unknown_value"], c)
            place, outside = g.where(unknown, len(table), place), outside & ~unknown
            table = [*table, None]
        c.refuse(outside, wide=False)
        index.append(g.where(outside, 0, place))
        classes.append(table)
    return _back(index, classes, c)


def _frequent(values: list[Any], infrequent: Any) -> list[Any]:
    gone = set() if infrequent is None else {int(each) for each in infrequent}
    return [each for place, each in enumerate(values) if place not in gone]


def _is(value: Tensor, marker: Any, c: Context) -> Tensor:
    return c.graph.op("IsNaN", value, dtype="bool") if missing(marker) else value.equal(float(marker))


@emits(_P + "TargetEncoder")
def target(e: View, X: Value, c: Context) -> Methods:
    """The mean of the target of each category, and the mean of all for an unknown one; for each class where several."""

    def transform() -> Answer:
        g, parts = c.graph, []
        several = len(e["classes_"]) if e["target_type_"] == "multiclass" else 1
        means = np.atleast_1d(np.asarray(e["target_mean_"], np.float64))
        for i, place in enumerate(places(X, e["categories_"], c, refuse=False)):
            rows = [
                np.append(means[k], np.asarray(e["encodings_"][i * several + k], np.float64)) for k in range(several)
            ]
            parts.append(g.op("Gather", g.const(np.stack(rows, axis=1)), place, dtype=g.precision, axis=0))
        return Matrix(g.concat(parts), len(parts) * several)

    return {"transform": transform}
