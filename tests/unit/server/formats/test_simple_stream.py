"""JSON written slice by slice is the JSON that is written at once."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from typing import Any

import pytest

from amber.server.exchange import Answered, Asked, Failure
from amber.server.formats import simple
from amber.server.formats.simple_stream import JsonStream
from amber.server.interface import Interface, Output
from amber.server.slices import cut
from amber.server.worker.spool import Spool
from tests.unit.server.small_front import FLOW, GRID, work

INF = float("inf")
SPLIT = Interface(
    name='a "name"', version="1", id="e" * 64, route="program", form="matrix",
    inputs=[],
    outputs=[
        Output(method="transform", name="b", datatype="FP64", dtype="float64", cell="float", shape=[2]),
        Output(method="predict", name="predict", datatype="BOOL", dtype="bool", cell="integer"),
        Output(method="transform", name='c"', datatype="BYTES", dtype="object", cell="object"),
    ],
    default=[0, 1, 2],
)  # fmt: skip
SPECIAL = [1.5, float("nan"), INF, -INF, 0.1, 1e30, -0.0, 2.0]


@pytest.fixture
def spool() -> Iterator[Spool]:
    made = Spool()
    yield made
    made.close()


def streamed(interface: Interface, spool: Spool, parts: list[tuple[Asked, Answered]], **more: Any) -> bytes:
    writer = JsonStream(interface, spool)
    return b"".join([*[writer.write(*part) for part in parts], *writer.end(**more)])


def numbers(interface: Interface, rows: int) -> bytes:
    return b"".join(struct.pack("<3d" if interface is GRID else "<dq", *_row(interface, row)) for row in range(rows))


def _row(interface: Interface, row: int) -> list[Any]:
    return [SPECIAL[row % 8], 1.0, 0.5] if interface is GRID else [SPECIAL[row % 8], 2**53 + 1 + row]


@pytest.mark.parametrize(
    ("interface", "outputs"),
    [(FLOW, (0,)), (FLOW, (0, 1)), (FLOW, (1, 2, 3)), (GRID, (0,))],
    ids=["label", "default", "mixed", "grid"],
)
@pytest.mark.parametrize("size", [1, 3, 8, 100])
@pytest.mark.parametrize("named", [None, 'an "id"'], ids=["nameless", "named"])
def test_slices_make_the_whole_document(
    interface: Interface, size: int, outputs: tuple[int, ...], named: str | None, spool: Spool
) -> None:
    rows = 20
    texts = [["x", None, 'say "yes"', "é\n"][row % 4] for row in range(rows)]
    objects = [texts] if interface is FLOW else []
    whole = Asked(rows, numbers(interface, rows), objects, outputs, id=named)
    parts = [cut(whole, begin, min(begin + size, rows)) for begin in range(0, rows, size)]
    found = streamed(interface, spool, [(part, work(interface, part)) for part in parts])
    text, content_type, _ = simple.encode(interface, whole, work(interface, whole))
    assert (found, JsonStream.content_type) == (text, content_type)


def test_outputs_of_a_method_stand_together_and_infinities_where_they_are(spool: Spool) -> None:
    cells = struct.pack("<8d", *SPECIAL)
    flags = struct.pack("<4q", 1, 0, 1, 0)
    texts: list[Any] = ["x", None, {"y": [1]}, "z"]
    whole = Asked(4, b"", (), (0, 1, 2))
    answered = Answered(4, [cells, flags, texts])
    parts = [
        (Asked(2, b"", (), (0, 1, 2)), Answered(2, [cells[at * 16 : at * 16 + 32], flags[at * 8 : at * 8 + 16], list]))
        for at, list in ((0, texts[:2]), (2, texts[2:]))
    ]  # fmt: skip
    text = simple.encode(SPLIT, whole, answered)[0]
    assert streamed(SPLIT, spool, parts) == text
    assert json.loads(text)["nonfinite"] == {"b": "2:inf,3:-inf"}


def test_rows_of_the_original_are_named_at_the_end(spool: Spool) -> None:
    asked = Asked(1, numbers(GRID, 1), (), (0,))
    found = streamed(GRID, spool, [(asked, work(GRID, asked))], original=[(0, 1), (5, 9)])
    assert json.loads(found)["original_rows"] == [[0, 1], [5, 9]]


def test_what_is_kept_is_bounded() -> None:
    spool = Spool(100)
    try:
        spool.put(1, b"x" * 60, 1)
        spool.put(2, ["y"], 1)
        with pytest.raises(Failure) as caught:
            spool.put(1, b"x" * 60, 1)
        assert (caught.value.status, caught.value.code) == (413, "answer-too-large")
        assert list(spool.taken(1)) == [(b"x" * 60, 1)]
        assert list(spool.taken(2)) == [(["y"], 1)]
        assert list(spool.taken(3)) == []
    finally:
        spool.close()
