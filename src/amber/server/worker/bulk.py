"""A process for large bodies and tables: reads one, answers it in slices, writes the answer as it comes.

Forked like a worker, at nice 19, so that one-row requests go first; there may be several of them. A slice is what a
worker's batch is; the rows of a table are read no faster than they are answered, and answered no faster than the client
reads.
"""

from __future__ import annotations

import os
import select
import socket
import sys
import threading
from collections.abc import Iterator, Sequence
from urllib.parse import parse_qs

import msgspec
import numpy as np

from amber.server.exchange import Answered, Asked, Failure
from amber.server.formats import simple, v2
from amber.server.formats.plan import plan_of
from amber.server.formats.simple_answer import headers_of
from amber.server.interface import Route
from amber.server.slices import cut, joined, placed, separable
from amber.server.wire import bulk
from amber.server.wire.batch import Batch
from amber.server.wire.bulk import Failed, Job
from amber.server.wire.control import Closed, Control
from amber.server.worker import tables
from amber.server.worker.answering import Answering
from amber.server.worker.bulk_answer import Out
from amber.server.worker.process import step_back
from amber.server.worker.quiet import quiet
from amber.server.worker.writing import writer_for

SLICE = 1000  # rows
NICE = 19
MEMORY = 2 << 30  # bytes that the bulk process may take beyond the model: 64 MiB of JSON unfold to less than half


def serve(end: socket.socket, answering: Answering) -> None:
    """Answer jobs, as a process of its own, until the front closes the connection."""
    os.nice(NICE)
    bound_memory()
    threading.Thread(target=_end_with, args=(end.fileno(),), daemon=True).start()
    with quiet(answering):
        converse(end, answering)


def beside(end: socket.socket, answering: Answering) -> None:
    """Answer jobs in a thread of the only worker, which its end does not end."""
    step_back()
    np.seterr(all="ignore")
    converse(end, answering)


def converse(end: socket.socket, answering: Answering) -> None:
    """Answer jobs until the front closes the connection."""
    control = bulk.worker_end(end)
    try:
        while True:
            for job, descriptors in control.receive():
                with os.fdopen(descriptors[0], "rb") as body:
                    _answer(control, job, body.fileno(), answering)
    except Closed:
        control.close()


def bound_memory(more: int = MEMORY) -> None:
    """Let this process have so many bytes more than it has: what a body unfolds to must not take the machine's."""
    if sys.platform != "linux":
        return
    import resource

    with open("/proc/self/statm", "rb") as file:
        now = int(file.read().split()[5]) * resource.getpagesize()  # data and stack, as RLIMIT_DATA counts them
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    most = now + more if hard == resource.RLIM_INFINITY else min(now + more, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (most, hard))


def _end_with(descriptor: int) -> None:
    """End this process, whatever it computes, when the front closes the connection."""
    poll = select.poll()
    poll.register(descriptor, 0)  # nothing but the end of it
    poll.poll()
    os._exit(0)


def _answer(control: Control, job: Job, body: int, answering: Answering) -> None:
    out = Out(control, job.fallback)
    try:
        _Task(job, answering, out).run(body)
        out.end()
    except Failure as failure:
        rows = out.rows if failure.row is None else max(out.rows, failure.row + 1)
        control.send(Failed.of(failure, rows))
    except MemoryError:
        hint = "send fewer rows at once"
        control.send(Failed.of(Failure(413, "limit-memory", "out of memory", hint=hint), out.rows))
    except Closed:
        raise
    except Exception as error:  # whatever a library raises on a stranger's table
        sys.stderr.write(f"amber bulk: a job ended with {type(error).__name__}\n")
        control.send(Failed.of(Failure(500, "server-failed", "the server failed on this body"), out.rows))


class _Task:
    """One job."""

    def __init__(self, job: Job, answering: Answering, out: Out) -> None:
        self._job, self._answering, self._out = job, answering, out
        self._interface = answering.interface
        self._query = parse_qs(job.query)

    def run(self, body: int) -> None:
        """Answer."""
        size = os.fstat(body).st_size
        if not size:
            raise Failure(400, "body-malformed", "the body is empty")
        if tables.is_table(self._job.content_type):
            self._table(body)
        elif self._job.form == "v2":
            self._infer(os.pread(body, size, 0))
        else:
            asked = simple.decode(self._interface, os.pread(body, size, 0), self._job.content_type, self._query)
            self._written(_slices(asked, self._size(asked.outputs, asked.route)))

    def _infer(self, data: bytes) -> None:
        """Answer a request of the protocol, whose tensors say their shapes first: read, and written, at once."""
        asked = v2.decode(self._interface, data, self._job.header_length)
        del data
        out = self._out
        parts = _slices(asked, self._size(asked.outputs, asked.route))
        values = joined([self._asked(part, first) for first, part in parts])
        if out.original == [(0, asked.rows)]:
            asked.route = "original"
        text, out.content_type, headers = v2.encode(self._interface, asked, Answered(asked.rows, values))
        out.headers = list(headers)
        out.answered()
        out.write(text)

    def _table(self, body: int) -> None:
        if self._job.form == "v2":
            hint = "POST it to /v1/models/{name}:predict"
            raise Failure(415, "media-type", "a table is no request of the Open Inference Protocol", hint=hint)
        outputs, route = simple.options(self._interface, self._query)
        asked = (
            simple.cells(
                self._interface, table.columns, near=table.near, first=table.first, outputs=outputs, route=route
            )
            for table in tables.read(self._interface, body, self._job.content_type, self._size(outputs, route))
        )
        self._written(_numbered(asked))

    def _size(self, places: Sequence[int], route: Route | None) -> int:
        """Return how many rows are run at once: all where the cases did not show that rows do not see each other."""
        outputs = [self._interface.outputs[place] for place in places or plan_of(self._interface).default]
        routes = {route or self._interface.route}
        if self._job.fallback and route is None:
            routes.add("original")
        return SLICE if all(separable(outputs, each, self._job.sharing) for each in routes) else sys.maxsize

    def _written(self, parts: Iterator[tuple[int, Asked]]) -> None:
        """Answer and write slice by slice."""
        out = self._out
        with writer_for(self._interface, self._job.accept) as writer:
            for first, part in parts:
                if not first:
                    out.content_type, out.headers = writer.content_type, list(headers_of(self._interface, part))
                out.write(writer.write(part, self._asked(part, first)))
            if not out.rows:
                raise Failure(422, "rows-missing", "the table has no rows")
            out.answered()
            for data in writer.end(out.original):
                out.write(data)

    def _asked(self, part: Asked, first: int) -> Answered:
        """Return the answers to one slice.

        Raises:
            Failure: With the row as the caller counts it.
        """
        self._out.going(part.rows)
        return self._answered(part, first)

    def _answered(self, part: Asked, first: int) -> Answered:
        interface = self._interface
        route = part.route or interface.route
        batch = Batch(0, [part.rows], list(part.outputs), route, memoryview(part.numbers), [list(part.objects)])
        found = self._answering.answer(batch)
        if found.failed:
            _, status, code, message, row, column, hint, expected = found.failed[0]
            if code == "outside-domain" and self._job.fallback and part.route is None:
                self._out.by_original(first)
                return self._answered(msgspec.structs.replace(part, route="original"), first)
            raise placed(Failure(status, code, message, row, column, hint, expected=expected), first)
        blocks, objects = iter(found.blocks), iter(found.objects)
        outputs = (interface.outputs[place] for place in part.outputs)
        values = [next(objects) if each.cell == "object" else next(blocks).tobytes() for each in outputs]
        return Answered(part.rows, values)


def _slices(asked: Asked, size: int) -> Iterator[tuple[int, Asked]]:
    for begin in range(0, asked.rows, size):
        yield begin, cut(asked, begin, min(begin + size, asked.rows))


def _numbered(parts: Iterator[Asked]) -> Iterator[tuple[int, Asked]]:
    first = 0
    for part in parts:
        yield first, part
        first += part.rows
