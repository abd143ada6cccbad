"""A batch -> rows -> one run for all asked methods -> the cells of the answers.

In: `batch.Batch`, views of the shared memory. Out: blocks of cells, lists of objects, and the parts that failed. A run
that fails is repeated for each half of its parts, so that only the guilty ones fail. `serving` calls it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from amber.server.interface import Interface, Output, Route
from amber.server.wire.batch import Batch, Failed
from amber.server.worker import blame
from amber.server.worker.building import Build, Cells
from amber.server.worker.describe import Method
from amber.server.worker.telling import Teller
from amber.server.worker.values import plain

Ask = Callable[[Any], "dict[str, Any]"]


@dataclass
class Form:
    """One form of the model, ready.

    Attributes:
        build: Makes its rows of cells.
        asker: Gives what asks some methods; labels of a program come as positions.
        methods: What it answers.
        classes: For each place of a label whose values it gives: position by value, one table for each column.
        blamed: Says which part of a message is a column's name.
    """

    build: Build
    asker: Callable[[Sequence[str]], Ask]
    methods: frozenset[str]
    classes: dict[int, list[dict[Any, int]]] = field(default_factory=dict)
    blamed: blame.Columns = field(default_factory=blame.Columns)


@dataclass(slots=True)
class Answer:
    """What goes into the answer part of the lane: see `batch.answer_pack`."""

    blocks: list[Any]
    objects: list[list[Any]]
    failed: list[Failed]


class Answering:
    """All forms of one model, ready for batches."""

    def __init__(self, interface: Interface, methods: dict[str, Method], forms: dict[Route, Form]) -> None:
        self.interface, self.methods, self.forms = interface, methods, forms
        self.teller = Teller(interface.name, interface.version)
        self._cells = interface.cells
        self._asked: dict[tuple[Route, tuple[int, ...]], _Run] = {}

    def answer(self, batch: Batch) -> Answer:
        """Return the answer of a batch; whatever a model raises is an answer too."""
        run = self._run(batch.route, tuple(batch.outputs))
        table = _Table(batch, self._cells)
        found = run.solve(table, 0, len(batch.rows))
        if len(found) == 1 and isinstance(found[0], list):
            values: list[Any] = found[0]
        else:
            values = run.joined(found, batch.rows)
        objects = [each for each in values if type(each) is list]
        blocks = [each for each in values if type(each) is not list]
        return Answer(blocks, objects, [each for each in found if isinstance(each, tuple)])

    def _run(self, route: Route, outputs: tuple[int, ...]) -> _Run:
        made = self._asked.get((route, outputs))
        if made is None:
            made = self._asked[route, outputs] = _Run(self, route, outputs)
        return made


class _Table:
    """The numbers and objects of a batch, of which any range of parts can be had."""

    def __init__(self, batch: Batch, cells: int) -> None:
        self.rows, self._objects = batch.rows, batch.objects
        count = sum(batch.rows)
        if cells and count:
            self._integers: Any = np.frombuffer(batch.numbers, np.int64).reshape(count, cells)
        else:
            self._integers = np.empty((count, cells), np.int64)
        self._floats = self._integers.view(np.float64)
        self._count = count

    def cells(self, begin: int, end: int) -> Cells:
        """Return the rows of the parts from `begin` to `end`."""
        objects = self._objects[begin:end]
        if len(objects) == 1:
            columns = objects[0]
        else:
            columns = [[value for values in column for value in values] for column in zip(*objects, strict=True)]
        if begin == 0 and end == len(self.rows):
            return Cells(self._count, self._floats, self._integers, columns)
        start = sum(self.rows[:begin])
        stop = start + sum(self.rows[begin:end])
        return Cells(stop - start, self._floats[start:stop], self._integers[start:stop], columns)


class _Run:
    """One set of outputs of one form of the model."""

    def __init__(self, answering: Answering, route: Route, outputs: tuple[int, ...]) -> None:
        self.outputs = [answering.interface.outputs[place] for place in outputs]
        self.teller = answering.teller
        self.form = answering.forms.get(route)
        wanted = list(dict.fromkeys(each.method for each in self.outputs))
        self.absent = [name for name in wanted if self.form is None or name not in self.form.methods]
        if self.form is None or self.absent:
            return
        self.ask = self.form.asker(wanted)
        self.readers = [
            _reader(output, answering.methods[output.method], place, self.form.classes.get(place))
            for output, place in zip(self.outputs, outputs, strict=True)
        ]

    def solve(self, table: _Table, begin: int, end: int) -> list[list[Any] | Failed]:
        """Return what the parts from `begin` to `end` got: one list of values for each run, one entry for a failure."""
        if self.form is None or self.absent:
            missing = ", ".join(self.absent) or "this model"
            return [blame.absent(part, missing) for part in range(begin, end)]
        try:
            return [self._values(table.cells(begin, end))]
        except Exception as error:  # whatever a model raises on rows it does not like
            if end - begin > 1:
                middle = (begin + end) // 2
                return self.solve(table, begin, middle) + self.solve(table, middle, end)
            return [self._failure(table, begin, error)]

    def joined(self, found: list[list[Any] | Failed], rows: list[int]) -> list[Any]:
        """Return the values of all parts, in order: cells of failed parts are zero, their objects null."""
        pieces = [each if isinstance(each, list) else self._nothing(rows[each.part]) for each in found]
        return [
            [value for piece in column for value in piece] if type(column[0]) is list else np.concatenate(column)
            for column in zip(*pieces, strict=True)
        ]

    def _nothing(self, rows: int) -> list[Any]:
        return [
            [None] * rows if each.cell == "object" else np.zeros(rows * each.width, np.int64).view(_dtype(each))
            for each in self.outputs
        ]

    def _values(self, cells: Cells) -> list[Any]:
        assert self.form is not None  # noqa: S101 - `solve` has looked
        answers = self.ask(self.form.build(cells))
        return [read(answers, cells.count) for read in self.readers]

    def _failure(self, table: _Table, part: int, error: Exception) -> Failed:
        """Say what is wrong with a part, and in which of its rows where the error does not say it."""
        assert self.form is not None  # noqa: S101
        found = blame.failed(part, error, self.form.blamed)
        if found.status == blame.BROKEN:
            self.teller.tell(error)
        rows = table.rows[part]
        if found.row is not None and found.row >= rows:
            found = found._replace(row=None)
        if found.status != blame.REFUSED or found.row is not None or rows == 0:
            return found
        if rows == 1:
            return found._replace(row=0)
        return self._first_refused(table.cells(part, part + 1), part) or found

    def _first_refused(self, cells: Cells, part: int) -> Failed | None:
        """Find the first refused row of one part by halving; None where only all together are refused."""
        assert self.form is not None  # noqa: S101
        start, stop, error = 0, cells.count, Exception()
        while stop - start > 1:
            middle = (start + stop) // 2
            first = self._refusal(cells, start, middle)
            if first is not None:
                stop, error = middle, first
                continue
            second = self._refusal(cells, middle, stop)
            if second is None:
                return None
            start, error = middle, second
        return blame.failed(part, error, self.form.blamed)._replace(row=start)

    def _refusal(self, cells: Cells, start: int, stop: int) -> Exception | None:
        some = Cells(
            stop - start, cells.floats[start:stop], cells.integers[start:stop],
            [column[start:stop] for column in cells.objects],
        )  # fmt: skip
        try:
            self._values(some)
        except Exception as error:  # as in `solve`
            return error
        return None


# -- answers as cells ----------------------------------------------------------------------------------------------

Read = Callable[["dict[str, Any]", int], Any]


def _dtype(output: Output) -> Any:
    return np.float64 if output.cell == "float" else np.int64


def _reader(output: Output, method: Method, place: int, classes: list[dict[Any, int]] | None) -> Read:
    """Return what takes one output out of the answers: a flat array of 8-byte cells, or a list of objects."""
    name, part = method.name, _part(method, place)
    width, cell = output.width, output.cell
    dtype = _dtype(output)
    counts = [len(each) for each in output.classes]

    def read(answers: dict[str, Any], rows: int) -> Any:
        found = part(answers[name])
        if cell == "object":
            values = plain(found)
            if not isinstance(values, list) or len(values) != rows:
                raise blame.Misfit(f"{name} gave another number of rows")
            return values
        if classes is not None:
            found = _positions(found, classes)
        array = np.asarray(found)
        if array.size != rows * width or (rows and len(array) != rows):
            raise blame.Misfit(f"{name} gave an answer of shape {array.shape} for {rows} rows")
        if array.dtype == np.uint64:
            array = array.view(np.int64)
        flat = np.ascontiguousarray(array, dtype).reshape(-1)
        if cell == "label" and not _known(flat, counts):
            raise blame.Misfit(f"{name} named a class that is not there")
        return flat

    return read


def _part(method: Method, place: int) -> Callable[[Any], Any]:
    """Return what takes one part out of the answer of a method."""
    position = place - method.places[0]
    if method.layout in ("arrays", "tuple"):
        return lambda answer: answer[position]
    if method.layout == "csr":
        return lambda answer: answer.toarray() if hasattr(answer, "toarray") else answer
    if method.layout == "frame":
        return _joined if method.joined else lambda answer: _column(answer, position)
    if method.layout == "series":
        return lambda answer: answer.to_numpy() if hasattr(answer, "to_numpy") else answer
    return lambda answer: answer


def _joined(answer: Any) -> Any:
    """All columns of a frame side by side; without pandas it is a dict of them."""
    return np.column_stack(list(answer.values())) if isinstance(answer, dict) else answer.to_numpy()


def _column(answer: Any, position: int) -> Any:
    if isinstance(answer, dict):
        return list(answer.values())[position]
    return answer.iloc[:, position].to_numpy()


def _positions(labels: Any, classes: list[dict[Any, int]]) -> Any:
    """Return labels as positions among their classes."""
    array = np.asarray(labels)
    columns = [array] if len(classes) == 1 else [array[:, place] for place in range(len(classes))]
    try:
        found = [
            [table[value] for value in column.ravel().tolist()] for table, column in zip(classes, columns, strict=True)
        ]
    except (KeyError, TypeError) as error:
        raise blame.Misfit("a label that is none of the classes") from error
    positions = np.array(found, np.int64)
    return positions[0] if len(classes) == 1 else positions.T


def _known(flat: Any, counts: list[int]) -> bool:
    if not len(flat):
        return True
    if len(counts) == 1:
        return bool(flat.view(np.uint64).max() < counts[0])  # a negative one is huge
    table = flat.reshape(-1, len(counts))
    return bool((table >= 0).all() and (table < np.array(counts)).all())
