"""The bill of materials, by the libraries of its two forms and against the bytes it speaks of."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import sys
import uuid
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from blake3 import blake3
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from spdx_python_model import v3_0_1

import amber
from amber.archive import manifest as m
from amber.archive.assemble import assemble
from amber.archive.write import to_bytes, write_artifact
from amber.errors import AmberError
from amber.tree import nodes
from amber.tree.nodes import Tree
from amber.vault.pack import unpack
from amber.vault.sbom.make import as_text, sbom
from tests.unit.archive.samples import LOCK, draft, evidence

COMPAT = sorted((Path(__file__).parents[2] / "compat").rglob("*.amber"))
FORMS = ("cyclonedx", "spdx")
EVIL = "a\u202eb\x1b[31m<script>"
CARD = """---
pipeline_tag: tabular-classification
datasets: [telco, "telco 2"]
use_cases:
  - call those who may leave
limitations:
  - not for new customers
  - "no: really not"
users: everybody
secret_key: hidden
---
# Churn
"""


def check_cyclonedx(document: dict[str, Any]) -> None:
    problems = JsonStrictValidator(SchemaVersion.V1_7).validate_str(as_text(document))
    assert problems is None, problems


def read_spdx(document: dict[str, Any]) -> Any:
    objects = v3_0_1.SHACLObjectSet()
    v3_0_1.JSONLDDeserializer().read(io.BytesIO(as_text(document).encode()), objects)
    assert objects.missing_ids == set()
    v3_0_1.JSONLDSerializer().write(objects, io.BytesIO())  # which refuses what lacks a property it must have
    return objects


def rich(**changes: Any) -> dict[str, Any]:
    """The members of an artifact that says as much as one can."""
    tree = Tree(
        [
            nodes.List([1, 2, 3, 4, 5]),
            nodes.Object("sklearn.preprocessing.StandardScaler", {}),
            nodes.Custom("mypkg.text.Scaler", {"sep": 5}),
            nodes.FunctionRef("numpy.log1p"),
            nodes.CustomFunction("other.clean"),
            nodes.Str(EVIL),
        ],
        0,
        [],
        [],
    )
    values: dict[str, Any] = {
        "metrics": {"roc_auc": "0.91", "n": 12, "日本": "-0.0"},
        "inputs": [
            m.InputInfo(
                name="age",
                dtype="float64",
                shape=[-1],
                schema=m.Schema(range=(0, "99.5")),
                summary=m.Summary(count=9, missing="0.25", quantiles=[f"{i}.125" for i in range(21)]),
            ),
            m.InputInfo(name=EVIL, dtype="str", shape=[-1], schema=m.Schema(categories=["SECRET-a", "SECRET-b"])),
            m.InputInfo(name="größe", dtype="int64", shape=[-1, 3]),
        ],
        "outputs": [
            m.OutputInfo(method="predict", name="predict", dtype="str", shape=[-1], classes=["SECRET-no", "SECRET-y"]),
            m.OutputInfo(
                method="predict_proba",
                name="p",
                dtype="float64",
                shape=[-1, 2],
                tolerance=m.Tolerance(relative="1e-09", absolute="1e-12"),
            ),
        ],
        "hyperparameters": {"categories": "['SECRET-a', 'SECRET-b']"},
        "metadata": {"owner": "SECRET-owner"},
        "lineage": m.Lineage(parent="0" * 64, note="SECRET-note"),
        "licence": "Apache-2.0",
        **changes,
    }
    return assemble(draft(**values), tree, evidence(), LOCK, CARD.encode())


def model_of(document: dict[str, Any]) -> dict[str, Any]:
    model: dict[str, Any] = document["metadata"]["component"]
    return model


def properties(document: dict[str, Any]) -> dict[str, str]:
    return {each["name"]: each["value"] for each in model_of(document)["properties"]}


@pytest.mark.parametrize("path", COMPAT, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_the_library_of_each_form_accepts_every_artifact(path: Path) -> None:
    check_cyclonedx(sbom(path))
    package = next(iter(read_spdx(sbom(path, format="spdx")).foreach_type("ai_AIPackage")))
    assert package.software_packageVersion == amber.inspect(path).version


@pytest.mark.parametrize("path", COMPAT[:3], ids=lambda path: path.stem)
def test_every_digest_is_that_of_the_members(path: Path) -> None:
    with zipfile.ZipFile(path) as container:
        bytes_of = {name: container.read(name) for name in container.namelist()}
    document = sbom(path)
    seen = {
        each["name"]: {entry["alg"]: entry["content"] for entry in each["hashes"]}
        for each in model_of(document)["components"]
    }
    assert seen == {
        name: {"SHA-256": hashlib.sha256(data).hexdigest(), "BLAKE3": blake3(data).hexdigest()}
        for name, data in bytes_of.items()
    }
    root = hashlib.sha256(b"".join(bytes.fromhex(seen[name]["SHA-256"]) for name in sorted(seen))).hexdigest()
    assert properties(document)["amber:id"] == root == amber.inspect(path).id
    assert document["serialNumber"] == uuid.uuid5(uuid.NAMESPACE_URL, f"amber:artifact:{root}").urn
    files = {file.name: file for file in read_spdx(sbom(path, format="spdx")).foreach_type("software_File")}
    for name, digests in seen.items():
        assert {entry.hashValue for entry in files[name].verifiedUsing} == set(digests.values())


@pytest.mark.parametrize("form", FORMS)
def test_the_same_artifact_gives_the_same_document_in_every_form_and_process(form: Any, tmp_path: Path) -> None:
    write_artifact(tmp_path / "a.amber", rich())
    unpack(tmp_path / "a.amber", tmp_path / "folder")
    text = as_text(sbom(tmp_path / "a.amber", format=form))
    assert as_text(sbom(tmp_path / "folder", format=form)) == text
    assert as_text(sbom((tmp_path / "a.amber").read_bytes(), format=form)) == text
    words = [sys.executable, "-m", "amber.cli.main", "sbom", "a.amber", "--format", form]
    assert subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=True).stdout == text
    assert text.isascii()


def test_what_the_model_card_says() -> None:
    document = sbom(to_bytes(rich()))
    check_cyclonedx(document)
    card = model_of(document)["modelCard"]
    assert card["modelParameters"] == {
        "approach": {"type": "supervised"},
        "task": "tabular-classification",
        "modelArchitecture": "mypkg.text.Scaler, sklearn.preprocessing.StandardScaler",
        "datasets": [{"type": "dataset", "name": "telco"}, {"type": "dataset", "name": "telco 2"}],
        "inputs": [
            {"format": "age: float64[any]"},
            {"format": "a\\u202eb\\x1b[31m<script>: str[any]"},
            {"format": "größe: int64[any, 3]"},
        ],
        "outputs": [{"format": "predict: str[any]"}, {"format": "predict_proba -> p: float64[any, 2]"}],
    }
    assert card["quantitativeAnalysis"]["performanceMetrics"] == [
        {"type": "n", "value": "12"},
        {"type": "roc_auc", "value": "0.91"},
        {"type": "日本", "value": "-0.0"},
    ]
    assert card["considerations"] == {
        "users": ["everybody"],
        "useCases": ["call those who may leave"],
        "technicalLimitations": ["not for new customers", "no: really not"],
    }


def test_what_the_properties_say() -> None:
    found = properties(sbom(to_bytes(rich())))
    assert found["amber:kind"] == "classifier"
    assert found["amber:cases:rows"] == "2"
    assert found["amber:cases:source"] == "sample"
    assert found["amber:contains_training_rows"] == "false"
    assert found["amber:tolerance:predict"] == "exact"
    assert found["amber:tolerance:predict_proba -> p"].startswith("1e-09 relative and 1e-12")


@pytest.mark.parametrize("form", FORMS)
def test_no_value_of_a_row_is_in_it(form: Any) -> None:
    text = as_text(sbom(to_bytes(rich()), format=form))
    for hidden in ("SECRET", "hidden", "99.5", ".125"):
        assert hidden not in text
    assert "\\u001b" not in text  # escaped as text, never as a control character
    assert "\\u202e" not in text.replace("\\\\u202e", "")


def test_no_value_of_a_saved_model_is_in_it(tmp_path: Path) -> None:
    texts = ["zebra apple", "zebra pear", "apple pear", "pear zebra apple"] * 5
    target = np.array(["zlabel-yes", "zlabel-no"] * 10)
    frame = pd.DataFrame({"town": ["ztown-a", "ztown-b"] * 10})
    encoder = OneHotEncoder(categories=[["ztown-a", "ztown-b"]])
    for model, rows in (
        (make_pipeline(CountVectorizer(), LogisticRegression()), texts),
        (make_pipeline(encoder, LogisticRegression()), frame),
    ):
        amber.save(model.fit(rows, target), tmp_path / "a.amber", sample=rows)
        for form in FORMS:
            text = as_text(sbom(tmp_path / "a.amber", format=form))  # type: ignore[arg-type]
            assert "sklearn.linear_model.LogisticRegression" in text
            assert not [word for word in ("zebra", "apple", "pear", "zlabel", "ztown") if word in text]


def test_packages_and_what_is_known_of_their_edges() -> None:
    document = sbom(COMPAT[-1])
    names = {each["bom-ref"]: each for each in document["components"]}
    info = amber.inspect(COMPAT[-1])
    for name, version in info.environment["packages"].items():
        assert names[f"package:{name}"]["purl"] == f"pkg:pypi/{name}@{version}"
    assert names["runtime"]["version"] == info.environment["python"]
    wanted = ["runtime", *(f"package:{name}" for name in sorted(info.manifest.libraries))]
    assert document["dependencies"] == [{"ref": "model", "dependsOn": wanted}]
    unknown = next(each for each in document["compositions"] if each["aggregate"] == "unknown")
    assert unknown["dependencies"] == [f"package:{name}" for name in sorted(info.environment["packages"])]


def test_classes_of_the_users_own_are_named_without_a_version() -> None:
    document = sbom(to_bytes(rich()))
    own = [each for each in document["components"] if each["bom-ref"].startswith("own:")]
    assert [each["name"] for each in own] == ["mypkg", "other"]
    assert not any("version" in each or "purl" in each for each in own)
    assert "own:mypkg" in document["dependencies"][0]["dependsOn"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Apache-2.0", {"expression": "Apache-2.0", "acknowledgement": "declared"}),
        ("MIT OR (GPL-2.0+ WITH x)", {"expression": "MIT OR (GPL-2.0+ WITH x)", "acknowledgement": "declared"}),
        ("ask the author", {"license": {"name": "ask the author", "acknowledgement": "declared"}}),
    ],
    ids=["one", "many", "none"],
)
def test_the_licence(text: str, expected: dict[str, Any]) -> None:
    data = to_bytes(rich(licence=text))
    document = sbom(data)
    check_cyclonedx(document)
    assert model_of(document)["licenses"] == [expected]
    objects = read_spdx(sbom(data, format="spdx"))
    declared = [
        each
        for each in objects.foreach_type("Relationship")
        if str(each.relationshipType).endswith("hasDeclaredLicense")
    ]
    assert len(declared) == 1


def test_the_time_is_the_artifacts_or_openly_none() -> None:
    def package(data: bytes) -> Any:
        return next(each for each in sbom(data, format="spdx")["@graph"] if each["type"] == "ai_AIPackage")

    dated = to_bytes(rich(created="2030-01-31T12:00:00Z"))
    assert properties(sbom(dated))["amber:created"] == "2030-01-31T12:00:00Z"
    given = package(dated)
    assert given["releaseTime"] == "2030-01-31T12:00:00Z"
    assert "comment" not in given
    unknown = package(to_bytes(rich()))
    assert unknown["releaseTime"] == "1970-01-01T00:00:00Z"
    assert "records no time" in unknown["comment"]


def test_each_relation_of_the_graph_leads_somewhere() -> None:
    graph = sbom(to_bytes(rich()), format="spdx")["@graph"]
    ids = {each["spdxId"] for each in graph if "spdxId" in each}
    assert len(ids) == len([each for each in graph if "spdxId" in each])
    outside = {
        target
        for each in graph
        if each["type"] == "Relationship"
        for target in (each["from"], *each["to"])
        if target not in ids
    }
    assert all(target.startswith("https://spdx.org/") for target in outside)
    kinds = {each["relationshipType"] for each in graph if each["type"] == "Relationship"}
    assert {"contains", "dependsOn", "hasDeclaredLicense", "hasConcludedLicense", "hasTestCase"} <= kinds


def test_a_wide_model_is_counted_and_not_listed() -> None:
    columns = [m.InputInfo(name=f"c{i}", dtype="float64", shape=[-1]) for i in range(300)]
    columns += [m.InputInfo(name="text", dtype="str", shape=[-1])]
    card = model_of(sbom(to_bytes(rich(inputs=columns))))["modelCard"]
    assert [each["format"] for each in card["modelParameters"]["inputs"]] == [
        "300 columns: float64[any]",
        "1 columns: str[any]",
    ]


@pytest.mark.parametrize(
    ("kind", "approach"),
    [("regressor", "supervised"), ("clusterer", "unsupervised"), ("transformer", None), ("something", None)],
)
def test_the_approach_is_said_only_where_the_kind_says_it(kind: str, approach: str | None) -> None:
    document = sbom(to_bytes(rich(kind=kind)))
    check_cyclonedx(document)
    found = model_of(document)["modelCard"]["modelParameters"].get("approach", {}).get("type")
    assert found == approach


def test_a_model_taught_with_half_the_labels() -> None:
    tree = Tree([nodes.Object("sklearn.semi_supervised.SelfTrainingClassifier", {})], 0, [], [])
    document = sbom(to_bytes(assemble(draft(), tree, None, LOCK, None)))
    assert model_of(document)["modelCard"]["modelParameters"]["approach"] == {"type": "semi-supervised"}


def test_a_model_of_many_types_names_the_first() -> None:
    objects = [nodes.Object(f"sklearn.made_up.T{number:04d}", {}) for number in range(300)]
    tree = Tree([nodes.List(list(range(1, 301))), *objects], 0, [], [])
    text = model_of(sbom(to_bytes(assemble(draft(), tree, None, LOCK, None))))["modelCard"]["modelParameters"]
    assert text["modelArchitecture"].endswith("T0255, and 44 more")


def test_the_edges_of_the_authors_own_lock() -> None:
    entries = b'[[packages]]\nname = "scipy"\ndependencies = [{name = "numpy"}]\n'
    lock = LOCK.replace(b"packages = []\n", b"") + b'packages = {numpy = "2.4.0", scipy = "1.17.1"}\n' + entries
    data = to_bytes(assemble(draft(), Tree([nodes.NoneNode()], 0, [], []), None, lock, None))
    assert {"ref": "package:scipy", "dependsOn": ["package:numpy"]} in sbom(data)["dependencies"]
    graph = sbom(data, format="spdx")["@graph"]
    edges = {(each["from"].partition("#")[2], each["relationshipType"]) for each in graph if "relationshipType" in each}
    assert ("package/scipy", "dependsOn") in edges


def test_an_artifact_that_says_nothing_has_a_valid_document() -> None:
    tree = Tree([nodes.NoneNode()], 0, [], [])
    data = to_bytes(assemble(draft(libraries={}, metrics={}, kind="other"), tree, None, LOCK, None))
    document = sbom(data)
    check_cyclonedx(document)
    read_spdx(sbom(data, format="spdx"))
    assert "licenses" not in model_of(document)


def test_what_is_not_whole_has_no_bill_of_materials(tmp_path: Path) -> None:
    data = bytearray(to_bytes(rich()))
    data[data.index(b"sklearn.preprocessing")] ^= 1
    with pytest.raises(AmberError) as caught:
        sbom(bytes(data))
    assert caught.value.code in {"crc-mismatch", "digest-mismatch"}


def test_an_unknown_form_is_a_wrong_argument() -> None:
    with pytest.raises(AmberError) as caught:
        sbom(to_bytes(rich()), format="swid")  # type: ignore[arg-type]
    assert caught.value.code == "sbom-unknown"


def test_it_is_json_with_a_final_newline() -> None:
    document = sbom(to_bytes(rich()))
    assert json.loads(as_text(document)) == document
    assert as_text(document).endswith("}\n")
