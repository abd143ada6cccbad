"""Texts as counts of terms, step by step as scikit-learn's vectorisers do it.

A text is decoded, lower-cased, freed of accents and cut into tokens; stop words go, n-grams are made, each has its
column, and columns are counted.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import cast

from amber.errors import AuditError, LimitError, SourceError
from amber.limits import DEFAULT, Limits
from amber.programs import plan as plans
from amber.programs.prelude.hashing import Columns
from amber.vocabulary import patterns

Entries = tuple["array[float]", "array[int]", "array[int]"]
Place = Callable[[str], int | None]
Places = Sequence[int | None]  # where the terms of a text go: a column, twice that plus a sign, None: nowhere
Counted = tuple[list[int], Iterable[float] | None]  # columns of one text, ascending, and counts; None: each is one
_ONE = array("d", (1.0,))
_KEPT, _KEPT_CHARS = 1 << 14, 32  # words whose pieces are remembered, and the longest of them
_DEFAULTS = (r"(?u)\b\w\w+\b", r"\b\w\w+\b")
_ASCII = "".join(chr(code) if chr(code).isalnum() or code == ord("_") else " " for code in range(128))
_SPACES = re.compile(r"\s\s+")
# Codecs by their own names: those of the vocabulary. Python has others that are slow on purpose-made bytes.
CODECS = frozenset(
    """
    ascii big5 cp1250 cp1251 cp1252 cp1253 cp1254 cp1255 cp1256 cp1257 cp1258 cp437 cp850 cp852 cp866 cp932 cp949
    cp950 euc_jp euc_kr gb18030 gb2312 gbk iso2022_jp iso8859-1 iso8859-15 iso8859-2 iso8859-5 iso8859-7 iso8859-9
    koi8-r koi8-u mac-roman shift_jis utf-16 utf-16-be utf-16-le utf-32 utf-32-be utf-32-le utf-8 utf-8-sig
    """.split()  # noqa: SIM905 - names beside each other
)


def compile(prelude: plans.Prelude, limits: Limits = DEFAULT) -> Callable[[Sequence[object]], Entries]:
    """Return the function that counts the terms of texts.

    It raises SourceError `input-refused`, naming the row, for what the original refuses: no text, or bytes that are
    none in its encoding.

    Raises:
        AuditError, LimitError: A setting is outside what a file may bring.
    """
    _checked(prelude, limits)
    read, places, count = _reader(prelude), _places(prelude), _counter(prelude)

    def run(texts: Sequence[object]) -> Entries:
        if isinstance(texts, str | bytes):
            raise SourceError("input-refused", "a list of texts is expected, not one text")
        data, rows = array("d"), array("q")
        columns: list[int] = []
        row = -1
        try:
            for row, text in enumerate(texts):
                found, counts = count(places(text if type(text) is str else read(text)))
                columns += found
                data.extend(_ONE * len(found) if counts is None else array("d", counts))
                rows.extend(array("q", (row,)) * len(found))
        except (TypeError, UnicodeError) as error:
            raise SourceError("input-refused", f"row {row}: {error}", where=f"row {row}") from error
        return data, array("q", columns), rows

    return run


def _checked(prelude: plans.Prelude, limits: Limits) -> None:
    low, high = prelude.ngrams
    if not 1 <= low <= high <= limits.ngram:
        raise AuditError("value-out-of-range", f"n-grams from {low} to {high}", where="ngrams")
    if not 0 <= prelude.hashed <= limits.hash_features:
        raise AuditError("value-out-of-range", f"{prelude.hashed} columns", where="hashed")
    try:
        known = codecs.lookup(prelude.encoding).name in CODECS
    except (LookupError, ValueError):
        known = False
    if not known:
        raise AuditError("string-not-allowed", f"the encoding {prelude.encoding!r}", where="encoding")
    if prelude.analyzer != "word":
        return
    if prelude.pattern is None:
        raise AuditError("value-mismatch", "words need a token pattern", where="pattern")
    if len(prelude.pattern) > limits.pattern_chars:
        raise LimitError("limit-pattern-chars", f"an expression of {len(prelude.pattern)} characters", where="pattern")
    reason = patterns.refusal(prelude.pattern)
    if not reason and re.compile(prelude.pattern).groups > 1:
        reason = "more than one group"
    if reason:
        raise AuditError("pattern-refused", f"{prelude.pattern!r}: {reason}", where="pattern")


# -- one text ----------------------------------------------------------------------------------------------------------


def _reader(prelude: plans.Prelude) -> Callable[[object], str]:
    """What makes a text of anything that is not exactly a str."""
    encoding, errors = prelude.encoding, prelude.decode_error

    def read(value: object) -> str:
        if isinstance(value, bytes):
            return value.decode(encoding, errors)
        if isinstance(value, str):
            return str.__str__(value)  # not what a subclass shows itself as
        raise TypeError(f"{type(value).__name__} is no text")

    return read


def _places(prelude: plans.Prelude) -> Callable[[str], Places]:
    """Return what gives the places of all terms of a text, in any order: they will be counted."""
    vocabulary = dict(zip(prelude.vocabulary, range(len(prelude.vocabulary)), strict=True))
    place = Columns(prelude.hashed, prelude.alternate_sign).__getitem__ if prelude.hashed else vocabulary.get
    steps: list[Callable[[str], str]] = [str.lower] if prelude.lowercase else []
    if prelude.accents is not None:
        steps.append(_without_accents if prelude.accents == "unicode" else _as_ascii)
    if prelude.analyzer == "char_wb":
        pieces = _Pieces(place, prelude.ngrams).__getitem__
        # runs of spaces part words as one space does
        return _after(steps, lambda text: list(chain.from_iterable(map(pieces, text.split()))))
    if prelude.analyzer == "char":
        return _after(steps, _characters(prelude, place))
    pattern = cast("str", prelude.pattern)
    if pattern not in _DEFAULTS:
        return _after(steps, _words(prelude, place, re.compile(pattern).findall, set(prelude.stop_words)))
    # a run of word characters from its start to its end is what the shorter expression finds too, and sooner
    general = _after(steps, _words(prelude, place, re.compile(r"\w\w+").findall, set(prelude.stop_words)))
    dropped = {*prelude.stop_words, *_ASCII}
    if prelude.ngrams[1] == 1 and not prelude.hashed:
        dropped &= vocabulary.keys()
    table = _ASCII.lower() if prelude.lowercase else _ASCII
    ascii_only = _words(prelude, place, lambda text: text.translate(table).split(), dropped)
    return lambda text: ascii_only(text) if text.isascii() else general(text)


def _after(steps: list[Callable[[str], str]], last: Callable[[str], Places]) -> Callable[[str], Places]:
    if not steps:
        return last
    first, then = steps[0], _after(steps[1:], last)
    return lambda text: then(first(text))


def _without_accents(text: str) -> str:
    if text.isascii():
        return text
    return "".join([char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char)])


def _as_ascii(text: str) -> str:
    if text.isascii():
        return text
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii")


def _words(
    prelude: plans.Prelude, place: Place, find: Callable[[str], list[str]], dropped: set[str]
) -> Callable[[str], Places]:
    low, high = prelude.ngrams

    def words(text: str) -> list[str]:
        return [word for word in find(text) if word not in dropped] if dropped else find(text)

    def phrases(text: str) -> Places:
        found = words(text)
        places = list(map(place, found)) if low == 1 else []
        for size in range(max(low, 2), min(high, len(found)) + 1):
            # the words from every place on, side by side
            together = map(" ".join, zip(*[found[start:] for start in range(size)], strict=False))
            places.extend(map(place, together))
        return places

    return phrases if high > 1 else lambda text: list(map(place, words(text)))


def _characters(prelude: plans.Prelude, place: Place) -> Callable[[str], Places]:
    low, high = prelude.ngrams

    def characters(text: str) -> Places:
        text = _SPACES.sub(" ", text)
        places: list[int | None] = []
        for size in range(low, min(high, len(text)) + 1):
            runs = map("".join, zip(*[text[start:] for start in range(size)], strict=False))
            places.extend(map(place, runs))
        return places

    return characters


class _Pieces(dict[str, tuple[int, ...]]):
    """The places of the runs of characters inside a word and the spaces around it, computed once for a word."""

    def __init__(self, place: Place, ngrams: tuple[int, int]) -> None:
        super().__init__()
        self.place, self.ngrams = place, ngrams

    def __missing__(self, word: str) -> tuple[int, ...]:
        padded, terms = f" {word} ", []
        low, high = self.ngrams
        for size in range(low, high + 1):
            if len(padded) <= size:  # a short word counts once, whole
                terms.append(padded)
                break
            terms += [padded[start : start + size] for start in range(len(padded) - size + 1)]
        places = tuple([place for place in map(self.place, terms) if place is not None])
        if len(word) <= _KEPT_CHARS and len(self) < _KEPT:
            self[word] = places
        return places


# -- counts ------------------------------------------------------------------------------------------------------------


def _counter(prelude: plans.Prelude) -> Callable[[Places], Counted]:
    binary = prelude.binary

    def count(places: Places) -> Counted:
        known = set(places)
        known.discard(None)
        columns = sorted(cast("set[int]", known))
        if binary or len(columns) == len(places):
            return columns, None
        return columns, map(Counter(places).__getitem__, columns)

    def often(places: Places) -> Counted:
        counts = Counter(places)
        counts.pop(None, None)
        columns = sorted(cast("Counter[int]", counts))
        return columns, map(counts.__getitem__, columns)

    def signed(places: Places) -> Counted:
        """Terms that meet in a column add up, and stay an entry where they cancel each other."""
        found = sorted(cast("Sequence[int]", places))
        columns = [where >> 1 for where in found]
        if len(set(columns)) == len(columns):
            return columns, None if binary else [-1.0 if where & 1 else 1.0 for where in found]
        sums: dict[int, int] = {}
        for where, number in Counter(found).items():
            column = where >> 1
            sums[column] = sums.get(column, 0) + (-number if where & 1 else number)
        columns = sorted(sums)
        return columns, None if binary else map(sums.__getitem__, columns)

    if prelude.hashed and prelude.alternate_sign:
        return signed
    return count if binary or prelude.analyzer == "word" else often  # few words occur twice, most characters do
