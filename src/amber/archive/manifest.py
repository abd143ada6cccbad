"""The manifest, the member that describes all the others: shapes and codec (`manifest_rules` has the rest).

Keys without a default are always present; keys with one are absent where they hold it (`spec/manifest.md`).
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from amber.archive import canonical
from amber.archive.names import MANIFEST
from amber.errors import FormatError, LimitError, shown
from amber.limits import Limits

FORMAT = 1
# Named features an artifact may require of its reader. None exists yet.
FEATURES: frozenset[str] = frozenset()

Json = Any  # a value of the canonical subset
Number = int | str  # an integer of at most 2^53-1 in magnitude, or a float as text
Batching = Literal["exact", "tolerant", "none"]
Route = Literal["original", "program"]


class MemberInfo(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Size in bytes and BLAKE3 (64 hex characters) of one member."""

    size: int
    blake3: str


class AdapterInfo(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Which adapter took the model apart, and the version of the state it wrote."""

    id: str
    state_version: int


class Lineage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where the artifact comes from: the id of the one it was made from, and a remark."""

    parent: str
    note: str | None = None


class CasesInfo(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What the recorded cases are: numbers are rows."""

    source: Literal["sample", "synthetic"]
    rows: int
    dropped: int
    knife_edge: int
    contains_training_rows: bool


class Schema(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What the fitted model knows of one input."""

    categories: list[Json] | None = None
    finite: bool | None = None  # True: NaN and infinities are refused
    kinds: list[str] | None = None  # number, integer, boolean, string, datetime, missing ...
    order: int | None = None  # position in the table, from 0
    range: tuple[Number, Number] | None = None  # inclusive


class Summary(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What the sample showed of one column, never a row: quantiles or frequent categories."""

    count: int
    missing: Number  # share, 0 to 1
    quantiles: list[Number] | None = None  # 21: 0 %, 5 % ... 100 %
    categories: list[tuple[Json, int]] | None = None  # value, support >= 5
    other: int | None = None


class Tolerance(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """When a score counts as the same: |got - expected| <= relative * |expected| + absolute * s.

    `s` is the largest finite recorded magnitude of the output. An output without tolerance is a label: exact.
    """

    relative: Number
    absolute: Number


class InputInfo(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One input: -1 in `shape` is any length."""

    name: str
    dtype: str
    shape: list[int]
    schema: Schema | None = None
    summary: Summary | None = None


class OutputInfo(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One output of one method."""

    method: str
    name: str
    dtype: str
    shape: list[int]
    classes: list[Json] | None = None
    tolerance: Tolerance | None = None
    summary: Summary | None = None


class ProgramInfo(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A frozen program and what was found about it."""

    name: str
    member: str
    precision: Literal["float32", "float64"]
    domain: dict[str, Json]
    certificate: dict[str, Json]


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The closed table of keys."""

    format: int
    requires: list[str]
    kind: str
    adapter: AdapterInfo
    name: str
    version: str
    members: dict[str, MemberInfo]
    libraries: dict[str, str]
    methods: list[str]
    hyperparameters: dict[str, Json]
    metrics: dict[str, Number]
    metadata: dict[str, Json]
    inputs: list[InputInfo]
    outputs: list[OutputInfo]
    batching: dict[str, dict[Route, Batching]]
    created: str | None = None
    lineage: Lineage | None = None
    licence: str | None = None
    cases: CasesInfo | None = None
    programs: list[ProgramInfo] = []
    extensions: dict[str, Json] = {}


class _Head(msgspec.Struct):
    """What a reader must understand before anything else in the manifest means anything."""

    format: int
    requires: list[str] = []


_head_decoder = msgspec.json.Decoder(_Head)
_decoder = msgspec.json.Decoder(Manifest)


def encode_manifest(manifest: Manifest) -> bytes:
    """Return the bytes of `manifest.json`.

    Raises:
        SaveError: `value-not-json`: a string cannot be written.
    """
    return canonical.encode(manifest)


def decode_manifest(data: memoryview | bytes, limits: Limits) -> Manifest:
    """Return the manifest, closed and canonical; `manifest_rules.check_values` checks what the values say.

    Raises:
        LimitError: `limit-manifest-bytes`.
        FormatError: `format-unknown`, `requires-unknown`, `manifest-invalid`, `manifest-not-canonical`.
    """
    if len(data) > limits.manifest_bytes:
        raise LimitError("limit-manifest-bytes", f"{len(data)} bytes, {limits.manifest_bytes} accepted", where=MANIFEST)
    _check_head(data)
    manifest: Manifest = canonical.decode(_decoder, data, "manifest", MANIFEST)
    return manifest


def _check_head(data: memoryview | bytes) -> None:
    try:
        head = _head_decoder.decode(data)
    except (msgspec.MsgspecError, ValueError, RecursionError, OverflowError) as error:
        raise FormatError("manifest-invalid", str(error), where=MANIFEST) from error
    if head.format != FORMAT:
        raise FormatError(
            "format-unknown",
            f"format version {head.format}, this reader knows {FORMAT}",
            where=MANIFEST,
            hint="upgrade amber" if head.format > FORMAT else "",
        )
    unknown = [name for name in head.requires if name not in FEATURES]
    if unknown:
        raise FormatError(
            "requires-unknown",
            f"needs features this reader does not have: {', '.join(map(shown, unknown[:20]))}",
            where=MANIFEST,
            hint="upgrade amber",
        )
