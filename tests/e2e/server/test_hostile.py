"""Hostile bytes over raw sockets: nothing is smuggled, nothing is unbounded, everything ends with an answer or an end.

Every test runs on uvloop and on asyncio, against a listener in this process.
"""

from __future__ import annotations

import gzip
import json
import socket
import time
from collections.abc import Iterator

import pytest

from tests.e2e.server.listening import PIECE, Server, serving, until

HOST = b"Host: localhost\r\n"
POST = b"POST /echo HTTP/1.1\r\n" + HOST
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
HELLO = b"GET /hello HTTP/1.1\r\n" + HOST + b"\r\n"


@pytest.fixture(scope="module", params=["uvloop", "asyncio"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with serving(request.param, body_limit=2 << 20, bulk_limit=4 << 20) as started:
        yield started


def get(target: bytes, headers: bytes = HOST) -> bytes:
    return b"GET " + target + b" HTTP/1.1\r\n" + headers + b"\r\n"


# What must be refused, how, and the connection closed: a server and a proxy before it may differ about the rest.
REFUSED: dict[str, tuple[bytes, int]] = {
    "length-and-chunked": (POST + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "chunked-and-length": (POST + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", 400),
    "two-lengths-equal": (POST + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400),
    "two-lengths-unequal": (POST + b"Content-Length: 3\r\nContent-Length: 30\r\n\r\nabc", 400),
    "length-list": (POST + b"Content-Length: 3, 3\r\n\r\nabc", 400),
    "length-plus": (POST + b"Content-Length: +3\r\n\r\nabc", 400),
    "length-minus": (POST + b"Content-Length: -3\r\n\r\nabc", 400),
    "length-hex": (POST + b"Content-Length: 0x3\r\n\r\nabc", 400),
    "length-octal": (POST + b"Content-Length: 03\r\n\r\nabc", 400),
    "length-underscore": (POST + b"Content-Length: 1_0\r\n\r\nabc", 400),
    "length-empty": (POST + b"Content-Length:\r\n\r\nabc", 400),
    "length-blank-inside": (POST + b"Content-Length: 1 0\r\n\r\nabc", 400),
    "length-vertical-tab": (POST + b"Content-Length: \x0b3\r\n\r\nabc", 400),
    "length-unicode-digit": (POST + b"Content-Length: \xd9\xa3\r\n\r\nabc", 400),
    "length-overflow-64": (POST + b"Content-Length: 18446744073709551619\r\n\r\nabc", 400),
    "length-17-digits": (POST + b"Content-Length: 10000000000000003\r\n\r\nabc", 400),
    "coding-twice": (POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "coding-gzip-chunked": (POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
    "coding-chunked-gzip": (POST + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n", 400),
    "coding-identity": (POST + b"Transfer-Encoding: identity\r\n\r\nabc", 400),
    "coding-xchunked": (POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 400),
    "coding-quoted": (POST + b'Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n', 400),
    "coding-parameter": (POST + b"Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n", 400),
    "coding-vertical-tab": (POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n", 400),
    "coding-empty": (POST + b"Transfer-Encoding:\r\n\r\n0\r\n\r\n", 400),
    "coding-blank-before-colon": (POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400),
    "coding-folded": (POST + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", 400),
    "coding-bare-lf": (POST + b"X: y\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "coding-1.0": (b"POST /echo HTTP/1.0\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "folded": (get(b"/hello", HOST + b"X: a\r\n b\r\n"), 400),
    "folded-tab": (get(b"/hello", HOST + b"X: a\r\n\tb\r\n"), 400),
    "folded-first": (get(b"/hello", b" X: a\r\n" + HOST), 400),
    "bare-lf-all": (b"GET /hello HTTP/1.1\nHost: localhost\n\n", 400),
    "bare-lf-line": (get(b"/hello", HOST + b"X: a\nY: b\r\n"), 400),
    "bare-lf-end": (b"GET /hello HTTP/1.1\r\n" + HOST + b"\n\r\n\r\n", 400),
    "bare-cr": (get(b"/hello", HOST + b"X: a\rY: b\r\n"), 400),
    "bare-cr-end": (get(b"/hello", HOST + b"X: a\r\r\n"), 400),
    "nul-in-value": (get(b"/hello", HOST + b"X: a\0b\r\n"), 400),
    "nul-in-name": (get(b"/hello", HOST + b"X\0: a\r\n"), 400),
    "nul-before-end": (b"GET /hello HTTP/1.1\r\n" + HOST + b"X: \0", 400),
    "control-in-value": (get(b"/hello", HOST + b"X: a\x01b\r\n"), 400),
    "delete-in-value": (get(b"/hello", HOST + b"X: a\x7fb\r\n"), 400),
    "blank-before-colon": (get(b"/hello", HOST + b"X : a\r\n"), 400),
    "tab-before-colon": (get(b"/hello", HOST + b"X\t: a\r\n"), 400),
    "blank-in-name": (get(b"/hello", HOST + b"X Y: a\r\n"), 400),
    "no-colon": (get(b"/hello", HOST + b"XY\r\n"), 400),
    "no-name": (get(b"/hello", HOST + b": a\r\n"), 400),
    "name-no-token": (get(b"/hello", HOST + b"X(a): b\r\n"), 400),
    "name-not-ascii": (get(b"/hello", HOST + b"X\xe9: b\r\n"), 400),
    "host-missing": (get(b"/hello", b""), 400),
    "host-twice": (get(b"/hello", HOST + HOST), 400),
    "key-twice": (get(b"/hello", HOST + b"X-Api-Key: a\r\nX-Api-Key: b\r\n"), 400),
    "absolute-other-host": (get(b"http://evil.example/hello"), 400),
    "absolute-other-scheme": (get(b"ftp://localhost/hello"), 400),
    "absolute-user": (get(b"http://user@localhost/hello"), 400),
    "absolute-no-host": (get(b"http:///hello"), 400),
    "target-star": (b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "target-two-stars": (b"OPTIONS ** HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "target-no-slash": (get(b"hello"), 400),
    "target-fragment": (get(b"/hello#x"), 400),
    "target-control": (get(b"/hel\x01lo"), 400),
    "target-nul": (get(b"/hel\0lo"), 400),
    "target-not-ascii": (get(b"/hell\xc3\xb6"), 400),
    "target-tab": (get(b"/hel\tlo"), 400),
    "target-quote": (get(b'/hel"lo'), 400),
    "target-backslash": (get(b"/hel\\lo"), 400),
    "target-too-long": (get(b"/" + b"a" * 8001), 414),
    "target-endless": (b"GET /" + b"a" * 9000, 414),
    "request-two-blanks": (b"GET  /hello HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "request-blank-after": (b"GET /hello HTTP/1.1 \r\n" + HOST + b"\r\n", 400),
    "request-tab": (b"GET\t/hello\tHTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "request-blank-before": (b" GET /hello HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "request-0.9": (b"GET /hello\r\n\r\n", 400),
    "request-empty-line-cr": (b"\rGET /hello HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "request-empty-lines": (b"\r\n\r\n\r\n" + HELLO, 400),
    "request-bare-lf-before": (b"\n" + HELLO, 400),
    "version-0.9": (b"GET /hello HTTP/0.9\r\n" + HOST + b"\r\n", 505),
    "version-1.2": (b"GET /hello HTTP/1.2\r\n" + HOST + b"\r\n", 505),
    "version-2.0": (b"GET /hello HTTP/2.0\r\n" + HOST + b"\r\n", 505),
    "version-1.1-long": (b"GET /hello HTTP/1.10\r\n" + HOST + b"\r\n", 505),
    "version-lower": (b"GET /hello http/1.1\r\n" + HOST + b"\r\n", 400),
    "version-rtsp": (b"GET /hello RTSP/1.0\r\n" + HOST + b"\r\n", 400),
    "version-ice": (b"SOURCE /hello ICE/1.0\r\n" + HOST + b"\r\n", 400),
    "preface-of-http-2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", 505),
    "connect": (b"CONNECT localhost:22 HTTP/1.1\r\n" + HOST + b"\r\n", 501),
    "method-unknown": (b"BREW /hello HTTP/1.1\r\n" + HOST + b"\r\n", 501),
    "method-webdav": (b"M-SEARCH /hello HTTP/1.1\r\n" + HOST + b"\r\n", 501),
    "method-lower": (b"get /hello HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "headers-too-many": (get(b"/hello", HOST + b"X: y\r\n" * 101), 431),
    "headers-too-large": (get(b"/hello", HOST + b"X: " + b"y" * 17000 + b"\r\n"), 431),
    "headers-endless": (b"GET /hello HTTP/1.1\r\n" + HOST + b"X: " + b"y" * 17000, 431),
    "expectation-unknown": (POST + b"Expect: 200-ok\r\nContent-Length: 3\r\n\r\nabc", 417),
    "garbage": (b"\xff\xfe\xfd\xfc" * 20, 400),
    "garbage-short": (b"\x80", 400),
    "tls-to-plain": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    "zeros": (b"\0" * 100, 400),
    "chunk-no-size": (CHUNKED + b"\r\nabc\r\n0\r\n\r\n", 400),
    "chunk-not-hex": (CHUNKED + b"3g\r\nabc\r\n0\r\n\r\n", 400),
    "chunk-0x": (CHUNKED + b"0x3\r\nabc\r\n0\r\n\r\n", 400),
    "chunk-minus": (CHUNKED + b"-3\r\nabc\r\n0\r\n\r\n", 400),
    "chunk-underscore": (CHUNKED + b"1_0\r\nabc\r\n0\r\n\r\n", 400),
    "chunk-blank-before": (CHUNKED + b" 3\r\nabc\r\n0\r\n\r\n", 400),
    "chunk-blank-after": (CHUNKED + b"3 \r\nabc\r\n0\r\n\r\n", 400),
    "chunk-overflow": (CHUNKED + b"10000000000000003\r\nabc\r\n0\r\n\r\n", 400),
    "chunk-9-digits": (CHUNKED + b"000000003\r\nabc\r\n0\r\n\r\n", 400),
    "chunk-bare-lf": (CHUNKED + b"3\nabc\r\n0\r\n\r\n", 400),
    "chunk-bare-lf-in-extension": (CHUNKED + b"3;a\nabc\r\n0\r\n\r\n", 400),
    "chunk-cr-in-extension": (CHUNKED + b"3;a\rb\r\nabc\r\n0\r\n\r\n", 400),
    "chunk-nul-in-extension": (CHUNKED + b"3;a\0\r\nabc\r\n0\r\n\r\n", 400),
    "chunk-long-extension": (CHUNKED + b"3;" + b"a" * 300 + b"\r\nabc\r\n0\r\n\r\n", 400),
    "chunk-endless-extension": (CHUNKED + b"3;" + b"a" * 3000, 400),
    "chunk-many-extensions": (CHUNKED + (b"1;" + b"a" * 200 + b"\r\nx\r\n") * 200 + b"0\r\n\r\n", 400),
    "chunk-too-short": (CHUNKED + b"2\r\nabc\r\n0\r\n\r\n", 400),
    "chunk-too-long": (CHUNKED + b"4\r\nabc\r\n0\r\n\r\n", 400),
    "chunk-no-end": (CHUNKED + b"3\r\nabc0\r\n\r\n", 400),
    "trailer-no-header": (CHUNKED + b"0\r\nabc\r\n\r\n", 400),
    "trailer-folded": (CHUNKED + b"0\r\nX: a\r\n b\r\n\r\n", 400),
    "trailer-bare-lf": (CHUNKED + b"0\r\nX: a\n\r\n", 400),
    "trailer-endless": (CHUNKED + b"0\r\nX: " + b"a" * 9000, 400),
    "trailers-too-large": (CHUNKED + b"0\r\n" + b"X: abcdefgh\r\n" * 800 + b"\r\n", 431),
    "body-too-large": (POST + b"Content-Length: 262145\r\n\r\n", 413),
    "body-too-large-in-chunks": (CHUNKED + b"40001\r\n" + b"x" * 262145, 413),
    "coded-unknown": (POST + b"Content-Encoding: br\r\nContent-Length: 3\r\n\r\nabc", 415),
    "coded-twice": (POST + b"Content-Encoding: gzip, gzip\r\nContent-Length: 3\r\n\r\nabc", 415),
    "coded-wrong": (POST + b"Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc", 400),
    "coded-cut": (POST + b"Content-Encoding: gzip\r\nContent-Length: 15\r\n\r\n" + gzip.compress(b"abc")[:15], 400),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_ambiguous_or_malformed_is_refused_and_closed(server: Server, case: str) -> None:
    data, status = REFUSED[case]
    with server.client() as client:
        answer = client.send(data).answer()
        assert answer.status == status
        assert answer.headers["connection"] == "close"
        assert json.loads(answer.body)["error"]
        assert client.closed(), "nothing after it is answered"


@pytest.mark.parametrize("case", REFUSED)
def test_what_follows_a_refused_request_is_never_taken_for_one(server: Server, case: str) -> None:
    data, status = REFUSED[case]
    before = len(server.seen.statuses("/hello"))
    with server.client() as client:
        answer = client.send(data + HELLO).answer()
        assert answer.status == status
        assert client.closed()
    assert len(server.seen.statuses("/hello")) == before


@pytest.mark.parametrize("case", [case for case, (data, _) in REFUSED.items() if len(data) <= 600])
def test_byte_by_byte_is_refused_the_same(server: Server, case: str) -> None:
    data, status = REFUSED[case]
    with server.client() as client:
        client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            for at in range(len(data)):
                client.send(data[at : at + 1])
        except ConnectionError:
            pass  # it was refused before its end
        assert client.answer().status == status


TAKEN: dict[str, tuple[bytes, bytes]] = {
    "plain": (HELLO, b"hello"),
    "absolute": (get(b"http://localhost/hello"), b"hello"),
    "absolute-upper": (get(b"HTTP://LOCALHOST/hello"), b"hello"),
    "one-empty-line-before": (b"\r\n" + HELLO, b"hello"),
    "blanks-around-value": (get(b"/hello", b"Host: \t localhost \t\r\n"), b"hello"),
    "host-with-port": (get(b"/hello", b"Host: localhost:1\r\n"), b"hello"),
    "host-v6": (get(b"/hello", b"Host: [::1]:8080\r\n"), b"hello"),
    "not-ascii-in-value": (get(b"/hello", HOST + b"X: \xff\xfe\r\n"), b"hello"),
    "length": (POST + b"Content-Length: 3\r\n\r\nabc", b"abc"),
    "length-zero": (POST + b"Content-Length: 0\r\n\r\n", b""),
    "get-with-body": (get(b"/hello", HOST + b"Content-Length: 5\r\n") + b"GET /", b"hello"),
    "chunks": (CHUNKED + b'3\r\nabc\r\nA;a=b;c="d e"\r\n0123456789\r\n0\r\n\r\n', b"abc0123456789"),
    "chunks-trailers": (CHUNKED + b"3\r\nabc\r\n0;x\r\nX: y\r\nContent-Length: 4\r\nHost: z\r\n\r\n", b"abc"),
    "chunked-upper": (POST + b"Transfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", b"abc"),
    "chunks-none": (CHUNKED + b"0\r\n\r\n", b""),
    "upgrade-websocket": (get(b"/hello", HOST + b"Connection: Upgrade\r\nUpgrade: websocket\r\n"), b"hello"),
    "upgrade-h2c": (
        POST
        + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\nContent-Length: 3\r\n\r\nabc",
        b"abc",
    ),
    "gzip": (
        POST + b"Content-Encoding: gzip\r\nContent-Length: 23\r\n\r\n" + gzip.compress(b"abc", mtime=0),
        b"abc",
    ),
    "percent": (get(b"/models/a%20b%C3%A9"), "a bé".encode()),
}


@pytest.mark.parametrize("case", TAKEN)
def test_what_is_sound_is_answered_and_the_connection_goes_on(server: Server, case: str) -> None:
    data, body = TAKEN[case]
    with server.client() as client:
        for _ in range(3):
            answer = client.send(data).answer()
            assert (answer.status, answer.body) == (200, body)
            assert "connection" not in answer.headers


@pytest.mark.parametrize("case", TAKEN)
def test_sound_requests_are_the_same_in_any_pieces(server: Server, case: str) -> None:
    data, body = TAKEN[case]
    for size in (1, 2, 7):
        with server.client() as client:
            client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for at in range(0, len(data), size):
                client.send(data[at : at + size])
            answer = client.answer()
            assert (answer.status, answer.body) == (200, body)
            assert client.send(HELLO).answer().body == b"hello"


def test_pipelined_requests_are_answered_in_order(server: Server) -> None:
    bodies = [b"%d" % at for at in range(60)]
    paths = [b"/later" if at % 7 == 0 else b"/echo" for at in range(60)]
    with server.client() as client:
        client.send(
            b"".join(
                b"POST %b HTTP/1.1\r\n%bContent-Length: %d\r\n\r\n%b" % (path, HOST, len(body), body)
                for path, body in zip(paths, bodies, strict=True)
            )
        )
        assert [client.answer().body for _ in bodies] == bodies


def test_a_flood_of_pipelined_requests_waits_in_the_clients_own_buffers(server: Server) -> None:
    """Nobody reads the answers: the server stops reading, and keeps little."""
    with server.client() as client:
        client.socket.setblocking(False)
        sent = 0
        flood = HELLO * 1000
        end = time.monotonic() + 3
        while time.monotonic() < end:
            try:
                sent += client.socket.send(flood)
            except BlockingIOError:
                if sent and time.monotonic() > end - 2:
                    break
                time.sleep(0.02)
        else:
            pytest.fail(f"{sent} bytes were taken and none was answered to anybody")
        held = server.call(lambda: sum(len(each._ahead) for each in server.listener._service.connections))
        assert held < 1 << 20
        with server.client() as other:
            assert other.send(HELLO).answer().body == b"hello", "others are served"


def test_what_is_sent_ahead_of_a_slow_answer_is_bounded(server: Server) -> None:
    with server.client() as client:
        client.send(b"POST /never HTTP/1.1\r\n" + HOST + b"X-Request-Timeout: 0.5\r\n\r\n")
        client.socket.settimeout(0.5)
        with pytest.raises(TimeoutError):
            client.send(PIECE * 2000)
        held = server.call(lambda: max(len(each._ahead) for each in server.listener._service.connections))
        assert held < 1 << 20
    assert until(lambda: server.call(lambda: server.listener.busy) == 0), "its deadline frees it"


def test_head_has_the_length_and_no_body(server: Server) -> None:
    with server.client() as client:
        answer = client.send(b"HEAD /hello HTTP/1.1\r\n" + HOST + b"\r\n").answer(bare=True)
        assert (answer.status, answer.headers["content-length"]) == (200, "5")
        assert client.send(HELLO).answer().body == b"hello"


def test_http_1_0_is_answered_and_closed(server: Server) -> None:
    for headers in (HOST, HOST + b"Connection: keep-alive\r\n"):
        with server.client() as client:
            answer = client.send(b"GET /hello HTTP/1.0\r\n" + headers + b"\r\n" + HELLO).answer()
            assert (answer.status, answer.body, answer.headers["connection"]) == (200, b"hello", "close")
            assert client.closed()


def test_a_stream_to_http_1_0_ends_with_the_connection(server: Server) -> None:
    with server.client() as client:
        answer = client.send(b"GET /pour?n=3 HTTP/1.0\r\n" + HOST + b"\r\n").answer()
        assert "transfer-encoding" not in answer.headers
        assert answer.body == PIECE * 3


def test_a_client_that_says_close_is_closed(server: Server) -> None:
    with server.client() as client:
        answer = client.send(get(b"/hello", HOST + b"Connection: x, Close\r\n") + HELLO).answer()
        assert answer.headers["connection"] == "close"
        assert client.closed()


def test_continue_is_said_once_the_head_is_accepted(server: Server) -> None:
    with server.client() as client:
        client.send(POST + b"Expect: 100-continue\r\nContent-Length: 3\r\n\r\n")
        assert client.answer().status == 100
        assert client.send(b"abc").answer().body == b"abc"
        client.send(POST + b"Expect: 100-continue\r\nContent-Length: 999999999\r\n\r\n")
        assert client.answer().status == 413, "without asking for the body"
        assert client.closed()


def test_a_body_too_large_is_refused_without_reading_it(server: Server) -> None:
    with server.client() as client:
        client.send(POST + b"Content-Length: 900000000\r\n\r\n" + PIECE)
        answer = client.answer()
        assert answer.status == 413
        assert "262144" in json.loads(answer.body)["error"]


def test_the_answer_is_read_though_the_body_is_still_being_sent(server: Server) -> None:
    """The connection is not reset under the client before it has read why."""
    with server.client() as client:
        client.send(POST + b"Content-Length: 8000000\r\n\r\n")
        for _ in range(40):
            client.send(PIECE)
        assert client.answer().status == 413


def test_larger_bodies_and_tables_go_to_the_sink(server: Server) -> None:
    bulk = b"POST /bulk HTTP/1.1\r\n" + HOST
    with server.client() as client:
        assert client.send(bulk + b"Content-Length: 3\r\n\r\nabc").answer().body == b"inline"
        assert client.send(bulk + b"Content-Type: text/csv; a=b\r\nContent-Length: 3\r\n\r\nabc").answer().body == b"3"
        assert client.send(bulk + b"Content-Length: 300000\r\n\r\n" + b"x" * 300000).answer().body == b"300000"
        chunks = b"40000\r\n" + b"x" * 0x40000 + b"\r\n"
        client.send(bulk + b"Transfer-Encoding: chunked\r\n\r\n" + chunks * 3 + b"0\r\n\r\n")
        assert client.answer().body == b"%d" % (3 * 0x40000)
        assert client.send(HELLO).answer().body == b"hello"


def test_a_slow_sink_holds_the_client_back_and_gets_everything(server: Server) -> None:
    slow = b"POST /bulk?slow HTTP/1.1\r\n" + HOST + b"Content-Length: 1500000\r\n\r\n"
    with server.client() as client:
        assert client.send(slow + b"x" * 1500000 + HELLO).answer().body == b"1500000"
        assert client.answer().body == b"hello"


def test_a_sink_may_resume_before_it_has_said_to_wait(server: Server) -> None:
    eager = b"POST /bulk?eager HTTP/1.1\r\n" + HOST + b"Content-Length: 1500000\r\n\r\n"
    with server.client() as client:
        assert client.send(eager + b"x" * 1500000).answer().body == b"1500000"


def test_a_slow_sink_gets_all_of_a_coded_body(server: Server) -> None:
    data = gzip.compress(bytes(range(256)) * 8000, 1)
    head = b"POST /bulk?slow HTTP/1.1\r\n" + HOST + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n" % len(data)
    with server.client() as client:
        assert client.send(head + b"Content-Type: text/csv\r\n\r\n" + data).answer().status == 413, "ratio 100"
    small = gzip.compress(b"".join(b"%d," % (at * 7919 % 100003) for at in range(300000)))
    head = b"POST /bulk?slow HTTP/1.1\r\n" + HOST + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n" % len(small)
    with server.client() as client:
        size = len(gzip.decompress(small))
        assert client.send(head + b"Content-Type: text/csv\r\n\r\n" + small).answer().body == b"%d" % size
        assert client.send(HELLO).answer().body == b"hello"


def test_limits_hold_for_sinks(server: Server) -> None:
    bulk = b"POST /bulk HTTP/1.1\r\n" + HOST
    with server.client() as client:
        assert client.send(bulk + b"Content-Length: 2097153\r\n\r\n").answer().status == 413
    with server.client() as client:
        assert client.send(bulk + b"Content-Type: text/csv\r\nContent-Length: 4194305\r\n\r\n").answer().status == 413
    with server.client() as client:
        client.send(bulk + b"Transfer-Encoding: chunked\r\n\r\n" + (b"40000\r\n" + b"x" * 0x40000 + b"\r\n") * 9)
        assert client.answer().status == 413
        assert until(lambda: any("larger" in why for why in server.seen.aborted))


def test_a_sink_may_answer_before_the_body_is_whole(server: Server) -> None:
    with server.client() as client:
        client.send(b"POST /bulk?early HTTP/1.1\r\n" + HOST + b"Content-Length: 1000000\r\n\r\n" + b"x" * 400000)
        answer = client.answer()
        assert (answer.status, answer.headers["connection"]) == (422, "close")
        assert client.closed()


def test_a_sink_that_cannot_be_made_is_a_500(server: Server) -> None:
    with server.client() as client:
        client.send(b"POST /bulk?broken HTTP/1.1\r\n" + HOST + b"Content-Length: 1000000\r\n\r\n")
        assert client.answer().status == 500


@pytest.mark.parametrize("path", ["/echo", "/bulk"])
def test_a_gzip_bomb_is_refused(server: Server, path: str) -> None:
    bomb = gzip.compress(bytes(100 << 20))
    head = b"POST %b HTTP/1.1\r\n%bContent-Encoding: gzip\r\n" % (path.encode(), HOST)
    for kind in (b"", b"Content-Type: text/csv\r\n"):
        with server.client() as client:
            client.send(head + kind + b"Content-Length: %d\r\n\r\n" % len(bomb) + bomb)
            assert client.answer().status == 413


def test_bytes_after_a_coded_body_are_refused(server: Server) -> None:
    data = gzip.compress(b"abc") + b"more"
    with server.client() as client:
        client.send(POST + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(data) + data)
        assert client.answer().status == 400


def test_a_handler_that_fails_tells_its_id_and_no_more(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    with server.client() as client:
        answer = client.send(get(b"/boom", HOST + b"X-Request-Id: trace-me\r\n")).answer()
        assert (answer.status, answer.headers["x-request-id"]) == (500, "trace-me")
        assert b"secret" not in answer.body
        assert b"trace-me" in answer.body
        assert client.send(HELLO).answer().body == b"hello", "the connection is sound"
    assert "trace-me" in caplog.text
    assert "a secret of the inside" in caplog.text


def test_a_header_that_would_become_two_is_a_500(server: Server) -> None:
    with server.client() as client:
        answer = client.send(get(b"/split")).answer()
        assert (answer.status, "b" in answer.headers) == (500, False)
        assert client.send(HELLO).answer().body == b"hello"


def test_a_second_answer_goes_nowhere(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    with server.client() as client:
        assert client.send(get(b"/twice") + HELLO).answer().body == b"once"
        assert client.answer().body == b"hello"
    assert "answered twice" in caplog.text


def test_a_stream_that_fails_is_cut_so_that_the_client_can_tell(server: Server) -> None:
    with server.client() as client:
        rest = client.send(get(b"/half")).rest()
        assert not rest.endswith(b"0\r\n\r\n")


@pytest.mark.parametrize("value", [b"a b", b'"a"', b"x" * 129, b"\xff", b"<script>"])
def test_an_insane_request_id_is_replaced(server: Server, value: bytes) -> None:
    with server.client() as client:
        answer = client.send(get(b"/hello", HOST + b"X-Request-Id: " + value + b"\r\n")).answer()
        assert answer.headers["x-request-id"].encode() != value
        assert answer.headers["x-request-id"].isascii()


@pytest.mark.parametrize(
    "path",
    ["/models/..", "/models/%2e%2e", "/models/a%2fb", "/models/a%5cb", "/models/a%00b", "/models/%zz", "/models/%",
     "/models/%ff", "/models/a%0ab", "/models/%e2%80%ae", "/../hello", "/models/+%+1"],
)  # fmt: skip
def test_a_path_that_could_mean_another_is_refused(server: Server, path: str) -> None:
    with server.client() as client:
        assert client.send(get(path.encode())).answer().status == 400
        assert client.send(HELLO).answer().status == 200, "the framing is sound"


def test_405_tells_what_is_allowed(server: Server) -> None:
    with server.client() as client:
        answer = client.send(b"DELETE /hello HTTP/1.1\r\n" + HOST + b"\r\n").answer()
        assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")
        answer = client.send(b"OPTIONS /echo HTTP/1.1\r\n" + HOST + b"\r\n").answer()
        assert (answer.status, answer.headers["allow"]) == (405, "POST")
        answer = client.send(b"TRACE /hello HTTP/1.1\r\n" + HOST + b"Cookie: secret\r\n\r\n").answer()
        assert (answer.status, b"secret" in answer.body) == (405, False)
        assert client.send(get(b"/nothing")).answer().status == 404
