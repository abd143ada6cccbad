"""One pass of three hashes: the same answers as three passes of the libraries, however the work is divided."""

from __future__ import annotations

import hashlib
import os
import threading
import zlib
from collections.abc import Collection
from typing import Any

import pytest
from blake3 import blake3
from hypothesis import given, settings
from hypothesis import strategies as st

from amber.archive import hashing
from amber.archive.hashing import ALL, PIECE, Algorithm, Hashes, hash_members
from amber.errors import SourceError

MIB = 1024 * 1024


def members(*sizes: int) -> dict[str, memoryview]:
    pattern = bytes(range(251)) * (max(sizes, default=0) // 251 + 2)
    return {f"m{i}": memoryview(bytearray(pattern[i : i + size])) for i, size in enumerate(sizes)}


def expected(given: dict[str, memoryview]) -> Hashes:
    return Hashes(
        {name: hashlib.sha256(view).digest() for name, view in given.items()},
        {name: blake3(view).hexdigest() for name, view in given.items()},
        {name: zlib.crc32(view) for name, view in given.items()},
    )


SHAPES = {
    "nothing": (),
    "empty members": (0, 0),
    "around a piece": (PIECE - 1, PIECE, PIECE + 1),
    "one large": (9 * MIB + 7,),
    "a few large": (4 * MIB, 4 * MIB + 1, 4 * MIB + 2),
    "one above many": (12 * MIB, 1, 0, MIB, 5),
}


@pytest.mark.parametrize("cores", [1, 2, 3, 16])
@pytest.mark.parametrize("shape", SHAPES)
def test_the_hashes_are_those_of_the_libraries(monkeypatch: pytest.MonkeyPatch, shape: str, cores: int) -> None:
    monkeypatch.setattr(hashing, "_cores", lambda: cores)
    given = members(*SHAPES[shape])
    assert hash_members(given) == expected(given)


@given(st.lists(st.integers(0, 5000), max_size=5), st.sets(st.sampled_from(ALL)))
@settings(max_examples=30)
def test_only_what_was_wanted(sizes: list[int], wanted: Collection[Algorithm]) -> None:
    found, all_of_them = hash_members(members(*sizes), wanted), expected(members(*sizes))
    for algorithm in ALL:
        assert getattr(found, algorithm) == (getattr(all_of_them, algorithm) if algorithm in wanted else {})


@pytest.mark.parametrize("cores", [1, 2, 8])
@pytest.mark.parametrize("shape", SHAPES)
def test_every_byte_is_filled_once_and_before_it_is_hashed(
    monkeypatch: pytest.MonkeyPatch, shape: str, cores: int
) -> None:
    monkeypatch.setattr(hashing, "_cores", lambda: cores)
    good = members(*SHAPES[shape])
    given = {name: memoryview(bytearray(len(view))) for name, view in good.items()}
    filled: dict[str, list[tuple[int, int]]] = {name: [] for name in good}

    def fill(name: str, begin: int, end: int) -> None:
        given[name][begin:end] = good[name][begin:end]
        filled[name].append((begin, end))

    assert hash_members(given, fill=fill) == expected(good)
    for name, ranges in filled.items():
        ends = [0, *(end for _, end in ranges)]
        assert [begin for begin, _ in ranges] == ends[:-1]  # one after the other, and nothing twice
        assert ends[-1] == len(good[name])


@pytest.mark.parametrize("cores", [1, 4])
def test_what_fill_raises_is_raised_and_every_thread_ends(monkeypatch: pytest.MonkeyPatch, cores: int) -> None:
    monkeypatch.setattr(hashing, "_cores", lambda: cores)
    before = threading.active_count()

    def fill(name: str, begin: int, end: int) -> None:
        if name == "m1" and begin:
            raise SourceError("source-changed", "the file shrank")

    with pytest.raises(SourceError) as caught:
        hash_members(members(3 * MIB, 3 * MIB, 3 * MIB), fill=fill)
    assert caught.value.code == "source-changed"
    assert threading.active_count() == before


def test_where_no_thread_is_to_be_had_one_does_all(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(hashing, "_cores", lambda: 4)
    monkeypatch.setattr(threading.Thread, "start", refused)
    given = members(*SHAPES["one above many"])
    assert hash_members(given) == expected(given)


def test_small_members_start_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_: threading.Thread) -> None:
        raise AssertionError("a thread for a few bytes")

    monkeypatch.setattr(threading.Thread, "start", refused)
    hash_members(members(1000, 20, 300_000))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forked children here")
def test_a_forked_child_hashes_too() -> None:
    given = members(5 * MIB, 3 * MIB)
    parents: Any = hash_members(given)  # whatever the libraries keep between calls, the child has inherited
    child = os.fork()
    if child == 0:
        os._exit(0 if hash_members(given) == parents else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_member_that_others_would_wait_for_is_worked_on_by_two() -> None:
    def costs(sizes: tuple[int, ...], cores: int) -> int:
        listed = [hashing._Member(name, view, None) for name, view in members(*sizes).items()]
        return len(hashing._tasks(listed, ALL, Hashes(), cores))

    assert costs((8 * MIB,), 2) == 2
    assert costs((8 * MIB, 8 * MIB), 2) == 2
    assert costs((4 * MIB,) * 3, 2) == 6
    assert costs((4 * MIB,) * 8, 2) == 8
    assert costs((4 * MIB,) * 8, 16) == 16
    assert costs((MIB, 4 * MIB), 16) == 3
