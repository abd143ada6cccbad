"""Attacks on who decides and on what: files swapped between check and use, gates left out, words and secrets that leak.

Each test is one way that bytes nobody named has signed could be used, or one way to stop the reader with a file.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

import amber
from amber.archive.lock import tables
from amber.archive.manifest import decode_manifest
from amber.archive.write import write_artifact
from amber.cli.main import main
from amber.errors import AmberError, FormatError, UsageError
from amber.limits import DEFAULT
from amber.models import bench_worker, child, predict
from amber.policy import Policy
from amber.server.settings import Settings
from amber.vault.check import open_checked
from tests.unit.signing import ALICE, WANTS_ALICE, pem, signed

RNG = np.random.default_rng(5)
X = RNG.normal(size=(60, 3))
FIRST = "signatures/0001-oms.sigstore.json"
SECRET = "not for any process but this one"
Members = dict[str, bytes]


def saved(folder: Path, name: str, sign: int = 1) -> Members:
    """The members of a small model."""
    amber.save(LogisticRegression().fit(X, X[:, 0] * sign > 0), folder / "a.amber", sample=X[:20], name=name)
    amber.unpack(folder / "a.amber", folder / "members")
    root = folder / "members"
    return {each.relative_to(root).as_posix(): each.read_bytes() for each in root.rglob("*") if each.is_file()}


@pytest.fixture(scope="module")
def members(tmp_path_factory: pytest.TempPathFactory) -> Members:
    return saved(tmp_path_factory.mktemp("mine"), "churn")


@pytest.fixture(scope="module")
def strangers(tmp_path_factory: pytest.TempPathFactory) -> Members:
    return saved(tmp_path_factory.mktemp("theirs"), "churn", sign=-1)


def put(path: Path, members: Members) -> Path:
    write_artifact(path, {name: [data] for name, data in members.items()})
    return path


def by_alice(members: Members) -> Members:
    return {**members, FIRST: signed(members, ALICE)}


# -- from check to use -------------------------------------------------------------------------------------------------


def test_rows_are_answered_and_read_by_the_same_bytes(
    members: Members, strangers: Members, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Predict reads the artifact once: what the columns mean comes from the bytes whose signature was checked."""
    path = put(tmp_path / "m.amber", by_alice(members))
    (tmp_path / "rows.csv").write_text("\n".join(",".join(map(str, row)) for row in X[:5]) + "\n")
    opens: list[Any] = []

    @contextmanager
    def counting(source: Any, *given: Any, **named: Any) -> Iterator[Any]:
        opens.append(source)
        with open_checked(source, *given, **named) as proved:
            put(tmp_path / "m.amber", strangers)
            yield proved

    monkeypatch.setattr(predict, "open_checked", counting)
    predict.predict_file(str(path), str(tmp_path / "rows.csv"), str(tmp_path / "out.csv"), policy=WANTS_ALICE)
    assert opens == [str(path)]
    answers = (tmp_path / "out.csv").read_text().split()[1:]
    assert answers == [str(bool(row[0] > 0)) for row in X[:5]]


def test_the_process_that_is_measured_judges_the_file_again(members: Members, tmp_path: Path) -> None:
    """Bench opens the path in other processes, seconds after it was judged."""
    order = bench_worker.Order(
        side="original", source=bytes(put(tmp_path / "m.amber", members)), program="", path=[],
        policy=WANTS_ALICE.to_dict(), method="predict", methods=[], layout="matrix", columns=[], kept=[], rows=1,
        started=0.0,
    )  # fmt: skip
    assert bench_worker._outcome(order).code == "signature-missing"


def test_cases_of_a_file_that_was_swapped_are_not_replayed(
    members: Members, strangers: Members, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Diff replays the cases of the first in a process that opens it again."""
    first, second = put(tmp_path / "a.amber", by_alice(members)), put(tmp_path / "b.amber", strangers)
    asked = child.Child.ask

    def swapping(self: child.Child, order: bytes, seconds: float) -> child.Ended:
        put(first, strangers)
        return asked(self, order, seconds)

    monkeypatch.setattr(child.Child, "ask", swapping)
    found = amber.diff(first, second)
    assert (found.verdict, found.reason) == ("broken", "source-changed")


def test_a_file_that_was_swapped_is_not_replayed(
    members: Members, strangers: Members, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Verify, the same: its child has no policy and needs none, as it takes the manifest that was judged or nothing."""
    path = put(tmp_path / "m.amber", by_alice(members))
    asked = child.Child.ask

    def swapping(self: child.Child, order: bytes, seconds: float) -> child.Ended:
        put(path, strangers)
        return asked(self, order, seconds)

    monkeypatch.setattr(child.Child, "ask", swapping)
    found = amber.verify(path, policy=WANTS_ALICE)
    assert (found.verdict, found.reason) == ("broken", "source-changed")


# -- the gate ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("more", [{"preset": "production"}, {"verdict": "equivalent"}], ids=["production", "verdict"])
def test_leaving_the_cases_out_does_not_satisfy_a_policy_that_wants_their_verdict(
    members: Members, tmp_path: Path, more: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    path = put(tmp_path / "m.amber", by_alice(members))
    policy = Policy.from_dict({**WANTS_ALICE.to_dict(), **more})
    report = amber.verify(path, policy=policy, cases=False)
    assert report.refused == ("verdict-too-low: unchecked, where the policy wants equivalent",)
    (tmp_path / "p.toml").write_text(_toml(more))
    assert main(["verify", str(path), "--policy", str(tmp_path / "p.toml"), "--no-cases"]) == 2
    assert "verdict-too-low" in capsys.readouterr().out
    assert amber.verify(path, policy=WANTS_ALICE, cases=False).refused == ()


def _toml(more: dict[str, Any]) -> str:
    head = "".join(f"{key} = {json.dumps(value)}\n" for key, value in more.items())
    rule = '[[rule]]\nnames = ["*"]\nrequire = [{from = ["alice"]}]\n'
    return f"{head}[signers.alice]\nkeys = [{json.dumps(pem(ALICE))}]\n{rule}"


@pytest.mark.parametrize("verb", ["verify", "predict", "attest"])
def test_an_expected_name_that_got_lost_is_no_permission(
    verb: str, members: Members, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--expect "$NAME"` where nobody set NAME would otherwise expect nothing at all."""
    path = put(tmp_path / "m.amber", members)
    more = {"predict": ["rows.csv"], "attest": ["--type", "vsa", "--key", "k"]}.get(verb, [])
    assert main([verb, str(path), *more, "--expect", ""]) == 64
    assert "--expect" in capsys.readouterr().err


def test_a_server_too_takes_no_empty_name(members: Members, tmp_path: Path) -> None:
    path = put(tmp_path / "m.amber", members)
    (tmp_path / "serve.toml").write_text(f'[[models]]\npath = {json.dumps(str(path))}\nexpect = ""\n')
    with pytest.raises(UsageError) as caught:
        Settings.from_sources({}, tmp_path / "serve.toml")
    assert "expect" in caught.value.message


# -- bytes that stop the reader ----------------------------------------------------------------------------------------

LOCKS = {
    "long-key": b".".join([b"a"] * 200_000) + b" = 1\n",
    "long-header": b"[ " + b" . ".join([b"a"] * 200_000) + b"]\n",
    "quoted": b'"a.b"' + b'."a.b"' * 200_000 + b" = 1\n",
    "inline": b"x = {y = 1, " + b".".join([b"'a'"] * 200_000) + b" = 1}\n",
    "digits": b"a = " + b"1" * 5000 + b"\n",
    "deep": b"a = " + b"[" * 100_000,
}


@pytest.mark.parametrize("name", LOCKS)
def test_a_recorded_environment_that_takes_forever_to_read(name: str, members: Members, tmp_path: Path) -> None:
    """Four minutes for 200 KB of dots, in the process that only wanted to look; an internal error for the digits."""
    hostile = {**members, "env/pylock.toml": LOCKS[name]}
    hostile["manifest.json"] = _listing(hostile)
    path = put(tmp_path / "m.amber", hostile)
    for verb in (amber.load, amber.inspect, amber.sbom):
        with pytest.raises(FormatError) as caught:
            verb(path)
        assert caught.value.code == "environment-invalid"
    assert amber.verify(path).reason == "environment-invalid"


def _listing(members: Members) -> bytes:
    """The manifest with the sizes and digests of these members."""
    from blake3 import blake3

    said = json.loads(members["manifest.json"])
    for name, entry in said["members"].items():
        entry.update(size=len(members[name]), blake3=blake3(members[name]).hexdigest())
    data = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    decode_manifest(memoryview(data), DEFAULT)
    return data


def test_an_ordinary_lock_is_read() -> None:
    wheels = ", ".join(f'{{url = "https://files.example.org/a/b/numpy-2.{each}.0-cp311.whl"}}' for each in range(500))
    text = f'lock-version = "1.0"\n[[packages]]\nname = "numpy"\nwheels = [{wheels}]\n[tool.amber]\npython = "3.11"\n'
    assert tables(text.encode())["tool"] == {"amber": {"python": "3.11"}}


# -- words of strangers ------------------------------------------------------------------------------------------------


def test_names_in_a_statement_reach_no_terminal_by_way_of_json(
    members: Members, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = "\u009b31m\u202eabc"

    def evil(statement: Any) -> None:
        statement["predicate"]["resources"].append({"name": said, "digest": "0" * 64, "algorithm": "sha256"})

    path = put(tmp_path / "m.amber", members)
    (tmp_path / "b.json").write_bytes(signed(members, ALICE, evil, root=True))
    assert main(["sign", str(path), "--add", str(tmp_path / "b.json"), "--json"]) == 2
    told = capsys.readouterr()
    assert "signature-coverage" in told.out
    assert not {"\u009b", "\u202e"} & {*told.out, *told.err}


@pytest.mark.parametrize("number", ["99999999999999999999", "-1", "987"])
def test_a_descriptor_that_is_none_is_an_error_of_the_caller(
    number: str, members: Members, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = put(tmp_path / "m.amber", members)
    assert main(["sign", str(path), "--key", "k", "--passphrase-fd", number]) == 66
    assert "passphrase-unreadable" in capsys.readouterr().err


def test_a_policy_with_a_number_that_python_does_not_convert(tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_text("issued = " + "1" * 5000)
    with pytest.raises(AmberError) as caught:
        Policy.from_file(tmp_path / "p.toml")
    assert caught.value.code == "policy-invalid"


# -- secrets -----------------------------------------------------------------------------------------------------------


def test_no_process_that_amber_starts_has_the_passphrase(
    members: Members, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The variable is still there where nothing signs: the replay of a stranger's model must not have it."""
    started: list[dict[str, str]] = []
    popen = subprocess.Popen

    def watching(*given: Any, **named: Any) -> Any:
        started.append(dict(named.get("env") or os.environ))
        return popen(*given, **named)

    monkeypatch.setenv("AMBER_PASSPHRASE", SECRET)
    monkeypatch.setattr(subprocess, "Popen", watching)
    assert amber.verify(put(tmp_path / "m.amber", members)).exit_code == 0
    assert started
    assert not any(SECRET in each.values() for each in started)


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on the size of files")
def test_a_private_key_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    (tmp_path / "words").write_text("a passphrase that is long enough")

    def small() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))

    words = [sys.executable, "-m", "amber.cli.main", "keygen", "--out", "key", "--passphrase-file", "words"]
    done = subprocess.run(words, cwd=tmp_path, preexec_fn=small, capture_output=True, text=True, check=False)
    assert done.returncode == 66
    assert "target-unwritable" in done.stderr
    assert sorted(each.name for each in tmp_path.iterdir()) == ["words"]
