"""The shapes of the vocabulary's data files: types, functions, constraints and rules (`spec/vocabulary.md`).

Everything here is data that any language can read; the two evaluators are `vocabulary.audit` (inert: names, kinds,
strings, bounds) and `adapters.values` (live: what the elements of arrays may be).
"""

from __future__ import annotations

import msgspec

Bound = int | float | str
"""A number, or the name of a field of `amber.limits.Limits`."""


class Anything(msgspec.Struct, tag_field="is", tag="any"):
    """Whatever the vocabulary allows anywhere; what it holds is still audited."""


class Nothing(msgspec.Struct, tag_field="is", tag="none"):
    """`None` only."""


class Boolean(msgspec.Struct, tag_field="is", tag="bool", forbid_unknown_fields=True):
    """A Python or NumPy bool; `value` where only one of the two is accepted."""

    value: bool | None = None


class Integer(msgspec.Struct, tag_field="is", tag="int", forbid_unknown_fields=True):
    """A Python or NumPy integer (never a bool) in [min, max]."""

    min: Bound | None = None
    max: Bound | None = None


class Number(msgspec.Struct, tag_field="is", tag="number", forbid_unknown_fields=True):
    """An integer or a float in [min, max]; NaN passes only where neither bound is given."""

    min: Bound | None = None
    max: Bound | None = None


class Text(msgspec.Struct, tag_field="is", tag="str", forbid_unknown_fields=True):
    """A string: one of `values` where given, none of `refused`, at most `max_chars`.

    `pattern`: a tame regular expression. `template`: a format string whose fields are bare and among these names.
    """

    values: list[str] | None = None
    refused: list[str] = []
    max_chars: Bound | None = None
    pattern: bool = False
    template: list[str] | None = None


class Option(msgspec.Struct, tag_field="is", tag="option", forbid_unknown_fields=True):
    """A string must be one of `values`, or with `dotted` a path of names that do not start with `_`.

    Anything that is not a string passes.
    """

    values: list[str] = []
    dotted: bool = False


class ArrayOf(msgspec.Struct, tag_field="is", tag="array", forbid_unknown_fields=True):
    """A NumPy array. `dtype`: exact strings (`<f8`) or kinds (`f`, `i`, `u`, `b`, `U`, `O`, `V` structured ...).

    `fields`: exact [name, dtype] pairs of a structured array, in order. `items`: what each element of an object array
    may be.
    """

    dtype: list[str] | None = None
    rank: list[int] | None = None
    fields: list[tuple[str, str]] | None = None
    items: Constraint | None = None


class Sequence(msgspec.Struct, tag_field="is", tag="list", forbid_unknown_fields=True):
    """A list or tuple, columnar or not, with `min` to `max` items, each as `items` says."""

    items: Constraint | None = None
    min: Bound | None = None
    max: Bound | None = None


class Mapping(msgspec.Struct, tag_field="is", tag="map", forbid_unknown_fields=True):
    """A dict of any kind, columnar or not."""

    keys: Constraint | None = None
    values: Constraint | None = None


class Instance(msgspec.Struct, tag_field="is", tag="object", forbid_unknown_fields=True):
    """An instance of one of these vocabulary types."""

    types: list[str]


class Class(msgspec.Struct, tag_field="is", tag="type", forbid_unknown_fields=True):
    """A class as a value, one of these vocabulary types where given."""

    types: list[str] | None = None


class Function(msgspec.Struct, tag_field="is", tag="function", forbid_unknown_fields=True):
    """A function of the vocabulary: one of `names`, or of one of `groups`; any where neither is given."""

    names: list[str] | None = None
    groups: list[str] | None = None


class Kind(msgspec.Struct, tag_field="is", tag="kind", forbid_unknown_fields=True):
    """A node of one of these kinds (`bytes`, `slice`, `link`, `dtype`, `custom` ...; `spec/tree.md`, Kinds)."""

    kinds: list[str]


Shape = (
    Anything | Nothing | Boolean | Integer | Number | Text | Option | ArrayOf | Sequence | Mapping | Instance
    | Class | Function | Kind
)  # fmt: skip
# A name of the file's `constraints` table (or a built-in one), one shape, or alternatives of which one must hold.
# msgspec resolves `Constraint` inside the shapes by this name.
Constraint = str | Shape | list[str | Shape]


class Rule(msgspec.Struct, kw_only=True):
    """What all rules have.

    `when`: every entry must hold for the rule to apply: `[path]` (present and not None) or `[path, value, ...]` (a
    scalar equal to one of the values). `unless`: the rule applies only where none of these holds. `code` replaces the
    rule's own code.
    """

    when: list[list[str | int | bool | None]] = []
    unless: list[list[str | int | bool | None]] = []
    code: str = ""


class Holds(Rule, tag_field="rule", tag="holds", forbid_unknown_fields=True):
    """A comparison of two terms, `len(indices) == len(data)`; code `value-mismatch`."""

    that: str


class HasShape(Rule, tag_field="rule", tag="shape", forbid_unknown_fields=True):
    """Rank and dimensions of every array at path `of`; `*` is any length; code `shape-mismatch`."""

    of: str
    dims: list[str | int]


class Within(Rule, tag_field="rule", tag="within", forbid_unknown_fields=True):
    """Every element at path `of` is >= `min`, <= `max`, < `below`, or one of `also`; code `index-out-of-range`.

    `where`: [path, comparison, integer] keeps only the elements at whose position this holds; `start` only those from
    this position on. NaN never passes.
    """

    of: str
    min: str | int | None = None
    max: str | int | None = None
    below: str | int | None = None
    also: list[int] = []
    where: tuple[str, str, int] | None = None
    start: str | int | None = None


class Increasing(Rule, tag_field="rule", tag="increasing", forbid_unknown_fields=True):
    """Elements never decrease (`strict`: always grow), start at `first`, end at `last`; code `not-increasing`.

    With `loose`, each item at the path is looked at for itself: text and objects are passed over, times count as
    integers, NaN and NaT may stand at the end.
    """

    of: str
    strict: bool = False
    loose: bool = False
    first: str | int | None = None
    last: str | int | None = None


class BinaryTree(Rule, tag_field="rule", tag="binary-tree", forbid_unknown_fields=True):
    """Arrays of child indices form one binary tree rooted at 0; code `child-not-greater`.

    `leaf_mark`: both children of a leaf hold it; without it `leaf` is a path of 0/1 flags. Children of inner nodes lie
    inside the array and after their parent, no node has two parents, and where `depth` is given the tree is at most
    that deep (the root alone is depth 0).
    """

    left: str
    right: str
    leaf_mark: int | None = None
    leaf: str = ""
    depth: str = ""


class Distinct(Rule, tag_field="rule", tag="distinct", forbid_unknown_fields=True):
    """No two elements at path `of` are equal; code `not-distinct`. Elements may be numbers, bools and text."""

    of: str


class Finite(Rule, tag_field="rule", tag="finite", forbid_unknown_fields=True):
    """No element at path `of` is NaN or infinite; code `not-finite`."""

    of: str


class Kinds(Rule, tag_field="rule", tag="is", forbid_unknown_fields=True):
    """Every item at path `of` is an instance of one of `types`, one of `functions`, or of one of `kinds`.

    Code `kind-mismatch`.
    """

    of: str
    types: list[str] = []
    functions: list[str] = []
    kinds: list[str] = []


AnyRule = Holds | HasShape | Within | Increasing | BinaryTree | Distinct | Finite | Kinds


class Target(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """Where a class or function lives in the versions of its library that `versions` covers (empty: all)."""

    module: str
    name: str
    versions: str = ""  # `>=1.5,<1.8`: comparisons of the release number, all of which must hold


class Entry(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """One type that may be built.

    `state`: `dict` (rebuilt by `cls.__new__` and `__dict__`), the name of an adapter's special state, or empty: the
    class may stand as a value but has no instances. `attributes` is closed. `volatile`: what save does with an
    attribute that is no part of the model: `drop` it, or write `none`, `zero` or `one`.
    """

    targets: list[Target]
    state: str = "dict"
    attributes: dict[str, Constraint] = {}
    required: list[str] = []
    volatile: dict[str, str] = {}
    chains: list[str] = []  # attributes that lead from one instance to the next and never back to an earlier one
    rules: list[AnyRule] = []
    type: str = ""  # identifier; filled in when an entry is read
    library: str = ""  # distribution name; filled in when an entry is read


class Routine(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """One function that may stand as a value; `group` says what reviewed family it belongs to."""

    targets: list[Target]
    group: str = ""


class File(msgspec.Struct, forbid_unknown_fields=True):
    """One `vocabulary/*.json`: entries stay raw until one of them is asked for."""

    vocabulary: int  # 1
    library: str  # distribution name, `scikit-learn`
    packages: list[str]  # first parts of the identifiers and of the modules this file speaks for
    constraints: dict[str, Constraint] = {}
    types: dict[str, msgspec.Raw] = {}
    functions: dict[str, Routine] = {}
    links: list[str] = []
