"""An answer of the Open Inference Protocol v2: JSON, and behind it the tensors that were asked for as bytes."""

from __future__ import annotations

from typing import Final

import msgspec

from amber.server.exchange import Answered, Asked
from amber.server.formats.plan import Plan, plan_of
from amber.server.interface import Interface

_WRITTEN: Final = 256  # remembered for one version; beyond, all are forgotten
JSON: Final = b"application/json"
BINARY: Final = b"application/octet-stream"
HEADER_LENGTH: Final = b"inference-header-content-length"
_encode = msgspec.json.Encoder().encode


def encode(
    interface: Interface, asked: Asked, answered: Answered
) -> tuple[bytes, bytes, tuple[tuple[bytes, bytes], ...]]:
    """Write the answer to an inference request.

    Returns:
        Body, content type and further headers (where the JSON ends, if binary tensors follow).

    Raises:
        Failure: 500 `worker-answer`: what the worker wrote has not the lengths and labels of the interface.
    """
    plan = plan_of(interface)
    rows, values, reply, places = answered.rows, answered.values, asked.reply, asked.outputs
    head = plan.heads[asked.route]
    if asked.id is not None:
        head = b'%b"id":%b,' % (head, _encode(asked.id))
    if reply is not None and all(reply.binary):
        return _binary(plan, head, asked, answered)
    if reply is None:
        answers = plan.answers
        written = [answers[place].tensor(value, rows) for place, value in zip(places, values, strict=True)]
        return b'%b"outputs":[%b]}' % (head, b",".join(written)), JSON, ()
    parts, tail = [], []
    for at, binary in zip(reply.order, reply.binary, strict=True):
        answer = plan.answers[places[at]]
        if binary:
            data, parameters = answer.raw(values[at], rows)
            parts.append(answer.binary_head % (rows, _encode({"binary_data_size": len(data), **parameters})))
            tail.append(data)
        else:
            parts.append(answer.tensor(values[at], rows))
    text = b'%b"outputs":[%b]}' % (head, b",".join(parts))
    if not tail:
        return text, JSON, ()
    return b"".join((text, *tail)), BINARY, ((HEADER_LENGTH, b"%d" % len(text)),)


def _binary(
    plan: Plan, head: bytes, asked: Asked, answered: Answered
) -> tuple[bytes, bytes, tuple[tuple[bytes, bytes], ...]]:
    """Write an answer all of whose tensors are bytes: its JSON tells rows and sizes alone, and is mostly known."""
    rows, values, places, order = answered.rows, answered.values, asked.outputs, asked.reply.order
    found = [plan.answers[places[at]].raw(values[at], rows) for at in order]
    key = (head, places, order, rows, tuple([len(data) for data, _ in found]))
    marked = any(parameters for _, parameters in found)
    text = None if marked else plan.written.get(key)
    if text is None:
        parts = [
            plan.answers[places[at]].binary_head % (rows, _encode({"binary_data_size": len(data), **parameters}))
            for at, (data, parameters) in zip(order, found, strict=True)
        ]
        text = b'%b"outputs":[%b]}' % (head, b",".join(parts))
        if asked.id is None and not marked:
            if len(plan.written) >= _WRITTEN:
                plan.written.clear()
            plan.written[key] = text
    return b"".join((text, *[data for data, _ in found])), BINARY, ((HEADER_LENGTH, b"%d" % len(text)),)
