"""Write the generated parts of `spec/`: the table of codes in steps.md, the limits in policy.md and their schema.

Usage: python scripts/write_spec.py [--check]

With `--check` nothing is written; exit 1 when a file is stale. `write_codes.py` writes `spec/codes.json`.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any

from amber.codes import CODES
from amber.limits import DEFAULT, Limits
from amber.policy import NAME
from amber.policy.consistency import MOST_RULES, MOST_SIGNERS
from amber.policy.node import TIME
from amber.policy.patterns import PATTERN, VERSION
from amber.policy.policy import PRESETS
from amber.policy.revoked import HEX
from amber.policy.rules import KIND, RESULTS
from amber.policy.signers import LABEL
from amber.report import VERDICTS

SPEC = Path(__file__).resolve().parent.parent / "spec"


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Return a Markdown table."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def codes() -> str:
    """Return the codes that a file can cause, by step."""
    order = sorted((step, code) for code, (step, _) in CODES.items() if step is not None)
    return table(("code", "step", "meaning"), ((f"`{code}`", str(step), CODES[code][1]) for step, code in order))


# What each limit bounds; a limit without a sentence stops the script.
MEANINGS = {
    "file_bytes": "the artifact, or all members of a folder, in bytes",
    "members": "members",
    "manifest_bytes": "`manifest.json`, in bytes",
    "tree_bytes": "`model/tree.json`, in bytes",
    "strings_bytes": "`model/strings.json`, in bytes",
    "card_bytes": "`README.md`, in bytes",
    "environment_bytes": "`env/pylock.toml`, in bytes",
    "tensor_header_bytes": "the JSON header of one shard, in bytes",
    "tensors": "tensors",
    "tensor_rank": "dimensions of an array (a carrier may add one)",
    "nodes": "nodes; elements of an array whose items have no bytes",
    "integer_digits": "characters of an integer that is a string",
    "dtype_fields": "fields of one structured dtype",
    "cases_members": "members below `cases/`",
    "cases_bytes": "members below `cases/`, in bytes together",
    "signatures": "members below `signatures/`",
    "problems": "problems that an audit collects before it stops",
    "polynomial_degree": "degree of polynomial features, splines and kernels",
    "pattern_chars": "characters of a regular expression",
    "hash_features": "features of a hashing vectoriser",
    "jobs": "processes or threads that an estimator asks for",
    "verbosity": "verbosity of an estimator",
    "ngram": "length of n-grams",
    "components": "columns that a transformer makes out of its parameters alone",
    "iterations": "iterations of a solver that runs inside `predict` or `transform`",
    "nesting": "object arrays, deques and default dicts inside one another",
    "unfolded_objects": "objects counted along every way that leads to them (sharing unfolded)",
    "program_bytes": "one graph below `programs/`, in bytes",
    "program_parts": "messages and texts in a graph",
    "program_text_bytes": "one name or text in a graph, in bytes",
    "program_nodes": "nodes of a graph",
    "program_tensors": "constants of a graph",
    "program_rank": "axes of a constant",
    "program_elements": "elements of a constant, or of what constants alone make",
    "program_tree_nodes": "inner nodes and leaves of one ensemble",
    "program_tree_depth": "depth of one tree of an ensemble",
    "program_rounds": "rounds of a loop inside a graph",
    "program_memory_bytes": "what the sessions of a process hold between their nodes, in bytes together",
    "program_seconds": "one run of a graph, the rows of one block, in seconds; it ends between two nodes",
    "program_targets": "columns that one ensemble or classifier answers with",
    "replay_seconds": "wall clock of a replay in a child process, in seconds",
    "replay_extra_bytes": "address space of that process beyond four times the model, in bytes",
    "load_replay_seconds": "replay inside `load`, checked between groups, in seconds",
}


def limits() -> str:
    """Return the limits with their defaults."""
    rows = ((f"`{item.name}`", f"{getattr(DEFAULT, item.name)}", MEANINGS[item.name]) for item in fields(Limits))
    return table(("limit", "default", "what it bounds"), rows)


def texts(pattern: str = "", least: int = 0) -> dict[str, Any]:
    """Return the schema of a list of texts."""
    item: dict[str, Any] = {"type": "string"}
    if pattern:
        item["pattern"] = f"^{pattern}$"
    return {"type": "array", "items": item} | ({"minItems": least} if least else {})


def closed(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    """Return the schema of a table with these keys alone."""
    found: dict[str, Any] = {"type": "object", "additionalProperties": False, "properties": properties}
    return found | ({"required": list(required)} if required else {})


# In TOML a time is a value of its own; a reader of JSON sees its text.
MOMENT = {
    "type": "string",
    "pattern": f"^{TIME.pattern}$",
    "description": "a date (its first moment in UTC), or a date and time with its zone",
}
CONTENT = {"type": "string", "minLength": 1, "description": "PEM, or a path relative to the policy's folder"}
NAMES = texts(PATTERN.pattern, 1)
LABELS = texts(LABEL.pattern, 1) | {"uniqueItems": True}
COUNT = {"type": "integer", "minimum": 1, "default": 1}
DIGEST = {"type": "string", "pattern": f"^{HEX.pattern}$"}


def signer_schema() -> dict[str, Any]:
    """Return the schema of one signer."""
    text = {"type": "string", "minLength": 1, "maxLength": 2048}
    certificate = closed({"root": CONTENT, "san": text, "subject": text}, "root")
    certificate["oneOf"] = [{"required": ["san"]}, {"required": ["subject"]}]
    root = CONTENT | {"description": "JSON, or a path relative to the policy's folder"}
    identity = closed({"identity": text, "issuer": text, "trusted_root": root}, "identity", "issuer", "trusted_root")
    key = closed({"key": CONTENT, "until": MOMENT}, "key")
    signer = closed({
        "keys": {"type": "array", "minItems": 1, "items": {"anyOf": [CONTENT, key]}},
        "certificate": {"anyOf": [certificate, {"type": "array", "minItems": 1, "items": certificate}]},
        "keyless": {"anyOf": [identity, {"type": "array", "minItems": 1, "items": identity}]},
        "until": MOMENT,
        "names": NAMES,
    })  # fmt: skip
    signer["anyOf"] = [{"required": [key]} for key in ("keys", "certificate", "keyless")]
    return signer


def rule_schema() -> dict[str, Any]:
    """Return the schema of one rule."""
    results = list(dict.fromkeys(result for order in RESULTS.values() for result in order))
    demand = closed(
        {"type": {"enum": list(RESULTS)}, "from": LABELS, "k": COUNT, "result": {"enum": results}}, "type", "from"
    )
    return closed(
        {
            "names": NAMES,
            "require": {"type": "array", "items": closed({"from": LABELS, "k": COUNT}, "from")},
            "attestations": {"type": "array", "items": demand},
            "verdict": {"enum": list(VERDICTS)},
            "kinds": texts(KIND.pattern),
            "programs": {"enum": ["only"]},
            "rows": {"enum": ["synthetic"]},
            "max_bytes": {"type": "integer", "minimum": 0},
            "minimum": {"type": "string", "pattern": f"^(?!0\\.0\\.0$){VERSION.pattern}$"},
        },
        "names",
    )


def limits_schema() -> dict[str, Any]:
    """Return the schema of the limits."""
    kinds = {
        item.name: "integer" if isinstance(getattr(DEFAULT, item.name), int) else "number" for item in fields(Limits)
    }
    return closed({
        name: {"type": kind, "minimum": 0, "default": getattr(DEFAULT, name), "description": MEANINGS[name]}
        for name, kind in kinds.items()
    })  # fmt: skip


def policy_schema() -> dict[str, Any]:
    """Return the JSON Schema of a policy."""
    revoked_key = {"anyOf": [DIGEST, closed({"fingerprint": DIGEST, "since": MOMENT}, "fingerprint")]}
    digests = {"type": "array", "items": DIGEST}
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "The policy of a reader (spec/policy.md), as it stands in a TOML file",
    }
    return head | closed({
        "preset": {"enum": list(PRESETS), "default": "default"},
        "issued": MOMENT,
        "expires": MOMENT,
        "names": texts(PATTERN.pattern),
        "verdict": {"enum": list(VERDICTS)},
        "allow": texts(NAME.pattern),
        "sharing": {"enum": ["tolerant", "exact"], "default": "tolerant"},
        "limits": limits_schema(),
        "signers": {
            "type": "object",
            "propertyNames": {"pattern": f"^{LABEL.pattern}$"},
            "additionalProperties": signer_schema(),
            "maxProperties": MOST_SIGNERS,
        },
        "rule": {"type": "array", "items": rule_schema(), "maxItems": MOST_RULES},
        "revoked": closed({"ids": digests, "keys": {"type": "array", "items": revoked_key}, "certificates": digests}),
        "timestamps": closed({"roots": {"type": "array", "items": CONTENT}}, "roots"),
        "seen": closed({"file": {"type": "string", "minLength": 1}}, "file"),
    })  # fmt: skip


def filled(page: str, marker: str, text: str) -> str:
    """Return a page with the part between its markers replaced."""
    pattern = re.compile(rf"(<!-- {marker}: [^\n]*-->\n).*?(<!-- /{marker} -->)", re.DOTALL)
    if not pattern.search(page):
        raise SystemExit(f"the page has no markers for {marker}")
    return pattern.sub(lambda match: f"{match[1]}{text}\n{match[2]}", page)


def wanted() -> dict[Path, str]:
    """Return each generated file and what it must hold."""
    pages = {"steps.md": ("codes", codes()), "policy.md": ("limits", limits())}
    found = {SPEC / name: filled((SPEC / name).read_text("utf-8"), *part) for name, part in pages.items()}
    found[SPEC / "schemas" / "policy.schema.json"] = json.dumps(policy_schema(), indent=1) + "\n"
    return found


def main() -> int:
    """Write or check the files; return the exit code."""
    files = wanted()
    stale = [path for path, text in files.items() if not path.is_file() or path.read_text("utf-8") != text]
    if "--check" in sys.argv[1:]:
        print("\n".join(map(str, stale)))
        return 1 if stale else 0
    for path in stale:
        path.write_text(files[path], encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
