"""A checked tree to the live object: exact names only, no code from the file, children before parents.

In: a tree whose form, names and values have all passed (`tree.codec`, `vocabulary.audit`, `adapters.values`). Out: the
model. This is the only place that imports a module because a tree mentions it, and the module's name comes from the
vocabulary or from the reader's policy, never from the file. Called by `models.load` and by `models.save` (round trip).
"""

from __future__ import annotations

import base64
import importlib
import inspect
import struct
import sys
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from amber import vocabulary as vocabularies
from amber.adapters import customs
from amber.adapters.arrays import as_array, as_column, numpy_dtype
from amber.adapters.protocol import Migrates
from amber.adapters.registry import adapter
from amber.errors import AmberError, AuditError, BuildError
from amber.tree import nodes, paths
from amber.tree.codec import children
from amber.tree.nodes import AnyNode, Tree

_UNBUILT = object()
# Attribute names that stand in front of nothing, by class: looked up once a process, not once a load.
_PASSED: WeakKeyDictionary[type, set[str]] = WeakKeyDictionary()


def build(tree: Tree, libraries: Mapping[str, str] | None = None) -> Any:
    """Return the object a checked tree describes.

    Args:
        tree: A tree that has passed the audit of names and values under the reader's policy.
        libraries: Versions that wrote it (`manifest.libraries`), for moves between versions.

    Raises:
        BuildError: The installed libraries cannot build it; names class, path and versions.
        AuditError: A cycle that cannot be built, or a name that is not what it says.
    """
    return _Builder(tree, libraries or {}).run()


class _Builder:
    def __init__(self, tree: Tree, libraries: Mapping[str, str]) -> None:
        self.tree = tree
        self.libraries = libraries
        self.vocabulary = vocabularies.load()
        self.built: list[Any] = [_UNBUILT] * len(tree.nodes)
        self.deferred: list[int] = []
        self.classes: dict[str, type] = {}

    def run(self) -> Any:
        table = self.tree.nodes
        self.leaves(table)
        # Breadth-first numbering: a child's index is larger, unless it is shared. So backwards nearly always works.
        for index in range(len(table) - 1, -1, -1):
            if self.built[index] is _UNBUILT:
                self.complete(index)
        return self.built[self.tree.root]

    def leaves(self, table: list[AnyNode]) -> None:
        built, makers, tree = self.built, _LEAVES, self.tree
        for index, node in enumerate(table):
            maker = makers.get(type(node))
            if maker is not None:
                try:
                    built[index] = maker(tree, node)
                except (ValueError, TypeError, OverflowError) as error:
                    raise self.wrong(index, error) from error
            elif isinstance(node, nodes.Structured):
                built[index] = numpy_dtype(tree, index)
            elif isinstance(node, nodes.TypeRef):
                built[index] = self.find_class(node.name, index)
            elif isinstance(node, nodes.FunctionRef):
                built[index] = self.find_function(node.name, index)
            elif isinstance(node, nodes.CustomType | nodes.CustomFunction):
                built[index] = customs.find(node.name)

    # -- order -------------------------------------------------------------------------------------------------

    def complete(self, start: int) -> None:
        """Build `start` and all it needs, depth first without recursion."""
        built, table = self.built, self.tree.nodes
        stack = [(start, iter(self.open(start)))]
        active = {start}
        while stack:
            index, rest = stack[-1]
            for child in rest:
                if built[child] is _UNBUILT and child not in active:
                    stack.append((child, iter(self.open(child))))
                    active.add(child)
                    break
                if child in active and self.needs_whole(stack, child, active):
                    raise AuditError(
                        "tree-cycle",
                        "an object that must be whole before it is built contains itself",
                        where=paths.path(self.tree, child),
                    )
            else:
                stack.pop()
                active.discard(index)
                if self.waits(index, active):
                    self.deferred.append(index)
                elif isinstance(table[index], _MUTABLE) or self.is_shell(table[index]):
                    self.fill(index)
                else:
                    self.make(index)
                    self.flush()

    def flush(self) -> None:
        """Fill what waited for an immutable node that is there now."""
        if self.deferred:
            waiting, self.deferred = self.deferred, []
            for index in waiting:
                if any(self.built[child] is _UNBUILT for child in children(self.tree.nodes[index])):
                    self.deferred.append(index)
                else:
                    self.fill(index)

    def open(self, index: int) -> Any:
        """Make the empty shell of a mutable node, so that cycles can refer to it; return its children."""
        node = self.tree.nodes[index]
        maker = _SHELLS.get(type(node))
        if maker is not None:
            self.built[index] = maker(node)
        elif self.is_shell(node):
            self.built[index] = self.new_instance(node, index)
        return children(node)

    def is_shell(self, node: AnyNode) -> bool:
        if isinstance(node, nodes.Custom):
            return True
        return isinstance(node, nodes.Object) and self.entry(node.type).state == "dict"

    def entry(self, name: str) -> Any:
        entry = self.vocabulary.entry(name)
        if entry is None:
            raise AuditError("type-unknown", f"{name} is not in the vocabulary", where="model/tree.json")
        return entry

    def needs_whole(self, stack: list[Any], child: int, active: set[int]) -> bool:
        """Whether the way from `child` down to here passes a node that is built only once its parts are whole."""
        inside = False
        for index, _ in stack:
            inside = inside or index == child
            node = self.tree.nodes[index]
            if inside and isinstance(node, nodes.Object) and not self.is_shell(node):
                return True
        return all(
            isinstance(self.tree.nodes[index], _FIXED) for index, _ in stack[[i for i, _ in stack].index(child) :]
        )

    def waits(self, index: int, active: set[int]) -> bool:
        """Whether a mutable node holds an immutable one that is still being made, so that it is filled at the end."""
        node = self.tree.nodes[index]
        if not (isinstance(node, _MUTABLE) or self.is_shell(node)):
            return False
        return any(self.built[child] is _UNBUILT for child in children(node))

    # -- making ------------------------------------------------------------------------------------------------

    def fill(self, index: int) -> None:
        node, built = self.tree.nodes[index], self.built
        obj = built[index]
        if isinstance(node, nodes.List):
            obj.extend([built[item] for item in node.items])
        elif isinstance(node, nodes.Deque):
            obj.extend(built[item] for item in node.items)
        elif isinstance(node, nodes.Dict | nodes.OrderedDict | nodes.DefaultDict):
            self.fill_map(index, node, obj)
        elif isinstance(node, nodes.Set):
            obj.update(built[item] for item in node.items)
        elif isinstance(node, nodes.ObjectArray):
            self.fill_objects(node, obj)
        elif isinstance(node, nodes.Object | nodes.Custom):
            self.fill_instance(index, node, obj)

    def fill_map(self, index: int, node: Any, obj: dict[Any, Any]) -> None:
        built = self.built
        if isinstance(node, nodes.DefaultDict):
            obj.default_factory = built[node.factory]  # type: ignore[attr-defined]
        obj.update((built[key], built[value]) for key, value in node.items)
        if len(obj) != len(node.items):
            raise AuditError("key-duplicate", "two keys are equal", where=paths.path(self.tree, index))

    def fill_objects(self, node: nodes.ObjectArray, obj: np.ndarray[Any, Any]) -> None:
        items = node.items
        values = [self.built[item] for item in items] if isinstance(items, list) else self.built[items]
        flat = np.empty(len(values), dtype=object)
        for position, value in enumerate(values):
            flat[position] = value
        obj[...] = flat.reshape(obj.shape)

    def fill_instance(self, index: int, node: nodes.Object | nodes.Custom, obj: Any) -> None:
        built = self.built
        state = {name: built[child] for name, child in node.attrs.items()}
        cls = type(obj)
        if isinstance(node, nodes.Object):
            library = self.entry(node.type).library
            owner = adapter(library)
            if isinstance(owner, Migrates):
                try:
                    state = owner.migrate(cls, state, self.libraries.get(library, ""))
                except Exception as error:
                    raise self.wrong(index, error) from error
        self.check_shadows(cls, state, index)
        vars(obj).update(state)

    def check_shadows(self, cls: type, state: Mapping[str, Any], index: int) -> None:
        """An instance attribute must not stand in front of a method, property or descriptor of the class."""
        passed = _PASSED.setdefault(cls, set())
        for name in state:
            if name in passed:
                continue
            found = inspect.getattr_static(cls, name, None)
            if name.startswith("__") or callable(found) or hasattr(type(found), "__get__"):
                raise AuditError(
                    "attribute-shadows",
                    f"{name} is a method or property of {cls.__qualname__}",
                    where=f"{paths.path(self.tree, index)}.{name}",
                )
            passed.add(name)

    def make(self, index: int) -> None:
        node, built = self.tree.nodes[index], self.built
        if isinstance(node, nodes.Tuple):
            built[index] = tuple([built[item] for item in node.items])
        elif isinstance(node, nodes.FrozenSet):
            built[index] = frozenset(built[item] for item in node.items)
        elif isinstance(node, nodes.Slice):
            built[index] = slice(built[node.start], built[node.stop], built[node.step])
        elif isinstance(node, nodes.Map):
            pairs = zip(built[node.keys], built[node.values], strict=True)
            built[index] = OrderedDict(pairs) if node.container == "ordered-dict" else dict(pairs)
            if len(built[index]) != len(built[node.keys]):
                raise AuditError("key-duplicate", "two keys are equal", where=paths.path(self.tree, index))
        elif isinstance(node, nodes.Object):
            built[index] = self.special(index, node)
        else:  # pragma: no cover - every kind is a leaf, a shell or above
            raise AuditError("tree-invalid", f"{type(node).__name__} cannot be built", where="model/tree.json")

    def special(self, index: int, node: nodes.Object) -> Any:
        entry = self.entry(node.type)
        state = {name: self.built[child] for name, child in node.attrs.items()}
        cls = self.find_class(node.type, index)
        try:
            return adapter(entry.library).specials[entry.state].rebuild(cls, state)
        except AmberError:
            raise
        except Exception as error:
            raise self.wrong(index, error) from error

    def new_instance(self, node: Any, index: int) -> Any:
        if isinstance(node, nodes.Custom):
            cls = self.classes.get(node.name)
            if cls is None:
                cls = self.classes[node.name] = self.custom_class(node.name)
        else:
            cls = self.find_class(node.type, index)
        try:
            return cls.__new__(cls)  # type: ignore[call-overload]
        except Exception as error:
            raise self.wrong(index, error) from error

    def custom_class(self, name: str) -> type:
        cls = customs.find(name)
        if not isinstance(cls, type):
            raise AuditError("name-not-allowed", f"{name} is not a class", where=name)
        reason = customs.refusal(cls)
        if reason:
            raise AuditError("class-needs-adapter", f"{name} {reason}", where=name)
        return cls

    def find_class(self, name: str, index: int) -> type:
        """Return the class of an identifier in the installed library version."""
        cls = self.classes.get(name)
        if cls is None:
            found = self.resolve(name, self.vocabulary.type_targets(name), index)
            if not isinstance(found, type):
                raise BuildError("class-missing", f"{name} is not a class here", where=paths.path(self.tree, index))
            cls = self.classes[name] = found
        return cls

    def find_function(self, name: str, index: int) -> Any:
        routine = self.vocabulary.routine(name)
        return self.resolve(name, routine.targets if routine is not None else [], index)

    def resolve(self, name: str, targets: Any, index: int) -> Any:
        """Import the first target that exists here; targets are the vocabulary's, never the file's."""
        for target in targets:
            try:
                # a dotted name is a method of a class of the vocabulary (str.lower)
                return reduce(getattr, target.name.split("."), importlib.import_module(target.module))
            except (ImportError, AttributeError):
                continue
        library = getattr(self.vocabulary.entry(name), "library", "") or name.split(".")[0]
        wrote = self.libraries.get(library, "")
        raise BuildError(
            "class-missing",
            f"{name} does not exist in the {library} installed here" + (f" (written by {wrote})" if wrote else ""),
            where=paths.path(self.tree, index),
            hint=f"install {library}{'==' + wrote if wrote else ''}",
        )

    def wrong(self, index: int, error: Exception) -> BuildError:
        node = self.tree.nodes[index]
        name = getattr(node, "type", type(node).__name__.lower())
        versions = ", ".join(f"{library} {version}" for library, version in sorted(self.libraries.items()))
        return BuildError(
            "build-failed",
            f"{name} cannot be built here: {type(error).__name__}: {error}",
            where=paths.path(self.tree, index),
            hint=f"use the versions it was written with: {versions}" if versions else "",
        )


_MUTABLE = (
    nodes.List, nodes.Deque, nodes.Dict, nodes.OrderedDict, nodes.DefaultDict, nodes.Set, nodes.ObjectArray,
)  # fmt: skip
_FIXED = (nodes.Tuple, nodes.FrozenSet, nodes.Slice, nodes.Map)
_SHELLS: dict[type, Callable[[Any], Any]] = {
    nodes.List: lambda node: [],
    nodes.Deque: lambda node: deque(maxlen=node.maxlen),
    nodes.Dict: lambda node: {},
    nodes.OrderedDict: lambda node: OrderedDict(),
    nodes.DefaultDict: lambda node: defaultdict(),
    nodes.Set: lambda node: set(),
    nodes.ObjectArray: lambda node: np.empty(tuple(node.shape), dtype=object, order=node.order),
}


def _float(text: str) -> float:
    if text.startswith("nan:"):
        value: float = struct.unpack("<d", struct.pack("<Q", int(text[4:], 16)))[0]
        return value
    return float(text)


_UTF32 = f"utf-32-{sys.byteorder[0]}e"  # without the byte order mark that plain utf-32 looks for


def _scalar(tree: Tree, node: nodes.Scalar) -> Any:
    dtype = numpy_dtype(tree, node.dtype)
    raw = bytes.fromhex(node.value)
    if dtype.itemsize == 0:
        return dtype.type()
    if dtype.kind in "SU" and dtype.isnative:  # through an array they would lose NULs at their end
        return dtype.type(raw if dtype.kind == "S" else raw.decode(_UTF32, "surrogatepass"))
    if dtype.isnative and dtype.names is None:
        return np.frombuffer(raw, dtype)[0]
    # big-endian and structured scalars keep their dtype only through a 0-d array
    return np.frombuffer(bytearray(raw), dtype)[0]


def _numbers(tree: Tree, node: nodes.Numbers) -> Any:
    column = as_column(tree, node)
    values: list[Any] = list(column) if node.element == "numpy" else column.tolist()
    return tuple(values) if node.container == "tuple" else values


def _strings(tree: Tree, node: nodes.Strings) -> Any:
    column = tree.strings[node.column]
    return tuple(column) if node.container == "tuple" else list(column)


_LEAVES: dict[type, Callable[[Tree, Any], Any]] = {
    nodes.NoneNode: lambda tree, node: None,
    nodes.EllipsisNode: lambda tree, node: ...,
    nodes.Bool: lambda tree, node: node.value,
    nodes.Int: lambda tree, node: int(node.value),
    nodes.Float: lambda tree, node: _float(node.value),
    nodes.Complex: lambda tree, node: complex(_float(node.real), _float(node.imag)),
    nodes.Str: lambda tree, node: node.value,
    nodes.Utf16: lambda tree, node: base64.b64decode(node.value).decode("utf-16-le", "surrogatepass"),
    nodes.Bytes: lambda tree, node: base64.b64decode(node.value),
    nodes.ByteArray: lambda tree, node: bytearray(base64.b64decode(node.value)),
    nodes.Range: lambda tree, node: range(node.start, node.stop, node.step),
    nodes.Strings: _strings,
    nodes.Numbers: _numbers,
    nodes.Array: as_array,
    nodes.Scalar: _scalar,
    nodes.Dtype: lambda tree, node: np.dtype(object) if node.value == "|O" else np.dtype(node.value),
    nodes.Link: lambda tree, node: np.random.mtrand._rand,
}
