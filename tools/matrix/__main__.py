"""`python -m tools.matrix`: make the environments, let each write and read, and write `docs/versions.md`.

Everything is kept in the cache folder (`AMBER_MATRIX`, by default `.matrix/`): the environments, what each wrote, and
one file of results for each writer and reader. A run that was stopped goes on where it stood; sources that changed
begin it anew, except with `--keep`, which reads once more what was written before.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tools.matrix.environments import PINS, ROOT, Environment, ensure, environments, interpreter, pairs
from tools.matrix.page import PAGE, page

CRASHES = 20
KINDS = {".py", ".json", PINS.suffix}  # of the files that a result depends on
THREADS = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def main(arguments: list[str] | None = None) -> int:
    """Run the matrix; return the exit code: 1 where a reading ended in an error that is not Amber's."""
    parser = argparse.ArgumentParser(prog="python -m tools.matrix", description=__doc__)
    parser.add_argument("--cache", type=Path, default=Path(os.environ.get("AMBER_MATRIX") or ROOT / ".matrix"))
    parser.add_argument("--only", default="", help="specimens whose name contains this; the page is not written")
    parser.add_argument("--envs", default="", help="environments whose name contains one of these, comma between")
    parser.add_argument("--jobs", type=int, default=2, help="processes at a time")
    parser.add_argument("--keep", action="store_true", help="read again what was written from earlier sources")
    parser.add_argument("--page", action="store_true", help="only write the page from the results that are there")
    asked = parser.parse_args(arguments)
    cache = asked.cache.resolve()
    found = [each for each in environments() if any(part in each.name for part in asked.envs.split(","))]
    if not asked.page:
        for environment in found:
            ensure(environment, cache)
        measure(found, cache, asked.only, asked.jobs, asked.keep)
    results = gather(pairs(found), cache / f"results{part_of(asked.only)}")
    if not (asked.only or asked.envs):
        PAGE.write_text(page(found, results), encoding="utf-8")
        print(f"wrote {PAGE.relative_to(ROOT)}")
    return tell(results)


def measure(found: list[Environment], cache: Path, only: str, jobs: int, keep: bool) -> None:
    """Let every environment write, then every environment read."""
    written, results = cache / f"written{part_of(only)}", cache / f"results{part_of(only)}"
    now = sources("src/amber", "tests/zoo", "tools/matrix")
    for folder, kept in ((written, keep), (results, False)):
        stamp = folder / "sources"
        if only or not (kept or (stamp.exists() and stamp.read_text(encoding="utf-8") == now)):
            shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True, exist_ok=True)
        stamp.write_text(now, encoding="utf-8")
    by_name = {each.name: each for each in found}
    todo = [each for each in found if not (written / each.name / "index.json").exists()]
    each_of(todo, jobs, lambda one: run(one, cache, "write", str(written / one.name), only, kind(one)))

    def read(pair: tuple[str, str]) -> None:
        writer, reader = pair
        result = results / f"{writer}--{reader}.jsonl"
        whose = "frames" if "frames" in (kind(by_name[writer]), kind(by_name[reader])) else "all"
        run(by_name[reader], cache, "read", str(written / writer), str(result), only, whose)

    each_of(pairs(found), jobs, read)


def kind(environment: Environment) -> str:
    """Return which models are of interest in an environment, as its programs are told."""
    return "frames" if environment.frames else "all"


def part_of(only: str) -> str:
    """Return what the folders of a part are called; a part never mixes with the whole."""
    return "-of-a-part" if only else ""


def sources(*folders: str) -> str:
    """Return a fingerprint of the sources a result depends on."""
    paths = sorted(path for folder in folders for path in (ROOT / folder).rglob("*.*") if path.suffix in KINDS)
    state = hashlib.blake2b()
    for path in paths:
        state.update(path.read_bytes())
    return state.hexdigest()


def each_of(work: Iterable[Any], jobs: int, act: Callable[[Any], None]) -> None:
    """Do all of `work`, `jobs` at a time; the first failure is raised when the others have ended."""
    with ThreadPoolExecutor(jobs) as pool:
        list(pool.map(act, work))


def run(environment: Environment, cache: Path, part: str, *arguments: str) -> None:
    """Run `tools.matrix.<part>` in an environment, again after each specimen that ends the process."""
    command = [str(interpreter(environment, cache)), "-m", f"tools.matrix.{part}", *arguments]
    surroundings = {**os.environ, **THREADS, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])}
    clock = time.monotonic()
    for _ in range(CRASHES):
        code = subprocess.run(command, cwd=ROOT, env=surroundings).returncode
        if code == 0:
            where = " ".join(Path(each).name for each in arguments if each)
            print(f"{environment.name}: {part} {where}, {time.monotonic() - clock:.0f} s", flush=True)
            return
        if part == "write" or code > 0:
            break
    raise SystemExit(f"{' '.join(command)} ended with {code}")


def gather(asked: list[tuple[str, str]], folder: Path) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """Return the rows of each writer and reader that has been measured."""
    found = {}
    for writer, reader in asked:
        path = folder / f"{writer}--{reader}.jsonl"
        if path.exists():
            found[writer, reader] = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return found


def tell(results: dict[tuple[str, str], list[dict[str, Any]]]) -> int:
    """Print one line for each writer and reader; return 1 where one ended in an error."""
    failed = False
    for (writer, reader), rows in results.items():
        counts = Counter("value differs" if row["status"] == "differs" else row["status"] for row in rows)
        counts["beyond the verdict"] = sum(1 for row in rows if row.get("differs") and row["status"] != "differs")
        failed = failed or bool(counts["error"] or counts["unsaved"])
        print(
            f"{writer} -> {reader}: " + ", ".join(f"{count} {name}" for name, count in sorted(counts.items()) if count)
        )
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
