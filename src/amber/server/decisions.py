"""What a policy decided about an artifact, on its way from the process that judged it to the logger `amber.trust`.

    loader: `policy.record` writes a line, `worker.recording` hears it -> `Decision` in a frame
    front: an event, and a line to the logger

In: a line of that logger. Out: the same fields, each bounded, and nothing else: the process that judged has seen a
stranger's file, and may have run its model. Called by the loader, the front and `amber.serve`.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from amber.policy import record

_Code = Annotated[str, Meta(max_length=64)]
_Name = Annotated[str, Meta(max_length=256)]
_MOST_LINE = 1 << 18  # characters


class Decision(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One decision, with the fields of `policy.record` (spec/policy.md, "What is recorded")."""

    decision: Literal["accepted", "refused"]
    code: _Code
    codes: Annotated[list[_Code], Meta(max_length=64)]
    id: Annotated[str, Meta(pattern="^([0-9a-f]{64})?$")]
    name: _Name
    version: _Name
    signers: Annotated[list[_Name], Meta(max_length=4096)]
    policy: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    preset: _Code
    verb: _Code


def parsed(line: str) -> Decision | None:
    """Return what a line of the logger says; None where it is no such line, or longer than one is."""
    if len(line) > _MOST_LINE:
        return None
    try:
        return msgspec.json.decode(line, type=Decision)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


def write(decision: Decision) -> None:
    """Write the line to the logger `amber.trust` of this process."""
    record.write(msgspec.structs.asdict(decision))
