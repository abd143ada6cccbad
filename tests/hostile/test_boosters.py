"""Hostile models of XGBoost and LightGBM: their native bytes, changed, are refused or do no harm.

The first tests change one thing and expect its code. The last ones change bytes at random and hand what is not refused
to the libraries, in a process of its own: whatever comes out is an answer or a Python exception.
"""

from __future__ import annotations

import re
import struct
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("xgboost")
pytest.importorskip("lightgbm")

from amber import save
from amber.adapters import lightgbm_examples, xgboost_examples
from amber.adapters.build import build
from amber.adapters.lightgbm import BoosterState as LightState
from amber.adapters.take import take
from amber.adapters.xgboost import BoosterState as ExtremeState
from amber.errors import AmberError, AuditError
from amber.models.audit import audit
from amber.policy import Policy
from amber.tree import nodes
from amber.tree.natives import lightgbm, shapes, ubj, xgboost
from amber.tree.nodes import Tensor, Tree

ROOT = Path(__file__).resolve().parents[2]
FUZZED = 400  # changed models of each kind, in one child process for each library


@cache
def extreme(name: str) -> bytes:
    """The UBJ bytes of an example."""
    made = dict(xgboost_examples.examples())[name]()
    return ExtremeState().take(getattr(made, "_Booster", made))["native"].tobytes()


@cache
def light(name: str) -> bytes:
    """The text of an example."""
    made = dict(lightgbm_examples.examples())[name]()
    return LightState().take(getattr(made, "_Booster", made))["native"].tobytes()


def code_of(read: Callable[[bytes], Any], data: bytes) -> str:
    with pytest.raises(AuditError) as caught:
        read(data)
    return caught.value.code


# -- XGBoost: the form ---------------------------------------------------------------------------------------------


def test_a_truncated_model_is_refused_wherever_it_ends() -> None:
    data = extreme("binary")
    for end in [*range(0, len(data), 97), len(data) - 1]:
        code_of(xgboost.read, data[:end])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"}",
        b"{}",
        b"N",
        b"[$d#L" + struct.pack(">q", 2**62),
        b"[#L" + struct.pack(">q", -1),
        b"{L" + struct.pack(">q", 2**40),
        b"[#L\0\0\0\0\0\0\0\x01" * 40 + b"Z",
        b"SL\0\0\0\0\0\0\0\x01\xff",
        b"{L\0\0\0\0\0\0\0\x01bZL\0\0\0\0\0\0\0\x01aZ}",
        b"{L\0\0\0\0\0\0\0\x01aZL\0\0\0\0\0\0\0\x01aZ}",
        b"[ZZ]",
        b"[$S#L\0\0\0\0\0\0\0\x01",
    ],
)
def test_what_xgboost_never_writes_is_refused(data: bytes) -> None:
    with pytest.raises(AuditError):
        xgboost.read(data)
    with pytest.raises(AuditError):
        xgboost.read(data + b"Z")


def test_deep_nesting_is_refused_and_does_not_exhaust_the_stack() -> None:
    assert code_of(lambda data: ubj.read(data, ""), b"[#L\0\0\0\0\0\0\0\x01" * 100_000 + b"Z") == "value-mismatch"


# -- XGBoost: what stands in it ------------------------------------------------------------------------------------


def array_at(data: bytes, key: str, tree: int = 0) -> tuple[int, str, int]:
    """Where the numbers of a typed array begin, their marker, and how many there are."""
    mark = b"L" + struct.pack(">q", len(key)) + key.encode() + b"[$"
    at = -1
    for _ in range(tree + 1):
        at = data.index(mark, at + 1)
    start = at + len(mark)
    return start + 11, chr(data[start]), struct.unpack(">q", data[start + 3 : start + 11])[0]


_FORMATS = {"l": ">i", "L": ">q", "d": ">f", "U": ">B", "i": ">b"}


def with_number(data: bytes, key: str, place: int, value: float, tree: int = 0) -> bytes:
    start, marker, _ = array_at(data, key, tree)
    changed = bytearray(data)
    struct.pack_into(_FORMATS[marker], changed, start + place * struct.calcsize(_FORMATS[marker]), value)
    return bytes(changed)


def with_text(data: bytes, key: str, old: str, new: str) -> bytes:
    """Change the string under a key."""
    named = b"L" + struct.pack(">q", len(key)) + key.encode() + b"SL"
    before = named + struct.pack(">q", len(old)) + old.encode()
    assert before in data
    return data.replace(before, named + struct.pack(">q", len(new)) + new.encode(), 1)


@pytest.mark.parametrize(
    ("key", "place", "value", "code"),
    [
        ("left_children", 0, 2**30, "index-out-of-range"),
        ("left_children", 0, -2, "index-out-of-range"),
        ("left_children", 0, -1, "child-not-greater"),
        ("left_children", 0, 0, "child-not-greater"),
        ("left_children", 0, 2, "child-not-greater"),
        ("right_children", 0, 2**31 - 1, "index-out-of-range"),
        ("right_children", 1, 0, "child-not-greater"),
        ("split_indices", 0, 4, "index-out-of-range"),
        ("split_indices", 0, -1, "index-out-of-range"),
        ("split_indices", 0, 2**31 - 1, "index-out-of-range"),
        ("parents", 0, 1, "value-mismatch"),
        ("parents", 1, 2, "value-mismatch"),
        ("default_left", 0, 2, "index-out-of-range"),
        ("split_type", 0, 3, "index-out-of-range"),
        ("split_type", 0, 1, "value-mismatch"),
    ],
)
def test_a_changed_node_is_refused(key: str, place: int, value: int, code: str) -> None:
    for tree in (0, 2):
        assert code_of(xgboost.read, with_number(extreme("binary"), key, place, value, tree)) == code


@pytest.mark.parametrize(
    ("key", "value", "code"),
    [
        ("categories", 2**24, "index-out-of-range"),
        ("categories", -1, "index-out-of-range"),
        ("categories_nodes", 2**20, "value-mismatch"),
        ("categories_segments", 1, "value-mismatch"),
        ("categories_sizes", 10**6, "value-mismatch"),
        ("categories_sizes", -1, "index-out-of-range"),
    ],
)
def test_a_changed_set_of_categories_is_refused(key: str, value: int, code: str) -> None:
    data = extreme("categories")
    tree = next(i for i in range(4) if array_at(data, "categories", i)[2])
    assert code_of(xgboost.read, with_number(data, key, 0, value, tree)) == code


@pytest.mark.parametrize(
    ("name", "key", "old", "new", "code"),
    [
        ("binary", "num_feature", "4", "3", "value-out-of-range"),
        ("binary", "num_feature", "4", "99999999", "value-out-of-range"),
        ("binary", "num_class", "0", "5", "value-mismatch"),
        ("several-classes", "num_class", "3", "2", "shape-mismatch"),
        ("several-classes", "num_class", "3", "0", "shape-mismatch"),
        ("several-classes", "num_target", "1", "2", "value-mismatch"),
        ("binary", "num_trees", "4", "3", "shape-mismatch"),
        ("binary", "num_target", "1", "-1", "value-out-of-range"),
        ("binary", "num_deleted", "0", "1", "value-mismatch"),
        ("binary", "size_leaf_vector", "1", "2", "value-out-of-range"),
        ("binary", "scale_pos_weight", "1", "/etc/passwd", "kind-mismatch"),
        ("two-targets", "num_target", "2", "1", "shape-mismatch"),
    ],
)
def test_a_changed_parameter_is_refused(name: str, key: str, old: str, new: str, code: str) -> None:
    assert code_of(xgboost.read, with_text(extreme(name), key, old, new)) == code


def test_a_tree_has_as_many_nodes_as_it_says() -> None:
    data = extreme("binary")
    count = str(array_at(data, "left_children")[2])
    for other in ("1", "2147483647", "-1"):
        with pytest.raises(AuditError):
            xgboost.read(with_text(data, "num_nodes", count, other))


def with_number_of_groups(data: bytes) -> bytes:
    """The first tree's output becomes one that does not exist."""
    mark = b"L" + struct.pack(">q", 9) + b"tree_info[#L" + struct.pack(">q", 4)
    at = data.index(mark) + len(mark)
    return data[: at + 1] + b"\x07" + data[at + 2 :]


def test_a_tree_of_an_output_that_is_not_there_is_refused() -> None:
    assert code_of(xgboost.read, with_number_of_groups(extreme("binary"))) == "index-out-of-range"


@pytest.mark.parametrize("new", ["my:objective", "", "binary:logistic\0", "multi:softprob", "rank:ndcg"])
def test_another_objective_is_refused(new: str) -> None:
    with pytest.raises(AuditError):
        xgboost.read(with_text(extreme("binary"), "name", "binary:logistic", new))


def test_a_deleted_node_has_a_parent_that_is_there() -> None:
    data = extreme("exact-pruned")
    trees = xgboost.read(data).trees
    tree = next(i for i, each in enumerate(trees) if xgboost.DELETED in each.feature)
    node = list(trees[tree].feature).index(xgboost.DELETED)
    for parent in (2**31 - 1, -1, 10**6):
        assert code_of(xgboost.read, with_number(data, "parents", node, parent, tree)) == "index-out-of-range"


def test_a_linear_booster_has_as_many_weights_as_its_features_say() -> None:
    assert code_of(xgboost.read, with_text(extreme("linear"), "num_feature", "4", "40")) == "shape-mismatch"


def test_iterations_beyond_the_last_are_refused() -> None:
    data = extreme("early-stopping")
    found = xgboost.read(data).attributes["best_iteration"]
    assert code_of(xgboost.read, with_text(data, "best_iteration", found, "5000")) == "value-out-of-range"


def test_a_chain_of_splits_is_only_so_deep() -> None:
    size = shapes.DEEPEST + 10
    left = [2 * (i // 2) + 1 if i % 2 == 0 and i < 2 * size else -1 for i in range(2 * size + 1)]
    right = [2 * (i // 2) + 2 if i % 2 == 0 and i < 2 * size else -1 for i in range(2 * size + 1)]
    with pytest.raises(AuditError) as caught:
        shapes.walk(left, right, shapes.Place(""))
    assert caught.value.code == "child-not-greater"


# -- LightGBM ------------------------------------------------------------------------------------------------------


def with_line(data: bytes, key: str, new: str, *, tree: int | None = 0) -> bytes:
    """Change the value of a line, and `tree_sizes` with it, so that only the value is wrong."""
    text = data.decode()
    head, rest = text.split("\n\n", 1)
    if tree is None:
        head = re.sub(rf"(?m)^{key}=.*$", f"{key}={new}", head)
        return f"{head}\n\n{rest}".encode()
    blocks = re.split(r"(?m)^(?=Tree=)|^(?=end of trees)", rest)[1:]
    blocks[tree] = re.sub(rf"(?m)^{key}=.*$", f"{key}={new}", blocks[tree])
    sizes = " ".join(str(len(block.encode())) for block in blocks[:-1])
    head = re.sub(r"(?m)^tree_sizes=.*$", f"tree_sizes={sizes}", head)
    return f"{head}\n\n{''.join(blocks)}".encode()


def line(data: bytes, key: str, tree: int = 0) -> list[str]:
    found = re.findall(rf"(?m)^{key}=(.*)$", data.decode())[tree]
    return found.split()  # type: ignore[no-any-return]


def changed(values: list[str], place: int, value: str) -> str:
    return " ".join([*values[:place], value, *values[place + 1 :]])


@pytest.mark.parametrize(
    ("key", "place", "value", "code"),
    [
        ("split_feature", 0, "4", "index-out-of-range"),
        ("split_feature", 0, "-1", "index-out-of-range"),
        ("split_feature", 0, "99999999999999", "kind-mismatch"),
        ("left_child", 0, "0", "child-not-greater"),
        ("left_child", 0, "100", "index-out-of-range"),
        ("left_child", 0, "-100", "index-out-of-range"),
        ("right_child", 0, "1", "child-not-greater"),
        ("right_child", 1, "0", "child-not-greater"),
        ("decision_type", 0, "12", "index-out-of-range"),
        ("decision_type", 0, "3", "value-mismatch"),
        ("threshold", 0, "x", "kind-mismatch"),
        ("leaf_value", 0, "1 1", "shape-mismatch"),
        ("leaf_count", 0, "", "kind-mismatch"),
        ("internal_count", 0, "1 1", "shape-mismatch"),
        ("num_leaves", 0, "5000", "shape-mismatch"),
        ("num_leaves", 0, "0", "value-out-of-range"),
        ("leaf_value", 0, "1\t", "kind-mismatch"),
        ("leaf_value", 0, "1 ", "shape-mismatch"),
        ("leaf_count", 0, "1_0", "kind-mismatch"),
        ("left_child", 0, "\u0661", "kind-mismatch"),
    ],
)
def test_a_changed_line_of_a_tree_is_refused(key: str, place: int, value: str, code: str) -> None:
    data = light("binary")
    for tree in (0, 2):
        assert (
            code_of(lightgbm.read, with_line(data, key, changed(line(data, key, tree), place, value), tree=tree))
            == code
        )


@pytest.mark.parametrize(
    ("key", "place", "value", "code"),
    [
        ("threshold", None, "7000", "index-out-of-range"),
        ("threshold", None, "-1", "index-out-of-range"),
        ("threshold", None, "0.5", "index-out-of-range"),
        ("threshold", None, "nan", "index-out-of-range"),
        ("cat_boundaries", 1, "400", "not-increasing"),
        ("cat_boundaries", 0, "1", "not-increasing"),
        ("cat_threshold", 0, "4294967296", "index-out-of-range"),
        ("num_cat", 0, "0", "attribute-unknown"),
    ],
)
def test_a_changed_set_of_categories_in_text_is_refused(key: str, place: int | None, value: str, code: str) -> None:
    data = light("categories")
    tree = next(i for i in range(4) if line(data, "num_cat", i) != ["0"])
    if place is None:
        place = next(i for i, kind in enumerate(line(data, "decision_type", tree)) if int(kind) & 1)
    sets = re.findall(r"(?m)^num_cat=(.*)$", data.decode())[: tree + 1]
    number = sum(each != "0" for each in sets[:-1]) if key.startswith("cat_") else tree
    values = line(data, key, number)
    if key == "cat_boundaries" and len(values) == 2 and place == 1:
        code = "shape-mismatch"
    assert code_of(lightgbm.read, with_line(data, key, changed(values, place, value), tree=tree)) == code


@pytest.mark.parametrize(
    ("key", "value", "code"),
    [
        ("tree_sizes", "1 1 1 1", "value-mismatch"),
        ("tree_sizes", "99999999 1 1 1", "value-out-of-range"),
        ("num_class", "7", "value-mismatch"),
        ("num_tree_per_iteration", "3", "value-mismatch"),
        ("num_tree_per_iteration", "0", "value-out-of-range"),
        ("max_feature_idx", "2", "shape-mismatch"),
        ("max_feature_idx", "99999999", "value-out-of-range"),
        ("objective", "binary sigmoid:-1", "value-out-of-range"),
        ("objective", "multiclass num_class:4", "value-mismatch"),
        ("objective", "custom", "string-not-allowed"),
        ("feature_infos", "[0:1] [0:1] [0:1] x", "value-mismatch"),
        ("version", "v9", "string-not-allowed"),
    ],
)
def test_a_changed_header_is_refused(key: str, value: str, code: str) -> None:
    assert code_of(lightgbm.read, with_line(light("binary"), key, value, tree=None)) == code


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"[data: ]", b"[data: /etc/passwd]"),
        (b"[forcedsplits_filename: ]", b"[forcedsplits_filename: /etc/passwd]"),
        (b"[machines: ]", b"[machines: 10.0.0.1:80]"),
        (b"[num_leaves: 6]", b"[num_leaves: 6]\n[num_leaves: 6]"),
        (b"[num_leaves: 6]", b"[hook: os.system]"),
        (b"end of parameters", b"end of paramters"),
        (b"pandas_categorical:null", b"pandas_categorical:" + b"[" * 100_000),
        (b"pandas_categorical:null", b'pandas_categorical:{"a":1}'),
        (b"pandas_categorical:null", b"pandas_categorical:[[[1]]]"),
    ],
)
def test_a_changed_end_is_refused(old: bytes, new: bytes) -> None:
    assert old in light("binary")
    code_of(lightgbm.read, light("binary").replace(old, new))


def test_linear_leaves_read_features_that_are_there() -> None:
    data = light("linear-leaves")
    tree = next(i for i in range(4) if line(data, "leaf_features", i))
    values = line(data, "leaf_features", tree)
    text = re.findall(r"(?m)^leaf_features=(.*)$", data.decode())[tree]
    beyond = text.replace(values[0], "4", 1)
    assert code_of(lightgbm.read, with_line(data, "leaf_features", beyond, tree=tree)) == "index-out-of-range"
    for other in (text + " ", text.rstrip(), text.replace("  ", " ", 1) + " "):
        assert code_of(lightgbm.read, with_line(data, "leaf_features", other, tree=tree)) == "value-mismatch"
    assert code_of(lightgbm.read, with_line(data, "leaf_features", " ".join(values[1:]), tree=tree)) == "shape-mismatch"


def test_a_truncated_text_is_refused_wherever_it_ends() -> None:
    data = light("categories")
    for end in [*range(0, len(data) - 2, 61)]:
        code_of(lightgbm.read, data[:end])


# -- a whole artifact's tree ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
def test_a_tree_with_changed_bytes_is_refused_before_anything_is_built(library: str) -> None:
    examples = {"xgboost": xgboost_examples, "lightgbm": lightgbm_examples}[library].examples()
    tree = take(dict(examples)["binary"]()).tree
    place = next(
        node.attrs["native"] for node in tree.nodes if isinstance(node, nodes.Object) and "native" in node.attrs
    )
    array = tree.nodes[place]
    assert isinstance(array, nodes.Array)
    assert array.tensor is not None
    kept = tree.tensors[array.tensor]
    data = bytearray(kept.data)
    data[len(data) // 2 :] = bytes(len(data) - len(data) // 2)
    tensors = list(tree.tensors)
    tensors[array.tensor] = Tensor(kept.carrier, kept.shape, memoryview(data))
    with pytest.raises(AuditError) as caught:
        audit(Tree(tree.nodes, tree.root, tree.strings, tensors), Policy())
    assert caught.value.where.startswith("_Booster.native")


@pytest.mark.parametrize("value", ["1 num_threads=100000", "a\nb", "x=1", "y" * 5000])
def test_parameters_that_are_several_in_one_are_refused(value: str) -> None:
    import lightgbm as library

    model = dict(lightgbm_examples.examples())["binary"]()
    assert isinstance(model, library.LGBMClassifier)
    model._other_params["metric"] = value
    with pytest.raises(AmberError):
        build(take(model).tree)


@pytest.mark.parametrize("name", ["objective", "metric", "light-objective"])
def test_functions_of_the_caller_are_refused(name: str) -> None:
    import lightgbm as light_library
    import xgboost as library

    X, y = xgboost_examples.table()
    make = {
        "objective": lambda: library.XGBRegressor(n_estimators=2, objective=gradient, n_jobs=1).fit(X, y),
        "metric": lambda: library.XGBRegressor(n_estimators=2, eval_metric=error, n_jobs=1).fit(X, y),
        "light-objective": lambda: light_library.LGBMRegressor(n_estimators=2, objective=gradient, verbose=-1).fit(
            X, y
        ),
    }
    model = make[name]()
    with pytest.raises(AmberError):
        take(model)
    allowed = Policy(allow=(f"{__name__}.gradient", f"{__name__}.error"))
    with pytest.raises(AmberError):
        save(model, "/nowhere/model.amber", policy=allowed)


def gradient(y_true: Any, y_pred: Any) -> Any:
    """An objective of the caller's own."""
    return y_pred - y_true, np.ones_like(y_true)


def error(y_true: Any, y_pred: Any) -> float:
    """A metric of the caller's own."""
    return float(np.abs(y_true - y_pred).mean())


# -- whatever bytes ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
def test_random_changes_are_refused_or_do_no_harm(library: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.hostile.boosters", library, str(FUZZED), "0"],
        capture_output=True, text=True, check=False, cwd=ROOT, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    refused, answered = map(int, done.stdout.split("\n")[-2].split())
    assert refused > FUZZED  # of the kinds together
    assert answered > 0
