"""Outputs of a graph as the original's answers: its dtypes, its labels, its shapes, its containers.

The graph returns the index of a class, never the class: labels of any dtype come out as they were (a graph output of
label 2**40 came back as another number). SciPy and pandas are used where the original answers with them and they are
there; elsewhere a sparse answer is a dense array and a frame a dict of columns.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from amber.programs import plan as plans
from amber.programs.plan import Output
from amber.programs.requests import Rows

# Rows in float64 that came without an index; how many there are, the arrays say.
PLAIN = Rows(-1, lambda column: [])


class Answerer:
    """One method of a plan, ready: `answer(arrays, rows)` gives what the original would return."""

    def __init__(self, output: Output) -> None:
        self.output = output
        self.classes = [classes_of(labels) for labels in output.labels]
        self.dtypes = [np.dtype(text) for text in output.dtypes]
        self.wrap = _LAYOUTS.get(output.layout, _csr)
        self.simple = output.layout == "array" and not output.labels and not output.entries

    def __call__(self, arrays: Sequence[Any], rows: Rows) -> Any:
        """Return the answer of the arrays of the graph's outputs."""
        if not rows.count and self.output.none:
            return np.empty(np.shape(arrays[0]), self.output.none)
        if self.classes:
            return self._named(arrays, rows) if self.output.entries else self._labels(arrays[0])
        narrow = self.output.narrow and rows.narrow
        if self.output.entries:
            return self._entries(arrays, rows, narrow)
        other = np.float32 if narrow else rows.integers if self.output.whole else None
        if self.output.layout == "frame":
            return self._frame(arrays[0], rows, other)
        parts = [
            array if array.dtype == dtype and other is None else array.astype(dtype if other is None else other)
            for array, dtype in zip(arrays, self.dtypes, strict=True)
        ]
        if self.output.layout == "array" or (self.output.follows and not rows.sparse):
            return parts[0]
        return self.wrap(parts, self.output)

    def _frame(self, table: Any, rows: Rows, other: Any) -> Any:
        """Return a frame, each column in its own dtype; a dict of columns where pandas is not there."""
        table = table if table.ndim == 2 else table.reshape(-1, 1)
        dtypes = [dtype if other is None else other for dtype in self.dtypes]
        if not _installed("pandas"):
            return {
                column: table[:, position].astype(dtype, copy=False)
                for position, (column, dtype) in enumerate(zip(self.output.columns, dtypes, strict=True))
            }
        import pandas as pd

        frame = pd.DataFrame(table, columns=pd.Index(self.output.columns), index=rows.index)
        if all(dtype == table.dtype for dtype in dtypes):
            return frame
        if len(set(dtypes)) == 1:
            return frame.astype(dtypes[0])
        columns = [frame.iloc[:, position].astype(dtype) for position, dtype in enumerate(dtypes)]
        return pd.concat(columns, axis=1) if columns else frame

    def _entries(self, arrays: Sequence[Any], rows: Rows, narrow: bool) -> Any:
        """Return a sparse answer of its entries; a dense one where the original's is, or SciPy is not there."""
        data, column, row = arrays
        data = data.astype(np.float32 if narrow else self.dtypes[0], copy=False)
        shape = (rows.count, self.output.entries)
        wanted = self.output.layout == "csr" and (rows.sparse or not self.output.follows)
        if wanted and _installed("scipy"):
            from scipy import sparse

            return getattr(sparse, _class(self.output))((data, (row, column)), shape=shape)
        table = np.zeros(shape, data.dtype)
        np.add.at(table, (row, column), data)
        return table

    def _labels(self, index: Any) -> Any:
        if (index.item() if index.size == 1 else index.min(initial=0)) < 0:
            raise IndexError("a class before the first")
        if len(self.classes) == 1:
            return self.classes[0][index]
        columns = [classes[index[:, position]] for position, classes in enumerate(self.classes)]
        return np.stack(columns, axis=1).astype(self.dtypes[0], copy=False)

    def _named(self, arrays: Sequence[Any], rows: Rows) -> list[Any]:
        """Return the names of the entries of each row: an array of them, or a dict of them and their values."""
        data, column, row = arrays
        if column.min(initial=0) < 0:
            raise IndexError("a term before the first")
        names, ends = self.classes[0][column], np.searchsorted(row, np.arange(1, rows.count))
        if self.output.layout == "arrays":
            return np.split(names, ends)
        values = data.astype(np.float32 if rows.narrow else self.dtypes[0], copy=False)
        both = zip(np.split(names, ends), np.split(values, ends), strict=True)
        return [dict(zip(known.tolist(), numbers, strict=True)) for known, numbers in both]


def classes_of(labels: plans.Labels) -> Any:
    """Return the classes of one output as an array of their own dtype."""
    values = [plans.value_of(value) for value in labels.values]
    if labels.dtype == "|O":
        array = np.empty(len(values), dtype=object)
        array[:] = values
        return array
    return np.array(values, dtype=labels.dtype)


def labels_of(classes: Any) -> plans.Labels:
    """Return the classes of one output as a plan holds them."""
    array = np.asarray(classes)
    return plans.Labels(dtype=array.dtype.str, values=[plans.category(value) for value in array.tolist()])


def _installed(name: str) -> bool:
    from importlib.util import find_spec  # here, since most answers are arrays

    return find_spec(name) is not None


def _csr(parts: list[Any], output: Output) -> Any:
    if not _installed("scipy"):
        return parts[0]
    from scipy import sparse

    return getattr(sparse, _class(output))(parts[0])


def _class(output: Output) -> str:
    return output.sparse if output.sparse in SPARSE else "csr_matrix"


SPARSE = ("csr_matrix", "csr_array", "csc_matrix", "csc_array")


_LAYOUTS: dict[str, Callable[[list[Any], Output], Any]] = {
    "arrays": lambda parts, output: parts,
    "tuple": lambda parts, output: tuple(parts),
    "csr": _csr,
}
