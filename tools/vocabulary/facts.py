"""Facts about one installed scikit-learn, for the generator: run under that version's interpreter.

    python tools/vocabulary/facts.py OUT.json

Needs nothing but scikit-learn. For each class that can stand in a fitted model: its documented path, where it is
defined, its constructor parameters with the strings scikit-learn itself accepts for them, every attribute that its
source or that of its bases assigns, and which of those names the class already uses for a method or property.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import pkgutil
import sys
import warnings
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

# Classes that are no estimators, kernels or splitters but are found in fitted models.
HELPERS = {
    "sklearn._loss.link": (
        "Interval", "IdentityLink", "LogLink", "LogitLink", "HalfLogitLink", "MultinomialLogit",
    ),
    "sklearn._loss.loss": (
        "HalfSquaredError", "AbsoluteError", "PinballLoss", "HuberLoss", "HalfPoissonLoss", "HalfGammaLoss",
        "HalfTweedieLoss", "HalfTweedieLossIdentity", "HalfBinomialLoss", "HalfMultinomialLoss", "ExponentialLoss",
    ),
    "sklearn.calibration": ("_CalibratedClassifier",),
    "sklearn.cluster._birch": ("_CFNode", "_CFSubcluster"),
    "sklearn.cluster._bisect_k_means": ("_BisectingTree",),
    "sklearn.compose._column_transformer": ("make_column_selector",),
    "sklearn.metrics._scorer": (
        "_Scorer", "_CurveScorer", "_PassthroughScorer", "_MultimetricScorer",
    ),
    "sklearn.model_selection._classification_threshold": ("_CurveScorer",),
    "sklearn.model_selection._search": ("ParameterGrid", "ParameterSampler"),
    "sklearn.model_selection._split": ("_CVIterableWrapper",),
    "sklearn.neural_network._stochastic_optimizers": ("AdamOptimizer", "SGDOptimizer"),
    "sklearn.utils._metadata_requests": ("MetadataRequest", "MethodMetadataRequest"),
}  # fmt: skip
# What scikit-learn's own machinery assigns from outside the class.
ANY_ESTIMATOR = (
    "_metadata_request",
    "_n_features_out",
    "_sklearn_output_config",
    "feature_names_in_",
    "n_features_in_",
)
_SKIPPED = (
    "tests",
    "externals",
    "datasets",
    "conftest",
    "_build_utils",
    "__check_build",
    "estimator_checks",
    "callback",
    "_mocking",
    "_testing",
)


def modules() -> list[Any]:
    """Return every importable module of scikit-learn that can define a part of a model."""
    import sklearn

    found = [sklearn]
    for info in pkgutil.walk_packages(sklearn.__path__, "sklearn."):
        if any(part in _SKIPPED or part.endswith("_test_common") for part in info.name.split(".")):
            continue
        try:
            found.append(importlib.import_module(info.name))
        except ImportError:
            continue
    return found


def public_path(cls: type, found: list[Any]) -> str | None:
    """Return the shortest path without private parts under which a class is documented."""
    paths = [
        f"{module.__name__}.{cls.__name__}"
        for module in found
        if not any(part.startswith("_") for part in module.__name__.split("."))
        and getattr(module, cls.__name__, None) is cls
        and (cls.__name__ in getattr(module, "__all__", ()) or cls.__module__ == module.__name__)
    ]
    named = [path for path in paths if not cls.__name__.startswith("_")]
    return min(named, key=lambda path: (path.count("."), path)) if named else None


def private_path(cls: type) -> str:
    """Return Amber's identifier for a class without a documented path: `sklearn:area.Name`."""
    area = cls.__module__.split(".")[1].lstrip("_")
    return f"sklearn:{area}.{cls.__name__.lstrip('_')}"


def wanted(module: Any) -> list[type]:
    """Return the classes that `module` defines and that can stand in a fitted model."""
    from sklearn.base import BaseEstimator
    from sklearn.gaussian_process.kernels import Kernel

    helpers = HELPERS.get(module.__name__, ())
    chosen = []
    for cls in vars(module).values():
        if not isinstance(cls, type) or cls.__module__ != module.__name__ or inspect.isabstract(cls):
            continue
        splitter = module.__name__ == "sklearn.model_selection._split" and hasattr(cls, "split")
        base = cls.__name__.startswith(("Base", "_Base", "_Repeated", "_Unsupported"))
        if cls.__name__ in helpers or (not base and (issubclass(cls, BaseEstimator | Kernel) or splitter)):
            chosen.append(cls)
    return chosen


@cache
def assignments(module: str) -> dict[str, set[str]]:
    """Return, for the source of a module, class name -> names that its methods assign to self."""
    tree = ast.parse(inspect.getsource(importlib.import_module(module)))
    return {top.name: set(_assigned(top)) for top in tree.body if isinstance(top, ast.ClassDef)}


def _assigned(top: ast.ClassDef) -> Iterator[str]:
    for node in ast.walk(top):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and isinstance(node.value, ast.Name):
            if node.value.id == "self":
                yield _mangled(top.name, node.attr)
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "setattr" and len(node.args) == 3:
            name = node.args[1]
            if isinstance(name, ast.Constant) and isinstance(name.value, str):
                yield name.value


def _mangled(owner: str, name: str) -> str:
    """Return the name an attribute really has: `self.__Xfit` in `_BaseLibSVM` is `_BaseLibSVM__Xfit`."""
    private = name.startswith("__") and not name.endswith("__")
    return f"_{owner.lstrip('_')}{name}" if private else name


def describe(cls: type) -> dict[str, Any]:
    """Return the facts about one class."""
    from sklearn.base import BaseEstimator

    own: set[str] = set()
    for each in cls.__mro__:
        if each.__module__.startswith("sklearn"):
            own |= assignments(each.__module__).get(each.__name__, set())
    parameters = _parameters(cls)
    own |= set(parameters)
    if issubclass(cls, BaseEstimator):
        own |= set(ANY_ESTIMATOR)
        if hasattr(cls, "partial_fit") and hasattr(cls, "predict"):
            own.add("classes_")  # assigned by sklearn.utils.multiclass
    taken = sorted(name for name in own if _is_descriptor(cls, name))
    return {
        "module": cls.__module__,
        "name": cls.__qualname__,
        "parameters": parameters,
        "attributes": sorted(own - set(taken)),
        "taken": taken,
        "state": sorted(_own_state(cls)),
    }


def _is_descriptor(cls: type, name: str) -> bool:
    found = inspect.getattr_static(cls, name, None)
    return name.startswith("__") or callable(found) or hasattr(type(found), "__get__")


def _own_state(cls: type) -> set[str]:
    names = ("__reduce__", "__reduce_ex__", "__getstate__", "__setstate__", "__getnewargs__")
    return {
        name
        for name in names
        for each in cls.__mro__
        if name in vars(each) and each.__name__ not in ("object", "BaseEstimator", "ABC", "_HTMLDocumentationLinkMixin")
    }


def _parameters(cls: type) -> dict[str, Any]:
    """Return constructor parameter -> the strings scikit-learn accepts for it; null where it does not say."""
    if cls.__init__ is object.__init__:
        return {}
    names = [
        parameter.name
        for parameter in inspect.signature(cls.__init__).parameters.values()
        if parameter.name != "self" and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ]
    constraints = getattr(cls, "_parameter_constraints", {})
    return {name: _strings(constraints.get(name)) for name in names}


def _strings(constraint: Any) -> list[str] | None:
    """Return the closed list of strings in one of scikit-learn's parameter constraints, if it is closed."""
    if not isinstance(constraint, list):
        return None
    values: set[str] = set()
    for each in constraint:
        if each is str or each == "no_validation":
            return None
        kind = type(each).__name__
        if kind in ("StrOptions", "Options") and getattr(each, "type", str) is str:
            values |= set(each.options)
        elif kind == "Hidden":
            inner = _strings([each.constraint])
            values |= set(inner or ())
        elif kind == "MissingValues":
            return None
    return sorted(values)


def functions() -> dict[str, list[str]]:
    """Return identifier -> where the installed version defines the function (module, name)."""
    sys.path.insert(0, str(Path(__file__).parent))
    from sklearn_functions import groups

    found: dict[str, list[str]] = {}
    for name in groups():
        module, _, attribute = name.rpartition(".")
        function = getattr(importlib.import_module(module), attribute, None)
        if function is not None:
            found[name] = [function.__module__, function.__qualname__]
    return found


def collect() -> dict[str, Any]:
    """Return all facts about the installed scikit-learn."""
    import sklearn

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = modules()
        facts: dict[str, Any] = {}
        for module in found:
            for cls in wanted(module):
                identifier = public_path(cls, found) or private_path(cls)
                if identifier in facts and facts[identifier]["module"] != cls.__module__:
                    raise SystemExit(f"{identifier} stands for two classes: {cls} and {facts[identifier]}")
                facts[identifier] = describe(cls)
    return {"version": sklearn.__version__, "classes": dict(sorted(facts.items())), "functions": functions()}


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps(collect(), indent=1, sort_keys=True) + "\n")
