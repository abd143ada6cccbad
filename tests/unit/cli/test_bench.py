"""`amber bench` as a shell sees it: one real run, and the table for what may come out of others."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import click
import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from sklearn.linear_model import LogisticRegression

import amber
from amber.cli import bench as command
from amber.cli.bench import seconds
from amber.cli.main import main
from amber.models import bench as benches
from amber.models.bench import Compared, Measured, Times
from amber.models.bench_worker import Order, Outcome, Part, Said

ANSWER = ("array", [Part("predict", "BOOL", (2,), b"\0\1")])
SLOW = Times(cold=1.92, one=412e-6, many=2e-3, peak_bytes=200 * 2**20, stored_bytes=4000)
FAST = Times(cold=0.31, one=18.2e-6, many=1.96e-3, peak_bytes=50 * 2**20, stored_bytes=8000)
DONE = Measured(
    "churn", "1.4.0", "onnx", "float64", "predict", 1000, 3, 4, SLOW, FAST,
    (Compared("predict", 1000), Compared("predict_proba", 1000, difference=2.2e-16)),
)  # fmt: skip


@pytest.fixture(scope="module")
def frozen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    X = np.random.default_rng(0).normal(size=(80, 3))
    path = tmp_path_factory.mktemp("bench") / "small.amber"
    amber.save(LogisticRegression().fit(X, X[:, 0] > 0), path, sample=X, freeze=True)
    return path


def test_the_sides_take_turns_and_medians_count(
    frozen: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    orders: list[Order] = []

    def run(order: Order, limit: float) -> Outcome:
        orders.append(order)
        answers = [Said(method, *ANSWER) for method in order.methods]
        return Outcome(cold=float(len(orders)), one=1e-6, many=1e-3, peak=10, answers=answers)

    monkeypatch.setattr(benches, "_run", run)
    assert main(["bench", str(frozen), "--rows", "20", "--json"]) == 0
    said = capsys.readouterr()
    done = json.loads(said.out)
    assert [order.side for order in orders] == ["original", "program", "program", "original", "original", "program"]
    assert {order.rows for order in orders} == {20}
    assert [bool(order.methods) for order in orders] == [True, True, False, False, False, False]
    assert done["original"]["times"]["cold"] == 4.0
    assert done["program"]["times"]["cold"] == 3.0
    assert {each["method"]: each["flips"] for each in done["answers"]}["predict"] == 0
    assert said.err == "", "no progress where nobody watches"


def text(done: Measured) -> str:
    """Return the table without colours, as a pipe gets it."""
    return click.unstyle(command.text(done))


def test_the_table() -> None:
    lines = text(DONE).split("\n")
    assert lines == [
        "churn 1.4.0: predict, 4 columns, one thread",
        "                    original     program",
        "  cold start          1.92 s      310 ms   6.2x faster",
        "  one row             412 us     18.2 us   22.6x faster",
        "  1000 rows          2.00 ms     1.96 ms   about the same",
        "  peak memory      200.0 MiB    50.0 MiB   4.0x less",
        "  stored             3.9 KiB     7.8 KiB   2.0x more",
        "  answers to 1000 rows",
        "    predict        the same",
        "    predict_proba  largest difference 2.2e-16",
    ]


def test_flips_are_shown() -> None:
    shown = text(replace(DONE, answers=(Compared("predict", 1000, flips=3, odd=1), Compared("apply", 0, said="no"))))
    assert "predict  3 of 1000 rows differ, missing or infinite on one side in 1" in shown
    assert "apply    not compared: no" in shown


def test_a_side_that_is_missing_has_no_ratio() -> None:
    lines = text(replace(DONE, original=None, answers=())).split("\n")
    assert lines[2] == "  cold start               -      310 ms"
    assert len(lines) == 7


def test_where_the_program_cannot_be_measured_the_exit_code_says_so(
    frozen: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(benches, "_run", lambda order, limit: Outcome("budget", "more than 1 seconds"))
    assert main(["bench", str(frozen)]) == 3
    said = capsys.readouterr()
    assert "note: the program was not measured: more than 1 seconds (budget)" in said.err


@pytest.mark.parametrize(
    ("value", "expected"), [(12.345, "12.3 s"), (0.5, "500 ms"), (0.00999, "9.99 ms"), (3e-7, "0.30 us")]
)
def test_times_have_three_digits(value: float, expected: str) -> None:
    assert seconds(value) == expected
