"""Plain ONNX: valid for ONNX itself, replayed by its own runner, and honest about what it cannot do."""

from __future__ import annotations

import json
import os
import unittest
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest

onnx = pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")

from onnx import numpy_helper  # noqa: E402
from onnx.backend.test import runner as onnx_runner  # noqa: E402
from onnx.backend.test.case.test_case import TestCase  # noqa: E402
from onnx.reference import ReferenceEvaluator  # noqa: E402
from onnxruntime.backend import backend  # noqa: E402
from scipy import sparse  # noqa: E402
from sklearn.compose import ColumnTransformer  # noqa: E402
from sklearn.ensemble import RandomForestClassifier  # noqa: E402
from sklearn.feature_extraction.text import TfidfVectorizer  # noqa: E402
from sklearn.impute import SimpleImputer  # noqa: E402
from sklearn.linear_model import LogisticRegression  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler  # noqa: E402

import amber  # noqa: E402
from amber.errors import SourceError, UsageError  # noqa: E402
from amber.models import program as programs  # noqa: E402
from amber.programs.program import Program  # noqa: E402

RNG = np.random.default_rng(7)
ROWS = 120
TEXTS = [" ".join(RNG.choice(["red", "green", "blue", "old", "new"], 4)) for _ in range(ROWS)]
TABLE = RNG.normal(size=(ROWS, 3))
FRAME = pd.DataFrame(
    {
        "numbers": RNG.normal(size=ROWS),  # the name of an input, on purpose
        "city": RNG.choice(["Oslo", "Lima", "Kyoto"], ROWS),
        "floor": RNG.integers(0, 4, ROWS),
        "predict": RNG.choice(["a", "b"], ROWS),  # the name of an output
    }
)
TARGET = np.where(FRAME["numbers"] + (FRAME["city"] == "Oslo") > 0.3, "yes", "no")


def columns(*categories: Any, unknown: str = "ignore") -> Any:
    encoder = OneHotEncoder(handle_unknown=unknown)
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    chosen = ColumnTransformer([("n", numbers, ["numbers"]), ("c", encoder, list(categories))])
    return make_pipeline(chosen, LogisticRegression())


MODELS: dict[str, tuple[Any, Any, Any]] = {
    "forest": (RandomForestClassifier(6, random_state=0), TABLE, TARGET),
    "linear": (make_pipeline(StandardScaler(), LogisticRegression()), TABLE, TARGET),
    "categories": (columns("city", "floor", "predict"), FRAME, TARGET),
    "strict": (columns("city", unknown="error"), FRAME[["numbers", "city"]], TARGET),
    "ordinal": (
        make_pipeline(OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), LogisticRegression()),
        FRAME[["city", "predict"]].to_numpy(dtype=object),
        TARGET,
    ),
    "sparse": (LogisticRegression(), sparse.random(ROWS, 9, 0.3, format="csr", random_state=0), TARGET),
    "texts": (make_pipeline(TfidfVectorizer(), LogisticRegression()), TEXTS, TARGET),
}


@pytest.fixture(scope="module")
def frozen(tmp_path_factory: pytest.TempPathFactory) -> Any:
    made: dict[str, Path] = {}

    def get(name: str) -> Path:
        if name not in made:
            model, X, y = MODELS[name]
            path = tmp_path_factory.mktemp("frozen") / f"{name}.amber"
            amber.save(model.fit(X, y), path, sample=X)
            amber.freeze(path, path)
            made[name] = path
        return made[name]

    return get


def exported(path: Path, folder: Path, **options: Any) -> Any:
    folder.mkdir(exist_ok=True)
    done = amber.export(path, folder / "model.onnx", **options)
    return done, onnx.load(folder / "model.onnx")


def said(model: Any) -> dict[str, Any]:
    return {each.key: json.loads(each.value) for each in model.metadata_props}


def sets(folder: Path, model: Any) -> list[tuple[list[Any], list[Any]]]:
    def read(number: int, kind: str, count: int) -> list[Any]:
        files = [folder / f"test_data_set_{number}" / f"{kind}_{i}.pb" for i in range(count)]
        assert len(list(files[0].parent.glob(f"{kind}_*"))) == count
        return [numpy_helper.to_array(onnx.load_tensor(file)) for file in files]

    count = len(list(folder.glob("test_data_set_*")))
    graph = model.graph
    return [(read(i, "input", len(graph.input)), read(i, "output", len(graph.output))) for i in range(count)]


def assert_same(got: Any, expected: Any) -> None:
    for one, other in zip(got, expected, strict=True):
        assert (one.shape, one.dtype) == (other.shape, other.dtype)
        if other.dtype.kind == "f":
            np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)
        else:
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("name", MODELS)
def test_cases_replay_with_onnx_and_with_any_runtime(name: str, frozen: Any, tmp_path: Path) -> None:
    done, model = exported(frozen(name), tmp_path, cases=True)
    onnx.checker.check_model(model, full_check=True)
    session = ort.InferenceSession(str(tmp_path / "model.onnx"), providers=["CPUExecutionProvider"])
    names = [each.name for each in model.graph.input]
    found = sets(tmp_path, model)
    assert done.cases == len(found) > 1
    assert done.rows == sum(len(outputs[-1]) for _, outputs in found) > ROWS // 4
    reference = ReferenceEvaluator(model)
    for inputs, outputs in found:
        feeds = dict(zip(names, inputs, strict=True))
        assert_same(session.run(None, feeds), outputs)
        assert_same(reference.run(None, feeds), outputs)


def test_the_runner_of_onnx_replays_the_folder(frozen: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    exported(frozen("categories"), tmp_path, cases=True)
    monkeypatch.setattr(onnx_runner, "load_model_tests", lambda kind: [])  # none of ONNX's own
    runner = onnx_runner.Runner(backend, "amber")
    case = TestCase("test_model", "model", None, str(tmp_path), None, None, "real", rtol=1e-9, atol=1e-12)
    runner._add_model_test(case, "Real")
    result = unittest.TestResult()
    test = runner.test_cases["OnnxBackendRealModelTest"]
    unittest.defaultTestLoader.loadTestsFromTestCase(test).run(result)
    assert result.testsRun > len(result.skipped)
    assert not [*result.errors, *result.failures]
    # and it can fail
    wrong = numpy_helper.from_array(np.zeros(1), "decision_function")
    (tmp_path / "test_data_set_0" / "output_0.pb").write_bytes(wrong.SerializeToString())
    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromTestCase(test).run(result)
    assert result.errors or result.failures


def test_cases_of_more_rows_than_a_block(frozen: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, model = exported(frozen("linear"), tmp_path / "whole", cases=True)
    opened = programs.opened

    def small(*given: Any) -> Any:
        made = opened(*given)
        return Program(msgspec.structs.replace(made.plan, block=3), made.sessions)

    monkeypatch.setattr(programs, "opened", small)
    exported(frozen("linear"), tmp_path / "blocks", cases=True)
    whole, blocks = sets(tmp_path / "whole", model), sets(tmp_path / "blocks", model)
    assert max(len(given[0]) for given, _ in whole) > 3
    for (_, one), (_, other) in zip(whole, blocks, strict=True):
        assert_same(one, other)


def test_texts_are_looked_up_inside_the_graph(frozen: Any, tmp_path: Path) -> None:
    path = frozen("categories")
    done, model = exported(path, tmp_path)
    assert done.inputs == ("numbers", "city", "column_3"), "a name of the graph is not taken twice"
    rows = MODELS["categories"][1].head(20).copy()
    rows.loc[3, "city"] = "Atlantis"
    session = ort.InferenceSession(str(tmp_path / "model.onnx"), providers=["CPUExecutionProvider"])
    feeds = {
        "numbers": rows[["numbers", "floor"]].to_numpy(dtype=np.float64),
        "city": rows[["city"]].to_numpy(dtype=object),
        "column_3": rows[["predict"]].to_numpy(dtype=object),
    }
    scores, index = session.run(["predict_proba", "predict"], feeds)
    program = amber.program(path)
    np.testing.assert_allclose(scores, program.predict_proba(rows), rtol=1e-12)
    classes = said(model)["amber.classes"]["predict"][0]["values"]
    assert [classes[i] for i in index] == program.predict(rows).tolist()


def test_metadata_names_what_stays_outside(frozen: Any, tmp_path: Path) -> None:
    done, model = exported(frozen("strict"), tmp_path)
    facts = said(model)
    assert sorted(facts) == [
        "amber.classes",
        "amber.domain",
        "amber.id",
        "amber.inputs",
        "amber.outside",
        "amber.rules",
    ]
    assert facts["amber.classes"] == {"predict": [{"dtype": "<U3", "values": ["no", "yes"]}]}
    assert facts["amber.inputs"] == {
        "city": {"columns": [{"label": "city", "position": 1}], "kind": "texts"},
        "numbers": {"columns": [{"label": "numbers", "position": 0}], "kind": "numbers"},
    }
    outside = {each["what"]: each for each in facts["amber.outside"]}
    assert {"missing-categories", "refused-categories", "rules", "labels"} <= set(outside)
    assert -2 in outside["refused-categories"]["inputs"]["city"]
    assert [each["said"] for each in facts["amber.outside"]] == list(done.outside)
    assert facts["amber.id"] == amber.inspect(frozen("strict")).to_dict()["id"]


def test_the_prelude_of_texts_is_named(frozen: Any, tmp_path: Path) -> None:
    _, model = exported(frozen("texts"), tmp_path)
    prelude = next(each for each in said(model)["amber.outside"] if each["what"] == "prelude")
    assert prelude["prelude"]["vocabulary"] == ["blue", "green", "new", "old", "red"]


def test_categories_that_are_no_texts(tmp_path: Path) -> None:
    X = np.empty((ROWS, 3), dtype=object)
    X[:, 0], X[:, 1] = FRAME["city"], [[4, 7, 9][i % 3] for i in range(ROWS)]
    X[:, 2] = [[0.5, 1.5][i % 2] for i in range(ROWS)]
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    amber.save(make_pipeline(encoder, LogisticRegression()).fit(X, TARGET), tmp_path / "m.amber", sample=X)
    amber.freeze(tmp_path / "m.amber", tmp_path / "m.amber")
    done, model = exported(tmp_path / "m.amber", tmp_path / "out", cases=True)
    facts = said(model)
    assert done.inputs == ("column_0", "column_1", "column_2")
    assert [facts["amber.inputs"][name]["kind"] for name in done.inputs] == ["texts", "integers", "codes"]
    look_up = next(each for each in facts["amber.outside"] if each["what"] == "look-up")
    assert [value["text"] for value in look_up["values"]] == ["0.5", "1.5"]
    inputs, _ = sets(tmp_path / "out", model)[0]
    assert set(inputs[1].ravel().tolist()) <= {4, 7, 9}
    assert set(inputs[2].ravel().tolist()) == {0, 1}
    session = ort.InferenceSession(str(tmp_path / "out" / "model.onnx"), providers=["CPUExecutionProvider"])
    for inputs, outputs in sets(tmp_path / "out", model):
        assert_same(session.run(None, dict(zip(done.inputs, inputs, strict=True))), outputs)


def test_inverse_transform_stays_behind(tmp_path: Path) -> None:
    amber.save(StandardScaler().fit(TABLE), tmp_path / "m.amber", sample=TABLE)
    amber.freeze(tmp_path / "m.amber", tmp_path / "m.amber")
    assert "inverse_transform" in amber.program(tmp_path / "m.amber").methods
    done, model = exported(tmp_path / "m.amber", tmp_path / "out")
    assert done.inputs == ("numbers",)
    assert "inverse_transform" not in done.outputs
    assert "inverse" in {each["what"] for each in said(model)["amber.outside"]}


def test_the_same_artifact_gives_the_same_bytes(frozen: Any, tmp_path: Path) -> None:
    exported(frozen("categories"), tmp_path / "a", cases=True)
    exported(frozen("categories"), tmp_path / "b", cases=True)
    files = {str(file.relative_to(tmp_path / "a")) for file in (tmp_path / "a").rglob("*") if file.is_file()}
    assert len(files) > 10
    for name in files:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_rows_that_no_text_can_say_are_left_out_of_the_cases(tmp_path: Path) -> None:
    X = FRAME[["numbers", "city"]].copy()
    X["city"] = X["city"].astype(object)
    X.loc[::10, "city"] = None
    amber.save(columns("city").fit(X, TARGET), tmp_path / "m.amber", sample=X)
    amber.freeze(tmp_path / "m.amber", tmp_path / "m.amber")
    done, model = exported(tmp_path / "m.amber", tmp_path / "out", cases=True)
    texts = [value for inputs, _ in sets(tmp_path / "out", model) for value in inputs[1].ravel()]
    assert done.rows == len(texts) > 20
    assert set(texts) >= {"Oslo", "Lima", "Kyoto"}
    assert not {"None", "nan"} & set(texts)


def test_the_caller_hears_that_cases_hold_rows(frozen: Any, tmp_path: Path) -> None:
    done, _ = exported(frozen("forest"), tmp_path, cases=True)
    assert "in clear" in str(done)
    assert "sample" in done.notes[0]


def test_refusals(frozen: Any, tmp_path: Path) -> None:
    model, X, y = MODELS["linear"]
    amber.save(model.fit(X, y), tmp_path / "bare.amber", sample=X)
    with pytest.raises(UsageError, match="holds no program"):
        amber.export(tmp_path / "bare.amber", tmp_path / "model.onnx")
    with pytest.raises(UsageError, match="no program"):
        amber.export(frozen("linear"), tmp_path / "model.onnx", program="other")
    with pytest.raises(SourceError) as caught:
        amber.export(frozen("linear"), tmp_path / "none" / "model.onnx")
    assert caught.value.code == "target-unwritable"
    (tmp_path / "test_data_set_3").mkdir()
    with pytest.raises(SourceError) as caught:
        amber.export(frozen("linear"), tmp_path / "model.onnx", cases=True)
    assert caught.value.code == "target-exists"
    assert sorted(os.listdir(tmp_path)) == ["bare.amber", "test_data_set_3"], "nothing was written"
    done = amber.export(frozen("linear"), tmp_path / "model.onnx")
    assert done.notes == ("test_data_set_3 beside it holds cases of another export",)


def test_what_is_there_is_replaced(frozen: Any, tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"old")
    _, model = exported(frozen("linear"), tmp_path)
    assert model.producer_name == "amber"
    assert os.listdir(tmp_path) == ["model.onnx"]
