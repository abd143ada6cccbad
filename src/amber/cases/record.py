"""Record what a model answers: the rows, the answers, the steps, and which rows rounding decides.

    sample -> rows chosen -> ordinary group -> edge groups -> knife edge -> budget -> Recorded

Everything here must give the same bytes in any process: one thread, no clock, every choice from deterministic facts.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from amber.cases import choose, rows, tables
from amber.cases.anatomy import Chain, call_cost, chain_of, holds_training_rows, walk
from amber.cases.ask import DERIVED, INVERSE, SCORES, Asked, answer_of, ask, available, same_bits
from amber.cases.budget import KIB, budget_bytes, column_bytes, group_bytes
from amber.cases.cells import Unsupported
from amber.cases.compare import Scales, scales_of
from amber.cases.describe import InputDraft, OutputDraft, describe_inputs, describe_outputs
from amber.cases.edges import Edge, edge_tables
from amber.cases.further import category_rows, further_rows, pool_rows, telling_method, words
from amber.cases.hide import hidden_columns
from amber.cases.knife import Edges, find_edges, widening
from amber.cases.knife import Recorded as Live
from amber.cases.marks import mark_rows, take_over, widen
from amber.cases.quiet import recording
from amber.cases.redraw import Draw, redrawn
from amber.cases.steps import single_precision, step_outputs
from amber.cases.synthesise import known_categories, synthesised, words_of
from amber.errors import UsageError
from amber.limits import DEFAULT, Limits
from amber.tree.evidence import Answer, Evidence, Group

SYNTHETIC_ROWS = 128
SYNTHETIC_POOL = 1024
MAX_ALONE = 64
_LEAST_ROWS = 32  # ordinary rows, however slow the model
_SLOW = 15_000  # nominal microseconds of a call above which edge groups ask only what is not derived
_ALONE_WORK = 60_000  # nominal microseconds for rows asked one by one
_MAIN_WORK = 150_000  # nominal microseconds for asking the ordinary rows once; they are asked some dozens of times
_LABEL_WORK = 5_000_000  # nominal microseconds for answers that only help to choose rows
_METHOD_BYTES = 64 * KIB  # of one row's answer; a method that says more is left out
_NO_TRANSFORM = "there is no transform to invert"
_MAIN_SHARE = 0.6  # of the budget for ordinary rows
_FURTHER_SHARE = 0.8  # of what they leave, for rows that touch more of the model
_FURTHER_WORK = 1_000_000  # nominal microseconds for asking those
_WORDS_SHARE = 0.5  # of that, for the words of vocabularies and what the steps make of them


@dataclass(frozen=True)
class Recorded:
    """The evidence, and what the manifest says of inputs and outputs."""

    evidence: Evidence
    inputs: list[InputDraft]
    outputs: list[OutputDraft]
    methods: list[str]
    batching: dict[str, dict[str, str]]
    notes: list[str] = field(default_factory=list)


def record(
    model: Any,
    sample: Any,
    *,
    rows: Literal["keep", "synthetic"] = "keep",
    mask: Collection[Any] = (),
    model_bytes: int = 0,
    limits: Limits = DEFAULT,
    tolerance: tuple[float, float] | None = None,
) -> Recorded:
    """Record cases on a fitted model, best on a copy rebuilt from its tree: methods may move its counters.

    Args:
        model: The fitted model.
        sample: The caller's rows, or None.
        rows: `keep` stores chosen rows in clear; `synthetic` draws every column anew.
        mask: Labels of columns that are always drawn anew.
        model_bytes: Size of the model, of which the budget is a tenth.
        limits: Caps of the reader that is to accept the result.
        tolerance: (relative, absolute share) of every score, in place of the table's.

    Raises:
        UsageError: The sample or the mask is not usable.
    """
    with recording():
        return _Recorder(model, model_bytes, limits, tolerance).run(sample, rows, tuple(mask))


class _Recorder:
    """One recording: the model, its facts, and what has been found so far."""

    def __init__(self, model: Any, model_bytes: int, limits: Limits, tolerance: tuple[float, float] | None) -> None:
        parts = list(walk(model))
        self.model = model
        self.chain: Chain = chain_of(model)
        self.training_rows = holds_training_rows(parts)
        self.cost = call_cost(parts)
        self.pool = pool_rows(parts, self.cost)
        self.words = words_of(model)
        self.known = known_categories(model)
        self.tolerance = tolerance
        self.methods = available(model)
        self.unrepeatable: set[str] = set()
        self.notes: list[str] = []
        self.budget = budget_bytes(model_bytes, limits.cases_bytes)
        self.scales: Scales = {}
        self.dropped = 0
        self.single = False
        self.overhead = 0  # bytes of JSON of one group
        self.per_row = 0.0  # bytes of one row of an edge group

    def run(self, sample: Any, mode: str, mask: tuple[Any, ...]) -> Recorded:
        if mask and sample is None:
            raise UsageError("mask-unknown", "mask names columns of a sample, and there is none", where="mask")
        X, synthetic, whole, pool = self._rows(sample, mode, mask)
        if X is None or not self.methods:
            return self._nothing("the model has no method that answers rows" if not self.methods else
                                 "nothing is known of the model's inputs: pass sample= to record cases")  # fmt: skip
        main = self._main(X, "synthetic" if synthetic else "sample", synthetic)
        if main is None:
            return self._nothing("the model's answers cannot be recorded as data")
        group, live = main
        gaps: dict[int, bool] = {}
        groups, kept = [group], [live]
        for made, alive in self._further(group, live, pool, synthetic):
            groups.append(made)
            kept.append(alive)
        for edge in self._affordable(edge_tables(self.chain, live.X), groups):
            for made, alive in self._edge(edge, live, synthetic, gaps):
                groups.append(made)
                kept.append(alive)
        edges = self._mark(groups, kept)
        groups = self._within_budget(groups)
        return self._result(groups, edges, whole, live, mode, mask, synthetic, gaps, sample)

    # -- rows ------------------------------------------------------------------------------------------------------

    def _rows(self, sample: Any, mode: str, mask: tuple[Any, ...]) -> tuple[Any, bool, Any, Any]:
        """(rows to record, whether none is the caller's, the table they were chosen from, more rows of that kind)."""
        if sample is None:
            X = synthesised(self.model, self._accepts)
            return X, True, X, None
        X = rows.normalised(sample)
        if rows.count(X) == 0:
            raise UsageError("sample-empty", "the sample has no rows", where="sample", hint="pass at least one row")
        if mode == "synthetic":
            number = min(SYNTHETIC_ROWS, max(rows.count(X), 16))
            drawn = redrawn(X, Draw(number, self.words, self.known))
            return drawn, True, X, self._more(X)
        hidden = hidden_columns(X, mask)
        candidates = rows.take(X, choose.candidates(X))
        if hidden == "all":
            drawn = redrawn(X, Draw(min(SYNTHETIC_ROWS, rows.count(candidates)), self.words, self.known))
            return drawn, True, X, self._more(X)
        drawn = candidates
        if hidden:
            drawn = redrawn(candidates, Draw(rows.count(candidates), self.words, self.known), list(hidden))
        chosen = choose.choose(drawn, self._labels(drawn))
        pool = drawn if hidden else rows.take(X, rows.spread(rows.count(X), self.pool))
        return rows.take(drawn, chosen), False, X, pool

    def _more(self, X: Any) -> Any:
        """More rows drawn like `X`, of which those that touch more of the model are recorded."""
        return redrawn(X, Draw(min(SYNTHETIC_POOL, self.pool), self.words, self.known, seed=20_240_302))

    def _accepts(self, X: Any) -> bool:
        asked = [ask(self.model, method, X) for method in self.methods[:2] if method != INVERSE]
        return any(one.table is not None for one in asked)

    def _labels(self, X: Any) -> list[Any]:
        """What the model says about the candidates: classes, clusters, outliers, and the leaves of its trees."""
        found: list[Any] = []
        if self.cost[0] + self.cost[1] * rows.count(X) > _LABEL_WORK:
            return found
        for method, at_most in (("predict", 8), ("apply", 32)):
            value = ask(self.model, method, X).value if method in self.methods else None
            if isinstance(value, np.ndarray) and len(value) == rows.count(X) and value.ndim in (1, 2, 3):
                flat = value.reshape(len(value), -1)
                found += [flat[:, j] for j in rows.spread(flat.shape[1], at_most)]
        return found

    # -- groups ----------------------------------------------------------------------------------------------------

    def _main(self, X: Any, kind: str, synthetic: bool) -> tuple[Group, Live] | None:
        """The group of ordinary rows; its methods are asked twice, and it is as long as the budget allows."""
        number = self._affordable_rows(X)
        self.dropped += rows.count(X) - number
        X = rows.take(X, range(number)) if number < rows.count(X) else X
        try:
            table = tables.encode(X)
        except Unsupported as error:
            raise UsageError(
                "sample-unsupported", f"the sample holds {error}", where="sample", hint="or leave the sample out"
            ) from error
        X = tables.decode(table.layout, table.columns)
        before = _streams()
        first = self._ask_all(X, self.methods)
        moved = _streams() != before
        if rows.count(X) > 1 and not any(one.table or one.unsupported for one in first.values()):
            answered = [row for row in range(rows.count(X)) if self._accepts(rows.take(X, [row]))]
            if 0 < len(answered) < rows.count(X):
                self.notes.append(f"{rows.count(X) - len(answered)} rows of the sample are refused and left out")
                return self._main(rows.take(X, answered), kind, synthetic)
        second = self._ask_all(X, self.methods)
        for method in self.methods:
            one, two = first[method], second[method]
            known = (one.table is None) == (two.table is None)
            if not known or (one.table and two.table and not same_bits(one.table.columns, two.table.columns)):
                self.unrepeatable.add(method)
        if moved:
            self._find_drawing(X)
        for method, asked in first.items():
            if asked.unsupported and asked.unsupported != _NO_TRANSFORM:
                self.notes.append(f"{method} is not recorded: {asked.unsupported}")
        self.methods = [method for method in self.methods if not first[method].unsupported]
        if not self.methods:
            return None
        self.single = single_precision(self.chain, X)
        group, live = self._group(kind, X, table, first, self.single, synthetic)
        group.steps = step_outputs(self.chain, X)
        return group, live

    def _find_drawing(self, X: Any) -> None:
        """Methods that draw from the process-wide generator cannot repeat, whatever two answers look like."""
        for method in self.methods:
            before = _streams()
            if method != INVERSE:
                ask(self.model, method, X)
                if _streams() != before:
                    self.unrepeatable.add(method)

    def _ask_all(self, X: Any, methods: Sequence[str]) -> dict[str, Asked]:
        found: dict[str, Asked] = {}
        for method in methods:
            if method == INVERSE:
                source = found.get("transform")
                if source is None or source.table is None or "transform" in self.unrepeatable:
                    found[method] = Asked(unsupported=_NO_TRANSFORM)
                    continue
                answered = tables.decode(source.table.layout, source.table.columns)
                found[method] = ask(self.model, method, answered)
            else:
                found[method] = ask(self.model, method, X)
        return found

    def _group(
        self, kind: str, X: Any, table: tables.Table, asked: dict[str, Asked], single: bool, synthetic: bool
    ) -> tuple[Group, Live]:
        answers, values = [], {}
        for method, one in asked.items():
            if method in self.unrepeatable:
                answers.append(Answer(method, repeatable=False))
                continue
            if one.unsupported or (method == INVERSE and "transform" in self.unrepeatable):
                continue
            answer = answer_of(self.model, method, one)
            if one.table is not None:
                answer.single = single
                self._set_tolerance(answer)
                values[method] = one.value
            answers.append(answer)
        group = Group("", kind, table.layout, table.rows, table.columns, answers, synthetic=synthetic)
        return group, Live(X, table.rows, {a.method: a for a in answers if a.columns}, values)

    def _set_tolerance(self, answer: Answer) -> None:
        if self.tolerance is not None and not answer.labels:
            answer.relative, answer.absolute = (repr(float(value)) for value in self.tolerance)

    def _edge_methods(self) -> list[str]:
        repeatable = [m for m in self.methods if m not in self.unrepeatable]
        return [m for m in repeatable if m not in DERIVED] or repeatable

    def _further(self, main: Group, live: Live, pool: Any, synthetic: bool) -> list[tuple[Group, Live]]:
        """Groups that touch what the ordinary rows leave untouched, with one answer each; and words of a vocabulary."""
        room = _FURTHER_SHARE * (self.budget - group_bytes(main))
        method = telling_method([a for a in main.answers if a.method not in self.unrepeatable])
        answer = next((a for a in main.answers if a.method == method), None)
        if answer is None:
            return []
        categories = category_rows(live.X, self.known)
        made = [self._texts(live.X, int(_WORDS_SHARE * room))]
        if categories is not None:
            made.append(self._edge_group("category", categories, self._edge_methods(), synthetic))
        sizes = column_bytes(main.inputs), column_bytes(answer.columns)
        per_row = sum(body for body, _ in sizes) / main.rows
        room -= sum(group_bytes(one[0]) for one in made if one is not None) + 3 * sum(head for _, head in sizes)
        fits = min(int(room / max(per_row, 1)), _FURTHER_WORK // max(self.cost[1], 1))
        if fits > 0:
            found = further_rows(self.model, self.chain, live.X, pool, fits)
            made += [self._edge_group(kind, X, [method], synthetic) if X is not None else None
                     for kind, X in ((main.kind, found.ordinary), ("threshold", found.corners))]  # fmt: skip
        return [one for one in made if one is not None and not any(a.refusal for a in one[0].answers)]

    def _texts(self, X: Any, room: int) -> tuple[Group, Live] | None:
        """The words of the model's vocabularies, and what each step makes of them."""
        if rows.form(X) not in ("list", "series", "array") or rows.width(X):
            return None
        first = X.iloc[0] if rows.form(X) == "series" else X[0]
        texts = words(self.model, room // 8) if isinstance(first, str) else []
        if not texts:
            return None
        kind = rows.form(X)
        table = texts if kind == "list" else type(X)(texts) if kind == "series" else np.array(texts, dtype=object)
        made = self._edge_group("words", table, self._edge_methods(), synthetic=True)
        if made is not None:
            made[0].steps = step_outputs(self.chain, made[1].X)
        return made

    def _edge(self, edge: Edge, main: Live, synthetic: bool, gaps: dict[int, bool]) -> list[tuple[Group, Live]]:
        """The groups of one edge: where the model refuses some of the rows, those it answers, and two it refuses."""
        methods = self._edge_methods()
        if not methods:
            return []
        whole = self._edge_group(edge.kind, edge.X, methods, synthetic)
        if whole is None:
            return []
        refused = any(answer.refusal for answer in whole[0].answers)
        if not edge.rowwise or not refused or whole[0].rows <= 1:
            _note_gaps(edge, dict.fromkeys(range(whole[0].rows), not refused), gaps)
            return [whole]
        probe = methods[0]
        accepted = {row: ask(self.model, probe, rows.take(edge.X, [row])).table is not None
                    for row in range(whole[0].rows)}  # fmt: skip
        _note_gaps(edge, accepted, gaps)
        good = [row for row, fine in accepted.items() if fine]
        bad = [row for row, fine in accepted.items() if not fine]
        parts = [self._edge_group(edge.kind, rows.take(edge.X, good), methods, synthetic)] if good else []
        if good:
            parts += [self._edge_group(edge.kind, rows.take(edge.X, [row]), methods, synthetic) for row in bad[:2]]
        else:
            parts = [self._edge_group(edge.kind, rows.take(edge.X, bad[:2]), methods, synthetic)]
        return [part for part in parts if part is not None]

    def _edge_group(self, kind: str, X: Any, methods: list[str], synthetic: bool) -> tuple[Group, Live] | None:
        try:
            table = tables.encode(X)
            X = tables.decode(table.layout, table.columns)
        except Exception:
            return None  # made by us, not by the caller: a table that cannot be written is no evidence
        retyped = kind in ("dtype", "container") and table.rows > 0
        single = single_precision(self.chain, X) if retyped else self.single
        return self._group(kind, X, table, self._ask_all(X, methods), single, synthetic)

    # -- knife edge ------------------------------------------------------------------------------------------------

    def _mark(self, groups: list[Group], kept: list[Live]) -> Edges:
        """Mark the rows of every group that rounding decides; widen what ordinary rows show to be badly conditioned."""
        main = groups[0]
        same = [answer for group in groups if group.kind == main.kind for answer in group.answers]
        self.scales = scales_of(same, self.scales)
        alone = max(4, min(MAX_ALONE, _ALONE_WORK // self.cost[0]))
        found = find_edges(self.model, self.chain, kept[0], self._knife_methods(main), self.scales, alone)
        widened = {method: widening(ratio) for method, ratio in found.ratios.items()}
        for method, powers in widened.items():
            if powers and self.tolerance is None:
                self.notes.append(f"{method} is badly conditioned: its tolerance is widened by 10^{powers}")
                widen(groups, method, powers)
        limits = {m: 10.0**powers if self.tolerance is None else 1.0 for m, powers in widened.items()}
        mark_rows(main, found, limits)
        for group, live in zip(groups[1:], kept[1:], strict=True):
            if group.kind in _REPEATED:
                take_over(group, main.answers)
            if (group.kind in _VARIED or group.kind == main.kind) and live.values:
                own, clean = (self.scales, None) if group.kind == main.kind else (self._own(group), self.scales)
                near = find_edges(self.model, self.chain, live, self._knife_methods(group), own, 2, clean)
                for method, batching in found.batching.items():
                    if batching == "none":
                        near.ratios.pop(method, None)
                mark_rows(group, near, limits)
        return found

    def _own(self, group: Group) -> Scales:
        """The scales of a group: its own largest values beside those of the ordinary rows."""
        return scales_of(group.answers, self.scales)

    def _knife_methods(self, group: Group) -> list[str]:
        answered = [a.method for a in group.answers if a.columns and a.method != INVERSE]
        if self.cost[0] <= _SLOW:
            return answered
        wanted = [m for m in ("predict", *SCORES, "transform", "score_samples") if m in answered]
        return wanted[:2]

    # -- budget ----------------------------------------------------------------------------------------------------

    def _affordable_rows(self, X: Any) -> int:
        """How many ordinary rows fit; methods whose answer to one row is very large are left out."""
        total = rows.count(X)
        few = rows.take(X, range(min(2, total)))
        try:
            asked = self._ask_all(few, self.methods)
            size = column_bytes(tables.encode(few).columns)
        except Exception:
            return total
        per_row, fixed = size[0] / rows.count(few), size[1]
        self.per_row = per_row
        for method, one in asked.items():
            if one.table is None:
                continue
            body, head = column_bytes(one.table.columns)
            if body / rows.count(few) > _METHOD_BYTES and method != self.methods[0]:
                self.notes.append(f"{method} is not recorded: its answer takes more than 64 KiB a row")
                self.methods = [m for m in self.methods if m != method]
                continue
            per_row, fixed = per_row + body / rows.count(few), fixed + head
            if method not in DERIVED:
                self.per_row += body / rows.count(few)
        room = max(_MAIN_SHARE * self.budget - fixed, 0.0)
        self.overhead = fixed
        work = max(_LEAST_ROWS, _MAIN_WORK // max(self.cost[1], 1))  # fewer where each row is compared with many
        return max(1, min(total, int(room / max(per_row, 1)), work))

    def _affordable(self, edges: list[Edge], groups: list[Group]) -> list[Edge]:
        """The edge groups that fit beside the ordinary rows, most telling first."""
        room = self.budget - sum(group_bytes(group) for group in groups)
        chosen: list[Edge] = []
        for edge in edges:
            number = rows.count(edge.X)
            share = room / (2 if edge.kind == "threshold" else 3)
            fits = max(1, int((share - self.overhead) / max(self.per_row, 1)))
            if number > fits:
                self.dropped += number - fits
                edge = edge._replace(X=rows.take(edge.X, range(fits)))
            cost = int(self.overhead + self.per_row * rows.count(edge.X))
            if cost <= room:
                room -= cost
                chosen.append(edge)
            else:
                self.dropped += rows.count(edge.X)
        return chosen

    def _within_budget(self, groups: list[Group]) -> list[Group]:
        """Cut what the estimate let through: edge groups from the end, then step outputs."""
        sizes = [group_bytes(group) for group in groups]
        for position, group in enumerate(groups):
            if sum(sizes) > self.budget and group.steps:
                group.steps = []
                sizes[position] = group_bytes(group)
        while sum(sizes) > self.budget and len(groups) > 1:
            self.dropped += groups.pop().rows
            sizes.pop()
        for number, group in enumerate(groups):
            group.id = f"g{number:03d}"
        return groups

    # -- result ----------------------------------------------------------------------------------------------------

    def _nothing(self, why: str) -> Recorded:
        evidence = Evidence([], "synthetic", 0, 0, 0, self.training_rows)
        methods = sorted(self.methods)
        return Recorded(evidence, [], [], methods, {}, [*self.notes, f"no cases: {why}"])

    def _result(
        self,
        groups: list[Group],
        edges: Edges,
        whole: Any,
        live: Live,
        mode: str,
        mask: tuple[Any, ...],
        synthetic: bool,
        gaps: dict[int, bool],
        sample: Any,
    ) -> Recorded:
        total = sum(group.rows for group in groups)
        marked = sum(len(group.knife_edge) for group in groups)
        source = "synthetic" if synthetic else "sample"
        evidence = Evidence(groups, source, total, self.dropped, marked, self.training_rows)
        if not synthetic:
            stored = sum(group.rows for group in groups if group.kind == "sample")
            self.notes.append(f"{stored} rows of your sample are stored in clear")
        if self.unrepeatable:
            self.notes.append(f"not repeatable, so not compared: {', '.join(sorted(self.unrepeatable))}")
        if all(answer.refusal or not answer.repeatable for answer in groups[0].answers):
            self.notes.append("the model answered none of the ordinary rows; pass a sample it accepts")
        summarised = sample is not None
        inputs = describe_inputs(
            groups[0].layout,
            groups[0].inputs,
            whole if summarised and rows.form(whole) == rows.form(live.X) else live.X,
            summarised=summarised,
            masked=mask,
            categories=self.known,
            gaps=gaps,
        )
        outputs = describe_outputs(self.model, groups[0].answers)
        listed = {answer.method for answer in groups[0].answers}
        batching = {m: {"original": b} for m, b in edges.batching.items() if m in listed}
        return Recorded(evidence, inputs, outputs, sorted(listed | set(available(self.model))), batching, self.notes)


# Kinds whose rows are looked at for knife edges, and kinds that repeat ordinary rows in another form.
_VARIED = frozenset(["threshold", "words", "category", "missing", "extreme", "unseen"])
_REPEATED = frozenset(["single", "dtype", "container", "column-order", "column-extra"])


def _streams() -> tuple[Any, ...]:
    """Where the process-wide generators stand."""
    state: Any = np.random.get_state(legacy=True)
    return (state[1].tobytes(), *state[2:], random.getstate())


def _note_gaps(edge: Edge, accepted: dict[int, bool], gaps: dict[int, bool]) -> None:
    if edge.kind == "missing":
        for row, column in enumerate(edge.about):
            if row in accepted and column >= 0:
                gaps[column] = gaps.get(column, True) and accepted[row]
