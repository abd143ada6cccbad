"""FunctionTransformer: a function of NumPy's by its name, or one of the caller's own that is traced once."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from amber.errors import AmberError
from amber.programs.emit import elementary
from amber.programs.emit.flow import Answer, Context, Methods, emits, inverts, scores
from amber.programs.emit.graph import Graph, Tensor, Unsupported
from amber.programs.emit.values import Matrix, Sparse, Value
from amber.programs.emit.view import Reference, View
from amber.programs.trace import Step, Trace, trace
from amber.programs.trace.array import SCIPY

_NAME = "sklearn.preprocessing.FunctionTransformer"
Make = Callable[..., Tensor]


@emits(_NAME)
def function_transformer(e: View, X: Value, c: Context) -> Methods:
    """Apply the function; without one the table stays as it is, whatever it holds."""

    def transform() -> Answer:
        if e.get("func") is None and not e.get("validate", False):
            return X
        if isinstance(X, Sparse) and getattr(e.get("func"), "allowed", False):
            raise Unsupported("a function of the caller's own on a sparse table")  # whose operators are others
        whole = c.matrix(X)
        if e.get("validate", False):
            whole = c.require(whole)
        return _applied(e, "func", "kw_args", whole, c)

    return {"transform": transform}


@inverts(_NAME)
def inverse(e: View, X: Matrix, c: Context) -> Value:
    """Apply the inverse function; its own absence means that nothing is undone."""
    if e.get("validate", False):
        X = c.require(X)
    answer = _applied(e, "inverse_func", "inv_kw_args", X, c)
    if not isinstance(answer, Matrix):
        raise Unsupported("an inverse function that answers one number for each row")
    return answer


def _applied(e: View, name: str, settings: str, whole: Matrix, c: Context) -> Answer:
    reference = e.get(name)
    if reference is None:
        return whole
    if not isinstance(reference, Reference):
        raise Unsupported(f"{name} of a FunctionTransformer is no function with a name")
    options = e.get(settings) or {}
    found = traced(reference, options, whole.width, c, frame="feature_names_in_" in e)
    answer = emitted(found, whole.tensor, c.graph)
    return Matrix(answer.cast(c.graph.precision), found.out) if found.out else scores(answer)


def traced(reference: Reference, settings: Mapping[str, Any], width: int, c: Context, *, frame: bool = False) -> Trace:
    """Return what a function does to a table of `width` columns.

    Raises:
        Unsupported: It may not be called, or does what no trace can hold.
    """
    name = str(reference)
    if reference.allowed:
        if c.functions is None:
            raise Unsupported(f"{name} is the caller's own function: allow it by name to have it traced")
        function = c.functions(name)
    else:
        function = _of_numpy(name)
    try:
        return trace(function, width, {key: _plain(value) for key, value in settings.items()}, frame=frame)
    except AmberError as error:
        raise Unsupported(f"{name}: {error.message}") from error


def _of_numpy(name: str) -> Callable[..., Any]:
    """Return a function of the vocabulary, whose name the audit has passed."""
    library, _, attribute = name.rpartition(".")
    if library == "scipy.special" and attribute in SCIPY:
        return SCIPY[attribute]
    if library != "numpy" or not callable(getattr(np, attribute, None)):
        raise Unsupported(f"the function {name} has no form as a graph")
    if attribute in ("array", "asarray", "ascontiguousarray", "asfortranarray"):
        return lambda table: table
    function: Callable[..., Any] = getattr(np, attribute)
    return function


def _plain(value: Any) -> Any:
    if isinstance(value, View | Reference):
        raise Unsupported(f"a setting that is {value!r}")
    return value


# -- a trace as nodes --------------------------------------------------------------------------------------------------


def emitted(found: Trace, table: Tensor, g: Graph) -> Tensor:
    """Return the answer of a trace: [N, k], or [N] where it is a vector; truth values stay truth values."""
    tensors: list[Tensor] = []
    widths: list[int] = []
    for step in found.steps:
        given = [tensors[one] for one in step.of]
        inner = [widths[one] for one in step.of]
        if step.op == "input":
            tensor, width = table, found.width
        elif step.op == "constant":
            tensor, width = _constant(step, g), step.shape[-1] if step.shape else 1
        elif step.op in ("sum", "max", "min", "any", "all"):
            tensor, width = _reduced(step.op, given[0], inner[0], g), 1
        elif step.op in ("column", "columns", "expand", "concatenate"):
            tensor, width = _arranged(step, given, g), len(step.columns) or sum(inner)
        else:
            tensor, width = _elementwise(step.op, given, g), max(inner)
        tensors.append(tensor)
        widths.append(width)
    last = tensors[-1]
    return last.cast("int64") if found.kind == "int" else last


def _constant(step: Step, g: Graph) -> Tensor:
    values = np.array([float(each) for each in step.values], np.float64).reshape(step.shape)
    return g.const(values.astype(bool)) if step.kind == "bool" else g.const(values)


def _arranged(step: Step, given: list[Tensor], g: Graph) -> Tensor:
    if step.op == "column":
        return g.column(given[0], step.columns[0])
    if step.op == "columns":
        return g.columns(given[0], step.columns)
    return g.expand(given[0]) if step.op == "expand" else g.concat(given)


def _elementwise(name: str, given: list[Tensor], g: Graph) -> Tensor:
    if name == "where":
        return _where(given, g)
    if name.startswith("logical"):
        return _LOGICAL[name](g, *(_truth(each) for each in given))
    numbers = [_number(each, g) for each in given]
    if name in _DIRECT:
        kind, dtype = _DIRECT[name]
        return g.op(kind, *numbers, dtype=dtype or g.precision)
    made: Make = _MADE.get(name) or elementary.ONE.get(name) or elementary.TWO[name]
    return made(g, *numbers)


def _number(value: Tensor, g: Graph) -> Tensor:
    return value.cast(g.precision)


def _truth(value: Tensor) -> Tensor:
    return value if value.dtype == "bool" else ~value.equal(0.0)


def _where(given: list[Tensor], g: Graph) -> Tensor:
    condition, yes, no = given
    if yes.dtype == no.dtype == "bool":
        return (condition & yes) | (~condition & no)
    return g.where(condition, _number(yes, g), _number(no, g))


def _reduced(name: str, table: Tensor, width: int, g: Graph) -> Tensor:
    if name == "sum":
        return _sum(g, _number(table, g), 0, width)
    if name in ("any", "all"):
        kind = "ReduceMax" if name == "any" else "ReduceMin"
        return g.op(kind, _truth(table).cast("int64"), g.const([1]), keepdims=0) > 0
    numbers = _number(table, g)
    found = g.op("ReduceMax" if name == "max" else "ReduceMin", numbers, g.const([1]), keepdims=0)
    missing = g.max(g.op("IsNaN", numbers, dtype="bool").cast("int64"), 1) > 0
    return g.where(missing, float("nan"), found)


def _sum(g: Graph, table: Tensor, start: int, size: int) -> Tensor:
    """Sum columns as NumPy adds them: one after the other, from eight on in eight places, beyond 128 in halves."""
    if size > 128:
        half = size // 2 - size // 2 % 8
        return _sum(g, table, start, half) + _sum(g, table, start + half, size - half)
    if size < 8:
        return functools.reduce(lambda left, right: left + right, (g.column(table, start + i) for i in range(size)))
    blocks = [g.columns(table, range(start + i, start + i + 8)) for i in range(0, size - size % 8, 8)]
    places = functools.reduce(lambda left, right: left + right, blocks)
    one = [g.column(places, i) for i in range(8)]
    total = ((one[0] + one[1]) + (one[2] + one[3])) + ((one[4] + one[5]) + (one[6] + one[7]))
    for i in range(size - size % 8, size):
        total = total + g.column(table, start + i)
    return total


_LOGICAL: dict[str, Make] = {
    "logical_not": lambda g, x: ~x,
    "logical_and": lambda g, x, y: x & y,
    "logical_or": lambda g, x, y: x | y,
    "logical_xor": lambda g, x, y: g.op("Xor", x, y),
}
_DIRECT: dict[str, tuple[str, Any]] = {
    "absolute": ("Abs", None), "ceil": ("Ceil", None), "exp": ("Exp", None), "floor": ("Floor", None),
    "isinf": ("IsInf", "bool"), "isnan": ("IsNaN", "bool"), "log": ("Log", None), "negative": ("Neg", None),
    "reciprocal": ("Reciprocal", None), "rint": ("Round", None), "sign": ("Sign", None), "sqrt": ("Sqrt", None),
    "add": ("Add", None), "subtract": ("Sub", None), "multiply": ("Mul", None), "divide": ("Div", None),
    "maximum": ("Max", None), "minimum": ("Min", None), "power": ("Pow", None), "equal": ("Equal", "bool"),
    "greater": ("Greater", "bool"), "greater_equal": ("GreaterOrEqual", "bool"), "less": ("Less", "bool"),
    "less_equal": ("LessOrEqual", "bool"),
}  # fmt: skip
_MADE: dict[str, Make] = {
    "square": lambda g, x: x * x,
    "deg2rad": lambda g, x: x * (np.pi / 180.0),
    "rad2deg": lambda g, x: x * (180.0 / np.pi),
    "not_equal": lambda g, x, y: ~x.equal(y),
    "isfinite": lambda g, x: g.op("Abs", x) < float("inf"),
    "signbit": elementary.negative,
    "trunc": lambda g, x: elementary.signed(g, g.op("Floor", g.op("Abs", x)), x),
    "float": lambda g, x: x,
    "int": lambda g, x: x,
}
