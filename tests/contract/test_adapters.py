"""Every adapter, every example: an object becomes bytes and comes back the same, to the bit and to the same bytes."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any

import pytest

from amber import vocabulary
from amber.adapters.build import build
from amber.adapters.protocol import Adapter
from amber.adapters.registry import adapters
from amber.adapters.take import take
from amber.adapters.values import check_values
from amber.limits import DEFAULT
from amber.policy import Policy
from amber.testing.same import same
from amber.tree.codec import decode_tree, encode_strings, encode_tree
from amber.tree.nodes import Tensor, Tree
from amber.vocabulary.audit import check_names

# Their estimators hold counters, addresses and handles; the zoo, and `unit/adapters`, compare their answers instead.
FOREIGN = ("scikit-learn", "xgboost", "lightgbm")


def _examples() -> list[Any]:
    return [
        pytest.param(make, id=f"{each.id}-{name}")
        for each in adapters()
        if each.library not in FOREIGN
        for name, make in each.examples()
    ]


def stored(tree: Tree) -> tuple[bytes, bytes, list[tuple[str, tuple[int, ...], bytes]]]:
    tensors = [(tensor.carrier, tensor.shape, bytes(tensor.data)) for tensor in tree.tensors]
    return encode_tree(tree), encode_strings(tree), tensors


def through_bytes(tree: Tree) -> Tree:
    """The tree as a reader gets it: decoded from bytes, tensors over memory of their own, fully audited."""
    nodes, strings, raw = stored(tree)
    tensors = [Tensor(carrier, shape, memoryview(bytearray(data))) for carrier, shape, data in raw]
    read = decode_tree(nodes, strings if tree.strings else None, tensors, DEFAULT)
    problems = check_names(read, vocabulary.load(), Policy()) or check_values(read, vocabulary.load(), DEFAULT)
    assert not problems, "\n".join(map(str, problems))
    return read


@pytest.mark.parametrize("make", _examples())
def test_example_comes_back_the_same(make: Callable[[], Any]) -> None:
    first, second = make(), make()
    taken = take(first)
    rebuilt = build(through_bytes(taken.tree))
    assert same(second, first) is None, "taking must not change the object"
    assert same(first, rebuilt) is None
    assert stored(take(rebuilt).tree) == stored(taken.tree)


@pytest.mark.parametrize("each", adapters(), ids=lambda each: each.id)
def test_adapter_keeps_the_protocol(each: Any) -> None:
    assert isinstance(each, Adapter)
    if each.library not in FOREIGN[1:] or importlib.util.find_spec(each.library):  # examples need the library
        assert len(each.examples()) >= 10
    assert not each.owns("mypackage.Thing")


@pytest.mark.parametrize("each", adapters(), ids=lambda each: each.id)
def test_every_special_state_has_an_entry_and_every_entry_a_special(each: Any) -> None:
    known = vocabulary.load()
    entries = [entry for name in known.identifiers() if (entry := known.entry(name)) and entry.library == each.library]
    assert {entry.state for entry in entries} - {"", "dict"} == set(each.specials)
