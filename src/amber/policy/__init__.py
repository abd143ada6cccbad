"""What a reader accepts, as plain data, and the pure decision about one artifact.

In: a TOML file of the reader's own, the keyring of this machine, plain data or Python values; and the facts that steps
1 to 4 proved. Out: a frozen `Policy`, and for an artifact the reasons why it is refused. Called by `trust` (which
signatures count), `vault` (step 5), `models` and `server` (the verdict rule) and the command line (the keyring).
Standard library only; nothing here reads an artifact or checks a signature.
"""

from __future__ import annotations

from amber.policy.deciding import decide, demanded_verdicts, judge_verdict, notes
from amber.policy.facts import Attested, Facts, Refusal
from amber.policy.force import in_force
from amber.policy.policy import NAME, Policy
from amber.policy.rules import Demand, Line, Revoked, RevokedKey, Rule
from amber.policy.signers import Certificate, Key, Keyless, Signer

__all__ = [
    "NAME",
    "Attested",
    "Certificate",
    "Demand",
    "Facts",
    "Key",
    "Keyless",
    "Line",
    "Policy",
    "Refusal",
    "Revoked",
    "RevokedKey",
    "Rule",
    "Signer",
    "decide",
    "demanded_verdicts",
    "in_force",
    "judge_verdict",
    "notes",
]
