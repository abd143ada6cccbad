"""In-toto statements: what was signed. The one about the members (OpenSSF Model Signing), and attestations.

A statement about the members counts only if it covers all of them: the set of names and digests is compared with the
artifact, and nothing in the statement can make that set smaller (FORMAT.md, section 3).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec

from amber.errors import FormatError, Problem
from amber.trust import strict

STATEMENT = "https://in-toto.io/Statement/v1"
OMS = "https://model_signing/signature/v1.0"
OLD_OMS = "https://model_signing/Digests/v0.1"
# What may stand in `signatures/NNNN-<kind>.sigstore.json`: the kind, and the predicate types it stands for.
KINDS: dict[str, tuple[str, ...]] = {
    "oms": (OMS,),
    "test-result": ("https://in-toto.io/attestation/test-result/v0.1",),
    "provenance": ("https://slsa.dev/provenance/v1",),
    "sbom": ("https://cyclonedx.org/bom", "https://spdx.dev/Document/v3"),
    "vsa": ("https://slsa.dev/verification_summary/v1",),
}
_HEX = re.compile(r"[0-9a-f]{64}")
_MOST_BYTES = 12 * 1024 * 1024  # what base64 leaves of the largest bundle
_SHOWN = 10  # members named in a refusal


@dataclass(frozen=True)
class Statement:
    """One statement with one subject.

    Args:
        subject: SHA-256 of the subject, in hex.
        predicate_type: What kind of statement it is.
        predicate: What it says, as plain data; no field of it has been checked.
    """

    subject: str
    predicate_type: str
    predicate: dict[str, Any]


_Name = Annotated[str, msgspec.Meta(min_length=1)]


class _Subject(msgspec.Struct):
    name: _Name
    digest: dict[str, str]


class _Statement(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    type: str = msgspec.field(name="_type")
    subject: list[_Subject]
    predicate_type: str
    predicate: dict[str, Any]


class _Resource(msgspec.Struct):
    name: _Name
    digest: str
    algorithm: str


class _Serialization(msgspec.Struct, forbid_unknown_fields=True):
    method: str
    hash_type: str
    allow_symlinks: bool
    ignore_paths: list[str] = []


class _Predicate(msgspec.Struct, forbid_unknown_fields=True):
    resources: list[_Resource]
    serialization: _Serialization


def oms(name: str, digests: Mapping[str, str]) -> bytes:
    """Return the statement about an artifact's members, as the payload to sign.

    Args:
        name: Name of the artifact, for people; it binds nothing.
        digests: SHA-256 in hex of every member outside `signatures/`.
    """
    names = sorted(digests)
    resources = [{"algorithm": "sha256", "digest": digests[member], "name": member} for member in names]
    # `signatures` is ignored for the reference, which else finds the signatures to be extra files; Amber ignores none
    how = {"allow_symlinks": False, "hash_type": "sha256", "ignore_paths": ["signatures"], "method": "files"}
    return attestation(
        root_of([digests[member] for member in names]), name, OMS, {"resources": resources, "serialization": how}
    )


def attestation(id: str, name: str, predicate_type: str, predicate: Mapping[str, Any]) -> bytes:
    """Return a statement whose one subject is an artifact, as the payload to sign.

    Raises:
        SaveError: `value-not-json`: the predicate is not plain data without floats.
    """
    subject = {"digest": {"sha256": id}, "name": name}
    return strict.dumps(
        {"_type": STATEMENT, "predicate": dict(predicate), "predicateType": predicate_type, "subject": [subject]}
    )


def decode(payload: bytes, where: str) -> Statement:
    """Take a statement apart.

    Raises:
        FormatError: `statement-invalid`: not strict JSON of the schema, another type, or not exactly one subject
            with a SHA-256.
    """
    try:
        read = msgspec.convert(strict.loads(payload, where, "statement-invalid", _MOST_BYTES), _Statement)
    except msgspec.ValidationError as error:
        raise _invalid(f"not a statement: {error}", where) from error
    if read.type != STATEMENT:
        raise _invalid(f"_type is {read.type!r}, not {STATEMENT}", where)
    if len(read.subject) != 1:
        raise _invalid(f"{len(read.subject)} subjects; exactly one is read", where)
    subject = read.subject[0].digest.get("sha256", "")
    if not _HEX.fullmatch(subject):
        raise _invalid("the subject has no SHA-256 of 64 lower-case hex characters", where)
    return Statement(subject, read.predicate_type, read.predicate)


def kind_of(statement: Statement, where: str) -> str:
    """Return the kind whose predicate type this is.

    Raises:
        FormatError: `statement-invalid`: the type is not one of `KINDS`.
    """
    for kind, types in KINDS.items():
        if statement.predicate_type in types:
            return kind
    hint = "sign again with model-signing 1.0 or newer" if statement.predicate_type == OLD_OMS else ""
    raise _invalid(f"statements of type {statement.predicate_type!r} are not read", where, hint)


def check_coverage(statement: Statement, digests: Mapping[str, str], where: str) -> str:
    """Check that a statement describes exactly these members; return its root.

    The order of the resources, `ignore_paths` and the subject's name mean nothing.

    Args:
        statement: The statement.
        digests: SHA-256 in hex of every member outside `signatures/`.
        where: Name of the bundle.

    Raises:
        FormatError: `statement-invalid`: another predicate, method or algorithm, or a subject that is not the root
            of the resources. `signature-over-container`: the file was signed and not its members.
            `signature-coverage`: the set of names and digests is not that of the members.
    """
    predicate = _predicate(statement, where)
    listed = [(resource.name, resource.digest) for resource in predicate.resources]
    if len(listed) == 1 and (listed[0][0] == "." or listed[0][0].endswith(".amber")):
        raise FormatError(
            "signature-over-container",
            "the signature is over the file, which is another file as soon as a signature is added",
            where=where,
            hint="sign the members: `amber sign`, or unpack the artifact and sign the folder",
        )
    if root_of([digest for _, digest in listed]) != statement.subject:
        raise _invalid("the subject is not the root of the resources", where)
    if not listed:
        raise FormatError("signature-coverage", "the statement describes no member at all", where=where)
    if len(dict(listed)) != len(listed):
        raise FormatError("signature-coverage", "a name stands twice among the resources", where=where)
    if dict(listed) != dict(digests):
        raise _uncovered(dict(listed), digests, where)
    return statement.subject


def root_of(digests: list[str]) -> str:
    """Return the root of digests in their order: SHA-256 in hex over the raw digests (specification, section 6.5)."""
    return hashlib.sha256(bytes.fromhex("".join(digests))).hexdigest()


def _predicate(statement: Statement, where: str) -> _Predicate:
    if statement.predicate_type != OMS:
        raise _invalid(f"the predicate is {statement.predicate_type!r}, not {OMS}", where)
    try:
        predicate = msgspec.convert(statement.predicate, _Predicate)
    except msgspec.ValidationError as error:
        raise _invalid(f"not a predicate of model signing: {error}", where) from error
    how = predicate.serialization
    if (how.method, how.hash_type) != ("files", "sha256"):
        raise _invalid(f"method {how.method!r} with {how.hash_type!r}; only files with sha256 are read", where)
    if how.allow_symlinks:
        raise _invalid("allow_symlinks: an artifact holds no links", where)
    for resource in predicate.resources:
        if resource.algorithm != "sha256" or not _HEX.fullmatch(resource.digest):
            raise _invalid(f"the digest of {resource.name!r} is not a SHA-256", where)
    return predicate


def _uncovered(listed: Mapping[str, str], digests: Mapping[str, str], where: str) -> FormatError:
    lines = [(name, "signed, and not in the artifact") for name in sorted(listed.keys() - digests.keys())]
    lines += [(name, "in the artifact, and not signed") for name in sorted(digests.keys() - listed.keys())]
    lines += [
        (name, "other bytes than those signed")
        for name in sorted(listed.keys() & digests.keys())
        if listed[name] != digests[name]
    ]
    problems = tuple(Problem("signature-coverage", name, message) for name, message in lines[:_SHOWN])
    return FormatError(
        "signature-coverage",
        f"the statement does not describe exactly these members ({len(lines)} differ)",
        where=where,
        hint="the signature is of another artifact, or the artifact was changed after it was signed",
        problems=problems,
    )


def _invalid(message: str, where: str, hint: str = "") -> FormatError:
    return FormatError("statement-invalid", message, where=where, hint=hint)
