"""The line of a decision: one line, JSON, no control character, no secret."""

from __future__ import annotations

import json
import logging

import pytest

from amber.policy import Policy, Refusal, decide
from amber.policy.record import record
from tests.unit.policy.material import ID, NOW, facts, pem, policy, rule, signed

RULES = policy(rule((("alice",), 1)))


def lines(caplog: pytest.LogCaptureFixture) -> list[dict[str, object]]:
    found = [each for each in caplog.records if each.name == "amber.trust"]
    assert all(each.getMessage().isascii() and each.getMessage().isprintable() for each in found)
    return [json.loads(each.getMessage()) for each in found]


def test_what_was_accepted(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "amber.trust")
    record(RULES, signed("alice"), decide(RULES, signed("alice"), NOW), verb="load")
    assert lines(caplog) == [
        {
            "decision": "accepted",
            "code": "",
            "codes": [],
            "id": ID,
            "name": "churn",
            "version": "1.2.3",
            "signers": ["alice"],
            "policy": RULES.digest,
            "preset": "default",
            "verb": "load",
        }
    ]
    assert caplog.records[0].levelno == logging.INFO


def test_what_was_refused_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    record(
        RULES,
        facts(),
        (*decide(RULES, facts(), NOW), Refusal("version-rollback", "older"), Refusal("version-rollback", "older")),
    )
    (line,) = lines(caplog)
    assert (line["decision"], line["code"]) == ("refused", "signature-missing")
    assert line["codes"] == ["signature-missing", "version-rollback"]
    assert caplog.records[0].levelno == logging.WARNING


def test_nothing_from_a_file_can_leave_its_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "amber.trust")
    hostile = facts(name='x"\n\x1b[31m\u202e\u2028{"decision":"accepted"}%s' + "y" * 5000, version="\r\n")
    record(Policy(), hostile)
    (line,) = lines(caplog)
    assert line["name"] == hostile.name[:256]
    assert len(caplog.records[0].getMessage()) < 2500


def test_no_key_stands_in_it(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    record(RULES, signed("alice"))
    assert pem(1).split("\n")[1][:30] not in caplog.text
    assert RULES.digest in caplog.text


def test_nobody_listening_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    logging.getLogger("amber.trust").setLevel(logging.CRITICAL)
    monkeypatch.setattr(Policy, "digest", property(lambda _: pytest.fail("the digest was computed for nobody")))
    try:
        record(RULES, facts())
    finally:
        logging.getLogger("amber.trust").setLevel(logging.NOTSET)
