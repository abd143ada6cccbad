"""`docs/conversion.md` is what `make conversion` writes; measuring it again is its work, not a test's."""

from __future__ import annotations

import re

import pytest

from tests.architecture.repository import ROOT

pytest.importorskip("skl2onnx")
pytest.importorskip("onnxruntime")

from proofs.conversion import page
from proofs.conversion.amber_side import VERDICTS
from proofs.conversion.subjects import others, peers

HEAD = re.compile(r"\*\*(\d+) of (\d+) covered \((\d+)%\)\*\*; (\d+) are demanded\. skl2onnx: (\d+) of (\d+)\.")
COVERED = VERDICTS[:2]


def text() -> str:
    return (ROOT / "docs" / "conversion.md").read_text(encoding="utf-8")


def table(number: int) -> list[list[str]]:
    """Rows of the table in one of the sections, without its head."""
    part = text().split("\n## ")[number]
    lines = [line for line in part.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines[1:]]


def test_every_class_of_the_peers_table_is_there() -> None:
    assert [row[0] for row in table(1)] == peers()
    assert len(peers()) == 139
    assert [row[0] for row in table(2)] == others()


def test_the_counts_in_the_head_are_those_of_the_rows() -> None:
    found = HEAD.search(text())
    assert found is not None
    covered, total, share, demanded, theirs, same = (int(each) for each in found.groups())
    rows = table(1)
    assert (total, same, demanded) == (len(rows), len(rows), page.WANTED)
    assert covered == sum(row[1] in COVERED for row in rows)
    assert share == round(100 * covered / total)
    assert theirs == sum(row[6].startswith("equivalent") for row in rows)
    assert covered >= demanded
    assert f"\n{sum(row[1] in COVERED for row in table(2))} of {len(table(2))} covered.\n" in text()


@pytest.mark.parametrize("number", [1, 2])
def test_a_row_says_which_methods_and_why_not(number: int) -> None:
    for row in table(number):
        assert row[1] in VERDICTS
        assert row[2], row[0]
        assert row[3], row[0]
        assert bool(row[5]) == (row[1] not in COVERED), row[0]


def test_the_versions_are_named() -> None:
    assert all(name in text().split("\n## ")[-1] for name in ("scikit-learn", "onnxruntime", "skl2onnx", "Python"))
