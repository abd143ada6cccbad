"""Which adapter serves which library: a closed table of names, imported when a type of theirs is first met."""

from __future__ import annotations

import importlib
from functools import cache
from typing import cast

from amber.adapters.protocol import Adapter

# library (as the vocabulary names it) -> module that holds `ADAPTER`
_MODULES = {
    "python": "amber.adapters.python",
    "numpy": "amber.adapters.numpy",
    "scipy": "amber.adapters.scipy",
    "pandas": "amber.adapters.pandas",
    "scikit-learn": "amber.adapters.sklearn",
    "xgboost": "amber.adapters.xgboost",
    "lightgbm": "amber.adapters.lightgbm",
}


@cache
def adapter(library: str) -> Adapter:
    """Return the adapter of a library named in the vocabulary."""
    return cast("Adapter", importlib.import_module(_MODULES[library]).ADAPTER)


def refusal_hint(type_name: str) -> str:
    """Return what to use instead of a class that is known and never data (`pathlib.PosixPath`); empty for others."""
    tables = (getattr(adapter(library), "refusals", {}) for library in _MODULES)
    return next((table[type_name] for table in tables if type_name in table), "")


def adapters() -> list[Adapter]:
    """Return all adapters (the contract suite runs over them)."""
    return [adapter(library) for library in _MODULES]
