"""Small artifacts of every form of request, and batches made of the rows their originals take."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction import DictVectorizer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import amber
from amber.server.exchange import Answered, Asked, Failure
from amber.server.interface import Interface
from amber.server.wire.batch import HEAD, Layout, answer_unpack, mask_of, pack, unpack
from amber.server.wire.control import Order
from amber.server.worker.answering import Answer
from amber.server.worker.loading import Loaded, load

ROOM = 1 << 20


def numbers() -> Any:
    return np.random.default_rng(0).normal(size=(60, 4))


def table() -> Any:
    """Numbers, integers, texts, categories, booleans and times; a number and a text may be missing."""
    rng = np.random.default_rng(1)
    n = 80
    frame = pd.DataFrame(
        {
            "age": rng.integers(18, 90, n),
            "income": np.where(rng.random(n) < 0.2, np.nan, rng.normal(30, 9, n)),
            "town": rng.choice(["Bonn", "Köln", "Ulm"], n),
            "kind": pd.Categorical(rng.choice(["a", "b"], n)),
            "member": rng.random(n) < 0.5,
            "small": rng.normal(size=n).astype(np.float32),
        }
    )
    frame.loc[::9, "town"] = None
    return frame


def tabular() -> Any:
    steps = ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(), StandardScaler()), ["age", "income", "small"]),
            ("words", OneHotEncoder(handle_unknown="ignore"), ["town", "kind"]),
            ("as-is", "passthrough", ["member"]),
        ]
    )
    return make_pipeline(steps, LogisticRegression())


def texts() -> list[str]:
    return ["good day", "bad day", "very good", "rather bad", "day and night", "a good night", "bad luck", "good"] * 3


def records() -> list[dict[str, Any]]:
    return [{"a": float(i % 5), "b": "x" if i % 2 else "y"} for i in range(24)]


def words(values: Any) -> Any:
    return np.where(np.asarray(values), "yes", "no")


@dataclass(frozen=True)
class Example:
    """A fitted model, rows it takes, and what becomes of it."""

    model: Callable[[], tuple[Any, Any]]
    frozen: bool = True


def _matrix() -> tuple[Any, Any]:
    X = numbers()
    return make_pipeline(StandardScaler(), LogisticRegression()).fit(X, words(X[:, 0] > 0)), X


def _single() -> tuple[Any, Any]:
    X = numbers().astype(np.float32)
    return make_pipeline(StandardScaler(), LinearRegression()).fit(X, X.sum(axis=1)), X


def _components() -> tuple[Any, Any]:
    X = numbers()
    return PCA(2).fit(X), X


def _integers() -> tuple[Any, Any]:
    X = np.random.default_rng(2).integers(-50, 50, (60, 3))
    return make_pipeline(StandardScaler(), LogisticRegression()).fit(X, X[:, 0] > 0), X


def _columns() -> tuple[Any, Any]:
    frame = table()
    return tabular().fit(frame, words(frame["age"] > 50)), frame


def _frame_of_floats() -> tuple[Any, Any]:
    frame = pd.DataFrame(numbers(), columns=["p", "q", "r", "s"])
    return make_pipeline(StandardScaler(), LinearRegression()).fit(frame, frame["p"]), frame


def _texts() -> tuple[Any, Any]:
    rows = texts()
    return make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(rows, ["good" in row for row in rows]), rows


def _records() -> tuple[Any, Any]:
    rows = records()
    return make_pipeline(DictVectorizer(), LogisticRegression()).fit(rows, words([row["a"] > 2 for row in rows])), rows


def _sparse() -> tuple[Any, Any]:
    dense = np.where(np.abs(numbers()) > 0.8, numbers(), 0.0)
    return LogisticRegression().fit(dense, dense.sum(axis=1) > 0), scipy.sparse.csr_matrix(dense)


def _several() -> tuple[Any, Any]:
    X = numbers()
    labels = np.stack([words(X[:, 0] > 0), np.where(X[:, 1] > 0, "up", "down")], axis=1)
    return RandomForestClassifier(3, max_depth=3, random_state=0).fit(X, labels), X


def _neighbours() -> tuple[Any, Any]:
    X = numbers()
    return KNeighborsClassifier(3).fit(X, (X[:, 0] > 0).astype(int)), X


def _frames_out() -> tuple[Any, Any]:
    frame = pd.DataFrame(numbers(), columns=["p", "q", "r", "s"])
    return StandardScaler().set_output(transform="pandas").fit(frame), frame


EXAMPLES = {
    "columns": Example(_columns),
    "components": Example(_components),
    "frame-of-floats": Example(_frame_of_floats),
    "frames-out": Example(_frames_out),
    "integers": Example(_integers),
    "matrix": Example(_matrix),
    "neighbours": Example(_neighbours, frozen=False),
    "records": Example(_records),
    "several": Example(_several),
    "single": Example(_single),
    "sparse": Example(_sparse),
    "texts": Example(_texts),
}


class Shelf:
    """Artifacts, made when they are first asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: dict[str, tuple[str, Any]] = {}

    def __call__(self, name: str) -> tuple[str, Any]:
        """Return the path of an artifact and rows it takes."""
        if name not in self._made:
            model, rows = EXAMPLES[name].model()
            path = str(self._folder / f"{name}.amber")
            amber.save(model, path, sample=rows, name=name, version="1.0.0")
            if EXAMPLES[name].frozen:
                amber.freeze(path, path)
            self._made[name] = path, rows
        return self._made[name]


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    return Shelf(tmp_path_factory.mktemp("shelf"))


def asked(interface: Interface, rows: Any, outputs: Sequence[int] | None = None) -> Asked:
    """Return the rows of a request, as the formats would decode them."""
    count = rows.shape[0] if hasattr(rows, "shape") else len(rows)
    if interface.form in ("texts", "records"):
        return Asked(count, b"", [list(rows)], tuple(outputs or interface.default))
    if interface.form in ("matrix", "sparse"):
        dense = rows.toarray() if hasattr(rows, "toarray") else rows
        dtype = np.int64 if interface.inputs[0].cell == "integer" else np.float64
        return Asked(count, np.ascontiguousarray(dense, dtype).tobytes(), (), tuple(outputs or interface.default))
    cells, objects = [], []
    for place, each in enumerate(interface.inputs):
        column = rows.iloc[:, place]
        if each.cell == "object":
            values = column.astype(object).tolist()
            objects.append([None if value is None or value != value else value for value in values])
        else:
            cells.append(column.to_numpy(np.int64 if each.cell == "integer" else np.float64).view(np.int64))
    block = np.ascontiguousarray(np.stack(cells, axis=1)) if cells else np.empty((count, 0))
    return Asked(count, block.tobytes(), objects, tuple(outputs or interface.default))


class Bench:
    """One loaded artifact, asked through the bytes of a batch and without any process."""

    def __init__(self, loaded: Loaded) -> None:
        self.loaded, self.interface = loaded, loaded.interface
        self.layout = Layout(loaded.interface)

    def ask(self, parts: Sequence[Asked], route: Any = None) -> list[Answered | Failure]:
        from amber.server.wire.batch import answer_pack

        mask = mask_of(sorted({place for part in parts for place in part.outputs}))
        request, answer = memoryview(bytearray(ROOM)), memoryview(bytearray(ROOM))
        assert pack(request, self.layout, 7, parts, mask, route or self.interface.route, ROOM) == len(parts)
        batch = unpack(request, self.layout)
        found: Answer = self.loaded.answering.answer(batch)
        answer_pack(answer, 7, found.blocks, found.objects, found.failed, parts=len(parts))
        answers = answer_unpack(answer, self.layout, 7, parts, mask)
        assert answers is not None
        return answers

    def rows(self, rows: Any, outputs: Sequence[int] | None = None) -> Asked:
        return asked(self.interface, rows, outputs)

    def values(self, answered: Any, outputs: Sequence[int]) -> dict[str, Any]:
        """Return answers by the names of outputs, labels as themselves."""
        found: dict[str, Any] = {}
        for value, place in zip(answered.values, outputs, strict=True):
            output = self.interface.outputs[place]
            if output.cell == "object":
                found[output.name] = value
                continue
            array = np.frombuffer(value, np.float64 if output.cell == "float" else np.int64)
            array = array.reshape(answered.rows, *output.shape)
            if output.cell == "label":
                if len(output.classes) == 1:
                    array = np.array(output.classes[0])[array]
                else:
                    array = np.stack([np.array(c)[array[:, i]] for i, c in enumerate(output.classes)], axis=1)
            found[output.name] = array
        return found


@pytest.fixture(scope="session")
def bench(shelf: Shelf) -> Callable[..., Bench]:
    """Return what loads an artifact of the shelf for some routes; once."""
    made: dict[tuple[str, ...], Bench] = {}

    def load_one(name: str, *routes: Any) -> Bench:
        key = (name, *routes)
        if key not in made:
            made[key] = Bench(load(Order(routes=list(routes)), shelf(name)[0]))
        return made[key]

    return load_one


assert HEAD.size % 8 == 0
