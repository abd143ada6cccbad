from __future__ import annotations

from typing import Any

import pytest

from amber.errors import AmberError, FormatError, UsageError
from amber.trust import predicates
from amber.trust.statement import KINDS

HEX = "ab" * 32
BUILDER = "https://example.org/builder/v1"


def test_the_types_are_those_that_bundles_may_have() -> None:
    assert KINDS["test-result"] == (predicates.TEST_RESULT,)
    assert KINDS["provenance"] == (predicates.PROVENANCE,)
    assert KINDS["vsa"] == (predicates.VSA,)
    assert set(KINDS["sbom"]) == {predicates.CYCLONEDX, predicates.SPDX}


def test_a_replay_names_what_it_tested() -> None:
    cases = predicates.descriptor(name="cases", digest={"sha256": HEX}, annotations={"rows": 42})
    assert cases == {"name": "cases", "digest": {"sha256": HEX}, "annotations": {"rows": 42}}
    assert predicates.of_replay("PASSED", [cases], passed=["g000", "g001"]) == {
        "result": "PASSED",
        "configuration": [cases],
        "passedTests": ["g000", "g001"],
    }
    assert predicates.of_replay("FAILED", [cases], failed=["g001"], warned=["g002"]) == {
        "result": "FAILED",
        "configuration": [cases],
        "warnedTests": ["g002"],
        "failedTests": ["g001"],
    }


def test_a_build_says_what_was_given_and_nothing_else() -> None:
    said = predicates.of_build(
        BUILDER, "urn:example:training:v2", [f"https://example.org/rows?a=b=sha256:{HEX}"], {"seed": "7"}
    )
    assert said == {
        "buildDefinition": {
            "buildType": "urn:example:training:v2",
            "externalParameters": {"seed": "7"},
            "resolvedDependencies": [{"uri": "https://example.org/rows?a=b", "digest": {"sha256": HEX}}],
        },
        "runDetails": {"builder": {"id": BUILDER}},
    }


def test_a_commit_is_a_material() -> None:
    assert predicates.material(f"git+https://example.org/repo=gitCommit:{'0a' * 20}") == {
        "uri": "git+https://example.org/repo",
        "digest": {"gitCommit": "0a" * 20},
    }


def test_a_gate_claims_no_level() -> None:
    said = predicates.of_gate(
        "FAILED",
        verifier="https://example.org/gate",
        verifier_version="1.0",
        time="2030-01-31T12:00:00Z",
        resource="urn:example:churn",
        policy={"digest": {"sha256": HEX}},
        inputs=[],
    )
    assert said["verifiedLevels"] == []
    assert said["verificationResult"] == "FAILED"
    assert said["verifier"] == {"id": "https://example.org/gate", "version": {"amber": "1.0"}}
    assert (said["timeVerified"], said["resourceUri"]) == ("2030-01-31T12:00:00Z", "urn:example:churn")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sha256:" + HEX,
        "=sha256:" + HEX,
        "https://example.org/rows",
        "https://example.org/rows=" + HEX,
        "https://example.org/rows=sha256:" + HEX.upper(),
        "https://example.org/rows=sha256:" + HEX[:-1],
        "https://example.org/rows=md5:" + "ab" * 16,
        "https://example.org/rows=gitCommit:" + "ab" * 16,
        "rows.csv=sha256:" + HEX,
        "https://example.org/\u202erows=sha256:" + HEX,
    ],
    ids=["empty", "digest", "no-uri", "uri", "bare", "upper", "short", "md5", "commit", "path", "marks"],
)
def test_a_material_without_uri_and_known_digest_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        predicates.material(text)
    assert (caught.value.code, caught.value.where) == ("attest-invalid", "material")


@pytest.mark.parametrize(
    "text", ["", "builder", "/builder", "https:", "https://ex ample.org", "x:" + "a" * 3000, "é:x"]
)
def test_what_is_no_absolute_uri_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        predicates.of_build(text, "urn:x:y", [], {})
    assert (caught.value.code, caught.value.where) == ("attest-invalid", "builder-id")


@pytest.mark.parametrize(
    "given",
    [{"": "x"}, {"a b": "x"}, {"a": "x\n"}, {"a": "x" * 5000}, {f"p{i}": "x" for i in range(65)}],
    ids=["empty", "space", "line", "long", "many"],
)
def test_odd_parameters_are_refused(given: dict[str, str]) -> None:
    with pytest.raises(UsageError, match="parameter"):
        predicates.parameters(given)


@pytest.mark.parametrize("word", ["PASSED", "WARNED", "FAILED"])
def test_the_word_of_a_replay(word: str) -> None:
    assert predicates.result_of(predicates.TEST_RESULT, {"result": word, "more": [1]}, "b") == word


@pytest.mark.parametrize("word", ["PASSED", "FAILED"])
def test_the_word_of_a_gate(word: str) -> None:
    assert predicates.result_of(predicates.VSA, {"verificationResult": word}, "b") == word


@pytest.mark.parametrize("other", [predicates.PROVENANCE, predicates.CYCLONEDX, "https://example.org/else"])
def test_other_types_have_no_word(other: str) -> None:
    assert predicates.result_of(other, {"result": "PASSED", "verificationResult": "PASSED"}, "b") == ""


@pytest.mark.parametrize(
    ("kind", "predicate"),
    [
        (predicates.TEST_RESULT, {}),
        (predicates.TEST_RESULT, None),
        (predicates.TEST_RESULT, "PASSED"),
        (predicates.TEST_RESULT, {"result": "passed"}),
        (predicates.TEST_RESULT, {"result": ["PASSED"]}),
        (predicates.TEST_RESULT, {"result": {"PASSED": 1}}),
        (predicates.TEST_RESULT, {"result": None}),
        (predicates.TEST_RESULT, {"verificationResult": "PASSED"}),
        (predicates.VSA, {"verificationResult": "WARNED"}),
        (predicates.VSA, {"result": "PASSED"}),
    ],
    ids=["empty", "none", "text", "case", "list", "object", "null", "other-key", "gate-warned", "gate-other-key"],
)
def test_a_word_that_is_none_is_refused(kind: str, predicate: Any) -> None:
    with pytest.raises(AmberError) as caught:
        predicates.result_of(kind, predicate, "signatures/0002-test-result.sigstore.json")
    assert isinstance(caught.value, FormatError)
    assert caught.value.code == "statement-invalid"
    assert caught.value.where == "signatures/0002-test-result.sigstore.json"
