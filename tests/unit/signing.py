"""A signer for tests: keys made from fixed numbers, bundles, and a policy that wants one."""

from __future__ import annotations

from amber.policy import Policy
from tools.vectors.signatures import ALICE, BOB, attested, hint, pem, signed

WANTS_ALICE = Policy.from_dict(
    {"signers": {"alice": {"keys": [pem(ALICE)]}}, "rule": [{"names": ["*"], "require": [{"from": ["alice"]}]}]}
)
# The same as a policy file.
TOML = f'''[signers.alice]
keys = ["""
{pem(ALICE)}"""]
[[rule]]
names = ["*"]
require = [{{from = ["alice"]}}]
'''
__all__ = ["ALICE", "BOB", "TOML", "WANTS_ALICE", "attested", "hint", "pem", "signed"]
