"""One way to say that a policy is not valid: what, at which key of which file, and what to write instead.

With the checks of single values that several parts of a policy have.
"""

from __future__ import annotations

from amber.errors import UsageError


def invalid(where: str, message: str, hint: str = "", code: str = "policy-invalid") -> UsageError:
    """Return the error; `where` is the file and the path of the key, `policy.toml: rule[0].require[1].k`."""
    return UsageError(code, message, where=where, hint=hint)


def at(where: str, key: str | int) -> str:
    """Return the place of a key or index inside the place `where`."""
    if isinstance(key, int):
        return f"{where}[{key}]"
    return f"{where}{key}" if where.endswith(": ") or not where else f"{where}.{key}"


def check_one_of(word: object, words: tuple[str, ...], where: str) -> None:
    """Raise where `word` is not one of `words`.

    Raises:
        UsageError: As said.
    """
    if word not in words:
        raise invalid(where, f"{word!r} is not valid here", f"one of {', '.join(words)}" if words else "leave it out")


def check_time(time: object, where: str) -> None:
    """Raise where `time` is neither None nor a time with its offset.

    Raises:
        UsageError: As said.
    """
    if time is None:
        return
    from datetime import datetime

    if not isinstance(time, datetime) or time.utcoffset() is None:
        raise invalid(where, "must be a time with its time zone", "2027-01-01 or 2027-01-01T12:00:00Z")
