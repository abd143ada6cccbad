"""How long a person waits before anything happens: importing, asking for help, looking at a file."""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.measure import Times, cold

_AMBER = str(Path(sys.executable).with_name("amber"))
BARE = "python -c pass"
IMPORT = 'python -c "import amber"'
HELP = "amber --help"


def measure_startup(files: dict[str, Path], rounds: int) -> dict[str, Times]:
    """Return times of whole processes, in turns.

    Args:
        files: Artifacts to inspect, by what is said about them.
        rounds: How often; one more warms up and is not counted.
    """
    commands = {
        BARE: [sys.executable, "-c", "pass"],
        IMPORT: [sys.executable, "-c", "import amber"],
        HELP: [_AMBER, "--help"],
        **{f"amber inspect, {name}": [_AMBER, "inspect", str(path)] for name, path in files.items()},
    }
    found = {name: Times() for name in commands}
    for number in range(rounds + 1):
        for name, command in commands.items():
            times = cold(command)
            if number:
                found[name].add(times)
    return found
