"""Where things are in the repository, and a fresh Python process to look at imports in."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "amber"
INERT = ("codes", "errors", "limits", "report", "policy", "threads", "tree", "vocabulary", "archive", "trust", "vault")
LIVE = ("adapters", "cases", "models", "programs", "server", "testing")
# of the server, which is both: what never reaches a framework or model code
INERT_SERVER = (
    "events", "exchange", "failures", "formats", "front", "grpc", "interface", "settings", "slices", "wire",
)  # fmt: skip
FRAMEWORKS = (
    "numpy",
    "scipy",
    "sklearn",
    "pandas",
    "pyarrow",
    "joblib",
    "onnx",
    "onnxruntime",
    "threadpoolctl",
    "pickle",
    "marshal",
)


@dataclass(frozen=True)
class Module:
    """One source file of the package."""

    name: str
    path: Path

    @property
    def source(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @property
    def parsed(self) -> ast.Module:
        return _parsed(self.path)

    @property
    def layer(self) -> str:
        parts = self.name.split(".")
        return parts[1] if len(parts) > 1 else ""


@cache
def _parsed(path: Path) -> ast.Module:
    """Many tests look at every source: each is read once. Nobody changes a tree."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def called(call: ast.Call) -> str:
    """The last name of what is called: ``fail`` of ``errors.fail(...)``; empty where it has none."""
    if isinstance(call.func, ast.Attribute):
        return call.func.attr
    return call.func.id if isinstance(call.func, ast.Name) else ""


def modules() -> list[Module]:
    """Every module of the package, from the files."""
    return sorted(_found(), key=lambda module: module.name)


def _found() -> Iterator[Module]:
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        yield Module(".".join(parts[:-1] if parts[-1] == "__init__" else parts), path)


@dataclass(frozen=True)
class Ran:
    """How a child process ended."""

    code: int
    out: str
    err: str


def python(code: str, *argv: str, cwd: Path, path: str = "") -> Ran:
    """Run `code` in a fresh interpreter with `argv` as its arguments, away from the repository."""
    env = {key: value for key, value in os.environ.items() if not key.startswith(("COV_", "PYTEST_", "COVERAGE"))}
    env |= {"PYTHONPATH": os.pathsep.join(filter(None, [str(PACKAGE.parent), path])), "COLUMNS": "80"}
    env |= {"PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code, *argv],
        cwd=cwd,
        env=env,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


COMMAND = "import sys; sys.argv[0] = 'amber'; from amber.cli.main import main; sys.exit(main())"


def amber(*argv: str, cwd: Path, path: str = "") -> Ran:
    """Run the `amber` command in a fresh process."""
    return python(COMMAND, *argv, cwd=cwd, path=path)


def newly_loaded(code: str, *argv: str, cwd: Path) -> list[str]:
    """Names of the modules that `code` loads into a fresh interpreter; it may end by leaving with 0."""
    program = (
        "import sys\nbefore = set(sys.modules)\n"
        f"try:\n    exec({code!r})\n"
        "except SystemExit as left:\n    assert left.code in (0, None), left.code\n"
        "import json\nprint('\\nLOADED ' + json.dumps(sorted(set(sys.modules) - before)))\n"
    )
    ran = python(program, *argv, cwd=cwd)
    assert ran.code == 0, ran.err
    names: list[str] = json.loads(ran.out.rpartition("\nLOADED ")[2])
    return names
