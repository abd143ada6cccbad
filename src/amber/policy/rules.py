"""What a reader demands of artifacts of certain names."""

from __future__ import annotations

import re
from dataclasses import dataclass

from amber.policy.invalid import at, check_one_of, invalid
from amber.policy.matching import most
from amber.policy.patterns import UNVERSIONED, any_matches, check_patterns, version_numbers
from amber.report import VERDICTS, Verdict

KIND = re.compile(r"[a-z][a-z0-9-]{0,63}")
# Kinds of attestation, and the results of each from best to worst; none where it has no result.
RESULTS: dict[str, tuple[str, ...]] = {
    "test-result": ("PASSED", "WARNED", "FAILED"),
    "provenance": (),
    "sbom": (),
    "vsa": ("PASSED", "FAILED"),
}


@dataclass(frozen=True)
class Line:
    """`k` different signers out of `from_`; no signer fills places of two lines of a rule.

    Raises:
        UsageError: A label stands twice, or there are fewer than `k`.
    """

    from_: tuple[str, ...]
    k: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "from_", check_labels(self.from_, "require.from"))
        check_count(self.k, len(self.from_), "require.k")


@dataclass(frozen=True)
class Demand:
    """An attestation of a kind, signed by `k` different signers out of `from_`.

    Args:
        type: `test-result`, `provenance`, `sbom` or `vsa`.
        from_: Labels.
        k: How many of them.
        result: The worst result accepted; "": `PASSED` where the kind has results.

    Raises:
        UsageError: A value is not of its form.
    """

    type: str
    from_: tuple[str, ...]
    k: int = 1
    result: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "from_", check_labels(self.from_, "attestations.from"))
        check_count(self.k, len(self.from_), "attestations.k")
        check_one_of(self.type, tuple(RESULTS), "attestations.type")
        if self.result:
            check_one_of(self.result, RESULTS[self.type], "attestations.result")

    def accepts(self, result: str) -> bool:
        """Whether an attestation with this result is good enough."""
        order = RESULTS[self.type]
        if not order:
            return True
        return result in order and order.index(result) <= order.index(self.result or order[0])


@dataclass(frozen=True)
class Rule:
    """What holds for artifacts whose name fits one of `names`. Every rule that fits must be satisfied.

    Args:
        names: Patterns: literals and `*`.
        require: Who must have signed; all lines, by different signers.
        attestations: What must have been attested, and by whom.
        verdict: The worst verdict accepted.
        kinds: The kinds of model accepted; none: all.
        programs: `only`: nothing but a program may run.
        rows: `synthetic`: no recorded row may be of the author's sample.
        max_bytes: The largest artifact, in bytes.
        minimum: The lowest version, MAJOR.MINOR.PATCH; 0.0.0 never passes.

    Raises:
        UsageError: A value is not of its form, or no set of signers can satisfy `require`.
    """

    names: tuple[str, ...]
    require: tuple[Line, ...] = ()
    attestations: tuple[Demand, ...] = ()
    verdict: Verdict | None = None
    kinds: tuple[str, ...] = ()
    programs: str = ""
    rows: str = ""
    max_bytes: int | None = None
    minimum: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", check_patterns(self.names, "rule.names", empty=False))
        for field, kind in (("require", Line), ("attestations", Demand), ("kinds", str)):
            value = getattr(self, field)
            if isinstance(value, str) or not all(isinstance(each, kind) for each in value):
                raise invalid(f"rule.{field}", f"must be a list of {kind.__name__}")
            object.__setattr__(self, field, tuple(value))
        self._check_words()
        places = [line.from_ for line in self.require for _ in range(line.k)]
        if most(places) < len(places):
            hint = "each line needs signers of its own: one signer fills one place"
            raise invalid("rule.require", "no set of signers can ever satisfy these lines together", hint)

    def _check_words(self) -> None:
        for position, kind in enumerate(self.kinds):
            if not KIND.fullmatch(kind):
                raise invalid(at("rule.kinds", position), f"{kind!r} is not a kind", "as `amber inspect` shows it")
        if self.verdict is not None:
            check_one_of(self.verdict, VERDICTS, "rule.verdict")
        if self.programs:
            check_one_of(self.programs, ("only",), "rule.programs")
        if self.rows:
            check_one_of(self.rows, ("synthetic",), "rule.rows")
        if self.max_bytes is not None and (type(self.max_bytes) is not int or self.max_bytes < 0):
            raise invalid("rule.max_bytes", "must be a number of bytes, 0 or more")
        if self.minimum and version_numbers(self.minimum) in (None, UNVERSIONED):
            hint = "MAJOR.MINOR.PATCH, above 0.0.0 (which is what a file without a version has)"
            raise invalid("rule.minimum", f"{self.minimum!r} is not a version to compare with", hint)

    def applies_to(self, name: str) -> bool:
        """Whether it holds for an artifact of this name."""
        return any_matches(self.names, name)

    @property
    def labels(self) -> frozenset[str]:
        """Every signer it names."""
        lists = [line.from_ for line in self.require] + [demand.from_ for demand in self.attestations]
        return frozenset(label for labels in lists for label in labels)


def check_labels(labels: object, where: str) -> tuple[str, ...]:
    """Return labels as a tuple.

    Raises:
        UsageError: They are not a list of text, there is none, or one stands twice.
    """
    if isinstance(labels, str) or not isinstance(labels, list | tuple):
        raise invalid(where, "must be a list of labels", '["alice"]')
    if not labels or not all(isinstance(each, str) for each in labels):
        raise invalid(where, "must name at least one label", '["alice"]')
    if len(set(labels)) < len(labels):
        raise invalid(where, "names a label twice", "a signer fills one place, however often it stands here")
    return tuple(labels)


def check_count(k: object, labels: int, where: str) -> None:
    """Raise where `k` is not a number of signers that there can be.

    Raises:
        UsageError: As said.
    """
    if type(k) is not int or k < 1:
        raise invalid(where, "must be a whole number, 1 or more")
    if k > labels:
        raise invalid(where, f"asks for {k} signers out of {labels}", "name more labels, or lower k")
