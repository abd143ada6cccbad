"""The table of codes holds exactly the codes of the sources, and `spec/codes.json` says the same."""

from __future__ import annotations

import ast
import json
import re
from functools import cache

import pytest

from amber import codes
from amber.limits import Limits
from amber.report import STEPS
from tests.architecture.repository import PACKAGE, ROOT, called, modules

CODE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)+")
# Functions that make an error or a problem from a code, besides classes named ...Error and Problem.
MAKERS = {"Problem", "problem", "fail", "bad_input", "_error"}
# Modules where a rule returns (code, message).
PAIRS = ("vocabulary/", "adapters/values.py")


@cache
def trees() -> dict[str, ast.Module]:
    return {str(m.path.relative_to(PACKAGE)): m.parsed for m in modules() if m.path.name != "codes.py"}


@cache
def raised() -> dict[str, str]:
    """Codes as they stand at the start of a call or of a (code, message) pair, with the file they stand in."""
    nodes = [(name, node) for name, tree in trees().items() for node in ast.walk(tree)]
    firsts = [(name, node.args[0]) for name, node in nodes if isinstance(node, ast.Call) and makes_error(node)]
    pairs = [(name, node) for name, node in nodes if isinstance(node, ast.Tuple) and name.startswith(PAIRS)]
    firsts += [(name, pair.elts[0]) for name, pair in pairs if len(pair.elts) == 2]
    texts = [(name, node.value) for name, node in firsts if isinstance(node, ast.Constant)]
    return {text: name for name, text in texts if isinstance(text, str) and CODE.fullmatch(text)}


def makes_error(call: ast.Call) -> bool:
    maker = called(call)
    return bool(call.args) and (maker.endswith("Error") or maker in MAKERS)


@cache
def texts() -> tuple[frozenset[str], frozenset[str]]:
    """String constants, and the literal pieces of f-strings."""
    whole: set[str] = set()
    pieces: set[str] = set()
    for tree in trees().values():
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                whole.add(node.value)
            if isinstance(node, ast.JoinedStr):
                pieces |= {str(part.value) for part in node.values if isinstance(part, ast.Constant)}
    return frozenset(whole), frozenset(pieces)


def in_sources(code: str) -> bool:
    whole, pieces = texts()
    if "limit-" in pieces and code.removeprefix("limit-").replace("-", "_") in Limits.__slots__:
        return True  # the vocabulary's data names the limit
    cuts = [(code[:at], code[at:]) for at in range(1, len(code))]
    return code in whole or any((a in whole and b in pieces) or (a in pieces and b in whole) for a, b in cuts)


def test_every_code_in_the_sources_is_in_the_table() -> None:
    assert len(raised()) > 50
    assert {code: where for code, where in raised().items() if code not in codes.CODES} == {}


def test_every_code_in_the_table_is_in_the_sources() -> None:
    assert [code for code in codes.CODES if not in_sources(code)] == []


def test_no_code_stands_in_two_sections() -> None:
    assert sum(map(len, codes.SECTIONS)) == len(codes.CODES)


@pytest.mark.parametrize("section", codes.SECTIONS)
def test_sections_are_sorted_and_well_formed(section: codes.Table) -> None:
    assert list(section) == sorted(section)
    for code, (step, meaning) in section.items():
        assert CODE.fullmatch(code)
        assert step is None or step in STEPS
        assert meaning
        assert not meaning.endswith(".")


def test_the_published_table_is_the_same() -> None:
    rows = json.loads((ROOT / "spec" / "codes.json").read_text(encoding="utf-8"))
    assert {row["code"]: (row["step"], row["meaning"]) for row in rows} == codes.CODES
