"""What the documents say is true: every block runs, generated pages are fresh, public names are there."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import amber
from tests.architecture.pages import blocks, run_page
from tests.architecture.repository import ROOT
from tests.architecture.repository import amber as command

PAGES = ["README.md", "CONTRIBUTING.md", "docs/index.md", "docs/concepts.md", "docs/errors.md", "docs/trust.md"]
PAGES += sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs" / "tutorials").glob("*.md"))


# Many commands, each a process. The README, the concepts and the errors stay with the quick ones.
SLOW = {"docs/index.md", "docs/trust.md"} | {
    f"docs/tutorials/{name}.md" for name in ("own-class", "program", "serve", "sign")
}


@pytest.mark.parametrize("page", [pytest.param(page, marks=[pytest.mark.slow] * (page in SLOW)) for page in PAGES])
def test_every_block_of_a_page_runs(page: str, tmp_path: Path) -> None:
    assert run_page(ROOT / page, tmp_path) > 0


def test_no_page_with_blocks_is_left_out() -> None:
    runnable = {"bash", "console", "python"}
    found = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    with_blocks = {str(p.relative_to(ROOT)) for p in found if any(b.language in runnable for b in blocks(p))}
    assert with_blocks == set(PAGES)


def test_every_file_and_test_that_the_threat_model_names_is_there() -> None:
    page = (ROOT / "docs" / "threat-model.md").read_text(encoding="utf-8")
    named = re.findall(r"`((?:tests|spec|src)/[\w/.-]+)(?:::(\w+))?`", page)
    assert len(named) > 30
    for file, test in named:
        assert (ROOT / file).exists(), file
        assert not test or f"def {test}(" in (ROOT / file).read_text(encoding="utf-8"), f"{file}::{test}"


def test_the_reference_pages_are_up_to_date() -> None:
    script = ROOT / "scripts" / "write_reference.py"
    done = subprocess.run([sys.executable, str(script), "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_public_name_is_in_the_reference() -> None:
    page = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    names = {name for name in amber.__all__ if not name.startswith("__")}
    assert {"save", "load", "verify", "inspect", "Policy", "AmberError"} <= names
    assert not {name for name in names if f"## amber.{name}\n" not in page}
    assert not {name for name in names if not getattr(amber, name).__doc__}


def test_readme_lists_the_commands_that_exist(tmp_path: Path) -> None:
    (listed,) = [block.text for block in blocks(ROOT / "README.md") if block.language == "synopsis"]
    printed = command("--help", cwd=tmp_path).out
    exist = re.findall(r"^  ([a-z]+) ", printed.partition("Commands:")[2], flags=re.MULTILINE)
    assert sorted(re.findall(r"^amber ([a-z]+)", listed, flags=re.MULTILINE)) == sorted(exist)


def test_every_make_target_is_phony_and_explained() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = set(re.search(r"^\.PHONY: (.*)$", text, flags=re.MULTILINE)[1].split())  # type: ignore[index]
    explained = set(re.findall(r"^([a-z][a-z-]*):.*## \S", text, flags=re.MULTILINE))
    assert phony == explained
    assert {
        "demo",
        "test",
        "test-slow",
        "lint",
        "docs",
        "bench",
        "vectors",
        "vocabulary",
        "compat",
        "test-oldest",
    } <= explained


def test_changelog_speaks_of_this_version() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(rf"^## {re.escape(amber.__version__)}\b", text, flags=re.MULTILINE)
    assert f'version = "{amber.__version__}"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def test_no_file_of_the_house_names_a_package_host() -> None:
    house = ["pyproject.toml", "Makefile", ".ci/run", "requirements-oldest.txt", ".github/workflows/ci.yml"]
    for name in house:
        assert not re.search(r"https?://|index-url|find-links", (ROOT / name).read_text(encoding="utf-8")), name


@pytest.mark.slow
def test_the_documentation_builds_without_a_warning(tmp_path: Path) -> None:
    mkdocs = shutil.which("mkdocs", path=str(Path(sys.executable).parent))
    assert mkdocs, "make install brings mkdocs"
    done = subprocess.run(
        [mkdocs, "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "site")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "site" / "tutorials" / "own-class.html").exists()
