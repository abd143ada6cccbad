"""The adapter of SciPy: sparse matrices, splines, frozen distributions and k-d trees."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from amber.adapters.protocol import Special


class ScipyAdapter:
    """Takes and rebuilds what belongs to SciPy; see `Adapter`."""

    id = "scipy"
    library = "scipy"
    state_version = 1

    def owns(self, type_name: str) -> bool:
        """Whether the class lives in a module of SciPy."""
        return type_name.startswith("scipy.")

    @cached_property
    def refusals(self) -> Mapping[str, str]:
        """Types that look as if they were data, and what to use instead."""
        from amber.adapters import scipy_interpolate

        return scipy_interpolate.REFUSALS

    @cached_property
    def specials(self) -> Mapping[str, Special]:
        """The special states of the vocabulary's SciPy entries."""
        from amber.adapters import scipy_interpolate, scipy_sparse, scipy_spatial, scipy_stats

        return {
            **scipy_sparse.SPECIALS,
            **scipy_interpolate.SPECIALS,
            **scipy_stats.SPECIALS,
            **scipy_spatial.SPECIALS,
        }

    def examples(self) -> list[tuple[str, Callable[[], Any]]]:
        """Every sparse format in both families, and the splines, distributions and trees."""
        from amber.adapters import scipy_examples

        return scipy_examples.examples()


ADAPTER = ScipyAdapter()
