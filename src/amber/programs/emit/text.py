"""Vectorisers of texts and records: the prelude counts, the graph weighs the counts.

A vectoriser appends to the plan how its texts are counted and gets the entries as three inputs of the graph. What
follows is arithmetic over entries, in the original's order: row sums add one entry after the other.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from amber.limits import DEFAULT
from amber.programs import plan as plans
from amber.programs.emit.flow import Context, Methods, Terms, emits, inverts
from amber.programs.emit.graph import Dtype, Tensor, Unsupported
from amber.programs.emit.values import Matrix, Sparse, Texts, Value
from amber.programs.emit.view import View
from amber.programs.prelude.english import WORDS

_COUNT = "sklearn.feature_extraction.text.CountVectorizer"
_TFIDF = "sklearn.feature_extraction.text.TfidfVectorizer"


@emits(_COUNT)
def count(e: View, X: Value, c: Context) -> Methods:
    """Counts of the terms of a vocabulary, in the numbers of its dtype."""
    return {"transform": lambda: _as_dtype(_counted(e, X, c), e, c)}


@emits(_TFIDF)
def tfidf_of_texts(e: View, X: Value, c: Context) -> Methods:
    """Counts, then the transformer inside."""
    return {"transform": lambda: _weighed(e["_tfidf"], _as_dtype(_counted(e, X, c), e, c), c, checked=True)}


@emits("sklearn.feature_extraction.text.HashingVectorizer")
def hashing(e: View, X: Value, c: Context) -> Methods:
    """Signed counts of hashed terms, each row by its norm."""

    def transform() -> Value:
        return _normalized(_as_dtype(_counted(e, X, c), e, c), e.get("norm", "l2"), _kind(e), c)

    return {"transform": transform}


@emits("sklearn.feature_extraction.text.TfidfTransformer")
def tfidf(e: View, X: Value, c: Context) -> Methods:
    """Counts as weights: damped, times the inverse document frequency, each row by its norm."""
    return {"transform": lambda: _weighed(e, X, c) if isinstance(X, Sparse) else _weighed_matrix(e, X, c)}


@emits("sklearn.feature_extraction.DictVectorizer")
def records(e: View, X: Value, c: Context) -> Methods:
    """Numbers by feature, and one for each text of a feature."""

    def transform() -> Value:
        kind = _kind(e)
        if kind not in ("float64", "float32"):
            raise Unsupported(f"a DictVectorizer of dtype {kind}")
        names = [plans.category(_plain(name)) for name in _by_column(e["vocabulary_"], (str, int, float))]
        plan = plans.Records(input="", separator=e.get("separator", "="), names=names)
        return _rounded(_recorded(plan, len(names), X, c), kind, c)

    return {"transform": transform}


@emits("sklearn.feature_extraction.FeatureHasher")
def hasher(e: View, X: Value, c: Context) -> Methods:
    """Numbers by the hash of their feature."""

    def transform() -> Value:
        kind = _kind(e)
        if kind not in ("float64", "float32"):
            raise Unsupported(f"a FeatureHasher of dtype {kind}")
        width = int(e["n_features"])
        plan = plans.Records(
            input="", kind=e.get("input_type", "dict"), hashed=width, alternate_sign=bool(e.get("alternate_sign", True))
        )
        return _rounded(_recorded(plan, width, X, c), kind, c)

    return {"transform": transform}


@inverts(_COUNT, _TFIDF)
def terms_of_texts(e: View, X: Matrix, c: Context) -> Terms:
    """The terms of each row, in the order of their columns."""
    known = np.array(_vocabulary(e))
    return _terms(known, known.nbytes, X, c)


@inverts("sklearn.feature_extraction.DictVectorizer")
def features_of_records(e: View, X: Matrix, c: Context) -> Terms:
    """The features of each row with their numbers, in the order of their columns."""
    names = [_plain(name) for name in e["feature_names_"]]
    if not all(type(name) is str for name in names):
        raise Unsupported("features whose names are no texts")
    return _terms(np.array(names, dtype=object), 8 * len(names), X, c)


def _terms(known: Any, size: int, X: Matrix, c: Context) -> Terms:
    """Return the entries of a table that are not zero, and what their columns are called.

    Raises:
        Unsupported: One term is so long that an array of them all would fill the memory.
    """
    g, x = c.graph, c.require(X).tensor
    if size > DEFAULT.program_elements:
        raise Unsupported(f"an array of all terms takes {size} bytes")
    g.widest = max(g.widest, X.width)
    places = g.op("NonZero", ~x.equal(0.0), dtype="int64")
    row, column = (g.squeeze(g.op("Gather", places, g.const([i]), axis=0), 0) for i in (0, 1))
    data = g.op("GatherND", x, g.op("Transpose", places, perm=[1, 0]))
    return Terms(Sparse(data, column, row, g.op("Shape", x, dtype="int64", start=0, end=1), X.width), known)


# -- what is counted ---------------------------------------------------------------------------------------------------


def _counted(e: View, X: Value, c: Context) -> Sparse:
    """Append the prelude of a vectoriser to the plan and return the entries it gives."""
    if not isinstance(X, Texts) or (X.column is None and c.form != "texts"):
        raise Unsupported(f"{e.name} takes texts, one column of them")
    prelude = _prelude(e)
    column = -1 if X.column is None else X.column
    for text in c.texts:
        if text.column == column and text.prelude == prelude:
            break
    else:
        text = plans.Text(input=f"text{len(c.texts)}", column=column, prelude=prelude)
        c.texts.append(text)
    return c.entries(text.input, prelude.hashed or len(prelude.vocabulary))


def _recorded(plan: plans.Records, width: int, X: Value, c: Context) -> Sparse:
    if not isinstance(X, Texts) or c.form != "records":
        raise Unsupported("records inside a table")
    for known in c.records:
        plan.input = known.input
        if known == plan:
            break
    else:
        plan.input = f"records{len(c.records)}"
        c.records.append(plan)
    return c.entries(plan.input, width)


def _prelude(e: View) -> plans.Prelude:
    """Return the settings of a vectoriser as data.

    Raises:
        Unsupported: One of them is code.
    """
    for setting in ("tokenizer", "preprocessor"):
        if e.get(setting) is not None:
            raise Unsupported(f"{setting}= of {e.name} is a function")
    analyzer, accents = e.get("analyzer", "word"), e.get("strip_accents") or None
    if analyzer not in ("word", "char", "char_wb"):
        raise Unsupported(f"analyzer= of {e.name} is a function")
    if accents not in (None, "ascii", "unicode"):
        raise Unsupported(f"strip_accents= of {e.name} is a function")
    if e.get("input", "content") != "content":
        raise Unsupported(f"{e.name} reads files")
    low, high = (int(bound) for bound in e.get("ngram_range", (1, 1)))
    if not 1 <= low <= high <= DEFAULT.ngram:
        raise Unsupported(f"n-grams from {low} to {high}")
    hashed = "n_features" in e
    return plans.Prelude(
        analyzer=analyzer, ngrams=(low, high), lowercase=bool(e.get("lowercase", True)), accents=accents,
        pattern=_pattern(e) if analyzer == "word" else None,
        stop_words=_stop_words(e.get("stop_words")) if analyzer == "word" else [],
        encoding=e.get("encoding", "utf-8"), decode_error=e.get("decode_error", "strict"),
        binary=bool(e.get("binary", False)), vocabulary=[] if hashed else _vocabulary(e),
        hashed=int(e["n_features"]) if hashed else 0, alternate_sign=hashed and bool(e.get("alternate_sign", True)),
    )  # fmt: skip


def _pattern(e: View) -> str:
    pattern = e.get("token_pattern")
    if not isinstance(pattern, str):
        raise Unsupported(f"{e.name} has no token pattern")
    if re.compile(pattern).groups > 1:
        raise Unsupported("a token pattern with several groups")
    return pattern


def _stop_words(words: Any) -> list[str]:
    if words is None:
        return []
    if isinstance(words, str):
        if words != "english":
            raise Unsupported(f"the list of stop words {words!r}")
        return sorted(WORDS)
    return sorted({str(word) for word in words if isinstance(word, str)})


def _vocabulary(e: View) -> list[str]:
    """Return the terms by column; a vectoriser that was given its vocabulary may never have been fitted."""
    if "vocabulary_" in e:
        return _by_column(e["vocabulary_"], (str,))
    given = e.get("vocabulary")
    if isinstance(given, Mapping):
        return _by_column(given, (str,))
    terms = [] if given is None else sorted(given) if isinstance(given, set | frozenset) else list(given)
    if not terms or not all(isinstance(term, str) for term in terms):
        raise Unsupported(f"{e.name} has no vocabulary of texts")
    return [str(term) for term in terms]


def _by_column(vocabulary: Mapping[Any, Any], kinds: tuple[type, ...]) -> list[Any]:
    terms: list[Any] = [None] * len(vocabulary)
    for term, column in vocabulary.items():
        if not isinstance(term, kinds):
            raise Unsupported(f"a vocabulary with {type(term).__name__} in it")
        terms[int(column)] = str(term) if isinstance(term, str) else term
    return terms


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


# -- numbers -----------------------------------------------------------------------------------------------------------


def _kind(e: View) -> str:
    """Return the name of the dtype an estimator answers in."""
    dtype = e.get("dtype", np.float64)
    name = np.dtype(dtype.rpartition(".")[2] if isinstance(dtype, str) else dtype).name
    if name == "float16":
        raise Unsupported(f"{e.name} in half precision")
    return name


def _as_dtype(counts: Sparse, e: View, c: Context) -> Sparse:
    """Return counts as a dtype holds them: true is one, and small integers start again where they end."""
    kind, data = _kind(e), counts.data
    if kind == "bool":
        data = c.graph.op("Sign", data)
    elif kind in ("int8", "uint8", "int16", "uint16") and not e.get("binary", False):
        info = np.iinfo(kind)
        whole = c.graph.op("Mod", data.cast("int64") - int(info.min), 2**info.bits, fmod=0) + int(info.min)
        data = whole.cast(c.graph.precision)
    return Sparse(data, counts.column, counts.row, counts.rows, counts.width)


def _rounded(value: Sparse, kind: str, c: Context) -> Sparse:
    if kind != "float32":
        return value
    data = value.data.cast("float32").cast(c.graph.precision)
    return Sparse(data, value.column, value.row, value.rows, value.width)


def _weighed(e: View, X: Sparse, c: Context, checked: bool = False) -> Sparse:
    """Return tf-idf of entries; `checked` where they are counts, so that none needs to be refused."""
    g = c.graph
    weights = e.get("idf_")
    kind = "float32" if weights is not None and np.asarray(weights).dtype == np.float32 else "float64"
    data = X.data
    norm = e.get("norm", "l2")
    if not checked:
        _refuse(data, X, c)
    if e.get("sublinear_tf", False):
        data = g.op("Log", _narrow(data, kind)) + 1.0
    if weights is not None:
        data = _narrow(data, kind) * g.op("Gather", g.const(np.asarray(weights), _narrowed(kind, c)), X.column, axis=0)
    found = Sparse(data.cast(g.precision), X.column, X.row, X.rows, X.width)
    if norm is not None and not checked:
        _refuse(found.data, found, c)  # its own check, after the logarithm
    return _normalized(found, norm, kind, c)


def _weighed_matrix(e: View, X: Value, c: Context) -> Matrix:
    """Return tf-idf of a dense table: zeros are no entries, so no logarithm is taken of them."""
    g = c.graph
    whole = c.require(c.matrix(X))
    data, norm = whole.tensor, e.get("norm", "l2")
    zero = data.equal(0.0)
    if e.get("sublinear_tf", False):
        data = g.op("Log", data) + 1.0
    if e.get("idf_") is not None:
        data = data * g.const(np.asarray(e["idf_"], np.float64).reshape(1, -1))
    data = g.where(zero, 0.0, data)
    if norm is None:
        return Matrix(data, whole.width)
    c.require(Matrix(data, whole.width))
    total = g.sum(g.op("Abs", data) if norm == "l1" else data * data, 1, keep=True)
    size = total if norm == "l1" else g.op("Sqrt", total)
    return Matrix(data / g.where(total.equal(0.0), 1.0, size), whole.width)


def _normalized(X: Sparse, norm: str | None, kind: str, c: Context) -> Sparse:
    """Return entries divided by the norm of their row; a row whose norm is zero stays as it is."""
    if norm is None:
        return X
    g, data = c.graph, X.data
    narrow = _narrow(data, kind)
    terms = g.op("Abs", narrow) if norm == "l1" else narrow * narrow
    total = _by_row(terms.cast(g.precision), X, c)
    size = total if norm == "l1" else g.op("Sqrt", total)
    size = g.where(total.equal(0.0), 1.0, size)
    found = Sparse(data / g.op("Gather", size, X.row, axis=0), X.column, X.row, X.rows, X.width)
    return _rounded(found, kind, c)


def _by_row(terms: Tensor, X: Sparse, c: Context) -> Tensor:
    """Return the sums of entries by row, [N], one added after the other."""
    g = c.graph
    zeros = g.op("ConstantOfShape", X.rows, dtype=terms.dtype, value=np.zeros(1, terms.dtype))
    return g.op("ScatterND", zeros, g.expand(X.row), terms, reduction="add")


def _refuse(data: Tensor, X: Sparse, c: Context) -> None:
    """Refuse the rows that have an entry which is no finite number."""
    g = c.graph
    bad = ~(g.op("Abs", data) <= float(np.finfo(data.dtype).max))
    c.refuse(_by_row(bad.cast(g.precision), X, c) > 0.0, wide=False)


def _narrow(data: Tensor, kind: str) -> Tensor:
    return data.cast("float32") if kind == "float32" else data


def _narrowed(kind: str, c: Context) -> Dtype:
    return "float32" if kind == "float32" else c.graph.precision
