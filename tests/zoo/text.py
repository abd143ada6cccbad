"""Text vectorisers, hashers and dictionaries."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
from sklearn.decomposition import LatentDirichletAllocation, TruncatedSVD
from sklearn.feature_extraction import DictVectorizer, FeatureHasher
from sklearn.feature_extraction.image import PatchExtractor
from sklearn.feature_extraction.text import (
    ENGLISH_STOP_WORDS,
    CountVectorizer,
    HashingVectorizer,
    TfidfTransformer,
    TfidfVectorizer,
)
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline, make_union

from tests.zoo import callables
from tests.zoo import data as d
from tests.zoo.specimen import Specimen, fit


def vectorisers() -> Iterator[Specimen]:
    """Vectorisers on their own."""
    texts = d.documents()
    words: Any = CountVectorizer
    tfidf: Any = TfidfVectorizer
    yield fit("CountVectorizer[english]", partial(words, stop_words="english"), texts)
    yield fit("CountVectorizer[custom-stop-words]", partial(words, stop_words=["the", "and", "über"]), texts)
    yield fit("CountVectorizer[many-stop-words]", partial(words, stop_words=sorted(ENGLISH_STOP_WORDS)), texts)
    yield fit("CountVectorizer[token-pattern]", partial(words, token_pattern=r"(?u)\b[a-zA-Z]{2,}\b"), texts)
    yield fit("CountVectorizer[group-pattern]", partial(words, token_pattern=r"(\w)\w*"), texts)
    yield fit("CountVectorizer[char]", partial(words, analyzer="char", ngram_range=(1, 3), max_features=80), texts)
    yield fit("CountVectorizer[char-wb]", partial(words, analyzer="char_wb", ngram_range=(2, 4), min_df=3), texts)
    yield fit("CountVectorizer[bigrams]", partial(words, ngram_range=(1, 2), min_df=2, max_df=0.7), texts)
    yield fit("CountVectorizer[vocabulary-list]", partial(words, vocabulary=["model", "file", "forest"]), texts)
    yield fit("CountVectorizer[vocabulary-dict]", partial(words, vocabulary={"model": 1, "file": 0}), texts)
    yield fit("CountVectorizer[vocabulary-set]", partial(words, vocabulary={"model", "file", "trees"}), texts)
    yield fit("CountVectorizer[ascii]", partial(words, strip_accents="ascii", lowercase=False), texts)
    yield fit(
        "CountVectorizer[unicode-binary]",
        partial(words, strip_accents="unicode", binary=True, dtype=np.float32),
        texts,
    )
    yield fit("CountVectorizer[int8]", partial(words, dtype=np.int8), texts)
    yield fit("CountVectorizer[python-dtype]", partial(words, dtype=float), texts)
    yield fit(
        "CountVectorizer[bytes]",
        partial(words, encoding="utf-8", decode_error="replace"),
        texts,
        inputs=[t.encode() for t in texts],
    )
    yield fit(
        "CountVectorizer[tokenizer]",
        partial(words, tokenizer=callables.split_words, token_pattern=None),
        texts,
        allow=("tests.zoo.callables.split_words",),
    )
    yield fit(
        "CountVectorizer[analyzer]",
        partial(words, analyzer=callables.letters),
        texts,
        allow=("tests.zoo.callables.letters",),
    )
    yield fit(
        "CountVectorizer[preprocessor]",
        partial(words, preprocessor=callables.clean),
        texts,
        allow=("tests.zoo.callables.clean",),
    )
    yield fit("TfidfVectorizer[sublinear]", partial(tfidf, sublinear_tf=True, norm="l1"), texts)
    yield fit("TfidfVectorizer[no-idf]", partial(tfidf, use_idf=False, norm=None), texts)
    yield fit("TfidfVectorizer[english-bigrams]", partial(tfidf, stop_words="english", ngram_range=(1, 2)), texts)
    yield fit(
        "TfidfVectorizer[float32-char]",
        partial(tfidf, analyzer="char_wb", dtype=np.float32, max_features=50),
        texts,
    )
    yield fit("TfidfVectorizer[vocabulary]", partial(tfidf, vocabulary=["file", "model"], smooth_idf=False), texts)
    yield fit("TfidfTransformer[csr]", partial(TfidfTransformer, sublinear_tf=True), d.sparse())
    yield fit("TfidfTransformer[counts]", TfidfTransformer, d.counts())
    yield fit(
        "HashingVectorizer[small]",
        partial(HashingVectorizer, n_features=64, norm=None, alternate_sign=False),
        texts,
    )
    yield fit(
        "HashingVectorizer[char]",
        partial(HashingVectorizer, n_features=128, analyzer="char_wb", ngram_range=(2, 3)),
        texts,
    )
    yield fit(
        "HashingVectorizer[stop-words]",
        partial(HashingVectorizer, n_features=32, stop_words=["the"], binary=True),
        texts,
    )


def dictionaries() -> Iterator[Specimen]:
    """Dict vectorisers, feature hashers, patches."""
    records = d.records()
    yield fit(
        "FeatureHasher[strings]",
        partial(FeatureHasher, n_features=16, input_type="string"),
        [["a", "b"], ["c"], []],
    )
    yield fit(
        "FeatureHasher[pairs]",
        partial(FeatureHasher, n_features=16, input_type="pair", dtype=np.float32),
        [[("a", 1)], [("b", 2.5)]],
    )
    yield fit("DictVectorizer[dense]", partial(DictVectorizer, sparse=False), records)
    yield fit(
        "DictVectorizer[unsorted-separator]",
        partial(DictVectorizer, sort=False, separator="@", dtype=np.float32),
        records,
    )
    yield fit("DictVectorizer[iterables]", DictVectorizer, [{"tags": ["x", "y"], "n": 1}, {"tags": ["z"], "n": 2.0}])
    yield fit(
        "PatchExtractor[patches]",
        partial(PatchExtractor, patch_size=(3, 3), max_patches=5, random_state=0),
        d.images(),
    )


def text_pipelines() -> Iterator[Specimen]:
    """Text pipelines."""
    texts, y = d.documents(), d.topics()
    yield fit(
        "Pipeline[tfidf-logistic]",
        lambda: make_pipeline(TfidfVectorizer(stop_words="english"), LogisticRegression()),
        texts,
        np.array(["even", "odd"])[y],
    )
    yield fit(
        "Pipeline[count-tfidf-nb]",
        lambda: make_pipeline(CountVectorizer(), TfidfTransformer(), MultinomialNB()),
        texts,
        y,
    )
    yield fit(
        "Pipeline[hashing-sgd]",
        lambda: make_pipeline(HashingVectorizer(n_features=256), SGDClassifier(loss="log_loss", random_state=0)),
        texts,
        y,
    )
    yield fit(
        "Pipeline[count-lda]",
        lambda: make_pipeline(CountVectorizer(), LatentDirichletAllocation(3, max_iter=3, random_state=0)),
        texts,
    )
    yield fit(
        "Pipeline[lsa-union]",
        lambda: make_pipeline(
            make_union(TfidfVectorizer(), TfidfVectorizer(analyzer="char", max_features=40)),
            TruncatedSVD(4, random_state=0),
        ),
        texts,
    )
    yield fit(
        "Pipeline[dict-logistic]",
        lambda: make_pipeline(DictVectorizer(), LogisticRegression()),
        d.records(),
        np.arange(40) % 2,
    )
    compiled = re.compile(r"(?u)\b\w+\b")
    yield fit(
        "CountVectorizer[compiled-pattern-text]",
        partial(CountVectorizer, token_pattern=compiled.pattern),
        texts,
    )


def text() -> Iterator[Specimen]:
    """All of this module."""
    yield from vectorisers()
    yield from dictionaries()
    yield from text_pipelines()
