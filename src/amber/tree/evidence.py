"""Recorded cases as data: what was asked, what was answered. No NumPy, no files.

A `Group` is one recorded request with the answers of every method; a case is one row of it. `Column` is one tensor of
an Open Inference Protocol request or response, its bytes packed as the binary tensor extension wants them
(`spec/cases.md`).
"""

from __future__ import annotations

import msgspec

# Groups of these kinds hold ordinary rows; every other kind stands where models break.
CLEAN_KINDS = ("sample", "synthetic")
# Methods that name stored rows.
NEIGHBOURS = ("kneighbors", "radius_neighbors")


class Column(msgspec.Struct):
    """One named tensor: OIP `datatype`, `shape` and packed bytes; `parameters` carry Amber's logical type."""

    name: str
    datatype: str  # BOOL UINT8..UINT64 INT8..INT64 FP16 FP32 FP64 BYTES
    shape: tuple[int, ...]
    data: memoryview | bytes
    parameters: dict[str, str | int | bool] = {}


class Answer(msgspec.Struct):
    """What one method answered: columns, or the class of the exception it refused with; never both."""

    method: str
    layout: str = ""  # how the columns become the caller's object again; empty when refused or not repeatable
    columns: list[Column] = []
    refusal: str = ""  # exception class name; empty when answered
    repeatable: bool = True  # False: two runs differed; nothing is recorded and nothing compared
    labels: bool = False  # predict of a classifier, clusterer or outlier detector: compared exactly
    single: bool = False  # something on the way was computed in float32: the FP32 line of the tolerance
    relative: str = ""  # tolerance of this output where it is not the table's; floats as strings
    absolute: str = ""
    knife_edge: list[int] = []  # rows (0-based) of this answer that rounding alone decides


class StepOutput(msgspec.Struct):
    """The output of one inner step of a pipeline on the first rows of the group (at most 16)."""

    path: str  # for example steps[1] or steps[0].transformers[2]
    layout: str
    columns: list[Column]


class Group(msgspec.Struct):
    """One recorded request: inputs, the answer of each method, and what is known about its rows."""

    id: str  # member name: g000, g001, ...
    kind: str  # sample | synthetic | missing | threshold | unseen | empty | extreme | single | dtype | ...
    layout: str  # frame | series | array | csr | strings | records | values | arrays | tuple | scalar
    rows: int
    inputs: list[Column]
    answers: list[Answer]
    synthetic: bool = False  # no value of these rows was copied from the caller's sample
    steps: list[StepOutput] = []

    @property
    def knife_edge(self) -> list[int]:
        """Rows of which some answer is decided by rounding alone.

        Which of two equally near stored rows is named first does not count: it says nothing about what the model says.
        """
        rows = {row for a in self.answers if a.method not in NEIGHBOURS for row in a.knife_edge}
        return sorted(rows)


class Evidence(msgspec.Struct):
    """All groups plus what the manifest says about them."""

    groups: list[Group]
    source: str  # sample | synthetic | none
    rows: int
    dropped: int
    knife_edge: int
    contains_training_rows: bool
