"""Tables of strangers: what lies, unfolds, or is of a kind nobody knows is refused, and read nowhere beyond itself."""

from __future__ import annotations

import io
import os
import random
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from amber.server.exchange import Failure
from amber.server.worker import tables
from tests.unit.server.small_front import FLOW, GRID

pa = pytest.importorskip("pyarrow")
pytestmark = pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="the body is a memfd here")
STREAM = "application/vnd.apache.arrow.stream"
CSV = "text/csv"


def read(data: bytes, media: str = STREAM, interface: Any = FLOW) -> list[Any]:
    body = os.memfd_create("body")
    try:
        os.write(body, data)
        return list(tables.read(interface, body, media, 1000))
    finally:
        os.close(body)


def stream(**columns: Any) -> bytes:
    out = io.BytesIO()
    table = pa.table(columns)
    with pa.ipc.new_stream(out, table.schema) as writer:
        writer.write_table(table)
    return out.getvalue()


@pytest.mark.parametrize("lie", [(0, 4, 100_000), (0, -400_000, 10), (8, 4, 10)], ids=["beyond", "before", "backwards"])
def test_offsets_that_lie_are_not_followed(lie: tuple[int, int, int]) -> None:
    whole = stream(c=["Oslo", "Bergen"])
    at = whole.index(struct.pack("<3i", 0, 4, 10))
    with pytest.raises(Failure) as caught:
        read(whole[:at] + struct.pack("<3i", *lie) + whole[at + 12 :])
    assert (caught.value.status, caught.value.code) == (400, "body-malformed")


def test_changed_bytes_are_a_table_or_a_failure() -> None:
    chance = random.Random(7)
    whole = stream(a=[1.0, None], n=[1, 2], c=["Oslo", "Bergen"])
    refused: set[int] = set()
    for _ in range(300):
        changed = bytearray(whole)
        for _ in range(chance.randint(1, 4)):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        try:
            read(bytes(changed))
        except Failure as failure:
            refused.add(failure.status)
    assert refused
    assert refused <= {400, 413, 422}


@pytest.mark.parametrize("zone", ["Mars/Phobos", "../../etc/passwd"])
def test_a_time_of_no_known_zone_is_refused(zone: str) -> None:
    with pytest.raises(Failure) as caught:
        read(stream(c=pa.array([1], pa.timestamp("s", tz=zone))))
    assert (caught.value.status, caught.value.code, caught.value.column) == (422, "value-kind", "c")


def test_more_columns_than_any_model_has() -> None:
    with pytest.raises(Failure) as caught:
        read(b"," * 200_000 + b"\n", CSV)
    assert (caught.value.status, caught.value.code) == (413, "request-too-large")


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        (b"\xef\xbb\xbfa,n,c\n1,2,x\n", 1),
        (b'a,n,c\r\n\r\n1,2,"x\r\ny, ""z"""\r\n\n', 1),
        (b"a,n,c\r1,2,x\r1,2,y\r", 2),
        (b"a,n,c\n", 0),
        (b"\n\n", 0),
    ],
    ids=["mark", "quotes", "returns", "header", "blank"],
)
def test_ways_to_write_csv(text: bytes, rows: int) -> None:
    found = read(text, CSV)
    assert sum(len(each.columns["a"]) for each in found) == rows


@pytest.mark.parametrize(
    "text",
    ["a,n,c\n1,2,é\n".encode("latin-1"), "a,n,c\n1,2,x\n".encode("utf-16"), b'a,n,c\n1,2,"x\n1',
     b"a,n,c\n1,2," + b"x" * 200_000],
    ids=["latin", "utf16", "quote", "field"],
)  # fmt: skip
def test_what_is_no_csv(text: bytes) -> None:
    with pytest.raises(Failure) as caught:
        read(text, CSV)
    assert (caught.value.status, caught.value.code) == (400, "body-malformed")


def test_a_matrix_needs_no_header() -> None:
    (found,) = read(b"1,2,3\n4,5,6\n", CSV, GRID)
    assert (list(found.columns), found.first) == (["0", "1", "2"], 0)


BOMB = """
import io, os, sys
import pyarrow as pa, pyarrow.parquet as pq
from amber.server.worker import bulk, tables
from tests.unit.server.small_front import FLOW
text = pa.array(["x" * 1_000_000]).dictionary_encode().take(pa.array([0] * 4_000))
out = io.BytesIO()
pq.write_table(pa.table({"c": text}), out)
body = os.memfd_create("body")
os.write(body, out.getvalue())
bulk.bound_memory(256 << 20)
try:
    for _ in tables.read(FLOW, body, "application/vnd.apache.parquet", 1000):
        pass
except MemoryError:
    print(len(out.getvalue()) < 1 << 20)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="memory is bounded where the kernel counts it so")
def test_a_table_that_unfolds_ends_where_the_memory_does() -> None:
    root = Path(__file__).parents[4]
    environment = os.environ | {"ARROW_DEFAULT_MEMORY_POOL": "system", "PYTHONPATH": str(root)}
    done = subprocess.run([sys.executable, "-c", BOMB], capture_output=True, text=True, env=environment, timeout=60)
    assert done.stdout.strip() == "True", done.stderr[-2000:]
