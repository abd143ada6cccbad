"""What the prelude counts, beside what scikit-learn counts: the same entries, in the same order."""

from __future__ import annotations

import codecs
import itertools
import json
import random
import subprocess
import sys
import time
from importlib import resources

import numpy as np
import pytest
from sklearn.feature_extraction import DictVectorizer, FeatureHasher
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, CountVectorizer, HashingVectorizer
from sklearn.utils import murmurhash3_32

from amber.errors import AmberError
from amber.limits import DEFAULT
from amber.programs import plan as plans
from amber.programs.prelude import compile, compile_records, english, hashing, text

TEXTS = [
    "", " ", "the and of", "the cat sat on the mat; the Cat", "   runs   of \t\t spaces\n\n\nand \n lines  ",
    "Café NAÏVE Straße ÅNGSTRÖM œuvre", "cafe\u0301 and café: e\u0301\u0323 a\u0300", "İstanbul ısı I i DİYARBAKIR",
    "日本語 テキスト ｱｲｳ １２３", "emoji 😀😀 👩‍👩‍👧 ok🇩🇪", "ﬁne ligature ① ½ ²", "a b c x1 _y __ 9",
    "don't e-mail foo_bar 3.14 x",
    "word " * 50, "A", "ab", "ΟΔΟΣ Σίσυφος", "zero\u200bwidth soft\u00adhyphen\u00a0space",
    "tab\tnew\nline\r\nreturn\x1funit",
    "Ǆ ǅ ǆ ß ẞ", "lone \ud800 surrogate", "हिन्दी भाषा", "a" * 70, "\u2028line\u2029paragraph\u3000wide",
]  # fmt: skip


def prelude_of(vectorizer: CountVectorizer | HashingVectorizer) -> plans.Prelude:
    """Return the settings of a vectoriser as the plan holds them."""
    hashed = isinstance(vectorizer, HashingVectorizer)
    stop = vectorizer.get_stop_words() or ()
    return plans.Prelude(
        analyzer=vectorizer.analyzer, ngrams=vectorizer.ngram_range, lowercase=vectorizer.lowercase,
        accents=vectorizer.strip_accents, pattern=vectorizer.token_pattern, stop_words=sorted(stop),
        encoding=vectorizer.encoding, decode_error=vectorizer.decode_error, binary=vectorizer.binary,
        vocabulary=[] if hashed else vectorizer.get_feature_names_out().tolist(),
        hashed=vectorizer.n_features if hashed else 0, alternate_sign=hashed and vectorizer.alternate_sign,
    )  # fmt: skip


def assert_same(vectorizer: CountVectorizer | HashingVectorizer, texts: list[object]) -> None:
    """Compare entries: value, column and row of each, order included."""
    expected = vectorizer.transform(texts)
    data, columns, rows = compile(prelude_of(vectorizer))(texts)
    where = expected.tocoo()
    assert (data.typecode, columns.typecode, rows.typecode) == ("d", "q", "q")
    assert list(rows) == where.row.tolist()
    assert list(columns) == where.col.tolist()
    assert list(data) == where.data.tolist()


SETTINGS = [
    {"analyzer": "word", "lowercase": lower, "strip_accents": accents, "ngram_range": ngrams, "stop_words": stop}
    for lower, accents, ngrams, stop in itertools.product(
        (True, False), (None, "ascii", "unicode"), ((1, 1), (1, 2), (2, 3)), (None, "english", ["cat", "a", "x"])
    )
]
SETTINGS += [
    {"analyzer": analyzer, "lowercase": lower, "strip_accents": accents, "ngram_range": ngrams}
    for analyzer, lower, accents, ngrams in itertools.product(
        ("char", "char_wb"), (True, False), (None, "ascii", "unicode"), ((1, 1), (2, 3), (1, 4), (6, 9))
    )
]
SETTINGS += [
    {"token_pattern": pattern, "ngram_range": ngrams}
    for pattern, ngrams in itertools.product(
        (
            r"\b\w\w+\b",
            r"\w+",
            r"(?u)\b\w+\b",
            r"\S+",
            r"[^\s]+",
            r"(\w)\w*",
            r"[a-z]{2,4}",
            r"(?i)[A-Z]+",
            r"\w*",
            "é|a",
        ),
        ((1, 1), (1, 2)),
    )
]
SETTINGS += [{"binary": True}, {"binary": True, "analyzer": "char_wb", "ngram_range": (2, 2)}]


def test_there_are_settings_enough() -> None:
    assert len(SETTINGS) >= 120


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.filterwarnings("ignore")
def test_counts_of_a_vocabulary(settings: dict[str, object]) -> None:
    """Half the texts make the vocabulary, so that the others have terms outside it."""
    vectorizer = CountVectorizer(**settings)
    try:
        vectorizer.fit(TEXTS[::2] * 2)
    except ValueError:  # no term at all
        vectorizer = CountVectorizer(**settings, vocabulary=["cat", "a", "x", "é", "the cat", " ", "  "])
        vectorizer.fit(TEXTS)
    assert_same(vectorizer, TEXTS)
    for each in TEXTS:
        assert_same(vectorizer, [each])


@pytest.mark.parametrize("settings", SETTINGS[::4], ids=str)
@pytest.mark.parametrize("width", [7, 2**20])
@pytest.mark.filterwarnings("ignore")
def test_counts_of_hashes(settings: dict[str, object], width: int) -> None:
    """Seven columns: terms meet in one and cancel each other; the entry stays, and with `binary` it is one."""
    for alternate, binary in ((True, False), (False, False), (True, True)):
        vectorizer = HashingVectorizer(
            n_features=width, norm=None, alternate_sign=alternate, **{**settings, "binary": binary}
        )
        assert_same(vectorizer, [each for each in TEXTS if "\ud800" not in each])


def test_entries_that_cancel_are_kept() -> None:
    texts = ["a0 a1 a2 a3 a4 a5 a6 a7 a8 a9"]
    data, columns, _ = compile(prelude_of(HashingVectorizer(n_features=2, norm=None)))(texts)
    expected = HashingVectorizer(n_features=2, norm=None).transform(texts)
    assert list(data) == expected.data.tolist()
    assert list(columns) == expected.indices.tolist()


@pytest.mark.filterwarnings("ignore")
def test_random_texts() -> None:
    """Characters from the corners of Unicode, put together by chance."""
    rng = random.Random(1)
    letters = list(" \t\n abcABCxyz019_-'.éÉßİıΣσςÄäñ中文かな😀\u0301\u200d\u00a0\u2003ﬁ½ǅ")
    texts = ["".join(rng.choices(letters, k=rng.randint(0, 60))) for _ in range(150)]
    for settings in SETTINGS[::7]:
        try:
            vectorizer = CountVectorizer(**settings).fit(texts[:75])
        except ValueError:
            continue
        assert_same(vectorizer, texts)


@pytest.mark.parametrize(
    ("encoding", "errors"),
    [
        ("utf-8", "strict"),
        ("utf-8", "ignore"),
        ("utf-8", "replace"),
        ("latin-1", "strict"),
        ("utf-16", "strict"),
        ("cp1252", "replace"),
    ],
)
def test_bytes_are_decoded(encoding: str, errors: str) -> None:
    vectorizer = CountVectorizer(encoding=encoding, decode_error=errors).fit(["café naïve the cat".encode(encoding)])
    assert_same(
        vectorizer, ["the café".encode(encoding), "naïve café", np.str_("cat cat"), np.bytes_("cat".encode(encoding))]
    )
    if errors != "strict":
        assert_same(vectorizer, [b"caf\xc3 \x81 the \xff cat", b"\xc3\xa9"])


@pytest.mark.parametrize(
    "bad", [None, float("nan"), np.nan, 3, 2.5, ["cat"], bytearray(b"cat"), b"\xff\xfe\xfd", {}], ids=repr
)
@pytest.mark.parametrize("settings", [{}, {"lowercase": False}, {"lowercase": False, "analyzer": "char"},
                                      {"analyzer": "char_wb"}], ids=str)  # fmt: skip
def test_what_the_original_refuses_is_refused_with_its_row(bad: object, settings: dict[str, object]) -> None:
    vectorizer = CountVectorizer(**settings).fit(["cat"])
    texts = ["cat", "cat", bad]
    with pytest.raises((ValueError, AttributeError, TypeError)):
        vectorizer.transform(texts)
    with pytest.raises(AmberError, match="row 2") as refused:
        compile(prelude_of(vectorizer))(texts)
    assert refused.value.code == "input-refused"


@pytest.mark.parametrize("whole", ["one text", b"one text"])
def test_one_text_is_no_list_of_texts(whole: object) -> None:
    with pytest.raises(AmberError, match="list of texts"):
        compile(prelude_of(CountVectorizer(vocabulary=["one"]).fit(["one"])))(whole)  # type: ignore[arg-type]


def test_a_surrogate_has_no_hash() -> None:
    vectorizer = HashingVectorizer(norm=None, analyzer="char")
    with pytest.raises(UnicodeEncodeError):
        vectorizer.transform(["fine words", "broken\ud800 word"])
    run = compile(prelude_of(vectorizer))
    with pytest.raises(AmberError, match="row 1"):
        run(["fine words", "broken\ud800 word"])


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"pattern": r"(a+)+b"}, "pattern-refused"),
        ({"pattern": "("}, "pattern-refused"),
        ({"pattern": r"(a)(b)"}, "pattern-refused"),
        ({"pattern": "a" * 600}, "limit-pattern-chars"),
        ({"pattern": None}, "value-mismatch"),
        ({"ngrams": (1, 10_000)}, "value-out-of-range"),
        ({"ngrams": (0, 1)}, "value-out-of-range"),
        ({"ngrams": (3, 2)}, "value-out-of-range"),
        ({"hashed": 2**40}, "value-out-of-range"),
        ({"hashed": -1}, "value-out-of-range"),
        ({"encoding": "punycode"}, "string-not-allowed"),
        ({"encoding": "no-such-codec"}, "string-not-allowed"),
        ({"encoding": "a\0b"}, "string-not-allowed"),
    ],
)
def test_hostile_settings_are_refused(change: dict[str, object], code: str) -> None:
    settings = prelude_of(CountVectorizer(vocabulary=["cat"]).fit(["cat"]))
    for name, value in change.items():
        setattr(settings, name, value)
    with pytest.raises(AmberError) as refused:
        compile(settings, DEFAULT)
    assert refused.value.code == code


def test_every_encoding_of_the_vocabulary_is_taken() -> None:
    """`CODECS` is what the names of the vocabulary stand for."""
    terms = json.loads(resources.files("amber.vocabulary").joinpath("sklearn.json").read_text())
    named = {codecs.lookup(name).name for name in terms["constraints"]["encoding"]["values"]}
    assert named == text.CODECS


def test_the_english_stop_words() -> None:
    assert english.WORDS == ENGLISH_STOP_WORDS


def test_the_hash() -> None:
    rng = random.Random(2)
    for size in (*range(20), 100, 1001):
        data = rng.randbytes(size)
        assert hashing.murmur3(data) == murmurhash3_32(data, seed=0)


def test_the_memory_of_hashes_and_words_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashing, "KEPT", 3)
    columns = hashing.Columns(100, False)
    assert [columns[f"term{i}"] for i in range(9)] == [abs(murmurhash3_32(f"term{i}")) % 100 for i in range(9)]
    assert len(columns) == 3
    monkeypatch.setattr(text, "_KEPT", 2)
    vectorizer = CountVectorizer(analyzer="char_wb", ngram_range=(2, 3)).fit(["some words"])
    assert_same(vectorizer, ["some words in a row, some words again"])


# -- records -----------------------------------------------------------------------------------------------------------

RECORDS = [
    {"city": "Rome", "size": 2.5, "tags": ["a", "b", "a"]},
    {"city": "Bern", "size": None, "rank": 0, "flag": True, 7: 3},
    {},
    {"city": "", "unknown": 4, "size": np.float32(0.1), "tags": (), "city=Rome": 5, "rank": -0.0},
    {"size": float("nan"), "rank": 2**60 + 1, "tags": {"b"}, "city": np.str_("Bern")},
]


def entries_of(expected: object, found: plans.Records, given: object) -> None:
    """Compare entries; those that share a place may stand in any order."""
    data, columns, rows = compile_records(found)(given)  # type: ignore[arg-type]
    where = expected.tocoo()  # type: ignore[attr-defined]
    mine = sorted(zip(where.row.tolist(), where.col.tolist(), map(repr, where.data.tolist()), strict=True))
    assert sorted(zip(rows, columns, map(repr, data), strict=True)) == mine
    assert list(rows) == where.row.tolist()
    assert list(columns) == where.col.tolist()


@pytest.mark.parametrize("separator", ["=", ":"])
@pytest.mark.parametrize("count", [2, 4, 5])
def test_records_of_a_vocabulary(separator: str, count: int) -> None:
    vectorizer = DictVectorizer(separator=separator, sort=False).fit(RECORDS[:count])
    names = [plans.category(name) for name in vectorizer.feature_names_]
    found = plans.Records(input="", separator=separator, names=names)
    entries_of(vectorizer.transform(RECORDS), found, RECORDS)


@pytest.mark.parametrize("alternate", [True, False])
@pytest.mark.parametrize("width", [3, 1024])
@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("dict", [{"a": 1, "b": "x", "c": 2.5, "d": 0}, {}, {b"raw": 3, "nan": float("nan")}]),
        ("pair", [[("a", 1), ("b", "x"), ("a", -1)], [], (("c", 2),)]),
        ("string", [["a", "b", "a"], [], ("ä", "b"), ["a"] * 5]),
    ],
)
def test_records_of_hashes(kind: str, given: list[object], width: int, alternate: bool) -> None:
    hasher = FeatureHasher(width, input_type=kind, alternate_sign=alternate)
    found = plans.Records(input="", kind=kind, hashed=width, alternate_sign=alternate)  # type: ignore[arg-type]
    entries_of(hasher.transform(given), found, given)


@pytest.mark.parametrize("bad", [{"city": {"a": 1}}, {"tags": [1]}, {"city": 1j}, {"city": object()}, 3, None])
def test_records_the_vectorizer_refuses(bad: object) -> None:
    vectorizer = DictVectorizer().fit([{"city": 1.0}])
    with pytest.raises((TypeError, AttributeError, ValueError)):
        vectorizer.transform([{"city": 1}, bad])
    with pytest.raises(AmberError, match="row 1"):
        compile_records(plans.Records(input="", names=["city"]))([{"city": 1}, bad])


@pytest.mark.parametrize("bad", [{"a": None}, {1: 2}, {"a": [1]}, {"\ud800": 1}, None])
def test_records_the_hasher_refuses(bad: object) -> None:
    with pytest.raises((TypeError, AttributeError, ValueError)):
        FeatureHasher(8).transform([{"a": 1}, bad])
    with pytest.raises(AmberError, match="row 1"):
        compile_records(plans.Records(input="", hashed=8))([{"a": 1}, bad])


@pytest.mark.parametrize("whole", ["text", {"a": 1}, ["text", "texts"]])
def test_what_is_no_list_of_records(whole: object) -> None:
    with pytest.raises(AmberError):
        compile_records(plans.Records(input="", kind="string", hashed=8))(whole)  # type: ignore[arg-type]


def test_names_that_are_no_numbers() -> None:
    with pytest.raises(AmberError, match="no number"):
        compile_records(plans.Records(input="", names=[plans.Scalar(kind="float", text="abc")]))


def test_more_columns_than_allowed() -> None:
    with pytest.raises(AmberError):
        compile_records(plans.Records(input="", hashed=2**40))


# -- what it needs -----------------------------------------------------------------------------------------------------


def test_the_prelude_needs_the_standard_library_alone() -> None:
    script = (
        "import sys; import amber.programs.prelude; "
        "print([m for m in ('numpy', 'sklearn', 'scipy', 'pandas', 'onnx') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert out.stdout.strip() == "[]"


def test_counting_is_not_slower_than_the_original() -> None:
    """One thousand texts of sixty words, 100 000 terms: with room for a busy machine, not for a slow path."""
    rng = random.Random(3)
    words = [f"w{i:05d}x" for i in range(100_000)]
    texts = [" ".join(rng.choices(words, k=60)) for _ in range(1000)]
    vectorizer = CountVectorizer(vocabulary=words).fit(texts)
    run = compile(prelude_of(vectorizer))

    mine, theirs = [], []
    for _ in range(7):  # in turns: the machine may be busy
        for function, times in ((run, mine), (vectorizer.transform, theirs)):
            start = time.perf_counter()
            function(texts)
            times.append(time.perf_counter() - start)
    assert min(mine) < 1.5 * min(theirs)
