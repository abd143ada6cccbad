"""Which reader a file needs: by its first bytes, then by its ending."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import BinaryIO

from amber.errors import SourceError
from amber.models.rows.blocks import Reader, bad_input
from amber.models.rows.tables import NpyReader, ParquetReader
from amber.models.rows.texts import CsvReader, JsonLinesReader, TextReader

_MAGIC = {b"\x93NUMPY": "npy", b"PAR1": "parquet"}
_FOREIGN = {
    b"\x1f\x8b": ("compressed", "zcat FILE | amber predict MODEL -"),
    b"BZh": ("compressed", "bzcat FILE | amber predict MODEL -"),
    b"\xfd7zXZ": ("compressed", "xzcat FILE | amber predict MODEL -"),
    b"\x28\xb5\x2f\xfd": ("compressed", "zstdcat FILE | amber predict MODEL -"),
    b"PK\x03\x04": ("a ZIP (a workbook, an .npz, an artifact?)", "save the table as CSV"),
    b"\xd0\xcf\x11\xe0": ("an old Excel workbook", "save the table as CSV"),
    b"\xff\xfe": ("UTF-16 text", "iconv -f utf-16 -t utf-8"),
    b"\xfe\xff": ("UTF-16 text", "iconv -f utf-16 -t utf-8"),
    b"SQLite format 3": ("a SQLite database", "write the query's rows as CSV"),
    b"ARROW1": ("an Arrow file", "write it as Parquet"),
}
_BY_ENDING = {
    ".csv": "csv", ".tsv": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl", ".txt": "text",
    ".parquet": "parquet", ".pq": "parquet", ".npy": "npy",
}  # fmt: skip
_PEEK = 64


@contextlib.contextmanager
def open_reader(
    source: str | BinaryIO, *, rows: int, header: bool | None = None, delimiter: str | None = None
) -> Iterator[tuple[Reader, str]]:
    """Open a file or a stream of rows; yield its reader and its name for messages.

    Args:
        source: A path, or a binary stream of CSV or JSON lines.
        rows: How many rows to look at for the keys of JSON objects.
        header: Whether the first row of a CSV holds names; None: decide by its cells.
        delimiter: Of a CSV; None: decide by its first line.

    Raises:
        SourceError: There is no such file, or it is not in a known form.
    """
    if not isinstance(source, str):
        yield _of_stream(source, "standard input", "", rows, header, delimiter), "standard input"
        return
    try:
        stream = open(source, "rb")  # noqa: SIM115 - closed below, and not before the rows are read
    except (OSError, ValueError) as error:
        raise SourceError("input-unreadable", str(error), where=source) from error
    with stream:
        if os.path.isdir(source):
            raise SourceError("input-unreadable", "is a folder", where=source)
        yield _of_stream(stream, source, os.path.splitext(source)[1].lower(), rows, header, delimiter), source


def _of_stream(
    stream: BinaryIO, where: str, ending: str, rows: int, header: bool | None, delimiter: str | None
) -> Reader:
    head = _peek(stream)
    form = _form(head, where, ending)
    if form in ("npy", "parquet"):
        if where == "standard input":
            raise bad_input(where, "input-form", f"{form} cannot be read from a pipe", "name the file instead")
        return NpyReader(where) if form == "npy" else ParquetReader(where)
    if form == "jsonl":
        return JsonLinesReader(stream, where, rows)
    if form == "text":
        return TextReader(stream, where)
    return CsvReader(stream, where, header, delimiter or ("\t" if form == "tsv" else None))


def _peek(stream: BinaryIO) -> bytes:
    peek = getattr(stream, "peek", None)
    return bytes(peek(_PEEK)[:_PEEK]) if peek is not None else b""


def _form(head: bytes, where: str, ending: str) -> str:
    for magic, form in _MAGIC.items():
        if head.startswith(magic):
            return form
    for magic, (what, hint) in _FOREIGN.items():
        if head.startswith(magic):
            raise bad_input(where, "input-form", f"is {what}", hint)
    form = _BY_ENDING.get(ending, "")
    if form in ("npy", "parquet"):
        raise bad_input(where, "input-form", f"ends in {ending} and is not such a file")
    first = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    return form or ("jsonl" if first in (b"{", b"[") else "csv")
