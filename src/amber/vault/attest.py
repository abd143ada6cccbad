"""A signed statement about an artifact: a claim, the signature over it, and the bundle in the file or beside it.

In: what somebody saw or says (`Claim`: the id it is about, a predicate) and whoever signs. Out: a bundle whose subject
is the id. `sbom` and `provenance` claims are made here; those that run the model are made in `models.claims`. An
attestation decides nothing by itself: a reader's policy may demand one of a signer it names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from amber.archive import names
from amber.archive.source import Source
from amber.errors import SaveError
from amber.trust import predicates
from amber.trust.keys import Signing
from amber.trust.sealing import sealed
from amber.trust.statement import attestation
from amber.vault.check import open_checked
from amber.vault.sbom.make import described
from amber.vault.sign import Path, Signed, add
from amber.vault.trusting import Asked

_SBOM_TYPES = {"cyclonedx": predicates.CYCLONEDX, "spdx": predicates.SPDX}


@dataclass(frozen=True)
class Claim:
    """What is to be signed.

    Args:
        kind: `test-result`, `provenance`, `sbom` or `vsa`: the word in the bundle's name.
        id: The artifact it is about.
        name: Its name, for people.
        predicate_type: URI of the predicate's form.
        predicate: Plain data without floats.
        result: The one word of it, for people; empty where there is none.
        beside: It says that the artifact is broken or refused: a bundle of it is never put into the file.
        reasons: Why it is refused, for people; they are not signed.
    """

    kind: str
    id: str
    name: str
    predicate_type: str
    predicate: Mapping[str, Any]
    result: str = ""
    beside: bool = False
    reasons: tuple[str, ...] = ()

    @property
    def payload(self) -> bytes:
        """The statement, as it is signed."""
        return attestation(self.id, self.name, self.predicate_type, self.predicate)


def bundle_of(claim: Claim, signing: Signing, chain: Sequence[bytes] = ()) -> bytes:
    """Return the bundle of a claim.

    Args:
        claim: What is signed.
        signing: Whose signature it carries.
        chain: Certificates in DER, the leaf first; without them the bundle names the key.

    Raises:
        SaveError: `attest-too-large`: more bytes than such a bundle may have.
        SourceError: `signer-failed`.
    """
    data = sealed(claim.payload, signing, chain)
    most = names.signature_bytes(f"{names.SIGNATURES}0001-{claim.kind}.sigstore.json", 0)
    if len(data) > most:
        raise SaveError(
            "attest-too-large",
            f"the bundle has {len(data)} bytes, and a reader takes {most}",
            where=claim.kind,
            hint="for an SBOM: --format cyclonedx is the smaller one; or sign the document by another tool",
        )
    return data


def attest(
    source: Path,
    claim: Claim,
    signing: Signing,
    *,
    chain: Sequence[bytes] = (),
    target: Path | None = None,
    detached: bool = False,
    allow: Sequence[str] = (),
) -> Signed:
    """Sign a claim and put the bundle into the artifact, or beside it.

    What says that the artifact is broken or refused goes beside it only: whoever refused a file does not write it.
    The artifact must be whole and must still have the id the claim is about.

    Args:
        source: A file, or the folder it was unpacked to.
        claim: What is signed.
        signing: Whose signature it carries.
        chain: Certificates in DER, the leaf first.
        target: Where to write; by default the artifact is replaced in one step.
        detached: Write `FILE.NNNN-<kind>.sigstore.json` instead.
        allow: Exact names of classes and functions of your own that are in the model.

    Raises:
        FormatError: The artifact is not whole; `attestation-subject`: it is another one by now.
        SaveError: `attest-detached-only`, `attest-too-large`; nothing was written.
        SourceError: It cannot be read or written; `signer-failed`.
        UsageError: The chain cannot be used.
    """
    if claim.beside and not detached:
        raise SaveError(
            "attest-detached-only",
            "; ".join([f"the result is {claim.result}, and nothing was signed or written", *claim.reasons]),
            where=claim.name,
            hint="with --detached the statement is written beside the artifact",
        )
    if chain:
        from amber.trust import own_chain  # here: keys alone need no x509

        own_chain.check(chain, signing.public, datetime.now(UTC))
    return add(source, [bundle_of(claim, signing, chain)], target=target, detached=detached, allow=allow)


def identified(source: Source) -> tuple[str, str]:
    """Return id and name of an artifact that is whole.

    Raises:
        FormatError, SourceError: It is not whole, or cannot be read.
    """
    with open_checked(source, asked=Asked(purpose="move")) as proved:
        id = proved.root()
        proved.opened.confirm()
        return id, proved.manifest.name


def sbom_claim(source: Source, format: str = "cyclonedx") -> Claim:
    """Return the claim that an artifact consists of what its bill of materials lists.

    Raises:
        FormatError, SourceError: The artifact is not whole, or cannot be read.
        UsageError: `sbom-unknown`.
    """
    facts, document = described(source, format)
    return Claim("sbom", facts.id, facts.manifest.name, _SBOM_TYPES[format], document)


def provenance_claim(
    source: Source,
    *,
    builder_id: str,
    build_type: str,
    materials: Sequence[str] = (),
    parameters: Mapping[str, str] | None = None,
) -> Claim:
    """Return the claim of a build, from nothing but these words: no variable of a build service is read.

    Raises:
        FormatError, SourceError: The artifact is not whole, or cannot be read.
        UsageError: `attest-invalid`: no URI, a material without a known digest, an odd parameter.
    """
    predicate = predicates.of_build(builder_id, build_type, materials, parameters or {})
    id, name = identified(source)
    return Claim("provenance", id, name, predicates.PROVENANCE, predicate)
