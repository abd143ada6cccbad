"""The wheel alone: built, installed into an empty environment with the three core packages, and used."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from tests.architecture.repository import PACKAGE, ROOT

pytestmark = pytest.mark.slow


def call(*argv: object, cwd: Path) -> str:
    # The index is whatever the machine is configured for; nothing here names one.
    env = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run([str(item) for item in argv], cwd=cwd, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{argv}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    call(
        *(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"),
        *("--wheel-dir", folder, ROOT),
        cwd=folder,
    )
    (built,) = folder.glob("amber-*.whl")
    return built


@pytest.fixture(scope="module")
def alone(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Python of an environment that holds the wheel and what it requires, nothing else."""
    folder = tmp_path_factory.mktemp("alone")
    venv.create(folder / "env", with_pip=True)
    python = folder / "env" / "bin" / "python"
    call(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", wheel, cwd=folder)
    return python


def test_the_wheel_holds_the_package_with_its_data_and_nothing_else(wheel: Path) -> None:
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    source = {
        f"amber/{path.relative_to(PACKAGE).as_posix()}"
        for path in PACKAGE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert names == source
    assert any(name.startswith("amber/vocabulary/") and name.endswith(".json") for name in names)
    assert "amber/py.typed" in names


def test_it_works_with_the_core_alone(alone: Path, tmp_path: Path) -> None:
    listed = call(alone, "-m", "pip", "list", "--format=freeze", cwd=tmp_path)
    installed = {line.partition("=")[0].lower() for line in listed.split()}
    assert installed <= {
        "amber",
        "msgspec",
        "click",
        "blake3",
        "pip",
        "setuptools",
        "typing_extensions",
    }
    command = alone.with_name("amber")
    call(alone, "-I", "-c", "import amber; amber.AmberError; amber.Policy()", cwd=tmp_path)
    assert "inspect" in call(command, "--help", cwd=tmp_path)
    artifacts = sorted((ROOT / "tests" / "compat").rglob("*.amber"))
    assert artifacts
    assert "sklearn" in call(command, "inspect", artifacts[0], cwd=tmp_path)
    call(command, "unpack", artifacts[0], tmp_path / "folder", cwd=tmp_path)
    call(command, "pack", tmp_path / "folder", tmp_path / "again.amber", cwd=tmp_path)
    assert (tmp_path / "again.amber").read_bytes() == artifacts[0].read_bytes()


def test_what_needs_an_extra_names_it(alone: Path, tmp_path: Path) -> None:
    artifact = sorted((ROOT / "tests" / "compat").rglob("*.amber"))[0]
    load = f"amber.load({str(artifact)!r})"
    code = f"import amber\ntry:\n    {load}\nexcept amber.AmberError as error:\n    print(error)"
    assert "amber[sklearn]" in call(alone, "-I", "-c", code, cwd=tmp_path)
