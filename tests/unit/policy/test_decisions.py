"""The decisions of `spec/vectors`: any reader that takes a policy and facts must give exactly these codes."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from amber.codes import POLICY
from amber.policy import Attested, Facts, Policy, decide

SPEC = Path(__file__).parents[3] / "spec"
ROWS: list[dict[str, Any]] = json.loads((SPEC / "vectors" / "decisions.json").read_text(encoding="utf-8"))
OF_THE_SEEN_FILE = {"version-reused", "version-rollback"}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["name"])
def test_the_codes_are_those_of_the_row(row: dict[str, Any]) -> None:
    given = row["facts"]
    facts = Facts(
        **{key: value for key, value in given.items() if key not in ("signers", "attested")},
        signers=frozenset(given.get("signers", ())),
        attested=tuple(Attested(**each) for each in given.get("attested", ())),
    )
    at = datetime.fromisoformat(row["at"])
    assert sorted(each.code for each in decide(Policy.from_dict(row["policy"]), facts, at)) == row["refused"]


def test_every_code_of_a_decision_has_a_row() -> None:
    assert {code for row in ROWS for code in row["refused"]} == set(POLICY) - OF_THE_SEEN_FILE
    assert len({row["name"] for row in ROWS}) == len(ROWS)


def test_the_policies_fit_the_schema() -> None:
    validator = Draft202012Validator(json.loads((SPEC / "schemas" / "policy.schema.json").read_text(encoding="utf-8")))
    assert not {row["name"]: error.message for row in ROWS for error in validator.iter_errors(row["policy"])}
