"""A program, ready to answer: request -> rows -> inputs -> session -> outputs -> the original's answers.

In: a checked plan, the sessions of a checked graph and the certificate. Called by `amber.program` and by freezing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec
import numpy as np

from amber.errors import AbsentError, AmberError, FormatError, LimitError, shown
from amber.programs.answers import PLAIN, Answerer
from amber.programs.feeds import Feeder, Feeds, dtype_of
from amber.programs.plan import INVERSE, Output, Plan, Rule
from amber.programs.requests import NO_TABLE, Rows, refusal, rows_of
from amber.programs.watch import bounded

Run = Callable[..., "list[Any]"]  # inputs, and the row of the request with which they begin


class Sessions(Protocol):
    """Gives a session of a graph that computes some of its outputs; a run of it may take so many seconds."""

    @property
    def seconds(self) -> float:
        """How long one run may take."""

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

    def asker(self, methods: Sequence[str]) -> Callable[[Any], dict[str, Any]]:
        """Return what asks several methods at once, in one run where the graph can: for servers.

        It takes what the methods take, or `Rows`. Labels come as int64 positions in the plan's labels.
        """
        wanted = [_indexed(each) for each in self.plan.outputs if each.method in methods]
        joint = [each for each in wanted if each.method not in self._spared and not each.entries]
        alone = {each.method: self._rows(each) for each in wanted if len(joint) < 2 or each not in joint}
        return self._together(joint, alone) if len(joint) > 1 else _apart(alone)

    def _together(self, joint: list[Output], alone: dict[str, Callable[[Any], Any]]) -> Callable[[Any], dict[str, Any]]:
        names = list(dict.fromkeys(name for each in joint for name in _names(each)))
        flags = [each.refused for each in joint if each.refused]
        run = self._runner(msgspec.structs.replace(joint[0], outputs=names, refused=""))
        answerers = [(each.method, each.outputs, Answerer(each)) for each in joint]
        # what one run cannot do for all: more rows than a block, and rows that come in another dtype
        native, varied = any(each.narrow for each in joint), any(each.variants for each in joint)
        each_alone = _apart({each.method: self._rows(each) for each in joint} | alone)
        request, needed, block = self.plan.request, self.needed, self.plan.block
        direct, feed = self._feeder.direct, self._feeder.feed

        def ask(rows: Any) -> dict[str, Any]:
            feeds, found = direct(rows), PLAIN
            if feeds is None:
                found = rows_of(rows, request, needed)
                if not 0 < found.count <= block or (native and found.half) or (varied and dtype_of(found)):
                    return each_alone(found)
                feeds = feed(found)
            arrays = dict(zip(names, run(feeds), strict=True))
            for flag in flags:
                if np.count_nonzero(arrays[flag]):
                    raise self._feeder.blamed(int(np.argmax(arrays[flag])), feeds)
            answers = {
                method: _answered(answerer, [arrays[name] for name in outputs], found)
                for method, outputs, answerer in answerers
            }
            for method, one in alone.items():
                answers[method] = one(rows)
            return answers

        return ask

    def _rows(self, output: Output) -> Callable[[Any], Any]:
        run, answerer = self._runner(output), Answerer(output)
        request, needed, block = self.plan.request, self.needed, self.plan.block
        feeder = Feeder(self.plan, self.domain, output.method) if output.method in self._spared else self._feeder
        places = 2 if output.entries else -1
        entries = output.entries > 0  # an answer of entries says how many rows there were
        nonempty = output.nonempty
        feed, direct, simple, dtype = feeder.feed, feeder.direct, answerer.simple, answerer.dtypes[0]
        # of a model that computes in the dtype that comes; no graph computes in float16
        native, chosen = output.narrow or bool(output.variants), self._runs(output, run)

        def ask(rows: Any) -> Any:
            feeds = None if entries else direct(rows)
            if feeds is not None:  # one plain row, or an array as the graph takes it: nothing to convert
                arrays = run(feeds)
                return arrays[0] if simple and arrays[0].dtype == dtype else _answered(answerer, arrays, PLAIN)
            found = rows_of(rows, request, needed)
            if nonempty and not found.count:
                raise refusal(NO_TABLE)
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
        ordinary, answerer, wide = self._runner(output), Answerer(output), self.plan.inverse
        block, places = self.plan.block, 2 if output.entries else -1
        listed = output.entries > 0 and bool(output.labels)
        chosen = self._runs(output, ordinary)

        def ask(rows: Any) -> Any:
            try:
                table = rows.tocsr() if hasattr(rows, "tocsr") else np.asarray(rows)
            except Exception as error:  # whatever an object's own conversion raises
                raise refusal(f"not a table: {error}") from error
            if table.ndim == 1 and self.plan.request.one:
                table = table.reshape(-1, 1)
            if table.ndim != 2 or table.shape[1] != wide or table.dtype.kind not in "fiub":
                raise refusal(f"not a table of {wide} columns of numbers, as transform answers")
            if listed and not (table.shape[0] and getattr(table, "has_sorted_indices", True)):
                raise refusal("no rows, or entries in another order than transform's")
            found = Rows(
                table.shape[0], table.__getitem__, narrow=table.dtype == np.float32,
                index=getattr(rows, "index", None),
            )  # fmt: skip
            asked = chosen(found)

            def run(feeds: Feeds, start: int = 0) -> list[Any]:
                with np.errstate(over="ignore"):
                    dense = feeds["inverse"].toarray() if hasattr(table, "toarray") else feeds["inverse"]
                    return asked({"inverse": dense.astype(self.plan.precision)}, start)

            feeds = {"inverse": table}
            arrays = run(feeds) if found.count <= block else in_blocks(run, feeds, found.count, block, places)
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
        raw = bounded(self.sessions.for_outputs(names).run, self.sessions.seconds)

        def run(feeds: Feeds, start: int = 0) -> list[Any]:
            if feeds.keys() != inputs:
                feeds = {name: feeds[name] if name in feeds else unsaid(name, feeds) for name in inputs}
            try:
                arrays = raw(names, feeds)
            except AmberError:
                raise
            except Exception as error:  # onnxruntime's own errors have no common class
                raise _failed(error) from error
            if checked:
                flags = arrays.pop()
                if flags.item() if len(flags) == 1 else flags.any():
                    raise self._feeder.blamed(int(np.argmax(flags)), feeds, start)
            return arrays

        return run


def _indexed(output: Output) -> Output:
    """Return an output that answers positions of its labels in place of labels."""
    return msgspec.structs.replace(output, labels=[], dtypes=["<i8"] * len(output.dtypes)) if output.labels else output


def _apart(asked: dict[str, Callable[[Any], Any]]) -> Callable[[Any], dict[str, Any]]:
    """Return what asks methods one after the other."""
    return lambda rows: {method: one(rows) for method, one in asked.items()}


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
