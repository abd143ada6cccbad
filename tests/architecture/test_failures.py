"""One table of the server's failures: what a server can answer is what the table has, with its status, no more."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache

import pytest

from amber.codes import CODES
from amber.server.failures import FAILURES, SECTIONS
from tests.architecture.repository import ROOT, called, modules

CODE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)+")
# Made of a verdict's word, or of what refused an artifact: codes of `amber.codes`.
COMPOSED = {f"verdict-{word}" for word in ("drifted", "broken", "unchecked")}


@cache
def server() -> list[ast.AST]:
    """Every node of the server's sources, the table itself left out."""
    found = [m for m in modules() if m.name.startswith("amber.server") and m.name != "amber.server.failures"]
    return [node for module in found for node in ast.walk(module.parsed)]


def answered() -> Iterator[tuple[int | None, str]]:
    """Literal statuses and codes of every `Failure`, `Refused` and `Failed` that is made."""
    for node in server():
        if isinstance(node, ast.Call):
            named = {each.arg: each.value for each in node.keywords}
            name = called(node)
            if name == "Failure":
                yield from _pair(*[*node.args, named.get("status"), named.get("code")][:2])
            elif name in ("Refused", "Failed"):
                yield from _pair(named.get("status"), named.get("code"))
        elif isinstance(node, ast.Tuple) and len(node.elts) == 7:  # `wire.batch.Failed`: part, status, code, ...
            yield from _pair(*node.elts[1:3])


def _pair(status: ast.AST | None, code: ast.AST | None) -> Iterator[tuple[int | None, str]]:
    if isinstance(code, ast.Constant) and isinstance(code.value, str) and CODE.fullmatch(code.value):
        yield status.value if isinstance(status, ast.Constant) else None, code.value  # type: ignore[misc]


def test_every_failure_is_in_the_table() -> None:
    found = set(answered())
    assert len(found) > 60
    assert not {code for status, code in found if code not in FAILURES and code not in COMPOSED and code not in CODES}
    assert not {(s, code) for s, code in found if s is not None and code in FAILURES and FAILURES[code][0] != s}


def test_every_failure_of_the_table_can_happen() -> None:
    texts = {node.value for node in server() if isinstance(node, ast.Constant)}
    assert not {code for code in FAILURES if code not in texts}


def test_the_table_is_closed_and_readable() -> None:
    assert sum(len(section) for section in SECTIONS.values()) == len(FAILURES)
    for code, (status, meaning) in FAILURES.items():
        assert CODE.fullmatch(code)
        assert 400 <= status <= 599
        assert meaning[0].islower()
        assert not meaning.endswith(".")


@pytest.mark.parametrize("name", SECTIONS)
def test_the_table_is_sorted(name: str) -> None:
    assert list(SECTIONS[name]) == sorted(SECTIONS[name])


def test_the_table_is_documented() -> None:
    page = (ROOT / "docs" / "serving.md").read_text(encoding="utf-8")
    assert not {code for code, (status, _) in FAILURES.items() if f"| `{code}` | {status} |" not in page}
