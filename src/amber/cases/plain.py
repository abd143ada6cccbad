"""A recorded frame as a dict of columns, where pandas is not installed: for programs, which take either."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from amber.cases import arrays, frames, tables
from amber.errors import CaseError
from amber.tree.evidence import Column


def decode(layout: str, columns: list[Column]) -> Any:
    """Return the object of its columns; a frame that cannot be built for want of pandas as a dict of its columns.

    Raises:
        CaseError: `cases-...`: the columns are not such an object, or hold what only pandas can hold.
    """
    try:
        return tables.decode(layout, columns)
    except CaseError as error:
        if error.code != "cases-library" or layout != "frame":
            raise
    return columns_of(columns)


def columns_of(columns: list[Column]) -> dict[Any, Any]:
    """Return a frame as a dict of its columns: a label, and an array of values.

    Raises:
        CaseError: `cases-...`: a column holds what only pandas can hold.
    """
    return {frames.label_of(column): _values(column) for column in frames.body(columns)}


def _values(column: Column) -> Any:
    text = str(column.parameters.get(arrays.DTYPE, ""))
    if column.parameters.get(arrays.ITEMS) is not None:
        return arrays.object_array(arrays.decode_values(column, math.prod(column.shape)), column.shape)
    if text in frames.NULLABLE:
        plain = arrays.decode(Column(column.name, column.datatype, column.shape, column.data))
        mask = column.parameters.get(arrays.MISSING)
        if mask is None:
            return plain
        return np.where(arrays.mask_of(mask, len(plain)), np.nan, plain.astype(np.float64))
    return arrays.decode(column)
