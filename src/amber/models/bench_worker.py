"""The child process of `amber bench`: open one side, answer one row, then measure, and write one JSON object.

Started by `models.bench` only, with one thread for every library. Nothing is imported before the clock of the first
answer but what the side itself needs: the start is what is measured.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, Literal

import msgspec

_ONE_SECONDS, _MANY_SECONDS = 0.3, 0.6  # how long calls are repeated
_FEWEST, _MOST = 3, 5000  # calls
_ANSWER_BYTES = 64 * 1024 * 1024  # of one method that are sent back to be compared


class Part(msgspec.Struct, forbid_unknown_fields=True):
    """One recorded column (`tree.evidence.Column`), its bytes as JSON can carry them."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    data: bytes
    parameters: dict[str, str | int | bool] = {}


class Order(msgspec.Struct, forbid_unknown_fields=True):
    """What the child is asked to do; JSON on its standard input."""

    side: Literal["original", "program"]
    source: bytes  # a path as the system has it, which need not be text
    program: str
    path: list[bytes]  # the parent's sys.path, so that an allowed module is found where the parent finds it
    policy: dict[str, Any]  # of the parent, floor included: the file may be another one by now, and is judged again
    method: str
    methods: list[str]  # whose answers to the batch are sent back
    layout: str
    columns: list[Part]
    kept: list[int]  # rows of the request that are answered
    rows: int  # of the batch
    started: float  # time.monotonic() of the parent, which is the same clock
    bundles: list[tuple[bytes, bytes]] = []  # detached ones by their path, as the parent read them


class Said(msgspec.Struct, forbid_unknown_fields=True):
    """What one method answered to the batch; `refusal` says why there is nothing to compare."""

    method: str
    layout: str = ""
    columns: list[Part] = []
    refusal: str = ""


class Outcome(msgspec.Struct, forbid_unknown_fields=True):
    """What the child measured, in seconds and bytes; or why it could not."""

    code: str = ""
    reason: str = ""
    cold: float = 0.0
    one: float = 0.0
    many: float = 0.0
    peak: int = 0
    answers: list[Said] = []


def main(descriptor: int) -> int:
    """Run one order from standard input; return the exit status."""
    order = msgspec.json.decode(sys.stdin.buffer.read(), type=Order)
    known = set(sys.path)
    sys.path.extend(entry for entry in map(os.fsdecode, order.path) if entry not in known)
    outcome = _outcome(order)
    with os.fdopen(descriptor, "wb") as pipe:
        pipe.write(msgspec.json.encode(outcome))
    return 0


def _outcome(order: Order) -> Outcome:
    from amber.errors import AmberError, shown

    try:
        with contextlib.ExitStack() as stack:
            return _measured(order, stack)
    except AmberError as error:
        return Outcome(error.code, error.message)
    except ImportError as error:
        return Outcome("library-missing", str(error))
    except MemoryError:
        return Outcome("budget", "out of memory")
    except Exception as error:  # whatever a model raises
        return Outcome("input-refused", f"{type(error).__name__}: {shown(error, 300)}")


def _measured(order: Order, stack: contextlib.ExitStack) -> Outcome:
    model = _original(order, stack) if order.side == "original" else _program(order)
    table = table_of(order.layout, order.columns, named=order.side == "program")
    ask = getattr(model, order.method)
    one = part_of(table, order.kept[:1])
    if isinstance(one, dict):
        one = {label: values.tolist()[0] for label, values in one.items()}
    ask(one)
    cold = time.monotonic() - order.started
    many = part_of(table, [order.kept[row % len(order.kept)] for row in range(order.rows)])
    found = Outcome(cold=cold, one=timed(lambda: ask(one), _ONE_SECONDS), many=timed(lambda: ask(many), _MANY_SECONDS))
    found.peak = peak_bytes()
    found.answers = [_said(model, method, many) for method in order.methods]
    return found


def _original(order: Order, stack: contextlib.ExitStack) -> Any:
    from amber.models.load import load

    model = load(os.fsdecode(order.source), policy=_policy(order), replay="never", bundles=_bundles(order))
    from amber.cases.quiet import single_thread

    stack.enter_context(single_thread())
    return model


def _program(order: Order) -> Any:
    from amber.models.program import program

    source, bundles = os.fsdecode(order.source), _bundles(order)
    return program(source, name=order.program, policy=_policy(order), replay="never", bundles=bundles)


def _policy(order: Order) -> Any:
    from amber.policy import Policy

    return Policy.from_dict(order.policy)


def _bundles(order: Order) -> dict[str, bytes]:
    return {os.fsdecode(path): data for path, data in order.bundles}


def table_of(layout: str, parts: Sequence[Part], *, named: bool) -> Any:
    """Return a recorded request; with `named` a frame is a dict of columns, which needs no pandas."""
    from amber.cases import tables
    from amber.tree.evidence import Column

    columns = [Column(each.name, each.datatype, each.shape, each.data, each.parameters) for each in parts]
    if layout != "frame" or not named:
        return tables.decode(layout, columns)
    from amber.cases import plain

    return plain.columns_of(columns)


def part_of(table: Any, rows: Sequence[int]) -> Any:
    """Return these rows of a request."""
    if isinstance(table, dict):
        return {label: values[list(rows)] for label, values in table.items()}
    from amber.cases.rows import take

    return take(table, rows)


def timed(call: Callable[[], Any], budget_seconds: float) -> float:
    """Return the median time of a call, repeated until the budget is used up; the first one is not counted."""
    from statistics import median

    call()
    found: list[float] = []
    used = 0.0
    while len(found) < _MOST and (len(found) < _FEWEST or used < budget_seconds):
        start = time.perf_counter()
        call()
        found.append(time.perf_counter() - start)
        used += found[-1]
    return median(found)


def peak_bytes() -> int:
    """Return the largest resident memory of this process so far."""
    with contextlib.suppress(OSError, ValueError, StopIteration), open("/proc/self/status", encoding="ascii") as file:
        # of this program alone: getrusage begins with what the process was before it became Python
        return 1024 * int(next(line for line in file if line.startswith("VmHWM")).split()[1])
    import resource

    found = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return found if sys.platform == "darwin" else 1024 * found


def _said(model: Any, method: str, rows: Any) -> Said:
    from amber.cases import tables
    from amber.cases.cells import Unsupported
    from amber.errors import shown

    try:
        layout, columns, _ = tables.encode(getattr(model, method)(rows), method)
    except Unsupported as error:
        return Said(method, refusal=str(error))
    except Exception as error:  # whatever a model raises
        return Said(method, refusal=f"{type(error).__name__}: {shown(error, 300)}")
    if sum(len(bytes(each.data)) for each in columns) > _ANSWER_BYTES:
        return Said(method, refusal="too large to be compared")
    parts = [Part(each.name, each.datatype, each.shape, bytes(each.data), each.parameters) for each in columns]
    return Said(method, layout, parts)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
