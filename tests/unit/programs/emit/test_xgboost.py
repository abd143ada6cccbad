"""XGBoost as a graph in float32: trees, dropped trees, linear boosters; labels never flip, sums keep their bits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
xgboost = pytest.importorskip("xgboost")

import onnx  # noqa: E402
import scipy.sparse as sp  # noqa: E402
from sklearn.compose import ColumnTransformer  # noqa: E402
from sklearn.ensemble import VotingClassifier  # noqa: E402
from sklearn.linear_model import LogisticRegression  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import OneHotEncoder, StandardScaler  # noqa: E402

import amber  # noqa: E402
from amber.adapters import xgboost_examples  # noqa: E402
from amber.tree.natives import xgboost as native  # noqa: E402
from tests.unit.programs.emit.harness import Run, compare, wrong  # noqa: E402

X, Y = xgboost_examples.table()
EXAMPLES = {name: make for name, make in xgboost_examples.examples() if name not in ("booster", "linear")}
# Shares of the tolerance. Sums have the same bits; an exponential may differ in its last one.
LAST_BIT = 0.02
ODD = (0.0, -0.0, 1e-45, -1e-38, 1e-36, -0.5, -1.0, 0.5, 2.7, 8.999, 1e9, 2.0**24, 2.0**31, 1e38, -1e38, np.nan)


def edges(model: Any, table: Any) -> Any:
    """Rows at every split and one ulp of double and of float32 to each side, and odd values in every column."""
    found = native.read(bytes(model.get_booster().save_raw("ubj")))
    cells: list[tuple[int, float]] = [(column, value) for column in range(table.shape[1]) for value in ODD]
    for tree in found.trees:
        for node in np.flatnonzero(np.asarray(tree.left) >= 0).tolist():
            cut = float(tree.condition[node])
            near = np.nextafter(np.float32(cut), np.float32([np.inf, -np.inf]))
            values = (cut, *np.nextafter(cut, [np.inf, -np.inf]).tolist(), *near.astype(np.float64).tolist())
            cells += [(tree.feature[node], value) for value in values]
    rows = table[np.arange(len(cells)) % len(table)].copy()
    for i, (column, value) in enumerate(cells):
        rows[i, column] = value
    return rows


def check(model: Any, table: Any) -> None:
    """All methods on clean and edge rows, and those that take every row at every split."""
    exact = model.objective in ("reg:squarederror", "reg:absoluteerror", "binary:logitraw", "rank:ndcg")
    found = compare(model, table)
    assert wrong(found) == {}
    near = compare(model, table, rows=[edges(model, table)], methods=[name for name in found if name != "apply"])
    assert wrong(near) == {}
    assert all(each.worst <= LAST_BIT for each in (*found.values(), *near.values()))
    if exact:
        assert all(each.identical for each in (*found.values(), *near.values()))


@pytest.mark.parametrize("name", EXAMPLES)
def test_example(name: str) -> None:
    check(EXAMPLES[name](), X)


@pytest.mark.parametrize(
    "objective",
    [
        "binary:hinge", "binary:logitraw", "count:poisson", "reg:absoluteerror", "reg:gamma", "reg:logistic",
        "reg:pseudohubererror", "reg:squarederror", "reg:squaredlogerror", "reg:tweedie", "survival:cox",
    ],
)  # fmt: skip
@pytest.mark.parametrize("booster", ["gbtree", "dart"])
def test_objective(objective: str, booster: str) -> None:
    target = (Y > 0) * 1.0 if objective.startswith(("binary", "reg:logistic")) else Y + 0.5
    more = {"rate_drop": 0.4} if booster == "dart" else {}
    model = xgboost.XGBRegressor(n_estimators=8, max_depth=3, objective=objective, booster=booster, n_jobs=1, **more)
    check(model.fit(X, target), X)


@pytest.mark.parametrize("objective", ["binary:hinge", "binary:logitraw"])
def test_classifier_with_scores_for_probabilities(objective: str) -> None:
    check(xgboost.XGBClassifier(n_estimators=5, objective=objective, n_jobs=1).fit(X, Y > 0), X)


@pytest.mark.parametrize("labels", [Y > 0, Y])
def test_dropped_trees_of_a_classifier(labels: Any) -> None:
    model = xgboost.XGBClassifier(n_estimators=12, max_depth=2, booster="dart", rate_drop=0.5, n_jobs=1)
    check(model.fit(X, labels.astype(int)), X)


@pytest.mark.parametrize("gaps", [False, True])
def test_trees_that_are_turned(gaps: bool) -> None:
    chance = np.random.default_rng(0)
    table = chance.normal(size=(300, 2))
    if gaps:
        table[chance.random(table.shape) < 0.2] = np.nan
    model = xgboost.XGBRegressor(n_estimators=20, max_depth=4, n_jobs=1).fit(table, chance.normal(size=300))
    check(model, table)
    nodes = onnx.load_model_from_string(Run(model, table).emitted.graph).graph.node
    found = [{each.name: each for each in node.attribute} for node in nodes if node.op_type == "TreeEnsemble"]
    assert found
    assert all(max(each["nodes_featureids"].ints) >= table.shape[1] for each in found)
    assert not any("nodes_missing_value_tracks_true" in each for each in found)


@pytest.mark.parametrize("one_hot", [1, 100])
@pytest.mark.parametrize("missing", [np.nan, 0.0, 4.0])
def test_categories(one_hot: int, missing: float) -> None:
    model = xgboost.XGBClassifier(
        n_estimators=10, max_depth=4, enable_categorical=True, feature_types=["q", "q", "q", "c"],
        max_cat_to_onehot=one_hot, missing=missing, n_jobs=1,
    )  # fmt: skip
    check(model.fit(X, Y), X)


def test_categories_beyond_what_a_machine_word_holds() -> None:
    table = np.column_stack([X[:, 0], np.arange(120.0) * 3])
    model = xgboost.XGBRegressor(
        n_estimators=6, enable_categorical=True, feature_types=["q", "c"], max_cat_to_onehot=1, max_cat_threshold=200,
        n_jobs=1,
    )  # fmt: skip
    check(model.fit(table, (np.arange(120) * 7 % 11) * 1.0), table)


@pytest.mark.parametrize("missing", [np.nan, -999.0, 0.0, 0.1])
def test_what_stands_for_missing(missing: float) -> None:
    table = np.round(X[:, :3], 1)
    table = np.where(np.isnan(table), missing, table)
    check(xgboost.XGBClassifier(n_estimators=6, missing=missing, n_jobs=1).fit(table, Y), table)


def test_several_labels_and_several_targets() -> None:
    both = np.column_stack([Y > 0, Y > 1]).astype(int)
    check(xgboost.XGBClassifier(n_estimators=4, n_jobs=1).fit(X, both), X)
    check(xgboost.XGBRegressor(n_estimators=4, n_jobs=1).fit(X, both * 2.5), X)


def test_trees_of_one_leaf_and_no_trees() -> None:
    check(xgboost.XGBRegressor(n_estimators=3, gamma=1e9, n_jobs=1).fit(X, Y), X)
    check(xgboost.XGBRegressor(n_estimators=1, n_jobs=1).fit(X, Y), X)
    sets: Any = {"enable_categorical": True, "feature_types": ["q", "q", "q", "c"], "n_jobs": 1}
    mixed = xgboost.XGBClassifier(n_estimators=4, gamma=2.0, max_cat_to_onehot=100, **sets).fit(X, Y)
    check(mixed, X)
    none = xgboost.XGBRegressor(n_estimators=0, base_score=0.7, n_jobs=1).fit(X, Y)
    assert wrong(compare(none, X, methods=["predict"])) == {}


@pytest.mark.parametrize("several", [False, True])
def test_linear_boosters(several: bool) -> None:
    labels = Y if several else (Y > 0).astype(int)
    classifier = xgboost.XGBClassifier(n_estimators=5, booster="gblinear", n_jobs=1).fit(X, labels)
    found = compare(classifier, X)
    # XGBoost itself has no leaves of them, and says so
    assert {name: each.absent for name, each in wrong(found).items()} == {"apply": "leaves of a linear booster"}
    assert all(each.identical for each in found.values())
    regressor = xgboost.XGBRegressor(n_estimators=5, booster="gblinear", n_jobs=1).fit(X, Y)
    assert compare(regressor, X, methods=["predict"])["predict"].identical


@pytest.mark.parametrize("name", ["binary", "several-classes", "two-targets", "quantiles", "dart", "categories"])
def test_no_rows(name: str) -> None:
    model = EXAMPLES[name]()
    found = compare(model, X, rows=[X[:0]])
    assert wrong(found) == {}


def test_deep_trees_in_a_large_model() -> None:
    rng = np.random.default_rng(0)
    table = rng.normal(size=(300, 3))
    model = xgboost.XGBClassifier(n_estimators=60, max_depth=9, min_child_weight=0, n_jobs=1)
    check(model.fit(table, (table[:, 0] * table[:, 1] > 0).astype(int)), table)


def test_ties_go_to_the_first_class() -> None:
    model = xgboost.XGBClassifier(n_estimators=2, gamma=1e9, n_jobs=1).fit(np.zeros((6, 1)), [0, 1, 2, 0, 1, 2])
    check(model, np.zeros((6, 1)))


def test_after_other_steps() -> None:
    clean = np.nan_to_num(X)
    scaled = make_pipeline(StandardScaler(), xgboost.XGBClassifier(n_estimators=4, n_jobs=1)).fit(clean, Y)
    found = compare(scaled, clean, methods=["predict", "predict_proba", "apply"])
    assert {name: each.absent for name, each in wrong(found).items()} == {
        "apply": "apply of XGBoost after another step"
    }
    assert found["predict_proba"].identical


def test_sparse_requests_miss_what_they_do_not_say() -> None:
    table = sp.csr_matrix(np.where(np.abs(np.nan_to_num(X)) < 0.7, 0.0, np.nan_to_num(X)))
    found = compare(xgboost.XGBClassifier(n_estimators=5, n_jobs=1).fit(table, Y), table, methods=["predict_proba"])
    assert wrong(found) == {}
    assert found["predict_proba"].identical


def test_sparse_columns_of_an_encoder() -> None:
    letters = np.array([f"k{i % 23}" for i in range(120)], dtype=object).reshape(-1, 1)
    encoder = make_pipeline(OneHotEncoder(handle_unknown="ignore"), xgboost.XGBClassifier(n_estimators=4, n_jobs=1))
    found = compare(encoder.fit(letters, np.arange(120) % 23 > 11), letters, methods=["predict", "predict_proba"])
    assert wrong(found) == {}


def test_a_column_transformer_of_numbers_and_texts() -> None:
    letters = np.array([f"k{i % 3}" for i in range(120)], dtype=object).reshape(-1, 1)
    table = np.hstack([np.nan_to_num(X).astype(object), letters])
    for threshold in (0.0, 1.0):  # dense, sparse
        encoder = ColumnTransformer(
            [("n", StandardScaler(), [0, 1, 2]), ("c", OneHotEncoder(), [4])], sparse_threshold=threshold
        )
        model = make_pipeline(encoder, xgboost.XGBClassifier(n_estimators=4, n_jobs=1)).fit(table, Y)
        assert wrong(compare(model, table, methods=["predict", "predict_proba"])) == {}


def test_a_step_that_may_be_sparse_or_not_has_no_program() -> None:
    letters = np.array([f"k{i % 23}" for i in range(120)], dtype=object).reshape(-1, 1)
    vote = VotingClassifier([("x", xgboost.XGBClassifier(n_estimators=2, n_jobs=1))])
    model = make_pipeline(OneHotEncoder(), vote).fit(letters, np.arange(120) % 23 > 11)
    assert "sparse table" in compare(model, letters)["predict"].absent


def test_inside_a_vote() -> None:
    clean = np.nan_to_num(X)
    vote = VotingClassifier(
        [("x", xgboost.XGBClassifier(n_estimators=4, n_jobs=1)), ("l", LogisticRegression())], voting="soft"
    )
    found = compare(vote.fit(clean, Y), clean, methods=["predict", "predict_proba"])
    assert wrong(found) == {}


def test_answers_are_float32_and_float32_programs_run() -> None:
    model = EXAMPLES["several-classes"]()
    assert [part.dtype for part in Run(model, X).emitted.methods["predict_proba"]] == ["float32"]
    found = compare(model, X.astype(np.float32).astype(np.float64), precision="float32", rows=[X])
    assert wrong({name: each for name, each in found.items() if name != "apply"}) == {}


def test_frames_with_categories_have_no_program() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": X[:, 0], "b": pandas.Categorical(np.array(["x", "y", "z"])[Y])})
    model = xgboost.XGBClassifier(n_estimators=2, enable_categorical=True, n_jobs=1).fit(frame, Y)
    assert "categories of a data frame" in compare(model, frame.to_numpy())["predict"].absent


def test_no_rows_are_refused_by_one_method_and_answered_by_another(tmp_path):
    model = xgboost.XGBClassifier(n_estimators=4, objective="multi:softmax", n_jobs=1)
    path = tmp_path / "m.amber"
    amber.save(model.fit(X, np.arange(len(X)) % 3), path, sample=X, freeze=True)
    program = amber.program(path)
    assert program.predict(X[:9]).dtype == model.predict(X[:9]).dtype
    np.testing.assert_allclose(program.predict_proba(X[:9]), model.predict_proba(X[:9]), rtol=1e-6)
    assert program.apply(X[:0]).shape == model.apply(X[:0]).shape
    for refused in (model, program):
        with pytest.raises((ValueError, amber.AmberError), match=r"axis 1|no rows"):
            refused.predict_proba(X[:0])
