"""One side of a comparison, in a process of its own: `python -m benchmarks.program_worker SIDE FILE ROWS`.

SIDE: `original` (joblib, and the model's library) or `program` (amber[program] alone). Prints one JSON object: seconds
of one row, of a batch, of the bare session, memory; with `--first` it ends after the first answer.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", ORT_DISABLE_TELEMETRY="1")
METHODS = ("predict_proba", "decision_function", "predict")


def main(side: str, file: str, rows: str, *words: str) -> int:
    """Open, answer one row, and unless it is only about that, measure."""
    given = json.loads(Path(rows).read_text())
    ask, one, batch, bare = (original if side == "original" else program)(file, given)
    ask(one)
    if "--first" in words:
        print("{}")
        return 0
    found: dict[str, Any] = {"one": best(ask, one, 0.4), "batch": best(ask, batch, 2.0)}
    if bare is not None:
        found["bare"] = best(bare[0], bare[1], 0.4)
    status = Path("/proc/self/status").read_text()  # of this program alone; getrusage counts what forked it too
    found["memory"] = int(status.partition("VmHWM:")[2].split()[0]) * 1024
    print(json.dumps(found))
    return 0


def original(file: str, given: dict[str, Any]) -> tuple[Callable[[Any], Any], Any, Any, None]:
    """The model as joblib wrote it."""
    import joblib

    model = joblib.load(file)
    if "columns" in given:
        import pandas as pd

        batch: Any = pd.DataFrame(given["columns"])
        for name, dtype in given["dtypes"].items():
            batch[name] = batch[name].astype(dtype)
        return _method(model), batch.iloc[:1], batch, None
    batch = _plain(given)
    return _method(model), batch[:1], batch, None


def program(file: str, given: dict[str, Any]) -> tuple[Callable[[Any], Any], Any, Any, Any]:
    """The program of the artifact."""
    import amber

    made = amber.program(file)
    ask = _method(made)
    if "columns" in given:
        columns = given["columns"]
        one: Any = {name: values[0] for name, values in columns.items()}
        batch: Any = columns
    else:
        batch = _plain(given)
        one = batch[:1]
    feeder = made._feeder
    from amber.programs.program import unsaid
    from amber.programs.requests import rows_of

    feeds = feeder.direct(one)
    if feeds is None:
        feeds = feeder.feed(rows_of(one, made.plan.request, made.needed))
    output = next(each for each in made.plan.outputs if each.method == ask.__name__)
    names = [*output.outputs, *([output.refused] if output.refused else [])]
    session = made.sessions.for_outputs(names)
    wanted = {each.name for each in session.get_inputs()}
    feeds = {name: feeds[name] if name in feeds else unsaid(name, feeds) for name in wanted}
    return ask, one, batch, (lambda inputs: session.run(names, inputs), feeds)


def _plain(given: dict[str, Any]) -> Any:
    if "texts" in given:
        return given["texts"]
    import numpy as np

    return np.array(given["table"], dtype=np.float64)


def _method(model: Any) -> Callable[[Any], Any]:
    for name in METHODS:
        if hasattr(model, name):
            found: Callable[[Any], Any] = getattr(model, name)
            return found
    raise SystemExit("the model predicts nothing")


def best(ask: Callable[[Any], Any], rows: Any, budget: float) -> list[float]:
    """Return seconds of single calls: groups of as many as fit a fifth of the budget, five (of slow ones two)."""
    ask(rows)
    begin = time.perf_counter()
    ask(rows)
    each = max(time.perf_counter() - begin, 1e-7)
    count = max(1, int(budget / 5 / each))
    found = []
    for _ in range(5 if each < 0.1 else 2):
        begin = time.perf_counter()
        for _ in range(count):
            ask(rows)
        found.append((time.perf_counter() - begin) / count)
    return found


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
