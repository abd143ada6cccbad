"""The reference reader is small, shares nothing with the package, and answers anything with a code."""

from __future__ import annotations

import ast
import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from spec.reference import read
from spec.reference.vocabulary import Audit
from tests.unit.spec.vectors import FOLDER, SPEC

MODULES = sorted((SPEC / "reference").glob("*.py"))
LINES = 810  # of all modules together
ALLOWED = {*sys.stdlib_module_names, "numpy", "blake3", "spec"}
PLAIN = FOLDER / "accept" / "plain.amber"


def imported(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            found.add(str(node.module))
    return found


def test_it_is_small() -> None:
    assert sum(len(path.read_text(encoding="utf-8").splitlines()) for path in MODULES) <= LINES


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_it_needs_the_standard_library_numpy_and_blake3_only(path: Path) -> None:
    names = imported(path)
    assert {name.partition(".")[0] for name in names} <= ALLOWED
    assert not {name for name in names if name.startswith("spec") and not name.startswith("spec.reference")}
    text = path.read_text(encoding="utf-8")
    assert not [word for word in ("import_module", "__import__", "exec(", "pickle", "eval(") if f" {word}" in text]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "spec.reference", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=SPEC.parent)


def test_the_package_is_not_loaded_by_it() -> None:
    code = "import sys, spec.reference as r; r.read(sys.argv[1]); print({'amber', 'sklearn'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code, str(PLAIN)], capture_output=True, text=True, check=True, cwd=SPEC.parent
    )
    assert done.stdout == "set()\n"


def test_the_command_says_what_each_step_says() -> None:
    refused = FOLDER / "reject" / "digest-mismatch--strings.amber"
    refused = refused if refused.exists() else min((FOLDER / "reject").glob("digest-mismatch--*"))
    passed = {"1": "passed", "2": "not-asked", "3": "passed", "4": "passed", "6": "passed"}
    done = run(str(PLAIN))
    assert done.returncode == 0
    assert json.loads(done.stdout) == {str(PLAIN): passed}
    done = run(str(PLAIN), str(refused))
    assert done.returncode == 2
    failed = {"1": "passed", "2": "not-asked", "3": "passed", "4": "digest-mismatch", "6": "not-asked"}
    assert json.loads(done.stdout) == {str(PLAIN): passed, str(refused): failed}


def test_the_command_says_in_one_line_which_file_cannot_be_read() -> None:
    done = run(str(PLAIN), "no-such-file")
    assert (done.returncode, done.stdout) == (66, "")
    assert "no-such-file" in done.stderr
    assert done.stderr.count("\n") == 1


def graph(generator: random.Random) -> dict[int, list[int]]:
    size = generator.choice((1, 2, 4, 7, 12))
    return {at: generator.choices(range(size), k=generator.choice((0, 1, 1, 2))) for at in range(size)}


def test_the_nodes_on_and_between_cycles_are_those_left_when_ends_are_taken_away() -> None:
    generator = random.Random(5)
    reader = object.__new__(Audit)
    for _ in range(500):
        links = graph(generator)
        left = before = set(links)
        while left != before or left is before:
            before, reached = left, {child for at in left for child in links[at]}
            left = {at for at in left & reached if left.intersection(links[at])}
        assert reader.core(links) == left, links


def test_any_bytes_get_an_answer() -> None:
    generator = random.Random(8)
    data = PLAIN.read_bytes()
    for size in (0, 1, 3, 21, 51, 52, 97, 98, len(data) - 1):
        assert read(generator.randbytes(size))[1] == "container-not-canonical"
        assert read(data[:size])[1] == "container-not-canonical"


def test_the_folder_form_is_read_without_following_links(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    shutil.copytree(FOLDER / "accept" / "folder", folder)
    assert read(str(folder))[6] == "passed"
    (folder / "model" / "empty").mkdir()
    assert read(str(folder))[1] == "folder-extra"
    (folder / "model" / "empty").rmdir()
    os.link(folder / "manifest.json", tmp_path / "other")
    assert read(str(folder))[1] == "folder-link"
    (tmp_path / "other").unlink()
    (folder / "env" / "pylock.toml").rename(tmp_path / "pylock.toml")
    (folder / "env" / "pylock.toml").symlink_to(tmp_path / "pylock.toml")
    assert read(str(folder))[1] == "folder-link"
