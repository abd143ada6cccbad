"""pandas' extension arrays: one column each, as plain NumPy arrays and lists of str."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas

from amber.adapters.pandas_dtypes import ARROW_TYPES, arrow_name, arrow_type, period_dtype, string_dtype, string_parts
from amber.adapters.pandas_time import check_ordinals, check_times, zone_of, zone_text
from amber.errors import AuditError, SaveError

if TYPE_CHECKING:
    from amber.adapters.protocol import Special

pd: Any = pandas  # its stubs are narrower than the library

Array = np.ndarray[Any, Any]


class Times:
    """`DatetimeArray` and `TimedeltaArray`: moments in UTC with their zone, or spans."""

    def take(self, obj: Any) -> dict[str, Any]:
        """Return the values as datetime64 or timedelta64."""
        kind = "m8" if isinstance(obj, pd.arrays.TimedeltaArray) else "M8"
        state = {"values": obj.asi8.view(f"{kind}[{obj.unit}]")}
        return state if kind == "m8" else {**state, "tz": zone_text(obj.tz)}

    def rebuild(self, cls: Any, state: dict[str, Any]) -> Any:
        """Build through the index class, whose constructor is public."""
        values = state["values"]
        check_times(values, "DatetimeArray")
        index: Any = pd.DatetimeIndex(values) if "tz" in state else pd.TimedeltaIndex(values)
        zone = zone_of(state.get("tz"))
        if zone is not None:
            index = index.tz_localize("UTC").tz_convert(zone)
        return index.array


class Periods:
    """`PeriodArray`: ordinals at one frequency."""

    def take(self, obj: Any) -> dict[str, Any]:
        """Return both."""
        return {"ordinals": obj.asi8, "freq": obj.freq}

    def rebuild(self, cls: Any, state: dict[str, Any]) -> Any:
        """Return the array."""
        dtype = period_dtype(state["freq"])
        check_ordinals(state["ordinals"], state["freq"])
        return pd.arrays.PeriodArray(state["ordinals"], dtype=dtype)


class Intervals:
    """`IntervalArray`: the bounds as two indexes."""

    def take(self, obj: Any) -> dict[str, Any]:
        """Return the bounds."""
        return {"left": obj.left, "right": obj.right, "closed": obj.closed}

    def rebuild(self, cls: Any, state: dict[str, Any]) -> Any:
        """Return the array; left bounds beyond right ones are refused by it."""
        try:
            return pd.arrays.IntervalArray.from_arrays(state["left"], state["right"], state["closed"])
        except (ValueError, TypeError) as error:
            raise AuditError("value-mismatch", str(error), where="IntervalArray") from error


class Categorical:
    """`Categorical`: codes into the categories of its dtype."""

    def take(self, obj: Any) -> dict[str, Any]:
        """Return both; -1 is missing."""
        return {"codes": obj.codes, "dtype": obj.dtype}

    def rebuild(self, cls: Any, state: dict[str, Any]) -> Any:
        """Return the array; every code must be one of a category."""
        codes, dtype = state["codes"], state["dtype"]
        if dtype.categories is None:
            raise AuditError("value-mismatch", "a Categorical has categories", where="Categorical.dtype")
        if codes.size and not (int(codes.min()) >= -1 and int(codes.max()) < len(dtype.categories)):
            raise AuditError("index-out-of-range", "a code without a category", where="Categorical.codes")
        return pd.Categorical.from_codes(codes, dtype=dtype)


class Masked:
    """`IntegerArray`, `FloatingArray`, `BooleanArray`: values and a mask."""

    def take(self, obj: Any) -> dict[str, Any]:
        """Return both; what stands under the mask is written as zero, it is no part of the data."""
        data, mask = obj._data, obj._mask
        return {"data": np.where(mask, data.dtype.type(0), data) if mask.any() else data, "mask": mask}

    def rebuild(self, cls: Any, state: dict[str, Any]) -> Any:
        """Return the array."""
        data, mask = state["data"], state["mask"]
        if data.shape != mask.shape or data.dtype.kind not in _MASKED_KINDS[cls.__name__]:
            raise AuditError("shape-mismatch", "values and mask do not fit", where=cls.__name__)
        return cls(data, mask)


_MASKED_KINDS = {"IntegerArray": "iu", "FloatingArray": "f", "BooleanArray": "b"}


class Strings:
    """`StringArray` and `ArrowStringArray` of every flavour: the strings, and where one is missing."""

    def take(self, obj: Any) -> dict[str, Any]:
        """Return a list of str (a column of `model/strings.json` if it is long) and the mask, if any."""
        missing = np.asarray(obj.isna())
        values = ["" if gone else str(item) for item, gone in zip(obj, missing.tolist(), strict=True)]
        return {**string_parts(obj.dtype), "values": values, "mask": missing if missing.any() else None}

    def rebuild(self, cls: Any, state: dict[str, Any]) -> Any:
        """Return an array of the nearest dtype; an object ndarray where this pandas has no such dtype."""
        values = np.empty(len(state["values"]), dtype=object)
        values[:] = state["values"]
        if state["mask"] is not None:
            if state["mask"].shape != values.shape:
                raise AuditError("shape-mismatch", "values and mask do not fit", where="StringArray.mask")
            values[state["mask"]] = pd.NA if state["na"] == "NA" else np.nan
        dtype = string_dtype(state["storage"], state["na"])
        return values if dtype == np.dtype(object) else pd.array(values, dtype=dtype)


class Arrow:
    """`ArrowExtensionArray` of a simple type."""

    def take(self, obj: Any) -> dict[str, Any]:
        """Return the values, zero where one is missing, and the mask, if any."""
        import pyarrow as pa
        import pyarrow.compute as pc

        chunks = obj._pa_array
        name = arrow_name(chunks.type)
        whole = pa.concat_arrays(chunks.chunks) if chunks.num_chunks else pa.array([], chunks.type)
        mask = whole.is_null().to_numpy(zero_copy_only=False)
        if ARROW_TYPES[name] == "str":
            values: Any = [item or "" for item in whole.to_pylist()]
        else:
            plain = whole.cast(pa.type_for_alias(ARROW_TYPES[name]))
            values = pc.fill_null(plain, False if name == "bool" else 0).to_numpy(zero_copy_only=False)
        return {"type": name, "values": values, "mask": mask if mask.any() else None}

    def rebuild(self, cls: Any, state: dict[str, Any]) -> Any:
        """Return the array in one chunk."""
        name, values, mask = state["type"], state["values"], state["mask"]
        wanted = arrow_type(name)  # says what to install if there is no pyarrow
        import pyarrow as pa

        storage = ARROW_TYPES[name]
        if (storage == "str") != isinstance(values, list) or (
            storage != "str" and (values.dtype != np.dtype(storage) or values.ndim != 1)
        ):
            raise AuditError("dtype-mismatch", "the values are not of the Arrow type", where="ArrowExtensionArray")
        if mask is not None and mask.shape != (len(values),):
            raise AuditError("shape-mismatch", "values and mask do not fit", where="ArrowExtensionArray.mask")
        plain = pa.array(values, type=wanted if storage == "str" else pa.type_for_alias(storage), mask=mask)
        return cls(pa.chunked_array([plain.cast(wanted)]))


class Sparse:
    """`SparseArray`: the stored values, their places, and the value everywhere else."""

    def take(self, obj: Any) -> dict[str, Any]:
        """Return the parts."""
        if obj.dtype.subtype.kind not in "biuf":
            raise SaveError("dtype-refused", f"a sparse array of {obj.dtype.subtype} cannot be data")
        return {
            "values": obj.sp_values,
            "indices": obj.sp_index.indices,
            "length": int(obj.sp_index.length),
            "fill_value": obj.fill_value,
            "kind": obj.kind,
        }

    def rebuild(self, cls: Any, state: dict[str, Any]) -> Any:
        """Return the array; places must be strictly increasing and inside."""
        values, indices, length = state["values"], state["indices"], state["length"]
        if values.shape != indices.shape or not 0 <= length < 2**31:
            raise AuditError("shape-mismatch", "values and places do not fit", where="SparseArray")
        if len(indices) and not (int(indices[0]) >= 0 and int(indices[-1]) < length and (np.diff(indices) > 0).all()):
            raise AuditError("index-out-of-range", "places are not increasing and inside", where="SparseArray.indices")
        if hasattr(cls, "from_indices"):  # pandas 3.1 and later
            fill, kind = state["fill_value"], state["kind"]
            return cls.from_indices(values, indices, length, fill_value=fill, kind=kind, dtype=values.dtype)
        return _old_sparse(cls, state)


def _old_sparse(cls: Any, state: dict[str, Any]) -> Any:
    from pandas._libs.sparse import IntIndex

    make: Any = IntIndex
    places = make(state["length"], state["indices"])
    if state["kind"] == "block":
        places = places.to_block_index()
    dtype = pd.SparseDtype(state["values"].dtype, state["fill_value"])
    return cls(state["values"], sparse_index=places, fill_value=state["fill_value"], dtype=dtype)


class Plain:
    """`NumpyExtensionArray`: a NumPy array in pandas' clothes."""

    def take(self, obj: Any) -> dict[str, Any]:
        """Return the NumPy array."""
        return {"values": obj.to_numpy()}

    def rebuild(self, cls: Any, state: dict[str, Any]) -> Any:
        """Dress it again."""
        return cls(state["values"])


SPECIALS: dict[str, Special] = {
    "array-times": Times(),
    "array-period": Periods(),
    "array-interval": Intervals(),
    "array-category": Categorical(),
    "array-masked": Masked(),
    "array-string": Strings(),
    "array-arrow": Arrow(),
    "array-sparse": Sparse(),
    "array-plain": Plain(),
}
