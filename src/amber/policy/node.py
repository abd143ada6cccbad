"""A value of plain data together with its place, so that every refusal says where: `policy.toml: rule[0].require`."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from amber.errors import SourceError, UsageError, shown
from amber.policy import files
from amber.policy.invalid import at, invalid

_BARE = re.compile(r"M[A-Za-z0-9+/=\s]{99,}")
TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}:[0-9]{2}))?", re.ASCII
)
_TIME = "2027-01-01, or with a time and its zone: 2027-01-01T12:00:00Z"


@dataclass(frozen=True)
class Node:
    """One value.

    Args:
        value: From TOML, or plain data.
        where: File and path of the key.
        base: The folder that paths are relative to; None: the data must hold everything itself.
    """

    value: Any
    where: str
    base: str | None

    def table(self, *known: str) -> dict[str, Node]:
        """Return the entries of a table with no other keys than the known ones.

        Raises:
            UsageError: Not a table, or a key is unknown.
        """
        found = self.open_table()
        for key in found:
            if key not in known:
                import difflib

                close = difflib.get_close_matches(str(key), known, n=1)
                hint = f"did you mean {close[0]}?" if close else f"known here: {', '.join(known)}"
                raise invalid(at(self.where, str(key)), "unknown key", hint)
        return found

    def open_table(self) -> dict[str, Node]:
        """Return the entries of a table, whatever its keys are.

        Raises:
            UsageError: Not a table.
        """
        if not isinstance(self.value, Mapping):
            raise invalid(self.where, "must be a table")
        return {key: Node(value, at(self.where, str(key)), self.base) for key, value in self.value.items()}

    def items(self) -> list[Node]:
        """Return the elements of a list.

        Raises:
            UsageError: Not a list.
        """
        if not isinstance(self.value, list | tuple):
            raise invalid(self.where, "must be a list", f"{self.where.rpartition(' ')[2]} = [...]")
        return [Node(value, at(self.where, position), self.base) for position, value in enumerate(self.value)]

    def text(self) -> str:
        """Return a text.

        Raises:
            UsageError: Not a text.
        """
        if not isinstance(self.value, str):
            raise invalid(self.where, "must be a text", "in quotes")
        return self.value

    def texts(self) -> tuple[str, ...]:
        """Return the texts of a list.

        Raises:
            UsageError: Not a list of texts.
        """
        return tuple(each.text() for each in self.items())

    def whole(self) -> int:
        """Return a whole number.

        Raises:
            UsageError: Not one.
        """
        if type(self.value) is not int:
            raise invalid(self.where, "must be a whole number")
        return int(self.value)

    def time(self) -> datetime:
        """Return a time; a date alone is its first moment in UTC.

        Raises:
            UsageError: Not a time, or one without its zone.
        """
        value = self.value
        if isinstance(value, str):
            if not TIME.fullmatch(value):
                raise invalid(self.where, self._not_a_time(value), _TIME)
            try:
                value = datetime.fromisoformat(value) if "T" in value else date.fromisoformat(value)
            except ValueError as error:
                raise invalid(self.where, f"{shown(value)!r} is not a time: {error}", _TIME) from error
        if isinstance(value, date) and not isinstance(value, datetime):
            value = datetime(value.year, value.month, value.day, tzinfo=UTC)
        if not isinstance(value, datetime) or value.utcoffset() is None:
            raise invalid(self.where, f"{shown(value)!r} is not a time with its zone", _TIME)
        try:
            return value.astimezone(UTC)
        except OverflowError as error:
            raise invalid(self.where, "is beyond the years 1 to 9999", _TIME) from error

    @staticmethod
    def _not_a_time(value: str) -> str:
        said = f"{shown(value)!r} is not a time"
        return f"{said}: it needs a zone, Z or +01:00" if TIME.fullmatch(f"{value}Z") and "T" in value else said

    def content(self, marks: tuple[str, ...]) -> tuple[bytes, str]:
        """Return bytes that stand here, or in the file whose path stands here, and the place to name in errors.

        Args:
            marks: What a text holds that is the content itself.

        Raises:
            SourceError: The file cannot be read.
            UsageError: Not a text, a path where none may be, or a file that somebody else could have written.
        """
        text = self.text()
        if any(mark in text for mark in marks):
            return text.encode("utf-8", "surrogatepass"), self.where
        if _BARE.fullmatch(text):  # it may be a private key: never shown as a path
            raise invalid(self.where, "base64 without its first and last line", "give the whole PEM text, or a path")
        if self.base is None:
            raise invalid(
                self.where, "a path, where there is no folder it could be relative to", "give the content itself"
            )
        if not text or "\0" in text:
            raise invalid(self.where, "is not a path")
        path = os.path.join(self.base, text)
        try:
            return files.read(path), f"{self.where} ({text})"
        except SourceError as error:
            said = f"{error.message}; {self.where} names it"
            raise SourceError(error.code, said, where=error.where, hint=error.hint) from None


@contextmanager
def rooted(own: str, place: str) -> Iterator[None]:
    """Let what is refused inside the block carry the place in the file: `own` becomes `place`."""
    try:
        yield
    except UsageError as error:
        where = place + error.where.removeprefix(own)
        raise UsageError(error.code, error.message, where=where, hint=error.hint) from None
