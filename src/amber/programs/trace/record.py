"""What a function did to a table, step by step: closed data that JSON can hold."""

from __future__ import annotations

from typing import Any, Literal, NoReturn

import msgspec

from amber.errors import UsageError

Kind = Literal["float", "int", "bool"]
STEPS, VALUES = 10_000, 1_000_000  # of one trace

UNARY = frozenset(
    """
    absolute arccos arccosh arcsin arcsinh arctan arctanh cbrt ceil cos cosh deg2rad exp exp2 expm1 floor isfinite
    isinf isnan log log10 log1p log2 logical_not negative rad2deg reciprocal rint sign signbit sin sinh sqrt square
    tan tanh trunc
    """.split()  # noqa: SIM905 - names beside each other
)
BINARY = frozenset(
    """
    add arctan2 divide equal floor_divide fmod greater greater_equal hypot less less_equal logical_and logical_or
    logical_xor maximum minimum multiply not_equal power remainder subtract
    """.split()  # noqa: SIM905 - names beside each other
)
REDUCTIONS = frozenset({"sum", "max", "min", "any", "all"})  # over the columns
# `input` the table, `constant`, `float` and `int` casts, `where`, `columns` some of them, `column` one as a vector,
# `expand` a vector as a table of one column, `concatenate` tables side by side
OTHER = frozenset({"input", "constant", "float", "int", "where", "columns", "column", "expand", "concatenate"})
TRUTHS = frozenset(
    """
    isfinite isinf isnan logical_not signbit equal greater greater_equal less less_equal logical_and logical_or
    logical_xor not_equal any all
    """.split()  # noqa: SIM905 - names beside each other
)


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One operation on earlier steps.

    `of`: their positions. `columns`: of `column` and `columns`. `values`, `shape` and `kind`: of a constant, its
    numbers as text in row order.
    """

    op: str
    of: tuple[int, ...] = ()
    columns: tuple[int, ...] = ()
    values: tuple[str, ...] = ()
    shape: tuple[int, ...] = ()
    kind: Kind = "float"


class Trace(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A function of a table [N, width]: the last step is its answer, a table of `out` columns (0: a vector)."""

    width: int
    out: int
    kind: Kind
    steps: tuple[Step, ...]


class Recorder:
    """The steps so far; equal ones are one. Remembers the first refusal, should the function swallow it."""

    def __init__(self, frame: bool) -> None:
        self.frame = frame  # whether the original's table is a frame
        self.steps: list[Step] = []
        self.known: dict[Step, int] = {}
        self.values = 0
        self.refusal: UsageError | None = None

    def add(self, step: Step) -> int:
        """Append a step and return its position."""
        if step in self.known:
            return self.known[step]
        self.values += len(step.values)
        if len(self.steps) >= STEPS or self.values > VALUES:
            self.refuse("a function of so many steps")
        self.steps.append(step)
        self.known[step] = len(self.steps) - 1
        return self.known[step]

    def refuse(self, what: str, hint: str = "") -> NoReturn:
        """Refuse what the function asks for, by name."""
        error = UsageError("trace-refused", f"{what} cannot be traced", hint=hint)
        self.refusal = self.refusal or error
        raise error


class Rows:
    """The number of rows, which no trace knows: it may be handed on to `reshape`, and nothing else."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def __eq__(self, other: object) -> bool:
        return True if other is self else self._refuse()

    __hash__ = None  # type: ignore[assignment]

    def _refuse(self, *_: Any) -> Any:
        self._recorder.refuse("the number of rows")

    __index__ = __int__ = __float__ = __bool__ = __lt__ = __le__ = __gt__ = __ge__ = _refuse
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _refuse
    __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = __neg__ = _refuse
