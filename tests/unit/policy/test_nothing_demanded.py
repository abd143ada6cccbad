"""Where nothing is demanded nothing is loaded; and nothing that is demanded is passed over for it."""

from __future__ import annotations

import logging
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

import amber.policy
from amber.limits import Limits
from amber.policy import Policy, Refusal, Revoked, RevokedKey, Rule, decide, record
from tests.architecture.repository import newly_loaded
from tests.unit.policy.material import ID, NOW, facts, root, rule, signed, signer

# A value for every field; whether step 5 can refuse anything by it. A field that is added must be entered here.
ONE: dict[str, tuple[Any, bool]] = {
    "allow": (("mypkg.Scaler",), False),
    "limits": (Limits(nodes=1), False),
    "verdict": ("identical", False),
    "signers": ((signer("alice"),), False),
    "sharing": ("exact", False),
    "preset": ("open", False),
    "names": (("fraud",), True),
    "rules": ((Rule(("*",), kinds=("regressor",)),), True),
    "revoked": (Revoked(ids=(ID,)), True),
    "timestamps": ((root(1),), False),
    "seen": ("seen.json", False),
    "issued": (NOW.replace(year=2027), True),
    "expires": (NOW.replace(year=2025), True),
    "floor": (Policy(names=("fraud",)), False),  # decided by itself
    "source": ("policy.toml", False),
    "given": (frozenset({"allow"}), False),
}
FOUND = (facts(), facts(id=""), facts(size=1 << 60, kind="", version="0.0.0", rows="sample"), signed("alice"))


def test_every_field_has_its_line() -> None:
    assert set(ONE) == {field.name for field in fields(Policy)}


@pytest.mark.parametrize("field", sorted(ONE))
def test_what_can_refuse_is_asked(field: str) -> None:
    value, can_refuse = ONE[field]
    rules = Policy(**{field: value})
    assert rules.decides is can_refuse
    assert any(decide(rules, each, NOW) for each in FOUND) is can_refuse


def test_production_is_asked_and_what_revokes_keys_alone_is_not() -> None:
    demanding = rule((("alice",), 1), names=("fraud",))
    assert Policy(preset="production", signers=(signer("alice"),), rules=(demanding,)).decides
    assert not Policy(revoked=Revoked(keys=(RevokedKey(ID),), certificates=(ID,))).decides


def test_a_default_policy_loads_no_rules_and_no_signers(tmp_path: Path) -> None:
    loaded = newly_loaded("from amber.policy import Policy; Policy()", cwd=tmp_path)
    assert "amber.policy.policy" in loaded
    others = {"consistency", "deciding", "encodings", "facts", "plain", "rules", "signers", "written"}
    assert not {f"amber.policy.{name}" for name in others} & set(loaded)


def test_the_package_has_every_name_it_lists_and_no_other() -> None:
    assert all(getattr(amber.policy, name) is not None for name in amber.policy.__all__)
    assert dir(amber.policy) == sorted(amber.policy.__all__)
    with pytest.raises(AttributeError, match="Rules"):
        _ = amber.policy.Rules  # type: ignore[attr-defined]


def test_a_refusal_is_heard_where_an_acceptance_is_not(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "amber.trust")
    assert not record.heard(())
    assert record.heard((Refusal("id-revoked", "it is"),))
    caplog.set_level(logging.INFO, "amber.trust")
    assert record.heard(())
