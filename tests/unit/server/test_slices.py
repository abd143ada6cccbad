"""Parts of a request, their answers as one, and failures that count rows as the whole request does."""

from __future__ import annotations

import struct

from hypothesis import given
from hypothesis import strategies as st

from amber.server.exchange import Answered, Asked, Failure
from amber.server.slices import cut, joined, placed


@given(st.integers(1, 40), st.integers(1, 9))
def test_parts_are_the_whole(rows: int, size: int) -> None:
    asked = Asked(rows, struct.pack(f"<{2 * rows}q", *range(2 * rows)), [[str(row) for row in range(rows)]])
    parts = [cut(asked, begin, min(begin + size, rows)) for begin in range(0, rows, size)]
    assert sum(part.rows for part in parts) == rows
    values = joined([Answered(part.rows, [part.numbers, part.objects[0]]) for part in parts])
    assert values == [asked.numbers, asked.objects[0]]


def test_a_failure_of_a_part_counts_from_the_beginning() -> None:
    found = placed(Failure(422, "input-refused", "row 2, column 'row 2': missing", row=2), 1000)
    assert (found.row, found.message) == (1002, "row 1002, column 'row 2': missing")
    plain = Failure(422, "input-refused", "row 2 of something")
    assert placed(plain, 1000) is plain
