"""Pipelines, column transformers, unions: they emit nothing themselves but who comes after whom."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from amber.programs.emit.bins import looked_up
from amber.programs.emit.flow import Answer, Context, Labels, Methods, Scores, Terms, emits, inverts, passes
from amber.programs.emit.graph import Unsupported
from amber.programs.emit.values import Coded, Matrix, Raw, Sparse, Texts, Value
from amber.programs.emit.view import View


@emits("sklearn.pipeline.Pipeline")
def pipeline(e: View, X: Value, c: Context) -> Methods:
    """Every step but the last transforms; the last answers."""
    steps = [step[1] for step in e["steps"]]
    for step in steps[:-1]:
        X = c.transform(step, X)
    last = steps[-1]
    return {"transform": lambda: X} if passes(last, "func") else c.methods(last, X)


@inverts("sklearn.pipeline.Pipeline")
def pipeline_inverse(e: View, X: Matrix, c: Context) -> Value | Labels | Scores | Terms:
    """Undo the steps from the last to the first."""
    value: Value | Labels | Scores | Terms = X
    for step in reversed(e["steps"]):
        if passes(step[1], "inverse_func"):
            continue
        value = c.inverse(step[1], _numbers(value, c))
    return value


def _numbers(value: Value | Labels | Scores | Terms, c: Context) -> Matrix:
    """Return a matrix of what a step gave back; None among numbers is NaN to the step before it."""
    if isinstance(value, Labels):
        classes = [list(each) for each in value.classes]
        if all(each is None or isinstance(each, int | float) for column in classes for each in column):
            tables = [[np.nan if each is None else float(each) for each in column] for column in classes]
            return Matrix(looked_up(value.index, tables, c), len(tables))
    if isinstance(value, Labels | Scores | Terms):
        raise Unsupported("a step that undoes labels")
    return c.matrix(value)


@emits("sklearn.pipeline.FeatureUnion")
def union(e: View, X: Value, c: Context) -> Methods:
    """All transformers see the same table; what they give stands side by side."""
    weights = e.get("transformer_weights") or {}

    def transform() -> Answer:
        parts = [
            weighted(c.transform(step, X), weights.get(name), c)
            for name, step in (pair[:2] for pair in e["transformer_list"])
            if step != "drop"
        ]
        return stacked(parts, c)

    return {"transform": transform}


@emits("sklearn.compose.ColumnTransformer")
def column_transformer(e: View, X: Value, c: Context) -> Methods:
    """Each transformer sees its own columns; `_transformer_to_input_indices` says which, by position."""
    weights = e.get("transformer_weights") or {}

    def transform() -> Answer:
        parts = []
        for name, step, columns in (entry[:3] for entry in e["transformers_"]):
            indices = list(e["_transformer_to_input_indices"][name])
            if step == "drop" or not indices:
                continue
            chosen = selected(X, indices, c)
            if isinstance(columns, str | int) and not isinstance(columns, bool) and isinstance(chosen, Raw):
                chosen = Texts(chosen.columns[0])  # one label, not a list: the step sees a series
            parts.append(weighted(c.transform(step, chosen), weights.get(name), c))
        return stacked(parts, c)

    return {"transform": transform}


def selected(X: Value, indices: list[int], c: Context) -> Value:
    """Return some columns of a value.

    Raises:
        Unsupported: It has no columns.
    """
    if isinstance(X, Raw):
        return Raw(tuple(X.columns[i] for i in indices))
    if isinstance(X, Coded):
        return Coded(tuple(X.columns[i] for i in indices))
    if isinstance(X, Texts):
        raise Unsupported("columns of a request that is texts")
    whole = c.matrix(X)
    source = None if whole.source is None else tuple(whole.source[i] for i in indices)
    return Matrix(c.graph.columns(whole.tensor, indices), len(indices), source)


def weighted(value: Value, weight: Any, c: Context) -> Value:
    """Return a transformed value times its transformer's weight."""
    if weight is None:
        return value
    if isinstance(value, Sparse):
        return Sparse(value.data * float(weight), value.column, value.row, value.rows, value.width)
    whole = c.matrix(value)
    return Matrix(whole.tensor * float(weight), whole.width)


def stacked(parts: list[Value], c: Context) -> Value:
    """Return tables side by side. Sparse ones stay sparse where all are; raw columns stay raw where all are."""
    if not parts:
        raise Unsupported("a transformer without columns")
    if len(parts) == 1:
        return parts[0]
    if all(isinstance(part, Raw) for part in parts):
        return Raw(tuple(column for part in parts if isinstance(part, Raw) for column in part.columns))
    if all(isinstance(part, Raw | Coded) for part in parts):
        return Coded(tuple(column for part in parts for column in _coded(part)))
    if any(isinstance(part, Sparse) for part in parts):
        return _joined([part if isinstance(part, Sparse) else _entries(c.matrix(part), part, c) for part in parts], c)
    whole = [c.matrix(part) for part in parts]
    return Matrix(c.graph.concat([part.tensor for part in whole]), sum(part.width for part in whole))


def _coded(part: Value) -> tuple[tuple[int, Callable[[Any], Any]], ...]:
    if isinstance(part, Coded):
        return part.columns
    return tuple((column, _same) for column in part.columns) if isinstance(part, Raw) else ()


def _same(value: Any) -> Any:
    return value


def _entries(whole: Matrix, part: Value, c: Context) -> Sparse:
    """Return the entries of a dense matrix, all of them, in row order."""
    g = c.graph
    rows = g.op("Shape", whole.tensor, dtype="int64", start=0, end=1)
    width = g.const([whole.width])
    every = g.op("Range", g.const(0), g.squeeze(rows * width, 0), g.const(1))
    row = g.op("Div", every, width)
    data = g.op("Reshape", whole.tensor, g.const([-1]))
    return Sparse(data, every - row * width, row, rows, whole.width)


def _joined(parts: list[Sparse], c: Context) -> Sparse:
    """Return sparse tables side by side; entries of one table stay before those of the next."""
    g, offset, columns = c.graph, 0, []
    for part in parts:
        columns.append(part.column + offset if offset else part.column)
        offset += part.width
    data, column, row = (
        g.concat(tensors, axis=0) for tensors in ([part.data for part in parts], columns, [part.row for part in parts])
    )
    return Sparse(data, column, row, parts[0].rows, offset)
