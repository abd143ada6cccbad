"""Commands that cannot reach any network: ours, and the reference implementation (`model_signing`)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_PROGRAM = """
import socket, sys
def refuse(*_, **__):
    raise OSError("no network here")
socket.socket.connect = socket.socket.connect_ex = refuse
socket.getaddrinfo = socket.create_connection = refuse
from {0} import main
sys.argv[0] = "{1}"
sys.exit(main())
"""


def amber(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """Run `amber` with these words."""
    return _run(_PROGRAM.format("amber.cli.main", "amber"), words)


def model_signing(*words: str | Path) -> bool:
    """Run `model_signing` with these words, and tell whether it ended well; what it says is shown if a test fails."""
    done = _run(_PROGRAM.format("model_signing._cli", "model_signing"), words)
    print(done.stdout, done.stderr)
    return done.returncode == 0


def _run(program: str, words: tuple[str | Path, ...]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", program, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
