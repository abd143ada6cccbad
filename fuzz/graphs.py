"""Fuzzing the graphs of programs: `python -m fuzz.graphs --seconds 600`. Exit status 1: there are findings.

The law: any bytes are refused with an `AmberError`, or onnxruntime makes a session of them and a run returns or raises
a Python exception. A crash, or a call of more than some seconds, is a finding; what follows from one is a rule of
`amber.programs.graph_check`. Mutations are of the parsed graph, so that most are well-formed protobuf.
"""

from __future__ import annotations

import argparse
import hashlib
import multiprocessing
import os
import random
import resource
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import AttributeProto, TensorProto, helper, numpy_helper

from amber.errors import AmberError
from amber.limits import DEFAULT, MIB

MEMORY = 3 << 30  # bytes of address space beyond what the libraries take
SECONDS = 8  # of processor time for one graph
LIMITS = replace(DEFAULT, program_memory_bytes=256 * MIB, program_elements=2**20, program_rounds=100)
INTEGERS = (0, 1, -1, 2, 3, 5, 7, 64, 255, 2**16, 2**31 - 1, -(2**31), 2**31, 2**40, 2**62, 2**63 - 1, -(2**63))
NUMBERS = (0.0, -0.0, 1.0, -1.0, 1e-300, 1e30, float("inf"), float("-inf"), float("nan"))
WORDS = (b"", b"LEAF", b"BRANCH_LT", b"SUM", b"MAX", b"SOFTMAX", b"LOGISTIC", b"PROBIT", b"RBF", b"POLY", b"reflect",
         b"wrap", b"constant", b"ij,jk", b"ij->ji", b"...i->...", b"\xff", b"word", b"TF", b"UPPER")  # fmt: skip


# -- seeds -------------------------------------------------------------------------------------------------------------


def graph(nodes: list[Any], constants: dict[str, Any] | None = None, inputs: Any = None, outputs: Any = None) -> bytes:
    """Return a model: the input X is a table of doubles [N, 4], the output Y, unless said otherwise."""
    inputs = inputs or {"X": (TensorProto.DOUBLE, ["N", 4])}
    outputs = outputs or {"Y": TensorProto.DOUBLE}
    made = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info(name, *each) for name, each in inputs.items()],
        [helper.make_tensor_value_info(name, kind, None) for name, kind in outputs.items()],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in (constants or {}).items()],
    )  # fmt: skip
    imports = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 5)]
    data: bytes = helper.make_model(made, opset_imports=imports, ir_version=10).SerializeToString(deterministic=True)
    return data


def trees(**changes: Any) -> bytes:
    """Return an ensemble of two trees, three nodes and five leaves in all."""
    parts: dict[str, Any] = {
        "n_targets": 1, "aggregate_function": 1, "post_transform": 0, "nodes_featureids": [0, 1, 2],
        "nodes_splits": np.array([0.5, -1.0, 2.0]), "nodes_modes": np.array([0, 1, 0], np.uint8),
        "nodes_truenodeids": [1, 0, 3], "nodes_trueleafs": [0, 1, 1], "nodes_falsenodeids": [2, 1, 4],
        "nodes_falseleafs": [1, 1, 1], "nodes_missing_value_tracks_true": [1, 0, 1], "tree_roots": [0, 2],
        "leaf_targetids": [0, 0, 0, 0, 0], "leaf_weights": np.array([1.0, 2, 3, 4, 5]),
    }  # fmt: skip
    parts |= changes
    given = {
        name: numpy_helper.from_array(value, name) if isinstance(value, np.ndarray) else value
        for name, value in parts.items()
        if value is not None
    }
    return graph([helper.make_node("TreeEnsemble", ["X"], ["Y"], domain="ai.onnx.ml", **given)])


def loop(rounds: int = 5) -> bytes:
    """Return a graph with a loop that adds one to a state in each round."""
    body = helper.make_graph(
        [helper.make_node("Identity", ["on"], ["go"]), helper.make_node("Add", ["s", "one"], ["t"])], "body",
        [helper.make_tensor_value_info("round", TensorProto.INT64, []),
         helper.make_tensor_value_info("on", TensorProto.BOOL, []),
         helper.make_tensor_value_info("s", TensorProto.DOUBLE, None)],
        [helper.make_tensor_value_info("go", TensorProto.BOOL, []),
         helper.make_tensor_value_info("t", TensorProto.DOUBLE, None)],
        [numpy_helper.from_array(np.float64(1), "one")],
    )  # fmt: skip
    node = helper.make_node("Loop", ["most", "begin", "X"], ["Y"], body=body)
    return graph([node], {"most": np.int64(rounds), "begin": np.bool_(True)})


def _made() -> list[bytes]:
    n, ml, single = helper.make_node, "ai.onnx.ml", {"X": (TensorProto.FLOAT, ["N", 4])}
    floats = {"Y": TensorProto.FLOAT}
    zero = helper.make_tensor("v", TensorProto.DOUBLE, [1], [0.0])
    both = {"L": TensorProto.INT64, "Y": TensorProto.FLOAT}
    classic = {
        "nodes_treeids": [0, 0, 0], "nodes_nodeids": [0, 1, 2], "nodes_featureids": [1, 0, 0],
        "nodes_modes": ["BRANCH_LEQ", "LEAF", "LEAF"], "nodes_values": [0.5, 0.0, 0.0],
        "nodes_truenodeids": [1, 0, 0], "nodes_falsenodeids": [2, 0, 0],
    }  # fmt: skip
    svm = {"kernel_type": "RBF", "kernel_params": [0.5, 0.0, 3.0], "coefficients": [1.0, -1.0],
           "support_vectors": [0.0] * 4 + [1.0] * 4, "rho": [0.1]}  # fmt: skip
    texts = {"X": (TensorProto.STRING, ["N"])}
    return [
        trees(), loop(),
        graph([n("MatMul", ["X", "w"], ["p"]), n("Add", ["p", "b"], ["Y"])], {"w": np.ones((4, 3)), "b": np.zeros(3)}),
        graph([n("TopK", ["X", "k"], ["v", "i"]), n("GatherElements", ["X", "i"], ["Y"], axis=1)], {"k": [2]}),
        graph([n("Shape", ["X"], ["s"]), n("ConstantOfShape", ["s"], ["z"], value=zero),
               n("ScatterND", ["z", "i", "u"], ["Y"], reduction="add")],
              {"i": np.array([[0, 1]]), "u": np.array([2.0])}),
        graph([n("Gather", ["X", "i"], ["g"], axis=1), n("Reshape", ["g", "s"], ["Y"])], {"i": [0, 3], "s": [-1]}),
        graph([n("Slice", ["X", "a", "e", "x", "t"], ["c"]), n("Concat", ["c", "X"], ["Y"], axis=1)],
              {"a": [0], "e": [2], "x": [1], "t": [1]}),
        graph([n("Tile", ["X", "r"], ["b"]), n("ReduceSum", ["b", "x"], ["Y"], keepdims=0)], {"r": [1, 2], "x": [1]}),
        graph([n("IsNaN", ["X"], ["m"]), n("Compress", ["X", "k"], ["Y"], axis=1), n("Where", ["m", "X", "z"], ["W"])],
              {"k": np.array([True, False, True, True]), "z": np.float64(0)}),
        graph([n("Softmax", ["X"], ["a"], axis=1), n("CumSum", ["a", "x"], ["b"]),
               n("Split", ["b"], ["Y", "Z"], axis=1, num_outputs=2)],
              {"x": np.int64(1)}),
        graph([n("ArgMax", ["X"], ["i"], axis=1, keepdims=0),
               n("EyeLike", ["X"], ["e"], dtype=11), n("Cast", ["i"], ["Y"], to=11)]),
        graph([n("Greater", ["X", "z"], ["b"]), n("NonZero", ["b"], ["i"]),
               n("Transpose", ["i"], ["t"], perm=[1, 0]), n("GatherND", ["X", "t"], ["Y"])],
              {"z": np.float64(0)}),
        graph([n("ScatterElements", ["X", "i", "u"], ["Y"], axis=1)], {"i": np.array([[0]]), "u": np.array([[1.0]])}),
        graph([n("Range", ["a", "m", "s"], ["r"]), n("Cast", ["r"], ["c"], to=11), n("Expand", ["c", "e"], ["Y"])],
              {"a": np.int64(0), "m": np.int64(4), "s": np.int64(1), "e": [2, 4]}),
        graph([n("Gemm", ["X", "w", "b"], ["h"], transB=1), n("Relu", ["h"], ["r"]), n("LogSoftmax", ["r"], ["Y"])],
              {"w": np.ones((3, 4)), "b": np.zeros(3)}),
        graph([n("TreeEnsembleRegressor", ["X"], ["Y"], domain=ml, n_targets=1, target_treeids=[0, 0],
        target_nodeids=[1, 2],
                 target_ids=[0, 0], target_weights=[1.0, 2.0], **classic)], None, single, floats).replace(b"\x10\x05",
                 b"\x10\x03"),
        graph([n("TreeEnsembleClassifier", ["X"], ["L", "Y"], domain=ml, classlabels_int64s=[0, 1], class_treeids=[0,
        0],
                 class_nodeids=[1, 2], class_ids=[0, 0], class_weights=[0.2, 0.7], **classic)], None, single, both
              ).replace(b"\x10\x05", b"\x10\x03"),
        graph([n("SVMRegressor", ["X"], ["Y"], domain=ml, n_supports=2, **svm)], None, single, floats),
        graph([n("SVMClassifier", ["X"], ["L", "Y"], domain=ml, vectors_per_class=[1, 1], classlabels_ints=[0, 1],
                 prob_a=[1.0], prob_b=[0.0], **svm)], None, single, both),
        graph([n("LinearClassifier", ["X"], ["L", "Y"], domain=ml, coefficients=[1.0] * 12, intercepts=[0.0] * 3,
                 classlabels_ints=[4, 5, 6], multi_class=1, post_transform="SOFTMAX")], None, single, both),
        graph([n("LinearRegressor", ["X"], ["Y"], domain=ml, coefficients=[1.0] * 4, intercepts=[0.0], targets=1)],
        None, single, floats),
        graph([n("Scaler", ["X"], ["a"], domain=ml, offset=[0.0] * 4, scale=[1.0] * 4), n("Imputer", ["a"], ["b"],
        domain=ml,
                 imputed_value_floats=[1.0] * 4, replaced_value_float=float("nan")),
               n("Normalizer", ["b"], ["c"], domain=ml, norm="L2"), n("Binarizer", ["c"], ["Y"], domain=ml)],
               None, single, floats),
        graph([n("ArrayFeatureExtractor", ["X", "i"], ["Y"], domain=ml)], {"i": [0, 2]}, single, floats),
        graph([n("LabelEncoder", ["X"], ["k"], domain=ml, keys_strings=["a", "b"], values_int64s=[1, 2],
        default_int64=-1),
               n("OneHotEncoder", ["k"], ["Y"], domain=ml, cats_int64s=[1, 2, 5], zeros=1)], None, texts, floats),
        graph([n("StringNormalizer", ["X"], ["t"], case_change_action="LOWER", stopwords=["a"], locale="C"),
               n("TfIdfVectorizer", ["t"], ["Y"], mode="TF", min_gram_length=1, max_gram_length=2, max_skip_count=1,
                 ngram_counts=[0, 2], ngram_indexes=[0, 1, 2], pool_strings=["a", "b", "a", "b"])],
                 None, texts, floats),
    ]  # fmt: skip


def emitted() -> list[bytes]:
    """Return graphs that Amber's emitters make of small models."""
    from sklearn.datasets import make_classification
    from sklearn.decomposition import PCA
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.naive_bayes import GaussianNB
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import QuantileTransformer, StandardScaler
    from sklearn.svm import SVC

    from amber.adapters.build import leaf
    from amber.adapters.take import take
    from amber.cases.ask import available
    from amber.policy import Policy
    from amber.programs import emit

    X, y = make_classification(
        60, 4, n_informative=3, n_redundant=0, n_classes=3, n_clusters_per_class=1, random_state=0
    )
    models = [
        make_pipeline(StandardScaler(), LogisticRegression()), RandomForestClassifier(4, max_depth=3, random_state=0),
        GaussianNB(), SVC(), make_pipeline(QuantileTransformer(n_quantiles=5), PCA(2)),
    ]  # fmt: skip
    found = []
    for model in models:
        model.fit(X, y)
        tree = take(model, Policy()).tree
        methods = [each for each in available(model) if each != "inverse_transform"]
        try:
            found.append(emit.emit(tree, leaf, form="table", width=4, methods=methods).graph)
        except emit.Unsupported:
            continue
    return found


def seeds(*, with_emitted: bool = True) -> list[bytes]:
    """Return the graphs mutations begin with."""
    return _made() + (emitted() if with_emitted else [])


# -- mutation ----------------------------------------------------------------------------------------------------------


def mutate(data: bytes, rng: random.Random, names: list[tuple[str, str]]) -> bytes:
    """Return a graph changed in one to four places."""
    model = onnx.load_model_from_string(data)
    if rng.random() < 0.05:
        raw = bytearray(data)
        for _ in range(rng.randint(1, 4)):
            raw[rng.randrange(len(raw))] = rng.randrange(256)
        return bytes(raw[: rng.randrange(len(raw))] if rng.random() < 0.2 else raw)
    for _ in range(rng.choice((1, 1, 1, 2, 2, 4))):
        try:
            rng.choice(_EDITS)(model, rng, names)
        except (ValueError, IndexError, TypeError, OverflowError, KeyError):
            continue
    return bytes(model.SerializeToString())


Names = list[tuple[str, str]]


def _node(model: Any, rng: random.Random) -> Any:
    nodes = list(model.graph.node)
    nodes += [inner for node in nodes for each in node.attribute for inner in each.g.node]
    return rng.choice(nodes)


def _integer(rng: random.Random, near: int = 0) -> int:
    return rng.choice((*INTEGERS, near + 1, near - 1, -near, rng.randrange(-4, 12)))


def _edit_list(values: Any, rng: random.Random, fresh: Callable[[Any], Any]) -> None:
    kind, size = rng.random(), len(values)
    if kind < 0.6 and size:
        place = rng.randrange(size)
        values[place] = fresh(values[place])
    elif kind < 0.75 and size:
        del values[rng.randrange(size)]
    elif kind < 0.85 and size:
        del values[rng.randrange(size) :]
    elif kind < 0.95:
        values.append(fresh(values[0] if size else 0))
    else:
        values.extend(list(values) * rng.randint(1, 3))


def _edit_attribute(model: Any, rng: random.Random, _names: Names) -> None:
    each = rng.choice(_node(model, rng).attribute)
    if each.type == AttributeProto.INT:
        each.i = _integer(rng, each.i)
    elif each.type == AttributeProto.FLOAT:
        each.f = rng.choice(NUMBERS)
    elif each.type == AttributeProto.STRING:
        each.s = rng.choice(WORDS)
    elif each.type == AttributeProto.INTS:
        _edit_list(each.ints, rng, lambda old: _integer(rng, int(old)))
    elif each.type == AttributeProto.FLOATS:
        _edit_list(each.floats, rng, lambda _old: rng.choice(NUMBERS))
    elif each.type == AttributeProto.STRINGS:
        _edit_list(each.strings, rng, lambda _old: rng.choice(WORDS))
    elif each.type == AttributeProto.TENSOR:
        _edit_values(each.t, rng)


def _drop_attribute(model: Any, rng: random.Random, _names: Names) -> None:
    found = _node(model, rng).attribute
    del found[rng.randrange(len(found))]


def _add_attribute(model: Any, rng: random.Random, _names: Names) -> None:
    node = _node(model, rng)
    schema = onnx.defs.get_schema(node.op_type, 21 if not node.domain else 5, node.domain)
    name = rng.choice(sorted(schema.attributes))
    kind = schema.attributes[name].type.name
    value: Any = {
        "INT": _integer(rng), "FLOAT": rng.choice(NUMBERS), "STRING": rng.choice(WORDS),
        "INTS": [_integer(rng) for _ in range(rng.randint(1, 4))], "FLOATS": [rng.choice(NUMBERS)] * rng.randint(1, 4),
        "STRINGS": [rng.choice(WORDS)] * rng.randint(1, 4),
        "TENSOR": numpy_helper.from_array(np.array([_integer(rng)], np.int64)),
    }[kind]  # fmt: skip
    node.attribute.append(helper.make_attribute(name, value))


def _edit_values(tensor: Any, rng: random.Random) -> None:
    kind = rng.random()
    if kind < 0.2:
        _edit_list(tensor.dims, rng, lambda old: _integer(rng, int(old)))
    elif kind < 0.3:
        tensor.data_type = rng.randrange(20)
    elif kind < 0.4:
        tensor.raw_data = tensor.raw_data[: rng.randrange(len(tensor.raw_data) + 1)]
    else:
        values = np.array(numpy_helper.to_array(tensor))
        if values.dtype.kind in "iu":
            values.reshape(-1)[rng.randrange(values.size)] = np.array(_integer(rng)).astype(values.dtype)
        elif values.dtype.kind == "f":
            values.reshape(-1)[rng.randrange(values.size)] = rng.choice(NUMBERS)
        if rng.random() < 0.3:  # another shape of the same values, or more of them
            values = rng.choice(
                (values.reshape(-1), values.reshape(1, *values.shape), np.repeat(values, 2), values[..., :0])
            )
        tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))


def _edit_constant(model: Any, rng: random.Random, _names: Names) -> None:
    _edit_values(rng.choice(model.graph.initializer), rng)


def _rewire(model: Any, rng: random.Random, _names: Names) -> None:
    node, known = _node(model, rng), _values(model)
    place = rng.randrange(len(node.input))
    kind = rng.random()
    if kind < 0.75:
        node.input[place] = rng.choice(known)
    elif kind < 0.85:
        node.input[place] = ""
    elif kind < 0.95:
        node.input.append(rng.choice(known))
    else:
        del node.input[place]


def _values(model: Any) -> list[str]:
    g = model.graph
    return [each.name for each in [*g.input, *g.initializer]] + [name for node in g.node for name in node.output]


def _edit_operator(model: Any, rng: random.Random, names: Names) -> None:
    node = _node(model, rng)
    if node.op_type == "Loop":
        return
    node.domain, node.op_type = rng.choice(names)
    if rng.random() < 0.7:
        del node.attribute[:]


def _insert(model: Any, rng: random.Random, names: Names) -> None:
    """A new node between an old one and what reads it."""
    g = model.graph
    place = rng.randrange(len(g.node))
    domain, kind = rng.choice(names)
    read = g.node[place].input[0]
    schema = onnx.defs.get_schema(kind, 21 if not domain else 5, domain)
    inputs = [read] + [rng.choice([each.name for each in [*g.initializer, *g.input]])] * (max(1, schema.min_input) - 1)
    node = helper.make_node(kind, inputs, [f"new{len(g.node)}"], domain=domain)
    for name, attribute in sorted(schema.attributes.items()):
        if attribute.required and attribute.type.name == "INT":
            node.attribute.append(helper.make_attribute(name, rng.randrange(12)))
    g.node.insert(place, node)
    g.node[place + 1].input[0] = node.output[0]


def _edit_nodes(model: Any, rng: random.Random, _names: Names) -> None:
    nodes = model.graph.node
    a, b = rng.randrange(len(nodes)), rng.randrange(len(nodes))
    if rng.random() < 0.5:
        del nodes[a]
    else:
        first, second = nodes[a].SerializeToString(), nodes[b].SerializeToString()
        nodes[a].ParseFromString(second)
        nodes[b].ParseFromString(first)


def _edit_port(model: Any, rng: random.Random, _names: Names) -> None:
    port = rng.choice([*model.graph.input, *model.graph.output])
    tensor = port.type.tensor_type
    kind = rng.random()
    if kind < 0.4:
        tensor.elem_type = rng.choice((1, 6, 7, 8, 9, 11))
    elif kind < 0.7 and len(tensor.shape.dim):
        rng.choice(tensor.shape.dim).dim_value = _integer(rng)
    elif kind < 0.9:
        tensor.ClearField("shape")
    else:
        port.name = rng.choice(_values(model))


def _edit_versions(model: Any, rng: random.Random, _names: Names) -> None:
    rng.choice(model.opset_import).version = rng.randrange(1, 24)


_EDITS = [
    *[_edit_attribute] * 8, *[_edit_constant] * 5, *[_rewire] * 3, *[_edit_operator] * 2, *[_insert] * 3,
    _drop_attribute, *[_add_attribute] * 3, _edit_nodes, _edit_port, _edit_versions,
]  # fmt: skip


# -- the child ---------------------------------------------------------------------------------------------------------


def serve(connection: Connection, notes: str) -> None:
    """Check, open and run graphs until the other end closes."""
    from amber.programs import graph_check, session

    quiet = os.open(os.devnull, os.O_RDWR)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    note = os.open(notes, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    session.open_session(seeds(with_emitted=False)[0], limits=LIMITS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGESIZE")
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, resource.RLIM_INFINITY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    while True:
        try:
            data = connection.recv_bytes()
        except EOFError:
            return
        usage = resource.getrusage(resource.RUSAGE_SELF)
        spent = int(usage.ru_utime + usage.ru_stime)
        resource.setrlimit(resource.RLIMIT_CPU, (spent + SECONDS, resource.RLIM_INFINITY))
        connection.send(_answer(data, note, graph_check.check_graph, session.open_session))


def _answer(data: bytes, note: int, check: Callable[..., Any], opened: Callable[..., Any]) -> tuple[str, str]:
    def say(what: str) -> None:
        os.pwrite(note, f"{what:<40}".encode(), 0)

    try:
        say("check")
        checked = check(data, LIMITS)
    except AmberError as error:
        return "refused", error.code
    except BaseException as error:
        return "finding", f"the check raises {type(error).__name__}: {error}"
    try:
        say("open")
        made = opened(data, limits=LIMITS)
    except AmberError as error:
        return "not opened", error.code
    except BaseException as error:
        return "finding", f"opening raises {type(error).__name__}: {error}"
    rng = np.random.default_rng(int.from_bytes(hashlib.sha256(data).digest()[:4], "big"))
    good = 0
    for rows in (1, 3, 40, 0):
        say(f"run {rows}")
        try:
            made.run(None, {name: _rows(each, rows, rng) for name, each in checked.inputs.items()})
            good += 1
        except Exception:  # any Python exception is an answer
            continue
    return ("answered" if good else "raised"), ""


def _rows(declared: Any, rows: int, rng: np.random.Generator) -> Any:
    shape = [rows if size < 0 else min(size, 1000) for size in declared.shape or (rows, 4)]
    if declared.dtype == "string":
        return np.resize(np.array(["a", "b", "a b", "", "é", "x" * 50], dtype=object), shape)
    if declared.dtype in ("bool",):
        return rng.integers(0, 2, shape).astype(bool)
    values = rng.normal(size=shape) * rng.choice([1.0, 1e3, 1e30])
    if values.size and rng.random() < 0.5:
        values.reshape(-1)[rng.integers(values.size)] = rng.choice([np.nan, np.inf, -np.inf, 1e300])
    if declared.dtype.startswith("float"):
        with np.errstate(all="ignore"):
            return values.astype(declared.dtype)
    return rng.choice(np.array([0, 1, 2, 3, -1, 4, rows, 2**31 - 1, -(2**31)]), shape).astype(declared.dtype)


# -- the parent --------------------------------------------------------------------------------------------------------


class Runner:
    """Keeps a child alive, sends it graphs, and keeps those it died of."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.context = multiprocessing.get_context("spawn")
        self.notes = os.path.join(tempfile.mkdtemp(prefix="amber-graphs-"), "note")
        self.counts: Counter[str] = Counter()
        self.codes: Counter[str] = Counter()
        self.known: set[str] = set()
        self.process: Any = None
        self.connection: Any = None

    def stop(self) -> None:
        """End the child."""
        if self.process is not None:
            self.connection.close()
            self.process.join(10)
            if self.process.is_alive():
                self.process.kill()
                self.process.join()
        self.process = None

    def ask(self, data: bytes) -> str:
        """Let the child try one graph; return what came of it."""
        if self.process is None:
            self.connection, theirs = self.context.Pipe()
            self.process = self.context.Process(target=serve, args=(theirs, self.notes), daemon=True)
            self.process.start()
            theirs.close()
        try:
            self.connection.send_bytes(data)
            if not self.connection.poll(120):
                self.process.kill()
            status, detail = self.connection.recv()
        except (EOFError, OSError):
            self.process.join()
            code = self.process.exitcode
            self.process = None
            doing = Path(self.notes).read_text().strip() if os.path.exists(self.notes) else ""
            name = signal.Signals(-code).name if code and code < 0 else f"exit {code}"
            status, detail = "finding", f"{name} during {doing}"
        self.counts[status] += 1
        self.codes[detail] += 1
        if status == "finding" and hashlib.sha256(data).hexdigest()[:12] not in self.known:
            self.known.add(hashlib.sha256(data).hexdigest()[:12])
            self.keep(data, detail)
        return status

    def keep(self, data: bytes, detail: str) -> None:
        """Write down a finding."""
        self.folder.mkdir(parents=True, exist_ok=True)
        stem = self.folder / hashlib.sha256(data).hexdigest()[:12]
        stem.with_suffix(".onnx").write_bytes(data)
        stem.with_suffix(".txt").write_text(detail + "\n")
        print(f"FINDING {stem}.onnx: {detail}", flush=True)


def fuzz(runner: Runner, *, seconds: float, runs: int, seed: int, begin: list[bytes]) -> None:
    """Mutate and ask until time or runs are used up; what opened once may be mutated further."""
    from amber.programs.graph_check import operators

    names = sorted((domain, name) for domain, each in operators().items() for name in each if name != "Loop")
    rng, pool, stop = random.Random(seed), list(begin), time.monotonic() + seconds
    for data in begin:
        runner.ask(data)
    for _ in range(runs):
        if time.monotonic() > stop:
            break
        data = mutate(rng.choice(begin if rng.random() < 0.6 else pool), rng, names)
        if runner.ask(data) in ("answered", "raised") and len(data) < 100_000:
            if len(pool) > 2000:
                pool[rng.randrange(len(begin), len(pool))] = data
            else:
                pool.append(data)


def main() -> int:
    """Run; say what was done and found."""
    parser = argparse.ArgumentParser(prog="python -m fuzz.graphs")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--runs", type=int, default=10**9)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=Path("build/fuzz/graphs"))
    options = parser.parse_args()
    runner = Runner(options.folder)
    fuzz(runner, seconds=options.seconds, runs=options.runs, seed=options.seed, begin=seeds())
    runner.stop()
    print(dict(runner.counts), dict(runner.codes.most_common(40)))
    return 1 if runner.counts["finding"] else 0


if __name__ == "__main__":
    sys.exit(main())
