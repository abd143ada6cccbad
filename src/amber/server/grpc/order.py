"""What the front tells the gRPC process at its start, and what that answers: one line of JSON each way."""

from __future__ import annotations

import msgspec

from amber.server.settings import Settings


class Order(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of the server, and the front's Unix socket."""

    settings: Settings
    front: str


class Started(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The port that is listened at, or why not."""

    port: int = 0
    code: str = ""
    error: str = ""
    hint: str = ""
