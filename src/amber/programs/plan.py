"""What stands before and behind a graph, as closed data: `programs/<name>.json` of the artifact (`spec/programs.md`).

A plan says how a request becomes the inputs of the graph (numbers, codes of categories, counts of words), which rows
the original refuses, and how the outputs of the graph become the original's answers. No NumPy and no files here.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

VERSION = 1
# Codes of a category column that are no position in its list of values.
NAN, UNSEEN, NONE, NA = -1, -2, -3, -4
# The dtype of a request, where a method is emitted once more for it; 0 is any other.
SINGLE, INTEGERS = 1, 2
SHIFT = 4  # a code plus this is its row in a table of the graph
INVERSE = "inverse_transform"  # the one method whose rows are not the model's, but what `transform` answered
FLOAT32_OVERFLOW = 2.0**128 - 2.0**103  # from here on a double becomes infinite as a float32

# What a number may be. `float32`: it does not overflow when it is cast to float32 (missing is allowed).
RuleName = Literal[
    "finite",
    "no-infinity",
    "not-missing",
    "float32",
    "not-negative",
    "range",
    "categories-known",
    "ascii",
    "max-length",
]
Json = Any


class Strict(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Base of all parts: closed, and absent where a key holds its default."""


class Rule(Strict):
    """One closed rule that every value of the columns keeps; `low` and `high` are floats as text, both inclusive."""

    rule: RuleName
    columns: list[int]  # positions in the request; empty: all of it (texts)
    low: str | None = None
    high: str | None = None
    spared: list[str] = []  # methods it does not hold for


class Scalar(Strict):
    """A value that JSON cannot say: `int` beyond 2^53-1, `float`."""

    kind: Literal["int", "float"]
    text: str


Category = str | int | bool | Scalar | None  # None: as a label only, of a row that an encoder did not know


class Codes(Strict):
    """One column of categories. Its code is its position in `values`, or one of the four negative ones.

    `refused`: codes the original refuses. `none`: the code of None where the column comes without a dtype of its own,
    in a dict or an array: of the missing value that the recorded column's dtype makes of it.
    """

    column: int
    values: list[Category]
    refused: list[int] = []
    none: int = NONE


class Prelude(Strict):
    """How a text becomes counts: the settings of a vectoriser, never code."""

    analyzer: Literal["word", "char", "char_wb"]
    ngrams: tuple[int, int]
    lowercase: bool
    accents: Literal["ascii", "unicode"] | None
    pattern: str | None  # of tokens; one group at most
    stop_words: list[str]
    encoding: str
    decode_error: Literal["strict", "ignore", "replace"]
    binary: bool
    vocabulary: list[str] = []  # term by column
    hashed: int = 0  # number of columns of a hashing vectoriser; then there is no vocabulary
    alternate_sign: bool = False


class Text(Strict):
    """One column of texts: three inputs `<input>.data`, `<input>.column`, `<input>.row`. `column` -1: the request."""

    input: str
    column: int
    prelude: Prelude


class Records(Strict):
    """How a dict of features (or pairs, or names of them) becomes numbers: a DictVectorizer or a FeatureHasher.

    `names`: feature by column; `separator` stands between a feature and its text. `hashed` as in `Prelude`.
    """

    input: str
    kind: Literal["dict", "pair", "string"] = "dict"
    separator: str = "="
    names: list[Category] = []
    hashed: int = 0
    alternate_sign: bool = False


class Request(Strict):
    """What a caller may pass.

    `form`: `table` (columns), `texts`, `records` (dicts) or `sparse`. `width`: number of columns. `names`: their
    labels, absent where the original never saw any. `order`: whether a frame may hold them in any order or exactly
    so, or is read by position whatever its labels. `objects`: whether a frame or array of objects is taken.
    `lists`: whether a list of rows is. `extra`: whether it may hold others beside them. `partial`: whether it may lack
    those no step uses. `arrays`, `frames`: whether tables without and with names are taken. `empty`: whether no rows
    at all are answered, by the methods that do not say otherwise. `one`: the request is one-dimensional.
    """

    form: Literal["table", "texts", "records", "sparse"]
    width: int
    names: list[str | int] | None = None
    order: Literal["any", "exact", "position"] = "exact"
    objects: bool = True
    lists: bool = True
    extra: bool = False
    partial: bool = False
    arrays: bool = True
    frames: bool = True
    empty: bool = False
    one: bool = False


class Labels(Strict):
    """The classes of one output: NumPy dtype (`<i8`, `<U7`, `|O`, `|b1`) and values by index."""

    dtype: str
    values: list[Category]


class Variant(Strict):
    """The outputs of a method for rows of another dtype, in which the original computes: float32, or integers.

    `refused` as in `Output`.
    """

    rows: Literal["float32", "integers"]
    outputs: list[str]
    refused: str = ""


class Output(Strict):
    """One method: the graph's outputs and the form the original answers in.

    `layout` as in recorded cases: `array`, `arrays` (a list of them), `tuple`, `csr`, `frame`, `records`. `dtypes`: of
    each part. `columns`: labels of a frame. `narrow`: float32 rows get float32 answers; `whole`: rows of integers get
    answers of their dtype; `none`: the dtype of the answer to no rows, where it is another. `entries`: the outputs are
    the entries (value, column, row) of a table with that many columns; with `labels` those of each row are named: an
    array of them for each row (`arrays`), or a dict of them and their values (`records`). `refused`: the output that is
    true for rows an inner step refuses, bool [N]; empty where none does. `follows`: a request that is not sparse gets
    an answer that is not.
    `nonempty`: this method refuses no rows at all, which others answer.
    """

    method: str
    outputs: list[str]
    layout: Literal["array", "arrays", "tuple", "csr", "frame", "records"]
    dtypes: list[str]
    labels: list[Labels] = []
    columns: list[Json] = []
    sparse: str = ""  # class of a sparse answer: csr_matrix, csr_array
    narrow: bool = False
    whole: bool = False
    none: str = ""
    entries: int = 0
    refused: str = ""
    follows: bool = False
    nonempty: bool = False
    variants: list[Variant] = []


class Plan(Strict):
    """The whole of it."""

    plan: int
    precision: Literal["float32", "float64"]
    request: Request
    outputs: list[Output]
    numbers: list[int] = []  # positions of the columns of the input `numbers`
    codes: list[Codes] = []  # columns of the input `codes`
    compared: list[int] = []  # columns whose values are compared as they come: of one kind, numbers or texts
    texts: list[Text] = []
    records: list[Records] = []
    rules: list[Rule] = []  # what the original refuses
    inverse: int = 0  # columns of what `inverse_transform` takes: the input `inverse`
    absent: dict[str, str] = {}  # methods without a form, and why
    block: int = 65536  # rows of one run at most
    source: str = "amber"  # who made the graph: amber, skl2onnx, onnxmltools


class Domain(Strict):
    """What the certificate holds for; no rules: all the original answers. `covered`: share of the sample."""

    rules: list[Rule] = []
    covered: str = "1.0"


def category(value: Any) -> Category:
    """Return a Python scalar in the form a plan holds it."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return value if abs(value) < 2**53 else Scalar(kind="int", text=str(value))
    return Scalar(kind="float", text=repr(float(value)))


def value_of(item: Category) -> Any:
    """Return the Python scalar of a plan's category."""
    if isinstance(item, Scalar):
        return int(item.text) if item.kind == "int" else float(item.text)
    return item
