"""Errors and interrupts in place of kills, at every call of a write: a clear refusal, the old one, nothing left."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from amber.errors import SourceError
from tests.durable import faults
from tests.durable.scenarios import ALL, INERT, leftovers, outcomes, state

ERRORS = (errno.ENOSPC, errno.EIO, errno.EDQUOT)
# Calls whose failure stops a write; the others are courtesies (owner, leftovers of others) or happen after it.
FATAL = {"write", "writev", "fsync", "replace", "rename", "mkdir", "fchmod", "chmod"}
MOST = 200


def attempt(name: str, place: Path, counter: faults.Counter) -> BaseException | None:
    with faults.installed(counter):
        try:
            ALL[name].act(place)
        except BaseException as error:  # the judge looks at what it is
            return error
    return None


@pytest.mark.parametrize("number", ERRORS, ids=errno.errorcode.get)
@pytest.mark.parametrize("name", INERT)
def test_an_error_at_any_call(tmp_path: Path, name: str, number: int) -> None:
    before, after = outcomes(name, tmp_path)
    refused = set()
    for at in range(1, MOST):
        place = tmp_path / str(at)
        place.mkdir()
        ALL[name].prepare(place)
        counter = faults.Counter(place, at, faults.error(number))
        error = attempt(name, place, counter)
        if not counter.hit:
            break
        found = state(place)
        if error is None:
            assert counter.hit not in FATAL
            assert found == after
        else:
            assert isinstance(error, SourceError), (at, counter.hit, error)
            refused.add(counter.hit)
            synced = error.code == "target-unsynced"
            assert error.code in ("target-unwritable", "target-unsynced")
            assert found == (after if synced else before), (at, counter.hit, error)
            assert os.strerror(number) in str(error)
            assert "amber-tmp" not in str(error)
        assert not new_leftovers(place), (at, counter.hit)
    else:
        pytest.fail("the write never got past the faults")
    assert {"open", "writev", "fsync"} < refused
    assert refused & {"replace", "rename"}


def new_leftovers(place: Path) -> list[str]:
    """Temporary names but those of the dead saves, which the scenario put there and a failing disk may keep."""
    dead = ("0123456789abcdef", "fedcba9876543210")
    return [left for left in leftovers(place) if not left.endswith(dead)]


@pytest.mark.parametrize("name", INERT)
def test_a_disk_that_is_gone_from_any_call_on(tmp_path: Path, name: str) -> None:
    before, after = outcomes(name, tmp_path)
    for at in range(1, MOST):
        place = tmp_path / str(at)
        place.mkdir()
        ALL[name].prepare(place)
        counter = faults.Counter(place, at, faults.error(errno.EIO), onwards=True)
        error = attempt(name, place, counter)
        if not counter.hit:
            break
        assert error is None or isinstance(error, SourceError), (at, counter.hit, error)
        unchanged = error is not None and error.code != "target-unsynced"
        assert state(place) == (before if unchanged else after), (at, counter.hit, error)
    else:
        pytest.fail("the write never got past the faults")


@pytest.mark.parametrize("fault", [faults.interrupt_before, faults.interrupt_after])
@pytest.mark.parametrize("name", INERT)
def test_an_interrupt_at_any_call(tmp_path: Path, name: str, fault: faults.Fault) -> None:
    before, after = outcomes(name, tmp_path)
    for at in range(1, MOST):
        place = tmp_path / str(at)
        place.mkdir()
        ALL[name].prepare(place)
        counter = faults.Counter(place, at, fault)
        error = attempt(name, place, counter)
        if not counter.hit:
            break
        # shutil.rmtree closes twice when it is interrupted at a close; the error of that hides the interrupt
        lost = error is None and counter.hit == "close"
        assert isinstance(error, KeyboardInterrupt) or lost, (at, counter.hit, error)
        assert state(place) in ((after,) if lost else (before, after))
        assert not new_leftovers(place), (at, counter.hit)
    else:
        pytest.fail("the write never got past the interrupts")


@pytest.mark.parametrize("name", ["write over a file", "unpack"])
def test_two_interrupts_after_one_another(tmp_path: Path, name: str) -> None:
    # the second one comes while the first is being cleaned up after
    for at in range(1, MOST):
        for second in range(at + 1, at + 12):
            place = tmp_path / f"{at}-{second}"
            place.mkdir()
            ALL[name].prepare(place)
            counter = faults.Counter(place, at, faults.interrupt_after, also=second)
            error = attempt(name, place, counter)
            if not counter.hit:
                return
            assert isinstance(error, KeyboardInterrupt)
            assert not new_leftovers(place), (at, second, counter.seen)
    pytest.fail("the write never got past the interrupts")
