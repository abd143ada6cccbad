"""One JSON line for every decision under a policy, to the logger `amber.trust`: what an auditor asks about later.

INFO where the artifact was accepted, WARNING where it was refused. Names, ids and labels only: no key, no path of the
artifact and no text of a bundle. JSON escapes what is not ASCII, so no string from a file can end a line or a colour.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from amber.policy.facts import Facts, Refusal
    from amber.policy.policy import Policy

_log = logging.getLogger("amber.trust")
_log.addHandler(logging.NullHandler())  # without one, Python writes warnings of a library to the standard error
_MOST = 256  # characters of a name


def heard(refused: Collection[Refusal]) -> bool:
    """Whether anybody listens to the line of such a decision."""
    return _log.isEnabledFor(_level(refused))


def record(policy: Policy, facts: Facts, refused: Collection[Refusal] = (), *, verb: str = "") -> None:
    """Write the line.

    Args:
        policy: The policy in force.
        facts: What it decided about.
        refused: Its refusals; none: the artifact was accepted.
        verb: What asked: `load`, `verify`, `serve`.
    """
    if not heard(refused):
        return
    from amber.policy.deciding import counted_signers

    codes = list(dict.fromkeys(each.code for each in refused))
    line = {
        "decision": "refused" if codes else "accepted",
        "code": codes[0] if codes else "",
        "codes": codes,
        "id": facts.id,
        "name": facts.name[:_MOST],
        "version": facts.version[:_MOST],
        "signers": sorted(counted_signers(policy, facts)),
        "policy": policy.digest,
        "preset": policy.preset,
        "verb": verb,
    }
    write(line)


def write(line: Mapping[str, Any]) -> None:
    """Write a line whose fields are there: of a decision made here, or by a process that judged for this one."""
    import json

    level = _level(line["codes"])
    if _log.isEnabledFor(level):
        _log.log(level, "%s", json.dumps(line, ensure_ascii=True, separators=(",", ":")))


def _level(refused: Collection[object]) -> int:
    return logging.WARNING if refused else logging.INFO
