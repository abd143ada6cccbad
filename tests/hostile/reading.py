"""Run in a process of its own: read every vector, and say what happened besides the refusals.

    python -m tests.hostile.reading inert|live

Prints one JSON object. The address space is closed a little above what the libraries need, after a sound file was read.
"""

from __future__ import annotations

import json
import resource
import sys
import warnings
from pathlib import Path
from typing import Any

from fuzz.watch import Watch

VECTORS = Path(__file__).resolve().parents[2] / "spec" / "vectors"
ROOM = 256 << 20  # bytes of address space for everything that the reader does
FRAMEWORKS = ("numpy", "scipy", "sklearn", "pandas", "pickle", "joblib")


def inert(source: str, policy: Any) -> str:
    """The code of the first failed step of the inert half, or of the policy's refusal."""
    from amber.vault.check import check

    with check(source, policy) as checked:
        return checked.code or "".join(checked.refused[:1]).partition(":")[0]


def live(source: str, policy: Any) -> str:
    """The code with which a load refuses."""
    import amber
    from amber.errors import AmberError

    try:
        amber.load(source, policy=policy, replay="always")
    except AmberError as error:
        return error.code
    return ""


def members(folder: str) -> set[str]:
    """The parts of the names of the files in a folder vector."""
    root = VECTORS / folder
    return {part for path in root.rglob("*") for part in path.relative_to(root).parts}


def main(half: str) -> None:
    """Read everything; print what was seen."""
    from amber.policy import Policy, places

    places.keyring_folder = places.floor_file = lambda: None  # the reader's own files are no doing of the vectors
    read = {"inert": inert, "live": live}[half]
    rows = json.loads((VECTORS / "vectors.json").read_text())
    if half == "live":
        import pandas
        import sklearn.ensemble  # noqa: F401

        assert pandas
    # a sound one of each kind first: what the library itself loads late is not the file's doing
    for row in [row for row in rows if "code" not in row]:
        read(str(VECTORS / row["path"]), Policy.from_dict(row.get("policy", {})))
    read(str(VECTORS / "reject" / "type-unknown--object-popen.amber"), Policy())
    late = [row for row in rows if row.get("code") == "policy-expired"]
    for row in late:  # words for times are loaded late
        read(str(VECTORS / row["path"]), Policy.from_dict(row["policy"]))
    "".encode("unicode_escape")  # how messages show odd characters
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + ROOM, resource.RLIM_INFINITY))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    known = set(sys.modules)
    watch = Watch(str(VECTORS))
    watch.start()
    codes = {row["name"]: read(str(VECTORS / row["path"]), Policy.from_dict(row.get("policy", {}))) for row in rows}
    # the members of a folder are opened by their names below its descriptor
    parts = {f"open {part!r}" for row in rows if "sha256" not in row for part in members(row["path"])}
    print(json.dumps({
        "effects": [effect for effect in watch.stop() if effect not in parts],
        "imported": sorted(name for name in set(sys.modules) - known if not name.startswith("amber.")),
        "frameworks": sorted(set(FRAMEWORKS) & set(sys.modules)),
        "grown": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024,
        "codes": codes,
    }))  # fmt: skip


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main(sys.argv[1])
