"""Rows of a file as tables of a served model, block by block; each row keeps its place in the file for messages.

Cells of text files are read as the input's datatype says; text stays text, and of it only an empty cell
is missing, where the model takes that.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from amber.errors import SourceError, UsageError, shown
from amber.models.rows.blocks import Block, Reader
from amber.models.rows.casting import MISSING_NUMBERS, BadCell, from_text
from amber.models.rows.texts import JsonLinesReader
from amber.server.calling.rows import Table, form_of, is_wide, table_of, values_of

_NUMBERS = {
    "BOOL": np.dtype(bool), "FP16": np.dtype(np.float64), "FP32": np.dtype(np.float64), "FP64": np.dtype(np.float64),
    "INT8": np.dtype(np.int64), "INT16": np.dtype(np.int64), "INT32": np.dtype(np.int64), "INT64": np.dtype(np.int64),
    "UINT8": np.dtype(np.int64), "UINT16": np.dtype(np.int64), "UINT32": np.dtype(np.int64),
    "UINT64": np.dtype(np.uint64),
}  # fmt: skip


class Part(NamedTuple):
    """Some rows of the file: as the model takes them, and where they stand."""

    table: Table
    block: Block


def parts(
    reader: Reader, where: str, model: Mapping[str, Any], *, rows: int, missing: Collection[str] = ()
) -> Iterator[Part]:
    """Yield the rows of a file.

    Args:
        reader: Of the file.
        where: Name of the file.
        model: Its metadata.
        rows: Of one part at most.
        missing: Further spellings of a missing cell.

    Raises:
        SourceError: A row cannot be read; it is named by line or row and column.
        UsageError: The columns are not those of the model.
    """
    inputs = model["inputs"]
    if form_of(model) == "records" and isinstance(reader, JsonLinesReader) and reader.records:
        yield from (Part(table_of(block.cells[0], model), block) for block in reader.dicts(rows))
        return
    positions = _positions(reader, where, inputs)
    names = list(positions)
    wide = is_wide(inputs)
    described = {str(each["name"]): inputs[0] if wide else each for each in inputs}
    for block in reader.blocks([place for places in positions.values() for place in places], rows):
        cells = iter(block.cells)
        columns = {}
        for name in names:
            found = [_column(next(cells), described[name], block, where, name, missing) for _ in positions[name]]
            columns[name] = found if wide else found[0]
        if wide:
            yield Part(table_of(np.column_stack([_floats(each) for each in columns[names[0]]]), model), block)
        else:
            yield Part(Table({name: values_of(values) for name, values in columns.items()}, block.rows), block)


def _positions(reader: Reader, where: str, inputs: Sequence[Mapping[str, Any]]) -> dict[str, list[int]]:
    """Return which columns of the file each input takes: by name, or by place where one side has no names."""
    names = [str(each["name"]) for each in inputs]
    if is_wide(inputs):
        width = inputs[0]["shape"][1]
        if reader.width != width:
            raise _columns(where, f"the model takes {width} values a row, the file has {reader.width} columns")
        return {names[0]: list(range(width))}
    if reader.names is None or (len(names) == 1 == reader.width):
        if reader.width != len(names):
            raise _columns(where, f"the model takes {len(names)} columns, the file has {reader.width} and no names")
        return {name: [place] for place, name in enumerate(names)}
    at = {name: place for place, name in reversed(list(enumerate(reader.names)))}
    absent = [each["name"] for each in inputs if each["name"] not in at and _required(each)]
    if absent:
        has = ", ".join(map(shown, reader.names[:8]))
        raise _columns(where, f"the model needs {', '.join(map(shown, absent[:8]))}; the file has {has}")
    return {name: [at[name]] for name in names if name in at}


def _required(described: Mapping[str, Any]) -> bool:
    return bool(described.get("parameters", {}).get("amber.required", True))


def _columns(where: str, message: str) -> UsageError:
    return UsageError("input-columns", message, where=where, hint="name the columns as the model was trained with them")


def _column(
    cells: Any, described: Mapping[str, Any], block: Block, where: str, name: str, missing: Collection[str]
) -> Any:
    """Return one column with the values that its datatype says."""
    if block.kind != "text":
        return cells
    dtype = _NUMBERS.get(described["datatype"])
    knows_missing = bool(described.get("parameters", {}).get("amber.missing"))
    absent: Collection[str]
    if dtype is None:
        # an empty text is a text, unless the model is known to take missing ones
        absent = {"", *missing} if knows_missing else set(missing)
        return [None if cell in absent else cell for cell in cells]
    absent = MISSING_NUMBERS | set(missing) if knows_missing and dtype.kind != "f" else ()
    present = [place for place, cell in enumerate(cells) if cell not in absent]
    try:
        found = from_text([cells[place] for place in present], dtype, None, missing)
    except BadCell as bad:
        place = block.place(present[bad.position])
        message = f"{place}, column {shown(name)}: expected {bad.expected}, got {bad.got}"
        raise SourceError("input-value", message, where=where) from bad
    if len(present) == len(cells):
        return found
    values = dict(zip(present, found.tolist(), strict=True))
    return [values.get(place) for place in range(len(cells))]


def _floats(values: Any) -> Any:
    return np.asarray([np.nan if value is None else value for value in values]) if isinstance(values, list) else values
