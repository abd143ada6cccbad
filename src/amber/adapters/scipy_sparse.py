"""Sparse matrices and arrays of every format: shape, values and index arrays with their own dtypes.

SciPy's compiled routines trust indices (`csr_matrix(...)` accepts ones that crash the process), so every index is
checked by the vocabulary's rules before construction; what those cannot say is checked here.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from amber.errors import AuditError, SaveError

if TYPE_CHECKING:
    from amber.adapters.protocol import Special

_MAX_SIDE = 2**63 - 1


class Compressed:
    """CSR and CSC, one- and two-dimensional, and BSR."""

    def take(self, obj: Any) -> dict[str, Any]:
        """Return the arrays without the unused tail that some operations leave behind."""
        used = int(obj.indptr[-1])
        data, indices = _plain(obj.data), _plain(obj.indices)
        if len(indices) > used:
            data, indices = data[:used], indices[:used]
        state: dict[str, Any] = {
            "shape": _shape_of(obj),
            "data": data,
            "indices": indices,
            "indptr": _plain(obj.indptr),
        }
        if type(obj).__name__ == "csr_array":  # the one format that may have a single dimension
            state |= {"shape": [1, *_shape_of(obj)][-2:], "flat": len(obj.shape) == 1}
        return state

    def rebuild(self, cls: Any, state: dict[str, Any]) -> Any:
        """Construct, then put the index arrays back in the dtype they had (the constructor narrows them)."""
        shape, data, indices, indptr = _shape(state), state["data"], state["indices"], state["indptr"]
        _check_compressed(cls.__name__, shape, data, indices, indptr)
        if state.get("flat"):
            if shape[0] != 1:
                raise AuditError("shape-mismatch", "a flat array has one row", where="csr_array.shape")
            shape = shape[1:]
        made = cls((data, indices, indptr), shape=shape, copy=False)
        made.data, made.indices, made.indptr = data, indices, indptr
        return made


class Coordinates:
    """COO, of any number of dimensions."""

    def take(self, obj: Any) -> dict[str, Any]:
        """Return the values and one coordinate array for each dimension."""
        return {"shape": _shape_of(obj), "data": _plain(obj.data), "coords": [_plain(axis) for axis in _coords(obj)]}

    def rebuild(self, cls: Any, state: dict[str, Any]) -> Any:
        """Construct, then put the coordinates back in the dtype they had."""
        shape, data, coords = _shape(state), state["data"], tuple(state["coords"])
        _check_coordinates(shape, data, coords)
        made = cls((data, coords), shape=shape, copy=False)
        made.data = data
        if hasattr(made, "coords"):
            made.coords = coords
        else:  # before SciPy 1.13
            made.row, made.col = coords
        return made


class Diagonals:
    """DIA: one row of values for each diagonal."""

    def take(self, obj: Any) -> dict[str, Any]:
        """Return values and offsets."""
        return {"shape": _shape_of(obj), "data": _plain(obj.data), "offsets": _plain(obj.offsets)}

    def rebuild(self, cls: Any, state: dict[str, Any]) -> Any:
        """Construct, then put the offsets back in the dtype they had."""
        shape, data, offsets = _shape(state), state["data"], state["offsets"]
        if len(shape) != 2 or data.ndim != 2 or offsets.shape != data.shape[:1]:
            raise AuditError("shape-mismatch", "diagonals and offsets do not fit", where="dia")
        if len(offsets) and (int(offsets.min()) < -shape[0] or int(offsets.max()) > shape[1]):
            raise AuditError("index-out-of-range", "an offset is outside the matrix", where="dia.offsets")
        made = cls((data, offsets), shape=shape, copy=False)
        made.data, made.offsets = data, offsets
        return made


class Keys:
    """DOK: coordinates and values in insertion order."""

    def take(self, obj: Any) -> dict[str, Any]:
        """Return the coordinates as arrays, so that a large one is two tensors and not a million nodes."""
        keys, rank = list(obj.keys()), len(obj.shape)
        rows = np.array(keys, dtype=np.int64).reshape(len(keys), rank)
        data = np.fromiter(obj.values(), dtype=obj.dtype, count=len(keys))
        return {"shape": _shape_of(obj), "data": data, "coords": [rows[:, axis].copy() for axis in range(rank)]}

    def rebuild(self, cls: Any, state: dict[str, Any]) -> Any:
        """Fill an empty matrix; two values for one place are refused."""
        shape, data, coords = _shape(state), state["data"], state["coords"]
        _check_coordinates(shape, data, coords)
        made = cls(shape, dtype=data.dtype)
        places = [axis.tolist() for axis in coords]
        keys = places[0] if len(places) == 1 else list(zip(*places, strict=True))
        items = dict(zip(keys, list(data), strict=True))
        if len(items) != len(data):
            raise AuditError("key-duplicate", "two values for one place", where="dok.coords")
        dict.update(made._dict if hasattr(made, "_dict") else made, items)  # a dict itself before SciPy 1.12
        return made


class Lists:
    """LIL: a list of columns and a list of values for each row, written as one CSR structure."""

    def take(self, obj: Any) -> dict[str, Any]:
        """Return the rows end to end."""
        lengths = [len(row) for row in obj.rows]
        if lengths != [len(row) for row in obj.data]:
            raise SaveError("shape-mismatch", "rows and data of a lil matrix do not fit")
        indptr = np.zeros(len(lengths) + 1, np.int64)
        np.cumsum(lengths, out=indptr[1:])
        return {
            "shape": _shape_of(obj),
            "data": np.fromiter(chain.from_iterable(obj.data), obj.dtype, count=int(indptr[-1])),
            "indices": np.fromiter(chain.from_iterable(obj.rows), np.int64, count=int(indptr[-1])),
            "indptr": indptr,
        }

    def rebuild(self, cls: Any, state: dict[str, Any]) -> Any:
        """Cut the rows apart again; columns must increase within a row, since look-ups bisect."""
        shape, data, indices, indptr = _shape(state), state["data"], state["indices"], state["indptr"]
        _check_compressed("csr", shape, data, indices, indptr)
        starts = np.zeros(len(indices), bool)
        starts[indptr[:-1][indptr[:-1] < len(indices)]] = True
        if not (np.diff(indices) > 0)[~starts[1:]].all():
            raise AuditError("not-increasing", "columns do not increase within a row", where="lil.indices")
        made = cls(shape, dtype=data.dtype)
        for row, (start, end) in enumerate(zip(indptr[:-1].tolist(), indptr[1:].tolist(), strict=True)):
            if start < end:
                made.rows[row], made.data[row] = indices[start:end].tolist(), data[start:end].tolist()
        return made


def _shape_of(obj: Any) -> list[int]:
    return [int(side) for side in obj.shape]


def _plain(array: Any) -> np.ndarray[Any, Any]:
    """Return the index or value array as an exact ndarray (it may be a memory map)."""
    return np.asarray(array) if type(array) is np.memmap else array


def _coords(obj: Any) -> Any:
    return obj.coords if hasattr(obj, "coords") else (obj.row, obj.col)


def _shape(state: dict[str, Any]) -> tuple[int, ...]:
    shape = tuple(int(side) for side in state["shape"])
    if not all(0 <= side <= _MAX_SIDE for side in shape):
        raise AuditError("value-out-of-range", "a side of a sparse matrix", where="shape")
    return shape


def _check_compressed(name: str, shape: tuple[int, ...], data: Any, indices: Any, indptr: Any) -> None:
    """Full structural check of CSR, CSC and BSR: what lies along the rows, and what across."""
    if len(shape) != 2:
        raise AuditError("shape-mismatch", "a compressed matrix has two dimensions", where="shape")
    along, across = (shape[1], shape[0]) if name.startswith("csc") else shape
    if name.startswith("bsr"):
        if data.ndim != 3 or 0 in data.shape[1:] or along % data.shape[1] or across % data.shape[2]:
            raise AuditError("shape-mismatch", "blocks do not tile the matrix", where="bsr.data")
        along, across = along // data.shape[1], across // data.shape[2]
    elif data.ndim != 1:
        raise AuditError("shape-mismatch", "values of a sparse matrix have one dimension", where="data")
    if indices.shape != data.shape[:1] or indptr.shape != (along + 1,):
        raise AuditError("shape-mismatch", "index arrays do not fit the shape", where="indices, indptr")
    if indptr[0] != 0 or indptr[-1] != len(indices) or (indptr[1:] < indptr[:-1]).any():
        raise AuditError("not-increasing", "row starts do not run from 0 to the number of values", where="indptr")
    if indices.dtype != indptr.dtype:
        raise AuditError("value-mismatch", "index arrays have different dtypes", where="indices, indptr")
    if len(indices) and not (int(indices.min()) >= 0 and int(indices.max()) < across):
        raise AuditError("index-out-of-range", "an index is outside the matrix", where="indices")


def _check_coordinates(shape: tuple[int, ...], data: Any, coords: Any) -> None:
    if not shape or len(coords) != len(shape) or data.ndim != 1:
        raise AuditError("shape-mismatch", "one coordinate array for each dimension", where="coords")
    for axis, side in zip(coords, shape, strict=True):
        if axis.shape != data.shape or axis.dtype != coords[0].dtype:
            raise AuditError("shape-mismatch", "coordinates and values do not fit", where="coords")
        if len(axis) and not (int(axis.min()) >= 0 and int(axis.max()) < side):
            raise AuditError("index-out-of-range", "a coordinate is outside the matrix", where="coords")


SPECIALS: dict[str, Special] = {
    "compressed": Compressed(),
    "coordinates": Coordinates(),
    "diagonals": Diagonals(),
    "keys": Keys(),
    "lists": Lists(),
}
