"""The tracer: an array that notes what is done to it, through NumPy's protocols, and holds no numbers."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from amber.programs.trace.record import BINARY, TRUTHS, UNARY, Kind, Recorder, Rows, Step

_KINDS: dict[Kind, Any] = {"float": np.dtype(np.float64), "int": np.dtype(np.int64), "bool": np.dtype(np.bool_)}
_ORDER: dict[Kind, int] = {"bool": 0, "int": 1, "float": 2}
# other names of the same function, and those of truth values
_SAME = {"true_divide": "divide", "mod": "remainder", "abs": "absolute", "fabs": "absolute", "radians": "deg2rad",
         "degrees": "rad2deg", "pow": "power"}  # fmt: skip
_BITS = {"bitwise_and": "logical_and", "bitwise_or": "logical_or", "bitwise_xor": "logical_xor",
         "invert": "logical_not", "bitwise_invert": "logical_not", "bitwise_not": "logical_not"}  # fmt: skip
# the same of integers as of floats
_EXACT = TRUTHS | {"add", "subtract", "multiply", "divide", "negative", "absolute", "sign", "square"}
_EXACT |= {"maximum", "minimum"}
# powers by one number that NumPy computes in another way than others
_POWERS = {-1.0: "reciprocal", 0.5: "sqrt", 2.0: "square"}
# functions beside the ufuncs, and those of scipy.special: `functions.py` fills them
KNOWN: dict[Any, Callable[..., Any]] = {}
SCIPY: dict[str, Callable[..., Any]] = {}
_METHODS = {"clip": np.clip, "round": np.round, "sum": np.sum, "mean": np.mean, "max": np.max, "min": np.min,
            "std": np.std, "var": np.var, "any": np.any, "all": np.all, "reshape": np.reshape, "ravel": np.ravel,
            "squeeze": np.squeeze, "copy": np.copy}  # fmt: skip


def _refuse(name: str) -> Any:
    """Return a method that refuses what it is called for."""

    def method(self: Traced, *_: Any, **__: Any) -> Any:
        self._recorder.refuse(name)

    return method


def _operator(name: str, swapped: bool = False) -> Any:
    """Return the method of an operator, which is a function of NumPy."""

    def method(self: Traced, *other: Any) -> Any:
        return apply(self._recorder, name, (*other, self) if swapped else (self, *other))

    return method


class Traced:
    """A table [N, width], or a vector [N] where `width` is None, of floats, integers or truth values."""

    def __init__(self, recorder: Recorder, index: int, width: int | None, kind: Kind) -> None:
        self._recorder, self._index, self._width, self._kind = recorder, index, width, kind

    # -- what may be asked about it --------------------------------------------------------------------------------

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        """That of an array, where the original gets one; a function that asks which frame it has is refused."""
        if self._recorder.frame:
            self._recorder.refuse("a look at the class of a frame")
        return np.ndarray

    @property
    def shape(self) -> tuple[Any, ...]:
        """The number of rows as a token, and the number of columns."""
        rows = vars(self._recorder).setdefault("rows", Rows(self._recorder))
        return (rows,) if self._width is None else (rows, self._width)

    @property
    def ndim(self) -> int:
        """One for a vector, two for a table."""
        return 1 if self._width is None else 2

    @property
    def dtype(self) -> Any:
        """The NumPy dtype."""
        return _KINDS[self._kind]

    # -- NumPy's protocols -----------------------------------------------------------------------------------------

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        name = ufunc.__name__
        if getattr(np, name, None) is not ufunc:
            return self._scipys(ufunc, method, inputs, options)
        if method == "reduce" and name in ("add", "maximum", "minimum", "logical_and", "logical_or"):
            reduction: Any = {"add": np.sum, "maximum": np.max, "minimum": np.min, "logical_and": np.all}.get(
                name, np.any
            )
            options.setdefault("axis", 0)
            return reduction(*inputs, **options)
        if method != "__call__":
            self._recorder.refuse(f"numpy.{name}.{method}")
        for option, value in options.items():
            if not (option == "dtype" and value in (None, float, np.float64, "float64")):
                self._recorder.refuse(f"numpy.{name}({option}=...)")
        return apply(self._recorder, name, inputs)

    def _scipys(self, ufunc: Any, method: str, inputs: Any, options: Any) -> Any:
        """A function of scipy.special that can be said by NumPy's."""
        name = ufunc.__name__
        known = SCIPY.get(name)
        theirs = getattr(sys.modules.get("scipy.special"), name, None)
        if known is None or theirs is not ufunc or method != "__call__" or options:
            self._recorder.refuse(f"the function {name}")
        return known(*inputs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        known = KNOWN.get(function)
        if known is None:
            self._recorder.refuse(f"{function.__module__}.{function.__name__}".removesuffix("."))
        return known(self._recorder, *args, **kwargs)

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        self._recorder.refuse(
            "a conversion to an array (numpy.array, numpy.asarray, numpy.c_, math functions)",
            hint="work on the array that is handed in; numpy.column_stack puts columns side by side",
        )

    # -- indexing --------------------------------------------------------------------------------------------------

    def __getitem__(self, key: Any) -> Traced:
        if self._recorder.frame:
            self._recorder.refuse("indexing a frame")
        parts = list(key) if isinstance(key, tuple) else [key]
        if len(parts) == 2 and parts[0] is Ellipsis and self._width is not None:
            parts[0] = slice(None)
        if not parts or not (isinstance(parts[0], slice) and parts[0] == slice(None)) or len(parts) > 2:
            self._recorder.refuse("an index other than [:, columns]")
        if len(parts) == 1:
            return self
        if self._width is None:
            if parts[1] is not None:
                self._recorder.refuse("an index into a vector")
            return made(self._recorder, Step("expand", (self._index,)), 1, self._kind)
        return self.select(parts[1])

    def select(self, which: Any) -> Traced:
        """Return one column as a vector, or some as a table."""
        width = self._width or 0
        if is_traced(which) or which is None or isinstance(which, str | tuple | float):
            self._recorder.refuse("an index other than [:, columns]")
        try:
            chosen = np.arange(width)[which]
        except (IndexError, TypeError, ValueError) as error:
            self._recorder.refuse(f"an index ({error})")
        if chosen.ndim == 0:
            return made(self._recorder, Step("column", (self._index,), columns=(int(chosen),)), None, self._kind)
        if chosen.ndim > 1 or not len(chosen):
            self._recorder.refuse("an index other than [:, columns]")
        return made(
            self._recorder, Step("columns", (self._index,), columns=tuple(map(int, chosen))), len(chosen), self._kind
        )

    # -- methods ---------------------------------------------------------------------------------------------------

    def astype(self, dtype: Any, **options: Any) -> Traced:
        """Cast to float64; truth values to integers too."""
        if set(options) - {"copy"}:
            self._recorder.refuse(f"astype({min(set(options) - {'copy'})}=...)")
        wanted = np.dtype(dtype)
        if wanted == np.float64:
            return cast(self, "float")
        if wanted == np.int64 and self._kind == "bool":
            return cast(self, "int")
        if wanted != _KINDS[self._kind]:
            self._recorder.refuse(f"astype({wanted})")
        return self

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or not (self._recorder.frame or hasattr(np.ndarray, name)):
            raise AttributeError(f"an array has no attribute {name}")  # as the original hears, should it ask
        if name not in _METHODS or (self._recorder.frame and name in ("reshape", "ravel")):
            self._recorder.refuse(f"the attribute {name} of an array or frame")
        function: Any = _METHODS[name]
        if name == "reshape":
            return lambda *shape, **options: function(self, shape[0] if len(shape) == 1 else shape, **options)
        return lambda *args, **options: function(self, *args, **options)

    __bool__ = _refuse("the truth value (if, and, or, not) of an array")
    __iter__ = _refuse("a loop over an array")
    __len__ = _refuse("the number of rows (len)")
    __contains__ = _refuse("the operator in")
    __float__ = _refuse("float() of an array")
    __int__ = _refuse("int() of an array")
    __complex__ = _refuse("complex() of an array")
    __index__ = _refuse("an array as an index")
    __round__ = _refuse("round() of an array")
    __setitem__ = _refuse("an assignment into an array")
    __delitem__ = _refuse("del")
    __matmul__ = __rmatmul__ = _refuse("the operator @")
    __divmod__ = __rdivmod__ = _refuse("divmod")
    __lshift__ = __rlshift__ = __rshift__ = __rrshift__ = _refuse("a shift of bits")
    __iadd__ = __isub__ = __imul__ = __itruediv__ = __ifloordiv__ = __imod__ = __ipow__ = __iand__ = __ior__ = (
        __ixor__
    ) = __imatmul__ = _refuse("an operator that changes an array in place (write x = x + 1)")  # fmt: skip
    __hash__ = None  # type: ignore[assignment]

    # -- operators -------------------------------------------------------------------------------------------------

    __neg__, __abs__, __invert__ = _operator("negative"), _operator("absolute"), _operator("invert")
    __add__, __radd__ = _operator("add"), _operator("add", True)
    __sub__, __rsub__ = _operator("subtract"), _operator("subtract", True)
    __mul__, __rmul__ = _operator("multiply"), _operator("multiply", True)
    __truediv__, __rtruediv__ = _operator("divide"), _operator("divide", True)
    __floordiv__, __rfloordiv__ = _operator("floor_divide"), _operator("floor_divide", True)
    __mod__, __rmod__ = _operator("remainder"), _operator("remainder", True)
    __pow__, __rpow__ = _operator("power"), _operator("power", True)
    __and__, __rand__ = _operator("bitwise_and"), _operator("bitwise_and", True)
    __or__, __ror__ = _operator("bitwise_or"), _operator("bitwise_or", True)
    __xor__, __rxor__ = _operator("bitwise_xor"), _operator("bitwise_xor", True)
    __lt__, __le__, __gt__, __ge__ = map(_operator, ("less", "less_equal", "greater", "greater_equal"))
    __eq__, __ne__ = _operator("equal"), _operator("not_equal")

    def __pos__(self) -> Traced:
        return self


def made(recorder: Recorder, step: Step, width: int | None, kind: Kind) -> Traced:
    """Return the array of a new step."""
    return Traced(recorder, recorder.add(step), width, kind)


def is_traced(value: Any) -> bool:
    """Whether a value is a tracer, whatever class it claims."""
    return type(value) is Traced


def cast(value: Traced, kind: Kind) -> Traced:
    """Return the values as another kind."""
    if value._kind == kind:
        return value
    return made(value._recorder, Step(kind, (value._index,)), value._width, kind)


def constant(recorder: Recorder, value: Any) -> tuple[int, tuple[int, ...], Kind]:
    """Record a number or a small array of the function's own; return its step, shape and kind."""
    if isinstance(value, Rows):
        recorder.refuse("the number of rows")
    array = np.asarray(value)
    kind: Kind
    if array.dtype.kind == "b":
        kind = "bool"
    elif array.dtype.kind in "iu":
        kind = "int"
    elif array.dtype in (np.float64, np.float32):
        kind = "float"
    else:
        recorder.refuse(f"a constant of {array.dtype}")
    if array.ndim > 2 or (array.ndim == 2 and array.shape[0] != 1) or not array.size:
        recorder.refuse(f"a constant of shape {array.shape}")
    if kind == "int" and any(abs(each) > 2**53 for each in array.ravel().tolist()):
        recorder.refuse("an integer beyond 2**53")
    if array.dtype == np.float32 and array.ndim:
        array = array.astype(np.float64)
    values = tuple(repr(float(each)) for each in array.ravel().tolist())
    return recorder.add(Step("constant", values=values, shape=array.shape, kind=kind)), array.shape, kind


def operands(recorder: Recorder, values: tuple[Any, ...]) -> tuple[tuple[int, ...], int | None, list[Kind]]:
    """Return the steps of what an operation works on, the width of what it gives, and their kinds."""
    steps: list[int] = []
    kinds: list[Kind] = []
    widths: list[int] = []
    vector = table = False
    for value in values:
        if is_traced(value):
            steps.append(value._index)
            kinds.append(value._kind)
            vector |= value._width is None
            table |= value._width is not None
            widths += [] if value._width is None else [value._width]
        else:
            step, shape, kind = constant(recorder, value)
            steps.append(step)
            kinds.append(kind)
            table |= len(shape) == 2
            widths += shape[-1:]
    several = {width for width in widths if width != 1}
    if vector and (table or several):
        recorder.refuse("a vector together with a table or a row", hint="write x[:, None]")
    if len(several) > 1:
        recorder.refuse(f"tables of {' and '.join(map(str, sorted(several)))} columns together")
    return tuple(steps), None if vector else max(widths, default=1), kinds


def apply(recorder: Recorder, name: str, values: tuple[Any, ...]) -> Any:
    """Record a function of NumPy, element by element."""
    if name == "positive":
        return values[0]
    name = _SAME.get(name, name)
    if name not in UNARY | BINARY and name not in _BITS and name not in ("fmax", "fmin"):
        recorder.refuse(f"numpy.{name}")
    if name == "power" and not is_traced(values[1]) and np.ndim(values[1]) < 2 and np.size(values[1]) == 1:
        special = _POWERS.get(float(np.ravel(values[1])[0]))
        if special is not None:
            return apply(recorder, special, values[:1])
    if recorder.frame and name in ("floor_divide", "remainder") and (is_traced(values[1]) or not np.all(values[1])):
        recorder.refuse(f"numpy.{name} of a frame by zero")  # pandas has rules of its own
    steps, width, kinds = operands(recorder, values)
    kind = max(kinds, key=_ORDER.__getitem__)
    if name in _BITS:
        if kind != "bool":
            recorder.refuse(f"numpy.{name} of numbers")
        name = _BITS[name]
    if kind == "bool" and name in ("add", "multiply", "maximum", "minimum"):
        name = "logical_or" if name in ("add", "maximum") else "logical_and"
    if name in ("fmax", "fmin"):
        return _fmax(recorder, {"fmax": "maximum", "fmin": "minimum"}[name], *values)
    if name not in TRUTHS and (kind == "bool" or (kind == "int" and name not in _EXACT)):
        recorder.refuse(
            f"numpy.{name} of {'truth values' if kind == 'bool' else 'integers'}", hint="write x.astype(float)"
        )
    if name in TRUTHS:
        kind = "bool"
    elif name == "divide":
        kind = "float"
    return made(recorder, Step(name, steps), width, kind)


def _fmax(recorder: Recorder, name: str, left: Any, right: Any) -> Any:
    """The greater (or lesser) of two, where one is missing the other."""
    both = apply(recorder, name, (left, right))
    for missing, other in ((right, left), (left, right)):
        if is_traced(missing):
            both = where(recorder, apply(recorder, "isnan", (missing,)), other, both)
        elif np.isnan(missing).any():
            recorder.refuse(f"numpy.{'fmax' if name == 'maximum' else 'fmin'} of a missing constant")
    return both


def where(recorder: Recorder, condition: Any, yes: Any, no: Any) -> Any:
    """Choose element by element."""
    if not is_traced(condition) or condition._kind != "bool":
        recorder.refuse("numpy.where on something else than truth values")
    steps, width, kinds = operands(recorder, (condition, yes, no))
    kind = max(kinds[1:], key=("bool", "int", "float").index)
    return made(recorder, Step("where", steps), width, kind)
