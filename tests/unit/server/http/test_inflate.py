"""Coded bodies: whole ones are inflated, bombs are not."""

from __future__ import annotations

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amber.server.exchange import Failure
from amber.server.front.http.inflate import PIECE, Inflate


def inflated(stream: Inflate, data: bytes, size: int) -> bytes:
    found = b""
    for at in range(0, len(data), size):
        rest = data[at : at + size]
        while rest:
            made, rest = stream.step(rest)
            assert len(made) <= PIECE
            found += made
    stream.end()
    return found


@given(st.binary(max_size=5000), st.integers(1, 100), st.sampled_from([b"gzip", b"X-GZIP", b"deflate"]))
def test_whole_bodies_come_back(data: bytes, size: int, coding: bytes) -> None:
    coded = zlib.compress(data) if coding == b"deflate" else gzip.compress(data)
    assert inflated(Inflate(coding, 100), coded, size) == data


def test_large_bodies_come_in_pieces() -> None:
    data = b"".join(b"%d," % (at * 7919 % 100_003) for at in range(200_000))
    assert inflated(Inflate(b"gzip", 100), gzip.compress(data), 1 << 16) == data


def test_a_bomb_is_refused_before_it_is_whole() -> None:
    bomb = gzip.compress(bytes(50 << 20))
    with pytest.raises(Failure) as refused:
        inflated(Inflate(b"gzip", 100), bomb, len(bomb))
    assert refused.value.status == 413


@pytest.mark.parametrize(
    "data",
    [b"no gzip", gzip.compress(b"abc")[:-1], gzip.compress(b"abc") + b"x", b""],
    ids=["other", "short", "more", "nothing"],
)
def test_what_is_not_whole_or_not_coded_is_refused(data: bytes) -> None:
    with pytest.raises(Failure) as refused:
        inflated(Inflate(b"gzip", 100), data, 10_000)
    assert refused.value.status == 400


@pytest.mark.parametrize("coding", [b"br", b"zstd", b"gzip, gzip", b"compress", b""])
def test_other_codings_are_415(coding: bytes) -> None:
    with pytest.raises(Failure) as refused:
        Inflate(coding, 100)
    assert refused.value.status == 415
