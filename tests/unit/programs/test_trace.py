"""The tracer: what it records, and that whatever it cannot record is refused by name."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import pytest

from amber.errors import AmberError
from amber.programs.trace import Step, Trace, record, trace
from amber.programs.trace.functions import KNOWN


def ops(function: Callable[..., Any], width: int = 3, **options: Any) -> list[str]:
    """Return the names of the steps of a function."""
    return [step.op for step in trace(function, width, **options).steps]


def refusal(function: Callable[..., Any], width: int = 3, **options: Any) -> str:
    """Return why a function is refused."""
    with pytest.raises(AmberError) as refused:
        trace(function, width, **options)
    assert refused.value.code == "trace-refused"
    return refused.value.message


def test_a_trace_is_closed_data() -> None:
    found = trace(lambda x: np.where(x > 1, np.log1p(x), -x)[:, [0, 2]], 3)
    assert found.width == 3
    assert found.out == 2
    assert found.kind == "float"
    assert [step.op for step in found.steps] == [
        "input", "constant", "greater", "log1p", "negative", "where", "columns",
    ]  # fmt: skip
    assert found.steps[1] == Step("constant", values=("1.0",), kind="int")
    assert found.steps[-1] == Step("columns", (5,), columns=(0, 2))
    again = msgspec.json.decode(msgspec.json.encode(found), type=Trace)
    assert again == found
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(b'{"width":1,"out":1,"kind":"float","steps":[],"code":"print()"}', type=Trace)


def test_every_operation_is_of_the_closed_list() -> None:
    known = record.UNARY | record.BINARY | record.REDUCTIONS | record.OTHER
    assert all(isinstance(getattr(np, name, None), np.ufunc) for name in record.UNARY | record.BINARY)
    assert set(ops(lambda x: np.std(x, axis=1, keepdims=True) + np.nan_to_num(x))) <= known


def test_equal_steps_are_one_and_unused_ones_are_dropped() -> None:
    def function(x: Any) -> Any:
        np.exp(x)  # not used
        return np.sin(x) * np.sin(x)

    assert ops(function) == ["input", "sin", "multiply"]


def test_settings_are_handed_on() -> None:
    def scaled(x: Any, by: float = 1.0) -> Any:
        return x * by

    assert trace(scaled, 1, {"by": 3}).steps[1].values == ("3.0",)


def test_shapes_that_are_known() -> None:
    def function(x: Any) -> Any:
        assert x.ndim == 2
        assert x.shape[1] == 3
        assert x.shape == x.shape
        assert x.shape[0] == x.shape[0]
        assert x.dtype == np.float64
        assert np.ndim(x[:, 0]) == 1
        assert np.shape(x)[1] == 3
        assert isinstance(x, np.ndarray)
        return x.reshape(x.shape[0], -1)

    assert ops(function) == ["input"]


def test_constants_of_the_function_itself() -> None:
    weights = np.array([1.0, 2.0, 3.0])
    found = trace(lambda x: (x - weights) / weights[None, :] + np.float32(0.1) + True, 3)
    shapes = [step.shape for step in found.steps if step.op == "constant"]
    assert shapes == [(3,), (1, 3), (), ()]
    assert str(float(np.float32(0.1))) in {value for step in found.steps for value in step.values}
    assert trace(lambda x: x[:, :1] * weights, 3).out == 3


def test_kinds() -> None:
    assert trace(lambda x: x > 0, 2).kind == "bool"
    assert trace(lambda x: (x > 0) + (x > 1), 2).kind == "bool"
    assert trace(lambda x: (x > 0).astype(int) * 2, 2).kind == "int"
    assert trace(lambda x: (x > 0) * 1.5, 2).kind == "float"
    assert trace(lambda x: (x > 0).astype(int) / 2, 2).kind == "float"
    assert trace(lambda x: np.sum(x > 0, axis=1), 2).kind == "int"
    assert trace(lambda x: np.where(x > 0, 1, 0), 2).kind == "int"
    assert trace(lambda x: np.where(x > 0, 1, x), 2).kind == "float"
    assert trace(lambda x: np.column_stack([x, x[:, 0] > 0]), 2).kind == "float"


def test_what_is_no_step() -> None:
    for function in (
        lambda x: +x, lambda x: x.copy(), np.copy, lambda x: x[:], lambda x: x.astype(float), lambda x: x.astype("f8"),
        lambda x: np.atleast_2d(x), lambda x: x.reshape(-1, 3), lambda x: np.hstack([x]), lambda x: x.clip(None, None),
    ):  # fmt: skip
        assert ops(function) == ["input"]


def test_vectors_and_columns() -> None:
    assert trace(lambda x: x[:, -1], 3).out == 0
    assert trace(lambda x: x[:, -1], 3).steps[-1].columns == (2,)
    for function in (
        lambda x: x[:, 1][:, None], lambda x: x[:, 1].reshape(-1, 1), lambda x: np.expand_dims(x[:, 1], 1),
        lambda x: np.column_stack([x[:, 1]]), lambda x: np.stack([x[:, 1]], axis=1),
    ):  # fmt: skip
        assert ops(function) == ["input", "column", "expand"]
    for function in (np.ravel, lambda x: x.reshape(-1), lambda x: np.squeeze(x, axis=1), lambda x: x.squeeze(1)):
        assert ops(function, 1) == ["input", "column"]
    assert trace(lambda x: x[:, [True, False, True]], 3).steps[-1].columns == (0, 2)
    assert trace(lambda x: x[:, ::2], 3).steps[-1].columns == (0, 2)
    assert trace(lambda x: x[..., 1], 3).out == 0


REFUSED: dict[str, list[Callable[[Any], Any]]] = {
    "truth value": [
        lambda x: x if x > 0 else -x,
        lambda x: x and x,
        lambda x: not x,
        lambda x: bool(x),
        lambda x: 0 < x < 1,
        lambda x: max(x, 0),
        lambda x: [x] if x in [0, x * 2] else x,
    ],
    "a loop": [lambda x: [row * 2 for row in x], lambda x: list(x), lambda x: sum(x), lambda x: np.array([*x])],
    "len": [lambda x: x / len(x)],
    "number of rows": [
        lambda x: x * x.shape[0],
        lambda x: x / (x.shape[0] - 1),
        lambda x: range(x.shape[0]),
        lambda x: x.shape[0] == 1,
        lambda x: np.zeros(x.shape),
        lambda x: x + np.ones(x.shape[0]),
        lambda x: x if x.shape[0] > 2 else -x,
    ],
    "float()": [lambda x: float(x), lambda x: math.sin(x)],
    "int()": [lambda x: int(x)],
    "as an index": [lambda x: [1, 2][x]],
    "round()": [lambda x: round(x, 2)],
    "conversion to an array": [
        lambda x: np.asarray(x),
        lambda x: np.array(x),
        lambda x: np.c_[x, x],
        lambda x: np.r_[x],
        lambda x: np.array([x, x]),
    ],
    "over rows": [
        lambda x: x.mean(),
        lambda x: x - x.mean(axis=0),
        lambda x: np.max(x),
        lambda x: x / x.sum(0),
        np.std,
        np.var,
        lambda x: np.any(x > 0),
        lambda x: np.add.reduce(x),
        lambda x: np.sum(x[:, 0]),
        lambda x: np.sum(x, axis=(0, 1)),
        lambda x: np.maximum.reduce(x, axis=0),
        lambda x: np.mean(x, axis=None),
        lambda x: np.min(x, axis=True),
    ],
    "numpy.sort": [lambda x: np.sort(x, axis=1)],
    "numpy.median": [lambda x: np.median(x, axis=1)],
    "numpy.cumsum": [lambda x: np.cumsum(x, axis=1)],
    "numpy.einsum": [lambda x: np.einsum("ij->i", x)],
    "numpy.linalg.norm": [lambda x: np.linalg.norm(x, axis=1)],
    "numpy.vstack": [lambda x: np.vstack([x, x])],
    "numpy.dot": [lambda x: np.dot(x, np.ones(3))],
    "operator @": [lambda x: x @ np.ones((3, 2))],
    "numpy.matmul": [lambda x: np.ones((2, 3)) @ x],
    "numpy.zeros_like": [lambda x: x + np.zeros_like(x)],
    "numpy.concatenate of rows": [lambda x: np.concatenate([x, x]), lambda x: np.hstack([x[:, 0], x[:, 1]])],
    "numpy.add.accumulate": [lambda x: np.add.accumulate(x, axis=1)],
    "numpy.multiply.outer": [lambda x: np.multiply.outer(x, x)],
    "numpy.add.at": [lambda x: np.add.at(x, 0, 1)],
    "(out=": [lambda x: np.add(x, 1, out=np.zeros((5, 3)))],
    "(where=": [lambda x: np.log(x, where=x > 0)],
    "(dtype=": [lambda x: np.add(x, 1, dtype=np.float32)],
    "frexp": [lambda x: np.frexp(x)[0]],
    "numpy.heaviside": [lambda x: np.heaviside(x, 0.5)],
    "assignment": [lambda x: x.__setitem__((slice(None), 0), 1), lambda x: exec("x[:, 0] = 1", {"x": x}) or x],
    "in place": [lambda x: exec("x += 1", {"x": x}) or x, lambda x: exec("x **= 2", {"x": x}) or x],
    "index": [
        lambda x: x[0],
        lambda x: x[1:],
        lambda x: x[x[:, 0] > 0],
        lambda x: x["a"],
        lambda x: x[["a", "b"]],
        lambda x: x[:, 7],
        lambda x: x[0, 0],
        lambda x: x[:, 0, 0],
        lambda x: x[:, [[0]]],
        lambda x: x[:, x],
        lambda x: x[:, []],
        lambda x: x[()],
        lambda x: x[:, 0][0],
        lambda x: x[:, None],
    ],
    "attribute T": [lambda x: x.T],
    "no attribute iloc": [lambda x: x.iloc[:, 0]],
    "no attribute values": [lambda x: x.values],
    "no attribute to_numpy": [lambda x: x.to_numpy()],
    "attribute size": [lambda x: x / x.size],
    "attribute tolist": [lambda x: x.tolist()],
    "attribute flat": [lambda x: x.flat],
    "keep the rows": [
        lambda x: x.reshape(1, -1),
        lambda x: x.ravel(),
        lambda x: x.reshape(-1, 1),
        lambda x: x.reshape(-1),
    ],
    "squeeze": [lambda x: np.squeeze(x)],
    "vector together": [lambda x: x * x[:, 0], lambda x: x[:, 0] + np.ones(3), lambda x: x[:, 0] + np.ones((1, 1))],
    "columns together": [lambda x: x * x[:, :2], lambda x: x + np.ones(4)],
    "a constant of": [
        lambda x: x + "a",
        lambda x: x + np.ones((3, 3)),
        lambda x: x + 1j,
        lambda x: np.where(x > 0, x, None),
    ],
    "beyond 2**53": [lambda x: x + (2**60 + 1)],
    "of truth values": [
        lambda x: np.exp(x > 0),
        lambda x: (x > 0) - (x > 1),
        lambda x: -(x > 0),
        lambda x: (x > 0) / (x > 1),
    ],
    "of integers": [lambda x: (x > 0).astype(int) // 2, lambda x: np.sqrt((x > 0).astype(int))],
    "of numbers": [lambda x: x & x, lambda x: ~x],
    "astype": [
        lambda x: x.astype(int),
        lambda x: x.astype(np.float32),
        lambda x: x.astype(str),
        lambda x: x.astype(float, order="F"),
    ],
    "numpy.where on": [lambda x: np.where(x, 1, 0)],
    "copy=False": [lambda x: np.nan_to_num(x, copy=False)],
    "of a missing constant": [lambda x: np.fmax(x, np.nan)],
    "list of traced arrays": [lambda x: np.hstack([x, np.ones((5, 1))])],
    "numpy.diff": [lambda x: np.diff(x, n=2), lambda x: np.diff(x, axis=0)],
    "numpy.stack": [lambda x: np.stack([x, x], axis=1), lambda x: np.stack([x[:, 0], x[:, 1]])],
    "expand_dims": [lambda x: np.expand_dims(x, 0)],
    "of something else than floats": [lambda x: np.round(x > 0)],
    "with dtype= or out=": [lambda x: np.sum(x, axis=1, dtype=int), lambda x: np.std(x, axis=1, dtype=float)],
    "something else than an array": [
        lambda x: 3,
        lambda x: None,
        lambda x: (x, x),
        lambda x: np.ones(3),
        lambda x: x.shape,
    ],
    "fails under the tracer": [
        lambda x: {x: 1},
        lambda x: 1 / 0,
        lambda x, y: x,
        lambda x: f"{x:.2f}",
        lambda x: np.concatenate(),
        lambda x: {}["key"],
        lambda x: np.where(),
    ],
    "the same twice": [lambda x: x + np.random.random(), lambda x: x + time.perf_counter()],
}


@pytest.mark.parametrize(("said", "number"), [(said, i) for said, all_ in REFUSED.items() for i in range(len(all_))])
@pytest.mark.filterwarnings("ignore")
def test_what_is_refused_by_name(said: str, number: int) -> None:
    assert said in refusal(REFUSED[said][number])


def test_a_function_that_swallows_the_refusal_is_refused() -> None:
    def careful(x: Any) -> Any:
        try:
            return x if x > 0 else -x
        except Exception:
            return x * 2

    assert "truth value" in refusal(careful)

    def loud(x: Any) -> Any:
        try:
            return float(x)
        except Exception as error:
            raise RuntimeError("my own") from error

    assert "float()" in refusal(loud)


def test_a_table_of_another_trace_is_no_answer() -> None:
    kept: list[Any] = []

    def keeps(x: Any) -> Any:
        kept.append(x)
        return kept[0]

    assert "something else" in refusal(keeps)


def test_frames() -> None:
    """What frames do differently from arrays: sums that leave out missing values, indexing, classes."""
    assert ops(lambda x: np.log1p(x.clip(0, 5)).round(2), frame=True)[:2] == ["input", "constant"]
    for function in (
        lambda x: x.sum(axis=1), lambda x: np.mean(x, axis=1), lambda x: np.std(x, axis=1), lambda x: x[:, 0],
        lambda x: x["a"], lambda x: x // x, lambda x: x % 0, lambda x: x.reshape(-1, 3),
    ):  # fmt: skip
        assert "frame" in refusal(function, frame=True)
    assert ops(lambda x: x % 24 // 2, frame=True) == ["input", "constant", "remainder", "constant", "floor_divide"]
    assert "attribute iloc" in refusal(lambda x: x.iloc[:, 0], frame=True)
    assert "class of a frame" in refusal(lambda x: x if isinstance(x, np.ndarray) else -x, frame=True)


def test_a_trace_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "STEPS", 20)

    def long(x: Any) -> Any:
        for i in range(50):
            x = x + i
        return x

    assert "so many steps" in refusal(long)
    monkeypatch.setattr(record, "VALUES", 20)
    assert "so many steps" in refusal(lambda x: x + np.arange(30.0), 30)


def test_copies_of_a_traced_array() -> None:
    assert ops(lambda x: copy.copy(x)) == ["input"]


def test_a_function_for_arrays_and_frames() -> None:
    """It takes the way of arrays; where the original gets frames it is refused."""

    def either(x: Any) -> Any:
        return np.exp(x.to_numpy() if hasattr(x, "to_numpy") else x)

    assert ops(either) == ["input", "exp"]
    assert "attribute to_numpy" in refusal(either, frame=True)


def test_every_function_beside_the_ufuncs_is_numpys() -> None:
    assert all(function.__module__.startswith("numpy") for function in KNOWN)
