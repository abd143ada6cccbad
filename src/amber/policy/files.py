"""Files that decide whom to trust: read once, through one descriptor, and only if nobody else could have written them.

A file must be regular and belong to the user or to root, and nobody else may write it. Writing by the group is no
danger where the group is the owner's own (same name, no other member), which is what `umask 002` makes on systems that
give every user such a group; any other group is somebody else. Windows has neither owner nor mode in this form: there
the folder's access list protects, and nothing is checked.
"""

from __future__ import annotations

import os
import stat
import sys

from amber.errors import SourceError
from amber.policy.invalid import invalid

MOST_BYTES = 1 << 20  # of a policy, a keyring, or a file one of them names
ROOT = 0
_FLAGS = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


def read(path: str, *, owner: str = "user") -> bytes:
    """Return the bytes of a file.

    Args:
        path: The file.
        owner: `user` accepts files of the user and of root, `root` of root alone.

    Raises:
        SourceError: `policy-unreadable`.
        UsageError: `policy-permissions`, or it is larger than 1 MiB.
    """
    data = read_if_there(path, owner=owner)
    if data is None:
        raise SourceError("policy-unreadable", "there is no such file", where=path)
    return data


def read_if_there(path: str, *, owner: str = "user") -> bytes | None:
    """Return the bytes of a file as `read` does; None where there is no such file.

    Raises:
        SourceError: It is there, or may be, and cannot be read.
        UsageError: `policy-permissions`, or it is larger than 1 MiB.
    """
    try:
        descriptor = os.open(path, _FLAGS)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        said = getattr(error, "strerror", "") or str(error)
        raise SourceError("policy-unreadable", f"cannot be read: {said}", where=path) from error
    try:
        check(os.fstat(descriptor), path, owner)
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise SourceError("policy-unreadable", f"cannot be read: {error.strerror}", where=path) from error
    finally:
        os.close(descriptor)
    if len(data) > MOST_BYTES:
        raise invalid(
            path,
            f"larger than {MOST_BYTES} bytes",
            "a policy, a key or a root is a page of text; is it the right file?",
        )
    return data


def check_folder(path: str, *, owner: str = "user") -> None:
    """Raise where somebody else can put files into a folder, or take them away.

    Raises:
        SourceError: It is no folder, or cannot be looked at.
        UsageError: `policy-permissions`.
    """
    try:
        found = os.stat(path)
    except OSError as error:
        raise SourceError("policy-unreadable", f"cannot be read: {error.strerror}", where=path) from error
    check(found, path, owner, folder=True)


def check(found: os.stat_result, path: str, owner: str = "user", *, folder: bool = False) -> None:
    """Raise where somebody else could have written a file (or folder), or it is none.

    Raises:
        SourceError: It is not a regular file.
        UsageError: `policy-permissions`.
    """
    if not (stat.S_ISDIR if folder else stat.S_ISREG)(found.st_mode):
        kind = "folder" if folder else "regular file"
        raise SourceError("policy-unreadable", f"not a {kind}", where=path, hint=f"it must be a {kind} of its own")
    if sys.platform == "win32":
        return
    accepted = {ROOT} if owner == "root" else {ROOT, os.geteuid()}
    if found.st_uid not in accepted:
        wanted = "root" if owner == "root" else "you or root"
        hint = f"chown root {path}" if owner == "root" else "chown it, or make a copy: that is yours"
        raise _permissions(path, f"belongs to user {found.st_uid}, not to {wanted}", hint)
    if found.st_mode & stat.S_IWOTH:
        raise _permissions(path, "everybody may write it", f"chmod go-w {path}")
    if found.st_mode & stat.S_IWGRP and not _private_group(found.st_uid, found.st_gid):
        raise _permissions(path, f"group {found.st_gid} may write it", f"chmod g-w {path}")


def _permissions(path: str, message: str, hint: str) -> Exception:
    return invalid(path, f"{message}: whoever can write this file decides what is trusted", hint, "policy-permissions")


def _private_group(user: int, group: int) -> bool:
    """Whether a group is the user's own: its first group, of the same name, with no other member."""
    if sys.platform == "win32":
        return False
    import grp
    import pwd

    try:
        owner, its = pwd.getpwuid(user), grp.getgrgid(group)
    except KeyError:
        return False
    return owner.pw_gid == group and its.gr_name == owner.pw_name and set(its.gr_mem) <= {owner.pw_name}
