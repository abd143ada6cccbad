"""Run one scenario again and again, killed at its first, second, third... call of the file layer, and judge each time.

Usage: python -m tests.durable.kills SCENARIO before|half FOLDER     (prints one JSON object)
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import traceback
from collections import Counter as Tally
from collections.abc import Callable
from pathlib import Path

from tests.durable import faults
from tests.durable.scenarios import ALL, Scenario, leftovers, outcomes, state

FAULTS = {"before": faults.kill, "half": faults.kill_half_way}


def forked(work: Callable[[], None]) -> int:
    """Run `work` in a forked child that ends with 0, or with 1 where it raised; return the child's process id."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    return pid


def in_child(scenario: Scenario, place: Path, at: int, fault: faults.Fault) -> int:
    """Run the call in a forked child with a kill at call number `at`; return its wait status."""

    def work() -> None:
        with faults.installed(faults.Counter(place, at, fault)):
            scenario.act(place)

    return os.waitpid(forked(work), 0)[1]


def judged(name: str, root: Path, place: Path) -> str:
    """Return `old` or `new`, or what is wrong; and end with the next write, after which nothing may be left."""
    before, after = outcomes(name, root)
    found = state(place)
    if found not in (before, after):
        return f"a third thing: {sorted(found)}"
    verdict = "old" if found == before else "new"
    left = len(leftovers(place))
    if verdict == "new" and ALL[name].target == "m":
        shutil.rmtree(place / "m")
    ALL[name].act(place)
    last = state(place, temporary=True)
    # redacted twice, it has another parent
    if sorted(last) != sorted(after) or (last != after and not name.startswith("redact")):
        return f"after the next write: {sorted(last)}"
    return f"{verdict}, {left} left"


def main(name: str, mode: str, folder: str) -> None:
    """Kill at every call until one run is not killed any more."""
    root, scenario = Path(folder), ALL[name]
    outcomes(name, root)
    tally: Tally[str] = Tally()
    status, at = signal.SIGKILL.value, 0
    while status == signal.SIGKILL:
        at += 1
        place = root / f"{mode}-{at}"
        place.mkdir()
        scenario.prepare(place)
        status = in_child(scenario, place, at, FAULTS[mode])
        tally[judged(name, root, place)] += 1
        shutil.rmtree(place)
    print(json.dumps({"kills": at - 1, "status": status, "verdicts": tally}))


if __name__ == "__main__":
    main(*sys.argv[1:])
