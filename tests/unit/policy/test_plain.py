"""A policy from TOML, from plain data and back; what may be written, and what is refused instead of being guessed."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from amber.errors import SourceError, UsageError
from amber.limits import DEFAULT
from amber.policy import (
    Certificate,
    Demand,
    Key,
    Keyless,
    Line,
    Policy,
    Revoked,
    RevokedKey,
    Rule,
    Signer,
)
from tests.unit.policy.material import NOW, der, pem, root, root_pem

SCHEMA = Path(__file__).parents[3] / "spec" / "schemas" / "policy.schema.json"
EVERYTHING = (
    """
preset = "default"
issued = 2026-11-01
expires = 2027-11-01T12:00:00+02:00
names = ["churn*", "fraud"]
verdict = "equivalent"
allow = ["mypkg.text.Scaler"]
sharing = "exact"

[signers.alice]
keys = ["alice.pub", {key = "keys/old.pub", until = 2027-01-01}]
until = 2028-01-01T00:00:00Z
names = ["churn*"]

[signers."ci@example.org"]
certificate = {root = "ca.pem", san = "ci@example.org"}

[signers.build]
keyless = [{identity = "me@example.org", issuer = "https://issuer.example", trusted_root = "root.json"}]

[[rule]]
names = ["churn*"]
require = [{from = ["alice", "build"], k = 1}, {from = ["ci@example.org"]}]
attestations = [{type = "test-result", from = ["build"], k = 1, result = "WARNED"}]
verdict = "identical"
kinds = ["classifier"]
programs = "only"
rows = "synthetic"
max_bytes = 0
minimum = "1.2.3"

[revoked]
ids = ["IDS"]
keys = ["KEY", {fingerprint = "OTHER", since = 2026-11-01}]
certificates = ["CERT"]

[timestamps]
roots = ["ca.pem"]

[seen]
file = "state/seen.json"

[limits]
nodes = 5
replay_seconds = 1.5
""".replace("IDS", "ab" * 32)
    .replace("KEY", "cd" * 32)
    .replace("OTHER", "ef" * 32)
    .replace("CERT", "01" * 32)
)


def invalid(data: Any, code: str = "policy-invalid", base: str | None = None) -> UsageError:
    with pytest.raises(UsageError) as caught:
        Policy.from_dict(data, "policy.toml", base)
    assert caught.value.code == code
    return caught.value


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "keys").mkdir()
    (tmp_path / "alice.pub").write_text(pem(1))
    (tmp_path / "keys" / "old.pub").write_bytes(der(2, "P-521"))
    (tmp_path / "ca.pem").write_text(root_pem(1))
    (tmp_path / "root.json").write_text('{"mediaType": "x"}')
    (tmp_path / "policy.toml").write_text(EVERYTHING)
    return tmp_path


def test_a_file_says_what_the_constructor_says(folder: Path) -> None:
    found = Policy.from_file(folder / "policy.toml")
    assert found == Policy(
        issued=datetime(2026, 11, 1, tzinfo=UTC),
        expires=datetime(2027, 11, 1, 10, tzinfo=UTC),
        names=("churn*", "fraud"),
        verdict="equivalent",
        allow=("mypkg.text.Scaler",),
        sharing="exact",
        signers=(
            Signer(
                "alice",
                keys=(Key(der(1)), Key(der(2, "P-521"), datetime(2027, 1, 1, tzinfo=UTC))),
                until=datetime(2028, 1, 1, tzinfo=UTC),
                names=("churn*",),
            ),
            Signer("ci@example.org", certificates=(Certificate(root(1), san="ci@example.org"),)),
            Signer(
                "build", keyless=(Keyless("me@example.org", "https://issuer.example", b'{"mediaType": "x"}'),)
            ),
        ),
        rules=(
            Rule(
                ("churn*",),
                (Line(("alice", "build")), Line(("ci@example.org",))),
                (Demand("test-result", ("build",), 1, "WARNED"),),
                "identical",
                ("classifier",),
                "only",
                "synthetic",
                0,
                "1.2.3",
            ),
        ),
        revoked=Revoked(
            ("ab" * 32,),
            (RevokedKey("cd" * 32), RevokedKey("ef" * 32, datetime(2026, 11, 1, tzinfo=UTC))),
            ("01" * 32,),
        ),
        timestamps=(root(1),),
        seen=str(folder / "state" / "seen.json"),
        limits=replace(DEFAULT, nodes=5, replay_seconds=1.5),
    )  # fmt: skip
    assert found.source == str(folder / "policy.toml")
    assert found.names_signers
    assert found.needs_id


def test_the_example_of_the_specification_is_a_policy(tmp_path: Path) -> None:
    page = (SCHEMA.parents[1] / "policy.md").read_text(encoding="utf-8")
    (tmp_path / "policy.toml").write_text(page.partition("```toml\n")[2].partition("```")[0])
    for number, name in enumerate(("alice.pub", "alice-old.pub")):
        (tmp_path / name).write_text(pem(number))
    (tmp_path / "ca.pem").write_text(root_pem(1))
    (tmp_path / "root.json").write_text("{}")
    found = Policy.from_file(tmp_path / "policy.toml")
    assert [each.label for each in found.signers] == ["alice", "ci", "build"]
    assert found.rules[0].minimum == "2.1.0"


def test_plain_data_holds_everything_and_gives_it_back(folder: Path) -> None:
    found = Policy.from_file(folder / "policy.toml")
    plain = json.loads(json.dumps(found.to_dict()))
    for path in folder.rglob("*"):
        if path.is_file():
            path.unlink()
    again = Policy.from_dict(plain)
    assert again == found
    assert again.digest == found.digest
    assert again.to_dict() == found.to_dict()


def test_what_is_written_fits_the_schema_and_can_be_toml(folder: Path) -> None:
    import tomllib

    import tomli_w

    found = Policy.from_file(folder / "policy.toml")
    schema = json.loads(SCHEMA.read_text())
    plain = found.to_dict()
    assert not [*Draft202012Validator(schema).iter_errors(plain)]
    text = tomli_w.dumps(plain)
    assert Policy.from_dict(tomllib.loads(text)) == found
    (folder / "again.toml").write_text(text)
    assert Policy.from_file(folder / "again.toml") == found


def test_the_digest_is_of_what_is_said_and_not_of_where(folder: Path) -> None:
    (folder / "other.toml").write_text("# a comment\n" + EVERYTHING)
    first, second = (Policy.from_file(folder / name) for name in ("policy.toml", "other.toml"))
    assert first.digest == second.digest
    assert replace(first, verdict=None).digest != first.digest
    assert first.over(Policy(verdict="identical")).digest != first.digest


def test_a_floor_travels_with_its_policy(folder: Path) -> None:
    floor = Policy.from_dict({"limits": {"members": 4096}, "allow": []}, "floor")
    found = Policy.from_file(folder / "policy.toml").over(floor)
    assert found.allow == ()
    again = Policy.from_dict(json.loads(json.dumps(found.to_dict())))
    assert again == found
    assert again.floor is not None
    assert again.floor.given == {"limits", "limits.members", "allow"}
    assert again.allowing(("mypkg.text.Scaler",)).allow == ()


def test_a_file_has_no_floor_of_its_own(folder: Path) -> None:
    (folder / "policy.toml").write_text('[floor]\nverdict = "identical"')
    with pytest.raises(UsageError, match="unknown key"):
        Policy.from_file(folder / "policy.toml")


@pytest.mark.parametrize(
    ("data", "where", "said"),
    [
        ({"alow": []}, "alow", "did you mean allow?"),
        ({"signers": {"alice": {"key": [pem(1)]}}}, "signers.alice.key", "did you mean keys?"),
        ({"signers": {"alice": {"keys": [{"pem": pem(1)}]}}}, "signers.alice.keys[0].pem", "known here: key, until"),
        ({"rule": [{"names": ["a"]}, {"names": ["a"], "requires": []}]}, "rule[1].requires", "did you mean require?"),
        ({"rule": [{"names": ["a"], "require": [{"of": []}]}]}, "rule[0].require[0].of", "known here: from, k"),
        ({"revoked": {"id": []}}, "revoked.id", "did you mean ids?"),
        ({"limits": {"node": 3}}, "limits.node", "did you mean nodes?"),
        ({"seen": {"path": "x"}}, "seen.path", "known here: file"),
        ({"timestamps": {"root": []}}, "timestamps.root", "did you mean roots?"),
    ],
)
def test_an_unknown_key_is_refused_with_its_place_and_a_hint(data: Any, where: str, said: str) -> None:
    error = invalid(data)
    assert error.where == f"policy.toml: {where}"
    assert error.message == "unknown key"
    assert error.hint == said


@pytest.mark.parametrize(
    ("data", "where"),
    [
        ([], ""),
        ({"allow": 3}, "allow"),
        ({"allow": "mypkg.A"}, "allow"),
        ({"allow": ["mypkg.*"]}, "allow"),
        ({"allow": ["Scaler"]}, "allow"),
        ({"allow": ["a.b; c"]}, "allow"),
        ({"allow": [1]}, "allow[0]"),
        ({"verdict": "fine"}, "verdict"),
        ({"preset": "strict"}, "preset"),
        ({"sharing": "none"}, "sharing"),
        ({"limits": 3}, "limits"),
        ({"limits": {"nodes": -1}}, "limits.nodes"),
        ({"limits": {"nodes": 1.5}}, "limits.nodes"),
        ({"limits": {"nodes": True}}, "limits.nodes"),
        ({"limits": {"nodes": "3"}}, "limits.nodes"),
        ({"limits": {"replay_seconds": float("nan")}}, "limits.replay_seconds"),
        ({"limits": {"replay_seconds": float("inf")}}, "limits.replay_seconds"),
        ({"names": ["Churn"]}, "names[0]"),
        ({"signers": ["alice"]}, "signers"),
        ({"signers": {"alice": {}}}, "signers.alice"),
        ({"signers": {"alice": {"keys": pem(1)}}}, "signers.alice.keys"),
        ({"signers": {"alice": {"keys": []}}}, "signers.alice"),
        ({"signers": {"a b": {"keys": [pem(1)]}}}, "signers.a b"),
        ({"signers": {"alice": {"keys": [pem(1)], "names": []}}}, "signers.alice.names"),
        ({"signers": {"alice": {"keys": [pem(1)], "until": 2027}}}, "signers.alice.until"),
        ({"signers": {"alice": {"keys": [pem(1)], "until": "soon"}}}, "signers.alice.until"),
        ({"signers": {"alice": {"keys": [pem(1)], "until": "2027-02-30"}}}, "signers.alice.until"),
        ({"signers": {"alice": {"keys": [pem(1)], "until": "2027-01-01T00:00:00"}}}, "signers.alice.until"),
        ({"signers": {"alice": {"keys": [pem(1)], "until": "0001-01-01T00:00:00+14:00"}}}, "signers.alice.until"),
        ({"signers": {"alice": {"keys": [pem(1)]}, "bob": {"keys": [pem(1)]}}}, "signers.bob"),
        ({"signers": {"alice": {"certificate": {"root": root_pem(1)}}}}, "signers.alice.certificate"),
        ({"signers": {"alice": {"certificate": {"san": "a@b.c"}}}}, "signers.alice.certificate"),
        ({"signers": {"alice": {"keyless": {"identity": "a"}}}}, "signers.alice.keyless"),
        (
            {"signers": {"alice": {"keyless": {"identity": "", "issuer": "i", "trusted_root": "{}"}}}},
            "signers.alice.keyless.identity",
        ),
        ({"rule": {"names": ["a"]}}, "rule"),
        ({"rule": [{}]}, "rule[0]"),
        ({"rule": [{"names": "a"}]}, "rule[0].names"),
        ({"rule": [{"names": ["a"], "verdict": ""}]}, "rule[0].verdict"),
        ({"rule": [{"names": ["a"], "minimum": "1.2"}]}, "rule[0].minimum"),
        ({"rule": [{"names": ["a"], "kinds": ["A kind"]}]}, "rule[0].kinds[0]"),
        ({"rule": [{"names": ["a"], "max_bytes": 1.0}]}, "rule[0].max_bytes"),
        ({"rule": [{"names": ["a"], "require": [{"from": ["alice"], "k": "1"}]}]}, "rule[0].require[0].k"),
        ({"rule": [{"names": ["a"], "require": [{"k": 1}]}]}, "rule[0].require[0]"),
        ({"rule": [{"names": ["a"], "require": [{"from": []}]}]}, "rule[0].require[0].from"),
        ({"rule": [{"names": ["a"], "require": [{"from": ["alice"]}]}]}, "rule[0]"),
        ({"rule": [{"names": ["a"], "attestations": [{"type": "x", "from": ["a"]}]}]}, "rule[0].attestations[0].type"),
        ({"revoked": {"ids": ["abc"]}}, "revoked.ids[0]"),
        ({"revoked": {"ids": ["AB" * 32]}}, "revoked.ids[0]"),
        ({"revoked": {"keys": [{"since": "2027-01-01"}]}}, "revoked.keys[0]"),
        ({"timestamps": {}}, "timestamps"),
        ({"seen": {}}, "seen"),
        ({"seen": {"file": ""}}, "seen.file"),
        ({"seen": {"file": "seen.json"}}, "seen.file"),
        ({"issued": "2027-01-01", "expires": "2026-01-01"}, "expires"),
    ],
)
def test_what_is_not_valid_is_refused_with_its_place(data: Any, where: str) -> None:
    assert invalid(data).where == f"policy.toml: {where}"


def test_without_a_folder_nothing_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "alice.pub").write_text(pem(1))
    error = invalid({"signers": {"alice": {"keys": ["alice.pub"]}}})
    assert error.where == "policy.toml: signers.alice.keys[0]"


def test_a_file_that_is_named_and_not_there(folder: Path) -> None:
    (folder / "alice.pub").unlink()
    with pytest.raises(SourceError) as caught:
        Policy.from_file(folder / "policy.toml")
    assert caught.value.code == "policy-unreadable"
    assert caught.value.where.endswith("alice.pub")
    assert "policy.toml: signers.alice.keys[0] names it" in caught.value.message


def test_a_key_of_another_kind_names_the_place_and_the_file(folder: Path) -> None:
    (folder / "alice.pub").write_text(root_pem(1))
    with pytest.raises(UsageError) as caught:
        Policy.from_file(folder / "policy.toml")
    assert caught.value.code == "key-malformed"
    assert caught.value.where.endswith("policy.toml: signers.alice.keys[0] (alice.pub)")
    assert "certificate = {root" in caught.value.hint


@pytest.mark.parametrize("text", ["not toml", "a = 1\na = 2", "\xff", "[" * 10_000])
def test_what_is_not_toml_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "policy.toml").write_bytes(text.encode("latin-1"))
    with pytest.raises(UsageError) as caught:
        Policy.from_file(tmp_path / "policy.toml")
    assert caught.value.code == "policy-invalid"


LONG = ".".join(["a"] * 500_000)  # the standard library's parser needs its square: hours


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f"{LONG} = 1", id="a key"),
        pytest.param(f"preset = 'open'\n[{LONG}]", id="a table"),
        pytest.param(f"[[ {LONG} ]]", id="an array of tables"),
        pytest.param(f"revoked = {{ids = [], {LONG} = 1}}", id="an inline table"),
        pytest.param(".".join(["'a'"] * 65) + " = 1", id="one part too many"),
    ],
)
def test_a_key_of_many_parts_costs_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "policy.toml").write_text(text)
    with pytest.raises(UsageError) as caught:
        Policy.from_file(tmp_path / "policy.toml")
    assert caught.value.code == "policy-invalid"
    assert "more than 64 parts" in caught.value.message


def test_a_key_of_64_parts_is_read_and_unknown(tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text(".".join(["a"] * 64) + " = 1")
    with pytest.raises(UsageError) as caught:
        Policy.from_file(tmp_path / "policy.toml")
    assert caught.value.where.endswith("policy.toml: a")


def test_a_private_key_in_place_of_a_policy_is_not_shown(tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text(
        "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49\n-----END PRIVATE KEY-----\n"
    )
    with pytest.raises(UsageError) as caught:
        Policy.from_file(tmp_path / "policy.toml")
    assert caught.value.code == "key-private"
    assert "MIGH" not in str(caught.value)


def test_names_are_a_list_not_a_string() -> None:
    with pytest.raises(UsageError):
        Policy(allow="mypkg.text.Scaler")  # type: ignore[arg-type]


def test_allowing_adds_names_once() -> None:
    assert Policy(allow=("a.B",)).allowing(("c.D", "a.B")).allow == ("a.B", "c.D")


times = st.datetimes(min_value=datetime(1990, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.just(UTC))
patterns = st.lists(st.from_regex(r"[a-z0-9._*-]{1,12}", fullmatch=True), min_size=1, max_size=3).map(tuple)
digests = st.integers(0, 2**256 - 1).map(lambda number: f"{number:064x}")


@st.composite
def policies(draw: Any) -> Policy:
    labels = draw(st.lists(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,8}", fullmatch=True), max_size=4, unique=True))
    signers = []
    for number, label in enumerate(labels):
        kinds = draw(st.sets(st.sampled_from(["key", "certificate", "keyless"]), min_size=1))
        text = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20).filter(str.isprintable)
        ends = draw(st.lists(st.none() | times, min_size=1, max_size=3))
        curve = draw(st.sampled_from(["P-256", "P-384", "P-521"]))
        signers.append(
            Signer(
                label,
                tuple(Key(der(100 * number + at, curve), end) for at, end in enumerate(ends)) if "key" in kinds else (),
                (Certificate(root(number), **{draw(st.sampled_from(["san", "subject"])): draw(text)}),)
                if "certificate" in kinds
                else (),
                (Keyless(draw(text), f"https://issuer.example/{number}", b'{"a": "\xc3\xa4"}'),)
                if "keyless" in kinds
                else (),
                draw(st.none() | times),
                draw(patterns),
            )
        )
    rules = []
    for _ in range(draw(st.integers(0, 2)) if labels else 0):
        chosen = tuple(draw(st.lists(st.sampled_from(labels), min_size=1, unique=True)))
        rules.append(
            Rule(
                draw(patterns),
                (Line(chosen, draw(st.integers(1, len(chosen)))),) if draw(st.booleans()) else (),
                (Demand(draw(st.sampled_from(["sbom", "vsa"])), chosen),) if draw(st.booleans()) else (),
                draw(st.sampled_from([None, "identical", "drifted"])),
                draw(st.sampled_from([(), ("classifier", "regressor")])),
                draw(st.sampled_from(["", "only"])),
                draw(st.sampled_from(["", "synthetic"])),
                draw(st.none() | st.integers(0, 2**60)),
                draw(st.sampled_from(["", "0.0.1", "10.20.30"])),
            )
        )
    return Policy(
        draw(st.sampled_from([(), ("a.B", "c.D")])),
        replace(DEFAULT, nodes=draw(st.integers(0, 10**9)), replay_seconds=draw(st.floats(0, 1e6))),
        draw(st.sampled_from([None, "equivalent"])),
        tuple(signers),
        draw(st.sampled_from(["tolerant", "exact"])),
        draw(st.sampled_from(["default", "open"])) if not rules else "default",
        draw(patterns),
        tuple(rules),
        Revoked(
            tuple(draw(st.lists(digests, max_size=2))),
            tuple(draw(st.lists(st.builds(RevokedKey, digests, st.none() | times), max_size=2))),
            tuple(draw(st.lists(digests, max_size=2))),
        ),
        draw(st.sampled_from([(), (root(1), root(2))])),
        draw(st.sampled_from([None, "/var/lib/seen.json"])),
        *draw(st.sampled_from([(None, None), (NOW, None), (NOW, NOW.replace(year=2030))])),
    )


@settings(max_examples=200)
@given(policies(), st.none() | policies())
def test_every_policy_goes_to_plain_data_and_back(found: Policy, floor: Policy | None) -> None:
    if floor is not None:
        found = found.over(replace(floor, seen=None))
    plain = json.loads(json.dumps(found.to_dict()))
    again = Policy.from_dict(plain)
    assert again == found
    assert again.digest == found.digest
    assert again.names_signers is found.names_signers
    plain.pop("floor", None)
    validator = Draft202012Validator(json.loads(SCHEMA.read_text()))
    assert not [error.message for error in validator.iter_errors(plain)]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=200)
@given(
    st.dictionaries(st.sampled_from(["signers", "rule", "revoked", "seen", "limits", "issued", "names"]), json_values)
)
def test_any_data_is_a_policy_or_a_refusal_and_the_schema_agrees(data: dict[str, Any]) -> None:
    validator = Draft202012Validator(json.loads(SCHEMA.read_text()))
    code = ""
    try:
        Policy.from_dict(data, "policy.toml")
    except UsageError as error:
        code = error.code
    assert code == "policy-invalid" or not [*validator.iter_errors(data)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("soon", "'soon' is not a time"),
        ("2027-01-01T12:00", "'2027-01-01T12:00' is not a time: it needs a zone, Z or +01:00"),
        ("2027-13-01", "'2027-13-01' is not a time: "),
    ],
)
def test_what_is_no_time_is_shown(text: str, said: str) -> None:
    assert invalid({"expires": text}).message.startswith(said)
