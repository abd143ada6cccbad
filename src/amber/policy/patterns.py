"""Patterns of artifact names: literals and `*`, nothing else. Versions, compared as numbers."""

from __future__ import annotations

import re

from amber.policy.invalid import at, invalid

NAME = re.compile(r"(?=.{1,63}\Z)[a-z0-9]+(?:[._-][a-z0-9]+)*")  # of an artifact
PATTERN = re.compile(r"[a-z0-9._*-]{1,63}")
VERSION = re.compile(r"(0|[1-9][0-9]{0,8})\.(0|[1-9][0-9]{0,8})\.(0|[1-9][0-9]{0,8})")
UNVERSIONED = (0, 0, 0)  # what a file has whose author gave no version: it passes no rule about versions


def matches(pattern: str, name: str) -> bool:
    """Whether `name` fits; `*` stands for any characters, none included. Takes time linear in both.

    Every part between stars is taken at its first place, which is right for patterns without other signs.
    """
    head, *rest = pattern.split("*")
    if not rest:
        return name == pattern
    tail = rest.pop()
    if len(name) < len(head) + len(tail) or not name.startswith(head) or not name.endswith(tail):
        return False
    position, end = len(head), len(name) - len(tail)
    for part in rest:
        found = name.find(part, position, end)
        if found < 0:
            return False
        position = found + len(part)
    return True


def any_matches(patterns: tuple[str, ...], name: str) -> bool:
    """Whether `name` fits at least one of the patterns."""
    return any(matches(pattern, name) for pattern in patterns)


def version_numbers(version: str) -> tuple[int, int, int] | None:
    """Return MAJOR.MINOR.PATCH as numbers; None where it is not of that form."""
    found = VERSION.fullmatch(version)
    return None if found is None else (int(found[1]), int(found[2]), int(found[3]))


def check_patterns(patterns: object, where: str, *, empty: bool) -> tuple[str, ...]:
    """Return patterns of artifact names as a tuple.

    Raises:
        UsageError: One is not a pattern, or there is none and `empty` is False.
    """
    if isinstance(patterns, str) or not isinstance(patterns, list | tuple):
        raise invalid(where, "must be a list of name patterns", 'for example ["churn", "fraud-*"]')
    for position, pattern in enumerate(patterns):
        if not isinstance(pattern, str) or not PATTERN.fullmatch(pattern):
            hint = "a-z 0-9 . _ - and *, at most 63 of them, as artifact names are spelled"
            raise invalid(at(where, position), f"{pattern!r} is not a pattern of artifact names", hint)
    if not patterns and not empty:
        raise invalid(where, "names nothing", '["*"] names every artifact')
    return tuple(patterns)
