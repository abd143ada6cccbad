"""How much memory the processes of a model take: the sum of their proportional set sizes, as the kernel counts them.

Pages that forked workers share count once in all, which is what fits a machine or does not.
"""

from __future__ import annotations

from collections.abc import Iterable

_KIB = 1024
_BESIDE = 96 * 1024 * 1024  # bytes: interpreter, libraries and session of a model of any size
_TIMES = 3  # of the artifact: its sealed copy, what is built of it, and room


def pss(pid: int) -> int:
    """Return the proportional set size of a process in bytes; 0 where it is gone or the system does not tell."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", "rb") as file:
            for line in file:
                if line.startswith(b"Pss:"):
                    return int(line.split()[1]) * _KIB
    except (OSError, ValueError, IndexError):
        return 0
    return 0


def total(pids: Iterable[int]) -> int:
    """Return the sum over processes and those that they forked, in bytes."""
    found = set(pids)
    return sum(map(pss, found | {child for pid in found for child in _children(pid)}))


def _children(pid: int) -> list[int]:
    """Return what the main thread of a process has forked; nothing where the system does not tell."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children", "rb") as file:
            return [int(each) for each in file.read().split()]
    except (OSError, ValueError):
        return []


def estimate(artifact_bytes: int, measured: int = 0) -> int:
    """Return what a version will take, in bytes: what its forerunner takes where that is more than a guess by size."""
    return max(measured, _TIMES * artifact_bytes + _BESIDE)
