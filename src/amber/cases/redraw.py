"""Rows that are nobody's: each column drawn anew from its quantiles and its frequent values.

A value that is not a number is drawn only if at least five rows share it; text is put together from words that at
least five rows share, or that the model itself holds. Columns are drawn independently of each other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from amber.cases import cells, rows
from amber.errors import UsageError

SUPPORT = 5
QUANTILES = tuple(k / 20 for k in range(21))
_FEW = 32  # distinct numbers that are drawn as categories
_MAX_WORDS = 60
_PLACEHOLDERS = ("alpha", "beta", "gamma")


class Draw:
    """A source of rows. RandomState: its stream is frozen by NumPy for good.

    Args:
        count: Rows to draw.
        words: Words of the model's own vocabulary, free to be shown.
        known: Values that the model's own encoders hold, by position of the column; they are in the model anyway.
    """

    def __init__(
        self,
        count: int,
        words: Sequence[str] = (),
        known: Mapping[int, Sequence[Any]] | None = None,
        seed: int = 20_240_229,
    ) -> None:
        self.count = count
        self.words = list(words)
        self.known = dict(known or {})
        self.random = np.random.RandomState(seed)

    def number(self, values: Any) -> Any:
        """Return floats drawn from the quantiles of `values` (NaN in their share); few values as categories."""
        values = values.astype(np.float64)
        present = values[~np.isnan(values)]
        share = 1 - len(present) / max(len(values), 1)
        if not len(present):
            return np.full(self.count, np.nan)
        distinct, support = np.unique(present, return_counts=True)
        common = distinct[support >= SUPPORT]
        if len(distinct) <= _FEW and len(common):
            weights = support[support >= SUPPORT] / support[support >= SUPPORT].sum()
            drawn = common[self._pick(weights)]
        else:
            finite = present[np.isfinite(present)]
            ends = np.quantile(finite, QUANTILES) if len(finite) else np.zeros(len(QUANTILES))
            drawn = np.interp(self.random.random_sample(self.count), QUANTILES, ends)
            if len(finite) and bool((finite == np.rint(finite)).all()):
                drawn = np.rint(drawn)
        drawn[self.random.random_sample(self.count) < share] = np.nan
        return drawn

    def _pick(self, weights: Any) -> Any:
        ladder = np.cumsum(weights)
        found = np.searchsorted(ladder, self.random.random_sample(self.count) * ladder[-1], side="right")
        return np.minimum(found, len(weights) - 1)

    def values(self, items: Sequence[Any], known: Sequence[Any] = ()) -> list[Any]:
        """Return values that at least five rows share, else values the model knows, else placeholders."""
        counted: dict[Any, tuple[Any, int]] = {}
        for item in items:
            key = cells.missing_kind(item) or (type(item).__name__, repr(item))
            counted[key] = (item, counted[key][1] + 1 if key in counted else 1)
        common = [(item, number) for item, number in counted.values() if number >= SUPPORT]
        if not common:
            common = [(item, 1) for item in (known or _PLACEHOLDERS)]
        weights = np.array([number for _, number in common], dtype=np.float64)
        return [common[k][0] for k in self._pick(weights).tolist()]

    def texts(self, items: Sequence[Any]) -> list[str]:
        """Return texts as long as the given ones, of words that five of them share, as often, or the model knows."""
        texts = [item for item in items if isinstance(item, str)]
        met = Counter(word for text in texts for word in set(text.split()))
        common = sorted(word for word, number in met.items() if number >= SUPPORT)
        pool = sorted(set(common) | set(self.words)) or list(_PLACEHOLDERS)
        lengths = [min(len(text.split()), _MAX_WORDS) for text in texts] or [5]
        ends = np.quantile(np.array(lengths, dtype=np.float64), QUANTILES)
        sizes = np.rint(np.interp(self.random.random_sample(self.count), QUANTILES, ends)).astype(int)
        ladder = np.cumsum([met[word] if met[word] >= SUPPORT else 1 for word in pool], dtype=np.float64)
        drawn = []
        for size in sizes.tolist():
            picks = np.searchsorted(ladder, self.random.random_sample(size) * ladder[-1], side="right")
            drawn.append(" ".join(pool[k] for k in picks.tolist()))
        return drawn


def is_free_text(values: Sequence[Any]) -> bool:
    """Whether values are prose: at least half of the texts have three words or more."""
    texts = [value for value in values if isinstance(value, str)]
    return bool(texts) and 2 * sum(len(text.split()) >= 3 for text in texts) >= len(texts)


def redrawn(X: Any, draw: Draw, only: Sequence[Any] | None = None) -> Any:
    """Return `draw.count` rows like those of `X`; with `only`, the other columns keep the first rows of `X`.

    Args:
        X: The caller's rows.
        draw: Where rows come from.
        only: Labels of columns to draw; None draws all.

    Raises:
        UsageError: `mask-unknown`: a masked column does not exist.
    """
    kind = rows.form(X)
    if only is not None:
        _check_mask(X, kind, only)
    if kind == "frame":
        return _frame(X, draw, only)
    if kind == "series":
        return _series(X, draw).rename(X.name)
    if kind == "array":
        return _array(X, draw, only)
    if kind == "csr":
        return _sparse(X, draw, only)
    return _list(X, draw, only)


def _check_mask(X: Any, kind: str, only: Sequence[Any]) -> None:
    if kind == "frame":
        known = list(X.columns)
    elif kind == "list" and X and isinstance(X[0], dict):
        known = list({key: None for row in X for key in row})
    else:
        known = list(range(rows.width(X)))
    for label in only:
        if label not in known:
            raise UsageError(
                "mask-unknown",
                f"the sample has no column {label!r}",
                where="mask",
                hint=f"columns: {', '.join(map(str, known[:20]))}",
            )


def _frame(X: Any, draw: Draw, only: Sequence[Any] | None) -> Any:
    pandas = cells.pandas_module()
    parts = []
    for position, label in enumerate(X.columns):
        series = X.iloc[:, position]
        if only is None or label in only:
            parts.append(_series(series, draw, position))
        else:
            parts.append(rows.cycled(series, draw.count).reset_index(drop=True))
    frame = pandas.DataFrame(dict(enumerate(parts)), index=pandas.RangeIndex(draw.count))
    frame.columns = X.columns
    if only is not None and draw.count == len(X):
        levels = {name for name in X.index.names if name is not None}
        if not levels & set(only):
            frame.index = X.index
    return frame


def _series(series: Any, draw: Draw, position: int = 0) -> Any:
    pandas = cells.pandas_module()
    dtype = series.dtype
    kind = getattr(dtype, "kind", "O")
    index = pandas.RangeIndex(draw.count)
    if isinstance(dtype, np.dtype) and kind in "biuf":
        return pandas.Series(cast(draw.number(series.to_numpy()), dtype), index=index)
    text = str(dtype)
    if text.startswith("datetime64") or kind in "mM":
        ticks = series.dropna().astype("int64").to_numpy()
        drawn = np.nan_to_num(draw.number(ticks)).astype(np.int64) if len(ticks) else np.zeros(draw.count, np.int64)
        plain = pandas.Series(drawn, index=index)
        return plain.astype(dtype) if "," not in text else _zoned(pandas, plain, dtype)
    if text.lower().startswith(("int", "uint", "float", "boolean")) and "[" not in text:
        floats = draw.number(
            series.astype(object).map(lambda v: np.nan if cells.missing_kind(v) else float(v)).to_numpy()
        )
        filled = cast(np.nan_to_num(floats), np.dtype(np.float64 if text.startswith("F") else np.int64))
        return pandas.Series(filled, index=index).astype(dtype).mask(pandas.Series(np.isnan(floats)))
    items = series.astype(object).tolist()
    if text == "category":
        counts = series.value_counts()
        kept = [value for value in dtype.categories if counts.get(value, 0) >= SUPPORT]
        known = kept or list(dtype.categories)[:1]
        drawn_values = draw.values(items, known)
        return pandas.Series(
            pandas.Categorical(
                drawn_values, categories=pandas.Index(known, dtype=dtype.categories.dtype), ordered=dtype.ordered
            )
        )
    drawn_items: list[Any] = _drawn(items, draw, position)
    if rows.is_object(dtype) and items and all(isinstance(v, int | float | None) for v in items):
        numbers = np.array([np.nan if v is None else float(v) for v in items])
        drawn_items = draw.number(numbers).tolist()
    return pandas.Series(drawn_items, index=index, dtype=dtype)


def _drawn(items: Sequence[Any], draw: Draw, position: int) -> list[Any]:
    return list(draw.texts(items)) if is_free_text(items) else draw.values(items, draw.known.get(position, ()))


def _zoned(pandas: Any, ticks: Any, dtype: Any) -> Any:
    return pandas.Series(ticks.to_numpy().view(f"<M8[{dtype.unit}]")).dt.tz_localize("UTC").dt.tz_convert(dtype.tz)


def cast(drawn: Any, dtype: Any) -> Any:
    """Return floats in a dtype: integers and booleans rounded and kept in range."""
    if dtype.kind == "b":
        return np.nan_to_num(drawn) > 0.5
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        return np.clip(np.rint(np.nan_to_num(drawn)), float(info.min), float(info.max) / (1 + 2**-50)).astype(dtype)
    return drawn.astype(dtype)


def _array(X: Any, draw: Draw, only: Sequence[Any] | None) -> Any:
    flat = X.reshape(len(X), -1) if len(X) else X.reshape(0, int(np.prod(X.shape[1:])))
    parts = []
    for position in range(flat.shape[1]):
        values = flat[:, position]
        if only is not None and position not in only:
            parts.append(rows.cycled(values, draw.count))
        elif values.dtype.kind in "biuf":
            parts.append(cast(draw.number(values), values.dtype))
        elif values.dtype.kind in "mM":
            parts.append(cast(draw.number(values.astype(np.int64)), np.dtype(np.int64)).astype(values.dtype))
        else:
            items = values.tolist()
            drawn: list[Any] = _drawn(items, draw, position)
            if items and all(isinstance(v, int | float | None) and not isinstance(v, bool) for v in items):
                drawn = draw.number(np.array([np.nan if v is None else float(v) for v in items])).tolist()
            column = np.empty(draw.count, dtype=object)
            column[:] = drawn
            parts.append(column)
    joined = np.stack(parts, axis=1) if parts else np.empty((draw.count, 0))
    dtype = X.dtype if X.dtype.kind not in "US" else object
    return joined.astype(dtype).reshape((draw.count, *X.shape[1:]))


def _sparse(X: Any, draw: Draw, only: Sequence[Any] | None) -> Any:
    """As many stored values a row as the sample has, in columns that at least five rows use."""
    import scipy.sparse

    table = X.tocsr()
    used = np.bincount(table.indices, minlength=table.shape[1])
    allowed = np.flatnonzero(used >= SUPPORT)
    if only is not None:
        allowed = np.intersect1d(np.asarray(only, dtype=np.int64), allowed)
    kept = scipy.sparse.csr_matrix((draw.count, table.shape[1]), dtype=table.dtype)
    if only is not None:
        kept = table[[k % table.shape[0] for k in range(draw.count)]].tolil()
        kept[:, list(only)] = 0
        kept = kept.tocsr()
    sizes = np.diff(table.indptr)
    typical = int(np.median(sizes)) if len(sizes) else 0
    number = min(len(allowed), max(1, typical) if only is None else max(1, typical * len(allowed) // max(len(used), 1)))
    if not len(allowed) or not number:
        return type(X)(kept)
    values = draw.number(table.data.astype(np.float64)) if len(table.data) else np.ones(draw.count)
    lines = np.repeat(np.arange(draw.count), number)
    order = np.argsort(draw.random.random_sample((draw.count, len(allowed))), axis=1)[:, :number]
    picks = values[(draw.random.random_sample(len(lines)) * len(values)).astype(int)]
    drawn = scipy.sparse.csr_matrix((picks, (lines, allowed[order].ravel())), shape=kept.shape)
    return type(X)((kept + drawn).astype(table.dtype).tocsr())


def _list(X: list[Any], draw: Draw, only: Sequence[Any] | None) -> list[Any]:
    if X and all(isinstance(row, dict) for row in X):
        return _records(X, draw, only)
    if all(isinstance(row, str) or row is None for row in X):
        return _drawn(X, draw, 0)
    if all(isinstance(row, list | tuple | set | frozenset) for row in X):
        items = [item for row in X for item in row]
        if all(isinstance(item, int | float) for item in items) and len({len(row) for row in X}) == 1:
            return [type(X[0])(row) for row in _array(np.array(X, dtype=np.float64), draw, None).tolist()]
        sizes = np.array([len(row) for row in X])
        flat = Draw(int(sizes.sum()), draw.words, seed=3).values(items, draw.known.get(0, ()))
        ends = np.cumsum([0, *sizes.tolist()])
        drawn = [type(X[0])(flat[a:b]) for a, b in pairwise(ends)]
        return rows.cycled(drawn, draw.count) if drawn else []
    numbers = [row for row in X if isinstance(row, int | float)]
    if len(numbers) == len(X):
        return list(draw.number(np.array(X, dtype=np.float64)).tolist())
    return draw.values(X)


def _records(X: list[dict[Any, Any]], draw: Draw, only: Sequence[Any] | None) -> list[Any]:
    met = Counter(key for row in X for key in row)
    drawn: list[dict[Any, Any]] = [{} for _ in range(draw.count)]
    for key, number in met.items():
        if only is not None and key not in only:
            for position, row in enumerate(drawn):
                source = X[position % len(X)]
                if key in source:
                    row[key] = source[key]
            continue
        if number < SUPPORT:
            continue
        items = [row[key] for row in X if key in row]
        plain = all(isinstance(item, int | float) and not isinstance(item, bool) for item in items)
        fresh = draw.number(np.array(items, dtype=np.float64)).tolist() if plain else None
        values = fresh if fresh is not None else (draw.texts(items) if is_free_text(items) else draw.values(items))
        present = draw.random.random_sample(draw.count) < number / len(X)
        for row, value, has in zip(drawn, values, present.tolist(), strict=True):
            if has:
                row[key] = value
    return drawn
