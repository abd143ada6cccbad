"""Several processes write one path while others read it: a reader sees one whole artifact."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsRegressor

import amber
from amber.archive.source import open_source
from amber.errors import SourceError
from amber.vault.pack import unpack
from tests.architecture.repository import ROOT
from tests.unit.archive.samples import artifact, members, tree_of

WRITER = """
import sys
from amber.archive.write import write_artifact
from tests.unit.archive.samples import members, tree_of
which = int(sys.argv[2])
for _ in range(50):
    write_artifact(sys.argv[1], members(tree_of(which, 300_000), version=f"{which}.0.0"))
"""
UNPACKER = """
import sys
from amber.errors import SourceError
from amber.vault.pack import unpack
print("ready", flush=True)
sys.stdin.readline()
try:
    unpack(sys.argv[1], sys.argv[2])
    print("written")
except SourceError as error:
    print(error.code)
"""


@pytest.mark.parametrize("mmap", [False, True])
def test_two_writers_and_a_reader(tmp_path: Path, mmap: bool) -> None:
    file = tmp_path / "m.amber"
    whole = {version: artifact(tree_of(version, 300_000), version=f"{version}.0.0") for version in (1, 2)}
    file.write_bytes(whole[1])
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(file), str(which)], cwd=ROOT) for which in (1, 2)]
    expected = [open_source(data).members for data in whole.values()]
    reads = 0
    while any(writer.poll() is None for writer in writers):
        with open_source(file, mmap=mmap, all_crcs=True) as opened:
            assert opened.members in expected
            opened.confirm()
        reads += 1
    assert [writer.wait() for writer in writers] == [0, 0]
    assert reads > 1
    assert file.read_bytes() in whole.values()
    assert os.listdir(tmp_path) == ["m.amber"]


def test_of_many_that_unpack_to_one_path_one_wins(tmp_path: Path) -> None:
    source = tmp_path / "m.amber"
    source.write_bytes(artifact())
    unpackers = [
        subprocess.Popen(
            [sys.executable, "-c", UNPACKER, str(source), str(tmp_path / "m")],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for _ in range(4)
    ]  # fmt: skip
    for process in unpackers:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    said = sorted(process.communicate("\n")[0].strip() for process in unpackers)
    assert said == ["target-exists"] * 3 + ["written"]
    assert sorted(os.listdir(tmp_path)) == ["m", "m.amber"]
    with open_source(tmp_path / "m") as opened:
        assert list(opened.members) == list(members())


@pytest.mark.parametrize("mmap", [True, False])
def test_a_save_over_the_file_a_model_was_loaded_from(tmp_path: Path, mmap: bool) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(20_000, 8))
    rows = X[:50] + 0.01
    file = tmp_path / "m.amber"
    amber.save(KNeighborsRegressor(n_neighbors=3).fit(X, X[:, 0]), file, sample=X[:20], version="1.0.0")
    model = amber.load(file, mmap=mmap)
    answers = model.predict(rows)
    model._y = -model._y
    amber.save(model, file, sample=X[:20], version="2.0.0")  # what was read from the file goes back into it
    model._y = -model._y
    assert np.array_equal(model.predict(rows), answers)
    assert np.array_equal(model._fit_X, X)
    assert np.array_equal(amber.load(file, mmap=mmap).predict(rows), -answers)
    amber.redact(file, file)
    unpack(file, tmp_path / "m")
    file.write_bytes(b"")  # not ours: in place
    assert amber.verify(tmp_path / "m").verdict == "identical"
    assert sorted(os.listdir(tmp_path)) == ["m", "m.amber"]


def test_a_folder_is_never_replaced_by_a_file(tmp_path: Path) -> None:
    (tmp_path / "m.amber").mkdir()
    with pytest.raises(SourceError):
        amber.save({"a": 1}, tmp_path / "m.amber")
    assert os.listdir(tmp_path) == ["m.amber"]
