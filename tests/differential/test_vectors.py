"""The reference reader refuses every vector by the step and the code that the index gives, and accepts the others."""

from __future__ import annotations

import pytest

from tests.differential.mutations import COMPAT
from tests.differential.readers import reference
from tests.unit.spec.vectors import Row, accepted, index, policy, rejected, source

LAST = 6  # the reference reader ends with this step


def _done(row: Row) -> bool:
    """Whether the reference reader does what refuses a vector: of signatures the sizes alone, of the policy nothing."""
    return bool(row["step"] in (1, 3, 4, LAST) or row["code"] == "member-too-large")


@pytest.mark.parametrize("row", [row for row in rejected() if _done(row)], ids=lambda row: row["name"])
def test_a_rejected_vector_gives_its_step_and_code(row: Row) -> None:
    said = reference(source(row), policy(row))
    assert (said.step, said.code) == (row["step"], row["code"])


@pytest.mark.parametrize(
    "row", [*accepted(), *(row for row in rejected() if not _done(row))], ids=lambda row: row["name"]
)
def test_an_accepted_vector_passes_and_so_does_one_of_a_later_step(row: Row) -> None:
    assert reference(source(row), policy(row)).code == ""


def test_both_kinds_are_there() -> None:
    assert len(index()) > len(accepted()) > 0


@pytest.mark.parametrize("path", sorted(COMPAT.glob("*.amber")), ids=lambda path: path.stem)
def test_models_of_other_versions_pass(path: object) -> None:
    assert reference(str(path)).code == ""
