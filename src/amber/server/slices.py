"""A large request in parts: rows cut out of it, and the answers to the parts as one. Queue and bulk process use it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from amber.server.exchange import Answered, Asked, Failure
from amber.server.interface import Output, Route

_ORDER = ("none", "tolerant", "exact")  # of what the cases showed, least first


def separable(outputs: Iterable[Output], route: Route, least: str) -> bool:
    """Whether rows may be run apart or in other company: the cases showed that they do not see each other.

    Args:
        outputs: That are asked for.
        route: Which form of the model is asked.
        least: What must have been shown, `tolerant` or `exact`; `never`: nothing is enough.
    """
    if least not in _ORDER:
        return False
    return all(_ORDER.index(each.batching.get(route, "none")) >= _ORDER.index(least) for each in outputs)


def cut(asked: Asked, begin: int, end: int) -> Asked:
    """Return the rows [begin, end) of a request."""
    size = len(asked.numbers) // asked.rows
    numbers = memoryview(asked.numbers)[begin * size : end * size]
    objects = [column[begin:end] for column in asked.objects]
    return msgspec.structs.replace(asked, rows=end - begin, numbers=bytes(numbers), objects=objects)


def joined(found: Sequence[Answered]) -> list[bytes | memoryview | list[Any]]:
    """Return the values of the answers to parts, one after the other, as those of one answer."""
    values: list[bytes | memoryview | list[Any]] = []
    for pieces in zip(*(each.values for each in found), strict=True):
        if isinstance(pieces[0], list):
            values.append([value for piece in pieces for value in piece])
        else:
            values.append(b"".join(piece for piece in pieces if not isinstance(piece, list)))
    return values


def placed(failure: Failure, begin: int) -> Failure:
    """Return the failure of a part that begins at a row, with rows as the whole request counts them, also in words."""
    if failure.row is None:
        return failure
    row = failure.row + begin
    message = re.sub(rf"\brow {failure.row}\b", f"row {row}", failure.message, count=1)
    return replace(failure, row=row, message=message)
