"""Step 6, second half: the values in arrays are what native code may be handed, before anything is constructed.

In: a tree whose names have passed `vocabulary.audit`. Out: every problem with its path. No library is imported because
of the tree, no class is touched; arrays are views of the bytes that were hashed. Called by `models` before
`adapters.build`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import numpy as np

from amber.adapters import rules
from amber.adapters.facts import Array, Facts, Missing
from amber.adapters.protocol import Checks
from amber.adapters.registry import adapter
from amber.adapters.rules import Batch
from amber.errors import AuditError, Problem
from amber.limits import Limits
from amber.tree import nodes, paths
from amber.tree.nodes import Tree
from amber.vocabulary import Vocabulary, entries, scalars, terms
from amber.vocabulary.entries import AnyRule, Entry

_LAST_CODE_POINT = 0x10FFFF
Found = tuple[str, int, str, str]  # code, index of the object, end of the path, message
_CHUNK = 1 << 14  # elements of arrays looked at together, so that they stay in the processor's cache
# Rules that look at sizes and single numbers: asked for all objects of a type at once, before the arrays.
_LIGHT = (entries.Holds, entries.HasShape, entries.Kinds)


def check_values(tree: Tree, vocabulary: Vocabulary, limits: Limits) -> list[Problem]:
    """Return what is wrong with the values of a tree; an empty list where nothing is.

    Args:
        tree: A table that has passed `vocabulary.audit.check_names`.
        vocabulary: The closed vocabulary with its rules.
        limits: Caps; `problems` is where the search stops.
    """
    check = _Check(tree, vocabulary, limits)
    with suppress(_Full):
        check.run()
    return check.problems


class _Full(Exception):  # noqa: N818 - ends the search
    """Enough problems have been found."""


_NATIVE = "booster"  # the state of classes that are a library's own bytes


class _Check:
    def __init__(self, tree: Tree, vocabulary: Vocabulary, limits: Limits) -> None:
        self.tree = tree
        self.vocabulary = vocabulary
        self.limits = limits
        self.facts = Facts(tree)
        self.problems: list[Problem] = []
        self.dtypes: dict[str | int, bool] = {}

    def run(self) -> None:
        groups: dict[str, list[int]] = {}
        for index, node in enumerate(self.tree.nodes):
            kind = type(node)
            if kind is nodes.Object:
                groups.setdefault(node.type, []).append(index)  # type: ignore[union-attr]
            elif kind is nodes.Array or kind is nodes.Numbers or kind is nodes.Scalar:
                self.check_items(index, node)  # type: ignore[arg-type]
        for name, objects in groups.items():
            entry = self.vocabulary.entry(name)
            if entry is not None and entry.rules:
                for found in self.check_objects(entry, objects):
                    self.problem(*found)
            if entry is not None and entry.state == _NATIVE:
                self.check_native(entry, objects)

    def check_native(self, entry: Entry, objects: list[int]) -> None:
        """Ask the adapter about states that are a library's own bytes, where it can read them without the library."""
        special: object = adapter(entry.library).specials.get(entry.state)
        if not isinstance(special, Checks):
            return
        for index in objects:
            node = self.tree.nodes[index]
            children = {} if not isinstance(node, nodes.Object) else node.attrs
            arrays = {
                name: self.facts.array(child, each)
                for name, child in children.items()
                if isinstance(each := self.tree.nodes[child], nodes.Array)
            }
            try:
                special.check(arrays)
            except AuditError as error:
                self.problem(error.code, index, f".{error.where}" if error.where else "", error.message)

    def problem(self, code: str, index: int, suffix: str, message: str) -> None:
        where = paths.path(self.tree, index)
        suffix = suffix if where != paths.ROOT or not suffix else suffix.removeprefix(".")
        self.problems.append(Problem(code, (where if where != paths.ROOT or not suffix else "") + suffix, message))
        if len(self.problems) >= self.limits.problems:
            raise _Full

    # -- rules -------------------------------------------------------------------------------------------------

    def check_objects(self, entry: Entry, objects: list[int]) -> Iterator[Found]:
        light: list[AnyRule] = [rule for rule in entry.rules if isinstance(rule, _LIGHT)]
        heavy: list[AnyRule] = [rule for rule in entry.rules if not isinstance(rule, _LIGHT)]
        yield from self.check_batch(light, objects)
        for chunk in self.chunks(objects):
            yield from self.check_batch(heavy, chunk)

    def check_batch(self, chosen: list[AnyRule], objects: list[int]) -> Iterator[Found]:
        whole = Batch(self.facts, objects, self.limits)
        for rule in chosen:
            if rule.when or rule.unless:
                left = [index for index in objects if self.applies(rule, index)]
                batch = whole if len(left) == len(objects) else Batch(self.facts, left, self.limits)
                yield from _check_rule(rule, batch)
            else:
                yield from _check_rule(rule, whole)

    def chunks(self, objects: list[int]) -> Iterator[list[int]]:
        """Yield the objects in groups whose arrays together fit into a cache; a large object comes alone."""
        if len(objects) == 1:
            yield objects
            return
        chunk: list[int] = []
        total = 0
        for index in objects:
            weight = self.weight(index)
            if chunk and total + weight > _CHUNK:
                yield chunk
                chunk, total = [], 0
            chunk.append(index)
            total += weight
        yield chunk

    def weight(self, index: int) -> int:
        table = self.tree.nodes
        node = table[index]
        arrays = (table[child] for child in node.attrs.values()) if isinstance(node, nodes.Object) else ()
        return max((each.shape[0] for each in arrays if isinstance(each, nodes.Array) and each.shape), default=1)

    def applies(self, rule: AnyRule, index: int) -> bool:
        return all(self.condition(each, index) for each in rule.when) and not any(
            self.condition(each, index) for each in rule.unless
        )

    def condition(self, condition: list[str | int | bool | None], index: int) -> bool:
        item = self.facts.has(terms.path(str(condition[0])), index)
        if len(condition) == 1:
            return item is not None
        if item is None:
            return None in condition[1:]
        if not isinstance(item, int):
            return False
        node = self.tree.nodes[item]
        if isinstance(node, nodes.Object):
            return f"type:{node.type}" in condition[1:]
        for value in (scalars.text(node), scalars.boolean(node), scalars.integer(node)):
            if value is not None:
                return any(type(value) is type(each) and value == each for each in condition[1:])
        return False

    # -- every array -------------------------------------------------------------------------------------------

    def suspicious(self, dtype: str | int) -> bool:
        """Whether a dtype has text or bools in it."""
        found = self.dtypes.get(dtype)
        if found is None:
            if isinstance(dtype, str):
                found = dtype[1] in "Ub"
            else:
                node = self.tree.nodes[dtype]
                found = isinstance(node, nodes.Structured) and any(self.suspicious(each[1]) for each in node.fields)
            self.dtypes[dtype] = found
        return found

    def check_items(self, index: int, node: nodes.Array | nodes.Numbers | nodes.Scalar) -> None:
        """Text is Unicode and bools are 0 or 1, wherever they stand: NumPy itself trusts both."""
        if not self.suspicious(node.dtype):
            return
        if isinstance(node, nodes.Array):
            if node.tensor is None:
                return
            array = self.facts.array(index, node)
        elif isinstance(node, nodes.Numbers):
            array = self.facts.column(node)
        else:
            dtype = self.facts.dtype(node.dtype)
            if not dtype.itemsize:  # an empty string, which NumPy cannot read from bytes
                return
            array = np.frombuffer(bytes.fromhex(node.value), dtype)
        for code, message in _wrong_items(array):
            self.problem(code, index, "", message)


def _check_rule(rule: AnyRule, batch: Batch) -> Iterator[Found]:
    """Evaluate a rule for a batch; an object that cannot be asked is a problem and is left out of the next try."""
    code, suffix = rule.code or rules.CODES[type(rule)], _suffix(rule)
    while batch.objects:
        objects = batch.objects
        try:
            for position, message in list(rules.evaluate(batch, rule)):
                yield code, objects[position], suffix, message
            return
        except Missing as missing:
            yield missing.code, objects[missing.position], suffix, missing.message
            rest = [*objects[: missing.position], *objects[missing.position + 1 :]]
            batch = Batch(batch.facts, rest, batch.limits)


def _wrong_items(array: Array) -> Iterator[tuple[str, str]]:
    dtype = array.dtype
    if dtype.names is not None:
        for name in dtype.names:
            yield from _wrong_items(array[name])
    elif array.size == 0:
        return
    elif dtype.kind == "U" and dtype.itemsize:
        whole = array if array.flags.c_contiguous else np.ascontiguousarray(array)
        order = "<" if dtype.byteorder in "<=|" else ">"
        highest = whole.reshape(-1).view(f"{order}u4").max()
        if highest > _LAST_CODE_POINT:
            yield "text-invalid", f"code point {int(highest):#x} is not Unicode"
    elif dtype.kind == "b":
        highest = array.view(np.uint8).max()
        if highest > 1:
            yield "bool-invalid", f"a bool of {int(highest)}"


def _suffix(rule: AnyRule) -> str:
    """Return where a rule looks, as the end of a path."""
    text = getattr(rule, "of", "") or getattr(rule, "left", "")
    if not text and hasattr(rule, "that"):
        found = terms.paths_of(terms.comparison(rule.that).left)
        text = found[0].text if found else ""
    return f".{text}" if text else ""
