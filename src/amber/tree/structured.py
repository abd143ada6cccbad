"""Structured dtypes: what NumPy would refuse, or follow too deep, is refused before NumPy is asked (`spec/tree.md`)."""

from __future__ import annotations

from typing import NamedTuple

from amber.errors import FormatError, LimitError
from amber.limits import Limits
from amber.tree import dtypes, nodes
from amber.tree.nodes import AnyNode

MAX_DEPTH = 16  # structured dtypes inside each other
MAX_BYTES = 2**31 - 1  # of an item, an offset, a dimension: NumPy keeps them in a C int


class Measure(NamedTuple):
    """What the dtype around this one needs to know of it."""

    depth: int
    alignment: int  # bytes
    rank: int  # dimensions that a field adds to those of its array


def measure_all(table: list[AnyNode], limits: Limits) -> dict[int, Measure]:
    """Check every `structured` node of a table, the inner ones first; return their measures by index.

    Raises:
        FormatError: `dtype-unknown`, `shape-invalid`; `where` is the index.
        LimitError: `limit-dtype-fields`.
    """
    found: dict[int, Measure] = {}
    for position in range(len(table) - 1, -1, -1):
        node = table[position]
        if type(node) is nodes.Structured:
            try:
                found[position] = _measured(table, position, node, found, limits)
            except FormatError as error:
                raise FormatError(error.code, error.message, where=f"model/tree.json node {position}") from error
    return found


def _measured(
    table: list[AnyNode], position: int, node: nodes.Structured, found: dict[int, Measure], limits: Limits
) -> Measure:
    if len(node.fields) > limits.dtype_fields:
        raise LimitError("limit-dtype-fields", f"{len(node.fields)} fields", where=f"model/tree.json node {position}")
    names = [field[0] for field in node.fields]
    if len(set(names)) != len(names) or "" in names or not 0 <= node.itemsize <= MAX_BYTES:
        raise _wrong("field names must be different and not empty")
    end, depth, alignment, rank = 0, 1, 1, 0
    for name, dtype, offset, shape in node.fields:
        inner, size = _field(table, position, dtype, found)
        if shape and (size == 0 or any(dimension > MAX_BYTES for dimension in shape)):
            raise _wrong(f"field {name!r} has a shape that no field has")
        size *= dtypes.element_count(shape, size, limits.tensor_rank)
        if offset < end or offset + size > node.itemsize:
            raise _wrong(f"field {name!r} overlaps another or the item's end")
        if node.aligned and offset % inner.alignment:
            raise _wrong(f"field {name!r} is not aligned")
        end, depth = offset + size, max(depth, inner.depth + 1)
        alignment, rank = max(alignment, inner.alignment), max(rank, inner.rank + len(shape))
    if depth > MAX_DEPTH:
        raise _wrong(f"nested more than {MAX_DEPTH} deep")
    if rank > limits.tensor_rank:
        raise _wrong("a field of too many dimensions")
    if not node.aligned:
        return Measure(depth, 1, rank)
    if node.itemsize % alignment:
        raise _wrong("the item size is not aligned")
    return Measure(depth, alignment, rank)


def _field(table: list[AnyNode], position: int, dtype: str | int, found: dict[int, Measure]) -> tuple[Measure, int]:
    """Return the measure of a field's dtype, and its item size in bytes."""
    if isinstance(dtype, str):
        size = dtypes.carrier(dtype).itemsize
        return Measure(0, dtypes.alignment(dtype), 0), size
    node = table[dtype]
    if type(node) is not nodes.Structured:
        raise _wrong(f"node {dtype} is not a structured dtype")
    if dtype <= position:
        raise _wrong("a nested dtype must come after the one that holds it")
    return found[dtype], node.itemsize


def _wrong(message: str) -> FormatError:
    return FormatError("dtype-unknown", message)
