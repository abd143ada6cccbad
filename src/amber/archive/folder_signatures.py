"""`signatures/` of the folder form, changed in place: each bundle appears whole, and no link is ever followed.

A file is made beside the artifact's folder and renamed into it, since an artifact with one file too many, left by a
crash, is refused. Where nothing can be made there (another file system, another owner) it is made inside; what dead
writers left there goes with the next write. The other members are never touched.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TypeAlias

from amber.archive import names
from amber.archive.folder import read_folder
from amber.archive.memory import read_exactly
from amber.archive.temporary import clean_leftovers, put_file, put_folder, take_folder
from amber.archive.write import confirm, unwritable, write_all, write_member
from amber.errors import FormatError, LimitError
from amber.limits import Limits

Signatures: TypeAlias = Mapping[str, bytes]  # by member name

_FOLDER = names.SIGNATURES.rstrip("/")
_OPEN = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_DIRECTORY", 0)
_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
_BY_DESCRIPTOR = os.open in os.supports_dir_fd and os.rename in os.supports_dir_fd
# Nothing can be made beside the folder, or renamed from there.
_NOT_BESIDE = (errno.EXDEV, errno.EACCES, errno.EPERM, errno.EROFS)


class FolderDraft:
    """An artifact in folder form; `put` changes it at once, file by file."""

    def __init__(self, folder: str, limits: Limits) -> None:
        self._folder = folder
        self._real = os.path.realpath(folder)
        self._limits = limits
        self.changed = False
        for place in (self._real, os.path.join(self._real, _FOLDER)):
            clean_leftovers(place)

    @property
    def source(self) -> str:
        """The folder."""
        return self._folder

    @property
    def signatures(self) -> dict[str, bytes]:
        """The members below `signatures/` that are there now."""
        return {name: data for name, data in self._read().items() if data is not None}

    def put(self, signatures: Signatures) -> None:
        """Give it exactly these members below `signatures/`.

        Raises:
            FormatError: `member-name`, `member-unknown`, or the folder is not valid. LimitError: `limit-signatures`,
                `member-too-large`. SourceError: `target-unwritable`.
        """
        there = self._read()
        check_signatures(signatures, [name for name, data in there.items() if data is None], self._limits)
        present = {name: data for name, data in there.items() if data is not None}
        if present == dict(signatures):
            return
        clean_leftovers(os.path.dirname(self._real))
        try:
            with _directory(self._real, None) as root:
                self._change(root, present, signatures)
        except (OSError, ValueError) as error:
            raise unwritable(error, self._folder) from error
        self.changed = True
        for place in (self._real, os.path.join(self._real, _FOLDER)) if signatures else (self._real,):
            confirm(place, self._folder)

    def _read(self) -> dict[str, bytes | None]:
        """Return all members: the bytes of signatures, None for the others."""

        def take(name: str, descriptor: int, size: int) -> bytes | None:
            return bytes(read_exactly(descriptor, size, name)) if names.is_signature(name) else None

        return read_folder(self._folder, self._limits, take)

    def _change(self, root: int | None, present: Signatures, wanted: Signatures) -> None:
        place = self._place(_FOLDER, root)
        if not wanted:
            self._beside(place, lambda beside: take_folder(place, root, beside))
        elif not present:
            self._beside(place, lambda beside: put_folder(place, None, _filler(wanted), beside=beside, directory=root))
        else:
            with _directory(place, root) as inside:
                for name in sorted(wanted.keys() - {name for name in present if present[name] == wanted.get(name)}):
                    self._put_one(name, wanted[name], inside)
                for name in sorted(present.keys() - wanted.keys()):
                    os.unlink(self._place(name, inside), dir_fd=inside)

    def _put_one(self, name: str, data: bytes, inside: int | None) -> None:
        place = self._place(name, inside)
        fill: Callable[[int], None] = lambda descriptor: write_all(descriptor, [data])  # noqa: E731
        self._beside(name, lambda beside: put_file(place, None, fill, beside=beside, directory=inside))

    def _beside(self, name: str, act: Callable[[str], None]) -> None:
        try:
            act(self._real)
        except OSError as error:
            if error.errno not in _NOT_BESIDE:
                raise
            act(os.path.join(self._real, name))

    def _place(self, name: str, directory: int | None) -> str:
        """Return what a member, or the folder of signatures, is called below an open directory."""
        return os.path.join(self._real, name) if directory is None else name.removeprefix(names.SIGNATURES)


def check_signatures(signatures: Signatures, others: list[str], limits: Limits) -> list[str]:
    """Check names, number and sizes of the members below `signatures/` and return their order.

    Raises:
        FormatError: `member-name`, `member-unknown`. LimitError: `limit-signatures`, `member-too-large`.
    """
    for name in signatures:
        names.check_place(name)
        if not names.is_signature(name):
            raise FormatError("member-unknown", "is no member below signatures/", where=name)
    order = [name for name in names.ordered([*others, *signatures]) if names.is_signature(name)]
    names.check_names([*others, *order], limits)
    for name in order:
        most = names.signature_bytes(name, len(others) + len(order))
        if len(signatures[name]) > most:
            raise LimitError(
                "member-too-large",
                f"{len(signatures[name])} bytes are too many for a signature, {most} are accepted",
                where=name,
                hint="an artifact of this many members cannot be signed",
            )
    return order


def _filler(signatures: Signatures) -> Callable[[str], None]:
    def fill(folder: str) -> None:
        for name, data in signatures.items():
            write_member(os.path.join(folder, name.removeprefix(names.SIGNATURES)), [data])

    return fill


@contextmanager
def _directory(name: str, place: int | None) -> Iterator[int | None]:
    """Yield a descriptor of a directory; None on a system that has none."""
    if not _BY_DESCRIPTOR:
        yield None
        return
    descriptor = os.open(name, _OPEN | _NOFOLLOW, dir_fd=place)
    try:
        yield descriptor
    finally:
        with suppress(OSError):  # what was done is done
            os.close(descriptor)
