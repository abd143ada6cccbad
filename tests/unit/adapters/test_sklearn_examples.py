"""Every example of the adapter: to a tree, through its bytes and the audit, back, and to the same bytes again."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from amber import vocabulary
from amber.adapters.build import build
from amber.adapters.sklearn import ADAPTER
from amber.adapters.take import take
from amber.adapters.values import check_values
from amber.limits import DEFAULT
from amber.policy import Policy
from amber.tree.codec import decode_tree, encode_strings, encode_tree
from amber.tree.nodes import Object, Tensor, Tree
from amber.vocabulary.audit import check_names

EXAMPLES = dict(ADAPTER.examples())


@cache
def made(name: str) -> Any:
    return EXAMPLES[name]()


def stored(tree: Tree) -> tuple[bytes, bytes, list[bytes]]:
    return encode_tree(tree), encode_strings(tree), [bytes(tensor.data) for tensor in tree.tensors]


def through(tree: Tree) -> Tree:
    tensors = [Tensor(each.carrier, each.shape, memoryview(bytearray(each.data))) for each in tree.tensors]
    return decode_tree(encode_tree(tree), encode_strings(tree) if tree.strings else None, tensors, DEFAULT)


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_passes_the_audit_and_gives_the_same_bytes_again(name):
    tree = take(made(name)).tree
    copy = through(tree)
    assert check_names(copy, vocabulary.load(), Policy()) == []
    assert check_values(copy, vocabulary.load(), DEFAULT) == []
    rebuilt = build(copy)
    assert type(rebuilt) is type(made(name))
    assert stored(take(rebuilt).tree) == stored(tree)
    assert ADAPTER.fitted(rebuilt) is None
    assert ADAPTER.describe(rebuilt) == ADAPTER.describe(made(name))


def test_the_examples_span_every_special_state():
    seen = set()
    for name in EXAMPLES:
        types = {node.type for node in take(made(name)).tree.nodes if isinstance(node, Object)}
        seen |= {vocabulary.load().entry(each).state for each in types}
    assert set(ADAPTER.specials) - seen <= {"remainder-columns"}  # scikit-learn 1.5 and 1.6 only


def test_every_special_state_of_the_vocabulary_has_its_code():
    entries = [vocabulary.load().entry(name) for name in vocabulary.load().identifiers()]
    states = {each.state for each in entries if each.library == ADAPTER.library}
    assert states - {"dict", ""} == set(ADAPTER.specials)
