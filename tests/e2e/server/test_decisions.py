"""The record of a server: each decision of the policy once, to the logger `amber.trust` and among the events."""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("onnxruntime")
pytest.importorskip("cryptography")

import amber
from amber.errors import AmberError
from tests.e2e.server.small_models import churn
from tests.e2e.server.under_load import children, replace, serving
from tests.e2e.server.under_policy import put, signed, signed_lines, text
from tests.unit.signing import ALICE

pytestmark = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="processes are found by Linux")
FIELDS = ["decision", "code", "codes", "id", "name", "version", "signers", "policy", "preset", "verb"]


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return signed_lines(tmp_path_factory.mktemp("artifacts"))


@pytest.fixture
def place(artifacts: Path, tmp_path: Path) -> Path:
    """A folder with `line.amber`, signed by Alice, `other.amber`, by Bob, and a policy that wants Alice."""
    shutil.copy(artifacts / "1.amber", tmp_path / "line.amber")
    shutil.copy(artifacts / "2.amber", tmp_path / "other.amber")
    put(tmp_path / "policy.toml", text())
    return tmp_path


def test_each_decision_is_one_event(artifacts: Path, place: Path) -> None:
    digest = amber.Policy.from_file(place / "policy.toml").digest
    with serving(place, "line.amber", "other.amber", "--policy", "policy.toml", "--reload") as server:
        accepted, refused = server.told("decided")
        assert list(accepted) == ["event", *FIELDS]
        shared = {"event": "decided", "name": "line", "policy": digest, "preset": "default", "verb": "serve"}
        assert accepted == shared | {
            "decision": "accepted", "code": "", "codes": [], "id": amber.inspect(place / "line.amber").id,
            "version": "1.0.0", "signers": ["alice"],
        }  # fmt: skip
        assert refused == shared | {
            "decision": "refused", "code": "signers-missing", "codes": ["signers-missing"],
            "id": amber.inspect(place / "other.amber").id, "version": "2.0.0", "signers": ["bob"],
        }  # fmt: skip
        replace(place / "line.amber", artifacts / "2.amber")  # a changed file
        server.until(lambda: len(server.told("refused")) == 2)
        assert [each["decision"] for each in server.told("decided")] == ["accepted", "refused", "refused"]
        (loader,) = children(server.process.pid)
        os.kill(loader, signal.SIGKILL)  # a restart
        server.until(lambda: server.told("noted", code="loader-died"))
        server.until(lambda: server.ask("GET", "/v2/models/line/ready")[0] == 200)
        assert [each["decision"] for each in server.told("decided")][3:] == ["accepted"]


def test_two_loaders_of_one_file_make_one_decision(place: Path) -> None:
    shutil.copy(churn(), place / "churn.amber")
    signed(place / "churn.amber", ALICE)
    (place / "serve.toml").write_text("route_fallback = true\n")
    words = ("--config", "serve.toml", "--policy", "policy.toml")
    put(place / "policy.toml", text(names="*", more='[[rule]]\nnames = ["*"]\nprograms = "only"\n'))
    with serving(place, "churn.amber", "other.amber", *words) as server:
        # with its original beside it the rule refuses churn, alone the program is served: that is the answer
        (kept,) = server.told("decided", name="churn")
        assert (kept["decision"], kept["code"]) == ("accepted", "")
        assert server.told("loaded", name="churn")
        (refused,) = server.told("decided", name="line")  # by both loaders, told once
        assert refused["decision"] == "refused"


def test_the_log_of_a_server_for_people_has_the_lines(place: Path) -> None:
    words = ["serve", "line.amber", "other.amber", "--policy", "policy.toml", "--port", "0", "--check"]
    done = subprocess.run(
        [sys.executable, "-m", "amber.cli.main", *words], cwd=place, capture_output=True, text=True, check=False
    )
    lines = [json.loads(line) for line in done.stderr.splitlines() if line.startswith('{"decision"')]
    assert [(list(each), each["decision"]) for each in lines] == [(FIELDS, "accepted"), (FIELDS, "refused")]
    assert '"decision"' not in done.stdout


def test_a_logger_of_python_hears_its_server(place: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "amber.trust")
    policy = str(place / "policy.toml")
    with amber.serve(place / "line.amber", policy=policy), pytest.raises(AmberError):
        amber.serve(place / "other.amber", policy=policy)
    found = [each for each in caplog.records if each.name == "amber.trust"]
    assert [each.levelno for each in found] == [logging.INFO, logging.WARNING]
    assert [list(json.loads(each.getMessage())) for each in found] == [FIELDS, FIELDS]
