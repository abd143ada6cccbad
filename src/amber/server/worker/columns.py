"""How one recorded tensor is served: its datatype in the Open Inference Protocol, and the cell its values travel in.

In: `tree.evidence.Column`. Out: a datatype and a kind of cell for an input or an output. No value is looked at.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from amber.cases import arrays, frames
from amber.errors import UsageError
from amber.tree.evidence import Column

Cell = Literal["float", "integer", "object"]
_TEXTS = ("str", "cell")  # items that are no numbers


def dtype_text(column: Column) -> str:
    """Return the recorded dtype of a column: NumPy's own text, a pandas name, or `object`."""
    return str(column.parameters.get(arrays.DTYPE, arrays.NATIVE.get(column.datatype, "object")))


def numpy_dtype(column: Column) -> np.dtype[np.generic] | None:
    """Return the NumPy dtype of a column; None where it is one of pandas, or objects."""
    try:
        found = np.dtype(dtype_text(column))
    except TypeError:
        return None
    return None if found.kind == "O" else found


def served(column: Column) -> tuple[str, Cell]:
    """Return the datatype and the cell of a column that has no missing values among integers.

    Raises:
        UsageError: `predict-layout`: there is no datatype for it.
    """
    text, dtype = dtype_text(column), numpy_dtype(column)
    if dtype is not None:
        if dtype.kind == "c":
            raise UsageError("predict-layout", f"complex numbers ({text}) cannot be asked over the network")
        if dtype.kind == "f":
            return column.datatype, "float"
        if dtype.kind in "iu":
            return column.datatype, "integer"
        return ("BOOL" if dtype.kind == "b" else "BYTES"), "object"
    if text in frames.NULLABLE:
        return column.datatype, "float" if text.startswith("Float") else "object"
    items = column.parameters.get(arrays.ITEMS)
    if text in ("object", "category") and items is not None and items not in _TEXTS:
        return column.datatype, "object"
    return "BYTES", "object"


def has_gaps(column: Column) -> bool:
    """Whether a value of the column is recorded as missing."""
    return any(name.startswith(arrays.MISSING) for name in column.parameters)
