"""A signature kept beside a file counts wherever it is opened under a policy, and is judged like one inside."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

import amber
from amber.cli.main import main
from amber.errors import AmberError, UsageError
from amber.models.bench import bench
from amber.models.claims import gate_claim
from amber.models.predict import Options, predict_file
from tests.unit.signing import ALICE, BOB, TOML, WANTS_ALICE, signed

X = pd.DataFrame(np.random.default_rng(12).normal(size=(60, 3)), columns=["a", "b", "c"])
Bundles = Mapping[str, bytes] | None
Use = Callable[[Path, Path, Bundles], Any]


def members_of(path: Path) -> dict[str, bytes]:
    """The members of an artifact, by way of its folder."""
    root = path.with_suffix(".members")
    amber.unpack(path, root)
    return {each.relative_to(root).as_posix(): each.read_bytes() for each in root.rglob("*") if each.is_file()}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An unsigned artifact with a program, bundles beside it - hers, another's, one over other bytes - and rows."""
    folder = tmp_path_factory.mktemp("detached")
    amber.save(LogisticRegression().fit(X, X["a"] > 0), folder / "plain.amber", sample=X[:20], name="churn")
    amber.save(LogisticRegression().fit(X, X["b"] > 0), folder / "other.amber", sample=X[:20], name="churn")
    amber.freeze(folder / "plain.amber", folder / "churn.amber")
    members = members_of(folder / "churn.amber")
    (folder / "alice.json").write_bytes(signed(members, ALICE))
    (folder / "bob.json").write_bytes(signed(members, BOB))
    (folder / "over-another.json").write_bytes(signed(members_of(folder / "other.amber"), ALICE))
    X[:3].to_csv(folder / "rows.csv", index=False)
    (folder / "policy.toml").write_text(TOML)
    os.chmod(folder / "policy.toml", 0o600)
    return folder


def _load(file: Path, _: Path, bundles: Bundles) -> Any:
    return amber.load(file, policy=WANTS_ALICE, bundles=bundles)


def _program(file: Path, _: Path, bundles: Bundles) -> Any:
    return amber.program(file, policy=WANTS_ALICE, bundles=bundles)


def _predict(file: Path, out: Path, bundles: Bundles) -> Any:
    return predict_file(file, str(file.with_name("rows.csv")), str(out), policy=WANTS_ALICE, bundles=bundles)


def _predict_by_the_program(file: Path, out: Path, bundles: Bundles) -> Any:
    rows = str(file.with_name("rows.csv"))
    return predict_file(file, rows, str(out), policy=WANTS_ALICE, bundles=bundles, options=Options(program=True))


def _verify(file: Path, _: Path, bundles: Bundles) -> Any:
    return amber.verify(file, policy=WANTS_ALICE, cases=False, bundles=bundles).require("unchecked")


def _freeze(file: Path, out: Path, bundles: Bundles) -> Any:
    return amber.freeze(file, out, policy=WANTS_ALICE, bundles=bundles)


def _redact(file: Path, out: Path, bundles: Bundles) -> Any:
    return amber.redact(file, out, policy=WANTS_ALICE, bundles=bundles)


def _export(file: Path, out: Path, bundles: Bundles) -> Any:
    return amber.export(file, out, policy=WANTS_ALICE, bundles=bundles)


def _bench(file: Path, _: Path, bundles: Bundles) -> Any:
    done = bench(file, rows=10, rounds=1, policy=WANTS_ALICE, bundles=bundles)
    assert done.original is not None, "the processes of either side judge the file again, by the same bundles"
    assert done.frozen is not None
    return done


def _diff(file: Path, _: Path, bundles: Bundles) -> Any:
    return amber.diff(file, file, policy=WANTS_ALICE, bundles_a=bundles, bundles_b=hers(file.parent))


def _diff_of_the_second(file: Path, _: Path, bundles: Bundles) -> Any:
    return amber.diff(file, file, policy=WANTS_ALICE, bundles_a=hers(file.parent), bundles_b=bundles)


USES: tuple[Use, ...] = (
    _load, _program, _predict, _predict_by_the_program, _verify, _freeze, _redact, _export, _bench, _diff,
    _diff_of_the_second,
)  # fmt: skip


def hers(place: Path, name: str = "alice.json") -> dict[str, bytes]:
    return {str(place / name): (place / name).read_bytes()}


@pytest.mark.parametrize("use", USES)
def test_accepted_with_her_bundle_and_refused_without(place: Path, tmp_path: Path, use: Use) -> None:
    out = tmp_path / "out.csv"
    for bundles, code in (
        (None, "signature-missing"),
        ({}, "signature-missing"),
        (hers(place, "bob.json"), "signature-missing"),
        (hers(place, "over-another.json"), "signature-coverage"),
    ):
        with pytest.raises(AmberError) as caught:
            use(place / "churn.amber", out, bundles)
        # a report names the codes of the policy in its text
        assert caught.value.code == code or code in str(caught.value)
        assert not out.exists()
    assert use(place / "churn.amber", out, hers(place)) is not None


def test_the_report_of_a_load_shows_it(place: Path) -> None:
    bundles = hers(place)
    _, report = amber.load(place / "churn.amber", policy=WANTS_ALICE, bundles=bundles, report=True)
    assert [(each.member, each.signer, each.status) for each in report.signatures] == [
        (*bundles, "alice", "counted"),
    ]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        pytest.param(["alice.json"], "a list", id="a list of paths"),
        pytest.param("alice.json", "a str", id="a path"),
        pytest.param({"alice.json": "{}"}, "a str under a str", id="text"),
        pytest.param({Path("alice.json"): b"{}"}, "a bytes under a PosixPath", id="a path that is no text"),
    ],
)
@pytest.mark.parametrize("use", [_load, _program, _verify, _diff])
def test_what_is_no_table_of_bytes(place: Path, tmp_path: Path, use: Use, given: Any, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        use(place / "churn.amber", tmp_path / "out", given)
    assert caught.value.code == "bundles-type"
    assert said in caught.value.message


@pytest.mark.skipif(sys.platform != "linux", reason="names of files that are no text")
def test_paths_that_are_no_text(place: Path, tmp_path: Path) -> None:
    """A replay, the processes of a measurement and a signed statement get names as the system has them."""
    folder = tmp_path / os.fsdecode(b"\xff\xfe")
    folder.mkdir()
    file, beside = shutil.copy(place / "churn.amber", folder), shutil.copy(place / "alice.json", folder)
    bundles = {str(beside): Path(beside).read_bytes()}
    assert amber.verify(file, policy=WANTS_ALICE, bundles=bundles).exit_code == 0
    assert bench(file, rows=10, rounds=1, policy=WANTS_ALICE, bundles=bundles).original is not None
    odd = os.fsdecode(b"\xff.json")
    claim = gate_claim(
        file,
        policy=WANTS_ALICE,
        verifier_id="urn:x:gate",
        resource_uri="urn:x:churn",
        bundles={odd: bundles[str(beside)]},
    )
    assert [each["name"] for each in claim.predicate["inputAttestations"]] == ["\\udcff.json"]
    assert claim.payload


# -- at the shell --------------------------------------------------------------------------------------------------

COMMANDS = {
    "verify": ("verify", "churn.amber", "--no-cases"),
    "predict": ("predict", "churn.amber", "rows.csv", "-o", "OUT"),
    "predict --program": ("predict", "churn.amber", "rows.csv", "--program", "-o", "OUT"),
    "freeze": ("freeze", "churn.amber", "-o", "OUT"),
    "redact": ("redact", "churn.amber", "-o", "OUT"),
    "export": ("export", "churn.amber", "OUT"),
    "bench": ("bench", "churn.amber", "--rows", "10"),
    "diff": ("diff", "churn.amber", "churn.amber", "--bundle-b", "alice.json"),
}


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_command_that_takes_a_policy_takes_a_bundle(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(place)
    out = tmp_path / "out.csv"
    words = [str(out) if word == "OUT" else word for word in COMMANDS[name]]
    words += ["--policy", "policy.toml"]
    option = "--bundle-a" if name == "diff" else "--bundle"
    assert main(words) == 2
    for wrong, code in (("over-another.json", 2), ("rows.csv", 2), ("missing.json", 66), (".", 66)):
        assert main([*words, option, wrong]) == code, wrong
        assert not out.exists(), wrong
    assert main([*words, option, "bob.json", option, "alice.json"]) == 0


@pytest.mark.parametrize("size", [16 * 1024 * 1024 + 1, 1 << 40])
def test_a_bundle_that_is_too_large_is_not_read(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], size: int
) -> None:
    monkeypatch.chdir(place)
    huge = tmp_path / "huge.json"
    with huge.open("wb") as file:
        file.truncate(size)
    assert main(["predict", "churn.amber", "rows.csv", "--bundle", str(huge)]) == 2
    said = capsys.readouterr().err
    assert f"{size} bytes" in said
    assert "limit-file-bytes" in said
