"""Hostile plans: what stands beside a graph fits itself, the graph and its certificate, or is refused when opened."""

from __future__ import annotations

import contextlib
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

np = pytest.importorskip("numpy")
pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from sklearn.feature_extraction.text import CountVectorizer  # noqa: E402 - only where the runtime is installed
from sklearn.linear_model import LogisticRegression  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import OneHotEncoder  # noqa: E402

import amber  # noqa: E402
from amber.archive import canonical  # noqa: E402
from amber.archive.manifest import decode_manifest  # noqa: E402
from amber.errors import AmberError, FormatError, LimitError  # noqa: E402
from amber.limits import DEFAULT  # noqa: E402
from amber.models.program import opened  # noqa: E402
from amber.policy import Policy  # noqa: E402
from amber.programs.plan import Plan  # noqa: E402

RNG = np.random.default_rng(3)
X = RNG.normal(size=(60, 3))
Y = np.where(X[:, 0] > 0, "yes", "no")
WORDS = np.array([[a, b] for a, b in zip("abc" * 20, "xy" * 30, strict=True)], dtype=object)
TEXTS = ["the fox", "a dog", "fox and dog", "the end"] * 15
MODELS: dict[str, Callable[[], tuple[Any, Any]]] = {
    "numbers": lambda: (LogisticRegression().fit(X, Y), X),
    "words": lambda: (make_pipeline(OneHotEncoder(handle_unknown="ignore"), LogisticRegression()).fit(WORDS, Y), WORDS),
    "texts": lambda: (make_pipeline(CountVectorizer(), LogisticRegression()).fit(TEXTS, Y), TEXTS),
    "terms": lambda: (CountVectorizer().fit(TEXTS), TEXTS),
}


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, bytes]]:
    found = {}
    for name, make in MODELS.items():
        path: Path = tmp_path_factory.mktemp("plans") / f"{name}.amber"
        model, sample = make()
        amber.save(model, path, sample=sample, freeze=True)
        with zipfile.ZipFile(path) as file:
            found[name] = {each: file.read(each) for each in file.namelist()}
    return found


def program(
    members: dict[str, bytes], change: Callable[[Any], None], manifest: Callable[[Any], None] | None = None
) -> Any:
    """Open a program after a change to its plan and to what the manifest says of it."""
    plan = json.loads(members["programs/onnx.json"])
    change(plan)
    found = decode_manifest(members["manifest.json"], DEFAULT)
    info = msgspec.to_builtins(found.programs[0])
    if manifest is not None:
        manifest(info)
    with contextlib.suppress(msgspec.ValidationError):  # keys that hold their default are absent
        plan = msgspec.to_builtins(msgspec.convert(plan, Plan))
    changed = {**members, "programs/onnx.json": canonical.encode(plan)}
    return opened(found, msgspec.convert(info, type(found.programs[0])), changed, Policy())


def put(*path: str | int, to: Any) -> Callable[[Any], None]:
    """Return a change of one value."""

    def change(plan: Any) -> None:
        for step in path[:-1]:
            plan = plan[step]
        plan[path[-1]] = to

    return change


def method(name: str, key: str, value: Any) -> Callable[[Any], None]:
    def change(plan: Any) -> None:
        next(each for each in plan["outputs"] if each["method"] == name)[key] = value

    return change


def both(*changes: Callable[[Any], None]) -> Callable[[Any], None]:
    def change(plan: Any) -> None:
        for each in changes:
            each(plan)

    return change


def rule(**keys: Any) -> dict[str, Any]:
    return {"rule": "finite", "columns": [0], **keys}


PLANS: dict[str, tuple[str, Callable[[Any], None]]] = {
    "another_version": ("numbers", put("plan", to=2)),
    "an_unknown_key": ("numbers", put("eval", to="1")),
    "negative_width": ("numbers", put("request", "width", to=-1)),
    "width_of_a_billion": ("numbers", put("request", "width", to=10**9)),
    "width_beyond_64_bits": ("numbers", put("request", "width", to=2**53 - 1)),
    "names_longer_than_width": ("numbers", put("request", "names", to=list("abcd"))),
    "names_twice": ("numbers", put("request", "names", to=["a", "a", "b"])),
    "names_absent_and_no_arrays": ("numbers", put("request", "arrays", to=False)),
    "negative_column": ("numbers", put("numbers", to=[-1, 0, 1])),
    "huge_column": ("numbers", put("numbers", to=[0, 1, 2**40])),
    "a_column_twice": ("numbers", put("numbers", to=[0, 1, 1])),
    "columns_backwards": ("numbers", put("numbers", to=[2, 1, 0])),
    "numbers_of_texts": ("texts", put("numbers", to=[0])),
    "compared_outside": ("numbers", put("compared", to=[7])),
    "block_of_none": ("numbers", put("block", to=0)),
    "block_of_2_53": ("numbers", put("block", to=2**53 - 1)),
    "negative_block": ("numbers", put("block", to=-5)),
    "inverse_of_a_billion": ("numbers", put("inverse", to=10**9)),
    "no_outputs": ("numbers", put("outputs", to=[])),
    "outputs_twice": ("numbers", lambda plan: plan["outputs"].append(plan["outputs"][0])),
    "unknown_method": ("numbers", put("outputs", 0, "method", to="__reduce__")),
    "method_that_shadows": ("numbers", put("outputs", 0, "method", to="plan")),
    "no_dtypes": ("numbers", put("outputs", 0, "dtypes", to=[])),
    "dtype_that_is_none": ("numbers", put("outputs", 0, "dtypes", to=["float128x"])),
    "dtype_with_fields": ("numbers", put("outputs", 0, "dtypes", to=["f8,f8"])),
    "dtype_of_a_gigabyte": ("numbers", put("outputs", 0, "dtypes", to=["<U268435456"])),
    "void_dtype": ("numbers", put("outputs", 0, "dtypes", to=["|V1000000000"])),
    "text_dtype_of_numbers": ("numbers", put("outputs", 0, "dtypes", to=["<U999999"])),
    "output_twice": ("numbers", lambda plan: plan["outputs"][0]["outputs"].extend(plan["outputs"][0]["outputs"])),
    "too_few_outputs": ("numbers", put("outputs", 0, "layout", to="frame")),
    "entries_of_2_53": ("numbers", put("outputs", 0, "entries", to=2**53 - 1)),
    "negative_entries": ("numbers", put("outputs", 0, "entries", to=-1)),
    "a_class_to_import": ("numbers", put("outputs", 0, "sparse", to="os.system")),
    "no_labels": ("numbers", method("predict", "labels", [{"dtype": "<U3", "values": []}])),
    "labels_of_a_gigabyte": ("numbers", method("predict", "labels", [{"dtype": "<U999999", "values": ["a"] * 1000}])),
    "labels_that_are_no_numbers": ("numbers", method("predict", "labels", [{"dtype": "<i8", "values": ["a", "b"]}])),
    "labels_beyond_their_dtype": ("numbers", method("predict", "labels", [{"dtype": "|i1", "values": [1, 300]}])),
    "labels_of_no_dtype": ("numbers", method("predict", "labels", [{"dtype": "object", "values": ["a", "b"]}])),
    "a_number_that_is_none": (
        "numbers", method("predict", "labels", [{"dtype": "|O", "values": [{"kind": "int", "text": "1e400"}, 1]}]),
    ),
    "a_number_without_end": (
        "numbers", method("predict", "labels", [{"dtype": "|O", "values": [{"kind": "int", "text": "9" * 5000}, 1]}]),
    ),
    "a_million_rules": ("numbers", put("rules", to=[rule()] * 1_000_000)),
    "a_rule_of_no_column": ("numbers", put("rules", to=[rule(columns=[99])])),
    "a_rule_of_a_negative_column": ("numbers", put("rules", to=[rule(columns=[-1])])),
    "a_rule_that_nobody_enforces": ("numbers", put("rules", to=[{"rule": "ascii", "columns": []}])),
    "a_rule_that_spares_what_is_not_there": ("numbers", put("rules", to=[rule(spared=["fit"])])),
    "a_bound_that_is_no_number": ("numbers", put("rules", to=[rule(rule="range", low="__import__", high="1")])),
    "a_bound_that_is_nan": ("numbers", put("rules", to=[rule(rule="range", low="nan", high="1")])),
    "a_range_without_bounds": ("numbers", put("rules", to=[rule(rule="range")])),
    "codes_of_a_column_that_is_not_there": ("words", put("codes", 0, "column", to=9)),
    "codes_of_a_negative_column": ("words", put("codes", 0, "column", to=-1)),
    "a_refused_code_beyond": ("words", put("codes", 0, "refused", to=[10**6])),
    "a_refused_code_below": ("words", put("codes", 0, "refused", to=[-5])),
    "a_column_of_texts_in_texts": ("texts", put("texts", 0, "column", to=0)),
    "no_texts": ("texts", put("texts", to=[])),
    "texts_twice": ("texts", lambda plan: plan["texts"].append(plan["texts"][0])),
    "an_encoding_that_runs": ("texts", put("texts", 0, "prelude", "encoding", to="zlib")),
    "a_pattern_without_end": ("texts", put("texts", 0, "prelude", "pattern", to="(a+)+$")),
    "ngrams_without_end": ("texts", put("texts", 0, "prelude", "ngrams", to=[1, 10**9])),
    "a_billion_hashed": ("texts", put("texts", 0, "prelude", "hashed", to=2**40)),
    "no_rows_refused_by_one_of_none": ("numbers", method("predict", "nonempty", True)),
    "fewer_terms_than_columns": ("terms", method("inverse_transform", "labels", [{"dtype": "<U3", "values": ["a"]}])),
    "terms_of_two_tables": ("terms", method("inverse_transform", "labels", [{"dtype": "<U3", "values": ["a"]}] * 2)),
    "terms_as_an_array": ("terms", method("inverse_transform", "layout", "array")),
    "records_of_no_entries": ("numbers", method("predict", "layout", "records")),
    "a_term_twice": ("texts", put("texts", 0, "prelude", "vocabulary", to=["a", "a"])),
}  # fmt: skip
INTERFACES: dict[str, tuple[str, Callable[[Any], None]]] = {
    "an_output_that_is_not_there": ("numbers", put("outputs", 0, "outputs", to=["elsewhere"])),
    "refused_is_not_there": ("numbers", put("outputs", 0, "refused", to="elsewhere")),
    "scores_as_labels": ("numbers", method("predict_proba", "labels", [{"dtype": "<U3", "values": ["no", "yes"]}])),
    "scores_as_refusals": (
        "numbers",
        lambda plan: method("predict", "refused", plan["outputs"][0]["outputs"][0])(plan),
    ),
    "an_index_of_more_columns": ("numbers", method("predict", "labels", [{"dtype": "<U3", "values": ["n", "y"]}] * 2)),
    "another_precision": ("numbers", put("precision", to="float32")),
    "fewer_columns": ("numbers", both(put("numbers", to=[]), put("rules", to=[]))),
    "no_codes": ("words", both(put("codes", to=[]), put("compared", to=[]))),
    "another_input": ("texts", put("texts", 0, "input", to="other")),
    "texts_as_sparse": ("texts", both(put("texts", to=[]), put("request", "form", to="sparse"))),
}


LARGE = "a_million_rules"


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.slow] * (name == LARGE)) for name in PLANS])
def test_a_hostile_plan_is_refused_when_it_is_opened(artifacts: dict[str, dict[str, bytes]], name: str) -> None:
    model, change = PLANS[name]
    with pytest.raises((FormatError, LimitError)) as refused:
        program(artifacts[model], change)
    assert refused.value.code == "plan-invalid" or refused.value.code.startswith("limit-")


@pytest.mark.parametrize("name", INTERFACES)
def test_a_plan_that_does_not_fit_its_graph_is_refused(artifacts: dict[str, dict[str, bytes]], name: str) -> None:
    model, change = INTERFACES[name]
    with pytest.raises(FormatError) as refused:
        program(artifacts[model], change)
    assert refused.value.code in ("program-interface", "plan-invalid")


MANIFESTS: dict[str, Callable[[Any], None]] = {
    "no_certificate": put("certificate", to={}),
    "methods_as_a_list": put("certificate", "methods", to=["predict"]),
    "a_method_without_a_verdict": put("certificate", "methods", "predict", to={}),
    "a_method_that_drifted": put("certificate", "methods", "predict", "verdict", to="drifted"),
    "a_method_nobody_asked": put("certificate", "methods", "predict", "verdict", to="not-covered"),
    "a_verdict_that_is_a_list": put("certificate", "methods", "predict", "verdict", to=["identical"]),
    "runtime_as_text": put("certificate", "runtime", to="here"),
    "a_domain_of_other_keys": put("domain", to={"eval": "1"}),
    "a_domain_of_no_column": put("domain", to={"rules": [rule(columns=[10**12])]}),
    "a_domain_of_a_million_rules": put("domain", to={"rules": [rule()] * 100_000}),
    "a_share_that_is_none": put("domain", to={"covered": "nan"}),
    "a_share_above_all": put("domain", to={"covered": "2.0"}),
    "another_precision": put("precision", to="float32"),
}


@pytest.mark.parametrize("name", MANIFESTS)
def test_a_hostile_manifest_is_refused(artifacts: dict[str, dict[str, bytes]], name: str) -> None:
    with pytest.raises(FormatError) as refused:
        program(artifacts["numbers"], lambda plan: None, MANIFESTS[name])
    assert refused.value.code == "plan-invalid"


def test_every_plan_as_it_was_written_opens(artifacts: dict[str, dict[str, bytes]]) -> None:
    for name, members in artifacts.items():
        assert program(members, lambda plan: None).methods, name


def test_an_index_beyond_the_labels_is_an_error_of_the_program(artifacts: dict[str, dict[str, bytes]]) -> None:
    changed = program(artifacts["numbers"], method("predict", "labels", [{"dtype": "<U3", "values": ["one"]}]))
    with pytest.raises(AmberError) as refused:
        changed.predict(X)
    assert refused.value.code == "program-interface"


def test_a_term_beyond_the_weights_is_an_error_of_the_program(artifacts: dict[str, dict[str, bytes]]) -> None:
    many = [f"w{number}" for number in range(100)]
    changed = program(artifacts["texts"], put("texts", 0, "prelude", "vocabulary", to=many))
    with pytest.raises(AmberError) as refused:
        changed.predict(["w99"])
    assert refused.value.code == "program-invalid"


def test_a_code_beyond_the_table_is_an_error_of_the_program(artifacts: dict[str, dict[str, bytes]]) -> None:
    changed = program(artifacts["words"], put("codes", 0, "values", to=[f"w{number}" for number in range(500)]))
    with pytest.raises(AmberError) as refused:
        changed.predict(np.array([["w499", "x"]], dtype=object))
    assert refused.value.code == "program-invalid"
