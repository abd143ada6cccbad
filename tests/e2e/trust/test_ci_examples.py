"""The pipelines of `docs/ci` do what they say: every step is run, and nothing but what they signed is published."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.architecture.repository import ROOT
from tests.architecture.shell import bash, command_lines
from tests.e2e.trust.pipelines import EXAMPLES, Outcome, Place, example, run_github, run_gitlab

pytestmark = pytest.mark.slow
PASSPHRASE = "correct horse battery staple"
FILES = ("train.py", "requirements.txt", "policy.toml")


@dataclass(frozen=True)
class Service:
    """One of the two services.

    Args:
        run: Runs its pipeline.
        signed: What the upload of the signed model is called.
        report: What that of the report is called.
        published: What that of the published model is called.
    """

    run: Callable[..., Outcome]
    signed: str
    report: str
    published: str


SERVICES = {
    "github": Service(run_github, "signed", "report", "release"),
    "gitlab": Service(run_gitlab, "sign", "gate", "publish"),
}


@dataclass(frozen=True)
class Ran:
    """A pipeline that has run."""

    service: Service
    place: Place
    outcome: Outcome


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


@pytest.fixture(scope="module", params=SERVICES)
def pipeline(request: pytest.FixtureRequest, workshop: Path, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """A pipeline that ran from its beginning to its end."""
    service = SERVICES[request.param]
    secrets = {"SIGNING_KEY": (workshop / "ci").read_text(), "SIGNING_PASSPHRASE": PASSPHRASE}
    place = Place(tmp_path_factory.mktemp(request.param), workshop / "project", secrets)
    return Ran(service, place, service.run(place))


def _report(service: Service, outcome: Outcome) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((outcome.store[service.report] / "report.json").read_text(encoding="utf-8"))
    return read


def test_a_good_model_is_signed_and_published(pipeline: Ran) -> None:
    service, outcome = pipeline.service, pipeline.outcome
    assert {"train", "sign", "gate"} <= set(outcome.codes)
    assert set(outcome.codes.values()) == {0}, outcome.said
    report = _report(service, outcome)
    assert (report["verdict"], report["refused"], report["exit_code"]) == ("identical", [], 0)
    assert [(each["signer"], each["kind"]) for each in report["signatures"]] == [("ci", "oms"), ("ci", "test-result")]
    published, signed = (outcome.store[name] / "churn.amber" for name in (service.published, service.signed))
    assert published.read_bytes() == signed.read_bytes()


def test_no_secret_is_printed_or_an_argument_or_left_behind(pipeline: Ran, workshop: Path) -> None:
    secret = (workshop / "ci").read_text().splitlines()[1]
    lines = command_lines(pipeline.place.folder)
    assert "--passphrase-fd" in lines
    for text in (pipeline.outcome.said, lines):
        assert PASSPHRASE not in text
        assert secret not in text
    files = [path for path in (pipeline.place.folder / "jobs").rglob("*") if path.is_file()]
    for path in files:
        data = path.read_bytes()
        assert secret.encode() not in data, path
        assert PASSPHRASE.encode() not in data, path


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ("amber sign churn.amber --strip", "signature-missing"),
        ("cp $WORKSHOP/stranger.amber churn.amber", "signature-missing"),
        ("cp $WORKSHOP/fraud.amber churn.amber", "name-unexpected"),
        ("cp $WORKSHOP/old.amber churn.amber", "version-too-low"),
        ("printf X | dd of=churn.amber bs=1 seek=70000 conv=notrunc", "crc-mismatch"),
    ],
    ids=["stripped", "stranger", "another-name", "rolled-back", "one-byte"],
)
def test_what_was_put_in_its_place_does_not_pass_the_gate(
    change: str, code: str, pipeline: Ran, workshop: Path, tmp_path: Path
) -> None:
    service, before = pipeline.service, pipeline.outcome
    place = Place(tmp_path, pipeline.place.project, {})
    kept = {name: Path(shutil.copytree(before.store[name], tmp_path / name)) for name in (service.signed,)}
    ran = bash(change, home=tmp_path, cwd=kept[service.signed], WORKSHOP=str(workshop))
    assert ran.code == 0, ran.err
    outcome = service.run(place, Outcome({"train": 0, "sign": 0}, kept))
    assert outcome.codes["gate"] == 2, outcome.said
    assert service.published not in outcome.store
    report = _report(service, outcome)
    said = [line.partition(":")[0] for line in report["refused"]] + [step["code"] for step in report["steps"]]
    assert code in said, report


def test_actions_are_pinned_and_have_few_rights() -> None:
    read = example("github.yml")
    assert read["permissions"] == {}
    for job in read["jobs"].values():
        assert job["permissions"] == {"contents": "read"}
        for action in (step["uses"] for step in job["steps"] if "uses" in step):
            assert re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", action)
    assert [name for name, job in read["jobs"].items() if "secrets." in json.dumps(job)] == ["sign"]


def test_the_how_to_speaks_of_them() -> None:
    page = (ROOT / "docs" / "trust.md").read_text(encoding="utf-8")
    assert all(f"ci/{name}" in page for name in ("github.yml", "gitlab.yml", *FILES))
