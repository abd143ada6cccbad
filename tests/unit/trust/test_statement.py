"""Statements: what is written about the members, what covers them, and everything that only seems to."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import rfc8785

from amber.errors import FormatError, SaveError
from amber.trust import statement
from tests.unit.trust import signing_material as material
from tests.unit.trust.signing_material import DIGESTS, ID, rooted


def checked(said: dict[str, Any] | bytes, digests: dict[str, str] | None = None) -> str:
    payload = said if isinstance(said, bytes) else json.dumps(said).encode()
    return statement.check_coverage(statement.decode(payload, "x"), digests or DIGESTS, "x")


def resources(change: Callable[[list[dict[str, Any]]], None]) -> Callable[[Any], None]:
    return rooted(lambda made: change(made["predicate"]["resources"]))


def how(**values: Any) -> Callable[[Any], None]:
    return lambda made: made["predicate"]["serialization"].update(values)


def test_what_is_written_covers_its_members_and_names_the_id() -> None:
    payload = statement.oms("churn", DIGESTS)
    assert checked(payload) == ID
    assert payload == rfc8785.dumps(json.loads(payload))
    assert json.loads(payload) == material.statement()


def test_members_are_written_in_the_order_of_code_points() -> None:
    digests = {"model/a": "11" * 32, "model-1": "22" * 32, "Z": "33" * 32, "é": "44" * 32, "😀": "55" * 32}
    names = [each["name"] for each in json.loads(statement.oms("x", digests))["predicate"]["resources"]]
    assert names == ["Z", "model-1", "model/a", "é", "😀"]


def test_the_order_of_the_members_given_means_nothing() -> None:
    assert statement.oms("churn", dict(reversed(DIGESTS.items()))) == statement.oms("churn", DIGESTS)


ACCEPTED: dict[str, Callable[[Any], None]] = {
    "other-order": resources(lambda found: found.reverse()),
    "other-subject-name": lambda made: made["subject"][0].update(name="somebody else's"),
    "ignores-the-model": how(ignore_paths=["model", "."]),
    "no-ignore-paths": lambda made: made["predicate"]["serialization"].pop("ignore_paths"),
    "unknown-field-of-a-resource": resources(lambda found: found[0].update(size=3)),
    "second-digest-of-the-subject": lambda made: made["subject"][0]["digest"].update(sha512="00" * 64),
}


@pytest.mark.parametrize("change", ACCEPTED.values(), ids=ACCEPTED)
def test_order_names_and_ignore_paths_mean_nothing(change: Callable[[Any], None]) -> None:
    said = material.statement(change)
    assert checked(said) == said["subject"][0]["digest"]["sha256"]


def test_the_root_is_that_of_the_listed_order() -> None:
    assert checked(material.statement(resources(lambda found: found.reverse()))) != ID


UNCOVERED: dict[str, Callable[[Any], None]] = {
    "empty": resources(lambda found: found.clear()),
    "empty-and-ignores-all": lambda made: (resources(lambda found: found.clear())(made), how(ignore_paths=["."])(made)),
    "ignores-the-model-and-leaves-it-out": lambda made: (
        resources(lambda found: [found.remove(each) for each in list(found) if each["name"].startswith("model/")])(
            made
        ),
        how(ignore_paths=["model"])(made),
    ),
    "one-left-out": resources(lambda found: found.pop()),
    "one-more": resources(lambda found: found.append({"name": "x", "digest": "00" * 32, "algorithm": "sha256"})),
    "other-digest": resources(lambda found: found[1].update(digest="00" * 32)),
    "digests-swapped": resources(
        lambda found: (
            first := found[0]["digest"],
            found[0].update(digest=found[1]["digest"]),
            found[1].update(digest=first),
        )
    ),
    "renamed": resources(lambda found: found[0].update(name="manifest.jsom")),
    "other-case": resources(lambda found: found[0].update(name="Manifest.json")),
    "dotted-path": resources(lambda found: found[0].update(name="./manifest.json")),
    "backslash": resources(lambda found: found[2].update(name=found[2]["name"].replace("/", "\\"))),
    "name-twice-first-wrong": resources(lambda found: found.insert(0, {**found[0], "digest": "00" * 32})),
    "name-twice-last-wrong": resources(lambda found: found.append({**found[0], "digest": "00" * 32})),
    "name-twice-alike": resources(lambda found: found.append(found[0])),
    "a-signature-among-them": resources(
        lambda found: found.append(
            {"name": "signatures/0001-oms.sigstore.json", "digest": "00" * 32, "algorithm": "sha256"}
        )
    ),
}


@pytest.mark.parametrize("change", UNCOVERED.values(), ids=UNCOVERED)
def test_a_statement_counts_only_if_it_covers_everything(change: Callable[[Any], None]) -> None:
    with pytest.raises(FormatError) as refusal:
        checked(material.statement(change))
    assert refusal.value.code == "signature-coverage"


def test_nothing_is_not_all_of_nothing() -> None:
    empty = material.statement(resources(lambda found: found.clear()))
    with pytest.raises(FormatError) as refusal:
        statement.check_coverage(statement.decode(json.dumps(empty).encode(), "x"), {}, "x")
    assert refusal.value.code == "signature-coverage"


def test_the_refusal_names_the_members() -> None:
    digests = {**DIGESTS, "extra": "00" * 32, "manifest.json": "11" * 32}
    del digests["model-1"]
    with pytest.raises(FormatError) as refusal:
        checked(material.statement(), digests)
    assert {(problem.where, problem.message) for problem in refusal.value.problems} == {
        ("model-1", "signed, and not in the artifact"),
        ("extra", "in the artifact, and not signed"),
        ("manifest.json", "other bytes than those signed"),
    }


def test_a_refusal_of_many_members_is_short() -> None:
    with pytest.raises(FormatError) as refusal:
        checked(material.statement(), {f"m{number}": "00" * 32 for number in range(1000)})
    assert len(refusal.value.problems) == 10
    assert "1004 differ" in refusal.value.message


@pytest.mark.parametrize("name", [".", "churn.amber", "models/churn.amber"])
def test_a_signature_over_the_file_is_refused_with_the_way_out(name: str) -> None:
    one = rooted(
        lambda made: made["predicate"].update(resources=[{"name": name, "digest": "ab" * 32, "algorithm": "sha256"}])
    )
    with pytest.raises(FormatError) as refusal:
        checked(material.statement(one))
    assert refusal.value.code == "signature-over-container"
    assert "sign the members" in refusal.value.hint


OLD = "https://model_signing/Digests/v0.1"
INVALID: dict[str, Callable[[Any], None]] = {
    "type": lambda made: made.update(_type="https://in-toto.io/Statement/v0.1"),
    "type-absent": lambda made: made.pop("_type"),
    "unknown-key": lambda made: made.update(note="x"),
    "no-subject": lambda made: made["subject"].clear(),
    "two-subjects": lambda made: made["subject"].append(made["subject"][0]),
    "subject-without-name": lambda made: made["subject"][0].pop("name"),
    "subject-without-sha256": lambda made: made["subject"][0].update(digest={"blake3": ID}),
    "subject-upper-case": lambda made: made["subject"][0]["digest"].update(sha256=ID.upper()),
    "subject-short": lambda made: made["subject"][0]["digest"].update(sha256=ID[:-2]),
    "subject-not-the-root": lambda made: made["subject"][0]["digest"].update(sha256="00" * 32),
    "predicate-absent": lambda made: made.pop("predicate"),
    "predicate-list": lambda made: made.update(predicate=[]),
    "predicate-old": lambda made: made.update(predicateType=OLD),
    "predicate-later": lambda made: made.update(predicateType="https://model_signing/signature/v1.1"),
    "predicate-case": lambda made: made.update(predicateType="https://model_signing/Signature/v1.0"),
    "predicate-unknown-key": lambda made: made["predicate"].update(note="x"),
    "no-serialization": lambda made: made["predicate"].pop("serialization"),
    "no-resources": lambda made: made["predicate"].pop("resources"),
    "shards": how(method="shards", shard_size=1000),
    "shard-size": how(shard_size=1000),
    "blake3": how(hash_type="blake3"),
    "blake2b": how(hash_type="blake2b"),
    "sha256-upper-case": how(hash_type="SHA256"),
    "symlinks": how(allow_symlinks=True),
    "symlinks-number": how(allow_symlinks=1),
    "symlinks-absent": lambda made: made["predicate"]["serialization"].pop("allow_symlinks"),
    "ignore-paths-text": how(ignore_paths="model"),
    "resource-of-another-algorithm": resources(lambda found: found[0].update(algorithm="blake3")),
    "resource-of-no-algorithm": resources(lambda found: found[0].pop("algorithm")),
    "resource-digest-upper-case": resources(lambda found: found[0].update(digest=found[0]["digest"].upper())),
    "resource-name-empty": resources(lambda found: found[0].update(name="")),
    "resource-name-number": resources(lambda found: found[0].update(name=1)),
}


@pytest.mark.parametrize("change", INVALID.values(), ids=INVALID)
def test_what_is_no_such_statement_is_refused(change: Callable[[Any], None]) -> None:
    with pytest.raises(FormatError) as refusal:
        checked(material.statement(change))
    assert refusal.value.code == "statement-invalid"


def test_a_digest_that_is_not_hex_is_refused() -> None:
    said = material.statement()
    said["predicate"]["resources"][0]["digest"] = "zz" * 32
    with pytest.raises(FormatError) as refusal:
        checked(said)
    assert refusal.value.code == "statement-invalid"


@pytest.mark.parametrize("key", ["predicate", "subject", "resources", "digest", "name", "method"])
def test_a_key_that_stands_twice_is_refused(key: str) -> None:
    text = json.dumps(material.statement())
    with pytest.raises(FormatError) as refusal:
        checked(text.replace(f'"{key}": ', f'"{key}": 0, "{key}": ', 1).encode())
    assert refusal.value.code == "statement-invalid"


def test_the_old_predicate_says_what_to_do() -> None:
    with pytest.raises(FormatError) as refusal:
        statement.kind_of(statement.decode(json.dumps(material.statement(INVALID["predicate-old"])).encode(), "x"), "x")
    assert "sign again" in refusal.value.hint


@pytest.mark.parametrize(("kind", "type_"), [(kind, each) for kind, types in statement.KINDS.items() for each in types])
def test_attestations_are_about_the_id(kind: str, type_: str) -> None:
    payload = statement.attestation(ID, "churn", type_, {"result": "PASSED"})
    read = statement.decode(payload, "x")
    assert (read.subject, read.predicate, statement.kind_of(read, "x")) == (ID, {"result": "PASSED"}, kind)
    assert payload == rfc8785.dumps(json.loads(payload))


def test_a_float_in_a_predicate_is_not_written() -> None:
    with pytest.raises(SaveError):
        statement.attestation(ID, "churn", statement.KINDS["vsa"][0], {"score": 0.5})
