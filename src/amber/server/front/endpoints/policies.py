"""The policy in force, read anew for every load and every judgement; and whether one of its files has changed.

In: the path that the settings name, or none. Out: a `Reading` for the loader, or an `AmberError` that says which file
is wrong. The files looked at are the policy's, or the keyring where there is none, and the machine's: keys and roots
that a policy names by their paths are read with it, and noticed by the digest of the next reading.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

from amber.policy import Policy, in_force, places
from amber.server.wire.control import Order

Stamps: TypeAlias = "tuple[tuple[int, ...] | None, ...]"


@dataclass(frozen=True)
class Reading:
    """One reading.

    Attributes:
        fields: Those of an `Order` that say the policy.
        digest: Of all that is in force, keys and floor included.
        exact: Whether requests share a run only where no bit can change.
        timed: Whether its answer may become another with time alone: it ends, or a key or certificate does.
    """

    fields: dict[str, Any]
    digest: str
    exact: bool
    timed: bool


def read(path: str | None) -> Reading:
    """Return what is in force now.

    Raises:
        SourceError: A file is there and cannot be read; or the policy's is not there.
        UsageError: One is not valid, or somebody else could have written it.
    """
    policy = in_force(None if path is None else Policy.from_file(path))
    timed = policy.names_signers or any(each.issued or each.expires for each in _with_floor(policy))
    return Reading(Order.policy_of(policy), policy.digest, policy.sharing == "exact", timed)


def stamps(path: str | None) -> Stamps:
    """Return what tells one state of the files from another; a file that is not there is a state too."""
    folder = places.keyring_folder()
    keyring = None if folder is None else os.path.join(folder, places.KEYRING)
    return tuple(map(_stamp, (path or keyring, places.floor_file())))


def _stamp(path: str | None) -> tuple[int, ...] | None:
    if path is None:
        return None
    try:
        info = os.stat(path)
    except (OSError, ValueError):
        return None
    # the time of the change too: permissions decide whether it is read
    return info.st_mtime_ns, info.st_ctime_ns, info.st_size, info.st_ino, info.st_dev


def _with_floor(policy: Policy) -> Iterator[Policy]:
    yield policy
    if policy.floor is not None:
        yield policy.floor
