"""Load a folder of artifacts in this process and compare their answers with those stored beside them.

``python -m tests.zoo.replay FOLDER`` reads ``FOLDER/index.json`` (a list of ``[name, stem]``), loads
``FOLDER/<stem>.amber`` and prints one JSON object: the name of each specimen that differs, and how.
"""

from __future__ import annotations

import json
import pickle
import sys
from pathlib import Path

import amber
from tests.zoo import answers, difference, specimen


def differing(folder: Path) -> dict[str, str]:
    """Return what differs, by specimen; empty where every artifact answers as its original did."""
    found: dict[str, str] = {}
    for name, stem in json.loads((folder / "index.json").read_text(encoding="utf-8")):
        expected, inputs, target = pickle.loads((folder / f"{stem}.answers").read_bytes())
        policy = amber.Policy(allow=specimen(name).allow)
        try:
            model = amber.load(folder / f"{stem}.amber", policy=policy, replay="never")
            # Through pickle, as the stored ones went: an answer is compared as data, not as a view.
            got = pickle.loads(pickle.dumps(answers(model, inputs, target)))
        except Exception as error:
            found[name] = f"{type(error).__name__}: {error}"
            continue
        line = difference(expected, got)
        if line is not None:
            found[name] = line
    return found


if __name__ == "__main__":
    print(json.dumps(differing(Path(sys.argv[1]))))
