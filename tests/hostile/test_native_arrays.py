"""Every native code path that a fitted object's methods reach, and the arrays it trusts: changed, they are refused.

Each case starts from a real fitted model, changes one value in its tree, and expects the audit to name the place.
Nothing is built. The last tests do build the same thing with scikit-learn alone, in a child process, to show that it is
the audit and not luck that stands between such a file and a crash.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn import cluster, dummy, ensemble, feature_extraction, linear_model, neighbors, preprocessing, svm, tree
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

from amber.adapters.take import take
from amber.tree import nodes
from amber.tree.nodes import Tree
from tests.hostile.tampering import codes, problems, with_attribute, with_element, with_rows, without_attribute

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(80, 4))
Y = (X[:, 0] > 0).astype(int) + (X[:, 1] > 0.5)
TWO = (X[:, 0] > 0).astype(int)
NUMBERS = X[:, 0] * 2 + X[:, 1]
LETTERS = np.array([["a", "x"], ["b", "y"], ["c", "x"], ["a", "z"], ["b", "x"], ["a", "y"]] * 3, dtype=object)
MIXED = np.column_stack([X, RANDOM.integers(0, 5, 80)])
COUNT = 2**40

MODELS: dict[str, Callable[[], Any]] = {
    "tree": lambda: tree.DecisionTreeClassifier(random_state=0).fit(X, Y),
    "forest": lambda: ensemble.RandomForestClassifier(4, random_state=0).fit(X, Y),
    "isolation": lambda: ensemble.IsolationForest(n_estimators=4, random_state=0).fit(X),
    "boosting": lambda: ensemble.GradientBoostingClassifier(n_estimators=3, random_state=0).fit(X, Y),
    "boosting-numbers": lambda: ensemble.GradientBoostingRegressor(
        n_estimators=3, random_state=0, init=linear_model.LinearRegression()
    ).fit(X, NUMBERS),
    "histogram": lambda: ensemble.HistGradientBoostingClassifier(
        max_iter=4, categorical_features=[4], min_samples_leaf=2
    ).fit(MIXED, (MIXED[:, 4] > 2).astype(int)),
    "histogram-plain": lambda: ensemble.HistGradientBoostingRegressor(max_iter=3).fit(X, NUMBERS),
    "neighbours": lambda: neighbors.KNeighborsClassifier(algorithm="brute").fit(X, Y),
    "neighbours-several": lambda: neighbors.KNeighborsClassifier(algorithm="brute").fit(X, np.column_stack([Y, TWO])),
    "kd-tree": lambda: neighbors.KNeighborsRegressor(algorithm="kd_tree", leaf_size=5).fit(X, NUMBERS),
    "ball-tree": lambda: neighbors.NearestNeighbors(algorithm="ball_tree", leaf_size=5).fit(X),
    "graph": lambda: neighbors.KNeighborsTransformer().fit(X),
    "density": lambda: neighbors.KernelDensity().fit(X),
    "svc": lambda: svm.SVC(probability=False).fit(X, Y),
    "svc-sparse": lambda: svm.SVC().fit(sparse.csr_matrix(X), Y),
    "svc-precomputed": lambda: svm.SVC(kernel="precomputed").fit(X @ X.T, TWO),
    "svr": lambda: svm.SVR().fit(X, NUMBERS),
    "one-class": lambda: svm.OneClassSVM().fit(X),
    "k-means": lambda: cluster.KMeans(3, n_init=1, random_state=0).fit(X),
    "mini-batch": lambda: cluster.MiniBatchKMeans(3, n_init=1, random_state=0, batch_size=16).fit(X),
    "bisecting": lambda: cluster.BisectingKMeans(3, random_state=0).fit(X),
    "birch": lambda: cluster.Birch(n_clusters=3).fit(X),
    "hierarchy": lambda: cluster.HDBSCAN(min_cluster_size=5).fit(X),
    "agglomeration": lambda: cluster.FeatureAgglomeration(2).fit(X),
    "counts": lambda: CountVectorizer().fit(["one two three", "two four"]),
    "many-counts": lambda: CountVectorizer().fit([" ".join(f"word{i}" for i in range(90))]),
    "tfidf": lambda: TfidfVectorizer().fit(["one two three", "two four"]),
    "records": lambda: feature_extraction.DictVectorizer().fit([{"a": 1, "b": 2}, {"c": 3}]),
    "hasher": lambda: feature_extraction.FeatureHasher(n_features=8).fit([]),
    "one-hot": lambda: preprocessing.OneHotEncoder().fit(LETTERS),
    "numeric-one-hot": lambda: preprocessing.OneHotEncoder().fit([[1.0], [np.nan], [0.5]]),
    "one-hot-dropped": lambda: preprocessing.OneHotEncoder(drop="first").fit(LETTERS),
    "one-hot-grouped": lambda: preprocessing.OneHotEncoder(min_frequency=5, handle_unknown="ignore").fit(LETTERS),
    "binarizer": lambda: preprocessing.MultiLabelBinarizer().fit([("a", "b"), ("c",)]),
    "polynomial": lambda: preprocessing.PolynomialFeatures(2).fit(X),
    "sgd": lambda: linear_model.SGDClassifier(random_state=0).fit(X, TWO),
    "sgd-several": lambda: linear_model.SGDClassifier(random_state=0, average=True).fit(X, Y),
    "sgd-numbers": lambda: linear_model.SGDRegressor(random_state=0).fit(X, NUMBERS),
    "sparse-weights": lambda: linear_model.LogisticRegression().fit(X, TWO).sparsify(),
}


@cache
def taken(name: str) -> Tree:
    return take(MODELS[name]()).tree


@pytest.mark.parametrize("name", MODELS)
def test_untouched_models_pass(name: str) -> None:
    assert problems(taken(name)) == []


def inner(name: str, path: str, field: str) -> int:
    """The first node of a tree that has children."""
    from amber.adapters.arrays import as_array
    from tests.hostile.tampering import index_at

    found = taken(name)
    node = found.nodes[index_at(found, path)]
    assert isinstance(node, nodes.Array)
    array = as_array(found, node)
    return int(np.flatnonzero(array[field] != -1 if field == "left_child" else array[field] == 0)[0])


TREE = [
    ("left_child", COUNT, "child-not-greater"),
    ("left_child", -7, "child-not-greater"),
    ("left_child", -1, "child-not-greater"),  # one child only
    ("left_child", 0, "child-not-greater"),  # the walk never ends
    ("right_child", 2**62, "child-not-greater"),
    ("feature", 10**9, "index-out-of-range"),
    ("feature", -2, "index-out-of-range"),
    ("missing_go_to_left", 2, "index-out-of-range"),
]


@pytest.mark.parametrize(("field", "value", "code"), TREE)
@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("tree", "tree_.nodes"),
        ("forest", "estimators_[2].tree_.nodes"),
        ("isolation", "estimators_[1].tree_.nodes"),
        ("boosting", "estimators_[4].tree_.nodes"),
    ],
)
def test_decision_tree_nodes(name: str, path: str, field: str, value: int, code: str) -> None:
    owner = path.removesuffix(".nodes")
    changed = with_element(taken(name), path, inner(name, path, "left_child"), value, field)
    found = problems(changed)
    assert code in {problem.code for problem in found}
    assert all(problem.where.startswith(owner) for problem in found)


def test_a_child_with_two_parents_is_refused() -> None:
    from amber.adapters.arrays import as_array
    from tests.hostile.tampering import index_at

    found = taken("tree")
    node = found.nodes[index_at(found, "tree_.nodes")]
    assert isinstance(node, nodes.Array)
    right = int(as_array(found, node)["right_child"][0])
    assert "child-not-greater" in codes(with_element(found, "tree_.nodes", 0, right, "left_child"))


@pytest.mark.parametrize(
    ("attribute", "value", "code"),
    [
        ("max_depth", 1, "child-not-greater"),  # decision_path writes past its buffer
        ("max_depth", COUNT, "value-mismatch"),
        ("node_count", 10**6, "shape-mismatch"),
        ("node_count", 0, "value-out-of-range"),
        ("n_features", 0, "index-out-of-range"),
        ("n_features", 5, "shape-mismatch"),  # not what the estimator around it says
        ("n_outputs", 3, "shape-mismatch"),
        ("n_classes", np.array([7]), "shape-mismatch"),
        ("n_classes", np.array([COUNT]), "shape-mismatch"),
        ("n_classes", np.array([0]), "index-out-of-range"),
        ("n_classes", np.array([3.0]), "dtype-mismatch"),
        ("values", np.zeros((3, 1, 3)), "shape-mismatch"),
        ("nodes", np.zeros(3), "dtype-mismatch"),
    ],
)
def test_decision_tree_sizes(attribute: str, value: Any, code: str) -> None:
    assert code in codes(with_attribute(taken("tree"), "tree_", attribute, value))


def test_decision_tree_without_its_width_is_refused() -> None:
    # without n_features_in_ scikit-learn checks no width at all
    assert "attribute-missing" in codes(without_attribute(taken("tree"), "", "n_features_in_"))


def test_cut_nodes_are_refused() -> None:
    assert "shape-mismatch" in codes(with_rows(taken("tree"), "tree_.nodes", slice(0, 2)))
    assert codes(with_rows(taken("tree"), "tree_.nodes", slice(0, 0)))


BOOSTING = [
    ("", "n_features_in_", 3, "shape-mismatch"),
    ("", "n_trees_per_iteration_", 9, "shape-mismatch"),
    ("", "n_trees_per_iteration_", 1, "shape-mismatch"),
    ("", "n_classes_", 2, "shape-mismatch"),
    ("init_", "class_prior_", np.array([0.5, 0.5]), "shape-mismatch"),
    ("", "init_", nodes.Object("sklearn.svm.SVC", {}), "kind-mismatch"),
    ("", "_loss", nodes.Object("sklearn:loss.HalfBinomialLoss", {}), "kind-mismatch"),
    ("_loss", "link", nodes.FunctionRef("numpy.max"), "kind-mismatch"),
]


@pytest.mark.parametrize(("owner", "attribute", "value", "code"), BOOSTING)
def test_boosting_writes_columns_that_are_there(owner: str, attribute: str, value: Any, code: str) -> None:
    assert code in codes(with_attribute(taken("boosting"), owner, attribute, value))


def test_boosting_on_a_table_without_columns_is_refused() -> None:
    changed = with_attribute(taken("boosting-numbers"), "init_", "coef_", np.zeros((2, 4)))
    assert "shape-mismatch" in codes(changed)


HISTOGRAM = [
    ("left", 10**6, "child-not-greater"),
    ("left", 0, "child-not-greater"),
    ("right", 2**32 - 1, "child-not-greater"),
    ("feature_idx", 10**9, "index-out-of-range"),
    ("feature_idx", -1, "index-out-of-range"),
    ("is_leaf", 2, "index-out-of-range"),
    ("is_categorical", 7, "index-out-of-range"),
    ("missing_go_to_left", 2, "index-out-of-range"),
]


@pytest.mark.parametrize(("field", "value", "code"), HISTOGRAM)
def test_histogram_nodes(field: str, value: int, code: str) -> None:
    path = "_predictors[1][0].nodes"
    changed = with_element(taken("histogram"), path, inner("histogram", path, "is_leaf"), value, field)
    assert code in codes(changed)


def test_histogram_bitsets() -> None:
    from amber.adapters.arrays import as_array
    from tests.hostile.tampering import index_at

    path = "_predictors[0][0].nodes"
    found = taken("histogram")
    node = found.nodes[index_at(found, path)]
    assert isinstance(node, nodes.Array)
    split = int(np.flatnonzero(as_array(found, node)["is_categorical"])[0])
    assert "index-out-of-range" in codes(with_element(found, path, split, 10**6, "bitset_idx"))
    owner = "_predictors[0][0]"
    assert "shape-mismatch" in codes(with_attribute(found, owner, "raw_left_cat_bitsets", np.zeros((1, 2), np.uint32)))


HISTOGRAM_OWNER = [
    ("", "n_features_in_", 2, "shape-mismatch"),
    ("", "_in_fit", True, "value-out-of-range"),  # X would be taken for bins
    ("_bin_mapper", "is_categorical_", np.zeros(5, np.uint8), "value-mismatch"),
    ("_bin_mapper", "is_categorical_", np.zeros(2, np.uint8), "shape-mismatch"),
    ("_bin_mapper", "bin_thresholds_", [], "shape-mismatch"),
    ("", "_bin_mapper", nodes.Object("sklearn.utils.Bunch", {}), "attribute-missing"),
]


@pytest.mark.parametrize(("owner", "attribute", "value", "code"), HISTOGRAM_OWNER)
def test_histogram_boosting_sees_the_columns_it_was_fitted_on(
    owner: str, attribute: str, value: Any, code: str
) -> None:
    assert code in codes(with_attribute(taken("histogram"), owner, attribute, value))


def test_histogram_preprocessor_keeps_every_column() -> None:
    changed = with_element(taken("histogram"), "_preprocessor.transformers_[0][2]", 4, False)
    assert "shape-mismatch" in codes(changed)
    changed = with_attribute(
        taken("histogram"), "_preprocessor.transformers_[1][1]", "func", nodes.FunctionRef("numpy.max")
    )
    assert "kind-mismatch" in codes(changed)


SEARCH = [
    ("idx_array", 0, COUNT, "", "index-out-of-range"),
    ("idx_array", 0, -1, "", "index-out-of-range"),
    ("node_data", 0, 10**9, "idx_end", "index-out-of-range"),
    ("node_data", 0, -5, "idx_start", "index-out-of-range"),
    ("node_data", 0, 79, "idx_start", None),  # start after end
    ("node_data", 0, 2, "is_leaf", "index-out-of-range"),
]


@pytest.mark.parametrize("name", ["kd-tree", "ball-tree"])
@pytest.mark.parametrize(("attribute", "position", "value", "field", "code"), SEARCH)
def test_search_tree_arrays(name: str, attribute: str, position: int, value: int, field: str, code: str | None) -> None:
    if code is None:
        changed = with_element(taken(name), "_tree.node_data", 1, value, field)
        assert "value-mismatch" in codes(changed)
        return
    assert code in codes(with_element(taken(name), f"_tree.{attribute}", position, value, field))


@pytest.mark.parametrize("name", ["kd-tree", "ball-tree"])
@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("n_nodes", 2**20),
        ("n_levels", 40),
        ("n_levels", 63),
        ("data", np.zeros((80, 9))),
        ("data", np.zeros((2, 4))),
        ("node_bounds", np.zeros((1, 1, 1))),
        ("sample_weight", np.zeros(3)),
    ],
)
def test_search_tree_sizes(name: str, attribute: str, value: Any) -> None:
    assert codes(with_attribute(taken(name), "_tree", attribute, value))


@pytest.mark.parametrize("name", ["kd-tree", "ball-tree"])
def test_a_last_level_node_that_is_no_leaf_has_children_behind_the_end(name: str) -> None:
    from amber.adapters.arrays import as_array
    from tests.hostile.tampering import index_at

    found = taken(name)
    node = found.nodes[index_at(found, "_tree.node_data")]
    assert isinstance(node, nodes.Array)
    last = len(as_array(found, node)) - 1
    # a leaf more above, so that the number of leaves says nothing
    changed = with_element(found, "_tree.node_data", 1, 1, "is_leaf")
    assert "index-out-of-range" in codes(with_element(changed, "_tree.node_data", last, 0, "is_leaf"))


@pytest.mark.parametrize(
    ("metric", "arguments", "attribute", "value"),
    [
        ("seuclidean", {"V": np.ones(4)}, "vec", np.ones(1)),
        ("mahalanobis", {"VI": np.eye(4)}, "mat", np.eye(2)),
        ("minkowski", {"w": np.ones(4), "p": 3}, "vec", np.ones(3)),
    ],
)
def test_distances_have_a_number_for_each_column(
    metric: str, arguments: dict[str, Any], attribute: str, value: Any
) -> None:
    model = neighbors.BallTree(X, metric=metric, **arguments)
    found = take(model).tree
    assert problems(found) == []
    assert codes(with_attribute(found, "dist_metric", attribute, value))


NEIGHBOURS = [
    ("neighbours", "n_samples_fit_", 10, "shape-mismatch"),
    ("neighbours", "n_features_in_", 9, "shape-mismatch"),
    ("neighbours", "_y", np.full(80, 3), "index-out-of-range"),  # votes are written there
    ("neighbours", "_y", np.full(80, -1), "index-out-of-range"),
    ("neighbours", "_y", np.zeros(7, np.int64), "shape-mismatch"),
    ("neighbours", "classes_", np.array([0, 1]), "index-out-of-range"),
    ("neighbours-several", "_y", np.full((80, 2), 2), "index-out-of-range"),
    ("graph", "n_samples_fit_", 1, "shape-mismatch"),
    ("kd-tree", "n_samples_fit_", 1, "shape-mismatch"),
    ("kd-tree", "n_features_in_", 1, "shape-mismatch"),
    ("density", "n_features_in_", 1, "shape-mismatch"),
]


@pytest.mark.parametrize(("name", "attribute", "value", "code"), NEIGHBOURS)
def test_neighbours(name: str, attribute: str, value: Any, code: str) -> None:
    assert code in codes(with_attribute(taken(name), "", attribute, value))


def test_squared_norms_of_another_length_cannot_be_passed_as_a_metric_parameter() -> None:
    changed = with_attribute(taken("neighbours"), "", "effective_metric_params_", nodes.Dict([]))
    from tests.hostile.tampering import add, index_at

    node = changed.nodes[index_at(changed, "effective_metric_params_")]
    assert isinstance(node, nodes.Dict)
    node.items = [(add(changed, "Y_norm_squared"), add(changed, np.zeros(1)))]
    assert codes(changed) == {"string-not-allowed"}


SVM = [
    ("svc", "_n_support", np.array([1, 2, 3], np.int32), "shape-mismatch"),
    ("svc", "_n_support", np.array([10**6, 0, 0], np.int32), "shape-mismatch"),
    ("svc", "_intercept_", np.zeros(1), "shape-mismatch"),
    ("svc", "_dual_coef_", np.zeros((1, 3)), "shape-mismatch"),
    ("svc", "support_", np.arange(5, dtype=np.int32), "shape-mismatch"),
    ("svc", "support_vectors_", np.zeros((4, 4)), "shape-mismatch"),
    ("svc", "_probA", np.zeros(2), "shape-mismatch"),
    ("svc", "classes_", np.arange(2), "shape-mismatch"),
    ("svc", "class_weight_", np.ones(1), "shape-mismatch"),
    ("svc", "_sparse", True, "attribute-missing"),
    ("svc", "kernel", "rbf2", "string-not-allowed"),
    ("svc", "kernel", nodes.FunctionRef("numpy.add"), "function-not-allowed"),
    ("svc-precomputed", "shape_fit_", [3, 3], "index-out-of-range"),
    ("svr", "_intercept_", np.zeros(0), "shape-mismatch"),
    ("svr", "_dual_coef_", np.zeros((1, 1)), "shape-mismatch"),
    ("one-class", "_n_support", np.zeros(1, np.int32), "shape-mismatch"),
    ("svc-sparse", "_sparse", False, "kind-mismatch"),
    ("svc-sparse", "kernel", "precomputed", "shape-mismatch"),
    ("svc-sparse", "probability", True, "shape-mismatch"),
    ("svc-sparse", "_effective_probability", True, "shape-mismatch"),
]


@pytest.mark.parametrize(("name", "attribute", "value", "code"), SVM)
def test_support_vectors(name: str, attribute: str, value: Any, code: str) -> None:
    assert code in codes(with_attribute(taken(name), "", attribute, value))


@pytest.mark.parametrize(
    ("path", "position", "value"),
    [("indices", 0, 2**30), ("indices", 0, -1), ("indptr", 1, 10**6), ("indptr", 0, 1), ("indptr", -1, 10**6)],
)
@pytest.mark.parametrize(("name", "owner"), [("svc-sparse", "support_vectors_"), ("sparse-weights", "coef_")])
def test_sparse_structure(name: str, owner: str, path: str, position: int, value: int) -> None:
    assert codes(with_element(taken(name), f"{owner}.{path}", position, value))


CENTRES = [
    ("k-means", "", "cluster_centers_", np.zeros((3, 2)), "shape-mismatch"),
    ("k-means", "", "cluster_centers_", np.zeros((0, 4)), "shape-mismatch"),
    ("k-means", "", "n_features_in_", 2, "shape-mismatch"),
    ("k-means", "", "_n_threads", 10**6, "limit-jobs"),
    ("k-means", "", "_n_threads", 0, "value-out-of-range"),
    ("mini-batch", "", "_counts", np.zeros(1), "shape-mismatch"),
    ("bisecting", "_bisecting_tree.left", "center", np.zeros(1), "shape-mismatch"),
    ("bisecting", "_bisecting_tree", "center", np.zeros(9), "shape-mismatch"),
    ("birch", "", "_subcluster_norms", np.zeros(1), "shape-mismatch"),
    ("birch", "", "subcluster_centers_", np.zeros((2, 9)), "shape-mismatch"),
    ("agglomeration", "", "labels_", np.array([0, 1, 0, COUNT]), "index-out-of-range"),
]


@pytest.mark.parametrize(("name", "owner", "attribute", "value", "code"), CENTRES)
def test_centres(name: str, owner: str, attribute: str, value: Any, code: str) -> None:
    assert code in codes(with_attribute(taken(name), owner, attribute, value))


@pytest.mark.parametrize("field", ["left_node", "right_node"])
@pytest.mark.parametrize("value", [-1, 10**9])
def test_hierarchy_of_clusters(field: str, value: int) -> None:
    changed = with_element(taken("hierarchy"), "_single_linkage_tree_", 3, value, field)
    assert "index-out-of-range" in codes(changed)


ENCODERS = [
    ("one-hot", "_n_features_outs", [1, 1], "shape-mismatch"),
    ("one-hot", "_n_features_outs", [3], "shape-mismatch"),
    ("one-hot-dropped", "_n_features_outs", [3, 3], "shape-mismatch"),
    ("one-hot-grouped", "_n_features_outs", [1, 1], "shape-mismatch"),
    ("one-hot-grouped", "_default_to_infrequent_mappings", [None, np.array([0, 10**6, 1])], "shape-mismatch"),
    ("one-hot-grouped", "_default_to_infrequent_mappings", [None, np.array([0, -9, 1])], "shape-mismatch"),
    ("binarizer", "_cached_dict", {}, "kind-mismatch"),
    ("binarizer", "classes_", np.array(["a", "a", "b"]), "not-distinct"),
    ("binarizer", "classes_", np.array([1, 1]), "not-distinct"),
    ("numeric-one-hot", "categories_", [np.array([5.0, 1.0, 3.0])], "not-increasing"),
    ("numeric-one-hot", "categories_", [np.array([1.0, 1.0, 3.0])], "not-increasing"),
    ("numeric-one-hot", "categories_", [np.array([1.0, np.nan, 3.0])], "not-increasing"),
    ("hasher", "n_features", 0, "value-out-of-range"),  # a division by zero that ends the process
    ("hasher", "n_features", 2**40, "limit-hash-features"),
    ("polynomial", "_max_degree", 10**6, "limit-polynomial-degree"),
    ("polynomial", "n_features_in_", 10**6, "limit-components"),
]


@pytest.mark.parametrize(("name", "attribute", "value", "code"), ENCODERS)
def test_matrices_built_from_stored_numbers(name: str, attribute: str, value: Any, code: str) -> None:
    value = nodes.Dict([]) if isinstance(value, dict) else value
    assert code in codes(with_attribute(taken(name), "", attribute, value))


def test_dropped_category_must_exist() -> None:
    objects = nodes.ObjectArray([2], "C", [])
    changed = with_attribute(taken("one-hot-dropped"), "", "_drop_idx_after_grouping", objects)
    from tests.hostile.tampering import add

    objects.items = [add(changed, 0), add(changed, 10**9)]
    assert "shape-mismatch" in codes(changed)


@pytest.mark.parametrize("name", ["counts", "tfidf", "records"])
@pytest.mark.parametrize("value", [10**9, -1])
def test_vocabulary_counts_into_its_own_columns(name: str, value: int) -> None:
    from tests.hostile.tampering import add, copied, index_at

    changed = copied(taken(name))
    node = changed.nodes[index_at(changed, "vocabulary_")]
    assert isinstance(node, nodes.Dict)
    node.items = [
        (key, add(changed, value)) if not place else (key, old) for place, (key, old) in enumerate(node.items)
    ]
    assert "index-out-of-range" in codes(changed)


def test_long_vocabulary_is_checked_as_a_column() -> None:
    found = taken("many-counts")
    from tests.hostile.tampering import index_at

    node = found.nodes[index_at(found, "vocabulary_")]
    assert isinstance(node, nodes.Map)
    column = found.nodes[node.values]
    assert isinstance(column, nodes.Numbers)
    changed = with_attribute(found, "", "max_features", None)
    from amber.adapters.arrays import as_column, to_tensor

    values = as_column(changed, column).copy()
    values[5] = values[6]
    changed.tensors[column.tensor] = to_tensor(values, "C", column.dtype, 8)
    assert "not-distinct" in codes(changed)
    values[5] = 10**9
    changed.tensors[column.tensor] = to_tensor(values, "C", column.dtype, 8)
    assert "index-out-of-range" in codes(changed)


@pytest.mark.parametrize("name", ["sgd", "sgd-several", "sgd-numbers"])
def test_stochastic_gradient_descent_goes_on_with_weights_of_its_width(name: str) -> None:
    rank = 1 if name == "sgd-numbers" else 2
    for shape in ((0, 4), (1, 1), (9, 4))[: 3 if rank == 2 else 2]:
        value = np.zeros(shape if rank == 2 else shape[:1])
        assert "shape-mismatch" in codes(with_attribute(taken(name), "", "coef_", value))


def test_rows_and_columns_cannot_be_traded() -> None:
    # as many numbers as three classes of four columns need, but too few in each row
    changed = with_attribute(taken("sgd-several"), "", "_average_coef", np.zeros((6, 2)))
    assert "shape-mismatch" in codes(changed)


def test_text_beyond_unicode_is_refused() -> None:
    value = np.frombuffer(np.array([0x110000, 65], np.uint32).tobytes(), "<U1")
    assert codes(with_attribute(taken("tree"), "", "feature_names_in_", value)) == {"text-invalid"}


def test_bool_of_two_is_refused() -> None:
    value = np.frombuffer(b"\x00\x02\x01\x00", np.bool_)
    assert codes(with_attribute(taken("tree"), "", "classes_", value)) == {"bool-invalid"}


def test_every_problem_is_reported_with_its_place() -> None:
    changed = with_element(taken("forest"), "estimators_[0].tree_.nodes", 0, COUNT, "left_child")
    changed = with_element(changed, "estimators_[3].tree_.nodes", 0, 10**9, "feature")
    places = {problem.where: problem.code for problem in problems(changed)}
    assert places == {
        "estimators_[0].tree_.nodes.left_child": "child-not-greater",
        "estimators_[3].tree_.nodes.feature": "index-out-of-range",
    }


# -- what would happen without the audit -------------------------------------------------------------------------------

CHILD = """
import numpy as np, warnings
warnings.simplefilter("ignore")
from sklearn.{module} import {name} as Model
X = np.random.default_rng(0).normal(size=(80, 4)); y = (X[:, 0] > 0).astype(int)
model = Model({options}).fit(X, y)
{change}
print("built", flush=True)
"""
TREE_STATE = """
state = model.tree_.__getstate__(); state["nodes"] = state["nodes"].copy()
{0}
model.tree_.__setstate__(state)
print("built", flush=True)
model.{1}(X)
"""
CRASHES = {
    "predict_follows_a_child_out_of_memory": (
        "tree", "DecisionTreeClassifier", "",
        TREE_STATE.format('state["nodes"]["left_child"][0] = state["nodes"]["right_child"][0] = 2**40', "predict"),
    ),
    "predict_reads_a_feature_out_of_memory": (
        "tree", "DecisionTreeClassifier", "", TREE_STATE.format('state["nodes"]["feature"][0] = 2**40', "predict"),
    ),
    "histogram_predict_follows_a_child_out_of_memory": (
        "ensemble", "HistGradientBoostingClassifier", "max_iter=2",
        'model._predictors[0][0].nodes["left"][0] = model._predictors[0][0].nodes["right"][0] = 2**31\n'
        'print("built", flush=True); model.predict(X)',
    ),
    "kd_tree_query_reads_a_point_out_of_memory": (
        "neighbors", "KNeighborsClassifier", "algorithm='kd_tree', leaf_size=5",
        's = list(model._tree.__getstate__()); s[1] = s[1] * 0 + 2**45; model._tree.__setstate__(tuple(s))\n'
        'print("built", flush=True); model.predict(X)',
    ),
    "sparse_toarray_writes_out_of_memory": (
        "linear_model", "LogisticRegression", "",
        'model.sparsify(); model.coef_.indices[:] = 2**30\nprint("built", flush=True); model.densify()',
    ),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("case", CRASHES)
def test_without_the_audit_the_process_dies(case: str) -> None:
    module, name, options, change = CRASHES[case]
    script = CHILD.format(module=module, name=name, options=options, change=change)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=300, check=False)
    assert b"built" in done.stdout, done.stderr[-500:]
    assert done.returncode < 0, (done.returncode, done.stderr[-500:])


def test_dummy_is_no_native_model() -> None:
    """The list of models above is about native code; one without any passes untouched whatever its numbers are."""
    changed = with_attribute(take(dummy.DummyRegressor().fit(X, NUMBERS)).tree, "", "constant_", np.zeros((5, 5)))
    assert problems(changed) == []
