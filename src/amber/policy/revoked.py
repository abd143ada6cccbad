"""What a reader has taken back. Apart from the rules, because every policy has it, if only an empty one."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from amber.policy.invalid import at, check_time, invalid

if TYPE_CHECKING:
    from datetime import datetime

HEX = re.compile(r"[0-9a-f]{64}")
_HEX_HINT = "64 lower-case hex characters"


@dataclass(frozen=True)
class RevokedKey:
    """A key that no longer counts.

    Args:
        fingerprint: SHA-256 of the key's DER, hex.
        since: What was signed before this time, by a verified time, still counts; None: nothing does.

    Raises:
        UsageError: A value is not of its form.
    """

    fingerprint: str
    since: datetime | None = None

    def __post_init__(self) -> None:
        check_hex(self.fingerprint, "revoked.keys")
        check_time(self.since, "revoked.keys.since")


@dataclass(frozen=True)
class Revoked:
    """What was taken back, under every preset.

    Args:
        ids: Artifacts.
        keys: Keys.
        certificates: SHA-256 of a certificate's DER, hex: a leaf, an intermediate one or a root.

    Raises:
        UsageError: A value is not of its form.
    """

    ids: tuple[str, ...] = ()
    keys: tuple[RevokedKey, ...] = ()
    certificates: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for field in ("ids", "certificates", "keys"):
            value = getattr(self, field)
            if isinstance(value, str):
                raise invalid(f"revoked.{field}", "must be a list", _HEX_HINT)
            object.__setattr__(self, field, tuple(value))
            for position, each in enumerate(getattr(self, field)):
                if field != "keys":
                    check_hex(each, at(f"revoked.{field}", position))
                elif not isinstance(each, RevokedKey):
                    raise invalid(at("revoked.keys", position), "must be a RevokedKey")

    def with_signers_of(self, below: Revoked) -> Revoked:
        """Return this with the keys and certificates that another has taken back; ids are decided by each."""
        return replace(
            self,
            keys=tuple(dict.fromkeys((*self.keys, *below.keys))),
            certificates=tuple(dict.fromkeys((*self.certificates, *below.certificates))),
        )


NOTHING = Revoked()


def check_hex(text: object, where: str) -> None:
    """Raise where `text` is not a SHA-256 in hex.

    Raises:
        UsageError: As said.
    """
    if not isinstance(text, str) or not HEX.fullmatch(text):
        raise invalid(where, f"{text!r} is not a SHA-256", _HEX_HINT)
