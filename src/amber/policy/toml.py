"""TOML, read so that no bytes take longer than bytes of that number should.

In: the bytes of a policy, a keyring or a recorded environment. Out: their tables. The parser of the standard library
needs the square of the number of parts of a dotted key (200 KB of `a.a.a...` are four minutes, 4 MB a day), so long
ones are refused before it sees them.
"""

from __future__ import annotations

import re
import tomllib
from typing import Any

MOST_PARTS = 64  # of a dotted key; a policy and a lock have 3
_PART = rb"""(?:[A-Za-z0-9_-]++|"(?:[^"\\\n]++|\\.)*+"|'[^'\n]*+')"""
# Where TOML may have a key: at the beginning of a line, after the brackets of a header, in an inline table.
_LONG = re.compile(rb"(?:\A|[\n\[{,])[ \t]*+" + _PART + rb"(?:[ \t]*+\.[ \t]*+" + _PART + rb"){%d}" % MOST_PARTS)


def tables(data: bytes) -> dict[str, Any]:
    """Return the tables of a TOML file.

    Raises:
        ValueError: Not TOML in UTF-8, a key of more than 64 parts, or a number of thousands of digits.
        RecursionError: Nested too deeply.
    """
    if _LONG.search(data):
        raise ValueError(f"a key has more than {MOST_PARTS} parts")
    return tomllib.loads(data.decode("utf-8"))
