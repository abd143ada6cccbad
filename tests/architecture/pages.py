"""The code blocks of a Markdown page, run in order in an empty folder as a reader would run them.

- ```` ```python ```` runs in a fresh process; ```` ```text ```` right after it is what it prints, where `...`
  stands for anything.
- ```` ```bash ```` runs in bash, with `amber` on the path, and ends with the first command that fails;
  ```` ```text ```` right after it is what it prints.
- ```` ```python title="pkg/file.py" ```` and ```` ```toml title="policy.toml" ```` are files.
- ```` ```console ````: each line after `$ ` is run; `amber` for real, `make` is looked up in the Makefile.
"""

from __future__ import annotations

import doctest
import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.architecture.repository import ROOT, amber, python
from tests.architecture.shell import bash, site

_FENCE = re.compile(r"^```(\w+)(?: title=\"([^\"]+)\")?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SAME = doctest.OutputChecker()


@dataclass(frozen=True)
class Block:
    """One fenced block: language, file name or empty, text."""

    language: str
    title: str
    text: str


def blocks(page: Path) -> list[Block]:
    return [Block(m[1], m[2] or "", m[3]) for m in _FENCE.finditer(page.read_text(encoding="utf-8"))]


def commands(text: str) -> Iterator[list[str]]:
    for line in text.splitlines():
        if line.startswith("$ "):
            yield shlex.split(line[2:])


def run_page(page: Path, folder: Path) -> int:
    """Run every block of `page` in `folder`, under a keyring of its own; return how many blocks and commands ran."""
    ran, printed = 0, None
    path = os.pathsep.join([str(folder), site(folder)])
    for block in blocks(page):
        where = f"{page.name}: {block.text.strip()[:80]!r}"
        if block.title:
            file = folder / block.title
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block.text, encoding="utf-8")
        elif block.language == "python":
            done = python(block.text, cwd=folder, path=path)
            assert done.code == 0, f"{where}\n{done.err}"
            printed, ran = done.out, ran + 1
            continue
        elif block.language == "bash":
            done = bash(block.text, home=folder, cwd=folder, OMP_NUM_THREADS="1")
            assert done.code == 0, f"{where}\n{done.out}\n{done.err}"
            printed, ran = done.out + done.err, ran + 1
            continue
        elif block.language == "text" and printed is not None:
            flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
            assert _SAME.check_output(block.text, printed, flags), f"{where}\nprinted:\n{printed}"
        elif block.language == "console":
            for command in commands(block.text):
                run_command(command, folder, where, path)
                ran += 1
        printed = None
    return ran


def run_command(command: list[str], folder: Path, where: str, path: str) -> None:
    if command[0] == "make":
        done = subprocess.run(["make", "-n", *command[1:]], cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{where}\n{done.stderr}"
        return
    assert command[0] == "amber", f"{where}: {command[0]} is not known to this test"
    ran = amber(*command[1:], cwd=folder, path=path)
    assert ran.code == 0, f"{where}: {shlex.join(command)}\n{ran.out}\n{ran.err}"
