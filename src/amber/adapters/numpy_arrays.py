"""Subclasses of numpy.ndarray that scikit-learn and its users hold: masked and record arrays, matrices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from amber.errors import AuditError, SaveError

if TYPE_CHECKING:
    from amber.adapters.protocol import Special


class MaskedArray:
    """`numpy.ma.MaskedArray` (every `cv_results_["param_..."]` is one): data, mask, fill value, hardness."""

    def take(self, obj: Any) -> dict[str, Any]:
        """Return the parts; values under the mask are data too and are kept."""
        if obj._baseclass is not np.ndarray:
            raise SaveError(
                "type-unknown",
                f"a masked array over a {obj._baseclass.__qualname__} cannot be data",
                hint="make it from a plain numpy.ndarray",
            )
        mask = obj._mask
        return {
            "data": obj.view(np.ndarray),
            "mask": None if mask is np.ma.nomask else mask,
            "fill_value": obj._fill_value,
            "hard_mask": bool(obj.hardmask),
        }

    def rebuild(self, cls: Any, state: dict[str, Any]) -> Any:
        """Put the parts together; a mask of another shape or dtype is refused, never broadcast."""
        data, mask, fill = state["data"], state["mask"], state["fill_value"]
        if mask is not None and (mask.shape != data.shape or mask.dtype != np.ma.make_mask_descr(data.dtype)):
            raise AuditError("shape-mismatch", "the mask does not fit the data", where="MaskedArray.mask")
        if fill is not None and (fill.shape != () or fill.dtype != data.dtype):
            raise AuditError("value-mismatch", "the fill value does not fit the data", where="MaskedArray")
        mask = np.ma.nomask if mask is None else mask
        array = cls(data, mask=mask, copy=False, hard_mask=bool(state["hard_mask"]))
        array._fill_value = fill
        return array


class MaskedConstant:
    """`numpy.ma.masked`, the one constant."""

    def take(self, obj: Any) -> dict[str, Any]:
        """There is nothing to say about it."""
        return {}

    def rebuild(self, cls: Any, state: dict[str, Any]) -> Any:
        """Return the constant."""
        return np.ma.masked


class View:
    """`numpy.recarray` and `numpy.matrix`: a plain array seen through another class."""

    def take(self, obj: Any) -> dict[str, Any]:
        """Return the plain array over the same memory."""
        dtype = obj.dtype
        if dtype.names is not None:
            dtype = np.dtype((np.void, dtype))
        plain = np.asarray(obj)
        return {"array": plain if dtype is obj.dtype else plain.view(dtype)}

    def rebuild(self, cls: Any, state: dict[str, Any]) -> Any:
        """View the array as the class."""
        array = state["array"]
        if cls is np.matrix and array.ndim != 2:
            raise AuditError("shape-mismatch", "a matrix has two dimensions", where="matrix.array")
        if cls is np.recarray and array.dtype.names is None:
            raise AuditError("value-mismatch", "a record array has fields", where="recarray.array")
        return array.view(cls)


class Record:
    """`numpy.record`: one item of a record array."""

    def take(self, obj: Any) -> dict[str, Any]:
        """Return the plain structured scalar's array of no dimensions."""
        return {"array": np.array(obj, dtype=np.dtype((np.void, obj.dtype)))}

    def rebuild(self, cls: Any, state: dict[str, Any]) -> Any:
        """Return the one item of the record array."""
        array = state["array"]
        if array.shape != () or array.dtype.names is None:
            raise AuditError("shape-mismatch", "a record is one item with fields", where="record.array")
        return array.view(np.recarray)[()]


SPECIALS: dict[str, Special] = {
    "masked-array": MaskedArray(),
    "masked-constant": MaskedConstant(),
    "array-view": View(),
    "record": Record(),
}
