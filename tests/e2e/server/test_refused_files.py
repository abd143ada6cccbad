"""Files that cannot take over, offered to a server that is asked all the time: the old version goes on."""

from __future__ import annotations

import json
import os
import resource
import shutil
from pathlib import Path

import pytest

pytest.importorskip("onnxruntime")

import amber
from amber.cli.tour.tampering import shift_means
from tests.e2e.server.served_versions import write_lines
from tests.e2e.server.small_models import churn
from tests.e2e.server.under_load import PREDICT, ROW, Load, replace, serving, slope

pytestmark = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="several workers need Linux")


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_lines(tmp_path_factory.mktemp("artifacts"))


@pytest.fixture
def path(artifacts: Path, tmp_path: Path) -> Path:
    """The file that is served: a line of slope 1."""
    shutil.copy(artifacts / "1.amber", tmp_path / "line.amber")
    return tmp_path / "line.amber"


@pytest.mark.slow
def test_what_cannot_be_taken_in_leaves_the_old_version(artifacts: Path, path: Path, tmp_path: Path) -> None:
    with serving(tmp_path, path.name, "--reload") as server, Load(server, PREDICT, ROW) as load:
        whole = (artifacts / "2.amber").read_bytes()
        path.write_bytes(whole[: len(whole) // 2])  # in place, and its writer dies
        server.until(lambda: len(server.told("refused")) == 1)
        path.unlink()
        load.more()
        path.mkdir()
        (path / "manifest.json").write_bytes(b"{}")
        server.until(lambda: len(server.told("refused")) == 2)
        shutil.rmtree(path)
        path.symlink_to(tmp_path / "nowhere")
        load.more()
        path.unlink()
        os.mkfifo(path)  # opening one waits for a writer
        server.until(lambda: server.told("refused", code="source-not-file"))
        load.more()
        assert slope(server) == 1.0
        path.unlink()
        path.write_bytes(whole)
        server.until(lambda: server.told("loaded", version="2.0.0"))
        load.more()
        assert slope(server) == 2.0
    assert set(load.statuses) == {200}
    assert len(load.bodies) == 2


def test_a_full_disk_or_memory_leaves_the_old_version(artifacts: Path, path: Path, tmp_path: Path) -> None:
    with serving(tmp_path, path.name, "--reload") as server, Load(server, PREDICT, ROW) as load:
        pid, hard = server.process.pid, resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (1000, hard))  # its private copy is a file to the kernel
        replace(path, artifacts / "2.amber")
        server.until(lambda: server.told("refused", code="memory-short"))
        load.more()
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))
        replace(path, artifacts / "2.amber")
        server.until(lambda: server.told("loaded", version="2.0.0"))
        assert slope(server) == 2.0
    assert set(load.statuses) == {200}


@pytest.mark.slow
def test_a_drifted_file_never_takes_traffic(tmp_path: Path) -> None:
    path = tmp_path / "churn.amber"
    shutil.copy(churn(), path)
    amber.unpack(churn(), tmp_path / "folder")
    shift_means(tmp_path / "folder", 0.5)
    amber.pack(tmp_path / "folder", tmp_path / "drifted.amber")
    row = b'{"age": 31.5, "visits": 14, "city": "Oslo"}'
    with serving(tmp_path, path.name, "--reload", "--route", "original") as server:
        with Load(server, "/v1/models/churn:predict", row) as load:
            replace(path, tmp_path / "drifted.amber")
            (refused,) = server.until(lambda: server.told("refused"))
            load.more()
        assert "drifted" in refused["reason"]
        assert refused["verdict"] == "drifted"
        assert server.told("loaded", version="1.4.0") == server.told("loaded")
    assert set(load.statuses) == {200}
    chances = {round(json.loads(each)["probabilities"][0]["leave"], 9) for each in load.bodies}
    assert len(chances) == 1
