"""What a policy decided, on its way from a process that is not believed."""

from __future__ import annotations

import json
import logging
from typing import Any

import msgspec
import pytest

from amber.server.decisions import Decision, parsed, write
from amber.server.wire.control import FromLoader, Judged, Ready, Refused
from tests.unit.server.endpoints.world import interface

LINE: dict[str, Any] = {
    "decision": "accepted", "code": "", "codes": [], "id": "0" * 64, "name": "churn", "version": "1.0.0",
    "signers": ["alice"], "policy": "f" * 64, "preset": "default", "verb": "serve",
}  # fmt: skip
ACCEPTED = Decision(**LINE)
REFUSED = Decision(**{**LINE, "decision": "refused", "code": "signature-missing", "codes": ["signature-missing"]})


@pytest.mark.parametrize(
    "changed",
    [
        {"decision": "perhaps"}, {"more": "x"}, {"id": "../../etc"}, {"policy": ""}, {"name": "x" * 257},
        {"signers": "alice"}, {"signers": ["x" * 257]}, {"codes": ["x"] * 65}, {"code": 7}, {"verb": "x" * 65},
    ],
    ids=lambda changed: next(iter(changed)),
)  # fmt: skip
def test_what_is_no_decision_is_none(changed: dict[str, Any]) -> None:
    assert parsed(json.dumps(LINE)) == ACCEPTED
    assert parsed(json.dumps({**LINE, **changed})) is None
    frame = {"type": "judged", "decision": {**LINE, **changed}}
    with pytest.raises(msgspec.ValidationError):
        msgspec.msgpack.decode(msgspec.msgpack.encode(frame), type=FromLoader)


def test_other_lines_are_no_decision() -> None:
    for text in (
        "",
        "[]",
        "{",
        "[" * 100_000,
        json.dumps(LINE) + " " * (1 << 18),
        json.dumps({"decision": "accepted"}),
    ):
        assert parsed(text) is None


def test_a_loader_cannot_say_one_thing_and_do_the_other() -> None:
    made = interface()
    refusal = Refused(code="policy-refused", message="no")
    with pytest.raises(ValueError, match="although"):
        Ready(interface=made, decision=REFUSED)
    with pytest.raises(ValueError, match="another artifact"):
        Ready(interface=made, decision=Decision(**{**LINE, "id": "1" * 64}))
    with pytest.raises(ValueError, match="although"):
        Refused(code="load-failed", message="no", decision=ACCEPTED)
    with pytest.raises(ValueError, match="another decision"):
        Judged(refused=refusal, decision=ACCEPTED)
    with pytest.raises(ValueError, match="another decision"):
        Judged(decision=REFUSED)
    with pytest.raises(ValueError, match="twice"):
        Judged(refused=Refused(code="policy-refused", message="no", decision=REFUSED), decision=REFUSED)
    for frame in (Ready(interface=made, decision=ACCEPTED), Judged(refused=refusal, decision=REFUSED)):
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(frame), type=FromLoader) == frame


def test_it_is_written_as_the_process_that_judged_would_have(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "amber.trust")
    write(ACCEPTED)
    write(REFUSED)
    first, second = (each for each in caplog.records if each.name == "amber.trust")
    assert (json.loads(first.getMessage()), first.levelno) == (LINE, logging.INFO)
    assert (json.loads(second.getMessage())["code"], second.levelno) == ("signature-missing", logging.WARNING)
    assert list(json.loads(first.getMessage())) == list(LINE)  # in the same order
