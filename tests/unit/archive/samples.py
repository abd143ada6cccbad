"""Small synthetic artifacts: trees made by hand, no framework."""

from __future__ import annotations

from typing import Any

from amber.archive.assemble import assemble
from amber.archive.digests import Buffer
from amber.archive.manifest import AdapterInfo, Manifest
from amber.archive.write import to_bytes
from amber.tree import nodes
from amber.tree.evidence import Answer, Column, Evidence, Group
from amber.tree.nodes import Tensor, Tree

LOCK = b'created-by = "amber"\nlock-version = "1.0"\npackages = []\n\n[tool.amber]\npython = "3.11.4"\n'
CARD = b"# Churn\n"


def draft(**changes: Any) -> Manifest:
    """A manifest without members."""
    values: dict[str, Any] = {
        "format": 1,
        "requires": [],
        "kind": "classifier",
        "adapter": AdapterInfo(id="sklearn", state_version=1),
        "name": "churn",
        "version": "1.4.0",
        "members": {},
        "libraries": {"numpy": "2.4.0"},
        "methods": ["predict"],
        "hyperparameters": {"C": "1.0"},
        "metrics": {"roc_auc": "0.91"},
        "metadata": {"owner": "Zoë"},
        "inputs": [],
        "outputs": [],
        "batching": {},
    }
    return Manifest(**{**values, **changes})


def tensor(size: int, seed: int = 1) -> Tensor:
    """A tensor of `size` bytes that repeat with a period no block size divides."""
    pattern = bytes((seed * 31 + i * 7) % 256 for i in range(251))
    return Tensor("U8", (size,), memoryview((pattern * (size // 251 + 1))[:size]))


def tree_of(*sizes: int) -> Tree:
    """A list of byte arrays of these sizes."""
    arrays: list[nodes.AnyNode] = [nodes.Array("|u1", [size], "C", i) for i, size in enumerate(sizes)]
    root = nodes.List(list(range(1, len(sizes) + 1)))
    return Tree([root, *arrays], 0, [], [tensor(size, i) for i, size in enumerate(sizes)])


def words(count: int = 3) -> Tree:
    """A list of strings held as a column."""
    return Tree([nodes.Strings("list", 0)], 0, [[f"word {i}" for i in range(count)]], [])


def evidence() -> Evidence:
    """One group: two rows in, two labels out."""
    rows = Column("x", "FP64", (2, 1), memoryview(bytes(16)))
    labels = Column("predict", "INT64", (2,), memoryview(bytes(16)))
    answer = Answer("predict", layout="array", columns=[labels], labels=True)
    group = Group("g000", "sample", "array", 2, [rows], [answer])
    return Evidence([group], "sample", 2, 0, 0, contains_training_rows=False)


def members(tree: Tree | None = None, **changes: Any) -> dict[str, list[Buffer]]:
    """All members of a small artifact."""
    return assemble(draft(**changes), tree or tree_of(10, 300), None, LOCK, CARD)


def artifact(tree: Tree | None = None, **changes: Any) -> bytes:
    """The bytes of a small artifact."""
    return to_bytes(members(tree, **changes))
