"""Files as blocks of cells: every form, every place named, nothing larger than a block in memory."""

from __future__ import annotations

import io
import json
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from amber.errors import SourceError, UsageError
from amber.models.rows import texts
from amber.models.rows.blocks import Block
from amber.models.rows.inputs import open_reader


def read(source: Any, wanted: list[int] | None = None, rows: int = 2, **options: Any) -> tuple[Any, list[Block]]:
    with open_reader(source, rows=rows, **options) as (reader, _):
        positions = list(range(reader.width)) if wanted is None else wanted
        return reader, list(reader.blocks(positions, rows))


def column(blocks: list[Block], position: int) -> list[Any]:
    return [value for block in blocks for value in block.cells[position]]


def stream(text: str | bytes) -> io.BufferedReader:
    data = text.encode() if isinstance(text, str) else text
    return io.BufferedReader(io.BytesIO(data))  # type: ignore[arg-type]


def test_csv_in_blocks_with_lines() -> None:
    reader, blocks = read(stream('id,text\n1,"a\nb"\n\n2,"c, d"\n3,\n'))
    assert reader.names == ["id", "text"]
    assert column(blocks, 1) == ["a\nb", "c, d", ""]
    assert [block.rows for block in blocks] == [2, 1]
    assert [block.place(0) for block in blocks] == ["line 2", "line 6"]
    assert blocks[0].place(1) == "line 5"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a;b\n1;2\n", ["a", "b"]),
        ("a\tb\r\n1\t2\r\n", ["a", "b"]),
        ("a|b\n1|2", ["a", "b"]),
        ("\ufeffa,b\n1,2\n", ["a", "b"]),
        ("1,2\n1,2\n", None),
    ],
)
def test_header_and_delimiter_are_found(text: str, names: list[str] | None) -> None:
    reader, blocks = read(stream(text))
    assert reader.names == names
    assert column(blocks, 1)[-1] == "2"


def test_header_and_delimiter_may_be_said() -> None:
    reader, blocks = read(stream("a,b;c\nd,e;f\n"), header=False, delimiter=";")
    assert reader.names is None
    assert column(blocks, 0) == ["a,b", "d,e"]


@pytest.mark.parametrize(
    ("data", "code", "part"),
    [
        (b"a,b\n1,2\n3\n", "input-row", "line 3: expected 2 cells, got 1"),
        (b"a\n\xff\xe9\n", "input-encoding", "not UTF-8"),
        (b"", "input-empty", "empty"),
        (b"\x1f\x8b\x08\x00rest", "input-form", "compressed"),
        (b"PK\x03\x04rest", "input-form", "ZIP"),
        (b"\xff\xfea\x00", "input-form", "UTF-16"),
        (b'{"a": 1}\n{"a": }\n', "input-row", "line 2: not JSON"),
        (b'{"a": 1}\n[1]\n', "input-row", "line 2: expected the same kind"),
        (b"[1, 2]\n[1]\n", "input-row", "line 2: expected 2 values, got 1"),
        (b"PAR1....", "input-form", "from a pipe"),
    ],
)
def test_what_cannot_be_read_is_named(data: bytes, code: str, part: str) -> None:
    with pytest.raises(SourceError) as caught:
        read(stream(data))
    assert caught.value.code == code
    assert part in str(caught.value)


def test_a_line_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "LINE_CHARS", 1000)
    for data in ("x," * 600 + "\n1", '{"a": "' + "b" * 2000 + '"}'):
        with pytest.raises(SourceError) as caught:
            read(stream(data))
        assert "line 1 is longer" in caught.value.message


def test_json_lines_of_objects_arrays_and_texts() -> None:
    reader, blocks = read(stream('{"a": 1, "b": "x"}\n\n{"b": null}\n{"a": NaN, "c": 3}\n'))
    assert reader.names == ["a", "b"]  # the first rows say which keys there are
    assert column(blocks, 1) == ["x", None, None]
    assert column(blocks, 0)[:2] == [1, None]
    assert blocks[1].place(0) == "line 4"
    assert column(read(stream("[1, 2]\n[3, 4]\n"))[1], 1) == [2, 4]


def test_json_texts_need_their_ending(tmp_path: Path) -> None:
    path = tmp_path / "docs.jsonl"
    path.write_text('"a"\n"b"\n')
    assert column(read(str(path))[1], 0) == ["a", "b"]


def test_text_is_one_document_a_line(tmp_path: Path) -> None:
    path = tmp_path / "docs.txt"
    path.write_text("one, two\nthree\n", newline="")
    reader, blocks = read(str(path))
    assert reader.names == ["text"]
    assert column(blocks, 0) == ["one, two", "three"]


@pytest.mark.parametrize("order", ["C", "F"])
def test_npy_is_read_a_block_at_a_time(tmp_path: Path, order: Any) -> None:
    array = np.array(np.arange(15.0).reshape(5, 3), order=order)
    np.save(tmp_path / "a.npy", array)
    reader, blocks = read(str(tmp_path / "a.npy"), [2, 0])
    assert np.array_equal(np.concatenate([block.cells[0] for block in blocks]), array[:, 2])
    assert [block.place(0) for block in blocks] == ["row 1", "row 3", "row 5"]
    assert reader.share() == 1.0


def test_npy_of_one_dimension_and_of_records(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.arange(3))
    assert read(str(tmp_path / "a.npy"))[0].width == 1
    np.save(tmp_path / "b.npy", np.array([(1, 2.0)], dtype=[("n", "i8"), ("x", "f8")]))
    reader, blocks = read(str(tmp_path / "b.npy"))
    assert reader.names == ["n", "x"]
    assert blocks[0].cells[1].tolist() == [2.0]


def test_npy_of_objects_or_junk_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([{}], dtype=object), allow_pickle=True)
    (tmp_path / "b.npy").write_bytes(b"\x93NUMPY\x01\x00\xff\xff{")
    np.save(tmp_path / "c.npy", np.zeros((2, 2, 2)))
    (tmp_path / "d.npy").write_bytes(b"text")
    for name in "abcd":
        with pytest.raises(SourceError):
            read(str(tmp_path / f"{name}.npy"))


def test_parquet_gives_arrays_and_values(tmp_path: Path) -> None:
    frame = pd.DataFrame({"n": [1, 2, 3], "t": ["a", None, "007"], "x": [1.5, None, 2.5]})
    frame.to_parquet(tmp_path / "a.parquet")
    reader, blocks = read(str(tmp_path / "a.parquet"), [1, 0])
    assert reader.names == ["n", "t", "x"]
    assert column(blocks, 0) == ["a", None, "007"]
    assert isinstance(blocks[0].cells[1], np.ndarray)
    (tmp_path / "b.parquet").write_bytes(b"PAR1 but not more")
    with pytest.raises(SourceError, match="not a Parquet file"):
        read(str(tmp_path / "b.parquet"))


def test_no_such_file(tmp_path: Path) -> None:
    for path in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(SourceError) as caught:
            read(str(path))
        assert caught.value.code == "input-unreadable"


def test_share_grows_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps({"a": i, "pad": "x" * 2000}) + "\n" for i in range(3000)))
    with open_reader(str(path), rows=10) as (reader, _):
        shares = [reader.share() for _ in reader.blocks([0], 500)]
    assert shares == sorted(shares)  # type: ignore[type-var]
    assert shares[0] < 1.0 == shares[-1]  # type: ignore[operator]


def test_parquet_without_pyarrow_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pd.DataFrame({"n": [1]}).to_parquet(tmp_path / "a.parquet")
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(UsageError) as caught:
        read(str(tmp_path / "a.parquet"))
    assert "amber[tables]" in caught.value.hint


class Endless(io.RawIOBase):
    """A stream of many rows that exist one at a time."""

    def __init__(self, row: bytes, count: int) -> None:
        self.row, self.left = row, count

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = min(self.left, len(buffer) // len(self.row))
        data = self.row * count
        self.left -= count
        buffer[: len(data)] = data
        return len(data)


@pytest.mark.parametrize("row", [b"1.5,abc,2\n", b'{"a": 1.5, "b": "abc"}\n'], ids=["csv", "json"])
def test_memory_is_bounded_by_the_block(row: bytes) -> None:
    count = 150_000
    with open_reader(io.BufferedReader(Endless(row, count), 65536), rows=100) as (reader, _):  # type: ignore[arg-type]
        tracemalloc.start()
        try:
            rows = sum(block.rows for block in reader.blocks([0, 1], 1000))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert rows >= count - 1
    assert peak < 4_000_000  # the rows together are three times that as bytes, and twenty times as objects
