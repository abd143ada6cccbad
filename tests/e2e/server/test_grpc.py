"""gRPC with a client of somebody else: the whole server, one process more, the same answers as over HTTP."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnxruntime")
pytest.importorskip("urllib3")
pytest.importorskip("tritonclient.grpc")

import tritonclient.grpc as triton

import amber
from amber.errors import SourceError
from amber.server.front import keys
from amber.server.local import Server
from tests.e2e.server.small_models import churn, line, people
from tests.e2e.server.test_cli_serve import certificate

FRAME = people(30, seed=5).dropna().reset_index(drop=True)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with amber.serve([churn(), line()], grpc_port=0) as running:
        yield running


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[Any]:
    with triton.InferenceServerClient(server.grpc) as made:
        yield made


def tensors(frame: Any) -> list[Any]:
    made = []
    for name, datatype, dtype in (("age", "FP64", "f8"), ("visits", "INT64", "i8"), ("city", "BYTES", object)):
        tensor = triton.InferInput(name, [len(frame)], datatype)
        tensor.set_data_from_numpy(frame[name].to_numpy().astype(dtype))
        made.append(tensor)
    return made


def wanted(*names: str) -> list[Any]:
    return [triton.InferRequestedOutput(name) for name in names]


def test_health_and_metadata(client: Any) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("churn", "1.4.0")
    assert client.get_server_metadata().name == "amber"
    told = client.get_model_metadata("churn")
    assert [(each.name, each.datatype) for each in told.inputs] == [
        ("age", "FP64"), ("visits", "INT64"), ("city", "BYTES"),
    ]  # fmt: skip
    assert {"predict", "predict_proba"} <= {each.name for each in told.outputs}


def test_answers_are_those_of_http(server: Server, client: Any) -> None:
    answer = client.infer("churn", tensors(FRAME), outputs=wanted("predict_proba", "predict"), request_id="a")
    with server.client() as http:
        found = http.ask("churn", FRAME, ["predict", "predict_proba"])
    assert [text.decode() for text in answer.as_numpy("predict")] == found["predict"].tolist()
    assert answer.as_numpy("predict_proba").tobytes() == found["predict_proba"].tobytes()
    response = answer.get_response()
    assert (response.model_name, response.model_version, response.id) == ("churn", "1.4.0", "a")


def test_a_matrix_and_many_at_once(client: Any) -> None:
    X = np.random.default_rng(0).normal(size=(64, 3))
    expected = amber.program(line()).predict(X)

    def ask(row: int) -> float:
        tensor = triton.InferInput(client.get_model_metadata("line").inputs[0].name, [1, 3], "FP64")
        tensor.set_data_from_numpy(X[row : row + 1])
        return float(client.infer("line", [tensor]).as_numpy("predict")[0])

    with ThreadPoolExecutor(8) as pool:
        np.testing.assert_allclose(list(pool.map(ask, range(64))), expected, rtol=1e-12)


def test_refusals(client: Any) -> None:
    for ask, status in (
        (lambda: client.infer("nobody", tensors(FRAME)), "NOT_FOUND"),
        (lambda: client.infer("churn", tensors(FRAME)[:2]), "INVALID_ARGUMENT"),
        (lambda: client.infer("churn", tensors(FRAME), outputs=wanted("nothing")), "INVALID_ARGUMENT"),
        (lambda: client.load_model("churn"), "PERMISSION_DENIED"),
    ):
        with pytest.raises(triton.InferenceServerException) as error:
            ask()
        assert error.value.status() == f"StatusCode.{status}"


def test_a_wrong_row_is_named(client: Any) -> None:
    columns = tensors(FRAME)
    columns[1] = triton.InferInput("visits", [len(FRAME)], "FP64")
    columns[1].set_data_from_numpy(np.where(np.arange(len(FRAME)) == 4, 0.5, 3.0))
    with pytest.raises(triton.InferenceServerException, match="row 4"):
        client.infer("churn", columns)


def test_a_refusal_of_the_model_says_row_column_and_what_was_expected(server: Server) -> None:
    tensor = triton.InferInput("X", [3, 3], "FP64")
    tensor.set_data_from_numpy(np.array([[0.0, 0.0, 0.0], [0.0, np.inf, 0.0], [0.0, 0.0, 0.0]]))
    with triton.InferenceServerClient(server.grpc) as client, pytest.raises(triton.InferenceServerException) as error:
        client.infer("line", [tensor])
    refused: Any = error.value.__context__  # gRPC's own, which this client turns into its error
    said = dict(refused.trailing_metadata())
    assert (said["amber-code"], said["amber-row"], said["amber-column"]) == ("input-refused", "1", "1")
    assert said["amber-expected"] == "a finite number"


def test_a_killed_process_is_started_anew_and_that_is_said(server: Server) -> None:
    def process() -> int:
        children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
        words = {int(child): Path(f"/proc/{child}/cmdline").read_bytes() for child in children}
        return next((child for child, line in words.items() if b"amber.server.grpc" in line), 0)

    first = process()
    os.kill(first, signal.SIGKILL)
    with triton.InferenceServerClient(server.grpc) as client:
        while True:
            with contextlib.suppress(triton.InferenceServerException):
                assert client.is_server_live(client_timeout=1.0)
                break
    assert process() not in (0, first)
    assert any(getattr(each, "code", "") == "grpc-ended" for each in server.said)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="makes the certificate")
def test_keys_and_tls(tmp_path: Path) -> None:
    certificate(tmp_path)
    path = str(tmp_path / "keys.toml")
    asker, reader = keys.add(path, "asker"), keys.add(path, "reader", ["read"])
    cert, key = str(tmp_path / "cert.pem"), str(tmp_path / "key.pem")
    settings = {"grpc_port": 0, "api_keys": path, "tls_cert": cert, "tls_key": key}
    with amber.serve(churn(), **settings) as server:
        address = server.grpc.replace("127.0.0.1", "localhost")
        with triton.InferenceServerClient(address, ssl=True, root_certificates=cert) as client:
            assert client.is_server_ready(), "probes need no key"
            good = client.infer("churn", tensors(FRAME), headers={"authorization": f"Bearer {asker}"})
            assert len(good.as_numpy("predict")) == len(FRAME)
            for token, status in (
                (None, "UNAUTHENTICATED"),
                ("amber_x_y", "UNAUTHENTICATED"),
                (reader, "PERMISSION_DENIED"),
            ):
                headers = {} if token is None else {"authorization": f"Bearer {token}"}
                with pytest.raises(triton.InferenceServerException) as error:
                    client.infer("churn", tensors(FRAME), headers=headers)
                assert error.value.status() == f"StatusCode.{status}"


def test_the_repository_is_the_admins(tmp_path: Path) -> None:
    folder, path = tmp_path / "folder", str(tmp_path / "keys.toml")
    folder.mkdir()
    shutil.copy(line(), folder / "line.amber")
    asker, admin = keys.add(path, "asker"), keys.add(path, "admin", ["read", "predict", "admin"])
    asking, ruling = ({"authorization": f"Bearer {token}"} for token in (asker, admin))
    tensor = triton.InferInput("X", [1, 3], "FP64")
    tensor.set_data_from_numpy(np.zeros((1, 3)))

    def states() -> dict[str, str]:
        found = client.get_model_repository_index(headers=ruling).models
        return {each.name: each.state for each in found}

    with (
        amber.serve(churn(), grpc_port=0, api_keys=path, folder=str(folder)) as server,
        triton.InferenceServerClient(server.grpc) as client,
    ):
        assert states() == {"churn": "READY", "line": "UNAVAILABLE"}
        client.load_model("line", headers=ruling)
        assert states() == {"churn": "READY", "line": "READY"}
        assert client.is_model_ready("line", headers=asking)
        assert client.infer("line", [tensor], headers=asking).as_numpy("predict").shape == (1,)
        client.unload_model("line", headers=ruling)
        assert states() == {"churn": "READY", "line": "UNAVAILABLE"}
        for ask, status in (
            (lambda: client.infer("line", [tensor], headers=asking), "UNAVAILABLE"),
            (lambda: client.load_model("line", headers=asking), "PERMISSION_DENIED"),
            (lambda: client.unload_model("churn", headers=asking), "PERMISSION_DENIED"),
            (lambda: client.get_model_repository_index(headers=asking), "PERMISSION_DENIED"),
            (lambda: client.load_model("line"), "UNAUTHENTICATED"),
            (lambda: client.load_model("../line", headers=ruling), "INVALID_ARGUMENT"),
            (lambda: client.load_model("nobody", headers=ruling), "NOT_FOUND"),
            (lambda: client.load_model("line", headers=ruling, config="{}"), "INVALID_ARGUMENT"),
        ):
            with pytest.raises(triton.InferenceServerException) as error:
                ask()
            assert error.value.status() == f"StatusCode.{status}"
        assert client.is_model_ready("churn", headers=asking)


def test_a_port_that_is_taken_is_said(server: Server) -> None:
    with pytest.raises(SourceError, match="cannot listen") as error:
        amber.serve(line(), grpc_port=int(server.grpc.rpartition(":")[2]))
    assert error.value.code == "address-unusable"
