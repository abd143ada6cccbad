"""Run one scenario again and again under strace, killed at its first, second... system call, and judge each time.

Each run is a forked child that waits until strace has attached to it, so that nothing but the call itself is counted.

Usage: python -m tests.durable.system_calls SCENARIO FOLDER     (prints one JSON object)
"""

from __future__ import annotations

import ctypes
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter as Tally
from pathlib import Path

from tests.durable.kills import forked, judged
from tests.durable.scenarios import ALL, Scenario, outcomes

STRACE = ("strace", "-f", "-qq", "-s", "4096")
_LINE = re.compile(r"(?:\d+ +)?([a-z0-9_]+)\((.*)")
_SET_PTRACER, _ANY = 0x59616D61, -1  # prctl: whoever the system's rules for debuggers leave out may attach
_PATIENCE = 60  # seconds for strace to attach
_SILENT = "strace did not attach: "  # on a machine under load it now and then ends like that
_TRIES = 3
_GO = signal.SIGUSR1
_NEVER = ("exit_group", "exit", "rt_sigreturn")  # nothing is left to do at these


def traced(scenario: Scenario, place: Path, *options: str) -> int:
    """Run the call under strace; return the child's wait status. An strace that goes without a word is asked again.

    Raises:
        PermissionError: strace may not attach.
    """
    for _ in range(_TRIES - 1):
        try:
            return traced_once(scenario, place, *options)
        except PermissionError as error:
            if str(error) != _SILENT:
                raise
    return traced_once(scenario, place, *options)


def traced_once(scenario: Scenario, place: Path, *options: str) -> int:
    """Run the call in a forked child with strace attached; return the child's wait status.

    Raises:
        PermissionError: strace may not attach.
    """
    ready, say = os.pipe()

    def work() -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, [_GO])
        ctypes.CDLL(None).prctl(_SET_PTRACER, ctypes.c_ulong(_ANY), 0, 0, 0)
        os.write(say, b".")
        signal.sigwait([_GO])  # a call no write makes: whether strace sees it or not changes no count
        scenario.act(place)

    pid = forked(work)
    os.close(say)
    os.read(ready, 1)
    os.close(ready)
    with subprocess.Popen([*STRACE, "-p", str(pid), *options], stderr=subprocess.PIPE) as tracer:
        try:
            wait_until_attached(pid, tracer)
        except BaseException:
            os.kill(pid, signal.SIGKILL)  # it must not start untraced
            raise
        else:
            os.kill(pid, signal.SIGWINCH)  # ignored, but a traced process stops at it: strace counts from here on
            os.kill(pid, _GO)
        finally:
            status = os.waitpid(pid, 0)[1]
    return status


def wait_until_attached(pid: int, tracer: subprocess.Popen[bytes]) -> None:
    """Wait for the system to name the tracer of a process."""
    deadline = time.monotonic() + _PATIENCE
    while f"TracerPid:\t{tracer.pid}\n" not in Path(f"/proc/{pid}/status").read_text():
        if tracer.poll() is not None or time.monotonic() > deadline:
            tracer.kill()
            said = tracer.stderr.read().decode() if tracer.stderr else ""
            raise PermissionError(f"{_SILENT}{said.strip()}")
        time.sleep(0.001)


def calls_of(log: str, folder: Path) -> list[tuple[str, int]]:
    """Return the system calls (name, occurrence) from the look for leftovers in `folder` on, a write's first."""
    begun = False
    counts: Tally[str] = Tally()
    found = []
    for line in log.splitlines():
        match = _LINE.match(line)
        if match is None:
            continue
        name, arguments = match.groups()
        counts[name] += 1
        begun = begun or (f'"{folder}"' in arguments and "O_DIRECTORY" in arguments)
        if begun and name not in _NEVER:
            found.append((name, counts[name]))
    return found


def main(name: str, folder: str) -> None:
    """List the calls of an undisturbed run, then kill at each."""
    root, scenario = Path(folder).resolve(), ALL[name]
    outcomes(name, root)
    log, place = root / "log", root / "traced"
    place.mkdir()
    scenario.prepare(place)
    status = traced(scenario, place, "-o", str(log))
    calls = calls_of(log.read_text(errors="replace"), place)
    shutil.rmtree(place)
    tally: Tally[str] = Tally()
    killed = 0
    for call, occurrence in calls:
        place.mkdir()
        scenario.prepare(place)
        option = f"inject={call}:signal=KILL:when={occurrence}"
        ended = traced(scenario, place, "-o", str(log), "-e", f"trace={call}", "-e", option)
        killed += ended == signal.SIGKILL
        tally[judged(name, root, place)] += 1
        shutil.rmtree(place)
    print(json.dumps({"calls": calls, "kills": killed, "status": status, "verdicts": tally}))


if __name__ == "__main__":
    main(*sys.argv[1:])
