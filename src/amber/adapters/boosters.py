"""What the adapters of XGBoost and LightGBM share: native bytes as an array, parameters that a predict hands on.

A booster's state is its own published form in one array of bytes. It is read and followed by `tree.natives` before
the library sees it: at save, so that nothing is written that cannot be read, and with the values of a file (step 6).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from amber.adapters.protocol import Prepared
from amber.errors import AuditError, SaveError

_TEXT_CHARS = 4096
_CALLBACKS = "callbacks are not kept: they belong to the process that fits"


def written(data: bytes, read: Callable[[bytes], Any], kind: str) -> np.ndarray[Any, Any]:
    """Return a booster's bytes as an array, after reading them as a reader will.

    Raises:
        SaveError: They hold what Amber does not know how to check.
    """
    try:
        read(data)
    except AuditError as error:
        raise SaveError(
            error.code,
            f"this {kind} cannot be checked, so it is not written: {error.where}: {error.message}",
            hint="objectives of your own and trees with vectors in their leaves are not supported",
        ) from error
    return np.frombuffer(data, dtype=np.uint8)


def bytes_of(arrays: Mapping[str, Any]) -> bytes:
    """Return the native bytes of a state."""
    return np.ascontiguousarray(arrays["native"]).tobytes()


def without_callbacks(state: Mapping[str, Any]) -> Prepared:
    """Return the attributes of an estimator, its callbacks left out."""
    if state.get("callbacks") is None:
        return Prepared(state)
    return Prepared({**state, "callbacks": None}, (_CALLBACKS,))


def check_plain(where: str, parameters: Any, names: frozenset[str]) -> None:
    """Refuse parameters beyond a closed list, or text that a library would read as several parameters.

    Raises:
        AuditError: With the parameter.
    """
    for name, value in parameters.items():
        if name not in names:
            raise AuditError("attribute-unknown", f"{name} is not a parameter that Amber knows", where=where)
        for each in value if isinstance(value, list | tuple) else [value]:
            text = isinstance(each, str)
            if not text and each is not None and not isinstance(each, bool | int | float | np.generic | list | tuple):
                raise AuditError("kind-mismatch", f"{name} holds a {type(each).__name__}", where=where)
            if text and (len(each) > _TEXT_CHARS or not each.isprintable() or " " in each or "=" in each):
                raise AuditError("string-not-allowed", f"{name} is not one plain word", where=where)
