"""One operation on a signed artifact: `python -m benchmarks.trust_worker WHAT SMALL LARGE POLICY`.

The process is a fresh one. It first verifies and signs a small artifact, so that imports are not counted; then it does
one thing and prints its seconds, and how many bytes it wrote (Linux: `wchar` of /proc/self/io, which counts copies
inside the kernel too).
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.worker import timed

PIECE = 512 * 1024
LIBRARIES, KEPT = "libraries alone", "libraries alone, bytes kept"
VERIFY, CHECK = "verify, signed", "verify, steps 1 to 6"
BESIDE, ADD, COPY = "sign, bundle beside", "add a signature", "cp and sync"
WHATS = (LIBRARIES, KEPT, VERIFY, CHECK, BESIDE, COPY, ADD)


def libraries(large: Path, *, kept: bool) -> None:
    """Read a file once and compute the three digests of every member: what nobody can do without.

    One pass over pieces of 512 KiB that stay in the cache, members over all cores; of a member that has more than its
    share of the bytes, SHA-256 is in one thread and the other two in another, which reads it from the page cache again.

    Args:
        large: The artifact.
        kept: Read into memory of its own with large pages, as whoever uses what was hashed must.
    """
    from blake3 import blake3

    cores = os.cpu_count() or 1
    with large.open("rb") as file:
        memory = _memory(large.stat().st_size) if kept else None

        def each(begin: int, end: int, updates: list[Callable[[Any], Any]], target: memoryview | None) -> None:
            buffer = memoryview(bytearray(PIECE))
            while begin < end:
                size = min(PIECE, end - begin)
                piece = buffer[:size] if target is None else target[begin : begin + size]
                read = os.preadv(file.fileno(), [piece], begin)
                for update in updates:
                    update(piece[:read])
                begin += read

        def sha(begin: int, end: int) -> None:
            each(begin, end, [hashlib.sha256().update], memory)

        def rest(begin: int, end: int) -> None:
            each(begin, end, [blake3().update, zlib.crc32], None)

        def whole(begin: int, end: int) -> None:
            each(begin, end, [hashlib.sha256().update, blake3().update, zlib.crc32], memory)

        ranges = _ranges(large)
        total = sum(end - begin for begin, end in ranges)
        tasks: list[tuple[int, Callable[[int, int], None], int, int]] = []
        for begin, end in ranges:
            apart = cores > 1 and (end - begin) * cores > total
            tasks += [(end - begin, work, begin, end) for work in ((sha, rest) if apart else (whole,))]
        with ThreadPoolExecutor(cores) as pool:
            list(pool.map(lambda task: task[1](*task[2:]), sorted(tasks, key=lambda task: -task[0])))


def _memory(size: int) -> memoryview:
    block = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    block.madvise(mmap.MADV_HUGEPAGE)
    return memoryview(block)


def _ranges(large: Path) -> list[tuple[int, int]]:
    """Return where the payload of each member begins and ends."""
    found = []
    with zipfile.ZipFile(large) as archive, large.open("rb") as file:
        for info in archive.infolist():
            head = os.pread(file.fileno(), 30, info.header_offset)
            names, extra = int.from_bytes(head[26:28], "little"), int.from_bytes(head[28:30], "little")
            begin = info.header_offset + 30 + names + extra
            found.append((begin, begin + info.file_size))
    return found


def copied(large: Path) -> None:
    """Copy every byte and have it on the disk, as `cp` does where no block can be shared."""
    target = large.with_suffix(".copy")
    subprocess.run(["cp", "--reflink=never", large, target], check=True)
    with target.open("rb") as file:
        os.fsync(file.fileno())


def _written() -> int:
    try:
        lines = Path("/proc/self/io").read_text().splitlines()
    except OSError:
        return 0
    return next(int(line.split()[1]) for line in lines if line.startswith("wchar"))


def _operation(what: str, large: Path, key: Any, policy: Any) -> Callable[[], Any]:
    import amber
    from amber.vault.check import check

    return {
        LIBRARIES: lambda: libraries(large, kept=False),
        KEPT: lambda: libraries(large, kept=True),
        VERIFY: lambda: amber.verify(large, policy=policy, cases=False),
        CHECK: lambda: check(large, policy),
        BESIDE: lambda: amber.sign(large, signing=key, detached=True),
        ADD: lambda: amber.sign(large, signing=key, target=large.with_suffix(".more")),
        COPY: lambda: copied(large),
    }[what]


def main(what: str, small: str, large: str, policy_file: str) -> None:
    """Do one operation once and print what it took."""
    import amber
    from amber.trust import keys

    policy = amber.Policy.from_file(policy_file)
    key = keys.generate()  # one that has not signed it yet
    amber.verify(small, policy=policy, cases=False)
    amber.sign(small, signing=key, target=Path(small).with_suffix(".more"))
    for path in Path(large).parent.glob("large.*"):
        if path != Path(large):
            path.unlink()
    action, results, before = _operation(what, Path(large), key, policy), [], _written()
    reply: dict[str, Any] = timed(lambda: results.append(action()))
    reply["written"] = _written() - before
    report = results[0]
    if what == VERIFY and (report.refused or report.verdict == "broken"):
        raise SystemExit(f"the artifact was refused: {report}")
    print(json.dumps(reply))


if __name__ == "__main__":
    main(*sys.argv[1:])
