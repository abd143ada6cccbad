"""What a policy wants of the answers: whether cases are replayed, and which verdict is good enough.

Apart from the decision of step 5, because everything that uses a model asks this, under whatever policy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from amber.report import VERDICTS, Report, Verdict

if TYPE_CHECKING:
    from amber.policy.facts import Refusal
    from amber.policy.policy import Policy

PRODUCTION: Verdict = "equivalent"  # the worst verdict that the preset `production` accepts


def demanded_verdicts(policy: Policy, name: str) -> tuple[Verdict, ...]:
    """Return the verdicts that a report on an artifact of this name must satisfy, every one; floor included.

    Where there is one, the recorded cases must be replayed. None stands in for another: a weaker one that a policy or
    a rule writes beside the preset `production` loosens nothing.
    """
    wanted = [policy.verdict, *(rule.verdict for rule in policy.rules if rule.applies_to(name))]
    if policy.preset == "production":
        wanted.append(PRODUCTION)
    below = () if policy.floor is None else demanded_verdicts(policy.floor, name)
    return tuple(dict.fromkeys([each for each in wanted if each is not None] + list(below)))


def judge_verdict(policy: Policy, name: str, verdict: Verdict, *, used: bool = False) -> tuple[Refusal, ...]:
    """Return why a policy or its floor refuses a verdict, after step 9.

    Args:
        policy: The policy in force.
        name: The artifact's.
        verdict: What the report says.
        used: The model is to be used (load, serve), where every preset but `open` refuses `drifted`; a report about
            a file says `drifted` and leaves it at that.
    """
    report = Report(verdict)
    wanted = [each for each in demanded_verdicts(policy, name) if not report.satisfies(each)]
    lenient = policy.preset == "open" and (policy.floor is None or policy.floor.preset == "open")
    drifted = used and not lenient and verdict == "drifted"
    if not wanted and not drifted:
        return ()
    from amber.policy.facts import Refusal

    if not wanted:
        return (Refusal("verdict-drifted", "the model does not answer as recorded"),)
    strictest = min(wanted, key=VERDICTS.index)  # whatever satisfies it satisfies the weaker ones
    return (Refusal("verdict-too-low", f"{verdict}, where the policy wants {strictest}"),)
