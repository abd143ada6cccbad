"""Answers of the simple way in JSON, slice by slice: the same document as `simple_answer.encode` writes at once.

In the document the arrays stand one after the other, but a slice has rows of all of them. The first array goes out as
its rows come; the others are kept by who asks (`Keep`), as the worker's cells, and written at the end.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

import msgspec

from amber.server.exchange import Answered, Asked
from amber.server.formats.answers import Answer, Value
from amber.server.formats.plan import plan_of
from amber.server.formats.simple_answer import JSON, key_of, rows_of, splits
from amber.server.interface import Interface

_encode = msgspec.json.Encoder().encode


class Keep(Protocol):
    """Keeps values of slices, in lines of their own, in the order they came."""

    def put(self, line: int, value: Value, rows: int) -> None:
        """Keep the values of some rows."""

    def taken(self, line: int) -> Iterator[tuple[Value, int]]:
        """Yield what was kept in a line: values and their number of rows."""


class _Array(NamedTuple):
    """One array of the document. `value`: its place in an answer. `opening`: what stands before its first row."""

    answer: Answer
    value: int
    opening: bytes


class JsonStream:
    """One answer.

    Args:
        interface: Of the version that is asked.
        keep: Where values wait.
    """

    content_type = JSON

    def __init__(self, interface: Interface, keep: Keep) -> None:
        self._interface, self._keep = interface, keep
        self._arrays: list[_Array] = []
        self._closing = b""
        self._rows = 0
        self._marks: dict[str, list[str]] = {}

    def write(self, asked: Asked, answered: Answered) -> bytes:
        """Return the rows of a slice, as far as they can be written now.

        Raises:
            Failure: 500 `worker-answer`; or what the keeper raises.
        """
        opening = b"," if self._arrays else self._begun(asked)
        first, *others = self._arrays
        for each in others:
            self._keep.put(each.value, answered.values[each.value], answered.rows)
        text = self._text(first.answer, answered.values[first.value], answered.rows, self._rows)
        self._rows += answered.rows
        return opening + text

    def end(self, original: Sequence[tuple[int, int]] = ()) -> Iterator[bytes]:
        """Yield the rest of the document.

        Args:
            original: Ranges of rows, first and one past the last, that the original has answered for the program.

        Raises:
            Failure: As `write`.
        """
        for answer, line, opening in self._arrays[1:]:
            between, rows = opening, 0
            for value, count in self._keep.taken(line):
                yield between + self._text(answer, value, count, rows)
                between = b","
                rows += count
        closing = self._closing
        if self._marks:
            closing += b',"nonfinite":' + _encode({name: ",".join(marks) for name, marks in self._marks.items()})
        if original:
            closing += b',"original_rows":' + _encode(original)
        yield closing + b"}"

    def _begun(self, asked: Asked) -> bytes:
        """Lay the document out; return all before the first row."""
        interface, plan = self._interface, plan_of(self._interface)
        head = {"model_name": interface.name, "model_version": interface.version}
        opening = _encode(head if asked.id is None else {**head, "id": asked.id})[:-1]
        methods: dict[str, list[tuple[int, Answer]]] = {}
        for value, place in enumerate(asked.outputs):
            answer = plan.answers[place]
            methods.setdefault(answer.output.method, []).append((value, answer))
        for method, answers in methods.items():
            opening += b"," + _encode(key_of(method)) + b":"
            several = len(answers) > 1 or splits(plan, method)
            for number, (value, answer) in enumerate(answers):
                if several:
                    opening += (b"," if number else b"{") + _encode(answer.output.name) + b":"
                self._arrays.append(_Array(answer, value, opening + b"["))
                opening = b"]"
            opening += b"}" if several else b""
        self._closing = opening
        return self._arrays[0].opening

    def _text(self, answer: Answer, value: Value, rows: int, first: int) -> bytes:
        """Return some rows of an array, separated by commas; infinities are noted, by their place in all rows."""
        text = _encode(rows_of(answer, value, rows))[1:-1]
        if b"null" in text:
            marks = answer.json(value, rows).parameters.get("amber.nonfinite")
            if marks is not None:
                begin = first * answer.width
                places = (each.split(":") for each in marks.split(","))
                shifted = ",".join(f"{int(place) + begin}:{sign}" for place, sign in places)
                self._marks.setdefault(answer.name, []).append(shifted)
        return text
