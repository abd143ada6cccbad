"""What is refused before it is served, and with which code."""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

import amber
from amber.errors import AmberError, CaseError, FormatError
from amber.server.wire.control import Order
from amber.server.wire.starting import sealed
from amber.server.worker import loading
from amber.server.worker.loading import load
from amber.server.worker.refusing import refusal_of
from tests.unit.signing import WANTS_ALICE


def code_of(order: Order, source: Any) -> str:
    with pytest.raises(AmberError) as caught:
        load(order, source)
    return caught.value.code


def test_a_damaged_file_is_refused_with_its_code(shelf: Any, tmp_path: Any) -> None:
    path = str(tmp_path / "hurt.amber")
    shutil.copy(shelf("matrix")[0], path)
    with open(path, "r+b") as file:
        file.seek(os.path.getsize(path) // 2)
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 1]))
    assert code_of(Order(), path) in ("crc-mismatch", "container-not-canonical", "digest-mismatch")


def test_no_artifact_at_all_is_refused(tmp_path: Any) -> None:
    path = tmp_path / "no.amber"
    path.write_bytes(b"no artifact")
    with pytest.raises(FormatError) as caught:
        load(Order(), str(path))
    assert refusal_of(caught.value)[3] == "broken"


def test_what_was_recorded_by_another_model_is_drifted(tmp_path: Any, monkeypatch: Any) -> None:
    X = np.random.default_rng(0).normal(size=(40, 3))
    model = LinearRegression().fit(X, X.sum(axis=1))
    path = str(tmp_path / "m.amber")
    amber.save(model, path, sample=X, name="m")
    amber.freeze(path, path)
    real = LinearRegression.predict
    monkeypatch.setattr(LinearRegression, "predict", lambda self, X: real(self, X) + 1e-3)
    with pytest.raises(CaseError) as caught:
        load(Order(routes=["original"]), path)
    assert refusal_of(caught.value)[::3] == ("verdict-drifted", "drifted")
    assert load(Order(), path).interface.verdicts["program"] in ("identical", "equivalent")


def test_a_program_that_drifts_is_refused(shelf: Any, monkeypatch: Any) -> None:
    from amber.programs.answers import Answerer

    real = Answerer.__call__

    def moved(self: Any, arrays: Any, rows: Any) -> Any:
        found = real(self, arrays, rows)
        return found + 1e-3 if getattr(found, "dtype", None) == np.float64 else found

    monkeypatch.setattr(Answerer, "__call__", moved)
    assert code_of(Order(), shelf("records")[0]) == "verdict-drifted"


@pytest.mark.parametrize("route", ["program", "original"])
def test_without_cases_nothing_is_vouched_for(shelf: Any, monkeypatch: Any, route: Any) -> None:
    monkeypatch.setattr(loading, "read_evidence", lambda *_: None)
    assert code_of(Order(routes=[route]), shelf("matrix")[0]) in ("no-cases", "predict-no-cases")


@pytest.mark.parametrize(
    ("order", "code"),
    [
        (Order(**Order.policy_of(WANTS_ALICE)), "policy-refused"),
        (Order(policy={"verdict": "identical"}), "verdict-too-low"),
        (Order(policy={"limits": {"manifest_bytes": 10}}), "limit-manifest-bytes"),
        (Order(policy={"limits": {"program_nodes": 1}}), "limit-program-nodes"),
        (Order(expect="another"), "policy-refused"),
    ],
    ids=["signers", "verdict", "manifest", "graph", "name"],
)
def test_the_policy_is_kept(shelf: Any, order: Order, code: str) -> None:
    assert code_of(order, shelf("matrix")[0]) == code


def test_what_nobody_vouches_for_says_so(shelf: Any) -> None:
    assert "unsigned: nobody that the policy names vouches for it" in load(Order(), shelf("matrix")[0]).notes


def test_a_program_is_wanted_where_there_is_none(shelf: Any) -> None:
    assert code_of(Order(routes=["program"]), shelf("neighbours")[0]) == "program-missing"


def test_a_sealed_copy_is_mapped(shelf: Any, bench: Callable[..., Any]) -> None:
    with open(shelf("matrix")[0], "rb") as file:
        descriptor = sealed(io.BytesIO(file.read()))
    found = load(Order(name="other", version="9.9.9"), f"/dev/fd/{descriptor}", mmap=True)
    os.close(descriptor)
    assert (found.interface.name, found.interface.version) == ("other", "9.9.9")
    assert found.interface.id == bench("matrix", "program").interface.id
    assert [probe()[0] for probe in found.probers] == ["equivalent"]


def test_whatever_a_library_raises_becomes_a_sentence() -> None:
    assert refusal_of(MemoryError())[0] == "limit-memory"
    code, message, _, verdict = refusal_of(RuntimeError("odd\x1b[0m"))
    assert (code, verdict) == ("load-failed", "broken")
    assert "\x1b" not in message


def test_a_probe_finds_an_answer_that_moved(bench: Callable[..., Any], monkeypatch: Any) -> None:
    from amber.programs import program

    served = bench("matrix", "program")
    (probe,) = served.loaded.probers
    assert probe()[0] == "equivalent"
    real = program._answered
    monkeypatch.setattr(program, "_answered", lambda answerer, arrays, rows: real(answerer, arrays, rows) * 2)
    assert probe()[0] in ("drifted", "broken")


def test_a_probe_of_an_original_finds_an_answer_that_moved(shelf: Any, monkeypatch: Any) -> None:
    loaded = loading.load(Order(routes=["original"]), shelf("single")[0])
    (probe,) = loaded.probers
    assert probe() == ("identical", "")
    real = LinearRegression.predict
    monkeypatch.setattr(LinearRegression, "predict", lambda self, X: real(self, X) * 1.5)
    word, said = probe()
    assert word == "drifted"
    assert "predict" in said
