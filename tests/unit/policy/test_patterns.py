"""Patterns of names, and versions, against the slow and obvious way."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amber.policy.patterns import NAME, any_matches, matches, version_numbers


@pytest.mark.parametrize(
    ("pattern", "name", "fits"),
    [
        ("*", "anything", True),
        ("churn", "churn", True),
        ("churn", "churn2", False),
        ("churn*", "churn", True),
        ("churn-*", "churn", False),
        ("*-eu", "churn-eu", True),
        ("a*a", "a", False),
        ("a*b*c", "axxbyyc", True),
        ("a*b*c", "axxcyyb", False),
        ("a.b", "axb", False),
        ("ab*ba", "aba", False),
        ("**", "a", True),
        ("a*" * 31 + "b", "a" * 63, False),  # backtracking would never end
    ],
)
def test_a_pattern_fits(pattern: str, name: str, fits: bool) -> None:
    assert matches(pattern, name) is fits


@given(st.text("ab*", min_size=1, max_size=8), st.text("ab", max_size=10))
def test_a_star_is_any_characters_and_nothing_else_is_special(pattern: str, name: str) -> None:
    expression = ".*".join(map(re.escape, pattern.split("*")))
    assert matches(pattern, name) is bool(re.fullmatch(expression, name))


def test_no_pattern_fits_nothing() -> None:
    assert not any_matches((), "churn")


@pytest.mark.parametrize(
    "text", ["1.2", "1.2.3.4", "01.2.3", "1.2.-3", "1.2.3 ", "v1.2.3", "1.2.1000000000", "١.٢.٣", ""]
)
def test_what_is_no_version_has_no_numbers(text: str) -> None:
    assert version_numbers(text) is None


def test_versions_compare_as_numbers() -> None:
    order = ["0.0.0", "0.0.10", "0.9.0", "0.10.0", "2.0.0", "10.0.0"]
    numbers = [version_numbers(each) for each in order]
    assert None not in numbers
    assert numbers == sorted(each for each in numbers if each is not None)


def test_names_are_those_of_manifests() -> None:
    from amber.archive.manifest_rules import _NAME, MAX_NAME

    for name in ["a", "churn-eu.v2", "a" * 63, "a" * 64, "-a", "a-", "a--b", "A", "", "a\n"]:
        assert bool(NAME.fullmatch(name)) is bool(len(name) <= MAX_NAME and _NAME.fullmatch(name)), name
