"""The policy: one frozen value with everything a reader accepts. From a file, from plain data, and back."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Literal

from amber.limits import DEFAULT, Limits
from amber.policy.invalid import at, check_one_of, check_time, invalid
from amber.policy.revoked import NOTHING, Revoked
from amber.report import VERDICTS, Verdict

if TYPE_CHECKING:
    from datetime import datetime

    from amber.policy.rules import Rule
    from amber.policy.signers import Signer

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)+")
PRESETS = ("default", "open", "production")


@dataclass(frozen=True)
class Policy:
    """The reader's rules. Never taken from a file that is being opened.

    Args:
        allow: Exact names of the caller's own classes and functions (`mypkg.text.Scaler`) that may be rebuilt.
        limits: Largest sizes.
        verdict: The worst verdict accepted (`equivalent`, say); None: as the preset says.
        signers: Whom the reader knows, and under which label.
        sharing: What the cases must have shown for requests of a server to share a run: `tolerant` (answers within
            the tolerance, labels equal) or `exact` (equal bits).
        preset: `default`: rules hold for the names they match, and an unsigned artifact of another name passes.
            `open`: no rules. `production`: every name needs a rule, signatures and replayed cases; nothing in `allow`.
        names: Patterns of the artifact names accepted; none: all.
        rules: What is demanded; all rules that match a name, together.
        revoked: Artifacts, keys and certificates taken back.
        timestamps: Root certificates of time-stamping authorities, DER.
        seen: Path of the file that remembers the highest versions; None: nothing is remembered.
        issued: The policy is in force from this time on.
        expires: The policy is in force before this time.
        floor: The policy of this machine, which is decided too.
        source: Where it was read; "": it was made in Python.
        given: The keys that `from_dict` found: what a floor gives is an upper bound, even where it is the default.

    Raises:
        UsageError: A value is not valid, or values contradict each other.
    """

    allow: tuple[str, ...] = ()
    limits: Limits = field(default=DEFAULT)
    verdict: Verdict | None = None
    signers: tuple[Signer, ...] = ()
    sharing: Literal["tolerant", "exact"] = "tolerant"
    preset: Literal["default", "open", "production"] = "default"
    names: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ()
    revoked: Revoked = NOTHING
    timestamps: tuple[bytes, ...] = ()
    seen: str | None = None
    issued: datetime | None = None
    expires: datetime | None = None
    floor: Policy | None = None
    source: str = field(default="", compare=False)
    given: frozenset[str] = field(default=frozenset(), compare=False, repr=False)

    def __post_init__(self) -> None:
        for key in ("allow", "signers", "rules", "timestamps", "names"):
            if isinstance(getattr(self, key), str | bytes | Mapping):
                raise invalid(key, "must be a list", 'allow=["mypkg.text.Scaler"]' if key == "allow" else "")
            object.__setattr__(self, key, tuple(getattr(self, key)))
        for name in self.allow:
            if not isinstance(name, str) or not NAME.fullmatch(name):
                hint = "write module.Name in full, for example mypkg.text.Scaler; patterns are not accepted"
                raise invalid("allow", f"{name!r} is not the exact name of a class or function", hint)
        if self.verdict is not None:
            check_one_of(self.verdict, VERDICTS, "verdict")
        check_one_of(self.sharing, ("tolerant", "exact"), "sharing")
        check_one_of(self.preset, PRESETS, "preset")
        if self.names:
            from amber.policy.patterns import check_patterns

            check_patterns(self.names, "names", empty=False)
        check_time(self.issued, "issued")
        check_time(self.expires, "expires")
        if not isinstance(self.revoked, Revoked):
            raise invalid("revoked", "must be a Revoked", "Policy.from_dict reads plain data")
        parts = (self.signers, self.rules, self.timestamps, self.floor, self.issued)
        if any(parts) or self.preset != "default":  # else there is nothing that could contradict anything
            from amber.policy import consistency

            consistency.check(self)

    @classmethod
    def from_file(cls, path: str | os.PathLike[str]) -> Policy:
        """Read a policy from a TOML file (schema: `spec/schemas/policy.schema.json`).

        The file, and each file it names, is read once and must be the user's or root's, and nobody else's to write.

        Raises:
            SourceError: A file cannot be read.
            UsageError: It is not a valid policy, or somebody else could have written it.
        """
        from amber.policy import files, plain

        where = os.fsdecode(path)
        data = plain.toml(files.read(where), where)
        return cls.from_dict(data, where, os.path.dirname(os.path.abspath(where)))

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], where: str = "policy", base: str | None = None) -> Policy:
        """Build a policy from the plain data of a TOML file or of `to_dict`.

        Args:
            data: Keys as in the file.
            where: What errors call it.
            base: The folder that paths in it are relative to; None: it must hold everything itself.

        Raises:
            SourceError: A file it names cannot be read.
            UsageError: An unknown key or a value that is not valid.
        """
        from amber.policy import plain

        return plain.policy(cls, data, where, base)

    def to_dict(self) -> dict[str, Any]:
        """Return the policy as plain data with every key and certificate in it; `from_dict` gives it back."""
        from amber.policy import written

        return written.policy(self)

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical JSON of `to_dict`, hex: which policy it was, floor included."""
        import hashlib
        import json

        text = json.dumps(self.to_dict(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode("utf-8")).hexdigest()

    @property
    def names_signers(self) -> bool:
        """Whether a signature can decide anything, or is to be shown under a label: the floor's signers count."""
        demanding = any(rule.require or rule.attestations for rule in self.rules)
        return bool(self.signers or demanding or (self.floor is not None and self.floor.names_signers))

    @property
    def decides(self) -> bool:
        """Whether `decide` can refuse anything by this policy, the expected name apart; its floor is not asked."""
        timed = self.issued is not None or self.expires is not None
        return bool(self.rules or self.names or self.revoked.ids or timed or self.preset == "production")

    @property
    def needs_id(self) -> bool:
        """Whether the artifact's id decides: it may be revoked, or another of its version may have been seen."""
        return bool(self.revoked.ids or self.seen or (self.floor is not None and self.floor.needs_id))

    def signer(self, label: str) -> Signer | None:
        """Return the signer of a label; None: there is none."""
        return next((each for each in self.signers if each.label == label), None)

    def allowing(self, names: tuple[str, ...]) -> Policy:
        """Return this policy with `names` allowed too, as far as the floor allows them.

        Raises:
            UsageError: A name is not exact, or the preset allows none.
        """
        return replace(self, allow=tuple(dict.fromkeys((*self.allow, *names)))).bounded()

    def over(self, floor: Policy | None) -> Policy:
        """Return this policy with `floor` under it: its sizes and names are upper bounds, and it is decided too.

        Raises:
            UsageError: The floor says what a floor cannot.
        """
        return replace(self, floor=floor).bounded()

    def bounded(self) -> Policy:
        """Return this policy with no more allowed than its floor allows, and with nobody whom the floor took back."""
        floor = self.floor
        if floor is None:
            return self
        capped = {
            item.name: min(getattr(self.limits, item.name), getattr(floor.limits, item.name))
            for item in fields(Limits)
            if at("limits", item.name) in floor.given
        }
        allow = self.allow
        if "allow" in floor.given or floor.preset == "production":
            allow = tuple(name for name in allow if name in floor.allow)
        sharing = "exact" if floor.sharing == "exact" else self.sharing
        revoked = self.revoked.with_signers_of(floor.revoked)
        return replace(self, limits=replace(self.limits, **capped), allow=allow, sharing=sharing, revoked=revoked)
