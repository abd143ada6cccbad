"""Sessions are quiet, of one thread and bounded; a method pays for its own nodes; refusals have a code."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

np = pytest.importorskip("numpy")
onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from onnx import helper  # noqa: E402 - only where onnx is installed

from amber.errors import FormatError, LimitError  # noqa: E402
from amber.limits import DEFAULT  # noqa: E402
from amber.programs import session  # noqa: E402
from fuzz.graphs import graph, loop, trees  # noqa: E402

ROOT = Path(__file__).resolve().parents[3]
n = helper.make_node
X = np.arange(8.0).reshape(2, 4)


def three(width: int = 4) -> bytes:
    """Outputs a and b read one constant, c another."""
    nodes = [n("MatMul", ["X", "w"], ["a"]), n("Neg", ["a"], ["b"]), n("MatMul", ["X", "v"], ["c"])]
    constants = {"w": np.ones((4, width)), "v": np.zeros((4, width))}
    return graph(nodes, constants, None, {"a": 11, "b": 11, "c": 11})


def outputs(made: Any) -> list[str]:
    return [each.name for each in made.get_outputs()]


def run_alone(code: str) -> str:
    """Return what a process of its own prints, its environment without what is asked of onnxruntime."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("ORT_")}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, env=environment, check=False
    )
    assert not done.returncode, done.stderr
    return done.stdout.strip()


def test_it_answers() -> None:
    made = session.open_session(trees())
    np.testing.assert_array_equal(made.run(None, {"X": np.zeros((1, 4))})[0].shape, (1, 1))
    np.testing.assert_array_equal(session.open_session(loop(3)).run(None, {"X": X})[0], X + 3)


def test_its_settings() -> None:
    made = session.open_session(three())
    options = made.get_session_options()
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (1, 1)
    assert made.get_providers() == ["CPUExecutionProvider"]
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"
    assert options.get_session_config_entry("session.use_env_allocators") == "1"
    assert not options.enable_profiling


def test_nothing_is_reported_to_anybody() -> None:
    """The variable is set before onnxruntime is there, whatever the caller's environment says."""
    code = """
import sys, os
os.environ["ORT_DISABLE_TELEMETRY"] = "0"
class Watch:
    def find_spec(self, name, path=None, target=None):
        if name == "onnxruntime":
            print(os.environ.get("ORT_DISABLE_TELEMETRY"))
sys.meta_path.insert(0, Watch())
from amber.programs import session
print("onnxruntime" in sys.modules)
session.runtime()
"""
    assert run_alone(code).split() == ["False", "1"]


def test_it_needs_neither_onnx_nor_scikit_learn() -> None:
    data = three()
    code = f"""
import sys
from amber.programs import session
from amber.programs.graph_check import check_graph
import numpy as np
data = {data!r}
check_graph(data)
session.Sessions(data).for_outputs(["a"]).run(None, {{"X": np.ones((1, 4))}})
print([name for name in ("onnx", "google.protobuf", "sklearn", "scipy", "pandas") if name in sys.modules])
"""
    assert run_alone(code) == "[]"


def test_no_thread_is_started() -> None:
    code = f"""
import os
from amber.programs import session
data = {three()!r}
session.runtime()
before = len(os.listdir("/proc/self/task"))
session.open_session(data)
print(len(os.listdir("/proc/self/task")) - before)
"""
    if sys.platform == "linux":
        assert run_alone(code) == "0"


def test_a_small_graph_has_a_session_for_each_method() -> None:
    sessions = session.Sessions(three())
    assert outputs(sessions.for_outputs(["a"])) == ["a"]
    assert outputs(sessions.for_outputs(["b"])) == ["b"]
    assert outputs(sessions.for_outputs(["c", "a"])) == ["a", "c"]
    assert sessions.for_outputs(["a", "c"]) is sessions.for_outputs(["c", "a", "c"])
    np.testing.assert_array_equal(sessions.for_outputs(["b"]).run(["b"], {"X": X})[0], -(X @ np.ones((4, 4))))


def test_methods_share_the_large_parts_of_a_large_graph() -> None:
    data = three(40_000)
    assert len(data) > 2 << 20
    sessions = session.Sessions(data)
    assert sessions.for_outputs(["a"]) is sessions.for_outputs(["b"])
    assert outputs(sessions.for_outputs(["a"])) == ["a", "b"]
    assert outputs(sessions.for_outputs(["c"])) == ["c"]
    assert sessions.for_outputs(["b", "a"]) is sessions.for_outputs(["a"])


def test_sessions_are_made_once_by_many_threads() -> None:
    sessions, found = session.Sessions(three()), []
    threads = [threading.Thread(target=lambda: found.append(sessions.for_outputs(["a"]))) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len({id(each) for each in found}) == 1


def test_what_onnxruntime_refuses_has_a_code() -> None:
    bad = graph([n("MatMul", ["X", "w"], ["Y"])], {"w": np.ones((3, 2))})
    for data in (bad, b"", b"no graph", graph([n("Foo", ["X"], ["Y"])])):
        with pytest.raises(FormatError) as caught:
            session.open_session(data)
        assert caught.value.code == "program-invalid"
    with pytest.raises(FormatError) as caught:
        session.Sessions(three()).for_outputs(["d"])
    assert caught.value.code == "program-invalid"
    with pytest.raises(LimitError) as limit:
        session.open_session(three(), limits=replace(DEFAULT, program_bytes=10))
    assert limit.value.code == "limit-program-bytes"


def test_a_path_is_no_graph(tmp_path: Path) -> None:
    """Text would be opened as a file by onnxruntime."""
    path = tmp_path / "m.onnx"
    path.write_bytes(three())
    with pytest.raises((FormatError, TypeError)):
        session.open_session(str(path))  # type: ignore[arg-type]


def test_constants_do_not_count_against_the_memory_of_runs() -> None:
    code = """
import sys
from dataclasses import replace
import numpy as np
from onnx import helper
from amber.limits import DEFAULT, MIB
from amber.programs import session
from fuzz.graphs import graph
data = graph([helper.make_node("MatMul", ["X", "w"], ["Y"])], {"w": np.ones((4, 2 * MIB))})
made = session.open_session(data, limits=replace(DEFAULT, program_memory_bytes=32 * MIB))
print(made.run(None, {"X": np.ones((1, 4))})[0].sum() == 8 * MIB)
"""
    assert run_alone(code) == "True"


def test_another_arena_in_the_process_is_left_alone() -> None:
    code = f"""
from amber.programs import session
ort = session.runtime()
info = ort.OrtMemoryInfo("Cpu", ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, ort.OrtMemType.DEFAULT)
ort.create_and_register_allocator(info, None)
session.open_session({three()!r})
print("made")
"""
    assert run_alone(code) == "made"
