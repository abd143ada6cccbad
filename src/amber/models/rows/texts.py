"""Rows of text files: CSV, JSON lines, and plain text with one document a line.

A reader knows names and cells, not models. Cells of CSV stay text; the line of every row is kept, so that a cell that
cannot be read is named by line and column.
"""

from __future__ import annotations

import csv
import io
import itertools
import json
import os
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

from amber.errors import SourceError
from amber.models.rows.blocks import Block, bad_input

BLOCK_CHARS = 32 * 1024 * 1024  # text of one block, in characters: long documents make short blocks
LINE_CHARS = 64 * 1024 * 1024  # one line; a file without line breaks must not fill the memory


class _Counted(io.RawIOBase):
    """A binary stream that counts what was read of it."""

    def __init__(self, stream: BinaryIO, size: int | None) -> None:
        self._stream, self.size, self.seen = stream, size, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._stream.read1(len(buffer)) if hasattr(self._stream, "read1") else self._stream.read(len(buffer))
        buffer[: len(data)] = data
        self.seen += len(data)
        return len(data)

    def share(self) -> float | None:
        return min(1.0, self.seen / self.size) if self.size else None


def size_of(stream: BinaryIO) -> int | None:
    """Return the size of a regular file, None for a pipe."""
    try:
        size = os.fstat(stream.fileno()).st_size
    except (OSError, AttributeError, io.UnsupportedOperation):
        return None
    return size or None


class _Text:
    """Lines of UTF-8 text, with or without a byte order mark."""

    form = "text"
    records = False

    def __init__(self, stream: BinaryIO, where: str) -> None:
        self.where = where
        self._counted = _Counted(stream, size_of(stream))
        buffered = io.BufferedReader(self._counted, 1 << 20)
        self._lines = io.TextIOWrapper(buffered, encoding="utf-8-sig", newline="")
        self.names: list[str] | None = ["text"]
        self.width = 1

    def share(self) -> float | None:
        """Return how much of the file has been read."""
        return self._counted.share()

    def blocks(self, wanted: Sequence[int], rows: int) -> Iterator[Block]:
        """Yield one document a line."""
        return _collected(self._documents(), wanted, rows)

    def _documents(self) -> Iterator[tuple[int, list[str]]]:
        for number, line in enumerate(self._read(), start=1):
            yield number, [line.rstrip("\r\n")]

    def _read(self) -> Iterator[str]:
        """Lines with their ends, none of them longer than the cap."""
        number = 0
        try:
            while line := self._lines.readline(LINE_CHARS):
                number += 1
                if len(line) == LINE_CHARS:
                    raise _too_long(self.where, number)
                yield line
        except UnicodeDecodeError as error:
            raise self._not_utf8() from error

    def _not_utf8(self) -> SourceError:
        return bad_input(
            self.where, "input-encoding", "not UTF-8 text", "iconv -f latin1 -t utf-8 (or whatever it is) makes it so"
        )


def _collected(found: Iterator[tuple[int, list[str]]], wanted: Sequence[int], rows: int) -> Iterator[Block]:
    """Turn numbered rows of cells into blocks of columns."""
    first, chars = 1, 0
    table: list[list[str]] = []
    lines: list[int] = []
    for number, cells in found:
        table.append(cells)
        lines.append(number)
        chars += sum(map(len, cells))
        if len(table) >= rows or chars >= BLOCK_CHARS:
            yield _block(table, lines, first, wanted)
            first, chars = first + len(table), 0
            table, lines = [], []
    if table:
        yield _block(table, lines, first, wanted)


def _block(table: list[list[str]], lines: list[int], first: int, wanted: Sequence[int]) -> Block:
    return Block([[row[i] for row in table] for i in wanted], len(table), first, "text", lines)


class TextReader(_Text):
    """One document a line."""


class CsvReader(_Text):
    """Comma-separated values (RFC 4180), a tab or semicolon or bar where the header says so.

    Args:
        stream: The bytes.
        where: Name of the file, for messages.
        header: Whether the first row holds names; None: it does unless every cell of it is a number.
        delimiter: One character; None: the one that splits the first line best.
    """

    form = "CSV"

    def __init__(self, stream: BinaryIO, where: str, header: bool | None = None, delimiter: str | None = None) -> None:
        super().__init__(stream, where)
        lines = self._read()
        first_line = next(lines, "")
        self._delimiter = delimiter or _delimiter_of(first_line)
        self._rows = csv.reader(itertools.chain([first_line], lines), delimiter=self._delimiter)
        self._held: list[tuple[int, list[str]]] = []
        self.names = None
        self.width = 0
        top = next(self._numbered(), None)
        if top is None:
            raise bad_input(where, "input-empty", "the file is empty", "a CSV begins with a line of column names")
        self.width = len(top[1])
        if header is False or (header is None and all(map(_is_number, top[1]))):
            self._held.append(top)
        else:
            self.names = [name.strip() for name in top[1]]

    def blocks(self, wanted: Sequence[int], rows: int) -> Iterator[Block]:
        """Yield the rows after the header."""
        return _collected(self._checked(), wanted, rows)

    def _checked(self) -> Iterator[tuple[int, list[str]]]:
        yield from self._held
        width = self.width
        for number, cells in self._numbered():
            if len(cells) != width:
                raise bad_input(
                    self.where,
                    "input-row",
                    f"line {number}: expected {width} cells, got {len(cells)}",
                    "a cell with a comma or a line break in it needs quotes",
                )
            yield number, cells

    def _numbered(self) -> Iterator[tuple[int, list[str]]]:
        """Rows with the line each begins on; blank lines are no rows."""
        begin = self._rows.line_num + 1
        try:
            for cells in self._rows:
                if cells:
                    yield begin, cells
                begin = self._rows.line_num + 1
        except csv.Error as error:
            raise bad_input(self.where, "input-row", f"line {begin}: not CSV: {error}") from error


def _delimiter_of(line: str) -> str:
    if "," in line:
        return ","
    best = max("\t;|", key=line.count)
    return best if best in line else ","


def _too_long(where: str, number: int) -> SourceError:
    return bad_input(where, "input-row", f"line {number} is longer than {LINE_CHARS // 2**20} MiB")


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


class JsonLinesReader:
    """One JSON value a line: an object, an array or a text."""

    form = "JSON lines"

    def __init__(self, stream: BinaryIO, where: str, rows: int) -> None:
        self.where = where
        self._counted = _Counted(stream, size_of(stream))
        self._lines = io.BufferedReader(self._counted, 1 << 20)
        self._number = 0
        self._done = 0
        self._shape: type | None = None
        self._ahead = self._take(rows)
        if not self._ahead[0]:
            raise bad_input(where, "input-empty", "the file has no rows")
        self._shape = type(self._ahead[0][0])
        for value, line in zip(*self._ahead, strict=True):
            self._same(value, line)
        self.records = self._shape is dict
        self.names: list[str] | None = None
        if self._shape is dict:
            self.names = list(dict.fromkeys(key for row in self._ahead[0] for key in row))
            self.width = len(self.names)
        elif self._shape is list:
            self.width = len(self._ahead[0][0])
        elif self._shape is str:
            self.names, self.width = ["text"], 1
        else:
            raise self._bad(self._ahead[1][0], "an object, an array or a text", self._ahead[0][0])

    def share(self) -> float | None:
        """Return how much of the file has been read."""
        return self._counted.share()

    def blocks(self, wanted: Sequence[int], rows: int) -> Iterator[Block]:
        """Yield columns; a key that an object does not have is a missing value."""
        for found, lines in self._batches(rows):
            yield Block(self._columns(found, lines, wanted), len(found), self._done - len(found) + 1, "values", lines)

    def dicts(self, rows: int) -> Iterator[Block]:
        """Yield whole rows: the one column is a list of dicts."""
        for found, lines in self._batches(rows):
            yield Block([found], len(found), self._done - len(found) + 1, "values", lines)

    def _batches(self, rows: int) -> Iterator[tuple[list[Any], list[int]]]:
        found, lines = self._ahead
        while found:
            self._done += len(found)
            yield found, lines
            found, lines = self._take(rows)

    def _take(self, rows: int) -> tuple[list[Any], list[int]]:
        found: list[Any] = []
        lines: list[int] = []
        size = 0
        while len(found) < rows and size < BLOCK_CHARS:
            line = self._lines.readline(LINE_CHARS)
            if not line:
                break
            self._number += 1
            if len(line) == LINE_CHARS:
                raise _too_long(self.where, self._number)
            if not line.strip():
                continue
            size += len(line)
            found.append(self._value(line))
            lines.append(self._number)
        return found, lines

    def _value(self, line: bytes) -> Any:
        try:
            value = json.loads(line.decode("utf-8-sig" if self._number == 1 else "utf-8"))
        except (ValueError, RecursionError) as error:
            hint = "one JSON value a line; `jq -c '.[]'` makes lines of one large array"
            message = f"line {self._number}: not JSON ({type(error).__name__})"
            raise bad_input(self.where, "input-row", message, hint) from error
        self._same(value, self._number)
        return value

    def _same(self, value: Any, line: int) -> None:
        if self._shape is not None and type(value) is not self._shape:
            raise self._bad(line, "the same kind of value as on the first line", value)

    def _columns(self, found: list[Any], lines: list[int], wanted: Sequence[int]) -> list[list[Any]]:
        if self._shape is dict:
            names = self.names or []
            return [[row.get(names[i]) for row in found] for i in wanted]
        if self._shape is str:
            return [found for _ in wanted]
        for row, line in zip(found, lines, strict=True):
            if len(row) != self.width:
                raise bad_input(self.where, "input-row", f"line {line}: expected {self.width} values, got {len(row)}")
        return [[row[i] for row in found] for i in wanted]

    def _bad(self, line: int, expected: str, got: Any) -> SourceError:
        return bad_input(self.where, "input-row", f"line {line}: expected {expected}, got {type(got).__name__}")
