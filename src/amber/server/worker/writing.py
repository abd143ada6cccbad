"""Answers of the bulk process, slice by slice: CSV, Arrow or JSON.

A writer has `content_type`, `write` for each slice and `end`, which yields what is left.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from amber.server.exchange import Answered, Asked, Failure
from amber.server.formats import simple
from amber.server.formats.simple_stream import JsonStream
from amber.server.interface import Interface
from amber.server.worker.spool import Spool
from amber.server.worker.tables import STREAM

Ranges = Sequence[tuple[int, int]]


class Writer(Protocol):
    """What writes an answer."""

    content_type: bytes

    def write(self, asked: Asked, answered: Answered) -> bytes:
        """Return the rows of a slice."""

    def end(self, original: Ranges = ()) -> Iterator[bytes]:
        """Yield what is left; `original`: rows that the original has answered, where the form can say it."""


@contextmanager
def writer_for(interface: Interface, accept: str) -> Iterator[Writer]:
    """Yield a writer of the form that a client likes best.

    Raises:
        Failure: 501: it needs a library that is not there.
    """
    form = simple.form_of(accept)
    if form == "json":
        spool = Spool()
        try:
            yield JsonStream(interface, spool)
        finally:
            spool.close()
    else:
        yield ArrowWriter(interface) if form == "arrow" else CsvWriter(interface)


class CsvWriter:
    """Answers as CSV."""

    content_type = b"text/csv; charset=utf-8; header=present"

    def __init__(self, interface: Interface) -> None:
        self._interface, self._first = interface, True

    def write(self, asked: Asked, answered: Answered) -> bytes:
        """Return the rows of a slice."""
        header, self._first = self._first, False
        return simple.csv_rows(self._interface, asked, answered, header=header)

    def end(self, original: Ranges = ()) -> Iterator[bytes]:
        """Yield nothing: a table has no end."""
        yield from ()


class ArrowWriter:
    """Answers as an Arrow stream: a column for each value, named as in CSV."""

    content_type = STREAM.encode()

    def __init__(self, interface: Interface) -> None:
        try:
            import pyarrow
        except ImportError as error:
            hint = "ask for text/csv or application/json, or have the server install amber[tables]"
            raise Failure(501, "library-missing", "this server has no pyarrow", hint=hint) from error
        self._interface, self._arrow = interface, pyarrow
        self._out = io.BytesIO()
        self._writer: Any = None

    def write(self, asked: Asked, answered: Answered) -> bytes:
        """Return the bytes of a slice; not-a-number is null, as in JSON."""
        arrow = self._arrow
        columns = simple.columns_of(self._interface, asked, answered)
        schema = arrow.schema([(name, _type(arrow, datatype)) for name, datatype, _ in columns])
        if self._writer is None:
            self._writer = arrow.ipc.new_stream(self._out, schema)
        arrays = [arrow.array(values, type=each.type) for (_, _, values), each in zip(columns, schema, strict=True)]
        self._writer.write_batch(arrow.RecordBatch.from_arrays(arrays, schema=schema))
        return self._taken()

    def end(self, original: Ranges = ()) -> Iterator[bytes]:
        """Yield what closes the stream."""
        if self._writer is not None:
            self._writer.close()
        yield self._taken()

    def _taken(self) -> bytes:
        data = self._out.getvalue()
        self._out.seek(0)
        self._out.truncate()
        return data


def _type(arrow: Any, datatype: str) -> Any:
    """Return the type of a column: a datatype of the protocol is one of Arrow's."""
    names = {"BOOL": "bool_", "BYTES": "string", "FP16": "float32", "FP32": "float32", "FP64": "float64"}
    return getattr(arrow, names.get(datatype, datatype.lower()))()
