"""The child process of freezing: a graph, its plan and the recorded cases in, what the cases say of it out.

Started by `models.freezing` only. What it needs is imported before the order is read, while the caller still records
cases and emits; its address space is limited after that. It gets data and no code: no class of the model, nothing of
its library.
"""

from __future__ import annotations

import contextlib
import sys
from dataclasses import asdict, replace

import msgspec

from amber.archive.cases import decode_group, encode_group
from amber.errors import AmberError
from amber.limits import DEFAULT, Limits
from amber.models.child import answer, begun, limit_memory
from amber.programs.plan import Plan
from amber.tree.evidence import Evidence

MEMORY = "the cases need more memory of the program than four times its session and the limit replay_extra_bytes"
HINT = "allow more in the policy's limits (replay_seconds, replay_extra_bytes); the original answers"
FRAMES = "frames"  # the word for a child that will be asked about frames
_FACTOR = 32  # a session makes eight times its graph of an ensemble; the replay of a program allows as much


class Order(msgspec.Struct, forbid_unknown_fields=True):
    """What the child is asked to do; MessagePack on its standard input. Plan and cases as an artifact holds them."""

    plan: bytes
    graph: bytes
    groups: list[tuple[str, bytes, bytes]]  # id, JSON and tensors of each
    limits: dict[str, int | float]


class Refusal(msgspec.Struct, forbid_unknown_fields=True, tag=True):
    """Why the cases could not be asked: memory ran out, or an error of Amber's own."""

    code: str
    message: str
    where: str = ""
    hint: str = ""


def order_of(plan: Plan, graph: bytes, evidence: Evidence, limits: Limits) -> bytes:
    """Return the order, on the caller's side."""
    groups = [msgspec.structs.replace(group, steps=[]) for group in evidence.groups]
    parts = [(group.id, *encode_group(group)) for group in groups]
    cases = [(name, json, b"".join(map(_bytes, binary))) for name, json, binary in parts]
    return msgspec.msgpack.encode(Order(msgspec.json.encode(plan), graph, cases, asdict(limits)))


def _bytes(part: memoryview | bytes) -> bytes:
    return part if isinstance(part, bytes) else part.tobytes()


def main(arguments: list[str]) -> int:
    """Run one order from standard input; return the exit status."""
    descriptor, word = begun(arguments)
    from amber.models.certifying import judge
    from amber.programs.session import runtime

    runtime()
    if word == FRAMES:
        with contextlib.suppress(ImportError):
            import pandas  # noqa: F401 - the slowest import there is: before the order comes
    order = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=Order)
    limits = replace(DEFAULT, **order.limits)  # type: ignore[arg-type]
    limit_memory(_FACTOR * len(order.graph) + limits.replay_extra_bytes)
    try:
        groups = [decode_group(name, json, binary, limits) for name, json, binary in order.groups]
        evidence = Evidence(groups, "", sum(group.rows for group in groups), 0, 0, False)
        plan = msgspec.json.decode(order.plan, type=Plan)  # as a reader will have it
        found: object = judge(plan, order.graph, evidence, limits)
    except MemoryError:
        found = Refusal("program-budget", MEMORY, hint=HINT)
    except AmberError as error:
        found = Refusal(error.code, error.message, error.where, error.hint)
    answer(descriptor, msgspec.msgpack.encode(found))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
