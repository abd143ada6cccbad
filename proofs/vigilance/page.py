"""docs/vigilance.md: what the sweeps found, a line for each model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from proofs.vigilance.models import MODELS
from proofs.vigilance.quiet import KERNELS, ROOT, alarms, runnable

TARGET = ROOT / "docs" / "vigilance.md"
_VERDICTS = ("identical", "equivalent", "drifted", "broken", "unreadable")
_MISSES = 60


class Found(NamedTuple):
    """All results: one entry for each environment, and one for each model that was hit."""

    quiet: list[dict[str, Any]]
    awake: list[dict[str, Any]]


def collected(folder: Path) -> Found:
    """Read the results of a sweep."""
    quiet = [json.loads(path.read_text()) for path in sorted(folder.glob("quiet-*.json"))]
    known = {one["name"]: one for one in (json.loads(path.read_text()) for path in folder.glob("awake-*.json"))}
    return Found(quiet, [known[name] for name in MODELS if name in known])


def write(found: Found) -> None:
    """Write the page."""
    TARGET.write_text("\n".join([*_head(found), *_environments(found), *_models(found), *_misses(found)]) + "\n")


def _head(found: Found) -> list[str]:
    visible, caught = (sum(one[key] for one in found.awake) for key in ("visible", "caught"))
    faults = sum(len(one["faults"]) for one in found.awake)
    lost = sum(len(one["faults_missed"]) for one in found.awake)
    share = f"{caught / visible:.1%}" if visible else "none"
    own = [one for one in found.quiet if one["writer"] == one["reader"]]
    loud = sum(len(alarms(one)) for one in own)
    many = max((len(one["models"]) for one in own), default=0)
    return [
        "# Quiet and awake",
        "",
        "A check that cries wolf is switched off, and one that sleeps is worth nothing. This page is written by",
        "`make vigilance`; it says how often the replay of the recorded cases was wrong either way.",
        "",
        f"- **Quiet:** {many} models, {len(own)} numerical environments: {loud} false alarms.",
        f"- **Awake:** of {visible} changes of one number by 1 % that fresh rows show, {caught} are caught ({share}).",
        f"- **Always:** {faults} exchanged categories, functions, classes and words and lost means: {lost} missed.",
        "",
    ]


def _environments(found: Found) -> list[str]:
    fine = runnable()
    not_run = [kernel for kernel in KERNELS if not fine[kernel]]
    lines = [
        "## Environments",
        "",
        "Each artifact is replayed as recorded, and again row by row, in a process of its own. *Kernels* are those",
        "that OpenBLAS says it used (a build without kernels for Zen takes Haswell's). Counted are models, and rows on",
        "a knife edge that differed.",
        "",
        f"Not run, for want of the CPU: {', '.join(not_run) or 'none'}.",
        "",
        "| written by | read by | environment | kernels | identical | equivalent | alone: identical "
        "| alone: equivalent | knife-edge rows that differ | false alarms |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for one in found.quiet:
        models = one["models"].values()
        counts = [sum(m[how] == v for m in models) for how in ("batch", "alone") for v in _VERDICTS[:2]]
        crossed = one["writer"] != one["reader"]
        other = sum(m["batch"] not in _VERDICTS[:2] for m in models)
        last = f"{other} not readable or not the same" if crossed else str(len(alarms(one)))
        versions = ", ".join(one["surroundings"]["versions"][name] for name in ("numpy", "scipy"))
        lines.append(
            f"| {one['writer']} | {one['reader']} (NumPy, SciPy {versions}) | {one['environment']} "
            f"| {', '.join(one['surroundings']['kernels'])} | {' | '.join(map(str, counts))} "
            f"| {sum(m['knife_edge'] for m in models)} | {last} |"
        )
    return [*lines, "", *_crossed(found)]


def _crossed(found: Found) -> list[str]:
    """What another version of the libraries cannot read or does not answer alike: not rounding, but its own state."""
    lines = []
    for one in found.quiet:
        for name, model in one["models"].items():
            if one["writer"] != one["reader"] and model["batch"] not in _VERDICTS[:2]:
                said = " ".join((model["findings"] or ["?"])[0].split())[:160].replace("|", "\\|")
                lines.append(f"- {name.replace('_', ' ')}, read by {one['reader']}: {model['batch']}: {said}")
    return ["Between versions:", "", *lines, ""] if lines else []


def _models(found: Found) -> list[str]:
    verdicts = [one for one in found.quiet if one["writer"] == one["reader"]]
    lines = [
        "## Models",
        "",
        "*Rows* are the recorded ones, *knife edge* those that rounding alone decides. Every array of floats of the",
        "fitted state, and every float, is hit: its largest, its median and one random element, by 1 %. *Visible* are",
        "the hits after which an answer to 10 000 fresh rows is beyond the tolerance; those must be caught.",
        "",
        "| model | rows | knife edge | identical in | equivalent in | alarms | hits | visible | caught | missed |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for one in found.awake:
        stem = one["name"].replace(" ", "_")
        mine = [each["models"][stem] for each in verdicts if stem in each["models"]]
        same, near = (sum(m["batch"] == v for m in mine) for v in _VERDICTS[:2])
        edge = f"{one['knife_edge']} ({one['knife_edge'] / max(one['rows'], 1):.1%})"
        loud = sum(stem in alarms(each) for each in verdicts)
        lines.append(
            f"| {one['name']} | {one['rows']} | {edge} | {same} | {near} | {loud} | {one['hits']} | {one['visible']} "
            f"| {one['caught']} | {one['visible'] - one['caught']} |"
        )
    return [*lines, ""]


def _misses(found: Found) -> list[str]:
    every = [(one["name"], miss) for one in found.awake for miss in one["misses"]]
    lines = [
        "## What was missed",
        "",
        "The number that was changed, how many fresh rows show it, and the worst of them.",
        "",
        "| model | array | element | was | rows | worst |",
        "|---|---|---|---|---|---|",
    ]
    for name, miss in every[:_MISSES]:
        worst = miss["worst"].replace("|", "\\|")
        lines.append(
            f"| {name} | `{miss['array']}` | {miss['element']} | {miss['before']} | {miss['rows']:.2%} | {worst} |"
        )
    return lines
