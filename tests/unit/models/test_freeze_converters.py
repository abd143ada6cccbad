"""The second choice: what Amber has no graph of, skl2onnx converts, and the cases decide as of any other graph."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.cluster import KMeans
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC
from sklearn.utils.validation import validate_data

pytest.importorskip("onnxruntime")
pytest.importorskip("skl2onnx")

import amber
from amber.errors import AuditError, FreezeError, SourceError
from amber.models import converters
from amber.programs import graph_check
from amber.programs.emit.graph import Unsupported
from amber.vault.check import open_checked

RNG = np.random.default_rng(5)
X = RNG.normal(size=(80, 3))
NAMES = np.where(X[:, 0] + X[:, 1] > 0, "yes", "no")
CAST = "skl2onnx.sklapi.cast_transformer.CastTransformer"
ZIPMAP = {"zipmap": [True, False, "columns"]}
POLICY = amber.Policy(allow=(CAST, f"{__name__}.Shifted", f"{__name__}.Nearest", f"{__name__}.Plain"))


class Shifted(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """A class of the caller's own, as a user of skl2onnx has it: a converter of it is registered below."""

    def fit(self, X: Any, y: Any = None) -> Shifted:
        self.mean_ = validate_data(self, X).mean(axis=0)
        return self

    def transform(self, X: Any) -> Any:
        return validate_data(self, X, reset=False) - self.mean_


class Nearest(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A classifier whose converter is right about the label and wrong about the probabilities."""

    def fit(self, X: Any, y: Any) -> Nearest:
        validate_data(self, X)
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X: Any) -> Any:
        likely = 1 / (1 + np.exp(-validate_data(self, X, reset=False)[:, 0]))
        return np.stack([1 - likely, likely], axis=1)

    def predict(self, X: Any) -> Any:
        return self.classes_[(self.predict_proba(X)[:, 1] > 0.5).astype(int)]


class Plain(Nearest):
    """The same, and its converter knows no options."""


def register() -> None:
    """Register the converters, as a user does."""
    from skl2onnx import update_registered_converter
    from skl2onnx.algebra.onnx_ops import OnnxArrayFeatureExtractor as Columns
    from skl2onnx.algebra.onnx_ops import OnnxCast, OnnxConcat, OnnxGreater, OnnxReshape, OnnxSigmoid, OnnxSub
    from skl2onnx.common.data_types import Int64TensorType, guess_tensor_type

    def same(operator: Any) -> None:
        operator.outputs[0].type = guess_tensor_type(operator.inputs[0].type)
        operator.outputs[0].type.shape = [None, len(operator.raw_operator.mean_)]

    def shifted(scope: Any, operator: Any, container: Any) -> None:
        mean = operator.raw_operator.mean_.astype(_dtype(operator))
        made = OnnxSub(operator.inputs[0], mean, op_version=container.target_opset, output_names=operator.outputs[:1])
        made.add_to(scope, container)

    def two(operator: Any) -> None:
        operator.outputs[0].type = Int64TensorType([None])
        operator.outputs[1].type = guess_tensor_type(operator.inputs[0].type)
        operator.outputs[1].type.shape = [None, 2]

    def nearest(scope: Any, operator: Any, container: Any) -> None:
        version = container.target_opset
        first = Columns(operator.inputs[0], np.array([0], np.int64), op_version=version)
        likely = OnnxSigmoid(first, op_version=version)
        over = OnnxGreater(first, np.array([0], _dtype(operator)), op_version=version)
        label = OnnxReshape(OnnxCast(over, to=7, op_version=version), np.array([-1], np.int64), op_version=version,
                            output_names=operator.outputs[:1])  # fmt: skip
        both = OnnxConcat(likely, likely, axis=1, op_version=version, output_names=operator.outputs[1:])
        label.add_to(scope, container)
        both.add_to(scope, container)

    update_registered_converter(Shifted, "AmberTestShifted", same, shifted, overwrite=True)
    update_registered_converter(Nearest, "AmberTestNearest", two, nearest, overwrite=True, options=ZIPMAP)
    update_registered_converter(Plain, "AmberTestPlain", two, nearest, overwrite=True)


def _dtype(operator: Any) -> Any:
    from skl2onnx.common.data_types import DoubleTensorType

    return np.float64 if isinstance(operator.inputs[0].type, DoubleTensorType) else np.float32


@pytest.fixture(scope="module", autouse=True)
def registered() -> None:
    register()


def cast_pipe() -> Any:
    """A pipeline with a step that scikit-learn does not have and skl2onnx does."""
    from skl2onnx.sklapi import CastTransformer

    return make_pipeline(CastTransformer(dtype=np.float64), LogisticRegression()).fit(X, NAMES)


def frozen(model: Any, path: Path, sample: Any = X) -> Any:
    amber.save(model, path, sample=sample, freeze=True, policy=POLICY)
    return amber.program(path)


def test_a_class_of_skl2onnx_itself_is_frozen_whole(tmp_path: Path) -> None:
    model = cast_pipe()
    program = frozen(model, tmp_path / "m.amber")
    assert program.plan.source == program.certificate["source"] == "skl2onnx"
    assert program.methods == ["decision_function", "predict", "predict_log_proba", "predict_proba"]
    assert program.predict(X).tolist() == model.predict(X).tolist()
    assert program.predict(X).dtype == model.predict(X).dtype
    for method in ("decision_function", "predict_log_proba", "predict_proba"):
        expected, got = getattr(model, method)(X), getattr(program, method)(X)
        assert (got.shape, got.dtype) == (expected.shape, expected.dtype)
        assert np.allclose(got, expected, rtol=1e-11, atol=1e-14)
    with pytest.raises(SourceError, match="row 1, column 2: missing or infinite"):
        program.predict(np.where(np.arange(9).reshape(3, 3) == 5, np.nan, 1.0))
    assert amber.verify(tmp_path / "m.amber", policy=POLICY).verdict == "identical"


def test_the_graph_names_no_converter_and_is_amber_s_in_form(tmp_path: Path) -> None:
    frozen(cast_pipe(), tmp_path / "m.amber")
    with open_checked(tmp_path / "m.amber", amber.Policy(), "auto") as checked:
        data = bytes(checked.opened.members["programs/onnx.onnx"])
    found = graph_check.check_graph(data)
    assert found.inputs == {"numbers": graph_check.Declared("float64", (-1, 3))}
    assert found.outputs["predict"].dtype == "int64"
    assert (found.model.ir_version, [(each.domain, each.version) for each in found.model.opset_import]) == (
        10, [("", 18), ("ai.onnx.ml", 3)],
    )  # fmt: skip
    assert found.graph.name == "amber"
    assert all(word not in data for word in (b"skl2onnx", b"1.20", b"Linear", b"probabilities"))


PROGRAM = """
import numpy as np, sys, amber, hashlib
from skl2onnx.sklapi import CastTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
X = np.random.default_rng(5).normal(size=(80, 3))
model = make_pipeline(CastTransformer(dtype=np.float64), LogisticRegression()).fit(X, X[:, 0] > 0)
amber.save(model, sys.argv[1], sample=X, freeze=True, policy=amber.Policy(allow=(sys.argv[2],)))
"""


def test_the_same_bytes_in_any_process(tmp_path: Path) -> None:
    for seed in ("1", "2"):  # the converter's own bytes differ
        command = [sys.executable, "-c", PROGRAM, str(tmp_path / seed), CAST]
        subprocess.run(command, check=True, env={**os.environ, "PYTHONHASHSEED": seed})
    assert (tmp_path / "1").read_bytes() == (tmp_path / "2").read_bytes()


def test_from_a_file_the_original_is_loaded_under_the_policy(tmp_path: Path) -> None:
    model, source = cast_pipe(), tmp_path / "m.amber"
    amber.save(model, source, sample=X, policy=POLICY)
    with pytest.raises(AuditError) as refused:
        amber.freeze(source)
    assert refused.value.code == "name-not-allowed"
    done = amber.freeze(source, policy=POLICY)
    assert "its graph made by skl2onnx" in str(done)
    amber.save(model, tmp_path / "at-once.amber", sample=X, freeze=True, policy=POLICY)
    graphs = []
    for path in (done.path, tmp_path / "at-once.amber"):
        with open_checked(path, amber.Policy(), "auto") as checked:
            graphs.append({k: bytes(v) for k, v in checked.opened.members.items() if k.startswith("programs/")})
    assert graphs[0] == graphs[1]


FRAME = pd.DataFrame(X, columns=["age", "in come", "z"])
MODELS: dict[str, tuple[Any, Any, set[str]]] = {
    "transformer": (lambda: Shifted().fit(X), X, {"transform"}),
    "line": (lambda: make_pipeline(Shifted(), LinearRegression()).fit(X, X[:, 0]), X, {"predict"}),
    "two lines": (lambda: make_pipeline(Shifted(), LinearRegression()).fit(X, X[:, :2]), X, {"predict"}),
    "clusters": (
        lambda: make_pipeline(Shifted(), KMeans(3, n_init=1, random_state=0)).fit(X), X, {"predict", "transform"}
    ),
    "integers": (
        lambda: make_pipeline(Shifted(), LogisticRegression()).fit(X, np.digitize(X[:, 0], [-0.5, 0.5]) * 7 - 3), X,
        {"predict", "predict_proba", "predict_log_proba", "decision_function"},
    ),
    "truths": (
        lambda: make_pipeline(Shifted(), LogisticRegression()).fit(X, X[:, 0] > 0), X,
        {"predict", "predict_proba", "predict_log_proba", "decision_function"},
    ),
    "frame": (
        lambda: make_pipeline(Shifted(), LogisticRegression()).fit(FRAME, NAMES), FRAME,
        {"predict", "predict_proba", "predict_log_proba", "decision_function"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_a_registered_converter_of_the_caller_is_used(name: str, tmp_path: Path) -> None:
    make, sample, methods = MODELS[name]
    model = make()
    program = frozen(model, tmp_path / "m.amber", sample)
    assert set(program.methods) == methods
    for method in methods:
        expected, got = getattr(model, method)(sample), getattr(program, method)(sample)
        assert (got.shape, got.dtype) == (expected.shape, expected.dtype)
        assert (
            got.tolist() == expected.tolist()
            if method == "predict" and got.dtype.kind in "iUOb"
            else np.allclose(got, expected, rtol=1e-9, atol=1e-11)
        )


def test_a_method_that_a_converter_has_wrong_is_dropped(tmp_path: Path) -> None:
    model = Nearest().fit(X, (X[:, 0] > 0).astype(int))
    program = frozen(model, tmp_path / "m.amber")
    assert program.methods == ["predict"]
    assert "drifted in case g000 (sample)" in program.plan.absent["predict_proba"]
    with open_checked(tmp_path / "m.amber", amber.Policy(), "auto") as checked:
        graph = graph_check.check_graph(bytes(checked.opened.members["programs/onnx.onnx"]))
    assert list(graph.outputs) == ["predict"]


def test_a_converter_without_options_is_asked_without(tmp_path: Path) -> None:
    assert frozen(Plain().fit(X, (X[:, 0] > 0).astype(int)), tmp_path / "m.amber").methods == ["predict"]


def test_labels_that_a_graph_cannot_tell_leave_the_scores(tmp_path: Path) -> None:
    labels = np.where(X[:, 0] > 0, 1.25, 2.5).astype(str).astype(object)
    model = make_pipeline(Shifted(), LogisticRegression()).fit(X, (X[:, 0] > 0) * 2**40)
    program = frozen(model, tmp_path / "m.amber")
    assert set(program.methods) == {"predict_proba", "predict_log_proba", "decision_function"}
    assert program.plan.absent["predict"] == f"the class {2**40}"
    texts = make_pipeline(Shifted(), LogisticRegression()).fit(X, labels)
    assert frozen(texts, tmp_path / "m.amber").predict(X).tolist() == texts.predict(X).tolist()


@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
def test_a_booster_behind_a_class_of_the_caller_s_has_a_program_in_float32(library: str, tmp_path: Path) -> None:
    boosters = pytest.importorskip(library)
    pytest.importorskip("onnxmltools")
    from skl2onnx import update_registered_converter
    from skl2onnx.common.shape_calculator import calculate_linear_classifier_output_shapes as shapes

    if library == "xgboost":
        booster = boosters.XGBClassifier(n_estimators=5, n_jobs=1)
        from onnxmltools.convert.xgboost.operator_converters.XGBoost import convert_xgboost as convert
    else:
        booster = boosters.LGBMClassifier(n_estimators=5, n_jobs=1, verbose=-1)
        from onnxmltools.convert.lightgbm.operator_converters.LightGbm import convert_lightgbm as convert
    options = {"nocl": [True, False], **ZIPMAP}
    update_registered_converter(type(booster), f"AmberTest{library}", shapes, convert, overwrite=True, options=options)
    single = X.astype(np.float32)
    model = make_pipeline(Shifted(), booster).fit(single, (X[:, 0] > 0).astype(int))
    path = tmp_path / "m.amber"
    amber.save(model, path, sample=single, policy=POLICY)
    with pytest.raises(FreezeError, match="its TreeEnsembleClassifier computes in float32"):
        amber.freeze(path, policy=POLICY)
    done = amber.freeze(path, precision="float32", policy=POLICY)
    assert {"predict", "predict_proba"} <= set(done.methods)
    program = amber.program(done.path)
    assert program.predict(single).tolist() == model.predict(single).tolist()
    assert np.allclose(program.predict_proba(single), model.predict_proba(single), rtol=1e-4)


def test_what_computes_in_float32_is_no_program_in_float64(tmp_path: Path) -> None:
    model = make_pipeline(Shifted(), SVC()).fit(X, NAMES)
    with pytest.raises(
        FreezeError, match="Shifted has no form as a graph; skl2onnx: its SVMClassifier computes in float32"
    ):
        frozen(model, tmp_path / "m.amber")
    amber.save(model, tmp_path / "m.amber", sample=X, policy=POLICY)
    done = amber.freeze(tmp_path / "m.amber", precision="float32", policy=POLICY)
    assert done.methods["predict"] in ("identical", "equivalent")


def test_a_converter_s_graph_is_checked_as_any(tmp_path: Path) -> None:
    from skl2onnx import update_registered_converter

    def shape(operator: Any) -> None:
        operator.outputs[0].type = operator.inputs[0].type

    def foreign(scope: Any, operator: Any, container: Any) -> None:
        container.add_node("Open", [operator.inputs[0].full_name], [operator.outputs[0].full_name], op_domain="other")

    update_registered_converter(Shifted, "AmberTestForeign", shape, foreign, overwrite=True)
    try:
        with pytest.raises(FreezeError, match="its graph may not be run") as refused:
            frozen(Shifted().fit(X), tmp_path / "m.amber")
    finally:
        register()
    assert refused.value.code == "program-impossible"
    assert not (tmp_path / "m.amber").exists()


def test_a_converter_is_asked_of_numbers_alone(tmp_path: Path) -> None:
    from skl2onnx.sklapi import CastTransformer

    texts = pd.DataFrame({"a": ["x", "y", "z"] * 9})
    with pytest.raises(FreezeError, match="tables of numbers alone"):
        frozen(CastTransformer(dtype=object).fit(texts), tmp_path / "m.amber", texts)


def test_an_original_that_cannot_be_loaded_here_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def build(*_: Any) -> Any:
        raise ImportError("No module named 'shifted'")

    amber.save(Shifted().fit(X), tmp_path / "m.amber", sample=X, policy=POLICY)
    monkeypatch.setattr("amber.adapters.build.build", build)
    with pytest.raises(FreezeError, match="Shifted has no form as a graph; skl2onnx: No module named 'shifted'"):
        amber.freeze(tmp_path / "m.amber", policy=POLICY)


def test_without_the_converter_both_reasons_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "skl2onnx", None)
    with pytest.raises(FreezeError, match="Shifted has no form as a graph; skl2onnx: it is not installed"):
        frozen(Shifted().fit(X), tmp_path / "m.amber")


@pytest.mark.parametrize(("label", "kind"), [(1.5, 7), ("a", 7), (2**40, 7), (b"a", 8), (None, 8)])
def test_a_label_that_a_graph_may_take_for_another_is_refused(label: Any, kind: int) -> None:
    with pytest.raises(Unsupported, match="the class"):
        converters._label(label, kind)
