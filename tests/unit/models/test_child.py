"""A child process: whatever it does, the caller gets an end of it, and nothing of it is left."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from amber.models.child import Child, Ended

Run = Callable[..., Ended]
HEAD = "import os, sys, time\nfrom amber.models.child import answer, begun\ndescriptor, word = begun(sys.argv[1:])\n"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run lines of code as the module of a child."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    def started(code: str, order: bytes = b"", seconds: float = 60.0, word: str = "") -> Ended:
        (tmp_path / "amber_child_of_a_test.py").write_text(HEAD + code)
        with Child("amber_child_of_a_test", word) as child:
            return child.ask(order, seconds)

    return started


def test_orders_and_answers_may_be_larger_than_a_pipe(run: Run) -> None:
    ended = run("answer(descriptor, sys.stdin.buffer.read() * 4)", os.urandom(3 << 20))
    assert len(ended.answer) == 12 << 20
    assert not ended.late


def test_a_child_that_writes_first_and_reads_later_does_not_block(run: Run) -> None:
    code = "os.write(2, b'x' * (1 << 20))\nos.write(descriptor, b'y' * (1 << 20))\nsys.stdin.buffer.read()"
    ended = run(code, bytes(1 << 20))
    assert ended.answer == b"y" * (1 << 20)


def test_an_order_that_nobody_reads_is_no_error(run: Run) -> None:
    assert run("answer(descriptor, word.encode())", bytes(1 << 20), word="hello").answer == b"hello"


def test_a_crash_says_how_it_ended(run: Run) -> None:
    ended = run("sys.stderr.write('first\\nlast words')\nsys.stderr.flush()\nos.abort()")
    assert (ended.answer, ended.late, ended.killed) == (b"", False, False)
    assert ended.said == "the process ended with -6: last words"
    assert run("os.kill(os.getpid(), 9)").killed


def test_time_is_bounded_also_of_one_that_never_stops_writing(run: Run) -> None:
    for code in ("time.sleep(600)", "while True: os.write(descriptor, bytes(1 << 20))"):
        ended = run(code, seconds=1.5)
        assert (ended.answer, ended.late) == (b"", True)
        assert ended.said == "more than 1.5 seconds"


def test_what_it_started_ends_with_it(run: Run, tmp_path: Path) -> None:
    beside = "import subprocess\nother = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
    ended = run(beside + "answer(descriptor, str(other.pid).encode())")
    state = Path(f"/proc/{ended.answer.decode()}/stat")
    for _ in range(1000):  # until the system has taken note of its end
        if not state.exists() or state.read_text().split()[2] == "Z":
            return
        time.sleep(0.01)
    raise AssertionError("it still runs")


def test_one_that_is_never_asked_ends_too(tmp_path: Path) -> None:
    before = set(os.listdir("/proc/self/fd"))
    with Child("amber.models.freeze_worker"):
        pass
    assert set(os.listdir("/proc/self/fd")) == before


def test_arrow_does_not_reserve_what_a_limit_forbids(run: Run) -> None:
    pytest.importorskip("pyarrow")
    code = (
        "from amber.models.child import limit_memory\nimport pyarrow\nlimit_memory(1200 << 20)\n"
        "kept = pyarrow.array(['a'] * 1000), bytearray(600 << 20)\nanswer(descriptor, b'both')"
    )
    assert run(code).answer == b"both"
