"""Changes of one array of a tree: an element, a field, a side, the dtype, the order."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np

from amber.adapters.arrays import as_array, as_column
from amber.errors import AmberError
from amber.tree import nodes
from amber.tree.nodes import Tree
from fuzz import odd

Found = np.ndarray[Any, Any]


def change_array(rng: random.Random, tree: Tree) -> None:
    """Change one array or column of numbers of the tree."""
    held = [i for i, node in enumerate(tree.nodes) if isinstance(node, nodes.Array | nodes.Numbers)]
    if not held:
        return
    records = [i for i in held if isinstance(getattr(tree.nodes[i], "dtype", None), int)]
    index = rng.choice(records if records and rng.random() < 0.4 else held)
    node = tree.nodes[index]
    assert isinstance(node, nodes.Array | nodes.Numbers)
    column = isinstance(node, nodes.Numbers)
    try:
        found = (as_column(tree, node) if isinstance(node, nodes.Numbers) else as_array(tree, node)).copy(order="K")
    except (AmberError, ValueError, TypeError, AttributeError, LookupError):
        return
    change = rng.choice(_INSIDE) if column or found.dtype.names or rng.random() < 0.6 else rng.choice(_OUTSIDE)
    with np.errstate(all="ignore"):
        made = np.ascontiguousarray(change(rng, found)).reshape(-1) if column else change(rng, found)
    if made.nbytes > 1 << 16:
        return
    put_back(tree, index, made)


def put_back(tree: Tree, index: int, made: Found) -> None:
    """Let a node hold another array; its dtype follows, except that of a structured one or of a column."""
    node = tree.nodes[index]
    tensor = None
    if isinstance(node, nodes.Numbers):
        if made.size == 0:
            return
        tree.tensors.append(odd.tensor_of(made, node.dtype, "C"))
        tree.nodes[index] = msgspec.structs.replace(node, tensor=len(tree.tensors) - 1)
        return
    assert isinstance(node, nodes.Array)
    dtype = node.dtype if isinstance(node.dtype, int) else odd.dtype_string(made.dtype)
    order = "F" if made.ndim > 1 and made.flags.f_contiguous and not made.flags.c_contiguous else "C"
    if made.nbytes:
        tree.tensors.append(odd.tensor_of(made, dtype, order))
        tensor = len(tree.tensors) - 1
    tree.nodes[index] = nodes.Array(dtype, list(made.shape), order, tensor)


def _element(rng: random.Random, found: Found) -> Found:
    if found.dtype.names:
        whole = [name for name in found.dtype.names if found.dtype[name].kind in "iu"]  # what points somewhere
        name = rng.choice(whole if whole and rng.random() < 0.7 else found.dtype.names)
        field = found[name].copy()
        _element(rng, field)
        found[name] = field
        return found
    if found.size and found.dtype.kind in "iu" and rng.random() < 0.6:
        flat = found.reshape(-1)
        place = rng.randrange(flat.size)
        other = int(flat[rng.randrange(flat.size)])
        odd.put(rng, flat[place : place + 1], rng.choice((int(flat[place]) + 1, int(flat[place]) - 1, other)))
        return found
    value = rng.choice(odd.INTEGERS) if rng.random() < 0.5 else float(rng.choice(odd.FLOATS))
    odd.put(rng, found.reshape(-1), value)
    return found


def _exchanged(rng: random.Random, found: Found) -> Found:
    if found.ndim and len(found) > 1:
        first, second = rng.randrange(len(found)), rng.randrange(len(found))
        found[[first, second]] = found[[second, first]]
    return found


def _fewer(rng: random.Random, found: Found) -> Found:
    return found[: rng.randrange(len(found))] if found.ndim and len(found) else found


def _more(rng: random.Random, found: Found) -> Found:
    return np.concatenate([found, found[: rng.choice((1, 1, 2, len(found)))]]) if found.ndim and len(found) else found


def _columns(rng: random.Random, found: Found) -> Found:
    if found.ndim < 2 or not found.shape[1]:
        return found
    width = found.shape[1]
    return found[:, : rng.randrange(width)] if rng.random() < 0.5 else np.concatenate([found, found[:, :1]], axis=1)


def _shape(rng: random.Random, found: Found) -> Found:
    made = rng.choice((found.reshape(-1), found[None], found[..., None], found.T, found.reshape(-1, 1)))
    return np.ascontiguousarray(made) if made.ndim else made


def _dtype(rng: random.Random, found: Found) -> Found:
    return found.astype(rng.choice(odd.DTYPES[:13]))


def _order(rng: random.Random, found: Found) -> Found:
    return np.asfortranarray(found) if rng.random() < 0.5 else np.ascontiguousarray(found)


_INSIDE: tuple[Callable[[random.Random, Found], Found], ...] = (_element, _element, _element, _exchanged, _fewer, _more)
_OUTSIDE: tuple[Callable[[random.Random, Found], Found], ...] = (_fewer, _more, _columns, _shape, _dtype, _order)
