"""Tables as bodies, CSV, Arrow and Parquet, a slice at a time.

In: the descriptor of a body. Out: columns of Python values for `formats.simple.cells`. Arrow and Parquet are read by
pyarrow; this process may be ended by what a body does to it, and only that request is lost.
"""

from __future__ import annotations

import csv
import mmap
import os
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from amber.errors import shown
from amber.server.exchange import Failure
from amber.server.formats.csv_text import values_of
from amber.server.interface import Interface

_CSV = ("text/csv", "application/csv")
STREAM = "application/vnd.apache.arrow.stream"
_ARROW = (STREAM, "application/vnd.apache.arrow.file")
_PARQUET = ("application/vnd.apache.parquet", "application/x-parquet")
_COLUMNS = 100_000


class Table(NamedTuple):
    """Some rows. `first`: number of the first of them; `near`: whether numbers were decimal text."""

    columns: dict[str, Sequence[Any]]
    first: int
    near: bool


def _media(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def is_table(content_type: str) -> bool:
    """Whether a body of this media type is a table."""
    return _media(content_type) in (*_CSV, *_ARROW, *_PARQUET)


def read(interface: Interface, body: int, content_type: str, rows: int) -> Iterator[Table]:
    """Yield slices of a table that lies behind a descriptor.

    Raises:
        Failure: 400: the bytes are not of this media type. 422: a row has too few or too many cells. 501: it cannot
        be read here.
    """
    media = _media(content_type)
    if media in _CSV:
        return _csv(interface, body, content_type, rows)
    return _arrow(body, media, rows)


# -- CSV ------------------------------------------------------------------------------------------------------------


def _csv(interface: Interface, body: int, content_type: str, rows: int) -> Iterator[Table]:
    os.lseek(body, 0, os.SEEK_SET)
    with open(body, encoding="utf-8-sig", newline="", closefd=False) as text:
        yield from _csv_tables(interface, _lines(csv.reader(text, strict=True)), content_type, rows)


def _csv_tables(interface: Interface, lines: Iterator[list[str]], content_type: str, rows: int) -> Iterator[Table]:
    head = next(lines, None)
    if head is None:
        return
    names = head
    kept: list[list[str]] = []
    if not _is_header(interface, head, content_type):
        names = _own_names(interface, len(head))
        kept.append(head)
    _bounded(len(names))
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise Failure(400, "column-twice", f"the header names {shown(twice)!r} twice", column=twice)
    first = 0
    for line in lines:
        if len(line) != len(names):
            row = first + len(kept)
            message = f"row {row} has {len(line)} cells, the header {len(names)}"
            raise Failure(422, "row-width", message, row=row, expected=f"{len(names)} cells")
        kept.append(line)
        if len(kept) == rows:
            yield _cells(interface, names, kept, first)
            first += len(kept)
            kept = []
    if kept:
        yield _cells(interface, names, kept, first)


def _lines(reader: Any) -> Iterator[list[str]]:
    """Yield lines that are not blank.

    Raises:
        Failure: It is not CSV in UTF-8.
    """
    while True:
        try:
            line = next(reader)
        except StopIteration:
            return
        except UnicodeDecodeError as error:
            raise Failure(400, "body-malformed", f"line {reader.line_num + 1} is not UTF-8") from error
        except csv.Error as error:
            raise Failure(400, "body-malformed", f"line {reader.line_num}: {error}") from error
        if line:
            yield line


def _is_header(interface: Interface, head: list[str], content_type: str) -> bool:
    """Whether the first line holds names: unless the media type says, it does where not all cells are numbers."""
    if "header=absent" in content_type.replace(" ", "").lower():
        return False
    if "header=present" in content_type.replace(" ", "").lower() or interface.form != "matrix":
        return True
    return not all(_is_number(cell) for cell in head)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return not text
    return True


def _own_names(interface: Interface, count: int) -> list[str]:
    if interface.form == "columns" and count == len(interface.inputs):
        return [each.name for each in interface.inputs]
    return [str(place) for place in range(count)]


def _cells(interface: Interface, names: list[str], lines: list[list[str]], first: int) -> Table:
    columns = zip(names, zip(*lines, strict=True), strict=True)
    return Table({name: values_of(interface, name, fields) for name, fields in columns}, first, True)


# -- Arrow and Parquet ------------------------------------------------------------------------------------------------


def _arrow(body: int, media: str, rows: int) -> Iterator[Table]:
    try:
        import pyarrow
    except ImportError as error:
        hint = "send CSV, or have the server install amber[tables]"
        raise Failure(501, "library-missing", "this server has no pyarrow", hint=hint) from error
    first = 0
    try:
        for batch in _batches(body, media, rows):
            _bounded(batch.num_columns)
            batch.validate(full=True)  # else an offset that lies is followed into the memory of this process
            for start in range(0, batch.num_rows, rows):
                part = batch.slice(start, rows)
                names = part.schema.names
                if len(set(names)) != len(names):
                    raise Failure(400, "column-twice", "the table has a column twice")
                values = [_plain(_values(column, name)) for name, column in zip(names, part.columns, strict=True)]
                yield Table(dict(zip(names, values, strict=True)), first, False)
                first += part.num_rows
    except MemoryError:  # one of Arrow's is an error of Arrow as well
        raise
    except (pyarrow.ArrowException, OSError, ValueError, OverflowError) as error:
        said = shown(str(error).partition("\n")[0])
        raise Failure(400, "body-malformed", f"not a table in {media}: {said}") from error


def _batches(body: int, media: str, rows: int) -> Iterator[Any]:
    import pyarrow
    import pyarrow.ipc
    import pyarrow.parquet

    memory = mmap.mmap(body, 0, prot=mmap.PROT_READ)
    source = pyarrow.BufferReader(pyarrow.py_buffer(memory))
    if media in _PARQUET:
        yield from pyarrow.parquet.ParquetFile(source).iter_batches(rows, use_threads=False)
    elif media == STREAM:
        yield from pyarrow.ipc.open_stream(source)
    else:
        reader = pyarrow.ipc.open_file(source)
        for place in range(reader.num_record_batches):
            yield reader.get_batch(place)


def _bounded(columns: int) -> None:
    if columns > _COLUMNS:
        raise Failure(413, "request-too-large", f"{columns} columns", hint=f"at most {_COLUMNS} are read")


def _values(column: Any, name: str) -> list[Any]:
    """Return the values of a column.

    Raises:
        Failure: 422: they are none that Python has, such as times of a zone that is not known.
    """
    try:
        values: list[Any] = column.to_pylist()
    except MemoryError:
        raise
    except Exception as error:  # of pyarrow, zoneinfo, pandas
        message = f"the values of column {shown(name)!r} cannot be read: {shown(str(column.type), 60)}"
        raise Failure(422, "value-kind", message, column=name) from error
    return values


def _plain(values: list[Any]) -> list[Any]:
    """Dates as the formats have them: texts, ISO 8601."""
    if any(isinstance(each, datetime | date) for each in values):
        return [each.isoformat() if isinstance(each, datetime | date) else each for each in values]
    return values
