"""Sign an artifact, put bundles of others into it, take all of them out; every form gives the same id.

In comes the path of a file or folder, out comes the same artifact with other members below `signatures/`, or a bundle
beside it. Steps 1 to 4 and the names of step 6 are done first, over the very copy that is written afterwards
(`archive.append`): a file that is not whole is never signed, and nobody can put other bytes under the signature.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeAlias

from amber.archive import names
from amber.archive.append import Draft, rewrite
from amber.archive.container import file_fetch, read_container
from amber.archive.digests import compare_digests, root_of
from amber.archive.folder_signatures import check_signatures
from amber.archive.hashing import ALL
from amber.archive.source import Source, check_path, hashes_of, open_file, open_source
from amber.errors import AuditError, FormatError, LimitError, UsageError
from amber.limits import DEFAULT
from amber.policy import Policy
from amber.vault import beside, replacing
from amber.vault.check import check, read_manifest
from amber.vault.key_files import read_small, signing_by
from amber.vault.trusting import Asked

if TYPE_CHECKING:
    from amber.trust.keys import Signing

Path: TypeAlias = "str | os.PathLike[str]"
_MOVE = Asked(purpose="move")


@dataclass(frozen=True)
class Signed:
    """What was done.

    Args:
        id: The artifact's id, the same as before.
        path: The artifact.
        written: Members that were added, or paths of the detached bundles.
        there: Members, or detached bundles, that held the same before; nothing was written for them.
        dropped: Members that were taken out.
        signer: Fingerprint of the key that signed; empty where none did.
    """

    id: str
    path: str
    written: tuple[str, ...] = ()
    there: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    signer: str = ""


def sign(
    source: Path,
    *,
    key: Path | bytes | None = None,
    passphrase: str | bytes | None = None,
    signing: Signing | None = None,
    chain: Sequence[bytes] = (),
    target: Path | None = None,
    detached: bool = False,
    allow: Sequence[str] = (),
) -> Signed:
    """Sign all members of an artifact; the same key signs it once, however often it is asked to.

    Args:
        source: A file, or the folder it was unpacked to.
        key: A private key: its file, or the bytes of one (PEM or DER).
        passphrase: What decrypts the key.
        signing: What signs in place of a key (`amber.trust.external.Command`).
        chain: Certificates in DER, the leaf first; the leaf must be of the same key.
        target: Where to write; by default the artifact is replaced in one step. Another file is never replaced.
        detached: Write the bundle beside it instead (`FILE.0001-oms.sigstore.json`).
        allow: Exact names of classes and functions of your own that are in the model.

    Raises:
        AuditError, FormatError: The artifact is not whole, so it is not signed.
        LimitError: `limit-signatures`, or the bundle is too large.
        SourceError: It cannot be read or written; `source-changed`; `signer-failed`; `target-exists`.
        UsageError: The key, passphrase or chain cannot be used.
    """
    path, goal = ends(source, target)
    signing = signing_by(key, passphrase, signing)
    if chain:
        from amber.trust import own_chain

        own_chain.check(chain, signing.public, datetime.now(UTC))
    who = _Signer(signing, tuple(chain))
    if detached:
        found = _whole(path, path, allow)
        data, there = who.bundle(found, beside.detached(path, "oms"))  # a file was asked for, whatever is inside
        return who.signed(found, _detach(found, "oms", data) if not there else "", there)
    done: list[Signed] = []

    def work(draft: Draft) -> None:
        found = _whole(draft.source, path, allow)
        data, there = who.bundle(found, found.bundles)
        name = "" if there else beside.next_member(found.signatures, "oms", path)
        if name:
            draft.put({**found.signatures, name: data})
        done.append(who.signed(found, name, there))

    _rewrite(path, goal, work)
    return done[-1]


def add(
    source: Path,
    bundles: Sequence[Path | bytes],
    *,
    target: Path | None = None,
    detached: bool = False,
    allow: Sequence[str] = (),
) -> Signed:
    """Put bundles that were made elsewhere into an artifact, with the next free numbers.

    Each must be well made and about exactly this artifact; who signed it is for its readers to judge. One that is in
    it already, byte for byte, is not put in again.

    Args:
        source: A file, or the folder it was unpacked to.
        bundles: Paths, or the bytes of bundles.
        target: Where to write; by default the artifact is replaced in one step. Another file is never replaced.
        detached: Write them beside it instead.
        allow: Exact names of classes and functions of your own that are in the model.

    Raises:
        FormatError: The artifact is not whole, or a bundle is not about it (`bundle-invalid`, `statement-invalid`,
            `signature-coverage`, `signature-over-container`, `attestation-subject`).
        LimitError: `limit-signatures`, or a bundle is too large.
        SourceError: Something cannot be read or written; `source-changed`.
    """
    path, goal = ends(source, target)
    read = {where: data for number, each in enumerate(bundles, start=1) for where, data in [_bundle(number, each)]}
    if detached:
        found = _whole(path, path, allow)
        kinds = _kinds(found, read)
        same = {where: _same(data, beside.detached(path, kinds[where])) for where, data in read.items()}
        written = [_detach(found, kinds[where], data) for where, data in read.items() if not same[where]]
        return Signed(found.id, path, tuple(written), tuple(name for name in same.values() if name))
    outcome: list[Signed] = []

    def work(draft: Draft) -> None:
        found = _whole(draft.source, path, allow)
        kinds = _kinds(found, read)
        held = dict(found.signatures)
        there = []
        for where, data in read.items():
            same = _same(data, held)
            there += [same] if same else []
            held[same or beside.next_member(held, kinds[where], path)] = data
        draft.put(held)
        written = tuple(name for name in held if name not in found.signatures)
        outcome.append(Signed(found.id, path, written, tuple(there)))

    _rewrite(path, goal, work)
    return outcome[-1]


def strip(source: Path, *, target: Path | None = None) -> Signed:
    """Take everything below `signatures/` out of an artifact, whatever it is worth; the other members must be whole.

    Args:
        source: A file, or the folder it was unpacked to.
        target: Where to write; by default the artifact is replaced in one step. Another file is never replaced.

    Raises:
        FormatError: Step 1, 3 or 4 failed. SourceError: It cannot be read or written; `source-changed`.
    """
    path, goal = ends(source, target)
    done: list[Signed] = []

    def work(draft: Draft) -> None:
        with open_source(draft.source, wanted=ALL) as opened:
            dropped = tuple(name for name in opened.members if names.is_signature(name))
            for name in dropped:
                del opened.members[name]
            manifest = read_manifest(opened, DEFAULT)
            hashes = hashes_of(opened)
            compare_digests({name: info.blake3 for name, info in manifest.members.items()}, hashes.blake3)
            id = root_of(hashes.sha256)
            opened.confirm()
        draft.put({})
        done.append(Signed(id, path, dropped=dropped))

    _rewrite(path, goal, work)
    return done[-1]


def _rewrite(path: str, goal: str, work: Callable[[Draft], None]) -> None:
    """Rewrite an artifact; a file that is no container is refused before it is copied, however large it is."""
    if not os.path.isdir(path):
        with open_file(path) as (descriptor, info):
            try:
                read_container(file_fetch(descriptor, path), info.st_size, DEFAULT)
            except (FormatError, LimitError) as error:
                raise type(error)(error.code, error.message, where=path, hint=error.hint) from error
    rewrite(path, goal, work)


@dataclass(frozen=True)
class _Whole:
    """An artifact that passed, as far as signing needs it."""

    path: str
    id: str
    name: str
    digests: Mapping[str, str]  # SHA-256 in hex of the members outside `signatures/`
    signatures: Mapping[str, bytes]

    @property
    def bundles(self) -> dict[str, bytes]:
        return {name: data for name, data in self.signatures.items() if names.is_bundle(name)}


class _Signer:
    """Who signs, and with which certificates."""

    def __init__(self, signing: Signing, chain: tuple[bytes, ...]) -> None:
        self._signing = signing
        self._chain = chain

    def bundle(self, found: _Whole, there: Mapping[str, bytes]) -> tuple[bytes, str]:
        """Return the bundle; or nothing, and the name of the one among `there` that says the same by the same key."""
        from amber.trust.bundle import PAYLOAD_TYPE
        from amber.trust.pae import pae
        from amber.trust.sealing import sealed
        from amber.trust.statement import oms

        payload = oms(found.name, found.digests)
        message = pae(PAYLOAD_TYPE, payload)
        for name, data in there.items():
            if self._is_ours(data, name, payload, message):
                return b"", name
        return sealed(payload, self._signing, self._chain), ""

    def signed(self, found: _Whole, written: str, there: str) -> Signed:
        """Return what was done: a bundle was written, or was there."""
        fingerprint = self._signing.public.fingerprint
        return Signed(found.id, found.path, _if(written), _if(there), signer=fingerprint)

    def _is_ours(self, data: bytes, name: str, payload: bytes, message: bytes) -> bool:
        from amber.trust.bundle import decode

        try:
            bundle = decode(data, name)
        except FormatError:
            return False  # a file beside the artifact that is no bundle
        method = "certificate" if self._chain else "key"
        if (bundle.method, bundle.payload, bundle.certificates) != (method, payload, self._chain):
            return False
        return self._signing.public.verify(message, bundle.signature)


def _whole(source: Source, path: str, allow: Sequence[str]) -> _Whole:
    """Do steps 1 to 4 and the names of step 6."""
    with check(source, Policy(preset="open", allow=tuple(allow)), asked=_MOVE) as checked:
        if checked.code or checked.opened is None or checked.manifest is None:
            failed = next(step for step in checked.steps if step.status == "failed")
            kind = AuditError if checked.problems else FormatError
            hint = "what is not whole is never signed"
            if failed.code == "container-not-canonical":
                hint += "; `amber.save(model, path)` writes artifacts"
            if failed.code == "name-not-allowed":
                hint = "allow your own classes by name (--allow), as you do to load it"
            raise kind(failed.code, failed.detail, where=path, hint=hint, problems=checked.problems)
        sha256 = hashes_of(checked.opened).sha256
        digests = {name: digest.hex() for name, digest in sha256.items() if not names.is_signature(name)}
        signatures = {name: bytes(view) for name, view in checked.opened.members.items() if names.is_signature(name)}
        return _Whole(path, checked.id, checked.manifest.name, digests, signatures)


def _kinds(found: _Whole, bundles: Mapping[str, bytes]) -> dict[str, str]:
    """Return the kind of each bundle, which must be about this artifact."""
    from amber.trust.judge import judge

    judged = judge(bundles, found.digests, found.id, Policy(preset="open"), datetime.now(UTC))
    return {each.member: each.kind for each in judged}


def _detach(found: _Whole, kind: str, data: bytes) -> str:
    """Write a bundle beside the artifact, which must be one that could stand in it; return its path."""
    check_signatures({beside.next_member((), kind, found.path): data}, list(found.digests), DEFAULT)
    return beside.write_detached(found.path, found.signatures, kind, data)


def _same(data: bytes, held: Mapping[str, bytes]) -> str:
    return next((name for name, other in held.items() if other == data), "")


def _if(name: str) -> tuple[str, ...]:
    return (name,) if name else ()


def _bundle(number: int, bundle: Path | bytes) -> tuple[str, bytes]:
    """Return what errors call a bundle, and its bytes."""
    if isinstance(bundle, bytes):
        return f"bundle {number}", bundle
    return check_path(bundle), read_small(check_path(bundle), beside.MOST_BYTES)


def _path(source: Path) -> str:
    if not isinstance(source, str | os.PathLike):
        raise UsageError("source-type", f"a {type(source).__name__} is not a path", where="source")
    return check_path(source)


def ends(source: Path, target: Path | None) -> tuple[str, str]:
    """Return where the artifact is, and where it is written.

    Raises:
        SourceError: `target-exists`: what is there would be lost. UsageError: `source-type`: not a path.
    """
    path = _path(source)
    if target is None:
        return path, path
    goal = _path(target)
    replacing.check_artifact(path, goal)
    return path, goal
