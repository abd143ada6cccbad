"""Whether an estimator is fitted, and what the manifest says about it."""

from __future__ import annotations

import inspect
import math
from typing import Any

import numpy as np

from amber.adapters.protocol import Description

_TEXT_CHARS = 200  # one hyperparameter
_HYPERPARAMETERS = 512
_CLASSES = 4096
_FEATURES = 65_536
_ITEMS = 16  # shown of one list
_SAFE_INTEGER = 2**53 - 1
_KINDS = {
    "classifier": "classifier",
    "regressor": "regressor",
    "clusterer": "clusterer",
    "outlier_detector": "outlier-detector",
    "DensityEstimator": "density",
    "density_estimator": "density",
    "transformer": "transformer",
}
# Before scikit-learn 1.6 these have nothing to fit and do not say so where check_is_fitted looks.
_STATELESS = frozenset(
    {
        "AdditiveChi2Sampler",
        "Binarizer",
        "FeatureHasher",
        "HashingVectorizer",
        "Normalizer",
        "PatchExtractor",
        "SparseCoder",
    }
)

Shown = str | int | bool | None


def fitted(obj: Any, path: str = "") -> str | None:
    """Return None for an object that can be saved as a model, else which part is not fitted and what to call.

    Only scikit-learn's own classes are judged: of a class of the caller's nobody but the caller knows.
    Parts of pipelines and unions are asked one by one, so that the message names the step.
    """
    if not type(obj).__module__.startswith("sklearn."):
        return None
    parts = _parts(obj)
    if parts is not None:
        found = (fitted(part, f"{path}{name}") for name, part in parts)
        missing = next((line for line in found if line is not None), None)
        if missing is not None and path == "":
            return f"{missing}; call {_call(obj)} first"
        return missing
    if not hasattr(obj, "fit") or _is_fitted(obj):
        return None
    what = f"{path} ({type(obj).__name__})" if path else f"this {type(obj).__name__}"
    return f"{what} is not fitted" + ("" if path else f": call {_call(obj)} first")


def _parts(obj: Any) -> list[tuple[str, Any]] | None:
    """Steps of a Pipeline and parts of a FeatureUnion, without the words that stand for an estimator."""
    name = type(obj).__name__
    if name == "Pipeline":
        listed = [(f"steps[{i}]", step[1]) for i, step in enumerate(obj.steps)]
    elif name == "FeatureUnion":
        listed = [(f"transformer_list[{i}]", each[1]) for i, each in enumerate(obj.transformer_list)]
    else:
        return None
    return [(where, part) for where, part in listed if part is not None and not isinstance(part, str)]


def _is_fitted(obj: Any) -> bool:
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    try:
        check_is_fitted(obj)
    except NotFittedError:
        return type(obj).__name__ in _STATELESS
    except (TypeError, AttributeError):  # a class, or a meta-estimator without its estimator
        return True
    return True


def _call(obj: Any) -> str:
    """`fit(X, y)` as the class spells it: the parameters without a default."""
    try:
        parameters = inspect.signature(obj.fit).parameters.values()
    except (TypeError, ValueError):
        return "fit(X)"
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    needed = [p.name for p in parameters if p.default is p.empty and p.kind in positional]
    if type(obj).__name__ == "Pipeline" and needed == ["X"] and kind(obj) in ("classifier", "regressor"):
        needed.append("y")
    return f"fit({', '.join(needed)})"


def kind(obj: Any) -> str:
    """Return what sort of model an object is, as scikit-learn's tags say it."""
    found = _KINDS.get(str(_estimator_type(obj)), "")
    if found:
        return found
    if hasattr(obj, "score_samples") and hasattr(obj, "sample"):  # KernelDensity has no tag of its own
        return "density"
    return "transformer" if hasattr(obj, "transform") or hasattr(obj, "fit_transform") else "other"


def _estimator_type(obj: Any) -> Any:
    try:
        from sklearn.utils import get_tags
    except ImportError:  # before 1.6 the tag is an attribute
        return getattr(obj, "_estimator_type", None)
    try:
        return get_tags(obj).estimator_type
    except Exception:  # a class without tags, or whose tags ask an estimator that is missing
        return getattr(obj, "_estimator_type", None)


def describe(obj: Any) -> Description:
    """Return kind, hyperparameters, feature names and classes of a fitted model."""
    names = _attribute(obj, "feature_names_in_")
    count = _attribute(obj, "n_features_in_")
    return Description(
        kind=kind(obj),
        hyperparameters=_hyperparameters(obj),
        feature_names=None if names is None or len(names) > _FEATURES else tuple(str(name) for name in names),
        n_features=int(count) if isinstance(count, int | np.integer) else None,
        classes=_classes(_attribute(obj, "classes_")),
    )


def _attribute(obj: Any, name: str) -> Any:
    """An attribute that may be a property of a meta-estimator whose inner one has none."""
    try:
        return getattr(obj, name, None)
    except Exception:
        return None


def _hyperparameters(obj: Any) -> dict[str, Shown]:
    try:
        parameters = obj.get_params(deep=True)
    except Exception:  # not an estimator, or one whose inner parts are not
        return {}
    names = sorted(name for name in parameters if isinstance(name, str))
    return {name: shown(parameters[name]) for name in names[:_HYPERPARAMETERS]}


def shown(value: Any) -> Shown:
    """Return a hyperparameter as JSON-safe data that is the same in every process: no address, no float."""
    if isinstance(value, np.generic) and value.ndim == 0:
        value = value.item()
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) <= _SAFE_INTEGER else str(value)[:_TEXT_CHARS]
    text = _text(value, depth=3)
    return text if len(text) <= _TEXT_CHARS else text[: _TEXT_CHARS - 3] + "..."


def _text(value: Any, depth: int) -> str:
    if isinstance(value, np.generic) and value.ndim == 0:
        value = value.item()
    if isinstance(value, str):
        return value if depth == 3 else repr(value[:_TEXT_CHARS])
    if value is None or isinstance(value, bool | int | complex | bytes):
        return repr(value)[:_TEXT_CHARS]
    if isinstance(value, float):
        return repr(float(value)) if not math.isnan(value) else "nan"
    if isinstance(value, np.ndarray):
        return f"array of {value.dtype}, shape {value.shape}"
    if isinstance(value, type):
        return f"{value.__module__}.{value.__qualname__}"
    if isinstance(value, list | tuple | dict | set | frozenset):
        return _collection(value, depth)
    name = getattr(value, "__qualname__", None) or getattr(value, "__name__", None)
    return str(name) if name is not None and callable(value) else type(value).__name__


def _collection(value: Any, depth: int) -> str:
    if depth == 0:
        return type(value).__name__
    if isinstance(value, dict):
        parts = [f"{_text(k, depth - 1)}: {_text(v, depth - 1)}" for k, v in list(value.items())[:_ITEMS]]
    else:
        parts = [
            _text(item, depth - 1) for item in list(value)[: _ITEMS if not isinstance(value, set | frozenset) else None]
        ]
    if isinstance(value, set | frozenset):
        parts = sorted(parts)[:_ITEMS]
    if len(value) > _ITEMS:
        parts.append("...")
    opening, closing = "[]" if isinstance(value, list) else "()" if isinstance(value, tuple) else "{}"
    return opening + ", ".join(parts) + closing


def _classes(value: Any) -> tuple[tuple[str | int | bool, ...], ...] | None:
    """One tuple of classes for each output; None where there are none or too many to list."""
    if value is None:
        return None
    outputs = list(value) if isinstance(value, list) else [value]
    if not outputs or not all(isinstance(each, np.ndarray) and each.ndim == 1 for each in outputs):
        return None
    if sum(len(each) for each in outputs) > _CLASSES:
        return None
    return tuple(tuple(_label(label) for label in each.tolist()) for each in outputs)


def _label(label: Any) -> str | int | bool:
    found = shown(label)
    return "None" if found is None else found
