"""`amber serve` and `amber call` as two shells see them: real processes, keys, TLS, signals, exit codes."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("onnxruntime")
pytest.importorskip("urllib3")

import urllib3

import amber
from amber.cli.tour.tampering import shift_means
from amber.errors import SourceError
from amber.server.calling.errors import CallError
from amber.server.front import keys
from tests.e2e.server.small_models import churn, line, people
from tests.unit.signing import TOML

AMBER = [sys.executable, "-m", "amber.cli.main"]


def run(*words: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, **environment}
    return subprocess.run([*AMBER, *words], cwd=cwd, env=env, capture_output=True, text=True, check=False, timeout=120)


class Serving:
    """A running `amber serve --json`."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.events: list[dict[str, Any]] = []

    def until(self, name: str) -> dict[str, Any]:
        assert self.process.stdout is not None
        for text in self.process.stdout:
            self.events.append(json.loads(text))
            if self.events[-1]["event"] == name:
                return self.events[-1]
        raise AssertionError(f"ended before {name!r}: {self.events}")

    def end(self, how: int = signal.SIGTERM) -> int:
        self.process.send_signal(how)
        self.until("stopped")
        return self.process.wait(60)


@contextlib.contextmanager
def serving(*words: str, cwd: Path) -> Iterator[tuple[Serving, str]]:
    command = [*AMBER, "serve", *words, "--port", "0", "--json"]
    with subprocess.Popen(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        running = Serving(process)
        try:
            url = running.until("listening")["http"][0]
            running.until("ready")
            yield running, url
        finally:
            if process.poll() is None:
                process.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.communicate(timeout=60)
            if process.poll() is None:
                process.kill()


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rows") / "rows.csv"
    people(250, seed=9).to_csv(path, index=False)
    return path


def column(path: Path, name: str) -> list[str]:
    with path.open(newline="") as file:
        return [row[name] for row in csv.DictReader(file)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Serving, str]]:
    with serving(str(churn()), "--workers", "2", cwd=tmp_path_factory.mktemp("server")) as running:
        yield running


def test_two_shells(server: tuple[Serving, str], tmp_path: Path, rows: Path) -> None:
    running, url = server
    expected = amber.program(churn()).predict(people(250, seed=9)).tolist()
    words = ["call", "churn", str(rows), "--url", url, "-o", "out.csv", "-m", "predict", "-m", "predict_proba"]
    called = run(*words, "--batch-rows", "40", "--concurrency", "5", cwd=tmp_path)
    assert called.returncode == 0, called.stderr
    assert column(tmp_path / "out.csv", "predict") == expected
    leave = [float(value) for value in column(tmp_path / "out.csv", "predict_proba_leave")]
    assert [value > 0.5 for value in leave] == [label == "leave" for label in expected]
    one = urllib3.request(
        "POST", f"{url}/v1/models/churn:predict", body=rows.read_bytes(),
        headers={"content-type": "text/csv", "accept": "application/json"},
    )  # fmt: skip
    assert one.status == 200, one.data
    assert one.json()["predictions"] == expected, "as curl sends it"
    loaded = next(each for each in running.events if each["event"] == "loaded")
    assert (loaded["name"], loaded["version"], loaded["route"]) == ("churn", "1.4.0", "program")


def test_a_bad_row_is_named_by_its_line(server: tuple[Serving, str], tmp_path: Path, rows: Path) -> None:
    lines = rows.read_text().splitlines()
    lines[101] = '1.5,"ten",Oslo'
    (tmp_path / "bad.csv").write_text("\n".join(lines))
    called = run("call", "churn", "bad.csv", "--url", server[1], "-o", "out.csv", cwd=tmp_path)
    assert called.returncode == 66
    assert "line 102, column visits" in called.stderr
    assert not (tmp_path / "out.csv").exists()


def test_a_port_that_is_taken_is_said(server: tuple[Serving, str], tmp_path: Path) -> None:
    other = run("serve", str(line()), "--port", server[1].rpartition(":")[2], cwd=tmp_path)
    assert other.returncode == 66
    assert "[address-unusable]" in other.stderr
    assert "--port" in other.stderr


def test_a_person_reads_where_to_ask(tmp_path: Path) -> None:
    command = [*AMBER, "serve", str(line()), "--port", "0"]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        text = []
        for each in process.stdout:
            text.append(each)
            if each.startswith("  try"):
                break
        process.send_signal(signal.SIGINT)
        text += process.stdout.readlines()
        assert process.wait(60) == 0
    said = "".join(text)
    assert "line 1.0.0  program " in said
    assert "served: the program" in said
    assert "ready at http://127.0.0.1:" in said
    assert "/v1/models/line:predict -d '" in said
    assert "\x1b" not in said, "no colours in a pipe"
    assert "finishing what has begun" in said


def test_check_is_the_verdict(tmp_path: Path) -> None:
    good = run("serve", str(churn()), str(line()), "--port", "0", "--check", cwd=tmp_path)
    assert good.returncode == 0, good.stderr
    assert "churn 1.4.0  program" in good.stdout
    assert "line 1.0.0  program" in good.stdout
    (tmp_path / "policy.toml").write_text(TOML)
    bad = run("serve", str(line()), "--port", "0", "--check", "--json", "--policy", "policy.toml", cwd=tmp_path)
    assert bad.returncode == 2
    refused = [each for each in map(json.loads, bad.stdout.splitlines()) if each["event"] == "refused"]
    assert [each["path"] for each in refused] == [str(line())]


def test_a_drifted_model_is_not_served(tmp_path: Path) -> None:
    amber.unpack(churn(), tmp_path / "folder")
    shift_means(tmp_path / "folder", 0.5)
    amber.pack(tmp_path / "folder", tmp_path / "churn.amber")
    words = ["churn.amber", "--route", "original"]
    checked = run("serve", *words, "--port", "0", "--check", cwd=tmp_path)
    assert checked.returncode == 1, checked.stderr
    assert "not served: " in checked.stdout
    assert "drifted: the model does not answer as recorded" in checked.stdout
    with serving(*words, cwd=tmp_path) as (_, url):
        answer = urllib3.request("POST", f"{url}/v2/models/churn/infer", body=b"{}", retries=False)
        assert answer.status == 503
        assert "drifted" in answer.data.decode()


def test_a_model_that_is_refused_is_not_served_and_the_others_are(tmp_path: Path) -> None:
    data = bytearray(line().read_bytes())
    data[-300] ^= 1
    (tmp_path / "bad.amber").write_bytes(data)
    with serving(str(churn()), "bad.amber", cwd=tmp_path) as (running, url):
        refused = next(each for each in running.events if each["event"] == "refused")
        assert refused["path"].endswith("bad.amber")
        assert refused["reason"]
        assert urllib3.request("GET", f"{url}/v2/models/churn/ready").status == 200
        assert urllib3.request("GET", f"{url}/v2/health/ready", retries=False).status == 503


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("openssl") is None, reason="makes the certificate")
def test_keys_and_tls(tmp_path: Path, rows: Path) -> None:
    certificate(tmp_path)
    made = run("keys", "keys.toml", "--new", "asker", cwd=tmp_path)
    (tmp_path / "asker").write_text(made.stdout)
    (tmp_path / "reader").write_text(keys.add(str(tmp_path / "keys.toml"), "reader", ["read"]))
    tls = ["--tls-cert", "cert.pem", "--tls-key", "key.pem"]
    with serving(str(churn()), "--api-keys", "keys.toml", *tls, cwd=tmp_path) as (running, url):
        assert url.startswith("https://127.0.0.1:")
        words = ["call", "churn", str(rows), "--url", url, "-o", "out.csv", "--ca-file", "cert.pem"]
        reader = run(*words, "--api-key-file", "reader", cwd=tmp_path)
        assert (reader.returncode, (tmp_path / "out.csv").exists()) == (2, False)
        assert "[scope-missing]" in reader.stderr
        asker = run(*words, cwd=tmp_path, AMBER_API_KEY=(tmp_path / "asker").read_text().strip())
        assert asker.returncode == 0, asker.stderr
        assert len(column(tmp_path / "out.csv", "predict")) == 250
        with amber.Client(url, retries=0) as untrusting, pytest.raises(SourceError, match="certificate verify failed"):
            untrusting.metadata()
        with amber.Client(url, ca_file=str(tmp_path / "cert.pem")) as keyless:
            assert keyless.ready(), "probes need no key"
            with pytest.raises(CallError) as error:
                keyless.metadata()
            assert error.value.status == 401
        assert running.end() == 0


def certificate(folder: Path) -> None:
    """Write `cert.pem` and `key.pem` for 127.0.0.1 and localhost."""
    names = "subjectAltName=IP:127.0.0.1,DNS:localhost"
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    words += ["-keyout", "key.pem", "-out", "cert.pem", "-days", "2", "-subj", "/CN=localhost", "-addext", names]
    subprocess.run(words, cwd=folder, check=True, capture_output=True)


def test_a_file_of_settings(tmp_path: Path) -> None:
    shutil.copy(line(), tmp_path / "m.amber")
    (tmp_path / "serve.toml").write_text('docs = false\n[[models]]\npath = "m.amber"\nname = "renamed"\n')
    with serving("--config", str(tmp_path / "serve.toml"), cwd=Path("/")) as (_, url):
        assert urllib3.request("GET", f"{url}/v2/models/renamed").json()["name"] == "renamed"
        assert urllib3.request("GET", f"{url}/docs").status == 404
