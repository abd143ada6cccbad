"""Step 6, first half: names, attributes and kinds.

Every name in a tree is in the vocabulary or allowed by the reader, every attribute is expected and of the right kind.
Inert: no NumPy, no import, nothing constructed. One pass over the table with dictionary look-ups; the path of a node is
computed only for a problem. Called by `vault.check` and by the live half before `adapters.values` looks at the elements
of arrays.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from amber.errors import Problem
from amber.policy import Policy
from amber.tree import cycles, dtypes, nesting, nodes, paths
from amber.tree.codec import back_targets, children
from amber.tree.nodes import AnyNode, Tree
from amber.vocabulary import scalars
from amber.vocabulary.entries import Entry
from amber.vocabulary.loader import Vocabulary
from amber.vocabulary.shapes import Alternatives, Place

_DTYPE_BYTES = 2**16  # of one item of a dtype that stands as a value
_WIDE = re.compile("[0-9]{6}")  # more digits than the name of such a dtype needs
_BRANCHES = (
    nodes.List, nodes.Tuple, nodes.Deque, nodes.Dict, nodes.OrderedDict, nodes.DefaultDict, nodes.ObjectArray,
    nodes.Object, nodes.Custom,
)  # fmt: skip


def check_names(tree: Tree, vocabulary: Vocabulary, policy: Policy) -> list[Problem]:
    """Return what is wrong with the names, attributes and kinds of a tree; an empty list where nothing is.

    Args:
        tree: A table whose form has been checked (`tree.codec.decode_tree`).
        vocabulary: The closed vocabulary.
        policy: The reader's rules: `allow` and the limits on work.
    """
    audit = _Audit(tree, vocabulary, policy)
    audit.run()
    return audit.problems


class _Full(Exception):  # noqa: N818 - ends the search
    """Enough problems have been found."""


class _Audit:
    def __init__(self, tree: Tree, vocabulary: Vocabulary, policy: Policy) -> None:
        self.tree = tree
        self.vocabulary = vocabulary
        self.allow = frozenset(policy.allow)
        self.limits = policy.limits
        self.place = Place(tree, policy.limits, self.group)
        self.problems: list[Problem] = []
        self.chains: dict[tuple[str, str], dict[int, int]] = {}
        self.known: dict[str, tuple[Entry, dict[str, Alternatives], list[str]] | None] = {}

    def run(self) -> None:
        handlers = _HANDLERS
        try:
            for index, node in enumerate(self.tree.nodes):
                handler = handlers.get(type(node))
                if handler is not None:
                    handler(self, index, node)
            self.check_unfolded()
            self.check_nesting()
            self.check_cycles()
            self.check_chains()
        except _Full:
            pass

    def problem(self, code: str, index: int, message: str, suffix: str = "") -> None:
        where = paths.path(self.tree, index)
        self.problems.append(
            Problem(code, where + suffix if where != paths.ROOT or not suffix else suffix[1:], message)
        )
        if len(self.problems) >= self.limits.problems:
            raise _Full

    def group(self, name: str) -> str | None:
        routine = self.vocabulary.routine(name)
        return None if routine is None else routine.group

    # -- objects -----------------------------------------------------------------------------------------------

    def type(self, name: str) -> tuple[Entry, dict[str, Alternatives], list[str]] | None:
        if name not in self.known:
            entry = self.vocabulary.entry(name)
            self.known[name] = None if entry is None else (entry, self.vocabulary.shapes(entry), entry.required)
        return self.known[name]

    def object(self, index: int, node: nodes.Object) -> None:
        known = self.type(node.type)
        if known is None:
            self.problem("type-unknown", index, f"{node.type} is not in the vocabulary")
            return
        entry, shapes, required = known
        if not entry.state:
            self.problem("type-unknown", index, f"{node.type} may stand as a class, not as an instance")
            return
        attrs, table, place = node.attrs, self.tree.nodes, self.place
        for name, child in attrs.items():
            if name not in shapes:
                self.problem("attribute-unknown", index, f"{node.type} has no attribute {name}", f".{name}")
                continue
            check = shapes[name]
            if check is not None:
                complaint = check(place, table[child])
                if complaint is not None:
                    self.problem(complaint[0], index, complaint[1], f".{name}")
        for name in entry.chains:
            if name in attrs:
                self.chains.setdefault((node.type, name), {})[index] = attrs[name]
        for name in required:
            if name not in attrs:
                self.problem("attribute-missing", index, f"{node.type} needs {name}", f".{name}")

    def type_reference(self, index: int, node: nodes.TypeRef) -> None:
        if self.type(node.name) is None:
            self.problem("type-unknown", index, f"{node.name} is not in the vocabulary")

    def function(self, index: int, node: nodes.FunctionRef) -> None:
        if self.vocabulary.routine(node.name) is None:
            self.problem("function-unknown", index, f"{node.name} is not in the closed list of functions")

    def link(self, index: int, node: nodes.Link) -> None:
        if not self.vocabulary.has_link(node.name):
            self.problem("link-unknown", index, f"{node.name} is nothing that can be linked to")

    def default_dict(self, index: int, node: nodes.DefaultDict) -> None:
        self.mapping(index, node)
        factory = self.tree.nodes[node.factory]
        if not isinstance(factory, nodes.NoneNode | nodes.TypeRef | nodes.CustomType):
            self.problem("kind-mismatch", index, "the factory of a defaultdict must be a class or None")

    def dtype(self, index: int, node: nodes.Dtype) -> None:
        """One item of a dtype that is a parameter is as large as the file says, whatever the file's own size."""
        size = 8 if node.value == "|O" else dtypes.carrier(node.value).itemsize
        if size > _DTYPE_BYTES:
            self.problem("limit-components", index, f"a dtype of {size} bytes an item")

    def mapping(self, index: int, node: nodes.Dict | nodes.OrderedDict | nodes.DefaultDict) -> None:
        """The same for the name of a dtype among the arguments of a call: `U100000000`."""
        table = self.tree.nodes
        for key, value in node.items:
            if scalars.text(table[key]) == "dtype" and _WIDE.search(scalars.text(table[value]) or ""):
                self.problem("string-not-allowed", index, "the name of a dtype of any size", "['dtype']")

    def range(self, index: int, node: nodes.Range) -> None:
        """Three numbers that NumPy turns into an array of any size."""
        length = max(0, -((node.start - node.stop) // node.step))
        if length > self.limits.components:
            self.problem("limit-components", index, f"a range of {length} numbers")

    def custom(self, index: int, node: nodes.Custom | nodes.CustomType | nodes.CustomFunction) -> None:
        if node.name not in self.allow:
            self.problem(
                "name-not-allowed", index, f"{node.name} is not allowed by the policy: allow it by its exact name"
            )
        if isinstance(node, nodes.Custom):
            for name in node.attrs:
                if name.startswith("__"):
                    self.problem("attribute-unknown", index, f"{name} cannot be set from a file", f".{name}")

    # -- work --------------------------------------------------------------------------------------------------

    def check_unfolded(self) -> None:
        """Objects that share objects that share objects: following every way must stay cheap.

        A pipeline whose two steps are one pipeline whose two steps are one ... takes 2^n calls from n nodes.
        """
        table = self.tree.nodes
        met = bytearray(len(table))
        shared = False
        for node in table:
            if type(node) in _WORK:
                for child in children(node):
                    if met[child] and type(table[child]) in _WORK:
                        shared = True
                    met[child] = 1
        if shared and (index := _widest(table, self.limits.unfolded_objects)) is not None:
            self.problem("limit-unfolded-objects", index, "shared objects that unfold to too many")

    def check_nesting(self) -> None:
        """What is freed and compared by calls inside calls: enough of them overrun the stack."""
        index = nesting.first_too_deep(self.tree.nodes, self.limits.nesting)
        if index is not None:
            self.problem("limit-nesting", index, f"a cycle, or more than {self.limits.nesting}, of such containers")

    def check_cycles(self) -> None:
        """Something on a cycle must exist before its parts do."""
        index = cycles.first_unbuildable(self.tree, self.is_special)
        if index is not None:
            self.problem("tree-cycle", index, "an object that must be whole before it is built contains itself")

    def check_chains(self) -> None:
        """A list of objects that a method walks to its end has one."""
        for (_, name), following in self.chains.items():
            done: set[int] = set()
            for start in following:
                walked: set[int] = set()
                index: int | None = start
                while index is not None and index not in done:
                    if index in walked:
                        self.problem("tree-cycle", index, f"following {name} comes back here", f".{name}")
                        break
                    walked.add(index)
                    index = following.get(index)
                done |= walked

    def is_special(self, node: nodes.Object) -> bool:
        known = self.type(node.type)
        return known is not None and known[0].state != "dict"


_WORK = frozenset(_BRANCHES)


def _widest(table: list[AnyNode], limit: int) -> int | None:
    """Return a node below which more than `limit` objects stand, counted along every way; cycles count once."""
    if not back_targets(table, _WORK):
        return _widest_ahead(table, limit)
    sizes: list[int | None] = [None] * len(table)
    for start in range(len(table) - 1, -1, -1):
        if sizes[start] is not None or type(table[start]) not in _WORK:
            continue
        stack = [(start, iter(children(table[start])))]
        active = {start}
        while stack:
            index, rest = stack[-1]
            for child in rest:
                if sizes[child] is None and child not in active and type(table[child]) in _WORK:
                    stack.append((child, iter(children(table[child]))))
                    active.add(child)
                    break
            else:
                size = 1 + sum(sizes[child] or 0 for child in children(table[index]))
                if size > limit:
                    return index
                sizes[index] = size
                active.discard(index)
                stack.pop()
    return None


def _widest_ahead(table: list[AnyNode], limit: int) -> int | None:
    """The same in one pass backwards, for a table in which every child stands after what refers to it."""
    totals = [0] * len(table)
    for index in range(len(table) - 1, -1, -1):
        if type(table[index]) in _WORK:
            totals[index] = 1 + sum([totals[child] for child in children(table[index])])
            if totals[index] > limit:
                return index
    return None


_HANDLERS: dict[type, Callable[[_Audit, int, Any], None]] = {
    nodes.Object: _Audit.object,
    nodes.TypeRef: _Audit.type_reference,
    nodes.FunctionRef: _Audit.function,
    nodes.Link: _Audit.link,
    nodes.Dict: _Audit.mapping,
    nodes.OrderedDict: _Audit.mapping,
    nodes.DefaultDict: _Audit.default_dict,
    nodes.Dtype: _Audit.dtype,
    nodes.Range: _Audit.range,
    nodes.Custom: _Audit.custom,
    nodes.CustomType: _Audit.custom,
    nodes.CustomFunction: _Audit.custom,
}
