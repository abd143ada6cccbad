"""The rule language is parsed as `spec/vocabulary.md` says."""

from __future__ import annotations

import pytest

from amber.vocabulary import terms
from amber.vocabulary.terms import Call, Number, Path, Sum


def test_products_bind_closer_than_sums() -> None:
    assert terms.term("1 + 2 * a") == Sum("+", Number(1), Sum("*", Number(2), Path(("a",), "a")))
    assert terms.term("(1 + 2) * a") == Sum("*", Sum("+", Number(1), Number(2)), Path(("a",), "a"))
    assert terms.term("4 - 3 - 2") == Sum("-", Sum("-", Number(4), Number(3)), Number(2))


def test_paths() -> None:
    found = terms.path("estimators_[*].tree_.nodes[3]")
    assert found.steps == ("estimators_", "*", "tree_", "nodes", 3)
    assert found.text == "estimators_[*].tree_.nodes[3]"


def test_comparison_and_functions() -> None:
    found = terms.comparison("len(a.b) <= shape(c, 1) // 2")
    assert found.operator == "<="
    assert found.left == Call("len", (terms.path("a.b"),))
    assert [path.text for path in terms.paths_of(found.right)] == ["c"]


def test_numbers_stand_for_themselves() -> None:
    assert terms.term(7) == Number(7)
    assert terms.term("-1") == Number(-1)


@pytest.mark.parametrize(
    "text",
    ["", "a b", "1 +", "f(a)", "len(1)", "len(a, b)", "shape(a)", "a.[0]", "a[", "a[x]", "a ==", "(a", "é", "a @ b"],
)
def test_what_is_no_term(text: str) -> None:
    with pytest.raises(ValueError, match=r"'|is no"):
        terms.term(text)


def test_what_is_no_comparison_or_path() -> None:
    with pytest.raises(ValueError, match="comparison"):
        terms.comparison("a + b")
    with pytest.raises(ValueError, match="path"):
        terms.path("a + b")
