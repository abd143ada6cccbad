"""What a server says while it starts, runs and ends: told by the front, shown by the command line, read by tests.

In: nothing. Out: closed structs; `to_json` makes one line of each, with its kind under `event`.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from amber.server.interface import Route


class Event(msgspec.Struct, kw_only=True, omit_defaults=True, tag_field="event", tag=str.lower):
    """Something that happened, tagged with its class's name."""


class Loading(Event):
    """A version is being verified and built. `name`, `version`: as far as they are known, else ""."""

    path: str
    name: str = ""
    version: str = ""


class Loaded(Event):
    """A version takes traffic.

    `verdicts`: of each route, one of the five words. `cases`: how many were replayed. `seconds`: from start to ready.
    `notes`: what a person should know (what differs from the recorded environment). `example`: a JSON body with
    synthetic rows that `:predict` answers, or "".
    """

    path: str
    name: str
    version: str
    route: Route
    verdicts: dict[Route, str] = {}
    cases: int = 0
    seconds: float = 0.0
    notes: list[str] = []
    example: str = ""


class Refused(Event):
    """A version is not served: 503 with this reason. `verdict`: "" where it did not come so far."""

    path: str
    code: str
    reason: str
    name: str = ""
    version: str = ""
    verdict: str = ""
    hint: str = ""


class Decided(Event):
    """What the policy decided about an artifact, as the logger `amber.trust` has it (spec/policy.md, what is recorded).

    Of every artifact that is loaded, and of every one that is judged anew while it is served: `verb` is `serve` or
    `served`.
    """

    decision: str
    code: str
    codes: list[str]
    id: str
    name: str
    version: str
    signers: list[str]
    policy: str
    preset: str
    verb: str


class Listening(Event):
    """Connections are taken. `http`: base URLs, the one to show first. `grpc`: host:port. `docs`: path, or ""."""

    http: list[str]
    grpc: str = ""
    docs: str = ""
    pid: int = 0


class Ready(Event):
    """Every model has been loaded or refused; `/v2/health/ready` says `ready`."""

    ready: bool
    seconds: float = 0.0


class Noted(Event):
    """Something an operator should know: a worker was forked anew, a version was rolled back."""

    message: str
    code: str = ""
    name: str = ""
    version: str = ""


class Draining(Event):
    """The end has begun: not ready, then no new connections, then what has begun is finished."""

    reason: str = ""


class Stopped(Event):
    """All processes have ended."""

    reason: str = ""


AnyEvent = Loading | Loaded | Refused | Decided | Listening | Ready | Noted | Draining | Stopped
Announce = Callable[[AnyEvent], None]


def to_json(event: AnyEvent) -> bytes:
    """Return one line of JSON, without its end."""
    return msgspec.json.encode(event)


def from_json(line: bytes) -> AnyEvent:
    """Return the event of a line that `to_json` wrote.

    Raises:
        msgspec.ValidationError: It is no such line.
    """
    event: AnyEvent = msgspec.json.decode(line, type=AnyEvent)
    return event
