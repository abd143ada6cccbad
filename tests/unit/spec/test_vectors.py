"""Every vector gives exactly its code, accepted ones load, and every code that a file can cause has a vector."""

from __future__ import annotations

import hashlib
import re
import warnings
from pathlib import Path
from typing import Any

import pytest

import amber
from amber.codes import CODES, PROGRAMS
from amber.errors import AmberError
from amber.models.audit import problems
from amber.vault.check import Checked, check
from tests.unit.spec.vectors import FOLDER, Row, accepted, index, policy, rejected, source

# Codes of steps that no vector can show, each with the reason.
WITHOUT_A_VECTOR = {
    "attribute-shadows": "the closed attributes of every entry leave none over; tests/unit/adapters shows it",
    "build-failed": "depends on the libraries that are installed",
    "cases-frame": "only where pandas itself refuses a frame of sound columns",
    "cases-library": "only where pandas is not installed",
    "cases-name": "a save's: a name that cannot be written",
    "cases-not-asked": "a reason, no refusal",
    "cases-too-large": "step 3 sums the groups first; for a reader that reads one group alone",
    "class-missing": "depends on the libraries that are installed",
    "class-needs-adapter": "needs a class of the user's own; tests/unit/adapters shows it",
    "custom-missing": "needs an allowed name; tests/unit/adapters shows it",
    "dtype-changed": "a finding: depends on the libraries that are installed",
    "environment-changed": "no refusal: a note of step 7",
    "environment-unchanged": "a reason, no refusal",
    "folder-link": "links do not survive a copy of this folder; tests/unit/archive makes them",
    "function-not-allowed": "no entry of this vocabulary narrows the functions; tests/unit/vocabulary shows it",
    "label-flipped": "a finding: depends on the libraries that are installed",
    "library-missing": "depends on the libraries that are installed",
    "name-unexpected": "what the caller expects is no part of a policy; tests/unit/models shows it",
    "no-cases": "a reason, no refusal",
    "policy-refused": "the reader's policy alone, whatever the file",
    "replay-crashed": "no vector makes a process crash",
    "replay-not-asked": "a reason, no refusal",
    "replay-unavailable": "depends on the machine",
    "rows-not-synthetic": "the vectors hold no rows; tests/unit/models shows it",
    "shape-changed": "a finding: depends on the libraries that are installed",
    "signer-unknown": "a reason, no refusal",
    "step-drifted": "a finding: depends on the libraries that are installed",
    "value-drifted": "a finding: depends on the libraries that are installed",
    "version-reused": "the reader's memory alone; tests/unit/models shows it",
    "version-rollback": "the reader's memory alone; tests/unit/models shows it",
    "verdict-broken": "depends on the libraries that are installed; tests/unit/models shows it",
    "verdict-drifted": "depends on the libraries that are installed; tests/unit/models shows it",
    "verdict-equivalent": "of report.require, not of a file",
    "verdict-too-low": "the reader's policy alone, whatever the file",
    "verdict-unchecked": "of report.require, not of a file",
}
WITHOUT_A_VECTOR |= dict.fromkeys(PROGRAMS, "step 8: tests/hostile makes such graphs and plans, and refuses them")


def ids(rows: list[Row]) -> list[str]:
    return [str(row["name"]) for row in rows]


def load(row: Row, replay: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", amber.AmberWarning)
        return amber.load(source(row), policy=policy(row), replay=replay)


def failed(checked: Checked) -> tuple[str, int]:
    """Code and step of the first failed step."""
    return next(((step.code, step.number) for step in checked.steps if step.status == "failed"), ("", 0))


@pytest.mark.parametrize("row", [row for row in rejected() if row["step"] < 7], ids=lambda row: row["name"])
def test_a_rejected_vector_gives_its_code(row: Row) -> None:
    with check(source(row), policy(row)) as checked:
        found = failed(checked)
        if row["part"] == "values":
            assert found == ("", 0), "the structure of a vector about values is sound"
            assert checked.tree is not None
            (problem, *_) = problems(checked.tree, policy(row))
            found = (problem.code, 6)
    assert found == (row["code"], row["step"])


@pytest.mark.parametrize("row", rejected(), ids=lambda row: row["name"])
def test_load_refuses_a_rejected_vector_with_the_same_code(row: Row) -> None:
    with pytest.raises(AmberError) as caught:
        load(row, "always" if row["step"] == 9 else "never")
    assert caught.value.code == row["code"]
    assert str(caught.value).isprintable() or "\n" in str(caught.value)


@pytest.mark.parametrize("row", accepted(), ids=lambda row: row["name"])
def test_an_accepted_vector_passes_and_loads(row: Row) -> None:
    with check(source(row), policy(row)) as checked:
        assert failed(checked) == ("", 0)
    load(row, "always" if row["name"] == "cases" else "never")


def test_every_code_that_a_file_can_cause_has_a_vector() -> None:
    shown = {row["code"] for row in rejected()}
    wanted = {code for code, (step, _) in CODES.items() if step is not None and step <= 9}
    assert shown <= set(CODES)
    assert not wanted - shown - set(WITHOUT_A_VECTOR)
    assert not {code for code in WITHOUT_A_VECTOR if code in shown}
    assert not {code for code in WITHOUT_A_VECTOR if code not in CODES}
    assert not {row["name"] for row in rejected() if CODES[row["code"]][0] != row["step"]}


def test_the_index_and_the_files_agree() -> None:
    paths = {row["path"] for row in index()}
    files = {path for part in ("accept", "reject") for path in (FOLDER / part).iterdir()}
    assert {path.relative_to(FOLDER).as_posix() for path in files} == paths
    assert len(index()) == len(set(ids(index()))) > 500
    for row in index():
        assert re.fullmatch(r"[a-z0-9-]+", row["name"])
        assert row["path"].startswith("reject/" if "code" in row else "accept/")
        if "sha256" in row:
            assert hashlib.sha256(Path(source(row)).read_bytes()).hexdigest() == row["sha256"]
        else:
            assert Path(source(row)).is_dir()


def test_the_vectors_are_small() -> None:
    assert sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file()) < 3 * 1024 * 1024


def test_the_vectors_are_what_the_tool_writes() -> None:
    from tools import make_vectors

    assert not make_vectors.stale(make_vectors.files())


def test_any_flipped_bit_is_found() -> None:
    data = Path(FOLDER / "accept" / "plain.amber").read_bytes()
    for offset in range(len(data)):
        changed = bytearray(data)
        changed[offset] ^= 1 << offset % 8
        with check(bytes(changed)) as checked:
            assert failed(checked)[1] in (1, 3, 4), f"byte {offset}"


def test_any_truncation_is_found() -> None:
    data = Path(FOLDER / "accept" / "plain.amber").read_bytes()
    for size in range(len(data)):
        with check(data[:size]) as checked:
            assert failed(checked) == ("container-not-canonical", 1), f"{size} bytes"
