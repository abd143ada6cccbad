"""`amber.serve` and `amber.Client` together: real models, real processes, and nothing left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnxruntime")
pytest.importorskip("urllib3")

import amber
from amber.server.calling.errors import CallError
from amber.server.local import Server
from tests.e2e.server.small_models import churn, line, people
from tests.unit.policy.material import pem

FRAME = people(40, seed=5)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with amber.serve([churn(), line()], workers=2) as running:
        yield running


@pytest.fixture
def client(server: Server) -> Iterator[amber.Client]:
    with server.client(timeout=60) as made:
        yield made


def alive(pid: int) -> bool:
    """Whether a process runs; one that ended and was not collected does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def family(pid: int) -> list[int]:
    """Return a process and all its descendants."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            found += family(int(child))
    return found


def gone(pids: list[int], seconds: float = 30.0) -> bool:
    end = time.monotonic() + seconds
    while any(map(alive, pids)) and time.monotonic() < end:
        time.sleep(0.05)
    return not any(map(alive, pids))


def test_answers_are_those_of_the_program(client: amber.Client) -> None:
    program = amber.program(churn())
    found = client.ask("churn", FRAME, ["predict", "predict_proba", "decision_function"])
    assert found["predict"].tolist() == program.predict(FRAME).tolist()
    np.testing.assert_allclose(found["predict_proba"], program.predict_proba(FRAME), rtol=0, atol=1e-12)
    np.testing.assert_allclose(found["decision_function"], program.decision_function(FRAME), rtol=0, atol=1e-12)
    assert found["predict_proba"].dtype == np.float64


def test_a_row_alone_is_the_row_in_the_table(client: amber.Client) -> None:
    together = client.predict("churn", FRAME).tolist()
    assert [client.predict("churn", FRAME.iloc[[row]])[0] for row in range(8)] == together[:8]


@pytest.mark.parametrize("kind", ["records", "columns", "lists"])
def test_rows_of_any_kind(client: amber.Client, kind: str) -> None:
    columns = {name: [None if value != value else value for value in FRAME[name].tolist()] for name in FRAME}
    records = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    rows: Any = {"records": records, "columns": columns, "lists": [list(row.values()) for row in records]}[kind]
    assert client.predict("churn", rows).tolist() == client.predict("churn", FRAME).tolist()


def test_another_model_of_the_same_server(client: amber.Client) -> None:
    X = np.random.default_rng(3).normal(size=(7, 3))
    np.testing.assert_allclose(client.predict("line", X), amber.program(line()).predict(X), rtol=1e-12)
    assert client.metadata("line")["versions"] == ["1.0.0"]


def test_many_threads_share_a_client(client: amber.Client) -> None:
    expected = client.predict("churn", FRAME).tolist()
    with ThreadPoolExecutor(8) as pool:
        rows = [row % len(FRAME) for row in range(200)]
        found = list(pool.map(lambda row: client.predict("churn", FRAME.iloc[[row]])[0], rows))
    assert found == [expected[row] for row in rows]


@pytest.mark.parametrize(
    ("change", "row", "column"),
    [
        (lambda frame: frame.assign(visits=[1] * 9 + ["many"] + [1] * 30), 9, "visits"),
        (lambda frame: frame.assign(visits=frame["visits"] + 0.5), 0, "visits"),
        (lambda frame: frame.assign(city=[7] + ["Oslo"] * 39), 0, "city"),
        (lambda frame: frame.drop(columns="city"), None, "city"),
    ],
    ids=["text", "fraction", "number", "absent"],
)
def test_a_wrong_row_is_named(client: amber.Client, change: Any, row: int | None, column: str) -> None:
    with pytest.raises(CallError) as error:
        client.predict("churn", change(FRAME))
    assert (error.value.status, error.value.row, error.value.column) == (422, row, column)
    assert error.value.hint


def test_what_is_not_there(client: amber.Client) -> None:
    for ask in (lambda: client.predict("nobody", FRAME), lambda: client.predict("churn", FRAME, version="9.9.9")):
        with pytest.raises(CallError) as error:
            ask()
        assert error.value.status == 404
    with pytest.raises(CallError, match="no output 'transform'"):
        client.ask("churn", FRAME, ["transform"])
    assert not client.ready("nobody")


def test_verdicts_are_in_the_metadata(client: amber.Client) -> None:
    properties = client.metadata("churn")["properties"]
    assert properties["amber.verdict.program"] in ("identical", "equivalent")
    assert properties["amber.verdict.original"] == "unchecked"


def test_the_example_that_is_shown_is_answered(server: Server) -> None:
    import urllib3

    (loaded,) = [each for each in server.said if getattr(each, "name", "") == "churn" and hasattr(each, "example")]
    url = f"{server.url}/v1/models/churn:predict"
    answer = urllib3.request("POST", url, body=loaded.example, headers={"content-type": "application/json"})
    assert answer.status == 200
    assert answer.json()["predictions"][0] in ("stay", "leave")


def test_stop_leaves_no_process_and_may_be_called_twice() -> None:
    server = amber.serve(line())
    pids = family(server.pid)
    assert len(pids) > 1, "a front and a worker"
    with server.client() as client:
        client.predict("line", np.eye(3))
        server.stop()
        server.stop()
        assert gone(pids)
        assert not client.ready()
    assert "stopped" in repr(server)


def test_it_works_where_a_loop_runs_already() -> None:
    async def notebook() -> Any:
        with amber.serve(line()) as server, server.client() as client:
            return client.predict("line", np.zeros((1, 3)))

    assert asyncio.run(notebook()).shape == (1,)


def test_it_outlives_the_thread_that_started_it() -> None:
    started: list[Server] = []
    thread = threading.Thread(target=lambda: started.append(amber.serve(line())))
    thread.start()
    thread.join()
    with started[0] as server, server.client() as client:
        assert client.ready("line")


STARTER = """
import sys, time, amber
server = amber.serve(sys.argv[1])
print(server.pid, flush=True)
{then}
"""


@pytest.mark.parametrize("then", ["time.sleep(600)", "sys.exit(3)"], ids=["killed", "forgotten"])
def test_it_ends_with_who_started_it(then: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", STARTER.format(then=then), str(line())], stdout=subprocess.PIPE, text=True
    ) as starter:
        assert starter.stdout is not None
        front = int(starter.stdout.readline())
        pids = family(front) if alive(front) else [front]
        if "sleep" in then:
            os.kill(starter.pid, signal.SIGKILL)
        assert starter.wait(60) == (-signal.SIGKILL if "sleep" in then else 3)
        assert gone(pids)


def test_a_file_that_is_not_what_was_written_is_not_served(tmp_path: Path) -> None:
    data = bytearray(line().read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "bad.amber").write_bytes(data)
    with pytest.raises(amber.AmberError) as error:
        amber.serve(tmp_path / "bad.amber")
    assert error.value.code
    assert "bad.amber" in str(error.value)


def test_what_the_policy_demands_is_demanded(tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    rule = '[[rule]]\nnames = ["*"]\nrequire = [{from = ["somebody"]}]\n'
    policy.write_text(f'[signers.somebody]\nkeys = ["""\n{pem(1)}"""]\n{rule}')
    with pytest.raises(amber.AmberError) as error:
        amber.serve(line(), policy=str(policy))
    assert error.value.code in ("signature-missing", "policy-refused")


def test_settings_and_files_that_cannot_be(tmp_path: Path, server: Server) -> None:
    with pytest.raises(amber.AmberError, match="no such file"):
        amber.serve(tmp_path / "none.amber")
    with pytest.raises(amber.AmberError, match="no setting 'worker'"):
        amber.serve(line(), worker=2)
    with pytest.raises(amber.AmberError) as error:
        amber.serve(line(), port=int(server.url.rpartition(":")[2]))
    assert error.value.code == "address-unusable"


def test_original_and_program_answer_the_same() -> None:
    with amber.serve(churn(), route="original") as server, server.client(timeout=120) as client:
        found = client.ask("churn", FRAME, ["predict", "predict_proba"])
    model = amber.load(churn())
    assert found["predict"].tolist() == model.predict(FRAME).tolist()
    np.testing.assert_allclose(found["predict_proba"], model.predict_proba(FRAME), rtol=0, atol=1e-12)
