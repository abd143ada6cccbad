"""Write frozen artifacts, rows and the originals' answers: `python -m tests.framework_free.make FOLDER`."""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC

import amber

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 4))
Y = np.where(X[:, 0] + X[:, 1] > 0, "yes", "no")
FRAME = pd.DataFrame(X, columns=["age", "income", "visits", "score"]).assign(
    city=RNG.choice(["Bern", "Köln", "Oslo", None], 200), kind=RNG.choice(["a", "b"], 200)
)
FRAME.loc[::9, "income"] = np.nan
TEXTS = ["über die Brücke", "the quick brown fox", "naïve café", "fox the fox"] * 15
KINDS = ["a", "b", "a", "b"] * 15
WORDS = FRAME[["city", "kind"]]


def mixed() -> Any:
    """Gaps, scaling, categories."""
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    words = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore"))
    table = make_column_transformer((numbers, ["age", "income", "visits", "score"]), (words, ["city", "kind"]))
    return make_pipeline(table, LogisticRegression()).fit(FRAME, Y)


MODELS: dict[str, tuple[Callable[[], Any], Any, str]] = {
    "linear": (lambda: make_pipeline(StandardScaler(), LogisticRegression()).fit(X, Y), X, "predict_proba"),
    "frame": (lambda: Ridge().fit(FRAME[["age", "visits"]], X[:, 0]), FRAME[["age", "visits"]], "predict"),
    "mixed": (mixed, FRAME, "predict_proba"),
    "forest": (lambda: RandomForestClassifier(8, random_state=0).fit(X, Y), X, "predict_proba"),
    "boosting": (lambda: GradientBoostingClassifier(n_estimators=8).fit(X, Y), X, "decision_function"),
    "histogram": (lambda: HistGradientBoostingClassifier(max_iter=8).fit(X, Y), X, "predict_proba"),
    "svc": (lambda: SVC().fit(X, Y), X, "decision_function"),
    "neighbours": (lambda: KNeighborsClassifier().fit(X, Y), X, "predict"),
    "network": (lambda: MLPClassifier((8,), max_iter=40, random_state=0).fit(X, Y), X, "predict_proba"),
    "pca": (lambda: make_pipeline(StandardScaler(), PCA(2)).fit(X), X, "transform"),
    "text": (lambda: make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(TEXTS, KINDS), TEXTS, "predict_proba"),
    "words": (lambda: OneHotEncoder(handle_unknown="ignore").fit(WORDS), WORDS, "transform"),
}


def plain(rows: Any) -> Any:
    """Return rows as JSON can hold them."""
    if isinstance(rows, pd.DataFrame):
        objects = rows.astype(object)
        return {name: objects[name].where(objects[name].notna(), None).tolist() for name in objects}
    return rows if isinstance(rows, list) else rows.tolist()


def main(folder: str) -> None:
    """Write `NAME.amber` and `NAME.json` for every model."""
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    warnings.simplefilter("ignore")
    for name, (make, sample, method) in MODELS.items():
        model = make()
        amber.save(model, place / f"{name}.amber", sample=sample, freeze=True)
        rows = sample[:40]
        answer = getattr(model, method)(rows)
        answer = answer.toarray() if hasattr(answer, "toarray") else answer
        labels = model.predict(rows).tolist() if hasattr(model, "predict") else None
        facts = {"rows": plain(rows), "method": method, "answer": answer.tolist(), "labels": labels}
        (place / f"{name}.json").write_text(json.dumps(facts), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
