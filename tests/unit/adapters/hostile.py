"""Files that were tampered with: an object is taken with other values in its state and opened as a reader would."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from unittest import mock

from amber import vocabulary
from amber.adapters.build import build
from amber.adapters.registry import adapter
from amber.adapters.take import take
from amber.adapters.values import check_values
from amber.errors import AmberError
from amber.limits import DEFAULT
from amber.policy import Policy
from amber.tree.codec import decode_tree, encode_strings, encode_tree
from amber.tree.nodes import Tensor, Tree
from amber.vocabulary.audit import check_names

Change = Callable[[dict[str, Any]], dict[str, Any]]


def tampered(obj: Any, change: Change) -> Tree:
    """The tree of `obj` as if its state were `{**state, **change(state)}`."""
    known = vocabulary.load()
    entry = known.entry(known.identify(type(obj).__module__, type(obj).__qualname__) or "")
    assert entry is not None
    special = adapter(entry.library).specials[entry.state]
    original = special.take

    def changed(each: Any) -> dict[str, Any]:
        state = original(each)
        return {**state, **change(state)} if each is obj else state

    with mock.patch.object(special, "take", changed):
        return take(obj).tree


def opened(tree: Tree) -> Any:
    """What a reader gets from the bytes of a tree; the first problem of the audit is raised as an AmberError."""
    tensors = [Tensor(each.carrier, each.shape, memoryview(bytearray(each.data))) for each in tree.tensors]
    read = decode_tree(encode_tree(tree), encode_strings(tree) if tree.strings else None, tensors, DEFAULT)
    problems = check_names(read, vocabulary.load(), Policy()) or check_values(read, vocabulary.load(), DEFAULT)
    if problems:
        raise AmberError(problems[0].code, problems[0].message, where=problems[0].where)
    return build(read)


def refusal(obj: Any, change: Change) -> str:
    """The code with which the tampered object is refused; fails if it is built."""
    try:
        built = opened(tampered(obj, change))
    except AmberError as error:
        return error.code
    raise AssertionError(f"it was built: {built!r}")


def there_and_back(obj: Any) -> Any:
    """The object after a way through bytes."""
    return opened(take(obj).tree)
