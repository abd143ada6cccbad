"""Whether a served file, or a bundle beside it, has changed: looked at each second, believed once it holds still."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TypeAlias

Stamp: TypeAlias = "tuple[int | None, ...] | None"


def stamp(path: str, bundles: Sequence[str] = ()) -> Stamp:
    """Return what tells one state of a file from another: time, size, inode, device; None where there is none.

    A folder is an artifact too: its manifest is what is looked at, since every change of a member changes that.
    Detached bundles are part of it, whether they are there or not.
    """
    found = _stamp(os.path.join(path, "manifest.json") if os.path.isdir(path) else path)
    if found is None:
        return None
    return found + tuple(part for each in bundles for part in _stamp(each) or (None,))


def _stamp(path: str) -> tuple[int, ...] | None:
    try:
        info = os.stat(path)
    except (OSError, ValueError):
        return None
    return info.st_mtime_ns, info.st_size, info.st_ino, info.st_dev


class Changes:
    """Tells when a file is another than the one that was taken, and nobody is still writing it."""

    def __init__(self, taken: Stamp) -> None:
        self._taken = self._last = taken

    def look(self, now: Stamp) -> bool:
        """Take the file's stamp; True where it is to be loaded. Said once for each state of the file.

        A file that is gone has not changed: what was loaded is served on.
        """
        settled = now == self._last
        self._last = now
        if now is None or now == self._taken or not settled:
            return False
        self._taken = now
        return True
