"""Steps 1 to 5 and the names of step 6 for one artifact, over the same bytes that are parsed afterwards.

1 container, 2 signatures, 3 manifest, 4 digests, 5 policy, 6 tree audit (form, names, structure; the values
of arrays need NumPy and are the live half's). `check` reports and never raises for what is in a file;
`open_checked` raises.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias, TypeVar

from amber.archive import names
from amber.archive.digests import artifact_id, check_digests, compare_digests, root_of
from amber.archive.manifest import Manifest, decode_manifest
from amber.archive.manifest_rules import check_values
from amber.archive.member_rules import check_members
from amber.archive.source import Mmap, Opened, Source, hashes_of, open_source
from amber.errors import (
    AmberError,
    AuditError,
    FormatError,
    PolicyError,
    Problem,
    SourceError,
    UsageError,
)
from amber.limits import Limits
from amber.policy import Policy, in_force
from amber.report import STEPS, Report, Signature, Step
from amber.vault.trusting import NOTHING, Asked, Trusted, asks_for_root, decided, judged

if TYPE_CHECKING:
    from amber.archive.hashing import Algorithm, Hashes
    from amber.policy import Refusal
    from amber.tree.nodes import Tree

Result = TypeVar("Result")
# `sealed`: the caller has proved that nobody can change the file, which is then mapped under every policy.
Mapped: TypeAlias = "Mmap | Literal['sealed']"
VALUES_NOT_ASKED = "form, names and structure passed; values: not-asked"


@dataclass(frozen=True)
class Checked:
    """What the steps found. Later parts are None where an earlier step failed.

    Args:
        steps: One entry for each of the ten steps, in order.
        opened: The members in memory, once step 1 passed.
        manifest: Once step 3 passed.
        tree: Its form proved, names and structure audited, values not.
        problems: What the audit of names found.
        id: The artifact's id, once steps 1, 3 and 4 passed.
        code: The code of the first failed step of 1 to 4 and 6; empty where none failed.
        refused: The lines of the policy's refusal (step 5).
        seconds: How long each step took.
        policy: What is in force.
        trusted: What the signatures say, once step 2 passed.
    """

    steps: tuple[Step, ...]
    opened: Opened | None = None
    manifest: Manifest | None = None
    tree: Tree | None = None
    problems: tuple[Problem, ...] = ()
    id: str = ""
    code: str = ""
    refused: tuple[str, ...] = ()
    seconds: dict[str, float] = field(default_factory=dict, compare=False)
    policy: Policy = field(default_factory=Policy)
    trusted: Trusted | None = None

    @property
    def signatures(self) -> tuple[Signature, ...]:
        """What step 2 found."""
        return () if self.trusted is None else self.trusted.signatures

    @property
    def report(self) -> Report:
        """The report so far: `broken`, or `unchecked` because no case was replayed."""
        return Report(
            "broken" if self.code else "unchecked",
            self.code or ("policy-refused" if self.refused else "cases-not-asked"),
            refused=self.refused,
            steps=self.steps,
            id=self.id,
            name=self.manifest.name if self.manifest else "",
            version=self.manifest.version if self.manifest else "",
            notes=self._notes(),
            signatures=self.signatures,
            policy=self.policy.digest,
            at="" if self.trusted is None or self.trusted.asked.at is None else self.trusted.at.isoformat(),
            seconds=self.seconds,
        )

    def _notes(self) -> tuple[str, ...]:
        if self.trusted is None or self.manifest is None or self.opened is None:
            return ()
        from amber.policy import notes

        return notes(self.policy, self.trusted.facts(self.manifest, self.id, self.opened.size, self.trusted.found))

    def close(self) -> None:
        """Close the source; the members stay readable."""
        if self.opened is not None:
            self.opened.close()

    def __enter__(self) -> Checked:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@dataclass(frozen=True)
class Proved:
    """An artifact that passed steps 1 to 5, which `steps` holds, under the `policy` in force.

    `id` is empty where neither a signature nor the policy asked for it.
    """

    steps: tuple[Step, ...]
    opened: Opened
    manifest: Manifest
    policy: Policy
    trusted: Trusted
    id: str = ""

    def root(self) -> str:
        """Return the id, computed now where nothing asked for it before."""
        return self.id or artifact_id({name: [view] for name, view in self.opened.members.items()})

    @property
    def later(self) -> tuple[Step, ...]:
        """Steps 8 and 10, which nothing here does."""
        return _later(self.opened)

    def __enter__(self) -> Proved:
        return self

    def __exit__(self, *_: object) -> None:
        self.opened.close()


def check(source: Source, policy: Policy | None = None, *, mmap: Mapped = "auto", asked: Asked = NOTHING) -> Checked:
    """Do steps 1 to 5 and the inert part of step 6, with the CRC of every member, and compute the id.

    Args:
        source: A path to a file or folder, bytes, or a seekable binary file.
        policy: The reader's rules; None: those of this machine (`amber.policy.in_force`).
        mmap: Map a file instead of reading it: True, False or "auto" (a local file of 256 MiB or more); never under a
            policy that names signers, but where it is "sealed".
        asked: The name that is expected, detached bundles, the time of judgement.

    Raises:
        SourceError: The source cannot be read at all, or changed meanwhile.
        UsageError: An argument is wrong.
    """
    run = _Run(_rules(policy, asked), asked)
    try:
        run.all(source, mmap)
    except BaseException:
        if run.opened is not None:
            run.opened.close()
        raise
    return run.result()


class _Run:
    """The steps one after the other; the first failure among 1 to 4 and 6 ends the run."""

    def __init__(self, policy: Policy, asked: Asked) -> None:
        self.policy = policy
        self.asked = asked
        self.steps: dict[int, Step] = {}
        self.seconds: dict[str, float] = {}
        self.code = ""
        self.opened: Opened | None = None
        self.trusted: Trusted | None = None
        self.manifest: Manifest | None = None
        self.tree: Tree | None = None
        self.problems: tuple[Problem, ...] = ()
        self.id = ""
        self.refused: tuple[str, ...] = ()

    def all(self, source: Source, mmap: Mapped) -> None:
        limits = self.policy.limits
        proved = self.step(1, lambda: self.contained(source, mmap))
        if proved is None:
            return
        opened, hashes = proved
        self.steps.update((step.number, step) for step in _later(opened))
        trusted = self.step(2, lambda: judged(opened.members, hashes.sha256, self.policy, self.asked))
        if trusted is None:
            return
        self.trusted, self.steps[2] = trusted, trusted.step
        manifest = self.step(3, lambda: read_manifest(opened, limits))
        if manifest is None or self.step(4, lambda: _digests(manifest, opened, hashes)) is None:
            return
        self.manifest = manifest
        self.id = root_of(hashes.sha256)
        opened.confirm()
        refused = decided(trusted, manifest, self.id, opened.size)
        self.refused = tuple(map(str, refused))
        self.steps[5] = _policy_step(refused, self.asked)
        self.tree = self.step(6, lambda: self.audit(opened))
        if self.tree is not None:
            self.steps[6] = Step(6, "not-asked", detail=VALUES_NOT_ASKED)

    def contained(self, source: Source, mmap: Mapped) -> tuple[Opened, Hashes]:
        from amber.archive.hashing import ALL

        self.opened = open_source(source, mmap=_mapping(mmap, self.policy), limits=self.policy.limits, wanted=ALL)
        return self.opened, hashes_of(self.opened)

    def step(self, number: int, action: Callable[[], Result]) -> Result | None:
        """Run one step and note its outcome; None where it failed."""
        begin = time.perf_counter()
        try:
            result = action()
        except (SourceError, UsageError):
            raise
        except AmberError as error:
            self.code = error.code
            self.steps[number] = Step(number, "failed", error.code, _detail(error))
            return None
        finally:
            self.seconds[STEPS[number]] = round(time.perf_counter() - begin, 6)
        self.steps[number] = Step(number, "passed")
        return result

    def audit(self, opened: Opened) -> Tree:
        from amber.archive.assemble import read_tree  # here: a program is opened without its tree
        from amber.vocabulary import load
        from amber.vocabulary.audit import check_names

        tree = read_tree(opened.members, self.policy.limits)
        self.problems = tuple(check_names(tree, load(), self.policy))
        if self.problems:
            first = self.problems[0]
            raise AuditError(first.code, first.message, where=first.where, problems=self.problems)
        return tree

    def result(self) -> Checked:
        steps = tuple(self.steps.get(number, Step(number, "not-asked")) for number in STEPS)
        return Checked(
            steps,
            self.opened,
            self.manifest,
            self.tree,
            self.problems,
            self.id,
            self.code,
            self.refused,
            self.seconds,
            self.policy,
            self.trusted,
        )


def open_checked(source: Source, policy: Policy | None = None, mmap: Mapped = "auto", asked: Asked = NOTHING) -> Proved:
    """Do steps 1 to 5, with the CRCs of small members only, and return the artifact for use.

    Args:
        source: A path to a file or folder, bytes, or a seekable binary file.
        policy: The reader's rules; None: those of this machine (`amber.policy.in_force`).
        mmap: Map a file instead of reading it: True, False or "auto" (a local file of 256 MiB or more); never under a
            policy that names signers, but where it is "sealed".
        asked: The name that is expected, and what is to run.

    Raises:
        FormatError: Step 1, 2, 3 or 4 failed.
        LimitError: It is larger than the policy's limits.
        PolicyError: Step 5 failed.
        SourceError: The source cannot be read, or changed meanwhile.
        UsageError: An argument is wrong.
    """
    rules = _rules(policy, asked)
    wanted = _hashes_wanted(rules, asked)
    opened = open_source(source, mmap=_mapping(mmap, rules), limits=rules.limits, wanted=wanted)
    try:
        hashes = hashes_of(opened) if asks_for_root(rules, opened.members, asked) else None
        trusted = judged(opened.members, hashes.sha256 if hashes else {}, rules, asked)
        manifest = read_manifest(opened, rules.limits)
        _digests(manifest, opened, hashes)
        opened.confirm()
        id = root_of(hashes.sha256) if hashes else ""
        refused = decided(trusted, manifest, id, opened.size)
        _enforce(refused, opened.where)
    except BaseException:
        opened.close()
        raise
    steps = (Step(1, "passed"), trusted.step, Step(3, "passed"), Step(4, "passed"), _policy_step(refused, asked))
    return Proved(steps, opened, manifest, rules, trusted, id)


def _hashes_wanted(policy: Policy, asked: Asked) -> Collection[Algorithm]:
    """Return the hashes that the pass that reads makes: all, where the policy needs the root; a plain load none."""
    if not asks_for_root(policy, {}, asked):
        return ()
    from amber.archive.hashing import ALL

    return ALL


def _rules(policy: Policy | None, asked: Asked) -> Policy:
    """Return the policy in force; where nothing is decided, the caller's own, for its limits."""
    return in_force(policy) if asked.purpose == "use" else policy or Policy()


def read_manifest(opened: Opened, limits: Limits) -> Manifest:
    """Return the manifest, its values and the table of members checked: step 3.

    Raises:
        FormatError: A rule of the manifest or of the members is broken.
        LimitError: A member is larger than the limits allow.
    """
    manifest = decode_manifest(opened.members[names.MANIFEST], limits)
    check_values(manifest)
    check_members(manifest, opened.sizes, limits)
    card = opened.members.get(names.CARD)
    try:
        if card is not None:
            bytes(card).decode("utf-8")
    except UnicodeDecodeError as error:
        raise FormatError("card-invalid", "the card is not UTF-8", where=names.CARD) from error
    return manifest


def _digests(manifest: Manifest, opened: Opened, hashes: Hashes | None) -> bool:
    listed = {name: info.blake3 for name, info in manifest.members.items()}
    if hashes is None:
        check_digests(listed, opened.members)
    else:
        compare_digests(listed, hashes.blake3)
    return True


def _enforce(refused: tuple[Refusal, ...], where: str) -> None:
    if refused:
        problems = tuple(Problem(each.code, where, each.message) for each in refused) if len(refused) > 1 else ()
        raise PolicyError(refused[0].code, refused[0].message, where=where, problems=problems)


def _policy_step(refused: tuple[Refusal, ...], asked: Asked) -> Step:
    if asked.purpose != "use":
        return Step(5, "not-asked")
    return Step(5, "failed", refused[0].code, refused[0].message) if refused else Step(5, "passed")


def _mapping(mmap: Mapped, policy: Policy) -> Mmap:
    """What signers vouch for is never used from memory that a file's owner can still change."""
    if mmap == "sealed":
        return True
    return False if policy.names_signers else mmap


def _later(opened: Opened) -> tuple[Step, ...]:
    """Steps 8 and 10: programs are the live half's, and what cannot be checked is `not-supported`, never passed."""
    found = opened.members
    proofs = any(name.endswith(names.PROOF_ENDING) for name in found)
    return (
        Step(8, "not-asked" if any(name.startswith(names.PROGRAMS) for name in found) else "not-present"),
        Step(10, "not-supported" if proofs else "not-present"),
    )


def _detail(error: AmberError) -> str:
    head = f"{error.where}: {error.message}" if error.where else error.message
    more = f" (and {len(error.problems) - 1} more)" if len(error.problems) > 1 else ""
    return head + more
