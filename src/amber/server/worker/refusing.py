"""What loading or judging raised, as the front is told it: code, sentence, hint and verdict."""

from __future__ import annotations

from amber.errors import AmberError, CaseError, FormatError, shown
from amber.report import VERDICTS


def refusal_of(error: Exception) -> tuple[str, str, str, str]:
    """Return code, sentence, hint and verdict of what loading raised."""
    if isinstance(error, AmberError):
        verdict = {CaseError: "drifted", FormatError: "broken"}.get(type(error), "")
        if error.code.startswith("verdict-"):
            word = error.code.removeprefix("verdict-")
            verdict = word if word in VERDICTS else ""
        return error.code, error.message, error.hint, verdict
    if isinstance(error, MemoryError):
        return "limit-memory", "more memory than the server allows for a model", "raise --memory", "unchecked"
    return "load-failed", f"loading ended with {type(error).__name__}: {shown(error)}", "", "broken"
