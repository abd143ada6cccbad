"""Cells of a batch -> the very object the model takes: what was recorded says which, down to the dtypes.

In: numbers as views of the shared memory, objects as lists. Out: for a program `requests.Rows`, arrays or lists,
without a copy where its graph takes the numbers as they are; for an original frames, arrays, lists or sparse matrices.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from amber.errors import SourceError
from amber.models.rows import expectation
from amber.models.rows.blocks import Block
from amber.models.rows.expectation import Expected
from amber.programs.plan import Plan
from amber.programs.requests import Rows
from amber.server.interface import Interface
from amber.server.worker.columns import dtype_text, numpy_dtype
from amber.server.worker.describe import Request

_FLOAT64 = np.dtype(np.float64)


@dataclass(slots=True)
class Cells:
    """Some rows of a batch.

    Attributes:
        count: How many rows.
        floats: float64 [rows, cells].
        integers: The same bytes as int64.
        objects: One list of `count` values for each input of cell `object`.
    """

    count: int
    floats: Any
    integers: Any
    objects: Sequence[list[Any]]


Build = Callable[[Cells], Any]


def _places(interface: Interface) -> list[tuple[str, int]]:
    """For each input its cell and its position among the numbers or the objects."""
    found: list[tuple[str, int]] = []
    numbers = objects = 0
    for each in interface.inputs:
        if each.cell == "object":
            found.append(("object", objects))
            objects += 1
        else:
            found.append((each.cell, numbers))
            numbers += each.width
    return found


def _matrix(interface: Interface, request: Request) -> Build:
    """A block of numbers in the recorded dtype: float64 is the shared memory itself."""
    dtype = numpy_dtype(request.columns[0]) or _FLOAT64
    flat = request.flat

    def build(cells: Cells) -> Any:
        if dtype.kind in "iu":
            block = cells.integers if dtype.itemsize == 8 else cells.integers.astype(dtype)
            block = block.view(dtype)
        else:
            block = cells.floats if dtype == _FLOAT64 else cells.floats.astype(dtype)
        return block[:, 0] if flat else block

    return build


def _first(cells: Cells) -> Any:
    return cells.objects[0]


# -- for a program -------------------------------------------------------------------------------------------------


def for_program(interface: Interface, request: Request, plan: Plan) -> Build:
    """Return what makes a program's rows of cells."""
    if request.form == "matrix":
        return _matrix(interface, request)
    if request.form in ("texts", "records"):
        return _first
    if request.form == "sparse":
        return _entries(request)
    if request.layout != "frame":
        return _table_of_objects
    return _columns(interface, request, plan)


def _entries(request: Request) -> Build:
    """What is not zero, as a program takes a sparse matrix."""
    dtype = numpy_dtype(request.columns[0]) or _FLOAT64

    def none(column: int) -> Any:
        raise IndexError(column)  # a sparse request has no columns

    def build(cells: Cells) -> Rows:
        row, column = np.nonzero(cells.floats)
        data = cells.floats[row, column].astype(dtype)
        return Rows(
            cells.count, none, narrow=dtype == np.float32, half=dtype == np.float16, sparse=True,
            entries=(data, column, row),
        )  # fmt: skip

    return build


def _table_of_objects(cells: Cells) -> Any:
    table = np.empty((cells.count, len(cells.objects)), object)
    for place, values in enumerate(cells.objects):
        table[:, place] = values
    return table


def _columns(interface: Interface, request: Request, plan: Plan) -> Build:
    """Columns of a frame, with what its dtypes say of the answers."""
    dtypes = [numpy_dtype(column) for column in request.columns]
    places = _places(interface)
    kinds = {str(dtype) for dtype in dtypes if dtype is not None and dtype.kind in "fiub"}
    flags: dict[str, Any] = {
        "narrow": all(dtype == np.float32 for dtype in dtypes),
        "single": kinds == {"float32"},
        "half": "float16" in kinds,
        "integers": dtypes[0] if len(set(dtypes)) == 1 and dtypes[0] is not None and dtypes[0].kind in "iu" else None,
    }
    readers = [_reader(kind, place, dtype) for (kind, place), dtype in zip(places, dtypes, strict=True)]
    block = _block(places, dtypes, plan)

    def build(cells: Cells) -> Rows:
        whole = block(cells) if block is not None else None
        return Rows(cells.count, lambda column: readers[column](cells), whole=whole, **flags)

    return build


def _reader(kind: str, place: int, dtype: Any) -> Build:
    if kind == "object":
        return lambda cells: cells.objects[place]
    if kind == "integer":
        if dtype == np.uint64:
            return lambda cells: cells.integers[:, place].view(np.uint64)
        return lambda cells: cells.integers[:, place]
    if dtype is None or dtype == _FLOAT64:
        return lambda cells: cells.floats[:, place]
    return lambda cells: cells.floats[:, place].astype(dtype)


def _block(places: list[tuple[str, int]], dtypes: list[Any], plan: Plan) -> Build | None:
    """What gives all numbers of a table at once; None where a column the graph reads is not there as float64."""
    numeric = [place for place in plan.numbers if place < len(places)]
    if any(places[place][0] == "object" for place in numeric):
        return None
    if any(places[place][0] == "float" and dtypes[place] not in (None, _FLOAT64) for place in numeric):
        return None
    integers = [place for place in numeric if places[place][0] == "integer"]
    if any(dtypes[place] == np.uint64 for place in integers):
        return None
    if not integers and [place for _, place in places] == list(range(len(places))) and not _objects(places):
        return lambda cells: cells.floats
    width = len(places)
    source = [places[place][1] for place in numeric]
    whole_from = [places[place][1] for place in integers]

    def build(cells: Cells) -> Any:
        table = np.empty((cells.count, width))
        table[:, numeric] = cells.floats[:, source]
        if integers:
            table[:, integers] = cells.integers[:, whole_from]
        return table

    return build


def _objects(places: list[tuple[str, int]]) -> bool:
    return any(kind == "object" for kind, _ in places)


# -- for an original -----------------------------------------------------------------------------------------------


def for_original(interface: Interface, request: Request, expected: Expected) -> Build:
    """Return what makes an original's rows of cells; the object shares no memory with the batch.

    What it returns raises SourceError `input-value`, where a value cannot be one of its column, naming its row.
    """
    if request.form in ("texts", "records") and request.layout in ("strings", "records"):
        return _first
    if request.form == "matrix" and request.layout == "array":
        matrix = _matrix(interface, request)
        return lambda cells: matrix(cells).copy()
    if request.form == "sparse":
        dtype = numpy_dtype(request.columns[0]) or _FLOAT64
        make = type(expected.example)
        return lambda cells: make(cells.floats.astype(dtype))
    places = _places(interface)
    readers = [
        _typed(kind, place, column) for (kind, place), column in zip(places, request.columns, strict=True)
    ]  # fmt: skip

    def build(cells: Cells) -> Any:
        block = Block([read(cells) for read in readers], cells.count, 1, "values")
        try:
            return expectation.build(expected, block, "", frozenset())
        except SourceError as error:
            raise _renumbered(error) from error

    return build


def _typed(kind: str, place: int, column: Any) -> Build:
    dtype = numpy_dtype(column)
    read = _reader(kind, place, dtype)
    if kind == "object":
        return read
    if dtype is not None and dtype.kind in "iu" and dtype.itemsize < 8:
        return read  # whether its values fit is looked at where they are cast
    if dtype is None:  # a float of pandas with its own missing value
        name = dtype_text(column)
        return lambda cells: read(cells).astype(name.lower())
    return lambda cells: read(cells).copy()


_ROW = re.compile(r"^row ([0-9]+)")


def _renumbered(error: SourceError) -> SourceError:
    """Rows of files count from 1, rows of requests from 0."""
    message = _ROW.sub(lambda found: f"row {int(found[1]) - 1}", error.message, count=1)
    return SourceError("input-refused", message, where="input", hint=error.hint)
