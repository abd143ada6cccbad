"""Steps 1 to 6 under the reader's policy: before anything is built, and again while it is served.

In: an `Order` and the artifact. Out: what was checked, or an `AmberError` with the code of what refused it. The second
time nothing is built and no case is replayed: the bytes are the ones that were, and only the policy or the time is
another. Nothing is imported for it that only a model needs.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from amber.archive.manifest import Manifest
from amber.archive.source import Source
from amber.errors import FormatError, PolicyError
from amber.policy import Policy, Refusal, judge_verdict
from amber.report import VERDICTS, Verdict
from amber.server.wire.control import Order
from amber.vault.check import Checked, Mapped, check
from amber.vault.trusting import Asked, settled

SERVE = "serve"  # it compares with what was seen, and remembers
SERVED = "served"  # it does not: a version that is served was no old one when it came


def policy_of(order: Order) -> Policy:
    """Return the reader's policy."""
    return Policy.from_dict(order.policy, order.policy_source or "the policy")


@contextmanager
def proved(order: Order, source: Source, mmap: Mapped, verb: str) -> Iterator[tuple[Checked, Manifest]]:
    """Do the steps; the block has what passed them.

    Raises:
        AmberError: It is refused.
    """
    route = "original" if "original" in order.routes else ""
    asked = Asked(expect=order.expect, route=route, bundles=order.bundles, verb=verb, replays=True)
    with check(source, policy_of(order), mmap=mmap, asked=asked) as checked:
        if checked.code or checked.manifest is None:
            failed = next((step for step in checked.steps if step.status == "failed"), None)
            raise FormatError(checked.code, failed.detail if failed else "the artifact is not valid")
        if checked.refused:
            raise PolicyError("policy-refused", "; ".join(checked.refused))
        yield checked, checked.manifest


def judge(order: Order, source: Source, mmap: Mapped) -> None:
    """Judge anew what is served.

    Raises:
        AmberError: The policy takes it no more, or it could not be judged.
    """
    with proved(order, source, mmap, SERVED) as (checked, manifest):
        refused = [
            Refusal(each.code, f"the {route}: {each.message}")
            for route, word in order.verdicts.items()
            for each in judge_verdict(checked.policy, manifest.name, _verdict(word), used=True)
        ]
        decide(checked, manifest, tuple(refused))
        if refused:
            raise PolicyError(refused[0].code, refused[0].message)


def decide(checked: Checked, manifest: Manifest, refused: tuple[Refusal, ...] = ()) -> None:
    """Write the record of a decision, once all of it is known."""
    if checked.trusted is not None and checked.opened is not None:
        settled(checked.trusted, manifest, checked.id, checked.opened.size, refused)


def _verdict(word: str) -> Verdict:
    """Return a verdict; what is none of the five words counts as broken."""
    return next((each for each in VERDICTS if each == word), "broken")
