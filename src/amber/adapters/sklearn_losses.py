"""Loss functions in native code: what they are made from is all they hold.

The Python classes around them (`HalfBinomialLoss`, links, intervals) are ordinary objects and need nothing here.
"""

from __future__ import annotations

from typing import Any

_PARAMETERS = ("quantile", "delta", "power")
_SGD_PARAMETERS = {
    "Hinge": "threshold",
    "SquaredHinge": "threshold",
    "EpsilonInsensitive": "epsilon",
    "SquaredEpsilonInsensitive": "epsilon",
    "Huber": "c",
}


class LossState:
    """`sklearn._loss._loss.Cy...`: at most one parameter, readable as an attribute."""

    def take(self, obj: Any) -> dict[str, Any]:
        """Return the parameter by its name, if the loss has one."""
        return {name: float(getattr(obj, name)) for name in _PARAMETERS if hasattr(obj, name)}

    def rebuild(self, cls: type, state: dict[str, Any]) -> Any:
        """Return a loss made with that parameter."""
        return cls(**{name: float(value) for name, value in state.items()})


class SgdLossState:
    """Losses of stochastic gradient descent: at most one parameter, which only `__reduce__` shows.

    scikit-learn 1.6 replaced `Log`, `SquaredLoss` and `Huber` by the losses above, so the vocabulary gives them those
    targets from there on; the parameter is therefore passed by position. It matters to nothing but its type:
    `partial_fit` makes a new loss from the estimator's `loss` each time, and predicting does not use it.
    """

    def take(self, obj: Any) -> dict[str, Any]:
        """Return the parameter by its name, if the loss has one."""
        values = obj.__reduce__()[1]
        name = _SGD_PARAMETERS.get(type(obj).__name__)
        return {name: float(values[0])} if name is not None else {}

    def rebuild(self, cls: type, state: dict[str, Any]) -> Any:
        """Return a loss made with that parameter."""
        return cls(*[float(value) for value in state.values()])
