"""Clients that are slow, on purpose or not, and clients that go away: nothing of theirs is kept."""

from __future__ import annotations

import select
import time
from collections.abc import Iterator

import pytest

from amber.server.front.http import listener
from tests.e2e.server.listening import PIECE, Answer, Client, Server, serving, until

HOST = b"Host: localhost\r\n"
POST = b"POST /echo HTTP/1.1\r\n" + HOST
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
HELLO = b"GET /hello HTTP/1.1\r\n" + HOST + b"\r\n"


@pytest.fixture(scope="module", params=["uvloop", "asyncio"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with serving(request.param, body_limit=2 << 20, bulk_limit=4 << 20) as started:
        yield started


@pytest.fixture(scope="module", params=["uvloop", "asyncio"])
def hasty(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server with little patience that looks often."""
    times = {"header_seconds": 0.3, "body_seconds": 0.3, "keepalive_seconds": 0.3, "request_seconds": 0.3}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(listener, "_SWEEP", 0.1)
        with serving(request.param, **times) as started:
            yield started


def get(target: bytes, headers: bytes = HOST) -> bytes:
    return b"GET " + target + b" HTTP/1.1\r\n" + headers + b"\r\n"


def trickle(client: Client) -> Answer:
    """Send a byte now and then, until there is an answer."""
    for _ in range(400):
        client.send(b"a")
        if select.select([client.socket], [], [], 0.05)[0]:
            break
    return client.answer()


def test_a_head_that_does_not_come_is_408(hasty: Server) -> None:
    with hasty.client() as client:
        client.send(b"GET /hello HTTP/1.1\r\nHo")
        assert client.answer().status == 408
        assert client.closed()


def test_a_head_that_comes_byte_by_byte_is_408(hasty: Server) -> None:
    with hasty.client() as client:
        assert trickle(client.send(b"GET /hello HTTP/1.1\r\nX: ")).status == 408


def test_idle_connections_are_closed_without_a_word(hasty: Server) -> None:
    with hasty.client() as client, hasty.client() as fresh:
        client.send(HELLO).answer()
        assert client.closed()
        assert fresh.closed(), "also one that never asked"


@pytest.mark.parametrize(
    "head", [POST + b"Content-Length: 100\r\n\r\nabc", CHUNKED + b"5\r\nab"], ids=["counted", "chunked"]
)
def test_a_body_that_does_not_come_is_408(hasty: Server, head: bytes) -> None:
    with hasty.client() as client:
        assert client.send(head).answer().status == 408
        assert client.closed()


def test_a_body_that_trickles_is_408(hasty: Server) -> None:
    with hasty.client() as client:
        assert trickle(client.send(POST + b"Content-Length: 100000\r\n\r\n")).status == 408


def test_a_sink_is_told_that_its_body_was_too_slow(hasty: Server) -> None:
    with hasty.client() as client:
        client.send(b"POST /bulk HTTP/1.1\r\n" + HOST + b"Content-Length: 300000\r\n\r\n" + b"x" * 100)
        assert client.answer().status == 408
    assert until(lambda: any("slowly" in why for why in hasty.seen.aborted))


def test_a_client_that_does_not_read_its_answer_is_cut_off(hasty: Server) -> None:
    with hasty.client() as client:
        client.send(get(b"/pour?n=1000"))
        assert until(lambda: 499 in hasty.seen.statuses("/pour"))
    assert hasty.call(lambda: hasty.listener.connections) >= 0


def test_a_handler_that_never_answers_is_answered_for(hasty: Server) -> None:
    with hasty.client() as client:
        client.send(b"POST /never HTTP/1.1\r\n" + HOST + b"\r\n")
        assert client.answer().status == 504
        assert until(lambda: "/never" in hasty.seen.gone), "the handler is told to let go"


def test_a_sink_that_never_goes_on_is_answered_for(hasty: Server) -> None:
    with hasty.client() as client:
        client.send(b"POST /bulk?stuck HTTP/1.1\r\n" + HOST + b"Content-Length: 300000\r\n\r\n" + b"x" * 1000)
        assert client.answer().status == 504


def test_an_answer_after_its_deadline_goes_nowhere(hasty: Server) -> None:
    with hasty.client() as client:
        assert client.send(b"POST /tardy HTTP/1.1\r\n" + HOST + b"\r\n").answer().status == 504
        for _ in range(10):
            assert client.send(HELLO).answer().body == b"hello"
            time.sleep(0.1)
    assert hasty.seen.statuses("/tardy") == [504]


# Clients that go away.


def test_a_client_gone_in_its_body_frees_everything(server: Server) -> None:
    before = len(server.seen.aborted)
    with server.client() as client:
        client.send(b"POST /bulk HTTP/1.1\r\n" + HOST + b"Content-Length: 300000\r\n\r\n" + b"x" * 1000)
    assert until(lambda: len(server.seen.aborted) > before)
    assert 499 in server.seen.statuses("/bulk")


def test_a_client_gone_before_its_answer_frees_everything(server: Server) -> None:
    before = len(server.seen.gone)
    with server.client() as client:
        client.send(b"POST /never HTTP/1.1\r\n" + HOST + b"\r\n")
    assert until(lambda: len(server.seen.gone) > before)


def test_a_client_gone_in_its_stream_frees_everything(server: Server) -> None:
    before = server.seen.statuses("/pour").count(499)
    with server.client() as client:
        client.send(get(b"/pour?n=100000"))
        client.socket.recv(1000)
    assert until(lambda: server.seen.statuses("/pour").count(499) > before)
    assert until(lambda: server.call(lambda: server.listener.busy) == 0)


def test_nothing_stays_of_connections_that_are_closed(server: Server) -> None:
    for _ in range(50):
        with server.client() as client:
            client.send(HELLO).answer()
    assert until(lambda: server.call(lambda: server.listener.connections) == 0)


def test_answers_are_whole_though_the_client_reads_late(server: Server) -> None:
    with server.client() as client:
        client.send(get(b"/pour?n=200"))
        time.sleep(0.1)
        assert client.answer().body == PIECE * 200
        assert client.send(HELLO).answer().body == b"hello"
