"""Ask a program everything that was recorded of the original, and say how it answers: the certificate.

As in a replay each answer is compared with its record, by the tolerance of the original (float64 programs) or of the
float32 line; labels exactly, save where rounding alone decides them. What the original refused must be refused, and an
answer there is `drifted`. The verdict is per method and case group, with the rows that differ.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec
import numpy as np

from amber.cases import plain, tables
from amber.cases.ask import INVERSE
from amber.cases.cells import Unsupported
from amber.cases.compare import Comparison, Scales, compare, ordinary_scales, scales_of
from amber.cases.quiet import undisturbed
from amber.errors import AmberError, CaseError
from amber.tree.evidence import Answer, Evidence, Group

Word = Literal["identical", "equivalent", "drifted", "not-covered"]
_WORDS: tuple[Word, ...] = ("identical", "equivalent", "drifted")
GOOD: tuple[Word, ...] = ("identical", "equivalent")  # a method with another verdict is not attached
REFUSED = ("input-refused", "outside-domain")
MAX_ROWS = 16  # rows named in one group
# Layouts of answers that a program gives in plain arrays where the library is not installed.
_OPTIONAL = {"csr": "scipy", "frame": "pandas"}
# Relative and absolute share: of a program computed in float32.
FLOAT32 = ("0.0001", "1e-06")


@dataclass(frozen=True)
class Seen:
    """One method on one group: the verdict, rows compared, and rows beyond the tolerance with the reason."""

    group: str
    kind: str
    verdict: Word
    rows: int
    beyond: tuple[int, ...] = ()
    knife_edge: int = 0
    outside: int = 0  # rows outside the domain
    said: str = ""
    answered: bool = False  # some row of an answer was compared


@dataclass
class Certified:
    """One method: the worst verdict of its groups."""

    method: str
    groups: list[Seen] = field(default_factory=list)

    @property
    def verdict(self) -> Word:
        """The worst verdict; `not-covered` where no row of an answer was compared."""
        if not any(seen.answered for seen in self.groups) and not self.drifted:
            return "not-covered"
        found = [_WORDS.index(seen.verdict) for seen in self.groups if seen.verdict != "not-covered"]
        return _WORDS[max(found)] if found else "not-covered"

    @property
    def drifted(self) -> list[Seen]:
        """The groups that drifted."""
        return [seen for seen in self.groups if seen.verdict == "drifted"]

    def to_dict(self) -> dict[str, Any]:
        """Return the certificate of the method as the manifest holds it."""
        groups = {}
        for seen in self.groups:
            one: dict[str, Any] = {"kind": seen.kind, "verdict": seen.verdict, "rows": seen.rows}
            for name in ("knife_edge", "outside"):
                if getattr(seen, name):
                    one[name] = getattr(seen, name)
            if seen.beyond:
                one["beyond"] = list(seen.beyond)
            if seen.said:
                one["said"] = seen.said
            groups[seen.group] = one
        return {"verdict": self.verdict, "rows": sum(seen.rows for seen in self.groups), "groups": groups}


Outside = Callable[[Any], "list[int]"]


def certify(
    program: Any, evidence: Evidence, methods: list[str], *, single: bool = False, outside: Outside | None = None
) -> list[Certified]:
    """Return the certificate of every method.

    Args:
        program: Has the methods; refuses with an `AmberError` of code `input-refused` or `outside-domain`.
        evidence: The recorded cases of the original.
        methods: Those of the program.
        single: It computes in float32.
        outside: Gives the rows of a request that are outside its domain; they are not compared.
    """
    clean = ordinary_scales(evidence.groups)
    found = {method: Certified(method) for method in methods}
    with undisturbed():
        for group in evidence.groups:
            _group(program, group, clean, found, single, outside)
    return list(found.values())


def _group(
    program: Any,
    group: Group,
    clean: Scales,
    found: dict[str, Certified],
    single: bool,
    outside: Outside | None,
) -> None:
    X = plain.decode(group.layout, group.inputs)
    if group.kind == "column-order" and isinstance(X, dict):  # without pandas: the columns of a dict have no order
        for answer in group.answers:
            if answer.method in found:
                missing = Seen(group.id, group.kind, "not-covered", group.rows, said="pandas is not installed")
                found[answer.method].groups.append(missing)
        return
    scales = scales_of(group.answers, clean)
    recorded = {answer.method: answer for answer in group.answers}
    for answer in group.answers:
        if answer.repeatable and answer.method in found:
            asked = X
            if answer.method == INVERSE:
                source = recorded.get("transform")
                if source is None or not source.layout:
                    continue
                if source.layout == "csr" and not _has("scipy"):
                    missing = Seen(group.id, group.kind, "not-covered", group.rows, said="scipy is not installed")
                    found[answer.method].groups.append(missing)
                    continue
                asked = plain.decode(source.layout, source.columns)
            gone = outside(asked) if outside is not None and answer.method != INVERSE else []
            wanted = _widened(answer) if single else answer
            found[answer.method].groups.append(_one(program, group, wanted, asked, scales, gone))


def _widened(answer: Answer) -> Answer:
    """The record with the tolerance of a program computed in float32, where its own is stricter."""
    if answer.labels:
        return answer
    pairs = ((answer.relative, FLOAT32[0]), (answer.absolute, FLOAT32[1]))
    relative, absolute = (max(own or "0", line, key=float) for own, line in pairs)
    return msgspec.structs.replace(answer, relative=relative, absolute=absolute)


def _one(program: Any, group: Group, answer: Answer, X: Any, scales: Scales, gone: list[int]) -> Seen:
    def seen(verdict: Word, said: str = "", **facts: Any) -> Seen:
        return Seen(group.id, group.kind, verdict, group.rows, said=said, outside=len(gone), **facts)

    if gone and len(gone) >= max(group.rows, 1):
        return seen("not-covered")
    try:
        value, refusal = getattr(program, answer.method)(X), ""
    except AmberError as error:
        if error.code not in REFUSED:
            return seen("drifted", f"the program fails: {error.code}")
        value, refusal = None, error.message[:200]
    except Exception as error:  # the runtime's own
        return seen("drifted", f"the program fails: {type(error).__name__}: {str(error)[:160]}")
    if answer.refusal:
        return seen("identical") if refusal else seen("drifted", "answers what the original refuses")
    if refusal:
        return seen("drifted", f"refuses what the original answers: {refusal}", beyond=_first(range(group.rows)))
    if answer.layout in _OPTIONAL and not _has(_OPTIONAL[answer.layout]):
        return seen("not-covered", f"{_OPTIONAL[answer.layout]} is not installed")
    try:
        table = tables.encode(value, answer.method)
        if answer.labels and _label_kinds(table) != _label_kinds(answer):
            return seen("drifted", "labels of another dtype")
        result = compare(answer, table, group.rows, scales, None, answer.knife_edge)
    except (Unsupported, CaseError) as error:
        return seen("drifted", f"an answer of another form: {error}"[:200])
    return _judged(result, answer, group, set(gone), seen)


def _judged(result: Comparison, answer: Answer, group: Group, gone: set[int], seen: Callable[..., Seen]) -> Seen:
    compared = set(range(group.rows)) - set(answer.knife_edge) - gone
    if result.identical:
        return seen("identical", answered=group.rows > len(gone))
    if result.whole:
        return seen("drifted", f"{result.whole}: {result.expected} expected, got {result.got}"[:200])
    beyond = set(np.flatnonzero(result.ratio > 1).tolist()) - gone
    knife = beyond & set(answer.knife_edge)
    beyond -= knife
    if not beyond and not compared and group.rows:
        return seen("not-covered", "every row is on a knife edge", knife_edge=len(knife))
    if not beyond:
        return seen("equivalent", knife_edge=len(knife), answered=bool(compared))
    said = result.distance or f"{result.expected} expected, got {result.got}"
    return seen("drifted", said[:200], beyond=_first(sorted(beyond)), knife_edge=len(knife))


def _label_kinds(answer: Any) -> list[str]:
    """Kinds of label: a dtype of numbers, bytes or texts. How wide texts are stored depends on which come."""
    texts = [str(column.parameters.get("amber.dtype", "")) for column in answer.columns]
    return [
        f"{column.datatype} {'bytes' if text.startswith('|S') else ''}"
        for column, text in zip(answer.columns, texts, strict=True)
    ]


def _has(library: str) -> bool:
    return importlib.util.find_spec(library) is not None


def _first(rows: Any) -> tuple[int, ...]:
    return tuple(list(rows)[:MAX_ROWS])
