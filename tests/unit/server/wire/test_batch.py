"""The layout of a batch: what one side packs the other reads, and no bytes of a worker do harm."""

from __future__ import annotations

import struct
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amber.server.exchange import Answered, Asked, Failure
from amber.server.interface import Input, Interface, Output
from amber.server.wire.batch import (
    ANSWER,
    Layout,
    Probed,
    answer_pack,
    answer_unpack,
    mask_of,
    pack,
    pack_probe,
    packed_bytes,
    probe_unpack,
    unpack,
)

ROOM = 4096


def interface(objects: int = 1) -> Interface:
    inputs = [Input(name="a", datatype="FP64", dtype="float64", cell="float", width=2)]
    inputs += [
        Input(name=f"o{place}", datatype="BYTES", dtype="str", cell="object") for place in range(objects)
    ]  # fmt: skip
    outputs = [
        Output(method="predict", name="predict", datatype="BYTES", dtype="str", cell="label", classes=[list("xyz")]),
        Output(method="proba", name="proba", datatype="FP64", dtype="float64", cell="float", shape=[3]),
        Output(method="words", name="words", datatype="BYTES", dtype="object", cell="object"),
        Output(
            method="both", name="both", datatype="INT64", dtype="int64", cell="label", shape=[2],
            classes=[[0, 1], [5, 6, 7]],
        ),
    ]  # fmt: skip
    return Interface(
        name="m", version="1.0.0", id="0" * 64, route="program", form="columns", inputs=inputs, outputs=outputs,
        default=[0],
    )  # fmt: skip


LAYOUT = Layout(interface())
PLAIN = Layout(interface(objects=0))


def region() -> memoryview:
    return memoryview(bytearray(ROOM))


def part(rows: int, outputs: tuple[int, ...] = (0,), text: str = "t") -> Asked:
    numbers = struct.pack(f"<{2 * rows}d", *(float(each) for each in range(2 * rows)))
    return Asked(rows, numbers, [[f"{text}{row}" for row in range(rows)]], outputs)


def test_a_batch_comes_back_as_it_was_packed() -> None:
    into = region()
    parts = [part(2), part(0), part(1, text="ü")]
    assert pack(into, LAYOUT, 99, parts, mask_of([0, 2]), "original", ROOM) == 3
    found = unpack(into, LAYOUT)
    assert (found.sequence, found.rows, found.outputs, found.route) == (99, [2, 0, 1], [0, 2], "original")
    assert bytes(found.numbers) == parts[0].numbers + parts[2].numbers
    assert found.objects == [[["t0", "t1"]], [[]], [["ü0"]]]
    assert packed_bytes(into, LAYOUT) <= ROOM


def test_numbers_lie_on_a_boundary_of_eight_bytes_whatever_the_number_of_parts() -> None:
    for count in range(1, 6):
        into = region()
        pack(into, PLAIN, 1, [Asked(1, bytes(16)) for _ in range(count)], 1, "program", ROOM)
        assert (len(into) - packed_bytes(into, PLAIN)) % 8 == 0


def test_as_many_parts_go_as_fit_the_region() -> None:
    into, many = region(), [Asked(10, bytes(160)) for _ in range(40)]
    count = pack(into, PLAIN, 1, many, 1, "program", 1 << 20)
    assert 20 < count < 26
    assert packed_bytes(into, PLAIN) <= ROOM
    assert unpack(into, PLAIN).rows == [10] * count


def test_as_many_parts_go_as_the_answer_has_room_for() -> None:
    into, many = region(), [Asked(10, bytes(160)) for _ in range(10)]
    assert pack(into, PLAIN, 1, many, mask_of([1]), "program", ANSWER.size + 10 * 24 * 3) == 3


def test_a_part_that_does_not_fit_alone_is_not_written() -> None:
    into = region()
    assert pack(into, PLAIN, 1, [Asked(1000, bytes(16_000))], 1, "program", ROOM) == 0
    assert bytes(into) == bytes(ROOM)
    assert pack(into, LAYOUT, 1, [Asked(1, bytes(16), [["x" * ROOM]])], 1, "program", ROOM) == 0


def test_more_outputs_than_the_mask_has_bits_are_refused() -> None:
    one = interface()
    with pytest.raises(ValueError, match="65 outputs"):
        Layout(msgspec.structs.replace(one, outputs=one.outputs[:1] * 65))


@pytest.mark.parametrize(
    "change",
    [
        {"shape": [-1]},
        {"shape": [0]},
        {"shape": [1 << 20, 1 << 20]},
        {"cell": "label"},
        {"cell": "label", "shape": [2]},
    ],
    ids=["negative", "zero", "large", "classes", "columns"],
)
def test_an_interface_of_impossible_sizes_is_refused(change: dict[str, Any]) -> None:
    one = interface()
    wrong = msgspec.structs.replace(one.outputs[1], **({"shape": []} | change))
    with pytest.raises(ValueError, match=r"impossible|classes"):
        Layout(msgspec.structs.replace(one, outputs=[wrong]))


def test_a_default_that_is_no_output_is_refused() -> None:
    with pytest.raises(ValueError, match="default"):
        Layout(msgspec.structs.replace(interface(), default=[4]))


@pytest.mark.parametrize(
    "data",
    [
        struct.pack("<QIIQB7xQ", 1, 1, 10_000, 1, 0, 0),
        struct.pack("<QIIQB7xQ", 1, 1, 1, 1 << 4, 0, 0),
        struct.pack("<QIIQB7xQ", 1, 1, 1, 1, 2, 0),
        struct.pack("<QIIQB7xQ", 1, 2, 2, 1, 0, 0),
        struct.pack("<QIIQB7xQ", 1, 2**32 - 1, 2, 1, 0, 0),
        struct.pack("<QIIQB7xQ", 1, 0, 0, 1, 0, 2**63),
    ],
    ids=["rows", "outputs", "route", "sum", "parts", "objects"],
)
def test_a_batch_that_does_not_fit_its_region_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="a batch"):
        unpack(memoryview(data + bytes(64)), LAYOUT)


def answered(parts: list[Asked], mask: int, **changes: Any) -> tuple[memoryview, list[Answered | Failure] | None]:
    """Pack an answer to parts of two rows and read it back."""
    rows = sum(each.rows for each in parts)
    values: dict[str, Any] = {
        "blocks": [struct.pack(f"<{rows}q", *[row % 3 for row in range(rows)])], "objects": [], "failed": [],
    }  # fmt: skip
    values.update(changes)
    into = region()
    answer_pack(into, 5, values["blocks"], values["objects"], values["failed"], parts=len(parts))
    return into, answer_unpack(into, LAYOUT, 5, parts, mask)


def test_each_part_gets_its_own_rows() -> None:
    _, found = answered([part(2), part(0), part(1)], 1)
    assert found == [
        Answered(2, [struct.pack("<2q", 0, 1)]), Answered(0, [b""]), Answered(1, [struct.pack("<q", 2)]),
    ]  # fmt: skip


def test_cells_and_objects_come_in_the_order_that_was_asked() -> None:
    parts = [part(1, (0, 1, 2)), part(1, (0, 1, 2))]
    blocks = [struct.pack("<2q", 2, 0), struct.pack("<6d", *range(6))]
    _, found = answered(parts, mask_of([0, 1, 2]), blocks=blocks, objects=[["p", None]])
    assert found == [
        Answered(1, [struct.pack("<q", 2), struct.pack("<3d", 0, 1, 2), ["p"]]),
        Answered(1, [struct.pack("<q", 0), struct.pack("<3d", 3, 4, 5), [None]]),
    ]


def test_a_part_that_failed_says_why_and_the_others_are_answered() -> None:
    failure = (1, 422, "input-refused", "row 0, column 'a': nan", 0, "a", "send\x07 it", "a\x07 number")
    _, found = answered([part(1), part(1)], 1, failed=[failure])
    assert found is not None
    assert isinstance(found[0], Answered)
    said = (422, "input-refused", "row 0, column 'a': nan", 0, "a", r"send\x07 it")
    assert found[1] == Failure(*said, expected=r"a\x07 number")


@pytest.mark.parametrize(
    "failed",
    [
        (2, 422, "c", "m", None, None, ""),
        (-1, 422, "c", "m", None, None, ""),
        (0, 200, "c", "m", None, None, ""),
        (0, 422, "c", "m", 1, None, ""),
        (0, 422, "c", "m", -1, None, ""),
    ],
    ids=["part", "negative", "status", "row", "negative-row"],
)
def test_a_failure_that_names_what_is_not_there_is_no_answer(failed: Any) -> None:
    assert answered([part(1), part(1)], 1, failed=[failed])[1] is None


@pytest.mark.parametrize("index", [-1, 3, 2**62], ids=["before", "behind", "far"])
def test_a_class_that_is_not_there_is_no_answer(index: int) -> None:
    assert answered([part(1)], 1, blocks=[struct.pack("<q", index)])[1] is None


def test_classes_are_counted_column_by_column() -> None:
    parts = [part(2, (3,))]
    assert answered(parts, mask_of([3]), blocks=[struct.pack("<4q", 1, 2, 0, 0)])[1] is not None
    assert answered(parts, mask_of([3]), blocks=[struct.pack("<4q", 2, 1, 0, 0)])[1] is None


@pytest.mark.parametrize(
    "objects", [[], [["a"]], [["a", "b", "c"]], [["a", "b"], ["a", "b"]]], ids=["0", "1", "3", "4"]
)
def test_objects_for_other_rows_are_no_answer(objects: Any) -> None:
    assert answered([part(2, (2,))], mask_of([2]), blocks=[], objects=objects)[1] is None


def test_the_answer_to_another_batch_is_none() -> None:
    into, _ = answered([part(1)], 1)
    assert answer_unpack(into, LAYOUT, 6, [part(1)], 1) is None


def test_an_answer_that_does_not_fit_is_not_sent() -> None:
    with pytest.raises(ValueError, match=r"fit|structure"):
        answer_pack(region(), 5, [], [["x" * ROOM]], parts=1)
    with pytest.raises(ValueError, match=r"fit|structure"):
        answer_pack(region(), 5, [bytes(2 * ROOM)], parts=1)


def test_a_probe_asks_nothing_and_answers_a_word() -> None:
    into = region()
    pack_probe(into, 3)
    assert unpack(into, LAYOUT).rows == []
    answer_pack(into, 3, [], parts=1, verdict="equivalent")
    assert probe_unpack(into, 3) == Probed("equivalent")
    answer_pack(into, 3, [], (), [(0, 503, "verdict-drifted", "no", None, None, "")], parts=1, verdict="drifted")
    assert probe_unpack(into, 3) == Probed("drifted", Failure(503, "verdict-drifted", "no"))
    assert probe_unpack(into, 4) is None
    assert answer_unpack(into, LAYOUT, 3, [part(1)], 1) is None


PARTS = [part(2, (0, 1, 2)), part(1, (0, 1, 2))]
MASK = mask_of([0, 1, 2])
GOOD = 3 * (8 + 24)


def _checked(found: list[Answered | Failure] | None) -> None:
    """An answer is none, or has every row that was asked for; and it can be said as JSON."""
    if found is None:
        return
    assert len(found) == len(PARTS)
    for answer, asked in zip(found, PARTS, strict=True):
        if isinstance(answer, Answered):
            labels, numbers, objects = answer.values
            assert len(labels) == 8 * asked.rows
            assert len(numbers) == 24 * asked.rows
            assert len(objects) == asked.rows
            assert all(0 <= index < 3 for index in struct.unpack(f"<{asked.rows}q", labels))
            msgspec.json.encode(objects)
        else:
            assert 400 <= answer.status <= 599
            assert answer.row is None or 0 <= answer.row < asked.rows


@given(st.binary(max_size=400))
def test_any_bytes_in_the_answer_are_an_answer_or_none(data: bytes) -> None:
    _checked(answer_unpack(memoryview(data), LAYOUT, 5, PARTS, MASK))
    found = probe_unpack(memoryview(data.ljust(ANSWER.size, b"\0")), 5)
    assert found is None or isinstance(found, Probed)


@given(
    status=st.integers(0, 3), length=st.integers(0, 200), block=st.binary(min_size=GOOD, max_size=GOOD),
    tail=st.binary(max_size=120),
)  # fmt: skip
def test_any_tail_behind_a_right_head_is_an_answer_or_none(status: int, length: int, block: bytes, tail: bytes) -> None:
    _checked(answer_unpack(memoryview(ANSWER.pack(5, status, 0, length) + block + tail), LAYOUT, 5, PARTS, MASK))


_scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(max_size=5)
_keys = st.text(max_size=3) | st.integers(-9, 9)
_values = st.recursive(
    _scalars | st.binary(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_keys, inner, max_size=3),
    max_leaves=20,
)


@given(
    objects=st.lists(st.lists(_values, min_size=3, max_size=3), max_size=2) | _values,
    failed=st.lists(
        st.tuples(
            st.integers(-1, 3), st.integers(199, 601), st.text(max_size=5), st.text(max_size=5),
            st.none() | st.integers(-1, 3), st.none() | st.text(max_size=3), st.text(max_size=3), st.text(max_size=3),
        ),
        max_size=3,
    )
    | _values,
    status=st.integers(0, 2),
    labels=st.lists(st.integers(-1, 3), min_size=3, max_size=3),
)  # fmt: skip
def test_any_message_in_the_tail_is_an_answer_or_none(
    objects: Any, failed: Any, status: int, labels: list[int]
) -> None:
    tail = msgspec.msgpack.encode({"objects": objects, "failed": failed})
    block = struct.pack("<3q", *labels) + bytes(72)
    _checked(answer_unpack(memoryview(ANSWER.pack(5, status, 0, len(tail)) + block + tail), LAYOUT, 5, PARTS, MASK))


@pytest.mark.parametrize(
    "tail",
    [
        b"\x81\xa7objects\x91\x93\xc7\x00\x01\xc0\xc0",
        b"\x81\xa7objects\x91\x93\x81\x91\xc0\xc0\xc0\xc0",
        b"\x81\xa7objects" + b"\x91" * 100_000,
        b"\x81\xa6unseen\xc0",
        b"\xc1",
    ],
    ids=["extension", "key", "deep", "field", "byte"],
)
def test_a_tail_of_odd_types_is_no_answer(tail: bytes) -> None:
    data = ANSWER.pack(5, 0, 0, len(tail)) + bytes(GOOD) + tail
    assert answer_unpack(memoryview(data), LAYOUT, 5, PARTS, MASK) is None
