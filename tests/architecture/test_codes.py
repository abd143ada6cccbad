"""One table of codes: what the package can refuse with is what `spec/` documents, no more and no less."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable
from functools import cache
from typing import Any

from tests.architecture.repository import ROOT, modules

CODE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)+")


@cache
def documented() -> frozenset[str]:
    data: Any = json.loads((ROOT / "spec" / "codes.json").read_text(encoding="utf-8"))
    entries = data.get("codes", data) if isinstance(data, dict) else data
    return frozenset(entry if isinstance(entry, str) else entry["code"] for entry in entries)


@cache
def raised() -> dict[str, str]:
    """Literal codes of every `...Error(...)` and `Problem(...)`, with the module they stand in."""
    calls = [(m.name, node) for m in modules() for node in ast.walk(m.parsed) if isinstance(node, ast.Call)]
    refusals = [(where, call.args[0]) for where, call in calls if call.args and _refuses(call)]
    constants = [(where, arg.value) for where, arg in refusals if isinstance(arg, ast.Constant)]
    return {value: where for where, value in constants if isinstance(value, str) and CODE.fullmatch(value)}


def _refuses(call: ast.Call) -> bool:
    name = ast.unparse(call.func).rpartition(".")[2]
    return name.endswith("Error") or name == "Problem"


@cache
def constants() -> tuple[frozenset[str], frozenset[str]]:
    """Every string constant of the package, and every literal piece of its f-strings."""
    nodes = [node for module in modules() for node in ast.walk(module.parsed)]
    pieces = [part for node in nodes if isinstance(node, ast.JoinedStr) for part in node.values]
    return _texts(nodes), _texts(pieces)


def _texts(nodes: Iterable[ast.AST]) -> frozenset[str]:
    values = (node.value for node in nodes if isinstance(node, ast.Constant))
    return frozenset(value for value in values if isinstance(value, str))


def composable(code: str) -> bool:
    """Whether `code` stands in the package, whole or as f"{prefix}-invalid" and the like."""
    whole, pieces = constants()
    cuts = [(code[:at], code[at:]) for at in range(1, len(code))]
    return code in whole or any((a in whole and b in pieces) or (a in pieces and b in whole) for a, b in cuts)


def test_every_code_that_is_raised_is_documented() -> None:
    assert len(raised()) > 20
    assert not {code: where for code, where in raised().items() if code not in documented()}


def test_every_documented_code_can_be_raised() -> None:
    assert not {code for code in documented() if not composable(code)}


def test_codes_are_names() -> None:
    assert not [code for code in documented() if not CODE.fullmatch(code)]
