"""A process that saves and loads with one format: `python -m benchmarks.worker FORMAT`, one JSON request a line.

Each format has a process of its own, so that none finds the imports, the heap or the library versions of another.
Requests: {"do": "hold", "path"} (a pickled model and sample), {"do": "save" | "load", "path"}, {"do": "answers",
"path", "rows"} (loads, and says the digest of what is predicted of a pickled sample). Replies: {"clock", "cpu"} in
seconds, {"answers"}, or {"error"}.
"""

from __future__ import annotations

import gc
import hashlib
import json
import os
import pickle
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.formats import FORMATS, Format


class Worker:
    """Holds a model to save."""

    def __init__(self, form: Format) -> None:
        self.form = form
        self.model: Any = None
        self.sample: Any = None

    def reply(self, request: dict[str, str]) -> dict[str, Any]:
        """Do what a request asks."""
        path = Path(request["path"])
        if request["do"] == "hold":
            with path.open("rb") as file:
                self.model, self.sample = pickle.load(file)
            return {}
        if request["do"] == "answers":
            with open(request["rows"], "rb") as file:
                return {"answers": digest(self.form.load(path).predict(pickle.load(file)))}
        if request["do"] == "save":
            return timed(lambda: self.form.save(self.model, path, self.sample))
        return timed(lambda: self.form.load(path))


def digest(answers: Any) -> str:
    """Return a digest of a prediction's bytes."""
    import numpy as np

    array = np.ascontiguousarray(answers)
    return hashlib.sha256(str(array.dtype).encode() + array.tobytes()).hexdigest()


def timed(action: Callable[[], Any]) -> dict[str, float]:
    """Return clock and processor time of `action`, all threads, in seconds."""
    gc.collect()
    clock, cpu = time.perf_counter(), time.process_time()
    kept = action()
    spent = {"clock": time.perf_counter() - clock, "cpu": time.process_time() - cpu}
    del kept  # taking a model apart is not part of loading it
    return spent


def main(name: str) -> None:
    """Answer requests until the input ends."""
    # what libraries print must not be taken for a reply
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    warnings.simplefilter("ignore")
    worker = Worker(FORMATS[name])
    for line in sys.stdin:
        try:
            reply = worker.reply(json.loads(line))
        except Exception as error:  # what a format cannot do is a result
            reply = {"error": f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"[:120]}
        print(json.dumps(reply), file=replies, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
