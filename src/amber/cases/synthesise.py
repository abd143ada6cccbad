"""Inputs without a sample: rows made from what a fitted model knows of its inputs.

Means and scales of scalers, categories of encoders, words of vectorisers, split thresholds, ranges (never rows) of
stored training data. Such rows are marked `synthetic`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from amber.cases.anatomy import (
    attribute,
    boosted_in,
    inner_transformers,
    is_pipeline,
    passes_on,
    predictors_in,
    trees_in,
    walk,
)
from amber.cases.flat import flat_trees

ROWS = 64
MAX_WIDTH = 200_000
_MAX_WORDS = 400
_GENERIC = ("a", "small", "model", "of", "words", "keeps", "its", "answers", "2024", "naïve")

Column = tuple[str, Any, Any]  # ("range", low, high) | ("normal", mean, deviation) | ("categories", values, None)


def synthesised(model: Any, accepts: Callable[[Any], bool]) -> Any:
    """Return rows for a model, or None where nothing is known of its inputs.

    Args:
        model: A fitted model.
        accepts: Whether the model answers a table; the first accepted form wins, the first form if none is.
    """
    first: Any = None
    for make in (_known, _with_categories, _plain, _positive, _unit, _counts, _texts, _labels, _line, _images):
        try:
            X = make(model)
        except Exception:  # noqa: S112 - an attribute that is not what its name says: the next form is tried
            continue
        if X is None:
            continue
        first = X if first is None else first
        if accepts(X):
            return X
    return first


def words_of(model: Any) -> list[str]:
    """Return words of the model's own vocabularies (at most 400, evenly spread); they are in the model anyway."""
    for part in walk(model):
        known = attribute(part, "vocabulary_")
        if isinstance(known, dict) and known and all(isinstance(word, str) for word in list(known)[:5]):
            words = sorted(word for word in known if isinstance(word, str))
            return words[:: max(1, len(words) // _MAX_WORDS)]
    return []


def front_of(model: Any) -> Any:
    """Return the part of a model that sees the caller's rows."""
    while True:
        best = attribute(model, "best_estimator_")
        if best is not None:
            model = best
        elif is_pipeline(model):
            steps = [step for _, step in model.steps if not passes_on(step)]
            if not steps:
                return model
            model = steps[0]
        else:
            return model


def _random() -> Any:
    return np.random.RandomState(20_240_301)


def _known(model: Any) -> Any:
    """What encoders, scalers, vectorisers and trees at the front have learnt about each column."""
    front = front_of(model)
    special = _text_front(front)
    if special is not None:
        return special
    wide = _width(model) or _width(front)
    if not wide:
        return _labels(model)
    return _table(model, front, wide, _knowledge(model, front, wide))


def _with_categories(model: Any) -> Any:
    """The same with text as pandas categories, which some models ask for."""
    X = _known(model)
    if not hasattr(X, "dtypes") or not hasattr(X, "columns"):
        return None
    texts = {label: "category" for label, dtype in X.dtypes.items() if dtype.kind == "O" or str(dtype) == "str"}
    return X.astype(texts) if texts else None


def _knowledge(model: Any, front: Any, wide: int) -> dict[int, Column]:
    known: dict[int, Column] = {}
    for one in (front, attribute(front, "_preprocessor")):  # histogram boosting keeps its encoders in one
        if attribute(one, "transformers_") is not None:
            for _, part, columns in inner_transformers(one) or []:
                for position, column in zip(_positions(one, columns), _columns_of(part), strict=False):
                    known.setdefault(position, column)
    for part in walk(model):
        if _width(part) == wide and attribute(part, "_preprocessor") is None:
            for position, column in enumerate(_columns_of(part)):
                known.setdefault(position, column)
    return known


def known_categories(model: Any) -> dict[int, list[Any]]:
    """Return the values that encoders at the front know, by position of the input column."""
    front = front_of(model)
    wide = _width(model) or _width(front)
    classes = attribute(front, "classes_")
    if not wide and getattr(classes, "ndim", 0) == 1:
        return {0: classes.tolist()}
    try:
        known = _knowledge(model, front, wide) if wide else {}
    except Exception:
        return {}
    vectorised = _is_vectoriser(front)
    return {position: list(first) for position, (kind, first, _) in known.items()
            if kind == "categories" and not vectorised and len(first) < ROWS}  # fmt: skip


def _width(part: Any) -> int:
    wide = attribute(part, "n_features_in_")
    return int(wide) if isinstance(wide, int | np.integer) and 0 < wide <= MAX_WIDTH else 0


def _table(model: Any, front: Any, wide: int, known: dict[int, Column]) -> Any:
    random = _random()
    columns = [_drawn(random, known.get(position, ("normal", 0.0, 1.0))) for position in range(wide)]
    names = attribute(model, "feature_names_in_")
    names = attribute(front, "feature_names_in_") if names is None else names
    if names is not None and len(names) == wide:
        import pandas

        return pandas.DataFrame({str(name): values for name, values in zip(names, columns, strict=True)})
    if any(values.dtype == object for values in columns):
        table = np.empty((ROWS, wide), dtype=object)
        for position, values in enumerate(columns):
            table[:, position] = values.tolist()
        return table
    return np.stack(columns, axis=1)


def _drawn(random: Any, column: Column) -> Any:
    kind, first, second = column
    if kind == "categories":
        picks = (random.random_sample(ROWS) * len(first)).astype(int).tolist()
        picks[: min(len(first), ROWS)] = range(min(len(first), ROWS))
        values = [first[k] for k in picks]
        if all(isinstance(v, int | float) and not isinstance(v, bool) for v in values):
            return np.array(values)
        array = np.empty(ROWS, dtype=object)
        array[:] = values
        return array
    if kind == "range":
        return first + (second - first) * random.random_sample(ROWS)
    return first + second * random.standard_normal(ROWS)


def _positions(front: Any, columns: Any) -> list[int]:
    """Positions of a column transformer's selection among all columns."""
    wide = _width(front)
    names = attribute(front, "feature_names_in_")
    order = {str(name): position for position, name in enumerate(names)} if names is not None else {}
    if isinstance(columns, slice):
        if isinstance(columns.start, str) or isinstance(columns.stop, str):
            start, stop = order.get(str(columns.start), 0), order.get(str(columns.stop), wide - 1) + 1
            return list(range(start, stop))
        return list(range(wide))[columns]
    chosen = [columns] if isinstance(columns, str | int) else list(columns)
    if chosen and all(isinstance(one, bool | np.bool_) for one in chosen):
        return [position for position, one in enumerate(chosen) if one]
    return [order[one] if isinstance(one, str) else int(one) % wide for one in chosen]


def _columns_of(part: Any) -> list[Column]:
    """What a fitted part says about each of its input columns; empty where it says nothing."""
    if passes_on(part):
        return []
    if is_pipeline(part):
        for _, step in part.steps:
            found = [] if passes_on(step) else _columns_of(step)
            if found:
                return found
        return []
    if _is_vectoriser(part):
        return [("categories", _sentences(part), None)]
    for read in (_from_categories, _from_ranges, _from_moments, _from_trees, _from_rows):
        found = read(part)
        if found:
            return found
    return []


def _from_categories(part: Any) -> list[Column]:
    known = attribute(part, "categories_")
    if not isinstance(known, list):
        return []
    return [("categories", values.tolist(), None) for values in known if len(values)]


def _from_ranges(part: Any) -> list[Column]:
    for low, high in (("data_min_", "data_max_"), ("min_values_", "max_values_")):
        first, second = attribute(part, low), attribute(part, high)
        if first is not None and second is not None:
            return [("range", float(a), float(b)) for a, b in zip(first, second, strict=True)]
    grid = attribute(part, "quantiles_")
    if grid is not None and getattr(grid, "ndim", 0) == 2:
        return [("range", float(a), float(b)) for a, b in zip(np.nanmin(grid, 0), np.nanmax(grid, 0), strict=True)]
    edges = attribute(part, "bin_edges_")
    if edges is not None and len(edges) and hasattr(edges[0], "__len__"):
        return [("range", float(one[0]), float(one[-1])) for one in edges]
    return []


def _from_moments(part: Any) -> list[Column]:
    mean = attribute(part, "mean_")
    mean = attribute(part, "center_") if mean is None else mean
    spread = attribute(part, "scale_")
    spread = attribute(part, "var_") if spread is None else spread
    if mean is None:
        mean = attribute(part, "statistics_")
    if mean is None:
        centres = attribute(part, "theta_")
        mean = centres.mean(axis=0) if centres is not None else None
        spread = None
    if mean is None or getattr(mean, "ndim", 0) != 1 or mean.dtype.kind != "f":
        return []
    plain = spread is not None and getattr(spread, "shape", ()) == mean.shape
    widths = np.asarray(spread) if plain else np.maximum(np.abs(mean) / 4, 1.0)
    return [("normal", float(m), float(w)) for m, w in zip(np.nan_to_num(mean), widths, strict=True)]


def _from_trees(part: Any) -> list[Column]:
    """The range of each feature's thresholds, a little wider."""
    wide = _width(part)
    low, high = np.full(wide, np.inf), np.full(wide, -np.inf)
    for one in walk(part):
        pairs = []
        tree = trees_in(one)
        if tree is not None:
            inside = tree.feature >= 0
            pairs.append((tree.feature[inside], tree.threshold[inside]))
        for predictor in predictors_in(one):
            nodes = predictor.nodes[predictor.nodes["is_leaf"] == 0]
            pairs.append((nodes["feature_idx"], nodes["num_threshold"]))
        if boosted_in(one) is not None:
            pairs += [(flat.feature[inner], flat.threshold[inner])
                      for flat in flat_trees(one) for inner in [flat.feature >= 0]]  # fmt: skip
        for features, thresholds in pairs:
            keep = (features < wide) & np.isfinite(thresholds)
            np.minimum.at(low, features[keep], thresholds[keep])
            np.maximum.at(high, features[keep], thresholds[keep])
    if not np.isfinite(low).any():
        return []
    margin = np.where(np.isfinite(low), (high - low) / 4 + np.abs(high) / 10 + 1e-3, 0)
    known = np.isfinite(low)
    return [("range", float(a - m), float(b + m)) if k else ("normal", 0.0, 1.0)
            for a, b, m, k in zip(low, high, margin, known, strict=True)]  # fmt: skip


def _from_rows(part: Any) -> list[Column]:
    """Only the range of stored rows, never a row."""
    for name in (
        "_fit_X",
        "X_train_",
        "X_fit_",
        "support_vectors_",
        "cluster_centers_",
        "means_",
        "subcluster_centers_",
    ):
        stored = attribute(part, name)
        if hasattr(stored, "toarray"):
            stored = stored.toarray()
        if stored is not None and getattr(stored, "ndim", 0) == 2 and stored.dtype.kind in "fiu" and len(stored):
            low, high = np.nanmin(stored, axis=0), np.nanmax(stored, axis=0)
            return [("range", float(a), float(b)) for a, b in zip(low, high, strict=True)]
    return []


def _is_vectoriser(part: Any) -> bool:
    return attribute(part, "build_analyzer") is not None


def _text_front(front: Any) -> Any:
    if _is_vectoriser(front):
        return _sentences(front)
    names, separator = attribute(front, "feature_names_"), attribute(front, "separator")
    if isinstance(names, list) and isinstance(separator, str):
        return _records(names, separator)
    if attribute(front, "input_type") in ("dict", "pair", "string") and attribute(front, "n_features") is not None:
        kinds: dict[str, list[Any]] = {
            "dict": [dict.fromkeys(_GENERIC[k % 5 : k % 5 + 3], 1.0 + k % 3) for k in range(ROWS)],
            "pair": [[(word, 1.0 + k % 3) for word in _GENERIC[k % 5 : k % 5 + 3]] for k in range(ROWS)],
            "string": [list(_GENERIC[k % 5 : k % 5 + 3]) for k in range(ROWS)],
        }
        return kinds[front.input_type]
    parts = inner_transformers(front)
    if parts is not None and attribute(front, "transformers_") is None:
        return _text_front(front_of(parts[0][1]))
    return None


def _sentences(part: Any) -> list[str]:
    """Texts of the vectoriser's own words, and of a few it does not know."""
    words = words_of(part) or list(_GENERIC)
    random = _random()
    texts = []
    for position in range(ROWS):
        size = 1 + position % 12
        picks = (random.random_sample(size) * len(words)).astype(int).tolist()
        texts.append(" ".join(words[k] for k in picks))
    return texts


def _records(names: Sequence[Any], separator: str) -> list[dict[str, Any]]:
    random = _random()
    keys = [str(name).split(separator, 1) for name in names[:_MAX_WORDS]]
    made: list[dict[str, Any]] = []
    for _ in range(ROWS):
        row: dict[str, Any] = {}
        for parts in keys:
            if random.random_sample() < 0.5:
                row[parts[0]] = parts[1] if len(parts) > 1 else round(float(random.standard_normal()), 3)
        made.append(row)
    return made


def _plain(model: Any) -> Any:
    wide = _width(model) or _width(front_of(model)) or 4
    return _random().standard_normal((ROWS, wide)) if wide <= 20_000 else None


def _positive(model: Any) -> Any:
    plain = _plain(model)
    return None if plain is None else np.abs(plain)


def _unit(model: Any) -> Any:
    plain = _plain(model)
    return None if plain is None else np.tanh(np.abs(plain))


def _counts(model: Any) -> Any:
    plain = _plain(model)
    return None if plain is None else np.minimum(np.abs(plain), 1.9).astype(np.int64)


def _texts(_: Any) -> Any:
    return [" ".join(_GENERIC[k % 7 : k % 7 + 1 + k % 4]) for k in range(ROWS)]


def _labels(model: Any) -> Any:
    """Labels, for the encoders of labels; sets of labels where those are what is encoded."""
    known = attribute(model, "classes_")
    if known is None or not len(known):
        return None
    values = [known[k % len(known)] for k in range(ROWS)]
    if "Multi" in type(model).__name__:
        return [tuple(np.asarray(known)[k % len(known) : k % len(known) + 2].tolist()) for k in range(ROWS)]
    return np.array(values, dtype=np.asarray(known).dtype)


def _line(model: Any) -> Any:
    low, high = attribute(model, "X_min_"), attribute(model, "X_max_")
    if low is None or high is None:
        return _random().standard_normal(ROWS)
    return low + (high - low) * np.linspace(0.0, 1.0, ROWS)


def _images(_: Any) -> Any:
    return _random().standard_normal((2, 10, 10))
