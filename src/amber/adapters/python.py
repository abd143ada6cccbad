"""The adapter of the standard library: dates, exact numbers, counters, patterns, partial calls."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from amber.adapters import python_time, python_values

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from amber.adapters.protocol import Special

_MODULES = frozenset(
    {"builtins", "collections", "datetime", "decimal", "fractions", "functools", "operator", "pathlib", "re",
     "uuid", "zoneinfo"}
)  # fmt: skip


class PythonAdapter:
    """Takes and rebuilds what belongs to the standard library; see `Adapter`."""

    id = "python"
    library = "python"
    state_version = 1
    refusals = python_values.REFUSALS

    def owns(self, type_name: str) -> bool:
        """Whether the class lives in one of the modules this adapter knows."""
        return type_name.partition(".")[0] in _MODULES

    @cached_property
    def specials(self) -> Mapping[str, Special]:
        """The special states of the vocabulary's entries for the standard library."""
        return {**python_time.SPECIALS, **python_values.SPECIALS}

    def examples(self) -> list[tuple[str, Callable[[], Any]]]:
        """Every type, with the values at the edges of its range."""
        from amber.adapters import python_examples

        return list(python_examples.EXAMPLES)


ADAPTER = PythonAdapter()
