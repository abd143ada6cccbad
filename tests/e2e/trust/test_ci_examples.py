"""The pipelines of `docs/ci` do what they say: every step is run, and nothing but what they signed is published."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.architecture.repository import ROOT
from tests.architecture.shell import bash, command_lines
from tests.e2e.trust.pipelines import EXAMPLES, Meddle, Outcome, Place, example, run_github, run_gitlab

pytestmark = pytest.mark.slow
PASSPHRASE = "correct horse battery staple"
FILES = ("train.py", "requirements.txt", "policy.toml")
Pipeline = Callable[..., Outcome]
# The pipeline, what is uploaded once it is signed, and what is published.
PIPELINES = [pytest.param(run_github, "signed", "release", id="github"), pytest.param(run_gitlab, "sign", "publish", id="gitlab")]  # noqa: E501 # fmt: skip


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a key, and other artifacts that somebody could put in the place of the signed one."""
    folder = tmp_path_factory.mktemp("workshop")
    project = folder / "project"
    project.mkdir()
    for name in FILES:
        shutil.copy(EXAMPLES / name, project / name)
    (folder / "passphrase").write_text(PASSPHRASE)
    script = """
        for who in ci stranger; do amber keygen --out $who --passphrase-file passphrase; done
        python project/train.py
        sed 's/"churn"/"fraud"/; s/churn.amber/fraud.amber/' project/train.py > other.py && python other.py
        sed 's/1\\.0\\.0/0.9.0/; s/churn.amber/old.amber/' project/train.py > other.py && python other.py
        cp churn.amber stranger.amber
        amber sign stranger.amber --key stranger --passphrase-file passphrase
        for file in fraud old; do
          amber sign $file.amber --key ci --passphrase-file passphrase
          amber attest $file.amber --type test-result --key ci --passphrase-file passphrase
        done
        cp ci.pub project
    """
    ran = bash(script, home=folder, cwd=folder, OMP_NUM_THREADS="1")
    assert ran.code == 0, ran.out + ran.err
    return folder


def _run(pipeline: Pipeline, workshop: Path, folder: Path, meddle: Meddle | None = None) -> Outcome:
    secrets = {"SIGNING_KEY": (workshop / "ci").read_text(), "SIGNING_PASSPHRASE": PASSPHRASE}
    place = Place(folder, workshop / "project", secrets)
    return pipeline(place) if meddle is None else pipeline(place, meddle)


@pytest.mark.parametrize(("pipeline", "signed", "published"), PIPELINES)
def test_a_good_model_is_signed_and_published(
    pipeline: Pipeline, signed: str, published: str, workshop: Path, tmp_path: Path
) -> None:
    outcome = _run(pipeline, workshop, tmp_path)
    assert set(outcome.codes.values()) == {0}, outcome.said
    report = json.loads((outcome.store.get("report", outcome.store.get("gate")) / "report.json").read_text())
    assert (report["verdict"], report["refused"], report["exit_code"]) == ("identical", [], 0)
    assert [each["signer"] for each in report["signatures"]] == ["ci", "ci"]
    assert (outcome.store[published] / "churn.amber").read_bytes() == (
        outcome.store[signed] / "churn.amber"
    ).read_bytes()


@pytest.mark.parametrize(("pipeline", "signed", "published"), PIPELINES)
def test_no_secret_is_printed_or_an_argument_or_left_behind(
    pipeline: Pipeline, signed: str, published: str, workshop: Path, tmp_path: Path
) -> None:
    outcome = _run(pipeline, workshop, tmp_path)
    secret = (workshop / "ci").read_text().splitlines()[1]
    lines = command_lines(tmp_path)
    assert "--passphrase-fd" in lines
    for text in (outcome.said, lines):
        assert PASSPHRASE not in text
        assert secret not in text
    left = [path for path in (tmp_path / "jobs").rglob("*") if path.is_file() and secret in path.read_text("latin-1")]
    assert left == []


@pytest.mark.parametrize(("pipeline", "signed", "published"), PIPELINES)
@pytest.mark.parametrize(
    ("change", "code"),
    [
        ("amber sign churn.amber --strip", "signature-missing"),
        ("cp $WORKSHOP/stranger.amber churn.amber", "signature-missing"),
        ("cp $WORKSHOP/fraud.amber churn.amber", "name-unexpected"),
        ("cp $WORKSHOP/old.amber churn.amber", "version-too-low"),
        ("python -c \"d = bytearray(open('churn.amber','rb').read()); d[len(d) // 3] ^= 1;"
         " open('churn.amber','wb').write(d)\"", "container-not-canonical"),
    ],
    ids=["stripped", "stranger", "another-name", "rolled-back", "one-bit"],
)  # fmt: skip
def test_what_was_swapped_behind_the_signature_does_not_pass_the_gate(
    change: str, code: str, pipeline: Pipeline, signed: str, published: str, workshop: Path, tmp_path: Path
) -> None:
    def meddle(name: str, folder: Path) -> None:
        if name == signed:
            ran = bash(change, home=tmp_path, cwd=folder, WORKSHOP=str(workshop))
            assert ran.code == 0, ran.err

    outcome = _run(pipeline, workshop, tmp_path, meddle)
    assert outcome.codes["gate"] == 2, outcome.said
    assert published not in outcome.store
    report = json.loads((outcome.store.get("report", outcome.store.get("gate")) / "report.json").read_text())
    said = [line.partition(":")[0] for line in report["refused"]] + [step["code"] for step in report["steps"]]
    assert code in said, report


def test_actions_are_pinned_and_have_few_rights() -> None:
    read = example("github.yml")
    assert read["permissions"] == {}
    for job in read["jobs"].values():
        assert job["permissions"] == {"contents": "read"}
        for step in job["steps"]:
            assert re.fullmatch(r"[a-z/-]+@[0-9a-f]{40}", step.get("uses", "a@" + "0" * 40)), step
    with_secrets = [name for name, job in read["jobs"].items() if "secrets." in json.dumps(job)]
    assert with_secrets == ["sign"]


def test_what_the_documents_say_of_them_is_there() -> None:
    page = (ROOT / "docs" / "trust.md").read_text(encoding="utf-8")
    for name in ("ci/github.yml", "ci/gitlab.yml", "ci/policy.toml"):
        assert name in page
        assert (ROOT / "docs" / name).is_file()
