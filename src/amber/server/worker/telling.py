"""What a model did wrong, for the log of who runs the server: one line of JSON for each kind, and no value of a row.

The message of an exception may quote rows, so only its type and the places it came through are told. The access log
has the ids of the requests that got it, with the code `model-failed`.
"""

from __future__ import annotations

import sys
import traceback
from pathlib import Path

from amber.server.events import Noted, to_json

_KINDS = 64  # told by one process at most
_PLACES = 4  # innermost frames


class Teller:
    """Tells each kind of exception once.

    Args:
        name: Of the model.
        version: Of the model.
    """

    def __init__(self, name: str, version: str) -> None:
        self._name, self._version = name, version
        self._told: set[str] = set()

    def tell(self, error: Exception) -> None:
        """Write a line about an exception, if it is the first of its kind."""
        message = f"the model failed: {kind_and_place(error)}"
        if message in self._told or len(self._told) >= _KINDS:
            return
        self._told.add(message)
        line = to_json(Noted(message=message, code="model-failed", name=self._name, version=self._version))
        sys.stderr.write(line.decode() + "\n")
        sys.stderr.flush()


def kind_and_place(error: BaseException) -> str:
    """Return the type of an exception and the places it came through, innermost first."""
    frames = traceback.extract_tb(error.__traceback__)[-_PLACES:]
    places = " < ".join(f"{Path(each.filename).name}:{each.lineno} {each.name}" for each in reversed(frames))
    return f"{type(error).__name__} at {places or 'no known place'}"
