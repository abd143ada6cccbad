"""The vocabulary of the standard library: exact numbers, dates, counters, patterns, and classes as values."""

from __future__ import annotations

from shorthand import Json, classes, entry, integer, items, obj, text

_NATURAL = integer(0)
_ZONE = ["none", obj("datetime.timezone", "zoneinfo.ZoneInfo")]
_YEAR = {"year": integer(1, 9999), "month": integer(1, 12), "day": integer(1, 31)}
_CLOCK = {
    "hour": integer(0, 23), "minute": integer(0, 59), "second": integer(0, 59), "microsecond": integer(0, 999_999),
}  # fmt: skip
_DAY = 86_400_000_000  # microseconds
# What may be bound by a partial call: plain values, so that the function sees nothing that runs on its own.
_PLAIN: Json = ["none", "bool", "number", "str", {"is": "kind", "kinds": ["ellipsis", "type", "dtype", "complex"]}]
_BOUND: Json = ["plain", {"is": "array", "dtype": list("biufcUS")}, items("plain"), {"is": "map", "values": "plain"}]

CONSTRAINTS: dict[str, Json] = {"plain": _PLAIN, "bound": _BOUND}

TYPES: dict[str, Json] = {
    "datetime.date": entry("datetime", "date", state="date", attributes=_YEAR),
    "datetime.datetime": entry(
        "datetime", "datetime", state="datetime",
        attributes={**_YEAR, **_CLOCK, "fold": integer(0, 1), "tzinfo": _ZONE},
    ),
    "datetime.time": entry(
        "datetime", "time", state="time", attributes={**_CLOCK, "fold": integer(0, 1), "tzinfo": _ZONE}
    ),
    "datetime.timedelta": entry(
        "datetime", "timedelta", state="timedelta",
        attributes={
            "days": integer(-999_999_999, 999_999_999), "seconds": integer(0, 86_399),
            "microseconds": integer(0, 999_999),
        },
    ),
    "datetime.timezone": entry(
        "datetime", "timezone", state="timezone",
        attributes={"microseconds": integer(-_DAY + 1, _DAY - 1), "name": ["none", text(max_chars=256)]},
    ),
    "zoneinfo.ZoneInfo": entry("zoneinfo", "ZoneInfo", state="zone", attributes={"key": text(max_chars=98)}),
    "decimal.Decimal": entry("decimal", "Decimal", state="decimal", attributes={"text": text(max_chars=4096)}),
    "fractions.Fraction": entry(
        "fractions", "Fraction", state="fraction", attributes={"numerator": "int", "denominator": integer(1)}
    ),
    "uuid.UUID": entry("uuid", "UUID", state="uuid", attributes={"hex": text(max_chars=32)}),
    "collections.Counter": entry("collections", "Counter", state="counter", attributes={"counts": "map"}),
    "functools.partial": entry(
        "functools", "partial", state="partial",
        attributes={
            "func": [{"is": "function"}, {"is": "kind", "kinds": ["custom-function"]}],
            "args": items("bound"),
            "keywords": {"is": "map", "keys": "str", "values": "bound"},
        },
    ),
    "re.Pattern": entry(
        "re", "Pattern", state="pattern",
        attributes={"pattern": {"is": "str", "pattern": True}, "flags": integer(0, 511)},
    ),
    # classes that may stand as values: a dtype, the factory of a defaultdict
    **classes("builtins", "bool bytes complex dict float frozenset int list object set str tuple"),
    **classes("collections", "OrderedDict defaultdict deque"),
}  # fmt: skip

# Each takes a string and plain options and returns a string, a list or a bool of about its length.
_STR = (
    "capitalize casefold isalnum isalpha isascii isdigit islower isupper lower lstrip rstrip split splitlines strip "
    "swapcase title upper"
)
FUNCTIONS: dict[str, Json] = {
    **{f"builtins.str.{name}": {"targets": [{"module": "builtins", "name": f"str.{name}"}], "group": "text"}
       for name in _STR.split()},
    **{f"builtins.{name}": {"targets": [{"module": "builtins", "name": name}], "group": "plain"}
       for name in ("abs", "len", "max", "min", "round", "sum")},
}  # fmt: skip
PACKAGES = ["builtins", "collections", "datetime", "decimal", "fractions", "functools", "re", "uuid", "zoneinfo"]
LINKS: list[str] = []
