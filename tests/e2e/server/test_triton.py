"""A real client of the Open Inference Protocol: tritonclient, JSON and binary tensors, as it sends them by default."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tests.e2e.server.conftest import FRAME, TABLE

triton = pytest.importorskip("tritonclient.http")


@pytest.fixture
def client(server: Any) -> Iterator[Any]:
    made = triton.InferenceServerClient(server.url.removeprefix("http://"))
    yield made
    made.close()


def tensor(name: str, values: Any, datatype: str, binary: bool) -> Any:
    made = triton.InferInput(name, list(values.shape), datatype)
    made.set_data_from_numpy(values, binary_data=binary)
    return made


def test_health_and_metadata(client: Any) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("churn")
    assert client.is_model_ready("churn", "1.2.0")
    assert not client.is_model_ready("other")
    assert client.get_server_metadata()["name"] == "amber"
    told = client.get_model_metadata("line")
    assert (told["platform"], told["inputs"][0]["shape"]) == ("amber_onnx", [-1, 4])


@pytest.mark.parametrize("sent", [True, False])
@pytest.mark.parametrize("got", [True, False])
def test_numbers(client: Any, sent: bool, got: bool) -> None:
    asked = [triton.InferRequestedOutput("predict", binary_data=got)]
    found = client.infer("line", [tensor("X", TABLE[:7], "FP64", sent)], outputs=asked).as_numpy("predict")
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, TABLE[:7, 0] * 2, rtol=1e-9)


def test_its_default_is_binary_both_ways(client: Any) -> None:
    answer = client.infer("line", [tensor("X", TABLE[:3], "FP64", True)], request_id="7")
    assert answer.get_response()["id"] == "7"
    np.testing.assert_allclose(answer.as_numpy("predict"), TABLE[:3, 0] * 2, rtol=1e-9)


@pytest.mark.parametrize("binary", [True, False])
def test_named_columns_texts_and_several_outputs(client: Any, churn: Any, binary: bool) -> None:
    some = FRAME[FRAME["age"].notna()][:9]
    inputs = [
        tensor("age", some["age"].to_numpy(), "FP64", binary),
        tensor("visits", some["visits"].to_numpy().reshape(-1, 1), "INT64", binary),
        tensor("city", some["city"].to_numpy().astype(object), "BYTES", binary),
    ]
    asked = [triton.InferRequestedOutput(name, binary_data=binary) for name in ("predict_proba", "predict")]
    answer = client.infer("churn", inputs, outputs=asked)
    labels = [each.decode() if isinstance(each, bytes) else each for each in answer.as_numpy("predict")]
    assert labels == churn.predict(some).tolist()
    np.testing.assert_allclose(answer.as_numpy("predict_proba"), churn.predict_proba(some), rtol=1e-9)


def test_missing_values_go_as_nan(client: Any, churn: Any) -> None:
    some = FRAME[FRAME["age"].isna()][:4]
    inputs = [
        tensor("age", some["age"].to_numpy(), "FP64", True),
        tensor("visits", some["visits"].to_numpy(), "INT64", True),
        tensor("city", some["city"].to_numpy().astype(object), "BYTES", True),
    ]
    found = client.infer("churn", inputs).as_numpy("predict_proba")
    np.testing.assert_allclose(found, churn.predict_proba(some), rtol=1e-9)


def test_narrower_numbers_are_taken_where_nothing_is_lost(client: Any) -> None:
    small = TABLE[:4].astype(np.float32)
    found = client.infer("line", [tensor("X", small, "FP32", True)]).as_numpy("predict")
    np.testing.assert_allclose(found, small[:, 0].astype(float) * 2, rtol=1e-9)


@pytest.mark.parametrize(
    ("model", "name", "values", "datatype", "said"),
    [
        ("other", "X", TABLE[:1], "FP64", "other"),
        ("line", "Y", TABLE[:1], "FP64", "Y"),
        ("line", "X", TABLE[:1, :3], "FP64", "4"),
        ("line", "X", np.array([["a"] * 4], dtype=object), "BYTES", "X"),
    ],
)
def test_errors_say_what_is_wrong(client: Any, model: str, name: str, values: Any, datatype: str, said: str) -> None:
    with pytest.raises(triton.InferenceServerException, match=said):
        client.infer(model, [tensor(name, np.ascontiguousarray(values), datatype, True)])


def test_rows_the_original_refuses_are_refused(client: Any) -> None:
    table = TABLE[:3].copy()
    table[1, 2] = np.nan
    with pytest.raises(triton.InferenceServerException, match="row 1"):
        client.infer("line", [tensor("X", table, "FP64", True)])
