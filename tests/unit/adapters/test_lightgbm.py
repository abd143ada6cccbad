"""LightGBM models come back with the same answers, bit for bit, from the same bytes in any process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

lightgbm = pytest.importorskip("lightgbm")

from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402

import amber  # noqa: E402
from amber import vocabulary  # noqa: E402
from amber.adapters import lightgbm_examples  # noqa: E402
from amber.adapters.build import build  # noqa: E402
from amber.adapters.lightgbm import ADAPTER, KEYWORDS  # noqa: E402
from amber.adapters.take import take  # noqa: E402
from amber.adapters.values import check_values  # noqa: E402
from amber.errors import AmberError, SaveError  # noqa: E402
from amber.limits import DEFAULT  # noqa: E402
from amber.tree.codec import encode_tree  # noqa: E402
from amber.tree.natives import lightgbm as native  # noqa: E402
from amber.vocabulary.audit import check_names  # noqa: E402

X, Y = lightgbm_examples.table()
EXAMPLES = dict(lightgbm_examples.examples())
pytestmark = pytest.mark.filterwarnings("ignore:X does not have valid feature names")


def answers(model: Any, rows: Any) -> dict[str, Any]:
    """What every method answers."""
    found = {"predict": model.predict(rows), "raw": model.predict(rows, raw_score=True)}
    found["leaves"] = model.predict(rows, pred_leaf=True)
    if hasattr(model, "predict_proba"):
        found["predict_proba"] = model.predict_proba(rows)
    if hasattr(model, "fit"):
        found["importance"] = model.feature_importances_
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


@pytest.mark.parametrize("name", ["several-classes", "early-stopping", "forest"])
def test_an_artifact_comes_back_and_is_identical(name: str, tmp_path: Path) -> None:
    model, path = EXAMPLES[name](), tmp_path / "model.amber"
    amber.save(model, path, sample=X[:20])
    loaded, report = amber.load(path, report=True, replay="always")
    assert report.verdict == "identical"
    assert equal(answers(model, X), answers(loaded, X))


def test_early_stopping_keeps_all_trees_and_the_best_iteration() -> None:
    model = EXAMPLES["early-stopping"]()
    rebuilt = build(take(model).tree)
    assert rebuilt.best_iteration_ == model.best_iteration_ == rebuilt.booster_.best_iteration
    assert rebuilt.best_score_ == model.best_score_ == rebuilt.booster_.best_score
    assert rebuilt.booster_.num_trees() == model.booster_.num_trees() < 40
    assert rebuilt.evals_result_ == model.evals_result_


def test_frames_with_names_and_categories_come_back() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X[:, :3], columns=["a", "b", "ü"])
    frame["kind"] = pandas.Categorical(np.array(["x", "y", "zz"])[Y], categories=["zz", "y", "x", "never"])
    frame["number"] = pandas.Categorical(np.arange(120) % 7)
    model = lightgbm.LGBMClassifier(
        n_estimators=4, min_data_per_group=1, max_cat_to_onehot=1, min_child_samples=3, n_jobs=1, verbose=-1
    ).fit(frame, Y)
    rebuilt = build(take(model).tree)
    assert rebuilt.feature_names_in_.tolist() == frame.columns.tolist()
    assert np.array_equal(model.predict_proba(frame), rebuilt.predict_proba(frame))
    assert rebuilt.booster_.pandas_categorical == model.booster_.pandas_categorical


def test_inside_a_pipeline() -> None:
    model = make_pipeline(StandardScaler(), EXAMPLES["binary"]()).fit(X, (Y > 0).astype(int))
    assert np.array_equal(model.predict_proba(X), build(take(model).tree).predict_proba(X))


def test_bytes_are_the_same_in_another_process_and_with_other_threads() -> None:
    code = (
        "import hashlib;from amber.adapters import lightgbm_examples as e;from amber.adapters.take import take;"
        "from amber.tree.codec import encode_tree;"
        "t=[take(dict(e.examples())[n]()).tree for n in ('categories','several-classes')];"
        "b=b''.join(encode_tree(x)+b''.join(bytes(y.data) for y in x.tensors) for x in t);"
        "print(hashlib.sha256(b).hexdigest())"
    )
    said = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True,
                       env={**os.environ, "PYTHONHASHSEED": seed, "OMP_NUM_THREADS": seed}).stdout
        for seed in ("1", "2")
    ]  # fmt: skip
    assert said[0] == said[1]


def test_the_text_says_nothing_of_the_machine() -> None:
    data = native.neutral(b"tree\nparameters:\n[data: /home/me]\n[num_threads: 12]\n[seed: 3]\n\nend of parameters\n")
    assert data == b"tree\nparameters:\n[data: ]\n[num_threads: 0]\n[seed: 3]\n\nend of parameters\n"
    assert native.neutral(data) == data


def test_parameters_beyond_the_arguments_are_kept_and_closed() -> None:
    model = EXAMPLES["categories"]()
    rebuilt = build(take(model).tree)
    assert rebuilt.get_params() == model.get_params()
    assert rebuilt.cat_smooth == 1.0
    model.set_params(forcedsplits_filename="/etc/passwd")
    with pytest.raises(SaveError):
        take(model)
    assert not {"num_threads", "nthread", "data", "machines", "config"} & KEYWORDS


def test_an_unfitted_estimator_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SaveError, match="not fitted") as caught:
        amber.save(lightgbm.LGBMClassifier(), tmp_path / "model.amber")
    assert caught.value.code == "not-fitted"


def test_the_manifest_says_what_it_is() -> None:
    found = ADAPTER.describe(EXAMPLES["several-classes"]())
    assert (found.kind, found.classes, found.n_features) == ("classifier", (("a", "b", "c"),), 4)
    assert ADAPTER.describe(EXAMPLES["l2"]()).kind == "regressor"


def test_it_goes_on_learning() -> None:
    rebuilt = build(take(EXAMPLES["binary"]()).tree)
    more = lightgbm.LGBMClassifier(n_estimators=2, n_jobs=1, verbose=-1)
    more.fit(X, (Y > 0).astype(int), init_model=rebuilt.booster_)
    assert more.booster_.num_trees() == 6


def test_a_wrong_number_of_classes_is_refused() -> None:
    model = EXAMPLES["several-classes"]()
    model._n_classes = 2
    found = check_values(take(model).tree, vocabulary.load(), DEFAULT)
    assert [each.code for each in found] == ["shape-mismatch"]
    model._other_params["num_threads"] = 10**6
    with pytest.raises(AmberError):
        build(take(model).tree)


@pytest.mark.parametrize("name", ["n_estimators", "random_state", "subsample", "n_jobs", "class_weight", "reg_alpha"])
def test_a_parameter_that_was_set_later_is_one(tmp_path, name):
    value = {"class_weight": "balanced", "subsample": 0.8, "reg_alpha": 0.1}.get(name, 3)
    rng = np.random.default_rng(0)
    table = rng.normal(size=(60, 3))
    model = lightgbm.LGBMClassifier(n_estimators=3, verbose=-1).set_params(**{name: value}).fit(table, table[:, 0] > 0)
    amber.save(model, tmp_path / "m.amber", sample=table)
    again = amber.load(tmp_path / "m.amber")
    assert again.get_params()[name] == value
    assert np.array_equal(again.predict_proba(table), model.predict_proba(table))
