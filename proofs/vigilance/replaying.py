"""Replay a folder of artifacts in this process, whole and row by row: the child of `quiet.py`.

    python -m proofs.vigilance.replaying FOLDER ROWS [STEM ...]

Prints one JSON object: what computes here, and for each artifact the verdicts. The threads are left as they are found:
that is what is asked about.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from amber.adapters.build import build
from amber.archive.assemble import read_evidence, read_tree
from amber.cases import rows as tables_rows
from amber.cases import tables
from amber.cases.ask import INVERSE
from amber.cases.replay import replay
from amber.errors import AmberError
from amber.models.audit import audit
from amber.policy import Policy
from amber.tree.evidence import Answer, Evidence, Group
from amber.vault.check import open_checked

_ROWWISE = ("sample", "synthetic", "threshold", "missing", "unseen", "extreme")


def alone(evidence: Evidence, batching: dict[str, Any], at_most: int) -> Evidence:
    """Return the evidence with up to `at_most` rows of each group as groups of one row.

    Methods whose answer depends on the other rows by nature (`batching` in the manifest is `none`) are left out. The
    ordinary groups stay beside them without answers, so that the scale of each output is the same.
    """
    groups: list[Group] = []
    for group in evidence.groups:
        if group.kind in _ROWWISE and group.rows > 1:
            shared = {a.method for a in group.answers if batching.get(a.method, {}).get("original") == "none"}
            shared |= {INVERSE} if "transform" in shared else set()
            answers = [answer for answer in group.answers if answer.method not in shared]
            groups += _single(msgspec.structs.replace(group, answers=answers), at_most)
    return msgspec.structs.replace(evidence, groups=groups)


def _single(group: Group, at_most: int) -> Iterator[Group]:
    X = tables.decode(group.layout, group.inputs)
    values = {a.method: tables.decode(a.layout, a.columns) for a in group.answers if a.layout}
    for row in tables_rows.spread(group.rows, at_most):
        table = tables.encode(tables_rows.take(X, [row]))
        answers = [_of_row(answer, values, row) for answer in group.answers]
        yield Group(f"{group.id} row {row}", group.kind, table.layout, 1, table.columns, answers)


def _of_row(answer: Answer, values: dict[str, Any], row: int) -> Answer:
    if answer.method not in values:
        return answer
    part = tables.encode(_taken(values[answer.method], row), answer.method)
    edge = [0] if row in answer.knife_edge else []
    return msgspec.structs.replace(answer, layout=part.layout, columns=part.columns, knife_edge=edge)


def _taken(value: Any, row: int) -> Any:
    if isinstance(value, tuple):
        return tuple(tables_rows.take(part, [row]) for part in value)
    if isinstance(value, list) and value and hasattr(value[0], "shape"):
        return [tables_rows.take(part, [row]) for part in value]
    return tables_rows.take(value, [row])


def answers_here(path: Path, at_most: int) -> dict[str, Any]:
    """Return the verdicts on one artifact: of the recorded batches, and of rows asked one by one."""
    rules = Policy()
    try:
        with open_checked(str(path), rules, "auto") as checked:
            tree = read_tree(checked.opened.members, rules.limits)
            audit(tree, rules)
            evidence = read_evidence(checked.manifest, checked.opened.members, rules.limits)
            model = build(tree, checked.manifest.libraries)
            batching = checked.manifest.batching
    except AmberError as error:
        return {
            "batch": "unreadable",
            "alone": "unreadable",
            "findings": [str(error)[:300]],
            "knife_edge": 0,
            "rows": 0,
        }
    whole = replay(model, evidence)
    single = replay(model, alone(evidence, batching, at_most))
    return {
        "batch": whole.verdict,
        "alone": single.verdict,
        "rows": whole.rows,
        "knife_edge": whole.knife_edge,
        "alone_rows": single.rows,
        "findings": [str(finding)[:300] for finding in (*whole.findings[:2], *single.findings[:2])],
    }


def surroundings() -> dict[str, Any]:
    """Return what computes in this process: versions, BLAS kernels, threads, features of the CPU that NumPy uses."""
    import numpy
    import scipy
    import scipy.linalg
    import sklearn
    from threadpoolctl import threadpool_info

    blas = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    return {
        "versions": {"numpy": numpy.__version__, "scipy": scipy.__version__, "sklearn": sklearn.__version__},
        "kernels": sorted({pool["architecture"] for pool in blas}),
        "threads": sorted({pool["num_threads"] for pool in threadpool_info()}),
    }


def main(folder: Path, at_most: int, stems: list[str]) -> None:
    """Print the verdicts on every artifact of a folder."""
    chosen = [folder / f"{stem}.amber" for stem in stems] or sorted(folder.glob("*.amber"))
    with warnings.catch_warnings(action="ignore"):
        found = {path.stem: answers_here(path, at_most) for path in chosen}
    print(json.dumps({"surroundings": surroundings(), "models": found}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
