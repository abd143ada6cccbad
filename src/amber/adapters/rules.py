"""The rules of vocabulary entries, evaluated with NumPy for all objects of one type at a time.

A rule function returns what is wrong as (position of the object in the batch, message) pairs. Arrays of many objects
are joined before they are compared, so a model of 500 small trees costs about as much as one of a large tree.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

import numpy as np

from amber.adapters.binary_trees import Forest
from amber.adapters.facts import Array, Facts, Missing
from amber.limits import Limits
from amber.vocabulary import entries, terms
from amber.vocabulary.terms import Comparison, Term

Wrong = Iterator[tuple[int, str]]
_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "==": np.equal, "!=": np.not_equal, "<=": np.less_equal, "<": np.less, ">=": np.greater_equal, ">": np.greater,
    "+": np.add, "-": np.subtract, "*": np.multiply, "//": np.floor_divide,
}  # fmt: skip
_REDUCTIONS: dict[str, np.ufunc] = {"sum": np.add, "min": np.minimum, "max": np.maximum}
_SHOWN = 3  # examples of wrong elements for one object
_HUGE = 2**62  # where `pow2` and `choose` stop counting


class Ragged:
    """Numbers of a batch of objects: flat values, and how many belong to each object (None: one each).

    `items`: how many come from each item at the path, where they were read from one.
    """

    __slots__ = ("counts", "items", "values")

    def __init__(self, values: Array, counts: Array | None, items: Array | None = None) -> None:
        self.values = values
        self.counts = counts
        self.items = items

    def owners(self) -> Array:
        """Return, for each value, the position of its object."""
        if self.counts is None:
            return np.arange(len(self.values))
        return np.repeat(np.arange(len(self.counts)), self.counts)

    def spread(self, counts: Array | None) -> Array:
        """Return the values repeated to `counts` of them for each object.

        Raises:
            Missing: The numbers of values do not agree.
        """
        if counts is None or self.counts is None:
            return self.values if counts is None else np.repeat(self.values, counts)
        differing = np.flatnonzero(self.counts != counts)
        if len(differing):
            first = int(differing[0])
            raise Missing(first, "shape-mismatch", f"{self.counts[first]} values beside {counts[first]}")
        return self.values


class Batch:
    """Objects of one type, and the terms of their rules."""

    def __init__(self, facts: Facts, objects: Sequence[int], limits: Limits) -> None:
        self.facts = facts
        self.objects = objects
        self.limits = limits
        self._elements: dict[terms.Path, Ragged] = {}
        self._records: dict[tuple[str | int, ...], tuple[list[Array], Array, list[int] | None] | None] = {}
        self._masks: dict[tuple[str, str, int], Array] = {}

    # -- terms -------------------------------------------------------------------------------------------------

    def term(self, found: Term) -> Ragged:
        """Return the numbers of a term; `Missing` where an object has none."""
        if isinstance(found, terms.Number):
            return Ragged(np.full(len(self.objects), found.value, dtype=np.int64), None)
        if isinstance(found, terms.Path):
            raw = self.elements(found)
            return Ragged(_widened(raw.values), raw.counts)
        if isinstance(found, terms.Sum):
            left, right = self.pair(found.left, found.right)
            return Ragged(_exact(found.operator, left.values, right.values), left.counts)
        return self.call(found)

    def pair(self, first: Term, second: Term) -> tuple[Ragged, Ragged]:
        """Return two terms with as many values as each other."""
        left, right = self.term(first), self.term(second)
        counts = left.counts if left.counts is not None else right.counts
        return Ragged(left.spread(counts), counts), Ragged(right.spread(counts), counts)

    def bound(self, text: str | int) -> Array:
        """Return a term that has exactly one number for each object."""
        found = self.term(terms.term(text))
        if found.counts is not None and not np.all(found.counts == 1):
            raise Missing(int(np.argmax(found.counts != 1)), "kind-mismatch", f"{text} is not one number")
        return found.values

    def elements(self, path: terms.Path) -> Ragged:
        """Return every element at a path, in the dtype it has."""
        known = self._elements.get(path)
        if known is None:
            known = self._elements[path] = self._field(path) or self._read(path)
        return known

    def _read(self, path: terms.Path) -> Ragged:
        items, counts = self.facts.find(path, self.objects)
        if counts is None and len(items) > 1 and (values := self.facts.integers(items)) is not None:
            return Ragged(values, None)
        joined = self.facts.joined(items)
        if joined is not None and joined[0].dtype.kind in "biuf":
            return _ragged(*joined, counts)
        arrays, counts = self.facts.ask(path, self.objects, self.facts.elements)
        return _ragged(*_joined(arrays), counts)

    def _field(self, path: terms.Path) -> Ragged | None:
        """A field of structured arrays: what the objects have is found once for all their fields."""
        *steps, field = path.steps
        if not steps or not isinstance(field, str) or field == terms.EACH:
            return None
        parent = tuple(steps)
        if parent not in self._records:
            items, counts = self.facts.find(terms.Path(parent, path.text), self.objects)
            found = self.facts.records(items)
            self._records[parent] = None if found is None else (*found, counts)
        records = self._records[parent]
        if records is None:
            return None
        parts, sizes, counts = records
        dtype = parts[0].dtype
        if field not in (dtype.names or ()) or dtype[field].kind not in "biuf":
            return None
        column = np.ascontiguousarray(parts[0][field]) if len(parts) == 1 else np.concatenate([p[field] for p in parts])
        return _ragged(column, sizes, counts)

    def call(self, found: terms.Call) -> Ragged:
        """Return the numbers of a function."""
        if found.function == "limit":
            value = getattr(self.limits, cast("terms.Path", found.arguments[0]).text)
            return Ragged(np.full(len(self.objects), value, dtype=np.int64), None)
        if found.function in ("pow2", "choose"):
            return self.saturating(found)
        path = cast("terms.Path", found.arguments[0])  # the parser lets nothing else stand there
        if found.function == "peaks":
            columns, _ = self.facts.ask(path, self.objects, self.facts.peaks)
            return Ragged(_widened(np.concatenate(columns)), np.array([len(each) for each in columns], dtype=np.int64))
        if found.function in _REDUCTIONS and (reduced := self._reduced(found.function, path)) is not None:
            return reduced
        extra = [each.value for each in found.arguments[1:] if isinstance(each, terms.Number)]
        function, facts = _QUESTIONS[found.function], self.facts
        answers, counts = facts.ask(path, self.objects, lambda item: function(facts, item, *extra))
        # a side that a file merely states may be any integer
        saturated = np.array([max(min(each, _HUGE), -_HUGE) for each in answers], dtype=np.int64)
        return Ragged(saturated, None if counts is None else np.array(counts, dtype=np.int64))

    def _reduced(self, function: str, path: terms.Path) -> Ragged | None:
        """Return sums or extremes of many items at once; None where each must be looked at."""
        found = self.elements(path)
        if found.items is None or len(found.items) < 2 or not (found.items > 0).all():
            return None
        values = _widened(found.values)
        if values.dtype.kind == "f":
            return None
        largest = max(abs(int(values.min())), abs(int(values.max())))
        if largest * int(found.items.max()) >= _HUGE:
            return None
        answers = _REDUCTIONS[function].reduceat(values, np.cumsum(found.items) - found.items)
        if len(found.items) == len(self.objects):
            return Ragged(answers, None)
        return Ragged(answers, np.array([len(found.items)])) if len(self.objects) == 1 else None

    def mask(self, where: tuple[str, str, int], counts: Array | None) -> Array:
        """Return at which positions a `where` is true."""
        if where not in self._masks:
            other = self.elements(terms.path(where[0]))
            self._masks[where] = _OPERATORS[where[1]](other.spread(counts), where[2])
        return self._masks[where]

    def saturating(self, found: terms.Call) -> Ragged:
        """Return `pow2` or `choose`, no larger than 2^62."""
        arguments = [self.term(each) for each in found.arguments]
        counts = arguments[0].counts
        columns = [each.spread(counts).tolist() for each in arguments]
        function: Callable[..., int] = _choose if found.function == "choose" else _power
        return Ragged(np.array([function(*each) for each in zip(*columns, strict=True)], dtype=np.int64), counts)

    # -- rules -------------------------------------------------------------------------------------------------

    def holds(self, rule: entries.Holds) -> Wrong:
        """Compare two terms."""
        found: Comparison = terms.comparison(rule.that)
        left, right = self.pair(found.left, found.right)
        passed = _OPERATORS[found.operator](left.values, right.values)
        if not passed.all():
            bad = np.flatnonzero(~passed)
            for position, first in _first_of_each(left.owners()[bad], bad):
                yield position, f"{rule.that}: {left.values[first]} and {right.values[first]}"

    def has_shape(self, rule: entries.HasShape) -> Wrong:
        """Compare ranks and dimensions."""
        wanted = [None if dim == "*" else self.bound(dim) for dim in rule.dims]
        shapes, counts = self.facts.ask(terms.path(rule.of), self.objects, self.facts.shape)
        owners = np.arange(len(shapes)) if counts is None else np.repeat(np.arange(len(counts)), counts)
        bad = np.array([len(shape) != len(wanted) for shape in shapes], dtype=bool)
        if not bad.any() and len(shapes):
            table = np.array(shapes, dtype=np.int64).reshape(len(shapes), len(wanted))
            for axis, dim in enumerate(wanted):
                if dim is not None:
                    bad |= table[:, axis] != dim[owners]
        for place in np.flatnonzero(bad).tolist():
            position = int(owners[place])
            expected = ", ".join("*" if dim is None else str(dim[position]) for dim in wanted)
            yield position, f"{rule.of} has shape {shapes[place]}, not ({expected})"

    def within(self, rule: entries.Within) -> Wrong:
        """Compare every element with its bounds."""
        found = self.elements(terms.path(rule.of))
        kept: Array | None = None
        if rule.where is not None:
            kept = self.mask(rule.where, found.counts)
        if rule.start is not None:
            late = _places(found) >= np.repeat(self.bound(rule.start), _sizes(found))
            kept = late if kept is None else kept & late
        bounds = [
            (operator, self.bound(bound))
            for bound, operator in ((rule.min, ">="), (rule.max, "<="), (rule.below, "<"))
            if bound is not None
        ]
        if len(found.values) == 0 or (not rule.also and _inside(found.values, kept, bounds)):
            return
        good = np.ones(len(found.values), dtype=bool)
        wide, sizes = _widened(found.values), _sizes(found)
        for operator, bound in bounds:
            good &= _OPERATORS[operator](wide, np.repeat(bound, sizes))  # NaN is never good
        for value in rule.also:
            good |= wide == value
        if kept is not None:
            good |= ~kept
        places = np.flatnonzero(~good)
        owners = found.owners()[places]
        for position, _ in _first_of_each(owners, places):
            shown = found.values[places[owners == position][:_SHOWN]].tolist()
            yield position, f"{rule.of} holds {', '.join(map(str, shown))}, outside {_bounds(rule)}"

    def increasing(self, rule: entries.Increasing) -> Wrong:
        """Compare each element with the one before it, and the ends with what they must be."""
        if rule.loose:
            yield from self.loosely_increasing(rule)
            return
        found = self.elements(terms.path(rule.of))
        sizes = _sizes(found)
        ends = np.cumsum(sizes)
        values, owners = found.values, found.owners()
        if len(values) > 1:
            falls = ~((values[1:] > values[:-1]) if rule.strict else (values[1:] >= values[:-1]))
            falls &= owners[1:] == owners[:-1]
            places = np.flatnonzero(falls)
            for position, first in _first_of_each(owners[places], places):
                yield position, f"{rule.of} goes from {values[first]} to {values[first + 1]}"
        for bound, places in ((rule.first, ends - sizes), (rule.last, ends - 1)):
            if bound is None:
                continue
            wanted = self.bound(bound)
            for position in range(len(self.objects)):
                if sizes[position] == 0 or values[places[position]] != wanted[position]:
                    yield position, f"{rule.of} does not start or end at {wanted[position]}"

    def loosely_increasing(self, rule: entries.Increasing) -> Wrong:
        """Compare neighbours within each item that holds numbers or times."""
        columns, counts = self.facts.ask(terms.path(rule.of), self.objects, self.facts.sortable)
        owners = range(len(columns)) if counts is None else np.repeat(np.arange(len(counts)), counts).tolist()
        for position, column in zip(owners, columns, strict=True):
            later, earlier = column[1:], column[:-1]
            if not (later > earlier if rule.strict else later >= earlier).all():
                yield position, f"{rule.of} is not sorted"

    def distinct(self, rule: entries.Distinct) -> Wrong:
        """Look for an element that occurs twice."""
        path = terms.path(rule.of)
        if len(self.objects) == 1 and self._counts_up(path):
            return
        items, counts = self.facts.ask(path, self.objects, self.facts.hashables)
        if counts is None:
            counts = [1] * len(items)
        ends = np.cumsum(counts).tolist()
        for position, (count, end) in enumerate(zip(counts, ends, strict=True)):
            inside = [value for item in items[end - count : end] for value in item]
            if len(set(inside)) != len(inside):
                yield position, f"{rule.of} holds an element twice"

    def _counts_up(self, path: terms.Path) -> bool:
        """Whether the items of one object are a column of different small integers (positions of many terms)."""
        items, _ = self.facts.find(path, self.objects)
        if len(items) != 1 or not isinstance(items[0], np.ndarray) or items[0].dtype.kind != "i":
            return False
        values = items[0].reshape(-1)
        if not len(values) or values.min() < 0 or values.max() >= 4 * len(values):
            return False
        seen = np.zeros(4 * len(values), dtype=bool)
        seen[values] = True
        return bool(np.count_nonzero(seen) == len(values))

    def finite(self, rule: entries.Finite) -> Wrong:
        """Look for NaN and infinities."""
        found = self.elements(terms.path(rule.of))
        bad = np.flatnonzero(~np.isfinite(found.values))
        for position, first in _first_of_each(found.owners()[bad], bad):
            yield position, f"{rule.of} holds {found.values[first]}"

    def kinds(self, rule: entries.Kinds) -> Wrong:
        """Look at the kind of every item."""
        words, counts = self.facts.ask(terms.path(rule.of), self.objects, self.facts.kind)
        owners = range(len(words)) if counts is None else np.repeat(np.arange(len(counts)), counts).tolist()
        for position, (kind, name) in zip(owners, words, strict=True):
            allowed = {"object": rule.types, "function": rule.functions}.get(kind, [])
            if name not in allowed and kind not in rule.kinds:
                yield position, f"{rule.of} is {name or kind}, which is not accepted here"

    def binary_tree(self, rule: entries.BinaryTree) -> Wrong:
        """Follow the child indices of all trees of the batch."""
        left, right = self.elements(terms.path(rule.left)), self.elements(terms.path(rule.right))
        sizes = _sizes(left)
        flags = None if rule.leaf_mark is not None else self.elements(terms.path(rule.leaf)).spread(left.counts)
        forest = Forest(_widened(left.values), _widened(right.spread(left.counts)), sizes)
        depth = self.bound(rule.depth) if rule.depth else None
        if not forest.empty:
            if rule.leaf_mark is not None:
                inner = self.mask((rule.left, "!=", rule.leaf_mark), left.counts)
            else:
                inner = np.asarray(flags == 0)
            yield from forest.check(inner, rule.leaf_mark, depth)
        else:
            yield int(np.argmin(sizes)), "a tree without nodes"


def _inside(values: Array, kept: Array | None, bounds: list[tuple[str, Array]]) -> bool:
    """Whether the values kept lie within bounds that all objects share; False where it takes a closer look."""
    limits: list[tuple[str, int | float]] = []
    for operator, bound in bounds:
        first = bound[0].item()
        if len(bound) > 1 and not (bound == first).all():
            return False
        limits.append((operator, first))
    if kept is None:
        lowest, highest = values.min(), values.max()
        return all(
            _OPERATORS[operator]((lowest if operator == ">=" else highest).item(), first) for operator, first in limits
        )
    for operator, first in limits:
        good = _OPERATORS[operator](values, first)
        if not np.greater_equal(good, kept, out=good).all():  # of booleans: good where kept
            return False
    return True


def evaluate(batch: Batch, rule: entries.AnyRule) -> Wrong:
    """Return what is wrong with the objects of a batch; `Missing` where one cannot be asked."""
    return _RULES[type(rule)](batch, rule)


_RULES: dict[type, Callable[[Batch, Any], Wrong]] = {
    entries.Holds: Batch.holds,
    entries.HasShape: Batch.has_shape,
    entries.Within: Batch.within,
    entries.Increasing: Batch.increasing,
    entries.BinaryTree: Batch.binary_tree,
    entries.Distinct: Batch.distinct,
    entries.Finite: Batch.finite,
    entries.Kinds: Batch.kinds,
}
CODES: dict[type, str] = {
    entries.Holds: "value-mismatch",
    entries.HasShape: "shape-mismatch",
    entries.Within: "index-out-of-range",
    entries.Increasing: "not-increasing",
    entries.BinaryTree: "child-not-greater",
    entries.Distinct: "not-distinct",
    entries.Finite: "not-finite",
    entries.Kinds: "kind-mismatch",
}


def _length(facts: Facts, item: Any) -> int:
    shape = facts.shape(item)
    return shape[0] if shape else 1


def _dimension(facts: Facts, item: Any, axis: int) -> int:
    shape = facts.shape(item)
    return shape[axis] if axis < len(shape) else 0


def _total(facts: Facts, item: Any) -> int:
    values = facts.elements(item)
    if values.dtype.kind == "f":
        total = float(values.sum(dtype=np.float64)) if np.isfinite(values).all() else math.inf
        return int(total) if math.isfinite(total) else -_HUGE
    # the largest possible sum says whether 64 bits hold it
    if len(values) and max(abs(int(values.min())), abs(int(values.max()))) * len(values) >= _HUGE:
        exact: int = sum(values.tolist())
        return max(min(exact, _HUGE), -_HUGE)
    return int(values.sum(dtype=np.int64))


def _extreme(which: Callable[[Any], Any]) -> Callable[[Facts, Any], int]:
    def ask(facts: Facts, item: Any) -> int:
        values = facts.elements(item)
        # as a Python number: the bound, turned into a half float, would be an infinity itself
        value = which(values).item() if len(values) else 0
        return int(min(max(value, -_HUGE), _HUGE)) if value == value else -_HUGE

    return ask


def _some(facts: Facts, item: Any) -> int:
    from amber.tree import nodes

    return int(not (isinstance(item, int) and isinstance(facts.tree.nodes[item], nodes.NoneNode)))


_QUESTIONS: dict[str, Callable[..., int]] = {
    "len": _length,
    "shape": _dimension,
    "rank": lambda facts, item: len(facts.shape(item)),
    "size": lambda facts, item: max(min(math.prod(facts.shape(item)), _HUGE), -_HUGE),
    "sum": _total,
    "min": _extreme(np.min),
    "max": _extreme(np.max),
    "some": _some,
}


def _exact(operator: str, left: Array, right: Array) -> Array:
    """Integer arithmetic that saturates instead of wrapping round."""
    if left.dtype.kind != "f" and right.dtype.kind != "f":
        wide = [operator_of(operator, int(a), int(b)) for a, b in zip(left.tolist(), right.tolist(), strict=True)]
        return np.array([min(max(each, -_HUGE), _HUGE) for each in wide], dtype=np.int64)
    result: Array = _OPERATORS[operator](left, right)
    return result


def operator_of(operator: str, left: int, right: int) -> int:
    """Apply `+`, `-`, `*` or `//` to two Python integers; a division by zero gives 0."""
    if operator == "+":
        return left + right
    if operator == "-":
        return left - right
    if operator == "*":
        return left * right
    return left // right if right else 0


def _choose(total: int, chosen: int) -> int:
    if chosen < 0 or total < chosen:
        return 0
    result = 1
    for step in range(1, min(chosen, total - chosen) + 1):
        result = result * (total - step + 1) // step
        if result >= _HUGE:
            return _HUGE
    return result


def _power(exponent: int) -> int:
    return min(2**exponent, _HUGE) if 0 <= exponent < 63 else (_HUGE if exponent > 0 else 0)


def _joined(arrays: list[Array]) -> tuple[Array, Array]:
    """Return arrays one after the other, and their lengths."""
    sizes = np.fromiter(map(len, arrays), np.int64, len(arrays))
    values = arrays[0] if len(arrays) == 1 else np.concatenate(arrays) if arrays else np.zeros(0, np.int64)
    return np.ascontiguousarray(values), sizes


def _ragged(values: Array, sizes: Array, counts: list[int] | None) -> Ragged:
    """Return joined items as the numbers of a batch."""
    if counts is None and (sizes == 1).all():
        return Ragged(values, None, sizes)
    return Ragged(values, sizes if counts is None else _grouped(sizes, counts), sizes)


def _grouped(sizes: Array, counts: list[int]) -> Array:
    """Return how many elements each object has, from the sizes of its items."""
    total = np.concatenate(([0], np.cumsum(sizes)))
    ends = np.cumsum(counts)
    grouped: Array = total[ends] - total[ends - np.array(counts, dtype=np.int64)]
    return grouped


def _places(found: Ragged) -> Array:
    """Return the position of each value among those of its object."""
    sizes = _sizes(found)
    places: Array = np.arange(len(found.values)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return places


def _sizes(found: Ragged) -> Array:
    return np.ones(len(found.values), np.int64) if found.counts is None else found.counts


def _widened(values: Array) -> Array:
    """Integers as int64 (unsigned ones beyond it as floats, which are out of any range), bools as 0 and 1."""
    kind = values.dtype.kind
    if kind == "u" and values.dtype.itemsize == 8:
        return values.astype(np.float64) if len(values) and values.max() >= 2**63 else values.astype(np.int64)
    if kind in "biu":
        return values.astype(np.int64)
    return values


def _first_of_each(owners: Array, places: Array) -> Iterator[tuple[int, int]]:
    """Yield, for each object that is wrong, its position and the first wrong place."""
    found, first = np.unique(owners, return_index=True)
    for position, index in zip(found.tolist(), first.tolist(), strict=True):
        yield position, int(places[index])


def _bounds(rule: entries.Within) -> str:
    parts = [f">= {rule.min}"] if rule.min is not None else []
    parts += [f"<= {rule.max}"] if rule.max is not None else []
    parts += [f"< {rule.below}"] if rule.below is not None else []
    return " and ".join(parts)
