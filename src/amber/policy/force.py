"""Which policy is in force: the one that is given, else the keyring of this user; and the machine's own under both."""

from __future__ import annotations

import os

from amber.errors import UsageError, shown
from amber.policy import places
from amber.policy.invalid import invalid
from amber.policy.policy import Policy


def in_force(policy: Policy | None = None) -> Policy:
    """Return the policy that decides.

    A given policy is complete in itself: the keyring then takes no part. The machine's policy is under either. No
    environment variable and no file of an artifact is asked.

    Args:
        policy: What the caller gave. A floor it brings stands only where the machine has none, so that nobody gets
            rid of the machine's by bringing one.

    Raises:
        SourceError: A file is there and cannot be read.
        UsageError: `policy` is no `Policy`; one of the files is not valid, or somebody else could have written it.
    """
    if policy is not None and not isinstance(policy, Policy):
        raise not_a_policy(policy)
    given = from_keyring() if policy is None else policy
    below = floor()
    return given if below is None else given.over(below)


def not_a_policy(found: object) -> UsageError:
    """Return the error about what was given in place of a policy: most often the path of one."""
    hint = "amber.Policy(...), amber.Policy.from_file(PATH) or amber.Policy.from_dict(DATA)"
    if isinstance(found, str | os.PathLike):
        hint = f'amber.Policy.from_file("{shown(os.fspath(found))}")'
    return invalid("policy", f"must be a Policy, not {type(found).__name__}", hint)


def from_keyring() -> Policy:
    """Return the policy of the keyring; the default one where there is none.

    Raises:
        SourceError: It is there and cannot be read.
        UsageError: It is not valid, or somebody else could have written it.
    """
    folder = places.keyring_folder()
    path = None if folder is None else os.path.join(folder, places.KEYRING)
    data = None if path is None else _read(path, "user")
    if folder is None or path is None or data is None:
        return Policy()
    from amber.policy import files, plain

    files.check_folder(folder)
    found = Policy.from_dict(plain.toml(data, path), path, folder)
    if found.preset != "default":
        raise invalid(f"{path}: preset", "a keyring has no preset", "put it into a policy file, and name that file")
    return found


def floor() -> Policy | None:
    """Return the policy of the machine; None where there is none.

    A file there that is not root's is no policy of the machine, and an error: passing over it in silence would let
    whoever owns it take the floor away.

    Raises:
        SourceError: It is there and cannot be read.
        UsageError: It is not valid, or somebody else than root could have written it.
    """
    path = places.floor_file()
    if path is None:
        return None
    data = _read(path, "root")
    if data is None:
        return None
    from amber.policy import files, plain

    files.check_folder(os.path.dirname(path), owner="root")
    return Policy.from_dict(plain.toml(data, path), path, os.path.dirname(path))


def _read(path: str, owner: str) -> bytes | None:
    """Return the bytes of a file that may be missing, as it is on most machines: then nothing is imported to read it.

    Raises:
        SourceError: It is there, or may be, and cannot be read.
        UsageError: Somebody else could have written it.
    """
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError):
        pass  # whether it is there is not known: reading it says why
    from amber.policy import files

    return files.read_if_there(path, owner=owner)
