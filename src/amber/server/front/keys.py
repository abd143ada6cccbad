"""API keys: who may do what. Kept as hashes in one file, made here, read again when the file changes.

A TOML file (or JSON with the same keys), written by `add` and safe to edit:

    [[keys]]
    id = "dashboard"
    hash = "sha256:<salt, 32 hex digits>:<digest, 64 hex digits>"
    scopes = ["read", "predict"]

The hash is one salted SHA-256 and not scrypt: slow hashes make up for secrets that people choose. A secret made here
has 256 random bits, which no number of guesses finds, and a slow hash on each request would be a door for floods.
"""

from __future__ import annotations

import base64
import hmac
import logging
import os
import re
import secrets
import tomllib
from collections.abc import Iterable
from hashlib import sha256
from typing import Annotated, Literal, get_args

import msgspec

from amber.errors import AmberError, SourceError, UsageError

KeyScope = Literal["read", "predict", "admin", "learn"]
SCOPES: tuple[KeyScope, ...] = get_args(KeyScope)
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,63}")  # no underscore: it parts the id from the secret
_NOBODY = (b"\0" * 16, b"\0" * 32)  # compared with where no key has the id, so that this takes the same time
_MAX_BYTES = 1 << 20
_log = logging.getLogger("amber.server")


class Key(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One key, as the file holds it."""

    id: Annotated[str, msgspec.Meta(pattern=rf"^{_ID.pattern}\Z")]
    hash: Annotated[str, msgspec.Meta(pattern="^sha256:[0-9a-f]{32}:[0-9a-f]{64}\\Z")]
    scopes: Annotated[list[KeyScope], msgspec.Meta(min_length=1)]


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    keys: list[Key] = []


class Keys:
    """The keys of one file.

    Raises:
        SourceError: The file cannot be read.
        UsageError: It is not such a file.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._seen = _stamp(path)
        self._known = _read(path)

    def check(self, token: bytes) -> tuple[str, frozenset[str]] | None:
        """Return the id and scopes of a key, or None where there is no such key; in constant time for one id."""
        prefix, _, rest = token.partition(b"_")
        name, _, secret = rest.partition(b"_")
        known = self._known.get(name)
        salt, digest = _NOBODY if known is None else known[0]
        same = hmac.compare_digest(sha256(salt + secret).digest(), digest)
        return known[1] if same and known is not None and prefix == b"amber" else None

    def refresh(self) -> bool:
        """Read the file again if it has changed; return whether the keys are others now.

        One that cannot be used is logged, and the keys stay as they were.
        """
        stamp = _stamp(self.path)
        if stamp == self._seen:
            return False
        self._seen = stamp
        try:
            self._known = _read(self.path)
        except AmberError as error:
            _log.warning("the API keys stay as they were: %s", error)
            return False
        _log.info("read %d API keys from %s", len(self._known), self.path)
        return True


_Known = dict[bytes, tuple[tuple[bytes, bytes], tuple[str, frozenset[str]]]]


def new_key(name: str, scopes: Iterable[KeyScope] = ("read", "predict")) -> tuple[str, Key]:
    """Return a new key: what the client shows (`amber_<id>_<secret>`, kept nowhere), and what the file keeps.

    Raises:
        UsageError: The name or a scope cannot be.
    """
    wanted = list(dict.fromkeys(scopes))
    if not _ID.fullmatch(name):
        hint = "at most 64 letters, digits, dots and hyphens, beginning with a letter or digit"
        raise UsageError("keys-invalid", f"a key cannot be called {name!r}", where=name, hint=hint)
    if not wanted or not set(wanted) <= set(SCOPES):
        raise UsageError("keys-invalid", f"no such scopes: {wanted}", where=name, hint=f"of {', '.join(SCOPES)}")
    salt = secrets.token_bytes(16)
    secret = base64.urlsafe_b64encode(secrets.token_bytes(32)).rstrip(b"=")
    digest = sha256(salt + secret).hexdigest()
    return f"amber_{name}_{secret.decode()}", Key(name, f"sha256:{salt.hex()}:{digest}", wanted)


def add(path: str, name: str, scopes: Iterable[KeyScope] = ("read", "predict")) -> str:
    """Add a new key to a TOML file, which is made if need be (mode 0600), and return what the client shows.

    Raises:
        SourceError: The file cannot be read or written.
        UsageError: It is not such a file, or the name is taken.
    """
    token, key = new_key(name, scopes)
    if os.path.exists(path):
        if path.endswith(".json"):
            raise UsageError("keys-invalid", "keys are added to TOML files alone", where=path)
        if name.encode() in _read(path):
            raise UsageError("keys-invalid", f"there is a key {name!r} already", where=path, hint="choose another name")
    listed = ", ".join(f'"{scope}"' for scope in key.scopes)
    text = f'\n[[keys]]\nid = "{key.id}"\nhash = "{key.hash}"\nscopes = [{listed}]\n'
    try:
        with open(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "a", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise SourceError("keys-unreadable", f"cannot be written: {error.strerror}", where=path) from error
    return token


def _stamp(path: str) -> tuple[int, int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def listed(path: str) -> list[Key]:
    """Return the keys of a file, as it holds them.

    Raises:
        SourceError: The file cannot be read.
        UsageError: It is not such a file.
    """
    try:
        with open(path, "rb") as file:
            data = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise SourceError("keys-unreadable", f"cannot be read: {error.strerror}", where=path) from error
    hint = "[[keys]] with id, hash and scopes; make one with `amber keys FILE --new NAME`"
    try:
        if len(data) > _MAX_BYTES:
            raise ValueError(f"more than {_MAX_BYTES} bytes")
        if path.endswith(".json"):
            found = msgspec.json.decode(data, type=_File)
        else:
            found = msgspec.convert(tomllib.loads(data.decode("utf-8")), type=_File)
    except (ValueError, msgspec.DecodeError) as error:
        raise UsageError("keys-invalid", f"not a file of API keys: {error}", where=path, hint=hint) from error
    if len({key.id for key in found.keys}) != len(found.keys):
        raise UsageError("keys-invalid", "two keys have the same id", where=path, hint=hint)
    return found.keys


def _read(path: str) -> _Known:
    return {key.id.encode(): (_parts(key.hash), (key.id, frozenset(key.scopes))) for key in listed(path)}


def _parts(text: str) -> tuple[bytes, bytes]:
    _, salt, digest = text.split(":")
    return bytes.fromhex(salt), bytes.fromhex(digest)
