"""A fresh process: load one file, answer one row. Started by `measure`, which holds the clock."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path


def main(name: str, path: str, row: str) -> None:
    """Load `path` with the format `name` and predict the pickled row."""
    from benchmarks.formats import FORMATS

    model = FORMATS[name].load(Path(path))
    with open(row, "rb") as file:
        model.predict(pickle.load(file))


if __name__ == "__main__":
    main(*sys.argv[1:])
