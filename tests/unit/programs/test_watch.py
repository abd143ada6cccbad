"""A run that takes too long is ended and named; the next one is a fresh run, in other threads and in a forked child."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

np = pytest.importorskip("numpy")
onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402 - only where onnx is installed

from amber.errors import LimitError  # noqa: E402
from amber.limits import DEFAULT  # noqa: E402
from amber.programs import session, watch  # noqa: E402

ROWS = np.ones((100_000, 4))
FEW = np.ones((1, 4))


def rounds(count: int) -> bytes:
    """A graph that adds one to every number, again and again."""
    state = [helper.make_tensor_value_info(name, TensorProto.DOUBLE, [None, 4]) for name in ("X", "Y", "in", "out")]
    flags = [helper.make_tensor_value_info(name, TensorProto.BOOL, []) for name in ("go", "going")]
    step = helper.make_tensor_value_info("step", TensorProto.INT64, [])
    body = helper.make_graph(
        [
            helper.make_node("Constant", [], ["one"], value=numpy_helper.from_array(np.array(1.0))),
            helper.make_node("Add", ["in", "one"], ["out"]),
            helper.make_node("Identity", ["go"], ["going"]),
        ],
        "body", [step, flags[0], state[2]], [flags[1], state[3]],
    )  # fmt: skip
    constants = [
        numpy_helper.from_array(np.array(value), name) for name, value in (("most", np.int64(count)), ("yes", True))
    ]
    graph = helper.make_graph(
        [helper.make_node("Loop", ["most", "yes", "X"], ["Y"], body=body)], "g", state[:1], state[1:2], constants
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    data: bytes = model.SerializeToString()
    return data


def asked(seconds: float, count: int = 100_000) -> Any:
    return watch.bounded(session.open_session(rounds(count)).run, seconds)


def test_a_run_that_takes_too_long_is_ended_and_the_next_is_not() -> None:
    ask = asked(0.2)
    with pytest.raises(LimitError) as refused:
        ask(["Y"], {"X": ROWS})
    assert refused.value.code == "limit-program-seconds"
    assert "0.2 seconds" in str(refused.value)
    quick = asked(60.0, 10)
    assert quick(["Y"], {"X": FEW})[0].tolist() == [[11.0] * 4]
    with pytest.raises(LimitError):
        ask(["Y"], {"X": ROWS})


def test_options_that_were_ended_late_are_used_for_no_other_run(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []
    new = watch._watch.call
    monkeypatch.setattr(watch._watch, "call", lambda seconds: made.append(new(seconds)) or made[-1])
    ask = asked(60.0, 10)
    assert ask(["Y"], {"X": FEW})[0].tolist() == [[11.0] * 4]
    made[0].late = made[0].options.terminate = True  # as by a look that came when the run had just ended
    assert ask(["Y"], {"X": FEW})[0].tolist() == [[11.0] * 4]
    assert len(made) == 2


def test_an_error_of_the_runtime_stays_what_it_is() -> None:
    with pytest.raises(Exception, match="INVALID_ARGUMENT"):
        asked(60.0, 10)(["Y"], {"X": np.ones((1, 3))})


def test_the_thread_waits_while_nothing_runs_and_is_woken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "_PERIOD", 0.001)
    monkeypatch.setattr(watch, "_QUIET", 2)
    monkeypatch.setattr(watch, "_watch", watch._Watch())
    ask = asked(0.2)
    for _ in range(2):
        with pytest.raises(LimitError):
            ask(["Y"], {"X": ROWS})
        while not watch._watch.asleep:
            time.sleep(0.001)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_bounds_its_own_runs() -> None:
    ask = asked(1.0, 20_000)
    ask(["Y"], {"X": FEW})
    child = os.fork()
    if child == 0:
        code = 1
        try:
            ask(["Y"], {"X": ROWS})
        except LimitError:
            code = 0
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0


def test_a_program_keeps_the_limit_of_its_reader(tmp_path: Path) -> None:
    sklearn = pytest.importorskip("sklearn.linear_model")
    import amber

    table = np.arange(24.0).reshape(12, 2)
    model = sklearn.LinearRegression().fit(table, table[:, 0])
    amber.save(model, tmp_path / "m.amber", sample=table, freeze=True)
    policy = amber.Policy(limits=replace(DEFAULT, program_seconds=7.5))
    assert amber.program(tmp_path / "m.amber", policy=policy).sessions.seconds == 7.5
