"""The process for large bodies and tables: reads one, answers it in slices, writes the answer as it comes.

Forked like a worker, at nice 19, so that one-row requests go first. A slice is what a worker's batch is; the rows of a
table are read no faster than they are answered, and answered no faster than the client reads.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import sys
import threading
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import parse_qs

import msgspec
import numpy as np

from amber.server.exchange import Answered, Asked, Failure
from amber.server.formats import simple, v2
from amber.server.formats.plan import plan_of
from amber.server.interface import Route
from amber.server.slices import cut, joined, placed, separable
from amber.server.wire import bulk
from amber.server.wire.batch import Batch
from amber.server.wire.bulk import PIECE, Begun, Cancel, Ended, Failed, Job, Piece
from amber.server.wire.control import Closed, Control
from amber.server.worker import tables
from amber.server.worker.answering import Answering
from amber.server.worker.process import step_back
from amber.server.worker.quiet import quiet

SLICE = 1000  # rows
NICE = 19
MEMORY = 2 << 30  # bytes that the bulk process may take beyond the model: 64 MiB of JSON unfold to less than half


class _Cancelled(Exception):  # noqa: N818 - nobody waits any more
    """The front has said so, or has gone."""


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
            for frame, descriptors in control.receive():
                if isinstance(frame, Job):
                    with os.fdopen(descriptors[0], "rb") as body:
                        _answer(control, frame, body.fileno(), answering)
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
    out = _Out(control, job)
    try:
        rows = _Task(job, answering, out).run(body)
        control.send(Ended(id=job.id, rows=rows))
    except Failure as failure:
        control.send(Failed.of(job.id, failure))
    except MemoryError:
        hint = "send fewer rows at once"
        control.send(Failed(id=job.id, status=413, code="limit-memory", message="out of memory", hint=hint))
    except _Cancelled:
        with contextlib.suppress(Closed):  # the front gives the next job when it has heard of the end of this one
            control.send(Failed(id=job.id, status=499, code="client-gone", message="nobody waits for the answer"))
    except Closed:
        raise
    except Exception as error:  # whatever a library raises on a stranger's table
        sys.stderr.write(f"amber bulk: a job ended with {type(error).__name__}\n")
        message = "the server failed on this body"
        control.send(Failed(id=job.id, status=500, code="server-failed", message=message))


class _Out:
    """Where pieces of the answer go. Sending waits until the front has taken them."""

    def __init__(self, control: Control, job: Job) -> None:
        self._control, self._job = control, job

    def begin(self, content_type: bytes, headers: Any = ()) -> None:
        self._control.send(Begun(id=self._job.id, content_type=content_type, headers=list(headers)))

    def write(self, data: bytes) -> None:
        for start in range(0, len(data), PIECE):
            self.look()
            self._control.send(Piece(id=self._job.id, data=data[start : start + PIECE]))

    def look(self) -> None:
        """Stop where nobody waits any more.

        Raises:
            _Cancelled: So it is.
        """
        if not select.select([self._control.fd], [], [], 0)[0]:
            return
        try:
            frames = self._control.receive()
        except Closed as error:
            raise _Cancelled from error
        if any(isinstance(frame, Cancel) and frame.id == self._job.id for frame, _ in frames):
            raise _Cancelled


class _Task:
    """One job."""

    def __init__(self, job: Job, answering: Answering, out: _Out) -> None:
        self._job, self._answering, self._out = job, answering, out
        self._interface = answering.interface
        self._query = parse_qs(job.query)

    def run(self, body: int) -> int:
        """Answer; return the number of rows."""
        size = os.fstat(body).st_size
        if not size:
            raise Failure(400, "body-malformed", "the body is empty")
        if tables.is_table(self._job.content_type):
            return self._table(body)
        return self._whole(os.pread(body, size, 0))

    def _whole(self, data: bytes) -> int:
        """Answer JSON or binary tensors: read at once, answered in slices, written at once."""
        job, interface = self._job, self._interface
        if job.form == "v2":
            asked = v2.decode(interface, data, job.header_length)
        else:
            asked = simple.decode(interface, data, job.content_type, self._query)
        del data
        parts = _slices(asked, self._size(asked.outputs, asked.route))
        answered = Answered(asked.rows, joined([each for _, each in self._answers(parts)]))
        if job.form == "v2":
            body, content_type, headers = v2.encode(interface, asked, answered)
        elif simple.form_of(job.accept) == "arrow":
            self._written(iter([(asked, answered)]))
            return asked.rows
        else:
            body, content_type, headers = simple.encode(interface, asked, answered, job.accept)
        self._out.begin(content_type, headers)
        self._out.write(body)
        return asked.rows

    def _table(self, body: int) -> int:
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
        answers = self._answers((table, part) for table, part in _numbered(asked))
        return self._written(answers)

    def _size(self, places: Sequence[int], route: Route | None) -> int:
        """Return how many rows are run at once: all where the cases did not show that rows do not see each other."""
        outputs = [self._interface.outputs[place] for place in places or plan_of(self._interface).default]
        routes = {route or self._interface.route}
        if self._job.fallback and route is None:
            routes.add("original")
        return SLICE if all(separable(outputs, each, self._job.sharing) for each in routes) else sys.maxsize

    def _written(self, answers: Iterator[tuple[Asked, Answered]]) -> int:
        """Write answers slice by slice; JSON, which needs its end, at once."""
        job, interface, rows = self._job, self._interface, 0
        form = simple.form_of(job.accept)
        if form == "json":
            kept = [(msgspec.structs.replace(asked, numbers=b"", objects=()), answered) for asked, answered in answers]
            if not kept:
                raise Failure(422, "rows-missing", "the table has no rows")
            rows = sum(asked.rows for asked, _ in kept)
            whole = msgspec.structs.replace(kept[0][0], rows=rows)
            answer = Answered(rows, joined([each for _, each in kept]))
            body, content_type, headers = simple.encode(interface, whole, answer, job.accept)
            self._out.begin(content_type, headers)
            self._out.write(body)
            return rows
        writer = tables.ArrowWriter(interface) if form == "arrow" else tables.CsvWriter(interface)
        for asked, answered in answers:
            data = writer.write(asked, answered)
            if not rows:
                self._out.begin(writer.content_type)
            self._out.write(data)
            rows += asked.rows
        if not rows:
            raise Failure(422, "rows-missing", "the table has no rows")
        self._out.write(writer.end())
        return rows

    def _answers(self, parts: Iterator[tuple[int, Asked]]) -> Iterator[tuple[Asked, Answered]]:
        for first, part in parts:
            self._out.look()
            yield part, self._asked(part, first)

    def _asked(self, part: Asked, first: int) -> Answered:
        """Return the answers to one slice.

        Raises:
            Failure: With the row as the caller counts it.
        """
        interface = self._interface
        route = part.route or interface.route
        batch = Batch(0, [part.rows], list(part.outputs), route, memoryview(part.numbers), [list(part.objects)])
        found = self._answering.answer(batch)
        if found.failed:
            _, status, code, message, row, column, hint = found.failed[0]
            if code == "outside-domain" and self._job.fallback and part.route is None:
                return self._asked(msgspec.structs.replace(part, route="original"), first)
            raise placed(Failure(status, code, message, row=row, column=column, hint=hint), first)
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
