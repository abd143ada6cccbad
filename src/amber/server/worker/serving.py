"""The loop of a worker: wait for a batch, answer it. What a model does wrong is an answer, never the worker's end."""

from __future__ import annotations

import sys
from typing import Any

from amber.errors import shown
from amber.server.wire.batch import Batch, Failed
from amber.server.wire.ends import WorkerLane
from amber.server.worker.answering import Answering
from amber.server.worker.loading import Loaded
from amber.server.worker.probing import WRONG, Prober, probed
from amber.server.worker.quiet import quiet


def serve(lane: WorkerLane, loaded: Loaded) -> None:
    """Answer batches until the front closes the lane."""
    with quiet(loaded.answering):
        while (batch := lane.wait()) is not None:
            if batch.rows:
                _answer(lane, batch, loaded.answering)
            else:
                _probe(lane, batch, loaded.probers)


def _answer(lane: WorkerLane, batch: Batch, answering: Answering) -> None:
    answer = answering.answer(batch)
    try:
        lane.answer(batch, answer.blocks, answer.objects, answer.failed)
    except ValueError:  # more than the region takes
        lane.answer(batch, _nothing(answer.blocks), _no_objects(answer.objects), _too_large(len(batch.rows)))


def _probe(lane: WorkerLane, batch: Batch, probers: list[Prober]) -> None:
    word, said = probed(probers)
    failed: list[Failed] = []
    if word in WRONG:
        sys.stderr.write(f"amber worker: a probe found {word}: {shown(said, 500)}\n")
        hint = "restart the server; if it stays so, freeze or save the model again here"
        failed = [Failed(0, 503, f"verdict-{word}", said or "the model does not answer as recorded", hint=hint)]
    lane.answer(batch, (), failed=failed, verdict=word)


def _too_large(parts: int) -> list[Failed]:
    hint = "send fewer rows at once"
    return [Failed(part, 413, "answer-too-large", "the answer is too large", hint=hint) for part in range(parts)]


def _nothing(blocks: list[Any]) -> list[bytes]:
    return [bytes(memoryview(block).nbytes) for block in blocks]


def _no_objects(objects: list[list[object]]) -> list[list[None]]:
    return [[None] * len(values) for values in objects]
