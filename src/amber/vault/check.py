"""Steps 1 to 5 and the names of step 6 for one artifact, over the same bytes that are parsed afterwards.

1 container, 2 signatures, 3 manifest, 4 digests, 5 policy, 6 tree audit (form, names, structure; the values
of arrays need NumPy and are the live half's). `check` reports and never raises for what is in a file;
`open_checked` raises.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from amber.archive import names
from amber.archive.digests import artifact_id, check_digests
from amber.archive.manifest import Manifest, decode_manifest
from amber.archive.manifest_rules import check_values
from amber.archive.member_rules import check_members
from amber.archive.source import Mmap, Opened, Source, open_source
from amber.errors import (
    AmberError,
    AuditError,
    FormatError,
    PolicyError,
    Problem,
    SourceError,
    UsageError,
    shown,
)
from amber.limits import Limits
from amber.policy import Policy
from amber.report import STEPS, Report, Status, Step

if TYPE_CHECKING:
    from amber.tree.nodes import Tree

Result = TypeVar("Result")
SIGNERS_UNSUPPORTED = "signers-unsupported"
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
        code: The code of the first failed step of 1, 3, 4 and 6; empty where none failed.
        refused: The lines of the policy's refusal (step 5).
        seconds: How long each step took.
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
            seconds=self.seconds,
        )

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
    """An artifact that passed steps 1, 3, 4 and 5; `steps` holds steps 1 to 5."""

    steps: tuple[Step, ...]
    opened: Opened
    manifest: Manifest

    @property
    def later(self) -> tuple[Step, ...]:
        """Steps 8 and 10, which nothing here does."""
        return _later(self.opened)[1:]

    def __enter__(self) -> Proved:
        return self

    def __exit__(self, *_: object) -> None:
        self.opened.close()


def check(source: Source, policy: Policy | None = None, *, mmap: Mmap = "auto") -> Checked:
    """Do steps 1 to 5 and the inert part of step 6, with the CRC of every member, and compute the id.

    Args:
        source: A path to a file or folder, bytes, or a seekable binary file.
        policy: The reader's rules.
        mmap: Map a file instead of reading it: True, False or "auto" (a local file of 256 MiB or more).

    Raises:
        SourceError: The source cannot be read at all, or changed meanwhile.
        UsageError: An argument is wrong.
    """
    run = _Run(policy or Policy())
    try:
        run.all(source, mmap)
    except BaseException:
        if run.opened is not None:
            run.opened.close()
        raise
    return run.result()


class _Run:
    """The steps one after the other; the first failure among 1, 3, 4 and 6 ends the run."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.steps: dict[int, Step] = {}
        self.seconds: dict[str, float] = {}
        self.code = ""
        self.opened: Opened | None = None
        self.manifest: Manifest | None = None
        self.tree: Tree | None = None
        self.problems: tuple[Problem, ...] = ()
        self.id = ""
        self.refused: tuple[str, ...] = ()

    def all(self, source: Source, mmap: Mmap) -> None:
        limits = self.policy.limits
        opened = self.step(
            1, lambda: open_source(source, mmap=_mapping(mmap, self.policy), limits=limits, all_crcs=True)
        )
        if opened is None:
            return
        self.opened = opened
        self.steps.update((step.number, step) for step in _later(opened))
        manifest = self.step(3, lambda: read_manifest(opened, limits))
        if manifest is None or self.step(4, lambda: _digests(manifest, opened)) is None:
            return
        self.manifest = manifest
        self.id = artifact_id({name: [view] for name, view in opened.members.items()})
        opened.confirm()
        self.refused = refusals(self.policy)
        self.steps[5] = _policy_step(self.refused)
        self.tree = self.step(6, lambda: self.audit(opened))
        if self.tree is not None:
            self.steps[6] = Step(6, "not-asked", detail=VALUES_NOT_ASKED)

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
        )


def open_checked(source: Source, policy: Policy | None = None, mmap: Mmap = "auto") -> Proved:
    """Do steps 1 to 5, with the CRCs of small members only, and return the artifact for use.

    Raises:
        FormatError: Step 1, 3 or 4 failed.
        LimitError: It is larger than the policy's limits.
        PolicyError: Step 5 failed.
        SourceError: The source cannot be read, or changed meanwhile.
        UsageError: An argument is wrong.
    """
    rules = policy or Policy()
    opened = open_source(source, mmap=_mapping(mmap, rules), limits=rules.limits)
    try:
        manifest = read_manifest(opened, rules.limits)
        _digests(manifest, opened)
        opened.confirm()
        enforce(rules, opened.where)
    except BaseException:
        opened.close()
        raise
    signatures = _later(opened)[0]
    steps = (Step(1, "passed"), signatures, Step(3, "passed"), Step(4, "passed"), Step(5, "passed"))
    return Proved(steps, opened, manifest)


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


def _digests(manifest: Manifest, opened: Opened) -> bool:
    check_digests({name: info.blake3 for name, info in manifest.members.items()}, opened.members)
    return True


def refusals(policy: Policy) -> tuple[str, ...]:
    """Return the lines with which the policy refuses any artifact at step 5."""
    if not policy.signers:
        return ()
    wanted = ", ".join(map(shown, policy.signers))
    return (f"{SIGNERS_UNSUPPORTED}: the policy wants signatures of {wanted}, which cannot be checked yet",)


def enforce(policy: Policy, where: str) -> None:
    """Raise where the policy refuses any artifact.

    Raises:
        PolicyError: `signers-unsupported`.
    """
    if refused := refusals(policy):
        raise PolicyError(
            SIGNERS_UNSUPPORTED,
            refused[0].partition(": ")[2],
            where=where,
            hint="take the signers out of the policy; this version cannot check signatures",
        )


def _policy_step(refused: tuple[str, ...]) -> Step:
    return Step(5, "failed", SIGNERS_UNSUPPORTED, refused[0]) if refused else Step(5, "passed")


def _mapping(mmap: Mmap, policy: Policy) -> Mmap:
    """A signed artifact is never used from memory that a file's owner can still change."""
    return False if policy.signers else mmap


def _later(opened: Opened) -> tuple[Step, ...]:
    """Steps 2, 8 and 10: what cannot be checked here is `not-supported`, never passed; programs are the live half's."""
    found = opened.members
    return (
        Step(2, _status(any(map(names.is_signature, found)))),
        Step(8, "not-asked" if any(name.startswith(names.PROGRAMS) for name in found) else "not-present"),
        Step(10, _status(any(name.endswith(names.PROOF_ENDING) for name in found))),
    )


def _status(present: bool) -> Status:
    return "not-supported" if present else "not-present"


def _detail(error: AmberError) -> str:
    head = f"{error.where}: {error.message}" if error.where else error.message
    more = f" (and {len(error.problems) - 1} more)" if len(error.problems) > 1 else ""
    return head + more
