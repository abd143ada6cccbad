"""Rows of files that hold typed columns: .npy, mapped, and Parquet, one batch at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from amber.errors import UsageError
from amber.models.rows.blocks import Block, bad_input


class NpyReader:
    """A plain array of one or two dimensions, mapped, so that any size is read a block at a time."""

    form = ".npy"
    records = False

    def __init__(self, path: str) -> None:
        import numpy as np

        try:
            # refuses arrays of objects, so nothing in the file can be code
            self._array: Any = np.lib.format.open_memmap(path, mode="r")
        except (ValueError, OSError, EOFError, SyntaxError) as error:
            raise bad_input(path, "input-npy", f"not a plain .npy array: {error}") from error
        if self._array.dtype.names:
            self.names: list[str] | None = list(self._array.dtype.names)
            self.width = len(self.names)
        else:
            self.names = None
            if self._array.ndim not in (1, 2):
                raise bad_input(path, "input-npy", f"expected one or two dimensions, got {self._array.ndim}")
            self.width = 1 if self._array.ndim == 1 else self._array.shape[1]
        self._done = 0

    def share(self) -> float | None:
        """Return how much of the array has been read."""
        return self._done / len(self._array) if len(self._array) else None

    def blocks(self, wanted: Sequence[int], rows: int) -> Iterator[Block]:
        """Yield copies of the rows, column by column."""
        for start in range(0, len(self._array), rows):
            part = self._array[start : start + rows]
            self._done = start + len(part)
            yield Block([self._column(part, i) for i in wanted], len(part), start + 1, "array")

    def _column(self, part: Any, position: int) -> Any:
        if self.names is not None:
            return part[self.names[position]].copy()
        return part.copy() if part.ndim == 1 else part[:, position].copy()


class ParquetReader:
    """A Parquet file, one batch of rows at a time, only the columns asked for."""

    form = "Parquet"
    records = False

    def __init__(self, path: str) -> None:
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError as error:
            raise UsageError(
                "library-missing", "reading Parquet needs pyarrow", where=path, hint="pip install 'amber[tables]'"
            ) from error
        try:
            self._file = pyarrow.parquet.ParquetFile(path)
        except (OSError, pyarrow.ArrowException) as error:
            raise bad_input(path, "input-parquet", f"not a Parquet file: {error}") from error
        self._broken: Any = (OSError, pyarrow.ArrowException)
        self.where = path
        self.names: list[str] | None = list(self._file.schema_arrow.names)
        self.width = len(self.names)
        self._done = 0

    def share(self) -> float | None:
        """Return how many of the rows have been read."""
        total = self._file.metadata.num_rows
        return self._done / total if total else None

    def blocks(self, wanted: Sequence[int], rows: int) -> Iterator[Block]:
        """Yield the columns as NumPy arrays where they are plain numbers without gaps, else as Python values."""
        names = self.names or []
        first = 1
        try:
            for batch in self._file.iter_batches(rows, columns=list(dict.fromkeys(names[i] for i in wanted))):
                self._done += batch.num_rows
                cells = [_arrow(batch.column(batch.schema.get_field_index(names[i]))) for i in wanted]
                yield Block(cells, batch.num_rows, first, "array")
                first += batch.num_rows
        except self._broken as error:
            raise bad_input(self.where, "input-parquet", f"row {first} or after: {error}") from error


def _arrow(column: Any) -> Any:
    """One column of a batch: an array where NumPy has the type, a list of Python values where it has not."""
    import pyarrow.types as types

    if column.null_count == 0 and (types.is_integer(column.type) or types.is_floating(column.type)):
        return column.to_numpy(zero_copy_only=False)
    return column.to_pylist()
