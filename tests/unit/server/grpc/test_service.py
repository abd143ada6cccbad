"""The gRPC process against a front without workers: a client of somebody else asks, the real formats answer."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("grpc")
pytest.importorskip("tritonclient.grpc")

import grpc
import tritonclient.grpc as triton

from amber.errors import SourceError
from amber.server.exchange import Failure
from amber.server.grpc import child
from amber.server.grpc.backend import Backend
from amber.server.grpc.messages import CLASSES, SERVICE
from amber.server.grpc.order import Order
from amber.server.grpc.serving import start
from amber.server.settings import Settings
from tests.unit.server.small_front import SmallFront, small_front


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallFront]:
    with small_front(tmp_path_factory.mktemp("front") / "s") as running:
        yield running


@pytest.fixture(scope="module")
def address(front: SmallFront) -> Iterator[str]:
    running = start(Order(settings=Settings(grpc_port=0, body_limit=1 << 16), front=front.url))
    yield f"127.0.0.1:{running.port}"
    running.stop(0)


@pytest.fixture
def client(address: str, front: SmallFront) -> Iterator[Any]:
    front.before = lambda method, path: None
    front.seen.clear()
    with triton.InferenceServerClient(address) as made:
        yield made


def flow(rows: int = 2, n: int = 1) -> list[Any]:
    a, number, c = (
        triton.InferInput("a", [rows], "FP64"),
        triton.InferInput("n", [rows], "INT64"),
        triton.InferInput("c", [rows], "BYTES"),
    )
    a.set_data_from_numpy(np.linspace(0.0, 1.0, rows))
    number.set_data_from_numpy(np.arange(n, n + rows))
    c.set_data_from_numpy(np.array(["ä"] * rows, object))
    return [a, number, c]


def call(address: str, method: str, request: Any, **options: Any) -> Any:
    """Ask with our own messages, as a client made from the proto file does."""
    with grpc.insecure_channel(address) as channel:
        ask = channel.unary_unary(
            f"/{SERVICE}/{method}",
            request_serializer=lambda made: made.SerializeToString(),
            response_deserializer=CLASSES[f"{method}Response"].FromString,
        )
        return ask(request, timeout=options.pop("timeout", 20), **options)


def test_health_and_metadata(client: Any) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("flow")
    assert client.is_model_ready("flow", "1.0.0")
    assert client.get_server_metadata().extensions == ["binary_tensor_data"]
    told = client.get_model_metadata("flow")
    assert (told.name, list(told.versions), told.platform) == ("flow", ["1.0.0"], "amber_onnx")
    assert [(each.name, each.datatype, list(each.shape)) for each in told.inputs] == [
        ("a", "FP64", [-1]), ("n", "INT64", [-1]), ("c", "BYTES", [-1]),
    ]  # fmt: skip
    assert list(told.outputs[1].shape) == [-1, 2]


def test_raw_contents_of_every_kind_and_several_outputs(client: Any) -> None:
    wanted = [triton.InferRequestedOutput(name) for name in ("predict_proba", "predict", "echo", "whole")]
    answer = client.infer("flow", flow(), outputs=wanted, request_id="r7")
    assert answer.as_numpy("predict").tolist() == [b"yes", b"no"]
    assert answer.as_numpy("predict_proba").tolist() == [[0.0, 1.0], [0.5, 0.5]]
    assert answer.as_numpy("echo").tolist() == ["ä".encode()] * 2
    assert answer.as_numpy("whole").tolist() == [1, 2]
    assert answer.get_response().id == "r7"
    assert answer.get_response().raw_output_contents


def test_a_matrix_with_missing_values(client: Any) -> None:
    grid = triton.InferInput("X", [2, 3], "FP32")
    grid.set_data_from_numpy(np.array([[1, 2, 3], [4, np.nan, 6]], np.float32))
    answer = client.infer("grid", [grid]).as_numpy("predict")
    assert answer.dtype == np.float32
    assert answer[0] == 6
    assert np.isnan(answer[1])


def test_typed_contents_are_answered_with_typed_ones(address: str) -> None:
    made = CLASSES["ModelInferRequest"](model_name="flow", model_version="1.0.0")
    made.inputs.add(name="a", datatype="FP64", shape=[1]).contents.fp64_contents.append(3.0)
    made.inputs.add(name="n", datatype="INT64", shape=[1]).contents.int64_contents.append(2**53 + 1)
    made.inputs.add(name="c", datatype="BYTES", shape=[1]).contents.bytes_contents.append("ö".encode())
    for name in ("whole", "predict", "predict_proba"):
        made.outputs.add(name=name)
    answer = call(address, "ModelInfer", made)
    assert [each.name for each in answer.outputs] == ["whole", "predict", "predict_proba"]
    assert list(answer.outputs[0].contents.int64_contents) == [2**53 + 1]
    assert list(answer.outputs[1].contents.bytes_contents) == [b"yes"]
    assert list(answer.outputs[2].contents.fp64_contents) == [0.75, 0.25]
    assert not answer.raw_output_contents


def refused(address: str, method: str, request: Any, **options: Any) -> grpc.Call:
    with pytest.raises(grpc.RpcError) as error:
        call(address, method, request, **options)
    return error.value  # type: ignore[return-value]


def test_a_refused_row_is_named_with_its_code(address: str, client: Any) -> None:
    with pytest.raises(triton.InferenceServerException, match="13 is refused") as error:
        client.infer("flow", flow(3, n=12))
    assert error.value.status() == "StatusCode.INVALID_ARGUMENT"
    made = CLASSES["ModelInferRequest"](model_name="flow")
    made.inputs.add(name="a", datatype="FP64", shape=[1]).contents.fp64_contents.append(0.0)
    made.inputs.add(name="n", datatype="INT64", shape=[1]).contents.int64_contents.append(13)
    made.inputs.add(name="c", datatype="BYTES", shape=[1]).contents.bytes_contents.append(b"x")
    call_error = refused(address, "ModelInfer", made)
    trailing = dict(call_error.trailing_metadata())
    assert (trailing["amber-code"], trailing["amber-row"], trailing["amber-column"]) == ("input-refused", "0", "n")
    assert "take another" in call_error.details()


def test_what_does_not_exist_is_not_found(address: str, client: Any) -> None:
    with pytest.raises(triton.InferenceServerException, match="nope") as error:
        client.get_model_metadata("nope")
    assert error.value.status() == "StatusCode.NOT_FOUND"
    nobody = refused(address, "ModelInfer", CLASSES["ModelInferRequest"]())
    assert nobody.code() == grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (401, grpc.StatusCode.UNAUTHENTICATED),
        (403, grpc.StatusCode.PERMISSION_DENIED),
        (413, grpc.StatusCode.RESOURCE_EXHAUSTED),
        (429, grpc.StatusCode.RESOURCE_EXHAUSTED),
        (500, grpc.StatusCode.INTERNAL),
        (503, grpc.StatusCode.UNAVAILABLE),
        (504, grpc.StatusCode.DEADLINE_EXCEEDED),
    ],
)
def test_refusals_of_the_front_keep_their_meaning(
    front: SmallFront, client: Any, address: str, status: int, code: grpc.StatusCode
) -> None:
    front.before = lambda method, path: (status, {}, b'{"error":"no","code":"some-code"}')
    error = refused(address, "ModelMetadata", CLASSES["ModelMetadataRequest"](name="flow"))
    assert error.code() == code
    assert error.details() == "no [some-code]"
    if status == 503:
        assert not client.is_server_ready()
        assert not client.is_model_ready("flow")


def test_the_repository_is_the_fronts(client: Any) -> None:
    index = client.get_model_repository_index()
    assert [(each.name, each.state) for each in index.models] == [("flow", "READY")]
    for ask in (client.load_model, client.unload_model):
        with pytest.raises(triton.InferenceServerException, match="may not load") as error:
            ask("flow")
        assert error.value.status() == "StatusCode.PERMISSION_DENIED"


def test_a_model_never_comes_with_the_request(client: Any, front: SmallFront) -> None:
    with pytest.raises(triton.InferenceServerException, match="never from the request"):
        client.load_model("flow", config="{}", files={"file:1/model.onnx": b"x"})
    assert front.seen == []


def test_keys_ids_and_deadlines_reach_the_front_and_nothing_else(client: Any, front: SmallFront) -> None:
    sent = {"authorization": "Bearer k", "x-request-id": "me", "cookie": "c", "host": "evil"}
    client.is_server_live(headers=sent, client_timeout=5.0)
    headers = front.seen[-1][2]
    assert (headers["authorization"], headers["x-request-id"]) == ("Bearer k", "me")
    assert "cookie" not in headers
    assert headers["host"] == "localhost"
    assert 0 < float(headers["x-request-timeout"]) <= 5.1
    client.is_server_live()
    assert float(front.seen[-1][2]["x-request-timeout"]) == 30, "the settings' own where the client sets none"


def test_a_deadline_that_passes_is_said_and_the_front_is_left(front: SmallFront, client: Any) -> None:
    over = threading.Event()

    def late(method: str, path: str) -> None:
        over.wait(20)

    front.before = late
    with pytest.raises(triton.InferenceServerException) as error:
        client.is_server_live(client_timeout=0.2)
    assert error.value.status() == "StatusCode.DEADLINE_EXCEEDED"
    over.set()
    assert client.is_server_live()


def test_a_front_that_does_not_answer_in_time_is_a_deadline(front: SmallFront, client: Any) -> None:
    over = threading.Event()

    def late(method: str, path: str) -> None:
        over.wait(20)

    front.before = late
    with pytest.raises(Failure) as failure:
        Backend(front.url).ask("GET", "/v2", {}, seconds=0.1)
    over.set()
    assert (failure.value.status, failure.value.code) == (504, "deadline-exceeded")


def test_a_message_over_the_limit_is_refused(address: str) -> None:
    made = CLASSES["ModelInferRequest"](model_name="flow", raw_input_contents=[bytes(1 << 17)])
    assert refused(address, "ModelInfer", made).code() == grpc.StatusCode.RESOURCE_EXHAUSTED


def test_a_lost_connection_is_tried_once_more_then_unavailable(front: SmallFront, client: Any) -> None:
    assert client.is_server_live()
    lost = iter([True])
    front.before = lambda method, path: (0, {}, b"") if next(lost, False) else None
    assert client.is_server_live(), "an old connection may have been closed meanwhile"
    front.before = lambda method, path: (0, {}, b"")
    with pytest.raises(triton.InferenceServerException) as error:
        client.is_server_live()
    assert error.value.status() == "StatusCode.UNAVAILABLE"


def test_a_front_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Failure) as failure:
        Backend(str(tmp_path / "none")).ask("GET", "/v2", {}, seconds=1)
    assert failure.value.status == 503


def test_the_process_starts_answers_and_ends(front: SmallFront, client: Any) -> None:
    async def run() -> tuple[bool, int]:
        started = await child.start(Settings(grpc_port=0), front.url)
        with triton.InferenceServerClient(started.address) as own:
            live = await asyncio.get_running_loop().run_in_executor(None, own.is_server_live)
        return live, await started.stop(20)

    assert asyncio.run(run()) == (True, 0)


def test_a_process_that_ends_is_started_anew_at_the_same_port(front: SmallFront, client: Any) -> None:
    said: list[str] = []

    def live(address: str, pid: int) -> bool:
        os.kill(pid, signal.SIGKILL)
        with triton.InferenceServerClient(address) as own:
            while True:
                with contextlib.suppress(triton.InferenceServerException):
                    return bool(own.is_server_live(client_timeout=1.0))

    async def run() -> bool:
        started = await child.start(Settings(grpc_port=0), front.url, said.append)
        first = started.pid
        alive = await asyncio.get_running_loop().run_in_executor(None, live, started.address, first)
        assert started.pid != first
        assert await started.stop(20) == 0
        return alive

    assert asyncio.run(run())
    assert said == ["the gRPC process ended (-9) and is started anew"]


def test_a_port_that_is_taken_is_said(front: SmallFront, address: str) -> None:
    taken = Settings(grpc_port=int(address.rpartition(":")[2]))
    with pytest.raises(SourceError, match="cannot listen") as error:
        asyncio.run(child.start(taken, front.url))
    assert error.value.code == "address-unusable"
    assert "--grpc-port" in error.value.hint


def test_tls_files_that_are_none_are_said(front: SmallFront, tmp_path: Path) -> None:
    bad = Settings(grpc_port=0, tls_cert=str(tmp_path / "c"), tls_key=str(tmp_path / "k"))
    with pytest.raises(SourceError) as error:
        asyncio.run(child.start(bad, front.url))
    assert error.value.code == "tls-unusable"
