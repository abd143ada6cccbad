"""SHA-256, BLAKE3 and CRC-32 of every member in one pass over pieces that stay in the processor's cache.

Memory is the narrow road once SHA-256 has instructions of its own: three passes after each other read everything three
times. Members are spread over all cores. One that would keep the others waiting is worked on by two threads: SHA-256,
which cannot be divided, in the first, the other two in the second. A caller that reads a file gives `fill`, and then
each piece is hashed right after it was read. No pool of a library is used, so a forked child may call this.
"""

from __future__ import annotations

import contextlib
import heapq
import os
import threading
import zlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, Protocol, TypeAlias

from blake3 import blake3

Algorithm: TypeAlias = Literal["sha256", "blake3", "crc32"]
# Brings bytes [begin, end) of a member into its memory; called once for each byte, in order within a member.
Fill: TypeAlias = Callable[[str, int, int], None]

ALL: Final[tuple[Algorithm, ...]] = ("sha256", "blake3", "crc32")
_SHA256: Final[tuple[Algorithm, ...]] = ("sha256",)
PIECE = 512 * 1024  # bytes; smaller ones cost more page faults where they are read into fresh memory, and more calls
# Below this a second thread costs more than it saves (bytes of all members together).
_MANY_THREADS = 2 * 1024 * 1024
_MOST_THREADS = 64
# Time of BLAKE3 and CRC-32 as a share of SHA-256's, with its instructions: for a piece in the cache, and on their own.
_WITH_SHA256, _APART = 0.35, 0.45


@dataclass(frozen=True, slots=True)
class Hashes:
    """Digests of members by name; an algorithm that was not asked for has none.

    Args:
        sha256: Raw digests, 32 bytes each.
        blake3: 64 hex characters each, as the manifest lists them.
        crc32: As the container stores them.
    """

    sha256: dict[str, bytes] = field(default_factory=dict)
    blake3: dict[str, str] = field(default_factory=dict)
    crc32: dict[str, int] = field(default_factory=dict)


def hash_members(
    members: Mapping[str, memoryview], wanted: Collection[Algorithm] = ALL, fill: Fill | None = None
) -> Hashes:
    """Return the hashes of all members, each byte having been looked at once.

    Args:
        members: The bytes by name.
        wanted: Which hashes.
        fill: Reads the bytes of a member before they are hashed; None where they are there.

    Raises:
        Whatever `fill` raises; nothing else.
    """
    found = Hashes()
    total = sum(map(len, members.values()))
    cores = _cores()
    if total < _MANY_THREADS or cores == 1:
        for name, view in members.items():
            _Member(name, view, fill).hash(wanted, found, _Stop())
        return found
    several = [_Member(name, view, fill) for name, view in members.items()]
    _run(_tasks(several, wanted, found, cores), cores)
    return found


class _Stop:
    """Says to every thread that one of them failed."""

    def __init__(self) -> None:
        self.error: BaseException | None = None


if TYPE_CHECKING:

    class _Hasher(Protocol):
        def update(self, data: memoryview, /) -> object: ...


class _Crc:
    value = 0

    def update(self, data: memoryview, /) -> None:
        self.value = zlib.crc32(data, self.value)


class _Member:
    """One member; up to two threads go over it, and whoever comes to a piece first reads it."""

    def __init__(self, name: str, view: memoryview, fill: Fill | None) -> None:
        self.name = name
        self.view = view
        self.fill = fill
        self.filled = len(view) if fill is None else 0
        self.lock = threading.Lock()

    def hash(self, wanted: Collection[Algorithm], found: Hashes, stop: _Stop) -> None:
        """Note the wanted hashes of this member in `found`."""
        crc = _Crc()
        blake = blake3()
        hashers: list[_Hasher] = []
        if "sha256" in wanted:
            import hashlib  # here, since a plain load asks for no id, and it loads OpenSSL

            sha = hashlib.sha256()
            hashers.append(sha)
        if "blake3" in wanted:
            hashers.append(blake)
        if "crc32" in wanted:
            hashers.append(crc)
        self._update(hashers, stop)
        if "sha256" in wanted:
            found.sha256[self.name] = sha.digest()
        if "blake3" in wanted:
            found.blake3[self.name] = blake.hexdigest()
        if "crc32" in wanted:
            found.crc32[self.name] = crc.value

    def _update(self, hashers: Sequence[_Hasher], stop: _Stop) -> None:
        for begin in range(0, len(self.view), PIECE):
            if stop.error is not None:
                return
            piece = self.view[begin : begin + PIECE]
            if self.filled < begin + len(piece):
                self._fill_to(begin + len(piece))
            for hasher in hashers:
                hasher.update(piece)

    def _fill_to(self, end: int) -> None:
        if self.fill is None:
            return
        with self.lock:
            while self.filled < end:
                upto = min(self.filled + PIECE, len(self.view))
                self.fill(self.name, self.filled, upto)
                self.filled = upto


Task: TypeAlias = Callable[[_Stop], None]


class _Cost(NamedTuple):
    time: float  # in units of the SHA-256 of one byte
    member: _Member
    algorithms: Collection[Algorithm]


def _tasks(members: Sequence[_Member], wanted: Collection[Algorithm], found: Hashes, cores: int) -> list[Task]:
    """Return what the threads do, the longest first; in one task or two for each large member, whichever ends earlier.

    The order decides only how long it takes.
    """
    chosen = [_Cost(len(member.view) * (1 + _WITH_SHA256), member, wanted) for member in members]
    rest: list[Algorithm] = [algorithm for algorithm in wanted if algorithm != "sha256"]
    if "sha256" in wanted and rest:
        large = [member for member in members if len(member.view) >= _MANY_THREADS]
        apart = [cost for cost in chosen if len(cost.member.view) < _MANY_THREADS]
        apart += [_Cost(len(member.view), member, _SHA256) for member in large]
        apart += [_Cost(len(member.view) * _APART, member, rest) for member in large]
        if _ends(apart, cores) < _ends(chosen, cores):
            chosen = apart
    chosen.sort(key=lambda cost: -cost.time)
    return [_task(cost.member, cost.algorithms, found) for cost in chosen]


def _task(member: _Member, algorithms: Collection[Algorithm], found: Hashes) -> Task:
    return lambda stop: member.hash(algorithms, found, stop)


def _ends(tasks: Iterable[_Cost], cores: int) -> float:
    """Return when the last of `tasks` ends on so many cores, each taking the longest that is left."""
    free = [0.0] * cores
    for time in sorted((task.time for task in tasks), reverse=True):
        heapq.heapreplace(free, free[0] + time)
    return max(free)


def _run(tasks: Sequence[Task], cores: int) -> None:
    """Do every task once, in this thread and as many others as are to be had."""
    stop = _Stop()
    left = iter(tasks)
    lock = threading.Lock()

    def work() -> None:
        try:
            while stop.error is None:
                with lock:
                    task = next(left, None)
                if task is None:
                    return
                task(stop)
        except BaseException as error:  # an interrupt too: the others must end
            stop.error = error

    others = [threading.Thread(target=work, name="amber-hash", daemon=True) for _ in range(min(len(tasks), cores) - 1)]
    started = []
    # no thread can be started at the end of the interpreter, or where their number is capped
    with contextlib.suppress(RuntimeError):
        for thread in others:
            thread.start()
            started.append(thread)
    work()
    try:
        for thread in started:
            thread.join()
    except BaseException as error:
        stop.error = error  # an interrupt: the others end after their piece
        for thread in started:
            thread.join()
    if stop.error is not None:
        raise stop.error


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return min(_MOST_THREADS, len(os.sched_getaffinity(0)))
    return min(_MOST_THREADS, os.cpu_count() or 1)
