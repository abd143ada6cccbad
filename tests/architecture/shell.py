"""A shell as a reader of the documents has it: `amber`, `python` and their neighbours on the path, and a keyring of
its own: no process that is started here reads or writes the keyring of the person who runs the tests.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.architecture.repository import PACKAGE, Ran

KEYRING = ".home/keyring"  # below the folder
_SITE = ".home/site"
# Python imports it when it starts, so it reaches the processes that Amber starts too.
_CUSTOMIZE = '''"""The keyring of a test, and no policy of the machine; every command line is written down."""
import sys

from amber.policy import places

places.keyring_folder = lambda: {keyring!r}
places.floor_file = lambda: None
with open({argv!r}, "a", encoding="utf-8") as log:
    log.write(repr(sys.orig_argv) + "\\n")
'''


def site(folder: Path) -> str:
    """Return a folder for PYTHONPATH that gives Python processes the keyring of `folder`."""
    place = folder / _SITE
    place.mkdir(parents=True, exist_ok=True)
    text = _CUSTOMIZE.format(keyring=str(folder / KEYRING), argv=str(folder / ".home" / "argv"))
    (place / "sitecustomize.py").write_text(text, encoding="utf-8")
    return str(place)


def command_lines(folder: Path) -> str:
    """Return the command lines of all Python processes that were started here, one in each line."""
    return (folder / ".home" / "argv").read_text(encoding="utf-8")


def bash(script: str, *, home: Path, cwd: Path, **variables: str) -> Ran:
    """Run a script as a pipeline would: it ends with the first command that fails, in a pipe too.

    Args:
        script: The text.
        home: The folder whose keyring counts.
        cwd: Where it runs.
        variables: What is set beside the usual.
    """
    hidden = ("COV_", "PYTEST_", "COVERAGE", "AMBER_")
    env = {key: value for key, value in os.environ.items() if not key.startswith(hidden)}
    env |= {"PATH": os.pathsep.join([str(Path(sys.executable).parent), env.get("PATH", "")]), "COLUMNS": "80"}
    env |= {"PYTHONPATH": os.pathsep.join([str(PACKAGE.parent), site(home)]), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        ["bash", "-eo", "pipefail", "-c", script],
        cwd=cwd,
        env={**env, **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)
