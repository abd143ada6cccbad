"""Write `spec/vectors`: files that every reader must accept, and files that every reader must refuse, each by its code.

Usage: python tools/make_vectors.py [--check]

The bytes are the same on every machine. With `--check` nothing is written; exit 1 when the folder is stale.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tools.vectors import (  # noqa: E402
    accepted,
    cases,
    containers,
    gadgets,
    manifests,
    native,
    signatures,
    tables,
    tensors,
    work,
)
from tools.vectors.index import Vector  # noqa: E402

TARGET = ROOT / "spec" / "vectors"
MAKERS = (accepted, containers, manifests, tensors, tables, gadgets, native, work, cases, signatures)


def every() -> Iterator[Vector]:
    """All vectors; names are checked to be different."""
    seen: set[str] = set()
    for maker in MAKERS:
        for vector in maker.vectors():
            if vector.name in seen:
                raise SystemExit(f"two vectors are called {vector.name}")
            seen.add(vector.name)
            yield vector


def files() -> dict[str, bytes]:
    """Every file below `spec/vectors`, by its path there."""
    found: dict[str, bytes] = {}
    rows: list[dict[str, Any]] = []
    for vector in sorted(every(), key=lambda each: (bool(each.code), each.name)):
        place = f"{'reject' if vector.code else 'accept'}/{vector.name}"
        if isinstance(vector.content, bytes):
            place += ".amber"
            found[place] = vector.content
            digest = hashlib.sha256(vector.content).hexdigest()
        else:
            found.update({f"{place}/{name}": data for name, data in vector.content.items()})
            digest = ""
        rows.append(_row(vector, place, digest))
    text = ",\n".join(json.dumps(row, ensure_ascii=True) for row in rows)
    found["vectors.json"] = f"[\n{text}\n]\n".encode()
    return found


def _row(vector: Vector, place: str, digest: str) -> dict[str, Any]:
    row: dict[str, Any] = {"name": vector.name, "path": place, "shows": vector.shows}
    if vector.code:
        row |= {"code": vector.code, "step": vector.step, "part": vector.part}
    if vector.policy:
        row["policy"] = vector.policy
    if digest:
        row["sha256"] = digest
    return row


def stale(wanted: dict[str, bytes]) -> list[str]:
    """The files that differ from what stands in the repository."""
    present = {
        path.relative_to(TARGET).as_posix(): path.read_bytes()
        for folder in ("accept", "reject")
        for path in (TARGET / folder).rglob("*")
        if path.is_file()
    }
    index = TARGET / "vectors.json"
    present |= {index.name: index.read_bytes()} if index.is_file() else {}
    return sorted(name for name in wanted.keys() | present.keys() if wanted.get(name) != present.get(name))


def main() -> int:
    """Write or check the folder; return the exit code."""
    wanted = files()
    if "--check" in sys.argv[1:]:
        different = stale(wanted)
        print("\n".join(different) or f"{len(wanted)} files are up to date")
        return 1 if different else 0
    for folder in ("accept", "reject"):
        shutil.rmtree(TARGET / folder, ignore_errors=True)
    for name, data in wanted.items():
        path = TARGET / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    print(f"{len(wanted)} files, {sum(map(len, wanted.values()))} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
