"""Where containers stand too deeply in one another, or in a cycle."""

from __future__ import annotations

import pytest

from amber.tree import nodes
from amber.tree.nesting import first_too_deep
from amber.tree.nodes import AnyNode


def chain(*kinds: str) -> list[AnyNode]:
    """Nodes of these kinds, each inside the one before, and None at the end."""
    table: list[AnyNode] = [one(kind, index + 1, len(kinds)) for index, kind in enumerate(kinds)]
    return [*table, nodes.NoneNode()]


def one(kind: str, child: int, key: int) -> AnyNode:
    return {
        "array": nodes.ObjectArray([1], "C", [child]), "deque": nodes.Deque([child], None),
        "default": nodes.DefaultDict(key, [(key, child)]), "list": nodes.List([child]), "tuple": nodes.Tuple([child]),
        "dict": nodes.Dict([(key, child)]), "object": nodes.Object("t.T", {"a": child}),
    }[kind]  # fmt: skip


@pytest.mark.parametrize(
    ("kinds", "found"),
    [
        (["array"] * 3, None), (["array"] * 4, 0), (["deque", "array", "default", "array"], 0), (["list"] * 50, None),
        (["array", "list", "array", "tuple", "array", "dict", "array"], 0), (["list", "list", *["array"] * 4], 2),
        (["array", "array", "object", "array", "array"], None), (["tuple", "dict", "default", "default"], None),
    ],
)  # fmt: skip
def test_a_chain(kinds: list[str], found: int | None) -> None:
    assert first_too_deep(chain(*kinds), 3) == found


@pytest.mark.parametrize("kind", ["array", "deque", "default"])
def test_a_cycle(kind: str) -> None:
    table = [nodes.List([1]), one(kind, 2, 3), nodes.List([1]), nodes.NoneNode()]
    assert first_too_deep(table, 100) == 1
    # a cycle through an instance is none of these: comparing it goes no further
    assert first_too_deep([one(kind, 1, 2), nodes.Object("t.T", {"a": 0}), nodes.NoneNode()], 100) is None


def test_a_cycle_of_lists_hides_nothing() -> None:
    ring: list[AnyNode] = [
        nodes.ObjectArray([1], "C", [1]), nodes.List([2, 3]), nodes.List([1]), nodes.ObjectArray([1], "C", [4]),
        nodes.ObjectArray([1], "C", [5]), nodes.NoneNode(),
    ]  # fmt: skip
    assert first_too_deep(ring, 3) is None
    assert first_too_deep(ring, 2) == 0


def test_shared_parts_count_once_a_way() -> None:
    wide: list[AnyNode] = [nodes.ObjectArray([2], "C", [1, 1]), nodes.ObjectArray([0], "C", []), nodes.NoneNode()]
    assert first_too_deep(wide, 2) is None
    assert first_too_deep(wide, 1) == 0
