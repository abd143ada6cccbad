"""The small readers below the bill of materials: front matter, licence texts, packages of a lock."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amber.errors import FormatError
from amber.vault.sbom import front_matter, licence, packages
from amber.vault.sbom.packages import Package


def said(*lines: str) -> dict[str, tuple[str, ...]]:
    return front_matter.read("\n".join(["---", *lines, "---", "# Card"]).encode())


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["users: all"], ("all",)),
        (["users: [a, b]"], ("a", "b")),
        (["users:", "  - a", "  - b c"], ("a", "b c")),
        (["users: 'it is # plain'"], ("it is # plain",)),
        (['users: "a: b"'], ("a: b",)),
        (["users:", "", "- a"], ("a",)),
        (["other: x", "users: all", "more:", "  deep: y"], ("all",)),
        (["users: \u202eevil"], ("\\u202eevil",)),
    ],
    ids=["text", "flow", "block", "single", "double", "blank-line", "among-others", "escaped"],
)
def test_the_three_forms(lines: list[str], expected: tuple[str, ...]) -> None:
    assert said(*lines) == {"users": expected}


@pytest.mark.parametrize(
    "lines",
    [
        ["users:"],
        ["users: |", "  a"],
        ["users: >-", "  a"],
        ["users: &x a"],
        ["users: *x"],
        ["users: !tag a"],
        ["users: {a: b}"],
        ["users: a # comment"],
        ["users: a: b"],
        ["users: null"],
        ["users: 'a''b'"],
        ['users: "a\\nb"'],
        ["users: [a, {b: c}]"],
        ["users:", "- a", "- b: c"],
        ["users:", "  deep: y"],
        ["users: a", "  goes on"],
        ["users: a", "- b"],
        ["users:", "- a", "  - b"],
        ["users: - a"],
        ["users: a", "users: b"],
        ["Users: a"],
    ],
    ids=[
        "nothing", "literal", "folded", "anchor", "alias", "tag", "map", "comment", "inner-map", "null", "quote",
        "escape", "flow-map", "list-of-maps", "nested", "continued", "mixed", "indented", "dash", "twice", "other-key",
    ],
)  # fmt: skip
def test_another_form_says_nothing(lines: list[str]) -> None:
    assert said(*lines) == {}


@pytest.mark.parametrize(
    "card",
    [None, b"", b"# Card", b"---\nusers: a\n", b"users: a\n---\n", b"text\n---\nusers: a\n---\n", b"\xff\xfe"],
    ids=["none", "empty", "no-front", "not-closed", "not-opened", "later", "not-text"],
)
def test_a_card_without_front_matter_says_nothing(card: bytes | None) -> None:
    assert front_matter.read(card) == {}


def test_two_spellings_of_one_key_are_both_heard() -> None:
    assert said("technical_limitations: a", "limitations: [b]") == {"limitations": ("a", "b")}


def test_a_card_of_many_words_is_cut() -> None:
    found = said("users:", *[f"- {'x' * 5000}"] * 500)["users"]
    assert len(found) == front_matter.MAX_TEXTS
    assert {len(text) for text in found} == {front_matter.MAX_CHARS + 3}


@given(st.text(st.sampled_from("ab:-[]{}'\"#&*| \n\t,~\u202e"), max_size=60))
def test_no_text_of_a_card_ends_badly(text: str) -> None:
    for texts in front_matter.read(f"---\nusers: {text}\n---\n".encode()).values():
        assert all(line and line.isprintable() for line in texts)


@pytest.mark.parametrize(
    "text",
    ["MIT", "GPL-2.0+", "(MIT)", "MIT AND (Apache-2.0 OR BSD-3-Clause)", "GPL-2.0-only WITH GCC-exception-2.0",
     "LicenseRef-own", "DocumentRef-a:LicenseRef-b"],
)  # fmt: skip
def test_expressions(text: str) -> None:
    assert licence.is_expression(text)


@pytest.mark.parametrize(
    "text",
    ["", " ", "MIT Apache-2.0", "MIT AND", "AND MIT", "(MIT", "MIT)", "()", "MIT (MIT)", "see the contract", "a/b"],
)
def test_no_expressions(text: str) -> None:
    assert not licence.is_expression(text)


def lock(packages: dict[str, object], *more: str) -> bytes:
    lines = ['lock-version = "1.0"', 'created-by = "x"', *more, "[tool.amber]", 'python = "3.11.7"']
    lines += ['implementation = "CPython"', "[tool.amber.packages]"]
    return "\n".join(
        [*lines, *(f"{json.dumps(name)} = {json.dumps(value)}" for name, value in packages.items())]
    ).encode()


def test_a_variant_is_the_package_that_was_installed() -> None:
    found = packages.read(lock({"xgboost-cpu": "3.0.1", "numpy": "2.4.0"}), {"xgboost": "3.0.1", "numpy": "2.4.0"})
    assert found.direct == ("numpy", "xgboost-cpu")
    assert [each.purl for each in found.packages] == ["pkg:pypi/numpy@2.4.0", "pkg:pypi/xgboost-cpu@3.0.1"]
    assert found.runtime == ("CPython", "3.11.7")


def test_a_library_that_was_not_recorded_stands_with_the_manifests_version() -> None:
    found = packages.read(lock({"xgboost-cpu": "2.0"}), {"xgboost": "3.0.1"})
    assert found.packages == (Package("xgboost", "3.0.1"), Package("xgboost-cpu", "2.0"))


def test_a_version_is_encoded() -> None:
    assert Package("torch", "2.1+cpu!x").purl == "pkg:pypi/torch@2.1%2Bcpu%21x"


def test_the_edges_of_a_lock_between_recorded_packages() -> None:
    entries = (
        '[[packages]]\nname = "scipy"\ndependencies = [{name = "numpy"}, {name = "elsewhere"}, {}, 3]',
        '[[packages]]\nname = "numpy"\ndependencies = []',
        '[[packages]]\nname = "joblib"',
    )
    found = packages.read(lock({"numpy": "1", "scipy": "2", "joblib": "3"}, *entries), {})
    assert {each.name: each.needs for each in found.packages} == {"numpy": (), "scipy": ("numpy",), "joblib": None}


@pytest.mark.parametrize(
    "packages_",
    [{"Bad Name": "1"}, {"numpy": "1 2"}, {"numpy": 1}, {"numpy": ""}, {"numpy": "x" * 200}, {"n" * 200: "1"}],
    ids=["name", "version", "number", "empty", "long-version", "long-name"],
)
def test_packages_that_are_none_are_refused(packages_: dict[str, object]) -> None:
    with pytest.raises(FormatError) as caught:
        packages.read(lock(packages_), {})
    assert caught.value.code == "environment-invalid"


@pytest.mark.parametrize(
    "data",
    [b"\xff", b"a = ", b"x = " + b"[" * 100_000],
    ids=["not-text", "not-toml", "deep"],
)
def test_a_lock_that_is_no_toml_is_refused(data: bytes) -> None:
    with pytest.raises(FormatError) as caught:
        packages.read(data, {})
    assert caught.value.code == "environment-invalid"


@pytest.mark.parametrize(
    "data",
    [b"", b"tool = 3", b"[tool]\namber = 3", b'[tool.amber]\npackages = "x"', b"packages = 3", b'packages = ["x"]'],
    ids=["empty", "tool", "amber", "packages", "lock-number", "lock-texts"],
)
def test_a_lock_that_says_nothing_has_no_packages(data: bytes) -> None:
    assert packages.read(data, {}) == packages.Environment()
