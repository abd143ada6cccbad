"""The quorum against every way of giving places to labels."""

from __future__ import annotations

from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from amber.policy.matching import most

LABELS = "abcde"
places = st.lists(st.sets(st.sampled_from(LABELS), max_size=4).map(sorted), max_size=5)


def brute(wanted: list[list[str]], present: set[str]) -> int:
    """Every order of the labels present (and of nobody) over the places."""
    people = [*sorted(present), *[None] * len(wanted)]
    return max(
        sum(label in place for label, place in zip(order, wanted, strict=False))
        for order in permutations(people, len(wanted))
    )


@given(places, st.sets(st.sampled_from(LABELS), max_size=4))
def test_it_is_the_largest_matching(wanted: list[list[str]], present: set[str]) -> None:
    if len(wanted) > 4:
        wanted = wanted[:4]
    assert most(wanted, present) == brute(wanted, present)


def test_one_label_fills_one_place() -> None:
    assert most([["alice"], ["alice"]]) == 1
    assert most([["alice", "bob"], ["alice"]]) == 2
    assert most([["alice", "bob"], ["alice"]], {"alice"}) == 1


def test_a_label_moves_to_make_room() -> None:
    chain = [[f"l{n}", f"l{n + 1}"] for n in range(200)]
    assert most([*chain, ["l0"]]) == 201
    assert most([*chain, ["l0"], ["l0"]]) == 201
