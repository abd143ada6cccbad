"""The certificate: no program passes that answers otherwise, or of which nothing was compared."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

import amber
from amber.archive.assemble import read_evidence
from amber.cases.certify import Certified, certify
from amber.errors import SourceError
from amber.policy import Policy
from amber.tree.evidence import Evidence, Group
from amber.vault.check import open_checked

RNG = np.random.default_rng(7)
X = RNG.normal(size=(40, 3))
Y = np.where(X[:, 0] > 0, "yes", "no")
METHODS = ["predict", "predict_proba"]


@pytest.fixture(scope="module")
def model() -> Any:
    return LogisticRegression().fit(X, Y)


@pytest.fixture(scope="module")
def evidence(model: Any, tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    """The cases that saving records."""
    path = tmp_path_factory.mktemp("certify") / "m.amber"
    amber.save(model, path, sample=X)
    with open_checked(path, Policy(), "auto") as checked:
        found = read_evidence(checked.manifest, checked.opened.members, Policy().limits)
    assert found is not None
    return found


class Asked:
    """A program that asks the original and changes what it answers; a ValueError is a refusal."""

    def __init__(self, model: Any, change: Any = None, refuse: Any = None) -> None:
        self.model, self.change, self.refuse = model, change, refuse

    def __getattr__(self, method: str) -> Any:
        def ask(rows: Any) -> Any:
            if self.refuse is not None and self.refuse(rows):
                raise SourceError("input-refused", "no")
            try:
                value = getattr(self.model, method)(rows)
            except ValueError as error:
                raise SourceError("input-refused", str(error)) from error
            return value if self.change is None else self.change(method, value)

        return ask


def verdicts(found: list[Certified]) -> dict[str, str]:
    return {each.method: each.verdict for each in found}


def knife(evidence: Evidence) -> Evidence:
    """Every row of every answer on a knife edge."""

    def edge(group: Group) -> Group:
        answers = [
            msgspec.structs.replace(answer, knife_edge=list(range(group.rows))) if answer.layout else answer
            for answer in group.answers
        ]
        return msgspec.structs.replace(group, answers=answers)

    return msgspec.structs.replace(evidence, groups=[edge(group) for group in evidence.groups])


def test_the_original_is_identical_to_itself(model: Any, evidence: Evidence) -> None:
    assert verdicts(certify(Asked(model), evidence, METHODS)) == dict.fromkeys(METHODS, "identical")


@pytest.mark.parametrize(
    "change",
    [
        lambda method, value: value[::-1],
        lambda method, value: value[:-1],
        lambda method, value: value.astype("S3") if method == "predict" else value.astype(np.float32),
        lambda method, value: value.tolist(),
        lambda method, value: np.column_stack([value, value]),
        lambda method, value: (value,),
        lambda method, value: None,
        lambda method, value: np.where(value == "no", "nein", value) if method == "predict" else value * (1 + 1e-6),
    ],
)
def test_another_answer_has_drifted(model: Any, evidence: Evidence, change: Any) -> None:
    assert verdicts(certify(Asked(model, change), evidence, METHODS)) == dict.fromkeys(METHODS, "drifted")


def test_rounding_is_equivalent_and_labels_are_exact(model: Any, evidence: Evidence) -> None:
    found = certify(Asked(model, lambda method, value: value if method == "predict" else value * (1 + 1e-13)),
                    evidence, METHODS)  # fmt: skip
    assert verdicts(found) == {"predict": "identical", "predict_proba": "equivalent"}


def test_what_the_original_refuses_may_not_be_answered(model: Any, evidence: Evidence) -> None:
    class Deaf(Asked):
        def __getattr__(self, method: str) -> Any:
            return lambda rows: getattr(self.model, method)(np.nan_to_num(np.asarray(rows, float)))

    found = certify(Deaf(model), evidence, METHODS)
    assert verdicts(found) == dict.fromkeys(METHODS, "drifted")
    said = {seen.said for each in found for seen in each.drifted}
    assert "answers what the original refuses" in said


def test_what_the_original_answers_may_not_be_refused(model: Any, evidence: Evidence) -> None:
    found = certify(Asked(model, refuse=lambda rows: len(rows) == 1), evidence, METHODS)
    assert verdicts(found) == dict.fromkeys(METHODS, "drifted")


def test_an_error_that_is_no_refusal_has_drifted(model: Any, evidence: Evidence) -> None:
    def fail(method: str, value: Any) -> Any:
        raise RuntimeError("the runtime")

    found = certify(Asked(model, fail), evidence, METHODS)
    assert verdicts(found) == dict.fromkeys(METHODS, "drifted")
    assert "RuntimeError" in found[0].drifted[0].said


def test_a_method_that_is_never_answered_is_not_covered(model: Any, evidence: Evidence) -> None:
    refusals = [group for group in evidence.groups if all(answer.refusal for answer in group.answers)]
    assert refusals
    found = certify(Asked(model), msgspec.structs.replace(evidence, groups=refusals), METHODS)
    assert verdicts(found) == dict.fromkeys(METHODS, "not-covered")


def test_rows_on_a_knife_edge_alone_certify_nothing(model: Any, evidence: Evidence) -> None:
    swapped = Asked(model, lambda method, value: np.where(value == "no", "yes", "no") if method == "predict" else value)
    found = certify(swapped, knife(evidence), ["predict"])
    assert verdicts(found) == {"predict": "not-covered"}
    assert {seen.said for seen in found[0].groups} >= {"every row is on a knife edge"}


def test_rows_outside_a_domain_alone_certify_nothing(model: Any, evidence: Evidence) -> None:
    found = certify(Asked(model), evidence, METHODS, outside=lambda rows: list(range(len(rows))))
    assert verdicts(found) == dict.fromkeys(METHODS, "not-covered")


def test_a_method_without_a_record_is_not_covered(model: Any, evidence: Evidence) -> None:
    assert verdicts(certify(Asked(model), evidence, ["decide"])) == {"decide": "not-covered"}
