"""The example pipelines, run as their services run them: each job in an empty folder, every step in bash, files from
job to job by upload and download alone. What a service does itself (checkout, artifacts) is done here in a line each.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.architecture.repository import ROOT, Ran
from tests.architecture.shell import bash

EXAMPLES = ROOT / "docs" / "ci"
# Requirements are installed already, and pip must not look for others in a network.
_OFFLINE = {"PIP_NO_INDEX": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "OMP_NUM_THREADS": "1"}


@dataclass
class Outcome:
    """What became of a pipeline.

    Args:
        codes: Exit code of each job that ran.
        store: What jobs have uploaded, a folder for each name.
        said: Everything that was printed.
    """

    codes: dict[str, int] = field(default_factory=dict)
    store: dict[str, Path] = field(default_factory=dict)
    said: str = ""


@dataclass
class Place:
    """Where a pipeline runs.

    Args:
        folder: For jobs, artifacts and the keyring.
        project: What a checkout brings.
        secrets: By name.
    """

    folder: Path
    project: Path
    secrets: Mapping[str, str]

    def job(self, name: str) -> Path:
        """Return the new folder of a job."""
        made = self.folder / "jobs" / name
        made.mkdir(parents=True)
        return made

    def bash(self, script: str, cwd: Path, **variables: str) -> Ran:
        """Run a script."""
        return bash(script, home=self.folder, cwd=cwd, **_OFFLINE, **variables)

    def keep(self, job: Path, name: str, paths: list[str], outcome: Outcome) -> None:
        """Upload files of a job; one that is missing is an error, as the examples want it."""
        outcome.store[name] = self.folder / "store" / name
        outcome.store[name].mkdir(parents=True)
        for path in paths:
            shutil.copy(job / path, outcome.store[name] / path)


def example(name: str) -> dict[str, Any]:
    """Return one of the examples."""
    read: dict[str, Any] = yaml.safe_load((EXAMPLES / name).read_text(encoding="utf-8"))
    return read


def run_github(place: Place, so_far: Outcome | None = None) -> Outcome:
    """Run the workflow, or the jobs of it that have not run so far."""
    outcome = so_far or Outcome()
    for name, job in example("github.yml")["jobs"].items():
        if name in outcome.codes:
            continue
        needed = [job["needs"]] if "needs" in job else []
        if any(outcome.codes.get(other) != 0 for other in needed):
            continue
        folder = place.job(name)
        outcome.codes[name] = 0
        for step in job["steps"]:
            if outcome.codes[name] == 0 or step.get("if") == "always()":
                outcome.codes[name] = _step(step, folder, place, outcome) or outcome.codes[name]
    return outcome


def _step(step: dict[str, Any], folder: Path, place: Place, outcome: Outcome) -> int:
    if "run" in step:
        given = {key: _expression(value, place.secrets) for key, value in step.get("env", {}).items()}
        temporary = folder / ".temporary"
        temporary.mkdir(exist_ok=True)
        ran = place.bash(step["run"], folder, RUNNER_TEMP=str(temporary), **given)
        outcome.said += ran.out + ran.err
        return ran.code
    action, words = step["uses"].partition("@")[0], step.get("with", {})
    if action == "actions/checkout":
        shutil.copytree(place.project, folder, dirs_exist_ok=True)
    elif action == "actions/upload-artifact":
        place.keep(folder, words["name"], words["path"].split(), outcome)
    elif action == "actions/download-artifact":
        shutil.copytree(outcome.store[words["name"]], folder, dirs_exist_ok=True)
    else:
        assert action == "actions/setup-python", action
    return 0


def _expression(text: str, secrets: Mapping[str, str]) -> str:
    return re.sub(r"\$\{\{ secrets\.(\w+) \}\}", lambda found: secrets[found[1]], text)


def run_gitlab(place: Place, so_far: Outcome | None = None) -> Outcome:
    """Run the pipeline on a protected branch, or the jobs of it that have not run so far."""
    outcome, read = so_far or Outcome(), example("gitlab.yml")
    for name, job in _jobs(read):
        if name in outcome.codes:
            continue
        needed = job.get("needs", [])
        if any(outcome.codes.get(other) != 0 for other in needed):
            continue
        folder = place.job(name)
        shutil.copytree(place.project, folder, dirs_exist_ok=True)
        for other in needed:
            shutil.copytree(outcome.store[other], folder, dirs_exist_ok=True)
        given = _variables(place) if job.get("environment") == "signing" else {}
        lines = [*job.get("before_script", read["default"]["before_script"]), *job["script"]]
        ran = place.bash("\n".join(lines), folder, **given)
        outcome.codes[name], outcome.said = ran.code, outcome.said + ran.out + ran.err
        if ran.code == 0 or job["artifacts"].get("when") == "always":
            place.keep(folder, name, job["artifacts"]["paths"], outcome)
    return outcome


def _jobs(read: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the jobs, stage by stage."""
    for stage in read["stages"]:
        yield from ((name, job) for name, job in read.items() if isinstance(job, dict) and job.get("stage") == stage)


def _variables(place: Place) -> dict[str, str]:
    """Return the variables of the environment: the key is of the type File, so its variable is a path."""
    file = place.folder / "SIGNING_KEY"
    file.write_text(place.secrets["SIGNING_KEY"], encoding="utf-8")
    return {"SIGNING_KEY": str(file), "SIGNING_PASSPHRASE": place.secrets["SIGNING_PASSPHRASE"]}
