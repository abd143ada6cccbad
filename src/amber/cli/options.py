"""Options that several commands share, spelled once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from amber.policy import Policy

F = TypeVar("F", bound=Callable[..., Any])

as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")


def policy_options(function: F) -> F:
    """Add `--policy` and `--allow`, for every command that builds a model."""
    allow = click.option(
        "--allow",
        metavar="NAME",
        multiple=True,
        help="Exact name of a class or function of yours that may be rebuilt (mypkg.text.Scaler). Repeat it.",
    )
    policy = click.option(
        "--policy", "policy_file", metavar="FILE", help="What you accept, as TOML: allow, limits, verdict, signers."
    )
    return policy(allow(function))


def policy_of(policy_file: str | None, allow: tuple[str, ...]) -> Policy | None:
    """Return the reader's policy, or None where neither option was given.

    Raises:
        SourceError: The file cannot be read.
        UsageError: It is not a valid policy, or a name is not exact.
    """
    if policy_file is None and not allow:
        return None
    from amber.policy import Policy

    return (Policy.from_file(policy_file) if policy_file is not None else Policy()).allowing(allow)
