"""Forty models and more: recorded through bytes, replayed identically; a parameter moved by 1 % is drift."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

from amber.archive.cases import decode_group, encode_group
from amber.cases.record import Recorded, record
from amber.cases.replay import replay
from amber.limits import DEFAULT
from amber.tree.evidence import Evidence
from tests.unit.cases.models import MODELS, fitted


def recorded(name: str, **options: Any) -> Recorded:
    model, X = fitted(name)
    return record(copy.deepcopy(model), options.pop("sample", X), **options)


def through_bytes(evidence: Evidence) -> Evidence:
    groups = []
    for group in evidence.groups:
        text, buffers = encode_group(group)
        groups.append(decode_group(group.id, text, b"".join(bytes(b) for b in buffers), DEFAULT))
    return Evidence(groups, evidence.source, evidence.rows, evidence.dropped, evidence.knife_edge, False)


@pytest.mark.parametrize("name", MODELS)
def test_answers_its_own_cases_identically(name: str) -> None:
    found = recorded(name)
    assert found.evidence.groups, found.notes
    assert any(answer.layout for answer in found.evidence.groups[0].answers)
    result = replay(copy.deepcopy(fitted(name)[0]), through_bytes(found.evidence), one_thread=True)
    assert (result.verdict, result.findings) == ("identical", ())
    assert result.groups == len(found.evidence.groups)
    clean = found.evidence.groups[0]
    said = {answer.method: answer.knife_edge for answer in clean.answers}
    marked = said.get("predict", clean.knife_edge)
    assert len(marked) <= 0.02 * clean.rows, marked


@pytest.mark.parametrize(
    "name", ["logistic", "mixed-logistic", "forest-regressor", "tfidf", "records", "labels", "sets"]
)
@pytest.mark.parametrize("mode", ["none", "synthetic"])
def test_answers_synthetic_cases_identically(name: str, mode: str) -> None:
    model, X = fitted(name)
    sample = None if mode == "none" else X
    found = record(copy.deepcopy(model), sample, rows="keep" if mode == "none" else "synthetic")
    assert found.evidence.source == "synthetic"
    assert all(group.synthetic for group in found.evidence.groups)
    assert any(answer.layout for answer in found.evidence.groups[0].answers)
    assert replay(model, through_bytes(found.evidence), one_thread=True).verdict == "identical"


def _arrays(model: Any) -> list[tuple[str, Any]]:
    """The fitted float arrays of a model's parts, by path."""
    found: list[tuple[str, Any]] = []

    def look(part: Any, path: str, depth: int) -> None:
        if isinstance(part, np.ndarray) and part.dtype == np.float64 and part.size and np.abs(part).max() > 0:
            found.append((path, part))
        elif isinstance(part, list | tuple) and depth < 6:
            for position, item in enumerate(part[:3]):
                look(item, f"{path}[{position}]", depth + 1)
        elif hasattr(part, "get_params") and depth < 6:
            for key, item in vars(part).items():
                if key.endswith("_") or key in ("steps", "transformers_"):
                    look(item, f"{path}.{key}", depth + 1)

    look(model, "", 0)
    return found


DRIFTING = {
    "logistic": ["coef_", "intercept_", "mean_", "scale_"],
    "mixed-logistic": ["coef_", "intercept_", "mean_", "scale_", "statistics_"],
    "pca-logistic": ["components_", "coef_", "scale_"],
    "ridge": ["coef_"],
    "neighbours": ["scale_"],
    "bayes": ["theta_", "var_"],
    "kmeans": ["cluster_centers_"],
    "mixture": ["means_", "weights_"],
    "pls": ["x_rotations_", "_x_mean"],
    "power": ["lambdas_"],
    "quantile": ["quantiles_"],
    "tfidf": ["coef_"],
    "many-targets": ["coef_"],
}


@pytest.mark.parametrize("name", DRIFTING)
def test_one_per_cent_is_drift(name: str) -> None:
    model, _ = fitted(name)
    evidence = recorded(name).evidence
    hit = 0
    for path, _ in _arrays(model):
        if not path.endswith(tuple(DRIFTING[name])):
            continue
        other = copy.deepcopy(model)
        array = dict(_arrays(other))[path]
        place = np.unravel_index(int(np.argmax(np.abs(array))), array.shape)
        array[place] *= 1.01
        result = replay(other, evidence, one_thread=True)
        assert result.verdict == "drifted", path
        assert result.findings
        hit += 1
    assert hit


@pytest.mark.parametrize("name", ["tree", "scaled-tree", "boosting"])
def test_a_moved_threshold_is_drift(name: str) -> None:
    """Rows on both sides of the splits see a threshold that moves by much less than any sample would."""
    model, _ = fitted(name)
    evidence = recorded(name).evidence
    assert "threshold" in [group.kind for group in evidence.groups]
    other = copy.deepcopy(model)
    last = other if name != "scaled-tree" else other.steps[-1][1]
    if name == "boosting":
        for tree in (tree for one in last._predictors for tree in one):
            nodes = tree.nodes["num_threshold"]
            nodes += np.abs(nodes) * 1e-12
    else:
        thresholds = last.tree_.threshold
        thresholds += np.where(last.tree_.feature >= 0, np.abs(thresholds) * 1e-6, 0)
    assert replay(other, evidence, one_thread=True).verdict == "drifted"
