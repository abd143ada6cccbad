"""The caller's metrics and metadata as the manifest holds them: integers and strings, floats as their repr."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from amber.errors import UsageError
from amber.tree.codec import SAFE_INTEGER

_MAX_DEPTH = 32


def json_facts(facts: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return plain data in the manifest's subset: floats and integers beyond 2^53-1 become strings.

    Raises:
        UsageError: `metadata-invalid`: a key that is no str, or a value that is not plain data.
    """
    if not isinstance(facts, Mapping):
        raise UsageError("metadata-invalid", f"{where} must be a dict, not {type(facts).__name__}", where=where)
    return {_key(key, where): _value(value, f"{where}.{key}", 0) for key, value in facts.items()}


def _key(key: Any, where: str) -> str:
    if not isinstance(key, str):
        raise UsageError("metadata-invalid", f"the key {key!r} is not a str", where=where)
    return str(key)


def _value(value: Any, where: str, depth: int) -> Any:
    if depth > _MAX_DEPTH:
        raise UsageError("metadata-invalid", "nested too deeply", where=where)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str(value)
    if hasattr(value, "item") and getattr(value, "ndim", None) == 0:  # NumPy scalars
        value = value.item()
        if value is None or isinstance(value, bool | str):
            return value
    if isinstance(value, int):
        return value if abs(value) <= SAFE_INTEGER else str(value)
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, Mapping):
        return {_key(key, where): _value(each, f"{where}.{key}", depth + 1) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_value(each, f"{where}[{i}]", depth + 1) for i, each in enumerate(value)]
    raise UsageError(
        "metadata-invalid",
        f"a {type(value).__name__} is not plain data",
        where=where,
        hint="use str, numbers, bool, None, lists and dicts",
    )


def metric_facts(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Return metrics as the manifest holds them.

    Raises:
        UsageError: `metric-invalid`: not a number, or not finite.
    """
    result: dict[str, Any] = {}
    if not isinstance(metrics, Mapping):
        raise UsageError("metric-invalid", "metrics must be a dict of numbers", where="metrics")
    for key, value in metrics.items():
        number = value.item() if hasattr(value, "item") and getattr(value, "ndim", 0) == 0 else value
        if isinstance(number, bool) or not isinstance(number, int | float) or not math.isfinite(number):
            raise UsageError("metric-invalid", f"{value!r} is not a finite number", where=f"metrics.{key}")
        result[_key(key, "metrics")] = _value(number, f"metrics.{key}", 0)
    return result
