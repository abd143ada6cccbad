"""Hostile graphs: every class of attack that is known for ONNX is refused with a code before a session is made."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

np = pytest.importorskip("numpy")
onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from onnx import AttributeProto, TensorProto, helper  # noqa: E402 - only where onnx is installed

from amber.errors import AmberError, FormatError  # noqa: E402
from amber.programs import session  # noqa: E402
from amber.programs.graph_check import check_graph  # noqa: E402
from fuzz import graphs  # noqa: E402
from fuzz.graphs import graph, loop, trees  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
n = helper.make_node
ML = "ai.onnx.ml"
ADD = [n("Add", ["X", "w"], ["Y"])]
TABLE: dict[str, tuple[str, Callable[[], bytes]]] = {}


def vector(code: str) -> Callable[[Callable[[], bytes]], Callable[[], bytes]]:
    """Name a graph that must be refused with a code."""

    def register(make: Callable[[], bytes]) -> Callable[[], bytes]:
        TABLE[make.__name__] = (code, make)
        return make

    return register


def edited(data: bytes, change: Callable[[Any], Any]) -> bytes:
    """Return a model after a change by onnx's own classes."""
    model = onnx.load_model_from_string(data)
    change(model)
    return bytes(model.SerializeToString())


def external(**entries: str) -> bytes:
    """Return a model whose constant lies in a file, as `onnx.external_data_helper` writes it."""

    def change(model: Any) -> None:
        tensor = model.graph.initializer[0]
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in entries.items():
            tensor.external_data.add(key=key, value=value)

    return edited(graph(ADD, {"w": np.ones(4)}), change)


# -- data outside of the graph: CVE-2022-25882, CVE-2024-27318, CVE-2026-27489, -34447, -34446, -34445 ---------------

for _name, _entries in {
    "external_parent": {"location": "../../../etc/passwd"}, "external_nested": {"location": "a/../../etc/passwd"},
    "external_absolute": {"location": "/etc/passwd"}, "external_plain": {"location": "weights.bin", "offset": "0",
    "length": "32"},
    "external_device": {"location": "/dev/zero"}, "external_url": {"location": "https://example.org/w"},
    "external_attribute_of_python": {"location": "w", "__class__": "x", "basepath": "/"},
    "external_without_entries": {},
}.items():  # fmt: skip
    TABLE[_name] = ("program-external-data", lambda entries=_entries: external(**entries))


@vector("program-external-data")
def external_entries_but_default_location() -> bytes:
    def change(model: Any) -> None:
        model.graph.initializer[0].external_data.add(key="location", value="w")

    return edited(graph(ADD, {"w": np.ones(4)}), change)


@vector("program-external-data")
def external_in_an_attribute() -> bytes:
    def change(model: Any) -> None:
        tensor = next(a for a in model.graph.node[0].attribute if a.name == "leaf_weights").t
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value="w")

    return edited(trees(), change)


@vector("program-external-data")
def external_in_a_loop() -> bytes:
    def change(model: Any) -> None:
        model.graph.node[0].attribute[0].g.initializer[0].external_data.add(key="location", value="w")

    return edited(loop(), change)


# -- code and graphs from elsewhere ------------------------------------------------------------------------------------


@vector("program-opset")
def custom_domain() -> bytes:
    return edited(graph(ADD, {"w": np.ones(4)}), lambda m: m.opset_import.add(domain="com.evil", version=1))


@vector("program-opset")
def contrib_domain() -> bytes:
    return edited(graph(ADD, {"w": np.ones(4)}), lambda m: m.opset_import.add(domain="com.microsoft", version=1))


@vector("program-operator")
def custom_operator() -> bytes:
    return graph([n("Run", ["X"], ["Y"], domain="com.evil")])


@vector("program-operator")
def the_other_name_of_the_domain() -> bytes:
    return graph([n("Add", ["X", "X"], ["Y"], domain="ai.onnx")])


@vector("program-operator")
def overload() -> bytes:
    return edited(graph(ADD, {"w": np.ones(4)}), lambda m: setattr(m.graph.node[0], "overload", "mine"))


@vector("program-functions")
def function() -> bytes:
    made = helper.make_function(
        "", "Add", ["A", "B"], ["C"], [n("Mul", ["A", "B"], ["C"])], [helper.make_opsetid("", 18)]
    )
    return edited(graph(ADD, {"w": np.ones(4)}), lambda m: m.functions.append(made))


@vector("program-functions")
def training() -> bytes:
    return edited(graph(ADD, {"w": np.ones(4)}), lambda m: m.training_info.add())


@vector("program-operator")
def branches() -> bytes:
    branch = helper.make_graph([n("Identity", ["X"], ["b"])], "b", [], [helper.make_tensor_value_info("b", 11, None)])
    return graph([n("If", ["c"], ["Y"], then_branch=branch, else_branch=branch)], {"c": np.bool_(True)})


@vector("program-operator")
def scan() -> bytes:
    body = helper.make_graph([n("Identity", ["a"], ["b"])], "b", [helper.make_tensor_value_info("a", 11, None)],
                             [helper.make_tensor_value_info("b", 11, None)])  # fmt: skip
    return graph([n("Scan", ["X"], ["Y"], body=body, num_scan_inputs=1)])


@vector("program-functions")
def graph_in_another_operator() -> bytes:
    body = onnx.load_model_from_string(loop()).graph.node[0].attribute[0].g
    return graph([n("Add", ["X", "X"], ["Y"], body=body)])


@vector("program-functions")
def loop_in_a_loop() -> bytes:
    def change(model: Any) -> None:
        body = model.graph.node[0].attribute[0].g
        inner = n(
            "Loop", ["one", "on", "s"], ["t"], body=onnx.load_model_from_string(loop()).graph.node[0].attribute[0].g
        )
        del body.node[1]
        body.node.append(inner)

    return edited(loop(), change)


@vector("program-order")
def loop_that_reads_what_is_around_it() -> bytes:
    return edited(loop(), lambda m: m.graph.node[0].attribute[0].g.node[1].input.__setitem__(1, "X"))


@vector("program-order")
def loop_that_hides_a_name() -> bytes:
    return edited(loop(), lambda m: setattr(m.graph.node[0].attribute[0].g.initializer[0], "name", "X"))


@vector("program-operator")
def loop_without_an_end() -> bytes:
    return edited(loop(), lambda m: m.graph.node[0].input.__setitem__(0, ""))


@vector("limit-program-rounds")
def loop_of_many_rounds() -> bytes:
    return loop(2**62)


@vector("program-opset")
def opset_of_the_future() -> bytes:
    return edited(graph(ADD, {"w": np.ones(4)}), lambda m: setattr(m.opset_import[0], "version", 22))


@vector("program-opset")
def two_versions_of_one_domain() -> bytes:
    return edited(graph(ADD, {"w": np.ones(4)}), lambda m: m.opset_import.add(domain="", version=13))


@vector("program-opset")
def version_of_the_format() -> bytes:
    return edited(graph(ADD, {"w": np.ones(4)}), lambda m: setattr(m, "ir_version", 11))


@vector("program-opset")
def constants_that_a_caller_may_replace() -> bytes:
    return edited(graph(ADD, {"w": np.ones(4)}), lambda m: setattr(m, "ir_version", 3))


# -- a few bytes that ask for much: GHSA-xfhx-r7ww-5995, keras PR#22975 ----------------------------------------------


@vector("program-tensor")
def declared_large_stored_small() -> bytes:
    return edited(graph(ADD, {"w": np.ones(4)}), lambda m: m.graph.initializer[0].dims.__setitem__(0, 2**20))


@vector("limit-program-elements")
def declared_huge() -> bytes:
    return edited(graph(ADD, {"w": np.ones(4)}), lambda m: m.graph.initializer[0].dims.__setitem__(0, 2**40))


@vector("limit-program-elements")
def dims_that_overflow() -> bytes:
    return edited(graph(ADD, {"w": np.ones(4)}), lambda m: m.graph.initializer[0].dims.extend([2**62, 4, 4]))


@vector("limit-program-elements")
def huge_and_empty() -> bytes:
    return edited(graph(ADD, {"w": np.ones(0)}), lambda m: m.graph.initializer[0].dims.extend([2**62]))


@vector("limit-program-rank")
def many_axes() -> bytes:
    return graph(ADD, {"w": np.ones((1,) * 9)})


@vector("program-tensor")
def negative_axis() -> bytes:
    return edited(graph(ADD, {"w": np.ones(4)}), lambda m: m.graph.initializer[0].dims.__setitem__(0, -4))


@vector("limit-program-targets")
def targets() -> bytes:
    return trees(n_targets=2**31 - 1)


@vector("limit-program-targets")
def no_targets() -> bytes:
    return trees(n_targets=0)


@vector("limit-program-elements")
def constant_of_shape() -> bytes:
    return graph([n("ConstantOfShape", ["s"], ["Y"])], {"s": np.array([2**20, 2**20])}, None, {"Y": 1})


@vector("limit-program-elements")
def constant_of_a_computed_shape() -> bytes:
    nodes = [n("Shape", ["X"], ["a"]), n("Mul", ["a", "k"], ["s"]), n("ConstantOfShape", ["s"], ["Y"])]
    return graph(nodes, {"k": np.array([2**20, 2**20])}, None, {"Y": 1})


@vector("limit-program-elements")
def constant_of_a_product() -> bytes:
    nodes = [n("Mul", ["k", "k"], ["a"]), n("Mul", ["a", "a"], ["s"]), n("ConstantOfShape", ["s"], ["Y"])]
    return graph(nodes, {"k": np.array([2**10])}, None, {"Y": 1})


@vector("program-attribute")
def a_size_out_of_data() -> bytes:
    nodes = [
        n("Exp", ["X"], ["e"]),
        n("Cast", ["e"], ["c"], to=7),
        n("ReduceMax", ["c"], ["s"]),
        n("ConstantOfShape", ["s"], ["Y"]),
    ]
    return graph(nodes, None, None, {"Y": 1})


@vector("program-attribute")
def a_size_out_of_rows() -> bytes:
    nodes = [n("Cast", ["X"], ["c"], to=7), n("ReduceMax", ["c"], ["s"]), n("ConstantOfShape", ["s"], ["Y"])]
    return graph(nodes, None, None, {"Y": 1})


@vector("limit-program-elements")
def expand() -> bytes:
    return graph([n("Expand", ["X", "s"], ["Y"])], {"s": np.array([2**40, 1, 4])})


@vector("limit-program-elements")
def tile() -> bytes:
    return graph([n("Tile", ["X", "s"], ["Y"])], {"s": np.array([2**20, 2**20])})


@vector("limit-program-elements")
def range_() -> bytes:
    return graph(
        [n("Range", ["a", "b", "c"], ["Y"])], {"a": np.int64(0), "b": np.int64(2**40), "c": np.int64(1)}, None, {"Y": 7}
    )


@vector("program-attribute")
def range_of_tiny_steps() -> bytes:
    return graph([n("Range", ["a", "b", "c"], ["Y"])], {"a": 0.0, "b": 1.0, "c": 1e-300})


@vector("limit-program-targets")
def text_columns() -> bytes:
    node = n("TfIdfVectorizer", ["X"], ["Y"], mode="TF", min_gram_length=1, max_gram_length=1, max_skip_count=0,
             ngram_counts=[0], ngram_indexes=[2**40], pool_strings=["a"])  # fmt: skip
    return graph([node], None, {"X": (8, ["N"])}, {"Y": 1})


@vector("limit-program-tree-depth")
def a_tree_as_a_chain() -> bytes:
    size = 60_000  # onnxruntime builds it by recursion, and ends
    return trees(
        nodes_featureids=[0] * size, nodes_splits=np.zeros(size), nodes_modes=np.zeros(size, np.uint8),
        nodes_truenodeids=[0] * size, nodes_trueleafs=[1] * size, nodes_falsenodeids=[*range(1, size), 0],
        nodes_falseleafs=[0] * (size - 1) + [1], nodes_missing_value_tracks_true=None, tree_roots=[0],
    )  # fmt: skip


@vector("limit-program-depth")
def graphs_inside_graphs() -> bytes:
    attribute = AttributeProto(name="body", type=AttributeProto.GRAPH)
    for _ in range(30):
        node = n("Loop", ["a"], ["b"])
        node.attribute.append(attribute)
        attribute = AttributeProto(name="body", type=AttributeProto.GRAPH)
        attribute.g.node.append(node)
    node = n("Loop", ["a"], ["b"])
    node.attribute.append(attribute)
    return graph([node])


@vector("limit-program-text-bytes")
def a_long_name() -> bytes:
    return graph([n("Neg", ["X"], ["Y"], name="a" * 70_000)])


# -- trees that are none ---------------------------------------------------------------------------------------------

for _name, _changes in {
    "cycle": {"nodes_truenodeids": [1, 0, 0], "nodes_trueleafs": [0, 1, 0]},
    "own_child": {"nodes_truenodeids": [0, 0, 3], "nodes_trueleafs": [0, 1, 1]},
    "two_parents": {"nodes_falsenodeids": [1, 1, 4], "nodes_falseleafs": [0, 1, 1]},
    "child_out_of_range": {"nodes_truenodeids": [3, 0, 3]}, "negative_child": {"nodes_truenodeids": [-1, 0, 3]},
    "leaf_out_of_range": {"nodes_falsenodeids": [2, 1, 5]}, "leaf_of_two": {"nodes_falseleafs": [1, 2, 1]},
    "root_out_of_range": {"tree_roots": [0, 3]}, "root_twice": {"tree_roots": [0, 0]}, "no_roots": {"tree_roots": None},
    "negative_feature": {"nodes_featureids": [-1, 1, 2]}, "feature_of_64_bits": {"nodes_featureids": [2**40, 1, 2]},
    "target_out_of_range": {"leaf_targetids": [0, 0, 1, 0, 0]}, "short_splits": {"nodes_splits": np.array([0.5])},
    "splits_as_a_table": {"nodes_splits": np.ones((3, 1))}, "short_children": {"nodes_truenodeids": [1, 0]},
    "short_modes": {"nodes_modes": np.zeros(2, np.uint8)}, "mode_of_nine": {"nodes_modes": np.array([9, 0, 0],
    np.uint8)},
    "short_missing": {"nodes_missing_value_tracks_true": [1]}, "short_weights": {"leaf_weights": np.ones(4)},
    "members_without_sets": {"nodes_modes": np.array([6, 0, 0], np.uint8), "membership_values": np.zeros(0)},
    "members_without_an_end": {"nodes_modes": np.array([6, 0, 0], np.uint8),
    "membership_values": np.array([np.nan, 1.0])},
}.items():  # fmt: skip
    TABLE[f"trees_{_name}"] = ("program-trees", lambda changes=_changes: trees(**changes))

for _name, _code, _changes in (
    ("no_splits", "program-attribute", {"nodes_splits": None}), ("no_modes", "program-attribute",
    {"nodes_modes": None}),
    ("unknown_attribute", "program-attribute", {"nodes_unknown": [1]}),
    ("another_type", "program-attribute", {"nodes_featureids": [0.0, 1.0, 2.0]}),
):  # fmt: skip
    TABLE[f"trees_{_name}"] = (_code, lambda changes=_changes: trees(**changes))


# -- what onnxruntime 1.31 ended on when it was fuzzed ---------------------------------------------------------------


@vector("program-operator")
def einsum_without_an_input() -> bytes:
    return graph([n("Einsum", ["X", ""], ["Y"], equation="ij,kj->ik")])


@vector("program-attribute")
def negative_batch_dims() -> bytes:
    return graph([n("GatherND", ["X", "i"], ["Y"], batch_dims=-3)], {"i": np.array([[0]])})


@vector("program-attribute")
def axes_that_depend_on_the_rows() -> bytes:
    nodes = [
        n("Slice", ["X", "a", "e", "i"], ["c"]),
        n("Squeeze", ["c"], ["s"]),
        n("Concat", ["s", "X"], ["Y"], axis=-1),
    ]
    return graph(nodes, {"a": [0], "e": [-(2**31)], "i": [1]})


@vector("program-interface")
def an_input_of_any_number_of_axes() -> bytes:
    nodes = [n("Unsqueeze", ["X", "a"], ["u"]), n("Concat", ["u", "X"], ["Y"], axis=1)]
    return graph(nodes, {"a": [0]}, {"X": (TensorProto.DOUBLE, None)})


@vector("program-operator")
def one_hot_of_no_depth() -> bytes:
    return graph([n("OneHot", ["X", "i", "u"], ["Y"])], {"i": np.ones((1, 0)), "u": np.ones((1, 1))})


@vector("program-operator")
def an_absent_input_among_many() -> bytes:
    return graph([n("Concat", ["X", ""], ["Y"], axis=0)])


@pytest.mark.parametrize("name", TABLE)
def test_it_is_refused(name: str) -> None:
    code, make = TABLE[name]
    data = make()
    with pytest.raises(AmberError) as caught:
        check_graph(data)
    assert caught.value.code == code


def test_what_the_vectors_are_made_of_is_accepted() -> None:
    for data in (graph(ADD, {"w": np.ones(4)}), trees(), loop(), *graphs.seeds(with_emitted=False)):
        check_graph(data)
        session.open_session(data)


def test_nothing_is_read_from_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of the right name and size beside the process changes nothing, whoever opens the bytes."""
    (tmp_path / "w").write_bytes(np.ones(4).tobytes())
    monkeypatch.chdir(tmp_path)
    data = external(location="w", offset="0", length="32")
    with pytest.raises(FormatError) as caught:
        check_graph(data)
    assert caught.value.code == "program-external-data"


def test_memory_that_a_run_asks_for_is_bounded() -> None:
    """N rows against N rows: a size that comes from the caller, and a bound that holds while it runs."""
    code = """
import sys, numpy as np
from dataclasses import replace
from onnx import helper
from amber.limits import DEFAULT, MIB
from amber.programs import session
from amber.programs.graph_check import check_graph
from fuzz.graphs import graph
n = helper.make_node
data = graph([n("Transpose", ["X"], ["t"]), n("MatMul", ["X", "t"], ["p"]), n("ReduceSum", ["p"], ["Y"])])
limits = replace(DEFAULT, program_memory_bytes=64 * MIB)
check_graph(data, limits)
made = session.open_session(data, limits=limits)
assert made.run(None, {"X": np.ones((100, 4))})[0].item() == 40000
try:
    made.run(None, {"X": np.ones((20000, 4))})
except Exception as error:
    print("refused", "memory" in str(error).lower())
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.stdout == "refused True\n", done.stderr


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the fuzzer's limits are those of Linux")
def test_a_short_run_of_the_fuzzer_finds_nothing(tmp_path: Path) -> None:
    runner = graphs.Runner(tmp_path)
    graphs.fuzz(runner, seconds=60, runs=8000, seed=11, begin=graphs.seeds(with_emitted=False))
    runner.stop()
    assert not list(tmp_path.iterdir())
    assert runner.counts["refused"] > 100
    assert runner.counts["answered"] > 100
    assert len(runner.codes) > 10


@pytest.mark.skipif(sys.platform != "linux", reason="the fuzzer's limits are those of Linux")
def test_a_crash_is_found_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runner = graphs.Runner(tmp_path)
    monkeypatch.setattr(graphs, "serve", _dies)
    assert runner.ask(trees()) == "finding"
    runner.stop()
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".onnx", ".txt"]
    assert "SIGABRT" in next(tmp_path.glob("*.txt")).read_text()


def _dies(connection: Any, _notes: str) -> None:
    connection.recv_bytes()
    os.abort()


def test_the_table_of_operators_is_what_onnx_says() -> None:
    from scripts import write_operators

    table = ROOT / "src" / "amber" / "programs" / "operators.json"
    assert json.loads(table.read_text(encoding="utf-8")) == json.loads(write_operators.text())
