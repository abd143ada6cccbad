"""The user's own classes and functions: named exactly, allowed by the reader, rebuilt without running their code.

Called by `take` (names and the line to add) and by `build` (import, after every check has passed).
"""

from __future__ import annotations

import importlib
import types
from typing import Any

import numpy as np

from amber.errors import AuditError, BuildError, SaveError

FUNCTION_TYPES = (
    types.FunctionType, types.BuiltinFunctionType, types.MethodType, types.MethodDescriptorType,
    types.WrapperDescriptorType, types.MethodWrapperType, np.ufunc, type(np.concatenate),
)  # fmt: skip
_STATE_METHODS = ("__reduce__", "__reduce_ex__", "__getstate__", "__setstate__", "__getnewargs__", "__getnewargs_ex__")
_HEAP_TYPE = 1 << 9  # Py_TPFLAGS_HEAPTYPE: set for classes made by a `class` statement
# Their state methods only add or drop a version number; `__dict__` is the whole state.
_PLAIN_BASES = frozenset({"sklearn.base.BaseEstimator", "builtins.object"})


def function_home(function: Any) -> tuple[str, str]:
    """Return (module, qualified name) under which a function can be found again.

    Raises:
        SaveError: It is a lambda, a closure, a bound method or has no name.
    """
    if isinstance(function, np.ufunc):
        module = "numpy" if getattr(np, function.__name__, None) is function else "scipy.special"
        return module, function.__name__
    module = str(getattr(function, "__module__", None) or "builtins")
    name = str(getattr(function, "__qualname__", None) or getattr(function, "__name__", ""))
    owner = getattr(function, "__self__", None)
    if owner is not None and not isinstance(owner, types.ModuleType):
        raise SaveError(
            "function-refused", f"the bound method {name} cannot be data", hint="use a module-level function"
        )
    return module, name


def allowed_name(thing: Any, allow: frozenset[str]) -> str:
    """Return the exact name of the caller's class or function if the policy allows it.

    Raises:
        SaveError: It can never be named, or the caller has not allowed it; the hint says what to write.
    """
    module, name = (thing.__module__, thing.__qualname__) if isinstance(thing, type) else function_home(thing)
    what = "class" if isinstance(thing, type) else "function"
    full = f"{module}.{name}"
    if name == "<lambda>" or "<lambda>" in name:
        raise SaveError(
            "function-refused",
            "a lambda cannot be data",
            hint="use a named function of a module of yours and allow it, or a NumPy function such as numpy.log1p",
        )
    if module == "__main__" or "<locals>" in name:
        raise SaveError(
            "name-not-importable",
            f"the {what} {full} cannot be found again by another process",
            hint="move it to a module of your own package, then allow it: "
            f'Policy(allow=["mypkg.module.{name.split(".")[-1]}"])',
        )
    if full not in allow:
        raise SaveError(
            "name-not-allowed",
            f"the {what} {full} is not part of Amber's vocabulary",
            hint=f'if it is yours, say so at save and at load: policy=amber.Policy(allow=["{full}"]) '
            f"(command line: --allow {full})",
        )
    return full


def check_possible(cls: type) -> None:
    """Check that `cls` is a class somebody wrote in Python: open files, generators, modules, locks never are data.

    Raises:
        SaveError: `type-refused`.
    """
    if not cls.__flags__ & _HEAP_TYPE:
        raise SaveError(
            "type-refused",
            f"a {cls.__module__}.{cls.__qualname__} cannot be data",
            hint="replace it by plain values, arrays or an estimator",
        )


def check_class(cls: type, name: str) -> None:
    """Check that instances of a caller's class are their `__dict__` and nothing more.

    Raises:
        SaveError: `class-needs-adapter`: it keeps state elsewhere or changes how it is restored.
    """
    reason = refusal(cls)
    if reason:
        raise SaveError(
            "class-needs-adapter",
            f"{name} {reason}, so its __dict__ is not its whole state",
            hint="keep all state in plain attributes, or write an adapter (CONTRIBUTING.md)",
        )


def refusal(cls: type) -> str:
    """Return why instances of `cls` cannot be rebuilt from `__dict__`, or an empty string."""
    for base in cls.__mro__:
        full = f"{base.__module__}.{base.__qualname__}"
        if full in _PLAIN_BASES:
            continue
        if not base.__flags__ & _HEAP_TYPE:
            return f"derives from {full}"
        if full.startswith("sklearn."):  # scikit-learn's own mixins and estimators are plain Python
            continue
        for method in _STATE_METHODS:
            if method in vars(base):
                return f"defines {method} (in {full})"
        if vars(base).get("__slots__"):
            return f"defines __slots__ (in {full})"
    return ""


def find(name: str) -> Any:
    """Import what a policy allows by exact name. Called only after every check of the artifact has passed.

    Raises:
        BuildError: `custom-missing`: it is not there in this environment.
        AuditError: `name-not-allowed`: the name leads to something that calls itself otherwise.
    """
    module, _, attribute = name.rpartition(".")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except Exception as error:
        raise BuildError(
            "custom-missing",
            f"{name} cannot be imported: {type(error).__name__}: {error}",
            hint="install the package that defines it, or run where it can be imported",
        ) from error
    home = (found.__module__, found.__qualname__) if isinstance(found, type) else function_home(found)
    full = ".".join(home)
    if full != name:
        raise AuditError("name-not-allowed", f"{name} is really {full}", hint=f"allow {full} if that is meant")
    return found
