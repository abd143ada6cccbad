"""Predictions as CSV, JSON lines, Parquet or .npy, block by block. A file appears whole or not at all."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import math
import os
import secrets
import stat
from collections.abc import Iterator
from typing import Any, BinaryIO, Protocol

import numpy as np

from amber.errors import SourceError, UsageError
from amber.models.rows.answers import Columns

FORMS = {
    ".csv": "csv", ".tsv": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl",
    ".parquet": "parquet", ".pq": "parquet", ".npy": "npy",
}  # fmt: skip
_NPY_HEADER = 128  # bytes: room for the final number of rows


class Writer(Protocol):
    """Takes blocks of equal columns; `close` completes what was written."""

    def write(self, columns: Columns) -> None:
        """Write some rows."""

    def close(self) -> None:
        """Write what comes last."""


def form_of(path: str) -> str:
    """Return the form a path asks for by its ending.

    Raises:
        UsageError: `output-form`: the ending is not known.
    """
    ending = os.path.splitext(path)[1].lower()
    if ending not in FORMS:
        raise UsageError(
            "output-form",
            f"{ending or 'no ending'!r} is not a known form",
            where=path,
            hint=f"one of {', '.join(FORMS)}",
        )
    return FORMS[ending]


def writer(form: str, stream: BinaryIO, where: str) -> Writer:
    """Return the writer of a form.

    Raises:
        UsageError: `library-missing`: Parquet without pyarrow.
    """
    if form == "parquet":
        return ParquetWriter(stream, where)
    if form == "npy":
        return NpyWriter(stream, where)
    return JsonLinesWriter(stream) if form == "jsonl" else CsvWriter(stream, "\t" if form == "tsv" else ",")


@contextlib.contextmanager
def whole_file(path: str) -> Iterator[BinaryIO]:
    """Yield a stream whose bytes become the file `path` when the block ends well; otherwise nothing is left.

    Raises:
        SourceError: `target-unwritable`.
    """
    real = os.path.realpath(path)
    try:
        if os.path.exists(real) and not stat.S_ISREG(os.stat(real).st_mode):
            with open(real, "wb") as device:  # /dev/null, a named pipe: there is nothing to replace
                yield device
            return
        temporary = os.path.join(os.path.dirname(real), f".{os.path.basename(real)[:100]}.{secrets.token_hex(6)}.part")
        with open(temporary, "xb+") as stream:
            try:
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
                os.replace(temporary, real)
            except BaseException:
                with contextlib.suppress(OSError):
                    os.unlink(temporary)
                raise
    except BrokenPipeError:
        raise
    except OSError as error:
        message = f"cannot be written, nothing was changed: {error}"
        raise SourceError("target-unwritable", message, where=path) from error


class CsvWriter:
    """RFC 4180 with line feeds; numbers as the shortest text that reads back the same, missing values empty."""

    def __init__(self, stream: BinaryIO, delimiter: str = ",") -> None:
        self._stream = stream
        self._text = io.StringIO()
        self._csv = csv.writer(self._text, delimiter=delimiter, lineterminator="\n")
        self._names: list[str] | None = None

    def write(self, columns: Columns) -> None:
        """Write some rows; the header comes with the first."""
        if self._names is None:
            self._names = list(columns)
            self._csv.writerow(self._names)
        self._csv.writerows(zip(*map(_cells, columns.values()), strict=True))
        self._stream.write(self._text.getvalue().encode("utf-8", "surrogatepass"))
        self._text.seek(0)
        self._text.truncate()

    def close(self) -> None:
        """Nothing comes last."""
        self._stream.flush()


def _cells(column: Any) -> list[Any]:
    """Values as the csv module writes them: floats by repr, missing as empty."""
    if isinstance(column, np.ndarray) and column.dtype.kind == "f" and column.dtype.itemsize < 8:
        return ["" if math.isnan(value) else str(value) for value in column]
    values = column.tolist() if hasattr(column, "tolist") else list(column)
    return ["" if is_missing(value) else value for value in values]


def is_missing(value: Any) -> bool:
    """Whether a value is None, NaN, pd.NA or NaT."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return True
    return type(value).__name__ in ("NAType", "NaTType")


class JsonLinesWriter:
    """One object a line; missing values and NaN are null, infinities the texts `Infinity` and `-Infinity`."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def write(self, columns: Columns) -> None:
        """Write some rows."""
        names = list(columns)
        lists = [[_json(value) for value in _values(column)] for column in columns.values()]
        dump = json.JSONEncoder(ensure_ascii=False, allow_nan=False, default=str).encode
        lines = [dump(dict(zip(names, row, strict=True))) for row in zip(*lists, strict=True)]
        self._stream.write("".join(f"{line}\n" for line in lines).encode("utf-8", "surrogatepass"))

    def close(self) -> None:
        """Nothing comes last."""
        self._stream.flush()


def _values(column: Any) -> list[Any]:
    if isinstance(column, np.ndarray) and column.dtype.kind == "f" and column.dtype.itemsize < 8:
        return [float(str(value)) for value in column]  # 0.1, not 0.10000000149011612
    return column.tolist() if hasattr(column, "tolist") else list(column)


def _json(value: Any) -> Any:
    if is_missing(value):
        return None
    if isinstance(value, float) and math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return value


class ParquetWriter:
    """One row group a block; the columns' types are those of the first."""

    def __init__(self, stream: BinaryIO, where: str) -> None:
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError as error:
            raise UsageError(
                "library-missing", "writing Parquet needs pyarrow", where=where, hint="pip install 'amber[tables]'"
            ) from error
        self._arrow, self._stream, self._where = pyarrow, stream, where
        self._file: Any = None

    def write(self, columns: Columns) -> None:
        """Write some rows."""
        arrow = self._arrow
        try:
            arrays = [arrow.array(_values(c) if c.dtype.kind == "O" else c) for c in columns.values()]
            table = arrow.table(dict(zip(columns, arrays, strict=True)))
            if self._file is None:
                self._file = arrow.parquet.ParquetWriter(self._stream, table.schema)
            self._file.write_table(table.cast(self._file.schema))
        except (arrow.ArrowInvalid, arrow.ArrowTypeError, arrow.ArrowNotImplementedError) as error:
            raise UsageError("output-form", f"Parquet cannot hold the answers: {error}", where=self._where) from error

    def close(self) -> None:
        """Write the footer."""
        if self._file is not None:
            self._file.close()
        self._stream.flush()


class NpyWriter:
    """One plain array, of one dimension for one column; the number of rows is put into the header at the end."""

    def __init__(self, stream: BinaryIO, where: str) -> None:
        if not stream.seekable():
            raise UsageError("output-form", "an .npy needs a file: its size stands at its beginning", where=where)
        self._stream, self._where = stream, where
        self._dtype: Any = None
        self._width: int | None = None
        self._rows = 0
        stream.write(b"\0" * _NPY_HEADER)

    def write(self, columns: Columns) -> None:
        """Write some rows.

        Raises:
            UsageError: `output-form`: the answers are objects, or another kind than before.
        """
        arrays = list(columns.values())
        table = arrays[0] if len(arrays) == 1 else np.column_stack(arrays)
        if table.dtype.hasobject:
            raise UsageError("output-form", "an .npy file cannot hold objects", where=self._where, hint="write CSV")
        if self._dtype is None:
            self._dtype, self._width = table.dtype, None if table.ndim == 1 else table.shape[1]
        if table.dtype != self._dtype:
            raise UsageError(
                "output-form", f"answers of {table.dtype} after {self._dtype}", where=self._where, hint="write CSV"
            )
        self._stream.write(np.ascontiguousarray(table).tobytes())
        self._rows += len(table)

    def close(self) -> None:
        """Write the header."""
        dtype = np.dtype(np.float64) if self._dtype is None else self._dtype
        shape = (self._rows,) if self._width is None else (self._rows, self._width)
        described = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
        text = repr(described).encode("latin1")
        room = _NPY_HEADER - 10 - len(text) - 1
        if room < 0:
            raise UsageError("output-form", f"answers of {dtype} do not fit an .npy header", where=self._where)
        self._stream.seek(0)
        self._stream.write(b"\x93NUMPY\x01\x00" + (_NPY_HEADER - 10).to_bytes(2, "little") + text + b" " * room + b"\n")
        self._stream.flush()
