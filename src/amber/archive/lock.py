"""The TOML of `env/pylock.toml`, read so that no bytes of a stranger take longer than bytes of that size should.

In: the member. Out: its tables. Called by whatever reads the recorded environment: `vault.inspect`, `vault.sbom`,
`models.environment`. The parser of the standard library needs the square of the number of parts of a dotted key
(200 KB of `a.a.a...` are four minutes, 4 MB a day), so long ones are refused before it sees them.
"""

from __future__ import annotations

import re
import tomllib
from typing import Any

from amber.archive.names import ENVIRONMENT
from amber.errors import FormatError

MOST_PARTS = 64  # of a dotted key; a lock has 3
_PART = rb"""(?:[A-Za-z0-9_-]++|"(?:[^"\\\n]++|\\.)*+"|'[^'\n]*+')"""
# Where TOML may have a key: at the beginning of a line, after the brackets of a header, in an inline table.
_LONG = re.compile(rb"(?:\A|[\n\[{,])[ \t]*+" + _PART + rb"(?:[ \t]*+\.[ \t]*+" + _PART + rb"){%d}" % MOST_PARTS)


def tables(data: bytes | memoryview) -> dict[str, Any]:
    """Return the tables of `env/pylock.toml`.

    Raises:
        FormatError: `environment-invalid`: not TOML in UTF-8, a key of more than 64 parts, a number of thousands of
            digits, or nested too deeply.
    """
    raw = bytes(data)
    if _LONG.search(raw):
        raise FormatError("environment-invalid", f"a key has more than {MOST_PARTS} parts", where=ENVIRONMENT)
    try:
        return tomllib.loads(raw.decode("utf-8"))
    except (ValueError, RecursionError) as error:  # ValueError: also an integer that Python does not convert
        raise FormatError("environment-invalid", f"not TOML: {error}", where=ENVIRONMENT) from error
