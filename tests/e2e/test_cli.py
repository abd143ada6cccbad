"""Every command in a fresh folder and a fresh process, on one model, as a person at a shell would run them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import amber
from amber.cli.tour.tampering import flip_one_byte, shift_means
from tests.unit.policy.material import pem

CLASS = '''
"""A class of the user's own."""

from sklearn.base import BaseEstimator, TransformerMixin


class Doubler(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        self.seen_ = int(X.shape[0])
        return self

    def transform(self, X):
        return X * 2
'''


@dataclass(frozen=True)
class Place:
    """A folder with an artifact, the model it came from, and rows."""

    folder: Path
    model: Any
    rows: Any

    def copy(self, target: Path) -> Path:
        shutil.copy(self.folder / "churn.amber", target / "churn.amber")
        return target


def run(*words: str, cwd: Path, stdin: bytes | None = None, **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "amber.cli.main", *words],
        cwd=cwd,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        input=stdin,
        capture_output=True,
        check=False,
    )


def ok(*words: str, cwd: Path, code: int = 0, **more: Any) -> str:
    done = run(*words, cwd=cwd, **more)
    assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout.decode()}\n{done.stderr.decode()}"
    assert b"Traceback" not in done.stderr
    return done.stdout.decode()


@pytest.fixture
def patient(tmp_path: Path) -> list[str]:
    """A policy for a machine that runs many tests at once: replay may take longer than a person would wait."""
    (tmp_path / "patient.toml").write_text("[limits]\nreplay_seconds = 900\n")
    return ["--policy", "patient.toml"]


def table(rows: int) -> Any:
    chance = np.random.default_rng(7)
    frame = pd.DataFrame(
        {
            "zip": pd.Series(chance.choice(["007", "0815", "42"], rows), dtype="str"),
            "plan": pd.Categorical(chance.choice(["free", "paid"], rows), categories=["free", "paid", "gift"]),
            "age": chance.integers(18, 90, rows),
            "income": chance.normal(40_000, 9_000, rows).round(2),
        }
    )
    frame.loc[::7, "income"] = np.nan
    return frame


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    frame = table(200)
    target = np.where((frame["plan"] == "paid") | (frame["age"] > 60), "stays", "leaves")
    columns = ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(), StandardScaler()), ["age", "income"]),
            ("words", OneHotEncoder(handle_unknown="ignore"), ["zip", "plan"]),
        ]
    )
    model = make_pipeline(columns, LogisticRegression()).fit(frame, target)
    folder = tmp_path_factory.mktemp("e2e")
    amber.save(model, folder / "churn.amber", sample=frame[:60], name="churn", version="1.4.0")
    return Place(folder, model, frame)


def test_inspect(place: Place, tmp_path: Path) -> None:
    place.copy(tmp_path)
    text = ok("inspect", "churn.amber", cwd=tmp_path)
    assert text.startswith("churn 1.4.0")
    for word in ("zip", "plan", "age", "income", "predict_proba", "sklearn.linear_model.LogisticRegression"):
        assert word in text
    document = json.loads(ok("inspect", "churn.amber", "--json", cwd=tmp_path))
    assert document["name"] == "churn"
    assert [column["name"] for column in document["inputs"]] == ["zip", "plan", "age", "income"]
    assert "sklearn.preprocessing.StandardScaler" in ok("inspect", "churn.amber", "--tree", cwd=tmp_path)
    assert document["id"] in ok("inspect", "churn.amber", "--id", cwd=tmp_path)


def test_verify(place: Place, patient: list[str], tmp_path: Path) -> None:
    place.copy(tmp_path)
    text = ok("verify", "churn.amber", *patient, cwd=tmp_path)
    assert text.startswith("churn 1.4.0: identical")
    document = json.loads(ok("verify", "churn.amber", "--json", *patient, cwd=tmp_path))
    assert document["verdict"] == "identical"
    assert document["exit_code"] == 0
    assert [step["step"] for step in document["steps"]] == list(range(1, 11))
    document = json.loads(ok("verify", "churn.amber", "--json", "--no-cases", cwd=tmp_path))
    assert document["verdict"] == "unchecked"


def test_a_policy_of_the_reader(place: Place, tmp_path: Path) -> None:
    place.copy(tmp_path)
    rule = '[[rule]]\nnames = ["churn"]\nrequire = [{from = ["release"]}]\n'
    (tmp_path / "signed.toml").write_text(f'[signers.release]\nkeys = ["""\n{pem(1)}"""]\n{rule}')
    (tmp_path / "strict.toml").write_text('verdict = "equivalent"\n[limits]\nreplay_seconds = 900\n')
    (tmp_path / "wrong.toml").write_text("verdict = 3\n")
    (tmp_path / "small.toml").write_text("[limits]\nnodes = 3\n")
    (tmp_path / "rows.csv").write_text(place.rows[:2].to_csv(index=False))
    assert "signature-missing" in ok("verify", "churn.amber", "--policy", "signed.toml", cwd=tmp_path, code=2)
    ok("predict", "churn.amber", "rows.csv", "--policy", "signed.toml", cwd=tmp_path, code=2)
    ok("verify", "churn.amber", "--policy", "strict.toml", cwd=tmp_path)
    ok("verify", "churn.amber", "--policy", "wrong.toml", cwd=tmp_path, code=64)
    ok("verify", "churn.amber", "--policy", "small.toml", cwd=tmp_path, code=2)


def test_damage_is_broken(place: Place, tmp_path: Path) -> None:
    flip_one_byte(place.folder / "churn.amber", tmp_path / "damaged.amber")
    (tmp_path / "rows.csv").write_text(place.rows[:2].to_csv(index=False))
    assert "broken" in ok("verify", "damaged.amber", cwd=tmp_path, code=2)
    assert ok("predict", "damaged.amber", "rows.csv", "-o", "out.csv", cwd=tmp_path, code=2) == ""
    ok("unpack", "damaged.amber", "out", cwd=tmp_path, code=2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["damaged.amber", "rows.csv"]


def test_unpack_pack_and_diff(place: Place, tmp_path: Path) -> None:
    place.copy(tmp_path)
    identity = ok("unpack", "churn.amber", "churn", cwd=tmp_path).strip()
    assert len(identity) == 64
    assert (tmp_path / "churn" / "manifest.json").is_file()
    assert ok("verify", "churn", "--no-cases", cwd=tmp_path)
    assert ok("pack", "churn", "again.amber", "--id", identity, cwd=tmp_path).strip() == identity
    assert (tmp_path / "again.amber").read_bytes() == (tmp_path / "churn.amber").read_bytes()
    assert "same" in ok("diff", "churn.amber", "again.amber", cwd=tmp_path)
    ok("pack", "churn", "other.amber", "--id", "0" * 64, cwd=tmp_path, code=2)
    assert not (tmp_path / "other.amber").exists()


def test_a_changed_model_with_the_old_cases_is_drifted(place: Place, patient: list[str], tmp_path: Path) -> None:
    place.copy(tmp_path)
    ok("unpack", "churn.amber", "changed", cwd=tmp_path)
    shift_means(tmp_path / "changed", 0.3)
    ok("pack", "changed", "changed.amber", cwd=tmp_path)
    document = json.loads(ok("verify", "changed.amber", "--json", *patient, cwd=tmp_path, code=1))
    assert document["verdict"] == "drifted"
    steps = {finding["step"] for finding in document["findings"]}
    assert any("scale" in step or "steps[0]" in step or "numbers" in step for step in steps), steps
    difference = json.loads(ok("diff", "churn.amber", "changed.amber", "--json", *patient, cwd=tmp_path, code=1))
    assert [change["where"] for change in difference["sections"]["model"]]
    assert difference["answers"]["verdict"] == "drifted"
    (tmp_path / "strict.toml").write_text('verdict = "equivalent"\n[limits]\nload_replay_seconds = 900\n')
    (tmp_path / "rows.csv").write_text(place.rows[:2].to_csv(index=False))
    ok("predict", "changed.amber", "rows.csv", "--policy", "strict.toml", cwd=tmp_path, code=1)


FORMS = {
    "rows.csv": lambda frame, path: frame.to_csv(path, index=False),
    "rows.tsv": lambda frame, path: frame.to_csv(path, index=False, sep="\t"),
    "rows.jsonl": lambda frame, path: frame.to_json(path, orient="records", lines=True),
    "rows.parquet": lambda frame, path: frame.to_parquet(path),
}


@pytest.mark.parametrize("name", FORMS)
def test_predict_is_one_call_in_memory(name: str, place: Place, tmp_path: Path) -> None:
    place.copy(tmp_path)
    FORMS[name](place.rows[place.rows.columns[::-1]], tmp_path / name)
    ok("predict", "churn.amber", name, "-o", "out.parquet", "-m", "predict_proba", "--chunk-rows", "7", cwd=tmp_path)
    found = pd.read_parquet(tmp_path / "out.parquet")
    assert list(found.columns) == ["predict_proba_leaves", "predict_proba_stays"]
    np.testing.assert_array_equal(found.to_numpy(), place.model.predict_proba(place.rows))
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["churn.amber", name, "out.parquet"])


def test_predict_from_a_pipe_with_what_it_does_not_take(place: Place, tmp_path: Path) -> None:
    place.copy(tmp_path)
    rows = place.rows.assign(id=[f"c{i:03d}" for i in range(200)])
    done = run("predict", "churn.amber", "-", "--keep", cwd=tmp_path, stdin=rows.to_csv(index=False).encode())
    assert done.returncode == 0, done.stderr
    lines = done.stdout.decode().splitlines()
    assert lines[0] == "id,predict"
    wanted = place.model.predict(place.rows)
    assert lines[1:] == [f"c{i:03d},{label}" for i, label in enumerate(wanted)]
    quiet = run("predict", "churn.amber", "-", cwd=tmp_path, stdin=rows[:3].to_csv(index=False).encode())
    assert b"'id'" in quiet.stderr
    assert quiet.stdout.count(b"\n") == 4


def test_predict_says_what_is_wrong_and_leaves_nothing(place: Place, tmp_path: Path) -> None:
    place.copy(tmp_path)
    good = place.rows[:4].to_csv(index=False)
    wrong = {
        "value": (good.replace(f",{place.rows['age'][2]},", ",old,"), ["line 4", "'age'", "int64", "'old'"]),
        "column": (good.replace("income", "Income"), ["missing: 'income'", "'Income' for 'income'"]),
        "short": (good + "007,free\n", ["line 6: expected 4 cells, got 2"]),
    }
    for name, (text, words) in wrong.items():
        (tmp_path / f"{name}.csv").write_text(text)
        done = run("predict", "churn.amber", f"{name}.csv", "-o", "out.csv", "--chunk-rows", "2", cwd=tmp_path)
        assert done.returncode == 66, (name, done.stderr)
        for word in words:
            assert word in done.stderr.decode(), name
    assert not [path for path in tmp_path.iterdir() if "out" in path.name]
    done = run("predict", "churn.amber", "value.csv", "-m", "score", cwd=tmp_path)
    assert done.returncode == 64
    assert b"it has" in done.stderr


def test_predict_of_no_rows_is_a_header(place: Place, tmp_path: Path) -> None:
    place.copy(tmp_path)
    text = place.rows[:0].to_csv(index=False).encode()
    assert run("predict", "churn.amber", "-", cwd=tmp_path, stdin=text).stdout == b"predict\n"


def test_text_models(tmp_path: Path) -> None:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    texts = ["good, very good", "bad", 'so "bad"', "good", "quite good", "not bad"] * 4
    model = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(texts, [1, 0, 0, 1, 1, 0] * 4)
    amber.save(model, tmp_path / "mood.amber", sample=texts)
    pd.DataFrame({"id": range(24), "review": texts}).to_csv(tmp_path / "reviews.csv", index=False)
    (tmp_path / "reviews.jsonl").write_text("".join(json.dumps(text) + "\n" for text in texts))
    wanted = ["predict", *map(str, model.predict(texts))]
    assert ok("predict", "mood.amber", "reviews.jsonl", cwd=tmp_path).split() == wanted
    assert ok("predict", "mood.amber", "reviews.csv", "--column", "review", cwd=tmp_path).split() == wanted
    done = run("predict", "mood.amber", "reviews.csv", cwd=tmp_path)
    assert done.returncode == 66
    assert b"--column" in done.stderr


def test_arrays_in_and_out(tmp_path: Path) -> None:
    from sklearn.decomposition import PCA

    rows = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)
    model = PCA(2).fit(rows)
    amber.save(model, tmp_path / "pca.amber", sample=rows)
    np.save(tmp_path / "rows.npy", rows)
    words = ["predict", "pca.amber", "rows.npy", "-o", "out.npy", "-m", "transform", "--chunk-rows", "50"]
    ok(*words, cwd=tmp_path)
    np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), model.transform(rows))
    ok(*words[:4], "out.csv", *words[5:7], cwd=tmp_path)
    assert (tmp_path / "out.csv").read_text().startswith("pca0,pca1\n")


@pytest.mark.slow
def test_a_class_of_ones_own(patient: list[str], tmp_path: Path) -> None:
    package = tmp_path / "lib" / "mypkg"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "text.py").write_text(CLASS)
    program = (
        "import numpy as np, amber\nfrom mypkg.text import Doubler\n"
        "from sklearn.linear_model import Ridge\nfrom sklearn.pipeline import make_pipeline\n"
        "rows = np.arange(40.0).reshape(20, 2)\n"
        "model = make_pipeline(Doubler(), Ridge()).fit(rows, rows[:, 0])\n"
        "amber.save(model, 'own.amber', sample=rows, policy=amber.Policy(allow=['mypkg.text.Doubler']))\n"
    )
    path = {"PYTHONPATH": os.pathsep.join([str(tmp_path / "lib"), *filter(None, [os.environ.get("PYTHONPATH")])])}
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env={**os.environ, **path}, check=True)
    (tmp_path / "rows.csv").write_text("a,b\n1,2\n")
    (tmp_path / "policy.toml").write_text('allow = ["mypkg.text.Doubler"]\n[limits]\nreplay_seconds = 900\n')
    allow = [*patient, "--allow", "mypkg.text.Doubler"]
    assert "mypkg.text.Doubler" in ok("inspect", "own.amber", cwd=tmp_path)
    ok("verify", "own.amber", cwd=tmp_path, code=2)
    ok("verify", "own.amber", *allow, cwd=tmp_path, **path)
    ok("verify", "own.amber", "--policy", "policy.toml", cwd=tmp_path, **path)
    ok("diff", "own.amber", "own.amber", *allow, cwd=tmp_path, **path)
    ok("predict", "own.amber", "rows.csv", cwd=tmp_path, code=2)
    assert ok("predict", "own.amber", "rows.csv", *allow, cwd=tmp_path, **path).startswith("predict\n")
    ok("redact", "own.amber", "-o", "public.amber", *allow, cwd=tmp_path, **path)


def test_redact(place: Place, patient: list[str], tmp_path: Path) -> None:
    place.copy(tmp_path)
    before = json.loads(ok("inspect", "churn.amber", "--json", cwd=tmp_path))
    ok("redact", "churn.amber", "-o", "public.amber", cwd=tmp_path)
    after = json.loads(ok("inspect", "public.amber", "--json", cwd=tmp_path))
    assert before["cases"]["source"] == "sample"
    assert after["cases"]["source"] == "synthetic"
    assert after["lineage"]["parent"] == before["id"]
    ok("verify", "public.amber", *patient, cwd=tmp_path)
    (tmp_path / "rows.csv").write_text(place.rows[:5].to_csv(index=False))
    wanted = ["predict", *place.model.predict(place.rows[:5])]
    assert ok("predict", "public.amber", "rows.csv", cwd=tmp_path).split() == wanted


@pytest.mark.slow
def test_the_tour(tmp_path: Path) -> None:
    text = ok("demo", cwd=tmp_path, PYTHONIOENCODING="utf-8")
    assert text.count("exit code") >= 6
    text = " ".join(text.replace("│", " ").split())  # long lines are folded
    for words in ("diabetes 1.0.0: identical", "broken", "drifted", "first step that differs", "the same", "pickle"):
        assert words in text
    assert "NOT THE SAME" not in text
    left = {path.name for path in (tmp_path / "amber-demo").iterdir()}
    assert {"diabetes.amber", "patients.csv", "answers.csv", "changed", "damaged.amber"} <= left
    ok("verify", "amber-demo/diabetes.amber", cwd=tmp_path)
