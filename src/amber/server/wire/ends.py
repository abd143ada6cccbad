"""Both ends of a lane, whatever its bytes go through: the front gives a batch, the worker answers it.

One batch is under way at a time. `lane` makes the ends; `shared` and `sockets` carry the bytes.
"""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import Any, Literal

from amber.server.exchange import Answered, Asked, Failure
from amber.server.interface import Route
from amber.server.wire import batch
from amber.server.wire.batch import Batch, Failed, Layout, Probed, Verdict

Kind = Literal["shared", "socket"]


class FrontLane(abc.ABC):
    """The front's end of one worker's lane.

    Attributes:
        fd: Readable when an answer, or a part of it, is there: for `loop.add_reader`.
        kind: How the bytes travel.
        request_bytes, answer_bytes: Sizes of the two parts.
        broken: The worker wrote what is no answer or nobody asked for, or has closed its end: it is to be killed.
    """

    kind: Kind = "shared"

    def __init__(self, fd: int, request: memoryview, answer: memoryview, layout: Layout) -> None:
        self.fd, self.layout = fd, layout
        self.request_bytes, self.answer_bytes = len(request), len(answer)
        self.broken = False
        self._request, self._answer = request, answer
        self._sequence = 0
        self._parts: Sequence[Asked] | None = None
        self._mask = 0

    @property
    def busy(self) -> bool:
        """Whether an answer is still to come."""
        return self._parts is not None

    @abc.abstractmethod
    def fds(self) -> list[int]:
        """Return the descriptors for the worker, to be sent with `control.Serve`; close none of them."""

    @property
    def untouched(self) -> bool:
        """Whether the worker has surely not begun what it was sent last."""
        return False

    @abc.abstractmethod
    def handed_over(self) -> None:
        """Give up the worker's ends here, once they have been sent."""

    def send(self, parts: Sequence[Asked], outputs: Sequence[int], route: Route) -> int:
        """Give the worker a batch.

        Args:
            parts: Requests, at least one.
            outputs: Places in `Interface.outputs` that any of them asks for.
            route: Which form of the model is asked.

        Returns:
            How many parts went, from the first on; 0: the first alone does not fit and nothing was sent.
        """
        mask = batch.mask_of(outputs)
        sequence = self._sequence + 1
        count = batch.pack(self._request, self.layout, sequence, parts, mask, route, self.answer_bytes)
        if count:
            self._sequence, self._mask = sequence, mask
            self._parts = parts if count == len(parts) else parts[:count]
            self._ring()
        return count

    def probe(self) -> None:
        """Have the worker replay a few cases of every form that it serves."""
        self._sequence += 1
        self._parts = ()
        batch.pack_probe(self._request, self._sequence)
        self._ring()

    def receive(self) -> list[Answered | Failure] | Probed | None:
        """Return the answers of the batch under way, part by part, or what a probe found; None: not yet.

        Never waits. Where the worker wrote what is no answer every part has failed, and the lane is `broken`; so it is
        where it said anything while nothing was under way.
        """
        if not self._arrived():
            return None
        if self._parts is None:
            self.broken = True
            return None
        parts, self._parts = self._parts, None
        if not parts:
            probed = None if self.broken else batch.probe_unpack(self._answer, self._sequence)
            self.broken = self.broken or probed is None
            return probed or Probed("broken", batch.lost())
        found = None
        if not self.broken:
            found = batch.answer_unpack(self._answer, self.layout, self._sequence, parts, self._mask)
        if found is None:
            self.broken = True
            return [batch.lost() for _ in parts]
        return found

    @abc.abstractmethod
    def close(self) -> None:
        """Give memory and descriptors back."""

    @abc.abstractmethod
    def _ring(self) -> None:
        """Tell the worker that a batch is there. Never waits; sets `broken` where the worker cannot be told."""

    @abc.abstractmethod
    def _arrived(self) -> bool:
        """Whether a whole answer is there; sets `broken` where none can come."""


class WorkerLane(abc.ABC):
    """The worker's end of a lane: waits for a batch, answers it."""

    def __init__(self, request: memoryview, answer: memoryview, layout: Layout) -> None:
        self.layout = layout
        self._request, self._answer = request, answer

    def wait(self) -> Batch | None:
        """Wait for the next batch; None where the front has closed the lane.

        Raises:
            ValueError: What came is no batch.
        """
        if not self._waited():
            return None
        found = batch.unpack(self._request, self.layout)
        batch.begin(self._answer, found.sequence)
        return found

    def answer(
        self,
        asked: Batch,
        blocks: Sequence[Any],
        objects: Sequence[list[Any]] = (),
        failed: Sequence[Failed] = (),
        verdict: Verdict = "",
    ) -> None:
        """Answer a batch; the arguments are those of `batch.answer_pack`.

        Raises:
            ValueError: The answer does not fit; nothing was sent.
        """
        size = batch.answer_pack(
            self._answer, asked.sequence, blocks, objects, failed, parts=max(len(asked.rows), 1), verdict=verdict
        )
        self._ring(size)

    @abc.abstractmethod
    def close(self) -> None:
        """Give memory and descriptors back."""

    @abc.abstractmethod
    def _waited(self) -> bool:
        """Wait until a batch is there; False where none can come."""

    @abc.abstractmethod
    def _ring(self, size: int) -> None:
        """Tell the front that an answer of so many bytes is there."""
