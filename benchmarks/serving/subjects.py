"""What is served: the linear pipeline of 30 columns, forests, and models at the caps of programs."""

from __future__ import annotations

import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import onnxruntime
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import amber
from benchmarks.serving.peers import Case

MIB = 2**20
_GRAPH = "programs/onnx.onnx"


def linear(folder: Path, version: str = "1.0.0") -> Case:
    """StandardScaler and LogisticRegression on 30 columns."""
    X, y = load_breast_cancer(return_X_y=True)
    return kept(folder, make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(X, y), X, version)


def forest(folder: Path, trees: int = 200) -> Case:
    """A forest on the same columns."""
    X, y = load_breast_cancer(return_X_y=True)
    return kept(folder, RandomForestClassifier(trees, random_state=0).fit(X, y), X)


def grown(folder: Path, trees: int, rows: int, *, freeze: bool = True) -> Case:
    """A forest on noise, fully grown: about 1.3 x rows nodes a tree."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(rows, 30))
    y = (X[:, 0] + rng.normal(size=rows) > 0).astype(int)
    return kept(folder, RandomForestClassifier(trees, random_state=0, n_jobs=2).fit(X, y), X, freeze=freeze)


def wide(folder: Path, columns: int, targets: int, *, freeze: bool = True) -> Case:
    """A linear model with columns x targets coefficients, made rather than fitted."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(8, columns))
    model = LinearRegression().fit(X[:, :4], np.zeros((8, targets)))
    model.coef_ = rng.normal(size=(targets, columns))
    model.intercept_, model.n_features_in_ = np.zeros(targets), columns
    return kept(folder, model, X, freeze=freeze)


def kept(folder: Path, model: Any, X: Any, version: str = "1.0.0", *, freeze: bool = True) -> Case:
    """Write a model in both forms."""
    folder.mkdir(parents=True, exist_ok=True)
    case = Case(folder, X, model)
    joblib.dump(model, case.pickled)
    amber.save(model, case.artifact, sample=X, name="model", version=version, freeze=freeze)
    return case


def heavy(folder: Path) -> Iterator[tuple[str, Case, str]]:
    """Yield models of which four workers shall take as much memory as one: name, case, route."""
    yield "linear, 1 GiB of coefficients, original", wide(folder / "gib", 4096, 32768, freeze=False), "original"
    yield "forest, 300 trees, original", grown(folder / "trees", 300, 20_000, freeze=False), "original"
    yield "linear, 240 MiB, program", wide(folder / "wide", 4096, 7680), "program"
    many = grown(folder / "grown", 300, 10_000)
    yield f"{forest_name(many)}, program", many, "program"


def starts(folder: Path) -> Iterator[tuple[str, Case, Callable[[Case], float]]]:
    """Yield programs, and the seconds within which each shall be ready."""
    yield "linear pipeline", linear(folder / "start-linear"), lambda case: 1.0
    yield "linear, 15 MiB", wide(folder / "start-wide", 4096, 480), lambda case: 1.0
    small, large = forest(folder / "start-forest"), grown(folder / "start-grown", 100, 10_000)
    yield forest_name(small), small, lambda case: 1.0
    yield forest_name(large), large, lambda case: 0.5 + session_seconds(case)


def forest_name(case: Case) -> str:
    """Nodes of a forest, and the size of its program."""
    nodes = sum(tree.tree_.node_count for tree in case.model.estimators_)
    with zipfile.ZipFile(case.artifact) as members:
        size = members.getinfo(_GRAPH).file_size
    return f"forest, {nodes:,} nodes, {size / MIB:.1f} MiB"


def session_seconds(case: Case) -> float:
    """Seconds that onnxruntime alone takes to load the program, the best of three, once it is imported."""
    with zipfile.ZipFile(case.artifact) as members:
        graph = members.read(_GRAPH)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    taken = []
    for _ in range(3):
        begun = time.perf_counter()
        onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        taken.append(time.perf_counter() - begun)
    return min(taken)
