"""Write `src/amber/vocabulary/*.json` from facts and curated data, and the same bytes to `spec/vocabulary/`.

    python tools/make_vocabulary.py [--check | --no-refresh]

Facts of each supported scikit-learn stand in `tools/vocabulary/facts/` (made by `tools/vocabulary/facts.py` under that
version); those of the version installed here are made again first, unless `--no-refresh`. `--check` writes nothing and
fails where a file would change. The tables of the other libraries are `tools/vocabulary/lib_*.py`.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
FACTS = HERE / "vocabulary" / "facts"
PACKAGE = ROOT / "src" / "amber" / "vocabulary"
SPEC = ROOT / "spec" / "vocabulary"
sys.path.insert(0, str(HERE / "vocabulary"))

import curated_sklearn as curated  # noqa: E402
import curated_sklearn_rules as rules  # noqa: E402
import curated_sklearn_states as states  # noqa: E402
import libraries  # noqa: E402
import sklearn_functions  # noqa: E402

Facts = dict[str, dict[str, Any]]


def refresh_facts() -> None:
    """Make the facts of the scikit-learn installed here again."""
    version = subprocess.run(
        [sys.executable, "-c", "import sklearn; print('.'.join(sklearn.__version__.split('.')[:2]))"],
        capture_output=True, text=True, check=False,
    ).stdout.strip()  # fmt: skip
    if version:
        subprocess.run(
            [sys.executable, str(HERE / "vocabulary" / "facts.py"), str(FACTS / f"sklearn-{version}.json")], check=True
        )


def read_facts() -> Facts:
    """Return minor version (`1.5`) -> facts, oldest first."""
    files = {path.stem.removeprefix("sklearn-"): path for path in FACTS.glob("sklearn-*.json")}
    ordered = sorted(files, key=lambda version: tuple(map(int, version.split("."))))
    return {version: json.loads(files[version].read_text()) for version in ordered}


def targets(places: dict[str, tuple[str, str]], versions: list[str]) -> list[dict[str, str]]:
    """Return the targets of one class, newest place first, each with the range of versions that have it there."""
    found: list[dict[str, str]] = []
    for place in dict.fromkeys(reversed(places.values())):
        present = [version for version in versions if places.get(version) == place]
        first, last = versions.index(present[0]), versions.index(present[-1])
        limits = [f">={present[0]}"] if first > 0 else []
        limits += [f"<{versions[last + 1]}"] if last + 1 < len(versions) else []
        target = {"module": place[0], "name": place[1]}
        found.append({**target, "versions": ",".join(limits)} if limits else target)
    return found


def attribute(identifier: str, name: str, strings: list[list[str] | None]) -> Any:
    """Return the constraint of one attribute: by class, by name, by scikit-learn's own strings, or anything."""
    by_class = curated.BY_CLASS.get(identifier, {})
    if name in by_class:
        return by_class[name]
    if name in curated.BY_NAME:
        return curated.BY_NAME[name]
    if strings and all(strings):
        return {"is": "option", "values": sorted({value for each in strings for value in each or ()})}
    return "any"


def entry(identifier: str, facts: Facts) -> dict[str, Any]:
    """Return the entry of a class whose instances are their `__dict__`."""
    versions = list(facts)
    known = {
        version: facts[version]["classes"][identifier]
        for version in versions
        if identifier in facts[version]["classes"]
    }
    names = sorted({name for each in known.values() for name in each["attributes"]})
    attributes = {
        name: attribute(
            identifier, name, [each["parameters"][name] for each in known.values() if name in each["parameters"]]
        )
        for name in names
    }
    attributes.update(curated.EXTRA.get(identifier, {}))
    volatile = {name: action for name, action in curated.VOLATILE_BY_NAME.items() if name in attributes}
    volatile.update(curated.VOLATILE.get(identifier, {}))
    for name, action in volatile.items():
        if action == "drop":
            attributes.pop(name, None)
    result: dict[str, Any] = {
        "targets": targets({version: (each["module"], each["name"]) for version, each in known.items()}, versions),
        "attributes": dict(sorted(attributes.items())),
    }
    if volatile:
        result["volatile"] = volatile
    if chains := curated.CHAINS.get(identifier):
        result["chains"] = chains
    owned = [*states.OWNERS.get(identifier, []), *rules.RULES.get(identifier, [])]
    if owned:
        result["rules"] = owned
    return result


def renamed(facts: Facts) -> Facts:
    """Apply the curated renames to the facts."""
    for each in facts.values():
        for old, new in curated.RENAMED.items():
            if old in each["classes"]:
                each["classes"][new] = each["classes"].pop(old)
    return facts


def functions(facts: Facts) -> dict[str, Any]:
    """Return the functions: first where they are imported from, then where each version defines them."""
    result: dict[str, Any] = {}
    for name, group in sorted(sklearn_functions.groups().items()):
        places = [tuple(each["functions"][name]) for each in facts.values() if name in each["functions"]]
        public = tuple(name.rpartition(".")[::2])
        ordered = dict.fromkeys([public, *reversed(places)])
        result[name] = {"targets": [{"module": module, "name": item} for module, item in ordered], "group": group}
    return result


def sklearn_file() -> dict[str, Any]:
    """Return the whole of `sklearn.json`."""
    facts = renamed(read_facts())
    identifiers = sorted({name for each in facts.values() for name in each["classes"]})
    types = {identifier: entry(identifier, facts) for identifier in identifiers}
    curated_names = set(rules.RULES) - set(states.STATES)
    unknown = (curated_names | set(states.OWNERS) | set(curated.BY_CLASS) | set(curated.EXTRA)) - set(types)
    if unknown:
        raise SystemExit(f"curated data for classes that no version has: {sorted(unknown)}")
    doubled = (set(states.STATES) & set(types)) - {"sklearn.isotonic.IsotonicRegression"}
    if doubled:
        raise SystemExit(f"identifiers that stand for two classes: {sorted(doubled)}")
    for name, state in states.STATES.items():
        types[name] = {**state, "rules": [*state["rules"], *rules.RULES.get(name, [])]}
    return {
        "vocabulary": 1,
        "library": "scikit-learn",
        "packages": ["sklearn"],
        "constraints": curated.CONSTRAINTS,
        "types": dict(sorted(types.items())),
        "functions": functions(facts),
        "links": [],
    }


def dump(value: dict[str, Any]) -> str:
    """Return the text of a file: one type, function or constraint per line, so that differences can be read."""
    lines = ["{"]
    for position, (key, content) in enumerate(value.items()):
        comma = "," if position + 1 < len(value) else ""
        if isinstance(content, dict):
            lines.append(f" {json.dumps(key)}: {{")
            lines += _members(content)
            lines.append(f" }}{comma}")
        else:
            lines.append(f" {json.dumps(key)}: {json.dumps(content)}{comma}")
    return "\n".join([*lines, "}"]) + "\n"


def _members(content: dict[str, Any]) -> Iterator[str]:
    for position, (key, item) in enumerate(content.items()):
        comma = "," if position + 1 < len(content) else ""
        yield f"  {json.dumps(key)}: {json.dumps(item, separators=(',', ':'))}{comma}"


def main(arguments: list[str]) -> int:
    """Write, or with `--check` compare."""
    check = "--check" in arguments
    if not check and "--no-refresh" not in arguments:
        refresh_facts()
    texts = {name: libraries.render(name, tables) for name, tables in libraries.LIBRARIES.items()}
    texts["sklearn"] = dump(sklearn_file())
    wanted = {folder / f"{name}.json": text for folder in (PACKAGE, SPEC) for name, text in texts.items()}
    stale = [path for path, text in wanted.items() if not path.is_file() or path.read_text() != text]
    if check:
        for path in stale:
            print(f"stale: {path.relative_to(ROOT)}", file=sys.stderr)
        return 1 if stale else 0
    SPEC.mkdir(parents=True, exist_ok=True)
    for path in stale:
        path.write_text(wanted[path])
        print(f"wrote {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
