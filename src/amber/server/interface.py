"""What a served model takes and gives: made by the loader from a verified artifact, read by the front.

Cells are how values travel between front and worker (see `wire.batch`): 8 bytes in the block of numbers (`float`:
IEEE double, `integer`: two's complement, both little-endian), or an element of a MessagePack document (`object`).
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

Form = Literal["matrix", "columns", "texts", "records", "sparse"]
Cell = Literal["float", "integer", "object"]
Route = Literal["program", "original"]
Batching = Literal["exact", "tolerant", "none"]


class Input(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One input tensor.

    `datatype`: of the Open Inference Protocol (`FP64`, `INT64`, `BOOL`, `BYTES` ...). `dtype`: the original's, as the
    manifest names it. `width`: values in a row, more than 1 only for a matrix `[-1, width]`. `missing`: whether null
    stands for a missing value. `required`: whether a request must have it. `schema`, `summary`: the manifest's, for
    pages and OpenAPI.
    """

    name: str
    datatype: str
    dtype: str
    cell: Cell
    width: int = 1
    missing: bool = False
    required: bool = True
    schema: dict[str, Any] = {}
    summary: dict[str, Any] = {}


class Output(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One output tensor of one method; its place in `Interface.outputs` is its bit in a request's mask.

    `cell`: `label` is an index (integer cell) into `classes`, or for several columns into `classes` of that column.
    `shape`: of one row (`[]`: one value, `[2]`: two). `batching`: for each route, what the cases showed about rows
    that share a run.
    """

    method: str
    name: str
    datatype: str
    dtype: str
    cell: Literal["float", "integer", "object", "label"]
    shape: list[int] = []
    classes: list[list[Any]] = []  # of labels: one list for each column; else at most one, naming the columns
    batching: dict[Route, Batching] = {}
    summary: dict[str, Any] = {}

    @property
    def width(self) -> int:
        """Values of one row."""
        count = 1
        for each in self.shape:
            count *= each
        return count


class Interface(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One version of one model, as it is served.

    `form`: `matrix` (one input of a width), `columns` (named inputs), `texts` (one text a row), `records` (one dict a
    row), `sparse` (a matrix that is mostly zeros). `default`: places in `outputs` of what is answered where a request
    names none. `verdicts`: for each route, one of the five words. `domain`: closed rules of the program's rows.
    """

    name: str
    version: str
    id: str
    route: Route
    form: Form
    inputs: list[Input]
    outputs: list[Output]
    default: list[int]
    verdicts: dict[Route, str] = {}
    domain: list[dict[str, Any]] = []
    methods: dict[Route, list[str]] = {}
    platform: str = "amber_onnx"
    digest: str = ""  # BLAKE3 of manifest.json

    @property
    def cells(self) -> int:
        """Numbers of one row: 8-byte cells, inputs in their order."""
        return sum(each.width for each in self.inputs if each.cell != "object")

    @property
    def objects(self) -> int:
        """Inputs whose values travel as objects."""
        return sum(each.cell == "object" for each in self.inputs)
