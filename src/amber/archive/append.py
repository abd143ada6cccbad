"""The same artifact with other signatures: a new file that shares the payload with the old one where the system can.

In comes the path of an artifact, out comes a file, or the changed `signatures/` of a folder. A file is copied first,
by the file system itself where it can share blocks (reflink), by the kernel where not; the caller checks and signs the
*copy*, which nobody else has; then its tail is written anew and it is renamed. So what is signed is what is written,
whatever happens to the old file meanwhile, and an artifact that exists is never written in place. The members outside
`signatures/` stand before it, so their bytes and places stay (`container.frame`). Called by `vault.sign`.
"""

from __future__ import annotations

import errno
import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import ModuleType
from typing import Protocol

from amber.archive import names
from amber.archive.container import Entry, Member, file_fetch, frame, read_container
from amber.archive.folder_signatures import FolderDraft, Signatures, check_signatures
from amber.archive.source import OpenFile, Source, open_file, open_source
from amber.archive.write import replace_file, unwritable, write_all, write_folder
from amber.errors import SourceError
from amber.limits import DEFAULT, Limits

# Absent on Windows.
fcntl: ModuleType | None
try:
    import fcntl
except ImportError:
    fcntl = None

_CLONE = 0x40049409  # FICLONE of linux/fs.h; an architecture with another number answers that it has no such call
_PIECE = 8 * 1024 * 1024  # bytes of a read where neither the file system nor the kernel copies
_MOST = 1 << 30  # bytes of one copy_file_range


class Draft(Protocol):
    """What `rewrite` gives to be checked, and then to be given its signatures."""

    @property
    def source(self) -> Source:
        """What is checked and signed."""

    @property
    def signatures(self) -> dict[str, bytes]:
        """The members below `signatures/` that are there now."""

    def put(self, signatures: Signatures) -> None:
        """Give it exactly these members below `signatures/`."""


def with_signatures(source: str, target: str, signatures: Signatures, limits: Limits = DEFAULT) -> None:
    """Write the artifact at `source` to `target` with exactly these members below `signatures/`; nothing is verified.

    Raises:
        As `rewrite`.
    """
    rewrite(source, target, lambda draft: draft.put(signatures), limits)


def rewrite(source: str, target: str, work: Callable[[Draft], None], limits: Limits = DEFAULT) -> bool:
    """Call `work` with a copy of an artifact, and put the copy in the place of `target`; whether that was done.

    Where `work` leaves the signatures as they are and `target` is `source`, nothing is written.

    Args:
        source: Path of a file or folder.
        target: Where to write, of the same form; may be `source`.
        work: Checks the draft and puts signatures; what it raises leaves everything as it was.
        limits: The reader's caps.

    Raises:
        FormatError: The container is not valid, or a name is none of a signature.
        LimitError: `limit-signatures`, or the file is larger than the limits allow.
        SourceError: `source-...`: it cannot be read; `source-changed`: somebody else wrote it meanwhile.
            `target-...`: it cannot be written.
    """
    if os.path.isdir(source):
        return _folder(source, target, work, limits)
    same = _same_file(source, target)
    with _opened(source, alone=same) as (origin, info):

        def fill(descriptor: int) -> None:
            copy(origin, descriptor, info.st_size, source)
            draft = _FileDraft(descriptor, source, limits)
            _do(work, draft)
            if same and not draft.changed:
                raise _Unchanged
            draft.write()
            # the sync takes long, so it comes before the last look at what is replaced
            os.fsync(descriptor)
            if same:
                _confirm(info, source)

        try:
            replace_file(target, fill)
        except _Unchanged:
            return False
        except _WorkFailedError as failed:
            raise failed.error from failed.error.__cause__
    return True


class _Unchanged(Exception):  # noqa: N818 - no error: it ends the writing
    """There is nothing to write."""


class _WorkFailedError(Exception):
    """The caller's work raised what writing may raise too: it must not be taken for a failure to write."""

    def __init__(self, error: OSError | ValueError) -> None:
        super().__init__()
        self.error = error


def _do(work: Callable[[Draft], None], draft: Draft) -> None:
    try:
        work(draft)
    except (OSError, ValueError) as error:
        raise _WorkFailedError(error) from error


class _FileDraft:
    """The copy of a file, open for reading and writing."""

    def __init__(self, descriptor: int, where: str, limits: Limits) -> None:
        self._descriptor = descriptor
        self._where = where
        self._limits = limits
        self._tail: tuple[int, list[bytes]] | None = None  # where it begins, and what it is

    @property
    def changed(self) -> bool:
        return self._tail is not None

    @property
    def source(self) -> OpenFile:
        return OpenFile(self._descriptor, self._where)

    @property
    def signatures(self) -> dict[str, bytes]:
        return self._read()[1]

    def put(self, signatures: Signatures) -> None:
        kept, present = self._read()
        if present == dict(signatures):
            self._tail = None
            return
        order = check_signatures(signatures, [member.name for member in kept], self._limits)
        entries = [Entry(member.name, member.size, member.crc32) for member in kept]
        entries += [Entry(name, len(signatures[name]), zlib.crc32(signatures[name])) for name in order]
        form = frame(entries)
        heads = form.heads[len(kept) :]
        pieces = [piece for head, name in zip(heads, order, strict=True) for piece in (head, signatures[name])]
        self._tail = kept[-1].offset + kept[-1].size, [*pieces, form.tail]

    def write(self) -> None:
        """Write what was put; until then the file is as it was copied."""
        if self._tail is None:
            return
        begin, pieces = self._tail
        os.ftruncate(self._descriptor, begin)
        os.lseek(self._descriptor, begin, os.SEEK_SET)
        write_all(self._descriptor, pieces)

    def _read(self) -> tuple[list[Member], dict[str, bytes]]:
        """Return the members that stay, and the signatures of the copy."""
        fetch = file_fetch(self._descriptor, self._where)
        try:
            members = read_container(fetch, os.fstat(self._descriptor).st_size, self._limits)
            present = [member for member in members if names.is_signature(member.name)]
            found = {member.name: bytes(fetch(member.offset, member.size)) for member in present}
        except OSError as error:
            raise unwritable(error, self._where) from error
        return members[: len(members) - len(present)], found


def copy(origin: int, descriptor: int, size: int, where: str) -> None:
    """Copy a file of `size` bytes into an empty one: shared blocks, else the kernel's copy, else reads and writes.

    Raises:
        OSError: The disk is full. SourceError: `source-changed`: it is shorter.
    """
    if not cloned(origin, descriptor):
        begin = _copied_by_kernel(origin, descriptor, size)
        os.lseek(descriptor, begin, os.SEEK_SET)
        fetch = file_fetch(origin, where)
        for position in range(begin, size, _PIECE):
            write_all(descriptor, [fetch(position, min(_PIECE, size - position))])
    if os.fstat(descriptor).st_size != size:
        raise _changed(where)


def cloned(origin: int, descriptor: int) -> bool:
    """Make an empty file share all blocks of another; False where the file system cannot (nothing is copied then)."""
    if fcntl is None:
        return False
    try:
        fcntl.ioctl(descriptor, _CLONE, origin)
    except OSError:
        return False
    return True


def _copied_by_kernel(origin: int, descriptor: int, size: int) -> int:
    """Return how many bytes were copied: fewer than `size` where the kernel cannot, or the file ends."""
    position = 0
    if not hasattr(os, "copy_file_range"):
        return position
    try:
        while position < size:
            count = os.copy_file_range(origin, descriptor, min(size - position, _MOST), position, position)
            if not count:
                break
            position += count
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
    return position


def _same_file(source: str, target: str) -> bool:
    if os.path.realpath(source) == os.path.realpath(target):
        return True  # whatever somebody puts there between two looks at it
    try:
        return os.path.samefile(source, target)
    except OSError:
        return False


def _confirm(info: os.stat_result, where: str) -> None:
    """Check that what is about to be replaced is what was copied, or what another signer wrote would be lost."""
    try:
        now = os.stat(where)
    except FileNotFoundError as error:
        raise _changed(where) from error
    if not os.path.samestat(info, now) or (info.st_size, info.st_mtime_ns) != (now.st_size, now.st_mtime_ns):
        raise _changed(where)


def _changed(where: str) -> SourceError:
    return SourceError(
        "source-changed", "somebody else wrote it meanwhile; nothing was changed", where=where, hint="do it again"
    )


@contextmanager
def _opened(path: str, *, alone: bool) -> Iterator[tuple[int, os.stat_result]]:
    """Yield a descriptor and the stat of a file; with `alone` no other signer replaces it meanwhile.

    Who waited for the lock of a file that was replaced meanwhile waits for that of the new one.
    """
    while True:
        with open_file(path) as (descriptor, _):
            if alone:
                _lock(descriptor)
            info = os.fstat(descriptor)
            if not alone or _is_at(info, path):
                yield descriptor, info
                return


def _is_at(info: os.stat_result, path: str) -> bool:
    try:
        return os.path.samestat(info, os.stat(path))
    except FileNotFoundError:
        return False


def _lock(descriptor: int) -> None:
    if fcntl is not None:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)


@contextmanager
def _alone(folder: str) -> Iterator[None]:
    """Let one signer at a time change a folder: two would take the same number for their bundles."""
    if fcntl is None:
        yield
        return
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise SourceError("source-unreadable", str(error), where=folder) from error
    try:
        _lock(descriptor)
        yield
    finally:
        with suppress(OSError):  # it was only read
            os.close(descriptor)


def _folder(source: str, target: str, work: Callable[[Draft], None], limits: Limits) -> bool:
    if _same_file(source, target):
        with _alone(source):
            draft = FolderDraft(source, limits)
            work(draft)
            return draft.changed
    with open_source(source, limits=limits) as opened:
        members = {name: [view] for name, view in opened.members.items()}
        try:
            write_folder(target, members, lambda folder: _do(work, FolderDraft(folder, limits)))
        except _WorkFailedError as failed:
            raise failed.error from failed.error.__cause__
    return True
