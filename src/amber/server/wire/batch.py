"""The layout of a batch in shared memory, little-endian, and of its answer.

Request: head (sequence u64, parts u32, rows u32, outputs u64 mask, route u8, 7 zero bytes, length of the objects
u64), rows of each part (u32 each, padded to 8), numbers (rows x cells x 8 bytes), objects (MessagePack: for each part
a list of columns, each a list of values). A batch with `parts` 0 is a probe: replay a few cases.

Answer: head (sequence u64, status u32: 0 answered, 1 some parts failed, 2 all failed; u32 zero; length of the tail
u64), then for each asked output that has cells, in ascending order, rows x width x 8 bytes; then the tail, MessagePack:
`{"objects": [for each asked output of cell object a list of values for all rows], "failed": [a `Failed` as an array,
...], "verdict": of a probe}`; zero length where there is none. Cells of failed parts are zero, objects of failed parts
null. The sequence stands there as soon as the worker has begun the batch. A probe whose verdict is `drifted` or
`broken` has one failed part, 0.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import msgspec

from amber.errors import shown
from amber.server.exchange import Answered, Asked, Failure
from amber.server.interface import Interface, Route

HEAD = struct.Struct("<QIIQB7xQ")
ANSWER = struct.Struct("<QIIQ")
ALL_ANSWERED, SOME_FAILED, ALL_FAILED = 0, 1, 2
MOST_OUTPUTS = 64  # bits of the mask
ROUTES: tuple[Route, ...] = ("program", "original")
_LARGE = 4096  # bytes of numbers of a request
_MOST_CELLS = 1 << 31  # of one row
_SEQUENCE = struct.Struct("<Q")
_LIST = struct.Struct(">BI")  # head of a MessagePack array of any length
_ARRAY32 = 0xDD
_BYTES = bytes(range(256))
_SAID = 2000  # characters of a message or a hint from a worker
_LOST = "the worker gave no valid answer"

Verdict = Literal["", "identical", "equivalent", "drifted", "broken", "unchecked"]


class Failed(NamedTuple):
    """Why one part has no answer; `exchange.Failure` says what each field is."""

    part: int
    status: int
    code: str
    message: str
    row: int | None = None
    column: str | None = None
    hint: str = ""
    expected: str = ""


class Tail(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """What of an answer has no cells."""

    objects: list[list[Any]] = []
    failed: list[Failed] = []
    verdict: Verdict = ""


@dataclass(slots=True)
class Probed:
    """What a probe found: one of the five words; `failure` where it is `drifted` or `broken`."""

    verdict: str
    failure: Failure | None = None


@dataclass(slots=True)
class Batch:
    """A batch as a worker reads it: views of the shared memory, valid until it is answered.

    Attributes:
        sequence: Of the front, sent back.
        rows: Of each part; none of a probe.
        outputs: Places in `Interface.outputs` that any part asks for, ascending.
        route: Which form of the model is asked.
        numbers: Rows x cells x 8 bytes.
        objects: For each part a list of columns.
    """

    sequence: int
    rows: list[int]
    outputs: list[int]
    route: Route
    numbers: memoryview
    objects: list[list[list[Any]]]


class Layout:
    """The sizes of one interface, computed once; both sides use it.

    Raises:
        ValueError: More outputs than the mask has bits, or sizes that no batch can have.
    """

    def __init__(self, interface: Interface) -> None:
        if len(interface.outputs) > MOST_OUTPUTS:
            raise ValueError(f"{len(interface.outputs)} outputs, at most {MOST_OUTPUTS}")
        sizes = [each.width for each in interface.inputs]
        for output in interface.outputs:
            sizes += [*output.shape, output.width]
            lists = output.shape[0] if output.shape else 1
            if output.cell == "label" and (len(output.shape) > 1 or len(output.classes) != lists):
                raise ValueError(f"{len(output.classes)} lists of classes for {lists} columns")
        if any(not 0 < size < _MOST_CELLS for size in sizes):
            raise ValueError("an input or output of an impossible size")
        if any(not 0 <= place < len(interface.outputs) for place in interface.default):
            raise ValueError("a default output that is not there")
        self.row = interface.cells * 8
        self.columns = interface.objects
        # bytes of one row, 0 for an output of cell object
        self.widths = [0 if each.cell == "object" else each.width * 8 for each in interface.outputs]
        self.classes = [
            [len(classes) for classes in each.classes] if each.cell == "label" else [] for each in interface.outputs
        ]

        self._places: dict[int, list[int]] = {}
        self._rows: dict[int, int] = {}

    def places(self, mask: int) -> list[int]:
        """Return the places of the set bits, ascending."""
        found = self._places.get(mask)
        if found is None:
            found = self._places[mask] = [place for place in range(len(self.widths)) if mask >> place & 1]
        return found

    def answer_bytes(self, rows: int, mask: int) -> int:
        """Bytes of an answer without its tail."""
        row = self._rows.get(mask)
        if row is None:
            row = self._rows[mask] = sum([self.widths[place] for place in self.places(mask)])
        return ANSWER.size + rows * row


_encode = msgspec.msgpack.Encoder().encode
_objects = msgspec.msgpack.Decoder(list[list[list[Any]]])
_tail = msgspec.msgpack.Decoder(Tail)
_json = msgspec.json.Encoder().encode


def mask_of(outputs: Sequence[int]) -> int:
    """Return places in `Interface.outputs` as a mask."""
    mask = 0
    for place in outputs:
        mask |= 1 << place
    return mask


# -- the front writes a batch --------------------------------------------------------------------------------------


def pack(
    into: memoryview, layout: Layout, sequence: int, parts: Sequence[Asked], mask: int, route: Route, answer: int
) -> int:
    """Write as many of the parts as fit, from the first on; return how many.

    Args:
        into: The request part of the region.
        layout: Of the interface.
        sequence: Number of this batch.
        parts: Requests; their numbers have `rows` times `Interface.cells` cells.
        mask: Outputs that any part asks for.
        route: Which form of the model is asked.
        answer: Bytes of the answer part of the region.

    Returns:
        How many parts the batch holds; 0 where the first alone does not fit, and nothing was written.
    """
    count = len(parts)
    rows = [each.rows for each in parts]
    total = sum(rows)
    objects = [_encode(each.objects) for each in parts] if layout.columns else []
    size = HEAD.size + _padded(count) + total * layout.row + sum(map(len, objects)) + _LIST.size
    if size > len(into) or layout.answer_bytes(total, mask) > answer:
        count = _fitting(len(into), layout, rows, objects, mask, answer)
        if not count:
            return 0
        parts, rows, objects = parts[:count], rows[:count], objects[:count]
        total = sum(rows)
    start = HEAD.size + _padded(count)
    struct.pack_into(f"<{count}I", into, HEAD.size, *rows)
    end = start + total * layout.row
    if end - start < count * _LARGE:
        into[start:end] = parts[0].numbers if count == 1 else b"".join([each.numbers for each in parts])
    else:  # not copied twice
        begin = start
        for part in parts:
            stop = begin + part.rows * layout.row
            into[begin:stop] = part.numbers
            begin = stop
    length = 0
    if objects:
        packed = b"".join([_LIST.pack(_ARRAY32, count), *objects])
        length = len(packed)
        into[end : end + length] = packed
    HEAD.pack_into(into, 0, sequence, count, total, mask, ROUTES.index(route), length)
    return count


def pack_probe(into: memoryview, sequence: int) -> None:
    """Write a probe: of every form of the model that the worker serves."""
    HEAD.pack_into(into, 0, sequence, 0, 0, 0, 0, 0)


def packed_bytes(view: memoryview, layout: Layout) -> int:
    """Bytes of the batch that `pack` or `pack_probe` wrote."""
    _, count, total, _, _, length = HEAD.unpack_from(view)
    size: int = HEAD.size + _padded(count) + total * layout.row + length
    return size


def _padded(parts: int) -> int:
    """Bytes of the rows of each part."""
    return (parts * 4 + 7) & ~7


def _fitting(room: int, layout: Layout, rows: list[int], objects: list[bytes], mask: int, answer: int) -> int:
    """How many parts fit, from the first on."""
    size, total = HEAD.size + _LIST.size, 0
    for position, count in enumerate(rows):
        total += count
        size += count * layout.row + (len(objects[position]) if objects else 0)
        if size + _padded(position + 1) > room or layout.answer_bytes(total, mask) > answer:
            return position
    return len(rows)


# -- the front reads an answer -------------------------------------------------------------------------------------


def answer_unpack(
    view: memoryview, layout: Layout, sequence: int, parts: Sequence[Asked], mask: int
) -> list[Answered | Failure] | None:
    """Return the answer of each part.

    Nothing the worker wrote is believed: what is read is copied first, its size follows from what was asked, and rows,
    parts and classes it names must be there.

    Args:
        view: The answer part of the region.
        layout: Of the interface.
        sequence: Number of the batch that was sent.
        parts: What it held.
        mask: As it was packed.

    Returns:
        One answer for each part; None where the bytes are no answer to this batch.
    """
    rows = sum([each.rows for each in parts])
    size = layout.answer_bytes(rows, mask)
    if size > len(view):
        return None
    head = bytes(view[:size])
    found, status, zero, length = ANSWER.unpack_from(head)
    if found != sequence or zero or status > ALL_FAILED or length > len(view) - size:
        return None
    tail = _read_tail(view[size : size + length])
    if tail is None or tail.verdict or (status == ALL_ANSWERED) == bool(tail.failed):
        return None
    spots = _spots(head, layout, rows, mask, tail)
    failed = _failures(tail, parts)
    if spots is None or failed is None or (status == ALL_FAILED and len(failed) < len(parts)):
        return None
    return _shared_out(head, spots, failed, parts)


def _read_tail(data: memoryview) -> Tail | None:
    if not data:
        return Tail()
    try:
        tail: Tail = _tail.decode(bytes(data))
        if tail.objects:
            _json(tail.objects)  # values that JSON has no form for are no answer
    except (msgspec.MsgspecError, ValueError, TypeError, RecursionError, OverflowError):
        return None
    return tail


def _spots(head: bytes, layout: Layout, rows: int, mask: int, tail: Tail) -> dict[int, Any] | None:
    """Where each asked output lies: (offset, bytes of a row), or the list of its objects; None where one is wrong."""
    spots: dict[int, Any] = {}
    offset, objects = ANSWER.size, iter(tail.objects)
    taken = 0
    for place in layout.places(mask):
        width = layout.widths[place]
        if not width:
            values = next(objects, None)
            if values is None or len(values) != rows:
                return None
            taken += 1
            spots[place] = values
            continue
        end = offset + rows * width
        if layout.classes[place] and not _classes_known(head[offset:end], layout.classes[place]):
            return None
        spots[place] = (offset, width)
        offset = end
    return spots if taken == len(tail.objects) else None


def _classes_known(block: bytes, counts: list[int]) -> bool:
    """Whether every index of a class is one; `counts`: classes of each column, or of all."""
    if len(counts) == 1 and counts[0] <= len(_BYTES):  # without an object for each cell
        lowest, whole = block[::8], bytearray(len(block))
        whole[::8] = lowest
        return whole == block and not lowest.translate(None, _BYTES[: counts[0]])
    cells = memoryview(block).cast("q")
    if not cells:
        return True
    if len(counts) == 1:
        return min(cells) >= 0 and max(cells) < counts[0]
    # a view with a step has neither min nor max of its own
    columns = [cells[column :: len(counts)].tolist() for column in range(len(counts))]
    return all(min(column) >= 0 and max(column) < count for column, count in zip(columns, counts, strict=True))


def _failures(tail: Tail, parts: Sequence[Asked]) -> dict[int, Failure] | None:
    """The parts that failed; None where one is not there."""
    failures: dict[int, Failure] = {}
    for part, status, code, message, row, column, hint, expected in tail.failed:
        if not 0 <= part < len(parts) or part in failures or not 400 <= status <= 599:
            return None
        if row is not None and not 0 <= row < max(parts[part].rows, 1):
            return None
        failures[part] = Failure(
            status, shown(code, 64), shown(message, _SAID), row,
            None if column is None else shown(column), shown(hint, _SAID), expected=shown(expected),
        )  # fmt: skip
    return failures


def _shared_out(
    head: bytes, spots: dict[int, Any], failed: dict[int, Failure], parts: Sequence[Asked]
) -> list[Answered | Failure]:
    answers: list[Answered | Failure] = []
    outputs: Sequence[int] = ()
    chosen: list[Any] = []
    start = 0
    for position, part in enumerate(parts):
        end = start + part.rows
        if failed and position in failed:
            answers.append(failed[position])
        else:
            if part.outputs is not outputs:  # most often the same tuple for all
                outputs = part.outputs
                chosen = [spots[place] for place in outputs]
            values = [
                head[spot[0] + start * spot[1] : spot[0] + end * spot[1]] if type(spot) is tuple else spot[start:end]
                for spot in chosen
            ]
            answers.append(Answered(part.rows, values))
        start = end
    return answers


def probe_unpack(view: memoryview, sequence: int) -> Probed | None:
    """Return what a probe found; None where the bytes are no answer to it."""
    head = bytes(view[: ANSWER.size])
    found, status, zero, length = ANSWER.unpack(head)
    if found != sequence or zero or status > ALL_FAILED or length > len(view) - ANSWER.size:
        return None
    tail = _read_tail(view[ANSWER.size : ANSWER.size + length])
    if tail is None or tail.objects or not tail.verdict or (status == ALL_ANSWERED) == bool(tail.failed):
        return None
    failed = _failures(tail, [Asked(0, b"")])
    return None if failed is None else Probed(tail.verdict, failed.get(0))


def begun(view: memoryview, sequence: int) -> bool:
    """Whether the worker says that it has begun this batch."""
    return bool(_SEQUENCE.unpack_from(view)[0] == sequence)


def lost() -> Failure:
    """Return the failure of requests whose worker died, or wrote what is no answer."""
    return Failure(503, "worker-lost", _LOST, hint="send the request again", retry_after=1.0)


# -- the worker ----------------------------------------------------------------------------------------------------


def unpack(view: memoryview, layout: Layout) -> Batch:
    """Return the batch in the request part of the region.

    Raises:
        ValueError: The bytes are no batch.
    """
    sequence, count, total, mask, route, length = HEAD.unpack_from(view)
    start = HEAD.size + _padded(count)
    end = start + total * layout.row
    if end + length > len(view) or mask >> len(layout.widths) or route >= len(ROUTES):
        raise ValueError("a batch that does not fit its region")
    rows = list(struct.unpack_from(f"<{count}I", view, HEAD.size))
    objects = _objects.decode(view[end : end + length]) if length else []
    if sum(rows) != total or (layout.columns and len(objects) != count):
        raise ValueError("a batch whose parts do not agree")
    if any(
        len(part) != layout.columns or any(len(column) != wanted for column in part)
        for part, wanted in zip(objects, rows, strict=False)
    ):
        raise ValueError("a batch whose objects do not fit its rows")
    return Batch(sequence, rows, layout.places(mask), ROUTES[route], view[start:end], objects)


def begin(into: memoryview, sequence: int) -> None:
    """Note in the answer part that this batch is being worked on: before the first value of it is looked at."""
    _SEQUENCE.pack_into(into, 0, sequence)


def answer_pack(
    into: memoryview,
    sequence: int,
    blocks: Sequence[Any],
    objects: Sequence[list[Any]] = (),
    failed: Sequence[Failed] = (),
    *,
    parts: int,
    verdict: Verdict = "",
) -> int:
    """Write an answer; return its bytes.

    Args:
        into: The answer part of the region.
        sequence: Of the batch.
        blocks: Contiguous buffers, one for each asked output that has cells, in ascending order.
        objects: For each asked output of cell object the values of all rows.
        failed: Parts that failed.
        parts: How many parts the batch had.
        verdict: Of a probe.

    Raises:
        ValueError: It does not fit.
    """
    offset = ANSWER.size
    for block in blocks:
        view = memoryview(block)
        if view.nbytes:  # an empty one cannot be cast
            into[offset : offset + view.nbytes] = view.cast("B")
            offset += view.nbytes
    tail = b""
    if objects or failed or verdict:
        tail = _encode(Tail(list(objects), list(failed), verdict))
        if len(tail) > len(into) - offset:
            raise ValueError(f"an answer of {offset + len(tail)} bytes, {len(into)} fit")
        into[offset : offset + len(tail)] = tail
    status = ALL_ANSWERED if not failed else ALL_FAILED if len(failed) >= parts else SOME_FAILED
    ANSWER.pack_into(into, 0, sequence, status, 0, len(tail))
    return offset + len(tail)
