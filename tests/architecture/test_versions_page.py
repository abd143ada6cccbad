"""`docs/versions.md` is what `make matrix` writes; measuring it again is the matrix's work, not a test's."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.architecture.repository import ROOT
from tools.matrix import plain
from tools.matrix.__main__ import gather, tell
from tools.matrix.environments import Environment, environments, pairs
from tools.matrix.page import page, reason

CELL = re.compile(r"\d+ / \d+ / \d+ / \d+ / \d+")
SECTIONS = [
    "Environments",
    "Who reads what",
    "What is not the same",
    "What no verdict says",
    "Values of NumPy, SciPy and pandas",
]


def text() -> str:
    return (ROOT / "docs" / "versions.md").read_text(encoding="utf-8")


def tables(part: str) -> list[list[str]]:
    lines = [line for line in part.splitlines() if line.startswith("|") and not line.startswith("|---")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def section(name: str) -> str:
    return text().partition(f"\n## {name}\n")[2].partition("\n## ")[0]


def test_the_page_has_its_sections_and_every_environment() -> None:
    assert re.findall(r"^## (.*)$", text(), flags=re.MULTILINE) == SECTIONS
    head, *rows = tables(section("Environments"))
    assert rows == [[each.name, *each.packages.values()] for each in environments()]
    assert head[1:] == list(environments()[0].packages)


def test_every_writer_and_reader_was_measured_and_none_ended_in_an_error() -> None:
    full = [each.name for each in environments() if not each.pair]
    square, _, single = section("Who reads what").partition("One library alone")
    head, *rows = tables(square)
    assert head == ["written by", *full]
    assert [row[0].strip("*") for row in rows] == full
    cells = {(row[0].strip("*"), reader): cell for row in rows for reader, cell in zip(full, row[1:], strict=True)}
    assert all(CELL.fullmatch(cell) for (writer, reader), cell in cells.items() if writer != reader)
    assert len(tables(single)) == 1 + 2 * sum(1 for each in environments() if each.pair)
    assert all(CELL.fullmatch(row[1]) for row in tables(single)[1:])


def test_every_line_says_what_differs_how_often_and_where() -> None:
    names = {each.name.removeprefix("sklearn-") for each in environments()}
    for part, verdicts in (("What is not the same", {"drifted", "broken"}), ("What no verdict says", None)):
        _, *rows = tables(section(part))
        assert rows
        for row in rows:
            assert verdicts is None or row[0] in verdicts
            assert len(row[-4]) > 10
            assert int(row[-3]) > 0
            assert {one for cell in row[-2:] for one in cell.split(", ")} <= names


def test_the_environments_differ_as_promised() -> None:
    found = environments()
    assert [each.minor for each in found if not each.pair] == ["1.5", "1.6", "1.7", "1.8", "1.9"]
    for library, majors in (("numpy", {"1", "2"}), ("pandas", {"2", "3"})):
        assert {each.packages[library].split(".")[0] for each in found} == majors
    by_name = {each.name: each for each in found}
    for each in found:
        if each.pair:
            other = by_name[each.pair].packages
            assert len([name for name, version in each.packages.items() if other[name] != version]) == 1
    assert len(pairs(found)) == 5 * 4 + 2 * 2


def test_a_page_counts_models_and_groups_reasons() -> None:
    one = Environment("sklearn-1.5", {"scikit-learn": "1.5.2"})
    drifted = {"status": "drifted", "code": "verdict-drifted", "findings": [["predict", "answered", "missing"]]}
    rows = [
        {"name": "A", "class": "A", "status": "identical", "differs": ["score: is off by 1.0e-01 of the largest"]},
        {"name": "B", "class": "B", **drifted},
        {"name": "value numpy x", "class": "numpy", "status": "differs", "differs": [".a: dtype int8 against int16"]},
    ]
    other = Environment("sklearn-1.6", {"scikit-learn": "1.6.1"})
    made = page([one, other], {("sklearn-1.5", "sklearn-1.6"): rows})
    assert "| **sklearn-1.5** |  | 1 / 0 / 0 / 1 / 0 |" in made
    assert (
        "| drifted | B | predict: rows of kind missing were refused and are answered [answered] | 1 | 1.5 | 1.6 |"
        in made
    )
    assert "| A | score: other values | 1 | 1.5 | 1.6 |" in made
    assert "| numpy: dtype int8 against int16 | 1 | 1.5 | 1.6 |" in made


MISSING = {"code": "class-missing", "says": "x.Y does not exist in scikit-learn 1.5.2, it was written with 1.9.1"}
RAISED = {"code": "verdict-broken", "findings": [["transform", "raised", "sample", "AttributeError: no\\nmore"]]}


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"status": "broken", **MISSING}, "x.Y does not exist in the reading scikit-learn [class-missing]"),
        ({"status": "broken", **RAISED}, "transform: AttributeError: no [raised]"),
        ({"status": "error", "says": "KeyError: 1"}, "KeyError: 1 [error]"),
    ],
)
def test_reasons_leave_out_what_differs_by_model(row: dict[str, object], said: str) -> None:
    assert reason(row) == said


def test_answers_as_plain_data_differ_where_they_differ() -> None:
    import numpy as np
    import pandas as pd
    import scipy.sparse as sp

    frame = pd.DataFrame({"a": ["x", None], "b": [1.0, np.nan]})
    answers = [frame, np.array([1.0, np.inf]), sp.csr_matrix([[0.0, 2.0]]), {"k": (1, "two")}, frozenset("ab")]
    for answer in answers:
        assert plain.difference(plain.plain(answer), plain.plain(answer)) == ""
    others = [
        frame.fillna({"a": "y"}),
        np.array([1.0, 2.0]),
        sp.csr_matrix([[0.0, 3.0]]),
        {"k": (1, "three")},
        frozenset("ac"),
    ]
    for answer, other in zip(answers, others, strict=True):
        assert plain.difference(plain.plain(answer), plain.plain(other))
    assert plain.differences({"a": plain.plain(np.ones(2))}, {}) == ["a: is missing"]
    assert plain.differences({"a": plain.plain(np.ones(2))}, {"a": plain.plain(np.ones(2) + 1e-9)}) == []
    assert plain.digest(frame) != plain.digest(others[0])


def test_an_error_that_is_not_ambers_fails_the_matrix(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"name": "A", "status": "identical"}, {"name": "B", "status": "drifted", "code": "verdict-drifted"}]
    result = tmp_path / "sklearn-1.5--sklearn-1.9.jsonl"
    result.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    asked = [("sklearn-1.5", "sklearn-1.9"), ("sklearn-1.9", "sklearn-1.5")]
    assert tell(gather(asked, tmp_path)) == 0
    assert capsys.readouterr().out == "sklearn-1.5 -> sklearn-1.9: 1 drifted, 1 identical\n"
    with result.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"name": "C", "status": "error", "says": "KeyError: 1"}) + "\n")
    assert tell(gather(asked, tmp_path)) == 1
