from __future__ import annotations

from typing import Any

import pytest

from amber.archive import manifest as m
from amber.archive.member_rules import check_members
from amber.errors import AmberError
from amber.limits import DEFAULT, Limits
from tests.unit.archive.samples import draft

BASE = {"manifest.json": 9, "env/pylock.toml": 5, "model/tree.json": 7}
CASES = m.CasesInfo(source="sample", rows=1, dropped=0, knife_edge=0, contains_training_rows=False)
PROGRAM = m.ProgramInfo(name="main", member="programs/main.onnx", precision="float32", domain={}, certificate={})


def check(
    sizes: dict[str, int], limits: Limits = DEFAULT, listed: dict[str, int] | None = None, **changes: Any
) -> None:
    names = listed if listed is not None else {n: s for n, s in sizes.items() if n[:8] not in ("manifest", "signatur")}
    members = {name: m.MemberInfo(size=size, blake3="0" * 64) for name, size in names.items()}
    check_members(draft(members=members, **changes), sizes, limits)


def refused(*arguments: Any, **changes: Any) -> tuple[str, str]:
    with pytest.raises(AmberError) as caught:
        check(*arguments, **changes)
    return caught.value.code, caught.value.where


SHARD1, SHARD2 = "model/tensors-00001.safetensors", "model/tensors-00002.safetensors"
BUNDLE = "signatures/0001-sbom.sigstore.json"


def test_what_passes() -> None:
    check(BASE)
    check({**BASE, "README.md": 0, "model/strings.json": 2, SHARD1: 1, SHARD2: 1, BUNDLE: 256 * 1024})
    check({**BASE, "cases/g000.json": 1, "cases/g000.bin": 0}, cases=CASES)
    check({**BASE, "programs/main.onnx": 1, "programs/main.json": 1}, programs=[PROGRAM])


def test_lists_and_members_must_agree() -> None:
    assert refused({**BASE, "README.md": 1}, listed={n: BASE[n] for n in list(BASE)[1:]}) == (
        "member-unlisted",
        "README.md",
    )
    assert refused(BASE, listed={**{n: BASE[n] for n in list(BASE)[1:]}, "a": 1}) == ("member-missing", "a")
    assert refused(BASE, listed={"env/pylock.toml": 5, "model/tree.json": 8}) == ("member-size", "model/tree.json")
    assert refused(BASE, listed=BASE) == ("member-missing", "manifest.json")
    assert (
        refused({**BASE, BUNDLE: 1}, listed={**{n: BASE[n] for n in list(BASE)[1:]}, BUNDLE: 1})[0] == "member-missing"
    )


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"extra/a": 1}, "member-unknown"),
        ({"model/other.json": 1}, "member-unknown"),
        ({SHARD2: 1}, "member-missing"),
        ({"cases/g000.json": 1}, "member-missing"),
        ({"cases/g000.bin": 1}, "member-missing"),
        ({"cases/g000.json": 1, "cases/g000.bin": 1}, "member-unlisted"),
        ({"programs/main.onnx": 1}, "member-unlisted"),
        ({BUNDLE: 256 * 1024 + 1}, "member-too-large"),
        ({"signatures/other": 1}, "member-unknown"),
    ],
)
def test_places_and_pairs(more: dict[str, int], code: str) -> None:
    assert refused({**BASE, **more})[0] == code


def test_what_the_manifest_describes_must_be_there() -> None:
    assert refused(BASE, cases=CASES)[0] == "member-missing"
    assert refused(BASE, programs=[PROGRAM])[0] == "member-missing"
    assert refused({**BASE, "programs/main.onnx": 1}, programs=[PROGRAM])[0] == "member-missing"


@pytest.mark.parametrize("name", ["model/tree.json", "env/pylock.toml"])
def test_required_members(name: str) -> None:
    assert refused({n: s for n, s in BASE.items() if n != name}) == ("member-missing", name)


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        (Limits(tree_bytes=6), "limit-tree-bytes"),
        (Limits(environment_bytes=4), "limit-environment-bytes"),
        (Limits(card_bytes=0), "limit-card-bytes"),
        (Limits(strings_bytes=1), "limit-strings-bytes"),
        (Limits(cases_bytes=2), "limit-cases-bytes"),
        (Limits(cases_members=1), "limit-cases-members"),
    ],
)
def test_limits(limits: Limits, code: str) -> None:
    sizes = {**BASE, "README.md": 1, "model/strings.json": 2, "cases/g000.json": 2, "cases/g000.bin": 1}
    check(sizes, cases=CASES)
    assert refused(sizes, limits, cases=CASES)[0] == code
