"""The process for large bodies and tables: reads one, answers it in slices, writes the answer as it comes.

Forked like a worker, at nice 19, so that one-row requests go first. A slice is what a worker's batch is; the rows of a
table are read no faster than they are answered, and answered no faster than the client reads.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs

from amber.server.exchange import Answered, Asked, Failure
from amber.server.front.endpoints.slices import cut, joined
from amber.server.front.formats import simple, v2
from amber.server.wire import bulk
from amber.server.wire.batch import Batch
from amber.server.wire.bulk import PIECE, Begun, Cancel, Ended, Failed, Job, Piece
from amber.server.wire.control import Closed, Control
from amber.server.worker import tables
from amber.server.worker.answering import Answering

SLICE = 1000  # rows
NICE = 19


class _Cancelled(Exception):  # noqa: N818 - nobody waits any more
    """The front has said so, or has gone."""


def serve(end: socket.socket, answering: Answering) -> None:
    """Answer jobs until the front closes the connection."""
    os.nice(NICE)
    threading.Thread(target=_end_with, args=(end.fileno(),), daemon=True).start()
    control = bulk.worker_end(end)
    with contextlib.suppress(Closed):
        while True:
            for frame, descriptors in control.receive():
                if isinstance(frame, Job):
                    with os.fdopen(descriptors[0], "rb") as body:
                        _answer(control, frame, body.fileno(), answering)


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
        control.send(Failed(id=job.id, status=413, code="request-too-large", message="out of memory", hint=hint))
    except _Cancelled:
        pass


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
        answered = Answered(asked.rows, joined([each for _, each in self._answers(_slices(asked))]))
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
            for table in tables.read(self._interface, body, self._job.content_type, SLICE)
        )
        answers = self._answers((table, part) for table, part in _numbered(asked))
        return self._written(answers)

    def _written(self, answers: Iterator[tuple[Asked, Answered]]) -> int:
        """Write answers slice by slice; JSON, which needs its end, at once."""
        job, interface, rows = self._job, self._interface, 0
        form = simple.form_of(job.accept)
        if form == "json":
            kept = list(answers)
            if not kept:
                raise Failure(422, "rows-missing", "the table has no rows")
            rows = sum(asked.rows for asked, _ in kept)
            whole = replace(kept[0][0], rows=rows, numbers=b"", objects=())
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
                return self._asked(replace(part, route="original"), first)
            place = None if row is None else row + first
            raise Failure(status, code, message, row=place, column=column, hint=hint)
        blocks, objects = iter(found.blocks), iter(found.objects)
        outputs = (interface.outputs[place] for place in part.outputs)
        values = [next(objects) if each.cell == "object" else next(blocks).tobytes() for each in outputs]
        return Answered(part.rows, values)


def _slices(asked: Asked) -> Iterator[tuple[int, Asked]]:
    for begin in range(0, asked.rows, SLICE):
        yield begin, cut(asked, begin, min(begin + SLICE, asked.rows))


def _numbered(parts: Iterator[Asked]) -> Iterator[tuple[int, Asked]]:
    first = 0
    for part in parts:
        yield first, part
        first += part.rows
