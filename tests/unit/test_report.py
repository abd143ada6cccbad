"""The one table of verdicts and exit codes, and what `require` lets pass."""

from __future__ import annotations

import json
from typing import get_args

import pytest

from amber.errors import CaseError, PolicyError, UsageError
from amber.report import EXIT_BY_VERDICT, STEPS, Finding, Report, Step, Verdict

ALL = get_args(Verdict)
PASSES = {
    "identical": {"identical", "equivalent", "unchecked", "drifted", "broken"},
    "equivalent": {"equivalent", "unchecked", "drifted", "broken"},
    "unchecked": {"unchecked"},
    "drifted": {"drifted", "broken"},
    "broken": {"broken"},
}


@pytest.mark.parametrize("have", ALL)
@pytest.mark.parametrize("want", ALL)
def test_require(have: Verdict, want: Verdict) -> None:
    report = Report(have)
    assert report.satisfies(want) == (want in PASSES[have])
    if want in PASSES[have]:
        assert report.require(want) is report
    else:
        with pytest.raises(CaseError) as caught:
            report.require(want)
        assert caught.value.code == f"verdict-{have}"


def test_an_unknown_verdict_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(UsageError):
        Report("identical").require("perfect")  # type: ignore[arg-type]


def test_exit_codes_and_refusal() -> None:
    assert {verdict: Report(verdict).exit_code for verdict in ALL} == EXIT_BY_VERDICT
    refused = Report("identical", refused=("signers-unsupported: none",))
    assert refused.exit_code == 2
    with pytest.raises(PolicyError):
        refused.require("identical")


def report() -> Report:
    finding = Finding("label-flipped", "predict", "g000", 3, "1", "0", "2 ulp", 1, 40, "steps[0]", "numpy 1 -> 2")
    return Report(
        "drifted",
        "label-flipped",
        steps=tuple(Step(n, "passed") for n in STEPS),
        findings=(finding,),
        name="x\x1b[31m\u202e",
    )


def test_the_report_is_plain_data_text_and_escaped_html() -> None:
    data = json.loads(json.dumps(report().to_dict()))
    assert [step["step"] for step in data["steps"]] == list(range(1, 11))
    assert data["findings"][0]["row"] == 3
    text = str(report())
    assert "\x1b" not in text
    assert "\u202e" not in text
    for part in ("drifted", "row 3", "expected 1", "got 0", "2 ulp", "1 of 40", "steps[0]", "numpy 1 -> 2"):
        assert part in text
    assert "<script>" not in Report("broken", "<script>")._repr_html_()
