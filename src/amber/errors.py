"""What every refusal is: one class of error with a stable code, a place and a way out.

Everything Amber refuses is an `AmberError`; the subclasses say whose fault it is. Codes are names and never
renumbered or reused: `spec/codes.json`, the command line and the tests use the same table (`CODES`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

# Characters that can rewrite what a terminal or a page shows: C0/C1 controls and the bidirectional marks.
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_SHOWN_CHARS = 200


def shown(text: object, limit: int = _SHOWN_CHARS) -> str:
    """Return `text` safe to show: controls and bidirectional marks escaped, cut at `limit` characters.

    Every string that comes from a file goes through here before a person or a terminal sees it.
    """
    raw = str(text)
    cut = raw[:limit]
    safe = "".join(
        char if char.isprintable() and char not in _BIDI else char.encode("unicode_escape").decode("ascii")
        for char in cut
    )
    return safe if len(raw) <= limit else safe + "..."


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, with the path inside the model or the file where it stands."""

    code: str
    where: str
    message: str

    def __str__(self) -> str:
        return f"{shown(self.where)}: {shown(self.message, 400)} [{self.code}]"


class AmberError(Exception):
    """A refusal: `code` names the rule, `where` the place, `hint` the way out.

    Args:
        code: A name from the table of codes, for example `tensor-out-of-bounds`.
        message: One sentence for a person.
        where: The member, the path inside the model or the option it is about.
        hint: What to do next; empty where nothing can be done.
        problems: All problems found, where one pass finds several.
    """

    def __init__(
        self, code: str, message: str, *, where: str = "", hint: str = "", problems: tuple[Problem, ...] = ()
    ) -> None:
        self.code = code
        self.message = shown(message, 2000)
        self.where = shown(where)
        self.hint = shown(hint, 1000)
        self.problems = problems
        super().__init__(self.message)

    def __str__(self) -> str:
        lines = [f"{self.where}: {self.message}" if self.where else self.message]
        lines += [f"  - {problem}" for problem in self.problems[:20]]
        if len(self.problems) > 20:
            lines.append(f"  - and {len(self.problems) - 20} more")
        if self.hint:
            lines.append(f"  what to do: {self.hint}")
        return "\n".join(lines) + f"\n  [{self.code}]"

    def to_dict(self) -> dict[str, Any]:
        """Return the error as plain data for `--json`."""
        return {
            "code": self.code,
            "message": self.message,
            "where": self.where,
            "hint": self.hint,
            "problems": [
                {"code": p.code, "where": shown(p.where), "message": shown(p.message, 400)} for p in self.problems
            ],
        }

    def __reduce__(self) -> Any:
        return (_restore, (type(self), self.code, self.message, self.where, self.hint, self.problems))


def _restore(cls: type[AmberError], code: str, message: str, where: str, hint: str, problems: Any) -> AmberError:
    return cls(code, message, where=where, hint=hint, problems=tuple(problems))


class FormatError(AmberError):
    """The bytes are not a valid artifact (steps 1, 3 and 4, or a malformed tree)."""


class LimitError(AmberError):
    """Something is larger than the reader's limits allow."""


class AuditError(AmberError):
    """The tree names or holds what may not be built (step 6)."""


class PolicyError(AmberError):
    """The reader's policy refuses the artifact (step 5, or the verdict rule)."""


class SaveError(AmberError):
    """The model cannot be written as data; nothing was written."""


class FreezeError(AmberError):
    """No program answers like the original; none is attached, and the problems name the rows that show why."""


class CaseError(AmberError):
    """The cases were not answered as recorded (step 9), or could not be replayed."""


class BuildError(AmberError):
    """The tree is sound but these libraries cannot build or run it (verdict `broken`)."""


class SourceError(AmberError):
    """The file or folder cannot be read or written at all."""


class UsageError(AmberError):
    """An argument is wrong."""


class AbsentError(UsageError, AttributeError):
    """The program has no form of this method; `hasattr` says so too."""


class AmberWarning(UserWarning):
    """Something the caller should know that stops nothing (for example verdict `equivalent`)."""
