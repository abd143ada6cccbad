"""The emission of one model: which emitter has which class, what the request feeds, which rows are refused.

    Context(model, request) -> methods(view, value) -> answers -> graph outputs and a plan

An emitter is a function `(estimator, value, context) -> {method: thunk}`; a thunk gives a `Value` (of transformers),
`Scores` or `Labels`, so that only what is asked for is emitted. It is registered by identifiers:

    @emits("sklearn.linear_model.LinearRegression")
    def linear(e: View, X: Value, c: Context) -> Methods: ...
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from amber.programs import plan as plans
from amber.programs.emit.graph import Graph, Precision, Tensor, Unsupported
from amber.programs.emit.values import (
    SENTINELS,
    Coded,
    Matrix,
    Raw,
    Refused,
    Sentinel,
    Sparse,
    Texts,
    Value,
)
from amber.programs.emit.view import Model, View


@dataclass(frozen=True)
class Scores:
    """Numbers: one tensor [N] or [N, k], or several (a method that answers a list of arrays)."""

    tensors: tuple[Tensor, ...]
    listed: bool = False


@dataclass(frozen=True)
class Labels:
    """Class indices, int64 [N] or [N, k], and the classes they point into: one array, or one for each column."""

    index: Tensor
    classes: tuple[Any, ...]


@dataclass(frozen=True)
class Terms:
    """The terms that a row holds, which are as many as it has entries; `known`: term by column of the entries."""

    entries: Sparse
    known: Any


Answer = Scores | Labels | Terms | Matrix | Sparse | Raw | Coded | Texts
Methods = dict[str, Callable[[], Answer]]
Emitter = Callable[[View, Any, "Context"], Methods]
Rule = Literal["finite", "no-infinity", "float32"]
_EMITTERS: dict[str, Emitter] = {}
Functions = Callable[[str], Callable[..., Any]]
Inverter = Callable[[View, Matrix, "Context"], Value | Labels | Scores | Terms]
_INVERTERS: dict[str, Inverter] = {}


def emits(*identifiers: str) -> Callable[[Emitter], Emitter]:
    """Register an emitter for vocabulary identifiers."""

    def register(emitter: Emitter) -> Emitter:
        for identifier in identifiers:
            if identifier in _EMITTERS:
                raise ValueError(f"{identifier} has two emitters")
            _EMITTERS[identifier] = emitter
        return emitter

    return register


def inverts(*identifiers: str) -> Callable[[Inverter], Inverter]:
    """Register what undoes a transformer: a function of what it gave (a float matrix [N, n_out])."""

    def register(inverter: Inverter) -> Inverter:
        _INVERTERS.update(dict.fromkeys(identifiers, inverter))
        return inverter

    return register


def known() -> list[str]:
    """Return the identifiers that have an emitter."""
    return sorted(_EMITTERS)


def scores(*tensors: Tensor, listed: bool = False) -> Scores:
    """Return the answer of a scoring method."""
    return Scores(tensors, listed)


@dataclass
class CodeColumn:
    """One column of categories while its values are still being collected."""

    column: int
    values: list[Any] = field(default_factory=list)
    functions: list[Callable[[Any], Any]] = field(default_factory=list)


class Context:
    """One emission."""

    def __init__(self, model: Model, form: str, width: int, precision: Precision = "float64") -> None:
        self.model, self.form, self.width = model, form, width
        self.graph = Graph(precision)
        self.numbers: list[int] = []
        self.codes: list[CodeColumn] = []
        self.texts: list[plans.Text] = []
        self.records: list[plans.Records] = []
        self.compared: set[int] = set()  # columns of the request that an encoder compares as they come
        self.rules: list[tuple[Rule, tuple[int, ...], str]] = []  # rule, columns, method
        self.method, self.rows = "", 0
        self.asked: set[int] = set()  # dtypes of rows that the method at hand asked about
        # gives a function of the caller's own by its name, for tracing; raises `Unsupported` for others
        self.functions: Functions | None = None
        self.versions: Mapping[str, str] = {}  # of the libraries the model was fitted with
        self._flags: list[tuple[Tensor, bool]] = []
        self._single: set[str] = set()  # tensors that hold float32 where the request does
        self._methods: dict[Any, Methods] = {}
        self._kept: list[Value] = []

    def begin(self, method: str, rows: int = 0) -> None:
        """Begin with a method of the model: what is refused from here on is refused by that method.

        `rows`: the dtype its rows come in, where that makes a difference: float32 (`plans.SINGLE`) or integers.

        Everything is emitted anew for it, so that each method has the checks on its own way and no others; what two
        methods have in common the graph makes one again.
        """
        self.method, self.rows = method, rows
        self.asked = set()
        self._flags, self._methods = [], {}

    # -- estimators ------------------------------------------------------------------------------------------------

    def methods(self, estimator: Any, value: Value) -> Methods:
        """Return what an estimator answers for `value`; asked twice with the same, the nodes are the same.

        Raises:
            Unsupported: There is no emitter for it.
        """
        if not isinstance(estimator, View):
            raise Unsupported(f"{estimator!r} is no estimator")
        emitter = _EMITTERS.get(estimator.type)
        if emitter is None:
            raise Unsupported(f"{estimator.name} has no form as a graph")
        key = (estimator.index, id(value))
        if key not in self._methods:
            found = emitter(estimator, value, self)
            # the value is kept beside its methods, so that its id stays its own
            self._methods[key] = {name: functools.cache(thunk) for name, thunk in found.items()}
            self._kept.append(value)
        return self._methods[key]

    def ask(self, estimator: Any, method: str, value: Value) -> Answer:
        """Return one answer of an inner estimator.

        Raises:
            Unsupported: It has no such method as a graph.
        """
        found = self.methods(estimator, value)
        if method not in found:
            raise Unsupported(f"{method} of {estimator.name} has no form as a graph")
        return found[method]()

    def transform(self, estimator: Any, value: Value) -> Value:
        """Return what a transformer makes of `value`; None and "passthrough" leave it as it is."""
        if passes(estimator, "func"):
            return value
        answer = self.ask(estimator, "transform", value)
        if isinstance(answer, Scores | Labels | Terms):
            raise Unsupported(f"transform of {estimator.name} gives several answers")
        return answer

    def inverse(self, estimator: Any, value: Matrix) -> Value | Labels | Scores | Terms:
        """Return what `inverse_transform` of a transformer makes of a matrix.

        Raises:
            Unsupported: It has no form as a graph.
        """
        if passes(estimator, "inverse_func"):
            return value
        if not isinstance(estimator, View) or estimator.type not in _INVERTERS:
            raise Unsupported(f"inverse_transform of {getattr(estimator, 'name', estimator)} has no form as a graph")
        return _INVERTERS[estimator.type](estimator, value, self)

    def score(self, estimator: Any, method: str, value: Value) -> Tensor:
        """Return the one tensor of a scoring method of an inner estimator."""
        answer = self.ask(estimator, method, value)
        if not isinstance(answer, Scores) or len(answer.tensors) != 1 or answer.listed:
            raise Unsupported(f"{method} of {estimator.name} gives several answers")
        return answer.tensors[0]

    def since(self, library: str, version: tuple[int, int]) -> bool:
        """Return whether the model was fitted with this version of a library or a later one; true where nobody said."""
        parts = self.versions.get(library, "").split(".")[:2]
        if len(parts) < 2 or not all(each.isdecimal() for each in parts):
            return True
        return (int(parts[0]), int(parts[1])) >= version

    # -- values ----------------------------------------------------------------------------------------------------

    def matrix(self, value: Value) -> Matrix:
        """Return a float matrix of any value; sparse entries are spread out, raw columns are read as numbers.

        Raises:
            Unsupported: It holds texts or categories.
        """
        if isinstance(value, Matrix):
            return value
        if isinstance(value, Raw):
            return self._read(value)
        if isinstance(value, Sparse):
            return self._spread(value)
        raise Unsupported("texts reach a step that takes numbers")

    def _read(self, value: Raw) -> Matrix:
        for column in value.columns:
            if column not in self.numbers:
                self.numbers.append(column)
        # the input has all number columns of the request, sorted; which those are is known at the end
        wanted = value.columns
        whole = self.graph.input("numbers", self.graph.precision, ["N", "numbers"])
        chosen = self.graph.later("int64", lambda: [sorted(self.numbers).index(column) for column in wanted])
        return Matrix(self.graph.op("Gather", whole, chosen, axis=1), len(wanted), wanted)

    def entries(self, name: str, width: int) -> Sparse:
        """Return entries that the request brings: the inputs `<name>.data`, `.column`, `.row`, and `rows`."""
        g = self.graph
        data = g.input(f"{name}.data", g.precision, [f"{name}.entries"])
        column, row = (g.input(f"{name}.{part}", "int64", [f"{name}.entries"]) for part in ("column", "row"))
        return Sparse(data, column, row, g.input("rows", "int64", [1]), width)

    def product(self, value: Value, weights: Any) -> Tensor:
        """Return `value @ weights`, [N, k], for weights [width, k]; sparse entries are never spread out for it."""
        g = self.graph
        if not isinstance(value, Sparse):
            return self.matrix(value).tensor @ g.const(weights)
        terms = g.op("Gather", g.const(weights), value.column, axis=0) * g.expand(value.data)
        shape = g.concat([value.rows, g.const([np.shape(weights)[1]])], axis=0)
        zeros = g.op("ConstantOfShape", shape, dtype=g.precision, value=np.zeros(1, g.precision))
        return g.op("ScatterND", zeros, g.expand(value.row), terms, reduction="add")

    def _spread(self, value: Sparse) -> Matrix:
        g = self.graph
        g.widest = max(g.widest, value.width)
        shape = g.concat([value.rows, g.const([value.width])], axis=0)
        zeros = g.op("ConstantOfShape", shape, dtype=g.precision, value=np.zeros(1, g.precision))
        places = g.concat([g.expand(value.row), g.expand(value.column)], axis=1)
        return Matrix(g.op("ScatterND", zeros, places, value.data, reduction="add"), value.width)

    def categories(
        self,
        column: int,
        function: Callable[[Any], Any],
        values: Sequence[Any],
        dtype: Any,
        width: int = 0,
    ) -> Tensor:
        """Return what a function makes of the value of a category column, looked up by its code.

        Args:
            column: Position in the request.
            function: Of a value (str, int, float, bool, or a sentinel) to a number, or `width` numbers; a value for
                which it raises `Refused` is refused when it comes.
            values: Values that some step knows; the others are one and the same (`UNSEEN`).
            dtype: `float64`, `int64` or `bool`.
            width: Numbers for each value; 0 for one, and a vector [N] instead of a matrix.
        """
        g = self.graph
        known = next((each for each in self.codes if each.column == column), None)
        if known is None:
            known = CodeColumn(column)
            self.codes.append(known)
        for value in values:
            if not any(_same(value, each) for each in known.values) and not isinstance(value, Sentinel):
                known.values.append(value)
        known.functions.append(function)
        place = g.later(
            "int64",
            lambda: [each.column for each in sorted(self.codes, key=_column)].index(column),
        )
        code = g.op("Gather", g.input("codes", "int64", ["N", "codes"]), place, axis=1)
        entries = known

        def table() -> Any:
            empty = np.zeros(width) if width else 0
            made = [_or(function, value, empty) for value in (*reversed(SENTINELS), *entries.values)]
            return np.array(made).reshape((-1, width) if width else (-1,))

        return g.op("Gather", g.later(dtype, table), code + plans.SHIFT, dtype=dtype, axis=0)

    # -- dtypes ----------------------------------------------------------------------------------------------------

    def came_as(self, code: int) -> Tensor:
        """Return whether all numbers of the request are float32 (`plans.SINGLE`) or integers, bool [1].

        It is known while a method is emitted: a method that asks is emitted once more for such rows.
        """
        self.asked.add(code)
        return self.graph.truth(self.rows == code)

    def keeps_single(self, value: Value) -> bool:
        """Whether a value is float32 where the request is: the request itself, and what `single` gave."""
        if self.graph.precision == "float32" or self.form != "table":
            return False
        if isinstance(value, Matrix):
            return value.source is not None or value.tensor.name in (
                *self._single,
                "inverse",
            )
        return isinstance(value, Raw)

    def single(self, value: Tensor) -> Tensor:
        """Return numbers rounded to float32 where the request is float32: the original writes into such a table."""
        rounded = self.graph.where(self.came_as(plans.SINGLE), value.cast("float32").cast("float64"), value)
        self._single.add(rounded.name)
        return rounded

    # -- refusals --------------------------------------------------------------------------------------------------

    def require(self, value: Matrix, rule: Rule = "finite", spared: tuple[str, ...] = ()) -> Matrix:
        """Say that the original refuses a row of `value` that breaks a rule; return `value`.

        finite: no NaN, no infinity; no-infinity: NaN is taken; float32: none that overflows as float32, NaN is taken.
        `spared`: methods of the model that take such a row all the same, where the rule is about the request itself.
        """
        if value.source is not None:
            if self.method not in spared:
                self.rules.append((rule, value.source, self.method))
            return value
        g, tensor = self.graph, value.tensor
        if rule == "finite":
            bad: Tensor = ~(g.op("Abs", tensor) <= float(np.finfo(tensor.dtype).max))
        elif rule == "no-infinity":
            bad = g.op("IsInf", tensor, dtype="bool")
        else:
            bad = g.op("Abs", tensor) >= plans.FLOAT32_OVERFLOW
        self.refuse(bad)
        return value

    def refuse(self, flags: Tensor, *, wide: bool = True) -> None:
        """Say that the original refuses rows whose flags, bool [N, k] (or [N] where not `wide`), are true."""
        self._flags.append((flags, wide))

    def refused(self) -> Tensor | None:
        """Return the rows that some step on the way of this method refuses, bool [N]; None where none ever does."""
        flags = [(flag.cast("int64"), wide) for flag, wide in self._flags]
        if not flags:
            return None
        whole = [self.graph.max(flag, 1) if wide else flag for flag, wide in flags]
        return functools.reduce(lambda left, right: self.graph.op("Max", left, right), whole) > 0


def passes(estimator: Any, function: str) -> bool:
    """Whether a step leaves its table as it is: none, "passthrough", or what scikit-learn puts in its place."""
    if not isinstance(estimator, View):
        return estimator is None or (isinstance(estimator, str) and estimator == "passthrough")
    return estimator.name == "FunctionTransformer" and estimator[function] is None and not estimator["validate"]


def _column(each: CodeColumn) -> int:
    return each.column


def _same(left: Any, right: Any) -> bool:
    return type(left) is type(right) and left == right


def _or(function: Callable[[Any], Any], value: Any, empty: Any) -> Any:
    try:
        return function(value)
    except Refused:
        return empty


def refused_codes(column: CodeColumn) -> list[int]:
    """Return the codes for which some function of the column raises `Refused`."""
    found = []
    for code, value in [
        *((each.code, each) for each in SENTINELS),
        *enumerate(column.values),
    ]:
        try:
            for function in column.functions:
                function(value)
        except Refused:
            found.append(code)
    return sorted(found)
