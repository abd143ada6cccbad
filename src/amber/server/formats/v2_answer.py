"""An answer of the Open Inference Protocol v2: JSON, and behind it the tensors that were asked for as bytes."""

from __future__ import annotations

from typing import Final

import msgspec

from amber.server.exchange import Answered, Asked
from amber.server.formats.plan import plan_of
from amber.server.interface import Interface

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
    parts, tail = [], []
    order = range(len(places)) if reply is None else reply.order
    for number, at in enumerate(order):
        answer = plan.answers[places[at]]
        if reply is not None and reply.binary[number]:
            data, parameters = answer.raw(values[at], rows)
            written = _encode({"binary_data_size": len(data), **parameters})
            parts.append(answer.binary_head % (rows, written))
            tail.append(data)
        else:
            parts.append(answer.tensor(values[at], rows))
    text = b'%b"outputs":[%b]}' % (head, b",".join(parts))
    if not tail:
        return text, JSON, ()
    return b"".join((text, *tail)), BINARY, ((HEADER_LENGTH, b"%d" % len(text)),)
