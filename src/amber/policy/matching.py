"""How many places can be filled when each signer fills at most one: a largest matching in a bipartite graph."""

from __future__ import annotations

from collections.abc import Collection, Sequence


def most(places: Sequence[Collection[str]], present: Collection[str] | None = None) -> int:
    """Return how many of the places can be filled at once.

    Augmenting paths, breadth first (Kuhn 1955; Berge 1957): a label taken is passed on when its place finds another.

    Args:
        places: For each place the labels that may fill it.
        present: The labels there are; None: all that are named.
    """
    held: dict[str, int] = {}  # label to place
    return sum(_placed(place, places, present, held) for place in range(len(places)))


def _placed(
    first: int, places: Sequence[Collection[str]], present: Collection[str] | None, held: dict[str, int]
) -> bool:
    """Find a label for one more place, moving others; `held` is changed only on success."""
    reached: dict[str, int] = {}  # label to the place that asked for it
    queue = [first]
    for place in queue:
        for label in places[place]:
            if label in reached or (present is not None and label not in present):
                continue
            reached[label] = place
            if label not in held:
                _pass_on(label, first, reached, held)
                return True
            queue.append(held[label])
    return False


def _pass_on(label: str, first: int, reached: dict[str, int], held: dict[str, int]) -> None:
    place = reached[label]
    while place != first:
        former = next(other for other, its in held.items() if its == place)
        held[label] = place
        del held[former]
        label, place = former, reached[former]
    held[label] = place
