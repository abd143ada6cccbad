"""One output: what a worker answered to JSON, to bits, or to Python values. Lengths and indices are checked first."""

from __future__ import annotations

import base64
import math
import struct
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from amber.server.exchange import Failure
from amber.server.formats.float32 import shortest
from amber.server.formats.kinds import KINDS, packer, unpacker
from amber.server.interface import Output

_encode: Callable[[Any], bytes] = msgspec.json.Encoder().encode
_CELLS: Final = {"float": "d", "integer": "q", "label": "q"}
_BYTES: Final = bytes(range(256))
_LENGTH: Final = struct.Struct("<I")

Value = bytes | bytearray | memoryview | list[Any]


class Data(NamedTuple):
    """A tensor of an answer. `parameters`: of the protocol, without the size of binary data."""

    data: bytes
    parameters: dict[str, str]


class Answer:
    """How one output is written.

    Attributes:
        name: In answers, unique within the model.
        datatype: Of binary tensors.
        json_datatype: Of JSON, where FP16 has no place: it goes out as FP32, which holds all of it.
        width: Values of a row.
        labels: For each column of a label output, its values as they are answered.
        class_names: Of the values of a row, where classes name them; else empty.
        json_head: A tensor of the protocol, to be filled with rows and data; `marked_head`: with rows, parameters and
            data; `binary_head`: with rows and parameters.
    """

    __slots__ = (
        "_char",
        "_json_labels",
        "_lone_head",
        "_lone_labels",
        "_lone_unpack",
        "_own",
        "_raw_labels",
        "binary_head",
        "class_names",
        "datatype",
        "json_datatype",
        "json_head",
        "kind",
        "labels",
        "marked_head",
        "name",
        "output",
        "width",
    )

    def __init__(self, output: Output, name: str) -> None:
        self.output = output
        self.name = name
        self.datatype = output.datatype
        self.json_datatype = "FP32" if output.datatype == "FP16" else output.datatype
        self.kind = KINDS[output.datatype]
        self.width = output.width
        shape = b"[%d" + "".join(f",{each}" for each in output.shape).encode() + b"]"
        head = b'{"name":%b,"shape":%b,"datatype":"' % (_encode(name).replace(b"%", b"%%"), shape)
        self.json_head = head + f'{self.json_datatype}","data":[%b]}}'.encode()
        self.marked_head = head + f'{self.json_datatype}","parameters":%b,"data":[%b]}}'.encode()
        self.binary_head = head + f'{self.datatype}","parameters":%b}}'.encode()
        unsigned = self.kind.family == "integer" and self.kind.low == 0 and output.cell == "integer"
        self._char = "Q" if unsigned else _CELLS.get(output.cell, "")
        named = output.classes[0] if output.cell != "label" and output.classes else []
        named = named if output.shape == [len(named)] else []
        names = [each if isinstance(each, str) else _encode(each).decode() for each in named]
        self.class_names = names if len(set(names)) == len(names) else []
        self.labels: list[list[Any]] = []
        if output.cell == "label":
            self.labels = [[self._label(each) for each in column] for column in output.classes]
        # of labels that are their own indices: how many there are
        plain = len(self.labels) == 1 and self.kind.size == 8 and self.kind.family == "integer"
        self._own = len(self.labels[0]) if plain and self.labels[0] == [*range(len(self.labels[0]))] else 0
        self._json_labels = [dict(enumerate(map(_encode, column))) for column in self.labels]
        self._raw_labels = [dict(enumerate(self._raw(each) for each in column)) for column in self.labels]
        # one row, as most requests have: of a label the whole tensor by its cell, of numbers all but the values
        lone = self._json_labels[0] if self.labels and self.width == 1 else {}
        pack, self._lone_labels = packer("q", 1), {}
        for index, label in lone.items():
            self._lone_labels[pack(index)] = self.json_head % (1, label)
        plain = output.cell == "float" and self.kind.size == 8
        self._lone_unpack = unpacker("d", self.width) if plain else None
        self._lone_head = (head + b'FP64","data":%b}').replace(b"[%d", b"[1", 1)

    def tensor(self, value: Value, rows: int) -> bytes:
        """Return the values as a tensor of the protocol in JSON."""
        if rows == 1 and type(value) is bytes:
            known = self._lone_labels.get(value)
            if known is not None:
                return known
            if self._lone_unpack is not None and len(value) == 8 * self.width:
                text = _encode(self._lone_unpack(value))
                if b"n" not in text:
                    return self._lone_head % text
        data, parameters = self.json(value, rows)
        if parameters:
            return self.marked_head % (rows, _encode(parameters), data)
        return self.json_head % (rows, data)

    def json(self, value: Value, rows: int) -> Data:
        """Return the values as JSON, separated by commas, without brackets.

        Not-a-number is null. An infinity is null as well and stands in the parameter `amber.nonfinite`:
        `index:inf` or `index:-inf`, separated by commas, by the index in the flat tensor.
        """
        if self.labels:
            return Data(self._json_label(value, rows), _NONE)
        cells = self._cells(value, rows)
        if self.output.cell == "float":
            if self.kind.size < 8:
                cells = shortest(cells)
            text = _encode(cells)[1:-1]
            return Data(text, _nonfinite(cells)) if b"n" in text else Data(text, _NONE)
        if self.kind.family == "boolean":
            cells = [each if each is None else bool(each) for each in cells]
        return Data(_encode(cells)[1:-1], _NONE)

    def raw(self, value: Value, rows: int) -> Data:
        """Return the values as a binary tensor, little-endian, all bits.

        A missing object is empty, zero or not-a-number, and its bit is set in `amber.missing` (base64 of a bitmap,
        lowest bit first).
        """
        if self._own and not isinstance(value, list):
            data = bytes(value)
            self._check(len(data), 8 * rows * self.width)
            if not _below(data, self._own):
                raise _broken(self.name)
            return Data(data, _NONE)
        if self.labels:
            return Data(self._join_labels(value, rows, self._raw_labels, b""), _NONE)
        if isinstance(value, list):
            return self._raw_objects(self._cells(value, rows))
        if self.kind.size == 8 and self.kind.family != "boolean":
            self._check(len(value), 8 * rows * self.width)
            return Data(bytes(value), _NONE)
        cells = self._cells(value, rows)
        try:
            return Data(packer(self.kind.char, len(cells))(*cells), _NONE)
        except (struct.error, OverflowError) as error:
            raise _broken(self.name) from error

    def values(self, value: Value, rows: int) -> list[Any]:
        """Return flat Python values, rows x width; labels as themselves, not-a-number as None, FP32 at its shortest."""
        cells = self._cells(value, rows)
        if self.labels:
            return [self._label_at(index, place) for place, index in enumerate(cells)]
        if self.output.cell == "float":
            found = shortest(cells) if self.kind.size < 8 else list(cells)
            return [None if each != each else each for each in found]
        if self.kind.family == "boolean":
            return [each if each is None else bool(each) for each in cells]
        return list(cells)

    def _cells(self, value: Value, rows: int) -> Sequence[Any]:
        count = rows * self.width
        if isinstance(value, list):
            self._check(len(value), rows)
            if self.width == 1:
                return value
            if not all(isinstance(row, list) and len(row) == self.width for row in value):
                raise _broken(self.name)
            return [each for row in value for each in row]
        self._check(len(value), 8 * count)
        return unpacker(self._char, count)(value)

    def _check(self, got: int, wanted: int) -> None:
        if got != wanted:
            raise _broken(self.name)

    def _json_label(self, value: Value, rows: int) -> bytes:
        if rows == 1 and self.width == 1 and not isinstance(value, list) and len(value) == 8:
            found = self._json_labels[0].get(unpacker("q", 1)(value)[0])
            if found is not None:
                return found
        return self._join_labels(value, rows, self._json_labels, b",")

    def _join_labels(self, value: Value, rows: int, tables: Sequence[dict[int, bytes]], between: bytes) -> bytes:
        cells = self._cells(value, rows)
        try:
            if len(tables) == 1:
                return between.join(map(tables[0].__getitem__, cells))
            return between.join([tables[place % self.width][index] for place, index in enumerate(cells)])
        except (KeyError, IndexError) as error:
            raise _broken(self.name) from error

    def _label_at(self, index: int, place: int) -> Any:
        column = self.labels[place % len(self.labels)]
        if not 0 <= index < len(column):
            raise _broken(self.name)
        return column[index]

    def _label(self, value: Any) -> Any:
        """A class as it is answered: a manifest holds floats and long integers as text."""
        if isinstance(value, str) and self.kind.family == "integer":
            return int(value)
        if isinstance(value, str | int) and self.kind.family == "float":
            return float(value)
        if isinstance(value, str) or self.kind.family != "text":
            return value
        return _encode(value).decode()

    def _raw(self, value: Any) -> bytes:
        if self.kind.family == "text":
            text: bytes = value.encode()
            return _LENGTH.pack(len(text)) + text
        packed: bytes = packer(self.kind.char, 1)(value)
        return packed

    def _raw_objects(self, values: Sequence[Any]) -> Data:
        gone = [place for place, value in enumerate(values) if value is None]
        marked = {"amber.missing": _bitmap(gone, len(values))} if gone else _NONE
        if self.kind.family == "text":
            texts = [_text(value) for value in values]
            return Data(b"".join([_LENGTH.pack(len(text)) + text for text in texts]), marked)
        nothing = math.nan if self.kind.family == "float" else 0
        filled = [nothing if value is None else value for value in values]
        if self.kind.family == "boolean" and not set(map(type, filled)) <= {bool, int}:
            raise _broken(self.name)
        try:
            return Data(packer(self.kind.char, len(filled))(*filled), marked)
        except (struct.error, OverflowError) as error:
            raise _broken(self.name) from error


def _below(cells: bytes, count: int) -> bool:
    """Whether every 8-byte cell is an index below `count`."""
    if count <= len(_BYTES):  # without an object for each cell
        lowest, whole = cells[::8], bytearray(len(cells))
        whole[::8] = lowest
        return whole == cells and not lowest.translate(None, _BYTES[:count])
    return max(memoryview(cells).cast("Q"), default=0) < count  # a negative one is huge


def _text(value: Any) -> bytes:
    """An element of BYTES: a text as it is, anything else as JSON, nothing where it is missing."""
    return b"" if value is None else value.encode() if isinstance(value, str) else _encode(value)


_NONE: Final[dict[str, str]] = {}


def _nonfinite(cells: Sequence[float]) -> dict[str, str]:
    places = [f"{place}:{'inf' if value > 0 else '-inf'}" for place, value in enumerate(cells) if math.isinf(value)]
    return {"amber.nonfinite": ",".join(places)} if places else {}


def _bitmap(places: Sequence[int], count: int) -> str:
    bits = bytearray((count + 7) // 8)
    for place in places:
        bits[place // 8] |= 1 << place % 8
    return base64.b64encode(bits).decode("ascii")


def _broken(name: str) -> Failure:
    message = f"the worker's answer for the output {name!r} has not the form that was asked for"
    return Failure(500, "worker-answer", message, hint="this is a defect of the server: its log has the request's id")
