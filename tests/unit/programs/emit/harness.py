"""Emit a fitted model, run its graph, and compare every method with the original on rows where models break.

    compare(model, X)             every method of the model, on clean rows and on edge rows made from X
    compare(model, X, rows=[...]) on the given tables only

Returns {method: Found}; `wrong(found)` lists what is not equivalent, empty when all is well.
"""

from __future__ import annotations

import os
import re

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnxruntime as ort
import scipy.sparse as sp
import sklearn

import amber
from amber.adapters.build import leaf
from amber.adapters.take import take
from amber.cases.ask import available
from amber.programs import emit
from amber.programs.emit.graph import Unsupported

RELATIVE, ABSOLUTE = 1e-9, 1e-12


@dataclass
class Found:
    """What one method showed: rows compared, label flips, worst share of the tolerance, refusals not shared."""

    rows: int = 0
    flips: int = 0
    worst: float = 0.0
    identical: bool = True
    unshared: list[str] = field(default_factory=list)
    absent: str = ""

    @property
    def fine(self) -> bool:
        return not self.absent and not self.flips and self.worst <= 1 and not self.unshared


class Run:
    """The emitted graph of a model with one thread, and its answers in the original's form (dtypes aside)."""

    def __init__(
        self, model: Any, X: Any, methods: Sequence[str] | None = None, precision: Any = "float64",
        functions: dict[str, Any] | None = None,
    ) -> None:  # fmt: skip
        self.model = model
        tree = take(model, amber.Policy(allow=tuple(functions or ()))).tree
        self.methods = list(methods or available(model))
        form = form_of(X)
        width = 1 if form in ("texts", "records") or np.ndim(X) == 1 else np.shape(X)[1]
        inverse = 0
        if "inverse_transform" in self.methods:
            inverse = (*np.shape(model.transform(X)), 1)[1]
        self.emitted = emit.emit(
            tree, leaf, form=form, width=width, methods=self.methods, precision=precision, inverse=inverse,
            functions=functions.__getitem__ if functions else None, versions={"scikit-learn": sklearn.__version__},
        )  # fmt: skip
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self.session = ort.InferenceSession(self.emitted.graph, options, providers=["CPUExecutionProvider"])

    def ask(self, method: str, X: Any) -> Any:
        """Return the answer, or raise ValueError where the plan or the graph refuses a row."""
        given = {each.name for each in self.session.get_inputs()}
        feeds = {name: value for name, value in self.feeds(method, X).items() if name in given}
        parts = self.emitted.methods[method]
        flags, names = self.emitted.refused.get(method, ""), [part.name for part in parts]
        for variant in self.emitted.variants.get(method, []):
            if variant.rows == _dtype_word(X):
                flags, names = variant.refused, variant.outputs
        wanted = names + ([flags] if flags else [])
        out = dict(zip(wanted, self.session.run(wanted, feeds), strict=True))
        if flags and out[flags].any():
            raise ValueError("refused by an inner step")
        if parts[0].entries:
            data, column, row = (out[name] for name in names)
            rows = X.shape[0] if hasattr(X, "shape") else len(X)
            return sp.csr_matrix((data, (row, column)), shape=(rows, parts[0].entries)).toarray()
        answers = [mapped(out[name], part.classes) for name, part in zip(names, parts, strict=True)]
        several = len(parts) > 1 or parts[0].name != method
        return answers if several else answers[0]

    def feeds(self, method: str, X: Any) -> dict[str, Any]:
        e = self.emitted
        float_ = np.float32 if any(each.type == "tensor(float)" for each in self.session.get_inputs()) else np.float64
        rows = X.shape[0] if hasattr(X, "shape") else len(X)
        empty = {"sparse.data": np.zeros(0, float_), "sparse.column": np.zeros(0, np.int64),
                 "sparse.row": np.zeros(0, np.int64), "rows": np.array([rows], np.int64)}  # fmt: skip
        feeds: dict[str, Any] = {**empty, "inverse": np.zeros((rows, e.inverse), float_)}
        if method == "inverse_transform":
            given = np.asarray(X.toarray() if sp.issparse(X) else X, float_)
            feeds["inverse"] = given if given.ndim == 2 else given.reshape(-1, 1)
            feeds["numbers"] = np.zeros((rows, len(e.numbers)), float_)
            feeds["codes"] = np.zeros((rows, len(e.codes)), np.int64)
            return feeds
        for each in [*e.texts, *e.records]:
            feeds |= _counted(each, X, float_)
        if form_of(X) in ("texts", "records"):
            return feeds
        if sp.issparse(X):
            coo = X.tocsr().tocoo()
            feeds |= {"sparse.data": coo.data.astype(float_), "sparse.column": coo.col.astype(np.int64),
                      "sparse.row": coo.row.astype(np.int64)}  # fmt: skip
            return feeds
        table = np.asarray(X)
        table = table.reshape(-1, 1) if table.ndim == 1 else table
        if e.numbers:
            numbers = np.asarray(table[:, e.numbers], dtype=np.float64)
            for rule in e.rules:
                if method not in rule.spared:
                    _enforce(rule, np.asarray(table[:, rule.columns], dtype=np.float64))
            feeds["numbers"] = numbers.astype(float_)
        if e.codes:
            feeds["codes"] = np.stack([_codes(table[:, each.column], each) for each in e.codes], axis=1)
        return feeds


def _dtype_word(X: Any) -> str:
    """Return the dtype of a request as variants have it."""
    dtype = X.dtype if hasattr(X, "dtype") else np.dtype(object)
    return "float32" if dtype == np.float32 else "integers" if dtype.kind in "iu" else ""


def form_of(X: Any) -> str:
    """Return what kind of request this is: a list of texts, of records, a sparse table, or a table."""
    if sp.issparse(X):
        return "sparse"
    if not isinstance(X, list):
        return "table"
    return "texts" if isinstance(X[0], str | bytes) else "records" if isinstance(X[0], dict | tuple) else "table"


def _counted(part: Any, X: Any, float_: Any) -> dict[str, Any]:
    """Run the prelude of one input and return what it feeds."""
    from amber.errors import AmberError
    from amber.programs import plan, prelude

    values = X if isinstance(X, list) else np.asarray(X)[:, part.column].tolist()
    run = prelude.compile_records(part) if isinstance(part, plan.Records) else prelude.compile(part.prelude)
    try:
        data, column, row = run(values)
    except AmberError as error:
        raise ValueError(str(error)) from error
    return {f"{part.input}.data": np.array(data, float_), f"{part.input}.column": np.array(column, np.int64),
            f"{part.input}.row": np.array(row, np.int64)}  # fmt: skip


def _enforce(rule: Any, values: Any) -> None:
    bad = {
        "finite": ~np.isfinite(values),
        "no-infinity": np.isinf(values),
        "float32": np.abs(values) >= 3.4028235677973366e38,
    }[rule.rule]
    if bad.any():
        raise ValueError(f"refused: {rule.rule}")


def _codes(values: Any, column: Any) -> Any:
    from amber.programs import plan

    known = {plan.value_of(value): place for place, value in enumerate(column.values)}
    codes = []
    for value in values.tolist():
        if value is None:
            code = plan.NONE
        elif isinstance(value, float) and value != value:
            code = plan.NAN
        elif type(value).__name__ == "NAType":
            code = plan.NA
        else:
            code = known.get(value, plan.UNSEEN)
        if code in column.refused:
            raise ValueError(f"refused: {value!r}")
        codes.append(code)
    return np.array(codes, np.int64)


def mapped(value: Any, classes: tuple[Any, ...]) -> Any:
    """Return class indices as labels."""
    if not classes:
        return value
    if len(classes) == 1:
        return np.asarray(classes[0])[value]
    columns = [np.asarray(each)[value[:, i]] for i, each in enumerate(classes)]
    return np.stack(columns, axis=1)


def edge_tables(model: Any, X: Any) -> dict[str, Any]:
    """Rows where models break: missing values, infinities, thresholds +-1 ulp, large values, single rows."""
    if sp.issparse(X) or isinstance(X, list) or np.asarray(X).dtype.kind not in "fiu":
        return {"one": X[:1]}
    X = np.asarray(X, dtype=np.float64)
    flat = X if X.ndim == 2 else X.reshape(-1, 1)
    missing, infinite, large, over = (flat[:8].copy() for _ in range(4))
    for i in range(len(missing)):
        missing[i, i % flat.shape[1]] = np.nan
    infinite[0, 0], infinite[min(1, len(flat) - 1), -1] = np.inf, -np.inf
    large[:, 0] = 1.7e9 + np.arange(len(large)) * 16_777_217.0
    over[0, 0] = 1e300
    found = {"one": flat[:1], "missing": missing, "infinite": infinite, "large": large, "over": over,
             "zero": np.zeros_like(flat[:2]), "extreme": flat[:4] * 1e6}  # fmt: skip
    found |= {f"threshold{i}": rows for i, rows in enumerate(_thresholds(model, flat))}
    return found if X.ndim == 2 else {name: rows[:, 0] for name, rows in found.items()}


def _thresholds(model: Any, X: Any) -> list[Any]:
    """Rows at split thresholds of every tree inside the model, and one ulp of double and of float32 to each side."""
    cuts: list[tuple[int, float]] = []
    todo, seen = [model], set()
    while todo and len(seen) < 4000:
        each = todo.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        tree = getattr(each, "tree_", None)
        if tree is not None and hasattr(tree, "threshold"):
            inner = np.flatnonzero(tree.feature >= 0)[:20]
            cuts += [(int(tree.feature[i]), float(tree.threshold[i])) for i in inner]
        if hasattr(each, "nodes") and getattr(each.nodes, "dtype", None) is not None and each.nodes.dtype.names:
            inner = each.nodes[each.nodes["is_leaf"] == 0][:20]
            cuts += [(int(n["feature_idx"]), float(n["num_threshold"])) for n in inner]
        if isinstance(each, list | tuple):
            todo += each
        elif isinstance(each, np.ndarray) and each.dtype == object:
            todo += each.ravel().tolist()
        elif hasattr(each, "__dict__"):
            todo += list(vars(each).values())
    rows = []
    for number, (column, cut) in enumerate(cuts[:120]):
        if column >= X.shape[1] or not np.isfinite(cut):
            continue
        single = float(np.float32(cut))
        for value in (cut, np.nextafter(cut, np.inf), np.nextafter(cut, -np.inf), single,
                      float(np.nextafter(np.float32(cut), np.float32(np.inf))),
                      float(np.nextafter(np.float32(cut), np.float32(-np.inf)))):  # fmt: skip
            row = X[number % len(X)].copy()
            row[column] = value
            rows.append(row)
    return [np.array(rows)] if rows else []


def compare(
    model: Any, X: Any, *, rows: Sequence[Any] | None = None, methods: Sequence[str] | None = None,
    precision: Any = "float64", functions: dict[str, Any] | None = None,
) -> dict[str, Found]:  # fmt: skip
    """Compare every method of the model with its program; a model without any form gives `absent` for all."""
    try:
        run = Run(model, X, methods, precision, functions)
    except Unsupported as error:
        return {method: Found(absent=str(error)) for method in methods or available(model)}
    tables = {f"given{i}": table for i, table in enumerate(rows)} if rows is not None else {
        "clean": X[:200], **edge_tables(model, X)}  # fmt: skip
    result = {}
    for method in run.methods:
        found = result[method] = Found()
        if method in run.emitted.absent:
            found.absent = run.emitted.absent[method]
            continue
        for name, table in tables.items():
            _one(run, method, name, table, found)
    return result


def _one(run: Run, method: str, name: str, table: Any, found: Found) -> None:
    asked = table
    if method == "inverse_transform":
        try:
            asked = run.model.transform(table)
        except ValueError:  # rows that are never transformed are never asked back
            return
    try:
        expected, said = getattr(run.model, method)(asked), ""
    except Exception as error:
        expected, said = None, f"{type(error).__name__}: {str(error)[:80]}"
    try:
        got = run.ask(method, asked)
    except ValueError as error:
        if not said:
            found.unshared.append(f"{name}: answered by the original, refused by the program: {error}")
        return
    if said:
        found.unshared.append(f"{name}: refused by the original ({said}), answered by the program")
        return
    parts = list(zip(_parts(expected), _parts(got), strict=True))
    for mine, theirs in parts:
        _values(mine, theirs, found, f"{name} {method}")


def _parts(value: Any) -> list[Any]:
    if isinstance(value, list | tuple):
        return [np.asarray(each) for each in value]
    return [value.toarray() if sp.issparse(value) else np.asarray(value)]


def _values(mine: Any, theirs: Any, found: Found, where: str) -> None:
    if mine.shape != theirs.shape:
        found.unshared.append(f"{where}: shape {mine.shape}, got {theirs.shape}")
        return
    found.rows += len(mine)
    if mine.dtype.kind not in "f" or theirs.dtype.kind not in "fiu":
        flips = int(((mine != theirs) & ((mine == mine) | (theirs == theirs))).sum())  # NaN among labels
        found.flips += flips
        found.identical &= not flips
        return
    theirs = theirs.astype(np.float64)
    scale = float(np.abs(mine[np.isfinite(mine)]).max(initial=0.0))
    relative = 1e-5 if mine.dtype == np.float32 else RELATIVE
    absolute = 1e-7 if mine.dtype == np.float32 else ABSOLUTE
    with np.errstate(all="ignore"):
        used = np.abs(theirs - mine) / (relative * np.abs(mine) + absolute * scale + 1e-320)
    same = (mine == theirs) | (np.isnan(mine) & np.isnan(theirs))
    used = np.where(same, 0.0, np.where(np.isfinite(mine) & np.isfinite(theirs), used, np.inf))
    worst = float(used.max(initial=0.0))
    found.worst = max(found.worst, worst)
    found.identical &= bool(same.all())
    if worst > 1:
        place = np.unravel_index(int(used.argmax()), used.shape)
        found.unshared.append(f"{where}: {mine[place]!r} expected, {theirs[place]!r} at {place}")


def titled(model: Any) -> str:
    """Return a model's own text as the name of a test: the same in every process, so without addresses."""
    return re.sub(r" at 0x[0-9a-f]+", "", " ".join(str(model).split()))


def wrong(found: dict[str, Found]) -> dict[str, Found]:
    """Return the methods that are not equivalent."""
    return {method: each for method, each in found.items() if not each.fine}
