"""`amber.export`: the certified program of an artifact as plain ONNX, for runtimes that know nothing of Amber.

    artifact -> graph without inverse_transform -> look-up of string categories in front -> what stays outside, named
             -> model.onnx, and the recorded cases beside it as ONNX's own tests

A plain graph refuses nothing and maps no labels. What `amber.program` does before and behind the session is written
into `metadata_props`, one JSON document for each key, so that whoever runs the graph can do the same.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from amber.errors import AmberError, FormatError, SourceError, UsageError, shown
from amber.models.libraries import needed
from amber.policy import Policy, in_force
from amber.programs.plan import INVERSE

if TYPE_CHECKING:
    from amber.archive.manifest import Manifest
    from amber.programs.plan import Codes
    from amber.programs.program import Program
    from amber.tree.evidence import Evidence

_ML = "ai.onnx.ml"
_LOOKUP = 2  # the first version of LabelEncoder that maps texts to numbers
_FOLDER = "test_data_set_"
Arrays = dict[str, Any]


@dataclass(frozen=True)
class Exported:
    """What was written: inputs and outputs of the graph in its order, and what its caller must do around it."""

    path: str
    size: int
    name: str
    version: str
    program: str
    precision: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    outside: tuple[str, ...] = ()
    cases: int = 0
    rows: int = 0
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the facts as plain data."""
        return {
            name: list(value) if isinstance(value := getattr(self, name), tuple) else value
            for name in self.__dataclass_fields__
        }

    def __str__(self) -> str:
        lines = [
            f"{shown(self.path, 4096)}: {shown(self.name)} {self.version}, {self.size} bytes, {self.precision}",
            f"  inputs   {', '.join(map(shown, self.inputs))}",
            f"  outputs  {', '.join(map(shown, self.outputs))}",
            *(["  outside of the graph, to be done by who runs it:"] if self.outside else []),
            *(f"    - {line}" for line in self.outside),
        ]
        if self.cases:
            lines.append(f"  cases    {self.rows} rows in {self.cases} sets: {_FOLDER}0 ... beside it")
        return "\n".join([*lines, *(f"  note: {line}" for line in self.notes)])


@needed("freeze")
def export(
    source: Any,
    target: str | os.PathLike[str],
    *,
    program: str | None = None,
    cases: bool = False,
    policy: Policy | None = None,
    bundles: Mapping[str, bytes] | None = None,
) -> Exported:
    """Write the plain ONNX of an artifact's program.

    Columns of texts become inputs of texts where their look-up is exact; every other thing that `amber.program` does
    before and behind the graph is named in `metadata_props`: `amber.inputs`, `amber.classes`, `amber.domain`,
    `amber.rules`, `amber.outside` and `amber.id`.

    Args:
        source: The artifact.
        target: The file to write.
        program: Name of the program, where there are several.
        cases: Write the recorded cases beside the file, in the form of ONNX's own tests (`test_data_set_0/input_0.pb`).
        policy: What the reader accepts, as for `load`.
        bundles: Detached signatures by the path they were read from; they count like those inside.

    Raises:
        UsageError: The artifact has no (such) program, or nothing but an inverse transform is in it.
        SourceError: The file cannot be written, or folders of an older export are in the way.
        AmberError: As `program` raises.
    """
    from amber.archive.assemble import read_evidence
    from amber.archive.digests import artifact_id
    from amber.archive.write import check_target, write_folder
    from amber.models import program as programs
    from amber.models.rows.writers import whole_file
    from amber.vault.check import open_checked
    from amber.vault.trusting import Asked

    rules = in_force(policy)
    check_target(target)
    path = os.fspath(target)
    with open_checked(source, rules, asked=Asked(bundles=bundles or {})) as checked:
        manifest, members = checked.manifest, checked.opened.members
        info = programs.chosen(manifest, program)
        made = programs.opened(manifest, info, members, rules)
        identity = artifact_id({name: [view] for name, view in members.items()})
        plain = _Plain(bytes(members[info.member]), made, info.domain, rules)
        data = plain.finished(identity)
        evidence = read_evidence(manifest, members, rules.limits) if cases else None
        sets = list(_sets(plain, made, evidence)) if evidence is not None else []
    folder = os.path.dirname(os.path.realpath(path))
    old = sorted(name for name in os.listdir(folder) if name.startswith(_FOLDER))
    if old and cases:
        raise SourceError(
            "target-exists", "holds cases of another export", where=os.path.join(folder, old[0]),
            hint="remove the test_data_set folders, or write to a folder of its own",
        )  # fmt: skip
    with whole_file(path) as stream:
        stream.write(data)
    for number, (given, answered, _) in enumerate(sets):
        write_folder(os.path.join(folder, f"{_FOLDER}{number}"), plain.tensors(given, answered))
    return Exported(
        path, len(data), manifest.name, manifest.version, info.name, info.precision, tuple(plain.inputs),
        tuple(plain.outputs), tuple(each["said"] for each in plain.outside), len(sets),
        sum(rows for _, _, rows in sets), _notes(manifest, sets, cases, old),
    )  # fmt: skip


def _notes(manifest: Manifest, sets: Sequence[Any], cases: bool, old: Sequence[str]) -> tuple[str, ...]:
    if not cases:
        return (f"{old[0]} beside it holds cases of another export",) if old else ()
    if not sets:
        return ("no recorded case can be written: none is answered by the graph alone",)
    own = manifest.cases is not None and manifest.cases.source == "sample"
    whose = "rows of the sample it was saved with" if own else "synthetic rows"
    return (f"the recorded cases hold {whose}, and stand in the test_data_set folders in clear",)


# -- the graph -----------------------------------------------------------------------------------------------------


@dataclass
class _Column:
    """One column of categories as an input: of texts or whole numbers, or of codes where `why` says what forbids it."""

    codes: Codes
    name: str
    kind: str = "codes"  # texts | integers | codes
    why: str = ""


class _Plain:
    """A program's graph with the look-up in front, and what is said about it."""

    def __init__(self, graph: bytes, made: Program, domain: dict[str, Any], rules: Policy) -> None:
        import onnx

        from amber.programs import wire

        plan = made.plan
        self.plan, self.domain, self.rules = plan, domain, made.domain
        found = wire.walk(graph, rules.limits)
        declared = {each.name for each in (found.graph or wire.Graph()).output}
        wanted = [name for each in plan.outputs if each.method != INVERSE for name in each.outputs]
        if not wanted:
            raise UsageError(
                "method-absent", "the program has nothing but inverse_transform", hint="amber.program(FILE) answers it"
            )
        wanted += [each.refused for each in plan.outputs if each.refused and each.method != INVERSE]
        if missing := sorted(set(wanted) - declared):
            raise FormatError("program-interface", f"the graph has no output {shown(missing[0])}")
        self.model: Any = onnx.load_model_from_string(wire.pruned(found, wanted, rules.limits))
        self.columns = self._columns()
        if self.columns:
            self._look_up()
        self._shapes()
        self.inputs = [each.name for each in self.model.graph.input]
        self.outputs = [each.name for each in self.model.graph.output]
        self.outside = list(_outside(self))

    def _columns(self) -> list[_Column]:
        """Return the columns of categories, where the graph reads any, each with a name of its own."""
        graph, names = self.model.graph, self.plan.request.names
        if all(each.name != "codes" for each in graph.input):
            return []
        taken = {name for node in graph.node for name in (*node.input, *node.output)}
        taken |= {each.name for each in (*graph.input, *graph.output, *graph.initializer)}
        versions = {each.domain: each.version for each in self.model.opset_import}
        found = []
        for codes in self.plan.codes:
            label = names[codes.column] if names else None
            name = label if isinstance(label, str) and label and _sayable(label) and label not in taken else ""
            place = 0
            while not name or name in taken:
                name, place = f"column_{codes.column}" + (f"_{place}" if place else ""), place + 1
            taken |= {name, f"{name}.code"}
            kind, why = _kind(codes)
            if versions.get(_ML, _LOOKUP) < _LOOKUP:
                kind, why = "codes", "its operators are too old for a look-up"
            found.append(_Column(codes, name, kind, why))
        return found

    def _look_up(self) -> None:
        """Put one input for each column in the place of `codes`."""
        from onnx import TensorProto, helper

        graph, first, read, given = self.model.graph, [], [], []
        for each in self.columns:
            element, code = TensorProto.INT64, each.name
            if each.kind != "codes":
                element = TensorProto.STRING if each.kind == "texts" else TensorProto.INT64
                keys = "keys_strings" if each.kind == "texts" else "keys_int64s"
                code = f"{each.name}.code"
                table: dict[str, Any] = {
                    keys: list(each.codes.values), "values_int64s": list(range(len(each.codes.values))),
                    "default_int64": _unseen(),
                }  # fmt: skip
                first.append(helper.make_node("LabelEncoder", [each.name], [code], domain=_ML, **table))
            given.append(helper.make_tensor_value_info(each.name, element, ["N", 1]))
            read.append(code)
        first.append(helper.make_node("Concat", read, ["codes"], axis=1))
        kept = [each for each in graph.input if each.name != "codes"]
        nodes = list(graph.node)
        del graph.input[:], graph.node[:]
        graph.input.extend([*kept, *given])
        graph.node.extend([*first, *nodes])
        if all(each.domain != _ML for each in self.model.opset_import):
            self.model.opset_import.append(helper.make_opsetid(_ML, _LOOKUP))

    def _shapes(self) -> None:
        """Declare what a program leaves to its plan and ONNX wants of every graph: how wide inputs and outputs are."""
        from onnx import shape_inference

        for each in self.model.graph.input:
            if each.name == "numbers":
                each.type.tensor_type.shape.dim[1].dim_value = len(self.plan.numbers)
        known = shape_inference.infer_shapes(self.model, data_prop=True)
        for mine, found in zip(self.model.graph.output, known.graph.output, strict=True):
            mine.CopyFrom(found)

    def finished(self, identity: str) -> bytes:
        """Return the bytes of the file: the same for the same artifact."""
        from amber.archive import canonical

        said = {
            "amber.classes": {each.method: each.labels for each in self.plan.outputs if each.labels},
            "amber.domain": self.domain,
            "amber.id": identity,
            "amber.inputs": self.described(),
            "amber.outside": self.outside,
            "amber.rules": self.plan.rules,
        }
        self.model.producer_name = "amber"
        for key in sorted(said):
            text = canonical.encode(msgspec.to_builtins(said[key])).decode("utf-8")
            self.model.metadata_props.add(key=key, value=text)
        return bytes(self.model.SerializeToString(deterministic=True))

    def described(self) -> dict[str, Any]:
        """Return which columns of the original's request each input holds: position, and label where there is one."""
        found: dict[str, Any] = {}
        for name in self.inputs:
            mine = next((each for each in self.columns if each.name == name), None)
            if mine is not None:
                found[name] = {"columns": [self._labelled(mine.codes.column)], "kind": mine.kind}
            elif name == "numbers":
                found[name] = {"columns": [self._labelled(column) for column in self.plan.numbers], "kind": "numbers"}
            else:
                found[name] = {"columns": [], "kind": "rows" if name == "rows" else "entries"}
        return found

    def _labelled(self, column: int) -> dict[str, Any]:
        names = self.plan.request.names
        return {"position": column, **({"label": names[column]} if names else {})}

    def tensors(self, given: Arrays, answered: Arrays) -> dict[str, list[bytes]]:
        """Return the files of one set of cases."""
        from onnx import numpy_helper

        return {
            f"{kind}_{place}.pb": [numpy_helper.from_array(arrays[name], name).SerializeToString(deterministic=True)]
            for kind, names, arrays in (("input", self.inputs, given), ("output", self.outputs, answered))
            for place, name in enumerate(names)
        }


def _unseen() -> int:
    from amber.programs import plan as plans

    return plans.UNSEEN


def _kind(codes: Codes) -> tuple[str, str]:
    """Return what the input of a column can be: its values as they are, or codes with the reason."""
    if not codes.values:
        return "codes", "it has no categories"
    if all(isinstance(value, str) for value in codes.values):
        odd = not all(_sayable(value) for value in codes.values)
        return ("codes", "a category is no text in UTF-8") if odd else ("texts", "")
    if all(type(value) is int for value in codes.values):
        return "integers", ""
    return "codes", "its categories are not all texts, nor all whole numbers"


def _sayable(text: Any) -> bool:
    """Whether every runtime reads this text as it is: UTF-8, and no NUL, at which some end it."""
    try:
        return "\0" not in text and bool(text.encode("utf-8") or True)
    except UnicodeEncodeError:
        return False


def _outside(plain: _Plain) -> Iterator[dict[str, Any]]:
    """Yield what the graph's caller must do: `what` for a program to read, `said` for a person."""
    plan = plain.plan
    names = {each.codes.column: each.name for each in plain.columns}
    open_ = [each for each in plain.columns if each.kind != "codes"]
    if open_:
        listed = ", ".join(shown(each.name) for each in open_)
        yield {"what": "missing-categories", "inputs": [each.name for each in open_],
               "said": f"missing values in {listed}: texts and whole numbers cannot say them"}  # fmt: skip
    for each in plain.columns:
        if each.kind == "codes":
            yield {"what": "look-up", "input": each.name, "values": each.codes.values,
                   "codes": {"NaN": -1, "unseen": -2, "None": -3, "NA": -4},
                   "said": f"the look-up of {shown(each.name)}: {each.why}"}  # fmt: skip
    refused = {names[each.column]: each.refused for each in plan.codes if each.refused and each.column in names}
    if refused:
        yield {"what": "refused-categories", "inputs": refused,
               "said": f"unseen or missing categories are refused in {', '.join(map(shown, refused))}"}  # fmt: skip
    if plan.rules:
        kinds = ", ".join(sorted({rule.rule for rule in plan.rules}))
        yield {"what": "rules", "said": f"rows the original refuses are answered (amber.rules: {kinds})"}
    flags = [each.refused for each in plan.outputs if each.refused in plain.outputs]
    if flags:
        yield {"what": "refused", "outputs": flags, "said": f"rows where {', '.join(flags)} is true have no answer"}
    if plain.rules:
        yield {"what": "domain", "said": "rows outside of amber.domain are answered, and not as certified"}
    labels = [each.method for each in plan.outputs if each.labels]
    if labels:
        yield {"what": "labels", "outputs": labels,
               "said": f"the labels of {', '.join(labels)}: the output is an index into amber.classes"}  # fmt: skip
    if plan.request.form == "sparse":
        yield {"what": "entries", "input": "sparse",
               "said": "taking a sparse matrix apart, row by row (sparse.data, .column, .row)"}  # fmt: skip
    for text in plan.texts:
        yield {"what": "prelude", "input": text.input, "column": text.column, "prelude": text.prelude,
               "said": f"the counting of words for {text.input} (decoding, tokens, vocabulary)"}  # fmt: skip
    for record in plan.records:
        yield {"what": "records", "input": record.input, "records": record,
               "said": f"the features of dicts for {record.input}"}  # fmt: skip
    if any(each.method == INVERSE for each in plan.outputs):
        yield {"what": "inverse", "said": "inverse_transform: it has an input of its own"}


# -- cases ---------------------------------------------------------------------------------------------------------


def _sets(plain: _Plain, made: Program, evidence: Evidence) -> Iterator[tuple[Arrays, Arrays, int]]:
    """Yield inputs, outputs and number of rows of every recorded request, or of its rows that the graph can be asked.

    A request that is refused as a whole for its form (columns missing) is no case of a graph.
    """
    from amber.cases import rows as tables
    from amber.cases.tables import decode

    ask = _asker(plain, made)
    seen: set[bytes] = set()
    for group in evidence.groups:
        X = decode(group.layout, group.inputs)
        kept = kept_rows(ask, X)
        if not kept:
            continue
        given, answered = ask(X if len(kept) == tables.count(X) else tables.take(X, kept))
        key = b"".join(part[0] for part in plain.tensors(given, answered).values())
        if key not in seen:
            seen.add(key)
            yield given, answered, len(kept)


def kept_rows(ask: Callable[[Any], Any], X: Any) -> list[int]:
    """Return the rows that are answered: all of them, or those that are answered alone and then together."""
    from amber.cases import rows as tables

    every = list(range(tables.count(X)))
    if _answered(ask, X):
        return every
    kept = [row for row in every if _answered(ask, tables.take(X, [row]))]
    return kept if kept and _answered(ask, tables.take(X, kept)) else []


def _answered(ask: Callable[[Any], Any], X: Any) -> bool:
    try:
        ask(X)
    except (AmberError, _Unsayable):
        return False
    return True


class _Unsayable(Exception):  # noqa: N818 - a signal inside this module
    """A value that no input of the plain graph can hold."""


def _asker(plain: _Plain, made: Program) -> Callable[[Any], tuple[Arrays, Arrays]]:
    """Return what answers a request by the program: inputs of the plain graph, and what the program's gives."""
    from amber.programs.feeds import Feeder
    from amber.programs.program import in_blocks, unsaid
    from amber.programs.requests import refusal, rows_of

    plan, feeder = made.plan, Feeder(made.plan, made.domain)
    session = made.sessions.for_outputs(plain.outputs)
    inputs = {each.name for each in session.get_inputs()}

    def run(feeds: Arrays, start: int = 0) -> list[Any]:
        answers: list[Any] = session.run(plain.outputs, feeds)
        return answers

    def ask(X: Any) -> tuple[Arrays, Arrays]:
        rows = rows_of(X, plan.request, made.needed)
        fed = feeder.feed(rows)
        feeds = {name: fed[name] if name in fed else unsaid(name, fed) for name in inputs}
        given = _given(plain, feeds, rows.pick)
        arrays = run(feeds) if rows.count <= plan.block else in_blocks(run, feeds, rows.count, plan.block)
        answered = dict(zip(plain.outputs, arrays, strict=True))
        if any(answered[each.refused].any() for each in plan.outputs if each.refused in answered):
            raise refusal("a row is refused inside the graph")
        return given, answered

    return ask


def _given(plain: _Plain, feeds: Mapping[str, Any], pick: Callable[[int], Any]) -> Arrays:
    """Return the inputs of the plain graph: the columns themselves in the place of their codes."""
    import numpy as np

    places = {each.column: place for place, each in enumerate(plain.plan.codes)}
    found = {name: value for name, value in feeds.items() if name != "codes"}
    for each in plain.columns:
        if each.kind == "codes":
            found[each.name] = np.ascontiguousarray(feeds["codes"][:, places[each.codes.column]].reshape(-1, 1))
            continue
        values = pick(each.codes.column)
        values = values.tolist() if hasattr(values, "tolist") else list(values)
        said = [_said(value, each.kind) for value in values]
        found[each.name] = np.array(said, object if each.kind == "texts" else np.int64).reshape(-1, 1)
    return found


def _said(value: Any, kind: str) -> Any:
    """Return a category as the input holds it.

    Raises:
        _Unsayable: It cannot.
    """
    if kind == "texts":
        if isinstance(value, str) and _sayable(value):
            return str(value)
    elif isinstance(value, int | float) and value == value and abs(value) < 2**53 and value == int(value):
        return int(value)
    raise _Unsayable(kind)
