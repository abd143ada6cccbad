"""Original against program: real processes, one round each."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

import amber
from amber.cases import tables
from amber.errors import UsageError
from amber.models import bench as benches
from amber.models.bench import bench, compared
from amber.models.bench_worker import Order, Outcome, Part, Said, part_of, peak_bytes, table_of, timed
from amber.policy import Policy


@pytest.fixture(scope="module")
def frozen(artifact: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("frozen") / "churn.amber"
    amber.freeze(artifact, path)
    return path


def parts(value: Any, prefix: str = "") -> tuple[str, list[Part]]:
    layout, columns, _ = tables.encode(value, prefix)
    return layout, [Part(c.name, c.datatype, c.shape, bytes(c.data), c.parameters) for c in columns]


def said(value: Any, method: str = "predict") -> Said:
    return Said(method, *parts(value, method))


def test_both_sides_are_measured_and_agree(frozen: Path) -> None:
    steps: list[tuple[Any, int]] = []
    done = bench(frozen, rows=50, rounds=1, progress=lambda share, rows: steps.append((share, rows)))
    assert done.original is not None
    assert done.frozen is not None
    assert done.method == "predict"
    assert done.columns == 3
    for side in (done.original, done.frozen):
        assert side.cold > 0
        assert side.many > 0
        assert side.one > 0
        assert side.peak_bytes > 2**20
    assert done.frozen.peak_bytes < done.original.peak_bytes, "no framework is held in memory"
    assert done.ratios["cold"] == done.original.cold / done.frozen.cold
    found = {each.method: each for each in done.answers}
    assert set(found) == set(amber.program(frozen).methods)
    assert (found["predict"].rows, found["predict"].flips, found["predict"].said) == (50, 0, "")
    assert found["predict_proba"].difference < 1e-12
    assert steps == [(0.5, 50), (1.0, 100)]
    json.dumps(done.to_dict(), allow_nan=False)


def test_the_child_of_the_program_imports_no_framework(frozen: Path) -> None:
    code = (
        "import sys\n"
        "from amber.models import bench_worker as w\n"
        "status = w.main(int(sys.argv[1]))\n"
        "print(sorted({'sklearn', 'pandas', 'scipy', 'joblib', 'onnx'} & set(sys.modules)))\n"
    )
    order = order_of(frozen)
    done = subprocess.run(
        [sys.executable, "-c", code, "2"], input=order, capture_output=True, check=False
    )  # the answer goes to stderr
    assert done.stdout.decode().strip() == "[]", done.stderr[-500:]
    assert b'"code":""' in done.stderr


def order_of(path: Path) -> bytes:
    """Return the order the program's child would be given."""
    orders: list[bytes] = []

    def run(order: Order, seconds: float) -> Outcome:
        import msgspec

        orders.append(msgspec.json.encode(order))
        return Outcome("budget", "not run")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(benches, "_run", run)
        bench(path, rows=5, rounds=1)
    return orders[1]


def test_a_missing_library_leaves_the_program_alone(
    frozen: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "sklearn").mkdir()
    (tmp_path / "sklearn" / "__init__.py").write_text("raise ImportError('no sklearn here')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    done = bench(frozen, rows=10, rounds=2)
    assert done.original is None
    assert done.frozen is not None
    assert done.answers == ()
    assert done.ratios == {}
    assert len(done.notes) == 1
    assert done.notes[0].startswith("the original was not measured: ")
    assert done.notes[0].endswith(("(library-missing)", "(class-missing)"))
    assert "Traceback" not in done.notes[0]


def test_time_is_bounded(frozen: Path) -> None:
    from dataclasses import replace

    from amber.limits import DEFAULT

    done = bench(frozen, rows=10, rounds=1, policy=Policy(limits=replace(DEFAULT, replay_seconds=0.01)))
    assert done.original is None
    assert done.frozen is None
    assert all("more than 0.01 seconds" in note for note in done.notes)


def test_a_child_that_dies_is_said_in_one_line(frozen: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benches, "_MODULE", "amber.no_such_module")
    done = bench(frozen, rows=10, rounds=1)
    assert len(done.notes) == 2
    assert all("replay-crashed" in note and "\n" not in note for note in done.notes)


def test_usage(frozen: Path, artifact: Path) -> None:
    with pytest.raises(UsageError, match="holds no program"):
        bench(artifact)
    with pytest.raises(UsageError, match="no method"):
        bench(frozen, method="transform")
    with pytest.raises(UsageError, match="from 1"):
        bench(frozen, rows=0)


def test_labels_that_differ_are_flips() -> None:
    found = compared(said(np.array(["a", "b", "c"])), said(np.array(["a", "x", "c"])))
    assert (found.rows, found.flips, found.difference) == (3, 1, 0.0)


def test_numbers_that_differ_are_a_difference() -> None:
    left, right = np.array([[1.0, 2.0], [np.nan, 4.0]]), np.array([[1.0, 2.5], [np.nan, 4.0]])
    found = compared(said(left, "predict_proba"), said(right, "predict_proba"))
    assert (found.flips, found.difference, found.odd) == (0, 0.5, 0)
    right[1, 0] = 3.0
    assert compared(said(left, "predict_proba"), said(right, "predict_proba")).odd == 1


def test_what_cannot_be_compared_is_said() -> None:
    assert compared(said(np.zeros(3)), said(np.zeros(4))).said == "answers of different shapes"
    assert compared(Said("predict", refusal="ValueError: no"), said(np.zeros(3))).said == "original: ValueError: no"


def test_a_frame_is_a_dict_of_columns_without_pandas(frame: Any) -> None:
    layout, columns = parts(frame)
    named = table_of(layout, columns, named=True)
    assert list(named) == list(frame.columns)
    for name in frame.columns:
        np.testing.assert_array_equal(named[name], frame[name].to_numpy())
    assert part_of(named, [2, 2])["city"].tolist() == [frame["city"][2]] * 2
    assert table_of(layout, columns, named=False).equals(frame)


def test_the_median_leaves_the_first_call_out() -> None:
    calls = []
    assert timed(lambda: calls.append(1), 0.0) >= 0
    assert len(calls) == 4


def test_the_peak_is_that_of_this_process() -> None:
    held = np.ones(2**21)
    assert peak_bytes() > held.nbytes
