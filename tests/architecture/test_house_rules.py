"""Names, sizes and docstrings: the rules of CONTRIBUTING that a linter does not hold."""

from __future__ import annotations

import ast
import re
import statistics
import sys
import tomllib
from collections.abc import Iterator

import pytest

from tests.architecture.repository import INERT, PACKAGE, ROOT, Module, modules

FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "core", "misc", "base"}
MODULE_LINES = 600
MODULE_LINES_MEDIAN = 200
FUNCTION_LINES = 80
FUNCTION_LINES_P95 = 45
MODULES = modules()
# Import name -> distribution, where they differ.
# pytz comes with pandas 2; under pandas 3 its zones are read as zoneinfo ones.
DISTRIBUTION = {
    "sklearn": "scikit-learn",
    "tomli_w": "tomli-w",
    "pytz": "pandas",
    "xgboost": "xgboost-cpu",
    "prometheus_client": "prometheus-client",
    "grpc": "grpcio",
    "google": "protobuf",
    "opentelemetry": "opentelemetry-sdk",
    "rfc3161_client": "rfc3161-client",
    "sigstore_models": "sigstore-models",
}
# Inert all the same: imported only where a signature is made or checked, or the keyring written.
SIGNING = {"cryptography", "rfc3161-client", "sigstore", "sigstore-models", "tomli-w"}
Function = ast.FunctionDef | ast.AsyncFunctionDef


def test_there_are_modules() -> None:
    assert len(MODULES) > 40


def test_no_module_has_a_name_that_says_nothing() -> None:
    parts = {path.stem.lstrip("_") for path in (PACKAGE, *PACKAGE.rglob("*")) if path.suffix == ".py" or path.is_dir()}
    assert not parts & FORBIDDEN_NAMES


def test_every_folder_with_modules_is_a_package() -> None:
    # Without `__init__.py` a folder is invisible to the import contracts.
    folders = {path.parent for path in PACKAGE.rglob("*.py")}
    assert not [folder for folder in folders if not (folder / "__init__.py").exists()]


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name)
def test_a_module_is_small_and_says_what_it_is(module: Module) -> None:
    assert len(module.source.splitlines()) <= MODULE_LINES
    if module.source.strip():
        assert ast.get_docstring(module.parsed), "the first thing a module says is what it is for"


def functions(tree: ast.AST) -> Iterator[Function]:
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def code_lines(function: Function) -> int:
    """Lines of a function without its docstring and decorators."""
    first = function.body[0]
    documented = ast.get_docstring(function, clean=False) is not None and isinstance(first, ast.Expr)
    docstring = (first.end_lineno or 0) - first.lineno + 1 if documented else 0
    return (function.end_lineno or 0) - function.lineno + 1 - docstring


def test_sizes_stay_in_the_house_budget() -> None:
    filled = [len(module.source.splitlines()) for module in MODULES if module.source.strip()]
    assert statistics.median(filled) <= MODULE_LINES_MEDIAN
    sizes = {(m.name, f.name): code_lines(f) for m in MODULES for f in functions(m.parsed)}
    assert statistics.quantiles(sizes.values(), n=20)[-1] <= FUNCTION_LINES_P95
    assert not {name: size for name, size in sizes.items() if size > FUNCTION_LINES}


def undocumented(body: list[ast.stmt], prefix: str) -> Iterator[str]:
    for node in body:
        if not isinstance(node, Function | ast.ClassDef) or node.name.startswith("_"):
            continue
        if ast.get_docstring(node) is None and not _is_overload(node):
            yield f"{prefix}.{node.name}"
        if isinstance(node, ast.ClassDef):
            yield from undocumented(node.body, f"{prefix}.{node.name}")


def _is_overload(node: ast.stmt) -> bool:
    decorators = getattr(node, "decorator_list", [])
    return any(ast.unparse(item).endswith("overload") for item in decorators)


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name)
def test_every_public_name_is_documented(module: Module) -> None:
    assert not list(undocumented(module.parsed.body, module.name))


def imported(tree: ast.AST) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module.partition(".")[0])
    return names


def declared() -> tuple[set[str], set[str]]:
    """Names of the core's dependencies, and of all extras."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [line for name, lines in project["optional-dependencies"].items() if name != "all" for line in lines]
    return {line.partition(">")[0] for line in project["dependencies"]}, {line.partition(">")[0] for line in extras}


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name)
def test_every_import_is_declared(module: Module) -> None:
    core, extras = declared()
    third_party = imported(module.parsed) - set(sys.stdlib_module_names) - {"amber"}
    distributions = {DISTRIBUTION.get(name, name) for name in third_party}
    allowed = core | (SIGNING if module.layer in ("trust", "policy") else set())
    assert distributions <= (allowed if module.layer in INERT else core | extras)


def test_the_core_has_three_dependencies_and_the_record_names_each() -> None:
    core, extras = declared()
    assert core == {"msgspec", "click", "blake3"}
    record = (ROOT / "docs" / "adr" / "0002-dependencies.md").read_text(encoding="utf-8")
    named = {re.split(r"[<>=\[]", name)[0] for name in core | extras} - {"amber"}
    assert not {name for name in named if not re.search(rf"\| [a-z0-9, -]*\b{name}\b[a-z0-9, -]* \|", record)}
