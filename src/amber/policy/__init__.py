"""What a reader accepts, as plain data, and the pure decision about one artifact.

In: a TOML file of the reader's own, the keyring of this machine, plain data or Python values; and the facts that steps
1 to 4 proved. Out: a frozen `Policy`, and for an artifact the reasons why it is refused. Called by `trust` (which
signatures count), `vault` (step 5), `models` and `server` (the verdict rule) and the command line (the keyring).
Standard library only; nothing here reads an artifact or checks a signature. Every start of a process that opens an
artifact passes here, and most have a policy without signers and rules: each name is imported when it is used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from amber.policy.deciding import decide as decide
    from amber.policy.deciding import notes as notes
    from amber.policy.facts import Attested as Attested
    from amber.policy.facts import Facts as Facts
    from amber.policy.facts import Refusal as Refusal
    from amber.policy.force import in_force as in_force
    from amber.policy.policy import NAME as NAME
    from amber.policy.policy import Policy as Policy
    from amber.policy.revoked import Revoked as Revoked
    from amber.policy.revoked import RevokedKey as RevokedKey
    from amber.policy.rules import Demand as Demand
    from amber.policy.rules import Line as Line
    from amber.policy.rules import Rule as Rule
    from amber.policy.signers import Certificate as Certificate
    from amber.policy.signers import Key as Key
    from amber.policy.signers import Keyless as Keyless
    from amber.policy.signers import Signer as Signer
    from amber.policy.verdicts import demanded_verdicts as demanded_verdicts
    from amber.policy.verdicts import judge_verdict as judge_verdict

_HOMES = {
    "NAME": "policy",
    "Attested": "facts",
    "Certificate": "signers",
    "Demand": "rules",
    "Facts": "facts",
    "Key": "signers",
    "Keyless": "signers",
    "Line": "rules",
    "Policy": "policy",
    "Refusal": "facts",
    "Revoked": "revoked",
    "RevokedKey": "revoked",
    "Rule": "rules",
    "Signer": "signers",
    "decide": "deciding",
    "demanded_verdicts": "verdicts",
    "in_force": "force",
    "judge_verdict": "verdicts",
    "notes": "deciding",
}
__all__ = [*_HOMES]


if not TYPE_CHECKING:  # a name that is not listed stays an error of the type checker

    def __getattr__(name: str) -> Any:
        home = _HOMES.get(name)
        if home is None:
            raise AttributeError(f"module 'amber.policy' has no attribute {name!r}")
        module = importlib.import_module(f"amber.policy.{home}")  # noqa: TID251 - by the closed table above
        value = getattr(module, name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return list(__all__)
