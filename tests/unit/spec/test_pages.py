"""The pages of `spec/` say what the code does: tables, generated parts, references."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import get_args

import pytest

from amber import report
from amber.codes import CODES
from amber.errors import FormatError
from amber.limits import DEFAULT, Limits
from amber.tree import dtypes, nodes
from amber.tree.codec import decode_tree
from amber.tree.nodes import Tensor
from tests.unit.spec.vectors import SPEC

PAGES = sorted(SPEC.glob("*.md"))


def text(name: str) -> str:
    return (SPEC / name).read_text(encoding="utf-8")


def table(name: str, head: str) -> list[list[str]]:
    """Rows of the table whose first column is called `head`."""
    lines = text(name).splitlines()
    (start,) = [i for i, line in enumerate(lines) if line.startswith(f"| {head} |")]
    rows = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        cells = re.split(r"(?<!\\)\|", line.strip("|"))
        rows.append([cell.strip().replace("\\|", "|") for cell in cells])
    return rows


def test_the_pages_are_there() -> None:
    names = {page.name for page in PAGES}
    assert names == {
        "README.md", "attestations.md", "cases.md", "container.md", "digests.md", "manifest.md", "policy.md",
        "programs.md", "signatures.md", "steps.md", "tensors.md", "tree.md", "vocabulary.md",
    }  # fmt: skip
    for name in names - {"README.md"}:
        assert f"({name})" in text("README.md")


@pytest.mark.parametrize("script", ["write_spec.py", "write_codes.py"])
def test_generated_parts_are_fresh(script: str) -> None:
    path = SPEC.parent / "scripts" / script
    done = subprocess.run([sys.executable, str(path), "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"run python scripts/{script}\n{done.stdout}{done.stderr}"


def test_steps_statuses_verdicts_and_exit_codes_are_those_of_the_report() -> None:
    assert {int(row[0]): row[1] for row in table("steps.md", "step")} == report.STEPS
    assert [row[0].strip("`") for row in table("steps.md", "status")] == [*get_args(report.Status)]
    verdicts = {row[0].strip("`"): int(row[2]) for row in table("steps.md", "verdict")}
    assert list(verdicts) == list(report.VERDICTS)
    assert verdicts == report.EXIT_BY_VERDICT
    codes = {int(row[0]) for row in table("steps.md", "exit code")}
    assert codes == {
        value for name, value in vars(report).items() if name.startswith("EXIT_") and isinstance(value, int)
    }


def test_reasons_and_findings_are_codes() -> None:
    reasons = {row[0].strip("`") for row in table("steps.md", "reason")}
    findings = {row[0].strip("`") for row in table("steps.md", "finding")}
    assert not reasons - set(CODES) - {"budget"}
    assert not findings - set(CODES) - {"refused", "answered", "raised"}


def test_limits_are_those_of_the_package() -> None:
    rows = {row[0].strip("`"): float(row[1]) for row in table("policy.md", "limit")}
    assert rows == {item.name: float(getattr(DEFAULT, item.name)) for item in fields(Limits)}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_codes_in_brackets_exist(page: Path) -> None:
    found = re.findall(r"\[([a-z][a-z0-9]*(?:-[a-z0-9]+)+)\]`", page.read_text(encoding="utf-8"))
    assert not {code for code in found if code not in CODES}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([\w./-]+)\)", page.read_text(encoding="utf-8"))
    assert not [target for target in targets if "://" not in target and not (page.parent / target).exists()]


def test_every_code_of_a_file_is_explained_on_a_page() -> None:
    pages = "\n".join(re.sub(r"<!-- codes.*?/codes -->", "", page.read_text("utf-8"), flags=re.S) for page in PAGES)
    said = set(re.findall(r"`\[?([a-z0-9]+(?:-[a-z0-9]+)+)\]?`", pages))
    wanted = {code for code, (step, _) in CODES.items() if step is not None and not code.startswith("limit-")}
    assert not wanted - said


def test_the_kinds_of_the_page_are_the_kinds_of_the_code() -> None:
    said = {row[0].strip("`"): row[1] for row in table("tree.md", "kind")}
    kinds = {str(kind.__struct_config__.tag): kind for kind in nodes.Node.__subclasses__()}
    assert set(said) == set(kinds)
    for name, kind in kinds.items():
        positions = re.sub(r"\[[^\]]*\]|\{[^}]*\}|\"[^\"]*\"", "", said[name].replace("`", ""))
        assert re.findall(r"(\w+):", positions) == list(kind.__struct_fields__), name


def test_the_dtypes_of_the_page_are_the_dtypes_of_the_code() -> None:
    said = [re.findall(r"`([^`]+)`", row[0]) for row in table("tree.md", "strings")]
    plain = {dtype for names in said for dtype in names if re.fullmatch(r"[<>|][biufc][0-9]+", dtype)}
    assert plain == set(dtypes._NATIVE) | set(dtypes._BIG) | {"<c16"}
    for row, names in zip(table("tree.md", "strings"), said, strict=True):
        for dtype in names:
            if dtype in plain and row[1] != "by width":
                carriers = row[1].split(", ")
                tail = (2,) if row[2] else ()
                found = dtypes.carrier(dtype)
                assert found.type in carriers
                assert found.tail == tail
                assert str(found.itemsize) == row[3]
    with pytest.raises(FormatError):
        dtypes.carrier("<f16")


def test_the_example_of_the_tree_is_valid() -> None:
    (example,) = re.findall(r"```json\n(.*)\n```", text("tree.md"))
    tensor = Tensor("F64", (3,), memoryview(bytearray(24)))
    tree = decode_tree(example.encode(), None, [tensor], DEFAULT)
    assert isinstance(tree.nodes[0], nodes.Object)
    assert json.loads(example)["root"] == 0
