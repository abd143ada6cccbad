"""The one table of verdicts and exit codes, and what `require` lets pass."""

from __future__ import annotations

import json
from typing import get_args

import pytest

from amber.errors import CaseError, PolicyError, UsageError
from amber.report import EXIT_BY_VERDICT, STEPS, Finding, Report, Step, Verdict, lines_of, readable

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


def drift(method: str, group: str, step: str = "", code: str = "value-drifted", beyond: int = 3) -> Finding:
    return Finding(code, method, group, 7, "0.12345678901", "0.12346678901", "8.1e-05 relative", rows=10, step=step,
                   beyond=beyond)  # fmt: skip


def test_one_cause_is_one_line_for_each_method_whatever_groups_show_it() -> None:
    every = [drift(method, f"g{k:03d}", "steps[0] (PCA)") for k in range(5) for method in ("predict", "transform")]
    lines = lines_of(every)
    assert lines[0] == "first step that differs: steps[0] (PCA)"
    assert [line.split(",")[0] for line in lines[1:]] == ["predict", "transform"]
    assert "15 of 50 rows in 5 cases" in lines[1]
    assert "case g000 row 7: expected 0.12345679, got 0.12346679" in lines[1]
    assert len(Report("drifted", findings=tuple(every)).to_dict()["findings"]) == 10
    assert str(Report("drifted", findings=tuple(every))).count("\n  - ") == 3


def test_the_first_differing_step_comes_first() -> None:
    lines = lines_of([drift("predict", "g000"), drift("step", "g000", "steps[1] (PCA)", "step-drifted", 0)])
    assert lines[0] == "first step that differs: steps[1] (PCA)"
    assert lines[1].startswith("step,")
    several = lines_of([drift("predict", "g000", "steps[0] (A)"), drift("predict", "g001", "steps[1] (B)")])
    assert len(several) == 2
    assert all("first step that differs" in line for line in several)


def test_numbers_have_no_more_digits_than_tell_them_apart() -> None:
    assert readable("0.17093947262341705 (output 0)", "0.17116582113179388") == ("0.170939 (output 0)", "0.171166")
    assert readable("1.0000000000000002", "1.0") == ("1.0000000000000002", "1")
    assert readable("3", "4") == ("3", "4")
    assert readable("oslo", "rome") == ("oslo", "rome")
    assert readable("nan", "1.0") == ("nan", "1.0")
