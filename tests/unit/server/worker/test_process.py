"""What a process of ours does to itself."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable

import pytest

from amber.server.worker import process

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="priorities of threads, /proc")


def forked(work: Callable[[], int]) -> int:
    """Return the exit status of a forked child that does this."""
    pid = os.fork()
    if pid == 0:
        status = 99
        try:
            status = work()
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_only_the_thread_that_loads_stands_back_and_a_fork_does_not() -> None:
    before = os.getpriority(os.PRIO_PROCESS, 0)
    found: list[int] = []

    def load() -> None:
        process.step_back()
        found.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))

    thread = threading.Thread(target=load)
    thread.start()
    thread.join()
    assert found == [process.NICE]
    assert os.getpriority(os.PRIO_PROCESS, 0) == before
    assert forked(lambda: os.getpriority(os.PRIO_PROCESS, 0)) == before


def test_an_ordinary_user_may_do_that_too() -> None:
    def work() -> int:
        if os.getuid() == 0:  # everybody else is one already
            os.setgid(65534)
            os.setuid(65534)
        done: list[int] = []

        def load() -> None:
            process.step_back()
            done.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))

        thread = threading.Thread(target=load)
        thread.start()
        thread.join()
        own = os.getpriority(os.PRIO_PROCESS, 0)
        return 0 if done == [process.NICE] and own < process.NICE else 1

    assert forked(work) == 0


def test_every_other_descriptor_is_closed() -> None:
    kept, gone = os.pipe()

    def work() -> int:
        process.close_others({kept})
        os.fstat(kept)
        try:
            os.fstat(gone)
        except OSError:
            return len([each for each in os.listdir("/proc/self/fd") if int(each) > 2]) - 1
        return 50

    # beside the one kept there is only the descriptor with which the folder is read
    assert forked(work) == 1
    os.close(kept)
    os.close(gone)


def test_two_forks_draw_other_numbers() -> None:
    reads, writes = os.pipe()

    def work() -> int:
        import random

        import numpy as np

        process.reseed()
        os.write(writes, f"{random.random()} {np.random.random()}\n".encode())
        return 0

    assert (forked(work), forked(work)) == (0, 0)
    os.close(writes)
    with os.fdopen(reads) as pipe:
        drawn = pipe.read().split()
    assert len(set(drawn)) == 4


def test_who_has_lost_its_parent_ends_at_once() -> None:
    code = "from amber.server.worker import process; process.die_with(1); print('alive')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stdout == b""
