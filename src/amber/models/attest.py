"""`amber.attest`: see, then sign what was seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from amber.errors import UsageError
from amber.models.claims import gate_claim, replay_claim
from amber.policy import Policy
from amber.vault import attest as vault
from amber.vault.key_files import signing_by
from amber.vault.sign import Path, ends

if TYPE_CHECKING:
    from amber.trust.keys import Signing

Kind = Literal["test-result", "provenance", "sbom", "vsa"]
# The words of each kind, by the names of their arguments; `vsa` and `test-result` also take a policy.
WORDS: dict[str, tuple[str, ...]] = {
    "test-result": ("at",),
    "provenance": ("builder_id", "build_type", "materials", "parameters"),
    "sbom": ("format",),
    "vsa": ("at", "bundles", "expect", "policy_uri", "resource_uri", "verifier_id"),
}
_NEEDED = {"provenance": ("builder_id", "build_type"), "vsa": ("verifier_id", "resource_uri")}


@dataclass(frozen=True)
class Attested:
    """What was attested.

    Args:
        kind: `test-result`, `provenance`, `sbom` or `vsa`.
        result: PASSED, WARNED or FAILED; empty where the kind has no result.
        id: The artifact it is about.
        path: The artifact.
        written: Members that were added, or paths of detached bundles.
        there: Those that held the same before, and were not written again.
        reasons: `vsa` of FAILED: why, a sentence with its code each.
    """

    kind: str
    result: str
    id: str
    path: str
    written: tuple[str, ...]
    there: tuple[str, ...]
    reasons: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "kind": self.kind,
            "result": self.result,
            "id": self.id,
            "path": self.path,
            "written": list(self.written),
            "there": list(self.there),
            "reasons": list(self.reasons),
        }


def attest(
    path: Path,
    kind: Kind,
    *,
    key: Path | bytes | None = None,
    passphrase: str | bytes | None = None,
    signing: Signing | None = None,
    chain: Sequence[bytes] = (),
    target: Path | None = None,
    detached: bool = False,
    policy: Policy | None = None,
    at: datetime | None = None,
    format: str = "",
    builder_id: str = "",
    build_type: str = "",
    materials: Sequence[str] = (),
    parameters: Mapping[str, str] | None = None,
    verifier_id: str = "",
    resource_uri: str = "",
    policy_uri: str = "",
    expect: str = "",
    bundles: Mapping[str, bytes] | None = None,
) -> Attested:
    """Sign a statement about an artifact and put the bundle into it, or beside it.

    `test-result` replays the recorded cases now; `vsa` verifies under the policy now; `sbom` writes the bill of
    materials; `provenance` says what it is given and nothing else. A result of FAILED is written detached only.

    Args:
        path: A file, or the folder it was unpacked to.
        kind: `test-result`, `provenance`, `sbom` or `vsa`.
        key: A private key: its file, or the bytes of one (PEM or DER).
        passphrase: What decrypts the key.
        signing: What signs in place of a key (`amber.trust.external.Command`).
        chain: Certificates in DER, the leaf first.
        target: Where to write; by default the artifact is replaced in one step.
        detached: Write `FILE.NNNN-<kind>.sigstore.json` instead.
        policy: What may be built; for `vsa` what the gate accepts. None: the keyring of this machine.
        at: `vsa`: the time of judgement, None: now. `test-result`: a time to state, None: none.
        format: `sbom`: `cyclonedx` (the default) or `spdx`.
        builder_id: `provenance`: URI of the builder.
        build_type: `provenance`: URI of the kind of build.
        materials: `provenance`: `URI=sha256:HEX` or `URI=gitCommit:HEX` each.
        parameters: `provenance`: external parameters.
        verifier_id: `vsa`: URI of who judges.
        resource_uri: `vsa`: URI under which users know the artifact.
        policy_uri: `vsa`: where the policy is to be had.
        expect: `vsa`: the name the artifact must have.
        bundles: `vsa`: detached signatures, by path.

    Raises:
        CaseError: `attest-unchecked`: nothing was replayed.
        FormatError, AuditError: The artifact is not whole.
        SaveError: `attest-detached-only`, `attest-too-large`; nothing was written.
        SourceError: Something cannot be read or written; `source-changed`; `signer-failed`.
        UsageError: `attest-invalid`: a word is missing, is not valid, or belongs to another kind; a key that
            cannot be used.
    """
    words = {
        "at": at,
        "format": format,
        "builder_id": builder_id,
        "build_type": build_type,
        "materials": materials,
        "parameters": parameters,
        "verifier_id": verifier_id,
        "resource_uri": resource_uri,
        "policy_uri": policy_uri,
        "expect": expect,
        "bundles": bundles,
    }
    given = {name: value for name, value in words.items() if value}
    check_words(kind, given)
    ends(path, target)
    who = signing_by(key, passphrase, signing)  # before a model runs for it
    claim = _claim(path, kind, policy, given)
    allow = policy.allow if policy is not None else ()
    done = vault.attest(path, claim, who, chain=chain, target=target, detached=detached, allow=allow)
    return Attested(kind, claim.result, done.id, done.path, done.written, done.there, claim.reasons)


def check_words(kind: str, words: Mapping[str, Any], spelled: Callable[[str], str] = str) -> None:
    """Check, before any work, that a kind has the words it needs and none of another kind.

    Args:
        kind: What is to be attested.
        words: By the names of their arguments; what is empty is not given.
        spelled: How the caller calls an argument.

    Raises:
        UsageError: `attest-invalid`; it names every word that is missing.
    """
    if kind not in WORDS:
        raise UsageError(
            "attest-invalid", f"{kind!r} is not a kind of attestation", where="kind", hint=f"one of {', '.join(WORDS)}"
        )
    given = [name for name, value in words.items() if value]
    for name in given:
        if name not in WORDS[kind]:
            owner = " or ".join(other for other, names in WORDS.items() if name in names)
            raise UsageError("attest-invalid", f"belongs to {owner}, not to {kind}", where=spelled(name))
    absent = [spelled(name) for name in _NEEDED.get(kind, ()) if name not in given]
    if absent:
        needed = "are needed" if len(absent) > 1 else "is needed"
        message = f"{needed} for {kind}, and nothing Amber could know"
        raise UsageError("attest-invalid", message, where=" and ".join(absent))


def _claim(path: Path, kind: str, policy: Policy | None, given: dict[str, Any]) -> vault.Claim:
    if kind == "test-result":
        return replay_claim(path, policy=policy, **given)
    if kind == "vsa":
        return gate_claim(path, policy=policy, **given)
    if kind == "sbom":
        return vault.sbom_claim(path, **given)
    return vault.provenance_claim(path, **given)
