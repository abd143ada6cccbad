"""What `/v2/models/{name}` says of a model: inputs, outputs, versions, and what was vouched for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from amber.server.formats.answers import Answer
from amber.server.formats.columns import Column
from amber.server.formats.plan import plan_of
from amber.server.interface import Interface


def metadata(
    interface: Interface, versions: Sequence[str] = (), properties: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Return the answer to GET `/v2/models/{name}`.

    Args:
        interface: Of the version that is asked.
        versions: All that are there; empty: its own.
        properties: Further ones (state, reason), beside those of the interface. The gRPC form has only texts.
    """
    plan = plan_of(interface)
    return {
        "name": interface.name,
        "versions": list(versions) or [interface.version],
        "platform": interface.platform,
        "inputs": [_input(each) for each in plan.columns],
        "outputs": [_output(each) for each in plan.answers],
        "properties": {**_properties(interface), **(properties or {})},
    }


def _properties(interface: Interface) -> dict[str, str]:
    found = {"amber.id": interface.id, "amber.route": interface.route, "amber.form": interface.form}
    if interface.digest:
        found["amber.manifest"] = f"blake3:{interface.digest}"
    found |= {f"amber.verdict.{route}": verdict for route, verdict in interface.verdicts.items()}
    return found | {f"amber.methods.{route}": ",".join(names) for route, names in interface.methods.items()}


def _input(column: Column) -> dict[str, Any]:
    described = column.input
    told: dict[str, Any] = {"amber.dtype": described.dtype, "amber.missing": column.missing}
    if not described.required:
        told["amber.required"] = False
    return {
        "name": column.name,
        "datatype": column.datatype,
        "shape": [-1, column.width] if column.width > 1 else [-1],
        "parameters": told,
    }


def _output(answer: Answer) -> dict[str, Any]:
    output = answer.output
    told: dict[str, Any] = {"amber.dtype": output.dtype, "amber.method": output.method}
    if len(output.classes) == 1:  # parameters are no lists
        told["amber.classes"] = msgspec.json.encode(output.classes[0]).decode()
    return {
        "name": answer.name,
        "datatype": answer.datatype,
        "shape": [-1, *output.shape],
        "parameters": told | {f"amber.batching.{route}": word for route, word in output.batching.items()},
    }
