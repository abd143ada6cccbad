"""Long runs of numbers in a graph's bytes: where they end, and what they are, all at once.

In: bytes that begin with a tag and a number, and go on so. Out: how many bytes and numbers that are. Called by `wire`,
for which an expression would take several times as long, and by `graph_values`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

_CHUNK = 1 << 16  # bytes that are looked at together
_DIGITS = 10  # bytes of a number of 64 bits, seven in each
# Bytes, numbers, and these as int64 where they had to be decoded to find their end. No bytes: a number is wrong.
Found = tuple[int, int, Any]


def floats(view: memoryview, tag: int) -> Found:
    """Return the tags with four bytes each with which bytes begin."""
    count = _leading(np.frombuffer(view, np.uint8)[: len(view) // 5 * 5 : 5] == tag)
    return 5 * count, count, None


def integers(view: memoryview, tag: int) -> Found:
    """Return the tags with a number each with which bytes begin; no bytes where a number is not in its one spelling."""
    data = np.frombuffer(view, np.uint8)
    at, parts, short = 0, [], True
    while at < len(data) and data[at] == tag:
        chunk = data[at : at + _CHUNK]
        # numbers of one byte, below 128, behind the tag: two bytes as one little-endian number
        count = _leading((chunk[: len(chunk) // 2 * 2].view("<u2") & 0x80FF) == tag)
        if count:
            parts.append(chunk[1 : 2 * count : 2])
            at += 2 * count
        else:
            values, size = _mixed(chunk, tag)
            if not size:
                return 0, 0, None
            parts.append(values)
            at, short = at + size, False
    count = sum(map(len, parts))
    return at, count, None if short else np.concatenate(parts)


def _mixed(data: Any, tag: int) -> tuple[Any, int]:
    """Return the numbers behind their tags with which bytes begin, and how many bytes they take; 0 if one is wrong."""
    low = np.flatnonzero(data < 128)  # tags, and where numbers end
    ends = low[1::2]
    tags = low[: 2 * len(ends) : 2]
    follows = data[tags] == tag
    follows[1:] &= tags[1:] == ends[:-1] + 1
    count = _leading(follows)
    tags, ends = tags[:count], ends[:count]
    sizes, last = ends - tags, data[ends]
    wrong = (sizes > _DIGITS) | ((sizes > 1) & (last == 0)) | ((sizes == _DIGITS) & (last > 1))
    if not count or wrong.any():
        return tags, 0
    return joined(data, tags + 1, ends), int(ends[-1]) + 1


def _leading(holds: Any) -> int:
    """Return how many of the first values are true."""
    return len(holds) if holds.all() else int(holds.argmin())


def joined(data: Any, start: Any, stop: Any) -> Any:
    """Return numbers of 7 bits a byte, low bits first, as int64: all at once, a byte of each at a time.

    Args:
        data: Bytes, uint8.
        start: Where each number begins.
        stop: Its last byte.
    """
    found = (data[start] & 127).astype(np.uint64)
    place, longer = 1, np.flatnonzero(stop > start)
    while longer.size:
        found[longer] |= (data[start[longer] + place] & 127).astype(np.uint64) << np.uint64(7 * place)
        place += 1
        longer = longer[stop[longer] - start[longer] >= place]
    return found.view(np.int64)
