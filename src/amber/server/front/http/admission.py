"""What follows from a head and the API keys alone: who answers, with which rights, how its body is read.

Clients send the same heads over and over: it is found out once for each, and holds until the keys change.
"""

from __future__ import annotations

from typing import cast

from amber.server.exchange import Failure
from amber.server.front.http.guards import CHALLENGE, Guards
from amber.server.front.http.intake import is_table
from amber.server.front.http.messages import Header, Request
from amber.server.front.http.routes import Route, Routes


class Admission:
    """Of one head, and of those that differ from it in nothing that matters here; empty until `admit` fills it.

    Attributes:
        age: `Guards.age` when it was filled; -1: it is empty.
        route, parameters: Who answers.
        scopes, key: What the request may do, and with which key.
        inline: Whether a body that is there already simply becomes `Request.body`, if it is not too large.
    """

    __slots__ = ("age", "inline", "key", "parameters", "route", "scopes")

    def __init__(self) -> None:
        self.age = -1
        self.route = cast(Route, None)
        self.parameters: dict[str, str] = {}
        self.scopes: frozenset[str] = frozenset()
        self.key = ""
        self.inline = False


def admit(
    request: Request, admission: Admission, guards: Guards, routes: Routes
) -> tuple[Failure, tuple[Header, ...]] | None:
    """Fill an admission; return why the request is refused, and headers that say so, where it is."""
    refused = guards.place(request)
    if refused is not None:
        return refused, ()
    found = routes.find(request.method, request.path)
    if isinstance(found, Failure):
        allow = (b"allow", routes.allowed(request.path).encode())
        return found, (allow,) if found.status == 405 else ()
    route, admission.parameters = found
    refused = guards.key(request, route)
    if refused is not None:
        return refused, (CHALLENGE,) if refused.status == 401 else ()
    headers = request.headers
    admission.route, admission.scopes, admission.key = route, request.scopes, request.key
    plain = route.sink is None or not is_table(headers.get(b"content-type", b""))
    admission.inline = plain and b"content-encoding" not in headers
    admission.age = guards.age
    return None
