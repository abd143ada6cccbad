"""An artifact as a folder and back, byte for byte the same; both ways return the id."""

from __future__ import annotations

import os
from collections.abc import Mapping

from amber.archive.digests import Buffer
from amber.archive.source import Source, check_path
from amber.archive.write import write_artifact, write_folder
from amber.errors import FormatError, SourceError, UsageError
from amber.policy import Policy
from amber.vault.check import Proved, open_checked
from amber.vault.trusting import Asked


def unpack(source: Source, directory: str | os.PathLike[str], *, policy: Policy | None = None) -> str:
    """Write the members of an artifact as files below a fresh directory and return the id.

    Every member is checked first, and the directory appears whole or not at all.

    Args:
        source: A path to a file or folder, bytes, or a seekable binary file.
        directory: Must not exist, or be empty.
        policy: The reader's rules (its limits).

    Raises:
        FormatError: The artifact is not whole.
        SourceError: The source cannot be read or the directory cannot be written.
    """
    with open_checked(source, policy, asked=Asked(purpose="move")) as proved:
        write_folder(directory, _pieces(proved))
        return proved.root()


def pack(
    directory: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    id: str | None = None,
    policy: Policy | None = None,
) -> str:
    """Write a folder that `unpack` wrote as an artifact and return the id.

    Args:
        directory: Holds the members as regular files and nothing else.
        target: The file to write; replaced in one step where it exists.
        id: The id the folder must have, 64 hex characters; nothing is written where it has another.
        policy: The reader's rules (its limits).

    Raises:
        FormatError: The folder is not a whole artifact, or `id-mismatch`.
        SourceError: The folder cannot be read or the target cannot be written.
        UsageError: `id-invalid`: not an id.
    """
    if id is not None and (len(id) != 64 or set(id) - set("0123456789abcdef")):
        raise UsageError("id-invalid", "an id is 64 lower-case hex characters", where="id")
    path = check_path(directory)
    if not os.path.isdir(path):
        raise SourceError("source-not-folder", "is not a folder", where=path, hint="pack takes what unpack wrote")
    with open_checked(path, policy, asked=Asked(purpose="move")) as proved:
        found = proved.root()
        if id is not None and id != found:
            raise FormatError("id-mismatch", f"the folder has the id {found}, {id} was demanded", where=path)
        write_artifact(target, _pieces(proved))
        return found


def _pieces(proved: Proved) -> Mapping[str, list[Buffer]]:
    return {name: [view] for name, view in proved.opened.members.items()}
