"""A graph is checked as it is written: rules of operators, constants of every form, sizes, the interface of a plan."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

np = pytest.importorskip("numpy")
onnx = pytest.importorskip("onnx")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402 - only where onnx is installed

from amber.errors import AmberError, FormatError, LimitError  # noqa: E402
from amber.limits import DEFAULT  # noqa: E402
from amber.programs import graph_values, wire  # noqa: E402
from amber.programs.graph_check import Declared, check_graph, check_interface  # noqa: E402
from fuzz.graphs import graph, loop, trees  # noqa: E402

n = helper.make_node
ML = "ai.onnx.ml"
SINGLE = {"X": (TensorProto.FLOAT, ["N", 4])}
BOTH = {"L": TensorProto.INT64, "Y": TensorProto.FLOAT}


def refusal(data: bytes, limits: Any = DEFAULT) -> str:
    """Return the code of a refusal, or nothing."""
    try:
        check_graph(data, limits)
    except AmberError as error:
        return error.code
    return ""


def with_tensor(tensor: Any) -> bytes:
    """Return a graph with one constant, as it is given."""
    tensor.name = "w"
    model = onnx.load_model_from_string(graph([n("Identity", ["w"], ["Y"])]))
    model.graph.initializer.append(tensor)
    return bytes(model.SerializeToString())


# -- constants -------------------------------------------------------------------------------------------------------

ARRAYS = [
    np.array([[1.5, -2.0], [np.nan, np.inf]]), np.float32([1.5, -2.5]), np.array([], np.float64), np.array(3.0),
    np.array([0, 1, -1, 2**63 - 1, -(2**63)]), np.int32([0, -(2**31), 2**31 - 1]), np.array([True, False]),
    np.uint8([0, 127, 128, 255]), np.int8([-128, 0, 127]),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(ARRAYS)))
@pytest.mark.parametrize("raw", [True, False])
def test_constants_in_both_forms(number: int, raw: bool) -> None:
    value = ARRAYS[number]
    kind = helper.np_dtype_to_tensor_dtype(value.dtype)
    tensor = helper.make_tensor("w", kind, value.shape, value.tobytes() if raw else value.ravel().tolist(), raw=raw)
    data = with_tensor(tensor)
    found = graph_values.array(wire.walk(data).graph.initializer[0], DEFAULT, "")  # type: ignore[union-attr]
    assert found.dtype == value.dtype
    assert found.shape == value.shape
    np.testing.assert_array_equal(found, value)
    assert refusal(data) == ""


def test_constants_of_texts() -> None:
    tensor = helper.make_tensor("w", TensorProto.STRING, [3], [b"", b"a" * 300, "é".encode()])
    found = graph_values.array(wire.walk(with_tensor(tensor)).graph.initializer[0], DEFAULT, "")  # type: ignore[union-attr]
    assert found.tolist() == [b"", b"a" * 300, "é".encode()]
    assert refusal(with_tensor(tensor), replace(DEFAULT, program_text_bytes=200)) == "limit-program-text-bytes"


def changed(tensor: Any, **fields: Any) -> Any:
    for name, value in fields.items():
        if isinstance(value, list):
            getattr(tensor, name).extend(value)
        else:
            setattr(tensor, name, value)
    return tensor


def made(kind: int, shape: list[int], **fields: Any) -> Any:
    return changed(TensorProto(data_type=kind, dims=shape), **fields)


@pytest.mark.parametrize(
    "tensor",
    [
        made(11, [2], raw_data=b"\0" * 15), made(11, [2], raw_data=b"\0" * 24), made(11, [1]), made(0, [0]), made(10,
        [1], raw_data=b"\0\0"),
        made(16, [1], raw_data=b"\0\0"), made(14, [1], raw_data=b"\0" * 8), made(21, [1], raw_data=b"\0"), made(99,
        [1]),
        made(9, [1], raw_data=b"\2"), made(9, [1], int32_data=[2]), made(2, [1], int32_data=[256]), made(2, [1],
        int32_data=[-1]),
        made(3, [1], int32_data=[-129]), made(11, [1], float_data=[1.0]), made(1, [1], double_data=[1.0]), made(7, [1],
        int32_data=[1]),
        made(7, [1], uint64_data=[1]), made(8, [1], raw_data=b"a"), made(8, [1], int64_data=[1]), made(8, [2],
        string_data=[b"a"]),
        made(11, [1], raw_data=b"\0" * 8, double_data=[0.0]), made(7, [2], int64_data=[1]), made(11, [-1],
        raw_data=b"\0" * 8),
        made(12, [1], uint64_data=[1]),
    ],
)  # fmt: skip
def test_a_constant_that_is_none(tensor: Any) -> None:
    assert refusal(with_tensor(tensor)) == "program-tensor"


def test_sparse_constants_are_refused() -> None:
    model = onnx.load_model_from_string(graph([n("Neg", ["X"], ["Y"])]))
    model.graph.sparse_initializer.add()
    assert refusal(model.SerializeToString()) == "program-tensor"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"program_nodes": 1}, "limit-program-nodes"), ({"program_tensors": 1}, "limit-program-tensors"),
        ({"program_elements": 3}, "limit-program-elements"), ({"program_rank": 0}, "limit-program-rank"),
    ],
)  # fmt: skip
def test_limits(change: dict[str, int], code: str) -> None:
    data = graph([n("Add", ["X", "w"], ["a"]), n("Add", ["a", "v"], ["Y"])], {"w": np.ones(4), "v": np.zeros(4)})
    assert refusal(data) == ""
    assert refusal(data, replace(DEFAULT, **change)) == code


def test_limits_of_trees() -> None:
    assert refusal(trees(), replace(DEFAULT, program_tree_nodes=8)) == ""
    assert refusal(trees(), replace(DEFAULT, program_tree_nodes=7)) == "limit-program-tree-nodes"
    assert refusal(trees(), replace(DEFAULT, program_tree_depth=2)) == ""
    assert refusal(trees(), replace(DEFAULT, program_tree_depth=1)) == "limit-program-tree-depth"


# -- order and names -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "nodes",
    [
        [n("Neg", ["a"], ["Y"]), n("Neg", ["X"], ["a"])], [n("Neg", ["Y"], ["Y"])], [n("Neg", ["nothing"], ["Y"])],
        [n("Neg", ["X"], ["X"]), n("Neg", ["X"], ["Y"])], [n("Neg", ["X"], ["Y"]), n("Abs", ["X"], ["Y"])], [n("Neg",
        ["X"], ["Z"])],
    ],
)  # fmt: skip
def test_order(nodes: list[Any]) -> None:
    assert refusal(graph(nodes)) == "program-order"


def test_names_of_constants_inputs_and_outputs() -> None:
    data = graph([n("Add", ["X", "w"], ["Y"])], {"w": np.ones(4)})
    for change in (
        lambda g: g.initializer.append(g.initializer[0]), lambda g: g.input.append(g.input[0]),
        lambda g: g.output.append(g.output[0]),
        lambda g: setattr(g.initializer[0], "name", "X"), lambda g: setattr(g.initializer[0], "name", ""),
        lambda g: g.ClearField("output"), lambda g: g.value_info.append(helper.make_tensor_value_info("q", 1, None)),
    ):  # fmt: skip
        model = onnx.load_model_from_string(data)
        change(model.graph)
        assert refusal(model.SerializeToString()) == "program-order"


def test_two_loops_may_use_the_same_names_inside() -> None:
    model = onnx.load_model_from_string(loop())
    again = model.graph.node.add()
    again.CopyFrom(model.graph.node[0])
    model.graph.node[0].output[0] = again.input[2] = "between"
    assert refusal(model.SerializeToString()) == ""


def test_no_graph() -> None:
    assert refusal(b"\x08\x0a") == "program-invalid"


# -- attributes and rules --------------------------------------------------------------------------------------------


def attribute(change: Any) -> bytes:
    model = onnx.load_model_from_string(graph([n("ReduceSum", ["X", "a"], ["Y"], keepdims=1)], {"a": np.array([1])}))
    change(model.graph.node[0])
    return bytes(model.SerializeToString())


@pytest.mark.parametrize(
    "change",
    [
        lambda node: node.attribute.append(node.attribute[0]),
        lambda node: node.attribute.append(helper.make_attribute("to", 1)),
        lambda node: setattr(node.attribute[0], "type", 1), lambda node: setattr(node.attribute[0], "f", 1.0),
        lambda node: node.attribute[0].ClearField("i"), lambda node: node.attribute[0].ClearField("type"),
        lambda node: setattr(node.attribute[0], "ref_attr_name", "keepdims"), lambda node: setattr(node.attribute[0],
        "type", 13),
        lambda node: node.attribute[0].tensors.add(),
    ],
)  # fmt: skip
def test_attributes(change: Any) -> None:
    assert refusal(attribute(lambda _: None)) == ""
    assert refusal(attribute(change)) == "program-attribute"


def ml(kind: str, inputs: Any = None, outputs: Any = None, text: bool = False, **attributes: Any) -> bytes:
    """Return a graph of one operator of ai.onnx.ml, without the attributes that are None."""
    given = {name: value for name, value in attributes.items() if value is not None}
    node = n(kind, ["X"], list(outputs or ["Y"]), domain="" if text else ML, **given)
    made = onnx.load_model_from_string(graph([node], None, inputs or SINGLE, outputs or {"Y": TensorProto.FLOAT}))
    made.opset_import[1].version = 3
    return bytes(made.SerializeToString())


FINE: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "SVMRegressor": ({}, {"kernel_type": "RBF", "kernel_params": [0.5, 0.0, 3.0], "coefficients": [1.0, -1.0],
                          "support_vectors": [0.0] * 8, "rho": [0.1], "n_supports": 2}),
    "SVMClassifier": ({"outputs": BOTH}, {"kernel_params": [0.5, 0.0, 3.0], "coefficients": [1.0] * 3 * 2,
    "support_vectors": [0.0] * 12,
                       "rho": [0.1] * 3, "vectors_per_class": [1, 1, 1], "classlabels_ints": [0, 1, 2],
                       "prob_a": [1.0] * 3, "prob_b": [1.0] * 3}),
    "LinearClassifier": ({"outputs": BOTH}, {"coefficients": [1.0] * 12, "intercepts": [0.0] * 3,
    "classlabels_ints": [4, 5, 6]}),
    "LinearRegressor": ({}, {"coefficients": [1.0] * 8, "intercepts": [0.0] * 2, "targets": 2}),
    "Scaler": ({}, {"offset": [0.0] * 4, "scale": [1.0] * 4}),
    "Imputer": ({}, {"imputed_value_floats": [1.0] * 4}),
    "Normalizer": ({}, {"norm": "L2"}),
    "OneHotEncoder": ({}, {"cats_int64s": [1, 2]}),
    "LabelEncoder": ({}, {"keys_floats": [1.0, 2.0], "values_floats": [1.0, 2.0]}),
    "TreeEnsembleRegressor": ({}, {
        "nodes_treeids": [0, 0, 0], "nodes_nodeids": [0, 1, 2], "nodes_featureids": [1, 0, 0],
        "nodes_modes": ["BRANCH_LEQ", "LEAF", "LEAF"],
        "nodes_values": [0.5, 0.0, 0.0], "nodes_truenodeids": [1, 0, 0], "nodes_falsenodeids": [2, 0, 0],
        "n_targets": 1,
        "target_treeids": [0, 0], "target_nodeids": [1, 2], "target_ids": [0, 0], "target_weights": [1.0, 2.0]}),
}  # fmt: skip


@pytest.mark.parametrize("kind", FINE)
def test_fine(kind: str) -> None:
    form, attributes = FINE[kind]
    assert refusal(ml(kind, **form, **attributes)) == ""


WRONG = [
    ("SVMRegressor", {"rho": None}), ("SVMRegressor", {"coefficients": [1.0]}), ("SVMRegressor",
    {"support_vectors": [0.0] * 7}),
    ("SVMRegressor", {"kernel_params": [1.0]}), ("SVMRegressor", {"n_supports": -1}), ("SVMRegressor",
    {"n_supports": 0}),
    ("SVMRegressor", {"n_supports": 2**40}), ("SVMRegressor", {"support_vectors": None}),
    ("SVMClassifier", {"rho": [0.1]}), ("SVMClassifier", {"coefficients": [1.0]}), ("SVMClassifier",
    {"support_vectors": [0.0] * 11}),
    ("SVMClassifier", {"vectors_per_class": [1, 2]}), ("SVMClassifier", {"vectors_per_class": [-1, 3, 1]}),
    ("SVMClassifier", {"vectors_per_class": [2**62, 1, 1]}), ("SVMClassifier", {"vectors_per_class": [0, 0, 0]}),
    ("SVMClassifier", {"prob_a": [1.0]}), ("SVMClassifier", {"prob_a": [1.0], "prob_b": [1.0]}), ("SVMClassifier",
    {"vectors_per_class": None}),
    ("SVMClassifier", {"classlabels_ints": None}), ("SVMClassifier", {"classlabels_strings": ["a", "b", "c"]}),
    ("LinearClassifier", {"coefficients": [1.0] * 11}), ("LinearClassifier", {"coefficients": None}),
    ("LinearClassifier", {"intercepts": [0.0] * 2}),
    ("LinearRegressor", {"coefficients": [1.0] * 7}), ("LinearRegressor", {"intercepts": [0.0]}), ("LinearRegressor",
    {"coefficients": None}),
    ("Scaler", {"offset": [0.0]}), ("Scaler", {"offset": None, "scale": None}), ("Imputer",
    {"imputed_value_floats": None}),
    ("Imputer", {"imputed_value_int64s": [1]}), ("Normalizer", {"norm": "L3"}), ("OneHotEncoder",
    {"cats_int64s": None}),
    ("OneHotEncoder", {"cats_strings": ["a"]}), ("LabelEncoder", {"keys_floats": [1.0]}), ("LabelEncoder",
    {"keys_int64s": [1, 2]}),
    ("LabelEncoder", {"classes_strings": ["a"]}), ("LabelEncoder",
    {"default_tensor": numpy_helper.from_array(np.ones(2))}),
    ("Normalizer", {"norm": "é"}), ("Normalizer", {"norm": "L2" * 100}),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "changes"), WRONG)
def test_lists_that_do_not_fit(kind: str, changes: dict[str, Any]) -> None:
    form, attributes = FINE[kind]
    assert refusal(ml(kind, **form, **attributes | changes)) == "program-attribute"


@pytest.mark.parametrize(
    "changes",
    [
        {"nodes_nodeids": [0, 1, 1]}, {"nodes_truenodeids": [0, 0, 0]}, {"nodes_truenodeids": [7, 0, 0]},
        {"nodes_truenodeids": [2, 0, 0]},
        {"nodes_falsenodeids": [2, 0]}, {"nodes_modes": ["BRANCH_LEQ", "LEAF", "ROOT"]}, {"nodes_modes": ["LEAF"]},
        {"nodes_values": [0.5]},
        {"nodes_featureids": [-1, 0, 0]}, {"nodes_treeids": [0, 0, -1]}, {"nodes_treeids": [0, 0, 1]},
        {"target_ids": [0, 1]},
        {"target_nodeids": [1, 5]}, {"target_nodeids": [0, 1]}, {"target_weights": [1.0]}, {"base_values": [1.0, 2.0]},
        {"nodes_missing_value_tracks_true": [1]}, {"nodes_hitrates": [1.0]},
        {"nodes_values_as_tensor": numpy_helper.from_array(np.ones(3))},
        {"nodes_modes": ["LEAF"] * 3},
    ],
)  # fmt: skip
def test_classic_trees(changes: dict[str, Any]) -> None:
    attributes = FINE["TreeEnsembleRegressor"][1] | changes
    assert refusal(ml("TreeEnsembleRegressor", **attributes)) == "program-trees"


def test_widths() -> None:
    low = replace(DEFAULT, program_targets=1)
    for kind in ("LinearClassifier", "LinearRegressor", "OneHotEncoder", "SVMClassifier"):
        form, attributes = FINE[kind]
        assert refusal(ml(kind, **form, **attributes), low) == "limit-program-targets"
    assert (
        refusal(ml("TreeEnsembleRegressor", **FINE["TreeEnsembleRegressor"][1] | {"n_targets": 2**31 - 1}))
        == "limit-program-targets"
    )


TEXT = {"mode": "TF", "min_gram_length": 1, "max_gram_length": 2, "max_skip_count": 0, "ngram_counts": [0, 2],
        "ngram_indexes": [0, 1, 2], "pool_strings": ["a", "b", "a", "b"]}  # fmt: skip


@pytest.mark.parametrize(
    "changes",
    [
        {"ngram_counts": [0]}, {"ngram_counts": [1, 2]}, {"ngram_counts": [0, 9]}, {"ngram_counts": [0, -2]},
        {"ngram_counts": [0, 1]},
        {"ngram_indexes": [0, 1]}, {"ngram_indexes": [0, 1, -2]}, {"weights": [1.0]}, {"min_gram_length": 0},
        {"min_gram_length": 3},
        {"max_gram_length": 2**40}, {"max_skip_count": -1}, {"max_skip_count": 2**40}, {"pool_strings": None},
    ],
)  # fmt: skip
def test_texts(changes: dict[str, Any]) -> None:
    form = {"inputs": {"X": (TensorProto.STRING, ["N"])}, "text": True}
    assert refusal(ml("TfIdfVectorizer", **form, **TEXT)) == ""
    assert refusal(ml("TfIdfVectorizer", **form, **TEXT | changes)) == "program-attribute"


@pytest.mark.parametrize(
    "node",
    [
        n("Cast", ["X"], ["Y"], to=10), n("Cast", ["X"], ["Y"]), n("EyeLike", ["X"], ["Y"], dtype=16), n("Constant",
        [], ["Y"]),
        n("ConstantOfShape", ["k"], ["Y"], value=numpy_helper.from_array(np.ones(2))), n("Split", ["X"], ["Y"],
        num_outputs=2**30),
        n("StringNormalizer", ["X"], ["Y"], locale="de_DE"), n("Loop", ["k", "k", "X"], ["Y"]),
    ],
)  # fmt: skip
def test_rules(node: Any) -> None:
    assert refusal(graph([node], {"k": np.array([1])})) in ("program-attribute", "program-functions")


@pytest.mark.parametrize(
    ("node", "code"),
    [(n("Add", ["X"], ["Y"]), "program-operator"), (n("Add", ["X", "X", "X"], ["Y"]), "program-operator"), (n("Add",
    ["", "X"], ["Y"]), "program-operator"),
     (n("Neg", ["X"], ["Y", "Z"]), "program-operator"), (n("RandomNormalLike", ["X"], ["Y"]), "program-operator"),
     (n("TreeEnsemble", ["X"], ["Y"]), "program-operator")],
)  # fmt: skip
def test_operators(node: Any, code: str) -> None:
    assert refusal(graph([node])) == code


# -- sizes -----------------------------------------------------------------------------------------------------------


def test_sizes_that_come_from_rows() -> None:
    shape = [n("Shape", ["X"], ["s"]), n("Gather", ["s", "zero"], ["r"]), n("Concat", ["r", "k"], ["t"], axis=0)]
    rest = [n("ConstantOfShape", ["t"], ["Y"])]
    constants = {"zero": np.array([0]), "k": np.array([3])}
    assert refusal(graph(shape + rest, constants, None, {"Y": 1})) == ""
    assert (
        refusal(graph(shape + rest, constants | {"k": np.array([2**30])}, None, {"Y": 1})) == "limit-program-elements"
    )
    rows = {"X": (11, ["N", 4]), "rows": (7, [1])}
    assert refusal(graph([n("ConstantOfShape", ["rows"], ["Y"])], None, rows, {"Y": 1})) == ""


def test_sizes_through_many_shared_steps_take_no_time() -> None:
    nodes = [n("Add", [f"v{i}", f"v{i}"], [f"v{i + 1}"]) for i in range(3000)]
    data = graph([n("Shape", ["X"], ["v0"]), *nodes, n("ConstantOfShape", ["v3000"], ["Y"])], None, None, {"Y": 1})
    assert refusal(data) == ""


# -- the interface ---------------------------------------------------------------------------------------------------


def test_interface() -> None:
    checked = check_graph(graph([n("Add", ["X", "w"], ["Y"])], {"w": np.ones(4)}))
    assert checked.inputs == {"X": Declared("float64", (-1, 4))}
    assert checked.operators == {":Add"}
    check_interface(checked, {"X": ("float64", 2), "other": ("int64", 1)}, ["Y"])
    for inputs, outputs in (
        ({"X": ("float32", 2)}, ["Y"]), ({"X": ("float64", 1)}, ["Y"]), ({"Z": ("float64", 2)}, ["Y"]),
        ({"X": ("float64", 2)}, ["Y", "Z"]),
        ({"X": ("float64", 2)}, []),
    ):  # fmt: skip
        with pytest.raises(FormatError) as caught:
            check_interface(checked, inputs, outputs)
        assert caught.value.code == "program-interface"


def test_inputs_that_are_no_tensors() -> None:
    for change in (
        lambda t: setattr(t, "elem_type", 10), lambda t: setattr(t.shape.dim[0], "dim_value", -1),
        lambda t: t.ClearField("elem_type"),
    ):  # fmt: skip
        model = onnx.load_model_from_string(graph([n("Neg", ["X"], ["Y"])]))
        change(model.graph.input[0].type.tensor_type)
        assert refusal(model.SerializeToString()) == "program-interface"


def test_errors_say_whose_fault_it_is() -> None:
    with pytest.raises(LimitError):
        check_graph(trees(n_targets=2**31 - 1))
    with pytest.raises(FormatError) as caught:
        check_graph(trees(tree_roots=[7]))
    assert caught.value.where == "node 0 (TreeEnsemble)"
