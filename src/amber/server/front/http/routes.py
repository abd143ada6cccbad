"""From a method and a path to who answers: patterns, resolved once, then a lookup by the path as it was sent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol
from urllib.parse import unquote_to_bytes

from amber.errors import shown
from amber.server.exchange import Failure
from amber.server.front.http.messages import Request

Scope = Literal["open", "read", "predict", "admin", "learn"]
_KNOWN = 2048  # paths that are looked up directly; beyond, all are forgotten (names of models are few, guesses many)


class Sink(Protocol):
    """Takes a body in pieces, and answers the request itself: the route's handler is not called.

    `request.deadline` counts anew from the end of the body; one that works on for longer sets it or begins a stream.
    """

    def write(self, chunk: bytes) -> bool:
        """Take a piece; False: no more until `request.resume()`."""

    def end(self) -> None:
        """The body is whole."""

    def abort(self, why: str) -> None:
        """The body will not become whole; it is answered elsewhere, or the client has gone away."""


@dataclass(frozen=True, slots=True)
class Route:
    """Who answers.

    Attributes:
        handler: Called with each request whose body is whole; answers then or later.
        scope: What a key must allow; `open`: no key.
        sink: Makes what takes bodies too large for the front, and those of tables.
    """

    handler: Callable[[Request], None]
    scope: Scope
    sink: Callable[[Request], Sink] | None = None


Found = tuple[Route, dict[str, str]]
_Part = tuple[str, str, str]  # of one segment: text before the parameter, its name ("": none), text after


class Routes:
    """Patterns such as `/v2/models/{name}/infer`: at most one parameter in a segment, with text around it."""

    def __init__(self) -> None:
        self._patterns: dict[int, list[tuple[tuple[_Part, ...], dict[str, Route]]]] = {}
        self._known: dict[tuple[str, str], Found] = {}

    def add(self, method: str, pattern: str, route: Route) -> None:
        """Let `route` answer `method` at `pattern`; of two patterns that fit a path the first added answers."""
        parts = tuple(_part(segment) for segment in pattern.split("/")[1:])
        same = self._patterns.setdefault(len(parts), [])
        for known, methods in same:
            if known == parts:
                methods[method] = route
                return
        same.append((parts, {method: route}))

    def find(self, method: str, path: str) -> Found | Failure:
        """Return who answers, and the decoded parameters; HEAD is answered by who answers GET.

        Args:
            method: Upper-case.
            path: As it was sent, percent-encoded, without the query.
        """
        known = self._known.get((method, path))
        if known is not None:
            return known
        segments = _decoded(path)
        if segments is None:
            message = f"the path {shown(path)} is not one this server can mean"
            return Failure(400, "path-invalid", message, hint="no dot segments, slashes or controls in a name")
        methods, values = self._at(segments)
        route = methods.get(method) or (methods.get("GET") if method == "HEAD" else None)
        if route is None:
            return _missing(method, path, methods)
        if len(self._known) >= _KNOWN:
            self._known.clear()
        found = self._known[method, path] = (route, values)
        return found

    def allowed(self, path: str) -> str:
        """Return the methods of a path as the header Allow lists them."""
        return _allow(self._at(_decoded(path) or [])[0])

    def _at(self, segments: list[str]) -> tuple[dict[str, Route], dict[str, str]]:
        for parts, methods in self._patterns.get(len(segments), ()):
            values = _matched(parts, segments)
            if values is not None:
                return methods, values
        return {}, {}


def _part(segment: str) -> _Part:
    before, brace, rest = segment.partition("{")
    name, _, after = rest.partition("}")
    return (before, name if brace else "", after)


def _matched(parts: tuple[_Part, ...], segments: list[str]) -> dict[str, str] | None:
    """Return the parameters where each segment fits its part."""
    values = {}
    for (before, name, after), segment in zip(parts, segments, strict=True):
        if not name:
            if segment != before:
                return None
            continue
        value = segment[len(before) : len(segment) - len(after)]
        if not value or before + value + after != segment:
            return None
        values[name] = value
    return values


def _decoded(path: str) -> list[str] | None:
    """Return the segments of a path, decoded after they were split; None: one could be taken for something else."""
    if not path.startswith("/"):
        return None
    if "%" not in path:
        segments = path[1:].split("/")
    else:
        try:
            segments = [_unquoted(segment) for segment in path[1:].split("/")]
        except ValueError:
            return None
    safe = all(segment not in (".", "..") and "\\" not in segment and segment.isprintable() for segment in segments)
    return segments if safe else None


def _unquoted(segment: str) -> str:
    """Return a segment without percent-encoding.

    Raises:
        ValueError: A `%` without two hex digits, not UTF-8, or a slash that was hidden.
    """
    for piece in segment.split("%")[1:]:
        int(piece[:2].ljust(2, "?"), 16)
        if not piece[:2].isalnum():  # int() also takes "+1" and " 1"
            raise ValueError
    text = unquote_to_bytes(segment).decode("utf-8")
    if "/" in text:
        raise ValueError
    return text


def _allow(methods: dict[str, Route]) -> str:
    names = {*methods, "HEAD"} if "GET" in methods else set(methods)
    return ", ".join(sorted(names))


def _missing(method: str, path: str, methods: dict[str, Route]) -> Failure:
    if methods:
        message = f"{shown(path)} does not take {method}"
        return Failure(405, "method-not-allowed", message, hint=f"it takes {_allow(methods)}")
    return Failure(404, "path-unknown", f"there is nothing at {shown(path)}", hint="GET /v2 names the server")
