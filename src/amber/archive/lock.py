"""The TOML of `env/pylock.toml`.

In: the member. Out: its tables. Called by whatever reads the recorded environment: `vault.inspect`, `vault.sbom`,
`models.environment`.
"""

from __future__ import annotations

from typing import Any

from amber.archive.names import ENVIRONMENT
from amber.errors import FormatError
from amber.policy import toml


def tables(data: bytes | memoryview) -> dict[str, Any]:
    """Return the tables of `env/pylock.toml`.

    Raises:
        FormatError: `environment-invalid`: not TOML in UTF-8, a key of more than 64 parts, a number of thousands of
            digits, or nested too deeply.
    """
    try:
        return toml.tables(bytes(data))
    except (ValueError, RecursionError) as error:  # ValueError: also an integer that Python does not convert
        raise FormatError("environment-invalid", f"not TOML: {error}", where=ENVIRONMENT) from error
