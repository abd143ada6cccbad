"""The process that libFuzzer runs in: it ends that process itself, so `fuzz.__main__` starts it and reads what it left.

python -m fuzz.engine FOLDER SECONDS RUNS SEED ALL ONLY
"""

from __future__ import annotations

import json
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import atheris

LARGEST = 98_304  # bytes of an input
COUNTS = "counts.json"
FINDINGS = "findings"
EVERY = 100  # inputs between two notes of the counts


def main(folder: Path, seconds: str, runs: str, seed: str, everything: bool, only: str) -> None:
    """Fuzz until the time or the runs are over."""
    with atheris.instrument_imports(include=["amber"]):
        import sklearn

        import amber.models.audit
        import amber.vault.check  # noqa: F401
        from fuzz import corpus, harness, mutation, parent
    seeds = corpus.seeds(folder / f"seeds-{sklearn.__version__}", everything)
    seeds = [data for data in seeds if only.encode() in data]
    print(f"{len(seeds)} seeds, {sum(map(len, seeds))} bytes", flush=True)
    asked = parent.Parent(folder / FINDINGS)
    check = harness.Harness(asked)
    start = time.monotonic()

    def once(data: bytes) -> None:
        check(data)
        if asked.counts["inputs"] % EVERY == 0:
            counts = {**asked.counts, "seconds": round(time.monotonic() - start)}
            (folder / COUNTS).write_text(json.dumps(counts))
            if asked.counts["inputs"] % (10 * EVERY) == 0:
                print(counts, flush=True)

    live = folder / f"live-{seed}"
    _fill(live, seeds)
    # looked up late: `Setup` puts the working one in place
    mutate = mutation.Mutator(seeds, lambda data, size: atheris.Mutate(data, size))
    flags = [
        sys.argv[0], str(live), f"-seed={seed}", f"-runs={runs}", f"-max_total_time={seconds}", f"-max_len={LARGEST}",
        "-timeout=120", "-report_slow_units=120", "-rss_limit_mb=3000", "-verbosity=0", "-reload=0",
        f"-artifact_prefix={folder}/{FINDINGS}/inert-",
    ]  # fmt: skip
    atheris.Setup(flags, once, custom_mutator=_guarded(mutate))
    atheris.Fuzz()


def _guarded(mutate: Any) -> Callable[[bytes, int, int], bytes]:
    """A fault of the mutator is ours, not the reader's: say so and go on with the same bytes."""

    def guarded(data: bytes, max_size: int, seed: int) -> bytes:
        try:
            return bytes(mutate(bytes(data), max_size, seed))
        except Exception:
            traceback.print_exc()
            return bytes(data)

    return guarded


def _fill(folder: Path, seeds: list[bytes]) -> None:
    (folder.parent / FINDINGS).mkdir(parents=True, exist_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        path.unlink()
    for number, data in enumerate(seeds):
        (folder / f"{number:05}").write_bytes(data)


if __name__ == "__main__":
    _, _folder, _seconds, _runs, _seed, _all, _only = sys.argv
    main(Path(_folder), _seconds, _runs, _seed, _all == "all", _only)
