from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from amber.archive import manifest as m
from amber.archive.canonical import encode
from amber.archive.manifest import Manifest, decode_manifest, encode_manifest
from amber.archive.manifest_rules import check_for_save, check_values, version_key
from amber.errors import AmberError, LimitError, UsageError
from amber.limits import DEFAULT, Limits
from tests.unit.archive.samples import draft

SCHEMA = json.loads((Path(__file__).parents[3] / "spec/schemas/manifest.schema.json").read_text(encoding="utf-8"))
HEX = "0" * 64

FULL: dict[str, Any] = {
    "requires": [],
    "created": "2030-01-31T12:00:00Z",
    "lineage": m.Lineage(parent=HEX, note="redacted"),
    "licence": "Apache-2.0",
    "members": {"model/tree.json": m.MemberInfo(size=3, blake3=HEX)},
    "methods": ["predict", "predict_proba"],
    "hyperparameters": {"größe": [1, None, True, {"a": "0.1"}], "C": "nan"},
    "metrics": {"auc": "0.5", "n": 3},
    "inputs": [
        m.InputInfo(
            name="age",
            dtype="FP64",
            shape=[-1, 1],
            schema=m.Schema(
                categories=["a", 1, None], finite=True, kinds=["integer", "number"], order=0, range=(1, "inf")
            ),
            summary=m.Summary(count=10, missing="0.5", quantiles=["0.0"] * 21, categories=[("a", 5)], other=2),
        )
    ],
    "outputs": [
        m.OutputInfo(
            method="predict_proba",
            name="p",
            dtype="FP64",
            shape=[-1, 2],
            classes=["no", "yes"],
            tolerance=m.Tolerance(relative="1e-09", absolute="1e-12"),
        )
    ],
    "batching": {"predict": {"original": "exact", "program": "none"}},
    "cases": m.CasesInfo(source="sample", rows=3, dropped=0, knife_edge=1, contains_training_rows=False),
    "programs": [
        m.ProgramInfo(name="main", member="programs/main.onnx", precision="float32", domain={}, certificate={"a": 1})
    ],
    "extensions": {"org.example": {"x": 1}},
}


def plain(**changes: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(encode_manifest(draft(**FULL)))
    return {**found, **changes}


def code_of(data: bytes, limits: Limits = DEFAULT) -> str:
    with pytest.raises(AmberError) as caught:
        check_values(decode_manifest(data, limits))
    return caught.value.code


def schema_refuses(value: Any) -> bool:
    """Whether the schema refuses; a final newline, which `$` lets pass in Python only, is left to the rules."""
    return not jsonschema.Draft202012Validator(SCHEMA).is_valid(value)


@pytest.mark.parametrize("manifest", [draft(), draft(**FULL)])
def test_round_trip(manifest: Manifest) -> None:
    check_values(manifest)
    data = encode_manifest(manifest)
    assert decode_manifest(memoryview(data), DEFAULT) == manifest
    jsonschema.Draft202012Validator(SCHEMA).validate(json.loads(data))


def test_absent_keys_are_absent() -> None:
    keys = set(json.loads(encode_manifest(draft())))
    assert keys.isdisjoint({"created", "lineage", "licence", "cases", "programs", "extensions"})
    assert {"format", "requires", "inputs", "outputs", "batching", "metadata"} <= keys


def test_default_values_written_out_are_not_canonical() -> None:
    for key, value in {"created": None, "programs": [], "extensions": {}}.items():
        data = encode({**msgspec.to_builtins(draft()), key: value})
        assert code_of(data) == "manifest-not-canonical"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"format": 2}, "format-unknown"),
        ({"format": "1"}, "manifest-invalid"),
        ({"requires": ["compression"]}, "requires-unknown"),
        ({"more": 1}, "manifest-invalid"),
        ({"name": 1}, "manifest-invalid"),
        ({"metrics": {"a": None}}, "manifest-invalid"),
        ({"metrics": {"a": "nan"}}, "metric-not-finite"),
        ({"metrics": {"a": "inf"}}, "metric-not-finite"),
        ({"metrics": {"a": "1"}}, "metric-not-finite"),
        ({"metrics": {"a": 2**53}}, "metric-not-finite"),
        ({"metrics": {"": 1}}, "manifest-value"),
        ({"kind": "Classifier"}, "manifest-value"),
        ({"adapter": {"id": "sklearn", "state_version": 0}}, "manifest-value"),
        ({"adapter": {"id": "sk learn", "state_version": 1}}, "manifest-value"),
        ({"created": "2030-02-31T12:00:00Z"}, "manifest-value"),
        ({"created": "2030-01-31T12:00:00+00:00"}, "manifest-value"),
        ({"lineage": {"parent": "ab"}}, "manifest-value"),
        ({"lineage": {"parent": HEX, "note": "a" * 5000}}, "manifest-value"),
        ({"licence": ""}, "manifest-value"),
        ({"members": {"a": {"size": -1, "blake3": HEX}}}, "manifest-value"),
        ({"members": {"a": {"size": 1, "blake3": HEX.upper()[:-1] + "A"}}}, "manifest-value"),
        ({"members": {"a": {"size": 1, "blake3": HEX, "encoding": "identity"}}}, "manifest-invalid"),
        ({"libraries": {"Num_Py": "1"}}, "manifest-value"),
        ({"libraries": {"numpy": "1 2"}}, "manifest-value"),
        ({"methods": ["predict_proba", "predict"]}, "manifest-value"),
        ({"methods": ["predict", "predict"]}, "manifest-value"),
        ({"methods": ["__x y"]}, "manifest-value"),
        ({"batching": {"transform": {"original": "exact"}}}, "manifest-value"),
        ({"batching": {"predict": {"original": "maybe"}}}, "manifest-invalid"),
        ({"batching": {"predict": {"other": "exact"}}}, "manifest-invalid"),
        ({"hyperparameters": {"a": 0.5}}, "manifest-value"),
        ({"hyperparameters": {"": 1}}, "manifest-value"),
        ({"metadata": {"a": 2**60}}, "manifest-value"),
        ({"extensions": {"example": 1}}, "manifest-value"),
        ({"extensions": {"org.example": 0.5}}, "manifest-value"),
        ({"inputs": [{"name": "a", "dtype": "F P", "shape": [1]}]}, "manifest-value"),
        ({"inputs": [{"name": "a", "dtype": "FP64", "shape": [-2]}]}, "manifest-value"),
        ({"inputs": [{"name": "a", "dtype": "FP64", "shape": [1], "rows": []}]}, "manifest-invalid"),
        ({"inputs": [{"name": "a", "dtype": "FP64", "shape": [1], "schema": {"range": [1, "x"]}}]}, "manifest-value"),
        ({"inputs": [{"name": "a", "dtype": "FP64", "shape": [1], "schema": {"kinds": ["b", "a"]}}]}, "manifest-value"),
        ({"inputs": [{"name": "a", "dtype": "FP64", "shape": [1], "schema": {"order": -1}}]}, "manifest-value"),
        (
            {"inputs": [{"name": "a", "dtype": "X", "shape": [], "summary": {"count": 1, "missing": "1.5"}}]},
            "manifest-value",
        ),
        (
            {"inputs": [{"name": "a", "dtype": "X", "shape": [], "summary": {"count": -1, "missing": 0}}]},
            "manifest-value",
        ),
        (
            {
                "inputs": [
                    {"name": "a", "dtype": "X", "shape": [], "summary": {"count": 1, "missing": 0, "quantiles": [1]}}
                ]
            },
            "manifest-value",
        ),
        (
            {
                "inputs": [
                    {
                        "name": "a",
                        "dtype": "X",
                        "shape": [],
                        "summary": {"count": 1, "missing": 0, "categories": [["a", 4]]},
                    }
                ]
            },
            "manifest-value",
        ),
        ({"outputs": [{"method": "a b", "name": "p", "dtype": "X", "shape": []}]}, "manifest-value"),
        (
            {
                "outputs": [
                    {
                        "method": "p",
                        "name": "p",
                        "dtype": "X",
                        "shape": [],
                        "tolerance": {"relative": "-1.0", "absolute": 0},
                    }
                ]
            },
            "manifest-value",
        ),
        ({"cases": {**msgspec.to_builtins(FULL["cases"]), "rows": -1}}, "manifest-value"),
        ({"cases": {**msgspec.to_builtins(FULL["cases"]), "source": "none"}}, "manifest-invalid"),
        (
            {
                "programs": [
                    {
                        "name": "x",
                        "member": "programs/main.onnx",
                        "precision": "float32",
                        "domain": {},
                        "certificate": {},
                    }
                ]
            },
            "manifest-value",
        ),
    ],
)
def test_values_that_are_refused(changes: dict[str, Any], code: str) -> None:
    assert (
        code_of(json.dumps(plain(**changes), sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode())
        == code
    )


NAMES = {"churn": True, "a": True, "a.b_c-d": True, "a" * 63: True, "0": True, "": False, "A": False, "a..b": False,
         "-a": False, "a-": False, "a" * 64: False, "a b": False, "a\n": False, "é": False}  # fmt: skip


@pytest.mark.parametrize(("name", "good"), NAMES.items())
def test_names(name: str, good: bool) -> None:
    assert name.endswith("\n") or schema_refuses(plain(name=name)) == (not good)
    if good:
        check_values(draft(name=name))
    else:
        assert code_of(encode(plain(name=name))) == "name-invalid"


VERSIONS = {"0.0.0": True, "1.10.2": True, "999999999.0.0": True, "1.0": False, "01.0.0": False, "1.0.0.0": False,
            "1.0.0-rc1": False, "v1.0.0": False, "1000000000.0.0": False, "1.0.0\n": False, "١.0.0": False}  # fmt: skip


@pytest.mark.parametrize(("version", "good"), VERSIONS.items())
def test_versions(version: str, good: bool) -> None:
    assert version.endswith("\n") or schema_refuses(plain(version=version)) == (not good)
    if good:
        check_values(draft(version=version))
    else:
        assert code_of(encode(plain(version=version))) == "version-invalid"


def test_versions_compare_as_numbers() -> None:
    assert version_key("1.10.0") > version_key("1.9.9")


@pytest.mark.parametrize("key", ["format", "requires", "members", "inputs", "name", "adapter"])
def test_required_keys(key: str) -> None:
    table = plain()
    del table[key]
    assert code_of(encode(table)) == "manifest-invalid"
    assert schema_refuses(table)


def test_limit() -> None:
    data = encode_manifest(draft())
    decode_manifest(data, Limits(manifest_bytes=len(data)))
    with pytest.raises(LimitError) as caught:
        decode_manifest(data, Limits(manifest_bytes=len(data) - 1))
    assert caught.value.code == "limit-manifest-bytes"


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"{}", b"null", b"[" * 100_000, b'{"a":' * 10_000, b"\xff", b'{"format":1,"format":1}']
)
def test_what_is_no_manifest(data: bytes) -> None:
    assert code_of(data) == "manifest-invalid"


def test_deep_values_are_refused() -> None:
    deep = b"[" * 500 + b"]" * 500
    data = encode(plain(metadata={"a": "?"})).replace(b'"?"', deep)
    assert code_of(data) == "manifest-value"


def test_a_newer_format_is_named_before_anything_else() -> None:
    with pytest.raises(AmberError) as caught:
        decode_manifest(b'{"format":2,"unheard_of":{}}', DEFAULT)
    assert caught.value.code == "format-unknown"
    assert "upgrade" in caught.value.hint


def test_at_save_a_broken_rule_is_the_callers() -> None:
    with pytest.raises(UsageError) as caught:
        check_for_save(draft(name="Churn Model"))
    assert caught.value.code == "name-invalid"


def test_the_schema_has_the_keys_of_the_structs() -> None:
    definitions = SCHEMA["$defs"]
    for struct in (m.Manifest, m.MemberInfo, m.AdapterInfo, m.Lineage, m.CasesInfo, m.Schema, m.Summary, m.Tolerance,
                   m.InputInfo, m.OutputInfo, m.ProgramInfo):  # fmt: skip
        part = SCHEMA if struct is m.Manifest else definitions[struct.__name__]
        fields = msgspec.structs.fields(struct)
        assert set(part["properties"]) == {field.encode_name for field in fields}, struct.__name__
        assert set(part["required"]) == {field.encode_name for field in fields if field.required}, struct.__name__
        assert part["additionalProperties"] is False
