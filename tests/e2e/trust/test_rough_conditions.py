"""Ended in the middle, a full disk, closed streams, a wrong file: no half of a file, and a word that helps."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

import amber

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="signals, /dev/full and limits as Linux has them")
resource = pytest.importorskip("resource", reason="a system with limits")
PASSPHRASE = "correct horse battery staple"
AMBER = (sys.executable, "-m", "amber.cli.main")
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "AMBER_PASSPHRASE": PASSPHRASE}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rough")
    X = np.random.default_rng(3).normal(size=(60, 3))
    amber.save(LogisticRegression().fit(X, X[:, 0] > 0), folder / "churn.amber", sample=X[:20], name="churn")
    subprocess.run([*AMBER, "keygen", "--out", "key"], cwd=folder, env=ENVIRONMENT, check=True, capture_output=True)
    np.savetxt(folder / "rows.csv", X[:5], delimiter=",")
    return folder


@pytest.fixture
def place(made: Path, tmp_path: Path) -> Path:
    for path in made.iterdir():
        shutil.copy2(path, tmp_path / path.name)
    return tmp_path


def run(*words: str, cwd: Path, **more: Any) -> subprocess.CompletedProcess[str]:
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **more}
    return subprocess.run([*AMBER, *words], cwd=cwd, env=ENVIRONMENT, text=True, check=False, **streams)


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def until(happened: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.02)


def is_there(pid: int) -> bool:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False


@pytest.fixture
def hung_up() -> Iterator[None]:
    """Have children heed SIGHUP, which they do not where the tests were started by nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.usefixtures("hung_up")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=["INT", "TERM", "HUP"])
def test_ended_while_a_command_signs(place: Path, number: signal.Signals) -> None:
    """The copy that was being made is taken away, and the command that signs is ended with the one that asked it."""
    before = files(place)
    script = place.parent / f"{place.name}-signer"
    script.write_text("#!/bin/sh\necho $$ > ../pid.new\nmv ../pid.new ../pid\nexec sleep 300\n")
    script.chmod(0o755)
    pid = place.parent / "pid"
    pid.unlink(missing_ok=True)
    words = [*AMBER, "sign", "churn.amber", "--signer", str(script), "--public-key", "key.pub"]
    child = subprocess.Popen(words, cwd=place, env=ENVIRONMENT, stderr=subprocess.PIPE, start_new_session=True)
    try:
        until(pid.exists)
        assert len(files(place)) > len(before), "the copy"
        child.send_signal(number)
        assert child.wait(60) == (130 if number == signal.SIGINT else -number)
    finally:
        child.kill()
        child.communicate()
    assert files(place) == before
    until(lambda: not is_there(int(pid.read_text())))


def test_ended_while_a_passphrase_is_asked_for(place: Path) -> None:
    """The terminal shows again what is typed."""
    pty, termios = pytest.importorskip("pty"), pytest.importorskip("termios")
    environment = {name: value for name, value in ENVIRONMENT.items() if name != "AMBER_PASSPHRASE"}
    before = files(place)
    for number in (signal.SIGINT, signal.SIGTERM):
        mine, its = pty.openpty()
        words = [*AMBER, "sign", "churn.amber", "--key", "key"]
        with subprocess.Popen(words, cwd=place, env=environment, stdin=its, stdout=its, stderr=its) as child:
            try:
                until(lambda its=its: not termios.tcgetattr(its)[3] & termios.ECHO)  # type: ignore[misc]
                child.send_signal(number)
                assert child.wait(60) == (130 if number == signal.SIGINT else -number)
                assert termios.tcgetattr(its)[3] & termios.ECHO
            finally:
                child.kill()
                os.close(mine)
                os.close(its)
    assert files(place) == before


COMMANDS = {
    "verify": ("verify", "churn.amber", "--no-cases"),
    "verify --json": ("verify", "churn.amber", "--no-cases", "--json"),
    "sbom": ("sbom", "churn.amber"),
    "predict": ("predict", "churn.amber", "rows.csv"),
}


@pytest.mark.parametrize("name", list(COMMANDS))
def test_a_full_disk_under_the_output_is_no_verdict(place: Path, name: str) -> None:
    """1 would say that the model has drifted."""
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = run(*COMMANDS[name], cwd=place, stdout=full)
        assert done.returncode == 66
        assert "standard output: cannot be written" in done.stderr
        assert run(*COMMANDS[name], cwd=place, stdout=full, stderr=full).returncode == 66
        assert run("verify", "missing", cwd=place, stderr=full).returncode == 66
        assert run("verify", "missing", "--json", cwd=place, stdout=full).returncode == 66


@pytest.mark.parametrize("name", list(COMMANDS))
@pytest.mark.parametrize("closed", ["1", "2", "0 1 2"])
def test_streams_that_were_closed_before_the_start(place: Path, name: str, closed: str) -> None:
    shut = " ".join(f"{number}>&-" for number in closed.split())
    line = f'"$@" {shut}'
    words = ["/bin/sh", "-c", line, "sh", *AMBER, *COMMANDS[name]]
    done = subprocess.run(words, cwd=place, env=ENVIRONMENT, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert bool(done.stdout) == (closed == "2")


@pytest.fixture
def little() -> dict[str, Any]:
    """What `run` needs for a process that may write files of 64 KiB at most."""
    return {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))}


@pytest.mark.parametrize("words", [("--key", "key"), ("--strip",), ("--add", "bundle.json")], ids=" ".join)
@pytest.mark.parametrize("size", [1 << 30, 1 << 42])
def test_what_is_no_artifact_is_refused_before_it_is_copied(
    place: Path, little: dict[str, Any], words: tuple[str, ...], size: int
) -> None:
    """Or the wrong file of a terabyte would be copied first, and fill the disk."""
    run("sign", "churn.amber", "--key", "key", "--detached", cwd=place)
    os.replace(place / "churn.amber.0001-oms.sigstore.json", place / "bundle.json")
    with (place / "huge").open("wb") as file:
        file.truncate(size)
    before = sorted(os.listdir(place))
    done = run("sign", "huge", *words, "--json", cwd=place, **little)
    assert done.returncode == 2, done.stderr
    error = json.loads(done.stdout)["error"]
    assert error["code"] == ("limit-file-bytes" if size > 1 << 40 else "container-not-canonical")
    assert error["where"] == "huge"
    assert sorted(os.listdir(place)) == before


def test_a_disk_that_is_full_while_signing_leaves_everything(place: Path) -> None:
    before = files(place)
    most = len(before["churn.amber"]) + 100
    limited = {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))}
    for words in (
        ("sign", "churn.amber", "--key", "key"),
        ("sign", "churn.amber", "--key", "key", "--output", "o.amber"),
    ):
        done = run(*words, "--json", cwd=place, **limited)
        assert done.returncode == 66, done.stderr
        assert json.loads(done.stdout)["error"]["code"] == "target-unwritable"
        assert files(place) == before


def test_a_bill_of_materials_replaces_no_signature(place: Path) -> None:
    run("sign", "churn.amber", "--key", "key", "--detached", cwd=place)
    before = files(place)
    done = run("sbom", "churn.amber", "--out", "churn.amber.0001-oms.sigstore.json", cwd=place)
    assert done.returncode == 66
    assert "target-exists" in done.stderr
    assert files(place) == before
    for form in ("cyclonedx", "spdx", "cyclonedx"):
        assert run("sbom", "churn.amber", "--out", "s.json", "--format", form, cwd=place).returncode == 0


@pytest.mark.parametrize(
    "words",
    [
        ("sign", "churn.amber", "--key", "key", "--output", ""),
        ("attest", "churn.amber", "--type", "sbom", "--key", "key", "--output", ""),
        ("sbom", "churn.amber", "--out", ""),
        ("keygen", "--out", ""),
    ],
    ids=lambda words: words[0],
)
def test_an_empty_path_is_a_variable_that_was_lost(place: Path, words: tuple[str, ...]) -> None:
    before = files(place)
    done = run(*words, cwd=place)
    assert done.returncode == 64
    assert "is empty" in done.stderr
    assert files(place) == before
