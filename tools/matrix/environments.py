"""The environments of the matrix: read from `environments.toml`, made with venv and pip, kept in the cache folder.

An environment is made once; a stamp beside it holds what it was made from, so that it is made again only when a pin or
the interpreter changes. Amber is installed editable: each environment tests the sources of the working tree.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PINS = Path(__file__).with_name("environments.toml")
_PIP = ("-m", "pip", "--disable-pip-version-check", "--quiet", "install")


@dataclass(frozen=True)
class Environment:
    """One set of pinned libraries; `pair` is the environment it differs from in one library, or empty.

    `frames` says that only the models that take frames are of interest there.
    """

    name: str
    packages: dict[str, str]
    pair: str = ""
    frames: bool = False

    @property
    def minor(self) -> str:
        """Minor version of scikit-learn, as 1.9."""
        return ".".join(self.packages["scikit-learn"].split(".")[:2])


def environments(path: Path = PINS) -> list[Environment]:
    """Return the environments in the order of the file."""
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    return [Environment(**row) for row in table["environment"]]


def pairs(found: list[Environment]) -> list[tuple[str, str]]:
    """Return (writer, reader) of every reading: each by all others, but a pair only by its other half."""
    return [
        (writer.name, reader.name)
        for writer in found
        for reader in found
        if writer is not reader and ((not writer.pair and not reader.pair) or _halves(writer, reader))
    ]


def _halves(one: Environment, other: Environment) -> bool:
    return one.name == other.pair or other.name == one.pair


def interpreter(environment: Environment, cache: Path) -> Path:
    """Return the path of an environment's Python, whether it exists or not."""
    return cache / "env" / environment.name / "bin" / "python"


def ensure(environment: Environment, cache: Path) -> Path:
    """Make an environment unless the cache holds it already; return its Python."""
    folder, python = cache / "env" / environment.name, interpreter(environment, cache)
    stamp = folder / "made-from.json"
    recipe = json.dumps({"python": sys.version, "packages": environment.packages}, sort_keys=True)
    if stamp.exists() and stamp.read_text(encoding="utf-8") == recipe:
        return python
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    print(f"{environment.name}: {', '.join(f'{name} {version}' for name, version in environment.packages.items())}")
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    pins = [f"{name}=={version}" for name, version in environment.packages.items()]
    subprocess.run(
        [
            str(python),
            *_PIP,
            "--only-binary",
            ",".join(environment.packages),
            *pins,
            "--editable",
            f"{ROOT}[sklearn,pandas]",
        ],
        check=True,
    )
    stamp.write_text(recipe, encoding="utf-8")
    return python
