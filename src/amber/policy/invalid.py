"""One way to say that a policy is not valid: what, at which key of which file, and what to write instead."""

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
