"""The pipeline's own parts: the count of skips, the targets it calls, the environments it names."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.architecture.repository import ROOT

COUNT = ROOT / "scripts" / "count_skips.py"


def junit(folder: Path, passed: int, skipped: int) -> Path:
    cases = '<testcase classname="a" name="b"/>' * passed
    cases += '<testcase classname="a" name="s"><skipped message="no library"/></testcase>' * skipped
    path = folder / "junit.xml"
    path.write_text(f"<testsuites><testsuite>{cases}</testsuite></testsuites>", encoding="utf-8")
    return path


def count(path: Path, environment: str = "newest") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(COUNT), environment, str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def expected(environment: str) -> int:
    text = (ROOT / "tests" / "expected-skips.toml").read_text(encoding="utf-8")
    number: int = tomllib.loads(text)[environment]["skips"]
    return number


@pytest.mark.parametrize("environment", ["newest", "slow", "oldest"])
def test_as_many_skips_as_expected_are_fine_and_one_more_is_not(environment: str, tmp_path: Path) -> None:
    most = expected(environment)
    assert count(junit(tmp_path, 5, most), environment).returncode == 0
    more = count(junit(tmp_path, 5, most + 1), environment)
    assert more.returncode == 1
    assert "a::s: no library" in more.stderr


def test_no_tests_at_all_is_not_fine(tmp_path: Path) -> None:
    assert count(junit(tmp_path, 0, 0)).returncode == 1


def test_the_pipeline_calls_targets_that_exist() -> None:
    script = ROOT / ".ci" / "run"
    text = script.read_text(encoding="utf-8")
    assert subprocess.run(["bash", "-n", str(script)], check=False).returncode == 0
    assert "set -euo pipefail" in text
    called = set(re.findall(r"^make ([a-z-]+)", text, flags=re.MULTILINE))
    assert {"lint", "test", "test-slow", "test-oldest", "docs", "demo"} <= called
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert not {name for name in called if not re.search(rf"^{name}:", makefile, flags=re.MULTILINE)}
    counted = set(re.findall(r"count_skips\.py ([a-z]+)", text))
    assert counted == {"newest", "slow", "oldest"}


def test_the_oldest_environment_is_inside_what_the_extras_allow() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = [line for extra in project["optional-dependencies"].values() for line in extra if ">=" in line]
    floors = dict(line.split(">=") for line in lines)
    pins = re.findall(r"^([a-z-]+)==([0-9.]+)$", (ROOT / "requirements-oldest.txt").read_text("utf-8"), re.MULTILINE)
    assert {"numpy", "scipy", "scikit-learn", "pandas"} == {name for name, _ in pins}

    def number(text: str) -> tuple[int, ...]:
        return tuple(int(part) for part in text.split("."))

    for name, version in pins:
        assert number(version) >= number(floors[name]), name


def test_the_workflow_asks_for_nothing_and_pins_what_it_uses() -> None:
    text = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    assert "\npermissions: {}\n" in text
    assert "bash .ci/run" in text
    used = re.findall(r"uses: (\S+)", text)
    assert not [item for item in used if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", item)]
