"""What an attribute's node may be: constraints turned into checks that need neither NumPy nor a framework.

A check looks at one node of a table and returns None, or the code and the sentence of what is wrong. Alternatives are
tried in turn; if none holds, the complaint of the last that knew the kind of node is the one reported.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from amber.limits import Limits
from amber.tree import nodes
from amber.tree.nodes import AnyNode, Tree
from amber.vocabulary import entries, patterns, scalars
from amber.vocabulary.entries import Bound, Constraint, Shape

Complaint = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Place:
    """What a check needs to know around a node."""

    tree: Tree
    limits: Limits
    groups: Callable[[str], str | None]  # function identifier -> its reviewed family


Check = Callable[[Place, AnyNode], Complaint | None]
Alternatives = Check | None
"""None: anything the vocabulary allows."""

_DOTTED = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}(\.[A-Za-z][A-Za-z0-9_]{0,63}){0,7}")
_FIELD = re.compile(r"\{([a-z_]+)\}")
_MAX_TEMPLATE = 256  # characters
_KIND = "kind-mismatch"
BUILT_IN: dict[str, Constraint] = {
    "none": entries.Nothing(),
    "bool": entries.Boolean(),
    "int": entries.Integer(),
    "natural": entries.Integer(min=0),
    "positive": entries.Integer(min=1),
    "number": entries.Number(),
    "str": entries.Text(),
    "array": entries.ArrayOf(),
    "list": entries.Sequence(),
    "map": entries.Mapping(),
}


class Constraints:
    """A file's named constraints together with the built-in ones."""

    def __init__(self, named: dict[str, Constraint]) -> None:
        self._named = {**BUILT_IN, **named}
        self._checks: dict[str, Alternatives] = {"any": None}

    def resolve(self, constraint: Constraint | None) -> Alternatives:
        """Return the check of a constraint.

        Raises:
            ValueError: It uses a name that the file does not define (a mistake in the vocabulary itself).
        """
        if constraint is None:
            return None
        if isinstance(constraint, str):
            if constraint not in self._checks:
                if constraint not in self._named:
                    raise ValueError(f"the vocabulary uses an unknown constraint {constraint!r}")
                self._checks[constraint] = self.resolve(self._named[constraint])
            return self._checks[constraint]
        if isinstance(constraint, list):
            found = [self.resolve(each) for each in constraint]
            checks = [check for check in found if check is not None]
            return None if len(checks) < len(found) else _either(checks)
        return self.shape(constraint)

    def shape(self, shape: Shape) -> Alternatives:
        """Return the check of one shape."""
        if isinstance(shape, entries.Anything):
            return None
        if isinstance(shape, entries.ArrayOf):
            return _array(shape, self.resolve(shape.items))
        if isinstance(shape, entries.Sequence):
            return _sequence(shape, self.resolve(shape.items))
        if isinstance(shape, entries.Mapping):
            return _mapping(self.resolve(shape.keys), self.resolve(shape.values))
        return _SIMPLE[type(shape)](shape)


def kind_of(node: AnyNode) -> str:
    """Return the word for a node's kind that messages use."""
    if isinstance(node, nodes.Object):
        return node.type
    tag = type(node).__struct_config__.tag
    return str(tag)


def _bound(bound: Bound | None, limits: Limits) -> int | float | None:
    return getattr(limits, bound) if isinstance(bound, str) else bound


def _outside(value: float, low: Bound | None, high: Bound | None, limits: Limits) -> Complaint | None:
    least, most = _bound(low, limits), _bound(high, limits)
    if least is not None and not value >= least:
        return "value-out-of-range", f"{value!r} is below {least}"
    if most is not None and not value <= most:
        code = f"limit-{high.replace('_', '-')}" if isinstance(high, str) else "value-out-of-range"
        return code, f"{value!r} is above {most}"
    return None


def _either(checks: list[Check]) -> Check:
    if len(checks) == 1:
        return checks[0]

    def check(place: Place, node: AnyNode) -> Complaint | None:
        closest: Complaint | None = None
        for each in checks:
            complaint = each(place, node)
            if complaint is None:
                return None
            if closest is None or complaint[0] != _KIND:
                closest = complaint
        return closest

    return check


def _nothing(_shape: Any) -> Check:
    def check(place: Place, node: AnyNode) -> Complaint | None:
        return None if isinstance(node, nodes.NoneNode) else (_KIND, f"{kind_of(node)} where only None is accepted")

    return check


def _boolean(shape: entries.Boolean) -> Check:
    def check(place: Place, node: AnyNode) -> Complaint | None:
        value = scalars.boolean(node)
        if value is None:
            return _KIND, f"{kind_of(node)} where a bool is needed"
        if shape.value is not None and value is not shape.value:
            return "value-out-of-range", f"{value} where only {shape.value} is accepted"
        return None

    return check


def _integer(shape: entries.Integer) -> Check:
    def check(place: Place, node: AnyNode) -> Complaint | None:
        value = scalars.integer(node)
        if value is None:
            return _KIND, f"{kind_of(node)} where an integer is needed"
        return _outside(value, shape.min, shape.max, place.limits)

    return check


def _number(shape: entries.Number) -> Check:
    def check(place: Place, node: AnyNode) -> Complaint | None:
        value = scalars.number(node)
        if value is None:
            return _KIND, f"{kind_of(node)} where a number is needed"
        return _outside(value, shape.min, shape.max, place.limits)

    return check


def _text(shape: entries.Text) -> Check:
    allowed = None if shape.values is None else frozenset(shape.values)

    def check(place: Place, node: AnyNode) -> Complaint | None:
        value = scalars.text(node)
        if value is None:
            return _KIND, f"{kind_of(node)} where a string is needed"
        if allowed is not None and value not in allowed:
            return "string-not-allowed", f"{value!r} is not one of {', '.join(sorted(allowed))}"
        return _measured(shape, value, place.limits)

    return check


def _measured(shape: entries.Text, value: str, limits: Limits) -> Complaint | None:
    complaint = _outside(len(value), None, shape.max_chars, limits)
    if complaint is not None:
        return complaint[0], f"{len(value)} characters are too many"
    if value in shape.refused:
        return "string-not-allowed", f"{value!r} is not accepted here"
    if shape.template is not None and not _is_template(value, shape.template):
        return "string-not-allowed", f"{value!r} may only have the fields {', '.join(shape.template)}"
    if shape.pattern:
        if len(value) > limits.pattern_chars:
            return "limit-pattern-chars", f"an expression of {len(value)} characters"
        reason = patterns.refusal(value)
        if reason:
            return "pattern-refused", f"{value!r}: {reason}"
    return None


def _is_template(value: str, names: list[str]) -> bool:
    """Whether a format string has no field but `{name}`: no index, attribute, conversion or width."""
    if len(value) > _MAX_TEMPLATE:
        return False
    rest = _FIELD.sub(lambda match: "" if match[1] in names else match[0], value)
    return "{" not in rest and "}" not in rest


def _option(shape: entries.Option) -> Check:
    allowed = frozenset(shape.values)

    def check(place: Place, node: AnyNode) -> Complaint | None:
        value = scalars.text(node)
        if value is None or value in allowed or (shape.dotted and _DOTTED.fullmatch(value)):
            return None
        return "string-not-allowed", f"{value!r} is not one of {', '.join(sorted(allowed))}"

    return check


def _array(shape: entries.ArrayOf, items: Alternatives) -> Check:
    kinds = None if shape.dtype is None else frozenset(shape.dtype)

    def check(place: Place, node: AnyNode) -> Complaint | None:
        if isinstance(node, nodes.ObjectArray):
            if shape.fields is not None or (kinds is not None and "O" not in kinds):
                return "dtype-mismatch", "an object array where numbers are needed"
            if isinstance(node.items, int):
                complaint = _column(place, place.tree.nodes[node.items], items)
            else:
                complaint = _each(place, node.items, items)
        elif isinstance(node, nodes.Array):
            complaint = _dtype_complaint(place, node, kinds, shape.fields)
            if items is not None:
                complaint = "dtype-mismatch", "an object array is needed"
        else:
            return _KIND, f"{kind_of(node)} where an array is needed"
        if complaint is None and shape.rank is not None and len(node.shape) not in shape.rank:
            return "shape-mismatch", f"{len(node.shape)} dimensions, not {' or '.join(map(str, shape.rank))}"
        return complaint

    return check


def _dtype_complaint(
    place: Place, node: nodes.Array, kinds: frozenset[str] | None, wanted: list[tuple[str, str]] | None
) -> Complaint | None:
    if isinstance(node.dtype, str):
        if wanted is not None or (kinds is not None and node.dtype not in kinds and node.dtype[1] not in kinds):
            return "dtype-mismatch", f"dtype {node.dtype} is not accepted here"
        return None
    if wanted is None:
        return None if kinds is None or "V" in kinds else ("dtype-mismatch", "a structured array is not accepted here")
    structured = place.tree.nodes[node.dtype]
    if not isinstance(structured, nodes.Structured):
        return "dtype-mismatch", "not a structured dtype"
    found = [(field[0], field[1]) for field in structured.fields]
    if found != wanted or any(field[3] for field in structured.fields):
        return "dtype-mismatch", f"fields {found!r:.200}"
    return None


def _each(place: Place, indices: Iterable[int], check: Alternatives) -> Complaint | None:
    if check is None:
        return None
    table = place.tree.nodes
    for position, index in enumerate(indices):
        complaint = check(place, table[index])
        if complaint is not None:
            return complaint[0], f"item {position}: {complaint[1]}"
    return None


def _sequence(shape: entries.Sequence, items: Alternatives) -> Check:
    def check(place: Place, node: AnyNode) -> Complaint | None:
        complaint: Complaint | None
        if isinstance(node, nodes.List | nodes.Tuple):
            size, complaint = len(node.items), _each(place, node.items, items)
        elif isinstance(node, nodes.Strings):
            column = place.tree.strings[node.column]
            size, complaint = len(column), _strings(place, column, items)
        elif isinstance(node, nodes.Numbers):
            size = place.tree.tensors[node.tensor].shape[0]
            complaint = _numbers(place, node, items)
        else:
            return _KIND, f"{kind_of(node)} where a list or tuple is needed"
        return complaint or _outside(size, shape.min, shape.max, place.limits)

    return check


def _strings(place: Place, column: list[str], items: Alternatives) -> Complaint | None:
    if items is None:
        return None
    for position, value in enumerate(column):
        complaint = items(place, nodes.Str(value))
        if complaint is not None:
            return complaint[0], f"item {position}: {complaint[1]}"
    return None


def _numbers(place: Place, node: nodes.Numbers, items: Alternatives) -> Complaint | None:
    """Check a column of numbers one by one; columns under a constraint on their items are short in practice."""
    if items is None:
        return None
    tensor = place.tree.tensors[node.tensor]
    data, count = tensor.data, tensor.shape[0]
    width = len(data) // count if count else 1
    for position in range(count):
        raw = bytes(data[position * width : (position + 1) * width])
        complaint = items(place, nodes.Scalar(node.dtype, raw.hex()))
        if complaint is not None:
            return complaint[0], f"item {position}: {complaint[1]}"
    return None


def _mapping(keys: Alternatives, values: Alternatives) -> Check:
    def check(place: Place, node: AnyNode) -> Complaint | None:
        if isinstance(node, nodes.Dict | nodes.OrderedDict | nodes.DefaultDict):
            return _each(place, (pair[0] for pair in node.items), keys) or _each(
                place, (pair[1] for pair in node.items), values
            )
        if isinstance(node, nodes.Map):
            table = place.tree.nodes
            return _column(place, table[node.keys], keys) or _column(place, table[node.values], values)
        return _KIND, f"{kind_of(node)} where a dict is needed"

    return check


def _column(place: Place, node: AnyNode, items: Alternatives) -> Complaint | None:
    if isinstance(node, nodes.Strings):
        return _strings(place, place.tree.strings[node.column], items)
    return _numbers(place, node, items) if isinstance(node, nodes.Numbers) else (_KIND, "not a column")


def _instance(shape: entries.Instance) -> Check:
    allowed = frozenset(shape.types)

    def check(place: Place, node: AnyNode) -> Complaint | None:
        if isinstance(node, nodes.Object) and node.type in allowed:
            return None
        return _KIND, f"{kind_of(node)} is not accepted here"

    return check


def _class(shape: entries.Class) -> Check:
    allowed = None if shape.types is None else frozenset(shape.types)

    def check(place: Place, node: AnyNode) -> Complaint | None:
        if isinstance(node, nodes.TypeRef) and (allowed is None or node.name in allowed):
            return None
        return _KIND, f"{kind_of(node)} where a class of a closed list is needed"

    return check


def _function(shape: entries.Function) -> Check:
    names = frozenset(shape.names or ())
    groups = frozenset(shape.groups or ())
    free = shape.names is None and shape.groups is None

    def check(place: Place, node: AnyNode) -> Complaint | None:
        if not isinstance(node, nodes.FunctionRef):
            return _KIND, f"{kind_of(node)} where a function is needed"
        if free or node.name in names or (groups and place.groups(node.name) in groups):
            return None
        return "function-not-allowed", f"{node.name} is not accepted here"

    return check


def _kind(shape: entries.Kind) -> Check:
    allowed = frozenset(shape.kinds)

    def check(place: Place, node: AnyNode) -> Complaint | None:
        tag = type(node).__struct_config__.tag
        return None if tag in allowed else (_KIND, f"{tag} where {' or '.join(sorted(allowed))} is needed")

    return check


_SIMPLE: dict[type, Callable[[Any], Check]] = {
    entries.Nothing: _nothing,
    entries.Boolean: _boolean,
    entries.Integer: _integer,
    entries.Number: _number,
    entries.Text: _text,
    entries.Option: _option,
    entries.Instance: _instance,
    entries.Class: _class,
    entries.Function: _function,
    entries.Kind: _kind,
}
