"""What a caller passes to a method, and what a method answers, as columns and back.

A layout says how columns become the object again: `frame`, `series`, `array`, `csr` (any sparse matrix: three
tensors), `strings` (list of str), `records` (list of dict), `values` (any other list), `arrays` (list of arrays, as
predict_proba of several outputs), `tuple`, `scalar`.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import numpy as np

from amber.cases import arrays, cells, frames
from amber.cases.cells import Unsupported
from amber.errors import CaseError
from amber.tree.evidence import Column

PART, SPARSE, SHAPE = "amber.part", "amber.sparse", "amber.shape"
_FORMATS = ("csr", "csc", "coo", "bsr", "dia", "dok", "lil")
_SPARSE = re.compile(r"(csr|csc|coo|bsr|dia|dok|lil)_(matrix|array)")
_MAX_PARTS = 10_000


class Table(NamedTuple):
    """An object as columns."""

    layout: str
    columns: list[Column]
    rows: int


def encode(value: Any, prefix: str = "") -> Table:
    """Return an input or an answer as columns.

    Args:
        value: DataFrame, Series, ndarray, sparse matrix, list, tuple or scalar.
        prefix: Name of the method whose answer it is; empty for an input.

    Raises:
        Unsupported: It cannot be written as data.
    """
    name = prefix or "X"
    if cells.is_pandas(value, "DataFrame"):
        return Table("frame", frames.encode_frame(value, prefix), len(value))
    if cells.is_pandas(value, "Series"):
        column = frames.encode_series(value, name)
        if value.name is not None:
            column.parameters[frames.LABEL] = cells.dump(value.name)
        return Table("series", [column, *frames.encode_index(value.index, prefix)], len(value))
    if is_sparse(value):
        return Table("csr", _encode_sparse(value, prefix), int(value.shape[0]))
    if type(value) is np.ndarray and value.ndim:
        return Table("array", [arrays.encode(name, value)], int(value.shape[0]))
    if isinstance(value, list | tuple):
        return _encode_sequence(value, name)
    if type(value) is np.ndarray or isinstance(value, np.generic | int | float | bool | str | None):
        return Table("scalar", [_cells(name, [value], ())], 0)
    raise Unsupported(f"a value of type {type(value).__name__}")


def _encode_sequence(value: Any, name: str) -> Table:
    if value and all(type(item) is np.ndarray and item.ndim for item in value):
        columns = [arrays.encode(f"{name}.{position}", item) for position, item in enumerate(value)]
        layout = "tuple" if isinstance(value, tuple) else "arrays"
        return Table(layout, columns, int(value[0].shape[0]))
    if isinstance(value, tuple):
        raise Unsupported("a tuple of something else than arrays")
    if value and all(type(item) is str for item in value):
        packed = cells.pack([cells.text_bytes(item) for item in value])
        return Table("strings", [Column(name, "BYTES", (len(value),), packed)], len(value))
    layout = "records" if value and all(isinstance(item, dict) for item in value) else "values"
    return Table(layout, [_cells(name, list(value), (len(value),))], len(value))


def _cells(name: str, values: list[Any], shape: tuple[int, ...]) -> Column:
    packed = cells.pack([cells.dump(value).encode("ascii") for value in values])
    return Column(name, "BYTES", shape, packed, {arrays.ITEMS: "cell"})


def is_sparse(value: object) -> bool:
    """Whether a value is a SciPy sparse matrix or array, told by its class; SciPy is not imported for the question."""
    module = type(value).__module__
    return module.startswith("scipy.sparse") and hasattr(value, "tocsr") and hasattr(value, "shape")


def _encode_sparse(value: Any, prefix: str) -> list[Column]:
    if len(value.shape) != 2 or not _SPARSE.fullmatch(type(value).__name__):
        raise Unsupported(f"a sparse value of type {type(value).__name__}")
    rows = value if value.format == "csr" else value.tocsr()
    columns = []
    for part in ("data", "indices", "indptr"):
        column = arrays.encode(f"{prefix or 'X'}.{part}", getattr(rows, part))
        column.parameters[PART] = part
        columns.append(column)
    columns[0].parameters[SPARSE] = type(value).__name__
    columns[0].parameters[SHAPE] = f"{value.shape[0]},{value.shape[1]}"
    return columns


def decode(layout: str, columns: list[Column]) -> Any:
    """Return the object of its columns.

    Raises:
        CaseError: `cases-...`: the columns are not such an object.
    """
    if layout == "frame":
        return frames.decode_frame(columns)
    if layout == "csr":
        return _decode_sparse(columns)
    if layout in ("arrays", "tuple"):
        if len(columns) > _MAX_PARTS:
            raise CaseError("cases-layout", "an answer has too many parts")
        parts = [arrays.decode(column) for column in columns]
        return parts if layout == "arrays" else tuple(parts)
    if not columns or (len(columns) > 1 and layout != "series"):
        raise CaseError("cases-layout", f"{layout} has one column")
    if layout == "series":
        return _decode_series(columns)
    if layout == "array":
        return arrays.decode(columns[0])
    return _decode_list(layout, columns[0])


def _decode_series(columns: list[Column]) -> Any:
    series = frames.decode_series(columns[0])
    label = columns[0].parameters.get(frames.LABEL)
    frame = frames.decode_frame(columns)
    series.index = frame.index
    return series if label is None else series.rename(frames.label_of(columns[0]))


def _decode_list(layout: str, column: Column) -> Any:
    if column.datatype != "BYTES" or len(column.shape) != (0 if layout == "scalar" else 1):
        raise CaseError("cases-layout", f"{layout} is one list of texts")
    count = 1 if layout == "scalar" else column.shape[0]
    texts = [arrays.text_of(item) for item in cells.unpack(column.data, count)]
    if layout == "strings":
        return texts
    if layout not in ("records", "values", "scalar"):
        raise CaseError("cases-layout", f"{layout!r} is not a layout")
    values = [cells.load(text) for text in texts]
    return values[0] if layout == "scalar" else values


def _decode_sparse(columns: list[Column]) -> Any:
    """Build the matrix only after every index was found inside it: SciPy's own constructor believes them."""
    if len(columns) != 3 or [c.parameters.get(PART) for c in columns] != ["data", "indices", "indptr"]:
        raise CaseError("cases-layout", "a sparse matrix has the tensors data, indices and indptr")
    match = re.fullmatch(r"([0-9]{1,18}),([0-9]{1,18})", str(columns[0].parameters.get(SHAPE)))
    kind = str(columns[0].parameters.get(SPARSE))
    if match is None or not _SPARSE.fullmatch(kind):
        raise CaseError("cases-layout", "a sparse matrix without a class or a shape")
    shape = (int(match[1]), int(match[2]))
    data, indices, indptr = (arrays.decode(column) for column in columns)
    _check_sparse(data, indices, indptr, shape)
    if shape[1] > 2**31 or (kind[:3] not in ("csr", "coo") and (shape[1] > 2**24 or shape[0] * shape[1] > 2**31)):
        raise CaseError("cases-sparse", "a sparse matrix is too wide for its class")
    import scipy.sparse

    matrix = getattr(scipy.sparse, "csr_" + kind.split("_")[1])((data, indices, indptr), shape=shape)
    return matrix if kind.startswith("csr") else getattr(scipy.sparse, kind)(matrix)


def _check_sparse(data: Any, indices: Any, indptr: Any, shape: tuple[int, int]) -> None:
    whole = all(part.ndim == 1 and part.dtype.kind in "iu" for part in (indices, indptr)) and data.ndim == 1
    if not whole or data.dtype == object or len(indptr) != shape[0] + 1 or len(indices) != len(data):
        raise CaseError("cases-sparse", "the tensors of a sparse matrix do not fit together")
    if indptr[0] != 0 or indptr[-1] != len(data) or bool((np.diff(indptr.astype(np.int64)) < 0).any()):
        raise CaseError("cases-sparse", "the row starts of a sparse matrix are out of order")
    if len(indices) and (int(indices.min()) < 0 or int(indices.max()) >= shape[1]):
        raise CaseError("cases-sparse", "a column index of a sparse matrix is out of range")
