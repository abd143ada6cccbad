"""XGBoost models come back with the same answers, bit for bit, from the same bytes in any process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

xgboost = pytest.importorskip("xgboost")

from sklearn.compose import ColumnTransformer  # noqa: E402
from sklearn.ensemble import VotingClassifier  # noqa: E402
from sklearn.linear_model import LogisticRegression  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import OneHotEncoder, StandardScaler  # noqa: E402

import amber  # noqa: E402
from amber import vocabulary  # noqa: E402
from amber.adapters import xgboost_examples  # noqa: E402
from amber.adapters.build import build  # noqa: E402
from amber.adapters.take import take  # noqa: E402
from amber.adapters.values import check_values  # noqa: E402
from amber.adapters.xgboost import ADAPTER, KEYWORDS  # noqa: E402
from amber.errors import AmberError, SaveError  # noqa: E402
from amber.limits import DEFAULT  # noqa: E402
from amber.tree.codec import encode_tree  # noqa: E402
from amber.tree.natives import xgboost as native  # noqa: E402
from amber.tree.nodes import Object  # noqa: E402
from amber.vocabulary.audit import check_names  # noqa: E402

X, Y = xgboost_examples.table()
EXAMPLES = dict(xgboost_examples.examples())


def answers(model: Any, rows: Any) -> dict[str, Any]:
    """What every method answers, or the name of what it raises."""
    if isinstance(model, xgboost.Booster):
        return {
            "predict": model.predict(xgboost.DMatrix(rows)),
            "leaves": model.predict(xgboost.DMatrix(rows), pred_leaf=True),
        }
    found: dict[str, Any] = {}
    for name in ("predict", "predict_proba", "apply", "feature_importances_", "coef_", "intercept_", "best_score"):
        try:
            value = getattr(model, name)
            found[name] = value(rows) if callable(value) else value
        except Exception as error:
            found[name] = type(error).__name__
    return found


def equal(left: dict[str, Any], right: dict[str, Any]) -> bool:
    return left.keys() == right.keys() and all(
        np.asarray(left[name]).tobytes() == np.asarray(right[name]).tobytes()
        and np.asarray(left[name]).dtype == np.asarray(right[name]).dtype
        for name in left
    )


def stored(model: Any) -> tuple[bytes, list[bytes]]:
    tree = take(model).tree
    assert check_names(tree, vocabulary.load(), amber.Policy()) == []
    assert check_values(tree, vocabulary.load(), DEFAULT) == []
    return encode_tree(tree), [bytes(each.data) for each in tree.tensors]


@pytest.mark.parametrize("name", EXAMPLES)
def test_example_answers_the_same_and_gives_the_same_bytes(name: str) -> None:
    model = EXAMPLES[name]()
    before, first = stored(model), answers(model, X)
    rebuilt = build(take(model).tree)
    assert type(rebuilt) is type(model)
    assert equal(first, answers(rebuilt, X))
    assert stored(rebuilt) == before
    assert equal(first, answers(model, X)), "taking must not change the object"
    if hasattr(model, "get_params"):
        assert repr(rebuilt.get_params()) == repr(model.get_params())


@pytest.mark.parametrize("name", ["several-classes", "early-stopping", "missing-marked"])
def test_an_artifact_comes_back_and_is_identical(name: str, tmp_path: Path) -> None:
    model, path = EXAMPLES[name](), tmp_path / "model.amber"
    amber.save(model, path, sample=X[:20])
    loaded, report = amber.load(path, report=True, replay="always")
    assert report.verdict == "identical"
    assert equal(answers(model, X), answers(loaded, X))


def test_frames_with_names_and_categories_come_back() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X[:, :3], columns=["a", "b b", "ü"])
    frame["kind"] = pandas.Categorical(np.array(["x", "y", "zz"])[Y], categories=["zz", "y", "x", "never"])
    frame["number"] = pandas.Categorical(np.arange(120) % 7)
    model = xgboost.XGBClassifier(n_estimators=4, enable_categorical=True, max_cat_to_onehot=1, n_jobs=1).fit(frame, Y)
    rebuilt = build(take(model).tree)
    assert rebuilt.feature_names_in_.tolist() == frame.columns.tolist()
    assert np.array_equal(model.predict_proba(frame), rebuilt.predict_proba(frame))
    with pytest.raises(ValueError, match="feature_names mismatch"):
        rebuilt.predict(frame[frame.columns[::-1]])


def test_inside_other_estimators() -> None:
    letters = np.array(["a", "b", "c"])[Y].reshape(-1, 1)
    table = np.hstack([np.nan_to_num(X).astype(object), letters])
    pipeline = make_pipeline(
        ColumnTransformer([("n", StandardScaler(), [0, 1, 2]), ("c", OneHotEncoder(), [4])]),
        xgboost.XGBClassifier(n_estimators=3, n_jobs=1),
    ).fit(table, Y)
    assert np.array_equal(pipeline.predict_proba(table), build(take(pipeline).tree).predict_proba(table))
    voting = VotingClassifier(
        [("x", xgboost.XGBClassifier(n_estimators=3, n_jobs=1)), ("l", LogisticRegression())], voting="soft"
    ).fit(np.nan_to_num(X), Y)
    assert np.array_equal(
        voting.predict_proba(np.nan_to_num(X)), build(take(voting).tree).predict_proba(np.nan_to_num(X))
    )


def test_bytes_are_the_same_in_another_process() -> None:
    code = (
        "import hashlib;from amber.adapters import xgboost_examples as e;from amber.adapters.take import take;"
        "from amber.tree.codec import encode_tree;"
        "t=[take(dict(e.examples())[n]()).tree for n in ('categories','early-stopping')];"
        "b=b''.join(encode_tree(x)+b''.join(bytes(y.data) for y in x.tensors) for x in t);"
        "print(hashlib.sha256(b).hexdigest())"
    )
    said = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True,
                       env={**os.environ, "PYTHONHASHSEED": seed}).stdout
        for seed in ("1", "2")
    ]  # fmt: skip
    assert said[0] == said[1]


def test_it_goes_on_learning() -> None:
    rebuilt = build(take(EXAMPLES["binary"]()).tree)
    more = xgboost.XGBClassifier(n_estimators=2, n_jobs=1).fit(X, (Y > 0).astype(int), xgb_model=rebuilt.get_booster())
    assert more.get_booster().num_boosted_rounds() == 6


def test_callbacks_are_left_out_with_a_note() -> None:
    schedule = xgboost.callback.LearningRateScheduler([0.1, 0.2])
    model = xgboost.XGBRegressor(n_estimators=2, callbacks=[schedule], n_jobs=1).fit(X, Y)
    taken = take(model)
    assert any("callbacks" in note for note in taken.notes)
    assert build(taken.tree).callbacks is None
    assert model.callbacks == [schedule]


def test_what_cannot_be_checked_is_not_written() -> None:
    many = xgboost.XGBRegressor(n_estimators=2, multi_strategy="multi_output_tree", tree_method="hist", n_jobs=1)
    with pytest.raises(SaveError, match="cannot be checked"):
        take(many.fit(X, np.column_stack([Y, Y])))


def test_an_unfitted_estimator_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SaveError, match="not fitted") as caught:
        amber.save(xgboost.XGBClassifier(), tmp_path / "model.amber")
    assert caught.value.code == "not-fitted"


def test_keywords_are_kept_and_closed() -> None:
    model = xgboost.XGBRegressor(n_estimators=2, n_jobs=1, booster="dart", rate_drop=0.5).fit(X, Y)
    assert build(take(model).tree).kwargs == {"rate_drop": 0.5}
    model.kwargs["rate_drop"] = "0.5 nthread=9"
    with pytest.raises(AmberError):
        build(take(model).tree)
    assert not {"nthread", "n_jobs", "callbacks"} & KEYWORDS


def test_the_manifest_says_what_it_is() -> None:
    model = EXAMPLES["several-classes"]()
    found = ADAPTER.describe(model)
    assert (found.kind, found.classes, found.n_features) == ("classifier", ((0, 1, 2),), 4)
    assert ADAPTER.describe(EXAMPLES["squared-error"]()).kind == "regressor"
    assert ADAPTER.fitted(EXAMPLES["booster"]()) is None


def test_every_attribute_of_fitted_models_is_in_the_vocabulary() -> None:
    for name, make in EXAMPLES.items():
        model = make()
        tree = take(model).tree
        root = tree.nodes[tree.root]
        assert isinstance(root, Object), name
        entry = vocabulary.load().entry(root.type)
        assert entry is not None
        assert set(root.attrs) <= set(entry.attributes)


def test_reading_gives_the_trees_that_xgboost_says() -> None:
    model = EXAMPLES["exact-pruned"]()
    booster = model.get_booster()
    found = native.read(bytes(booster.save_raw("ubj")))
    frame = booster.trees_to_dataframe()
    reached = sum(sum(f != native.DELETED for f in tree.feature) for tree in found.trees)
    assert reached == len(frame)
    assert found.trees[0].condition[0] == np.float32(frame["Split"].iloc[0])
