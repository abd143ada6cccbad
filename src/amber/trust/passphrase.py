"""The passphrase of a private key: from a descriptor, a file, one variable or the terminal; never an argument.

It is bytes from end to end, and no message holds it. The variable is removed from the environment whatever the source
is, so no process started later inherits it.
"""

from __future__ import annotations

import os
import stat
import sys
import warnings

from amber.errors import AmberWarning, SourceError, UsageError

VARIABLE = "AMBER_PASSPHRASE"
LEAST_CHARACTERS = 16  # the library's key derivation is cheap to guess against: 2048 rounds
_HINT = "the passphrase is one line of text, and nothing else stands there"
_MOST_BYTES = 1023  # what the library takes to encrypt with


def read(*, descriptor: int | None = None, file: str | os.PathLike[str] | None = None) -> bytes | None:
    """Return the passphrase of the first source that there is, without its line end; None where there is none.

    A descriptor or file that is named is the only source; else `AMBER_PASSPHRASE`.

    Raises:
        SourceError: `passphrase-unreadable`: the descriptor or file cannot be read.
        UsageError: `passphrase-invalid`: it is empty, of more than one line, or longer than 1023 bytes.

    Warns:
        AmberWarning: Others may read the file.
    """
    text = os.environ.pop(VARIABLE, None)
    if descriptor is not None:
        return _from_descriptor(descriptor)
    if file is not None:
        return _from_file(file)
    return None if text is None else _checked(os.fsencode(text), VARIABLE)


def kept_back() -> dict[str, str]:
    """Return the environment for a process that this one starts: all of it but the passphrase."""
    return {name: value for name, value in os.environ.items() if name != VARIABLE}


def ask(what: str, *, twice: bool = False) -> bytes | None:
    """Ask at the terminal, without showing it; None where there is no terminal.

    Args:
        what: What it is for.
        twice: Whether it is a new one, which is asked for a second time.

    Raises:
        UsageError: `passphrase-invalid`: it is empty, or the two are not the same; `passphrase-weak`: it is new and
            short.
    """
    if sys.stdin is None or not sys.stdin.isatty():
        return None
    import getpass  # here: every process that starts another one imports this module

    try:
        first = getpass.getpass(f"Passphrase of {what}: ")
        if twice:
            check_new(os.fsencode(first))  # before it is asked for again
        if twice and getpass.getpass("The same again: ") != first:
            raise UsageError("passphrase-invalid", "the two are not the same", where="terminal")
    except EOFError:
        raise UsageError("passphrase-invalid", "nothing was typed", where="terminal") from None
    return _checked(os.fsencode(first), "terminal")


def generate() -> str:
    """Return a new passphrase of 128 random bits, to be shown once: 26 letters and digits in groups."""
    import secrets

    text = _base32(secrets.token_bytes(16))
    return "-".join(text[start : start + 5] for start in range(0, len(text), 5))


def check_new(passphrase: bytes) -> None:
    """Refuse a new passphrase that is short.

    Raises:
        UsageError: `passphrase-weak`: fewer than 16 characters.
    """
    if len(passphrase.decode("utf-8", "replace")) < LEAST_CHARACTERS:
        raise UsageError(
            "passphrase-weak",
            f"a passphrase of a new key has at least {LEAST_CHARACTERS} characters",
            where="passphrase",
            hint="`amber keygen --generate-passphrase` makes one of 128 random bits",
        )


def _from_descriptor(descriptor: int) -> bytes:
    try:
        with open(descriptor, "rb", closefd=False) as source:
            # a line: whoever writes to a pipe may keep it open
            return _checked(source.readline(_MOST_BYTES + 1), "passphrase-fd")
    except (OSError, ValueError, OverflowError, TypeError) as error:  # a number that is no descriptor anywhere
        raise SourceError("passphrase-unreadable", f"cannot be read: {error}", where="passphrase-fd") from error


def _from_file(path: str | os.PathLike[str]) -> bytes:
    try:
        with open(path, "rb") as source:
            data = source.read(_MOST_BYTES + 1)
            mode = os.fstat(source.fileno()).st_mode
    except FileNotFoundError as error:
        raise SourceError("passphrase-unreadable", "there is no such file", where=str(path)) from error
    except (OSError, ValueError) as error:
        said = getattr(error, "strerror", None) or str(error)
        raise SourceError("passphrase-unreadable", f"cannot be read: {said}", where=str(path)) from error
    found = _checked(data, str(path))
    if os.name == "posix" and stat.S_ISREG(mode) and mode & (stat.S_IRWXG | stat.S_IRWXO):
        message = f"{path}: others than its owner may read this passphrase (mode {stat.S_IMODE(mode):04o}); chmod 600"
        warnings.warn(message, AmberWarning, stacklevel=3)
    return found


def _checked(data: bytes, where: str) -> bytes:
    if len(data) > _MOST_BYTES:
        message = f"longer than {_MOST_BYTES} bytes, so it is no passphrase"
        raise UsageError("passphrase-invalid", message, where=where, hint=_HINT)
    line = data.removesuffix(b"\n").removesuffix(b"\r")
    if not line or b"\n" in line or b"\0" in line:
        message = "not one line of text" if line else "is empty"
        raise UsageError("passphrase-invalid", message, where=where, hint=_HINT)
    return line


def _base32(data: bytes) -> str:
    import base64

    return base64.b32encode(data).decode("ascii").rstrip("=").lower()
