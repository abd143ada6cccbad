"""Interfaces the tests of the formats ask: one of each form, and one with a column of every datatype."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

from amber.server.interface import Input, Interface, Output

LABEL = Output(
    method="predict", name="predict", datatype="BYTES", dtype="str", cell="label", classes=[["leave", "stay"]]
)
CHANCES = Output(
    method="predict_proba",
    name="predict_proba",
    datatype="FP64",
    dtype="float64",
    cell="float",
    shape=[2],
    classes=[["leave", "stay"]],
)


def interface(form: Any, inputs: list[Input], outputs: list[Output] | None = None, **more: Any) -> Interface:
    made = [LABEL, CHANCES] if outputs is None else outputs
    return Interface(
        name="churn",
        version="1.2.0",
        id="churn-1",
        route="program",
        form=form,
        inputs=inputs,
        outputs=made,
        default=list(range(len(made))),
        **{"verdicts": {"program": "equivalent", "original": "identical"}, **more},
    )


def column(name: str, datatype: str, cell: Any = None, dtype: str | None = None, **more: Any) -> Input:
    usual = "float" if datatype.startswith("FP") else "object" if datatype == "BYTES" else "integer"
    return Input(name=name, datatype=datatype, dtype=dtype or datatype.lower(), cell=cell or usual, **more)


def matrix(width: int = 3, datatype: str = "FP64", **more: Any) -> Interface:
    return interface("matrix", [column("X", datatype, width=width, **more)])


PEOPLE = interface(
    "columns",
    [
        column(
            "age",
            "INT64",
            summary={"count": 300, "missing": "0.0", "quantiles": [f"{18 + 3 * i}.0" for i in range(21)]},
        ),
        column("income", "FP64", missing=True),
        column("city", "BYTES", dtype="str", schema={"categories": ["Bergen", "Oslo"], "kinds": ["string"]}),
        column("member", "BOOL"),
        column("since", "BYTES", dtype="datetime64[us]", missing=True),
    ],
)
RECORD = {"age": 41, "income": 1000.5, "city": "Oslo", "member": True, "since": "2024-05-17T08:30:00"}
TEXTS = interface("texts", [column("text", "BYTES", dtype="str")])
RECORDS = interface("records", [column("record", "BYTES", dtype="object")])


def doubles(data: bytes | bytearray | memoryview) -> list[float]:
    return list(struct.unpack(f"<{len(data) // 8}d", data))


def integers(data: bytes | bytearray | memoryview) -> list[int]:
    return list(struct.unpack(f"<{len(data) // 8}q", data))


def cells(*values: float) -> bytes:
    """8-byte cells as a worker writes them."""
    return b"".join(struct.pack("<q" if isinstance(value, int) else "<d", value) for value in values)


def tensor(name: str, shape: Sequence[int], datatype: str, data: Any) -> dict[str, Any]:
    return {"name": name, "shape": list(shape), "datatype": datatype, "data": data}
