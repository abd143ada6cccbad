"""Step 9 as every report says it: one rule for load and verify."""

from __future__ import annotations

from amber.report import Status, Step, Verdict


def cases_step(verdict: Verdict, reason: str, rows: int, knife_edge: int, detail: str = "") -> Step:
    """Return step 9 after a replay: what it showed, and of how many rows."""
    status: Status = "failed"
    if verdict in ("identical", "equivalent"):
        status = "passed"
    elif verdict == "unchecked":
        status = "not-asked"
    edge = f", {knife_edge} differ on a knife edge" if knife_edge else ""
    return Step(9, status, reason, detail or (f"{rows} rows replayed{edge}" if rows else ""))
