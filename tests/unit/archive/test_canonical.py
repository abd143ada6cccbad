from __future__ import annotations

from typing import Any

import msgspec
import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from amber.archive import canonical
from amber.errors import FormatError, SaveError

SAFE = canonical.SAFE_INTEGER
texts = st.text(st.characters(exclude_categories=["Cs"]))
keys = st.text(st.characters(max_codepoint=0xD7FF, exclude_categories=["Cc"]), min_size=1)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-SAFE, SAFE) | texts,
    lambda inner: st.lists(inner) | st.dictionaries(keys, inner),
    max_leaves=20,
)
anything = msgspec.json.Decoder()


@given(values)
@settings(max_examples=100, deadline=None)
def test_the_bytes_are_those_of_rfc_8785(value: Any) -> None:
    data = canonical.encode(value)
    assert data == rfc8785.dumps(value)
    assert canonical.decode(anything, data, "manifest", "m") == value
    assert canonical.is_plain(value)


def test_every_character_is_written_as_rfc_8785_writes_it() -> None:
    text = "".join(map(chr, range(0xD800))) + "\ue000\uffff\U0001f600\U0010ffff"
    assert canonical.encode(text) == rfc8785.dumps(text)


NOT_CANONICAL = [
    b'{"a":1,"a":1}', b'{"a":1,"a":2}', b'{"b":1,"a":2}', b'{"a": 1}', b' {"a":1}', b'{"a":1}\n', b'{"a":-0}',
    b'{"\\u0061":1}', b'["\\/"]', b'["\\u000A"]', b"[1e0]",
]  # fmt: skip
INVALID = [
    b"", b"{", b"[1,]", b"nan", b"NaN", b"[01]", b'"\xff"', b'"\\ud800"', b'"\xed\xa0\x80"', b"[1]x",
    b"1e999", b"[" * 100_000,
    b'{"a":' * 100_000, b"'a'", b"\xef\xbb\xbf{}", b'["\x01"]',
]  # fmt: skip


@pytest.mark.parametrize("data", NOT_CANONICAL)
def test_other_spellings_are_refused(data: bytes) -> None:
    with pytest.raises(FormatError) as caught:
        canonical.decode(anything, data, "manifest", "m")
    assert caught.value.code == "manifest-not-canonical"


@pytest.mark.parametrize("data", INVALID)
def test_what_is_not_json_is_refused(data: bytes) -> None:
    with pytest.raises(FormatError) as caught:
        canonical.decode(anything, data, "manifest", "m")
    assert caught.value.code == "manifest-invalid"


@given(st.binary(max_size=200))
@settings(max_examples=300, deadline=None)
def test_any_bytes_give_a_value_that_encodes_to_them_or_an_amber_error(data: bytes) -> None:
    try:
        value = canonical.decode(anything, data, "manifest", "m")
    except FormatError:
        return
    assert canonical.encode(value) == data


@pytest.mark.parametrize(
    "value", [1.5, SAFE + 1, -SAFE - 1, {"a": [0.5]}, {"": 1}, {"a\n": 1}, {"\ue000": 1}, {"a" * 257: 1}]
)
def test_values_outside_the_subset(value: Any) -> None:
    assert not canonical.is_plain(value)


def test_depth_is_bounded() -> None:
    value: Any = 1
    for _ in range(canonical.MAX_DEPTH):
        value = [value]
    assert canonical.is_plain(value)
    assert not canonical.is_plain([value])


@pytest.mark.parametrize("value", ["\ud800", {"a": "\udfff"}, {1.5: object()}])
def test_what_cannot_be_written_is_an_amber_error(value: Any) -> None:
    with pytest.raises(SaveError) as caught:
        canonical.encode(value)
    assert caught.value.code == "value-not-json"


@given(st.floats())
@settings(max_examples=200, deadline=None)
def test_floats_have_one_text(value: float) -> None:
    assert canonical.is_float_text(repr(value))
    assert canonical.is_float_text(repr(value), finite=True) == (abs(value) < float("inf"))


@pytest.mark.parametrize(
    "text", ["1", "01.0", "1.00", "1e5", "+1.0", " 1.0", "Infinity", "NaN", "1_0.0", "0x1", "", "٣.٠", "1.0" * 40]
)
def test_other_spellings_of_floats(text: str) -> None:
    assert not canonical.is_float_text(text)
