"""Options that several commands share, spelled once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from datetime import datetime

    from amber.policy import Policy

F = TypeVar("F", bound=Callable[..., Any])

as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")


def said(_: click.Context, parameter: click.Parameter, value: str | None) -> str:
    """Return the text of an option; "" where it is not given, and never where it is.

    An empty text would mean that nothing is expected: `--expect "$NAME"` in a pipeline that lost its variable.
    """
    if value == "":
        raise click.BadParameter("is empty; leave it out where nothing is expected", param=parameter)
    return value or ""


expect_option = click.option(
    "--expect", metavar="NAME", callback=said, help="The name it must have; the name in a file is its author's word."
)


def policy_options(function: F) -> F:
    """Add `--policy` and `--allow`, for every command that builds a model."""
    allow = click.option(
        "--allow",
        metavar="NAME",
        multiple=True,
        help="Exact name of a class or function of yours that may be rebuilt (mypkg.text.Scaler). Repeat it.",
    )
    policy = click.option(
        "--policy", "policy_file", metavar="FILE", help="What you accept, as TOML, in place of the keyring."
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
    from amber.policy import Policy, in_force

    return (Policy.from_file(policy_file) if policy_file is not None else in_force()).allowing(allow)


def time_of(text: str, option: str) -> datetime:
    """Return the time that an option gives, written as in a policy.

    Raises:
        UsageError: It is none.
    """
    from amber.policy.node import Node

    return Node(text, option, None).time()
