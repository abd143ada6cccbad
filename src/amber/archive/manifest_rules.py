"""What the values of a manifest may be: patterns, bounds and agreements, the same at save and at load."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from amber.archive.canonical import SAFE_INTEGER, are_float_texts, is_float_text, is_key, is_plain
from amber.archive.manifest import InputInfo, Manifest, OutputInfo, Schema, Summary
from amber.archive.names import MANIFEST
from amber.errors import FormatError, UsageError, shown

MAX_NAME = 63
QUANTILES = 21
SUPPORT = 5  # rows a category needs before a summary may show it
DEFAULT_NAME = "model"
DEFAULT_VERSION = "0.0.0"

_NAME = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*")
_VERSION = re.compile(r"(?:0|[1-9][0-9]{0,8})(?:\.(?:0|[1-9][0-9]{0,8})){2}")
_CREATED = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
_HEX64 = re.compile(r"[0-9a-f]{64}")
_WORD = re.compile(r"[a-z][a-z0-9-]{0,63}")
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_LIBRARY = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_LIBRARY_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z.!+_-]{0,127}")
_DTYPE = re.compile(r"[!-~]{1,128}")
_LICENCE = re.compile(r"[ -~]{1,256}")
_DOMAIN = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*(?:\.[a-z0-9]+(?:-[a-z0-9]+)*)+")
_MAX_TEXT = 4096  # characters of a name of an input, output or metric, or of a remark


def _fail(where: str, message: str) -> FormatError:
    return FormatError("manifest-value", message, where=f"{MANIFEST}: {where}")


def check_name(name: str) -> None:
    """Check an artifact's name.

    Raises:
        FormatError: `name-invalid`.
    """
    if len(name) > MAX_NAME or not _NAME.fullmatch(name):
        raise FormatError(
            "name-invalid",
            f"{shown(name)!r} is not a name",
            where="name",
            hint="lower-case letters and digits, joined by single . _ or -, at most 63 characters",
        )


def check_version(version: str) -> None:
    """Check an artifact's version.

    Raises:
        FormatError: `version-invalid`.
    """
    if not _VERSION.fullmatch(version):
        raise FormatError(
            "version-invalid",
            f"{shown(version)!r} is not a version",
            where="version",
            hint="MAJOR.MINOR.PATCH in decimal, for example 1.4.0",
        )


def version_key(version: str) -> tuple[int, ...]:
    """Return the numbers by which two valid versions are compared."""
    return tuple(map(int, version.split(".")))


def check_values(manifest: Manifest) -> None:
    """Check every rule that needs the manifest alone.

    Raises:
        FormatError: `name-invalid`, `version-invalid`, `metric-not-finite`, `manifest-value`.
    """
    check_name(manifest.name)
    check_version(manifest.version)
    _check_head(manifest)
    _check_members(manifest)
    _check_free(manifest)
    check_metrics(manifest.metrics)
    _check_methods(manifest)
    for position, column in enumerate(manifest.inputs):
        _check_input(column, f"inputs[{position}]")
    for position, output in enumerate(manifest.outputs):
        _check_output(output, f"outputs[{position}]")
    _check_cases(manifest)
    _check_programs(manifest)


def check_for_save(manifest: Manifest) -> None:
    """Check a manifest about to be written; a broken rule is then the caller's.

    Raises:
        UsageError: The code and place of the rule.
    """
    try:
        check_values(manifest)
    except FormatError as error:
        raise UsageError(error.code, error.message, where=error.where, hint=error.hint) from error


def _check_head(manifest: Manifest) -> None:
    requires = manifest.requires
    if requires != sorted(set(requires)) or not all(map(_WORD.fullmatch, requires)):
        raise _fail("requires", "feature names must be sorted, each once")
    if not _WORD.fullmatch(manifest.kind):
        raise _fail("kind", f"{shown(manifest.kind)!r} is not a kind")
    if not _WORD.fullmatch(manifest.adapter.id) or not 1 <= manifest.adapter.state_version <= SAFE_INTEGER:
        raise _fail("adapter", "not an adapter")
    if manifest.created is not None and not _is_time(manifest.created):
        raise _fail("created", "must be a time in UTC such as 2030-01-31T12:00:00Z")
    if manifest.lineage is not None:
        _match("lineage.parent", _HEX64, [manifest.lineage.parent])
        _text("lineage.note", manifest.lineage.note)
    if manifest.licence is not None and not _LICENCE.fullmatch(manifest.licence):
        raise _fail("licence", "must be 1 to 256 printable ASCII characters, an SPDX expression")


def _is_time(text: str) -> bool:
    if not _CREATED.fullmatch(text):
        return False
    try:
        datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ")
    except ValueError:
        return False
    return True


def _check_members(manifest: Manifest) -> None:
    for name, info in manifest.members.items():
        if not 0 <= info.size <= SAFE_INTEGER or not _HEX64.fullmatch(info.blake3):
            raise _fail(f"members[{shown(name)}]", "size or digest is not valid")


def _check_free(manifest: Manifest) -> None:
    for key in ("hyperparameters", "metadata", "extensions"):
        if not is_plain(getattr(manifest, key)):
            raise _fail(key, "integers beyond 2^53-1 and floats must be text, keys 1 to 256 characters below U+D800")
    _match("extensions", _DOMAIN, manifest.extensions)
    _match("libraries", _LIBRARY, manifest.libraries)
    _match("libraries", _LIBRARY_VERSION, manifest.libraries.values())


def check_metrics(metrics: dict[str, int | str]) -> None:
    """Check that metrics are finite numbers under printable names.

    Raises:
        FormatError: `metric-not-finite`, `manifest-value`.
    """
    for name, value in metrics.items():
        if not is_key(name):
            raise _fail("metrics", f"{shown(name)!r} is not a name of a metric")
        if not is_number(value):
            raise FormatError("metric-not-finite", f"{shown(value)!r} is not a finite number", where=f"metrics.{name}")


def _check_methods(manifest: Manifest) -> None:
    methods = manifest.methods
    if methods != sorted(set(methods)):
        raise _fail("methods", "must be sorted, each once")
    _match("methods", _IDENTIFIER, methods)
    if not set(manifest.batching) <= set(methods):
        raise _fail("batching", "speaks of a method that is not listed")


def _check_input(column: InputInfo, where: str) -> None:
    _check_column(column, where)
    schema = column.schema
    if schema is not None:
        _check_schema(schema, f"{where}.schema")


def _check_column(column: InputInfo | OutputInfo, where: str) -> None:
    _text(f"{where}.name", column.name)
    _match(f"{where}.dtype", _DTYPE, [column.dtype])
    if len(column.shape) > 33 or not all(-1 <= size <= SAFE_INTEGER for size in column.shape):
        raise _fail(f"{where}.shape", "sizes are -1 (any) or more")
    if column.summary is not None:
        _check_summary(column.summary, f"{where}.summary")


def _check_schema(schema: Schema, where: str) -> None:
    if schema.categories is not None and not is_plain(schema.categories):
        raise _fail(f"{where}.categories", "not values an artifact can hold")
    if schema.kinds is not None:
        if schema.kinds != sorted(set(schema.kinds)):
            raise _fail(f"{where}.kinds", "must be sorted, each once")
        _match(f"{where}.kinds", _WORD, schema.kinds)
    if schema.order is not None and not 0 <= schema.order <= SAFE_INTEGER:
        raise _fail(f"{where}.order", "must be a position")
    if schema.range is not None and not all(is_number(bound, finite=False) for bound in schema.range):
        raise _fail(f"{where}.range", "must be two numbers")


def _check_summary(summary: Summary, where: str) -> None:
    counts = [summary.count, 0 if summary.other is None else summary.other]
    if not all(0 <= count <= SAFE_INTEGER for count in counts):
        raise _fail(where, "counts must not be negative")
    if not is_number(summary.missing) or not 0 <= float(summary.missing) <= 1:
        raise _fail(f"{where}.missing", "must be a share from 0 to 1")
    quantiles = summary.quantiles
    if quantiles is not None and (len(quantiles) != QUANTILES or not _are_numbers(quantiles)):
        raise _fail(f"{where}.quantiles", f"must be {QUANTILES} numbers")
    for value, support in summary.categories or []:
        if not is_plain(value) or not SUPPORT <= support <= SAFE_INTEGER:
            raise _fail(f"{where}.categories", f"must be values with a support of at least {SUPPORT}")


def _check_output(output: OutputInfo, where: str) -> None:
    _check_column(output, where)
    _match(f"{where}.method", _IDENTIFIER, [output.method])
    if output.classes is not None and not is_plain(output.classes):
        raise _fail(f"{where}.classes", "not values an artifact can hold")
    tolerance = output.tolerance
    if tolerance is None:
        return
    for value in (tolerance.relative, tolerance.absolute):
        if not is_number(value) or float(value) < 0:
            raise _fail(f"{where}.tolerance", "must be two finite numbers that are not negative")


def _check_cases(manifest: Manifest) -> None:
    cases = manifest.cases
    if cases is None:
        return
    if not all(0 <= count <= SAFE_INTEGER for count in (cases.rows, cases.dropped, cases.knife_edge)):
        raise _fail("cases", "counts must not be negative")


def _check_programs(manifest: Manifest) -> None:
    names = [program.name for program in manifest.programs]
    if names != sorted(set(names)):
        raise _fail("programs", "must be sorted by name, each once")
    for program in manifest.programs:
        if program.member != f"programs/{program.name}.onnx":
            raise _fail("programs", f"{shown(program.name)!r} and its member do not belong together")
        if not is_plain(program.domain) or not is_plain(program.certificate):
            raise _fail("programs", "not values an artifact can hold")


def is_number(value: Any, *, finite: bool = True) -> bool:
    """Whether `value` is a number of the manifest: a bounded integer, or a float spelt as text."""
    if isinstance(value, str):
        return is_float_text(value, finite=finite)
    return type(value) is int and -SAFE_INTEGER <= value <= SAFE_INTEGER


def _are_numbers(values: list[Any]) -> bool:
    """Whether all are numbers, infinite ones and NaN included; a wide table has many thousands of quantiles."""
    if {*map(type, values)} != {str}:
        return all(is_number(value, finite=False) for value in values)
    return are_float_texts(values)


def _text(where: str, value: str | None) -> None:
    if value is not None and len(value) > _MAX_TEXT:
        raise _fail(where, f"longer than {_MAX_TEXT} characters")


def _match(where: str, pattern: re.Pattern[str], values: Iterable[str]) -> None:
    for value in values:
        if not pattern.fullmatch(value):
            raise _fail(where, f"{shown(value)!r} is not allowed here")
