"""What to say where a library is not installed."""

from __future__ import annotations

from amber.errors import UsageError


def missing(extra: str, error: ImportError) -> UsageError:
    """Return the refusal that names the extra to install.

    Args:
        extra: `sign`, `keyless` or `timestamp`.
        error: What the import said.
    """
    return UsageError(
        "library-missing",
        f"a library that checks or makes signatures is not installed ({error})",
        where=extra,
        hint=f"pip install 'amber[{extra}]'",
    )
