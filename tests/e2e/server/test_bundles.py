"""Detached bundles and the expected name: of the one file of the command line, or of a model of the settings."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("onnxruntime")
pytest.importorskip("cryptography")

from tests.e2e.server.served_versions import write_lines
from tests.e2e.server.under_load import PREDICT, ROW, Load, children, replace, serving, slope
from tests.e2e.server.under_policy import put, signed, text
from tests.unit.signing import ALICE

pytestmark = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="processes are found by Linux")


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Unsigned lines of slope 1 and 2, and bundles of Alice beside them."""
    folder = write_lines(tmp_path_factory.mktemp("artifacts"))
    for name in ("1", "2"):
        signed(folder / f"{name}.amber", ALICE, detached=True).rename(folder / f"{name}.json")
    return folder


@pytest.fixture
def place(artifacts: Path, tmp_path: Path) -> Path:
    """A folder with `line.amber`, its bundle `line.json`, and a policy that wants Alice."""
    shutil.copy(artifacts / "1.amber", tmp_path / "line.amber")
    shutil.copy(artifacts / "1.json", tmp_path / "line.json")
    put(tmp_path / "policy.toml", text())
    return tmp_path


def serve(place: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "amber.cli.main", "serve", *words, "--port", "0", "--check", "--json"]
    return subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)


def test_a_detached_bundle_counts_like_one_inside(place: Path) -> None:
    with serving(place, "line.amber", "--policy", "policy.toml", "--bundle", "line.json") as server:
        (found,) = server.told("decided")
        assert (found["decision"], found["signers"]) == ("accepted", ["alice"])
        assert slope(server) == 1.0


def test_bundles_of_the_settings_lie_where_the_settings_do(place: Path) -> None:
    (place / "etc").mkdir()
    (place / "etc" / "serve.toml").write_text('[[models]]\npath = "../line.amber"\nbundles = ["../line.json"]\n')
    done = serve(place, "--config", "etc/serve.toml", "--policy", "policy.toml")
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("made", "code"),
    [
        (lambda path, artifacts: path.unlink(), "source-missing"),
        (lambda path, artifacts: path.write_bytes(b"not one"), "bundle-invalid"),
        (lambda path, artifacts: os.truncate(path, (16 << 20) + 1), "limit-file-bytes"),
        (lambda path, artifacts: shutil.copy(artifacts / "2.json", path), "signature-coverage"),
    ],
    ids=["missing", "no-bundle", "too-large", "of-another-artifact"],
)  # fmt: skip
def test_a_bundle_that_cannot_be_used_refuses_the_load(artifacts: Path, place: Path, made: object, code: str) -> None:
    made(place / "line.json", artifacts)  # type: ignore[operator]
    done = serve(place, "line.amber", "--policy", "policy.toml", "--bundle", "line.json")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    (refused,) = (each for each in events if each["event"] == "refused")
    assert (refused["code"], done.returncode) == (code, 2)
    if code in ("source-missing", "bundle-invalid", "limit-file-bytes"):
        assert refused["reason"].startswith("line.json, a detached bundle: ")


def test_a_restart_and_a_new_judgement_have_the_bundles_that_were_read(artifacts: Path, place: Path) -> None:
    with serving(place, "line.amber", "--policy", "policy.toml", "--bundle", "line.json", "--reload") as server:
        replace(place / "line.json", artifacts / "2.json")  # the first half of an update
        server.until(lambda: server.told("refused", code="signature-coverage"))
        put(place / "policy.toml", text(more='[revoked]\nids = ["' + "0" * 64 + '"]\n'))
        server.until(lambda: server.told("decided", verb="served", decision="accepted"))
        server.until(lambda: len(server.told("refused")) == 2)  # the policy has changed: the newcomer is tried again
        (loader,) = server.until(lambda: len(found := children(server.process.pid)) == 1 and found)
        os.kill(loader, signal.SIGKILL)
        server.until(lambda: server.told("noted", code="loader-died"))
        server.until(lambda: server.ask("GET", "/v2/health/ready")[0] == 200)
        with Load(server, PREDICT, ROW) as load:
            replace(place / "line.amber", artifacts / "2.amber")
            server.until(lambda: server.told("loaded", version="2.0.0"))
            load.more()
            assert slope(server) == 2.0
        assert set(load.statuses) == {200}


def test_a_bundle_that_comes_later_is_noticed(place: Path) -> None:
    (place / "line.json").rename(place / "later.json")
    with serving(place, "line.amber", "--policy", "policy.toml", "--bundle", "line.json", "--reload") as server:
        server.until(lambda: server.told("refused", code="source-missing"))
        (place / "later.json").rename(place / "line.json")
        server.until(lambda: server.told("loaded"))
        assert slope(server) == 1.0


def test_the_expected_name(place: Path) -> None:
    assert serve(place, "line.amber", "--expect", "line").returncode == 0
    done = serve(place, "line.amber", "--expect", "other")
    assert done.returncode == 2
    assert "name-unexpected" in done.stdout


@pytest.mark.parametrize("option", ["--bundle", "--expect"])
def test_options_about_one_file_need_one(place: Path, option: str) -> None:
    shutil.copy(place / "line.amber", place / "more.amber")
    done = serve(place, "line.amber", "more.amber", option, "line.json")
    assert done.returncode == 64
    assert f"{option}" in done.stdout + done.stderr
    assert "it is about one file, and 2 are given" in done.stdout + done.stderr
    assert serve(place, "line.amber", "--expect", "").returncode == 64
