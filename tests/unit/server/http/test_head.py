"""Heads: what llhttp accepts but should not, and what is remembered. Over sockets: tests/e2e/server/test_hostile.py."""

from __future__ import annotations

from collections.abc import Callable

import httptools
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amber.server.exchange import Failure
from amber.server.front.http.head import Head, HeadReader, requested_seconds, sane_id

GET = b"GET /a%20b?c=d HTTP/1.1\r\nHost: x\r\n"
POST = b"POST /a HTTP/1.1\r\nHost: x\r\n"

# Accepted by llhttp in its strict mode: if it ever refuses one itself, our check of it can go.
LENIENT = {
    "blank-lines-before": b"\r\n\n\r" + GET + b"\r\n",
    "two-blanks": b"GET  /a  HTTP/1.1\r\nHost: x\r\n\r\n",
    "http-0.9": b"GET /a\r\n\r\n",
    "http-2.0": b"GET /a HTTP/2.0\r\nHost: x\r\n\r\n",
    "rtsp": b"GET /a RTSP/1.0\r\nHost: x\r\n\r\n",
    "ice": b"SOURCE /a ICE/1.0\r\nHost: x\r\n\r\n",
    "webdav": b"MKCOL /a HTTP/1.1\r\nHost: x\r\n\r\n",
    "fragment": b"GET /a#b HTTP/1.1\r\nHost: x\r\n\r\n",
    "quotes": b'GET /a"<>\\^ HTTP/1.1\r\nHost: x\r\n\r\n',
    "stars": b"OPTIONS ** HTTP/1.1\r\nHost: x\r\n\r\n",
    "scheme": b"GET foo://u@x:1/a HTTP/1.1\r\nHost: x\r\n\r\n",
    "hosts": GET + b"Host: y\r\n\r\n",
    "no-host": b"GET /a HTTP/1.1\r\n\r\n",
    "leading-zeros": POST + b"Content-Length: 0003\r\n\r\n",
    "gzip-chunked": POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n",
    "chunked-1.0": b"POST /a HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
    "many": GET + b"X: y\r\n" * 1000 + b"\r\n",
}


class Silent:
    complete = False

    def on_headers_complete(self) -> None:
        self.complete = True


@pytest.mark.parametrize("case", LENIENT)
def test_what_llhttp_accepts_and_should_not_is_refused_here(case: str) -> None:
    silent = Silent()
    httptools.HttpRequestParser(silent).feed_data(LENIENT[case])
    assert silent.complete
    with pytest.raises(Failure) as refused:
        HeadReader(100).read(LENIENT[case])
    assert 400 <= refused.value.status <= 505


def test_a_head_is_taken_apart() -> None:
    head = HeadReader(100).read(GET + b"X-A:  b \t\r\nX-A: c\r\nConnection: upgrade\r\nContent-Length: 3\r\n\r\n")
    assert (head.method, head.path, head.query, head.length) == ("GET", "/a%20b", "c=d", 3)
    assert head.headers[b"x-a"] == b"b, c"
    assert (head.keep, head.modern, head.expects) == (True, True, False)


def test_lengths_and_connections() -> None:
    reader = HeadReader(100)
    assert reader.read(POST + b"Transfer-Encoding: CHUNKED\r\n\r\n").length is None
    assert reader.read(POST + b"\r\n").length == 0
    assert not reader.read(POST + b"Connection: a, CLOSE\r\n\r\n").keep
    assert reader.read(POST + b"Expect: 100-Continue\r\nContent-Length: 1\r\n\r\n").expects
    old = reader.read(b"GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    assert (old.keep, old.modern) == (False, False)


def test_the_same_bytes_are_the_same_head_unless_they_name_one_request() -> None:
    reader = HeadReader(100)
    assert reader.read(GET + b"\r\n") is reader.read(GET + b"\r\n")
    assert reader.read(GET + b"\r\n") is not reader.read(GET + b"X: y\r\n\r\n")
    traced = GET + b"Traceparent: 00-1-2-01\r\n\r\n"
    assert reader.read(traced) is not reader.read(traced)


_TRACED = st.sampled_from(
    [b"Traceparent: 00-1-2-01", b"traceparent:00-3-4-00", b"X-Request-ID:   a b", b"x-request-id: c ", b"b3: \t1-2",
     b"tracestate: a=1, b=2", b"Traceparent:", b"traceparent: \xe9", b"traceparent: a\tb", b"x-request-id : d",
     b"x-request-id: e\r", b"traceparent: f\n", b"x-request-id: g\0"]
)  # fmt: skip
_LINES = st.lists(_TRACED | st.sampled_from([b"X: y", b" folded", b"Content-Length: 3", b"Z: traceparent: a"]))


def _said(read: Callable[[bytes], Head], raw: bytes) -> list[object]:
    try:
        head = read(raw)
    except Failure as failure:
        return [failure.status, failure.code]
    return [getattr(head, name) for name in Head.__slots__ if name != "admission"]


@given(_LINES)
def test_without_the_lines_that_name_one_request_a_head_reads_as_with_them(lines: list[bytes]) -> None:
    raw = GET + b"".join(line + b"\r\n" for line in lines) + b"\r\n"
    reader = HeadReader(8)
    expected = _said(reader._read, raw)
    assert _said(reader.read, raw) == expected
    assert _said(reader.read, raw) == expected


def test_heads_that_differ_in_what_names_one_request_share_what_followed_from_them() -> None:
    reader = HeadReader(100)
    first, second = (reader.read(GET + b"traceparent: 00-%d-2-01\r\nX: y\r\n\r\n" % at) for at in (1, 2))
    assert first.admission is second.admission
    assert first.headers[b"traceparent"] != second.headers[b"traceparent"]
    assert first.admission is not reader.read(GET + b"X: z\r\n\r\n").admission


def test_what_is_remembered_is_bounded() -> None:
    reader = HeadReader(100)
    for at in range(5000):
        reader.read(GET + b"X: %d\r\n\r\n" % at)
    assert len(reader._known) <= 1024
    reader.read(GET + b"X: " + b"y" * 4000 + b"\r\n\r\n")
    assert all(len(raw) <= 1024 for raw in reader._known)


def test_nothing_stays_of_a_refused_head() -> None:
    reader = HeadReader(100)
    with pytest.raises(Failure):
        reader.read(GET + b"Host: y\r\n\r\n")
    assert reader.read(GET + b"\r\n").headers == {b"host": b"x"}


@pytest.mark.parametrize(
    ("value", "seconds"), [(b"2.5", 2.5), (b"99", 30), (b"0", 30), (b"-1", 30), (b"nan", 30), (b"x", 30), (b"inf", 30)]
)
def test_a_client_may_ask_for_less_time_only(value: bytes, seconds: float) -> None:
    assert requested_seconds({b"x-request-timeout": value}, 30) == seconds


def test_ids_that_could_spoil_a_log_are_not_taken() -> None:
    assert sane_id(b"a-1.b_2:c/d+e=@") == "a-1.b_2:c/d+e=@"
    for value in (b"a b", b"a\tb", b"\x1b[31m", b"a" * 129, b"\xe9", b'"', b""):
        assert sane_id(value) == ""
