"""JSON of strangers: one meaning, or refused; JSON of ours: one spelling."""

from __future__ import annotations

import json

import pytest
import rfc8785

from amber.errors import FormatError, SaveError
from amber.trust import strict

REFUSED = {
    "duplicate-key": b'{"a":1,"a":1}',
    "duplicate-key-deep": b'[{"b":{"a":1,"c":2,"a":3}}]',
    "duplicate-key-escaped": b'{"a":1,"\\u0061":2}',
    "nan": b"[NaN]",
    "infinity": b"[-Infinity]",
    "float-overflow": b"[1e999]",
    "not-utf8": b'["\xff"]',
    "overlong-utf8": b'["\xc0\xaf"]',
    "surrogate-raw": b'["\xed\xa0\x80"]',
    "surrogate-escaped": b'["\\ud800"]',
    "surrogate-as-key": b'{"\\udc00":1}',
    "byte-order-mark": b"\xef\xbb\xbf[]",
    "utf16": "[]".encode("utf-16"),
    "empty": b"",
    "two-values": b"[][]",
    "single-quotes": b"['a']",
    "trailing-comma": b"[1,]",
    "comment": b"[1] // one",
    "control-character": b'["\x01"]',
    "truncated": b'{"a":',
    "huge-integer": b"[" + b"9" * 5000 + b"]",
    "integer-beyond-doubles": b"[9007199254740992]",
    "negative-integer-beyond-doubles": b"[-9007199254740992]",
    "too-deep": b"[" * 66 + b"]" * 66,
    "much-too-deep": b"[" * 100_000 + b"]" * 100_000,
    "objects-too-deep": b'{"a":' * 70 + b"1" + b"}" * 70,
}


@pytest.mark.parametrize("data", REFUSED.values(), ids=REFUSED)
def test_what_has_two_meanings_is_refused(data: bytes) -> None:
    with pytest.raises(FormatError) as refusal:
        strict.loads(data, "somewhere", "bundle-invalid", 1_000_000)
    assert (refusal.value.code, refusal.value.where) == ("bundle-invalid", "somewhere")


def test_what_is_too_long_is_not_even_read() -> None:
    assert strict.loads(b"[1]", "x", "bundle-invalid", 3) == [1]
    with pytest.raises(FormatError, match="at most 2"):
        strict.loads(b"\xff\xff\xff", "x", "bundle-invalid", 2)


def test_depth_has_one_limit_wherever_it_stands() -> None:
    assert strict.loads(b"[" * 64 + b"]" * 64, "x", "bundle-invalid", 1000)
    with pytest.raises(FormatError, match="64 deep"):
        strict.loads(b"[" * 65 + b"]" * 65, "x", "bundle-invalid", 1000)


def test_a_duplicate_among_many_keys_is_found_quickly() -> None:
    keys = ",".join(f'"{number}":0' for number in range(200_000))
    with pytest.raises(FormatError, match="'77'"):
        strict.loads(f'{{{keys},"77":1}}'.encode(), "x", "bundle-invalid", 10_000_000)


@pytest.mark.parametrize(
    "value", [0, "é\u2028😀", [], {}, {"b": [1, {"z": None, "a": True}], "a": "\x7f\x01"}, 2**53 - 1]
)
def test_values_come_back_and_have_the_canonical_spelling(value: object) -> None:
    data = strict.dumps(value)
    assert data == rfc8785.dumps(value)  # type: ignore[arg-type]
    assert strict.loads(data, "x", "bundle-invalid", 1000) == value


@pytest.mark.parametrize(
    "value",
    [1.5, float("nan"), {1: 2}, "\ud800", b"x", {"a": (1,)}, {"a": 1e300}, 2**53],
    ids=lambda value: ascii(value),
)
def test_what_has_no_single_spelling_is_not_written(value: object) -> None:
    with pytest.raises(SaveError) as refusal:
        strict.dumps(value)
    assert refusal.value.code == "value-not-json"


def test_pairs_of_surrogates_are_text() -> None:
    assert strict.loads(json.dumps("😀").encode(), "x", "bundle-invalid", 100) == "😀"


def test_a_finite_float_of_others_is_read() -> None:
    assert strict.loads(b'{"score":0.5,"e":1e3}', "x", "bundle-invalid", 100) == {"score": 0.5, "e": 1000.0}
