"""An `Info` as lines for people. Every string of the file is escaped and cut; no recorded row is ever shown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import zip_longest
from typing import TYPE_CHECKING

from amber.archive import names
from amber.archive.manifest import CasesInfo, InputInfo, OutputInfo, ProgramInfo
from amber.errors import shown

if TYPE_CHECKING:
    from amber.vault.inspect import Info

_MAX_ROWS = 20  # lines of one table
_MAX_WIDTH = 48  # columns beyond which a cell no longer moves its neighbours
_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")


def describe(info: Info) -> Iterator[str]:
    """Yield the lines of `str(info)`."""
    manifest = info.manifest
    yield f"{shown(info.name)} {shown(info.version)}: {shown(info.kind)} ({shown(manifest.adapter.id)})"
    yield from _pairs(
        ("id", info.id or "not computed (ask for it)"),
        ("size", f"{amount(info.size)} in {len(info.members)} members ({info.form})"),
        ("", ", ".join(f"{part} {amount(size)}" for part, size in _parts(info.members).items())),
        ("digests", info.digests),
        ("signatures", _signed(info)),
        ("created", manifest.created or ""),
        ("parent", manifest.lineage.parent if manifest.lineage else ""),
        ("licence", manifest.licence or ""),
        ("methods", ", ".join(manifest.methods)),
        ("cases", _cases(manifest.cases)),
        ("libraries", ", ".join(f"{name} {version}" for name, version in sorted(manifest.libraries.items()))),
        ("environment", _environment(info.environment)),
        ("needs", " ".join(f"--allow {name}" for name in info.allow)),
    )
    yield from _table("inputs", map(_input, manifest.inputs))
    yield from _table("outputs", map(_output, manifest.outputs))
    yield from _table("programs", map(_program, manifest.programs))
    yield from _table("metrics", (_fact(name, value) for name, value in manifest.metrics.items()))
    yield from _table("metadata", (_fact(name, value) for name, value in manifest.metadata.items()))
    yield from _table("types", ((name, f"x {count}") for name, count in info.types.items()))
    yield from _table("functions", ((name,) for name in info.functions))
    yield from _table("hyperparameters", (_fact(name, value) for name, value in manifest.hyperparameters.items()))


def _signed(info: Info) -> str:
    count = len(info.signatures)
    return (
        f"{count} {'member' if count == 1 else 'members'}, not checked here (amber verify)" if count else "not-present"
    )


def _program(program: ProgramInfo) -> tuple[str, ...]:
    """Return what the certificate says; its values are the file's and may be anything."""
    methods, absent = (program.certificate.get(key) for key in ("methods", "absent"))
    answered = ", ".join(methods) if isinstance(methods, dict) else ""
    without = f"without {', '.join(absent)}" if isinstance(absent, dict) and absent else ""
    rules = program.domain.get("rules")
    narrowed = f"{len(rules)} rules narrow it" if isinstance(rules, list) and rules else ""
    said = f"certified {program.certificate.get('verdict', 'unknown')}"
    return tuple(text for text in (program.name, program.precision, said, answered, without, narrowed) if text)


def _fact(name: str, value: object) -> tuple[str, str]:
    return name, str(value)


def _pairs(*rows: tuple[str, str]) -> Iterator[str]:
    for name, text in rows:
        if text:
            yield f"  {name:<12} {shown(text, 400)}"


def _table(title: str, rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    """Yield a title and rows whose cells stand below each other."""
    listed = [[shown(cell) for cell in row] for row in rows]
    if not listed:
        return
    yield f"  {title}"
    drawn = listed[:_MAX_ROWS]
    widths = [min(_MAX_WIDTH, max(map(len, cells))) for cells in zip_longest(*drawn, fillvalue="")]
    for row in drawn:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=False))
        yield f"    {'  '.join(cells)}".rstrip()
    if len(listed) > _MAX_ROWS:
        yield f"    ... and {len(listed) - _MAX_ROWS} more (amber inspect --json)"


def amount(size: int) -> str:
    """Return a number of bytes as a person reads it."""
    value, unit = float(size), 0
    while value >= 1024 and unit < len(_UNITS) - 1:
        value, unit = value / 1024, unit + 1
    return f"{size} bytes" if unit == 0 else f"{value:.1f} {_UNITS[unit]}"


def _parts(members: dict[str, int]) -> dict[str, int]:
    """Return the bytes of arrays, tree, cases and the rest."""
    sums: dict[str, int] = {}
    for name, size in members.items():
        part = "arrays" if names.is_shard(name) else name.partition("/")[0] if "/" in name else name
        sums[part] = sums.get(part, 0) + size
    return sums


def _cases(cases: CasesInfo | None) -> str:
    if cases is None:
        return "none recorded"
    source = "from the sample" if cases.source == "sample" else "synthetic"
    training = "; the model itself holds training rows" if cases.contains_training_rows else ""
    knife = f", {cases.knife_edge} on a knife edge" if cases.knife_edge else ""
    dropped = f", {cases.dropped} dropped" if cases.dropped else ""
    return f"{cases.rows} rows, {source}{knife}{dropped}{training}"


def _environment(environment: dict[str, object]) -> str:
    words = [str(environment[key]) for key in ("python", "os", "machine", "blas") if key in environment]
    return ", ".join(words)


def _input(column: InputInfo) -> tuple[str, ...]:
    schema = column.schema
    extra = ""
    if schema is not None and schema.categories is not None:
        extra = f"{len(schema.categories)} categories"
    elif schema is not None and schema.range is not None:
        extra = f"{schema.range[0]} to {schema.range[1]}"
    return column.name, column.dtype, _shape(column.shape), extra


def _output(column: OutputInfo) -> tuple[str, ...]:
    name = column.method if column.name == column.method else f"{column.method} -> {column.name}"
    rule = "exact" if column.tolerance is None else f"within {column.tolerance.relative} relative"
    classes = f"{len(column.classes)} classes" if column.classes is not None else ""
    return name, column.dtype, _shape(column.shape), rule, classes


def _shape(shape: list[int]) -> str:
    return "[" + ", ".join("any" if size < 0 else str(size) for size in shape) + "]"
