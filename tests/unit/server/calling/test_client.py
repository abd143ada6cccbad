"""`amber.Client` over real HTTP and the real formats: exact bits, errors with row and column, retries, keys."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("urllib3")

import amber
from amber.errors import FormatError, SourceError, UsageError
from amber.server.calling import transport
from amber.server.calling.errors import CallError, of_answer
from tests.unit.server.small_front import SmallFront, small_front

ROWS = pd.DataFrame({"a": [0.0, None, 1.0, 3.0], "n": [1, 2, 3, 2**53 + 1], "c": ["ä", None, "", "z"]})


@pytest.fixture
def front(monkeypatch: pytest.MonkeyPatch) -> Iterator[SmallFront]:
    monkeypatch.setattr(transport, "_BACKOFF", 0.001)
    with small_front() as running:
        yield running


@pytest.fixture
def client(front: SmallFront) -> Iterator[amber.Client]:
    with amber.Client(front.url, api_key="amber_k_secret", timeout=20) as made:
        yield made


def test_predictions_are_arrays(client: amber.Client) -> None:
    assert client.predict("flow", ROWS).tolist() == ["yes", "no", "yes", "yes"]
    assert client.predict_proba("flow", ROWS).tolist() == [[0.0, 1.0], [0.5, 0.5], [0.5, 0.5], [0.75, 0.25]]
    assert client.predict("flow", ROWS, version="1.0.0").dtype == object


def test_several_methods_and_outputs_in_one_request(client: amber.Client, front: SmallFront) -> None:
    found = client.ask("flow", ROWS, ["decision", "predict"])
    assert set(found) == {"decision", "predict"}
    assert found["decision"]["whole"].tolist() == [1, 2, 3, 2**53 + 1]
    assert found["decision"]["echo"].tolist() == ["ä", None, "", "z"]
    assert [path for _, path, _, _ in front.seen] == ["/v2/models/flow", "/v2/models/flow/infer"]


def test_bits_are_exact_both_ways(client: amber.Client) -> None:
    rows = np.array([[-0.0, -0.0, -0.0], [np.nan, 1.0, 2.0], [np.inf, 0.0, 1.0]])
    answer = client.predict("grid", rows)
    assert answer.dtype == np.float32
    assert answer.tobytes() == np.array([-0.0, np.nan, np.inf], np.float32).tobytes()
    small = client.predict("grid", np.array([[0.1, 0.2, 0.3]], np.float32))
    assert small[0] == np.float32(np.float64(np.float32(0.1)) + np.float32(0.2) + np.float32(0.3))


def test_the_key_and_the_deadline_are_sent(client: amber.Client, front: SmallFront) -> None:
    client.metadata()
    headers = front.seen[-1][2]
    assert headers["authorization"] == "Bearer amber_k_secret"
    assert headers["x-request-timeout"] == "20"


def test_more_rows_than_a_request_takes(front: SmallFront) -> None:
    many = pd.DataFrame({"a": np.linspace(0, 1, 25), "n": np.arange(20, 45), "c": ["x"] * 25})
    with amber.Client(front.url, batch_rows=10) as client:
        found = client.ask("flow", many, ["predict_proba", "decision"])
        assert found["decision"]["whole"].tolist() == list(range(20, 45))
        assert found["predict_proba"].shape == (25, 2)
        assert [path for _, path, _, _ in front.seen].count("/v2/models/flow/infer") == 3
        many.loc[17, "n"] = 13
        with pytest.raises(CallError, match="row 17") as error:
            client.predict("flow", many)
    assert (error.value.row, error.value.column) == (17, "n")


def test_a_refusal_names_row_column_and_a_way_out(client: amber.Client) -> None:
    with pytest.raises(CallError) as error:
        client.predict("flow", ROWS.assign(n=[1, 13, 3, 4]))
    refused = error.value
    assert (refused.code, refused.status, refused.row, refused.column) == ("input-refused", 422, 1, "n")
    assert (refused.hint, refused.request_id) == ("take another", "r-1")
    assert str(refused).startswith("row 1: 13 is refused")
    assert isinstance(refused, amber.AmberError)
    assert refused.to_dict()["row"] == 1
    again = pickle.loads(pickle.dumps(refused))
    assert (again.row, again.column, str(again)) == (1, "n", str(refused))


def test_a_value_that_would_be_changed_is_refused(client: amber.Client) -> None:
    with pytest.raises(CallError) as error:
        client.predict("flow", ROWS.assign(n=[1.0, 2.0, 2.5, 4.0]))
    assert (error.value.row, error.value.column) == (2, "n")


def test_what_cannot_be_said_in_json_is_refused_here(client: amber.Client) -> None:
    with pytest.raises(UsageError, match="cannot be sent"):
        client.predict("flow", {"a": [1.0], "n": [1], "c": [object()]})


def test_ready_and_metadata(client: amber.Client, front: SmallFront) -> None:
    assert client.ready()
    assert client.ready("flow", version="1.0.0")
    assert not client.ready("nope")
    assert client.metadata()["name"] == "amber"
    assert client.metadata("grid")["inputs"][0]["shape"] == [-1, 3]
    with pytest.raises(CallError, match="no model 'nope'"):
        client.metadata("nope")
    front.before = lambda method, path: (503, {"retry-after": "60"}, b"{}")
    seen = len(front.seen)
    assert not client.ready()
    assert len(front.seen) == seen + 1, "a question whether it is ready is asked once"
    front.before = lambda method, path: (401, {}, b'{"error":"no key","code":"key-missing"}')
    with pytest.raises(CallError, match="no key"):
        client.ready()


@pytest.mark.parametrize("status", [429, 502, 503, 0], ids=["busy", "gateway", "not-ready", "lost"])
def test_what_may_pass_is_asked_again(client: amber.Client, front: SmallFront, status: int) -> None:
    client.metadata("flow")
    failures = iter([True, True])
    front.before = lambda method, path: (status, {"retry-after": "0"}, b"") if next(failures, False) else None
    assert client.predict("flow", ROWS).tolist() == ["yes", "no", "yes", "yes"]
    assert [path for _, path, _, _ in front.seen].count("/v2/models/flow/infer") == 3


def test_a_version_that_took_over_is_asked_for_its_inputs(client: amber.Client, front: SmallFront) -> None:
    old = client.metadata("flow")
    client._known["flow", ""] = {**old, "inputs": old["inputs"][:2]}
    assert client.predict("flow", ROWS).tolist() == ["yes", "no", "yes", "yes"]
    assert [path for _, path, _, _ in front.seen[1:]] == [
        "/v2/models/flow/infer",
        "/v2/models/flow",
        "/v2/models/flow/infer",
    ]


def test_a_wait_is_bounded() -> None:
    import urllib3

    long = urllib3.HTTPResponse(headers={"retry-after": "86400"})
    assert transport._patience(1).get_retry_after(long) == 60
    assert transport._patience(1).get_retry_after(urllib3.HTTPResponse()) is None


def test_what_stays_is_said(client: amber.Client, front: SmallFront) -> None:
    front.before = lambda method, path: (503, {}, b'{"error":"drifted","code":"model-refused"}')
    with pytest.raises(CallError, match="drifted") as error:
        client.predict("flow", ROWS)
    assert error.value.code == "model-refused"
    assert len(front.seen) == 5, "once, and four times more"


def test_what_is_wrong_is_asked_once(client: amber.Client, front: SmallFront) -> None:
    front.before = lambda method, path: (500, {}, b"<html>")
    with pytest.raises(CallError) as error:
        client.metadata("flow")
    assert (error.value.code, error.value.status, len(front.seen)) == ("http-500", 500, 1)


def test_redirects_are_not_followed(client: amber.Client, front: SmallFront) -> None:
    front.before = lambda method, path: (302, {"location": "http://127.0.0.1:9/"}, b"")
    with pytest.raises(CallError) as error:
        client.metadata()
    assert (error.value.status, len(front.seen)) == (302, 1), "the key goes nowhere else"


def test_nobody_there(front: SmallFront) -> None:
    url = front.url
    front.before = lambda method, path: (0, {}, b"")
    with amber.Client(url, retries=1) as client:
        with pytest.raises(SourceError) as error:
            client.metadata()
        assert error.value.code == "server-unreachable"
        assert not client.ready()


@pytest.mark.parametrize(
    "answer",
    [b"{}", b"[]", b'{"outputs":[{"name":"y","datatype":"X","shape":[1],"data":[1]}]}', b'{"outputs":[{}]}', b"",
     b'{"outputs":[{"name":"y","datatype":"FP64","shape":[2],"parameters":{"binary_data_size":9}}]}'],
    ids=["empty", "list", "datatype", "bare", "text", "cut"],
)  # fmt: skip
def test_an_answer_that_is_none_is_an_error(client: amber.Client, front: SmallFront, answer: bytes) -> None:
    client.metadata("flow")
    front.before = lambda method, path: (200, {}, answer) if path.endswith("/infer") else None
    with pytest.raises(FormatError) as error:
        client.predict("flow", ROWS)
    assert error.value.code == "answer-invalid"


def test_answers_in_json_are_read_too(client: amber.Client, front: SmallFront) -> None:
    body = b'{"outputs":[{"name":"y","datatype":"INT64","shape":[1],"data":[9007199254740993]}]}'
    front.before = lambda method, path: (200, {}, body) if path.endswith("/infer") else None
    assert client.ask("flow", ROWS)["predict"].tolist() == [9007199254740993]


@pytest.mark.parametrize("url", ["localhost:8080", "file:///etc/passwd", "ftp://a"])
def test_an_address_that_is_none(url: str) -> None:
    with pytest.raises(UsageError, match="not an http or https address"):
        amber.Client(url)


def test_a_key_that_could_be_another_header() -> None:
    with pytest.raises(UsageError, match="no key has"):
        amber.Client("http://127.0.0.1:1", api_key="a\r\nx: y")


@pytest.mark.parametrize("document", [None, [], {"row": "1", "column": 2}, {"error": None}], ids=str)
def test_any_json_may_come_with_a_refusal(document: Any) -> None:
    error = of_answer(422, document)
    assert (error.row, error.column, error.status) == (None, "", 422)
