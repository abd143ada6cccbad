"""What both native forms have in common: looking into what was read, and following children to every leaf."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn

from amber.errors import AuditError

DEEPEST = 2048  # native code that explains or prints a tree calls itself once a level
MOST_OUTPUTS = 65_536
MOST_FEATURES = 2**20  # XGBoost keeps 64 rows of this width for each thread
MOST_CATEGORIES = 2**24
MOST_CATEGORY_BITS = 2**31  # in all splits of a model together: native code makes one bit for each up to the largest
_INTEGER = re.compile(r"-?[0-9]{1,10}", re.ASCII)
_NUMBER = r"[-+]?(?:[0-9]{1,40}(?:\.[0-9]{0,40})?(?:[eE][-+]?[0-9]{1,4})?|inf|nan)"
_FLOAT = re.compile(_NUMBER, re.ASCII)
FLOATS = re.compile(rf"{_NUMBER}(?: {_NUMBER})*+", re.ASCII)


class Place:
    """Where in a native form a value stands, for messages; everything that is wrong is said through it."""

    __slots__ = ("name", "outer")

    def __init__(self, name: str, outer: Place | None = None) -> None:
        self.name, self.outer = name, outer

    def at(self, name: str) -> Place:
        """Return the place of a part."""
        return Place(name, self)

    @property
    def where(self) -> str:
        """The whole path, put together only when something is wrong."""
        above = "" if self.outer is None else self.outer.where
        return f"{above}.{self.name}" if above else self.name

    def wrong(self, code: str, message: str) -> NoReturn:
        """Refuse."""
        raise AuditError(code, message, where=self.where)

    def keys(self, value: Any, required: Iterable[str], optional: Iterable[str] = ()) -> dict[str, Any]:
        """Return a map that has exactly these keys."""
        if not isinstance(value, dict):
            self.wrong("kind-mismatch", "is no map")
        missing, more = set(required) - set(value), set(value) - set(required) - set(optional)
        if missing:
            self.wrong("attribute-missing", f"there is no {min(missing)}")
        if more:
            self.wrong("attribute-unknown", f"{min(more)} is not known")
        return value

    def text(self, value: Any, chars: int = 65_536) -> str:
        """Return a string of bounded length."""
        if not isinstance(value, str):
            self.wrong("kind-mismatch", "is no text")
        if len(value) > chars or "\0" in value:
            self.wrong("string-not-allowed", f"text of {len(value)} characters")
        return value

    def integer(self, text: Any, low: int, high: int) -> int:
        """Return the integer that a string spells."""
        if not isinstance(text, str) or not _INTEGER.fullmatch(text):
            self.wrong("kind-mismatch", f"{text!r} is no integer")
        if not low <= int(text) <= high:
            self.wrong("value-out-of-range", f"{text} is outside [{low}, {high}]")
        return int(text)

    def number(self, text: Any) -> float:
        """Return the float that a string spells."""
        if not isinstance(text, str) or not _FLOAT.fullmatch(text):
            self.wrong("kind-mismatch", f"{text!r} is no number")
        return float(text)

    def sized(self, values: Sequence[Any], length: int) -> None:
        """Refuse a sequence of another length."""
        if len(values) != length:
            self.wrong("shape-mismatch", f"{len(values)} values, not {length}")

    def inside(self, values: Sequence[int], low: int, below: int) -> None:
        """Refuse an integer that is not in [low, below)."""
        if len(values) and (min(values) < low or max(values) >= below):
            self.wrong("index-out-of-range", f"{min(values)} to {max(values)}, outside [{low}, {below})")


def walk(left: Sequence[int], right: Sequence[int], place: Place) -> bytearray:
    """Follow the children of node 0; return a flag for each node that is reached.

    A child below 0 is the end of a way. The others lie inside the arrays.

    Raises:
        AuditError: A node is reached twice (a cycle, or two parents), or the tree is deeper than `DEEPEST`.
    """
    seen = bytearray(len(left))
    level, depth = [0], 0
    seen[0] = 1
    while level:
        depth += 1
        if depth > DEEPEST:
            place.wrong("child-not-greater", f"a tree of more than {DEEPEST} levels")
        below = []
        for node in level:
            for child in (left[node], right[node]):
                if child < 0:
                    continue
                if seen[child]:
                    place.wrong("child-not-greater", f"node {child} is reached twice")
                seen[child] = 1
                below.append(child)
        level = below
    return seen
