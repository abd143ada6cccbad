"""Rows that touch what ordinary rows leave untouched: leaves, corners of leaves, neighbours, categories, words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor, VotingRegressor
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, QuantileTransformer, StandardScaler
from sklearn.tree import DecisionTreeRegressor

from amber.cases.anatomy import chain_of
from amber.cases.corners import corner_rows
from amber.cases.coverage import cover, touched
from amber.cases.further import category_rows, further_rows, telling_method, words
from amber.cases.nearby import nearby_rows
from amber.cases.record import record
from amber.cases.visits import visits
from amber.tree.evidence import Answer, Column
from tests.unit.cases.models import diabetes, liked, texts


def grown() -> Any:
    return DecisionTreeRegressor(random_state=0).fit(*diabetes())


def test_a_row_in_a_corner_stands_at_the_bounds_of_its_leaf() -> None:
    X, _ = diabetes()
    model = grown()
    found = corner_rows(chain_of(model), X, 200)
    assert found is not None
    tree = model.tree_
    lowered = np.where(tree.feature >= 0, tree.threshold - 1e-3 * np.abs(tree.threshold), tree.threshold)
    raised = np.where(tree.feature >= 0, tree.threshold + 1e-3 * np.abs(tree.threshold), tree.threshold)
    before = model.apply(found.X)
    moved = []
    for thresholds in (lowered, raised):
        kept = tree.threshold.copy()
        tree.threshold[:] = thresholds
        moved.append(float((model.apply(found.X) != before).mean()))
        tree.threshold[:] = kept
    assert min(moved) > 0.4
    assert max(moved) < 1
    ordinary = X[: len(before)]
    tree.threshold[:] = raised
    assert (model.apply(ordinary) == grown().apply(ordinary)).mean() > 0.9


@pytest.mark.parametrize("front", [None, StandardScaler()])
def test_corners_see_most_thresholds_with_fewer_rows_than_two_each(front: Any) -> None:
    X, y = diabetes()
    tree = DecisionTreeRegressor(random_state=0, max_depth=5)
    model = tree.fit(X, y) if front is None else make_pipeline(front, tree).fit(X, y)
    found = corner_rows(chain_of(model), X, 400)
    assert found is not None
    assert len(found.X) < len({fact for _, fact in found.pairs})


def test_no_corners_behind_an_inexact_step_but_rows_near_the_split() -> None:
    X, y = diabetes()
    model = make_pipeline(StandardScaler(), PCA(4), DecisionTreeRegressor(max_depth=4, random_state=0)).fit(X, y)
    assert corner_rows(chain_of(model), X, 100) is None
    found = nearby_rows(chain_of(model), X, 100)
    assert found is not None
    before = model.predict(found.X)
    rounding = found.X * (1 + 8 * np.finfo(float).eps)
    assert np.array_equal(model.predict(rounding), before)
    tree = model.steps[-1][1].tree_
    for change in (1 - 1e-3, 1 + 1e-3):
        kept = tree.threshold.copy()
        tree.threshold[:] = np.where(tree.feature >= 0, kept * change, kept)
        assert (model.predict(found.X) != before).mean() > 0.3
        tree.threshold[:] = kept
    assert nearby_rows(chain_of(grown()), X, 100) is None
    assert nearby_rows(chain_of(LogisticRegression(max_iter=5000).fit(X, y > 100)), X, 100) is None


def test_cover_takes_the_rows_that_add_most() -> None:
    X, _ = diabetes()
    model = grown()
    facts = touched(model, [X])
    chosen = cover(facts, len(X), range(50), len(X))
    reached = set(model.apply(X).tolist())
    assert set(model.apply(X[[*range(50), *chosen]]).tolist()) == reached
    assert len(chosen) == len(reached - set(model.apply(X[:50]).tolist()))
    assert cover(facts, len(X), range(50), 7) == chosen[:7]


def test_facts_are_found_inside_ensembles_and_pipelines() -> None:
    X, y = diabetes()
    neighbours = make_pipeline(StandardScaler(), KNeighborsRegressor(3))
    model = VotingRegressor([("a", neighbours), ("b", RandomForestRegressor(2, random_state=0))]).fit(X, y)
    seen = [type(part).__name__ for part, _ in visits(model, X[:5])]
    assert seen.count("DecisionTreeRegressor") == 2
    assert "KNeighborsRegressor" in seen
    assert len(touched(model, [X[:5]]).row) == 5 * (2 + 3)
    boosted = HistGradientBoostingRegressor(max_iter=4).fit(X, y)
    assert len(touched(boosted, [X[:5]]).row) == 5 * 4
    quantiles = QuantileTransformer(n_quantiles=50).fit(X)
    assert len(touched(quantiles, [X[:5]]).row) == 5 * X.shape[1]
    assert not len(touched(Ridge().fit(X, y), [X]).row)


def test_further_rows_reach_the_leaves_that_the_first_ones_do_not() -> None:
    X, _ = diabetes()
    model = grown()
    found = further_rows(model, chain_of(model), X[:20], X, 2000)
    both = np.concatenate([table for table in (X[:20], *found) if table is not None])
    assert set(model.apply(both).tolist()) == set(model.apply(X).tolist())


def test_more_of_a_forest_is_recorded_than_its_ordinary_rows_reach() -> None:
    X, y = diabetes()
    model = RandomForestRegressor(10, random_state=0).fit(X, y)
    groups = record(model, X).evidence.groups
    more = [group for group in groups[1:] if group.kind == "sample"]
    assert [[answer.method for answer in group.answers] for group in more] == [["predict"]]
    assert any(group.kind == "threshold" and group.rows > 200 for group in groups)


def test_every_category_is_asked() -> None:
    frame = pd.DataFrame({"town": [f"t{k:02d}" for k in range(40)] * 2, "size": np.arange(80.0)})
    rest = ColumnTransformer([("town", OneHotEncoder(), ["town"])], remainder="passthrough")
    model = make_pipeline(rest, Ridge()).fit(frame, np.arange(80.0) % 7)
    made = category_rows(frame.iloc[:5], {0: [f"t{k:02d}" for k in range(40)]})
    assert set(made["town"]) == {f"t{k:02d}" for k in range(5, 40)}
    assert category_rows(frame, {0: [f"t{k:02d}" for k in range(40)]}) is None
    kinds = [group.kind for group in record(model, frame.iloc[:5]).evidence.groups]
    assert "category" in kinds


def test_every_word_of_a_vocabulary_is_asked() -> None:
    model = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(texts(), liked())
    known = set(model.steps[0][1].vocabulary_)
    assert set(" ".join(words(model, 10_000)).split()) == known
    assert set(" ".join(words(model, 20)).split()) < known
    group = next(group for group in record(model, texts()).evidence.groups if group.kind == "words")
    assert group.synthetic
    assert [step.path for step in group.steps] == ["steps[0]"]


def test_the_telling_method_has_floats() -> None:
    labels = Answer("predict", "array", [Column("y", "INT64", (1,), b"")], labels=True)
    scores = Answer("predict_proba", "array", [Column("y", "FP64", (1, 2), b"")])
    near = Answer("kneighbors", "tuple", [Column("y", "FP64", (1, 2), b"")])
    assert telling_method([labels, scores]) == "predict_proba"
    assert telling_method([labels]) == "predict"
    assert telling_method([labels, scores, near]) == "kneighbors"
    assert telling_method([]) == ""
