"""What front and loader tell each other beside the lanes: frames of a u32 length and MessagePack, over a socket pair.

A frame may carry descriptors. The front sends an `Order`, then a `Serve` for each worker it wants; the loader answers
with `Ready` or `Refused`, then `Forked` and `Died` for each worker. One that is only to judge answers with `Judged`, or
with `Refused` where it could not, and ends. What comes from the loader is checked like anything
from outside: it ran a stranger's model.
"""

from __future__ import annotations

import array
import contextlib
import os
import socket
import struct
from collections.abc import Sequence
from typing import Any

import msgspec

from amber.policy import Policy
from amber.server.decisions import Decision
from amber.server.interface import Interface, Route
from amber.server.wire.batch import Layout
from amber.server.wire.ends import Kind
from amber.server.wire.refusing import refuse_descriptors

_LENGTH = struct.Struct("<I")
MOST_BYTES = 64 << 20  # of one frame; an interface has at most its manifest's bytes
_MOST_TEXT = 8192  # characters of a sentence
_MOST_FDS = 8
_CHUNK = 1 << 16


class _Frame(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag=str.lower):
    """Base: closed, tagged with its class's name."""

    def descriptors(self) -> int:
        """How many come with this frame."""
        return 0


class Order(_Frame, frozen=True, kw_only=True):
    """What the loader is to serve; its descriptor is the artifact, in a sealed memfd or a file without a name.

    `artifact`: path of a private copy, where no descriptor can be sent. `name`, `version`: served as; "": as the
    manifest says. `routes`: what may be asked, the served one first; none: the program where there is one, else the
    original. `policy`: the reader's, as `Policy.to_dict` writes it. `policy_source`: the file it was read from, "" for
    none. `expect`: the name the manifest must have. `bundles`: detached ones, by the path they were read from.
    `beside`: this frame is not it, the whole order comes as one more descriptor. `judge`: nothing is to be built or
    served, only judged whether the policy takes what is served already; `verdicts`: those of the routes that are
    served. `memory`: bytes of address space on top of what the libraries take; None: no bound. `seconds`: until it must
    be ready. `spawn`: the loader itself becomes the one worker, since processes are not forked. `front`: process id of
    the front. `modules`: the front's `sys.path`.
    """

    name: str = ""
    version: str = ""
    artifact: str = ""
    routes: list[Route] = []
    policy: dict[str, Any] = {}
    policy_source: str = ""
    expect: str = ""
    bundles: dict[str, bytes] = {}
    beside: bool = False
    judge: bool = False
    verdicts: dict[Route, str] = {}
    memory: int | None = None
    seconds: float = 120.0
    spawn: bool = False
    front: int = 0
    modules: list[str] = []

    def descriptors(self) -> int:
        """The artifact, unless it has a path; the whole order, where it is too large for a frame."""
        return int(not self.artifact) + int(self.beside)

    @staticmethod
    def policy_of(policy: Policy) -> dict[str, Any]:
        """Return the fields that say a policy."""
        return {"policy": policy.to_dict(), "policy_source": policy.source}


class Serve(_Frame, frozen=True, kw_only=True):
    """Fork a worker onto a lane, whose descriptors come along; `lane` is the front's number of it."""

    lane: int
    kind: Kind
    request_bytes: int
    answer_bytes: int

    def descriptors(self) -> int:
        """Memory and an end of each pipe, or one socket."""
        return 3 if self.kind == "shared" else 1


class Bulk(_Frame, frozen=True, kw_only=True):
    """Fork a process for large bodies (`worker.bulk`, at nice 19); its end of a connection comes along.

    `number`: the front's, 1 or more. `ended`: those whose connections the front has closed since the last one.
    """

    number: int = 1
    ended: list[int] = []

    def descriptors(self) -> int:
        """One socket."""
        return 1


class Ready(_Frame, frozen=True, kw_only=True):
    """Verified, built and replayed.

    `cases`: rows replayed. `seconds`: of each step. `notes`: for a person. `moved`: what of the environment differs
    from the recorded one. `decision`: that the policy takes it, as the logger `amber.trust` has it.
    """

    interface: Interface
    cases: int = 0
    seconds: dict[str, float] = {}
    notes: list[str] = []
    moved: list[str] = []
    decision: Decision | None = None

    def __post_init__(self) -> None:
        Layout(self.interface)  # raises ValueError, which makes it no frame
        found = self.decision
        if found is not None and (found.decision != "accepted" or found.id != self.interface.id):
            raise ValueError("served, although the policy takes it not, or another artifact")


class Refused(_Frame, frozen=True, kw_only=True):
    """Not served, and why. `verdict`: "" where it did not come so far. `decision`: where it was the policy's."""

    code: str
    message: str
    verdict: str = ""
    hint: str = ""
    name: str = ""
    version: str = ""
    decision: Decision | None = None

    def __post_init__(self) -> None:
        if any(len(text) > _MOST_TEXT for text in (self.code, self.message, self.hint, self.name, self.version)):
            raise ValueError("a text that is too long")
        if self.decision is not None and self.decision.decision != "refused":
            raise ValueError("refused, although the policy takes it")


class Judged(_Frame, frozen=True, kw_only=True):
    """What the policy says today of what is served. `refused`: why it takes it no more; None: it still does."""

    refused: Refused | None = None
    decision: Decision | None = None

    def __post_init__(self) -> None:
        if self.decision is not None and (self.decision.decision == "refused") != (self.refused is not None):
            raise ValueError("another decision than what follows from it")
        if self.refused is not None and self.refused.decision is not None:
            raise ValueError("a decision that stands there twice")


class Forked(_Frame, frozen=True, kw_only=True):
    """The worker of a lane has answered a case and takes batches."""

    lane: int
    pid: int


class Died(_Frame, frozen=True, kw_only=True):
    """The worker of a lane is gone. `status`: its exit status, negative: the signal that ended it."""

    lane: int
    pid: int
    status: int


FromFront = Order | Serve | Bulk
FromLoader = Ready | Refused | Judged | Forked | Died


class Closed(Exception):  # noqa: N818 - the ordinary end of a conversation
    """The other side has closed the connection, or sent what is no frame."""


class Control:
    """One end of the connection.

    Args:
        end: Its socket.
        decoder: Knows what the other side may say.
        fds: Descriptors taken at most with one piece; the system refuses or discards any other.
    """

    def __init__(self, end: socket.socket, decoder: msgspec.msgpack.Decoder[Any], fds: int) -> None:
        self._socket, self._decoder = end, decoder
        self._room = socket.CMSG_SPACE(fds * 4) if fds else 0
        if not fds:
            refuse_descriptors(end)
        self._come = bytearray()
        self._fds: list[int] = []

    @property
    def fd(self) -> int:
        """Readable when the other side has said something: for `loop.add_reader`."""
        return self._socket.fileno()

    def send(self, frame: msgspec.Struct, fds: Sequence[int] = ()) -> None:
        """Send a frame; the descriptors go with its first byte.

        Raises:
            Closed: The other side is gone.
        """
        body = msgspec.msgpack.encode(frame)
        data = memoryview(_LENGTH.pack(len(body)) + body)
        try:
            if fds:
                data = data[socket.send_fds(self._socket, [data[:1]], list(fds)) :]
            self._socket.sendall(data)
        except OSError as error:
            raise Closed(str(error)) from error

    def receive(self) -> list[tuple[Any, list[int]]]:
        """Return the frames that have come, each with its descriptors, which the caller then owns.

        Waits only where the socket does (see `block`).

        Raises:
            Closed: The other side is gone, or sent what is no frame.
        """
        try:
            data, ancillary, _, _ = self._socket.recvmsg(_CHUNK, self._room)
        except (BlockingIOError, InterruptedError):
            return []
        except OSError as error:
            raise Closed(str(error)) from error
        self._fds += _descriptors(ancillary)
        if not data:
            raise Closed("closed")
        self._come += data
        return self._frames()

    def block(self, yes: bool) -> None:
        """Whether `receive` waits until something has come."""
        self._socket.setblocking(yes)

    def close(self) -> None:
        """Close this end and what descriptors have come for nobody."""
        self._socket.close()
        for each in self._fds:
            with contextlib.suppress(OSError):
                os.close(each)
        self._fds.clear()

    def _frames(self) -> list[tuple[Any, list[int]]]:
        found: list[tuple[Any, list[int]]] = []
        while len(self._come) >= _LENGTH.size:
            (size,) = _LENGTH.unpack_from(self._come)
            if size > MOST_BYTES:
                raise Closed(f"a frame of {size} bytes")
            if len(self._come) < size + _LENGTH.size:
                break
            body = bytes(self._come[_LENGTH.size : size + _LENGTH.size])
            del self._come[: size + _LENGTH.size]
            try:
                frame = self._decoder.decode(body)
            except (msgspec.MsgspecError, ValueError, RecursionError, OverflowError) as error:
                raise Closed(f"no frame: {error}") from error
            count = frame.descriptors()
            found.append((frame, self._fds[:count]))
            del self._fds[:count]
        return found


def _descriptors(ancillary: list[tuple[int, int, bytes]]) -> list[int]:
    found = array.array("i")
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            found.frombytes(data[: len(data) - len(data) % found.itemsize])
    for each in found:
        os.set_inheritable(each, False)
    return list(found)


def front_end(end: socket.socket) -> Control:
    """Return the front's end; it never waits for the loader."""
    return Control(end, msgspec.msgpack.Decoder(FromLoader), 0)


def loader_end(end: socket.socket) -> Control:
    """Return the loader's end."""
    return Control(end, msgspec.msgpack.Decoder(FromFront), _MOST_FDS)
