"""What is no model and may be held by one: the examples of the adapters of NumPy, SciPy, pandas and Python itself.

A value has no answers. What an environment reads is compared, part by part, with the same example made there.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from amber.adapters.registry import adapter
from amber.testing.same import same

LIBRARIES = ("python", "numpy", "scipy", "pandas")
PREFIX = "value "


@cache
def values() -> dict[str, Callable[[], Any]]:
    """Return the examples of this environment by name."""
    return {f"{PREFIX}{library} {name}": make for library in LIBRARIES for name, make in adapter(library).examples()}


def unlike(name: str, found: Any) -> list[str]:
    """Return how a value that was read differs from the same example made here; empty where it does not."""
    make = values().get(name)
    line = None if make is None else same(make(), found)
    return [line] if line else []
