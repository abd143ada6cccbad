"""What is written differently than it stands in a live estimator, and the sentence that says so.

Nothing here modifies the caller's object: a changed state is a copy of its `__dict__`. What is merely volatile (the
address in `_stop_words_id`) stands in the vocabulary, without a word; here is what a person should know about.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from amber.adapters.protocol import Prepared

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_CALLBACKS = ("_skl_callbacks", "_skl_callbacks_to_teardown", "_callback_fit_ctx", "_parent_callback_ctx")


def prepare(obj: Any) -> Prepared:
    """Return the attributes to write for a scikit-learn object."""
    state: Mapping[str, Any] = vars(obj)
    notes: list[str] = []
    if state.get("memory") is not None:
        state = {**state, "memory": None}
        notes.append("the cache folder in memory= is not kept: it means something on this machine only")
    if any(name in state for name in _CALLBACKS):
        state = {name: value for name, value in state.items() if name not in _CALLBACKS}
        notes.append("callbacks are not kept: they belong to the process that fits")
    special = _BY_CLASS.get(type(obj).__name__)
    if special is not None:
        state = special(state, notes)
    return Prepared(state, tuple(notes))


def _column_transformer(state: Mapping[str, Any], notes: list[str]) -> Mapping[str, Any]:
    """A fitted ColumnTransformer's callable selectors become the columns they chose."""
    columns, given = state.get("_columns"), state.get("transformers")
    if not isinstance(columns, list) or not isinstance(given, list | tuple) or len(columns) != len(given):
        return state
    resolved, names = [], []
    for entry, chosen in zip(given, columns, strict=True):
        if len(entry) == 3 and callable(entry[2]):
            names.append(str(entry[0]))
            resolved.append((entry[0], entry[1], chosen))
        else:
            resolved.append(entry)
    if not names:
        return state
    notes.append(f"the column selectors of {', '.join(names)} are written as the columns they chose at fit")
    return {**state, "transformers": resolved if isinstance(given, list) else tuple(resolved)}


def _histogram_boosting(state: Mapping[str, Any], notes: list[str]) -> Mapping[str, Any]:
    """Early stopping with a scorer leaves the class's own method in the instance."""
    return {name: value for name, value in state.items() if name != "_raw_predict"}


def _support_vectors(state: Mapping[str, Any], notes: list[str]) -> Mapping[str, Any]:
    """Fitted on sparse rows, scikit-learn leaves memory that nobody wrote where the number of support vectors stands.

    Of dense rows it writes the number twice; so do we.
    """
    known = state.get("_n_support")
    if not state.get("_sparse") or known is None or "support_" not in state:
        return state
    return {**state, "_n_support": (known * 0 + len(state["support_"])).astype(known.dtype)}


_BY_CLASS: dict[str, Callable[[Mapping[str, Any], list[str]], Mapping[str, Any]]] = {
    "ColumnTransformer": _column_transformer,
    "HistGradientBoostingClassifier": _histogram_boosting,
    "HistGradientBoostingRegressor": _histogram_boosting,
    "NuSVR": _support_vectors,
    "OneClassSVM": _support_vectors,
    "SVR": _support_vectors,
}
