"""What descends from an artifact keeps what it keeps, names its parent, and says what was left behind."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

pytest.importorskip("onnxruntime")

import amber
from amber.archive.write import write_artifact
from tests.unit.signing import ALICE, signed

RNG = np.random.default_rng(2)
X = RNG.normal(size=(60, 3))
SIGNATURES = "the signatures were dropped: they spoke of the old artifact"


@pytest.fixture(scope="module")
def frozen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A signed artifact with a card and a program."""
    folder = tmp_path_factory.mktemp("descend")
    model = LogisticRegression().fit(X, X[:, 0] > 0)
    amber.save(model, folder / "m.amber", sample=X, freeze=True, card="# Mine\n")
    members = read(folder / "m.amber")
    members["signatures/0001-oms.sigstore.json"] = signed(members, ALICE)
    write_artifact(folder / "signed.amber", {name: [data] for name, data in members.items()})
    return folder / "signed.amber"


def read(path: Path | str) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as file:
        return {name: file.read(name) for name in file.namelist()}


def test_redacting_drops_programs_and_signatures_and_says_so(frozen: Path, tmp_path: Path) -> None:
    done = amber.redact(frozen, tmp_path / "public.amber")
    assert SIGNATURES in done.notes
    dropped = [note for note in done.notes if note.startswith("the programs were dropped (onnx)")]
    assert len(dropped) == 1
    assert "amber freeze" in dropped[0]
    old, new = read(frozen), read(tmp_path / "public.amber")
    assert not any(name.startswith(("programs/", "signatures/")) for name in new)
    same = ["README.md", "env/pylock.toml", *(name for name in old if name.startswith("model/"))]
    assert {name: new[name] for name in same} == {name: old[name] for name in same}
    info = amber.inspect(tmp_path / "public.amber").to_dict()
    assert info["lineage"] == {"parent": amber.inspect(frozen).id, "note": "redacted"}
    again = amber.freeze(tmp_path / "public.amber")
    assert again.notes == ()
    assert amber.program(again.path).predict(X).tolist() == amber.program(frozen).predict(X).tolist()


def test_redacting_what_has_no_program_says_nothing_of_programs(tmp_path: Path) -> None:
    amber.save(LogisticRegression().fit(X, X[:, 0] > 0), tmp_path / "m.amber", sample=X)
    notes = amber.redact(tmp_path / "m.amber", tmp_path / "public.amber").notes
    assert not any("dropped" in note for note in notes)


def test_freezing_keeps_the_other_program_and_drops_signatures(frozen: Path, tmp_path: Path) -> None:
    done = amber.freeze(frozen, tmp_path / "two.amber", precision="float32")
    assert done.notes == (SIGNATURES,)
    old, new = read(frozen), read(tmp_path / "two.amber")
    kept = [name for name in old if not name.startswith("signatures/") and name != "manifest.json"]
    assert {name: new[name] for name in kept} == {name: old[name] for name in kept}
    assert set(new) - set(old) == {"programs/onnx-float32.json", "programs/onnx-float32.onnx"}
    info = amber.inspect(tmp_path / "two.amber").to_dict()
    assert info["lineage"] == {"parent": amber.inspect(frozen).id, "note": "frozen"}
