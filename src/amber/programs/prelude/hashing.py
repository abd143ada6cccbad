"""MurmurHash3, 32 bits, as scikit-learn's hashing vectorisers use it (seed 0), and the column it leads to."""

from __future__ import annotations

MASK = 0xFFFFFFFF
KEPT = 1 << 17  # terms whose column is remembered
KEPT_CHARS = 64  # longer terms are not


def murmur3(data: bytes) -> int:
    """Return the hash of `data` as a signed number."""
    size = len(data)
    whole = size & ~3
    state = 0
    for start in range(0, whole, 4):
        block = int.from_bytes(data[start : start + 4], "little") * 0xCC9E2D51 & MASK
        state ^= ((block << 15 | block >> 17) & MASK) * 0x1B873593 & MASK
        state = ((state << 13 | state >> 19) & MASK) * 5 + 0xE6546B64 & MASK
    if whole != size:
        block = int.from_bytes(data[whole:], "little") * 0xCC9E2D51 & MASK
        state ^= ((block << 15 | block >> 17) & MASK) * 0x1B873593 & MASK
    state ^= size
    state = (state ^ state >> 16) * 0x85EBCA6B & MASK
    state = (state ^ state >> 13) * 0xC2B2AE35 & MASK
    state ^= state >> 16
    return state - (1 << 32) if state >> 31 else state


class Columns(dict[str | bytes, int]):
    """Where each term goes, computed once for a term.

    Its column; with alternating signs twice the column, plus one where its count is subtracted.
    """

    def __init__(self, width: int, alternate_sign: bool) -> None:
        super().__init__()
        self.width, self.alternate_sign = width, alternate_sign

    def __missing__(self, term: str | bytes) -> int:
        value = murmur3(term if isinstance(term, bytes) else term.encode("utf-8"))
        place = abs(value) % self.width
        if self.alternate_sign:
            place = place * 2 + (value < 0)
        if len(term) <= KEPT_CHARS and len(self) < KEPT:
            self[term] = place
        return place
