"""From a fitted pipeline to a file and back: the same answers, the same bytes, nothing half written."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

import amber
from amber.errors import AmberWarning, CaseError, FormatError, PolicyError, SaveError, SourceError, UsageError


def test_the_same_model_comes_back(artifact: Path, pipe: Any, frame: Any) -> None:
    model = amber.load(artifact)
    assert type(model) is Pipeline
    for method in ("predict", "predict_proba", "decision_function"):
        assert np.array_equal(getattr(model, method)(frame), getattr(pipe, method)(frame))
    clone(model).fit(frame, pipe.predict(frame))


@pytest.mark.parametrize("form", ["str", "bytes", "file", "folder"])
def test_every_kind_of_source(artifact: Path, frame: Any, pipe: Any, form: str, tmp_path: Path) -> None:
    source: Any = str(artifact)
    if form == "bytes":
        source = artifact.read_bytes()
    elif form == "file":
        source = io.BytesIO(artifact.read_bytes())
    elif form == "folder":
        amber.unpack(artifact, tmp_path / "folder")
        source = tmp_path / "folder"
    assert np.array_equal(amber.load(source).predict(frame), pipe.predict(frame))
    assert amber.verify(source).verdict == "identical"


def test_a_url_is_not_fetched() -> None:
    with pytest.raises((UsageError, SourceError)) as caught:
        amber.load("https://example.com/churn.amber")
    assert "pull" in caught.value.hint


def test_reports(artifact: Path) -> None:
    _, report = amber.load(artifact, report=True)
    assert report.verdict == "unchecked"
    assert report.reason == "environment-unchanged"
    assert [step.number for step in report.steps] == list(range(1, 11))
    _, report = amber.load(artifact, report=True, replay="always")
    assert report.verdict == "identical"
    assert report.cases > 100
    with pytest.raises(UsageError):
        amber.load(artifact, replay="sometimes")  # type: ignore[call-overload]


def test_the_bytes_repeat_in_any_process(tmp_path: Path, artifact: Path) -> None:
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); import amber; from conftest import make_frame, make_pipe\n"
        "frame = make_frame(); pipe = make_pipe(frame)\n"
        "amber.save(pipe, sys.argv[2], sample=frame, name='churn', version='1.4.0', metrics={'roc_auc': 0.91})"
    )
    for seed, threads in (("0", "1"), ("123", "2")):
        out = tmp_path / f"{seed}.amber"
        environment = {
            **os.environ,
            "PYTHONHASHSEED": seed,
            "OMP_NUM_THREADS": threads,
            "OPENBLAS_NUM_THREADS": threads,
        }
        subprocess.run(
            [sys.executable, "-c", program, str(Path(__file__).parent), str(out)],
            env=environment,
            check=True,
            cwd=tmp_path,
        )
        assert out.read_bytes() == artifact.read_bytes(), f"seed {seed}, {threads} threads"


def test_random_state_none_and_text_repeat(tmp_path: Path) -> None:
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.feature_extraction.text import TfidfVectorizer

    texts = ["a red fox", "a blue fox", "red sky", "blue sky at night", "night fox", "red night"] * 4
    vectoriser = TfidfVectorizer(stop_words="english").fit(texts)
    vectoriser.transform(texts)
    amber.save(vectoriser, tmp_path / "a.amber", sample=texts)
    amber.save(amber.load(tmp_path / "a.amber"), tmp_path / "b.amber", sample=texts)
    assert (tmp_path / "a.amber").read_bytes() == (tmp_path / "b.amber").read_bytes()
    forest = RandomForestClassifier(3, random_state=None).fit(np.arange(20.0).reshape(-1, 1), [0, 1] * 10)
    amber.save(forest, tmp_path / "c.amber")
    np.random.random(7)
    amber.save(forest, tmp_path / "d.amber")
    assert (tmp_path / "c.amber").read_bytes() == (tmp_path / "d.amber").read_bytes()


def test_saving_leaves_the_model_and_the_generator_alone(pipe: Any, frame: Any, tmp_path: Path) -> None:
    import pickle

    before, state = pickle.dumps(pipe), np.random.get_state()[1].tolist()  # type: ignore[index]
    amber.save(pipe, tmp_path / "x.amber", sample=frame)
    assert pickle.dumps(pipe) == before
    assert np.random.get_state()[1].tolist() == state  # type: ignore[index]


def test_a_refusal_writes_nothing_and_keeps_the_old_file(tmp_path: Path, pipe: Any, frame: Any) -> None:
    path = tmp_path / "x.amber"
    bad = Pipeline([("f", FunctionTransformer(lambda x: x)), ("m", LogisticRegression())])
    bad.fit(np.eye(4), [0, 1, 0, 1])
    with pytest.raises(SaveError) as caught:
        amber.save(bad, path)
    assert "steps[0].func" in str(caught.value)
    assert list(tmp_path.iterdir()) == []
    amber.save(pipe, path, sample=frame)
    old = path.read_bytes()
    for arguments in (
        {"name": "Not A Name"},
        {"version": "one"},
        {"metrics": {"a": float("nan")}},
        {"rows": "some"},
        {"metadata": {"a": object()}},
        {"card": "absent.md"},
        {"lock": "absent.toml"},
        {"mask": ["no such"]},
    ):
        with pytest.raises(amber.AmberError):
            amber.save(pipe, path, sample=frame, **arguments)  # type: ignore[arg-type]
        assert path.read_bytes() == old
        assert [each.name for each in tmp_path.iterdir()] == ["x.amber"]


def test_an_unfitted_model_is_refused_with_the_method_to_call(tmp_path: Path) -> None:
    with pytest.raises(SaveError) as caught:
        amber.save(LogisticRegression(), tmp_path / "x.amber")
    assert caught.value.code == "not-fitted"
    assert "fit" in str(caught.value)


def test_saving_over_the_file_it_was_loaded_from(artifact: Path, frame: Any, tmp_path: Path, pipe: Any) -> None:
    path = tmp_path / "churn.amber"
    path.write_bytes(artifact.read_bytes())
    model = amber.load(path, mmap=True)
    amber.save(model, path, sample=frame)
    assert np.array_equal(model.predict_proba(frame), pipe.predict_proba(frame))
    assert np.array_equal(amber.load(path).predict_proba(frame), pipe.predict_proba(frame))


def test_what_the_caller_says_is_in_the_manifest(pipe: Any, frame: Any, tmp_path: Path) -> None:
    path = tmp_path / "x.amber"
    saved = amber.save(
        pipe,
        path,
        sample=frame,
        name="churn",
        version="2.0.1",
        metrics={"auc": 0.5, "rows": 3},
        licence="Apache-2.0",
        metadata={"team": "risk", "nested": {"list": [1, 2.5, None, True]}},
        card="# Churn\n\nWhat it is.\n",
        created="2026-01-02T03:04:05Z",
    )
    assert any("stored in clear" in note for note in saved.notes)
    with zipfile.ZipFile(path) as archive:
        manifest = json.loads(archive.read("manifest.json"))
        assert archive.read("README.md") == b"# Churn\n\nWhat it is.\n"
    assert manifest["metrics"] == {"auc": "0.5", "rows": 3}
    assert manifest["metadata"] == {"team": "risk", "nested": {"list": [1, "2.5", None, True]}}
    assert manifest["created"] == "2026-01-02T03:04:05Z"
    assert manifest["hyperparameters"]["model__C"] == "1.0"
    assert {output["method"] for output in manifest["outputs"]} >= {"predict", "predict_proba"}
    assert [each["name"] for each in manifest["inputs"]] == ["age", "income", "city"]


def test_synthetic_rows_hold_nothing_of_the_sample(pipe: Any, tmp_path: Path) -> None:
    from tests.unit.models.conftest import make_frame

    frame = make_frame()
    frame["income"] = frame["income"].round(6)
    known = set(frame["income"].quantile(np.linspace(0, 1, 21)).round(6))  # the manifest's summary shows these
    secret = [repr(value).encode() for value in frame["income"].dropna() if value not in known]
    packed = frame["income"].dropna().to_numpy()
    amber.save(pipe, tmp_path / "x.amber", sample=frame, rows="synthetic")
    data = (tmp_path / "x.amber").read_bytes()
    assert not any(text in data for text in secret)
    inner = np.sort(packed)[5:-5]  # quantiles may touch a stored extreme
    assert sum(value.tobytes() in data for value in inner) < 0.2 * len(inner)
    assert amber.verify(tmp_path / "x.amber").verdict == "identical"


def test_any_flipped_byte_is_found(artifact: Path) -> None:
    data = bytearray(artifact.read_bytes())
    for position in range(0, len(data), max(1, len(data) // 150)):
        data[position] ^= 0x10
        with pytest.raises(FormatError):
            amber.load(bytes(data), replay="never")
        data[position] ^= 0x10


def changed(artifact: Path, folder: Path, change: Any) -> Path:
    """A copy of an artifact with one member changed and every digest made right again."""
    from amber.archive.digests import blake3_hex

    amber.unpack(artifact, folder)
    change(folder)
    manifest = json.loads((folder / "manifest.json").read_bytes())
    for name, info in manifest["members"].items():
        payload = (folder / name).read_bytes()
        info.update(size=len(payload), blake3=blake3_hex([payload]))
    (folder / "manifest.json").write_bytes(
        json.dumps(manifest, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    )
    amber.pack(folder, folder.with_suffix(".amber"))
    return folder.with_suffix(".amber")


def scale_largest(folder: Path) -> None:
    """Change one parameter by 10 %: the mean income, which the imputer and the scaler hold (variances are larger)."""
    from safetensors.numpy import load_file

    shard = folder / "model" / "tensors-00001.safetensors"
    tensors = load_file(shard)
    floats = np.concatenate([tensor.ravel() for tensor in tensors.values() if tensor.dtype == np.float64])
    value = floats[floats < 1e6].max()
    data = shard.read_bytes()
    assert data.count(np.float64(value).tobytes()) >= 1
    shard.write_bytes(data.replace(np.float64(value).tobytes(), np.float64(value * 0.9).tobytes(), 1))


def test_a_changed_parameter_is_drifted_and_explained(artifact: Path, tmp_path: Path) -> None:
    other = changed(artifact, tmp_path / "other", scale_largest)
    report = amber.verify(other)
    assert report.verdict == "drifted"
    assert report.exit_code == 1
    finding = next(each for each in report.findings if each.method == "predict_proba")
    assert finding.step.startswith("steps[0]")
    assert "ulp" in finding.distance
    with pytest.raises(CaseError) as caught:
        amber.load(other, replay="always")
    assert caught.value.code == "verdict-drifted"
    assert "\\n" not in caught.value.message  # a message is one line: its line ends are shown escaped
    assert amber.load(other) is not None  # the environment is the recorded one: not replayed
    with pytest.raises((CaseError, PolicyError)):
        amber.load(other, policy=amber.Policy(verdict="equivalent"))


def test_a_changed_environment_is_replayed_at_load(artifact: Path, tmp_path: Path, frame: Any) -> None:
    def older(folder: Path) -> None:
        lock = folder / "env" / "pylock.toml"
        text = lock.read_text()
        assert 'python = "' in text
        lock.write_text(text.replace('python = "3', 'python = "2', 1))

    other = changed(artifact, tmp_path / "other", older)
    _, report = amber.load(other, report=True)
    assert report.verdict in ("identical", "equivalent")
    assert report.environment[0].startswith("python 2")
    drifted = changed(other, tmp_path / "drifted", scale_largest)
    with pytest.raises(CaseError):
        amber.load(drifted)
    assert amber.load(drifted, replay="never") is not None


def test_no_cases_is_a_warning(tmp_path: Path) -> None:
    amber.save({"a": np.arange(3)}, tmp_path / "x.amber")
    again, report = amber.load(tmp_path / "x.amber", report=True)
    assert again["a"].tolist() == [0, 1, 2]
    assert (report.verdict, report.reason) == ("unchecked", "no-cases")
    with pytest.warns(AmberWarning):
        amber.load(tmp_path / "x.amber", replay="always")
