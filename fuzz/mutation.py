"""Changing a file the way an attacker would who knows the format: bytes, members, and above all the tree's values."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import msgspec

from amber import vocabulary as vocabularies
from amber.archive import names
from amber.errors import AmberError
from amber.tree import nodes
from amber.tree.codec import children
from amber.tree.nodes import Tree
from fuzz import files, graph, odd
from fuzz.arrays import change_array

Mutate = Callable[[bytes, int], bytes]  # libFuzzer's own: data, largest size


_NATIVE = (
    b'"structured"', b'"scipy.sparse.', b"sklearn.svm.", b"sklearn.neighbors.", b'"numpy.random.',
    b'"scipy.interpolate.',
    b'"scipy.spatial.', b"KMeans", b"Birch",
)  # fmt: skip


class Mutator:
    """One mutation at a time; the same seed and the same bytes always give the same result."""

    def __init__(self, seeds: Sequence[bytes], mutate: Mutate) -> None:
        self.mutate = mutate
        # native state first: that is where one number is a crash
        self.seeds = [data for data in seeds for _ in range(8 if any(word in data for word in _NATIVE) else 1)]
        self.vocabulary = vocabularies.load()
        self.types = self.vocabulary.identifiers()
        self.functions = self.vocabulary.routines()
        self.donors = [files.tree_of(files.split(data)) for data in seeds]

    def __call__(self, data: bytes, max_size: int, seed: int) -> bytes:
        """Return other bytes; what would be larger than `max_size` stays as it was."""
        rng = random.Random(seed)
        if rng.random() < 0.5:  # half of what libFuzzer keeps is refused, and stays so whatever else changes
            data = rng.choice(self.seeds)
        try:
            members = files.split(data)
        except AmberError:
            return self.mutate(data, max_size)
        if rng.random() < 0.04:
            return self.mutate(data, max_size)
        made = self.of_member(rng, members) if rng.random() < 0.1 else self.of_tree(rng, members)
        return made if len(made) <= max_size else data

    def of_member(self, rng: random.Random, members: files.Members) -> bytes:
        """The bytes of one member changed, everything around it made to fit again."""
        name = rng.choice(sorted(members))
        changed = members | {name: self.mutate(members[name], max(2 * len(members[name]), 64))}
        return files.framed(changed) if name == names.MANIFEST and rng.random() < 0.3 else files.join(changed)

    def of_tree(self, rng: random.Random, members: files.Members) -> bytes:
        """One to four changes of the tree."""
        try:
            tree = files.tree_of(members)
        except AmberError:
            return self.of_member(rng, members)
        for _ in range(rng.choice((1, 1, 1, 1, 2, 2, 3, 4))):
            rng.choices([change for change, _ in _CHANGES], [weight for _, weight in _CHANGES])[0](self, rng, tree)
        tree = graph.canonical(tree)
        graph.sort_sets(tree)
        try:
            return files.join(files.with_tree(members, graph.canonical(tree)))
        except (AmberError, UnicodeEncodeError, ValueError, OverflowError, KeyError):
            return files.framed(members)

    # -- changes -----------------------------------------------------------------------------------------------

    def replace(self, rng: random.Random, tree: Tree) -> None:
        """Another value at one edge."""
        self.edge(rng, tree, self.value(rng, tree))

    def redirect(self, rng: random.Random, tree: Tree) -> None:
        """An edge to a node that is there already: sharing, a cycle, or two parts exchanged."""
        self.edge(rng, tree, rng.randrange(len(tree.nodes)))

    def edge(self, rng: random.Random, tree: Tree, target: int) -> None:
        """Let one child of a random node be another node."""
        parents = [index for index, node in enumerate(tree.nodes) if children(node)]
        if not parents:
            tree.root = target
            return
        index = rng.choice(parents)
        node = tree.nodes[index]
        chosen = rng.randrange(len(list(children(node))))
        count = iter(range(1 << 62))
        tree.nodes[index] = graph.renamed(node, lambda child: target if next(count) == chosen else child)

    def value(self, rng: random.Random, tree: Tree) -> int:
        """A new node: a scalar, an array, a small container, or a part of another model."""
        choice = rng.random()
        if choice < 0.4:
            tree.nodes.append(odd.scalar(rng))
        elif choice < 0.65:
            sides = tuple({side for node in tree.nodes if isinstance(node, nodes.Array) for side in node.shape})
            return odd.add_array(tree, odd.array(rng, sides))
        elif choice < 0.75:
            tree.nodes.append(nodes.TypeRef(rng.choice(self.types)) if choice < 0.7 else
                              nodes.FunctionRef(rng.choice(self.functions)))  # fmt: skip
        elif choice < 0.85:
            inner = [self.value(rng, tree) for _ in range(rng.choice((0, 1, 2, 3)))]
            tree.nodes.append(self.container(rng, inner))
        else:
            donor = rng.choice(self.donors)
            return graft(tree, donor, rng.randrange(len(donor.nodes)))
        return len(tree.nodes) - 1

    def container(self, rng: random.Random, inner: list[int]) -> nodes.AnyNode:
        """A collection of some nodes."""
        kind = rng.randrange(6)
        if kind == 0:
            return nodes.ObjectArray([len(inner)], "C", inner)
        if kind == 1:
            return nodes.Tuple(inner)
        if kind == 2:
            return nodes.Deque(inner, None)
        if kind == 3 and len(inner) > 1:
            return nodes.Dict([(inner[0], inner[1])])
        return nodes.List(inner)

    def scalar(self, rng: random.Random, tree: Tree) -> None:
        """A number or text a little or very different, in place."""
        found = [i for i, node in enumerate(tree.nodes) if isinstance(node, nodes.Int | nodes.Float | nodes.Str)]
        if not found:
            return
        index = rng.choice(found)
        node = tree.nodes[index]
        if isinstance(node, nodes.Int) and rng.random() < 0.6:
            tree.nodes[index] = odd.integer_node(int(node.value) + rng.choice((-2, -1, 1, 2, int(node.value))))
        elif isinstance(node, nodes.Int):
            tree.nodes[index] = odd.integer_node(odd.integer(rng))
        elif isinstance(node, nodes.Float):
            tree.nodes[index] = nodes.Float(rng.choice(odd.FLOATS))
        else:
            words = [each.value for each in tree.nodes if isinstance(each, nodes.Str)]
            tree.nodes[index] = nodes.Str(rng.choice([*words, *odd.TEXTS]))

    def array(self, rng: random.Random, tree: Tree) -> None:
        """An array with another element, shape or dtype."""
        change_array(rng, tree)

    def everywhere(self, rng: random.Random, tree: Tree) -> None:
        """One number replaced wherever it stands: widths that have to agree then agree."""
        numbers = sorted({int(node.value) for node in tree.nodes if isinstance(node, nodes.Int)})
        if not numbers:
            return
        old = rng.choice(numbers)
        new = odd.integer_node(rng.choice((old + 1, old - 1, 0, 1, odd.integer(rng))))
        tree.nodes[:] = [new if isinstance(node, nodes.Int) and int(node.value) == old else node for node in tree.nodes]

    def attribute(self, rng: random.Random, tree: Tree) -> None:
        """One attribute of an object gone, exchanged with another's, or one more that its class may have."""
        found = [node for node in tree.nodes if isinstance(node, nodes.Object) and node.attrs]
        if not found:
            return
        node = rng.choice(found)
        attrs = dict(node.attrs)
        chosen = rng.choice(sorted(attrs))
        entry = self.vocabulary.entry(node.type)
        what = rng.random()
        if what < 0.35:
            del attrs[chosen]
        elif what < 0.6:
            other = rng.choice(sorted(attrs))
            attrs[chosen], attrs[other] = attrs[other], attrs[chosen]
        elif entry is not None and entry.attributes:
            attrs[rng.choice(sorted(entry.attributes))] = self.value(rng, tree)
        node.attrs = attrs

    def known_attribute(self, rng: random.Random, tree: Tree) -> None:
        """A new value for an attribute that may be anything."""
        found = [node for node in tree.nodes if isinstance(node, nodes.Object)]
        if not found:
            return
        node = rng.choice(found)
        entry = self.vocabulary.entry(node.type)
        free = [] if entry is None else sorted(name for name in entry.attributes if entry.attributes[name] == "any")
        free = [name for name in free if name in node.attrs] or free
        if free:
            node.attrs = {**node.attrs, rng.choice(free): self.value(rng, tree)}

    def type(self, rng: random.Random, tree: Tree) -> None:
        """Another type with nearly the same attributes."""
        found = [i for i, node in enumerate(tree.nodes) if isinstance(node, nodes.Object)]
        if not found:
            return
        index = rng.choice(found)
        node = tree.nodes[index]
        assert isinstance(node, nodes.Object)
        if rng.random() < 0.1:
            name = rng.choice(self.types)
        else:
            package, stem = node.type.partition(".")[0].partition(":")[0], set(node.attrs)
            near = [
                each for each in rng.sample(self.types, 60)
                if each.startswith(package) and (entry := self.vocabulary.entry(each)) is not None
                and len(stem & set(entry.attributes)) * 2 > len(stem)
            ]  # fmt: skip
            name = rng.choice(near) if near else node.type
        tree.nodes[index] = nodes.Object(name, node.attrs)

    def reference(self, rng: random.Random, tree: Tree) -> None:
        """Another class or function where one stands."""
        found = [i for i, node in enumerate(tree.nodes) if isinstance(node, nodes.TypeRef | nodes.FunctionRef)]
        if not found:
            return
        index = rng.choice(found)
        known = self.types if isinstance(tree.nodes[index], nodes.TypeRef) else self.functions
        name = rng.choice(known) if rng.random() < 0.9 else rng.choice(odd.TEXTS)
        tree.nodes[index] = msgspec.structs.replace(tree.nodes[index], name=name)

    def strings(self, rng: random.Random, tree: Tree) -> None:
        """A column of text with one entry changed, one more or one less."""
        if not tree.strings:
            return
        column = rng.randrange(len(tree.strings))
        texts = list(tree.strings[column])
        place = rng.randrange(len(texts) + 1)
        texts[place : place + rng.randrange(2)] = rng.choice(([], [rng.choice(odd.TEXTS)]))
        tree.strings[column] = texts


def graft(tree: Tree, donor: Tree, start: int) -> int:
    """Copy what stands below one node of a donor into the table and return its index."""
    found = [start]
    place = {start: len(tree.nodes)}
    for index in found:
        for child in children(donor.nodes[index]):
            if child not in place:
                place[child] = len(tree.nodes) + len(found)
                found.append(child)
    for index in found:
        node = graph.renamed(donor.nodes[index], place.__getitem__)
        if isinstance(node, nodes.Strings):
            tree.strings.append(donor.strings[node.column])
            node = msgspec.structs.replace(node, column=len(tree.strings) - 1)
        elif isinstance(node, nodes.Array | nodes.Numbers) and node.tensor is not None:
            tree.tensors.append(donor.tensors[node.tensor])
            node = msgspec.structs.replace(node, tensor=len(tree.tensors) - 1)
        tree.nodes.append(node)
    return place[start]


_CHANGES: tuple[tuple[Callable[[Mutator, random.Random, Tree], None], int], ...] = (
    (Mutator.replace, 10), (Mutator.redirect, 6), (Mutator.scalar, 12), (Mutator.array, 36), (Mutator.everywhere, 8),
    (Mutator.attribute, 8), (Mutator.known_attribute, 20), (Mutator.type, 5), (Mutator.reference, 4),
    (Mutator.strings, 3),
)  # fmt: skip
