"""The parts of recording: coverage, redrawing, thresholds, knife edges, anatomy, the tolerance."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA
from sklearn.ensemble import BaggingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from amber.cases import choose, rows, tables
from amber.cases.anatomy import chain_of, decides_exactly, holds_training_rows, is_exact, walk
from amber.cases.compare import LINES, Line, compare, ratios
from amber.cases.knife import Recorded, find_edges, widening
from amber.cases.record import record
from amber.cases.redraw import Draw, is_free_text, redrawn
from amber.cases.steps import step_outputs
from amber.cases.synthesise import synthesised
from amber.cases.thresholds import threshold_rows
from amber.errors import UsageError
from amber.tree.evidence import Answer
from tests.unit.cases.models import MODELS, fitted, people, wine

# -- choosing ---------------------------------------------------------------------------------------------------------


def test_the_first_rows_chosen_cover_the_most() -> None:
    X = np.zeros((600, 2))
    X[:, 0] = np.arange(600) % 10
    X[599] = [3.0, 9.0]
    X[300, 1] = np.nan
    first = choose.choose(X, [], 30)
    assert {599, 300} <= set(first)
    assert set(X[first, 0]) == set(range(10))
    assert len(first) == len(set(first)) == 30


def test_labels_are_covered_each_of_its_own() -> None:
    labels = np.zeros(500, dtype=int)
    labels[77], labels[400] = 5, 6
    assert {77, 400} <= set(choose.choose(np.zeros((500, 1)), [labels], 10))


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 40), st.integers(1, 50))
def test_choosing_returns_distinct_rows(total: int, at_most: int) -> None:
    X = [{"a": k % 3} for k in range(total)]
    chosen = choose.choose(X, [], at_most)
    assert len(chosen) == len(set(chosen)) == min(total, at_most)
    assert all(0 <= row < total for row in chosen)


def test_candidates_of_a_large_table_hold_its_ends() -> None:
    X = np.random.RandomState(0).standard_normal((50_000, 2))
    X[12_345, 0] = 99.0
    found = choose.candidates(X)
    assert 12_345 in found
    assert len(found) <= choose.MAX_CANDIDATES


# -- redrawing --------------------------------------------------------------------------------------------------------


def test_redrawing_keeps_form_dtype_and_frequent_values() -> None:
    table = people()
    drawn = redrawn(table, Draw(500))
    assert list(drawn.columns) == list(table.columns)
    assert [str(dtype) for dtype in drawn.dtypes] == [str(dtype) for dtype in table.dtypes]
    assert set(drawn.city) == {"Oslo", "Lima", "Rome"}
    assert drawn.income.isna().mean() == pytest.approx(table.income.isna().mean(), abs=0.06)
    assert drawn.age.between(table.age.min(), table.age.max()).all()


@pytest.mark.parametrize(
    "X",
    [
        np.arange(40.0).reshape(20, 2),
        np.arange(40, dtype=np.int8).reshape(20, 2),
        np.array([["a", 1.0], ["b", None]] * 10, dtype=object),
        np.arange(20).astype("M8[D]").reshape(10, 2),
        np.random.RandomState(0).rand(20, 3) > 0.5,
        sp.csr_matrix(np.eye(20)),
        sp.csr_array(np.ones((20, 3))),
        ["a b c d"] * 20,
        ["x", "y"] * 20,
        [{"a": 1, "b": "x"}] * 20,
        [["a", "b"], ["b"]] * 10,
        [[1.0, 2.0]] * 10,
        [1.0, 2.0, 3.0],
        pd.Series(["p", "q"] * 10, name="s"),
        pd.DataFrame({"t": pd.date_range("2020", periods=9, tz="UTC"), "n": pd.array([1, None, 3] * 3, dtype="Int64")}),
    ],
    ids=lambda X: type(X).__name__,
)
def test_every_form_can_be_redrawn(X: Any) -> None:
    drawn = redrawn(X, Draw(7))
    assert rows.count(drawn) == 7
    assert type(drawn) is type(X)
    table = tables.encode(drawn)
    assert rows.count(tables.decode(table.layout, table.columns)) == 7


def test_rare_values_are_not_drawn() -> None:
    values = ["usual"] * 50 + ["rare"] * 4
    assert set(Draw(200).values(values)) == {"usual"}
    assert not set(Draw(200).values([f"id{k}" for k in range(50)])) & {f"id{k}" for k in range(50)}
    category = pd.DataFrame({"c": pd.Categorical(values)})
    assert redrawn(category, Draw(9)).c.cat.categories.tolist() == ["usual"]


def test_text_is_drawn_from_shared_words() -> None:
    assert is_free_text(["one two three", "a b c d", "x"])
    assert not is_free_text(["New York", "Oslo"])
    texts = [f"patient {k} has a fever today" for k in range(30)]
    words = {word for text in Draw(50, ["known"]).texts(texts) for word in text.split()}
    assert words <= {"patient", "has", "a", "fever", "today", "known"}


def test_a_mask_must_name_columns() -> None:
    with pytest.raises(UsageError):
        redrawn(np.ones((3, 2)), Draw(3), [5])
    drawn = redrawn(np.arange(60.0).reshape(20, 3), Draw(20), [1])
    assert drawn[:, 0].tolist() == np.arange(60.0).reshape(20, 3)[:, 0].tolist()


# -- inputs without a sample ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MODELS)
def test_rows_without_a_sample_are_answered(name: str) -> None:
    model, _ = fitted(name)
    made = record(model, None)
    assert made.evidence.source == "synthetic"
    assert any(answer.layout for answer in made.evidence.groups[0].answers), name


def test_synthesised_rows_use_what_the_model_knows() -> None:
    model, X = fitted("mixed-logistic")
    frame = synthesised(model, lambda _: True)
    assert list(frame.columns) == list(X.columns)
    assert set(frame.city) <= {"Oslo", "Lima", "Rome"}
    assert abs(frame.age.mean() - X.age.mean()) < X.age.std()
    words = set(synthesised(fitted("tfidf")[0], lambda _: True)[40].split())
    assert words <= set(fitted("tfidf")[0].steps[0][1].vocabulary_)


# -- thresholds -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scaler", [None, StandardScaler(), MinMaxScaler()])
@pytest.mark.parametrize("container", ["array", "frame"])
def test_threshold_rows_lie_on_both_sides_of_splits(scaler: Any, container: str) -> None:
    X, y = wine()
    X = pd.DataFrame(X, columns=[f"c{k}" for k in range(X.shape[1])]) if container == "frame" else X
    tree = DecisionTreeClassifier(random_state=0)
    model = tree.fit(X, y) if scaler is None else make_pipeline(scaler, tree).fit(X, y)
    made = threshold_rows(chain_of(model), X)
    inner = np.asarray(made if scaler is None else model.steps[0][1].transform(made)).astype(np.float32)
    last = model if scaler is None else model.steps[-1][1]
    leaves = last.apply(inner if container == "array" or scaler is not None else made)
    first = int((last.tree_.feature >= 0).sum())
    assert len(made) >= 2 * min(first, 3)
    near = 0
    for node in np.flatnonzero(last.tree_.feature >= 0):
        seen = inner[:, last.tree_.feature[node]].astype(float)
        threshold = last.tree_.threshold[node]
        close = np.abs(seen - threshold) <= 2 * np.spacing(np.float32(abs(threshold)))
        near += bool((close & (seen <= threshold)).any() and (close & (seen > threshold)).any())
    assert near == first
    assert len(set(leaves.tolist())) > 1


def test_neighbouring_rows_fall_on_different_sides() -> None:
    X, y = wine()
    model = make_pipeline(StandardScaler(), DecisionTreeRegressor(random_state=0)).fit(X, y)
    made = threshold_rows(chain_of(model), X)
    left, right = made[0::2], made[1::2]
    moved = (left != right).sum(axis=1)
    assert set(moved.tolist()) == {1}
    place = np.argmax(left != right, axis=1)
    pairs = left[np.arange(len(left)), place], right[np.arange(len(right)), place]
    assert np.array_equal(np.nextafter(pairs[0], np.inf), pairs[1])


def test_no_threshold_rows_behind_an_inexact_step() -> None:
    X, y = wine()
    assert threshold_rows(chain_of(make_pipeline(PCA(3), DecisionTreeClassifier()).fit(X, y)), X) is None
    assert threshold_rows(chain_of(LogisticRegression(max_iter=5000).fit(X, y)), X) is None


# -- anatomy ----------------------------------------------------------------------------------------------------------


def test_what_is_exact() -> None:
    assert is_exact(StandardScaler())
    assert is_exact(make_pipeline(StandardScaler(), MinMaxScaler()))
    assert is_exact(FunctionTransformer())
    assert not is_exact(FunctionTransformer(np.log1p))
    assert not is_exact(PCA())
    assert not is_exact(make_pipeline(StandardScaler(), PCA()))
    X, y = wine()
    assert decides_exactly(RandomForestClassifier(2).fit(X, y))
    assert decides_exactly(BaggingClassifier(DecisionTreeClassifier(), 2).fit(X, y))
    assert not decides_exactly(BaggingClassifier(LogisticRegression(max_iter=9), 2).fit(X, y))


def test_the_chain_looks_through_searches_and_pipelines() -> None:
    chain = chain_of(fitted("search")[0])
    assert [stage.path for stage in chain.stages] == ["best_estimator_.steps[0]"]
    assert type(chain.last).__name__ == "LogisticRegression"


def test_walking_survives_cycles_and_odd_objects() -> None:
    model = StandardScaler()
    model.itself, model.many = model, [model, (model, {"a": model})]
    assert len(list(walk(model))) == 1
    assert list(walk(3)) == [3]
    assert not holds_training_rows([object()])


def test_step_outputs_are_at_most_sixteen_rows_in_order() -> None:
    model, X = fitted("mixed-logistic")
    found = step_outputs(chain_of(model), X)
    assert found[-1].path == "steps[0]"
    assert all(column.shape[0] == 16 for step in found if step.layout == "array" for column in step.columns)


# -- knife edge -------------------------------------------------------------------------------------------------------


def edges(model: Any, X: Any) -> tuple[Any, Any]:
    found = record(model, X)
    return found.evidence.groups[0], found


def test_rows_on_a_split_behind_pca_are_on_the_knife_edge() -> None:
    X = np.random.RandomState(0).standard_normal((100, 4)) * 3 + 1
    pca = PCA(4).fit(X)
    components = pca.transform(X)
    tree = DecisionTreeClassifier(max_depth=1).fit(components, components[:, 0] > 0.3)
    model = make_pipeline(PCA(4), DecisionTreeClassifier())
    model.steps = [("pca", pca), ("tree", tree)]
    below = np.float32(tree.tree_.threshold[0])
    below = np.nextafter(below, np.float32(-9)) if below > tree.tree_.threshold[0] else below
    border = (float(below) + float(np.nextafter(below, np.float32(9)))) / 2  # where the cast to float32 turns
    border_row = X[7].copy()
    for _ in range(20):
        border_row += (border - pca.transform(border_row[None])[0, 0]) * pca.components_[0]
    group, _ = edges(model, np.vstack([X, border_row[None]]))
    marked = {row for answer in group.answers if answer.method == "predict" for row in answer.knife_edge}
    table = tables.decode(group.layout, group.inputs)
    assert [table[row].tolist() for row in marked] == [border_row.tolist()]


def test_a_label_that_hangs_on_nothing_is_on_the_knife_edge() -> None:
    X = np.array([[-2.0, 0.5], [-1.0, 0.3], [1.0, 0.1], [2.0, 0.7]] * 5)
    model = LogisticRegression().fit(X, X[:, 0] > 0)
    w, b = model.coef_[0], model.intercept_[0]
    border = np.array([-(b + w[1] * 0.4) / w[0], 0.4])
    group, _ = edges(model, np.vstack([X, border[None]]))
    table = tables.decode(group.layout, group.inputs)
    said = {answer.method: answer.knife_edge for answer in group.answers}
    assert [table[row].tolist() for row in said["predict"]] == [border.tolist()]
    assert group.knife_edge == said["predict"]


def test_an_exact_tie_is_decided_by_rule() -> None:
    X = np.array([[0.0], [0.0], [1.0], [1.0]])
    model = DecisionTreeClassifier().fit(X, [0, 1, 1, 1])
    group, _ = edges(model, np.array([[0.0], [1.0]] * 3))
    assert group.knife_edge == []


def test_well_conditioned_answers_are_not_widened() -> None:
    assert widening(np.zeros(100)) == 0
    assert widening(np.full(100, 0.2)) == 0
    assert widening(np.where(np.arange(100) < 1, 1e9, 0.0)) == 0
    assert widening(np.full(100, 3.0)) == 2
    assert widening(np.full(100, 1e30)) == 4
    assert widening(np.zeros(0)) == 0


def test_a_badly_conditioned_answer_is_widened_and_says_so() -> None:
    X = np.random.RandomState(0).standard_normal((60, 3))
    model = FunctionTransformer(_cancelling).fit(X)
    found = record(model, X)
    answer = found.evidence.groups[0].answers[0]
    assert float(answer.relative) > 1e-9
    assert any("badly conditioned" in note for note in found.notes)


def _cancelling(X: Any) -> Any:
    return (X + 1e6) ** 2 - 1e12 - 2e6 * X - X**2 + X


def test_find_edges_of_no_rows() -> None:
    model, _ = fitted("ridge")
    group = Recorded(np.empty((0, 10)), 0, {}, {})
    assert find_edges(model, chain_of(model), group, ["predict"], {}, 4).ratios == {}


# -- tolerance --------------------------------------------------------------------------------------------------------


def answer(values: Any, **options: Any) -> tuple[Answer, Any]:
    table = tables.encode(values, "m")
    return Answer("m", table.layout, table.columns, **options), table


@pytest.mark.parametrize(
    ("expected", "got", "used"),
    [
        (1.0, 1.0 + 1e-9, 1.0),
        (1.0, 1.0 + 2e-9, 2.0),
        (0.0, 1e-12, 1.0),
        (math.nan, math.nan, 0.0),
        (math.inf, math.inf, 0.0),
        (math.inf, -math.inf, math.inf),
        (math.inf, 1.0, math.inf),
        (1.0, math.nan, math.inf),
        (0.0, -0.0, 0.0),
    ],
)
def test_how_much_of_the_tolerance_a_value_uses(expected: float, got: float, used: float) -> None:
    one = ratios(np.array([expected]), np.array([got]), Line(1e-9, 1e-12), 1.0)
    assert float(one[0]) == pytest.approx(used, rel=2e-3, abs=0.002)


def test_lines_follow_the_datatype() -> None:
    assert LINES["FP64"] == (1e-9, 1e-12)
    assert LINES["FP32"] == (1e-5, 1e-7)
    for dtype, moved, verdict in ((np.float64, 1e-7, False), (np.float32, 1e-6, True), (np.float16, 1e-3, True)):
        record_, _ = answer(np.array([1.0, 2.0], dtype))
        _, got = answer((np.array([1.0, 2.0]) * (1 + moved)).astype(dtype))
        assert bool((compare(record_, got, 2, {("m", "m"): 2.0}).ratio <= 1).all()) is verdict
    single, _ = answer(np.array([1.0]), single=True)
    assert compare(single, answer(np.array([1 + 1e-6]))[1], 1, {}).ratio[0] <= 1


def test_sparse_answers_are_compared_as_tables() -> None:
    dense = np.array([[0.0, 2.0, 0.0], [1.0, 0.0, 3.0]])
    expected, _ = answer(sp.csr_matrix(dense))
    shuffled = sp.csr_matrix(
        (np.array([2.0, 3.0, 1.0, 0.0]), np.array([1, 2, 0, 1]), np.array([0, 1, 4])), shape=(2, 3)
    )
    found = compare(expected, answer(shuffled)[1], 2, {})
    assert not found.identical
    assert found.ratio.tolist() == [0.0, 0.0]
    dense[1, 2] = 3.1
    found = compare(expected, answer(sp.csr_matrix(dense))[1], 2, {})
    assert found.ratio.tolist()[0] == 0.0
    assert found.worst == 1
    assert compare(expected, answer(sp.csr_matrix(dense[:, :2]))[1], 2, {}).whole == "shape-changed"


def test_ragged_answers_are_compared_number_by_number() -> None:
    def ragged(scale: float) -> Any:
        array = np.empty(2, dtype=object)
        array[:] = [np.array([1.0, 2.0]) * scale, np.array([])]
        return array

    expected, _ = answer(ragged(1.0))
    assert compare(expected, answer(ragged(1 + 1e-12))[1], 2, {}).ratio.max() <= 1
    assert compare(expected, answer(ragged(1.01))[1], 2, {}).ratio.tolist()[0] > 1


def test_labels_that_are_floats_are_exact() -> None:
    expected, _ = answer(np.array([1.0, 2.0]), labels=True)
    found = compare(expected, answer(np.array([1.0, 2.0 + 1e-15]))[1], 2, {})
    assert found.ratio.tolist() == [0.0, math.inf]


def test_missing_values_of_each_kind_differ() -> None:
    expected, _ = answer(np.array(["a", None], dtype=object))
    assert compare(expected, answer(np.array(["a", math.nan], dtype=object))[1], 2, {}).ratio[1] == math.inf
    nullable, _ = answer(pd.DataFrame({"n": pd.array([1, None], dtype="Int64")}))
    assert (
        compare(nullable, answer(pd.DataFrame({"n": pd.array([1, 0], dtype="Int64")}))[1], 2, {}).ratio[1] == math.inf
    )
