"""Any plain Python value as one JSON text and back: what stands in object columns and in lists of dicts.

Strings, booleans, None and small integers are themselves; everything else is an object with one key that names its
type (`spec/cases.md`, "Cells"). Nothing is built that is not in the table below.
"""

from __future__ import annotations

import base64
import datetime
import decimal
import json
import math
import re
import struct
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from amber.errors import CaseError

SAFE_INTEGER = 2**53 - 1
MAX_DIGITS = 4000
MAX_DEPTH = 16
_DTYPE = re.compile(r"[<>|](b1|[iu][1248]|f[248]|c8|c16|[mM]8(\[(Y|M|W|D|h|m|s|ms|us|ns|ps|fs|as)\])?|[US][0-9]{1,6})")
_UNITS = ("s", "ms", "us", "ns")

Json = Any


class Unsupported(Exception):  # noqa: N818 - a signal between modules, not an error that reaches a caller
    """The value cannot be written as data."""


def dump(value: Any) -> str:
    """Return the JSON text of a value.

    Raises:
        Unsupported: The value is none of the closed list, or nested more than 16 deep.
    """
    return json.dumps(_plain(value, 0), separators=(",", ":"), sort_keys=True)


def load(text: str) -> Any:
    """Return the value of a JSON text.

    Raises:
        CaseError: `cases-cell`: the text is not a cell.
    """
    try:
        return _value(json.loads(text, parse_float=_no_float, parse_constant=_no_float), 0)
    except CaseError:
        raise
    except Exception as error:
        raise CaseError("cases-cell", f"a recorded value cannot be read: {type(error).__name__}") from error


def dtype_of(text: str) -> np.dtype[Any]:
    """Return the NumPy dtype of a dtype string of the closed list.

    Raises:
        CaseError: `cases-dtype`: it is not in the list.
    """
    if not isinstance(text, str) or not _DTYPE.fullmatch(text):
        raise CaseError("cases-dtype", f"{text!r} is not a dtype cases can hold")
    return np.dtype(text)


def is_pandas(value: object, name: str) -> bool:
    """Whether `value` is an instance of the pandas class `name`; pandas is not imported for the question."""
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(value, getattr(pandas, name, ()))


def missing_kind(value: object) -> str:
    """Return which kind of missing a value is: `none`, `nan`, `na` (pd.NA), `nat` (pd.NaT), or empty for a value."""
    if value is None:
        return "none"
    if type(value) is float:
        return "nan" if math.isnan(value) else ""
    pandas = sys.modules.get("pandas")
    if pandas is not None and value is pandas.NA:
        return "na"
    if pandas is not None and value is pandas.NaT:
        return "nat"
    return ""


def missing_value(kind: str) -> Any:
    """Return the missing value of a kind."""
    if kind == "none":
        return None
    if kind == "nan":
        return math.nan
    if kind in ("na", "nat"):
        pandas = pandas_module()
        return pandas.NA if kind == "na" else pandas.NaT
    raise CaseError("cases-cell", f"{kind!r} is not a kind of missing value")


def pandas_module() -> Any:
    """Import pandas.

    Raises:
        CaseError: `cases-library`: it is not installed.
    """
    try:
        import pandas
    except ImportError as error:
        raise CaseError(
            "cases-library", "the cases hold tables of pandas, which is not installed", hint="pip install pandas"
        ) from error
    return pandas


def _no_float(_: str) -> Any:
    raise ValueError("a number with a fraction")


def _plain(value: Any, depth: int) -> Json:
    if depth > MAX_DEPTH:
        raise Unsupported("nested too deeply")
    if value is None or isinstance(value, str | bool):
        return str(value) if isinstance(value, str) else value
    if type(value) is int:
        return value if abs(value) <= SAFE_INTEGER else {"int": _digits(value)}
    if type(value) is float:
        return {"float": repr(value)}
    if type(value) in (list, tuple):
        return {type(value).__name__: [_plain(item, depth + 1) for item in value]}
    if isinstance(value, dict):
        return {"dict": [[_plain(key, depth + 1), _plain(item, depth + 1)] for key, item in value.items()]}
    if isinstance(value, set | frozenset):
        return {"set": sorted((_plain(item, depth + 1) for item in value), key=json.dumps)}
    return _plain_special(value, depth)


def _plain_special(value: Any, depth: int) -> Json:
    kind = missing_kind(value)
    if kind:
        return {"missing": kind}
    if isinstance(value, bytes):
        return {"bytes": base64.b64encode(value).decode("ascii")}
    if isinstance(value, complex) and type(value) is complex:
        return {"complex": [repr(value.real), repr(value.imag)]}
    if isinstance(value, np.ndarray):
        return _plain_array(value, depth)
    if isinstance(value, np.generic):
        text = value.dtype.str
        if not _DTYPE.fullmatch(text):
            raise Unsupported(f"a value of dtype {value.dtype}")
        return {"number": [text, base64.b64encode(value.tobytes()).decode("ascii")]}
    if is_pandas(value, "Interval"):
        return {"interval": [_plain(value.left, depth + 1), _plain(value.right, depth + 1), value.closed]}
    return _plain_time(value)


def _plain_time(value: Any) -> Json:
    if is_pandas(value, "Timestamp"):
        zone = None if value.tz is None else str(value.tz)
        return {"timestamp": [value.unit, _digits(value.asm8.astype("int64").item()), zone]}
    if is_pandas(value, "Timedelta"):
        return {"timedelta": [value.unit, _digits(value.asm8.astype("int64").item())]}
    if is_pandas(value, "Period"):
        return {"period": [value.freqstr, _digits(value.ordinal)]}
    if type(value) is datetime.datetime and value.tzinfo is None:
        return {"datetime": value.isoformat()}
    if type(value) in (datetime.date, datetime.time) and getattr(value, "tzinfo", None) is None:
        return {type(value).__name__: value.isoformat()}
    if type(value) is decimal.Decimal:
        return {"decimal": str(value)}
    raise Unsupported(f"a value of type {type(value).__name__}")


def _plain_array(value: Any, depth: int) -> Json:
    if type(value) is not np.ndarray:
        raise Unsupported(f"an array of type {type(value).__name__}")
    shape = [int(n) for n in value.shape]
    if value.dtype == object:
        return {"objects": [shape, [_plain(item, depth + 1) for item in value.ravel().tolist()]]}
    if not _DTYPE.fullmatch(value.dtype.str):
        raise Unsupported(f"an array of dtype {value.dtype}")
    packed = base64.b64encode(np.ascontiguousarray(value).tobytes()).decode("ascii")
    return {"array": [value.dtype.str, shape, packed]}


def _digits(value: int) -> str:
    if abs(value).bit_length() > 3 * MAX_DIGITS:
        raise Unsupported("an integer of more than 4000 digits")
    return str(value)


def _value(plain: Json, depth: int) -> Any:
    if depth > MAX_DEPTH:
        raise CaseError("cases-cell", "a recorded value is nested too deeply")
    if plain is None or isinstance(plain, str | bool | int):
        return plain
    if not isinstance(plain, dict) or len(plain) != 1:
        raise CaseError("cases-cell", "a recorded value is not of the closed list")
    ((kind, body),) = plain.items()
    read = _READERS.get(kind)
    if read is None:
        raise CaseError("cases-cell", f"{kind!r} is not a kind of recorded value")
    return read(body, depth)


def _items(body: Any, depth: int) -> list[Any]:
    if not isinstance(body, list):
        raise CaseError("cases-cell", "a list was expected")
    return [_value(item, depth + 1) for item in body]


def _integer(text: Any) -> int:
    if not isinstance(text, str) or len(text) > MAX_DIGITS + 1:
        raise CaseError("cases-cell", "an integer was expected")
    return int(text)


def _number(body: Any, _: int) -> Any:
    text, packed = body
    raw = base64.b64decode(packed, validate=True)
    return _from_bytes(dtype_of(text), (), raw)[()]


def _array(body: Any, _: int) -> Any:
    text, shape, packed = body
    return _from_bytes(dtype_of(text), _shape(shape), base64.b64decode(packed, validate=True)).copy()


def _objects(body: Any, depth: int) -> Any:
    shape, items = body
    values = _items(items, depth)
    flat = np.empty(len(values), dtype=object)
    for position, item in enumerate(values):
        flat[position] = item
    return flat.reshape(_shape(shape))


def _shape(body: Any) -> tuple[int, ...]:
    if not isinstance(body, list) or len(body) > 32 or any(type(n) is not int or n < 0 for n in body):
        raise CaseError("cases-cell", "a shape was expected")
    return tuple(body)


def _from_bytes(dtype: np.dtype[Any], shape: tuple[int, ...], raw: bytes) -> Any:
    if dtype.itemsize == 0:
        if raw or math.prod(shape) > 2**20:
            raise CaseError("cases-cell", "an array has not the bytes of its shape")
        return np.zeros(shape, dtype)
    if math.prod(shape) * dtype.itemsize != len(raw):
        raise CaseError("cases-cell", "an array has not the bytes of its shape")
    check_code_points(dtype, raw)
    return np.frombuffer(raw, dtype=dtype).reshape(shape)


def check_code_points(dtype: np.dtype[Any], raw: bytes) -> None:
    """Refuse text arrays with code points that are none: NumPy raises SystemError on them."""
    if dtype.kind == "U" and raw:
        points = np.frombuffer(raw, dtype=dtype.byteorder.replace("|", "=") + "u4")
        if int(points.max()) > 0x10FFFF:
            raise CaseError("cases-cell", "a text array holds a code point above U+10FFFF")


def _timestamp(body: Any, _: int) -> Any:
    unit, count, zone = body
    if unit not in _UNITS or (zone is not None and not is_zone(zone)):
        raise CaseError("cases-cell", "a time with an unknown unit or zone")
    stamp = pandas_module().Timestamp(np.datetime64(_integer(count), unit))
    return stamp if zone is None else stamp.tz_localize("UTC").tz_convert(zone)


def is_zone(text: Any) -> bool:
    """Whether a text may be looked up as the name of a time zone: never a path, never a file."""
    return (
        isinstance(text, str)
        and re.fullmatch(r"[A-Za-z][A-Za-z0-9_+:-]*(/[A-Za-z0-9_+-]+){0,2}", text) is not None
        and not text.startswith("dateutil")
    )


def _timedelta(body: Any, _: int) -> Any:
    unit, count = body
    if unit not in _UNITS:
        raise CaseError("cases-cell", "a duration with an unknown unit")
    return pandas_module().Timedelta(np.timedelta64(_integer(count), unit))


def _period(body: Any, _: int) -> Any:
    frequency, ordinal = body
    if not isinstance(frequency, str) or not re.fullmatch(r"[A-Za-z0-9-]{1,16}", frequency):
        raise CaseError("cases-cell", "a period with an unknown frequency")
    return pandas_module().Period(ordinal=_integer(ordinal), freq=frequency)


def _interval(body: Any, depth: int) -> Any:
    left, right, closed = body
    return pandas_module().Interval(_value(left, depth + 1), _value(right, depth + 1), closed)


def _dict(body: Any, depth: int) -> dict[Any, Any]:
    return {_value(key, depth + 1): _value(item, depth + 1) for key, item in body}


def _decimal(body: Any, _: int) -> decimal.Decimal:
    if not isinstance(body, str) or len(body) > MAX_DIGITS:
        raise CaseError("cases-cell", "a decimal was expected")
    return decimal.Decimal(body)


_READERS: dict[str, Callable[[Any, int], Any]] = {
    "int": lambda body, _: _integer(body),
    "float": lambda body, _: float(body),
    "list": _items,
    "tuple": lambda body, depth: tuple(_items(body, depth)),
    "dict": _dict,
    "set": lambda body, depth: set(_items(body, depth)),
    "missing": lambda body, _: missing_value(body),
    "bytes": lambda body, _: base64.b64decode(body, validate=True),
    "complex": lambda body, _: complex(float(body[0]), float(body[1])),
    "number": _number,
    "array": _array,
    "objects": _objects,
    "interval": _interval,
    "timestamp": _timestamp,
    "timedelta": _timedelta,
    "period": _period,
    "datetime": lambda body, _: datetime.datetime.fromisoformat(body),
    "date": lambda body, _: datetime.date.fromisoformat(body),
    "time": lambda body, _: datetime.time.fromisoformat(body),
    "decimal": _decimal,
}


def text_bytes(text: str) -> bytes:
    """Return a string as UTF-8; a lone surrogate as the three bytes UTF-8 would give it."""
    return text.encode("utf-8", "surrogatepass")


def pack(items: list[bytes]) -> bytes:
    """Return the binary form of a BYTES tensor: each element behind its length (u32, little-endian)."""
    length = struct.Struct("<I").pack
    return b"".join(part for item in items for part in (length(len(item)), item))


def unpack(data: memoryview | bytes, count: int) -> list[bytes]:
    """Return the elements of a BYTES tensor.

    Raises:
        CaseError: `cases-size`: the bytes are not `count` elements.
    """
    raw = bytes(data)
    read = struct.Struct("<I").unpack_from
    items: list[bytes] = []
    offset = 0
    while offset + 4 <= len(raw):
        start = offset + 4
        offset = start + read(raw, offset)[0]
        items.append(raw[start:offset])
    if offset != len(raw) or len(items) != count:
        raise CaseError("cases-size", "a text column is cut off")
    return items
