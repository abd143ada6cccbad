"""The second choice: a graph that skl2onnx makes of the live model, brought into the form of Amber's own graphs.

In: a model (the caller's, or loaded under the caller's policy), what the cases say of its requests and answers. Out:
`Emitted`, as an emitter gives it. Called by `models.freezing` where Amber has no graph of its own: of classes of the
caller's with a converter registered in skl2onnx. What the graph is worth the certificate says, as of any other.

Only tables of numbers: categories and texts enter a program as codes and counts, which no converter knows.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from amber.cases import frames
from amber.errors import AmberError
from amber.limits import Limits
from amber.models.requests import Facts
from amber.programs import plan as plans
from amber.programs import wire
from amber.programs.emit import Emitted, Part
from amber.programs.emit.graph import IR, ML, OPSET, Unsupported
from amber.programs.graph_check import check_graph
from amber.programs.plan import Request
from amber.tree.evidence import CLEAN_KINDS, Answer, Evidence, Group

SOURCE = "skl2onnx"
ML_OPSET = 3  # the newest of ai.onnx.ml that skl2onnx writes
_SCORES = ("predict_proba", "decision_function", "transform", "score_samples")  # what a second output may be
_SINGLE = frozenset(
    """
    LinearClassifier LinearRegressor Normalizer SVMClassifier SVMRegressor Scaler TreeEnsembleClassifier
    TreeEnsembleRegressor
    """.split()  # noqa: SIM905 - names beside each other
)
_NUMERIC = frozenset("BOOL UINT8 UINT16 UINT32 UINT64 INT8 INT16 INT32 INT64 FP32 FP64".split())  # noqa: SIM905


def converted(model: Any, facts: Facts, evidence: Evidence, precision: str, limits: Limits) -> Emitted:
    """Return the graph of a converter, and what stands before and behind it.

    Args:
        model: The original, live.
        facts: What the cases say of requests and answers.
        evidence: The recorded cases.
        precision: What numbers are computed in.
        limits: What a graph may ask for.

    Raises:
        Unsupported: There is no converter here, it has no form of the model either, or its graph may not be run.
    """
    main = next((group for group in evidence.groups if group.kind in CLEAN_KINDS), evidence.groups[0])
    _numbers_only(facts.request, main)
    recorded = {answer.method: answer for answer in main.answers if answer.layout in ("array", "frame")}
    built = _Built(facts.request.width, "float32" if precision == "float32" else "float64")
    parts: dict[str, list[Part]] = {}
    absent = {method: f"{SOURCE} gives no {method}" for method in facts.answers}
    for options, positions in _ways(recorded):
        try:
            outputs = built.take(*_convert(model, facts.request, options, precision))
        except Unsupported as error:
            absent |= dict.fromkeys(positions, str(error))
            continue
        for method, position in positions.items():
            try:
                parts[method] = [built.answer(method, outputs[position], recorded[method], model)]
                del absent[method]
            except Unsupported as error:
                absent[method] = str(error)
            except IndexError:  # its graph has no such output
                continue
    if not parts:
        raise Unsupported("; ".join(sorted(set(absent.values()))))
    data = built.finished(limits)
    return Emitted(
        graph=data, methods=parts, numbers=list(range(facts.request.width)), codes=[], texts=[],
        rules=_rules(evidence, facts.request.width), refused={}, variants={}, inverse=0, widest=built.widest,
        absent=absent,
    )  # fmt: skip


def _numbers_only(request: Request, main: Group) -> None:
    numeric = all(column.datatype in _NUMERIC for column in frames.body(main.inputs))
    if request.form != "table" or request.one or not request.width or not numeric:
        raise Unsupported("a converter is asked of tables of numbers alone")


def _ways(recorded: Mapping[str, Answer]) -> Iterator[tuple[dict[str, bool], dict[str, int]]]:
    """Yield the conversions to make: options, and at which output each method stands."""
    if "predict" not in recorded:
        if "transform" in recorded:
            yield {}, {"transform": 0}
        return
    scores = next((name for name in _SCORES if name in recorded), "")
    found = {"predict": 0, **({scores: 1} if scores else {})}
    if scores == "predict_proba" and "predict_log_proba" in recorded:
        found["predict_log_proba"] = 1
    yield ({"zipmap": False} if scores in _SCORES[:2] else {}), found
    if scores == "predict_proba" and "decision_function" in recorded:
        yield {"zipmap": False, "raw_scores": True}, {"decision_function": 1}


# -- the converter -------------------------------------------------------------------------------------------------


def _convert(model: Any, request: Request, options: Mapping[str, bool], precision: str) -> tuple[Any, list[str]]:
    """Return the model's graph as skl2onnx makes it, and the inputs it was told of.

    One input of all columns; where that has no form, one for each column, as steps that choose columns by name want it.
    A converter of the caller's may not know the options; then it is asked without, where that asks for the same.

    Raises:
        Unsupported: It makes none, with what it says.
    """
    try:
        from skl2onnx import convert_sklearn
        from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType
    except ImportError as error:
        raise Unsupported("it is not installed: pip install 'amber[freeze]'") from error
    number = FloatTensorType if precision == "float32" else DoubleTensorType
    whole = [("numbers", number([None, request.width]))]
    single = [(str(name), number([None, 1])) for name in request.names or ()]
    last = model.steps[-1][1] if hasattr(model, "steps") else model
    chosen = {id(each): dict(options) for each in (model, last)}
    ways = [chosen, None] if options and "raw_scores" not in options else [chosen if options else None]
    said = ""
    for inputs, given in itertools.product([whole, single] if single else [whole], ways):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # noqa: TID251 - around this one call
                made = convert_sklearn(
                    model, initial_types=inputs, options=given, target_opset={"": OPSET, ML: ML_OPSET}
                )
            return made, [name for name, _ in inputs]
        except Exception as error:  # a converter's code may raise whatever it likes
            said = said or f"{type(error).__name__}: {str(error).strip()[:300]}"
    raise Unsupported(said)


# -- the graph -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Value:
    """One output of a converter's graph: its new name, ONNX dtype, number of columns where it is known."""

    name: str
    kind: int
    axes: tuple[int, ...]  # -1 where unknown


@dataclass
class _Built:
    """A graph of Amber's form, built of converters' graphs: values named by order, nothing of who made them."""

    width: int
    precision: str
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)
    outputs: list[onnx.ValueInfoProto] = field(default_factory=list)
    widest: int = 1
    count: int = 0

    def take(self, model: Any, told: list[str]) -> list[_Value]:
        """Take over a converter's graph; return its outputs. `told`: all columns in one input, or each in its own.

        Raises:
            Unsupported: It holds graphs inside nodes, or other inputs than it was told of.
        """
        try:
            return self._taken(model.graph, told)
        except (AttributeError, KeyError, TypeError, ValueError) as error:  # of the protobuf, or of a converter's idea
            raise Unsupported(f"its graph is not in order: {type(error).__name__}: {error}") from error

    def _taken(self, graph: Any, told: list[str]) -> list[_Value]:
        names: dict[str, str] = {"": ""}
        for tensor in graph.initializer:
            mine = numpy_helper.from_array(numpy_helper.to_array(tensor), self._new("c"))
            names[tensor.name] = mine.name
            self.constants.append(mine)
            self.widest = max([self.widest, *tensor.dims])
        for place, name in enumerate(told):
            names[name] = "numbers" if len(told) == 1 else self._column(place)
        for node in graph.node:
            self._node(node, names)
        return [_value(each, names) for each in graph.output]

    def _new(self, letter: str) -> str:
        self.count += 1
        return f"{letter}{self.count}"

    def _node(self, node: onnx.NodeProto, names: dict[str, str]) -> None:
        made = onnx.NodeProto(op_type=node.op_type, domain="" if node.domain == "ai.onnx" else node.domain)
        made.input.extend(names[name] for name in node.input)
        for name in node.output:
            names[name] = self._new("n") if name else ""
            made.output.append(names[name])
        made.name = next(filter(None, made.output), "")
        for attribute in sorted(node.attribute, key=lambda each: each.name):
            if attribute.HasField("g") or attribute.graphs:
                raise Unsupported(f"a graph inside of {node.op_type}")
            kept = made.attribute.add()
            kept.CopyFrom(attribute)
            kept.ClearField("doc_string")
            if kept.HasField("t"):
                kept.t.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(attribute.t)))
        self.nodes.append(made)

    def _column(self, place: int) -> str:
        return self._made("Gather", "numbers", self._constant(np.array([place], np.int64)), axis=1)

    def _constant(self, value: Any) -> str:
        tensor = numpy_helper.from_array(value, self._new("c"))
        self.constants.append(tensor)
        return str(tensor.name)

    def _made(self, kind: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        name = self._new("n")
        self.nodes.append(helper.make_node(kind, list(inputs), [name], name, domain=domain, **attributes))
        return name

    def answer(self, method: str, value: _Value, recorded: Answer, model: Any) -> Part:
        """Name a value as the answer of a method, in the shape the original answers in; labels as index of the class.

        Raises:
            Unsupported: It is not of a kind that a program answers.
        """
        name, kind = value.name, value.kind
        classes: tuple[Any, ...] = ()
        if method == "predict" and recorded.labels and hasattr(model, "classes_"):
            name, classes = self._index(value, model.classes_), (model.classes_,)
            kind = TensorProto.INT64
        if kind not in (TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.INT64, TensorProto.INT32):
            raise Unsupported(f"{method} answers what is no number")
        if method == "predict_log_proba":
            name = self._made("Log", name)
        shape = _columns(recorded)
        if method == "decision_function" and not shape and value.axes[1:] == (2,):  # of two classes it has both
            name = self._made("Gather", name, self._constant(np.array(1, np.int64)), axis=1)
        name = self._made("Reshape", name, self._constant(np.array([-1, *shape], np.int64)))
        self.nodes.append(helper.make_node("Identity", [name], [method], method))
        self.outputs.append(helper.make_tensor_value_info(method, kind, ["N", *shape]))
        return Part(method, "int64" if classes else self.precision, classes)

    def _index(self, value: _Value, classes: Any) -> str:
        """Look up the place of a label among the classes; a label that is none of them has the place after the last."""
        labels = [_label(each, value.kind) for each in np.asarray(classes).tolist()]
        keys = "keys_strings" if value.kind == TensorProto.STRING else "keys_int64s"
        name = self._made("Cast", value.name, to=TensorProto.INT64) if value.kind == TensorProto.INT32 else value.name
        table = {keys: labels, "values_int64s": list(range(len(labels))), "default_int64": len(labels)}
        return self._made("LabelEncoder", name, domain=ML, **table)

    def finished(self, limits: Limits) -> bytes:
        """Return the bytes: only what an answer needs, and nothing of the converter, its version or its names.

        A program in float64 holds nothing that computes in float32 whatever it is given: labels that such a graph and
        its model agree on in every case may differ on the next row.

        Raises:
            Unsupported: It is not a graph that a program may run.
        """
        given = TensorProto.FLOAT if self.precision == "float32" else TensorProto.DOUBLE
        inputs = [helper.make_tensor_value_info("numbers", given, ["N", self.width])]
        outputs = sorted(self.outputs, key=lambda each: each.name)
        graph = helper.make_graph(self.nodes, "amber", inputs, outputs, self.constants)
        imports = [helper.make_opsetid("", OPSET), helper.make_opsetid(ML, ML_OPSET)]
        whole = helper.make_model(graph, opset_imports=imports, ir_version=IR, producer_name="amber")
        try:
            data = wire.pruned(whole.SerializeToString(deterministic=True), [each.name for each in outputs], limits)
            found = check_graph(data, limits).operators
        except (AmberError, ValueError) as error:  # ValueError: of the protobuf, for more than 2 GiB
            raise Unsupported(f"its graph may not be run: {error}") from error
        kinds = sorted(name.partition(":")[2] for name in found if name.startswith(ML))
        if self.precision == "float64" and (narrow := [kind for kind in kinds if kind in _SINGLE]):
            raise Unsupported(f"its {narrow[0]} computes in float32 whatever it is given")
        return data


def _value(info: onnx.ValueInfoProto, names: Mapping[str, str]) -> _Value:
    tensor = info.type.tensor_type
    axes = tuple(each.dim_value if each.HasField("dim_value") and each.dim_value else -1 for each in tensor.shape.dim)
    return _Value(names[info.name], tensor.elem_type, axes)


def _label(label: Any, kind: int) -> str | int:
    """Return a class as the converter's graph names it.

    Raises:
        Unsupported: It cannot be told from others there.
    """
    if kind == TensorProto.STRING and isinstance(label, str):
        return label
    whole = isinstance(label, bool | int) or (isinstance(label, float) and label.is_integer())
    if kind in (TensorProto.INT64, TensorProto.INT32) and whole and abs(label) < 2**31:
        return int(label)
    raise Unsupported(f"the class {label!r}")


def _columns(answer: Answer) -> tuple[int, ...]:
    """Return the axes of a recorded answer after the first."""
    if answer.layout == "frame":
        return (len(frames.body(answer.columns)),)
    return tuple(answer.columns[0].shape[1:])


# -- refusals ------------------------------------------------------------------------------------------------------


def _rules(evidence: Evidence, width: int) -> list[plans.Rule]:
    """Return what the original refuses, as the cases show it: what was never answered is refused."""
    answered = {group.kind for group in evidence.groups for answer in group.answers if answer.layout}
    missing, infinite, extreme = (kind in answered for kind in ("missing", "infinite", "extreme"))
    names: list[plans.RuleName] = []
    if not missing and not infinite:
        names.append("finite")
    elif not missing:
        names.append("not-missing")
    elif not infinite:
        names.append("no-infinity")
    if not infinite and not extreme:
        names.append("float32")
    return [plans.Rule(rule=name, columns=list(range(width))) for name in names]
