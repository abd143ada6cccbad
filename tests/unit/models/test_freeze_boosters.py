"""Boosters freeze whole: every method they answer, and no rule that narrows what is taken."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnxruntime")
xgboost = pytest.importorskip("xgboost")
lightgbm = pytest.importorskip("lightgbm")

import amber  # noqa: E402
from amber.errors import SourceError  # noqa: E402

RNG = np.random.default_rng(3)
X = RNG.normal(size=(400, 6))
X[RNG.random(X.shape) < 0.05] = np.nan
Y = (np.nan_to_num(X[:, 0]) + np.nan_to_num(X[:, 1]) ** 2 > 0.5).astype(int)
KINDS = Y + (np.nan_to_num(X[:, 2]) > 0)
SMALL: dict[str, Any] = {"n_estimators": 12, "n_jobs": 1}
MODELS: dict[str, tuple[Callable[[Any], Any], set[str]]] = {
    "xgboost": (lambda Z: xgboost.XGBClassifier(**SMALL).fit(Z, Y), {"predict", "predict_proba", "apply"}),
    "xgboost-3": (lambda Z: xgboost.XGBClassifier(**SMALL).fit(Z, KINDS), {"predict", "predict_proba", "apply"}),
    "xgboost-number": (lambda Z: xgboost.XGBRegressor(**SMALL).fit(Z, Y + 0.5), {"predict", "apply"}),
    "xgboost-line": (lambda Z: xgboost.XGBRegressor(booster="gblinear", **SMALL).fit(Z, Y), {"predict"}),
    "lightgbm": (
        lambda Z: lightgbm.LGBMClassifier(verbose=-1, **SMALL).fit(Z, Y),
        {"predict", "predict_proba", "decision_function"},
    ),
    "lightgbm-3": (
        lambda Z: lightgbm.LGBMClassifier(verbose=-1, **SMALL).fit(Z, KINDS),
        {"predict", "predict_proba", "decision_function"},
    ),
    "lightgbm-number": (lambda Z: lightgbm.LGBMRegressor(verbose=-1, **SMALL).fit(Z, Y + 0.5), {"predict"}),
}


def extremes(dtype: Any) -> Any:
    """Rows as large as they come."""
    found = X[:6].copy()
    found[[0, 1, 2, 3, 5], [0, 1, 2, 3, 0]] = [1e100, np.inf, -np.inf, -1e100, 3.4e38]
    found[4] = np.nan
    with np.errstate(over="ignore"):
        return found.astype(dtype)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", MODELS)
def test_a_booster_freezes_whole(name: str, dtype: Any, tmp_path: Path) -> None:
    make, methods = MODELS[name]
    table, path = X.astype(dtype), tmp_path / "model.amber"
    model = make(table)
    amber.save(model, path, sample=table, freeze=True)
    program = amber.program(path)
    assert set(program.methods) == methods
    assert program.domain == []
    strange = extremes(dtype)
    for method in methods:
        wanted = getattr(model, method)(table)
        got = getattr(program, method)(table)
        assert got.dtype == wanted.dtype
        assert np.allclose(got, wanted, rtol=1e-9 if got.dtype == np.float64 else 1e-6)
        for row in strange:
            try:
                expected = getattr(model, method)(row[None])
            except Exception:
                with pytest.raises(SourceError):
                    getattr(program, method)(row[None])
            else:
                answered = getattr(program, method)(row[None])
                assert np.allclose(answered, expected, rtol=1e-6, equal_nan=True), (method, row)


@pytest.mark.parametrize("name", ["xgboost", "lightgbm"])
def test_infinities_in_the_sample_are_no_hindrance(name: str, tmp_path: Path) -> None:
    make, methods = MODELS[name]
    model, path = make(X), tmp_path / "model.amber"
    amber.save(model, path, sample=np.concatenate([X, extremes(np.float64)]), freeze=True)
    assert set(amber.program(path).methods) >= methods - {"apply"}
    assert amber.program(path).domain == []


def test_a_linear_booster_takes_the_first_columns_alone(tmp_path: Path) -> None:
    filled, path = np.nan_to_num(X), tmp_path / "model.amber"
    model = xgboost.XGBRegressor(booster="gblinear", **SMALL).fit(filled, Y)
    amber.save(model, path, sample=filled, freeze=True)
    program = amber.program(path)
    for columns in (6, 5, 2):
        assert np.allclose(program.predict(filled[:, :columns]), model.predict(filled[:, :columns]), rtol=1e-6)
    with pytest.raises(SourceError):
        program.predict(np.ones((2, 7)))
