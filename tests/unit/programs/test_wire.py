"""The walker sees what onnx sees, refuses every other spelling, copies nothing, and cuts a model down to an output."""

from __future__ import annotations

import random
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest

from amber.errors import AmberError, FormatError, LimitError
from amber.limits import DEFAULT
from amber.programs import wire

np = pytest.importorskip("numpy")
onnx = pytest.importorskip("onnx")

from onnx import helper, numpy_helper  # noqa: E402 - only where onnx is installed

from fuzz import graphs  # noqa: E402

SEEDS = graphs.seeds(with_emitted=False)


def two_outputs() -> Any:
    nodes = [
        helper.make_node("MatMul", ["X", "w"], ["p"]),
        helper.make_node("Softmax", ["p"], ["proba"]),
        helper.make_node("Add", ["other", "b"], ["moved"]),
    ]
    return graphs.graph(
        nodes,
        {"w": np.ones((4, 2)), "b": np.ones(4), "unused": np.ones(2)},
        {"X": (11, ["N", 4]), "other": (11, ["N", 4])},
        {"proba": 11, "moved": 11, "p": 11},
    )


@pytest.mark.parametrize("number", range(len(SEEDS)))
def test_it_sees_what_onnx_sees(number: int) -> None:
    data = SEEDS[number]
    theirs, mine = onnx.load_model_from_string(data), wire.walk(data)
    assert mine.graph is not None
    assert [(o.domain, o.version) for o in mine.opset_import] == [(o.domain, o.version) for o in theirs.opset_import]
    assert mine.ir_version == theirs.ir_version
    for a, b in zip(mine.graph.node, theirs.graph.node, strict=True):
        assert (a.op_type, a.domain, a.input, a.output) == (b.op_type, b.domain, list(b.input), list(b.output))
        for x, y in zip(a.attribute, b.attribute, strict=True):
            assert (x.name, x.type, x.i or 0) == (y.name, y.type, y.i)
            assert wire.integers(x.ints or wire.NOTHING) == list(y.ints)
            assert [bytes(each) for each in wire.strings(x.strings or wire.NOTHING)] == list(y.strings)
            assert (x.floats.count if x.floats else 0) == len(y.floats)
    for t, u in zip(mine.graph.initializer, theirs.graph.initializer, strict=True):
        assert (t.name, t.shape, t.data_type) == (u.name, tuple(u.dims), u.data_type)
        assert bytes(t.raw_data or b"") == u.raw_data


def test_values_are_views() -> None:
    data = graphs.graph([helper.make_node("Add", ["X", "w"], ["Y"])], {"w": np.ones((1000, 4))})
    tensor = wire.walk(data).graph.initializer[0]  # type: ignore[union-attr]
    assert tensor.raw_data is not None
    assert tensor.raw_data.obj is data
    assert tensor.raw_data.readonly


def field(number: int, kind: int, payload: bytes) -> bytes:
    return wire.varint(number << 3 | kind) + (wire.varint(len(payload)) if kind == 2 else b"") + payload


def in_graph(payload: bytes) -> bytes:
    return b"\x08\x0a" + field(7, 2, payload)


def in_tensor(payload: bytes) -> bytes:
    return in_graph(field(5, 2, payload))


def in_attribute(payload: bytes) -> bytes:
    return in_graph(field(1, 2, field(5, 2, payload)))


REFUSED = {
    "cut tag": b"\x80", "cut number": b"\x08\x80", "long number": b"\x08\x8a\x00",
    "eleven bytes": b"\x08" + b"\xff" * 10 + b"\x01",
    "65 bits": b"\x08" + b"\xff" * 9 + b"\x02", "unknown field": b"\x08\x0a\x48\x01", "configuration": field(26, 2,
    b""),
    "field 0": b"\x00\x00", "twice": b"\x08\x0a\x08\x0a", "two graphs": field(7, 2, b"") * 2, "group": b"\x0b\x0c",
    "another form": field(1, 2, b"\x01"), "too long": b"\x3a\x7f", "long length": b"\x3a\x80\x00",
    "not UTF-8": field(2, 2, b"\xff"), "surrogate": field(2, 2, b"\xed\xa0\x80"),
    "quantization": in_graph(field(14, 2, b"")), "segment": in_tensor(field(3, 2, b"")),
    "packed dims": in_tensor(field(1, 2, b"\x01\x02")), "dims in two runs": in_tensor(b"\x08\x01\x10\x01\x08\x01"),
    "long dim": in_tensor(b"\x08\x81\x00"), "cut dim": in_tensor(b"\x08\x81"), "unpacked floats": in_tensor(field(4, 5,
    b"abcd")),
    "raw twice": in_tensor(field(9, 2, b"a") * 2), "packed ints": in_attribute(field(8, 2, b"\x01")),
    "sparse attribute": in_attribute(field(22, 2, b"")), "type attribute": in_attribute(field(14, 2, b"")),
    "cut float": in_attribute(b"\x15\x00\x00"), "cut floats": in_attribute(b"\x3d\x00\x00"),
    "cut strings": in_attribute(b"\x4a\x05a"), "strings in two runs": in_attribute(b"\x4a\x01a\x18\x01\x4a\x01a"),
    "sequence type": in_graph(field(11, 2, field(2, 2, field(4, 2, b"")))),
    "map type": in_graph(field(11, 2, field(2, 2, field(5, 2, b"")))),
    "device of a node": in_graph(field(1, 2, field(10, 2, b""))),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_another_spelling_is_refused(name: str) -> None:
    with pytest.raises(FormatError) as caught:
        wire.walk(REFUSED[name])
    assert caught.value.code == "program-invalid"


def test_caps() -> None:
    data = SEEDS[0]
    for change, code in (
        ({"program_bytes": len(data) - 1}, "limit-program-bytes"), ({"program_parts": 20}, "limit-program-parts"),
        ({"program_text_bytes": 5}, "limit-program-text-bytes"),
    ):  # fmt: skip
        with pytest.raises(LimitError) as caught:
            wire.walk(data, replace(DEFAULT, **change))
        assert caught.value.code == code
    deep = b""
    for _ in range(40):
        deep = field(1, 2, field(5, 2, field(6, 2, deep)))
    with pytest.raises(LimitError) as caught:
        wire.walk(b"\x08\x0a" + field(7, 2, deep))
    assert caught.value.code == "limit-program-depth"


def test_many_empty_nodes_do_not_fill_the_memory() -> None:
    with pytest.raises(LimitError) as caught:
        wire.walk(field(7, 2, b"\x0a\x00" * 2_000_000), replace(DEFAULT, program_parts=10_000))
    assert caught.value.code == "limit-program-parts"


def test_any_bytes_give_a_model_or_a_refusal() -> None:
    rng = random.Random(0)
    opened = 0
    for _ in range(3000):
        data = bytearray(rng.choice(SEEDS))
        for _ in range(rng.randint(1, 3)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        try:
            wire.walk(bytes(data))
            opened += 1
        except AmberError:
            continue
        # what the walker takes, protobuf takes too
        onnx.load_model_from_string(bytes(data))
    assert opened > 300


def test_negative_and_large_numbers() -> None:
    numbers = [0, 1, -1, 127, 128, 2**31, -(2**31), 2**63 - 1, -(2**63)]
    node = helper.make_node("Z", ["X"], ["Y"], a=numbers, b=-(2**63))
    attributes = wire.walk(graphs.graph([node])).graph.node[0].attribute  # type: ignore[union-attr]
    assert attributes[0].ints is not None
    assert wire.integers(attributes[0].ints) == numbers
    assert attributes[1].i == -(2**63)


def test_a_model_for_one_output() -> None:
    data = two_outputs()
    cut = wire.pruned(data, ["proba"])
    model = onnx.load_model_from_string(cut)
    assert [node.op_type for node in model.graph.node] == ["MatMul", "Softmax"]
    assert [each.name for each in model.graph.initializer] == ["w"]
    assert [each.name for each in model.graph.input] == ["X"]
    assert [each.name for each in model.graph.output] == ["proba"]
    assert wire.pruned(cut, ["proba"]) == cut == wire.pruned(wire.walk(data), ["proba"])
    both = onnx.load_model_from_string(wire.pruned(data, ["moved", "p"]))
    assert [each.name for each in both.graph.output] == ["moved", "p"]
    assert [each.name for each in both.graph.input] == ["X", "other"]
    assert numpy_helper.to_array(both.graph.initializer[0]).shape == (4, 2)


def test_a_loop_stays_whole() -> None:
    cut = onnx.load_model_from_string(wire.pruned(graphs.loop(), ["Y"]))
    assert cut.graph == onnx.load_model_from_string(graphs.loop()).graph


def test_an_output_that_is_not_there() -> None:
    with pytest.raises(FormatError) as caught:
        wire.pruned(two_outputs(), ["proba", "nothing"])
    assert caught.value.code == "program-invalid"


def test_it_is_inert() -> None:
    code = "import sys, amber.programs.wire; print([m for m in ('numpy', 'onnx', 'onnxruntime') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
