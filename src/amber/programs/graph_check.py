"""Is this graph one that a program may run? Checked before any session is made, whoever wrote the bytes.

In: a graph's bytes. Out: `Checked`, or a refusal with a code. Called by `session` and whoever opens a program.
Checked here: nothing outside of the graph, no functions, only the operators of `operators.json` with their attributes,
every value there before it is read, constants of exactly their size, sizes that parameters alone ask for. What data ask
for is bounded while it runs: `session`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import msgspec

from amber.errors import FormatError, LimitError
from amber.limits import DEFAULT, Limits
from amber.programs import graph_rules, graph_values, wire
from amber.programs.graph_node import Asked
from amber.programs.graph_sizes import Sizes
from amber.programs.graph_values import Array

IR_VERSIONS = range(4, 11)
OPSETS = {"": range(7, 22), "ai.onnx.ml": range(1, 6)}
# AttributeProto.type: name of the type, field that holds it.
_HELD = {
    1: ("FLOAT", "f"), 2: ("INT", "i"), 3: ("STRING", "s"), 4: ("TENSOR", "t"), 6: ("FLOATS", "floats"),
    5: ("GRAPH", "g"), 7: ("INTS", "ints"), 8: ("STRINGS", "strings"),
}  # fmt: skip
_FIELDS = ("f", "i", "s", "t", "g", "floats", "ints", "strings", "tensors", "graphs")
_VARIADIC = 1000  # more inputs than an operator names one by one: none of them may be left out
NAMES = {
    graph_values.FLOAT: "float32", graph_values.DOUBLE: "float64", graph_values.INT64: "int64",
    graph_values.INT32: "int32", graph_values.BOOL: "bool", graph_values.STRING: "string",
    graph_values.UINT8: "uint8", graph_values.INT8: "int8",
}  # fmt: skip


class Declared(msgspec.Struct, frozen=True):
    """An input or output: dtype, and axes where they are declared, -1 for one without a size."""

    dtype: str
    shape: tuple[int, ...] | None


class Checked(msgspec.Struct, frozen=True):
    """A graph that may run."""

    model: wire.Model
    graph: wire.Graph
    bytes: int
    inputs: dict[str, Declared]
    outputs: dict[str, Declared]
    operators: frozenset[str]


@cache
def operators() -> dict[str, dict[str, Any]]:
    """Return the closed table: domain -> operator -> counts of inputs and outputs, attributes."""
    path = os.path.join(os.path.dirname(__file__), "operators.json")  # importlib.resources takes longer than the graph
    with open(path, "rb") as file:
        found: dict[str, dict[str, Any]] = msgspec.json.decode(file.read())
    return found


def check_graph(data: bytes | memoryview, limits: Limits = DEFAULT) -> Checked:
    """Check a graph.

    Raises:
        FormatError: It is not a graph that may run.
        LimitError: Something in it is larger than the limits allow.
    """
    model = wire.walk(data, limits)
    graph = model.graph
    if graph is None:
        raise FormatError("program-invalid", "there is no graph")
    _versions(model)
    if model.functions or model.training_info:
        raise FormatError("program-functions", "functions or training information")
    _Check(graph, frozenset(each.domain for each in model.opset_import), limits).run()
    return Checked(
        model=model, graph=graph, bytes=len(data), inputs={each.name: declared(each) for each in graph.input},
        outputs={each.name: declared(each) for each in graph.output},
        operators=frozenset(f"{node.domain}:{node.op_type}" for node in graph.node),
    )  # fmt: skip


def check_interface(checked: Checked, inputs: Mapping[str, tuple[str, int]], outputs: Sequence[str]) -> None:
    """Check that a graph takes and gives what a plan expects.

    Args:
        checked: The graph.
        inputs: Name -> dtype and number of axes. The graph may leave some out, and has no others.
        outputs: Names; the graph has exactly these.

    Raises:
        FormatError: `program-interface`.
    """
    for name, found in checked.inputs.items():
        if name not in inputs:
            _interface("an input that the plan does not have", name)
        dtype, rank = inputs[name]
        if found.dtype != dtype or found.shape is None or len(found.shape) != rank:
            _interface(f"the plan gives {dtype} of {rank} axes, the graph takes {found.dtype} {found.shape}", name)
    for name in sorted(set(checked.outputs) ^ set(outputs)):
        _interface("an output that only one of graph and plan has", name)


def _interface(message: str, where: str) -> None:
    raise FormatError("program-interface", message, where=where)


def declared(value: wire.ValueInfo) -> Declared:
    """Return what a graph says of an input or output."""
    tensor = value.type.tensor_type if value.type else None
    if tensor is None or tensor.elem_type not in NAMES:
        raise FormatError("program-interface", "not a tensor of a type a program may use", where=value.name)
    shape = None
    if tensor.shape is not None:
        for each in tensor.shape.dim:
            if each.dim_value is not None and (each.dim_param is not None or each.dim_value < 0):
                raise FormatError("program-interface", "an axis of two sizes, or of a negative one", where=value.name)
        shape = tuple(-1 if each.dim_value is None else each.dim_value for each in tensor.shape.dim)
    return Declared(NAMES[tensor.elem_type], shape)


def _versions(model: wire.Model) -> None:
    if model.ir_version not in IR_VERSIONS:
        raise FormatError("program-opset", f"IR version {model.ir_version}")
    found: dict[str, int] = {}
    for each in model.opset_import:
        if found.setdefault(each.domain, each.version) != each.version:
            raise FormatError("program-opset", f"two versions of the operators {each.domain!r}")
        if each.version not in OPSETS.get(each.domain, ()):
            raise FormatError("program-opset", f"version {each.version} of the operators {each.domain!r}")


class _Check:
    """One pass over a graph, in the order in which it runs; `inside` another where it is the body of a loop."""

    def __init__(
        self, graph: wire.Graph, domains: frozenset[str], limits: Limits, around: _Check | None = None
    ) -> None:
        self.graph = graph
        self.domains = domains
        self.limits = limits
        self.inside = around is not None
        self.names: set[str] = set()
        self.outer: set[str] = around.names if around else set()  # not to be hidden; two bodies may use one name
        self.count: list[int] = around.count if around else [0]
        self.constants: dict[str, wire.Tensor] = {}
        self.sizes = Sizes(self.constant)

    def run(self) -> None:
        """Check everything."""
        graph = self.graph
        self.count[0] += len(graph.node)
        if self.count[0] > self.limits.program_nodes:
            raise LimitError("limit-program-nodes", f"more than {self.limits.program_nodes} nodes")
        if len(graph.initializer) > self.limits.program_tensors:
            raise LimitError("limit-program-tensors", f"{len(graph.initializer)} constants")
        if graph.sparse_initializer:
            raise FormatError("program-tensor", "a sparse constant")
        for tensor in graph.initializer:
            self.new(tensor.name, f"initializer {tensor.name}")
            graph_values.array(tensor, self.limits, f"initializer {tensor.name}")
            self.constants[tensor.name] = tensor
        for value in graph.input:
            self.new(value.name, f"input {value.name}")
            found = declared(value)
            if self.inside:
                continue
            if found.shape is None:  # onnxruntime 1.31 ends the process on Concat of different numbers of axes
                raise FormatError("program-interface", "an input without a number of axes", where=value.name)
            if found.dtype == "int64":
                self.sizes.given(value.name)
        for number, node in enumerate(graph.node):
            self.node(node, f"node {number} ({node.op_type})")
        self.ends()

    def constant(self, name: str) -> Array | None:
        """Return the value of a constant."""
        tensor = self.constants.get(name)
        return None if tensor is None else graph_values.array(tensor, self.limits, name)

    def new(self, name: str, where: str) -> None:
        """Take note of a value."""
        if not name or name in self.names or name in self.outer:
            raise FormatError("program-order", "two values of one name, or one without", where=where)
        self.names.add(name)

    def node(self, node: wire.Node, where: str) -> None:
        """Check one node."""
        row = operators().get(node.domain, {}).get(node.op_type)
        if row is None or node.domain not in self.domains or node.overload:
            raise FormatError("program-operator", f"the operator {node.domain}:{node.op_type}", where=where)
        for names, (least, most) in ((node.input, row["inputs"]), (node.output, row["outputs"])):
            if not least <= len(names) <= most or "" in (names if most > _VARIADIC else names[:least]):
                raise FormatError("program-operator", f"{len(names)} inputs or outputs", where=where)
        for name in node.input:
            if name and name not in self.names:
                raise FormatError("program-order", f"{name} is read before it is there", where=where)
        _attributes(node, row["attributes"], where)
        asked = Asked(node, where, self.limits, self.constant, self.sizes.bound)
        graph_rules.check(asked)
        if node.op_type == "Loop":
            self.loop(asked)
        for name in node.output:
            if name:
                self.new(name, where)
        self.sizes.made(node)
        if node.op_type == "Constant" and node.attribute[0].t is not None:
            self.constants[node.output[0]] = node.attribute[0].t

    def loop(self, node: Asked) -> None:
        """Check a loop: so many rounds at most, a body that reads nothing around it, and no other loop in that."""
        body = node.attributes["body"].g if "body" in node.attributes else None
        if self.inside or body is None:
            raise FormatError("program-functions", "a loop inside a loop, or without a body", where=node.where)
        most, states = node.input(0), len(node.node.input) - 2
        if most is None or most.size != 1 or most.dtype.kind != "i" or most.ravel()[0] < 0:
            node.fail("the number of rounds is not a constant")
        if most.ravel()[0] > self.limits.program_rounds:
            raise LimitError("limit-program-rounds", f"{most.ravel()[0]} rounds", where=node.where)
        if (len(body.input), len(body.output), len(node.node.output)) != (states + 2, states + 1, states):
            node.fail("a loop gives back its states and nothing else")
        _Check(body, self.domains, self.limits, self).run()

    def ends(self) -> None:
        """Check outputs, and what is said of values in between."""
        met: set[str] = set()
        for value in self.graph.output:
            if value.name not in self.names or value.name in met:
                raise FormatError("program-order", "an output that no node makes, or twice", where=value.name)
            met.add(value.name)
            declared(value)
        for value in self.graph.value_info:
            if value.name not in self.names:
                raise FormatError("program-order", "a type of a value that is not there", where=value.name)
            declared(value)
        if not self.graph.output:
            raise FormatError("program-order", "no outputs")


def _attributes(node: wire.Node, known: Mapping[str, str], where: str) -> None:
    """Check that attributes are known, of their type, and there once."""
    met: set[str] = set()
    for each in node.attribute:
        kind, field = _HELD.get(each.type, ("", ""))
        held = [name for name in _FIELDS if getattr(each, name) not in (None, [])]
        if (each.g is not None or each.graphs) and known.get(each.name) != "GRAPH":
            raise FormatError("program-functions", "a graph inside a node", where=where)
        if each.name in met or not kind or known.get(each.name) != kind or each.ref_attr_name:
            raise FormatError("program-attribute", f"the attribute {each.name}", where=where)
        if held != [field] and (held or field not in ("floats", "ints", "strings")):
            raise FormatError("program-attribute", f"{each.name} is not held by its type", where=where)
        met.add(each.name)
