"""Array nodes and tensors to NumPy arrays and back, without copying where the memory allows."""

from __future__ import annotations

from typing import Any, cast

import numpy as np

from amber.errors import SaveError
from amber.tree import dtypes, nodes
from amber.tree.nodes import Tensor, Tree


def numpy_dtype(tree: Tree, dtype: str | int) -> np.dtype[Any]:
    """Return the NumPy dtype of a node's dtype field: a string, or the index of a `structured` node."""
    if isinstance(dtype, str):
        return np.dtype(dtype)
    node = cast("nodes.Structured", tree.nodes[dtype])  # proved by decode_tree
    formats = [
        (numpy_dtype(tree, field[1]), tuple(field[3])) if field[3] else numpy_dtype(tree, field[1])
        for field in node.fields
    ]
    spec = {
        "names": [field[0] for field in node.fields],
        "formats": formats,
        "offsets": [field[2] for field in node.fields],
        "itemsize": node.itemsize,
    }
    return np.dtype(spec, align=node.aligned)  # type: ignore[call-overload,no-any-return]


def as_array(tree: Tree, node: nodes.Array, known: np.dtype[Any] | None = None) -> np.ndarray[Any, Any]:
    """Return the array of an `array` node: a view of the tensor's memory, writeable if that is.

    `known`: its dtype, where the caller has made it before.
    """
    dtype = numpy_dtype(tree, node.dtype) if known is None else known
    shape = tuple(node.shape)
    if node.tensor is None:
        # np.empty would turn `<U0` into `<U1` and allocate it
        return np.ndarray(shape, dtype, order="F" if node.order == "F" else "C")
    return view(tree.tensors[node.tensor].data, dtype, shape, node.order)


def view(data: memoryview, dtype: np.dtype[Any], shape: tuple[int, ...], order: str) -> np.ndarray[Any, Any]:
    """Return a tensor's memory as the array of a given shape and memory order."""
    if order == "C":
        return np.ndarray(shape, dtype, data)
    fortran, backwards = dtypes.memory_order(order)
    array = np.ndarray(shape[::-1], dtype, buffer=data).T if fortran else np.ndarray(shape, dtype, buffer=data)
    return array[_reversal(len(shape), backwards)] if backwards else array


def memory_order(array: np.ndarray[Any, Any]) -> tuple[str, np.ndarray[Any, Any]]:
    """Return the order to write for an array, and the array with every axis running forwards.

    Which routine multiplies an array, and so the last bits of a product, depends on its strides: they come back with
    the same signs and the same order of axes, packed.
    """
    backwards = tuple(axis for axis in range(array.ndim) if array.strides[axis] < 0 and array.shape[axis] > 1)
    forwards = array[_reversal(array.ndim, backwards)] if backwards else array
    steps = [step for step, size in zip(forwards.strides, forwards.shape, strict=True) if size > 1]
    fortran = len(steps) > 1 and steps[0] < steps[-1] and steps == sorted(steps)
    return ("F" if fortran else "C") + "".join(f"r{axis}" for axis in backwards), forwards


def _reversal(rank: int, backwards: tuple[int, ...]) -> tuple[slice, ...]:
    return tuple(slice(None, None, -1 if axis in backwards else 1) for axis in range(rank))


def as_column(tree: Tree, node: nodes.Numbers) -> np.ndarray[Any, Any]:
    """Return the values of a `numbers` node as a one-dimensional array view."""
    tensor = tree.tensors[node.tensor]
    return np.ndarray(tensor.shape, np.dtype(node.dtype), buffer=tensor.data)


def dtype_string(dtype: np.dtype[Any], where: str = "") -> str:
    """Return the canonical string of a dtype without fields (`<f8`); native byte order is written `<` or `|`.

    Raises:
        SaveError: `dtype-refused`: long doubles and dtypes that have no portable form.
    """
    text = dtype.str
    if text[0] == "=":
        text = "<" + text[1:]
    try:
        dtypes.carrier(text)
    except Exception as error:
        raise SaveError(
            "dtype-refused",
            f"dtype {dtype} has no portable form",
            where=where,
            hint="convert the array, for example with .astype('float64')",
        ) from error
    return text


def to_tensor(array: np.ndarray[Any, Any], order: str, dtype: str | None, itemsize: int) -> Tensor:
    """Return the tensor of an array with at least one byte; copies only where the memory is not contiguous.

    Args:
        array: The array; exact ndarray, no axis running backwards.
        order: Its memory order; for F the C-ordered transpose is stored.
        dtype: Its dtype string, or None for a structured dtype.
        itemsize: Bytes of one item.
    """
    stored = array.T if order[0] == "F" else array
    stored = np.ascontiguousarray(stored).reshape(stored.shape)
    kind = dtypes.by_width(itemsize) if dtype is None else dtypes.carrier(dtype)
    # `view` works for every dtype without Python objects, datetimes and structured ones included
    flat = stored.reshape(-1).view(np.uint8)
    return Tensor(kind.type, (*stored.shape, *kind.tail), flat.data)
