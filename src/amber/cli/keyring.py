"""The keyring of a user: a policy that `amber trust` maintains, with one rule made from its signers.

The rule names every pattern of every signer, and any one signer satisfies it; whom a pattern belongs to is in the
signers' own `names`. What was put into the file by hand beyond that is obeyed, and never rewritten.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from amber.errors import SourceError, UsageError
from amber.policy import files, force, places, private_file, written
from amber.policy.patterns import any_matches
from amber.policy.policy import Policy
from amber.policy.revoked import Revoked, RevokedKey, check_hex
from amber.policy.rules import Line, Rule
from amber.policy.signers import Certificate, Key, Keyless, Signer

_HEAD = """# Whom this user trusts, and for which artifacts (in the form of a policy). `amber trust` writes this file:
# comments are lost when it does so again, and what it does not know it leaves alone.
"""


@dataclass(frozen=True)
class Change:
    """What a change did.

    Args:
        path: The keyring.
        signer: The signer as it is now, or as it was when it was taken out.
        fingerprints: Of the keys and roots that were added or revoked, or whose revocation was taken back.
        ids: Of the artifacts likewise.
        uncovered: Patterns for which nobody is left: unsigned artifacts of these names pass again.
        notes: What else a person should know.
    """

    path: str
    signer: Signer | None = None
    fingerprints: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    uncovered: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())


def path() -> str:
    """Return where the keyring is.

    Raises:
        SourceError: `keyring-unusable`, where this user has no home.
    """
    folder = places.keyring_folder()
    if folder is None:
        hint = "use a policy file: --policy FILE"
        raise SourceError("keyring-unusable", "the system knows no home of this user", hint=hint)
    return os.path.join(folder, places.KEYRING)


def read() -> Policy:
    """Return the keyring as the policy it is.

    Raises:
        SourceError: It cannot be read.
        UsageError: It is not valid, or somebody else could have written it.
    """
    return force.from_keyring()


def add(
    label: str,
    *,
    keys: tuple[Key, ...] = (),
    certificates: tuple[Certificate, ...] = (),
    keyless: tuple[Keyless, ...] = (),
    names: tuple[str, ...] = (),
    until: datetime | None = None,
) -> Change:
    """Add a signer, or another key to one that is there.

    Args:
        label: The user's name for the signer.
        keys: Public keys, each with its own end.
        certificates: Roots and names.
        keyless: Identities.
        names: Patterns; none: those it has, or `*` for a new one.
        until: The end of the whole signer; only for one that is new.

    Raises:
        SourceError: `keyring-unusable`.
        UsageError: A value is not valid, the key is there already, or the keyring was changed by hand.
    """
    with _changing() as (file, policy):
        old = policy.signer(label)
        _check_new(old, keys, file)
        if old is not None and until is not None:
            hint = "say `until` when a signer is added first, or use another label"
            raise UsageError("policy-invalid", f"{label} is there already, and its end stays", where=label, hint=hint)
        if old is None:
            new = Signer(label, keys, certificates, keyless, until, names or ("*",))
        else:
            new = replace(
                old,
                keys=(*old.keys, *keys),
                certificates=(*old.certificates, *certificates),
                keyless=(*old.keyless, *keyless),
                names=names or old.names,
            )
        others = tuple(each for each in policy.signers if each.label != label)
        _write(file, policy, (*others, new))
        given = (*(each.fingerprint for each in keys), *(each.fingerprint for each in certificates))
        said = _void(policy.revoked, keys, certificates, until)
        return Change(file, new, given, uncovered=_uncovered(policy.signers, (*others, new)), notes=said)


def remove(label: str) -> Change:
    """Take a signer out. Its signatures are then those of a stranger.

    Raises:
        SourceError: `keyring-unusable`.
        UsageError: `label-unknown`, or the keyring was changed by hand.
    """
    with _changing() as (file, policy):
        gone = _named(policy, label, file)
        left = tuple(each for each in policy.signers if each is not gone)
        _write(file, policy, left)
        return Change(file, gone, uncovered=_uncovered(policy.signers, left))


def revoke(
    label: str = "", *, id: str = "", key: str = "", certificate: str = "", since: datetime | None = None
) -> Change:
    """Take back the keys of a signer, one key, a certificate or an artifact.

    The signer stays, so that artifacts of its names still need a signature.

    Args:
        label: A signer, all keys of which are revoked.
        id: An artifact.
        key: Fingerprint of a key.
        certificate: Fingerprint of a certificate.
        since: For keys: what was signed before, by a verified time, stands.

    Raises:
        SourceError: `keyring-unusable`.
        UsageError: `label-unknown`, a value is not valid, or the keyring was changed by hand.
    """
    with _changing() as (file, policy):
        signer = _named(policy, label, file) if label else None
        fingerprints = [each.fingerprint for each in signer.keys] if signer else []
        if signer and not fingerprints:
            hint = f"`amber trust remove {label}`, or `amber trust revoke --certificate FINGERPRINT` of its leaf"
            raise UsageError("label-unknown", f"{label} has no key to revoke", where=file, hint=hint)
        fingerprints += [key] if key else []
        before = policy.revoked
        kept = tuple(each for each in before.keys if each.fingerprint not in fingerprints)
        revoked = Revoked(
            tuple(dict.fromkeys((*before.ids, *([id] if id else [])))),
            (*kept, *(RevokedKey(each, since) for each in fingerprints)),
            tuple(dict.fromkeys((*before.certificates, *([certificate] if certificate else [])))),
        )
        _write(file, replace(policy, revoked=revoked), policy.signers)
        given = (*fingerprints, *([certificate] if certificate else []))
        return Change(file, signer, given, (id,) if id else (), notes=_beside_keys(signer))


def restore(label: str = "", *, id: str = "", key: str = "", certificate: str = "") -> Change:
    """Take a revocation back: what was revoked counts again, as far as the rest of the keyring lets it.

    Args:
        label: A signer, all of whose keys that are revoked count again.
        id: An artifact.
        key: Fingerprint of a key.
        certificate: Fingerprint of a certificate.

    Raises:
        SourceError: `keyring-unusable`.
        UsageError: `not-revoked`, `label-unknown`, a value is not valid, or the keyring was changed by hand.
    """
    for text, where in ((id, "--id"), (key, "--key"), (certificate, "--certificate")):
        if text:
            check_hex(text, where)
    with _changing() as (file, policy):
        signer = _named(policy, label, file) if label else None
        named = {each.fingerprint for each in signer.keys} if signer else {key}
        before = policy.revoked
        keys = dict.fromkeys(each.fingerprint for each in before.keys if each.fingerprint in named)
        ids = dict.fromkeys(each for each in before.ids if each == id)
        certificates = dict.fromkeys(each for each in before.certificates if each == certificate)
        if not (keys or ids or certificates):
            what = f"no key of {label}" if label else next(each for each in (id, key, certificate) if each)
            said = f"{what} is revoked" if label else f"{what} is not revoked"
            hint = "`amber trust list` shows what is, and of what kind"
            raise UsageError("not-revoked", said, where=file, hint=hint)
        revoked = Revoked(
            tuple(each for each in before.ids if each not in ids),
            tuple(each for each in before.keys if each.fingerprint not in keys),
            tuple(each for each in before.certificates if each not in certificates),
        )
        _write(file, replace(policy, revoked=revoked), policy.signers)
        done = (*keys, *certificates, *ids)
        return Change(file, signer, (*keys, *certificates), tuple(ids), notes=_by_the_machine(done))


def _check_new(old: Signer | None, keys: tuple[Key, ...], file: str) -> None:
    """Raise where a signer has one of the keys already.

    Raises:
        UsageError: `policy-invalid`.
    """
    known = set() if old is None else {each.fingerprint for each in old.keys}
    if old is not None and any(each.fingerprint in known for each in keys):
        hint = f"nothing to do: `amber trust list` shows it; another end or other names: edit {file}"
        raise UsageError("policy-invalid", f"{old.label} has this key already", where=file, hint=hint)


def _void(
    revoked: Revoked, keys: tuple[Key, ...], certificates: tuple[Certificate, ...], until: datetime | None
) -> tuple[str, ...]:
    """Return what of the added does not count, and why: revoked, or its end has passed."""
    taken = {each.fingerprint: each.since for each in revoked.keys}
    now = datetime.now(UTC)
    notes = [
        f"key {each.fingerprint} is revoked, and signatures with it do not count; to take that back: "
        f"amber trust revoke --undo --key {each.fingerprint}"
        for each in keys
        if each.fingerprint in taken
    ]
    notes += [
        f"certificate {each.fingerprint} is revoked, and nothing below it counts"
        for each in certificates
        if each.fingerprint in revoked.certificates
    ]
    notes += [
        f"the end {written.time(each.until)} of key {each.fingerprint} has passed, and signatures with it do not count"
        for each in keys
        if each.until is not None and each.until <= now
    ]
    if until is not None and until <= now:
        notes.append(f"the end {written.time(until)} has passed, and signatures of this signer do not count")
    return tuple(notes)


def _by_the_machine(restored: tuple[str, ...]) -> tuple[str, ...]:
    """Return what the policy of the machine, which is under every other, has revoked all the same."""
    floor = force.floor()
    if floor is None:
        return ()
    taken = {*floor.revoked.ids, *floor.revoked.certificates, *(each.fingerprint for each in floor.revoked.keys)}
    said = f"is revoked by the policy of this machine too, {floor.source}, and still does not count"
    return tuple(f"{each} {said}" for each in restored if each in taken)


def _beside_keys(signer: Signer | None) -> tuple[str, ...]:
    if signer is None or not (signer.certificates or signer.keyless):
        return ()
    return (f"certificates and keyless identities of {signer.label} still count",)


@contextlib.contextmanager
def _changing() -> Iterator[tuple[str, Policy]]:
    """Hold the keyring's lock while it is read, changed and written."""
    file = path()
    with contextlib.ExitStack() as held:
        try:
            private_file.make_folder(os.path.dirname(file))
            os.chmod(os.path.dirname(file), 0o700)
            held.enter_context(private_file.locked(file))
        except OSError as error:
            raise _unusable(file, error) from error
        policy = read()
        if policy.rules != _rules(policy.signers) or policy.given - {"signers", "rule", "revoked"}:
            said = "it holds more than the signers, their rule and what was revoked: it was changed by hand"
            hint = "go on by hand, or move it to a file of your own for --policy and begin again"
            raise UsageError("keyring-foreign", said, where=file, hint=hint)
        yield file, policy


def _rules(signers: tuple[Signer, ...]) -> tuple[Rule, ...]:
    """Return the one rule that the signers make; none where there are none."""
    if not signers:
        return ()
    names = tuple(sorted({name for each in signers for name in each.names}))
    return (Rule(names, (Line(tuple(each.label for each in signers)),)),)


def _write(file: str, policy: Policy, signers: tuple[Signer, ...]) -> None:
    changed = replace(policy, signers=signers, rules=_rules(signers), given=frozenset())
    data = _HEAD.encode("ascii") + _toml(written.policy(changed))
    if len(data) > files.MOST_BYTES:
        raise UsageError("keyring-unusable", f"it would be larger than {files.MOST_BYTES} bytes", where=file)
    try:
        private_file.put(file, data)
    except OSError as error:
        raise _unusable(file, error) from error


def _toml(data: dict[str, Any]) -> bytes:
    try:
        import tomli_w
    except ImportError as error:
        hint = "pip install 'amber[sign]'"
        raise UsageError("library-missing", "tomli-w is needed to write a keyring", hint=hint) from error
    return tomli_w.dumps(data, multiline_strings=True).encode("utf-8")


def _named(policy: Policy, label: str, file: str) -> Signer:
    found = policy.signer(label)
    if found is None:
        known = ", ".join(each.label for each in policy.signers) or "none"
        raise UsageError("label-unknown", f"no signer {label!r}", where=file, hint=f"signers of the keyring: {known}")
    return found


def _uncovered(before: tuple[Signer, ...], after: tuple[Signer, ...]) -> tuple[str, ...]:
    """Return the patterns that a rule had and no rule has now."""
    kept = tuple(name for each in after for name in each.names)
    # a pattern inside another one: its stars are characters that only the other's stars can take
    return tuple(sorted({name for each in before for name in each.names if not any_matches(kept, name)}))


def _unusable(file: str, error: OSError) -> SourceError:
    return SourceError("keyring-unusable", f"cannot be written: {error.strerror or error}", where=file)
