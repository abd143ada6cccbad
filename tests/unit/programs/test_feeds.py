"""What a graph is fed: rules by row and column, and no warning on the way."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

from amber.errors import SourceError
from amber.programs.feeds import FLOAT32_OVERFLOW, Feeder
from amber.programs.plan import Codes, Labels, Output, Plan, Prelude, Request, Rule, Text
from amber.programs.requests import rows_of


def plan(width: int = 3, **facts: Any) -> Plan:
    labels = Labels(dtype="<i8", values=[0, 1])
    output = Output(method="predict", outputs=["p"], layout="array", dtypes=["<i8"], labels=[labels])
    request = facts.pop("request", Request(form="table", width=width))
    return Plan(plan=1, precision=facts.pop("precision", "float64"), request=request, outputs=[output],
                numbers=facts.pop("numbers", list(range(width))), **facts)  # fmt: skip


def fed(made: Plan, table: Any, domain: Any = ()) -> Any:
    feeder = Feeder(made, domain)
    direct = feeder.direct(table)
    return direct if direct is not None else feeder.feed(rows_of(table, made.request, frozenset()))


@pytest.mark.parametrize(
    ("rule", "value", "said"),
    [
        ("finite", np.nan, "missing or infinite"), ("finite", np.inf, "missing or infinite"),
        ("no-infinity", -np.inf, "infinite"), ("not-missing", np.nan, "missing"),
        ("float32", FLOAT32_OVERFLOW, "too large"), ("float32", -np.inf, "too large"),
        ("not-negative", -5e-324, "negative"), ("range", 3.0000000000000004, "out of range"),
    ],
)  # fmt: skip
def test_a_rule_names_row_and_column(rule: Any, value: float, said: str) -> None:
    bounds = {"low": "-3.0", "high": "3.0"} if rule == "range" else {}
    kept = Rule(rule=rule, columns=[0, 2], **bounds)
    rows = np.ones((4, 3))
    rows[3, 1] = value  # a column the rule is not about
    assert "numbers" in fed(plan(rules=[kept]), rows)
    rows[2, 2] = value
    with pytest.raises(SourceError, match=rf"row 2, column 2: {said}") as refused:
        fed(plan(rules=[kept]), rows)
    assert refused.value.code == "input-refused"
    with pytest.raises(SourceError, match=rf"row 2, column 2: {said}") as refused:
        fed(plan(), rows, [kept])
    assert refused.value.code == "outside-domain"


@pytest.mark.parametrize("value", [FLOAT32_OVERFLOW, np.inf, 1e39, 1e200, np.nan])
def test_many_numbers_at_once_hide_none(value: float) -> None:
    """The short way, one product of all numbers, never lets pass what a rule refuses."""
    made = plan(rules=[Rule(rule="finite", columns=[0, 1, 2]), Rule(rule="float32", columns=[0, 1, 2])])
    for count in (1, 2, 1000):
        rows = np.ones((count, 3))
        assert fed(made, rows)["numbers"] is rows
        rows[-1, 1] = value
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with pytest.raises(SourceError, match=f"row {count - 1}, column 1"):
                fed(made, rows)


def test_a_float32_program_is_fed_without_a_warning() -> None:
    made = plan(precision="float32", rules=[Rule(rule="float32", columns=[0, 1, 2])])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for rows in (np.full((2, 3), 3e38, np.float32), np.full((2, 3), 3e38)):
            assert fed(made, rows)["numbers"].dtype == np.float32


def test_categories_are_told_apart_as_in_python() -> None:
    request = Request(form="table", width=1, names=["c"])
    made = plan(1, request=request, numbers=[], codes=[Codes(column=0, values=["a", 1], refused=[-2])])
    codes = fed(made, {"c": ["a", 1, 1.0, True, None, float("nan"), np.str_("a"), np.int64(1)]})["codes"]
    assert codes[:, 0].tolist() == [0, 1, 1, 1, -3, -1, 0, 1]
    with pytest.raises(SourceError, match="row 1, column 'c': the model refuses the category 'b'"):
        fed(made, {"c": ["a", "b"]})
    with pytest.raises(SourceError, match="'c': a value that is no category"):
        fed(made, {"c": ["a", ["b"]]})


CELLS = [0.0, -0.0, 1, True, 2**53 + 1, -(2**70), 10**400, None, np.nan, np.inf, -np.inf, 1e39, "a", np.float64(2.5)]
KINDS = ["u", "v", None, "never seen", float("nan"), 1, 1.0, ["no category"]]


@pytest.mark.parametrize("precision", ["float64", "float32"])
@pytest.mark.parametrize("rule", ["", "finite", "no-infinity", "float32"])
@pytest.mark.parametrize("width", [1, 3])
def test_one_row_as_a_dict_takes_the_short_way_only_to_the_same_inputs(rule: Any, width: int, precision: Any) -> None:
    names = [f"n{place}" for place in range(width)] + ["k"]
    made = plan(
        request=Request(form="table", width=width + 1, names=names), numbers=list(range(width)), precision=precision,
        codes=[Codes(column=width, values=["u", "v", 1], refused=[1, -2])],
        rules=[Rule(rule=rule, columns=list(range(width)))] if rule else [],
    )  # fmt: skip
    feeder, short = Feeder(made), 0
    for cell in CELLS:
        for kind in KINDS:
            row = dict.fromkeys(names, 1.5) | {"n0": cell, "k": kind}
            with np.errstate(over="ignore"):
                direct = feeder.direct(row)
            if direct is None:
                continue
            short += 1
            long = feeder.feed(rows_of(row, made.request, frozenset()))
            assert direct.keys() == long.keys()
            for name, array in direct.items():
                assert (array.dtype, array.shape) == (long[name].dtype, long[name].shape)
                assert array.tobytes() == long[name].tobytes()
    assert short
    assert feeder.direct({**dict.fromkeys(names, 1.5), "k": "v"}) is None  # refused: the long way says which
    assert feeder.direct(dict.fromkeys(names[:-1], 1.5)) is None


def test_a_list_of_texts_takes_the_short_way_to_the_same_inputs() -> None:
    prelude = Prelude(
        analyzer="word", ngrams=(1, 1), lowercase=True, accents=None, pattern=r"(?u)\b\w\w+\b", stop_words=[],
        encoding="utf-8", decode_error="strict", binary=False, vocabulary=["aa", "bb"],
    )  # fmt: skip
    text = Text(input="t", column=-1, prelude=prelude)
    made = plan(numbers=[], request=Request(form="texts", width=0), texts=[text])
    feeder = Feeder(made)
    for rows in (["aa bb AA"], ["", "cc"], [b"bb"]):
        direct, long = feeder.direct(rows), feeder.feed(rows_of(rows, made.request, frozenset()))
        assert direct is not None
        assert direct.keys() == long.keys()
        for name, array in direct.items():
            assert array.dtype == long[name].dtype
            assert array.tolist() == long[name].tolist()
    assert feeder.direct([]) is None
    assert feeder.direct(("aa",)) is None
    with pytest.raises(SourceError, match="row 1"):
        feeder.direct(["aa", 5])
