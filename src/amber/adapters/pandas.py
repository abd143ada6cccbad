"""The adapter of pandas: frames, series, indexes, extension arrays, dtypes, moments and offsets."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from amber.adapters.protocol import Special

_CALENDAR = "use an offset with a fixed rule, such as MonthEnd, or keep the rule in code"


class PandasAdapter:
    """Takes and rebuilds what belongs to pandas; see `Adapter`."""

    id = "pandas"
    library = "pandas"
    state_version = 1
    refusals: Mapping[str, str] = {
        "pandas.DateOffset": _CALENDAR,
        "pandas._libs.tslibs.offsets.DateOffset": _CALENDAR,
        "pandas._libs.tslibs.offsets.BusinessHour": _CALENDAR,
        "pandas._libs.tslibs.offsets.CustomBusinessDay": _CALENDAR,
        "pandas._libs.tslibs.offsets.CustomBusinessHour": _CALENDAR,
    }

    def owns(self, type_name: str) -> bool:
        """Whether the class lives in a module of pandas."""
        return type_name.startswith("pandas.")

    @cached_property
    def specials(self) -> Mapping[str, Special]:
        """The special states of the vocabulary's pandas entries."""
        from amber.adapters import pandas_arrays, pandas_dtypes, pandas_frames, pandas_time

        return {
            **pandas_frames.SPECIALS,
            **pandas_arrays.SPECIALS,
            **pandas_dtypes.SPECIALS,
            **pandas_time.SPECIALS,
        }

    def examples(self) -> list[tuple[str, Callable[[], Any]]]:
        """Frames with every kind of column and index, and each dtype and scalar alone."""
        from amber.adapters import pandas_examples

        return pandas_examples.examples()


ADAPTER = PandasAdapter()
