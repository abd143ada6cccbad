"""What must hold between the parts of a policy: no signer under two labels, no rule about nobody, no idle preset."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amber.policy.invalid import at, invalid
from amber.policy.rules import Rule
from amber.policy.signers import Signer

if TYPE_CHECKING:
    from amber.policy.policy import Policy

MOST_SIGNERS = 256
MOST_RULES = 1024


def check(policy: Policy) -> None:
    """Raise where parts of a policy contradict each other.

    Raises:
        UsageError: `policy-invalid`, with both places.
    """
    _classes(policy)
    _signers(policy.signers)
    labels = {signer.label for signer in policy.signers}
    for position, rule in enumerate(policy.rules):
        _rule(rule, labels, position)
    _preset(policy)
    if policy.issued and policy.expires and policy.issued >= policy.expires:
        raise invalid("expires", "the policy expires before it is issued")
    if policy.floor is not None and (policy.floor.floor is not None or policy.floor.seen is not None):
        raise invalid(
            "floor", "the policy of a machine has no floor of its own and remembers nothing", "take out [seen]"
        )


def _classes(policy: Policy) -> None:
    from amber.policy.encodings import check_certificate

    for field, kind, most in (("signers", Signer, MOST_SIGNERS), ("rules", Rule, MOST_RULES)):
        found = getattr(policy, field)
        if not all(isinstance(each, kind) for each in found):
            raise invalid(field, f"must hold objects of the class {kind.__name__}", "Policy.from_dict reads plain data")
        if len(found) > most:
            raise invalid(field, f"more than {most}")
    for position, root in enumerate(policy.timestamps):
        check_certificate(root, at("timestamps.roots", position))


def _signers(signers: tuple[Signer, ...]) -> None:
    """One key or identity speaks for one label; else one person would fill two places."""
    labels: set[str] = set()
    owners: dict[tuple[str, ...], str] = {}
    for signer in signers:
        if signer.label in labels:
            raise invalid(f"signers.{signer.label}", "two signers have this label")
        labels.add(signer.label)
        for identity in signer.identities:
            if identity in owners:
                other, name = owners[identity], " ".join(identity)
                hint = "one signer fills one place: keep it under one label"
                said = "twice in one signer" if other == signer.label else f"also that of signers.{other}"
                raise invalid(f"signers.{signer.label}", f"the {name} is {said}", hint)
            owners[identity] = signer.label


def _rule(rule: Rule, labels: set[str], position: int) -> None:
    unknown = sorted(rule.labels - labels)
    if unknown:
        hint = f"signers of this policy: {', '.join(sorted(labels)) or 'none'}; write [signers.{unknown[0]}]"
        raise invalid(at("rule", position), f"names a signer that the policy does not: {unknown[0]}", hint)


def _preset(policy: Policy) -> None:
    if policy.preset == "open" and policy.rules:
        raise invalid(
            "preset", "open applies no rules, and there are some", 'preset = "default", or take the rules out'
        )
    if policy.preset != "production":
        return
    if not any(rule.require for rule in policy.rules):
        hint = '[[rule]] names = ["churn"], require = [{from = ["alice"], k = 1}]'
        raise invalid("preset", "production needs at least one rule that says who must sign", hint)
    if policy.allow:
        raise invalid("allow", "production rebuilds no classes of your own", 'take allow out, or preset = "default"')
