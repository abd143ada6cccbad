"""The index of `spec/vectors` as the tests read it: from the repository, not from the tool that writes it."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from amber.policy import Policy

SPEC = Path(__file__).resolve().parents[3] / "spec"
FOLDER = SPEC / "vectors"
Row = dict[str, Any]


@cache
def index() -> list[Row]:
    rows: list[Row] = json.loads((FOLDER / "vectors.json").read_text(encoding="utf-8"))
    return rows


def rejected() -> list[Row]:
    return [row for row in index() if "code" in row]


def accepted() -> list[Row]:
    return [row for row in index() if "code" not in row]


def source(row: Row) -> str:
    return str(FOLDER / row["path"])


def policy(row: Row) -> Policy:
    return Policy.from_dict(row.get("policy", {}))
