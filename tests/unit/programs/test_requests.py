"""Forms of requests: a program answers what the original answers, and refuses what it refuses."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, OneHotEncoder, OrdinalEncoder, StandardScaler

import amber
from amber.errors import SourceError

RNG = np.random.default_rng(7)
X = RNG.normal(size=(80, 3))
Y = np.where(X[:, 0] + X[:, 1] > 0, "yes", "no")
FRAME = pd.DataFrame(X, columns=list("abc"))
WORDS = pd.DataFrame({"city": RNG.choice(["Bern", "Oslo"], 80), "kind": RNG.choice(["a", "b"], 80)}, dtype=object)
COUNTS = np.stack([RNG.choice([1, 2, 3], 80), RNG.choice([10, 20], 80)], axis=1)
SPARSE = sparse.csr_matrix(np.where(X > 0, X, 0))
TEXTS = ["the fox", "a dog", "fox and dog", "the end"] * 20
SAMPLES: dict[str, tuple[Callable[[], Any], Any]] = {
    "scaled": (lambda: make_pipeline(StandardScaler(), LogisticRegression()).fit(X, Y), X),
    "named": (lambda: make_pipeline(StandardScaler(), LogisticRegression()).fit(FRAME, Y), FRAME),
    "forest": (lambda: RandomForestClassifier(3, random_state=0).fit(X, Y), X),
    "integers": (lambda: LinearRegression().fit(FRAME.set_axis(range(3), axis=1), X[:, 0] - 2 * X[:, 2]),
                 FRAME.set_axis(range(3), axis=1)),
    "words": (lambda: OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1).fit(WORDS), WORDS),
    "counts": (lambda: OneHotEncoder(handle_unknown="ignore").fit(COUNTS), COUNTS),
    "sparse": (lambda: LogisticRegression().fit(SPARSE, Y), SPARSE),
    "sparse scaler": (lambda: MaxAbsScaler().fit(SPARSE), SPARSE),
    "frames": (lambda: StandardScaler().set_output(transform="pandas").fit(FRAME), FRAME),
    "texts": (lambda: make_pipeline(CountVectorizer(), LogisticRegression()).fit(TEXTS, Y), TEXTS),
}  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Any, Any]]:
    kept: dict[str, tuple[Any, Any]] = {}
    folder: Path = tmp_path_factory.mktemp("requests")

    def make(name: str) -> tuple[Any, Any]:
        if name not in kept:
            build, sample = SAMPLES[name]
            model = build()
            amber.save(model, folder / f"{name}.amber", sample=sample, freeze=True)
            kept[name] = model, amber.program(folder / f"{name}.amber")
        return kept[name]

    return make


def with_cell(table: Any, value: Any) -> Any:
    found = table.astype(object).copy()
    if hasattr(found, "iloc"):
        found.iloc[1, 0] = value
    else:
        found[1, 0] = value
    return found


def duplicated() -> Any:
    return sparse.csr_matrix((np.ones(4), np.array([1, 0, 0, 0]), np.array([0, 4, 4])), shape=(2, 3))


T, F = X[:6], FRAME.iloc[:6]
REQUESTS: dict[str, list[tuple[str, Any]]] = {
    "scaled": [
        ("float32", T.astype(np.float32)), ("longdouble", T.astype(np.longdouble)), ("big endian", T.astype(">f8")),
        ("Fortran", np.asfortranarray(T)), ("strided", T[::-2]), ("int8", (T * 9).astype(np.int8)),
        ("bool", T > 0), ("uint64", np.full((2, 3), 2**64 - 1, np.uint64)),
        ("int64", np.full((2, 3), 2**53 + 1, np.int64)), ("matrix", np.matrix(T)), ("complex", T.astype(complex)),
        ("float16", T.astype(np.float16)), ("void", np.zeros((2, 3), "V8")), ("lists", T.tolist()),
        ("ragged", [[1.0, 2.0, 3.0], [1.0]]), ("none in a list", [[None] * 3]), ("0-d", np.array(1.0)), ("1-d", T[0]),
        ("3-d", T[None]), ("no rows", T[:0]), ("no columns", T[:, :0]), ("wide", np.hstack([T, T])), ("None", None),
        ("text", "x"), ("objects", T.astype(object)), ("sparse", SPARSE), ("sparse dict", SPARSE.todok()),
        *[(f"object {value!r}", with_cell(T, value)) for value in
          ("1.5", "x", b"1.5", None, True, pd.NA, 2**70, 10**400, 1j, [1], np.float32(0.1), np.inf)],
        ("sparse frame", pd.DataFrame.sparse.from_spmatrix(SPARSE)), ("frame", F), ("subnormal", T * 5e-324),
    ],
    "forest": [
        ("float16", T.astype(np.float16)), ("overflow", T * 1e39),
        ("rounds up", np.full((2, 3), 3.4028235677973366e38)),
        ("largest", np.full((2, 3), 3.4028235677973362e38)), ("infinite", T * np.inf), ("nan", T * np.nan),
    ],
    "named": [
        ("another order", F[["c", "a", "b"]]), ("more", F.assign(d=1.0)), ("fewer", F[["a", "b"]]),
        ("twice", pd.concat([F, F[["a"]]], axis=1)), ("mixed labels", F.assign(d=1).rename(columns={"d": 4})),
        ("array", T), ("index", F.set_axis([9] * 6)), ("nullable", F.round().astype("Int64")),
        ("nullable gap", F.assign(a=pd.array([1, None, 2, 3, 4, 5], dtype="Float64"))), ("objects", F.astype(object)),
        ("category", F.assign(a=pd.Categorical([1, 2, 1, 2, 1, 2]))),
        ("dates", F.assign(a=pd.Timestamp("2020"))), ("text", F.assign(a=["1.5"] * 6)),
    ],
    "integers": [("another order", F.set_axis(range(3), axis=1)[[2, 0, 1]]),
        ("other labels", F.set_axis([7, 8, 9], axis=1))],
    "words": [
        ("integers", WORDS.iloc[:5].assign(city=1)), ("gaps alone", WORDS.iloc[:5].assign(city=np.nan)),
        ("None alone", WORDS.iloc[:5].assign(city=None)), ("dates", WORDS.iloc[:5].assign(city=pd.Timestamp("2020"))),
        ("bools", WORDS.iloc[:5].assign(city=True)), ("category", WORDS.iloc[:5].astype("category")),
        ("strings", WORDS.iloc[:5].astype("string")), ("unseen", with_cell(WORDS.iloc[:5], "Rom")),
        ("twice", pd.concat([WORDS, WORDS[["city"]]], axis=1)),
    ],
    "counts": [("unseen", COUNTS + 1), ("floats", COUNTS / 2), ("gap", with_cell(COUNTS, np.nan))],
    "sparse": [
        ("csc", SPARSE.tocsc()), ("coo", SPARSE.tocoo()), ("dok", SPARSE.todok()), ("array", sparse.csr_array(SPARSE)),
        ("float32", SPARSE.astype(np.float32)), ("integers", (SPARSE * 5).astype(np.int32)),
        ("dense", SPARSE.toarray()),
        ("frame", pd.DataFrame(SPARSE.toarray())), ("duplicates", duplicated()), ("no rows", SPARSE[:0]),
        ("wide", sparse.csr_matrix((2, 9))), ("empty", sparse.csr_matrix((2, 3))), ("nan", SPARSE * np.nan),
        ("matrix", np.matrix(SPARSE.toarray())), ("None", with_cell(SPARSE.toarray(), None)),
        ("NA", with_cell(SPARSE.toarray(), pd.NA)), ("1-d", sparse.coo_array(np.ones(3))), ("dict", {0: [1.0]}),
    ],
    "sparse scaler": [("sparse", SPARSE), ("dense", SPARSE.toarray())],
    "frames": [("frame", F), ("index", F.set_axis(list("uvwxyz"))), ("float32", F.astype(np.float32)),
        ("one", F.iloc[:1])],
    "texts": [
        ("tuple", tuple(TEXTS)), ("array", np.array(TEXTS)), ("series", pd.Series(TEXTS)), ("bytes", [b"fox", b"the"]),
        ("bad bytes", [b"\xff"]), ("one text", "fox"), ("number", [1]), ("None", [None]),
        ("column", np.array([["fox"]])),
        ("strings with a gap", pd.Series(["fox", pd.NA], dtype="string")), ("sparse", SPARSE),
    ],
}  # fmt: skip
# What the original takes and a program refuses, since what it makes of them is in no recorded case.
NARROWER = {("scaled", "float16")}
CASES = [(model, name, rows) for model, requests in REQUESTS.items() for name, rows in requests]


def asked(model: Any, rows: Any) -> Any:
    method = "transform" if not hasattr(model, "predict") else "predict_proba"
    method = method if hasattr(model, method) else "predict"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return getattr(model, method)(rows)


@pytest.mark.parametrize(("name", "form", "rows"), CASES, ids=[f"{model}, {name}" for model, name, _ in CASES])
def test_a_form_is_answered_as_by_the_original(made: Any, name: str, form: str, rows: Any) -> None:
    model, program = made(name)
    try:
        expected = asked(model, rows)
    except Exception:
        with pytest.raises(SourceError) as refused:
            asked(program, rows)
        assert refused.value.code == "input-refused"
        return
    if (name, form) in NARROWER:
        with pytest.raises(SourceError, match="float16"):
            asked(program, rows)
        return
    got = asked(program, rows)
    assert type(got) is type(expected)
    assert got.shape == expected.shape
    if hasattr(expected, "iloc"):
        assert got.index.equals(expected.index)
        assert list(got.columns) == list(expected.columns)
        assert got.dtypes.tolist() == expected.dtypes.tolist()
    else:
        assert got.dtype == expected.dtype
    mine, theirs = (each.toarray() if sparse.issparse(each) else np.asarray(each) for each in (got, expected))
    assert np.allclose(mine, theirs, rtol=1e-6 if theirs.dtype == np.float32 else 1e-9, atol=1e-12, equal_nan=True)


def test_a_text_among_numbers_that_are_compared_is_no_number(made: Any) -> None:
    model, program = made("counts")
    rows = with_cell(COUNTS, "1")
    assert model.transform(rows)[1].toarray()[0, 0] == 0  # a category nobody has seen
    with pytest.raises(SourceError, match="a text among numbers"):
        program.transform(rows)


def test_bytes_in_a_list_are_not_texts(made: Any, tmp_path: Path) -> None:
    table = WORDS.to_numpy()
    model = OneHotEncoder(handle_unknown="ignore").fit(table)
    amber.save(model, tmp_path / "array.amber", sample=table, freeze=True)
    rows = [["Bern", "a"], [b"Bern", "a"]]
    got = amber.program(tmp_path / "array.amber").transform(rows)
    assert got.toarray().tolist() == model.transform(rows).toarray().tolist()


def test_a_value_that_is_no_number_is_named_by_row_and_column(made: Any) -> None:
    with pytest.raises(SourceError, match="row 1, column 0: a value that is no number"):
        made("scaled")[1].predict(with_cell(T, "x"))
    with pytest.raises(SourceError, match="column 'a', row 1: a value that is no number"):
        made("named")[1].predict(with_cell(F, "x"))


def test_sparse_entries_that_break_a_rule_are_named(made: Any) -> None:
    rows = SPARSE.copy()
    rows.data[-1] = np.inf
    row, column = (int(each[-1]) for each in rows.nonzero())
    with pytest.raises(SourceError, match=rf"row {row}, column {column}"):
        made("sparse")[1].predict(rows)


@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
def test_boosters_of_named_columns_have_programs(library: str, tmp_path: Path) -> None:
    pytest.importorskip(library)
    if library == "xgboost":
        from xgboost import XGBClassifier

        model: Any = XGBClassifier(n_estimators=3)
    else:
        from lightgbm import LGBMClassifier

        model = LGBMClassifier(n_estimators=3, verbose=-1)
    model.fit(FRAME, (Y == "yes").astype(int))
    amber.save(model, tmp_path / "b.amber", sample=FRAME, freeze=True)
    program = amber.program(tmp_path / "b.amber")
    assert {"predict", "predict_proba"} <= set(program.methods)
    for rows in (F, F[["c", "b", "a"]], F.astype(object), F.assign(d=1), T):
        try:
            expected = model.predict_proba(rows)
        except Exception:
            with pytest.raises(SourceError):
                program.predict_proba(rows)
            continue
        assert np.allclose(program.predict_proba(rows), expected, rtol=1e-5)


def test_a_model_that_looks_at_no_column_takes_any_number(tmp_path: Path) -> None:
    for name, labels in (("texts", Y), ("numbers", (Y == "yes").astype(np.int8))):
        model = DummyClassifier().fit(X, labels)
        amber.save(model, tmp_path / f"{name}.amber", sample=X, freeze=True)
        program = amber.program(tmp_path / f"{name}.amber")
        for rows in (X, X[:, :1], np.hstack([X, X]), X[:2].tolist()):
            assert program.predict(rows).tolist() == model.predict(rows).tolist()
            assert np.array_equal(program.predict_proba(rows), model.predict_proba(rows))
