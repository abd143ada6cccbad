"""One line of a difference between two artifacts."""

from __future__ import annotations

from dataclasses import dataclass

from amber.errors import shown


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that is not the same: where, what it was, what it is, and how far apart."""

    where: str
    before: str
    after: str
    detail: str = ""

    def __str__(self) -> str:
        tail = f" ({shown(self.detail)})" if self.detail else ""
        return f"{shown(self.where)}: {shown(self.before)} -> {shown(self.after)}{tail}"
