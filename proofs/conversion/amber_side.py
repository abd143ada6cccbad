"""One model frozen as its owner would do it: what the certificate says, and what fresh rows say beside it."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np

import amber
from amber.cases.ask import INVERSE, available
from proofs.conversion.judging import DOUBLE, Line, compare, labelled, largest, undecided
from proofs.conversion.rows import tables
from proofs.conversion.subjects import Subject

# From best to worst; a class is as good as its worst method.
VERDICTS = ("identical", "equivalent", "narrowed", "drifted", "absent")
# A method that refuses the sample as a whole, as `inverse_transform` does gaps, has nothing to be certified by.
UNRECORDED = "the original's answer is not recorded"
_REFUSED = ("input-refused", "outside-domain")


def measured(subject: Subject, folder: Path) -> dict[str, Any]:
    """Return {method: {verdict, rows, largest, knife_edge, why}} of one model."""
    path = folder / f"{type(subject.model).__name__}-{subject.variant}.amber"
    path.unlink(missing_ok=True)
    wanted = available(subject.model)
    policy = amber.Policy(allow=("numpy.log1p", "numpy.expm1", "numpy.cbrt", "numpy.square"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            amber.save(subject.model, path, sample=subject.sample, freeze=True, policy=policy)
            program = amber.program(path)
        except amber.AmberError as error:
            why = {each.where: each.message for each in getattr(error, "problems", ())}
            verdict = "drifted" if error.code == "program-drifted" else "absent"
            return {method: _found(verdict, why=why.get(method) or f"{error.code}: {error.message}")
                    for method in wanted}  # fmt: skip
        finally:
            path.unlink(missing_ok=True)
        return _methods(subject, program, wanted)


def _methods(subject: Subject, program: Any, wanted: list[str]) -> dict[str, Any]:
    certified, absent = program.certificate["methods"], program.certificate["absent"]
    fresh = tables(subject)
    found = {}
    for method in wanted:
        if method in certified:
            verdict = "narrowed" if program.domain else certified[method]["verdict"]
            found[method] = _asked(subject.model, program, method, fresh, verdict)
        elif _answers(subject.model, method, fresh["clean"]) or absent.get(method, UNRECORDED) != UNRECORDED:
            why = absent.get(method, UNRECORDED)
            found[method] = _found("drifted" if why.startswith("drifted") else "absent", why=why)
    return found


def _found(verdict: str, **facts: Any) -> dict[str, Any]:
    return {"verdict": verdict, "rows": 0, "largest": 0.0, "knife_edge": 0, "why": "", **facts}


def _said(model: Any, method: str, rows: Any) -> Any:
    try:
        with np.errstate(all="ignore"):
            return getattr(model, method)(rows)
    except Exception:
        return None


def _answers(model: Any, method: str, rows: Any) -> bool:
    """Whether the original answers ordinary rows at all."""
    asked = _said(model, "transform", rows) if method == INVERSE else rows
    return asked is not None and _said(model, method, asked) is not None


def _asked(model: Any, program: Any, method: str, fresh: dict[str, Any], verdict: str) -> dict[str, Any]:
    found, scale = _found(verdict), 0.0
    for name, rows in fresh.items():
        asked = rows
        if method == INVERSE:
            asked = _said(model, "transform", rows)
            if asked is None:
                continue
        mine = _said(model, method, asked)
        scale = max(scale, 0.0 if mine is None else largest(mine)) if name == "clean" else scale
        seen = _one(model, program, method, asked, mine, scale)
        knife = undecided(model, method, asked, seen.beyond, DOUBLE, scale) if seen.beyond else set()
        beyond = sorted(set(seen.beyond) - knife)
        found["rows"] += seen.rows
        found["knife_edge"] += len(knife)
        if not knife:
            found["largest"] = max(found["largest"], seen.largest)
        if found["verdict"] == "identical" and not seen.same:
            found["verdict"] = "equivalent"
        if (beyond or seen.said) and found["verdict"] != "drifted":
            said = seen.said or f"{len(beyond)} of {seen.rows} rows differ, by {seen.largest:.0e} of the largest value"
            found |= {"verdict": "drifted", "why": f"fresh rows ({name}): {said}"}
    return found


def _one(model: Any, program: Any, method: str, rows: Any, mine: Any, scale: float) -> Line:
    try:
        theirs = getattr(program, method)(rows)
    except amber.AmberError as error:
        if error.code not in _REFUSED:
            return Line(said=f"the program fails: {error.code}", same=False)
        return Line() if mine is None else Line(said=f"refuses what the original answers: {error.message}", same=False)
    except Exception as error:
        return Line(said=f"the program fails: {type(error).__name__}: {str(error)[:120]}", same=False)
    if mine is None:
        return Line(said="answers what the original refuses", same=False)
    return compare(mine, theirs, DOUBLE, labelled(model, method), scale)
