"""Bodies too large for the front, and tables, while they come: pieces into memory that is then sealed.

    client -> Upload (a sink) -> Body -> bulk.Bulk

The front touches no value of such a body, so that one-row requests do not wait behind it.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from time import monotonic

from amber.server.exchange import Failure
from amber.server.front.http.head import requested_seconds
from amber.server.front.http.messages import Request
from amber.server.wire import memory


class Held:
    """Bytes of large bodies whose answers are not over, of all versions together.

    Args:
        most: Of them.
    """

    def __init__(self, most: int) -> None:
        self.most, self.now = most, 0


class Body:
    """A body in memory of its own; `close` gives it back, however often it is called.

    Attributes:
        fd: Of the memory; -1 once it was given back.
        size: Bytes.
    """

    def __init__(self, held: Held) -> None:
        self.fd = memory.fresh("amber-body")
        self.size = 0
        self._held = held

    def write(self, piece: bytes) -> None:
        """Keep a piece.

        Raises:
            Failure: 429: the bodies of all requests together take more memory than there is for them.
        """
        held = self._held
        if held.now + len(piece) > held.most:
            raise Failure(
                429, "bulk-memory-full", f"large requests hold {held.now >> 20} MiB already", retry_after=5.0,
                hint="ask again later, or in smaller requests",
            )  # fmt: skip
        held.now += len(piece)
        self.size += len(piece)
        memory.write(self.fd, piece)

    def seal(self) -> None:
        """What the bulk process maps can no longer shrink under it."""
        memory.seal(self.fd)

    def close(self) -> None:
        """Give the memory back."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1
            self._held.now -= self.size


class Upload:
    """Takes a body in pieces and gives it away when it is whole: a `Sink`. `ready` None: it is dropped.

    Args:
        request: Whose body it is.
        ready: Takes it over.
        held: What all bodies take.
    """

    def __init__(self, request: Request, ready: Callable[[Body], None] | None, held: Held) -> None:
        self._request, self._ready = request, ready
        self._body = None if ready is None else Body(held)

    def write(self, chunk: bytes) -> bool:
        """Keep a piece.

        Raises:
            Failure: 429: there is no memory for it now.
        """
        self._request.taken += len(chunk)
        if self._body is not None:
            self._body.write(chunk)
        return True

    def end(self) -> None:
        """Hand it over. It may take as long as it gets on, unless the client wants its answer sooner."""
        body, self._body = self._body, None
        if self._ready is None or body is None:
            return
        seconds = requested_seconds(self._request.headers, math.inf)
        self._request.deadline = monotonic() + seconds if math.isfinite(seconds) else None
        body.seal()
        try:
            self._ready(body)
        except Failure as failure:
            body.close()
            self._request.fail(failure)

    def abort(self, why: str) -> None:
        """Forget it."""
        if self._body is not None:
            self._body.close()
            self._body = None
