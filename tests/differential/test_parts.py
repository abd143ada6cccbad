"""Two parts where a chance change rarely finds the edge: what stands in what, and regular expressions."""

from __future__ import annotations

import random
import warnings
from collections import Counter
from typing import Any

import pytest

from amber.policy import Policy
from amber.vocabulary.patterns import refusal
from spec.reference.vocabulary import is_tame
from tests.differential.readers import agree, package, reference
from tools.vectors.artifact import Draft

SMALL = Policy.from_dict({"limits": {"nesting": 3, "unfolded_objects": 40}})
KINDS = ("list", "list", "tuple", "deque", "object-array", "object-array", "slice")
WORDS = [
    "a", "b", "k", "S", "1", " ", "\u00e9", "\u00b2", "\u00a0", "\u2014", "\\d", "\\w", "\\W", "\\s", "\\b", "\\A",
    "\\n", "\\-", "\\.", "\\\u00e9", "\\q", "\\x41", "[", "]", "[^", "-", "^", "$", "(", "(", "(?:", "(?P<n>", "(?=",
    "(?i)", "(?x)", ")", ")", "|", "|", "*", "+", "?", "{2}", "{,3}", "{1,9}", "{0,}", "{1001}", "{,}", "{", "}", "*?",
    "+?", "??", ".", "[a-z]", "[^\\s]", "\\[", "{12345}", "{\u0663}",
]  # fmt: skip


def containers(generator: random.Random) -> list[Any]:
    """A table of containers that refer to each other at random, in the order of a walk."""
    count, share = generator.choice((3, 4, 5, 6, 8, 12)), generator.choice((0.1, 0.2, 0.35))
    kinds = [generator.choice(KINDS) for _ in range(count)]
    below = [
        [inner for inner in range(count) if (inner > at or generator.random() < 0.25) and generator.random() < share]
        for at in range(count)
    ]
    below = [(each * 3)[:3] if kind == "slice" else each for kind, each in zip(kinds, below, strict=True)]
    order = [0]
    for at in order:
        order += [inner for inner in dict.fromkeys(below[at]) if inner not in order]
    place = {at: position for position, at in enumerate(order)}
    return [node(kinds[at], [place[inner] for inner in below[at]]) for at in order]


def node(kind: str, inner: list[int]) -> list[Any]:
    if kind == "deque":
        return [kind, inner, None]
    if kind == "object-array":
        return [kind, [len(inner)], "C", inner]
    if kind == "slice":
        return [kind, *inner] if inner else ["none"]
    return [kind, inner]


def test_both_say_the_same_of_containers_in_containers() -> None:
    generator, codes = random.Random(11), Counter[str]()
    for _ in range(600):
        table = containers(generator)
        data = Draft(tree=table).data()
        one, other = package(data, SMALL), reference(data, SMALL)
        assert agree(one, other), table
        codes[one.code] += 1
    assert min(codes[code] for code in ("", "limit-nesting", "tree-cycle", "limit-unfolded-objects")) > 0


@pytest.mark.parametrize("seed", range(5))
def test_both_accept_the_same_patterns(seed: int) -> None:
    generator, tame = random.Random(seed), 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(3000):
            text = "".join(generator.choices(WORDS, k=generator.choice((1, 2, 3, 4, 5, 6, 8, 12))))
            text += ")" * (text.count("(") - text.count(")")) * (generator.random() < 0.5)
            assert is_tame(text) == (not refusal(text)), text
            tame += is_tame(text)
    assert 300 < tame < 2700
