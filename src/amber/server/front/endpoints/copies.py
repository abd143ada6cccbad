"""A private copy of an artifact: what is verified is what is served, whatever happens to the file afterwards."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import stat
from collections.abc import Iterator

from amber.errors import SourceError
from amber.limits import DEFAULT
from amber.server.wire.starting import sealed

_FLAGS = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
_NO_ROOM = (errno.ENOSPC, errno.ENOMEM, errno.EFBIG, errno.EDQUOT)  # of writing: reading gives none of these
_BY_DESCRIPTOR = "/proc/self/fd"


def private_copy(path: str, *, most_bytes: int | None = None, follow: bool = True) -> int:
    """Copy an artifact, a file or a folder, and return a descriptor of the copy, which is the caller's.

    Args:
        path: Of the artifact.
        most_bytes: Refuse a larger one; None: the reader's own limit.
        follow: Whether the last part of the path may be a symbolic link.

    Raises:
        SourceError: `source-missing`, `source-unreadable`, `source-not-file`; `memory-short`: it is larger than
        `most_bytes`, or there is no room for a copy.
        FormatError: A folder that is no artifact.
    """
    with _opened(path, follow) as (descriptor, info):
        most = DEFAULT.file_bytes if most_bytes is None else most_bytes
        if info.st_size > most:
            raise SourceError("memory-short", f"{info.st_size} bytes, and there is memory for {most}", where=path)
        try:
            if stat.S_ISDIR(info.st_mode):
                return sealed(io.BytesIO(_packed(descriptor, path)))
            with os.fdopen(os.dup(descriptor), "rb", buffering=0) as file:
                return sealed(file)
        except OSError as error:
            if error.errno in _NO_ROOM:
                said = f"there is no room for a private copy: {error.strerror}"
                raise SourceError("memory-short", said, where=path) from error
            raise SourceError("source-unreadable", _said(error), where=path) from error


def _packed(folder: int, path: str) -> bytes:
    """Return the members of a folder as one artifact. The loader proves them; here only their names are."""
    from amber.archive.source import open_source  # what one file does without: the server starts sooner
    from amber.archive.write import to_bytes

    # by its descriptor: a link that takes the folder's place now is not followed
    known = os.path.isdir(_BY_DESCRIPTOR)
    with open_source(f"{_BY_DESCRIPTOR}/{folder}" if known else path) as opened:
        return to_bytes({name: [view] for name, view in opened.members.items()})


@contextlib.contextmanager
def _opened(path: str, follow: bool) -> Iterator[tuple[int, os.stat_result]]:
    try:
        descriptor = os.open(path, _FLAGS if follow else _FLAGS | _NOFOLLOW)
    except FileNotFoundError as error:
        raise SourceError("source-missing", "there is no such file or folder", where=path) from error
    except (OSError, ValueError) as error:
        raise SourceError("source-unreadable", _said(error), where=path) from error
    try:
        info = os.fstat(descriptor)
        if not stat.S_ISREG(info.st_mode) and not stat.S_ISDIR(info.st_mode):
            raise SourceError("source-not-file", "is neither a regular file nor a folder", where=path)
        yield descriptor, info
    finally:
        os.close(descriptor)


def _said(error: OSError | ValueError) -> str:
    """Return why a file cannot be read, without where it lies: whoever asks the model is told the reason too."""
    return f"it cannot be read: {getattr(error, 'strerror', None) or type(error).__name__}"
