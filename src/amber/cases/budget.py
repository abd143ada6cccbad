"""What recorded groups weigh, in bytes, without writing them."""

from __future__ import annotations

from collections.abc import Sequence

from amber.tree.evidence import Column, Group

KIB, MIB = 1024, 1024 * 1024
_TENSOR_BYTES = 150  # of JSON for one tensor, apart from its name and parameters


def budget_bytes(model_bytes: int, limit: int) -> int:
    """Return what all cases of a model may weigh: a tenth of it, from 256 KiB to 16 MiB, and never beyond `limit`."""
    return min(max(256 * KIB, min(16 * MIB, model_bytes // 10)), limit)


def column_bytes(columns: Sequence[Column]) -> tuple[int, int]:
    """Return (bytes of the elements, bytes of JSON) of some tensors."""
    body = sum(memoryview(column.data).nbytes for column in columns)
    return body, sum(_head(column) for column in columns)


def _head(column: Column) -> int:
    parameters = sum(len(key) + len(str(value)) + 8 for key, value in column.parameters.items())
    return _TENSOR_BYTES + len(column.name) + parameters


def group_bytes(group: Group) -> int:
    """Return the bytes of both members of a group, nearly."""
    parts: list[Sequence[Column]] = [group.inputs]
    parts += [answer.columns for answer in group.answers]
    parts += [step.columns for step in group.steps]
    return 400 + sum(sum(column_bytes(columns)) for columns in parts) + 100 * len(group.answers)
