"""Special states of scikit-learn: taken and rebuilt without the tree in between."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from sklearn import ensemble, isotonic, neighbors, tree, utils
from sklearn.metrics import DistanceMetric

from amber.adapters.sklearn import ADAPTER

X = np.random.RandomState(0).randn(40, 3)
Y = np.arange(40) % 3
SPECIALS = ADAPTER.specials


def again(name, obj, **changes):
    state = SPECIALS[name].take(obj)
    return SPECIALS[name].rebuild(type(obj), {**state, **changes})


@pytest.mark.parametrize("outputs", [1, 2])
def test_a_tree_predicts_the_same_bits(outputs):
    y = Y if outputs == 1 else np.c_[Y, Y % 2]
    native = tree.DecisionTreeClassifier(random_state=0).fit(X, y).tree_
    rebuilt = again("tree", native)
    x = X.astype(np.float32)
    assert np.array_equal(rebuilt.predict(x), native.predict(x))
    assert np.array_equal(rebuilt.decision_path(x).toarray(), native.decision_path(x).toarray())
    assert rebuilt.__getstate__()["nodes"].tobytes() == native.__getstate__()["nodes"].tobytes()
    assert (rebuilt.max_depth, rebuilt.node_count) == (native.max_depth, native.node_count)


def test_a_tree_of_a_version_without_a_field_gets_its_default():
    native = tree.DecisionTreeRegressor(max_depth=3, random_state=0).fit(X, X[:, 0]).tree_
    nodes = SPECIALS["tree"].take(native)["nodes"]
    names = [name for name in nodes.dtype.names if name != "missing_go_to_left"]
    older = np.empty(nodes.shape, [(name, nodes.dtype[name]) for name in names])
    for name in names:
        older[name] = nodes[name]
    rebuilt = again("tree", native, nodes=older)
    assert not rebuilt.missing_go_to_left.any()
    assert np.array_equal(rebuilt.threshold, native.threshold)


def test_a_tree_of_a_version_with_more_fields_drops_them():
    native = tree.DecisionTreeRegressor(max_depth=3, random_state=0).fit(X, X[:, 0]).tree_
    nodes = SPECIALS["tree"].take(native)["nodes"]
    newer = np.zeros(nodes.shape, [*[(name, nodes.dtype[name]) for name in nodes.dtype.names], ("colour", "<i4")])
    for name in nodes.dtype.names:
        newer[name] = nodes[name]
    x = X.astype(np.float32)
    assert np.array_equal(again("tree", native, nodes=newer).predict(x), native.predict(x))


@pytest.mark.parametrize(
    "change",
    [{"node_count": 3}, {"values": np.zeros((2, 1, 1))}, {"nodes": np.zeros(4)}, {"n_outputs": 2}],
)
def test_a_tree_whose_parts_disagree_is_not_built(change):
    native = tree.DecisionTreeRegressor(max_depth=3, random_state=0).fit(X, X[:, 0]).tree_
    with pytest.raises(ValueError, match=r"tree|records"):
        again("tree", native, **change)


def test_a_histogram_predictor_keeps_its_bit_sets():
    codes = np.c_[X, Y % 3]
    model = ensemble.HistGradientBoostingClassifier(max_iter=2, categorical_features=[3]).fit(codes, Y)
    predictor = model._predictors[0][0]
    rebuilt = again("histogram-tree", predictor)
    assert rebuilt.nodes.dtype == predictor.nodes.dtype
    assert rebuilt.nodes.tobytes() == predictor.nodes.tobytes()
    assert np.array_equal(rebuilt.raw_left_cat_bitsets, predictor.raw_left_cat_bitsets)


METRICS = {
    "euclidean": {},
    "seuclidean": {"V": np.array([1.0, 2.0, 0.5])},
    "minkowski": {"p": 3, "w": np.array([1.0, 2.0, 0.5])},
    "mahalanobis": {"VI": np.diag([1.0, 2.0, 3.0])},
    "canberra": {},
    "hamming": {},
}


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", METRICS)
def test_a_metric_measures_the_same_bits(name, dtype):
    metric = DistanceMetric.get_metric(name, dtype, **METRICS[name])
    rebuilt = again("distance-metric", metric)
    assert type(rebuilt) is type(metric)
    assert np.array_equal(rebuilt.pairwise(X.astype(dtype)), metric.pairwise(X.astype(dtype)))


def test_a_callable_metric_keeps_its_function():
    metric = DistanceMetric.get_metric("pyfunc", func=np.vdot)
    state = SPECIALS["distance-metric"].take(metric)
    assert state["func"] is np.vdot
    assert state["kwargs"] == {}
    assert again("distance-metric", metric).pairwise(X).shape == (40, 40)


TREES = [
    (neighbors.KDTree, "euclidean"),
    (neighbors.KDTree, "minkowski"),
    (neighbors.BallTree, "seuclidean"),
    (neighbors.BallTree, "mahalanobis"),
    (neighbors._kd_tree.KDTree32, "manhattan"),
    (neighbors._ball_tree.BallTree32, "canberra"),
]


@pytest.mark.parametrize(("cls", "metric"), TREES)
def test_a_search_tree_finds_the_same_neighbours(cls, metric):
    native = cls(X, leaf_size=3, metric=metric, **METRICS.get(metric, {}))
    rebuilt = again("search-tree", native)
    for mine, theirs in zip(rebuilt.query(X[:7], k=4), native.query(X[:7], k=4), strict=True):
        assert np.array_equal(mine, theirs)


def test_a_search_tree_starts_to_count_anew_and_queries_leave_no_trace():
    native = neighbors.KDTree(X, leaf_size=3)
    before = SPECIALS["search-tree"].take(native)
    native.query(X, k=2)
    after = SPECIALS["search-tree"].take(native)
    assert native.get_n_calls() > 0
    assert before.keys() == after.keys()
    assert all(before[name] is after[name] or before[name] == after[name] for name in before)
    assert again("search-tree", native).get_n_calls() == 0


def test_a_search_tree_keeps_weights():
    weights = np.linspace(0.5, 2.0, 40)
    native = neighbors.BallTree(X, leaf_size=3, sample_weight=weights)
    rebuilt = again("search-tree", native)
    assert np.array_equal(rebuilt.kernel_density(X[:5], 0.5), native.kernel_density(X[:5], 0.5))


@pytest.mark.parametrize(("metric", "given"), [("seuclidean", {"V": np.ones(2)}), ("haversine", {})])
def test_a_metric_of_another_width_is_not_put_into_a_search_tree(metric, given):
    wrong = DistanceMetric.get_metric(metric, **given)
    with pytest.raises(ValueError, match=r"size of V|2 dimensions"):
        again("search-tree", neighbors.BallTree(X), dist_metric=wrong)


def test_an_inner_node_on_the_last_level_is_not_built():
    native = neighbors.KDTree(X, leaf_size=3)
    nodes = SPECIALS["search-tree"].take(native)["node_data"].copy()
    nodes["is_leaf"][-1] = 0
    with pytest.raises(ValueError, match="last level"):
        again("search-tree", native, node_data=nodes)


def losses():
    from sklearn._loss import _loss
    from sklearn.linear_model import _sgd_fast

    for name, arguments in [
        ("CyHalfBinomialLoss", ()),
        ("CyHalfMultinomialLoss", ()),
        ("CyPinballLoss", (0.25,)),
        ("CyHuberLoss", (1.5,)),
        ("CyHalfTweedieLoss", (1.7,)),
    ]:
        yield "loss", getattr(_loss, name)(*arguments)
    yield "sgd-loss", _sgd_fast.Hinge(0.5)
    yield "sgd-loss", _sgd_fast.ModifiedHuber()
    yield "sgd-loss", _sgd_fast.EpsilonInsensitive(0.125)


@pytest.mark.parametrize(("name", "loss"), list(losses()), ids=lambda value: type(value).__name__)
def test_a_loss_keeps_its_parameter(name, loss):
    rebuilt = again(name, loss)
    assert type(rebuilt) is type(loss)
    assert SPECIALS[name].take(rebuilt) == SPECIALS[name].take(loss)
    assert rebuilt.__reduce__()[1] == loss.__reduce__()[1]


def test_a_loss_that_was_replaced_is_built_as_its_successor():
    from sklearn._loss import _loss

    special = SPECIALS["sgd-loss"]
    assert special.rebuild(_loss.CyHuberLoss, {"c": 0.5}).delta == 0.5
    assert type(special.rebuild(_loss.CyHalfBinomialLoss, {})) is _loss.CyHalfBinomialLoss


def test_a_bunch_keeps_order_and_attributes():
    bunch = utils.Bunch(z=1, a=[2], items_of=3)
    rebuilt = again("bunch", bunch)
    assert type(rebuilt) is utils.Bunch
    assert list(rebuilt) == ["z", "a", "items_of"]
    assert rebuilt.a is bunch.a


def test_a_named_tuple_is_one_again():
    from sklearn.impute._iterative import _ImputerTriplet

    triplet = _ImputerTriplet(1, np.array([0, 2]), None)
    assert again("named-tuple", triplet) == triplet
    assert type(again("named-tuple", triplet)) is _ImputerTriplet


def test_remainder_columns_become_a_list_where_the_class_is_gone():
    special = SPECIALS["remainder-columns"]
    assert special.rebuild(list, {"data": [1, 3], "future_dtype": "str"}) == [1, 3]


@pytest.mark.parametrize("x", [np.arange(8.0), np.ones(8)])
def test_isotonic_regression_makes_its_function_anew(x):
    model = isotonic.IsotonicRegression(out_of_bounds="clip").fit(x, np.arange(8.0) ** 2)
    before = copy.copy(vars(model))
    rebuilt = again("isotonic", model)
    grid = np.linspace(-1, 9, 30)
    assert "f_" not in SPECIALS["isotonic"].take(model)
    assert vars(model) == before
    assert np.array_equal(rebuilt.predict(grid), model.predict(grid))


def test_an_unfitted_isotonic_regression_is_rebuilt_without_a_function():
    assert "f_" not in vars(again("isotonic", isotonic.IsotonicRegression()))
