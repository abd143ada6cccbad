"""What moved between scikit-learn versions, applied to the attributes of one object before it is rebuilt."""

from __future__ import annotations

from typing import Any


def migrate(cls: type, state: dict[str, Any], written: str) -> dict[str, Any]:
    """Return the attributes that the installed version expects."""
    return state
