"""The model card of a frozen artifact that has none: what the model computes, in words, where it can be said."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amber.models.readable import readable

if TYPE_CHECKING:
    from amber.archive.manifest import Manifest
    from amber.tree.nodes import Tree


def written(manifest: Manifest, tree: Tree) -> bytes | None:
    """Return a card with the equation of a linear model or the rules of a small tree; None where there is neither.

    Args:
        manifest: Of the artifact; its inputs name the columns.
        tree: The audited tree.
    """
    names = [column.name for column in manifest.inputs] if all(len(c.shape) == 1 for c in manifest.inputs) else None
    said = readable(tree, names)
    if said is None:
        return None
    fence = "~" * 3  # no line of the text begins with one
    card = f"# {manifest.name} {manifest.version}\n\nWhat the model computes:\n\n{fence}text\n{said}\n{fence}\n"
    return card.encode("utf-8", "replace")
