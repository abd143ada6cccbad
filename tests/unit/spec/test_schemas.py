"""The JSON Schemas of `spec/schemas` fit what the package writes and prints, and refuse what they should."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

import amber
from amber.errors import UsageError
from amber.policy import Policy
from tests.unit.spec.vectors import FOLDER, SPEC, accepted, rejected, source

COMPAT = sorted((SPEC.parent / "tests" / "compat").glob("*.amber"))
NAMES = ("case", "codes", "difference", "info", "manifest", "policy", "report", "shard", "strings", "tree")


@cache
def validator(name: str) -> Draft202012Validator:
    schema = json.loads((SPEC / "schemas" / f"{name}.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def complaints(name: str, value: Any) -> list[str]:
    plain = json.loads(json.dumps(value))
    return [f"{list(error.absolute_path)}: {error.message[:200]}" for error in validator(name).iter_errors(plain)]


def members(path: Path, folder: Path) -> dict[str, Path]:
    amber.unpack(path, folder)
    return {file.relative_to(folder).as_posix(): file for file in folder.rglob("*") if file.is_file()}


def test_every_schema_is_named_here() -> None:
    assert {path.name for path in (SPEC / "schemas").iterdir()} == {f"{name}.schema.json" for name in NAMES}
    for name in NAMES:
        assert validator(name)


@pytest.mark.parametrize("path", COMPAT, ids=lambda path: path.stem)
def test_members_of_an_artifact_fit_their_schemas(path: Path, tmp_path: Path) -> None:
    for name, file in members(path, tmp_path / "folder").items():
        schema = {"manifest.json": "manifest", "model/tree.json": "tree", "model/strings.json": "strings"}.get(name)
        schema = "case" if name.startswith("cases/") and name.endswith(".json") else schema
        if schema is not None:
            assert not complaints(schema, json.loads(file.read_text(encoding="utf-8"))), name


def test_accepted_vectors_fit_their_schemas(tmp_path: Path) -> None:
    for row in accepted():
        found = members(Path(source(row)), tmp_path / row["name"])
        assert not complaints("manifest", json.loads(found["manifest.json"].read_bytes())), row["name"]
        if row["name"] != "deep":
            assert not complaints("tree", json.loads(found["model/tree.json"].read_bytes())), row["name"]


def test_reports_fit_their_schema() -> None:
    for row in [*accepted()[:3], *rejected()[::40]]:
        assert not complaints("report", amber.verify(source(row), cases=False).to_dict()), row["name"]
    report = amber.verify(COMPAT[0])
    assert report.verdict in ("identical", "equivalent")
    assert not complaints("report", report.to_dict())


def test_info_and_difference_fit_their_schemas() -> None:
    for path in COMPAT[:4]:
        assert not complaints("info", amber.inspect(path).to_dict())
    assert not complaints("info", amber.inspect(FOLDER / "accept" / "folder").to_dict())
    assert not complaints("difference", amber.diff(COMPAT[0], COMPAT[0]).to_dict())
    assert not complaints("difference", amber.diff(COMPAT[0], COMPAT[1]).to_dict())


def test_the_table_of_codes_fits_its_schema() -> None:
    assert not complaints("codes", json.loads((SPEC / "codes.json").read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    ("policy", "valid"),
    [
        ({}, True),
        ({"allow": ["mypkg.text.Scaler"], "verdict": "equivalent", "limits": {"file_bytes": 10}}, True),
        ({"limits": {"replay_seconds": 0.5}}, True),
        ({"allow": ["Scaler"]}, False),
        ({"allow": ["mypkg.*"]}, False),
        ({"allow": "mypkg.text.Scaler"}, False),
        ({"verdict": "perfect"}, False),
        ({"limits": {"memory": 1}}, False),
        ({"limits": {"nodes": 1.5}}, False),
        ({"limits": {"nodes": -1}}, False),
        ({"trusted": True}, False),
    ],
)
def test_the_policy_schema_and_the_package_agree(policy: dict[str, Any], valid: bool) -> None:
    assert (not complaints("policy", policy)) is valid
    if valid:
        Policy.from_dict(policy)
    else:
        with pytest.raises(UsageError) as caught:
            Policy.from_dict(policy)
        assert caught.value.code == "policy-invalid"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tree", {"nodes": [["none", 1]], "root": 0}),
        ("tree", {"nodes": [["lambda"]], "root": 0}),
        ("tree", {"nodes": [["none"]], "root": 1}),
        ("tree", {"nodes": [["float", "nan:7ff8000000000000"]], "root": 0}),
        ("tree", {"nodes": [["int", "9007199254740991"]], "root": 0}),
        ("tree", {"nodes": [["range", 0, 1, 0]], "root": 0}),
        ("tree", {"nodes": [["dtype", "<U536870912"]], "root": 0}),
        ("tree", {"nodes": [["utf16", "2D0A"]], "root": 0}),
        ("tree", {"nodes": [["numbers", "list", "int", "<f8", 0]], "root": 0}),
        ("strings", []),
        ("strings", [["a", 1]]),
        ("report", {"verdict": "perfect"}),
        ("info", {"format": 2}),
        ("difference", {"same": "yes"}),
        ("codes", [{"code": "Bad Code", "step": 1, "meaning": "wrong"}]),
        ("manifest", {"format": 1, "entry_point": "os.system"}),
        ("case", {"rows": 1}),
    ],
)
def test_schemas_can_refuse(name: str, value: Any) -> None:
    assert complaints(name, value)
