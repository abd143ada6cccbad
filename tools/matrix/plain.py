"""Answers as plain data that every version of NumPy and pandas can read again, and how two of them compare.

The matrix does not take Amber's word for a verdict: what a model answered before it was saved is kept beside the
artifact and compared here, by a rule of its own, for every method and not for the recorded cases alone.
"""

from __future__ import annotations

import hashlib
import pickle
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp

# Relative to the largest value of an answer. Wider than the rule of replay: other libraries sum in another order, and
# what is not replayed is often worse conditioned (a standard deviation is the root of a small difference).
_TOLERANCE = {8: 1e-5, 4: 1e-3, 2: 1e-1}
# Drawn at random: through a decomposition whose signs rounding decides.
_DRAWN = ("sample", "sample_y")


def plain(value: Any) -> Any:
    """Return lists, tuples, strings, numbers and numeric arrays that hold what `value` holds."""
    if isinstance(value, pd.DataFrame):
        names = [plain(name) for name in value.columns]
        return ("frame", names, plain(value.index), [plain(value.iloc[:, at]) for at in range(value.shape[1])])
    if isinstance(value, pd.Series | pd.Index):
        return plain(value.to_numpy(dtype=object, na_value=None) if _worded(value.dtype) else value.to_numpy())
    if sp.issparse(value):
        return ("sparse", plain(value.toarray()))
    if isinstance(value, np.ndarray):
        if value.dtype.kind in "biufc":
            return np.ascontiguousarray(value)
        return ("objects", value.shape, [_cell(cell) for cell in value.ravel().tolist()])
    if isinstance(value, dict):
        return ("dict", [(plain(name), plain(each)) for name, each in value.items()])
    if isinstance(value, set | frozenset):
        return ("set", sorted(map(repr, value)))
    if isinstance(value, list | tuple):
        return ("items", [plain(each) for each in value])
    return _cell(value)


def _worded(dtype: Any) -> bool:
    return not isinstance(dtype, np.dtype) or dtype.kind not in "biufc"


def _cell(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or (isinstance(value, float) and np.isnan(value)) or value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, np.ndarray | list | tuple | dict):
        return plain(value)
    return value if isinstance(value, bool | int | float | complex | str | bytes) else repr(value)


def digest(*values: Any) -> str:
    """Return a fingerprint of inputs that is the same under every library version."""
    return hashlib.blake2b(pickle.dumps([_bytes(plain(value)) for value in values], protocol=5)).hexdigest()


def _bytes(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.dtype.kind, value.dtype.itemsize, value.shape, value.tobytes()
    return [_bytes(each) for each in value] if isinstance(value, list | tuple) else value


def differences(expected: dict[str, Any], got: dict[str, Any]) -> list[str]:
    """Return one line for each method whose answer is another, or that is there no more."""
    lines = []
    for method, answer in expected.items():
        if method in _DRAWN:
            continue
        found = difference(answer, got[method]) if method in got else "is missing"
        if found:
            lines.append(f"{method}: {found}")
    return lines


def difference(expected: Any, got: Any) -> str:
    """Return how one plain answer differs from another; empty where it does not."""
    if isinstance(expected, np.ndarray):
        return _arrays(expected, got)
    if isinstance(expected, list | tuple):
        if type(expected) is not type(got) or len(expected) != len(got):
            return f"is {_shown(got)} instead of {_shown(expected)}"
        return next((line for line in map(difference, expected, got) if line), "")
    if isinstance(expected, float) and isinstance(got, float):
        return "" if abs(expected - got) <= 1e-5 * max(abs(expected), 1e-5) else f"is {got!r} instead of {expected!r}"
    return "" if type(expected) is type(got) and expected == got else f"is {_shown(got)} instead of {_shown(expected)}"


def _arrays(expected: Any, got: Any) -> str:
    if not isinstance(got, np.ndarray) or got.shape != expected.shape or got.dtype.kind != expected.dtype.kind:
        return f"is {_shown(got)} instead of {_shown(expected)}"
    if expected.dtype.kind not in "fc":
        wrong = int(np.count_nonzero(expected != got))
        return f"differs in {wrong} of {expected.size} places" if wrong else ""
    finite = np.isfinite(expected)
    same = (expected == got) | (np.isnan(expected) & np.isnan(got))
    if not (finite == np.isfinite(got)).all() or not same[~finite].all():
        return "differs in what is not finite"
    scale = float(np.abs(expected[finite]).max(initial=0.0))
    off = float(np.abs(expected[finite] - got[finite]).max(initial=0.0))
    size = min(expected.dtype.itemsize, got.dtype.itemsize, 8)
    return f"is off by {off / (scale or 1.0):.1e} of the largest" if off > _TOLERANCE[size] * (scale or 1.0) else ""


def _shown(value: Any) -> str:
    return f"{value.dtype} of shape {value.shape}" if isinstance(value, np.ndarray) else repr(value)[:80]
