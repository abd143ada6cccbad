"""Values of an answer that cannot be written yet: in memory outside of the process's own, up to a bound."""

from __future__ import annotations

import os
from collections.abc import Iterator

import msgspec

from amber.server.exchange import Failure
from amber.server.formats.answers import Value
from amber.server.wire import memory

MOST = 512 << 20  # bytes


class Spool:
    """Lines of values: a `simple_stream.Keep`.

    Args:
        most: Bytes that are kept at most.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._memory = -1
        self._size = 0
        self._lines: dict[int, list[tuple[int, int, int, bool]]] = {}  # offset, bytes, rows, whether it was a list

    def put(self, line: int, value: Value, rows: int) -> None:
        """Keep the values of some rows.

        Raises:
            Failure: 413: it would be too much.
        """
        listed = isinstance(value, list)
        data = msgspec.msgpack.encode(value) if isinstance(value, list) else bytes(value)
        if self._size + len(data) > self._most:
            hint = "ask for CSV or Arrow, for one output, or for fewer rows"
            message = f"all outputs but the first take more than {self._most >> 20} MiB until JSON can name them"
            raise Failure(413, "answer-too-large", message, hint=hint)
        if self._memory < 0:
            self._memory = memory.fresh("amber-answer")
        memory.write(self._memory, data)
        self._lines.setdefault(line, []).append((self._size, len(data), rows, listed))
        self._size += len(data)

    def taken(self, line: int) -> Iterator[tuple[Value, int]]:
        """Yield what was kept in a line: values and their number of rows."""
        for offset, size, rows, listed in self._lines.get(line, ()):
            data = os.pread(self._memory, size, offset)
            yield (msgspec.msgpack.decode(data) if listed else data), rows

    def close(self) -> None:
        """Give the memory back."""
        if self._memory >= 0:
            os.close(self._memory)
            self._memory = -1
