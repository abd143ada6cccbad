"""Dicts of features as entries of a matrix, as DictVectorizer and FeatureHasher make them."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import repeat
from numbers import Number
from typing import Any

from amber.errors import AuditError, SourceError
from amber.limits import DEFAULT, Limits
from amber.programs import plan as plans
from amber.programs.prelude.hashing import Columns

Entries = tuple["array[float]", "array[int]", "array[int]"]
Row = Callable[[Any], list[tuple[int, float]]]  # of one record: column and value of each entry, by column


def compile(records: plans.Records, limits: Limits = DEFAULT) -> Callable[[Sequence[object]], Entries]:
    """Return the function that makes entries of records.

    It raises SourceError `input-refused`, naming the row, for what the original refuses.

    Raises:
        AuditError: A setting is outside what a file may bring.
    """
    if not 0 <= records.hashed <= limits.hash_features:
        raise AuditError("value-out-of-range", f"{records.hashed} columns", where="hashed")
    try:
        entries = _hashed(records) if records.hashed else _named(records)
    except ValueError as error:
        raise AuditError("value-mismatch", f"a name that is no number: {error}", where="names") from error
    plain = bool(records.hashed) and records.kind == "string"

    def run(given: Sequence[object]) -> Entries:
        if isinstance(given, str | bytes | Mapping) or (plain and given and isinstance(given[0], str)):
            raise SourceError("input-refused", "a list of records is expected")
        data, columns, rows = array("d"), array("q"), array("q")
        row = -1
        try:
            for row, record in enumerate(given):
                found = entries(record)
                columns.extend([column for column, _ in found])
                data.extend([value for _, value in found])
                rows.extend(repeat(row, len(found)))
        except (AttributeError, TypeError, ValueError, OverflowError) as error:
            raise SourceError("input-refused", f"row {row}: {error}", where=f"row {row}") from error
        return data, columns, rows

    return run


def _named(records: plans.Records) -> Row:
    """Features of a vocabulary; others are left out. What occurs twice stays two entries, as in the original."""
    columns = {plans.value_of(name): column for column, name in enumerate(records.names)}
    separator = records.separator

    def entries(record: Any) -> list[tuple[int, float]]:
        found: list[tuple[int, float]] = []
        for feature, value in record.items():
            if isinstance(value, str):
                named: Iterable[tuple[Any, float]] = [(f"{feature!s}{separator}{value!s}", 1.0)]
            elif value is None:
                named = [(feature, float("nan"))]
            elif isinstance(value, Number):
                named = [(feature, value)]  # type: ignore[list-item]
            elif isinstance(value, Mapping) or not isinstance(value, Iterable):
                raise TypeError(f"{type(value).__name__} is no value of a feature")
            else:
                named = [(f"{feature!s}{separator}{_text(each)}", 1.0) for each in value]
            found += [(columns[name], float(number)) for name, number in named if name in columns]
        found.sort(key=_column)
        return found

    return entries


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{type(value).__name__} in a list of texts")
    return str(value)


def _hashed(records: plans.Records) -> Row:
    """Every feature goes to the column of its hash; what meets there adds up, in the order it comes."""
    width, alternate = records.hashed, records.alternate_sign
    place = Columns(width, True).__getitem__
    pairs: Callable[[Any], Iterable[Any]] = {
        "dict": lambda record: record.items(), "pair": iter, "string": lambda record: ((name, 1) for name in record),
    }[records.kind]  # fmt: skip

    def entries(record: Any) -> list[tuple[int, float]]:
        sums: dict[int, float] = {}
        for feature, value in pairs(record):
            name, number = (f"{feature!s}={value!s}", 1.0) if isinstance(value, str) else (feature, float(value))
            if number == 0:
                continue
            if not isinstance(name, str | bytes):
                raise TypeError("names of features must be texts")
            where = place(name)
            column = where >> 1
            number = -number if alternate and where & 1 else number
            sums[column] = sums[column] + number if column in sums else number
        return sorted(sums.items())

    return entries


def _column(entry: tuple[int, float]) -> int:
    return entry[0]
