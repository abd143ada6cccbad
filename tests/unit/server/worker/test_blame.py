"""Whatever a run raised, as status, code, sentence, row, column and what was expected."""

from __future__ import annotations

from typing import Any

import pytest

from amber.errors import FormatError, LimitError, SourceError
from amber.programs.requests import refusal
from amber.server.worker.blame import Columns, Words, failed

COLUMNS = Columns({"column 'a'": "a", "column 'a: b'": "a: b", "column 3": "three", "column 'row 5'": "odd"})


@pytest.mark.parametrize(
    ("message", "row", "column"),
    [
        ("row 3, column 'a': missing; the model refuses it", 3, "a"),
        ("row 12, column 'a: b': infinite; the model refuses it", 12, "a: b"),
        ("column 'a', row 7: a value that is no number", 7, "a"),
        ("column 'a': object where the model takes numbers", None, "a"),
        ("row 1, column 3: nan", 1, "three"),
        ("the table, row 2, column 3: a value that is no number", 2, "three"),
        ("column 'row 5': missing", None, "odd"),
        ("no rows: the model refuses an empty table", None, None),
        ("row 4: a step of the model refuses what comes out", 4, None),
    ],
    ids=range(9),
)
def test_row_and_column_come_out_of_the_sentence(message: str, row: Any, column: Any) -> None:
    for code in ("input-refused", "outside-domain"):
        found = failed(2, SourceError(code, message, hint="do"), COLUMNS)
        assert found[:3] == (2, 422, code)
        assert (found.row, found.column, found.hint) == (row, column, "do")


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (ValueError("Input X contains NaN.\x1b"), 422, "input-refused"),
        (TypeError("no"), 422, "input-refused"),
        (AttributeError("'NoneType' object has no attribute 'lower'"), 422, "input-refused"),
        (RuntimeError("/secret"), 500, "model-failed"),
        (FormatError("program-invalid", "secret"), 500, "model-failed"),
        (LimitError("limit-program-seconds", "too slow"), 413, "limit-program-seconds"),
        (MemoryError(), 413, "limit-memory"),
    ],
    ids=["value", "type", "attribute", "runtime", "program", "limit", "memory"],
)
def test_statuses_follow_whose_fault_it_is(error: Exception, status: int, code: str) -> None:
    found = failed(0, error, COLUMNS)
    assert found[1:3] == (status, code)
    assert "secret" not in found[3]
    assert "\x1b" not in found[3]


def test_what_was_expected_is_the_programs_word_else_the_columns_else_the_rows() -> None:
    words = Words({"a": "a number (FP64)"}, "a: a number (FP64), b: text")
    columns = Columns({"column 'a'": "a", "column 'b'": "b"}, lambda: words)
    said = refusal("row 3, column 'a': missing; the model refuses it", expected="a finite number")
    assert failed(0, said, columns).expected == "a finite number"
    assert failed(0, SourceError("input-refused", "column 'a': no"), columns).expected == "a number (FP64)"
    assert failed(0, SourceError("input-refused", "column 'b': no"), columns).expected == words.row
    assert failed(0, ValueError("no"), columns).expected == words.row
    assert failed(0, RuntimeError("no"), columns).expected == ""
