"""Parts that stand alone: changes of files, back-off, rates, bounds, private copies, memory."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from amber.errors import AmberError
from amber.server.front.endpoints import memory
from amber.server.front.endpoints.backoff import Backoff
from amber.server.front.endpoints.bounds import Bounds
from amber.server.front.endpoints.changes import Changes, stamp
from amber.server.front.endpoints.copies import private_copy
from amber.server.front.endpoints.rate import Rate
from amber.server.settings import Settings
from tests.unit.server.endpoints.world import interface


def test_a_change_is_believed_once_it_holds_still() -> None:
    changes = Changes((1, 10, 5, 1))
    seen = [(1, 10, 5, 1), (2, 4, 5, 1), (3, 8, 5, 1), (3, 8, 5, 1), (3, 8, 5, 1)]
    assert [changes.look(each) for each in seen] == [False, False, False, True, False]


def test_a_file_that_is_gone_has_not_changed_and_one_that_comes_back_otherwise_has() -> None:
    changes = Changes((1, 10, 5, 1))
    assert not any(changes.look(None) for _ in range(3))
    assert [changes.look((1, 10, 5, 1)) for _ in range(2)] == [False, False]
    assert [changes.look((1, 10, 6, 1)) for _ in range(2)] == [False, True]


def test_stamps_tell_a_replaced_file_and_a_folder_by_its_manifest(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"same size")
    before = stamp(str(path))
    os.replace(_written(tmp_path / "b", b"Same size"), path)
    assert stamp(str(path)) not in (before, None)
    assert stamp(str(tmp_path)) is None
    (tmp_path / "manifest.json").write_bytes(b"{}")
    assert stamp(str(tmp_path)) is not None
    assert stamp("a\0b") is None


def test_back_off_is_nothing_after_a_healthy_life_and_doubles_up_to_its_longest_after_others() -> None:
    backoff = Backoff(first=1.0, longest=5.0, healthy=60.0)
    assert [backoff.wait(0.0) for _ in range(4)] == [1.0, 2.0, 4.0, 5.0]
    assert [backoff.wait(61.0), backoff.wait(0.0)] == [0.0, 1.0]


def test_a_rate_follows_what_was_answered() -> None:
    rate = Rate(0.0)
    assert rate.wait(10_000) == 1
    for second in range(1, 20):
        rate.ran(100, 0.1, float(second))
    assert rate.wait(1000) == 10
    assert rate.wait(10**9) == 60
    assert rate.per_row == pytest.approx(0.001)


def test_settings_give_the_bounds_and_a_model_may_narrow_them() -> None:
    settings = Settings(queue_rows=7, queue_requests=5, batch_rows=3, batch_bytes=1 << 16, route_fallback=True)
    bounds = Bounds.of(settings)
    assert (bounds.rows, bounds.requests, bounds.batch_rows, bounds.fallback) == (7, 5, 3, True)
    assert [Bounds.of(settings, each).sharing for each in (None, "tolerant", "exact", "none")] == [
        "tolerant", "tolerant", "exact", "never",
    ]  # fmt: skip
    assert Bounds.of(Settings(exact=True), "tolerant").sharing == "exact"


def test_rows_of_a_run_fit_both_ways() -> None:
    made = interface()
    assert Bounds(batch_bytes=1664).rows_that_fit(made, (0,)) == 100  # 64 bytes of head, 16 bytes a row
    assert Bounds(batch_bytes=64).rows_that_fit(made, (0,)) == 1
    assert Bounds(batch_rows=10).rows_that_fit(made, (0, 1)) == 10


def test_a_copy_is_sealed_and_does_not_follow_the_file(tmp_path: Path) -> None:
    path = _written(tmp_path / "a.amber", b"first" * 1000)
    descriptor = private_copy(str(path))
    try:
        path.write_bytes(b"second")
        assert os.pread(descriptor, 5, 0) == b"first"
        assert os.fstat(descriptor).st_size == 5000
        if hasattr(os, "memfd_create"):
            with pytest.raises(OSError):
                os.pwrite(descriptor, b"x", 0)
            with pytest.raises(OSError):
                os.ftruncate(descriptor, 1)
    finally:
        os.close(descriptor)


def test_what_cannot_be_copied_is_refused_with_its_code(tmp_path: Path) -> None:
    path = _written(tmp_path / "a.amber", b"x" * 100)
    (tmp_path / "link").symlink_to(path)
    os.mkfifo(tmp_path / "pipe")
    cases = {
        "source-missing": {"path": str(tmp_path / "none")},
        "source-unreadable": {"path": str(tmp_path / "link"), "follow": False},
        "source-not-file": {"path": str(tmp_path / "pipe")},
        "memory-short": {"path": str(path), "most_bytes": 99},
    }
    for code, arguments in cases.items():
        with pytest.raises(AmberError) as refused:
            private_copy(**arguments)
        assert refused.value.code == code
        assert str(tmp_path) not in refused.value.message  # callers of the model are told it
    os.close(private_copy(str(tmp_path / "link")))


def test_a_folder_is_copied_as_the_file_it_stands_for(tmp_path: Path) -> None:
    amber = pytest.importorskip("amber")
    pytest.importorskip("sklearn")
    from sklearn.linear_model import LinearRegression

    amber.save(LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0]), tmp_path / "m.amber", sample=[[0.0], [1.0]])
    amber.unpack(tmp_path / "m.amber", tmp_path / "folder")
    descriptor = private_copy(str(tmp_path / "folder"))
    try:
        assert os.pread(descriptor, 1 << 24, 0) == (tmp_path / "m.amber").read_bytes()
    finally:
        os.close(descriptor)


def test_memory_is_what_the_kernel_counts() -> None:
    if os.path.exists("/proc/self/smaps_rollup"):
        assert memory.total([os.getpid()]) > 1 << 20
    assert memory.pss(2**30) == 0
    assert memory.total([2**30]) == 0
    assert memory.estimate(10 << 20) == 126 << 20
    assert memory.estimate(10 << 20, 500 << 20) == 500 << 20


def _written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path
