"""An ONNX graph under construction: tensors with the operators of Python, constants by content, names by order.

Emission is a pure function of what is emitted: nodes and constants are named in the order they are first asked for,
equal constants and equal nodes are one, and the protobuf is written deterministically.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET, ML_OPSET, IR = 18, 5, 10
ML = "ai.onnx.ml"

Dtype = Literal["float64", "float32", "int64", "int32", "bool", "string"]
Precision = Literal["float64", "float32"]
_ONNX: dict[str, int] = {
    "float64": TensorProto.DOUBLE, "float32": TensorProto.FLOAT, "int64": TensorProto.INT64,
    "int32": TensorProto.INT32, "bool": TensorProto.BOOL, "string": TensorProto.STRING,
}  # fmt: skip


class Unsupported(Exception):  # noqa: N818 - says what, not that something went wrong
    """This model, or this method of it, has no form as a graph; the text says why, for a person."""


@dataclass(frozen=True, eq=False)
class Tensor:
    """One value of the graph: its name and dtype. `+ - * / @` and comparisons append nodes; `==` compares values."""

    graph: Graph
    name: str
    dtype: Dtype
    __array_ufunc__ = None  # an array on the left leaves the operation to this side

    def __add__(self, other: Operand) -> Tensor:
        return self.graph.binary("Add", self, other)

    def __radd__(self, other: Operand) -> Tensor:
        return self.graph.binary("Add", other, self)

    def __sub__(self, other: Operand) -> Tensor:
        return self.graph.binary("Sub", self, other)

    def __rsub__(self, other: Operand) -> Tensor:
        return self.graph.binary("Sub", other, self)

    def __mul__(self, other: Operand) -> Tensor:
        return self.graph.binary("Mul", self, other)

    def __rmul__(self, other: Operand) -> Tensor:
        return self.graph.binary("Mul", other, self)

    def __truediv__(self, other: Operand) -> Tensor:
        return self.graph.binary("Div", self, other)

    def __rtruediv__(self, other: Operand) -> Tensor:
        return self.graph.binary("Div", other, self)

    def __matmul__(self, other: Operand) -> Tensor:
        return self.graph.binary("MatMul", self, other)

    def __neg__(self) -> Tensor:
        return self.graph.op("Neg", self)

    def __lt__(self, other: Operand) -> Tensor:  # type: ignore[misc]
        return self.graph.binary("Less", self, other, "bool")

    def __le__(self, other: Operand) -> Tensor:  # type: ignore[misc]
        return self.graph.binary("LessOrEqual", self, other, "bool")

    def __gt__(self, other: Operand) -> Tensor:  # type: ignore[misc]
        return self.graph.binary("Greater", self, other, "bool")

    def __ge__(self, other: Operand) -> Tensor:  # type: ignore[misc]
        return self.graph.binary("GreaterOrEqual", self, other, "bool")

    def equal(self, other: Operand) -> Tensor:
        """Return where both are equal, as bool."""
        return self.graph.binary("Equal", self, other, "bool")

    def __or__(self, other: Tensor) -> Tensor:
        return self.graph.op("Or", self, other)

    def __and__(self, other: Tensor) -> Tensor:
        return self.graph.op("And", self, other)

    def __invert__(self) -> Tensor:
        return self.graph.op("Not", self)

    def cast(self, dtype: Dtype) -> Tensor:
        """Return the tensor as another dtype; itself where it has it."""
        return self if dtype == self.dtype else self.graph.op("Cast", self, dtype=dtype, to=_ONNX[dtype])


Operand = Tensor | np.ndarray[Any, Any] | float | int


class Graph:
    """Nodes, constants, inputs and outputs, in the order they were asked for."""

    def __init__(self, precision: Precision = "float64") -> None:
        self.precision: Precision = precision
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[tuple[str, tuple[int, ...], bytes], str] = {}
        self._initializers: list[onnx.TensorProto] = []
        self._made: dict[Any, tuple[Tensor, ...]] = {}
        self._inputs: dict[str, tuple[Tensor, list[int | str]]] = {}
        self._outputs: dict[str, tuple[Tensor, list[int | str] | None]] = {}
        self._deferred: list[tuple[str, Any]] = []
        self._truths: dict[str, bool] = {}
        self.widest = (
            1  # numbers that some step holds for each row: columns of a product, of a table, of what is spread
        )

    # -- leaves ----------------------------------------------------------------------------------------------------

    def input(self, name: str, dtype: Dtype, shape: Sequence[int | str]) -> Tensor:
        """Return the graph input of a name; the second call gives the same one."""
        if name not in self._inputs:
            self._inputs[name] = (Tensor(self, name, dtype), list(shape))
        return self._inputs[name][0]

    def const(self, value: Any, dtype: Dtype | None = None) -> Tensor:
        """Return a constant; without `dtype` floats take the precision of the program and integers int64."""
        array = np.asarray(value)
        if dtype is None:
            dtype = {"f": self.precision, "i": "int64", "u": "int64", "b": "bool"}[array.dtype.kind]
        with np.errstate(over="ignore"):  # in float32 a bound of doubles is infinite
            array = np.array(array, dtype=dtype, order="C")  # not ascontiguousarray: it makes scalars vectors
        if array.ndim > 1:
            self.widest = max(self.widest, array.shape[-1])
        key = (str(dtype), array.shape, array.tobytes())
        if key not in self._constants:
            name = self._constants[key] = f"c{len(self._constants)}"
            self._initializers.append(numpy_helper.from_array(array, name))
        return Tensor(self, self._constants[key], dtype)  # type: ignore[arg-type]

    def truth(self, holds: bool) -> Tensor:
        """Return a condition that is known now, bool [1]: `where` takes the one side and forgets the other."""
        known = self.const([holds])
        self._truths[known.name] = holds
        return known

    def later(self, dtype: Dtype, make: Any) -> Tensor:
        """Return a constant whose value, `make()`, is asked for when everything else is emitted (category tables)."""
        name = f"d{len(self._deferred)}"
        self._deferred.append((name, (dtype, make)))
        return Tensor(self, name, dtype)

    # -- nodes -----------------------------------------------------------------------------------------------------

    def ops(
        self,
        kind: str,
        *inputs: Operand | None,
        dtypes: Sequence[Dtype],
        domain: str = "",
        **attributes: Any,
    ) -> tuple[Tensor, ...]:
        """Append a node with several outputs and return them. None stands for an absent optional input."""
        given = [None if each is None else self.tensor(each) for each in inputs]
        names = ["" if each is None else each.name for each in given]
        big = any(isinstance(value, np.ndarray | list) and np.size(value) > 128 for value in attributes.values())
        key = (
            None
            if big
            else (
                kind,
                tuple(names),
                domain,
                repr(sorted(map(_exact, attributes.items()))),
                tuple(dtypes),
            )
        )
        if key is not None and key in self._made:
            return self._made[key]
        number = len(self._nodes)
        outs = tuple(
            Tensor(self, f"n{number}" if len(dtypes) == 1 else f"n{number}.{i}", dtype)
            for i, dtype in enumerate(dtypes)
        )
        node = onnx.NodeProto(op_type=kind, domain=domain, input=names, output=[out.name for out in outs])
        for name in sorted(attributes):
            node.attribute.append(_attribute(name, attributes[name]))
        self._nodes.append(node)
        if key is not None:
            self._made[key] = outs
        return outs

    def op(
        self,
        kind: str,
        *inputs: Operand | None,
        dtype: Dtype | None = None,
        domain: str = "",
        **attributes: Any,
    ) -> Tensor:
        """Append a node with one output and return it; its dtype is the first input's unless given.

        Python attributes become ONNX attributes (int, float, str, lists of them, NumPy arrays as tensors).
        """
        given = [None if each is None else self.tensor(each) for each in inputs]
        first: Dtype = next(each.dtype for each in given if each is not None) if dtype is None else dtype
        return self.ops(kind, *given, dtypes=[first], domain=domain, **attributes)[0]

    def tensor(self, value: Operand) -> Tensor:
        """Return `value` itself where it is a tensor, else the constant."""
        return value if isinstance(value, Tensor) else self.const(value)

    def binary(self, kind: str, left: Operand, right: Operand, dtype: Dtype | None = None) -> Tensor:
        """Append a node of two inputs; a plain number or array takes the dtype of the other side."""
        both = [left, right]
        known = next(each.dtype for each in both if isinstance(each, Tensor))
        given = [each if isinstance(each, Tensor) else self.const(each, known) for each in both]
        if given[0].dtype != given[1].dtype:
            raise TypeError(f"{kind} of {given[0].dtype} and {given[1].dtype}")
        return self.op(kind, *given, dtype=dtype or known)

    # -- what emitters use often -----------------------------------------------------------------------------------

    def where(self, condition: Tensor, yes: Operand, no: Operand) -> Tensor:
        """Return `yes` where the condition holds, else `no`."""
        known: Dtype = next(
            (each.dtype for each in (yes, no) if isinstance(each, Tensor)),
            self.precision,
        )
        sides = [each if isinstance(each, Tensor) else self.const(each, known) for each in (yes, no)]
        if condition.name in self._truths:
            return sides[0] if self._truths[condition.name] else sides[1]
        return self.op("Where", condition, *sides, dtype=known)

    def sum(self, value: Tensor, axis: int, keep: bool = False) -> Tensor:
        """Sum along one axis."""
        return self.op("ReduceSum", value, self.const([axis]), keepdims=int(keep))

    def max(self, value: Tensor, axis: int, keep: bool = False) -> Tensor:
        """Maximum along one axis."""
        return self.op("ReduceMax", value, self.const([axis]), keepdims=int(keep))

    def argmax(self, value: Tensor, axis: int = 1) -> Tensor:
        """Index of the first maximum along one axis, int64, that axis gone; ties as NumPy breaks them."""
        return self.op("ArgMax", value, dtype="int64", axis=axis, keepdims=0, select_last_index=0)

    def concat(self, values: Sequence[Tensor], axis: int = 1) -> Tensor:
        """Concatenate; of one tensor itself."""
        return values[0] if len(values) == 1 else self.op("Concat", *values, axis=axis)

    def columns(self, value: Tensor, positions: Sequence[int] | np.ndarray[Any, Any]) -> Tensor:
        """Return the given columns of a matrix [N, d]."""
        return self.op("Gather", value, self.const(np.asarray(positions, dtype=np.int64)), axis=1)

    def column(self, value: Tensor, position: int) -> Tensor:
        """Return one column of a matrix [N, d] as a vector [N]."""
        return self.op("Gather", value, self.const(np.int64(position)), axis=1)

    def expand(self, value: Tensor, axis: int = 1) -> Tensor:
        """Insert an axis of length one: [N] -> [N, 1]."""
        return self.op("Unsqueeze", value, self.const([axis]))

    def squeeze(self, value: Tensor, axis: int = 1) -> Tensor:
        """Drop an axis of length one: [N, 1] -> [N]."""
        return self.op("Squeeze", value, self.const([axis]))

    def softmax(self, value: Tensor) -> Tensor:
        """Softmax over the last axis, shifted by the maximum."""
        return self.op("Softmax", value, axis=-1)

    def sigmoid(self, value: Tensor) -> Tensor:
        """1 / (1 + exp(-x)), as SciPy computes it: the kernel `Sigmoid` gives 0 where the value is below 1e-16."""
        return 1.0 / (1.0 + self.op("Exp", -value))

    # -- the end ---------------------------------------------------------------------------------------------------

    def output(self, name: str, value: Tensor, shape: Sequence[int | str] | None = None) -> None:
        """Name a value as an output of the graph, with its shape where it is known ("N" is the number of rows)."""
        self._outputs[name] = (value, None if shape is None else list(shape))

    def finished(self) -> bytes:
        """Return the model's bytes: no date, version or process name in them, nodes no output needs left out."""
        late: dict[str, Any] = {}
        for name, (dtype, make) in self._deferred:
            late[name] = np.array(make(), dtype=dtype, order="C")
            self._initializers.append(numpy_helper.from_array(late[name], name))
        self._deferred.clear()
        nodes, outputs = list(self._nodes), []
        for name, (value, shape) in sorted(self._outputs.items()):
            # of two outputs with one value each needs a node of its own
            nodes.append(onnx.NodeProto(op_type="Identity", input=[value.name], output=[name]))
            outputs.append(helper.make_tensor_value_info(name, _ONNX[value.dtype], shape))
        nodes = _once(_without_whole_gathers(nodes, late), self._initializers, set(self._outputs))
        nodes = _kept_apart(nodes, self._single())
        nodes, needed = _needed(nodes, set(self._outputs))
        _name(nodes)
        inputs = [
            helper.make_tensor_value_info(name, _ONNX[tensor.dtype], shape)
            for name, (tensor, shape) in sorted(self._inputs.items())
        ]
        constants = [each for each in self._initializers if each.name in needed]
        graph = helper.make_graph(nodes, "amber", inputs, outputs, constants)
        imports = [helper.make_opsetid("", OPSET), helper.make_opsetid(ML, ML_OPSET)]
        model = helper.make_model(graph, opset_imports=imports, ir_version=IR, producer_name="amber")
        return bytes(model.SerializeToString(deterministic=True))

    def _single(self) -> dict[str, bool]:
        """Return the float64 constants of one element, and whether float32 can say each."""
        found = {}
        for each in self._initializers:
            if each.data_type == TensorProto.DOUBLE and all(side == 1 for side in each.dims):
                value = numpy_helper.to_array(each)
                with np.errstate(over="ignore"):
                    found[each.name] = bool(np.array_equal(value.astype(np.float32), value))
        return found


def _without_whole_gathers(nodes: list[onnx.NodeProto], late: dict[str, Any]) -> list[onnx.NodeProto]:
    """Take a step that reads every number column in order from the input itself."""
    read = [late[node.input[1]] for node in nodes if node.op_type == "Gather" and node.input[0] == "numbers"]
    width = max((int(each.max()) + 1 for each in read if each.size), default=0)
    same: dict[str, str] = {}
    kept = []
    for node in nodes:
        renamed = [same.get(name, name) for name in node.input]
        del node.input[:]
        node.input.extend(renamed)
        places = late.get(node.input[1]) if node.op_type == "Gather" and node.input[0] == "numbers" else None
        if places is not None and places.tolist() == [*range(width)]:
            same[node.output[0]] = "numbers"
        else:
            kept.append(node)
    return kept


def _once(nodes: list[onnx.NodeProto], constants: list[onnx.TensorProto], outputs: set[str]) -> list[onnx.NodeProto]:
    """Make nodes that compute the same of the same one: what two methods have in common was emitted for each."""
    same: dict[str, str] = {}
    known: dict[Any, onnx.NodeProto | str] = {}
    for constant in constants:
        first = known.setdefault((constant.data_type, tuple(constant.dims), constant.raw_data), constant.name)
        same[constant.name] = str(first)
    kept = []
    for node in nodes:
        renamed = [same.get(name, name) for name in node.input]
        del node.input[:]
        node.input.extend(renamed)
        attributes = b"".join(each.SerializeToString(deterministic=True) for each in node.attribute)
        key = (
            node.op_type,
            node.domain,
            tuple(renamed),
            len(node.output),
            hashlib.sha256(attributes).digest(),
        )
        first = known.setdefault(key, node)
        if first is node or not outputs.isdisjoint(node.output):
            kept.append(node)
        else:
            same.update(zip(node.output, first.output, strict=True))  # type: ignore[union-attr]
    return kept


def _kept_apart(nodes: list[onnx.NodeProto], single: dict[str, bool]) -> list[onnx.NodeProto]:
    """Spread factors beside a matrix product: onnxruntime would merge a scalar into the product, as a float32.

    `single` says of each constant of one element whether float32 can say it; factors of factors are merged too.
    """
    scaled = {
        node.output[0] for node in nodes if node.op_type in ("Mul", "Div") and not single.keys().isdisjoint(node.input)
    }
    products = {node.output[0] for node in nodes if node.op_type == "MatMul"}
    before = {name for node in nodes if node.op_type == "MatMul" or node.output[0] in scaled for name in node.input}
    kept = []
    for node in nodes:
        place = next(
            (place for place, name in enumerate(node.input) if not single.get(name, True)),
            None,
        )
        if place is not None and node.output[0] in scaled and len(node.input) == 2:
            other = node.input[1 - place]
            if node.output[0] in before or other in products or other in scaled:
                shape, spread = f"{node.output[0]}.shape", f"{node.output[0]}.factor"
                kept.append(onnx.NodeProto(op_type="Shape", input=[other], output=[shape]))
                kept.append(
                    onnx.NodeProto(
                        op_type="Expand",
                        input=[node.input[place], shape],
                        output=[spread],
                    )
                )
                node.input[place] = spread
        kept.append(node)
    return kept


def _name(nodes: Iterable[onnx.NodeProto]) -> None:
    """Call every node by its first output: onnxruntime 1.21 names what it fuses after it, and two without are one."""
    for node in nodes:
        node.name = node.output[0]
        for attribute in node.attribute:
            _name(attribute.g.node)


def _needed(nodes: list[onnx.NodeProto], wanted: set[str]) -> tuple[list[onnx.NodeProto], set[str]]:
    kept = []
    for node in reversed(nodes):
        if wanted.intersection(node.output):
            kept.append(node)
            wanted.update(node.input)
    return kept[::-1], wanted


def _exact(item: tuple[str, Any]) -> Any:
    """Return an attribute so that its text tells any two values apart: that of an array has eight digits."""
    name, value = item
    return (name, value.dtype.str, value.shape, value.tobytes()) if isinstance(value, np.ndarray) else item


def _attribute(name: str, value: Any) -> onnx.AttributeProto:
    if isinstance(value, np.ndarray):
        return helper.make_attribute(name, numpy_helper.from_array(np.ascontiguousarray(value), name))
    if isinstance(value, list) and value and type(value[0]) is int:  # without a look at each of a million
        return onnx.AttributeProto(name=name, type=onnx.AttributeProto.INTS, ints=value)
    return helper.make_attribute(name, value)
