"""Verify and parse the same bytes: a file that is written, cut or replaced meanwhile is the signed one or a refusal.

And the two lists of digests never vouch for each other (`spec/digests.md`).
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from blake3 import blake3
from sklearn.neighbors import KNeighborsRegressor

import amber
from amber.archive import source
from amber.archive.digests import artifact_id
from amber.archive.manifest import decode_manifest, encode_manifest
from amber.archive.source import open_source
from amber.archive.write import to_bytes, write_artifact
from amber.errors import AmberError
from amber.limits import DEFAULT
from amber.policy import Key, Line, Policy, Rule, Signer
from amber.trust import keys
from amber.vault import check as checking
from amber.vault.check import check
from amber.vault.sign import sign
from tests.architecture.repository import ROOT
from tests.unit.archive.samples import members, tree_of
from tools.vectors.signatures import ALICE, FIRST, pem, signed

ROWS = np.linspace(0.0, 1.0, 40).reshape(5, 8)


@dataclass(frozen=True)
class Pair:
    """Two artifacts of one size and one shape; the good one is signed by alice, the evil one by mallory."""

    good: bytes
    evil: bytes
    answers: list[float]
    policy: Policy


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    folder = tmp_path_factory.mktemp("pair")
    X = np.random.default_rng(5).normal(size=(60_000, 8))
    made = {}
    for name, sign_of in (("alice", 1.0), ("mallory", -1.0)):
        model = KNeighborsRegressor(n_neighbors=1, algorithm="brute").fit(X, sign_of * X[:, 0])
        key = keys.generate()
        amber.save(model, folder / name, sample=X[:5], name="churn", version="1.0.0")
        sign(folder / name, signing=key)
        made[name] = (folder / name).read_bytes(), key, model.predict(ROWS).tolist()
    assert len(made["alice"][0]) > 3 * 1024 * 1024
    alice = Signer("alice", keys=(Key(made["alice"][1].public.der, None),))
    policy = Policy(signers=(alice,), rules=(Rule(names=("*",), require=(Line(("alice",), 1),)),), verdict=None)
    return Pair(made["alice"][0], made["mallory"][0], made["alice"][2], policy)


def overwrite(path: Path, data: bytes) -> None:
    with open(path, "r+b") as file:
        file.write(data)
        file.truncate()


def replace(path: Path, data: bytes) -> None:
    new = path.with_name("new")
    new.write_bytes(data)
    os.replace(new, path)


def cut(path: Path, _: bytes) -> None:
    os.truncate(path, 4096)


def emptied(path: Path, _: bytes) -> None:
    os.truncate(path, 0)


DEEDS: dict[str, Callable[[Path, bytes], None]] = {
    "overwritten": overwrite, "replaced": replace, "cut": cut, "emptied": emptied,
}  # fmt: skip


@pytest.mark.parametrize("piped", [True, False])
@pytest.mark.parametrize("deed", DEEDS)
def test_after_the_read_the_file_does_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pair: Pair, deed: str, piped: bool
) -> None:
    """Between step 1 and step 2, where the signature is not checked yet: what was read is what is used."""
    path = tmp_path / "churn.amber"
    path.write_bytes(pair.good)
    monkeypatch.setattr(source, "_PIPED_BYTES", 0 if piped else 1 << 60)
    real = checking.judged

    def judged(*arguments: Any, **keywords: Any) -> Any:
        DEEDS[deed](path, pair.evil)
        return real(*arguments, **keywords)

    monkeypatch.setattr(checking, "judged", judged)
    model = amber.load(path, policy=pair.policy, mmap=True)
    assert model.predict(ROWS).tolist() == pair.answers
    overwrite(path, pair.good)
    report = amber.verify(path, policy=pair.policy, cases=False)
    assert (report.refused, report.id) == ((), expected_id(pair.good))
    monkeypatch.undo()
    with pytest.raises(AmberError):
        amber.load(path, policy=pair.policy)


def expected_id(data: bytes) -> str:
    with open_source(data) as opened:
        return artifact_id({name: [view] for name, view in opened.members.items()})


@pytest.mark.parametrize("deed", DEEDS)
def test_a_replay_answers_for_the_verified_bytes_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pair: Pair, deed: str
) -> None:
    """The process that replays reads the file again: it says what it was asked about, or that the file changed."""
    from amber.models import child

    path = tmp_path / "churn.amber"
    path.write_bytes(pair.good)
    real = child.replay_in_child

    def replay(*arguments: Any, **keywords: Any) -> Any:
        DEEDS[deed](path, pair.evil)
        return real(*arguments, **keywords)

    monkeypatch.setattr(child, "replay_in_child", replay)
    report = amber.verify(path, policy=pair.policy)
    assert (report.verdict, report.exit_code) == ("broken", 2)
    assert report.reason in ("source-changed", "container-not-canonical")


def test_the_process_that_replays_maps_nothing_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pair: Pair
) -> None:
    from amber.models import child, replay_worker

    path = tmp_path / "churn.amber"
    path.write_bytes(pair.good)
    orders: list[child.Order] = []
    real = child.Child.ask

    def ask(self: child.Child, order: bytes, seconds: float) -> child.Ended:
        orders.append(msgspec.json.decode(order, type=child.Order))
        return real(self, order, seconds)

    monkeypatch.setattr(child.Child, "ask", ask)
    for policy, mapping in ((pair.policy, False), (Policy(preset="open"), "auto")):
        assert amber.verify(path, policy=policy).verdict in ("identical", "equivalent")
        assert replay_worker._mapping(orders.pop()) == mapping


HAMMERED = """
import json, sys, time
import numpy as np
import amber
from amber.archive import source
from amber.errors import AmberError
from amber.policy import Policy
path, answers = sys.argv[1], json.loads(sys.argv[3])
policy = Policy.from_dict(json.loads(sys.argv[2]))
source._PIPED_BYTES = 0
rows = np.linspace(0.0, 1.0, 40).reshape(5, 8)
print("ready", flush=True)
seen = {}
end = time.monotonic() + float(sys.argv[4])
while time.monotonic() < end or len(seen) == 0:
    try:
        got = amber.load(path, policy=policy, mmap=True, replay="never").predict(rows).tolist()
        outcome = "good" if got == answers else "evil"
    except AmberError as error:
        outcome = error.code
    seen[outcome] = seen.get(outcome, 0) + 1
print(json.dumps(seen))
"""


@pytest.mark.parametrize("deed", DEEDS)
def test_a_file_that_is_hammered(tmp_path: Path, pair: Pair, deed: str) -> None:
    """Loads while another process writes the file without a pause: no evil answer, no bus error."""
    path = tmp_path / "churn.amber"
    path.write_bytes(pair.good)
    words = [str(path), json.dumps(pair.policy.to_dict()), json.dumps(pair.answers), "1.5"]
    child = subprocess.Popen(
        [sys.executable, "-c", HAMMERED, *words], cwd=ROOT, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    with child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        for data in endless(pair):
            if child.poll() is not None:
                break
            (overwrite if data is pair.good else DEEDS[deed])(path, data)
            time.sleep(0.003)
        seen = json.loads(child.stdout.read())
    assert child.returncode == 0
    assert "evil" not in seen
    assert set(seen) <= {
        "good", "signature-missing", "signers-missing", "source-changed", "container-not-canonical", "crc-mismatch",
        "digest-mismatch", "signature-coverage", "manifest-invalid", "bundle-invalid", "source-missing",
    }, seen  # fmt: skip


def endless(pair: Pair) -> Iterator[bytes]:
    return itertools.cycle((pair.evil, pair.good))


def resealed(pieces: dict[str, bytes]) -> bytes:
    """A manifest whose BLAKE3 list names these bytes."""
    manifest = decode_manifest(b"".join(members()["manifest.json"]), DEFAULT)
    listed = {
        name: msgspec.structs.replace(info, size=len(pieces[name]), blake3=blake3(pieces[name]).hexdigest())
        for name, info in manifest.members.items()
    }
    return encode_manifest(msgspec.structs.replace(manifest, members=listed))


@pytest.mark.parametrize("preset", ["open", "default"])
@pytest.mark.parametrize("known", [True, False])
def test_a_blake3_list_never_stands_in_for_a_signed_sha256(tmp_path: Path, preset: str, known: bool) -> None:
    """The author gives the reviewer good tensors beside a manifest that lists the BLAKE3 of evil ones.

    The reviewer's statement names the good ones by SHA-256; the file that is passed on holds the evil ones, and every
    digest that its manifest lists is true.
    """
    shard = "model/tensors-00001.safetensors"
    good = {name: b"".join(parts) for name, parts in members(tree_of(10, 300)).items()}
    evil = dict(good)
    evil[shard] = good[shard][:-1] + bytes([good[shard][-1] ^ 1])
    manifest = resealed(evil)
    reviewed = signed({**good, "manifest.json": manifest}, ALICE)
    signers = {"alice": {"keys": [pem(ALICE)]}} if known else {}
    rules = [{"names": ["*"], "require": [{"from": ["alice"]}]}] if known and preset == "default" else []
    policy = Policy.from_dict({"preset": preset, "signers": signers, "rule": rules})
    for tensors, step, code in ((evil, 2, "signature-coverage"), (good, 4, "digest-mismatch")):
        path = tmp_path / "m.amber"
        write_artifact(path, {k: [v] for k, v in {**tensors, "manifest.json": manifest, FIRST: reviewed}.items()})
        with check(path, policy) as checked:
            assert checked.code == code
            assert checked.steps[step - 1].status == "failed"
        with pytest.raises(AmberError) as caught:
            amber.load(path, policy=policy)
        assert caught.value.code == code
    unsigned = to_bytes({name: [data] for name, data in {**evil, "manifest.json": manifest}.items()})
    with check(unsigned, Policy(preset="open")) as checked:
        assert checked.code == ""  # without the statement nothing is wrong with it
