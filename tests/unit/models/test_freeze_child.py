"""Freezing asks the cases in a process of its own: what it finds is what would be found here, and no graph ends us."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

pytest.importorskip("onnxruntime")

import amber
from amber.archive.assemble import read_evidence
from amber.errors import BuildError, FreezeError
from amber.limits import Limits
from amber.models import freezing
from amber.models.certifying import judge
from amber.models.program import plan_of
from amber.policy import Policy
from amber.programs import emit, graph_check
from amber.programs.emit import flow
from amber.vault.check import open_checked

RNG = np.random.default_rng(11)
X = RNG.normal(size=(60, 3))
Y = np.where(X[:, 0] > 0, "yes", "no")


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("child") / "m.amber"
    amber.save(LogisticRegression().fit(X, Y), path, sample=X, freeze=True)
    return path


def test_the_child_finds_what_would_be_found_here(artifact: Path) -> None:
    rules = Policy()
    with open_checked(artifact, rules, "auto") as checked:
        manifest, members = checked.manifest, checked.opened.members
        info = manifest.programs[0]
        plan, _ = plan_of(info, members)
        evidence = read_evidence(manifest, members, rules.limits)
        assert evidence is not None
        found = judge(plan, bytes(members[info.member]), evidence, rules.limits)
        assert {each.method: each.to_dict() for each in found.certified} == info.certificate["methods"]
        batching = {method: facts["program"] for method, facts in manifest.batching.items() if "program" in facts}
        assert found.batching == batching


def test_time_is_bounded_and_nothing_is_written(tmp_path: Path) -> None:
    policy = Policy(limits=Limits(replay_seconds=0.001))
    with pytest.raises(FreezeError, match=r"more than 0\.001 seconds") as refused:
        amber.save(LogisticRegression().fit(X, Y), tmp_path / "late.amber", sample=X, freeze=True, policy=policy)
    assert refused.value.code == "program-budget"
    assert "replay_seconds" in refused.value.hint
    assert not list(tmp_path.iterdir())


def test_a_graph_that_asks_for_more_memory_than_allowed_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    emit.load_families()

    def greedy(e: Any, value: Any, c: Any) -> Any:
        g, matrix = c.graph, c.require(c.matrix(value))
        wide = g.op("Expand", g.expand(g.sum(matrix.tensor, 1)), g.const([1, 1 << 24]))  # 128 MiB a row
        return {"predict": lambda: flow.scores(g.max(wide, 1))}

    monkeypatch.setitem(flow._EMITTERS, "sklearn.linear_model.LinearRegression", greedy)
    policy = Policy(limits=Limits(replay_extra_bytes=64 << 20))
    with pytest.raises(FreezeError) as refused:
        amber.save(LinearRegression().fit(X, X[:, 0]), tmp_path / "m.amber", sample=X, freeze=True, policy=policy)
    assert refused.value.code == "program-drifted"
    assert "the program fails: limit-program-elements" in str(refused.value)
    assert not list(tmp_path.iterdir())


def test_a_graph_that_ends_the_process_ends_the_child_alone(
    artifact: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "amber_ends_at_once.py").write_text("import os, sys\nsys.stdin.buffer.read()\nos.abort()\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(freezing, "_WORKER", "amber_ends_at_once")
    with pytest.raises(FreezeError, match="ended with -6") as refused:
        amber.freeze(artifact, tmp_path / "never.amber")
    assert refused.value.code == "program-crashed"
    assert not (tmp_path / "never.amber").exists()


def test_without_the_runtime_the_extra_is_named(
    artifact: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(BuildError, match="onnxruntime") as refused:
        amber.save(LogisticRegression().fit(X, Y), tmp_path / "m.amber", sample=X, freeze=True)
    assert (refused.value.code, "amber[freeze]" in refused.value.hint) == ("library-missing", True)
    with pytest.raises(BuildError, match="onnxruntime"):
        amber.freeze(artifact, tmp_path / "m.amber")
    assert not list(tmp_path.iterdir())


@pytest.fixture
def halves(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Make the scores of logistic regression wrong, and nothing else of it."""
    emit.load_families()
    right = flow._EMITTERS["sklearn.linear_model.LogisticRegression"]

    def wrong(e: Any, value: Any, c: Any) -> Any:
        made = right(e, value, c)

        def shifted() -> Any:
            answer: Any = made["decision_function"]()
            return flow.scores(answer.tensors[0] * 1.001 + 0.125)

        return {**made, "decision_function": shifted}

    def install() -> None:
        monkeypatch.setitem(flow._EMITTERS, "sklearn.linear_model.LogisticRegression", wrong)

    return install


def test_a_graph_holds_nothing_of_methods_that_drifted(
    artifact: Path, tmp_path: Path, halves: Callable[[], None]
) -> None:
    halves()
    done = amber.freeze(artifact, tmp_path / "half.amber")
    assert set(done.methods) == {"predict", "predict_proba", "predict_log_proba"}
    assert "drifted in case g000" in done.absent["decision_function"]
    assert amber.freeze(artifact, tmp_path / "again.amber").path
    assert (tmp_path / "again.amber").read_bytes() == (tmp_path / "half.amber").read_bytes()
    with open_checked(tmp_path / "half.amber", Policy(), "auto") as checked:
        graph = graph_check.check_graph(bytes(checked.opened.members["programs/onnx.onnx"]))
    assert "decision_function" not in graph.outputs
    assert {"predict", "predict_proba", "predict_log_proba"} <= set(graph.outputs)
    shifts = [each.name for each in graph.graph.initializer if np.array(0.125).tobytes() in bytes(each.span)]
    assert shifts == []
    assert amber.program(tmp_path / "half.amber").predict(X).tolist() == amber.program(artifact).predict(X).tolist()
