"""A policy that changes while models are served: what it takes no more goes out of service, and comes back."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

pytest.importorskip("onnxruntime")
pytest.importorskip("cryptography")

from amber.policy import Policy, places
from amber.server.front.endpoints.versions import Version
from tests.e2e.server.served_versions import Server
from tests.e2e.server.small_models import churn
from tests.e2e.server.under_load import PREDICT, ROW, Load, children, replace, serving, slope
from tests.e2e.server.under_policy import code_of, put, signed_lines, text

pytestmark = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="several workers need Linux")
OUT = (503, "policy-refused")


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return signed_lines(tmp_path_factory.mktemp("artifacts"))


@pytest.fixture
def path(artifacts: Path, tmp_path: Path) -> Path:
    """The file that is served: of slope 1, signed by Alice."""
    shutil.copy(artifacts / "1.amber", tmp_path / "line.amber")
    return tmp_path / "line.amber"


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    return put(tmp_path / "policy.toml", text())


def test_a_signer_who_is_taken_out_takes_the_model_along(path: Path, policy: Path, tmp_path: Path) -> None:
    shutil.copy(churn(), tmp_path / "churn.amber")
    row = b'{"age": 31.5, "visits": 14, "city": "Oslo"}'
    with serving(tmp_path, path.name, "churn.amber", "--policy", policy.name, "--reload") as server:
        loaders = children(server.process.pid)
        with Load(server, PREDICT, ROW) as load, Load(server, "/v1/models/churn:predict", row, 2) as other:
            put(policy, text(["bob"]))
            (refused,) = server.until(lambda: server.told("refused"))
            server.until(lambda: len(children(server.process.pid)) == 1)
            load.more()
            assert code_of(server.ask("GET", "/v2/models/line/ready")) == OUT
            assert server.ask("GET", "/v2/health/ready")[0] == 503
            put(policy, text())
            server.until(lambda: len(server.told("loaded", name="line")) == 2)
            load.more()
            assert slope(server) == 1.0
        assert (refused["name"], refused["code"]) == ("line", "policy-refused")
        assert "signers-missing" in refused["reason"]
        # the other one was judged twice, and never loaded anew
        server.until(lambda: len(server.told("decided", name="churn")) == 3)
        said = [(each["decision"], each["verb"]) for each in server.told("decided", name="churn")]
        assert said == [("accepted", "serve"), ("accepted", "served"), ("accepted", "served")]
        assert len(server.told("loaded", name="churn")) == 1
        assert len(set(loaders) & set(children(server.process.pid))) == 1
    assert set(load.statuses) == {200, 503}
    assert set(load.codes) == {"policy-refused"}
    assert set(other.statuses) == {200}


def test_an_id_that_is_revoked_goes_out_of_service(path: Path, policy: Path, tmp_path: Path) -> None:
    with (
        serving(tmp_path, path.name, "--policy", policy.name, "--reload") as server,
        Load(server, PREDICT, ROW) as load,
    ):
        (accepted,) = server.told("decided")
        put(policy, text(more=f'[revoked]\nids = ["{accepted["id"]}"]\n'))
        (refused,) = server.until(lambda: server.told("decided", decision="refused"))
        server.until(lambda: load.statuses[503])
    assert refused == accepted | {
        "decision": "refused", "code": "id-revoked", "codes": ["id-revoked"], "verb": "served",
        "policy": refused["policy"],
    }  # fmt: skip
    assert set(load.statuses) == {200, 503}


@pytest.mark.parametrize(
    "more",
    [
        '[[rule]]\nnames = ["line"]\nminimum = "1.0.1"\n',
        '[[rule]]\nnames = ["line"]\nmax_bytes = 10\n',
        '[limits]\nmanifest_bytes = 10\n',
    ],
    ids=["minimum", "size", "limits"],
)  # fmt: skip
def test_what_is_demanded_more_is_demanded_of_what_is_served(
    path: Path, policy: Path, tmp_path: Path, more: str
) -> None:
    with serving(tmp_path, path.name, "--policy", policy.name, "--reload") as server:
        put(policy, text(more=more))
        server.until(lambda: server.told("refused"))
        assert server.ask("POST", PREDICT, ROW)[0] == 503


def test_a_policy_that_cannot_be_used_changes_nothing(path: Path, policy: Path, tmp_path: Path) -> None:
    with (
        serving(tmp_path, path.name, "--policy", policy.name, "--reload") as server,
        Load(server, PREDICT, ROW) as load,
    ):
        policy.write_text(text()[:-40])  # half written
        server.until(lambda: server.told("noted", code="policy-invalid"))
        put(policy, text())
        policy.chmod(0o666)
        server.until(lambda: server.told("noted", code="policy-permissions"))
        policy.unlink()
        server.until(lambda: server.told("noted", code="policy-unreadable"))
        load.more()
        assert set(load.statuses) == {200}
        put(policy, text(["bob"]))
        server.until(lambda: server.told("refused", code="policy-refused"))
        server.until(lambda: load.statuses[503])
    assert len(server.told("noted")) == 3  # each is said once


def test_a_load_under_a_policy_that_cannot_be_used_is_refused(
    artifacts: Path, path: Path, policy: Path, tmp_path: Path
) -> None:
    with (
        serving(tmp_path, path.name, "--policy", policy.name, "--reload") as server,
        Load(server, PREDICT, ROW) as load,
    ):
        policy.write_text("[[")
        server.until(lambda: server.told("noted", code="policy-invalid"))
        replace(path, artifacts / "2.amber")
        server.until(lambda: server.told("refused", code="policy-invalid"))
        load.more()
        assert slope(server) == 1.0
        put(policy, text(["alice", "bob"]))
        server.until(lambda: server.told("loaded", version="2.0.0"))
        load.more()
    assert set(load.statuses) == {200}


def test_a_newcomer_that_was_refused_takes_over_once_its_signer_is_known(
    artifacts: Path, path: Path, policy: Path, tmp_path: Path
) -> None:
    with (
        serving(tmp_path, path.name, "--policy", policy.name, "--reload") as server,
        Load(server, PREDICT, ROW) as load,
    ):
        replace(path, artifacts / "2.amber")
        server.until(lambda: server.told("refused", code="policy-refused"))
        put(policy, text(["alice", "bob"]))
        server.until(lambda: server.told("loaded", version="2.0.0"))
        assert slope(server) == 2.0
    assert set(load.statuses) == {200}


def test_without_reload_a_signal_has_it_judged(path: Path, policy: Path, tmp_path: Path) -> None:
    with serving(tmp_path, path.name, "--policy", policy.name) as server:
        put(policy, text(["bob"]))
        assert slope(server) == 1.0
        os.kill(server.process.pid, signal.SIGHUP)
        server.until(lambda: server.told("refused"))
        assert code_of(server.ask("POST", PREDICT, ROW)) == OUT
        os.kill(server.process.pid, signal.SIGHUP)  # what is not served is tried again, and refused again
        server.until(lambda: len(server.told("refused")) == 2)
        put(policy, text())
        os.kill(server.process.pid, signal.SIGHUP)
        server.until(lambda: len(server.told("loaded")) == 2)
        assert slope(server) == 1.0


def test_a_loader_that_died_is_started_under_the_policy_as_it_is_then(path: Path, policy: Path, tmp_path: Path) -> None:
    with serving(tmp_path, path.name, "--policy", policy.name) as server:
        put(policy, text(["bob"]))
        loader, _ = server.processes()
        os.kill(loader, signal.SIGKILL)
        server.until(lambda: server.told("noted", code="policy-refused"))
        assert code_of(server.ask("POST", PREDICT, ROW)) == OUT
        assert [each["decision"] for each in server.told("decided")] == ["accepted", "refused"]
        put(policy, text())
        os.kill(server.process.pid, signal.SIGHUP)
        server.until(lambda: len(server.told("loaded")) == 2)
        assert slope(server) == 1.0


@pytest.mark.parametrize("ends", ["policy", "signer"])
def test_time_takes_a_model_out_of_service(path: Path, policy: Path, tmp_path: Path, ends: str) -> None:
    (tmp_path / "serve.toml").write_text("judge_seconds = 1\n")
    words = ("--policy", policy.name, "--config", "serve.toml")
    with serving(tmp_path, path.name, *words) as server, Load(server, PREDICT, ROW) as load:
        end = (datetime.now(UTC) + timedelta(seconds=8)).strftime("%Y-%m-%dT%H:%M:%SZ")
        put(policy, text(top=f"expires = {end}") if ends == "policy" else text(alice=f"until = {end}"))
        digest = Policy.from_file(policy).digest
        server.until(lambda: server.told("decided", policy=digest, decision="accepted"))
        assert set(load.statuses) == {200}
        server.until(lambda: server.told("decided", policy=digest, decision="refused"))
        server.until(lambda: load.statuses[503])
    assert server.told("refused", code="policy-refused")


def test_a_keyring_that_did_not_exist_is_noticed(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keyring = tmp_path / "home"
    monkeypatch.setattr(places, "keyring_folder", lambda: str(keyring))

    async def scene() -> None:
        server = Server(path, reload=True)
        try:
            await server.repository.start()
            assert await server.slope() == pytest.approx(1.0)
            keyring.mkdir(mode=0o700)
            put(keyring / places.KEYRING, text(["bob"]))
            await server.until(lambda: current(server).state == "UNAVAILABLE")
            assert current(server).code == "policy-refused"
            (keyring / places.KEYRING).unlink()
            await server.until(lambda: current(server).state == "READY")
            assert await server.slope() == pytest.approx(1.0)
        finally:
            await server.repository.close(1.0)

    asyncio.run(scene())


def current(server: Server) -> Version:
    return server.repository.endpoints[0].current
