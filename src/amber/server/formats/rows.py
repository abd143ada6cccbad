"""Columns of cells to the rows that travel: `Asked.numbers`."""

from __future__ import annotations

from collections.abc import Sequence


def gather(blocks: Sequence[bytes], widths: Sequence[int], rows: int) -> bytes | bytearray:
    """Return rows x sum(widths) x 8 bytes, row by row.

    Args:
        blocks: For each input rows x width x 8 bytes.
        widths: Cells of each input in a row.
        rows: How many.
    """
    if len(blocks) == 1:
        return blocks[0]
    if rows == 1:
        return b"".join(blocks)
    cells = sum(widths)
    numbers = bytearray(8 * rows * cells)
    target = memoryview(numbers).cast("Q")
    place = 0
    for block, width in zip(blocks, widths, strict=True):
        source = memoryview(block).cast("Q")
        for offset in range(width):
            target[place + offset :: cells] = source[offset::width]
        place += width
    return numbers
