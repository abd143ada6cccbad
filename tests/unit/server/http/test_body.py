"""Where bodies end, in whatever pieces they come."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amber.server.exchange import Failure
from amber.server.front.http.body import Chunked, Counted


def fed(framing: Counted | Chunked, data: bytes, size: int) -> tuple[bytes, bytes]:
    """Return the body and what is behind it, fed in pieces of a size."""
    taken: list[bytes] = []
    for at in range(0, len(data), size):
        piece = data[at : at + size]
        read = framing.feed(piece, taken.append)
        if framing.done:
            return b"".join(taken), piece[read:] + data[at + size :]
        assert read == len(piece)
    return b"".join(taken), b""


def chunked(pieces: list[bytes], extension: bytes, trailers: bytes) -> bytes:
    chunks = b"".join(b"%x%b\r\n%b\r\n" % (len(each), extension, each) for each in pieces)
    return chunks + b"0\r\n" + trailers + b"\r\n"


@given(
    st.lists(st.binary(min_size=1, max_size=300), max_size=8),
    st.sampled_from([b"", b";a", b";a=b;c", b';a="b c"']),
    st.sampled_from([b"", b"X: y\r\n", b"X: y\r\nZ:\r\n"]),
    st.binary(max_size=20),
    st.integers(1, 50),
)
def test_chunks_are_the_same_in_any_pieces(
    pieces: list[bytes], extension: bytes, trailers: bytes, behind: bytes, size: int
) -> None:
    framing = Chunked()
    body, rest = fed(framing, chunked(pieces, extension, trailers) + behind, size)
    assert framing.done
    assert (body, rest) == (b"".join(pieces), behind)


@given(st.binary(min_size=1, max_size=300), st.binary(max_size=20), st.integers(1, 400))
def test_counted_bodies_end_where_their_length_says(body: bytes, behind: bytes, size: int) -> None:
    framing = Counted(len(body))
    assert fed(framing, body + behind, size) == (body, behind)
    assert framing.done


@given(st.binary(max_size=200), st.integers(1, 30))
def test_any_bytes_end_or_are_refused_or_wait(data: bytes, size: int) -> None:
    """No other exception, and the same outcome in one piece as in many."""
    outcomes = []
    for step in (size, max(1, len(data))):
        framing = Chunked()
        try:
            outcomes.append((fed(framing, data, step), framing.done))
        except Failure as failure:
            outcomes.append(((b"", b""), failure.status == 400))
    refused = [outcome[0] == (b"", b"") for outcome in outcomes]
    assert outcomes[0] == outcomes[1] or any(refused)


def test_overhead_is_bounded_and_single_bytes_are_no_overhead() -> None:
    fed(Chunked(), b"1\r\nx\r\n" * 100_000 + b"0\r\n\r\n", 1 << 16)
    with pytest.raises(Failure, match="overhead"):
        fed(Chunked(), (b"1;" + b"a" * 100 + b"\r\nx\r\n") * 1000, 1 << 16)


@pytest.mark.parametrize("line", [b"3;" + b"a" * 254, b"0\r\nX: " + b"a" * 8200, b"0\r\n" + b"X: y\r\n" * 2000])
@pytest.mark.parametrize("size", [1, 7, 1 << 16])
def test_lines_are_bounded_also_where_their_end_never_comes(line: bytes, size: int) -> None:
    with pytest.raises(Failure):
        fed(Chunked(), line + b"a" * 20, size)
