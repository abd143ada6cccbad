"""Every form of input and answer comes back exactly as it was."""

from __future__ import annotations

import datetime
import decimal
import math

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from amber.archive.cases import decode_group, encode_group
from amber.cases import cells, tables
from amber.cases.cells import Unsupported
from amber.errors import CaseError
from amber.limits import DEFAULT
from amber.tree.evidence import Column, Group
from tests.unit.cases.exact import same

NAN_PAYLOAD = np.frombuffer(np.array([0x7FF8000000000ABC], "<u8").tobytes(), "<f8")

ARRAYS = [
    np.arange(6.0).reshape(3, 2),
    np.asfortranarray(np.arange(6.0).reshape(3, 2)),
    np.array([0.0, -0.0, np.nan, np.inf, -np.inf]),
    NAN_PAYLOAD.copy(),
    np.arange(3, dtype=">f8"),
    np.arange(3, dtype=">i2"),
    np.array([1.5, 2.5], np.float16),
    np.array([[1 + 2j, -0.0j]], np.complex64),
    np.array([1 + 2j], np.complex128),
    np.array([True, False]),
    np.array([2**63 + 5], np.uint64),
    np.array([-5], np.int8),
    np.array(["ä", "", "日本語"]),
    np.array([b"a\x00b", b""]),
    np.array(["2020-01-01", "NaT"], "M8[ns]"),
    np.array(["2020-01-01", "NaT"], "M8[D]"),
    np.array([5, -3], "m8[s]"),
    np.array(["a", None, math.nan, pd.NA, pd.NaT], dtype=object),
    np.array(["\ud800", "x"], dtype=object),
    np.array([1, "a", 2.5, True, None], dtype=object),
    np.array([1.0, math.nan, None], dtype=object),
    np.array([1, None, 2**40], dtype=object),
    np.array([1, 2**80], dtype=object),
    np.array([True, None], dtype=object),
    np.array([[1.0, "x"], [math.nan, None]], dtype=object),
    np.array([np.float32(1.5), np.int64(3), "a"], dtype=object),
    np.array([datetime.date(2020, 1, 2), decimal.Decimal("1.50"), datetime.datetime(2020, 1, 2, 3)], dtype=object),
    np.empty((0, 4)),
    np.empty((2, 0)),
    np.zeros((2, 3, 4), np.float32),
    np.array([], dtype=object),
]
SEQUENCES = [
    ["a", "b", ""],
    [{"a": 1, "b": "x"}, {"a": 2.5}, {}],
    [[1, 2.0, None], ["x", math.nan, True]],
    ["a", None],
    [("a", 1), ("b", 2)],
    [["tok", "en"], []],
    [np.arange(3), np.arange(2.0)],
    (np.arange(3.0), np.arange(6).reshape(3, 2)),
    [{1, 2}, set()],
    [],
    [b"x", 2**70, 1j, -0.0],
    np.float64(1.5),
    3,
    None,
]
SPARSE = [
    sp.csr_matrix(np.array([[0.0, 1.5], [np.nan, 0.0]])),
    sp.csr_array(np.array([[0, 1], [2, 0]], np.int32)),
    sp.csc_matrix(np.eye(3)),
    sp.coo_matrix(np.eye(3, dtype=np.float32)),
    sp.lil_matrix(np.eye(3)),
    sp.dok_matrix(np.eye(3)),
    sp.csr_matrix((0, 5)),
    sp.csr_matrix((np.array([1.0, 0.0, 2.0]), np.array([2, 0, 1]), np.array([0, 3, 3])), shape=(2, 3)),
]


def frame_cases() -> list[pd.DataFrame]:
    days = pd.date_range("2024-03-30", periods=4, tz="Europe/Oslo")
    text = pd.Series(["a", None, "", "ø"])
    every = pd.DataFrame(
        {
            "f": [1.0, np.nan, -0.0, np.inf],
            "f32": np.arange(4, dtype=np.float32),
            "i": [1, 2, 3, 4],
            "u8": np.arange(4, dtype=np.uint8),
            "b": [True, False, True, True],
            "o": pd.Series(["x", None, math.nan, pd.NA], dtype=object),
            "mixed": pd.Series([1, "x", 2.5, None], dtype=object),
            "default": text,
            "string": text.astype("string[python]"),
            "Int64": pd.array([1, None, 2**60, -1], dtype="Int64"),
            "UInt8": pd.array([1, 2, 3, None], dtype="UInt8"),
            "Float64": pd.array([1.5, None, 0.0, -0.0], dtype="Float64"),
            "Float32": pd.array([1.5, None, 0.0, -0.0], dtype="Float32"),
            "boolean": pd.array([True, None, False, True], dtype="boolean"),
            "cat": pd.Categorical(["b", "a", None, "b"], categories=["b", "unused", "a"]),
            "ordered": pd.Categorical([3, 1, 2, None], categories=[3, 2, 1], ordered=True),
            "cut": pd.cut([1, 5, 9, 50], [0, 3, 6, 10]),
            "days": pd.Categorical(pd.to_datetime(["2020-01-01", "2020-01-02", None, "2020-01-01"])),
            "time": pd.to_datetime(["2020-01-01", None, "2021-01-01", "1970-01-01"]),
            "zone": days,
            "delta": pd.to_timedelta([1, None, 3, 4], unit="s"),
            "period": pd.period_range("2020-01", periods=4, freq="M"),
            "intervals": pd.interval_range(0, 4),
            7: [1.0, 2.0, 3.0, 4.0],
        }
    )
    twice = pd.DataFrame(np.arange(4.0).reshape(2, 2), columns=["a", "a"])
    indexed = every[["f", "cat"]].set_index(pd.Index(["p", "q", "r", "s"], name="who"))
    multi = every[["f"]].set_index(
        pd.MultiIndex.from_tuples([(1, "a"), (1, "b"), (2, "a"), (2, "b")], names=["n", None])
    )
    levels = pd.DataFrame(np.eye(2), columns=pd.MultiIndex.from_tuples([("x", 1), ("x", 2)]))
    return [
        every,
        every.iloc[:0],
        every.iloc[[2, 0]],
        twice,
        indexed,
        multi,
        levels,
        pd.DataFrame(np.eye(3)),
        every[["zone", "f"]].set_index("zone"),
        pd.DataFrame({"": [1.0], "a\nb": [2.0], "x" * 2000: [3.0]}),
        pd.DataFrame(index=pd.RangeIndex(3, 6), data={"x": [1, 2, 3]}),
    ]


SERIES = [
    pd.Series([1.0, 2.0], name="y"),
    pd.Series(["a", None], index=[5, 6]),
    pd.Series(pd.Categorical(["a", "b"]), name=3),
]


def through_bytes(value: object, prefix: str = "") -> object:
    table = tables.encode(value, prefix)
    group = Group("g000", "sample", "values", 0, [], [], steps=[])
    group.inputs = table.columns
    group.layout, group.rows = table.layout, table.rows
    text, buffers = encode_group(group)
    again = decode_group("g000", text, b"".join(bytes(b) for b in buffers), DEFAULT)
    return tables.decode(again.layout, again.inputs)


@pytest.mark.parametrize("value", ARRAYS + SEQUENCES + SPARSE + SERIES, ids=lambda v: type(v).__name__)
def test_comes_back_exactly(value: object) -> None:
    assert same(through_bytes(value), value)
    assert same(through_bytes(value, "transform"), value)


@pytest.mark.parametrize("number", range(11))
def test_frames_come_back_exactly(number: int) -> None:
    frame = frame_cases()[number]
    assert same(through_bytes(frame), frame)
    assert same(through_bytes(frame, "transform"), frame)


def test_the_comparison_of_this_test_sees_differences() -> None:
    assert not same(np.array([0.0]), np.array([-0.0]))
    assert not same(np.array([1, None], dtype=object), np.array([1, math.nan], dtype=object))
    assert not same(pd.DataFrame({"a": [1]}), pd.DataFrame({"a": [1.0]}))
    assert not same(["a"], np.array(["a"]))


@pytest.mark.parametrize("value", [object(), [object()], np.zeros(2, np.longdouble), np.zeros(2, "i4,f8"), lambda: 0])
def test_what_is_no_data_is_unsupported(value: object) -> None:
    with pytest.raises(Unsupported):
        tables.encode(value)


HOSTILE = [
    ("array", [Column("X", "FP64", (2,), b"1234")]),
    ("array", [Column("X", "FP64", (1,), b"12345678", {"amber.dtype": "<i8"})]),
    ("array", [Column("X", "FP64", (1,), b"12345678", {"amber.dtype": "O"})]),
    ("array", [Column("X", "FP64", (1,), b"12345678", {"amber.dtype": "<f16"})]),
    ("array", [Column("X", "BOOL", (1,), b"\x07")]),
    ("array", [Column("X", "BYTES", (1,), b"\x01\x00\x00\x00\xff", {"amber.dtype": "<U4"})]),
    ("array", [Column("X", "BYTES", (1,), b"\x04\x00\x00\x00abcd", {"amber.dtype": "<U3"})]),
    ("array", [Column("X", "BYTES", (1,), b"\x09\x00\x00\x00abcd", {"amber.dtype": "<U3"})]),
    ("array", [Column("X", "BYTES", (1,), b"\x00\x00\x00\x00", {"amber.dtype": "object"})]),
    (
        "array",
        [
            Column(
                "X",
                "INT64",
                (1,),
                b"\0" * 8,
                {"amber.dtype": "object", "amber.items": "int", "amber.missing.none": "AAAA"},
            )
        ],
    ),
    ("array", []),
    ("array", [Column("X", "FP64", (0,), b"")] * 2),
    ("nothing", [Column("X", "BYTES", (0,), b"")]),
    ("frame", [Column("a", "FP64", (1,), b"\0" * 8), Column("b", "FP64", (2,), b"\0" * 16)]),
    ("frame", [Column("a", "FP64", (1, 1), b"\0" * 8)]),
    ("frame", [Column("a", "INT64", (1,), b"\0" * 8, {"amber.dtype": "datetime64[ns, dateutil//etc/passwd]"})]),
    ("frame", [Column("a", "INT64", (1,), b"\0" * 8, {"amber.dtype": "datetime64[ns, ../../etc/passwd]"})]),
    (
        "frame",
        [Column("a", "BYTES", (0,), b"", {"amber.dtype": "category", "amber.items": "str", "amber.categories": "{"})],
    ),
    ("csr", [Column("X", "FP64", (1,), b"\0" * 8)]),
]


@pytest.mark.parametrize(("layout", "columns"), HOSTILE)
def test_hostile_columns_are_refused(layout: str, columns: list[Column]) -> None:
    with pytest.raises(CaseError) as caught:
        tables.decode(layout, columns)
    assert caught.value.code.startswith("cases-")


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("indices", np.array([0, 9])),
        ("indices", np.array([0, -1])),
        ("indptr", np.array([0, 2, 1])),
        ("indptr", np.array([0, 1, 5])),
        ("indptr", np.array([1, 1, 2])),
        ("indices", np.array([0.0, 1.0])),
        ("data", np.array([1.0])),
    ],
)
def test_hostile_sparse_is_refused(part: str, value: np.ndarray) -> None:
    table = tables.encode(sp.csr_matrix(np.eye(2)))
    position = ["data", "indices", "indptr"].index(part)
    bad = tables.encode(value).columns[0]
    table.columns[position] = Column(
        part, bad.datatype, bad.shape, bad.data, {**table.columns[position].parameters, **bad.parameters}
    )
    with pytest.raises(CaseError) as caught:
        tables.decode("csr", table.columns)
    assert caught.value.code == "cases-sparse"


HOSTILE_CELLS = [
    "",
    "[",
    "[1]",
    "1.5",
    "NaN",
    '{"eval":"1"}',
    '{"float":"x"}',
    '{"int":5}',
    '{"a":1,"b":2}',
    '{"missing":"x"}',
    '{"list":[' * 5000,
    '{"list":[' * 20 + "1" + "]}" * 20,
    '{"number":["O","AAAAAAAAAAA="]}',
    '{"number":["<f8","AAAA"]}',
    '{"array":["<f8",[99999999999],""]}',
    '{"array":["<U1",[1],"////fw=="]}',
    '{"timestamp":["ns","5","../x"]}',
    '{"dict":[[{"list":[]},1]]}',
    '{"set":[{"dict":[]}]}',
    "9" * 5000,
]


@pytest.mark.parametrize("text", HOSTILE_CELLS)
def test_hostile_cells_are_refused(text: str) -> None:
    with pytest.raises(CaseError):
        cells.load(text)
