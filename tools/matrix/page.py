"""`docs/versions.md`: the counts of every writer and reader, and what is not the same, class by class, with the reason.

Everything here is computed from results; the words around the tables are the only text that is written by hand.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from tools.matrix.environments import ROOT, Environment

PAGE = ROOT / "docs" / "versions.md"
Rows = list[dict[str, Any]]
Results = dict[tuple[str, str], Rows]

_HEAD = """# Versions of libraries

<!-- written by `make matrix`; do not edit -->

A model that one version of scikit-learn, NumPy or pandas wrote is read by another one. What happened to {count} fitted
models of {versions} versions of scikit-learn is measured by `make matrix`: each environment below writes all models its
scikit-learn can fit, each other environment loads them and replays the recorded cases. A verdict is counted as it is
given; besides, all answers of the model are compared with those it gave before it was saved, by a rule of its own.

- **identical**, **equivalent**: the model answers as recorded, to the bit or within the tolerance.
- **unchecked**: it loads, and there is nothing to replay (its answers are random, or it answers no new row). Its
  attributes and other methods were compared here, and nothing differs except what is listed last.
- **drifted**: the library computes something else from the same numbers. `load` refuses it and says which answer of
  which rows; `amber.load(..., replay="never")` loads it all the same.
- **broken**: what the model is made of, or a method that was recorded, does not exist in the reading version.
  `load` refuses it and names class, attribute and both versions.

The way out is the same for both: read it with the versions it was written with (`amber inspect` prints them), or fit it
again with the versions you have.

## Environments

| environment | {libraries} |
|---|{rule}|
"""
_READ = """
## Who reads what

Rows wrote, columns read. Each cell counts identical / equivalent / unchecked / drifted / broken.

"""
_SINGLE = """
One library alone (pandas on the models that take frames, since nothing else of a model meets it):

"""
_REASONS = """
## What is not the same

One line for each class and reason: the number of models, who wrote and who read it. A model that holds another one is
listed by its own class.

"""
_OUTSIDE = """
## What no verdict says

Cases record what `predict`, `transform` and their kin answer to rows. These differences lie in other methods, in
answers that are not repeatable (they draw numbers, or stop where rounding decides), or in ties: a verdict says nothing
about them, or says equivalent.

"""
_VALUES = """
## Values of NumPy, SciPy and pandas

A model can hold arrays, sparse matrices, frames, dtypes and times. {count} such values were written in each
environment and read in the others, where each was compared with the same value made there. All are equal, type by type
and part by part, but these. Where the default of a library changed, what was read has the type it was written with.

"""
_VERDICTS = ("identical", "equivalent", "unchecked", "drifted", "broken")
_ORDINARY = ("sample", "synthetic", "single")


def page(found: list[Environment], results: Results) -> str:
    """Return the page of these results."""
    libraries = list(found[0].packages)
    models = {pair: [row for row in rows if not is_value(row)] for pair, rows in results.items()}
    names = {row["name"] for rows in models.values() for row in rows}
    head = _HEAD.format(
        count=len(names),
        versions=len({each.minor for each in found}),
        libraries=" | ".join(libraries),
        rule="---|" * (len(libraries) - 1) + "---",
    )
    body = [f"| {each.name} | " + " | ".join(each.packages.values()) + " |" for each in found]
    text = head + "\n".join(body) + "\n" + _READ + _square(found, models) + _singles(found, models)
    where = ("number", "written by", "read by")
    text += _REASONS + _table(("verdict", "class", "what differs", *where), _reasons(models))
    text += _OUTSIDE + _table(("class", "what differs", *where), _outside(models))
    count = len({row["name"] for rows in results.values() for row in rows if is_value(row)})
    return text + _VALUES.format(count=count) + _table(("what", *where), _values(results))


def is_value(row: dict[str, Any]) -> bool:
    """Whether a row is about a value of a library and not about a model."""
    return bool(row["name"].startswith("value "))


def counts(rows: Rows) -> Counter[str]:
    """Return how many models ended with each verdict; `error` beside them where there was one."""
    return Counter(row["status"] for row in rows)


def _cell(rows: Rows | None) -> str:
    if rows is None:
        return "not measured"
    found = counts(rows)
    extra = "".join(f" + {found[name]} {name}" for name in found if name not in _VERDICTS)
    return " / ".join(str(found[verdict]) for verdict in _VERDICTS) + extra


def _square(found: list[Environment], results: Results) -> str:
    full = [each.name for each in found if not each.pair]
    rows = [
        (f"**{writer}**", *("" if writer == reader else _cell(results.get((writer, reader))) for reader in full))
        for writer in full
    ]
    return _table(("written by", *full), rows)


def _singles(found: list[Environment], results: Results) -> str:
    """The pairs of environments that differ in NumPy or in pandas alone, in both directions."""
    by_name = {each.name: each for each in found}
    rows = []
    for other in (each for each in found if each.pair):
        base = by_name[other.pair]
        moved = [name for name, version in base.packages.items() if other.packages[name] != version]
        for writer, reader in ((base, other), (other, base)):
            what = ", ".join(f"{name} {writer.packages[name]} → {reader.packages[name]}" for name in moved)
            rows.append((f"scikit-learn {base.minor}: {what}", _cell(results.get((writer.name, reader.name)))))
    return "\nOne library alone (pandas: on the models that take frames):\n\n" + _table(
        ("written with → read with", "verdicts"), rows
    )


def _reasons(results: Results) -> list[tuple[str, ...]]:
    groups: dict[tuple[str, str, str], list[tuple[str, str, str]]] = {}
    for (writer, reader), rows in results.items():
        for row in rows:
            if row["status"] not in ("identical", "equivalent", "unchecked"):
                key = row["status"], row["class"], reason(row)
                groups.setdefault(key, []).append((row["name"], writer, reader))
    return [(*key, *line) for key, seen in sorted(groups.items()) for line in _seen(seen)]


def reason(row: dict[str, Any]) -> str:
    """Return in a few words why a model is drifted or broken, without rows and numbers that differ by model."""
    if "findings" not in row:
        return f"{_stable(row['says'])} [{row.get('code') or row['status']}]"
    found: dict[str, list[str]] = {}
    for method, code, kind, *raised in row["findings"]:
        said = f"{_said(code, kind, raised[0] if raised else '')} [{code}]"
        found[said] = list(dict.fromkeys((*found.get(said, ()), method)))
    return "; ".join(f"{', '.join(methods)}: {said}" for said, methods in found.items())


def _said(code: str, kind: str, raised: str) -> str:
    """What one finding says of every model of its kind."""
    rows = "ordinary rows" if kind in _ORDINARY else f"rows of kind {kind}"
    words = {
        "answered": f"{rows} were refused and are answered",
        "refused": f"{rows} were answered and are refused",
        "raised": re.split(r"[.\\\n]", raised)[0],
        "label-flipped": f"other labels for {rows}",
        "value-drifted": f"other values for {rows}",
        "shape-changed": f"another shape for {rows}",
        "dtype-changed": f"another dtype for {rows}",
    }
    return words.get(code, f"differs for {rows}")


def _stable(text: str) -> str:
    """A message without the versions of both sides, which the table has in columns of its own."""
    text = re.sub(r", it was written with [\w.]+", "", text)
    return re.sub(r"\b(in|with) (scikit-learn|numpy|pandas|scipy) \d[\w.]*(?=$|: )", r"\1 the reading \2", text)


def _outside(results: Results) -> list[tuple[str, ...]]:
    groups: dict[tuple[str, str], list[tuple[str, str, str]]] = {}
    for (writer, reader), rows in results.items():
        for row in rows:
            for line in row.get("differs", ()):
                method, _, said = line.partition(": ")
                said = "neighbours at the same distance in another order" if method == "kneighbors" else _plain(said)
                groups.setdefault((row["class"], f"{method}: {said}"), []).append((row["name"], writer, reader))
    return [(*key, *line) for key, seen in sorted(groups.items()) for line in _seen(seen)]


def _values(results: Results) -> list[tuple[str, ...]]:
    groups: dict[str, list[tuple[str, str, str]]] = {}
    for (writer, reader), rows in results.items():
        for row in filter(is_value, rows):
            if row["status"] == "differs":
                said = f"{row['class']}: {_short(row['differs'][0])}"
            elif row["status"] == "identical":
                continue
            else:
                said = f"{row['status']}: {reason(row)}"
            groups.setdefault(said, []).append((row["name"], writer, reader))
    return [(said, *line) for said, seen in sorted(groups.items()) for line in _seen(seen)]


def _short(line: str) -> str:
    """A difference without its path and numbers: which type, dtype or unit against which."""
    what = line.partition(": ")[2]
    return "values, in the last bits" if what.startswith("values") else what


def _plain(said: str) -> str:
    said = re.sub(r"^is .*'refused'.* instead of .*", "is refused", said)
    said = re.sub(r"is off by [\d.e+-]+ of the largest", "other values", said)
    return re.sub(r"differs in \d+ of \d+ places", "other values", said)


def _seen(seen: list[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    """How many models, and the versions that wrote and read them: a line for newer readers and one for older ones."""
    lines = []
    for newer in (True, False):
        some = [each for each in seen if (each[1] < each[2]) is newer]
        writers, readers = ({each[place].removeprefix("sklearn-") for each in some} for place in (1, 2))
        if some:
            count = len({name for name, _, _ in some})
            lines.append((str(count), ", ".join(sorted(writers)), ", ".join(sorted(readers))))
    return lines


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    if not rows:
        return "None.\n"
    lines = ["| " + " | ".join(_escaped(cell) for cell in row) + " |" for row in (head, *rows)]
    lines.insert(1, "|" + "---|" * len(head))
    return "\n".join(lines) + "\n"


def _escaped(cell: str) -> str:
    return " ".join(cell.replace("|", "\\|").replace("<", "&lt;").split())
