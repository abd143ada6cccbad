"""What a pandas or SciPy object consists of, named and in order, for `same`; imports no library by itself."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

Parts = list[tuple[str, Any]]


def is_frame_type(cls: type) -> bool:
    """Say whether a class is pandas' own (its identity is not kept: pandas makes views as it likes)."""
    # the class of functions that Cython compiled has a descriptor there
    return str(cls.__module__).partition(".")[0] == "pandas"


def sparse_parts(obj: Any) -> Parts:
    """Return the parts of a SciPy sparse matrix or array; [] for anything else."""
    sparse = sys.modules.get("scipy.sparse")
    if sparse is None or not sparse.issparse(obj):
        return []
    names = {"csr": "data indices indptr", "csc": "data indices indptr", "bsr": "data indices indptr",
             "dia": "data offsets"}  # fmt: skip
    parts: Parts = [(".shape", tuple(int(n) for n in obj.shape)), (".dtype", obj.dtype)]
    if obj.format == "dok":
        places = [tuple(map(int, np.atleast_1d(key))) for key in obj.keys()]  # noqa: SIM118 - it iterates rows
        items = dict(zip(places, obj.values(), strict=True))
        return [*parts, (".items", items)]
    if obj.format == "lil":  # whether a row holds Python or NumPy numbers is no part of the data
        rows = [([int(column) for column in row], np.array(data, obj.dtype))
                for row, data in zip(obj.rows, obj.data, strict=True)]  # fmt: skip
        return [*parts, (".rows", rows)]
    if obj.format == "coo":
        coords = obj.coords if hasattr(obj, "coords") else (obj.row, obj.col)
        return [*parts, (".data", obj.data), *((f".coords[{i}]", axis) for i, axis in enumerate(coords))]
    parts += [(f".{name}", getattr(obj, name)) for name in names[obj.format].split()]
    if obj.format in ("csr", "csc", "bsr") and len(obj.indices) > obj.indptr[-1]:
        used = int(obj.indptr[-1])  # an unused tail is no part of the data
        parts[2:4] = [(".data", obj.data[:used]), (".indices", obj.indices[:used])]
    return parts


def frame_parts(obj: Any) -> Parts:
    """Return the parts of a pandas object; [] for anything else."""
    if not is_frame_type(type(obj)):
        return []
    import pandas as pd

    if isinstance(obj, pd.DataFrame):
        columns: Parts = [(f".iloc[:, {i}]", obj.iloc[:, i].array) for i in range(obj.shape[1])]
        return [(".index", obj.index), (".columns", obj.columns), *_marks(obj), *columns]
    if isinstance(obj, pd.Series):
        return [(".index", obj.index), (".name", obj.name), *_marks(obj), (".array", obj.array)]
    if isinstance(obj, pd.Index):
        return _index(obj)
    if hasattr(obj, "_from_sequence"):
        return _array(obj)
    if isinstance(obj, pd.Timestamp | pd.Timedelta):
        return [(".unit", obj.unit), (".value", int(obj.asm8.view("i8"))), ("<repr>", repr(obj)), *_fold(obj)]
    if isinstance(obj, pd.Interval):
        return [(".left", obj.left), (".right", obj.right), (".closed", obj.closed)]
    if isinstance(obj, pd.CategoricalDtype):
        return [(".categories", obj.categories), (".ordered", obj.ordered)]
    if isinstance(obj, pd.StringDtype):
        return [(".storage", obj.storage), (".na_value", getattr(obj, "na_value", pd.NA))]
    if isinstance(obj, pd.SparseDtype):
        return [(".subtype", obj.subtype), (".fill_value", obj.fill_value)]
    return [("<repr>", repr(obj))]


def _fold(obj: Any) -> Parts:
    return [(".fold", obj.fold), (".tzinfo", obj.tzinfo)] if hasattr(obj, "fold") else []


def _marks(obj: Any) -> Parts:
    return [(".attrs", dict(obj.attrs)), (".flags", obj.flags.allows_duplicate_labels)]


def _index(obj: Any) -> Parts:
    import pandas as pd

    names: Parts = [(".names", list(obj.names))]
    if isinstance(obj, pd.RangeIndex):
        return [*names, (".start", obj.start), (".stop", obj.stop), (".step", obj.step)]
    if isinstance(obj, pd.MultiIndex):
        levels: Parts = [(f".levels[{i}]", level) for i, level in enumerate(obj.levels)]
        return names + levels + [(f".codes[{i}]", np.array(codes)) for i, codes in enumerate(obj.codes)]
    freq: Parts = [(".freq", repr(obj.freq))] if isinstance(obj, pd.DatetimeIndex | pd.TimedeltaIndex) else []
    return [*names, *freq, (".array", obj.array)]


def _array(obj: Any) -> Parts:
    """Return the parts of an extension array; storage is copied, so sharing inside pandas does not count."""
    import pandas as pd

    dtype: Parts = [(".dtype", obj.dtype)]
    if isinstance(obj, pd.Categorical):
        return [*dtype, (".codes", np.array(obj.codes))]
    if isinstance(obj, pd.arrays.IntervalArray):
        return [*dtype, (".left", obj.left), (".right", obj.right)]
    if hasattr(obj, "sp_index"):
        return [*dtype, (".length", len(obj)), (".values", np.array(obj.sp_values)),
                (".indices", np.array(obj.sp_index.indices))]  # fmt: skip
    if hasattr(obj, "asi8"):
        return [*dtype, (".asi8", np.array(obj.asi8))]
    if hasattr(obj, "_mask") and hasattr(obj, "_data"):
        return [*dtype, (".data", np.where(obj._mask, 0, obj._data)), (".mask", np.array(obj._mask))]
    if hasattr(obj, "__arrow_array__") and hasattr(obj, "_pa_array"):
        return [*dtype, (".type", str(obj._pa_array.type)), (".list", obj._pa_array.to_pylist())]
    if isinstance(obj.dtype, pd.StringDtype):
        return [*dtype, (".list", [None if item is obj.dtype.na_value else item for item in obj])]
    return [*dtype, (".numpy", np.array(obj.to_numpy(copy=True)))]
