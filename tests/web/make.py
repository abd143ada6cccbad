"""Write float32 graphs, their inputs and the answers of the originals: `python -m tests.web.make FOLDER`."""

from __future__ import annotations

import json
import re
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from lightgbm import LGBMClassifier
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    IsolationForest,
    RandomForestClassifier,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC
from xgboost import XGBClassifier

import amber
from amber.models.program import plan_of
from amber.policy import Policy
from amber.programs.feeds import Feeder
from amber.programs.requests import rows_of
from amber.vault.check import open_checked

FRESH = 50
RELATIVE, ABSOLUTE = 1e-4, 1e-6  # of a value, and of the largest: the line of float32 programs
RNG = np.random.default_rng(0)
# Everything a model is fitted on and asked for is float32: then no threshold lies between two of its values.
X = RNG.normal(size=(300, 4)).astype(np.float32)
ROWS = RNG.normal(size=(FRESH, 4)).astype(np.float32)
TWO = np.where(X[:, 0] + X[:, 1] > 0, "yes", "no")
THREE = np.digitize(X[:, 0] - X[:, 2], [-0.7, 0.7])
GAPS, ROWS_GAPS = X.copy(), ROWS.copy()
GAPS[::7, 1] = ROWS_GAPS[::5, 1] = np.nan
WORDS = ["ueber", "die", "brücke", "quick", "brown", "fox", "naïve", "café"]


def frame(table: Any) -> Any:
    """Return numbers with gaps beside texts with gaps; one category that no model was fitted on."""
    made = pd.DataFrame(table, columns=["age", "income", "visits", "score"])
    made["city"] = RNG.choice(np.array(["Bern", "Köln", "Oslo", None], dtype=object), len(made))
    made["kind"] = RNG.choice(np.array(["a", "b"], dtype=object), len(made))
    if len(made) == FRESH:
        made.loc[::11, "city"] = "Ulm"
    return made


def texts(count: int) -> list[str]:
    """Return sentences of a few words."""
    return [" ".join(RNG.choice(WORDS, size=RNG.integers(1, 6))) for _ in range(count)]


def mixed() -> Any:
    """Gaps, scaling, categories."""
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    words = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore"))
    table = make_column_transformer((numbers, ["age", "income", "visits", "score"]), (words, ["city", "kind"]))
    return make_pipeline(table, LogisticRegression())


@dataclass
class Model:
    """A model to fit, on what, and what to ask it."""

    model: Any
    sample: Any
    target: Any
    rows: Any
    methods: tuple[str, ...]


def models() -> dict[str, Model]:
    """Return the models by name."""
    labels, decision = ("predict", "predict_proba"), ("predict", "decision_function")
    twelve: dict[str, Any] = {"n_estimators": 12, "random_state": 0}
    sentences, asked = texts(120), texts(FRESH)
    rude = np.array(["fox" in each for each in sentences])
    return {
        "linear": Model(make_pipeline(StandardScaler(), LogisticRegression()), X, TWO, ROWS, (*labels, *decision[1:])),
        "logistic-3": Model(LogisticRegression(), X, THREE, ROWS, labels),
        "forest": Model(RandomForestClassifier(**twelve), X, TWO, ROWS, labels),
        "forest-3": Model(RandomForestClassifier(**twelve), GAPS, THREE, ROWS_GAPS, (*labels, "apply")),
        "isolation": Model(IsolationForest(**twelve), X, None, ROWS, (*decision, "score_samples")),
        "boosting": Model(GradientBoostingClassifier(**twelve), X, TWO, ROWS, (*labels, *decision[1:])),
        "boosting-3": Model(GradientBoostingClassifier(**twelve), X, THREE, ROWS, labels),
        "boosting-sum": Model(GradientBoostingRegressor(**twelve), X, X[:, 0] * X[:, 1], ROWS, ("predict",)),
        "histogram": Model(HistGradientBoostingClassifier(max_iter=12), GAPS, TWO, ROWS_GAPS, (*labels, *decision[1:])),
        "svc": Model(SVC(), X, THREE, ROWS, decision),
        "neighbours": Model(KNeighborsClassifier(), X, THREE, ROWS, labels),
        "neighbours-tied": Model(KNeighborsClassifier(), np.round(X), THREE, np.round(ROWS), labels),
        "network": Model(MLPClassifier((8,), max_iter=60, random_state=0), X, THREE, ROWS, labels),
        "pca": Model(make_pipeline(StandardScaler(), PCA(2)), X, None, ROWS, ("transform", "inverse_transform")),
        "mixed": Model(mixed(), frame(GAPS), TWO, frame(ROWS_GAPS), labels),
        "xgboost": Model(XGBClassifier(n_estimators=12, max_depth=4), GAPS, THREE, ROWS_GAPS, labels),
        "lightgbm": Model(LGBMClassifier(n_estimators=12, verbose=-1), GAPS, THREE, ROWS_GAPS, labels),
        "text": Model(make_pipeline(TfidfVectorizer(), LogisticRegression()), sentences, rude, asked, labels),
    }  # fmt: skip


def thresholds(model: Any) -> Iterator[tuple[int, float]]:
    """Give column and threshold of the splits of an ensemble of trees."""
    for tree in np.ravel(getattr(model, "estimators_", [])):
        for node in np.flatnonzero(tree.tree_.feature >= 0)[:4]:
            yield int(tree.tree_.feature[node]), float(tree.tree_.threshold[node])
    for tree in np.ravel(getattr(model, "_predictors", [])):
        for node in tree.nodes[tree.nodes["is_leaf"] == 0][:4]:
            yield int(node["feature_idx"]), float(node["num_threshold"])
    booster = getattr(model, "_Booster", None)
    if booster is not None:
        table = booster.trees_to_dataframe().rename(columns={"split_feature": "Feature", "threshold": "Split"})
        for name, threshold in table[table["Split"].notna()][["Feature", "Split"]].to_numpy()[::4].tolist():
            yield int(re.sub(r"\D", "", name)), float(threshold)


def with_edges(model: Any, rows: Any) -> Any:
    """Return rows and, of an ensemble of trees, rows on its thresholds and one float32 to each side."""
    made = [rows]
    for number, (column, threshold) in enumerate(thresholds(model)):
        middle = np.float32(threshold)
        row = np.repeat(rows[number % len(rows)][None], 3, axis=0)
        row[:, column] = np.nextafter(middle, np.float32(-np.inf)), middle, np.nextafter(middle, np.float32(np.inf))
        made.append(row)
    return np.concatenate(made) if len(made) > 1 else rows


def close(model: Any, rows: Any) -> list[int]:
    """Return the rows whose label hangs on less than the tolerance."""
    scores = next(
        (getattr(model, each)(rows) for each in ("decision_function", "predict_proba") if hasattr(model, each)), None
    )
    if scores is None:
        return []
    size = np.abs(scores)
    if np.ndim(scores) == 1:
        lead, top = size, size
    else:
        ranked = np.sort(scores, axis=1)
        lead, top = ranked[:, -1] - ranked[:, -2], size.max(axis=1)
    return [int(row) for row in np.flatnonzero(lead <= 2 * (RELATIVE * top + ABSOLUTE * size.max()))]


def program_of(path: Path) -> tuple[bytes, Any]:
    """Return the graph and the plan of a frozen artifact; it is certified for all rows the model answers."""
    with open_checked(path, Policy(), "auto") as checked:
        (info,) = checked.manifest.programs
        members = checked.opened.members
        plan, domain = plan_of(info, members)
        assert plan.precision == "float32", plan.precision
        assert not domain.rules, domain.rules
        return bytes(members[info.member]), plan


def question(one: Model, plan: Any, rows: Any, looked_up: bool = False) -> dict[str, Any]:
    """Return the inputs of the graph for some rows, and the answers of the original.

    `looked_up`: the graph takes the texts of each column itself, as `amber export` writes it.
    """
    feeds = Feeder(plan).feed(rows_of(rows, plan.request, frozenset(plan.numbers)))
    outputs = {output.method: output for output in plan.outputs}
    missing = [method for method in one.methods if method not in outputs]
    assert not missing, {method: plan.absent.get(method) for method in missing}
    if "inverse_transform" in outputs:
        feeds["inverse"] = one.model.transform(rows).astype(np.float32)
    if looked_up:
        del feeds["codes"]
        names = [plan.request.names[codes.column] for codes in plan.codes]
        feeds |= {name: rows[[name]].to_numpy(dtype=object) for name in names}
    asked = {method: feeds["inverse"] if method == "inverse_transform" else rows for method in one.methods}
    return {
        "inputs": {name: tensor(values) for name, values in sorted(feeds.items())},
        "answers": [answered(one.model, outputs[method], asked[method]) for method in one.methods],
        "close": close(one.model, rows),
    }


def tensor(values: Any) -> dict[str, Any]:
    """Return an array as JSON can hold it: every float32 has an exact decimal form, NaN is null."""
    kind = "string" if values.dtype == object else str(values.dtype)
    data = [None if each != each else each for each in values.reshape(-1).tolist()]
    return {"type": kind, "dims": list(values.shape), "data": data}


def answered(model: Any, output: Any, rows: Any) -> dict[str, Any]:
    """Return one answer of the original, labels as the index of their class."""
    answer = np.asarray(getattr(model, output.method)(rows))
    (name,) = output.outputs
    if output.labels:
        classes = model.classes_ if hasattr(model, "classes_") else np.array([-1, 1])
        answer = np.searchsorted(classes, answer)
    exact = answer.dtype.kind in "iub"
    return {"method": output.method, "output": name, "refused": output.refused, "exact": exact, **tensor(answer)}


def written(place: Path, name: str, graph: bytes, asked: list[dict[str, Any]]) -> None:
    """Write one graph and what it is asked."""
    (place / f"{name}.onnx").write_bytes(graph)
    (place / f"{name}.json").write_text(json.dumps(asked), encoding="utf-8")


def main(folder: str) -> None:
    """Write `NAME.onnx` and `NAME.json` for every model."""
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    warnings.simplefilter("ignore")
    for name, one in models().items():
        one.model.fit(one.sample, one.target)
        artifact, frozen = place / f"{name}.amber", place / f"{name}.frozen.amber"
        amber.save(one.model, artifact, sample=one.sample)
        amber.freeze(artifact, frozen, precision="float32")
        graph, plan = program_of(frozen)
        written(
            place, name, graph, [question(one, plan, rows) for rows in (with_edges(one.model, one.rows), one.rows[:1])]
        )
        if name == "mixed":
            amber.export(frozen, place / "exported.onnx")
            known = one.rows[one.rows[["city", "kind"]].notna().all(axis=1)]
            asked = [question(one, plan, rows, looked_up=True) for rows in (known, known[:1])]
            written(place, "exported", (place / "exported.onnx").read_bytes(), asked)


if __name__ == "__main__":
    main(*sys.argv[1:])
