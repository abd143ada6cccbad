"""Containers of scikit-learn that are not their `__dict__`: a dict with attributes, a named tuple, a renamed list.

And isotonic regression, whose interpolation function is made from two of its arrays and is never data.
"""

from __future__ import annotations

from typing import Any


class BunchState:
    """`Bunch`: a dict whose keys are attributes. Its table of deprecation warnings is dropped, as pickling does."""

    def take(self, obj: Any) -> dict[str, Any]:
        """Return the pairs as one dict."""
        return {"items": dict(dict.items(obj))}

    def rebuild(self, cls: Any, state: dict[str, Any]) -> Any:
        """Return a Bunch with these pairs in this order."""
        return cls(**state["items"])


class NamedTupleState:
    """Named tuples (`_ImputerTriplet`): the fields by name."""

    def take(self, obj: Any) -> dict[str, Any]:
        """Return field name -> value."""
        return dict(obj._asdict())

    def rebuild(self, cls: Any, state: dict[str, Any]) -> Any:
        """Return a tuple of class `cls`; TypeError where a field is missing or unknown."""
        return cls(**state)


class RemainderColumnsState:
    """`_RemainderColsList` of scikit-learn 1.5 and 1.6: column indices that warn when they are looked at.

    The class is gone from 1.7 on, where the same entry of `transformers_` is a plain list: that is its target there.
    """

    def take(self, obj: Any) -> dict[str, Any]:
        """Return the indices and the type they were to have later. Whether the warning was shown is not data."""
        return {"data": list(obj.data), "future_dtype": obj.future_dtype}

    def rebuild(self, cls: Any, state: dict[str, Any]) -> Any:
        """Return the list as this version has it."""
        if cls is list:
            return list(state["data"])
        return cls(list(state["data"]), future_dtype=state["future_dtype"])


class IsotonicState:
    """`IsotonicRegression`: its attributes without `f_`, which is an interpolation object or a lambda.

    scikit-learn's own `__getstate__` and `__setstate__` do the same.
    """

    def take(self, obj: Any) -> dict[str, Any]:
        """Return the attributes that are data."""
        return {name: value for name, value in vars(obj).items() if name != "f_"}

    def rebuild(self, cls: Any, state: dict[str, Any]) -> Any:
        """Return the regression with its interpolation function made anew."""
        model = cls.__new__(cls)
        vars(model).update(state)
        if "X_thresholds_" in state and "y_thresholds_" in state:
            model._build_f(state["X_thresholds_"], state["y_thresholds_"])
        return model


def relink_birch_node(state: dict[str, Any]) -> None:
    """Make the centroids of a Birch node views of its buffers again, as `partial_fit` expects.

    Views come back as arrays of their own (as with pickle, after which Birch learns on with stale centroids).
    """
    import numpy as np

    for part, whole in (("centroids_", "init_centroids_"), ("squared_norm_", "init_sq_norm_")):
        kept, buffer = state.get(part), state.get(whole)
        if isinstance(kept, np.ndarray) and isinstance(buffer, np.ndarray) and kept.ndim == buffer.ndim:
            front = buffer[: len(kept)]
            if np.array_equal(front, kept):
                state[part] = front
