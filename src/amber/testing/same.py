"""`same(a, b)`: are two objects the same data, to the bit? The oracle of every round-trip test.

Compares types, dtypes, values (NaN payloads and the sign of zero included), orders of keys and of memory, and
which objects are shared with which. It never uses `==` of a container or of a library object.
"""

from __future__ import annotations

import struct
import types
from collections import OrderedDict, defaultdict, deque
from datetime import date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID

import numpy as np

from amber.testing.parts import frame_parts, is_frame_type, sparse_parts

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

Parts = list[tuple[str, Any]]

_FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType, np.ufunc)
_BY_EQUALITY = (int, str, bytes, range, Fraction, UUID)
# Immutable or process-wide values whose identity no program may rely on.
_NO_IDENTITY = (
    type(None), bool, int, float, complex, str, bytes, range, slice, type, types.EllipsisType, *_FUNCTIONS,
    np.generic, np.dtype, date, time, timedelta, tzinfo, Enum, Decimal, Fraction, UUID,
)  # fmt: skip


def same(a: Any, b: Any, *, ignore: Collection[str] = ()) -> str | None:
    """Return where `a` and `b` first differ, or None if they are the same data.

    Args:
        a: The expected object.
        b: The other one.
        ignore: Names of instance attributes that are not compared, at any depth.

    Returns:
        A line such as `.steps[1].coef_: dtype <f8 against <f4`, or None.
    """
    forward: dict[int, int] = {}
    backward: dict[int, int] = {}
    alive: list[Any] = []  # parts are often temporaries: an id must not be used twice
    todo: list[tuple[str, Any, Any]] = [("", a, b)]
    while todo:
        path, left, right = todo.pop()
        if type(left) is not type(right):
            return f"{path or 'value'}: type {_name(left)} against {_name(right)}"
        if _has_identity(left):
            known = forward.get(id(left)), backward.get(id(right))
            if known == (id(right), id(left)):
                continue
            if known != (None, None):
                return f"{path or 'value'}: shared on one side only"
            forward[id(left)], backward[id(right)] = id(right), id(left)
            alive += (left, right)
        found = _compare(left, right, frozenset(ignore))
        if isinstance(found, str):
            return f"{path or 'value'}: {found}"
        todo += ((path + step, one, two) for step, one, two in reversed(found))
    return None


def _has_identity(obj: Any) -> bool:
    if isinstance(obj, _NO_IDENTITY) or is_frame_type(type(obj)):
        return False
    return not (isinstance(obj, tuple | frozenset) and not obj)


def _name(obj: Any) -> str:
    return f"{type(obj).__module__}.{type(obj).__qualname__}"


def _compare(a: Any, b: Any, ignore: frozenset[str]) -> str | list[tuple[str, Any, Any]]:
    """Return a difference, or the pairs of parts still to compare."""
    leaf = _leaf(a, b)
    if leaf is not None:
        return leaf or []
    if isinstance(a, np.ndarray) and type(a) in (np.ndarray, np.memmap, np.matrix, np.recarray):
        return _arrays(a, b)
    one, two = _parts(a, ignore), _parts(b, ignore)
    names, others = [name for name, _ in one], [name for name, _ in two]
    if names != others:
        single = sorted(set(names) ^ set(others))[:5]
        return f"only on one side: {', '.join(single)}" if single else f"order {names[:9]} against {others[:9]}"
    return [(name, left, right) for (name, left), (_, right) in zip(one, two, strict=True)]


def _leaf(a: Any, b: Any) -> str | None:
    """Compare values without parts: "" when equal, a difference, or None for anything that has parts."""
    if a is None or isinstance(a, (bool, type, Enum, *_FUNCTIONS)):
        return "" if a is b or a == b else f"{a!r} against {b!r}"
    if isinstance(a, np.generic):
        return _scalars(a, b)
    if type(a) in (float, complex):
        return "" if _bits(a) == _bits(b) else f"{a!r} against {b!r}"
    if type(a) in _BY_EQUALITY:
        return "" if a == b else f"{str(a)[:60]!r} against {str(b)[:60]!r}"
    if type(a) is Decimal:  # NaN is not equal to itself, and 1.0 is equal to 1.00
        return "" if str(a) == str(b) else f"{a} against {b}"
    if isinstance(a, np.dtype):
        return "" if _dtypes(a) == _dtypes(b) else f"dtype {a} against {b}"
    return None


def _bits(value: complex) -> bytes:
    return struct.pack("<dd", complex(value).real, complex(value).imag)


def _dtypes(dtype: np.dtype[Any]) -> tuple[Any, ...]:
    fields: Any = dtype.fields or {}
    inner = [(name, _dtypes(fields[name][0]), fields[name][1]) for name in dtype.names or ()]
    base = _dtypes(dtype.base) if dtype.subdtype else None
    return dtype.str, dtype.itemsize, dtype.shape, dtype.isalignedstruct, base, inner


def _scalars(a: np.generic, b: np.generic) -> str:
    if _dtypes(a.dtype) != _dtypes(b.dtype):
        return f"dtype {a.dtype} against {b.dtype}"
    equal = np.array_equal(_packed(np.array(a)), _packed(np.array(b)))
    return "" if equal else f"{a!r} against {b!r}"


def _packed(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return the bytes of the values, without the padding of structured items."""
    if array.dtype.names:
        parts = [_packed(np.asarray(array[name])) for name in array.dtype.names]
        return np.concatenate(parts) if parts else np.zeros(0, np.uint8)
    return np.frombuffer(array.tobytes(), np.uint8)


def _arrays(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any]) -> str | list[tuple[str, Any, Any]]:
    if _dtypes(a.dtype) != _dtypes(b.dtype):
        return f"dtype {a.dtype.descr} against {b.dtype.descr}"
    if a.shape != b.shape:
        return f"shape {a.shape} against {b.shape}"
    if a.flags.fnc != b.flags.fnc:
        return "memory order differs"
    if a.flags.writeable and not b.flags.writeable:
        return "read-only"
    if a.dtype == object:
        return [(f".flat[{i}]", x, y) for i, (x, y) in enumerate(zip(_flat(a), _flat(b), strict=True))]
    if not np.array_equal(_packed(a), _packed(b)):
        return f"values {str(a)[:120]} against {str(b)[:120]}"
    return []


def _flat(array: np.ndarray[Any, Any]) -> Iterable[Any]:
    return np.asarray(array).flat if array.ndim else [array.item()]


def _parts(obj: Any, ignore: frozenset[str]) -> Parts:
    """Return the named parts of an object: its items, its attributes, or what its class reduces to."""
    library = sparse_parts(obj) or frame_parts(obj)  # first: some of them are dicts or datetimes too
    if library:
        return library
    if isinstance(obj, dict | types.MappingProxyType):
        return _mapping(obj, ignore)
    if isinstance(obj, list | tuple | deque):
        extra = [("<maxlen>", obj.maxlen)] if isinstance(obj, deque) else []
        return extra + [(f"[{i}]", item) for i, item in enumerate(obj)]
    if isinstance(obj, set | frozenset):
        ordered = sorted(obj, key=lambda item: (_name(item), repr(item)))
        return [(f"{{{i}}}", item) for i, item in enumerate(ordered)]
    if isinstance(obj, slice):
        return [(".start", obj.start), (".stop", obj.stop), (".step", obj.step)]
    if isinstance(obj, bytearray):
        return [("<bytes>", bytes(obj))]
    if isinstance(obj, partial):
        call = [(".func", obj.func), (".args", obj.args), (".keywords", obj.keywords)]
        return call + _attributes(obj, ignore)
    if isinstance(obj, datetime | time):
        return [("<value>", repr(obj.replace(tzinfo=None))), (".tzinfo", obj.tzinfo)]
    if isinstance(obj, date | timedelta):
        return [("<value>", repr(obj))]
    return _reduced(obj, ignore)


def _mapping(obj: Any, ignore: frozenset[str]) -> Parts:
    parts: Parts = [(f"<key {i}>", key) for i, key in enumerate(obj)]
    parts += [(f"[{key!r:.60}]", value) for key, value in obj.items()]
    if isinstance(obj, defaultdict):
        parts.append((".default_factory", obj.default_factory))
    plain = type(obj) in (dict, OrderedDict, defaultdict, types.MappingProxyType)
    return parts if plain else parts + _attributes(obj, ignore)


def _attributes(obj: Any, ignore: frozenset[str]) -> Parts:
    own = getattr(obj, "__dict__", {})
    parts = [(f".{name}", own[name]) for name in sorted(own) if name not in ignore]
    for cls in type(obj).__mro__:
        slots = cls.__dict__.get("__slots__", ())
        listed = [name for name in ((slots,) if isinstance(slots, str) else slots) if not name.startswith("__")]
        parts += [(f".{name}", getattr(obj, name)) for name in listed if name not in ignore and hasattr(obj, name)]
    return parts


def _reduced(obj: Any, ignore: frozenset[str]) -> Parts:
    cls: Any = type(obj)
    plain: Any = object
    if cls.__reduce_ex__ is plain.__reduce_ex__ and cls.__reduce__ is plain.__reduce__:
        return _attributes(obj, ignore)
    reduced = obj.__reduce_ex__(4)
    if isinstance(reduced, str):
        return [("<name>", reduced)]
    state = reduced[2] if len(reduced) > 2 else None
    if isinstance(state, dict):
        state = {name: state[name] for name in sorted(state, key=str) if name not in ignore}
    return [("<class>", reduced[0]), ("<args>", reduced[1]), ("<state>", state)]
