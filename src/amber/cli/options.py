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


def filled(_: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """Return the path of an option that says where to write; an empty one is a variable that was lost."""
    if value == "":
        raise click.BadParameter("is empty, and no path", param=parameter)
    return value


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


def bundle_option(
    name: str = "--bundle", help: str = "A detached signature or attestation, which then counts like one inside."
) -> Callable[[F], F]:
    """Return the option for detached bundles; the command gets them read, by path.

    Args:
        name: The option; `--bundle-a` gives the argument `bundles_a`.
        help: What it is for.
    """
    argument = name.removeprefix("--").replace("-", "_").replace("bundle", "bundles")
    return click.option(name, argument, metavar="BUNDLE", multiple=True, callback=_bundles, help=f"{help} Repeat it.")


def _bundles(_: click.Context, __: click.Parameter, paths: tuple[str, ...]) -> dict[str, bytes]:
    if not paths:
        return {}
    from amber.vault.beside import named

    return named(paths)


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
