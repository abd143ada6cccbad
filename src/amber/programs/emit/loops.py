"""A loop inside a graph, for what the original repeats until it converges."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx

from amber.programs.emit.graph import Graph, Tensor

Step = Callable[[Graph, list[Tensor], list[Tensor]], tuple[list[Tensor], Tensor]]


def repeated(
    step: Step, start: Sequence[Tensor], fixed: Sequence[Tensor], most: int, first: Tensor | None = None
) -> list[Tensor]:  # fmt: skip
    """Return a state after `step` was repeated, `most` times or until it says that it need not go on.

    Args:
        step: Of the graph of the body, the state and what stays the same, to the next state and one bool [1].
        start: The state before the first round.
        fixed: What stays the same.
        most: How often at most.
        first: Whether there is a first round, bool []; always, where it is not given.
    """
    g, body = start[0].graph, Graph(start[0].graph.precision)
    body.input("round", "int64", [])
    body.input("on", "bool", [])
    given = [*start, *fixed]
    inner = [body.input(f"state{i}", each.dtype, ["any"]) for i, each in enumerate(given)]
    state, on = step(body, inner[: len(start)], inner[len(start) :])
    for name, value in [("0.on", body.squeeze(on, 0)), *((f"{i + 1}", each) for i, each in enumerate(state))]:
        body.output(name, value)
    for i in range(len(fixed)):
        body.output(f"{len(start) + i + 1}", inner[len(start) + i])
    begins = g.const(np.bool_(True)) if first is None else first
    looped = g.ops(
        "Loop", g.const(np.int64(most)), begins, *given, dtypes=[each.dtype for each in given],
        body=_inner(body.finished(), len(given)),
    )  # fmt: skip
    return list(looped[: len(start)])


def _inner(data: bytes, width: int) -> Any:
    """Return the graph of a body: its names told apart from those around it, its ports in the order of a loop."""
    graph = onnx.load_model_from_string(data).graph
    order = ["round", "on", *(f"state{i}" for i in range(width))]
    ports = {each.name: each for each in graph.input}  # as they were named, though they are renamed below
    for node in graph.node:
        for names in (node.input, node.output):
            names[:] = ["body." + name if name else "" for name in names]
    for each in [*graph.initializer, *graph.input, *graph.output]:
        each.name = "body." + each.name
    for name in order[2:]:
        ports[name].type.tensor_type.ClearField("shape")  # of any rank
    chosen = [ports[name] for name in order]
    outputs = sorted(graph.output, key=lambda each: int(each.name.removeprefix("body.").partition(".")[0]))
    for field, values in ((graph.input, chosen), (graph.output, outputs)):
        kept = [type(each).FromString(each.SerializeToString()) for each in values]
        del field[:]
        field.extend(kept)
    return graph
