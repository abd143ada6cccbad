"""One connection: bytes in, requests one after the other, answers out; and how long anything may take.

States: HEAD (idle, or a head is arriving), BODY (a body is arriving), ANSWER (the handler has the request), LINGER (the
last answer is out; what still arrives is thrown away, so that the client reads the answer and not a reset), CLOSED.
What arrives while a request is worked on waits in `_ahead`, and past `_AHEAD_BYTES` in the kernel.

A client that ends its side while it is waited for is taken to have gone away (as nginx and hyper take it): in a queue
under load most of those have, and their rows would be computed for nobody.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import struct
from time import monotonic
from typing import cast

from amber.server.exchange import Failure
from amber.server.formats import errors
from amber.server.front.http import answers
from amber.server.front.http.admission import admit
from amber.server.front.http.body import Chunked, Counted
from amber.server.front.http.head import Head, requested_seconds, sane_id
from amber.server.front.http.intake import Intake
from amber.server.front.http.messages import Headers, Request, Stream
from amber.server.front.http.request_line import unfinished
from amber.server.front.http.routes import Route
from amber.server.front.http.service import Service
from amber.server.front.http.timing import Timing

HEAD, BODY, ANSWER, LINGER, CLOSED = range(5)
_AHEAD_BYTES = 65536  # sent ahead by a client, before reading stops
_TURN = 16  # requests of one connection in one turn of the loop
_LINGER_BYTES = 64 << 20
_GRACE_SECONDS = 1.0  # beyond a deadline, for its 504 to come from who knows more
_GONE = 499  # as nginx logs it
_log = logging.getLogger("amber.server")


class Connection(asyncio.Protocol):
    """One connection of a listener."""

    __slots__ = (
        "_ahead",
        "_blank",
        "_chunks",
        "_framing",
        "_head",
        "_intake",
        "_keep",
        "_loop",
        "_out",
        "_pumping",
        "_reading",
        "_request",
        "_route",
        "_sent",
        "_service",
        "_stalled",
        "_state",
        "_status",
        "_stream",
        "_timing",
        "_transport",
        "_writable",
    )

    def __init__(self, service: Service) -> None:
        self._service = service
        self._loop = service.loop
        self._transport: asyncio.Transport = cast(asyncio.Transport, None)
        self._state = HEAD
        self._ahead = b""
        self._out: list[bytes] = []
        self._pumping = False
        self._reading = True
        self._writable = True
        self._timing = Timing(monotonic())
        self._forget()

    def _forget(self) -> None:
        self._request: Request | None = None
        self._route: Route | None = None
        self._framing: Counted | Chunked | None = None
        self._intake: Intake | None = None
        self._stream: Stream | None = None
        self._stalled = False
        self._chunks = False
        self._status = 0
        self._sent = 0
        self._keep = True
        self._blank = False  # whether an empty line was passed over before this request

    @property
    def busy(self) -> bool:
        """Whether a request is not answered yet."""
        return self._request is not None

    # What the transport calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client is there; where there are too many it is told so."""
        self._transport = cast(asyncio.Transport, transport)
        service = self._service
        full = len(service.connections) >= service.settings.connections
        service.connections.add(self)
        if full or service.draining:
            what = "has as many connections as it takes" if full else "is about to end"
            failure = Failure(503, "connections-full", f"the server {what}", hint="try again later", retry_after=1)
            self._refuse(failure)
            if len(service.connections) > service.settings.connections + 128:
                self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        """The client has gone away, or the last answer is out."""
        self._state = CLOSED
        self._service.connections.discard(self)
        request, intake, sent = self._request, self._intake, self._sent
        self._forget()
        self._ahead = b""
        self._out.clear()
        if request is None:
            return
        request.gone = True
        gone, request.on_gone = request.on_gone, None
        try:
            if intake is not None:
                intake.abort("the client has gone away")
            if gone is not None:
                gone()
        except Exception:
            _log.exception("request %s: what followed the client's going away failed", request.id)
        request.code = request.code or "client-gone"
        self._watch(request, _GONE, sent, monotonic())

    def data_received(self, data: bytes) -> None:
        """Bytes have come."""
        state = self._state
        if state >= LINGER:
            self._timing.moved += len(data)
            if self._timing.moved > _LINGER_BYTES:
                self.abort()
            return
        self._ahead = self._ahead + data if self._ahead else data
        if state == ANSWER or self._pumping or (state == HEAD and not self._writable):
            if len(self._ahead) > _AHEAD_BYTES:
                self._pause()
        elif state == BODY and (intake := self._intake) is not None and (intake.paused or intake.waiting):
            self._pause()
        else:
            self._pump()

    def eof_received(self) -> bool:
        """The client has ended its side: nothing is waited for any more, and what is written goes out first."""
        return False

    def pause_writing(self) -> None:
        """More is unsent than should be."""
        self._writable = False

    def resume_writing(self) -> None:
        """The client has read on."""
        self._writable = True
        stream = self._stream
        if stream is not None and self._stalled:
            self._stalled = False
            self._call_drained(stream)
        if self._ahead:
            self._later()

    # From bytes to requests.

    def _later(self) -> None:
        """Go on in the next turn of the loop."""
        self._loop.call_soon(self._pump)

    def _pump(self) -> None:
        """Read what is there: bodies and heads, as far as the connection may go on now."""
        if self._pumping:
            return
        self._pumping = True
        turns = 0
        try:
            while self._state < ANSWER:
                if self._state == BODY:
                    if not self._read_body():
                        break
                elif not self._writable:
                    break
                elif turns == _TURN:
                    self._later()
                    break
                elif self._ahead and self._read_head():
                    turns += 1
                else:
                    break
        finally:
            self._pumping = False
        self._flush()
        intake = self._intake
        if len(self._ahead) > _AHEAD_BYTES:
            self._pause()
        elif not self._reading and self._state < LINGER and (intake is None or not (intake.paused or intake.waiting)):
            self._reading = True
            self._transport.resume_reading()

    def _read_head(self) -> bool:
        """Read one head, if it is there, and begin with its request."""
        data = self._ahead
        if data[:1] == b"\r":
            return self._blank_line(data)
        end = data.find(b"\r\n\r\n")
        if end < 0 or end + 4 > self._service.settings.header_bytes:
            refused = unfinished(data, self._service.settings.header_bytes)
            if refused is None:
                return self._wait_for_head()
            self._refuse(refused)
            return False
        now = monotonic()
        try:
            head = self._service.heads.read(data[: end + 4])
        except Failure as failure:
            self._refuse(failure)
            return False
        self._timing.started = 0.0
        self._ahead = data[end + 4 :]
        self._begin(head, now)
        return True

    def _blank_line(self, data: bytes) -> bool:
        """Pass over one empty line before a request (RFC 9112, 2.2), and refuse a second."""
        if self._blank or data[1:2] not in b"\n":
            self._refuse(Failure(400, "request-malformed", "more than one empty line before a request"))
            return False
        if len(data) == 1:
            return self._wait_for_head()
        self._blank = True
        self._ahead = data[2:]
        return bool(self._ahead) and self._read_head()

    def _wait_for_head(self) -> bool:
        if not self._timing.started:
            self._timing.started = monotonic()
        return False

    def _begin(self, head: Head, now: float) -> None:
        """Check a request that has a sound head, and go on to its body or its handler."""
        service = self._service
        headers = head.headers
        request_id = sane_id(headers[b"x-request-id"]) if b"x-request-id" in headers else ""
        request = Request(self, head.method, head.path, head.query, headers, request_id or service.new_id(), now)
        self._request = request
        self._keep = head.keep and not service.draining
        self._chunks = head.modern
        length = head.length
        self._state = BODY if length != 0 else ANSWER  # a refusal must know whether there is a body to read
        admission, settings = head.admission, service.settings
        if admission.age != service.guards.age:
            refused = admit(request, admission, service.guards, service.routes)
            if refused is not None:
                return request.fail(*refused)
        request.parameters, request.scopes, request.key = admission.parameters, admission.scopes, admission.key
        self._route = admission.route
        seconds = settings.request_seconds
        request.deadline = now + (requested_seconds(headers, seconds) if b"x-request-timeout" in headers else seconds)
        if length == 0:
            return self._handle(request)
        ahead = self._ahead
        if length is not None and len(ahead) >= length and length <= settings.body_inline and admission.inline:
            request.body, self._ahead = (ahead, b"") if len(ahead) == length else (ahead[:length], ahead[length:])
            return self._handle(request)
        return self._begin_body(request, head, now)

    def _begin_body(self, request: Request, head: Head, now: float) -> None:
        """Make ready for a body that is not there yet, or does not simply become `request.body`."""
        self._timing.begin(now)
        self._framing = Chunked() if head.length is None else Counted(head.length)
        try:
            self._intake = Intake(request, head.admission.route, self._service.settings, head.length)
        except Failure as failure:
            self._fail(request, failure)
        except Exception as error:
            self._broken(request, error)
        else:
            if head.expects and not self._ahead and not request.answered:
                self._write(answers.CONTINUE)

    def _read_body(self) -> bool:
        """Read what is there of a body; whether the connection may go on at once."""
        framing, intake, request = self._framing, self._intake, self._request
        if framing is None or intake is None or request is None:
            return False
        try:
            if intake.waiting and not intake.paused:
                intake.flow()
            if self._ahead and not framing.done and not intake.paused and not intake.waiting:
                data, self._ahead = self._ahead, b""
                read = framing.feed(data, intake.add)
                if self._state == BODY:
                    self._ahead = data[read:]
                    self._timing.moved += read
                    self._timing.since = monotonic()
            if self._state != BODY:  # its sink has answered, or the client has gone away
                return False
            if intake.paused:
                self._pause()
                return False
            if intake.waiting:
                self._pause()
                self._later()
                return False
            if not framing.done:
                return False
            self._state = ANSWER
            if request.deadline is not None:  # the time a body takes has limits of its own
                request.deadline += monotonic() - request.received
            body = intake.end()
        except Failure as failure:
            self._keep = False
            self._fail(request, failure)
            return False
        except Exception as error:
            self._keep = False
            self._broken(request, error)
            return False
        if body is not None:
            request.body = body
            self._handle(request)
        return True

    def _handle(self, request: Request) -> None:
        """Give a whole request to its handler."""
        self._state = ANSWER
        route = self._route
        self._framing = self._intake = None
        try:
            if route is not None:
                route.handler(request)
        except Failure as failure:
            self._fail(request, failure)
        except Exception as error:
            self._broken(request, error)

    # Failures.

    def _fail(self, request: Request, failure: Failure) -> None:
        """Answer a failure that was raised while the request was worked on."""
        intake, self._intake = self._intake, None
        if intake is not None:
            intake.abort(failure.message)
        if request.gone:
            return
        if not request.answered:
            request.fail(failure)
        elif request is self._request:
            self.cut(request)

    def _broken(self, request: Request, error: Exception) -> None:
        """Answer what should not have happened; the log has the rest."""
        _log.error("request %s failed", request.id, exc_info=error)
        message = f"the server failed; its log has request {request.id}"
        self._fail(request, Failure(500, "server-failed", message))

    def _refuse(self, failure: Failure) -> None:
        """Answer what is no request at all, and close."""
        request = Request(self, "", "", "", {}, self._service.new_id(), monotonic())
        self._request = request
        self._keep = False
        self._ahead = b""
        self._state = BODY  # what comes is not read
        request.fail(failure)

    # Answers: what a request calls.

    def reply(self, request: Request, status: int, body: bytes, content_type: bytes, headers: Headers) -> None:
        """Send the one answer of the current request."""
        if request is not self._request:
            return
        keep = self._keep and self._state == ANSWER
        bare = request.method == "HEAD" or status in (204, 304)
        date = self._service.date
        self._write(answers.whole(status, body, content_type, headers, date, request.id, not keep, bare))
        self._answered(request, status, 0 if bare else len(body), keep)

    def begin(self, request: Request, status: int, content_type: bytes, headers: Headers) -> Stream:
        """Send the head of an answer in pieces."""
        stream = Stream(self, request)
        if request is self._request:
            self._keep = self._keep and self._chunks and self._state == ANSWER
            date = self._service.date
            self._write(answers.begun(status, content_type, headers, date, request.id, not self._keep, self._chunks))
            self._stream = stream
            self._status = status
        return stream

    def push(self, chunk: bytes) -> bool:
        """Send a piece of the current answer."""
        request = self._request
        if self._transport.is_closing():
            return False  # the client is gone, and that will be told
        if chunk and request is not None and request.method != "HEAD":
            self._sent += len(chunk)
            self._flush()  # the head; pieces go straight to the transport, which says when it has enough
            if self._chunks:
                self._transport.writelines(answers.chunk(chunk))
            else:
                self._transport.write(chunk)
        self._stalled = not self._writable
        return self._writable

    def finish(self, request: Request, trailers: Headers = ()) -> None:
        """Send the end of the current answer."""
        if request is self._request and self._stream is not None:
            if self._chunks and request.method != "HEAD":
                self._write(answers.last_chunk(trailers))
            self._answered(request, self._status, self._sent, self._keep)

    def cut(self, request: Request, failure: Failure | None = None) -> None:
        """Close without an end; a failure is the last line before it."""
        if request is not self._request:
            return
        if failure is None:
            self._reset()
            return
        chunks = self._chunks
        if chunks:
            self.push(b"\n%b\n" % errors.body(failure, request.id))
        self._answered(request, failure.status, self._sent, False)
        if not chunks:
            self._reset()

    def resume(self) -> None:
        """A sink takes more."""
        intake = self._intake
        if intake is not None:
            if intake.paused:
                self._timing.since = monotonic()
                self._later()
            intake.resume()

    def _answered(self, request: Request, status: int, sent: int, keep: bool) -> None:
        """Be ready for the next request, or close."""
        intake = self._intake
        unread = self._state == BODY
        if unread or intake is not None or self._stream is not None:
            self._forget()
        else:  # what a whole answer leaves behind; what follows a head is set with the next one
            self._request = None
            self._blank = False
        request.on_gone = None
        now = monotonic()
        self._watch(request, status, sent, now)
        if keep:
            self._state = HEAD
            self._timing.since = now
            self._timing.started = 0.0
            if self._ahead and not self._pumping:
                self._later()
        else:
            self._end(unread)
        if intake is not None and unread:
            intake.abort("it was answered")

    def _watch(self, request: Request, status: int, sent: int, now: float) -> None:
        try:
            self._service.watch.answered(request, status, sent, now - request.received)
        except Exception:
            _log.exception("request %s could not be counted", request.id)

    def _write(self, data: bytes) -> None:
        if self._pumping:
            self._out.append(data)
        else:
            self._transport.write(data)

    def _flush(self) -> None:
        """Write what the requests of this turn were answered."""
        out = self._out
        if out:
            if len(out) == 1:
                self._transport.write(out[0])
            else:
                self._transport.writelines(out)
            self._out = []

    # The end, and time.

    def _end(self, unread: bool) -> None:
        """Close, but where the client still sends let it read its answer first."""
        self._ahead = b""
        self._flush()
        self._state = LINGER
        self._timing.begin(monotonic())
        if unread:
            if not self._reading:
                self._reading = True
                self._transport.resume_reading()
            if self._transport.can_write_eof():
                self._transport.write_eof()
        else:
            self._transport.close()

    def _pause(self) -> None:
        if self._reading:
            self._reading = False
            self._transport.pause_reading()

    def _call_drained(self, stream: Stream) -> None:
        request = self._request
        if stream.on_drained is not None and request is not None:
            try:
                stream.on_drained()
            except Exception as error:
                self._broken(request, error)

    def _reset(self) -> None:
        """Close so that the client does not take it for the end of an answer that only the connection's end ends."""
        end = self._transport.get_extra_info("socket")
        if end is not None and end.family != getattr(socket, "AF_UNIX", None):
            with contextlib.suppress(OSError):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.abort()

    def abort(self) -> None:
        """Close at once."""
        self._transport.abort()

    def drain(self, *, idle: bool = True) -> None:
        """Close with the next answer, or now if nothing is asked and idle connections are to be closed."""
        self._keep = False
        if idle and self._state == HEAD and not self._ahead:
            self._end(False)

    def sweep(self, now: float) -> None:
        """Cut off what takes too long; called about once a second."""
        settings, timing, request = self._service.settings, self._timing, self._request
        if timing.reader_is_slow(now, self._transport.get_write_buffer_size(), settings):
            self.abort()
        elif self._state == HEAD:
            if timing.head_is_late(now, settings):
                self._refuse(Failure(408, "head-timeout", "the head of the request came too slowly"))
            elif not self._ahead and timing.is_idle(now, settings):
                self._end(False)
        elif self._state == LINGER:
            if timing.has_lingered(now):
                self.abort()
        elif request is None:
            return
        elif self._state == BODY:
            if self._intake is not None and self._intake.paused:
                if now - timing.since > settings.request_seconds + _GRACE_SECONDS:
                    self._fail(request, Failure(504, "deadline-exceeded", "the rows were not worked through in time"))
            elif timing.body_is_slow(now, settings):
                self._fail(request, Failure(408, "body-timeout", "the body of the request came too slowly"))
        elif request.deadline is not None and now > request.deadline + _GRACE_SECONDS and self._stream is None:
            self._overdue(request)

    def _overdue(self, request: Request) -> None:
        """Answer for a handler that did not."""
        gone = request.on_gone
        request.fail(Failure(504, "deadline-exceeded", "the answer was not ready in time", hint="ask for fewer rows"))
        request.gone = True
        if gone is not None:
            gone()
