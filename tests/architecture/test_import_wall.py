"""The wall between inert and live, seen from inside a fresh process: imports by string cannot hide here."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.architecture.repository import FRAMEWORKS, INERT, INERT_SERVER, LIVE, ROOT, modules, newly_loaded, python

CORE = {"amber", "msgspec", "blake3", "click", "typing_extensions"}  # the last where msgspec finds it
CLI = "import sys; from amber.cli.main import main; sys.argv[0] = 'amber'; sys.exit(main())"
INERT_MODULES = [module.name for module in modules() if module.layer in INERT]


def tops(names: list[str]) -> set[str]:
    return {name.partition(".")[0] for name in names}


def foreign(names: list[str]) -> set[str]:
    """Packages outside the standard library, and modules of the live half."""
    live = {name for name in names if name.startswith(tuple(f"amber.{part}" for part in LIVE))}
    return live | {top for top in tops(names) if top not in sys.stdlib_module_names and not top.startswith("_")}


def test_import_amber_loads_the_standard_library_only(tmp_path: Path) -> None:
    names = newly_loaded("import amber", cwd=tmp_path)
    assert foreign(names) == {"amber"}
    assert not {"pickle", "marshal"} & tops(names), "import amber does not need a loader of code"


def test_there_are_inert_modules_to_look_at() -> None:
    assert {name.split(".")[1] for name in INERT_MODULES} == set(INERT)


@pytest.mark.parametrize("name", INERT_MODULES)
def test_an_inert_module_stays_inert(name: str, tmp_path: Path) -> None:
    names = newly_loaded(f"import {name}", cwd=tmp_path)
    assert foreign(names) <= CORE


def test_the_front_of_the_server_stays_inert(tmp_path: Path) -> None:
    wanted = tuple(f"amber.server.{part}" for part in INERT_SERVER)
    inert = [module.name for module in modules() if module.name.startswith(wanted) and "__main__" not in module.name]
    assert len(inert) > 30
    names = newly_loaded(
        "import importlib; [importlib.import_module(name) for name in " + repr(inert) + "]", cwd=tmp_path
    )
    live = (*tuple(f"amber.{part}" for part in LIVE if part != "server"), "amber.server.worker")
    assert not [name for name in names if name.startswith(live)]
    assert not tops(names) & set(FRAMEWORKS) - {"pickle"}


@pytest.mark.parametrize(
    "argv",
    [
        ("--help",),
        *((name, "--help") for name in ("inspect", "verify", "diff", "predict", "unpack", "pack", "redact", "demo")),
    ],
    ids=" ".join,
)
def test_help_loads_no_framework(argv: tuple[str, ...], tmp_path: Path) -> None:
    names = newly_loaded(CLI, *argv, cwd=tmp_path)
    assert foreign(names) <= CORE | {"rich", "markdown_it", "mdurl", "pygments"}
    assert not tops(names) & set(FRAMEWORKS) - {"pickle"}


def an_artifact() -> Path:
    found = sorted((ROOT / "tests" / "compat").rglob("*.amber"))
    assert found, "tests/compat holds the artifacts of this format version"
    return found[0]


@pytest.mark.parametrize("option", [(), ("--json",), ("--tree",), ("--id",)], ids=" ".join)
def test_inspect_loads_no_framework(option: tuple[str, ...], tmp_path: Path) -> None:
    names = newly_loaded(CLI, "inspect", str(an_artifact()), *option, cwd=tmp_path)
    assert foreign(names) <= CORE | {"rich", "markdown_it", "mdurl", "pygments"}


def test_inspect_works_where_no_framework_can_be_imported(tmp_path: Path) -> None:
    poison = f"import sys; sys.modules.update(dict.fromkeys({FRAMEWORKS[:6]!r})); "
    ran = python(poison + CLI, "inspect", str(an_artifact()), cwd=tmp_path)
    assert ran.code == 0, ran.err
    assert ran.out.strip()


def test_the_check_can_fail(tmp_path: Path) -> None:
    assert "decimal" in tops(newly_loaded("import decimal", cwd=tmp_path))
    assert foreign(["numpy.core", "amber.tree", "json"]) == {"numpy", "amber"}
    assert foreign(["amber.cases.record"]) == {"amber", "amber.cases.record"}
