"""Freeze by the public verbs: what is attached, what is refused, what a program answers, and what verify says of it."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.decomposition import NMF
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

import amber
from amber.archive.digests import blake3_hex
from amber.archive.manifest import MemberInfo, decode_manifest, encode_manifest
from amber.archive.write import write_artifact
from amber.errors import CaseError, FreezeError, PolicyError, SourceError, UsageError
from amber.limits import DEFAULT
from amber.programs import emit
from amber.programs.emit import flow
from amber.programs.emit.values import Matrix
from tests.unit.signing import WANTS_ALICE

RNG = np.random.default_rng(7)
X = RNG.normal(size=(200, 4))
Y = np.where(X[:, 0] + X[:, 1] > 0, "yes", "no")
FRAME = pd.DataFrame(X, columns=["age", "income", "visits", "score"]).assign(
    city=RNG.choice(["Bern", "Köln", "Oslo", None], 200), kind=RNG.choice(["a", "b"], 200)
)
FRAME.loc[::9, "income"] = np.nan


def mixed() -> Any:
    """A pipeline as most people have it: gaps, categories, scaling."""
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    words = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore"))
    table = make_column_transformer((numbers, ["age", "income", "visits", "score"]), (words, ["city", "kind"]))
    return make_pipeline(table, LogisticRegression()).fit(FRAME, Y)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("frozen")


@pytest.fixture(scope="module")
def pipe() -> Any:
    return mixed()


@pytest.fixture(scope="module")
def artifact(folder: Path, pipe: Any) -> Path:
    path = folder / "pipe.amber"
    amber.save(pipe, path, sample=FRAME, freeze=True)
    return path


def test_the_program_answers_like_the_original(artifact: Path, pipe: Any) -> None:
    program = amber.program(artifact)
    assert program.predict(FRAME).tolist() == pipe.predict(FRAME).tolist()
    assert program.predict(FRAME).dtype == pipe.predict(FRAME).dtype
    assert np.allclose(program.predict_proba(FRAME), pipe.predict_proba(FRAME), rtol=1e-12, atol=1e-15)
    assert program.methods == ["decision_function", "predict", "predict_log_proba", "predict_proba"]
    methods = program.certificate["methods"]
    assert methods["predict"]["verdict"] == "identical"
    assert {each["verdict"] for each in methods.values()} <= {"identical", "equivalent"}
    kinds = {group["kind"] for group in methods["predict"]["groups"].values()}
    assert {"sample", "missing", "unseen", "extreme", "column-order", "no-rows"} <= kinds
    assert not program.domain


def test_rows_come_in_many_forms(artifact: Path, pipe: Any) -> None:
    program = amber.program(artifact)
    rows = FRAME.iloc[:5]
    expected = pipe.predict_proba(rows)
    columns = {name: rows[name].tolist() for name in rows}
    assert np.array_equal(program.predict_proba(columns), program.predict_proba(rows))
    assert np.array_equal(program.predict_proba(rows[rows.columns[::-1]]), program.predict_proba(rows))
    assert np.array_equal(program.predict_proba(rows.assign(id=1)), program.predict_proba(rows))
    for place in range(5):
        row = {name: column[place] for name, column in columns.items()}
        assert np.allclose(program.predict_proba(row), expected[place : place + 1], rtol=1e-12)
    assert np.allclose(program.predict_proba(rows.astype({"age": "float32"})), expected, rtol=1e-5)
    gaps = rows.assign(city=pd.array(["Bern", pd.NA, "Oslo", "Rom", "Bern"], dtype="string"), visits=[1, 2, 3, 4, 5])
    assert np.allclose(program.predict_proba(gaps.astype({"city": object}).fillna({"city": np.nan})),
                       pipe.predict_proba(gaps.astype({"city": object}).fillna({"city": np.nan})))  # fmt: skip


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda frame: frame.drop(columns="age"), "'age' is missing"),
        (lambda frame: frame.assign(age="old"), "'age', row 0: a value that is no number"),
        (lambda frame: frame.assign(age=np.inf), "'age': infinite"),
        (lambda frame: frame.iloc[:0], "no rows"),
        (lambda frame: frame.to_numpy(), "without names"),
        (lambda frame: {**frame.iloc[:2].to_dict("list"), "age": [1.0]}, "different lengths"),
    ],
)
def test_what_the_original_refuses_is_refused_by_row_and_column(
    artifact: Path, pipe: Any, change: Any, said: str
) -> None:
    program = amber.program(artifact)
    rows = change(FRAME.iloc[:5])
    if hasattr(rows, "iloc") or isinstance(rows, np.ndarray):
        with pytest.raises((ValueError, KeyError)):
            pipe.predict(rows)
    with pytest.raises(SourceError, match=said) as refused:
        program.predict(rows)
    assert refused.value.code == "input-refused"


def test_an_inner_refusal_names_row_and_column(folder: Path) -> None:
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, Y)
    amber.save(model, folder / "inner.amber", sample=X, freeze=True)
    rows = X[:4].copy()
    rows[2, 3] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        model.predict(rows)
    with pytest.raises(SourceError, match="row 2, column 3: nan"):
        amber.program(folder / "inner.amber").predict(rows)


def test_labels_and_dtypes_come_back_as_they_were(folder: Path) -> None:
    for name, labels in (
        ("large", np.array([2**40, 2**40 + 1])),
        ("bool", np.array([False, True])),
        ("small", np.array([3, 7], dtype=np.int8)),
        ("float", np.array([1.0, 2.0])),
        ("object", np.array(["ja", "nein"], dtype=object)),
    ):
        model = LogisticRegression().fit(X, labels[(X[:, 0] > 0).astype(int)])
        amber.save(model, folder / f"{name}.amber", sample=X, freeze=True)
        got, expected = amber.program(folder / f"{name}.amber").predict(X), model.predict(X)
        assert got.dtype == expected.dtype, name
        assert got.tolist() == expected.tolist(), name


def test_text_goes_in_as_text(folder: Path) -> None:
    texts = ["über die Brücke", "the quick brown fox", "naïve café", "", "fox the fox"] * 12
    labels = ["a", "b", "a", "b", "a"] * 12
    model = make_pipeline(TfidfVectorizer(ngram_range=(1, 2)), LogisticRegression()).fit(texts, labels)
    amber.save(model, folder / "text.amber", sample=texts, freeze=True)
    program = amber.program(folder / "text.amber")
    assert np.array_equal(program.decision_function(texts), model.decision_function(texts))
    with pytest.raises(SourceError):
        program.predict([None])


def test_a_program_needs_cases_and_a_form(folder: Path) -> None:
    amber.save({"weights": np.ones(3)}, folder / "plain.amber")
    with pytest.raises(FreezeError) as refused:
        amber.freeze(folder / "plain.amber")
    assert refused.value.code == "program-no-cases"


def test_a_model_without_a_form_is_refused_and_nothing_is_written(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    emit.load_families()
    monkeypatch.delitem(flow._EMITTERS, "sklearn.decomposition.NMF")
    model = NMF(2, max_iter=400).fit(np.abs(X))
    with pytest.raises(FreezeError, match="NMF has no form as a graph") as refused:
        amber.save(model, folder / "never.amber", sample=np.abs(X), freeze=True)
    assert refused.value.code == "program-impossible"
    assert not (folder / "never.amber").exists()


def test_freeze_writes_a_new_artifact_with_lineage(folder: Path) -> None:
    source = folder / "old.amber"
    model = RandomForestClassifier(5, random_state=0).fit(X, Y)
    amber.save(model, source, sample=X)
    before = source.read_bytes()
    with pytest.raises(UsageError, match="no program"):
        amber.program(source)
    done = amber.freeze(source)
    assert done.path == str(folder / "old.frozen.amber")
    assert source.read_bytes() == before
    info, old = amber.inspect(done.path), amber.inspect(source)
    assert info.to_dict()["lineage"]["parent"] == old.id
    kept = [name for name in zipfile.ZipFile(source).namelist() if name != "manifest.json"]
    with zipfile.ZipFile(source) as a, zipfile.ZipFile(done.path) as b:
        assert all(a.read(name) == b.read(name) for name in kept)
        assert set(b.namelist()) - set(a.namelist()) == {"programs/onnx.json", "programs/onnx.onnx"}
    changes = amber.diff(source, done.path).sections["programs"]
    assert {change.where for change in changes} >= {"onnx"}
    again = amber.freeze(source, folder / "again.amber")
    assert Path(again.path).read_bytes() == Path(done.path).read_bytes()
    assert amber.load(done.path).predict(X).tolist() == model.predict(X).tolist()


def test_a_linear_model_says_what_it_computes(folder: Path) -> None:
    frame = pd.DataFrame(X, columns=["age", "income", "visits", "score"])
    model = LinearRegression().fit(frame, 3 * X[:, 0] - X[:, 3] + 7)
    amber.save(model, folder / "line.amber", sample=frame, freeze=True)
    with zipfile.ZipFile(folder / "line.amber") as file:
        card = file.read("README.md").decode()
    assert "7 " in card
    assert "3 * age" in card
    assert "score" in card
    amber.save(model, folder / "own.amber", sample=frame, card="# Mine\n", freeze=True)
    with zipfile.ZipFile(folder / "own.amber") as file:
        assert file.read("README.md") == b"# Mine\n"


def test_both_precisions_stand_side_by_side(folder: Path) -> None:
    model = RandomForestClassifier(5, random_state=0).fit(X, Y)
    path = folder / "both.amber"
    amber.save(model, path, sample=X, freeze=True)
    done = amber.freeze(path, folder / "two.amber", precision="float32")
    assert done.precision == "float32"
    program = amber.program(done.path, name="onnx-float32")
    assert program.predict(X.astype(np.float32)).tolist() == model.predict(X.astype(np.float32)).tolist()
    assert program.predict(X).tolist() == model.predict(X).tolist()
    assert amber.program(done.path).plan.precision == "float64"
    with pytest.raises(UsageError, match="no program"):
        amber.program(done.path, name="other")


def test_float32_cannot_tell_apart_what_only_float64_can(folder: Path) -> None:
    path = folder / "hist.amber"
    amber.save(HistGradientBoostingClassifier(max_iter=5).fit(X, Y), path, sample=X)
    with pytest.raises(FreezeError, match="float32 sample") as refused:
        amber.freeze(path, precision="float32")
    assert refused.value.code == "program-drifted"
    single = X.astype(np.float32)
    amber.save(HistGradientBoostingClassifier(max_iter=5).fit(single, Y), path, sample=single)


def test_verify_asks_the_program(artifact: Path, folder: Path) -> None:
    report = amber.verify(artifact)
    step = next(each for each in report.steps if each.number == 8)
    assert (step.status, report.verdict) == ("passed", "identical")
    quick = amber.verify(artifact, cases=False)
    assert next(each for each in quick.steps if each.number == 8).status == "not-asked"


def changed_member(source: Path, target: Path, name: str, change: Any) -> None:
    """Write an artifact again with one member changed and every digest right."""
    with zipfile.ZipFile(source) as file:
        members = {each: file.read(each) for each in file.namelist()}
    members[name] = change(members[name])
    manifest = decode_manifest(members["manifest.json"], DEFAULT)
    listed = dict(manifest.members)
    listed[name] = MemberInfo(size=len(members[name]), blake3=blake3_hex([members[name]]))
    members["manifest.json"] = encode_manifest(msgspec.structs.replace(manifest, members=listed))
    write_artifact(target, {each: [data] for each, data in members.items()})


def test_a_program_that_no_longer_answers_as_certified_is_found(folder: Path) -> None:
    import onnx

    path, bad = folder / "lin.amber", folder / "lin-bad.amber"
    amber.save(LinearRegression().fit(X, X[:, 0] * 3 + 1), path, sample=X, freeze=True)

    def shifted(data: bytes) -> bytes:
        model = onnx.load_from_string(data)
        constant = next(each for each in model.graph.initializer if len(each.raw_data) == 8 * 4)
        values = np.frombuffer(constant.raw_data).copy()
        values[0] *= 1.001
        constant.raw_data = values.tobytes()
        return bytes(model.SerializeToString(deterministic=True))

    changed_member(path, bad, "programs/onnx.onnx", shifted)
    report = amber.verify(bad)
    step = next(each for each in report.steps if each.number == 8)
    assert (report.verdict, step.status, step.code) == ("drifted", "failed", "program-drifted")
    assert "predict" in step.detail
    with pytest.raises(CaseError, match="does not answer as certified") as refused:
        amber.program(bad, replay="always")
    assert refused.value.code == "verdict-drifted"


def test_a_plan_is_closed_and_canonical(folder: Path) -> None:
    path, bad = folder / "plan.amber", folder / "plan-bad.amber"
    amber.save(LinearRegression().fit(X, X[:, 0]), path, sample=X, freeze=True)
    for change, code in (
        (lambda data: data.replace(b'"plan":1', b'"plan":2'), "plan-invalid"),
        (lambda data: data.replace(b'"plan":1', b'"other":1,"plan":1'), "plan-invalid"),
        (lambda data: data + b" ", "plan-not-canonical"),
        (lambda data: b"{", "plan-invalid"),
    ):
        changed_member(path, bad, "programs/onnx.json", change)
        report = amber.verify(bad)
        assert (report.verdict, report.reason) == ("broken", code)
        with pytest.raises(amber.AmberError) as refused:
            amber.program(bad)
        assert refused.value.code == code


def test_a_method_without_a_form_says_why(artifact: Path) -> None:
    program = amber.program(artifact)
    with pytest.raises(AttributeError, match="no method 'transform'"):
        _ = program.transform
    assert not hasattr(program, "nothing")


def test_the_policy_of_the_reader_holds_for_programs(artifact: Path) -> None:
    with pytest.raises(PolicyError):
        amber.program(artifact, policy=WANTS_ALICE)


@pytest.fixture
def wrong(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return what makes the emitter of linear regression wrong by a given function of the matrix."""
    emit.load_families()

    def install(change: Any) -> None:
        def emitter(e: Any, value: Any, c: Any) -> Any:
            matrix = change(c, c.require(c.matrix(value)))
            return {
                "predict": lambda: flow.scores(
                    c.graph.squeeze(matrix.tensor @ c.graph.const(e["coef_"][:, None])) + float(e["intercept_"])
                )
            }

        monkeypatch.setitem(flow._EMITTERS, "sklearn.linear_model.LinearRegression", emitter)

    return install


def test_a_program_that_answers_otherwise_is_not_attached(folder: Path, wrong: Any) -> None:
    wrong(lambda c, matrix: Matrix(matrix.tensor * 1.0000001, matrix.width))
    path = folder / "drift.amber"
    amber.save(LinearRegression().fit(X, X[:, 0] + 1), path, sample=X)
    with pytest.raises(FreezeError) as refused:
        amber.freeze(path)
    assert refused.value.code == "program-drifted"
    assert "predict" in str(refused.value)
    assert "(sample) rows 1, 2, 3, 4, 5" in str(refused.value)
    assert not (folder / "drift.frozen.amber").exists()


def test_a_domain_is_narrowed_by_rule_and_enforced(folder: Path, wrong: Any) -> None:
    def cut(c: Any, matrix: Any) -> Any:
        g = c.graph
        return Matrix(g.where(g.op("Abs", matrix.tensor) > 1e9, 0.0, matrix.tensor), matrix.width)

    wrong(cut)
    path = folder / "narrow.amber"
    amber.save(LinearRegression().fit(X, X[:, 0] + 1), path, sample=X)
    done = amber.freeze(path)
    assert [rule["rule"] for rule in done.domain["rules"]] == ["range"]
    assert done.domain["covered"] == "1.0"
    assert done.certificate["methods"]["predict"]["verdict"] == "equivalent"
    groups = done.certificate["methods"]["predict"]["groups"].values()
    assert {group["verdict"] for group in groups if group["kind"] == "extreme"} <= {"not-covered", "equivalent"}
    program = amber.program(done.path)
    assert program.predict(X).shape == (200,)
    with pytest.raises(SourceError, match="row 1, column 2: out of range") as outside:
        program.predict(np.where(np.arange(12).reshape(3, 4) == 6, 1e12, 1.0))
    assert outside.value.code == "outside-domain"


def test_inspect_says_what_is_certified(artifact: Path) -> None:
    lines = str(amber.inspect(artifact)).splitlines()
    line = lines[lines.index("  programs") + 1]
    assert line.split()[:4] == ["onnx", "float64", "certified", "equivalent"]
    assert "decision_function, predict, predict_log_proba" in line


def test_null_is_what_the_recorded_column_makes_of_it(folder: Path) -> None:
    column = FRAME[["city"]].astype("str")
    encoder = OneHotEncoder(handle_unknown="ignore").fit(column)
    amber.save(encoder, folder / "null.amber", sample=column, freeze=True)
    program = amber.program(folder / "null.amber")
    expected = encoder.transform(pd.DataFrame({"city": pd.Series(["Bern", None], dtype="str")})).toarray()
    assert expected[1].sum() == 1  # a column of texts holds NaN, which is a category here
    assert np.array_equal(program.transform({"city": ["Bern", None]}).toarray(), expected)
    objects = pd.DataFrame({"city": pd.Series(["Bern", None], dtype=object)})
    assert np.array_equal(program.transform(objects).toarray(), encoder.transform(objects).toarray())


# NumPy's own functions refuse rows that are objects, and `rows[:, 0]` a list of rows: the program must do as they do
STEPS = """
import numpy as np


def ratios(rows):
    first = rows[:, 0]
    return np.column_stack([rows, np.log1p(np.abs(first)), np.where(first > 0, first, rows[:, 1])])


def looped(rows):
    return np.array([[float(value) for value in row] for row in rows])
"""


def test_a_traced_step_needs_neither_its_package_nor_an_allowance(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own_steps.py").write_text(STEPS)
    monkeypatch.syspath_prepend(str(tmp_path))
    import own_steps

    path = tmp_path / "ratios.amber"
    model = make_pipeline(FunctionTransformer(own_steps.ratios), LinearRegression()).fit(X, X[:, 0])
    amber.save(model, path, sample=X, policy=amber.Policy(allow=["own_steps.ratios"]), freeze=True)
    monkeypatch.delitem(sys.modules, "own_steps")
    (tmp_path / "own_steps.py").unlink()
    program = amber.program(path)
    assert np.allclose(program.predict(X), model.predict(X), rtol=1e-12, atol=1e-15)
    for refused in (X.tolist(), X.astype(object)):
        with pytest.raises(TypeError):
            model.predict(refused)
        with pytest.raises(SourceError) as caught:
            program.predict(refused)
        assert caught.value.code == "input-refused"


def test_a_step_that_cannot_be_traced_says_what_it_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "odd_steps.py").write_text(STEPS)
    monkeypatch.syspath_prepend(str(tmp_path))
    import odd_steps

    model = make_pipeline(FunctionTransformer(odd_steps.looped), LinearRegression()).fit(X, X[:, 0])
    with pytest.raises(FreezeError, match="a loop over an array"):
        amber.save(model, tmp_path / "m.amber", sample=X, policy=amber.Policy(allow=["odd_steps.looped"]), freeze=True)
    assert not (tmp_path / "m.amber").exists()
