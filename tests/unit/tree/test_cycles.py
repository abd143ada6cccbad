"""Cycles that can be built pass through something that exists before its parts do."""

from __future__ import annotations

from typing import Any

import pytest

from amber.tree import nodes as n
from amber.tree.cycles import first_unbuildable
from amber.tree.nodes import Tree


def found(*table: Any) -> int | None:
    return first_unbuildable(Tree(list(table), 0, [], []), lambda node: node.type == "special")


@pytest.mark.parametrize(
    "table",
    [
        [n.List([0])],
        [n.List([1]), n.Tuple([0, 0])],
        [n.Object("plain", {"a": 0})],
        [n.Custom("a.B", {"a": 1}), n.Dict([(2, 0)]), n.Str("x")],
        [n.Tuple([1]), n.List([0])],
        [n.ObjectArray([1], "C", [0])],
        [n.List([1, 1]), n.Object("special", {"a": 2}), n.Tuple([])],
        [n.Object("special", {"a": 1, "b": 1}), n.List([2]), n.NoneNode()],
        [n.List([1, 2]), n.Tuple([3]), n.Tuple([3]), n.Int(1)],
    ],
)
def test_these_can_be_built(table: list[Any]) -> None:
    assert found(*table) is None


@pytest.mark.parametrize(
    ("table", "places"),
    [
        ([n.Tuple([0])], {0}),
        ([n.Tuple([1]), n.Tuple([0])], {0, 1}),
        ([n.Slice(1, 0, 1), n.NoneNode()], {0}),
        ([n.List([1]), n.Tuple([2]), n.Tuple([1])], {1, 2}),
        ([n.Object("special", {"a": 0})], {0}),
        ([n.List([1]), n.Object("special", {"a": 0})], {1}),
        ([n.Object("special", {"a": 1}), n.List([2]), n.Tuple([0])], {0}),
        ([n.Object("plain", {"a": 1}), n.Object("special", {"a": 0})], {1}),
    ],
)
def test_these_cannot(table: list[Any], places: set[int]) -> None:
    assert found(*table) in places


def test_a_long_way_round_needs_no_stack() -> None:
    table: list[Any] = [n.List([index + 1]) for index in range(50_000)]
    assert found(*table, n.Tuple([0])) is None
    chain: list[Any] = [n.Tuple([index + 1]) for index in range(50_000)]
    assert found(*chain, n.Tuple([0])) is not None
