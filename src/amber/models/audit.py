"""Step 6 whole: names and structure by the vocabulary, then values by NumPy; every problem in one error."""

from __future__ import annotations

from amber import vocabulary as vocabularies
from amber.errors import AuditError, Problem
from amber.policy import Policy
from amber.tree.nodes import Tree


def problems(tree: Tree, policy: Policy) -> list[Problem]:
    """Return all that the audit finds; values are looked at only where every name is known."""
    from amber.adapters.values import check_values
    from amber.vocabulary.audit import check_names

    vocabulary = vocabularies.load()
    found = check_names(tree, vocabulary, policy)
    return found or check_values(tree, vocabulary, policy.limits)


def audit(tree: Tree, policy: Policy) -> None:
    """Raise one error that lists all problems.

    Raises:
        AuditError: With the code of the first problem.
    """
    found = problems(tree, policy)
    if found:
        raise refusal(found)


def refusal(found: list[Problem]) -> AuditError:
    """Return the error for a list of problems; the hint names what the reader would have to allow."""
    names = sorted({problem.message.split()[0] for problem in found if problem.code == "name-not-allowed"})
    hint = ""
    if names:
        hint = "if you trust these classes and functions: " + " ".join(f"--allow {name}" for name in names)
    return AuditError(
        found[0].code,
        found[0].message if len(found) == 1 else f"{len(found)} problems in the tree",
        where=found[0].where if len(found) == 1 else "model/tree.json",
        hint=hint,
        problems=tuple(found) if len(found) > 1 else (),
    )
