"""`amber predict`: rows of a file in, the model's answers out, block by block, so that any size fits in memory.

    file -> reader -> block of cells -> the object the model takes -> method -> named columns -> writer

What the model takes is learnt from its own recorded cases, not guessed from the file.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

from amber.archive.assemble import read_evidence
from amber.errors import AmberError, SourceError, UsageError, shown
from amber.models import load
from amber.models import program as programs
from amber.models.clock import Clock
from amber.models.libraries import needed
from amber.models.rows import expectation, writers
from amber.models.rows.answers import Columns, named
from amber.models.rows.blocks import Block, Reader
from amber.models.rows.expectation import Expected, Match
from amber.models.rows.inputs import open_reader
from amber.models.rows.texts import JsonLinesReader
from amber.policy import Policy
from amber.vault.check import Proved, open_checked
from amber.vault.trusting import Asked

MOST_ROWS = 65_536  # rows of one block at most
FEWEST_ROWS = 256
BLOCK_CELLS = 4_000_000  # cells of one block, about 32 MB of numbers

_ROW = re.compile(r"^row [0-9]+, ")
Progress = Callable[[float | None, int], None]


@dataclass(frozen=True)
class Options:
    """How the rows are read and what is written beside the answers.

    Args:
        header: Whether the first row of a CSV holds names; None: it does unless all its cells are numbers.
        delimiter: One character; None: found in the first line.
        column: Name of the one column, for a model that takes texts.
        missing: Further spellings of a missing cell.
        keep: Copy the columns that are not the model's (an id, say) in front of the answers.
        program: Ask the frozen program in place of the model; the model's library is then not needed.
        form: Form of the output (`csv`, `tsv`, `jsonl`, `parquet`, `npy`); None: by the ending, CSV for a stream.
    """

    header: bool | None = None
    delimiter: str | None = None
    column: str | None = None
    missing: frozenset[str] = frozenset()
    keep: bool = False
    form: str | None = None
    program: bool = False


@dataclass(frozen=True)
class Predicted:
    """What was done: number of rows, names of the written columns, notes for the person."""

    rows: int
    columns: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the facts as plain data."""
        return {"rows": self.rows, "columns": list(self.columns), "notes": list(self.notes)}


def predict_file(
    source: Any,
    input: str | BinaryIO,
    output: str | BinaryIO,
    *,
    method: str = "predict",
    policy: Policy | None = None,
    expect: str = "",
    chunk_rows: int | None = None,
    progress: Progress | None = None,
    options: Options | None = None,
    bundles: Mapping[str, bytes] | None = None,
) -> Predicted:
    """Answer every row of a file.

    Args:
        source: The artifact.
        input: Path of a CSV, JSON lines, Parquet, .npy or text file; or a binary stream of text.
        output: Path of the file to write, which appears whole or not at all; or a binary stream.
        method: One of the artifact's recorded methods.
        policy: What the reader accepts, as for `load`.
        expect: The name the artifact must have.
        chunk_rows: Rows answered at once; by default as many as fit about 32 MB.
        progress: Called after each block with the share of the input done (None: unknown) and the rows so far.
        options: How rows are read and written.
        bundles: Detached signatures by the path they were read from; they count like those inside.

    Returns:
        What was done.

    Raises:
        SourceError: The input cannot be read: no such file, missing columns, a cell that is not what the model takes.
        UsageError: An argument is wrong, or the model has no such method.
        AmberError: As `load` raises.
    """
    wishes = options or Options()
    asked = Asked(
        expect=expect,
        route="program" if wishes.program else "original",
        bundles=bundles or {},
        verb="program" if wishes.program else "load",
        replays=not wishes.program,
    )
    model, expected = _opened(source, policy, asked, method)
    form = wishes.form or (writers.form_of(output) if isinstance(output, str) else "csv")
    rows = chunk_rows or MOST_ROWS
    with open_reader(input, rows=min(rows, 1024), header=wishes.header, delimiter=wishes.delimiter) as (reader, where):
        found = expectation.match(expected, reader, where, wishes.column)
        if chunk_rows is None:
            rows = max(FEWEST_ROWS, min(MOST_ROWS, BLOCK_CELLS // max(1, len(found.positions))))
        run = _Run(model, method, expected, reader, found, where, wishes)
        with _target(output, form) as writer:
            for columns in run.answers(rows):
                writer.write(columns)
                if progress is not None:
                    progress(reader.share(), run.rows)
            writer.close()
    return Predicted(run.rows, run.names, (*found.notes, *run.notes))


def _opened(source: Any, policy: Policy | None, asked: Asked, method: str) -> tuple[Any, Expected]:
    """Return what answers, and what it takes: of the same bytes, which are read and judged once."""
    frozen = asked.route == "program"
    clock = Clock()
    with needed("program") if frozen else needed(), open_checked(source, policy, "auto", asked) as proved:
        if frozen:
            model: Any = programs.of_opened(proved)
        else:
            model, outcome = load.of_opened(proved, clock, given=policy is not None)
            load.tell(outcome)
        return model, _expected(proved, method)


def _expected(proved: Proved, method: str) -> Expected:
    methods = proved.manifest.methods
    if method not in methods:
        raise UsageError(
            "method-unknown",
            f"the model has no recorded method {shown(method)!r}",
            where="--method",
            hint=f"it has {', '.join(map(shown, methods)) or 'none'}",
        )
    return expectation.expected_of(read_evidence(proved.manifest, proved.opened.members, proved.policy.limits))


@contextlib.contextmanager
def _target(output: str | BinaryIO, form: str) -> Iterator[writers.Writer]:
    if not isinstance(output, str):
        yield writers.writer(form, output, "output")
        return
    with writers.whole_file(output) as stream:
        yield writers.writer(form, stream, output)


class _Run:
    """One pass over the file."""

    def __init__(
        self, model: Any, method: str, expected: Expected, reader: Reader, found: Match, where: str, wishes: Options
    ) -> None:
        self.model, self.method, self.expected = model, method, expected
        self.reader, self.found, self.where, self.wishes = reader, found, where, wishes
        self.rows = 0
        self.names: tuple[str, ...] = ()
        self.notes: list[str] = []
        names = reader.names or [f"column_{i}" for i in range(reader.width)]
        self.kept = [names[i] for i in found.others] if wishes.keep else []
        if found.others and not wishes.keep:
            listed = expectation.listed([names[i] for i in found.others])
            self.notes.append(f"columns the model does not take were ignored: {listed}")

    def answers(self, rows: int) -> Iterator[Columns]:
        """Yield the columns to write, block by block; at least once, so that an empty input has a header."""
        for block in self._blocks(rows):
            width = len(self.found.positions)
            own = Block(block.cells[:width], block.rows, block.first, block.kind, block.lines)
            table = expectation.build(self.expected, own, self.where, self.wishes.missing)
            columns = self._with_kept(block.cells[width:], self._ask(table, own))
            self.rows += block.rows
            self.names = tuple(columns)
            yield columns
        if not self.rows:
            answer = self._call(expectation.part(self.expected.example, 0, 1))
            columns = {name: column[:0] for name, column in answer.items()}
            self.names = tuple(columns)
            yield columns

    def _blocks(self, rows: int) -> Iterator[Block]:
        if self.expected.layout == "records" and isinstance(self.reader, JsonLinesReader):
            return self.reader.dicts(rows)
        others = self.found.others if self.wishes.keep else []
        return self.reader.blocks([*self.found.positions, *others], rows)

    def _with_kept(self, cells: list[Any], answer: Columns) -> Columns:
        columns: Columns = {}
        for name, values in [*zip(self.kept, map(expectation.objects, cells), strict=False), *answer.items()]:
            unique, count = name, 1
            while unique in columns:
                count += 1
                unique = f"{name}_{count}"
            columns[unique] = values
        return columns

    def _call(self, table: Any) -> Columns:
        return named(self.method, getattr(self.model, self.method)(table), self.model)

    def _ask(self, table: Any, block: Block) -> Columns:
        """Ask the model; where it refuses, say which row it was."""
        try:
            answer = self._call(table)
        except AmberError as error:
            if error.code not in ("input-refused", "outside-domain"):
                raise
            position, reason = self._culprit(table, block.rows, error)
            place = block.place(position) if position is not None else f"{block.place(0)} and after"
            said = _ROW.sub("", getattr(reason, "message", str(reason)))  # the line of the file says it better
            raise SourceError(error.code, f"{place}: {said}", where=self.where) from error
        except MemoryError:
            raise
        except Exception as error:  # whatever a model raises on a row it does not like
            position, reason = self._culprit(table, block.rows, error)
            place = block.place(position) if position is not None else f"{block.place(0)} and after"
            raise SourceError(
                "input-refused",
                f"{place}: the model refuses it: {type(reason).__name__}: {shown(reason, 300)}",
                where=self.where,
            ) from error
        for name, column in answer.items():
            if len(column) != block.rows:
                raise UsageError(
                    "predict-answer",
                    f"{self.method} gave {len(column)} values of {shown(name)} for {block.rows} rows",
                    hint="only methods that answer row by row can be streamed",
                )
        return answer

    def _culprit(self, table: Any, rows: int, error: Exception) -> tuple[int | None, Exception]:
        """Find the first refused row by halving."""
        start, stop, reason = 0, rows, error
        while stop - start > 1:
            middle = (start + stop) // 2
            first = self._refusal(expectation.part(table, start, middle))
            if first is not None:
                stop, reason = middle, first
                continue
            second = self._refusal(expectation.part(table, middle, stop))
            if second is None:
                return None, error  # only together they are refused
            start, reason = middle, second
        return start, reason

    def _refusal(self, table: Any) -> Exception | None:
        try:
            getattr(self.model, self.method)(table)
        except Exception as error:  # as in `_ask`
            return error
        return None
