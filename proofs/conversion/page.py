"""docs/conversion.md: every class, each method's verdict, and the peer's beside it."""

from __future__ import annotations

import json
import platform
import re
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from proofs.conversion.amber_side import VERDICTS

TARGET = Path(__file__).resolve().parents[2] / "docs" / "conversion.md"
WANTED = 119  # of 139, 85 %
_PACKAGES = ("scikit-learn", "numpy", "scipy", "onnxruntime", "onnx", "skl2onnx")
_SAID = 150


class One(NamedTuple):
    """What was found of one class."""

    name: str
    methods: dict[str, str]  # the worst verdict of its variants
    largest: float
    knife_edge: int
    reason: str  # of the worst method; empty where covered
    variants: list[str]
    peer: dict[str, Any] | None

    @property
    def verdict(self) -> str:
        """The worst of its methods."""
        return _worst(self.methods.values())

    @property
    def covered(self) -> bool:
        """Whether every method it has answers like the original."""
        return self.verdict in VERDICTS[:2]


def _worst(verdicts: Any) -> str:
    found = list(verdicts)
    return max(found, key=VERDICTS.index) if found else "absent"


def read(path: Path) -> One:
    """Read what was measured of one class."""
    found = json.loads(path.read_text())
    methods: dict[str, str] = {}
    reasons, largest, knife = [], 0.0, 0
    for variant, answered in found["variants"].items():
        for method, one in answered.items():
            methods[method] = _worst([one["verdict"], methods.get(method, "identical")])
            knife += one["knife_edge"]
            if one["verdict"] in VERDICTS[:2]:
                largest = max(largest, one["largest"])
            else:
                said = f"{method} ({variant}): {one['why'] or one['verdict']}"
                reasons.append((VERDICTS.index(one["verdict"]), said))
    if not found["variants"]:
        said = found.get("ended") or "; ".join(found["refusals"].values())
        reasons.append((len(VERDICTS), f"not measured: {said}"))
    reason = max(reasons, key=lambda each: each[0])[1] if reasons else ""
    variants = list(found["variants"])
    return One(found["name"], methods, largest, knife, reason, variants, found["peer"])


def write(table: list[One], others: list[One]) -> None:
    """Write the page."""
    TARGET.write_text("\n".join([*_head(table), *_first(table), *_second(others), *_versions()]) + "\n")


def _head(table: list[One]) -> list[str]:
    covered, theirs = sum(one.covered for one in table), sum(fine(one) for one in table)
    return [
        "# Conversion",
        "",
        "Which estimators Amber freezes, and what skl2onnx makes of the same models. Written by `make conversion`.",
        "",
        "Each class is fitted on ordinary columns, on columns of large magnitude (a timestamp, an id above 2^24) and,",
        "where it takes them, with missing values; encoders on strings with gaps, vectorisers on texts, pipelines on",
        "frames of both. Amber's verdict is that of the artifact's certificate, and of rows it has not seen: clean,",
        "alone, missing, infinite, at split thresholds and one ulp of float64 and float32 to each side, of large",
        "magnitude. Labels count exactly, save of rows the original itself answers otherwise alone; numbers within",
        "1e-9 and 1e-12 of the largest; refusals must be shared. A class is *covered* when every method it has is",
        "identical or equivalent, on each kind of columns; a method that refuses the sample as a whole",
        "(inverse_transform does gaps) counts where it does not. SimpleImputer alone is asked numbers: of strings it",
        "answers strings, which no program does. skl2onnx is used directly, in the better of float32 and float64, by",
        "a wider line (1e-4, 1e-6 of the largest), on predict, predict_proba, decision_function, transform and",
        "score_samples, and on those rows only that the original answers.",
        "",
        "What the choice of models leaves out: OneHotEncoder refuses unknown categories here, as it does by default",
        '(with handle_unknown="ignore" its inverse_transform of an unknown number is None in the original and NaN',
        "in the program), and KernelCenterer's large columns are a kernel times 1.7e9.",
        "",
        f"**{covered} of {len(table)} covered ({covered / len(table):.0%})**; {WANTED} are demanded. "
        f"skl2onnx: {theirs} of {len(table)}.",
        "",
    ]


def fine(one: One) -> bool:
    """Whether the peer answers like the original."""
    return one.peer is not None and not one.peer["failures"]


def _first(table: list[One]) -> list[str]:
    lines = [
        f"## The {len(table)} classes that skl2onnx knows too",
        "",
        "| class | Amber | methods | fitted on | largest difference | why not covered | skl2onnx | why not |",
        "|---|---|---|---|---|---|---|---|",
    ]
    return [*lines, *(f"{_row(one)} {_peer(one)} |" for one in table), ""]


def _second(table: list[One]) -> list[str]:
    covered = sum(one.covered for one in table)
    lines = [
        "## Others that Amber freezes",
        "",
        f"{covered} of {len(table)} covered.",
        "",
        "| class | Amber | methods | fitted on | largest difference | why not covered |",
        "|---|---|---|---|---|---|",
    ]
    return [*lines, *(_row(one) for one in table), ""]


def _row(one: One) -> str:
    best = one.verdict
    methods = ", ".join(name if verdict == best else f"{name} {verdict}" for name, verdict in one.methods.items())
    knife = f", {one.knife_edge} knife-edge" if one.knife_edge else ""
    size = "0" if not one.largest else f"{one.largest:.0e}"
    return f"| {one.name} | {best} | {methods} | {', '.join(one.variants)} | {size}{knife} | {_cell(one.reason)} |"


def _peer(one: One) -> str:
    if one.peer is None:
        return "not measured | "
    failures = one.peer["failures"]
    if not failures:
        return f"equivalent ({one.peer['precision']}) | "
    more = f" (and {len(failures) - 1} more)" if len(failures) > 1 else ""
    return f"no ({one.peer['precision']}) | {_cell(failures[0])}{more}"


def _cell(text: str) -> str:
    text = re.sub(r"0x[0-9a-f]+", "0x...", " ".join(text.split()))
    return (text if len(text) <= _SAID else text[: _SAID - 3] + "...").replace("|", "\\|")


def _versions() -> list[str]:
    known = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    return ["## Versions", "", f"Python {platform.python_version()}, {known}; one thread."]
