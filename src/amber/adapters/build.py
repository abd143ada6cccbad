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


def leaf(tree: Tree, index: int) -> Any:
    """Return the value of a node without children (scalar, array, column, dtype) of a tree that passed the audit."""
    node = tree.nodes[index]
    if isinstance(node, nodes.Array) and isinstance(node.dtype, int):
        return as_array(tree, node, numpy_dtype(tree, node.dtype))
    if isinstance(node, nodes.Structured):
        return numpy_dtype(tree, index)
    return _LEAVES[type(node)](tree, node)


class _Builder:
    def __init__(self, tree: Tree, libraries: Mapping[str, str]) -> None:
        self.tree = tree
        self.libraries = libraries
        self.vocabulary = vocabularies.load()
        self.built: list[Any] = [_UNBUILT] * len(tree.nodes)
        self.deferred: list[int] = []
        self.classes: dict[str, type] = {}
        self.shells: dict[str, bool] = {}  # by identifier: whether an instance is made empty and filled later
        self.migrations: dict[str, Callable[..., dict[str, Any]] | None] = {}  # by library
        self.dtypes: dict[int, np.dtype[Any]] = {}  # structured ones, by index

    def run(self) -> Any:
        table, built = self.tree.nodes, self.built
        self.leaves(table)
        # Breadth-first numbering: a child's index is larger, unless it is shared. So backwards nearly always works.
        waiting = {index for index, value in enumerate(built) if value is _UNBUILT}
        for index in sorted(waiting, reverse=True):
            if built[index] is not _UNBUILT:
                continue
            node = table[index]
            if not waiting.isdisjoint(children(node)):
                self.complete(index)
            elif self.is_filled(node):
                built[index] = self.empty(index, node)
                self.fill(index)
            else:
                self.make(index)
            waiting.discard(index)
        return built[self.tree.root]

    def leaves(self, table: list[AnyNode]) -> None:
        built, makers, tree = self.built, _LEAVES, self.tree
        for index, node in enumerate(table):
            maker = makers.get(type(node))
            if maker is None:
                if type(node) in _NAMED:
                    built[index] = self.named(index, node)
                continue
            try:
                if type(node) is nodes.Array:
                    dtype = self.dtype(node.dtype) if isinstance(node.dtype, int) else None
                    built[index] = as_array(tree, node, dtype)
                else:
                    built[index] = maker(tree, node)
            except (ValueError, TypeError, OverflowError) as error:
                raise self.wrong(index, error) from error

    def named(self, index: int, node: AnyNode) -> Any:
        """Return a dtype with fields, or a class or function as a value."""
        if isinstance(node, nodes.Structured):
            return self.dtype(index)
        if isinstance(node, nodes.TypeRef):
            return self.find_class(node.name, index)
        if isinstance(node, nodes.FunctionRef):
            return self.find_function(node.name, index)
        return customs.find(node.name)  # type: ignore[union-attr]

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
                elif self.is_filled(table[index]):
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
        if self.is_filled(node):
            self.built[index] = self.empty(index, node)
        return children(node)

    def empty(self, index: int, node: AnyNode) -> Any:
        """Return the empty shell of a node that is filled later."""
        maker = _SHELLS.get(type(node))
        return self.new_instance(node, index) if maker is None else maker(node)

    def is_filled(self, node: AnyNode) -> bool:
        """Whether a node is made empty first and filled when its children are there."""
        return type(node) in _SHELLS or self.is_shell(node)

    def is_shell(self, node: AnyNode) -> bool:
        if type(node) is nodes.Object:
            found = self.shells.get(node.type)
            if found is None:
                found = self.shells[node.type] = self.entry(node.type).state == "dict"
            return found
        return type(node) is nodes.Custom

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
        if not self.is_filled(node):
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
            migrate = self.migration(library)
            if migrate is not None:
                try:
                    state = migrate(cls, state, self.libraries.get(library, ""))
                except Exception as error:
                    raise self.wrong(index, error) from error
        self.check_shadows(cls, state, index)
        vars(obj).update(state)

    def migration(self, library: str) -> Callable[..., dict[str, Any]] | None:
        """Return what moves state between versions of a library; None where nothing does."""
        if library not in self.migrations:
            owner = adapter(library)
            self.migrations[library] = owner.migrate if isinstance(owner, Migrates) else None
        return self.migrations[library]

    def dtype(self, index: int) -> np.dtype[Any]:
        """Return a structured dtype; made once, however many arrays have it."""
        if index not in self.dtypes:
            self.dtypes[index] = numpy_dtype(self.tree, index)
        return self.dtypes[index]

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
        """Import the first target that exists here; targets are the vocabulary's, never the file's.

        Raises:
            ImportError: The library is not installed.
            BuildError: It has no such name.
        """
        for target in targets:
            try:
                # a dotted name is a method of a class of the vocabulary (str.lower)
                return reduce(getattr, target.name.split("."), importlib.import_module(target.module))
            except (ImportError, AttributeError) as error:
                if isinstance(error, ImportError) and error.name == target.module.partition(".")[0]:
                    raise  # the library itself is not installed
                continue
        library = getattr(self.vocabulary.entry(name), "library", "") or name.split(".")[0]
        wrote = self.libraries.get(library, "")
        raise BuildError(
            "class-missing",
            f"{name} does not exist in {_installed(library)}" + (f", it was written with {wrote}" if wrote else ""),
            where=paths.path(self.tree, index),
            hint=f"install {library}{'==' + wrote if wrote else ''}",
        )

    def wrong(self, index: int, error: Exception) -> BuildError:
        node = self.tree.nodes[index]
        name = getattr(node, "type", type(node).__name__.lower())
        versions = ", ".join(f"{library} {version}" for library, version in sorted(self.libraries.items()))
        entry = self.vocabulary.entry(name)
        here = f"with {_installed(entry.library)}" if entry is not None and entry.library in self.libraries else "here"
        return BuildError(
            "build-failed",
            f"{name} cannot be built {here}: {type(error).__name__}: {error}",
            where=paths.path(self.tree, index),
            hint=f"use the versions it was written with: {versions}" if versions else "",
        )


def _installed(library: str) -> str:
    """A library and its version here, for messages."""
    from importlib import metadata  # slow to import, and needed for a refusal only

    try:
        return f"{library} {metadata.version(library)}"
    except metadata.PackageNotFoundError:
        return f"the {library} installed here"


_FIXED = (nodes.Tuple, nodes.FrozenSet, nodes.Slice, nodes.Map)
_NAMED = frozenset((nodes.Structured, nodes.TypeRef, nodes.FunctionRef, nodes.CustomType, nodes.CustomFunction))
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
