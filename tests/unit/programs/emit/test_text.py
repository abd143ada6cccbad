"""Vectorisers as graphs: the prelude counts, the graph weighs; the same numbers, to the bit where they are promised."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

import scipy.sparse as sp
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction import DictVectorizer, FeatureHasher
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfTransformer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import FeatureUnion, make_pipeline

import amber
from amber.programs.program import Program
from tests.unit.programs.emit.harness import Found, Run, compare, wrong

TEXTS = [
    "The cat sat on the mat; the Cat!", "a dog and a café", "", "the of and", "naïve Straße İstanbul ΟΔΟΣ",
    "日本語 テキスト 日本語", "  runs   of \t spaces\n\n\nhere",
    "emoji 😀😀 ok", "cat " * 300, "x", "dog dog cat mat sat on",
    "ﬁne ½ ² cafe\u0301 word_word 12 345",
] * 2  # fmt: skip
Y = [0, 1] * 12
OTHERS = ["unknown words only", "THE CAT", "caté", "cat\u200bcat", "!!!", "cat dog 日本語 unknown"]
TABLES = [TEXTS, TEXTS[:1], [""], OTHERS, ["", "", "cat"]]


def compared(model: Any, tables: Any = TABLES, **options: Any) -> dict[str, Found]:
    """Compare every method but the one without a form."""
    found = compare(model, tables[0], rows=tables, **options)
    found.pop("inverse_transform", None)
    return found


def assert_same(model: Any, tables: Any = TABLES, identical: bool = True) -> None:
    found = compared(model, tables)
    assert wrong(found) == {}
    assert "transform" in found
    assert found["transform"].identical or not identical


VECTORIZERS: list[Any] = [
    CountVectorizer(), CountVectorizer(binary=True), CountVectorizer(ngram_range=(1, 3), min_df=2),
    CountVectorizer(stop_words="english"), CountVectorizer(stop_words=["cat", "on"]), CountVectorizer(max_features=5),
    CountVectorizer(analyzer="char", ngram_range=(1, 3)), CountVectorizer(analyzer="char_wb", ngram_range=(2, 4)),
    CountVectorizer(strip_accents="unicode"), CountVectorizer(strip_accents="ascii", lowercase=False),
    CountVectorizer(token_pattern=r"(\w)\w*"), CountVectorizer(vocabulary=["cat", "dog", "x"]),
    CountVectorizer(vocabulary={"cat": 2, "dog": 0, "mat": 1}),
    CountVectorizer(dtype=np.float32), CountVectorizer(dtype=np.float64), CountVectorizer(dtype=bool),
    CountVectorizer(dtype=np.uint8), CountVectorizer(dtype=np.int8), CountVectorizer(dtype=np.int32),
    TfidfVectorizer(binary=True, dtype=np.int8),
    HashingVectorizer(n_features=32), HashingVectorizer(n_features=2**18), HashingVectorizer(n_features=8, norm=None),
    HashingVectorizer(n_features=8, norm="l1", alternate_sign=False), HashingVectorizer(n_features=8, binary=True),
    HashingVectorizer(n_features=64, ngram_range=(1, 2), stop_words="english", strip_accents="unicode"),
    HashingVectorizer(n_features=32, dtype=np.float32),
]  # fmt: skip
WEIGHTS = [
    {"norm": norm, "use_idf": use, "smooth_idf": smooth, "sublinear_tf": sublinear}
    for norm, (use, smooth), sublinear in itertools.product(
        ("l1", "l2", None), ((True, True), (True, False), (False, True)), (True, False)
    )
]


@pytest.mark.parametrize("model", VECTORIZERS, ids=repr)
@pytest.mark.filterwarnings("ignore")
def test_vectorizers(model: Any) -> None:
    """Equal to the bit, whatever the settings."""
    assert_same(clone(model).fit(TEXTS))


@pytest.mark.parametrize("settings", WEIGHTS, ids=str)
@pytest.mark.filterwarnings("ignore")
def test_weights(settings: dict[str, Any]) -> None:
    """Bits are equal but for the logarithm of a count, which is another's."""
    model = TfidfVectorizer(**settings).fit(TEXTS)
    assert_same(model, identical=not settings["sublinear_tf"])
    assert_same(TfidfVectorizer(**settings, dtype=np.float32).fit(TEXTS), identical=False)
    counts = sp.csr_matrix(np.random.default_rng(0).poisson(0.5, (30, 12)).astype(float))
    assert_same(TfidfTransformer(**settings).fit(counts), [counts, counts[:1]], identical=not settings["sublinear_tf"])
    dense = counts.toarray()
    assert_same(
        TfidfTransformer(**settings).fit(dense), [dense, dense[:1], dense * 1e200, dense * 1e-200], identical=False
    )


def test_a_vectorizer_that_was_never_fitted() -> None:
    """A vocabulary that was given is enough for the original, and for the program."""
    assert_same(CountVectorizer(vocabulary=["dog", "cat"]))
    assert_same(CountVectorizer(vocabulary={"cat", "dog"}))
    assert_same(HashingVectorizer(n_features=16))


@pytest.mark.parametrize("bad", [None, float("nan"), 3, b"\xff\xfe caf\xe9"], ids=repr)
def test_refused_texts(bad: Any) -> None:
    model = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(TEXTS, Y)
    assert wrong(compared(model, [TEXTS, ["cat", bad], [bad]])) == {}
    assert wrong(compared(model, [TEXTS, ["the cat", "caf\xe9".encode(), b"dog"]])) == {}


@pytest.mark.filterwarnings("ignore")
def test_refused_entries() -> None:
    """What is no finite number is refused, also where a logarithm makes it so."""
    counts = sp.random(20, 6, 0.5, format="csr", random_state=0)
    broken = [counts.copy() for _ in range(4)]
    for table, value in zip(broken, (np.nan, np.inf, -3.0, 0.0), strict=True):
        table.data[3] = value
    for settings in WEIGHTS:
        assert wrong(compared(TfidfTransformer(**settings).fit(counts), [counts, *broken, counts * 1e308])) == {}
        dense = [each.toarray() for each in (counts, *broken, counts * 1e308)]
        assert wrong(compared(TfidfTransformer(**settings).fit(dense[0]), dense)) == {}


@pytest.mark.filterwarnings("ignore")
def test_inside_other_models() -> None:
    for model in (
        make_pipeline(TfidfVectorizer(ngram_range=(1, 2)), LogisticRegression()),
        make_pipeline(CountVectorizer(), TfidfTransformer(sublinear_tf=True), Ridge()),
        make_pipeline(CountVectorizer(dtype=np.uint8), TfidfTransformer(use_idf=False)),
        make_pipeline(HashingVectorizer(n_features=64), TfidfTransformer(), LogisticRegression()),
        make_pipeline(HashingVectorizer(n_features=64), LogisticRegression()),
        make_pipeline(
            FeatureUnion(
                [("word", TfidfVectorizer()), ("char", TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 3)))]
            ),
            LogisticRegression(),
        ),
    ):
        assert wrong(compared(model.fit(TEXTS, Y))) == {}


def test_a_text_is_counted_once() -> None:
    """Two vectorisers with the same settings share their inputs; others have their own."""
    same = FeatureUnion([("a", CountVectorizer()), ("b", TfidfVectorizer()), ("c", CountVectorizer(binary=True))])
    run = Run(same.fit(TEXTS), TEXTS)
    assert [text.input for text in run.emitted.texts] == ["text0", "text1"]
    assert [text.column for text in run.emitted.texts] == [-1, -1]
    assert wrong(compared(same)) == {}


@pytest.mark.parametrize("frame", [True, False])
@pytest.mark.filterwarnings("ignore")
def test_columns_of_texts(frame: bool) -> None:
    """A column with one label is a text for each row, beside numbers and another text."""
    pandas = pytest.importorskip("pandas")
    table: Any = np.empty((24, 3), dtype=object)
    table[:, 0], table[:, 1], table[:, 2] = TEXTS, np.arange(24.0), TEXTS[::-1]
    labels: list[Any] = [0, 1, 2]
    if frame:
        table = pandas.DataFrame({"body": TEXTS, "size": np.arange(24.0), "title": TEXTS[::-1]})
        labels = list(table.columns)
    columns = ColumnTransformer(
        [("body", TfidfVectorizer(), labels[0]), ("number", "passthrough", [labels[1]]),
         ("title", HashingVectorizer(n_features=16), labels[2])], sparse_threshold=1.0,
    )  # fmt: skip
    model = make_pipeline(columns, LogisticRegression(max_iter=50)).fit(table, Y)
    missing = table.copy()
    if frame:
        missing.loc[3, "title"] = None
    else:
        missing[3, 2] = None
    assert wrong(compared(model, [table, table[:1], missing])) == {}
    assert [text.column for text in Run(model, table).emitted.texts] == [0, 2]


@pytest.mark.filterwarnings("ignore")
def test_settings_that_are_code() -> None:
    """Each is refused by its name."""
    name = f"{shouted.__module__}.shouted"
    for setting in ("tokenizer", "preprocessor", "analyzer", "strip_accents"):
        model = CountVectorizer(**{setting: shouted}, token_pattern=None if setting == "tokenizer" else r"\w+").fit(
            ["a b"]
        )
        found = compare(model, TEXTS, methods=["transform"], functions={name: shouted})
        assert f"{setting}= of CountVectorizer is a function" in found["transform"].absent


def shouted(text: str) -> Any:
    return text.upper()


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (CountVectorizer(dtype=np.float16, vocabulary=["cat"]), "half precision"),
        (HashingVectorizer(dtype=np.float16), "half precision"),
        (CountVectorizer(vocabulary={("a", "b"): 0}), "tuple"),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_what_has_no_form(model: Any, reason: str) -> None:
    assert reason in compare(model, TEXTS, methods=["transform"])["transform"].absent


def test_texts_where_numbers_belong() -> None:
    assert (
        "takes texts"
        in compare(CountVectorizer().fit(TEXTS), np.ones((3, 2)), methods=["transform"])["transform"].absent
    )
    assert (
        "records"
        in compare(DictVectorizer().fit([{"a": 1}]), np.ones((3, 2)), methods=["transform"])["transform"].absent
    )


FEATURES = [{"a": 1, "b": "x"}, {"c": 2.5, "a": -1.0}, {}, {"b": "y"}] * 4
NAMED = [
    (CountVectorizer(), TEXTS), (TfidfVectorizer(dtype=np.float32), TEXTS),
    (TfidfVectorizer(ngram_range=(1, 2)), TEXTS),
    (CountVectorizer(vocabulary=["mat", "cat", "dog"]), TEXTS), (DictVectorizer(), FEATURES),
    (DictVectorizer(sparse=False, dtype=np.float32), FEATURES),
]  # fmt: skip


@pytest.mark.parametrize(("model", "sample"), NAMED, ids=lambda each: str(each)[:70] * (not isinstance(each, list)))
@pytest.mark.parametrize("block", [65_536, 3])
def test_the_terms_of_rows(model: Any, sample: Any, block: int, tmp_path: Path) -> None:
    amber.save(model.fit(sample), tmp_path / "m.amber", sample=sample, freeze=True)
    made = amber.program(tmp_path / "m.amber")
    program = Program(msgspec.structs.replace(made.plan, block=block), made.sessions)
    table = sp.csr_matrix(model.transform(sample))
    for rows in (table, table.toarray(), table[:1], table[2:3], table.astype(np.float32)):
        expected, got = model.inverse_transform(rows), program.inverse_transform(rows)
        assert len(got) == len(expected)
        for one, other in zip(expected, got, strict=True):
            if isinstance(one, dict):
                assert one == other
                assert list(map(type, one.values())) == list(map(type, other.values()))
            else:
                assert one.dtype == other.dtype
                assert one.tolist() == other.tolist()
    backwards = sp.csr_matrix((np.ones(2), np.array([1, 0]), np.array([0, 2])), shape=(1, table.shape[1]))
    for bad in (table[:0], table * np.nan, table[:, :1], backwards):
        with pytest.raises(amber.AmberError, match="input"):
            program.inverse_transform(bad)


def test_terms_that_no_array_could_hold() -> None:
    model = CountVectorizer().fit(["a" * 400_000 + " " + " ".join(f"w{i}" for i in range(60))])
    assert "all terms" in Run(model, TEXTS).emitted.absent["inverse_transform"]
    named = DictVectorizer().fit([{1: 2.0, 2: 1.0}])
    assert "no texts" in Run(named, [{1: 2.0}]).emitted.absent["inverse_transform"]


RECORDS: list[Any] = [
    {"city": "Rome", "size": 2.5, "tags": ["a", "b"]}, {"city": "Bern", "size": 1, "rank": 0, "flag": True, 7: 3}, {},
    {"city": "", "unknown": 4, "size": np.float32(0.1), "city=Rome": 5}, {"rank": -1e300, "tags": {"b"}},
] * 2  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "model",
    [DictVectorizer(sort=False), DictVectorizer(sort=False, sparse=False), DictVectorizer(sort=False, dtype=np.float32),
     DictVectorizer(sort=False, separator=":")], ids=repr,
)  # fmt: skip
def test_records(model: Any) -> None:
    model = clone(model).fit(RECORDS)
    rows = [RECORDS, RECORDS[:1], [{}], [{"city": "Oslo"}], [{"size": None}], [{"a": 1}, {"city": {"x": 1}}]]
    found = compare(model, RECORDS, methods=["transform"], rows=rows)
    assert wrong(found) == {}
    assert found["transform"].identical


@pytest.mark.parametrize("alternate", [True, False])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_hashed_records(alternate: bool, dtype: Any) -> None:
    given: dict[str, list[Any]] = {
        "dict": [{"a": 1, "b": "x", "c": 2.5}, {}, {"d": 0, "e": float("nan")}],
        "pair": [(("a", 1), ("b", "x"), ("a", -1)), (), (("c", 2),)],
        "string": [("a", "b", "a"), (), ("ä",)],
    }
    for kind, records in given.items():
        for width in (4, 2**12):
            model = FeatureHasher(width, input_type=kind, alternate_sign=alternate, dtype=dtype)  # type: ignore[arg-type]
            found = compare(model, records, methods=["transform"], rows=[records, records[:1], [*records, None]])
            assert wrong(found) == {}
            assert found["transform"].identical


def test_records_inside_a_pipeline() -> None:
    for first in (DictVectorizer(sort=False), FeatureHasher(32)):
        records = [{key: value for key, value in each.items() if key not in ("tags", 7)} for each in RECORDS]
        records = [{**each, "rank": 1.0} for each in records]
        model = make_pipeline(first, LogisticRegression()).fit(records, [0, 1] * 5)
        assert wrong(compare(model, records, rows=[records, records[:1], [{}]])) == {}


def test_records_of_other_numbers() -> None:
    for model in (DictVectorizer(dtype=np.int64).fit([{"a": 1}]), FeatureHasher(4, dtype=np.int64)):
        assert "dtype int64" in compare(model, [{"a": 1}], methods=["transform"])["transform"].absent
    model = DictVectorizer(sort=False).fit([{("a", 1): 1}])
    assert "tuple" in compare(model, [{"a": 1}], methods=["transform"])["transform"].absent


@pytest.mark.filterwarnings("ignore")
def test_single_precision_runs() -> None:
    model = make_pipeline(TfidfVectorizer(sublinear_tf=True), LogisticRegression()).fit(TEXTS, Y)
    found = compared(model, precision="float32")
    assert found["predict"].flips == 0
    assert not any(each.absent for each in found.values())


def test_the_same_bytes() -> None:
    model = make_pipeline(TfidfVectorizer(), TfidfTransformer()).fit(TEXTS)
    again = clone(model).fit(TEXTS)
    assert Run(model, TEXTS, ["transform"]).emitted.graph == Run(again, TEXTS, ["transform"]).emitted.graph
