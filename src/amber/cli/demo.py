"""`amber demo`: the guided tour on real data."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path

import click

from amber.cli.commands import Command
from amber.errors import SourceError, UsageError

_MARK = ".made-by-amber-demo"
_NEEDED = {"sklearn": "scikit-learn", "pandas": "pandas"}


@click.command(
    "demo",
    cls=Command,
    arguments=(("DIR", "Where to leave the artifact. Default: amber-demo"),),
    examples=(("amber demo", "about half a minute; everything it makes stays in ./amber-demo"),),
)
@click.argument("directory", metavar="[DIR]", default="amber-demo")
def command(directory: str) -> int:
    """Train, save, inspect, verify, reload, predict, tamper: the guided tour on real data.

    Runs the real commands in fresh processes and leaves what it made behind to play with.
    """
    missing = [name for module, name in _NEEDED.items() if find_spec(module) is None]
    if missing:
        raise UsageError("library-missing", f"the tour needs {' and '.join(missing)}", hint="pip install 'amber[all]'")
    folder = fresh_folder(Path(directory))
    from amber.cli.tour.story import tell

    tell(folder)
    return 0


def fresh_folder(folder: Path) -> Path:
    """Return an empty folder: a new one, or that of an earlier tour. Nothing else is ever removed.

    Raises:
        UsageError: It holds something that is not an earlier tour.
        SourceError: It cannot be made.
    """
    folder = folder.absolute()
    try:
        if folder.is_dir() and (folder / _MARK).is_file():
            shutil.rmtree(folder)
        elif folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise UsageError(
                "target-exists", "is there and was not made by this command", where=str(folder), hint="name another"
            )
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _MARK).write_text("amber demo writes this folder again from nothing.\n", encoding="utf-8")
    except OSError as error:
        raise SourceError("target-unwritable", str(error), where=str(folder)) from error
    return folder
