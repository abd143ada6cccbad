"""Who may come in: connections, hosts, origins, keys, TLS; and how the last ones leave."""

from __future__ import annotations

import json
import socket
import ssl
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from amber.errors import SourceError
from amber.server.front import keys
from amber.server.front.http.listener import listen
from amber.server.settings import Settings
from tests.e2e.server.listening import Client, Server, routes, serving, until

TLS = Path(__file__).parent / "tls"
HOST = b"Host: localhost\r\n"
HELLO = b"GET /hello HTTP/1.1\r\n" + HOST + b"\r\n"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving("uvloop", allowed_hosts=("models.example", "app.example:8443")) as started:
        yield started


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, dict[str, str], Path]]:
    path = tmp_path_factory.mktemp("keys") / "keys.toml"
    tokens = {
        "reader": keys.add(str(path), "reader", ["read"]),
        "caller": keys.add(str(path), "caller", ["read", "predict"]),
        "admin": keys.add(str(path), "admin", ["admin"]),
    }
    with serving("uvloop", api_keys=str(path)) as started:
        yield started, tokens, path


def status(server: Server, head: bytes, headers: bytes = HOST) -> int:
    with server.client() as client:
        return client.send(head + b" HTTP/1.1\r\n" + headers + b"\r\n").answer().status


@pytest.mark.parametrize("verb", [b"GET /hello", b"POST /echo", b"DELETE /hello", b"OPTIONS /hello", b"GET /nothing"])
@pytest.mark.parametrize(
    "host", [b"evil.example", b"localhost.evil.example", b"models.example.evil", b"127.0.0.1.nip.io", b"0.0.0.0",
             b"localhost:port", b"localhost:123456", b"", b"localhost,evil", b"[::1", b"app.example:1", b"app.example"]
)  # fmt: skip
def test_another_host_is_refused_whatever_the_verb(server: Server, verb: bytes, host: bytes) -> None:
    assert status(server, verb, b"Host: " + host + b"\r\n") == 403


@pytest.mark.parametrize(
    "host", [b"localhost", b"LocalHost:80", b"127.0.0.1", b"127.0.0.1:9", b"[::1]", b"[::1]:80", b"models.example",
             b"models.example:443", b"app.example:8443"]
)  # fmt: skip
def test_its_own_hosts_are_answered(server: Server, host: bytes) -> None:
    assert status(server, b"GET /hello", b"Host: " + host + b"\r\n") == 200


@pytest.mark.parametrize(
    "origin", [b"https://evil.example", b"null", b"", b"http://localhost:3000", b"file://", b"http://127.0.0.1",
               b"https://models.example.evil", b"ftp://localhost", b"localhost"]
)  # fmt: skip
@pytest.mark.parametrize("verb", [b"GET /hello", b"POST /echo"])
def test_pages_of_others_are_refused(server: Server, verb: bytes, origin: bytes) -> None:
    assert status(server, verb, b"Host: localhost:8080\r\nOrigin: " + origin + b"\r\n") == 403


@pytest.mark.parametrize(
    ("host", "origin"),
    [(b"localhost:8080", b"http://localhost:8080"), (b"localhost", b"http://localhost:80"),
     (b"localhost:443", b"https://localhost"), (b"localhost:8080", b"https://models.example"),
     (b"localhost:8080", b"https://app.example:8443")],
)  # fmt: skip
def test_its_own_pages_are_answered(server: Server, host: bytes, origin: bytes) -> None:
    assert status(server, b"POST /echo", b"Host: " + host + b"\r\nOrigin: " + origin + b"\r\n") == 200


def test_health_is_answered_to_anybody(server: Server) -> None:
    assert status(server, b"GET /v2/health/live", b"Host: 10.0.0.7:8080\r\nOrigin: https://evil.example\r\n") == 200
    with server.client() as client:
        assert client.send(b"GET /v2/health/live HTTP/1.0\r\n\r\n").answer().status == 200


def test_without_keys_nobody_changes_the_server(server: Server) -> None:
    assert status(server, b"POST /admin") == 403


def test_keys_open_what_their_scopes_say(locked: tuple[Server, dict[str, str], Path]) -> None:
    server, tokens, _ = locked
    for name, opens in (("reader", {"/hello"}), ("caller", {"/hello", "/echo"}), ("admin", {"/admin"})):
        for verb, path in (("GET", "/hello"), ("POST", "/echo"), ("POST", "/admin")):
            for header in (f"Authorization: Bearer {tokens[name]}\r\n", f"X-API-Key: {tokens[name]}\r\n"):
                expected = 200 if path in opens else 403
                assert status(server, f"{verb} {path}".encode(), HOST + header.encode()) == expected


@pytest.mark.parametrize(
    "header",
    ["", "Authorization: Bearer\r\n", "Authorization: Bearer amber_caller_wrong\r\n", "Authorization: Basic {}\r\n",
     "X-API-Key: {}x\r\n", "X-API-Key: nobody\r\n", "Authorization: {}\r\n", "X-API-Key: amber_nobody_{}\r\n",
     "Authorization: Bearer wrong\r\nX-API-Key: {}\r\n"],
)  # fmt: skip
def test_without_a_key_there_is_a_challenge(locked: tuple[Server, dict[str, str], Path], header: str) -> None:
    server, tokens, _ = locked
    with server.client() as client:
        headers = HOST + header.format(tokens["caller"]).encode()
        answer = client.send(b"GET /hello HTTP/1.1\r\n" + headers + b"\r\n").answer()
        assert answer.status == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert tokens["caller"].encode() not in answer.body


def test_health_needs_no_key(locked: tuple[Server, dict[str, str], Path]) -> None:
    assert status(locked[0], b"GET /v2/health/live") == 200


def test_keys_are_read_again_when_their_file_changes(locked: tuple[Server, dict[str, str], Path]) -> None:
    server, _, path = locked
    token = keys.add(str(path), "late", ["read"])
    header = HOST + f"X-API-Key: {token}\r\n".encode()
    assert until(lambda: status(server, b"GET /hello", header) == 200)
    whole = path.read_text()
    path.write_text(whole.replace("late", "gone"))
    assert until(lambda: status(server, b"GET /hello", header) == 401)


def test_a_body_is_not_read_for_those_who_may_not_send_it(locked: tuple[Server, dict[str, str], Path]) -> None:
    with locked[0].client() as client:
        answer = client.send(b"POST /echo HTTP/1.1\r\n" + HOST + b"Content-Length: 100000\r\n\r\n").answer()
        assert (answer.status, answer.headers["connection"]) == (401, "close")


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_too_many_connections_are_told_so(loop: str) -> None:
    with serving(loop, connections=3) as server:
        held = [server.client() for _ in range(3)]
        for each in held:
            assert each.send(HELLO).answer().status == 200
        with server.client() as client:
            answer = client.answer()
            assert (answer.status, answer.headers["connection"]) == (503, "close")
            assert answer.headers["retry-after"] == "1"
            assert client.closed()
        for each in held:
            each.socket.close()
        assert until(lambda: status(server, b"GET /hello") == 200)


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_draining_finishes_what_has_begun(loop: str) -> None:
    with serving(loop) as server, server.client() as idle, server.client() as asked, server.client() as body:
        check_drain(server, idle, asked, body)


def check_drain(server: Server, idle: Client, asked: Client, body: Client) -> None:
    idle.send(HELLO).answer()
    asked.send(b"POST /later HTTP/1.1\r\n" + HOST + b"Content-Length: 2\r\n\r\nhi")
    body.send(b"POST /echo HTTP/1.1\r\n" + HOST + b"Content-Length: 2\r\n\r\nh")
    assert until(lambda: server.call(lambda: server.listener.busy) == 2)
    server.call(server.listener.drain)
    assert idle.closed()
    answer = asked.answer()
    assert (answer.body, answer.headers["connection"]) == (b"hi", "close")
    assert asked.closed()
    assert body.send(b"i").answer().headers["connection"] == "close"
    with pytest.raises(ConnectionError):
        server.client()
    assert server.run(server.listener.drained(5))


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_tls_is_spoken_with_a_certificate(loop: str) -> None:
    with serving(loop, tls_cert=str(TLS / "cert.pem"), tls_key=str(TLS / "key.pem")) as server:
        context = ssl.create_default_context(cafile=str(TLS / "cert.pem"))
        context.set_alpn_protocols(["h2", "http/1.1"])
        with server.client() as client:
            client.socket = context.wrap_socket(client.socket, server_hostname="localhost")
            assert client.socket.selected_alpn_protocol() == "http/1.1"
            assert client.send(HELLO).answer().body == b"hello"
            big = b"POST /bulk HTTP/1.1\r\n" + HOST + b"Content-Length: 900000\r\n\r\n" + b"x" * 900000
            assert client.send(big).answer().body == b"900000"
            client.send(b"POST /echo HTTP/1.1\r\n" + HOST + b"Content-Length: 999999999\r\n\r\n" + b"x" * 9000)
            assert client.answer().status == 413


def test_tls_is_spoken_alone_and_not_before_1_2() -> None:
    """On uvloop alone: asyncio warns of the transport of each handshake that fails."""
    with serving("uvloop", tls_cert=str(TLS / "cert.pem"), tls_key=str(TLS / "key.pem")) as server:
        with server.client() as client:
            client.send(HELLO)
            assert not client.rest().startswith(b"HTTP"), "nothing is answered outside of TLS"
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            old.maximum_version = ssl.TLSVersion.TLSv1_1
        with server.client() as client, pytest.raises((ssl.SSLError, ConnectionError)):
            old.wrap_socket(client.socket)


def test_a_certificate_that_is_none_is_refused_before_anything_listens() -> None:
    with pytest.raises(SourceError, match="tls-unusable"), serving("asyncio", tls_cert=__file__, tls_key=__file__):
        pass


def test_a_port_that_is_taken_is_refused() -> None:
    with serving("uvloop") as server, socket.create_server(("127.0.0.1", 0)) as taken:
        settings = Settings(port=taken.getsockname()[1])
        with pytest.raises(SourceError, match="address-unusable"):
            server.run(listen(routes(server.seen), settings, server.seen))


def test_a_unix_socket_is_served_beside_the_port(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    with serving("uvloop", unix_socket=path) as server:
        assert path in server.listener.addresses
        with server.client() as client:
            client.socket.close()
            client.socket = socket.socket(socket.AF_UNIX)
            client.socket.settimeout(10)
            client.socket.connect(path)
            assert client.send(HELLO).answer().body == b"hello"


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_a_listening_socket_can_be_handed_over(loop: str) -> None:
    with serving(loop) as server, socket.create_server(("127.0.0.1", 0)) as passed:
        other = server.run(listen(routes(server.seen), server.settings, server.seen, sockets=[passed.dup()]))
        with Client(passed.getsockname()[1]) as client:
            assert client.send(HELLO).answer().body == b"hello"
        server.call(other.close)
        assert server.run(other.drained(2))


def test_the_error_is_json_with_a_code_and_the_request(server: Server) -> None:
    with server.client() as client:
        answer = client.send(b"GET /nothing HTTP/1.1\r\n" + HOST + b"X-Request-Id: r1\r\n\r\n").answer()
        assert answer.headers["content-type"] == "application/json"
        assert json.loads(answer.body)["code"] == "path-unknown"
        assert json.loads(answer.body)["request_id"] == "r1"
