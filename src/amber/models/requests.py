"""What the recorded cases say of a model's requests and answers: forms, names, what is refused. For a plan."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from amber.cases import arrays, frames, tables
from amber.errors import FreezeError
from amber.tree import nodes
from amber.tree.evidence import CLEAN_KINDS, Answer, Column, Evidence, Group
from amber.tree.nodes import Tree

if TYPE_CHECKING:
    from amber.programs.plan import Request

# Classes that take a column of texts: what else takes one-dimensional strings takes them as categories.
VECTORISERS = frozenset(f"sklearn.feature_extraction.text.{n}" for n in
                        ("CountVectorizer", "TfidfVectorizer", "HashingVectorizer"))  # fmt: skip


@dataclass(frozen=True)
class AnswerForm:
    """How the original answers: layout of the recorded answer, dtype of each part, labels of a frame's columns."""

    layout: str
    dtypes: list[str]
    columns: list[Any] = field(default_factory=list)
    sparse: str = ""
    narrow: bool = False
    whole: bool = False
    none: str = ""
    follows: bool = False
    nonempty: bool = False


@dataclass(frozen=True)
class Facts:
    """Everything a plan needs to know of the cases."""

    request: Request
    nones: dict[int, int]  # by column: the code that None has where no dtype says what it becomes
    answers: dict[str, AnswerForm]
    inverse: int = 0


def facts_of(evidence: Evidence, tree: Tree) -> Facts:
    """Return what the cases say.

    Raises:
        FreezeError: `program-impossible`: requests of this kind have no program.
    """
    main = next((group for group in evidence.groups if group.kind in CLEAN_KINDS), evidence.groups[0])
    # a method that refuses the ordinary rows as a whole, for the gaps in some of them, answers others
    ordinary = [group for group in evidence.groups if group.kind not in ("dtype", "no-rows", "container")]
    answers = {
        answer.method: answer for group in (*reversed(ordinary), main) for answer in group.answers if answer.layout
    }
    return Facts(
        _request(main, evidence, tree),
        _nones(main),
        {method: _form(answer, evidence) for method, answer in answers.items()},
        _width(answers["transform"]) if "transform" in answers else 0,
    )


def _request(main: Group, evidence: Evidence, tree: Tree) -> Request:
    from amber.programs.plan import Request

    kinds = ("column-order", "column-extra", "column-missing", "no-rows")
    answered = {kind: _answered(evidence, kind) for kind in kinds}
    form: Any = "table"
    names: list[Any] | None = None
    one = False
    body = frames.body(main.inputs)
    width = len(body)
    if main.layout == "frame":
        names = [frames.label_of(column) for column in body]
        names = names if all(type(name) in (str, int) for name in names) else None
    elif main.layout == "csr":
        form, width = "sparse", _shape(body)
    elif main.layout == "array" and len(body[0].shape) == 2:
        width = body[0].shape[1]
    elif main.layout in ("array", "series", "strings"):
        texts = body[0].datatype == "BYTES" and any(
            isinstance(node, nodes.Object) and node.type in VECTORISERS for node in tree.nodes
        )
        form, width, one = ("texts" if texts else "table"), 1, not texts
    elif main.layout == "records":
        form = "records"
    else:
        raise FreezeError("program-impossible", f"requests that are a {main.layout} have no program")
    order: Any = "exact"
    if answered["column-order"]:
        order = "any" if _by_name(evidence) else "position"
    return Request(
        form=form, width=width, names=names, order=order,
        objects=_objects(main, evidence),
        lists=_contained(evidence, "values", True),
        extra=answered["column-extra"], partial=answered["column-missing"], empty=answered["no-rows"], one=one,
        arrays=names is None or _contained(evidence, "array", False),
    )  # fmt: skip


def _nones(main: Group) -> dict[int, int]:
    """What the recorded dtype of a column makes of None: pandas' text and category columns hold no None."""
    from amber.programs import plan

    found = {}
    body = frames.body(main.inputs)
    for position, column in enumerate(body if main.layout == "frame" else []):
        text = str(column.parameters.get(arrays.DTYPE, ""))
        if text in ("str", "category"):
            found[position] = plan.NAN
        elif text.startswith("string") or text[:1].isupper():
            found[position] = plan.NA
    return found


def _answered(evidence: Evidence, kind: str) -> bool:
    """Whether the original answers the groups of a kind."""
    return any(answer.layout for group in evidence.groups if group.kind == kind for answer in group.answers)


def _by_name(evidence: Evidence) -> bool:
    """Whether columns in another order get the answers of the same rows in their own order."""
    moved = next(group for group in evidence.groups if group.kind == "column-order")
    compared = False
    for group in evidence.groups:  # the same rows
        if group.kind in ("container", "dtype") and group.rows == moved.rows:
            answers = {answer.method: answer for answer in group.answers if answer.layout}
            both = [(answers[each.method], each) for each in moved.answers if each.layout and each.method in answers]
            if both and all(_alike(*pair) for pair in both):
                return True
            compared = compared or bool(both)
    return not compared


def _alike(one: Answer, other: Answer) -> bool:
    """Whether two answers are the same, as far as that tells one column from another."""
    import numpy as np

    kinds = {"FP64": np.float64, "FP32": np.float32}
    mine, theirs = (frames.body(each.columns) for each in (one, other))
    for left, right in zip(mine, theirs, strict=False):
        if left.datatype in kinds and right.datatype in kinds:
            first, second = (np.frombuffer(each.data, kinds[each.datatype]) for each in (left, right))
            if first.shape != second.shape or not np.allclose(first, second, rtol=1e-4, atol=1e-6, equal_nan=True):
                return False
        elif left.data != right.data:
            return False
    return len(mine) == len(theirs)


def _objects(main: Group, evidence: Evidence) -> bool:
    """Whether a table of objects is taken as numbers."""
    for group in evidence.groups:
        asked = frames.body(group.inputs)
        objects = bool(asked) and all(_dtype(column) == "|O" for column in asked)
        if group.kind == "dtype" and main.layout == group.layout in ("frame", "array") and objects:
            return any(answer.layout for answer in group.answers) or not group.answers
    return True


def _contained(evidence: Evidence, layout: str, unknown: bool) -> bool:
    """Whether the same rows in another container are answered; `unknown` where they were not asked for."""
    groups = [group for group in evidence.groups if group.kind == "container" and group.layout == layout]
    return any(answer.layout for group in groups for answer in group.answers) if groups else unknown


def _shape(columns: list[Column]) -> int:
    return int(str(columns[0].parameters[tables.SHAPE]).split(",")[1])


def _width(answer: Answer) -> int:
    body = frames.body(answer.columns)
    if answer.layout == "csr":
        return _shape(body)
    return len(body) if answer.layout == "frame" else (*body[0].shape, 1)[1]


def _form(answer: Answer, evidence: Evidence) -> AnswerForm:
    body = frames.body(answer.columns)
    dtypes = [_dtype(column) for column in body]
    sparse = str(body[0].parameters.get(tables.SPARSE, "")) if answer.layout == "csr" else ""
    columns = [frames.label_of(column) for column in body] if answer.layout == "frame" else []
    narrow, whole = (_keeps(answer.method, evidence, datatype) for datatype in ("FP32", "INT64"))
    whole = whole and all(column.datatype == "FP64" for column in body)
    to_none = [each for group in evidence.groups if group.kind == "no-rows" for each in group.answers]
    of_none = [each.layout for each in to_none if each.method == answer.method]
    # one that others answer; which of them is refused where it was not asked, the request says of all
    nonempty = any(each.layout for each in to_none) and bool(of_none) and not any(of_none)
    none = _of_none(answer.method, to_none) if answer.layout == "array" else ""
    none *= none != dtypes[0]
    follows = _follows(answer, evidence)
    return AnswerForm(answer.layout, dtypes, columns, sparse, narrow, whole, none, follows, nonempty)


def _of_none(method: str, answers: list[Answer]) -> str:
    """Return the dtype of the recorded answer to no rows; nothing where there is none."""
    found = [answer for answer in answers if answer.method == method]
    return next((_dtype(answer.columns[0]) for answer in found if answer.layout == "array"), "")


def _follows(answer: Answer, evidence: Evidence) -> bool:
    """Whether rows that are not sparse get an answer that is not, where the sample and its answers are sparse."""
    groups = [group for group in evidence.groups if group.kind == "container" and group.layout == "array"]
    found = [each.layout for group in groups for each in group.answers if each.method == answer.method]
    return answer.layout == "csr" and "array" in found


def _dtype(column: Column) -> str:
    text = str(column.parameters.get(arrays.DTYPE, arrays.NATIVE.get(column.datatype, "|O")))
    objects = text == "object" or (column.datatype == "BYTES" and not text.startswith(("<U", "|S")))
    return "|O" if objects else text


def _keeps(method: str, evidence: Evidence, datatype: str) -> bool:
    """Whether rows of another dtype than the sample's get answers of that dtype, as recorded."""
    for group in evidence.groups:
        if group.kind == "dtype" and group.inputs and all(column.datatype == datatype for column in group.inputs):
            for answer in group.answers:
                if answer.method == method and answer.columns:
                    return all(column.datatype == datatype for column in answer.columns)
    return False
