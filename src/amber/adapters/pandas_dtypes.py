"""pandas' extension dtypes, and what they become under the other major version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas

from amber.adapters.pandas_time import UNITS, zone_of, zone_text
from amber.errors import AuditError, BuildError, SaveError

if TYPE_CHECKING:
    from amber.adapters.protocol import Special

pd: Any = pandas  # its stubs are narrower than the library

# Arrow types that are one array of numbers or strings; the storage they travel in.
ARROW_TYPES = {
    "bool": "bool", "int8": "int8", "int16": "int16", "int32": "int32", "int64": "int64", "uint8": "uint8",
    "uint16": "uint16", "uint32": "uint32", "uint64": "uint64", "float": "float32", "double": "float64",
    "string": "str", "large_string": "str", "date32[day]": "int32",
    **{f"{kind}[{unit}]": "int64" for kind in ("timestamp", "duration") for unit in UNITS},
    **{f"timestamp[{unit}, tz=UTC]": "int64" for unit in UNITS},
}  # fmt: skip


def string_parts(dtype: Any) -> dict[str, str]:
    """Return storage (`python` or `pyarrow`) and kind of missing value (`NA` or `nan`) of a StringDtype."""
    storage = dtype.storage.removesuffix("_numpy")
    return {"storage": storage, "na": "NA" if dtype.na_value is pd.NA else "nan"}


def string_dtype(storage: str, na: str) -> Any:
    """Return the StringDtype nearest to what was written, or NumPy's object dtype where there is none.

    The kind of missing value is kept before the storage: it decides what a comparison returns.
    """
    for each in dict.fromkeys((storage, "python")):
        for arguments in _string_arguments(each, na):
            try:
                dtype = pd.StringDtype(*arguments)
                return dtype if string_parts(dtype)["na"] == na else np.dtype(object)
            except (ImportError, TypeError, ValueError):
                continue
    return np.dtype(object)


def _string_arguments(storage: str, na: str) -> list[tuple[Any, ...]]:
    old = storage if na == "NA" else "pyarrow_numpy"  # what pandas 2.1 and 2.2 call it
    return [(storage, pd.NA if na == "NA" else np.nan), (old,)]


def arrow_type(name: str) -> Any:
    """Return the pyarrow type of a name in `ARROW_TYPES`.

    Raises:
        AuditError: The name is not in the table.
        BuildError: pyarrow is not installed.
    """
    if name not in ARROW_TYPES:
        raise AuditError("string-not-allowed", f"{name!r} is not a simple Arrow type", where="ArrowDtype.type")
    try:
        import pyarrow as pa
    except ImportError as error:
        raise BuildError("class-missing", "pyarrow is not installed", hint="pip install pyarrow") from error
    if "[" not in name or name == "date32[day]":
        return pa.type_for_alias(name.partition("[")[0])
    kind, _, rest = name.removesuffix("]").partition("[")
    unit, _, zone = rest.partition(", tz=")
    return pa.duration(unit) if kind == "duration" else pa.timestamp(unit, zone or None)


def arrow_name(dtype: Any) -> str:
    """Return the name of a simple Arrow type.

    Raises:
        SaveError: It is nested, decimal, dictionary-encoded or has a zone other than UTC.
    """
    name = str(dtype)
    if name not in ARROW_TYPES:
        raise SaveError(
            "dtype-refused", f"the Arrow type {name} cannot be data", hint="convert it with .astype to a pandas dtype"
        )
    return name


class Named:
    """`Int64Dtype` and its like, which are nothing but their class."""

    def take(self, obj: Any) -> dict[str, Any]:
        """There is nothing to say about them."""
        return {}

    def rebuild(self, cls: Any, state: dict[str, Any]) -> Any:
        """Make the dtype."""
        return cls()


class Strings:
    """`StringDtype` of every flavour."""

    def take(self, obj: Any) -> dict[str, Any]:
        """Return storage and kind of missing value."""
        return string_parts(obj)

    def rebuild(self, cls: Any, state: dict[str, Any]) -> Any:
        """Return the nearest dtype this pandas has."""
        return string_dtype(state["storage"], state["na"])


class Arrow:
    """`ArrowDtype` of a simple type."""

    def take(self, obj: Any) -> dict[str, Any]:
        """Return the name of the type."""
        return {"type": arrow_name(obj.pyarrow_dtype)}

    def rebuild(self, cls: Any, state: dict[str, Any]) -> Any:
        """Make the dtype."""
        return cls(arrow_type(state["type"]))


class Categories:
    """`CategoricalDtype`."""

    def take(self, obj: Any) -> dict[str, Any]:
        """Return the categories, None where they are not known yet, and whether they have an order."""
        return {"categories": obj.categories, "ordered": obj.ordered}

    def rebuild(self, cls: Any, state: dict[str, Any]) -> Any:
        """Make the dtype; it refuses missing and repeated categories."""
        try:
            return cls(state["categories"], state["ordered"])
        except (ValueError, TypeError) as error:
            raise AuditError("value-mismatch", str(error), where="CategoricalDtype") from error


class ZonedTime:
    """`DatetimeTZDtype`."""

    def take(self, obj: Any) -> dict[str, Any]:
        """Return unit and zone."""
        return {"unit": obj.unit, "tz": zone_text(obj.tz)}

    def rebuild(self, cls: Any, state: dict[str, Any]) -> Any:
        """Make the dtype."""
        return cls(unit=state["unit"], tz=zone_of(state["tz"]))


class Periods:
    """`PeriodDtype`."""

    def take(self, obj: Any) -> dict[str, Any]:
        """Return the frequency."""
        return {"freq": obj.freq}

    def rebuild(self, cls: Any, state: dict[str, Any]) -> Any:
        """Make the dtype."""
        return period_dtype(state["freq"])


class Intervals:
    """`IntervalDtype`."""

    def take(self, obj: Any) -> dict[str, Any]:
        """Return the dtype of the bounds and which of them belong to an interval."""
        return {"subtype": obj.subtype, "closed": obj.closed}

    def rebuild(self, cls: Any, state: dict[str, Any]) -> Any:
        """Make the dtype."""
        return cls(state["subtype"], state["closed"])


class Sparse:
    """`SparseDtype`."""

    def take(self, obj: Any) -> dict[str, Any]:
        """Return the dtype of the values and the one that is not stored."""
        return {"subtype": obj.subtype, "fill_value": obj.fill_value}

    def rebuild(self, cls: Any, state: dict[str, Any]) -> Any:
        """Make the dtype."""
        return cls(state["subtype"], state["fill_value"])


def period_dtype(freq: Any) -> Any:
    """Return the PeriodDtype of a frequency.

    Raises:
        AuditError: There are no periods of this frequency.
    """
    try:
        return pd.PeriodDtype(freq)
    except (ValueError, AttributeError, TypeError) as error:
        raise AuditError("value-mismatch", f"not the frequency of a period: {error}", where="freq") from error


SPECIALS: dict[str, Special] = {
    "dtype-named": Named(),
    "dtype-string": Strings(),
    "dtype-arrow": Arrow(),
    "dtype-category": Categories(),
    "dtype-zoned": ZonedTime(),
    "dtype-period": Periods(),
    "dtype-interval": Intervals(),
    "dtype-sparse": Sparse(),
}
