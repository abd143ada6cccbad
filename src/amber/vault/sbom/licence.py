"""Whether a licence text has the form of an SPDX licence expression; which licences exist is not known here."""

from __future__ import annotations

import re

_TOKENS = re.compile(r"\(|\)|[^\s()]+")
_IDENTIFIER = re.compile(r"(?:DocumentRef-[A-Za-z0-9.-]+:)?[A-Za-z0-9.-]+\+?")
_JOINS = frozenset(("AND", "OR", "WITH"))


def is_expression(text: str) -> bool:
    """Whether `text` is identifiers joined by AND, OR and WITH, with brackets that match.

    Grammar: SPDX 3.0.1, annex B. A text such as "see the contract" is none, and is shown as a name instead.
    """
    depth, wants_identifier = 0, True
    for word in _TOKENS.findall(text):
        if word == "(" and wants_identifier:
            depth += 1
        elif word == ")" and not wants_identifier and depth:
            depth -= 1
        elif word in _JOINS and not wants_identifier:
            wants_identifier = True
        elif word not in _JOINS and wants_identifier and _IDENTIFIER.fullmatch(word):
            wants_identifier = False
        else:
            return False
    return depth == 0 and not wants_identifier
