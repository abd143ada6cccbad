"""Batches answered as the program and the original answer, and failures that stay with the part that caused them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import amber
from amber.server.exchange import Answered, Asked, Failure
from amber.server.worker.answering import Answering

# pytest imports tests by path, each conftest under a name of its own: what it offers comes as fixtures
NAMES = [
    "columns", "components", "frame-of-floats", "frames-out", "integers", "matrix", "neighbours", "records", "several",
    "single", "sparse", "texts",
]  # fmt: skip
BOTH = [
    (name, route) for name in NAMES for route in ("program", "original") if (name, route) != ("neighbours", "program")
]


def some(rows: Any, start: int, stop: int) -> Any:
    return rows.iloc[start:stop] if hasattr(rows, "iloc") else rows[start:stop]


def parts_of(answer: Any) -> list[Any]:
    if isinstance(answer, list | tuple):
        return list(answer)
    return [answer.toarray() if hasattr(answer, "toarray") else np.asarray(answer)]


@pytest.mark.parametrize(("name", "route"), BOTH, ids=["-".join(each) for each in BOTH])
def test_answers_are_those_of_the_program_and_the_original(
    shelf: Any, bench: Callable[..., Any], name: str, route: str
) -> None:
    path, rows = shelf(name)
    served = bench(name, route)
    model = amber.program(path) if route == "program" else amber.load(path)
    places = tuple(range(len(served.interface.outputs)))
    ranges = [(0, 3), (3, 4), (4, 11)]
    answers = served.ask([served.rows(some(rows, *each), places) for each in ranges], route)
    for (start, stop), answer in zip(ranges, answers, strict=True):
        assert isinstance(answer, Answered)
        found = served.values(answer, places)
        for method in served.interface.methods[route]:
            wanted = parts_of(getattr(model, method)(some(rows, start, stop)))
            outputs = [each for each in served.interface.outputs if each.method == method]
            for value, output in zip(wanted, outputs, strict=True):
                got = found[output.name]
                assert got.shape == value.shape
                if output.cell == "float":
                    np.testing.assert_allclose(got, value.astype(float), rtol=1e-6, atol=1e-9)
                else:
                    np.testing.assert_array_equal(got, value)


@pytest.mark.parametrize("route", ["program", "original"])
def test_only_the_guilty_part_fails(bench: Callable[..., Any], shelf: Any, route: str) -> None:
    _, rows = shelf("matrix")
    served = bench("matrix", route)
    bad = rows[2:5].copy()
    bad[1, 3] = np.nan
    parts = [served.rows(rows[:2]), served.rows(bad), served.rows(rows[5:6]), served.rows(rows[6:9])]
    found = served.ask(parts, route)
    assert [type(each) for each in found] == [Answered, Failure, Answered, Answered]
    assert (found[1].status, found[1].code, found[1].row) == (422, "input-refused", 1)
    alone = [served.ask([part], route)[0] for part in (parts[0], parts[2], parts[3])]
    for together, apart in zip([found[0], found[2], found[3]], alone, strict=True):
        assert together.values[0] == apart.values[0]


def test_a_refusal_of_a_program_names_row_and_column(bench: Callable[..., Any], shelf: Any) -> None:
    _, rows = shelf("frame-of-floats")
    bad = rows.iloc[:4].copy()
    bad.iloc[2, 1] = np.inf
    served = bench("frame-of-floats", "program")
    (found,) = served.ask([served.rows(bad)])
    assert (found.status, found.row, found.column) == (422, 2, "q")
    assert found.expected == "a number that is not infinite"


def test_a_refusal_of_an_original_says_what_a_row_is(bench: Callable[..., Any], shelf: Any) -> None:
    _, rows = shelf("matrix")
    bad = rows[:3].copy()
    bad[1, 2] = np.nan
    served = bench("matrix", "original")
    (found,) = served.ask([served.rows(bad)], "original")
    assert (found.status, found.row) == (422, 1)
    assert found.expected.startswith("4 values, each a number (FP64)")


def test_a_text_where_a_number_is_wanted_names_its_row(bench: Callable[..., Any], shelf: Any) -> None:
    _, rows = shelf("columns")
    for route in ("program", "original"):
        served = bench("columns", route)
        part = served.rows(rows.iloc[:3])
        part.objects[0][1] = "many"  # the age
        (found,) = served.ask([part], route)
        assert (found.status, found.code, found.row) == (422, "input-refused", 1)
        assert found.column == "age"
        assert "a number" in found.expected or "a whole number" in found.expected


def test_every_part_may_fail(bench: Callable[..., Any]) -> None:
    served = bench("matrix", "program")
    bad = Asked(1, np.full(4, np.nan).tobytes(), (), (0, 1))
    assert [each.row for each in served.ask([bad, bad, bad])] == [0, 0, 0]


def test_a_part_without_rows_is_refused_and_the_others_answered(bench: Callable[..., Any], shelf: Any) -> None:
    _, rows = shelf("matrix")
    served = bench("matrix", "program")
    found = served.ask([served.rows(rows[:0]), served.rows(rows[:2])])
    assert isinstance(found[1], Answered)
    (alone,) = served.ask([served.rows(rows[:0])])
    assert isinstance(alone, Failure)


def test_a_form_that_is_not_served_has_no_methods(bench: Callable[..., Any], shelf: Any) -> None:
    _, rows = shelf("matrix")
    served = bench("matrix", "program")
    (found,) = served.ask([served.rows(rows[:1])], "original")
    assert (found.status, found.code) == (422, "method-absent")


def test_an_unseen_category_and_missing_values_are_answered(bench: Callable[..., Any], shelf: Any) -> None:
    path, rows = shelf("columns")
    odd = rows.iloc[:4].copy()
    odd["town"] = ["Mainz", None, "Ulm", "Bonn"]
    odd.loc[odd.index[1], "income"] = np.nan
    wanted = amber.load(path).predict_proba(odd)
    for route in ("program", "original"):
        served = bench("columns", route)
        part = served.rows(odd)
        part.objects[0][2] = None  # an integer that is not known
        mended = odd.astype({"age": float})
        mended.iloc[2, 0] = np.nan
        expected = amber.load(path).predict_proba(mended)
        (answer,) = served.ask([part], route)
        np.testing.assert_allclose(served.values(answer, (0, 1))["predict_proba"], expected, rtol=1e-6)
        (answer,) = served.ask([served.rows(odd)], route)
        np.testing.assert_allclose(served.values(answer, (0, 1))["predict_proba"], wanted, rtol=1e-6)


def test_the_models_own_failure_is_500_without_internals(
    bench: Callable[..., Any], shelf: Any, monkeypatch: Any
) -> None:
    _, rows = shelf("matrix")
    served = bench("matrix", "original")
    form = served.loaded.answering.forms["original"]

    def failing(wanted: Any) -> Any:
        def ask(rows: Any) -> Any:
            raise RuntimeError("/secret/path")

        return ask

    monkeypatch.setattr(form, "asker", failing)
    monkeypatch.setattr(served.loaded.answering, "_asked", {})
    (found,) = served.ask([served.rows(rows[:2])], "original")
    assert (found.status, found.code) == (500, "model-failed")
    assert "secret" not in found.message


@pytest.mark.parametrize(
    "wrong",
    [
        lambda rows: {"predict": np.zeros(1)},
        lambda rows: {"predict": np.zeros((len(rows), 2))},
        lambda rows: {"predict": np.full(len(rows), "other")},
        lambda rows: {"predict": None},
    ],
    ids=["rows", "shape", "label", "none"],
)
def test_an_answer_that_is_not_as_described_is_500(
    bench: Callable[..., Any], shelf: Any, monkeypatch: Any, wrong: Any
) -> None:
    _, rows = shelf("matrix")
    served = bench("matrix", "original")
    monkeypatch.setattr(served.loaded.answering.forms["original"], "asker", lambda wanted: wrong)
    monkeypatch.setattr(served.loaded.answering, "_asked", {})
    (found,) = served.ask([served.rows(rows[:3], (0,))], "original")
    assert (found.status, found.code) == (500, "model-failed")


def test_a_failed_part_has_zeros_and_null_in_its_place(bench: Callable[..., Any], shelf: Any) -> None:
    from amber.server.wire.batch import Batch

    _, rows = shelf("matrix")
    served = bench("matrix", "program")
    block = rows[:3].copy()
    block[1] = np.nan
    batch = Batch(1, [1, 1, 1], [0, 1], "program", memoryview(block.tobytes()), [])
    found = served.loaded.answering.answer(batch)
    assert [each[0] for each in found.failed] == [1]
    assert found.blocks[1].reshape(3, 2)[1].tolist() == [0.0, 0.0]
    assert (found.blocks[1].reshape(3, 2)[[0, 2]].sum(axis=1) > 0.999).all()


_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.parametrize("route", ["program", "original"])
@pytest.mark.parametrize("name", ["columns", "records", "texts"])
@given(data=st.data())
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_values_get_an_answer_or_a_failure_and_harm_no_other_part(
    bench: Callable[..., Any], shelf: Any, name: str, route: str, data: Any
) -> None:
    _, rows = shelf(name)
    served = bench(name, route)
    count = data.draw(st.integers(1, 3))
    objects = [data.draw(st.lists(_json, min_size=count, max_size=count)) for _ in range(served.interface.objects)]
    size = 8 * count * served.interface.cells
    numbers = data.draw(st.binary(min_size=size, max_size=size))
    good = served.rows(some(rows, 0, 2))
    odd = Asked(count, numbers, objects, good.outputs)
    first, found, last = served.ask([good, odd, good], route)
    assert isinstance(first, Answered)
    assert first.values == last.values
    if isinstance(found, Failure):
        assert found.status in (413, 422, 500)
        assert found.row is None or 0 <= found.row < count
    else:
        assert found.rows == count


def test_a_model_that_fails_is_told_once_without_its_words(
    bench: Callable[..., Any], shelf: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    _, rows = shelf("matrix")
    served = bench("matrix", "program")

    def ask(table: Any) -> Any:
        raise RuntimeError("a value of the rows: 4111")

    answering = served.loaded.answering
    failing = replace(answering.forms["program"], asker=lambda methods: ask)
    broken = Answering(answering.interface, answering.methods, {"program": failing})
    failed = type(served)(replace(served.loaded, answering=broken))
    for _ in range(2):
        (found,) = failed.ask([served.rows(rows[:1])], "program")
        assert (found.status, found.code) == (500, "model-failed")
        assert "4111" not in found.message
    (line,) = capfd.readouterr().err.splitlines()
    assert "RuntimeError at test_answering.py" in line
    assert "4111" not in line
