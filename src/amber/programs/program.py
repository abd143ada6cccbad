"""A program, ready to answer: request -> rows -> inputs -> session -> outputs -> the original's answers.

In: a checked plan, the sessions of a checked graph and the certificate. Called by `amber.program` and by freezing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec
import numpy as np

from amber.errors import AbsentError, AmberError, FormatError, LimitError, shown
from amber.programs.answers import NO_ROWS, Answerer
from amber.programs.feeds import Feeder, Feeds, dtype_of
from amber.programs.plan import Output, Plan, Rule
from amber.programs.requests import Rows, refusal, rows_of

INVERSE = "inverse_transform"
Run = Callable[..., "list[Any]"]  # inputs, and the row of the request with which they begin


class Sessions(Protocol):
    """Gives a session of a graph that computes some of its outputs."""

    def for_outputs(self, names: Sequence[str]) -> Any:
        """Return an `onnxruntime.InferenceSession` with these outputs."""


class Program:
    """A frozen model. It has the original's methods: `program.predict(rows)`, `program.predict_proba(rows)` ...

    Rows may be a DataFrame, a dict of columns (or of plain values: one row), an array, a list of rows, a sparse
    matrix, or texts, as the original takes them. A row the original refuses is refused (`input-refused`), one outside
    the certified domain too (`outside-domain`), both with row and column.

    Attributes:
        name, version: Of the artifact.
        methods: What it answers.
        certificate: Per method and case group: identical, equivalent or drifted.
        domain: The rules its rows must keep, beyond the original's own.
        plan: What stands before and behind the graph.
    """

    def __init__(
        self,
        plan: Plan,
        sessions: Sessions,
        *,
        name: str = "",
        version: str = "",
        certificate: Mapping[str, Any] | None = None,
        domain: Sequence[Rule] = (),
    ) -> None:
        self.plan, self.name, self.version = plan, name, version
        self.certificate = dict(certificate or {})
        self.domain = list(domain)
        self.methods = [output.method for output in plan.outputs]
        self._feeder = Feeder(plan, domain)
        self._spared = frozenset(method for rule in plan.rules for method in rule.spared)
        self.needed = frozenset(
            [*plan.numbers, *(each.column for each in plan.codes), *(max(each.column, 0) for each in plan.texts)]
        )
        self.sessions = sessions
        self._asked: dict[str, Callable[[Any], Any]] = {}

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or "plan" not in self.__dict__:
            raise AttributeError(name)
        made = self._asked.get(name)
        if made is None:
            made = self._asked[name] = self._method(name)
        return made

    def undomained(self) -> Program:
        """Return the program without its domain: it answers whatever the original does not refuse."""
        return Program(self.plan, self.sessions, name=self.name, version=self.version)

    def __reduce__(self) -> Any:
        raise TypeError("a program is not pickled: open its artifact with amber.program where it is wanted")

    def __repr__(self) -> str:
        return f"<program {shown(self.name)} {shown(self.version)}: {', '.join(self.methods)}>"

    def _method(self, name: str) -> Callable[[Any], Any]:
        output = next((each for each in self.plan.outputs if each.method == name), None)
        if output is None:
            if name in self.plan.absent:
                raise AbsentError(
                    "method-absent",
                    f"{name} has no form in this program: {shown(self.plan.absent[name], 500)}",
                    where=self.name,
                    hint=f"it has {', '.join(self.methods)}; the original has them all",
                )
            raise AttributeError(f"the program has no method {name!r}, it has {', '.join(self.methods)}")
        return self._inverse(output) if name == INVERSE else self._rows(output)

    def _rows(self, output: Output) -> Callable[[Any], Any]:
        run, answerer = self._runner(output), Answerer(output)
        request, needed, block = self.plan.request, self.needed, self.plan.block
        feeder = Feeder(self.plan, self.domain, output.method) if output.method in self._spared else self._feeder
        places = 2 if output.entries else -1
        entries = output.entries > 0  # an answer of entries says how many rows there were
        feed, direct, plain = feeder.feed, feeder.direct, answerer.plain
        # of a model that computes in the dtype that comes; no graph computes in float16
        native, chosen = output.narrow or bool(output.variants), self._runs(output, run)

        def ask(rows: Any) -> Any:
            feeds = None if entries else direct(rows)
            if feeds is not None:  # one plain row, or an array as the graph takes it: nothing to convert
                return _answered(plain, run(feeds), NO_ROWS)
            found = rows_of(rows, request, needed)
            if native and found.half:
                raise refusal("float16, in which no program computes", hint="pass rows.astype('float32')")
            feeds = feed(found)
            asked = chosen(found)
            arrays = asked(feeds) if found.count <= block else in_blocks(asked, feeds, found.count, block, places)
            return _answered(answerer, arrays, found)

        ask.__name__ = output.method
        return ask

    def _inverse(self, output: Output) -> Callable[[Any], Any]:
        """Undo `transform`: the input is what that answered."""
        run, answerer, wide = self._runner(output), Answerer(output), self.plan.inverse
        block, places = self.plan.block, 2 if output.entries else -1
        chosen = self._runs(output, run)

        def ask(rows: Any) -> Any:
            try:
                table = rows.toarray() if hasattr(rows, "toarray") else np.asarray(rows)
            except Exception as error:  # whatever an object's own conversion raises
                raise refusal(f"not a table: {error}") from error
            if table.ndim == 1 and self.plan.request.one:
                table = table.reshape(-1, 1)
            if table.ndim != 2 or table.shape[1] != wide or table.dtype.kind not in "fiub":
                raise refusal(f"not a table of {wide} columns of numbers, as transform answers")
            found = Rows(
                len(table), table.__getitem__, narrow=table.dtype == np.float32, index=getattr(rows, "index", None)
            )
            with np.errstate(over="ignore"):
                feeds = {"inverse": table.astype(self.plan.precision)}
            asked = chosen(found)
            arrays = asked(feeds) if found.count <= block else in_blocks(asked, feeds, found.count, block, places)
            return _answered(answerer, arrays, found)

        return ask

    def _runs(self, output: Output, ordinary: Run) -> Callable[[Rows], Run]:
        """Return what gives the run for the dtype that rows come in; a variant's is made when such rows come."""
        variants = {each.rows: each for each in output.variants}
        made: dict[str, Run] = {}

        def chosen(rows: Rows) -> Run:
            word = dtype_of(rows)
            if word not in variants:
                return ordinary
            if word not in made:
                each = variants[word]
                made[word] = self._runner(msgspec.structs.replace(output, outputs=each.outputs, refused=each.refused))
            return made[word]

        return chosen

    def _inputs(self, output: Output) -> frozenset[str]:
        return frozenset(each.name for each in self.sessions.for_outputs(_names(output)).get_inputs())

    def _runner(self, output: Output) -> Run:
        """Return what runs the graph for one method, its inner refusals enforced."""
        checked, names, inputs = bool(output.refused), _names(output), self._inputs(output)
        raw = self.sessions.for_outputs(names).run

        def run(feeds: Feeds, start: int = 0) -> list[Any]:
            if feeds.keys() != inputs:
                feeds = {name: feeds[name] if name in feeds else unsaid(name, feeds) for name in inputs}
            try:
                arrays: list[Any] = raw(names, feeds)
            except Exception as error:  # onnxruntime's own errors have no common class
                raise _failed(error) from error
            if checked:
                flags = arrays.pop()
                if flags.item() if len(flags) == 1 else flags.any():
                    raise self._feeder.blamed(int(np.argmax(flags)), feeds, start)
            return arrays

        return run


def unsaid(name: str, feeds: Feeds) -> Any:
    """Return an input that says something of the whole request, where the request did not say it itself."""
    if name != "rows":
        return np.zeros(1, np.int64)
    return np.array([next(len(value) for known, value in feeds.items() if known != "dtype")], np.int64)


def _answered(answerer: Callable[[Sequence[Any], Rows], Any], arrays: Sequence[Any], rows: Rows) -> Any:
    """Return the answer of the graph's outputs; what does not fit the plan is an error of the program."""
    try:
        return answerer(arrays, rows)
    except MemoryError as error:
        raise _failed(error) from error
    except (IndexError, ValueError, TypeError, AttributeError, OverflowError) as error:
        raise FormatError("program-interface", f"the graph does not answer as the plan says: {error}") from error


def _names(output: Output) -> list[str]:
    return [*output.outputs, *([output.refused] if output.refused else [])]


def _failed(error: Exception) -> AmberError:
    """Return what an error of the runtime means."""
    said = str(error)
    if isinstance(error, MemoryError) or any(word in said.lower() for word in ("memory", "alloc")):
        return LimitError(
            "limit-program-elements", f"the request asks the graph for more memory than there is: {said[:300]}",
            hint="ask with fewer rows, or allow more program_memory_bytes in the policy's limits",
        )  # fmt: skip
    return FormatError(
        "program-invalid", f"onnxruntime cannot run the graph: {said[:300]}",
        hint="the program does not fit its plan: amber verify FILE; the original answers",
    )  # fmt: skip


def in_blocks(run: Run, feeds: Feeds, count: int, block: int, places: int = -1) -> list[Any]:
    """Run a request in blocks of rows, so that what a graph holds in between stays bounded.

    `places`: position of the output that holds row numbers, where there is one.
    """
    parts = []
    for start in range(0, count, block):
        arrays = run(part(feeds, start, min(start + block, count)), start)
        if places >= 0:
            arrays[places] = arrays[places] + start
        parts.append(arrays)
    return [np.concatenate(arrays) for arrays in zip(*parts, strict=True)]


def part(feeds: Feeds, start: int, stop: int) -> Feeds:
    """Return the inputs of the rows from `start` to `stop`."""
    cut: Feeds = {}
    for name, value in feeds.items():
        if name == "rows":
            cut[name] = np.array([stop - start], np.int64)
        elif name.endswith(".row"):
            stem = name[: -len(".row")]
            first, last = np.searchsorted(value, [start, stop])
            cut[name] = value[first:last] - start
            cut[f"{stem}.column"] = feeds[f"{stem}.column"][first:last]
            cut[f"{stem}.data"] = feeds[f"{stem}.data"][first:last]
        elif f"{name.rpartition('.')[0]}.row" not in feeds:
            cut[name] = value[start:stop]
    return cut
