"""What the policy says of a model once more, without building it; and what is on record of either judgement."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from amber.errors import AmberError
from amber.policy.seen import Seen
from amber.server.decisions import parsed
from amber.server.wire.control import Order
from amber.server.worker.judging import judge
from amber.server.worker.loading import load
from amber.server.worker.recording import Recording
from tests.unit.signing import WANTS_ALICE


def served(policy: dict[str, Any] | None = None, **order: Any) -> Order:
    return Order(judge=True, verdicts={"program": "equivalent"}, policy=policy or {}, **order)


def lines(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    return [json.loads(each.getMessage()) for each in caplog.records if each.name == "amber.trust"]


@pytest.mark.parametrize(
    ("order", "code"),
    [
        (served(Order.policy_of(WANTS_ALICE)["policy"]), "policy-refused"),
        (served({"verdict": "identical"}), "verdict-too-low"),
        (served({"limits": {"manifest_bytes": 10}}), "limit-manifest-bytes"),
        (served(expect="another"), "policy-refused"),
        (served({"expires": "2020-01-01"}), "policy-refused"),
        (served({"rule": [{"names": ["*"], "programs": "only"}]}, routes=["original"]), "policy-refused"),
    ],
    ids=["signers", "verdict", "limit", "name", "time", "route"],
)
def test_what_is_demanded_of_what_is_served(
    shelf: Any, order: Order, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(AmberError) as caught:
        judge(order, shelf("matrix")[0], "auto")
    assert caught.value.code == code
    if code != "limit-manifest-bytes":  # which is no decision of step 5: it did not come so far
        (line,) = lines(caplog)
        assert (line["decision"], line["verb"]) == ("refused", "served")


def test_what_is_taken_is_on_record_once(shelf: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "amber.trust")
    judge(served({"verdict": "equivalent"}), shelf("matrix")[0], "auto")
    load(Order(), shelf("matrix")[0])
    assert [(each["decision"], each["verb"]) for each in lines(caplog)] == [
        ("accepted", "served"),
        ("accepted", "serve"),
    ]


def test_a_verdict_that_is_too_low_to_be_loaded_is_on_record(shelf: Any, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(AmberError, match="the policy wants identical"):
        load(Order(policy={"verdict": "identical"}), shelf("matrix")[0])
    (line,) = lines(caplog)
    assert (line["decision"], line["code"], line["verb"]) == ("refused", "verdict-too-low", "serve")


def test_a_newer_version_elsewhere_is_no_rollback_of_what_is_served(shelf: Any, tmp_path: Path) -> None:
    path, name = shelf("matrix")[0], load(Order(), shelf("matrix")[0]).interface.name
    seen = str(tmp_path / "seen.json")
    Seen(seen).raise_to(name, "999.0.0", "0" * 64)
    policy = {"seen": {"file": seen}}
    with pytest.raises(AmberError, match="version-rollback"):
        load(Order(policy=policy), path)
    judge(served(policy), path, "auto")


def test_what_this_process_says_is_kept(shelf: Any) -> None:
    logger = logging.getLogger("amber.trust")
    handlers, level, propagate = list(logger.handlers), logger.level, logger.propagate
    try:
        recording = Recording()
        assert recording.of(refused=False) is None
        load(Order(), shelf("matrix")[0])
        found = recording.of(refused=False)
        assert found is not None
        assert (found.decision, found.verb) == ("accepted", "serve")
        assert recording.of(refused=True) is None
        logger.info("%s", "something else")
        assert recording.of(refused=False) is None
        assert parsed("something else") is None
    finally:
        logger.handlers[:] = handlers
        logger.setLevel(level)
        logger.propagate = propagate
