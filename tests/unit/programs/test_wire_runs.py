"""Long runs of numbers are cut off and decoded as short ones are: what an expression finds, NumPy finds."""

from __future__ import annotations

from typing import Any

import pytest

np = pytest.importorskip("numpy")

from amber.errors import FormatError  # noqa: E402
from amber.programs import graph_values, wire, wire_runs  # noqa: E402

TAG = 0x40  # AttributeProto.ints
WIDE = [0, 1, 127, 128, 300, 16383, 16384, 2**31, 2**62, 2**63 - 1, -1, -(2**63)]
RNG = np.random.default_rng(0)
LISTS: dict[str, list[int]] = {
    "short": RNG.integers(0, 128, 50_000).tolist(),
    "mixed": RNG.integers(0, 300, 50_000).tolist(),
    "three bytes": RNG.integers(16384, 2**21, 60_000).tolist(),
    "wide": [WIDE[each] for each in RNG.integers(0, len(WIDE), 40_000)],
    "short, then wide": [1] * 40_000 + WIDE * 3000,
    "one wide among short": [1] * 30_000 + [2**40] + [1] * 30_000,
    "just a chunk": [5] * (wire_runs._CHUNK // 2) + [6] * 10,
}


def attribute(run: bytes, after: bytes = b"\xa0\x01\x07") -> bytes:
    """A model with one node and one attribute: a name, a run of integers, what follows."""
    held = b"\x0a\x01a" + run + after
    for number in (5, 1, 7):  # of a node, a graph, a model
        held = wire.varint(number << 3 | 2) + wire.varint(len(held)) + held
    return b"\x08\x0a" + held


def spelled(values: list[int]) -> bytes:
    return b"".join(bytes([TAG]) + wire.varint(value) for value in values)


def found(data: bytes) -> list[int] | str:
    try:
        graph: Any = wire.walk(data).graph
    except FormatError as error:
        return error.code
    run = graph.node[0].attribute[0].ints
    values = graph_values.integers(run).tolist()
    assert len(values) == run.count
    assert values == wire.integers(run)
    return list(values)


@pytest.mark.parametrize("name", LISTS)
def test_a_long_run_is_what_was_written(name: str) -> None:
    for after in (b"\xa0\x01\x07", b"\x18\x05\xa0\x01\x07", b""):
        assert found(attribute(spelled(LISTS[name]), after)) == LISTS[name]


WRONG = {
    "longer than it need be": b"\x81\x00", "eleven bytes": b"\xff" * 10 + b"\x01",
    "more than 64 bits": b"\xff" * 9 + b"\x02", "zero in two bytes": b"\x80\x00",
}  # fmt: skip


@pytest.mark.parametrize("place", [0, 2000, 40_000, 49_999])
@pytest.mark.parametrize("wrong", WRONG)
def test_a_number_in_another_spelling_is_refused_wherever_it_stands(wrong: str, place: int) -> None:
    values = LISTS["mixed"]
    run = spelled(values[:place]) + bytes([TAG]) + WRONG[wrong] + spelled(values[place:])
    assert found(attribute(run)) == "program-invalid"


def test_a_run_that_is_cut_off_or_interrupted_is_refused() -> None:
    run = spelled(LISTS["mixed"])
    assert found(attribute(run + bytes([TAG]), b"")) == "program-invalid"
    assert found(attribute(run + bytes([TAG]) + b"\x80", b"")) == "program-invalid"
    assert found(attribute(run + b"\x18\x05" + run)) == "program-invalid"  # the same list twice


def test_any_bytes_end_as_with_short_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    run, refused = bytearray(spelled(LISTS["mixed"][:4000])), 0
    for _ in range(200):
        data = run.copy()
        for place in RNG.integers(0, len(data), 2):
            data[place] = RNG.integers(0, 256)
        whole = attribute(bytes(data))
        long = found(whole)
        with monkeypatch.context() as patched:
            patched.setattr(wire, "_LONG", 1 << 60)
            assert found(whole) == long
        refused += long == "program-invalid"
    assert 20 < refused < 200


def test_long_runs_of_floats() -> None:
    values = RNG.normal(size=20_000).astype(np.float32)
    run = b"".join(b"\x3d" + value.tobytes() for value in values)
    graph: Any = wire.walk(attribute(run, b"\xa0\x01\x06")).graph
    assert np.array_equal(graph_values.floats(graph.node[0].attribute[0].floats), values)
    for odd in (run[:-1], run + b"\x3d", run + b"\x18\x05" + run):
        with pytest.raises(FormatError):
            wire.walk(attribute(odd, b""))
