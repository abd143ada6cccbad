"""What is known of an artifact when the policy decides, and what the policy answers. Plain data, no file behind it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Attested:
    """An attestation that counted: of a kind, by a signer, with a result where the kind has one."""

    type: str
    label: str
    result: str = ""


@dataclass(frozen=True)
class Facts:
    """What steps 1 to 4 proved of an artifact.

    Args:
        id: Its id; "" where nobody computed it (then the policy must revoke no id).
        name: As its author calls it.
        version: MAJOR.MINOR.PATCH.
        kind: Of model.
        size: Of the artifact, or of all members of a folder, in bytes.
        parent: Id of the artifact it was made of; "": none.
        rows: Where recorded rows come from, `sample` or `synthetic`; "": there are none.
        has_programs: Whether a program is in it.
        route: What is to run, `original` or `program`; "": nothing but the replay.
        signers: Labels of the policy of which a signature counted.
        attested: Attestations that counted.
        expect: The name the caller expects; "": any.
    """

    id: str
    name: str
    version: str
    kind: str = ""
    size: int = 0
    parent: str = ""
    rows: str = ""
    has_programs: bool = False
    route: str = ""
    signers: frozenset[str] = frozenset()
    attested: tuple[Attested, ...] = ()
    expect: str = ""


@dataclass(frozen=True)
class Refusal:
    """One reason why the policy refuses an artifact: a code of step 5 or 9, and a sentence."""

    code: str
    message: str

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"
