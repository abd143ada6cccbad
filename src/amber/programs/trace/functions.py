"""The functions of NumPy that a trace may use beside its ufuncs, and the call that traces."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from amber.errors import AmberError, UsageError
from amber.programs.trace.array import KNOWN, SCIPY, apply, cast, is_traced, made, where
from amber.programs.trace.record import Recorder, Step, Trace

_LARGEST = float(np.finfo(np.float64).max)


def trace(
    function: Callable[..., Any], width: int, settings: Mapping[str, Any] | None = None, *, frame: bool = False
) -> Trace:
    """Call a function once with a tracer in place of a float64 table and return what it did.

    Args:
        function: Of a table [N, width]; a second call must do the same.
        settings: Its keyword arguments.
        width: Columns of the table.
        frame: The original gets a frame, so what frames do differently from arrays is refused.

    Raises:
        UsageError: `trace-refused`: it does what no trace can hold, or fails.
    """
    first, second = (_traced(function, width, settings or {}, frame) for _ in range(2))
    if first != second:
        raise UsageError(
            "trace-refused", "the function does not do the same twice", hint="random numbers, or the time?"
        )
    return first


def _traced(function: Callable[..., Any], width: int, settings: Mapping[str, Any], frame: bool) -> Trace:
    recorder = Recorder(frame)
    table = made(recorder, Step("input"), width, "float")
    try:
        with np.errstate(all="ignore"):
            answer = function(table, **settings)
    except AmberError:
        raise
    except Exception as error:  # whatever a function raises
        if recorder.refusal is not None:
            raise recorder.refusal from error
        raise UsageError(
            "trace-refused", f"the function fails under the tracer: {type(error).__name__}: {error}"
        ) from error
    if recorder.refusal is not None:  # the function went on as if nothing were
        raise recorder.refusal
    if not is_traced(answer) or answer._recorder is not recorder:
        raise UsageError("trace-refused", "the function answers something else than an array made of its table")
    steps = _needed(recorder.steps, answer._index)
    return Trace(width=width, out=answer._width or 0, kind=answer._kind, steps=steps)


def _needed(steps: Sequence[Step], last: int) -> tuple[Step, ...]:
    """Return the steps an answer needs, which is the last of them, with their references renumbered."""
    wanted = {last}
    for index in range(last, -1, -1):
        if index in wanted:
            wanted.update(steps[index].of)
    kept = sorted(wanted)
    place = {old: new for new, old in enumerate(kept)}
    return tuple(
        Step(each.op, tuple(place[one] for one in each.of), each.columns, each.values, each.shape, each.kind)
        for each in (steps[old] for old in kept)
    )


# -- functions of arrays -----------------------------------------------------------------------------------------------
# Each takes the recorder, then what NumPy's function takes; what it has no argument for is refused by Python itself.


def _clip(recorder: Recorder, a: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None) -> Any:
    low, high = a_min if min is None else min, a_max if max is None else max
    if low is not None:
        a = apply(recorder, "maximum", (a, low))
    return a if high is None else apply(recorder, "minimum", (a, high))


def _round(recorder: Recorder, a: Any, decimals: int = 0) -> Any:
    if a._kind != "float":
        recorder.refuse("numpy.round of something else than floats")
    if decimals == 0:
        return apply(recorder, "rint", (a,))
    there, back = ("multiply", "divide") if decimals > 0 else ("divide", "multiply")
    power = float(10 ** abs(decimals))
    return apply(recorder, back, (apply(recorder, "rint", (apply(recorder, there, (a, power)),)), power))


def _nan_to_num(
    recorder: Recorder, x: Any, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None
) -> Any:
    if not copy:
        recorder.refuse("numpy.nan_to_num(copy=False)")
    if x._kind != "float":
        return x
    found = where(recorder, apply(recorder, "isnan", (x,)), float(nan), x)
    highest, lowest = (
        limit if given is None else float(given) for given, limit in ((posinf, _LARGEST), (neginf, -_LARGEST))
    )
    found = where(recorder, apply(recorder, "equal", (x, math.inf)), highest, found)
    return where(recorder, apply(recorder, "equal", (x, -math.inf)), lowest, found)


def _isposinf(recorder: Recorder, x: Any) -> Any:
    return apply(recorder, "equal", (x, math.inf))


def _isneginf(recorder: Recorder, x: Any) -> Any:
    return apply(recorder, "equal", (x, -math.inf))


def _side_by_side(recorder: Recorder, tables: Sequence[Any], name: str) -> Any:
    if is_traced(tables) or not all(map(is_traced, tables)) or not tables:
        recorder.refuse(f"{name} of something else than a list of traced arrays")
    if len({table._kind for table in tables}) > 1:
        kind = max((table._kind for table in tables), key=("bool", "int", "float").index)
        tables = [cast(table, kind) for table in tables]
    if len(tables) == 1:
        return tables[0]
    step = Step("concatenate", tuple(table._index for table in tables))
    return made(recorder, step, sum(table._width for table in tables), tables[0]._kind)


def _concatenate(recorder: Recorder, arrays: Sequence[Any], axis: int = 0) -> Any:
    if axis not in (1, -1) or any(is_traced(each) and each._width is None for each in arrays):
        recorder.refuse("numpy.concatenate of rows")
    return _side_by_side(recorder, arrays, "numpy.concatenate")


def _hstack(recorder: Recorder, tup: Sequence[Any]) -> Any:
    return _concatenate(recorder, tup, 1)


def _column_stack(recorder: Recorder, tup: Sequence[Any]) -> Any:
    tables = [_expand(recorder, each) if is_traced(each) and each._width is None else each for each in tup]
    return _side_by_side(recorder, tables, "numpy.column_stack")


def _stack(recorder: Recorder, arrays: Sequence[Any], axis: int = 0) -> Any:
    if axis not in (1, -1) or any(not is_traced(each) or each._width is not None for each in arrays):
        recorder.refuse("numpy.stack of anything but vectors along axis 1")
    return _column_stack(recorder, arrays)


def _expand(recorder: Recorder, vector: Any) -> Any:
    return made(recorder, Step("expand", (vector._index,)), 1, vector._kind)


def _expand_dims(recorder: Recorder, a: Any, axis: int) -> Any:
    if a._width is not None or axis not in (1, -1):
        recorder.refuse("numpy.expand_dims of anything but a vector along axis 1")
    return _expand(recorder, a)


def _squeeze(recorder: Recorder, a: Any, axis: int | None = None) -> Any:
    if a._width != 1 or axis not in (1, -1):
        recorder.refuse("numpy.squeeze other than of the one column (axis=1)")
    return a.select(0)


def _reshape(recorder: Recorder, a: Any, shape: Any, order: str = "C") -> Any:
    """Only shapes that keep the rows: (-1, k), (x.shape[0], k), and (-1,) of one column."""
    wanted = list(shape) if isinstance(shape, tuple | list) else [shape]
    rows = a.shape[0]
    width = 1 if a._width is None else a._width
    keeps = wanted[0] is rows or (type(wanted[0]) is int and wanted[0] == -1)
    flat = len(wanted) == 1 and width == 1
    table = len(wanted) == 2 and (wanted[1] == width or (wanted[1] == -1 and wanted[0] is rows))
    if order != "C" or recorder.frame or not keeps or not (flat or table):
        recorder.refuse("numpy.reshape that does not keep the rows")
    if flat:
        return a if a._width is None else a.select(0)
    return a if a._width is not None else _expand(recorder, a)


def _ravel(recorder: Recorder, a: Any, order: str = "C") -> Any:
    return _reshape(recorder, a, (-1,))


def _copy(recorder: Recorder, a: Any, order: str = "K", subok: bool = False) -> Any:
    return a


def _same(recorder: Recorder, *arys: Any) -> Any:
    if len(arys) != 1 or arys[0]._width is None:
        recorder.refuse("numpy.atleast_2d of a vector")
    return arys[0]


def _select(recorder: Recorder, condlist: Sequence[Any], choicelist: Sequence[Any], default: Any = 0) -> Any:
    found = default
    for condition, choice in zip(reversed(condlist), reversed(choicelist), strict=True):
        found = where(recorder, condition, choice, found)
    return found


def _diff(recorder: Recorder, a: Any, n: int = 1, axis: int = -1) -> Any:
    if a._width is None or a._width < 2 or n != 1 or axis not in (1, -1) or a._kind != "float":
        recorder.refuse("numpy.diff other than once, along the columns")
    return apply(recorder, "subtract", (a.select(slice(1, None)), a.select(slice(None, -1))))


# -- reductions over columns -------------------------------------------------------------------------------------------


def _reduction(name: str, shown: str) -> Callable[..., Any]:
    def reduce(
        recorder: Recorder, a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False
    ) -> Any:
        if dtype is not None or out is not None:
            recorder.refuse(f"{shown} with dtype= or out=")
        _over_columns(recorder, a, axis, shown)
        truth = name in ("any", "all")
        if truth and a._kind != "bool":
            a = apply(recorder, "not_equal", (a, 0))
        if a._kind == "bool" and name == "sum":
            a = cast(a, "int")
        if a._kind == "bool" and not truth:
            return _reduction({"max": "any", "min": "all"}[name], shown)(recorder, a, axis, None, None, keepdims)
        found = made(recorder, Step(name, (a._index,)), None, a._kind)
        return _expand(recorder, found) if keepdims else found

    return reduce


def _over_columns(recorder: Recorder, a: Any, axis: Any, shown: str) -> None:
    if recorder.frame:
        recorder.refuse(f"{shown} of a frame (it leaves out missing values)")
    if a._width is None or axis not in (1, -1) or isinstance(axis, bool):
        recorder.refuse(f"{shown} over rows", hint="a program answers row by row; axis=1 goes over the columns")


def _mean(
    recorder: Recorder, a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False
) -> Any:
    _over_columns(recorder, a, axis, "numpy.mean")
    total = _SUM(recorder, cast(a, "float"), axis, dtype, out, keepdims)
    return apply(recorder, "divide", (total, float(a._width)))


def _var(
    recorder: Recorder,
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    ddof: float = 0,
    keepdims: Any = False,
) -> Any:
    _over_columns(recorder, a, axis, "numpy.var")
    if dtype is not None or out is not None:
        recorder.refuse("numpy.var with dtype= or out=")
    a = cast(a, "float")
    apart = apply(recorder, "subtract", (a, _mean(recorder, a, 1, keepdims=True)))
    total = _SUM(recorder, apply(recorder, "multiply", (apart, apart)), 1, None, None, keepdims)
    return apply(recorder, "divide", (total, float(max(a._width - ddof, 0))))


def _std(recorder: Recorder, a: Any, axis: Any = None, **options: Any) -> Any:
    return apply(recorder, "sqrt", (_var(recorder, a, axis, **options),))


_SUM = _reduction("sum", "numpy.sum")
_MAX, _MIN = _reduction("max", "numpy.max"), _reduction("min", "numpy.min")

KNOWN.update({
    np.where: where, np.clip: _clip, np.round: _round, np.around: _round, np.nan_to_num: _nan_to_num,
    np.isposinf: _isposinf, np.isneginf: _isneginf,
    np.concatenate: _concatenate, np.hstack: _hstack, np.column_stack: _column_stack, np.stack: _stack,
    np.expand_dims: _expand_dims, np.squeeze: _squeeze, np.reshape: _reshape, np.ravel: _ravel, np.copy: _copy,
    np.atleast_2d: _same, np.select: _select, np.diff: _diff,
    np.sum: _SUM, np.max: _MAX, np.min: _MIN, np.amax: _MAX, np.amin: _MIN, np.mean: _mean, np.var: _var, np.std: _std,
    np.any: _reduction("any", "numpy.any"), np.all: _reduction("all", "numpy.all"),
})  # fmt: skip
# their shapes and kinds are properties of a traced array
KNOWN[np.ndim] = lambda recorder, a: a.ndim
KNOWN[np.shape] = lambda recorder, a: a.shape


def _logit(x: Any) -> Any:
    """Log odds; around one half the difference of two logarithms that are exact there."""
    apart = 2 * (x - 0.5)
    return np.where((x > 0.3) & (x < 0.65), np.log1p(apart) - np.log1p(-apart), np.log(x / (1 - x)))


# functions of scipy.special, by functions of NumPy
SCIPY.update({
    "cbrt": np.cbrt, "exp2": np.exp2, "expit": lambda x: 1 / (1 + np.exp(-x)), "expm1": np.expm1, "log1p": np.log1p,
    "logit": _logit,
})  # fmt: skip
