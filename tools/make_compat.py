"""Write the artifacts of `tests/compat` with the libraries of the running environment: names carry their version.

Run it once in each environment (the newest and the oldest supported libraries): python tools/make_compat.py
An artifact that exists is never written again: a released one is a promise, and new kinds are added beside the others.

`sklearn-1.9-forest.amber` is what scikit-learn 1.9 wrote; `sklearn-1.9-forest.json` holds rows and the answers the
model gave to them before it was saved. Artifacts of other versions are left alone: old ones are what the tests are
about.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
import sklearn
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    StackingClassifier,
)
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, WhiteKernel
from sklearn.impute import IterativeImputer, SimpleImputer
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.neighbors import KNeighborsRegressor
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import KBinsDiscretizer, OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier

import amber

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "tests" / "compat"
PROGRAMS = TARGET / "programs"  # frozen ones, by the newest libraries alone
FROZEN = ("boosting", "forest", "network", "neighbours", "pipeline", "sparse", "svc", "text")
ROWS = 24
Made = tuple[Any, Any]  # the fitted model, and rows to ask it about


def numbers(rows: int = ROWS, columns: int = 3, seed: int = 0) -> tuple[Any, Any, Any]:
    """A table of numbers, classes and a target that depend on it."""
    rng = np.random.RandomState(seed)
    X = np.round(rng.normal(size=(rows, columns)), 3)
    return X, (X[:, 0] + X[:, 1] > 0).astype(int), np.round(X @ np.arange(1.0, columns + 1), 3)


def frame() -> tuple[Any, Any]:
    """A frame with a missing number, a category and an integer."""
    X, y, _ = numbers()
    table = pd.DataFrame(
        {"income": X[:, 0], "age": np.arange(20, 20 + ROWS), "region": ["north", "south", "west"] * (ROWS // 3)}
    )
    table.loc[[2, 5], "income"] = np.nan
    return table, y


def pipeline() -> Made:
    X, y = frame()
    numeric = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    columns = ColumnTransformer(
        [("numbers", numeric, ["income", "age"]), ("region", OneHotEncoder(handle_unknown="ignore"), ["region"])]
    )
    return make_pipeline(columns, LogisticRegression()).fit(X, y), X


def forest() -> Made:
    X, y, _ = numbers()
    return RandomForestClassifier(n_estimators=3, max_depth=3, random_state=0).fit(X, y), X


def boosting() -> Made:
    X, _, target = numbers()
    X[:, 2] = np.arange(ROWS) % 3
    X[3, 0] = np.nan
    model = HistGradientBoostingRegressor(max_iter=3, max_leaf_nodes=4, min_samples_leaf=2, categorical_features=[2])
    return model.fit(X, target), X


def svc() -> Made:
    X, y, _ = numbers()
    return SVC(gamma=0.5).fit(X, y), X


def neighbours() -> Made:
    X, _, target = numbers()
    return KNeighborsRegressor(n_neighbors=2, algorithm="kd_tree", leaf_size=4).fit(X, target), X


def text() -> Made:
    words = ["red green blue", "green grass", "blue sky above", "red rose", "grey sky", "green leaf on a tree"] * 3
    labels = [0, 1, 0, 0, 0, 1] * 3
    return make_pipeline(TfidfVectorizer(stop_words=["a", "on"]), SGDClassifier(random_state=0)).fit(
        words, labels
    ), words[:6]


def clusters() -> Made:
    X, _, _ = numbers()
    return KMeans(n_clusters=3, n_init=1, random_state=0).fit(X), X


def network() -> Made:
    X, y, _ = numbers()
    return MLPClassifier(hidden_layer_sizes=(4,), max_iter=30, random_state=0).fit(X, y), X


def categories() -> Made:
    """Histogram boosting that finds the categories by the dtype of a column, and words in `str` or object."""
    X, y = frame()
    X["region"] = pd.Categorical(X["region"])
    model = HistGradientBoostingClassifier(
        max_iter=3, max_leaf_nodes=4, min_samples_leaf=2, categorical_features="from_dtype"
    )
    return model.fit(X, y), X


def remainder() -> Made:
    """Columns by name, the rest through another transformer, a frame as output."""
    X, y = frame()
    X["seen"] = y == 1
    columns = ColumnTransformer(
        [
            ("bins", KBinsDiscretizer(3, encode="onehot-dense", strategy="uniform"), ["age"]),
            ("region", OrdinalEncoder(), ["region"]),
            ("nothing", "drop", ["seen"]),
        ],
        remainder=SimpleImputer(add_indicator=True),
    )
    return columns.set_output(transform="pandas").fit(X, y), X


def sparse() -> Made:
    X, y, _ = numbers()
    rows = sp.csr_matrix(np.where(np.abs(X) > 0.5, X, 0.0))
    return SVC(kernel="linear").fit(rows, y), rows


def isolation() -> Made:
    X, _, _ = numbers()
    return IsolationForest(n_estimators=4, max_samples=8, contamination=0.1, random_state=0).fit(X), X


def gaussian() -> Made:
    X, _, target = numbers()
    return GaussianProcessRegressor(RBF() + WhiteKernel(), random_state=0).fit(X, target), X


def calibrated() -> Made:
    X, y, _ = numbers()
    return CalibratedClassifierCV(LinearSVC(random_state=0), method="isotonic", cv=2).fit(X, y), X


def stacking() -> Made:
    X, y, _ = numbers()
    parts = [("tree", DecisionTreeClassifier(max_depth=2, random_state=0)), ("line", LogisticRegression())]
    return StackingClassifier(parts, final_estimator=LogisticRegression(), cv=2, passthrough=True).fit(X, y), X


def gradient() -> Made:
    """Three classes by name, and an estimator that gives the first answer."""
    X, _, target = numbers()
    y = np.array(["low", "middle", "high"])[np.digitize(target, [-1.0, 1.0])]
    first = LogisticRegression()
    return GradientBoostingClassifier(n_estimators=3, max_depth=2, init=first, random_state=0).fit(X, y), X


def imputer() -> Made:
    X, _, _ = numbers()
    X[[1, 4, 9], [0, 1, 2]] = np.nan
    return IterativeImputer(max_iter=2, random_state=0).fit(X), X


MODELS: dict[str, Callable[[], Made]] = {
    "boosting": boosting, "calibrated": calibrated, "categories": categories, "clusters": clusters, "forest": forest,
    "gaussian": gaussian, "gradient": gradient, "imputer": imputer, "isolation": isolation, "neighbours": neighbours,
    "network": network, "pipeline": pipeline, "remainder": remainder, "sparse": sparse, "stacking": stacking,
    "svc": svc, "text": text,
}  # fmt: skip


def answers(model: Any, rows: Any) -> dict[str, Any]:
    """What the model answers now, as plain data."""
    found = {}
    for method in ("predict", "predict_proba", "decision_function", "transform"):
        if hasattr(model, method):
            found[method] = np.asarray(getattr(model, method)(rows)).tolist()
    return found


def form(rows: Any) -> dict[str, Any]:
    """What plain rows do not say of themselves: that they are sparse, which columns are categories."""
    if sp.issparse(rows):
        return {"form": "csr"}
    found = [name for name in rows.columns if rows[name].dtype == "category"] if isinstance(rows, pd.DataFrame) else []
    return {"categories": found} if found else {}


def plain(rows: Any) -> Any:
    """Rows as plain data: columns of a frame, nested lists, texts."""
    if sp.issparse(rows):
        rows = rows.toarray()
    if isinstance(rows, pd.DataFrame):
        return {name: rows[name].astype(object).where(rows[name].notna(), None).tolist() for name in rows.columns}
    return rows if isinstance(rows, list) else np.where(np.isnan(rows), None, rows.astype(object)).tolist()


def main() -> int:
    """Write every artifact of this environment that does not exist yet; return the exit code."""
    import warnings

    TARGET.mkdir(exist_ok=True)
    minor = ".".join(sklearn.__version__.split(".")[:2])
    for name, make in MODELS.items():
        stem = TARGET / f"sklearn-{minor}-{name}"
        if stem.with_name(stem.name + ".amber").exists():
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # thirty iterations do not converge, which is no matter here
            model, rows = make()
            some = rows[:4] if not isinstance(rows, pd.DataFrame) else rows.iloc[:4]
            saved = amber.save(model, stem.with_name(stem.name + ".amber"), sample=some, name=name)
        expected = {**form(rows), "rows": plain(rows), "answers": answers(model, rows)}
        stem.with_name(stem.name + ".json").write_text(json.dumps(expected) + "\n", encoding="utf-8")
        print(f"{stem.name}: {saved.size} bytes, {saved.cases} rows")
    if importlib.util.find_spec("onnx") is not None:
        freeze(minor)
    return 0


def freeze(minor: str) -> None:
    """Write the same artifacts with a program, where there is none yet; the answers stand beside the others."""
    PROGRAMS.mkdir(exist_ok=True)
    for name in FROZEN:
        target = PROGRAMS / f"sklearn-{minor}-{name}.amber"
        if not target.exists():
            done = amber.freeze(TARGET / target.name, target)
            print(f"programs/{target.name}: {done.size} bytes, {done.verdict}")


if __name__ == "__main__":
    sys.exit(main())
