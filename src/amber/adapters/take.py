"""A live object to a tree: one breadth-first walk over exact types, nothing of the caller's is modified.

In: the model and the caller's policy. Out: `Taken`, a tree whose bytes are the same in every process. Called by
`models.save`. What cannot be data is collected with its path, and all of it is reported in one `SaveError`.
"""

from __future__ import annotations

import base64
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from amber import vocabulary as vocabularies
from amber.adapters import customs
from amber.adapters.arrays import dtype_string, memory_order, to_tensor
from amber.adapters.protocol import Prepares
from amber.adapters.registry import adapter, refusal_hint
from amber.adapters.scalars import COLUMN_LENGTH, SCALARS, column_kind, element_key, key_label, range_node, scalar_node
from amber.errors import Problem, SaveError
from amber.policy import Policy
from amber.tree import nodes
from amber.tree.codec import encode_node
from amber.tree.nodes import AnyNode, Tensor, Tree
from amber.tree.paths import ROOT

_NUMBER = {bool: "", int: "int", float: "float"}
_MAX_PROBLEMS = 50


@dataclass
class Taken:
    """The tree of a model and what a person should know about it."""

    tree: Tree
    notes: list[str] = field(default_factory=list)
    libraries: set[str] = field(default_factory=set)


def take(obj: Any, policy: Policy | None = None) -> Taken:
    """Return `obj` as a tree.

    Args:
        obj: Any object whose parts are in the vocabulary or allowed by name.
        policy: The caller's rules; only `allow` matters here.

    Raises:
        SaveError: Something cannot be data; every such place is named with a way out.
    """
    return _Taker(policy or Policy()).run(obj)


class _Taker:
    def __init__(self, policy: Policy) -> None:
        self.allow = frozenset(policy.allow)
        self.vocabulary = vocabularies.load()
        self.objects: list[Any] = []  # kept alive: an id must not be used twice during the walk
        self.origins: list[tuple[int, str]] = []
        self.nodes: list[AnyNode | None] = []
        self.by_id: dict[int, int] = {}
        self.by_value: dict[Any, int] = {}
        self.columns: list[list[str]] = []
        self.tensors: list[Tensor] = []
        self.notes: list[str] = []
        self.libraries: set[str] = set()
        self.problems: list[SaveError] = []
        self.position = 0

    def run(self, obj: Any) -> Taken:
        self.index(obj, ROOT)
        while self.position < len(self.objects):
            if self.nodes[self.position] is None:
                self.nodes[self.position] = self.node(self.objects[self.position])
            self.position += 1
        if self.problems:
            raise _merged(self.problems)
        complete = [node for node in self.nodes if node is not None]
        return Taken(Tree(complete, 0, self.columns, self.tensors), self.notes, self.libraries)

    # -- numbering ---------------------------------------------------------------------------------------------

    def index(self, obj: Any, label: str) -> int:
        """Return the index of `obj`, giving it the next one when it is met for the first time."""
        kind = type(obj)
        if kind in SCALARS or (isinstance(obj, np.generic | np.dtype) and kind is not np.record):
            return self.scalar_index(obj, kind, label)
        known = self.by_id.get(id(obj))
        if known is not None:
            return known
        self.by_id[id(obj)] = len(self.objects)
        return self.append(obj, None, label)

    def append(self, obj: Any, node: AnyNode | None, label: str) -> int:
        self.objects.append(obj)
        self.nodes.append(node)
        self.origins.append((self.position, label))
        return len(self.objects) - 1

    def scalar_index(self, obj: Any, kind: type, label: str) -> int:
        """Scalars have no identity: equal ones share a node."""
        if isinstance(obj, np.dtype) and obj.names is not None:
            key: Any = (np.dtype, obj, obj.isalignedstruct)
            node: AnyNode | None = None
        elif isinstance(obj, np.void) and obj.dtype.names is not None:
            key, node = ("record", id(obj)), None
        else:
            node = self.attempt(lambda: scalar_node(obj, kind), label)
            key = encode_node(node)
        known = self.by_value.get(key)
        if known is None:
            known = self.by_value[key] = self.append(obj, node, label)
        return known

    def attempt(self, make: Callable[[], AnyNode], label: str = "") -> AnyNode:
        """Run `make`; a refusal is noted and the walk goes on, so that one run names every problem."""
        try:
            return make()
        except SaveError as error:
            error.where = error.where or self.path(label)
            self.problems.append(error)
            if len(self.problems) >= _MAX_PROBLEMS:
                raise _merged(self.problems) from error
            return nodes.NoneNode()

    def path(self, label: str = "") -> str:
        parts = [label] if label else []
        position = self.position
        while position:
            position, part = self.origins[position][0], self.origins[position][1]
            parts.append(part)
        return "".join(reversed(parts)).removeprefix(".").removeprefix(ROOT) or ROOT

    # -- nodes -------------------------------------------------------------------------------------------------

    def node(self, obj: Any) -> AnyNode:
        handler = _HANDLERS.get(type(obj))
        if handler is not None:
            return self.attempt(lambda: handler(self, obj))
        return self.attempt(lambda: self.other(obj))

    def list_node(self, obj: list[Any]) -> AnyNode:
        return self.column_node(obj, "list") or nodes.List(self.items(obj))

    def tuple_node(self, obj: tuple[Any, ...]) -> AnyNode:
        column = self.column_node(obj, "tuple")
        if column is not None:
            return column
        named = 2 <= len(obj) <= 3 and type(obj[0]) is str
        return nodes.Tuple([self.index(item, "" if named and i == 1 else f"[{i}]") for i, item in enumerate(obj)])

    def items(self, obj: Any) -> list[int]:
        return [self.index(item, f"[{position}]") for position, item in enumerate(obj)]

    def column_node(self, obj: Any, container: Any) -> AnyNode | None:
        """Return a columnar node for a long list of equal scalars, else None."""
        kind = column_kind(obj)
        if kind is None:
            return None
        if kind is str:
            self.columns.append(list(obj))
            return nodes.Strings(container, len(self.columns) - 1)
        element = _NUMBER.get(kind, "numpy")
        array: np.ndarray[Any, Any] = np.array(obj, dtype={"int": np.int64, "float": np.float64}.get(element, kind))
        tensor = self.tensor(array, "C", dtype_string(array.dtype))
        return nodes.Numbers(container, element, dtype_string(array.dtype), tensor)  # type: ignore[arg-type]

    def tensor(self, array: np.ndarray[Any, Any], order: str, dtype: str | None) -> int:
        self.tensors.append(to_tensor(array, order, dtype, array.dtype.itemsize))
        return len(self.tensors) - 1

    def elements(self, obj: Any) -> list[int]:
        """Set elements in the order of their canonical bytes, whatever the hash seed."""
        keyed = sorted(((element_key(item), item) for item in obj), key=lambda pair: pair[0])
        return [self.index(item, "[...]") for _, item in keyed]

    def pairs(self, obj: dict[Any, Any]) -> list[tuple[int, int]]:
        result: list[tuple[int, int]] = []
        for key, value in obj.items():
            element_key(key)
            result.append((self.index(key, ".keys()"), self.index(value, f"[{key_label(key)}]")))
        return result

    def dict_node(self, obj: dict[Any, Any]) -> AnyNode:
        return self.map_node(obj, "dict") or nodes.Dict(self.pairs(obj))

    def ordered_node(self, obj: Any) -> AnyNode:
        return self.map_node(obj, "ordered-dict") or nodes.OrderedDict(self.pairs(obj))

    def map_node(self, obj: Any, container: Any) -> AnyNode | None:
        if len(obj) <= COLUMN_LENGTH:
            return None
        keys, values = list(obj), list(obj.values())
        if column_kind(keys) not in (str, int) or column_kind(values) is None:
            return None
        return nodes.Map(container, self.index(keys, ".keys()"), self.index(values, ".values()"))

    def default_node(self, obj: Any) -> AnyNode:
        factory = obj.default_factory
        if factory is not None and not isinstance(factory, type):
            raise SaveError(
                "function-refused",
                "the default_factory of a defaultdict must be a class",
                hint="use a plain dict, or a class such as int or list as the factory",
            )
        return nodes.DefaultDict(self.index(factory, ".default_factory"), self.pairs(obj))

    def array_node(self, obj: np.ndarray[Any, Any]) -> AnyNode:
        if obj.dtype == np.dtype(object):
            flat = obj.ravel(order="C").tolist() if obj.ndim else [obj.item()]
            whole = column_kind(flat) is not None
            items: Any = self.index(flat, "") if whole else self.items(flat)
            fortran = obj.ndim > 1 and obj.flags.f_contiguous and not obj.flags.c_contiguous
            return nodes.ObjectArray(list(obj.shape), "F" if fortran else "C", items)
        if obj.dtype.kind == "T":
            hint = "keep it as array.astype(object) or array.astype('U')"
            raise SaveError("dtype-refused", "an array of NumPy's StringDType cannot be data", hint=hint)
        if obj.dtype.hasobject:
            raise SaveError("dtype-refused", "a structured dtype with Python objects cannot be data")
        fields = obj.dtype.names is not None or obj.dtype.subdtype is not None
        dtype: Any = self.index(obj.dtype, ".dtype") if fields else dtype_string(obj.dtype)
        if not obj.size or not obj.dtype.itemsize:
            return nodes.Array(dtype, list(obj.shape), "C", None)
        order, forwards = memory_order(obj)
        tensor = self.tensor(forwards, order, None if fields else dtype)
        return nodes.Array(dtype, list(obj.shape), order, tensor)

    def structured_node(self, dtype: np.dtype[Any]) -> AnyNode:
        if dtype.hasobject or any(len(each) > 2 for each in (dtype.fields or {}).values()):
            raise SaveError("dtype-refused", "dtypes with Python objects or titles cannot be data")
        fields: list[tuple[str, str | int, int, list[int]]] = []
        for name in dtype.names or ():
            kind, offset = (dtype.fields or dict[str, Any]())[name][:2]
            base, shape = kind.subdtype or (kind, ())
            inner: Any = self.index(base, f".{name}") if base.names is not None else dtype_string(base)
            fields.append((name, inner, offset, list(shape)))
        return nodes.Structured(fields, dtype.itemsize, dtype.isalignedstruct)

    # -- classes, functions, instances -------------------------------------------------------------------------

    def other(self, obj: Any) -> AnyNode:
        if isinstance(obj, np.dtype):
            return self.structured_node(obj)
        if type(obj) is np.void:
            dtype = self.index(obj.dtype, ".dtype")
            return nodes.Scalar(dtype, obj.tobytes().hex())
        if isinstance(obj, np.memmap) and type(obj) is np.memmap:
            return self.array_node(np.asarray(obj))
        if obj is np.random.mtrand._rand:
            return nodes.Link("rng.global")
        if isinstance(obj, type):
            return self.type_reference(obj)
        if callable(obj) and isinstance(obj, customs.FUNCTION_TYPES):
            return self.function_reference(obj)
        return self.instance(obj)

    def type_reference(self, cls: type) -> AnyNode:
        name = self.vocabulary.identify(cls.__module__, cls.__qualname__)
        if name is not None:
            return nodes.TypeRef(name)
        return nodes.CustomType(customs.allowed_name(cls, self.allow))

    def function_reference(self, function: Any) -> AnyNode:
        module, name = customs.function_home(function)
        known = self.vocabulary.identify_function(module, name)
        if known is not None:
            return nodes.FunctionRef(known)
        return nodes.CustomFunction(customs.allowed_name(function, self.allow))

    def instance(self, obj: Any) -> AnyNode:
        cls = type(obj)
        identifier = self.vocabulary.identify(cls.__module__, cls.__qualname__)
        if identifier is None:
            hint = refusal_hint(f"{cls.__module__}.{cls.__qualname__}")
            if hint:
                raise SaveError("type-refused", f"a {cls.__module__}.{cls.__qualname__} cannot be data", hint=hint)
            customs.check_possible(cls)
            name = customs.allowed_name(cls, self.allow)
            customs.check_class(cls, name)
            return nodes.Custom(name, self.attributes(vars(obj)))
        entry = self.vocabulary.entry(identifier)
        if entry is None:
            raise SaveError("type-unknown", f"instances of {cls.__qualname__} cannot be data")
        self.libraries.add(entry.library)
        owner = adapter(entry.library)
        if entry.state != "dict":
            state = owner.specials[entry.state].take(obj)
        elif isinstance(owner, Prepares):
            prepared = owner.prepare(obj)
            state = dict(prepared.state)
            self.notes += [f"{self.path()}: {note}" for note in prepared.notes]
        else:
            state = dict(vars(obj))
        for name, action in entry.volatile.items():
            if name in state:
                self.volatile(state, name, action)
        unknown = sorted(set(state) - set(entry.attributes))
        if unknown:
            raise SaveError(
                "attribute-unknown",
                f"{cls.__qualname__} has attributes the vocabulary does not know: {', '.join(map(str, unknown))}",
                hint="delete attributes that were added by hand (facts about the model belong in metadata=)",
            )
        return nodes.Object(identifier, self.attributes(state))

    def volatile(self, state: dict[str, Any], name: str, action: str) -> None:
        """Apply what the vocabulary says about an attribute that differs from process to process."""
        if action == "drop":
            del state[name]
        elif action == "none":
            if state[name] is not None:
                self.notes.append(f"{self.path()}.{name}: not kept, it means something on this machine only")
            state[name] = None
        elif action == "zero":
            state[name] = type(state[name])(0)
        elif action == "one":
            state[name] = 1
        else:
            raise SaveError("type-unknown", f"volatile action {action!r} of {name} is not known")

    def attributes(self, state: dict[str, Any]) -> dict[str, int]:
        if not all(type(name) is str for name in state):
            raise SaveError("attribute-unknown", "an attribute name is not a str")
        return {name: self.index(state[name], f".{name}") for name in sorted(state)}


_HANDLERS: dict[type, Callable[[_Taker, Any], AnyNode]] = {
    list: _Taker.list_node,
    tuple: _Taker.tuple_node,
    set: lambda taker, obj: nodes.Set(taker.elements(obj)),
    frozenset: lambda taker, obj: nodes.FrozenSet(taker.elements(obj)),
    deque: lambda taker, obj: nodes.Deque(taker.items(obj), obj.maxlen),
    dict: _Taker.dict_node,
    OrderedDict: _Taker.ordered_node,
    defaultdict: _Taker.default_node,
    np.ndarray: _Taker.array_node,
    bytearray: lambda taker, obj: nodes.ByteArray(base64.b64encode(bytes(obj)).decode("ascii")),
    slice: lambda taker, obj: nodes.Slice(*(taker.index(getattr(obj, n), f".{n}") for n in ("start", "stop", "step"))),
    range: lambda taker, obj: range_node(obj),
}


def _merged(errors: list[SaveError]) -> SaveError:
    """One error that lists all places; the first decides the code."""
    first = errors[0]
    if len(errors) == 1:
        return first
    problems = tuple(Problem(each.code, each.where, each.message) for each in errors)
    hints = list(dict.fromkeys(each.hint for each in errors if each.hint))
    return SaveError(
        first.code, f"{len(errors)} parts of the model cannot be data", hint="; ".join(hints), problems=problems
    )
