"""Fresh rows, which no certificate has seen: each table with its name, as the original takes it."""

from __future__ import annotations

from typing import Any

import numpy as np

from proofs.conversion import data
from proofs.conversion.subjects import Subject

_CUTS = 60


def tables(subject: Subject) -> dict[str, Any]:
    """Return clean rows, one row, missing values, thresholds, large magnitude; one table a row where it may refuse."""
    clean = subject.draw(data.FRESH, 11)
    found = {"clean": clean, "one": clean[:1]}
    if hasattr(clean, "iloc"):
        return found | _frames(clean)
    if isinstance(clean, list):
        return found | _listed(clean)
    if clean.dtype == object:
        return found | _words(clean)
    if clean.dtype.kind != "f":
        return found
    flat = clean if clean.ndim == 2 else clean.reshape(-1, 1)
    made = _numeric(subject, flat)
    return found | (made if clean.ndim == 2 else {name: rows[:, 0] for name, rows in made.items()})


def _numeric(subject: Subject, clean: Any) -> dict[str, Any]:
    found = {}
    for i in range(min(clean.shape[1], 5)):
        row = clean[i : i + 1].copy()
        row[0, i] = np.nan
        found[f"missing {i}"] = row
    infinite = clean[:1].copy()
    infinite[0, -1] = -np.inf
    big = clean[:20].copy()
    big[:, 0] = 1.7e9 + np.arange(len(big)) * 86_401.0
    if clean.shape[1] > 1:
        big[:, 1] = 16_777_217.0 + np.arange(len(big))
    found |= {"infinite": infinite, "large": big}
    at = _thresholds(subject.model, clean)
    return found | ({"thresholds": at} if len(at) else {})


def _words(clean: Any) -> dict[str, Any]:
    found = {}
    for number, value in enumerate((None, np.nan, "never seen", "nan", "None", "")):
        for column in range(clean.shape[1]):
            row = clean[number : number + 1].copy()
            row[0, column] = value
            found[f"value {value!r} {column}"] = row
    return found


def _frames(clean: Any) -> dict[str, Any]:
    found = {}
    for number, value in enumerate((None, np.nan, "never seen", "nan", "")):
        row = clean.iloc[number : number + 1].copy()
        row["city"] = np.array([value], dtype=object)
        found[f"value {value!r}"] = row
    gap, big = clean[:4].copy(), clean[:6].copy()
    gap["age"], gap["time"] = np.nan, np.nan
    big["age"] = 1.7e9 + np.arange(6.0)
    return found | {"missing": gap, "large": big}


def _listed(clean: list[Any]) -> dict[str, Any]:
    if isinstance(clean[0], dict):
        return {"new": [{"city": "never seen", "temp": 1.7e9}, {}, {"wind": 16_777_217.0}]}
    return {"new": ["café CAFÉ ß straße ſ İ", "", "   ", "naïve  2024_x é", "日本語です the model"]}


def _thresholds(model: Any, clean: Any) -> Any:
    """Rows at split thresholds of every tree inside a model, and one ulp of double and of float32 to each side."""
    cuts: list[tuple[int, float]] = []
    todo: list[Any] = [model]
    seen: set[int] = set()
    while todo and len(seen) < 4000:
        each = todo.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        cuts += _cuts(each)
        if isinstance(each, list | tuple):
            todo += each
        elif isinstance(each, dict):
            todo += each.values()
        elif isinstance(each, np.ndarray) and each.dtype == object:
            todo += each.ravel().tolist()
        elif hasattr(each, "__dict__"):
            todo += list(vars(each).values())
    cuts = [cut for cut in cuts if cut[0] < clean.shape[1] and np.isfinite(cut[1])]
    rows = []
    for number, (column, cut) in enumerate(cuts[:: max(1, len(cuts) // _CUTS)][:_CUTS]):
        single = np.float32(cut)
        for value in (
            cut, np.nextafter(cut, np.inf), np.nextafter(cut, -np.inf), single,
            np.nextafter(single, np.float32(np.inf)), np.nextafter(single, np.float32(-np.inf)),
        ):  # fmt: skip
            row = clean[number % len(clean)].copy()
            row[column] = float(value)
            rows.append(row)
    return np.array(rows)


def _cuts(each: Any) -> list[tuple[int, float]]:
    tree = getattr(each, "tree_", None)
    if tree is not None and hasattr(tree, "threshold"):
        inner = np.flatnonzero(tree.feature >= 0)
        return [(int(tree.feature[i]), float(tree.threshold[i])) for i in inner]
    nodes = getattr(each, "nodes", None)
    if isinstance(nodes, np.ndarray) and nodes.dtype.names and "num_threshold" in nodes.dtype.names:
        return [(int(node["feature_idx"]), float(node["num_threshold"])) for node in nodes[nodes["is_leaf"] == 0]]
    return []
