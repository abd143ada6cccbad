"""Who signed: for each bundle beside an artifact, what it says and which label of the reader's policy stands behind it.

In come the bundles, the digests of the members, the id and one policy; out comes a `Found` for each bundle. It is a
function of its arguments: no clock, no network, no file. Two answers are different here. That a bundle is wrong in
itself - not readable, about other bytes, a known key with a wrong signature - refuses the artifact whatever the policy
is, and is raised. That nobody the reader knows has signed it refuses nothing: it is shown, and not counted.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from amber.errors import FormatError, shown
from amber.trust import bundle as bundles_
from amber.trust import keys, predicates, statement
from amber.trust.bundle import Bundle
from amber.trust.pae import pae
from amber.trust.reasons import NotTrusted
from amber.trust.reasons import Status as NotCounted

if TYPE_CHECKING:
    from amber.policy import Certificate, Key, Policy, Signer

_MEMBER = re.compile(r"(?:^|[./])[0-9]{4}-([a-z-]+)\.sigstore\.json")
Status = Literal["counted", "unknown", "expired", "revoked", "unsupported"]
# Of several reasons why a bundle does not count, the one to show: the nearer it came, the later it stands.
_NEARNESS: tuple[NotCounted, ...] = ("unknown", "unsupported", "expired", "revoked")


@dataclass(frozen=True)
class Found:
    """What one bundle is.

    Args:
        member: Name of the member or file.
        kind: `oms`, `test-result`, `provenance`, `sbom` or `vsa`.
        method: `key`, `certificate`, `keyless` or `unknown`.
        status: `counted`; else why not: `unknown` (no signer of the policy), `expired`, `revoked`, `unsupported`.
        signer: Label of the policy; empty where none stands behind it.
        identity: What was matched: fingerprint of the key, name in the certificate, identity of the token. Where
            nothing was, the bundle's own hint, which is its author's word (escaped, cut at 200 characters), or the
            SHA-256 of the leaf's DER.
        key: Fingerprint of the key the signature was verified with; empty where none was, and for keyless ones.
        root: Subject of the statement: the id, or for a foreign `oms` one the root of its order.
        time: When the signature is known to have existed; None where nobody vouches for it.
        detail: One sentence for a person.
        result: The one word of an attestation that a policy compares; empty where its kind has none.
        predicate: What the statement says, as plain data; not checked beyond `oms`.
    """

    member: str
    kind: str
    method: bundles_.Method
    status: Status
    signer: str
    identity: str
    key: str
    root: str
    time: datetime | None
    detail: str
    result: str
    predicate: Any


@dataclass(frozen=True)
class _Answer:
    status: Status
    signer: str = ""
    identity: str = ""
    key: str = ""
    time: datetime | None = None
    detail: str = ""


def judge(
    bundles: Mapping[str, bytes], digests: Mapping[str, str], id: str, policy: Policy, at: datetime
) -> tuple[Found, ...]:
    """Judge every bundle under one policy.

    Args:
        bundles: The bytes of each, by member or file name.
        digests: SHA-256 in hex of every member outside `signatures/`.
        id: The artifact's id.
        policy: Whose signatures count.
        at: The time of judgement, with a time zone.

    Returns:
        One for each bundle, in the order of `bundles`.

    Raises:
        FormatError: `bundle-invalid`, `statement-invalid`, `signature-coverage`, `signature-over-container`,
            `attestation-subject`, or `signature-invalid`: the signature is wrong under the key it names.
        UsageError: `policy-invalid`, `key-malformed`, `key-unsupported`: what the policy names cannot be used;
            `library-missing`.
    """
    known = _Known(policy, at)
    found = [_found(member, data, digests, id, known) for member, data in bundles.items()]
    return tuple(_one_label_a_key(found))


def _one_label_a_key(found: list[Found]) -> Iterator[Found]:
    """Let a key count for one label: one leaf key in two certificates, or beside itself, is still one signer."""
    labels: dict[str, str] = {}
    for each in found:
        label = labels.setdefault(each.key, each.signer) if each.status == "counted" and each.key else each.signer
        if label != each.signer:
            detail = f"its key counts for {label} already, and one key is one signer"
            each = replace(each, status="unknown", signer="", detail=detail)
        yield each


def _found(member: str, data: bytes, digests: Mapping[str, str], id: str, known: _Known) -> Found:
    read = bundles_.decode(data, member)
    said = statement.decode(read.payload, member)
    kind = _kind(said, member)
    if kind == "oms":
        statement.check_coverage(said, digests, member)
    elif said.subject != id:
        raise FormatError(
            "attestation-subject",
            f"the statement is about {said.subject}, and this artifact is {id}",
            where=member,
        )
    result = predicates.result_of(said.predicate_type, said.predicate, member)
    answer = known.who(read, member)
    return Found(
        member=member,
        kind=kind,
        method=read.method,
        status=answer.status,
        signer=answer.signer,
        identity=answer.identity,
        key=answer.key,
        root=said.subject,
        time=answer.time,
        detail=answer.detail,
        result=result,
        predicate=said.predicate,
    )


def _kind(said: statement.Statement, member: str) -> str:
    kind = statement.kind_of(said, member)
    named = _MEMBER.search(member)
    if named and named[1] != kind:
        raise FormatError(
            "statement-invalid", f"the name says {named[1]}, the statement inside is of the kind {kind}", where=member
        )
    return kind


class _Known:
    """The signers of one policy at one time, with their keys read once."""

    def __init__(self, policy: Policy, at: datetime) -> None:
        self._policy = policy
        self._at = at
        self._read: list[tuple[Signer, Key, keys.PublicKey]] | None = None

    def who(self, read: Bundle, member: str) -> _Answer:
        """Say who signed a bundle whose statement has been checked."""
        if read.method == "unknown":
            return _Answer("unsupported", identity=shown(read.hint), detail="this version has no such way to sign")
        if read.method == "key":
            answers = self._by_key(read, member)
        elif read.method == "certificate":
            answers = self._by_certificate(read, member)
        else:
            answers = self._keyless(read)
        return _nearest(answers, read.hint or _leaf(read))

    def _keys(self) -> list[tuple[Signer, Key, keys.PublicKey]]:
        if self._read is None:
            self._read = [
                (signer, key, keys.public(key.der, f"signers.{signer.label}"))
                for signer in self._policy.signers
                for key in signer.keys
            ]
        return self._read

    def _by_key(self, read: Bundle, member: str) -> Iterator[_Answer]:
        """Try the keys: a hint names the key, but proves nothing, and the same key has others (of a CRLF file)."""
        message = keys.Message(pae(read.payload_type, read.payload))
        named = False
        for signer, key, public in self._keys():
            if public.verifies(message, read.signature):
                time = self._time(read)
                yield self._judged(signer, key.until, public, public.fingerprint, time)
                return
            named = named or public.hint in (read.hint, read.keyid)
        if named:
            raise _wrong_signature(member)

    def _by_certificate(self, read: Bundle, member: str) -> Iterator[_Answer]:
        wanted = [(signer, certificate) for signer in self._policy.signers for certificate in signer.certificates]
        if not wanted:
            return
        time = self._time(read)
        for signer, certificate in wanted:
            yield self._with_certificate(read, member, signer, certificate, time)

    def _with_certificate(
        self, read: Bundle, member: str, signer: Signer, wanted: Certificate, time: datetime | None
    ) -> _Answer:
        from amber.trust import certificates

        try:
            public = certificates.leaf_signer(
                read.certificates,
                wanted,
                time or self._at,
                revoked=self._policy.revoked.certificates,
                revoked_keys=self._revoked_keys(time),
            )
        except NotTrusted as reason:
            return _Answer(reason.status, signer.label if reason.status != "unknown" else "", detail=reason.detail)
        if not public.verify(pae(read.payload_type, read.payload), read.signature):
            raise _wrong_signature(member)
        return self._judged(signer, None, public, wanted.san or wanted.subject, time)

    def _keyless(self, read: Bundle) -> Iterator[_Answer]:
        for signer in self._policy.signers:
            for wanted in signer.keyless:
                from amber.trust import keyless

                try:
                    kind, payload, time = keyless.verify(read.raw, wanted, revoked=self._policy.revoked.certificates)
                except NotTrusted as reason:
                    label = signer.label if reason.status != "unknown" else ""
                    yield _Answer(reason.status, label, detail=reason.detail)
                    continue
                if (kind, payload) != (read.payload_type, read.payload):
                    yield _Answer("unknown", detail="the verifier read another payload")
                    continue
                yield self._judged(signer, None, None, wanted.identity, time)

    def _time(self, read: Bundle) -> datetime | None:
        """Return when the signature is known to have existed, if the policy names who may say so."""
        if not read.timestamps or not self._policy.timestamps:
            return None
        from amber.trust import timestamps

        return timestamps.time_of(
            read.timestamps,
            read.signature,
            self._policy.timestamps,
            at=self._at,
            revoked=self._policy.revoked.certificates,
        )

    def _judged(
        self,
        signer: Signer,
        until: datetime | None,
        public: keys.PublicKey | None,
        identity: str,
        time: datetime | None,
    ) -> _Answer:
        """Apply `until`, the revoked keys and the time of judgement to a signature that is right.

        A time from after the time of judgement proves nothing about then. A token of one has been left out before, and
        what a key or a chain signed is judged without it; a keyless signature is nothing without its time.
        """
        moment = time or self._at
        matched = _Answer("counted", signer.label, identity, public.fingerprint if public else "", time)
        ends = [end for end in (until, signer.until) if end is not None and moment >= end]
        if public is not None and public.fingerprint in self._revoked_keys(time):
            return replace(matched, status="revoked", detail="the policy has revoked the key")
        if time is not None and time > self._at:
            detail = f"first vouched for at {_written(time)}, after the time of judgement, {_written(self._at)}"
            return replace(matched, status="expired", detail=detail)
        if ends:
            return replace(matched, status="expired", detail=f"counts until {min(ends).isoformat()}")
        return matched

    def _revoked_keys(self, time: datetime | None) -> frozenset[str]:
        """Return the keys that are taken back for a signature: from `since` on by its verified time, else for good.

        Whoever has a lost key signs today, and the time of judgement is the caller's: neither makes a signature older.
        """
        return frozenset(
            revoked.fingerprint
            for revoked in self._policy.revoked.keys
            if revoked.since is None or time is None or time >= revoked.since
        )


def _nearest(answers: Iterator[_Answer], hint: str) -> _Answer:
    """Return the first answer that counts, else the one that came nearest."""
    best = _Answer("unknown", identity=shown(hint), detail="no signer of the policy")
    for answer in answers:
        if answer.status == "counted":
            return answer
        if _NEARNESS.index(answer.status) >= _NEARNESS.index(best.status):
            best = answer
    return best


def _written(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _leaf(read: Bundle) -> str:
    """Return what names the leaf of a stranger: a digest of its bytes, for nobody has vouched for what it says."""
    if read.method != "certificate":
        return ""
    return f"leaf sha256 {hashlib.sha256(read.certificates[0]).hexdigest()}"


def _wrong_signature(member: str) -> FormatError:
    return FormatError(
        "signature-invalid",
        "the bundle names a key or certificate of the policy, and its signature is wrong",
        where=member,
        hint="the statement was changed after it was signed, or the bundle was put together from two",
    )
