"""An environment for each peer under `.venv-serving/`, with the scikit-learn of the main one: `make bench-serving`."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version

from benchmarks.serving.peers import ECHOES, PEERS, SAME, VENVS


def main() -> int:
    """Make what is missing. A peer that cannot be installed is left out of the comparison, and named there."""
    wanted = {peer.venv: peer.packages for peer in (*PEERS, *ECHOES) if peer.venv}
    same = [f"{name}=={version(name)}" for name in SAME]
    for name, packages in wanted.items():
        place = VENVS / name
        if (place / "installed").exists():
            continue
        print(f"installing {name} ...", file=sys.stderr, flush=True)
        subprocess.run([sys.executable, "-m", "venv", str(place)], check=True)
        pip = [str(place / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "--quiet", "install"]
        done = subprocess.run([*pip, *same, *packages], check=False)
        if done.returncode == 0:
            subprocess.run([str(place / "bin" / "python"), "-m", "compileall", "-q", str(place / "lib")], check=False)
            (place / "installed").touch()
    return 0


if __name__ == "__main__":
    sys.exit(main())
