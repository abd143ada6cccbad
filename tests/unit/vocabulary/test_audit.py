"""The audit of names: what is not in the vocabulary or allowed is refused, with its place."""

from __future__ import annotations

from typing import Any

import pytest

from amber import vocabulary
from amber.limits import Limits
from amber.policy import Policy
from amber.tree import nodes
from amber.tree.nodes import Tree
from amber.vocabulary.audit import check_names

SCALER = "sklearn.preprocessing.StandardScaler"


def audit(*table: Any, policy: Policy | None = None) -> list[tuple[str, str]]:
    tree = Tree(list(table), 0, [], [])
    found = check_names(tree, vocabulary.load(), policy or Policy())
    return [(problem.code, problem.where) for problem in found]


def test_a_good_tree_has_no_problems() -> None:
    assert audit(nodes.Object(SCALER, {"with_mean": 1}), nodes.Bool(True)) == []


@pytest.mark.parametrize(
    "name",
    [
        "os.system",
        "builtins.eval",
        "sklearn.preprocessing._data.StandardScaler",
        "sklearn.preprocessing.StandardScaler.fit",
        "sklearn.preprocessing.standardscaler",
        "numpy.load",
        "",
        ".",
        "sklearn",
        "sklearn:",
        "joblib.Memory",
        "../sklearn",
    ],
)
def test_unknown_types(name: str) -> None:
    assert audit(nodes.Object(name, {})) == [("type-unknown", "model")]
    assert audit(nodes.List([1]), nodes.TypeRef(name)) == [("type-unknown", "[0]")]


@pytest.mark.parametrize(
    "name", ["operator.attrgetter", "numpy.load", "builtins.getattr", "sklearn.datasets.load_files"]
)
def test_unknown_functions(name: str) -> None:
    assert audit(nodes.FunctionRef(name)) == [("function-unknown", "model")]


def test_a_class_is_no_function_and_a_function_no_class() -> None:
    assert audit(nodes.FunctionRef(SCALER)) == [("function-unknown", "model")]
    assert audit(nodes.TypeRef("sklearn.metrics.f1_score")) == [("type-unknown", "model")]


def test_value_types_have_no_instances() -> None:
    assert audit(nodes.TypeRef("numpy.float64")) == []
    assert audit(nodes.Object("numpy.float64", {})) == [("type-unknown", "model")]


def test_attributes_are_closed_and_constrained() -> None:
    assert audit(nodes.Object(SCALER, {"fit": 1}), nodes.NoneNode()) == [("attribute-unknown", "fit")]
    assert audit(nodes.Object(SCALER, {"__class__": 1}), nodes.NoneNode()) == [("attribute-unknown", "__class__")]
    pipeline = nodes.Object("sklearn.pipeline.Pipeline", {"memory": 1})
    assert audit(pipeline, nodes.Str("/tmp/cache")) == [("kind-mismatch", "memory")]
    assert audit(nodes.List([1]), nodes.Object("sklearn:tree.Tree", {})) == [
        ("attribute-missing", f"[0].{name}")
        for name in ("n_features", "n_classes", "n_outputs", "max_depth", "node_count", "nodes", "values")
    ]


@pytest.mark.parametrize(
    ("type_name", "attribute", "value", "code"),
    [
        ("sklearn.feature_extraction.text.CountVectorizer", "input", "filename", "string-not-allowed"),
        ("sklearn.feature_extraction.text.TfidfVectorizer", "input", "file", "string-not-allowed"),
        ("sklearn.feature_extraction.text.HashingVectorizer", "encoding", "__main__", "string-not-allowed"),
        ("sklearn.feature_extraction.text.CountVectorizer", "token_pattern", "(?:a+)+b", "pattern-refused"),
        ("sklearn.feature_selection.SelectFromModel", "importance_getter", "coef_.__class__", "string-not-allowed"),
        ("sklearn.ensemble.StackingClassifier", "stack_method_", "fit", "string-not-allowed"),
        ("sklearn:metrics.Scorer", "_response_method", "set_params", "string-not-allowed"),
        (
            "sklearn.compose.ColumnTransformer",
            "verbose_feature_names_out",
            "{feature_name:>9999999}",
            "string-not-allowed",
        ),
        ("sklearn.ensemble.RandomForestClassifier", "n_jobs", 10**6, "limit-jobs"),
        ("sklearn.svm.SVC", "verbose", 10**6, "limit-verbosity"),
        ("sklearn.svm.SVC", "kernel", "exec", "string-not-allowed"),
        ("sklearn.neighbors.KNeighborsClassifier", "metric", "exec", "string-not-allowed"),
        ("sklearn.model_selection.GridSearchCV", "scoring", "exec", "string-not-allowed"),
        ("sklearn.impute.SimpleImputer", "strategy", "exec", "string-not-allowed"),
        ("sklearn.preprocessing.PolynomialFeatures", "degree", 100, "limit-polynomial-degree"),
        ("sklearn.feature_extraction.FeatureHasher", "n_features", 0, "value-out-of-range"),
        ("sklearn.decomposition.LatentDirichletAllocation", "max_doc_update_iter", 10**9, "limit-iterations"),
    ],
)
def test_hyperparameters_that_reach_outside(type_name: str, attribute: str, value: Any, code: str) -> None:
    node = nodes.Str(value) if isinstance(value, str) else nodes.Int(value)
    assert audit(nodes.Object(type_name, {attribute: 1}), node) == [(code, attribute)]


def test_n_grams_are_capped() -> None:
    table = [nodes.Object("sklearn.feature_extraction.text.CountVectorizer", {"ngram_range": 1}), nodes.Tuple([2, 3])]
    assert audit(*table, nodes.Int(1), nodes.Int(3)) == []
    assert audit(*table, nodes.Int(1), nodes.Int(65)) == [("limit-ngram", "ngram_range")]


def test_the_users_own_names_need_the_readers_leave() -> None:
    table = [
        nodes.Custom("mypkg.Scaler", {"f": 1, "c": 2}),
        nodes.CustomFunction("mypkg.f"),
        nodes.CustomType("mypkg.C"),
    ]
    assert [code for code, _ in audit(*table)] == ["name-not-allowed"] * 3
    assert audit(*table, policy=Policy(allow=("mypkg.Scaler", "mypkg.f", "mypkg.C"))) == []
    assert audit(nodes.CustomFunction("mypkg.fx"), policy=Policy(allow=("mypkg.f",))) == [("name-not-allowed", "model")]
    assert audit(nodes.Custom("a.B", {"__class__": 1}), nodes.NoneNode(), policy=Policy(allow=("a.B",))) == [
        ("attribute-unknown", "__class__")
    ]


def test_links_and_factories() -> None:
    assert audit(nodes.Link("rng.global")) == []
    assert audit(nodes.Link("os.environ")) == [("link-unknown", "model")]
    assert audit(nodes.DefaultDict(1, []), nodes.TypeRef("builtins.int")) == []
    assert audit(nodes.DefaultDict(1, []), nodes.FunctionRef("numpy.exp")) == [("kind-mismatch", "model")]


def test_every_problem_is_found_up_to_the_limit() -> None:
    table = [nodes.List(list(range(1, 51))), *[nodes.TypeRef(f"evil.T{i}") for i in range(50)]]
    assert len(audit(*table)) == 50
    assert len(audit(*table, policy=Policy(limits=Limits(problems=7)))) == 7


def pipelines(depth: int) -> list[Any]:
    """A pipeline whose two steps are one pipeline whose two steps are one ... `depth` deep."""
    table: list[Any] = []
    for level in range(depth):
        start = 2 * level
        table += [nodes.Object("sklearn.pipeline.Pipeline", {"steps": start + 1}), nodes.List([start + 2, start + 2])]
    return [*table, nodes.Object(SCALER, {})]


def test_objects_that_unfold_are_capped() -> None:
    assert audit(*pipelines(10)) == []
    found = audit(*pipelines(40))
    assert [code for code, _ in found] == ["limit-unfolded-objects"]


def test_cycles_are_counted_once() -> None:
    table = [nodes.Object("sklearn.pipeline.Pipeline", {"steps": 1}), nodes.List([0, 0, 1])]
    assert audit(*table) == []


def test_a_wide_table_with_many_back_references_is_counted_in_linear_time() -> None:
    many = 20_000
    table = [nodes.List(list(range(1, many + 1))), *[nodes.List([many + 1]) for _ in range(many)]]
    table.append(nodes.List(list(range(1, many + 1))))  # refers back to all of them, and they to it
    assert [code for code, _ in audit(*table)] in ([], ["limit-unfolded-objects"])


@pytest.mark.parametrize(
    ("start", "stop", "step", "good"),
    [(0, 10, 1, True), (0, 11, 1, False), (11, 0, -1, False), (0, 20, 2, True), (0, 21, 2, False), (5, 0, 1, True)],
)
def test_a_range_is_no_longer_than_what_may_be_made_of_it(start: int, stop: int, step: int, good: bool) -> None:
    rules = Policy(limits=Limits(components=10))
    assert audit(nodes.Range(start, stop, step), policy=rules) == ([] if good else [("limit-components", "model")])


@pytest.mark.parametrize(
    ("dtype", "good"), [("<f8", True), ("|O", True), ("<U16384", True), ("<U16385", False), ("|V65537", False)]
)
def test_one_item_of_a_dtype_is_small(dtype: str, good: bool) -> None:
    assert audit(nodes.Dtype(dtype)) == ([] if good else [("limit-components", "model")])


@pytest.mark.parametrize(("text", "good"), [("U99999", True), ("U100000", False), ("f8", True), ("(99,)f8", True)])
def test_the_name_of_a_dtype_has_few_digits(text: str, good: bool) -> None:
    for kind in (nodes.Dict, nodes.OrderedDict, lambda items: nodes.DefaultDict(3, items)):
        found = audit(kind([(1, 2)]), nodes.Str("dtype"), nodes.Str(text), nodes.NoneNode())
        assert [code for code, _ in found] == ([] if good else ["string-not-allowed"])
    assert audit(nodes.Dict([(1, 2)]), nodes.Str("sample"), nodes.Str(text)) == []


def test_containers_that_are_freed_by_recursion_stand_in_few() -> None:
    rules = Policy(limits=Limits(nesting=2))
    inner = nodes.ObjectArray([1], "C", [3])
    deep = (nodes.ObjectArray([1], "C", [1]), nodes.Deque([2], None), inner, nodes.NoneNode())
    assert audit(*deep, policy=rules) == [("limit-nesting", "model")]
    assert audit(nodes.ObjectArray([1], "C", [1]), nodes.Deque([2], None), nodes.NoneNode(), policy=rules) == []
    assert audit(nodes.ObjectArray([1], "C", [0])) == [("limit-nesting", "model")]


def leaves(*following: int | None) -> list[Any]:
    """A list of Birch's leaves, each with the position of the next (None: the last)."""
    last = len(following) + 1
    made = [nodes.Object("sklearn:cluster.CFNode", {"next_leaf_": last if n is None else n + 1}) for n in following]
    return [nodes.List(list(range(1, last))), *made, nodes.NoneNode()]


@pytest.mark.parametrize(
    ("following", "found"),
    [
        ([1, 2, 3, None], []), ([None, 0, 1], []), ([2, 2, None], []), ([0], ["[0].next_leaf_"]),
        ([1, 2, 0], ["[0].next_leaf_"]), ([1, 2, 3, 1], ["[1].next_leaf_"]),
        ([0, 1], ["[0].next_leaf_", "[1].next_leaf_"]),
    ],
)  # fmt: skip
def test_a_list_of_leaves_has_an_end(following: list[int | None], found: list[str]) -> None:
    assert audit(*leaves(*following)) == [("tree-cycle", where) for where in found]
