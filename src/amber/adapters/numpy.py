"""The adapter of NumPy: generators and the subclasses of ndarray. Plain arrays and scalars need none."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from amber.adapters.protocol import Special


class NumpyAdapter:
    """Takes and rebuilds what belongs to NumPy; see `Adapter`."""

    id = "numpy"
    library = "numpy"
    state_version = 1

    def owns(self, type_name: str) -> bool:
        """Whether the class lives in a module of NumPy."""
        return type_name.startswith("numpy.")

    @cached_property
    def specials(self) -> Mapping[str, Special]:
        """The special states of the vocabulary's NumPy entries."""
        from amber.adapters import numpy_arrays, numpy_random

        return {**numpy_arrays.SPECIALS, **numpy_random.SPECIALS}

    def examples(self) -> list[tuple[str, Callable[[], Any]]]:
        """Generators in every state, and masked and record arrays of many dtypes."""
        from amber.adapters import numpy_examples

        return list(numpy_examples.EXAMPLES)


ADAPTER = NumpyAdapter()
