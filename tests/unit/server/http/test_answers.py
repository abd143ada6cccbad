"""Answers as bytes."""

from __future__ import annotations

from email.utils import parsedate_to_datetime

import pytest

from amber.server.front.http import answers

DATE = b"Sun, 06 Nov 1994 08:49:37 GMT"


def test_a_whole_answer() -> None:
    head, body = answers.whole(
        200, b"{}", b"application/json", ((b"retry-after", b"1"),), DATE, "id-1", True, False
    ).split(b"\r\n\r\n")
    assert head.split(b"\r\n")[0] == b"HTTP/1.1 200 OK"
    assert set(head.split(b"\r\n")[1:]) == {
        b"server: amber",
        b"x-content-type-options: nosniff",
        b"content-type: application/json",
        b"date: " + DATE,
        b"x-request-id: id-1",
        b"content-length: 2",
        b"connection: close",
        b"retry-after: 1",
    }
    assert body == b"{}"


def test_a_bare_answer_tells_the_length_alone() -> None:
    answer = answers.whole(200, b"abc", b"text/plain", (), DATE, "i", False, True)
    assert b"content-length: 3\r\n" in answer
    assert answer.endswith(b"\r\n\r\n")


@pytest.mark.parametrize("value", [b"a\r\nset-cookie: b", b"a\nb", b"a\rb", b"a\0b"])
def test_a_header_cannot_become_two(value: bytes) -> None:
    with pytest.raises(ValueError, match="line end"):
        answers.whole(200, b"", b"text/plain", ((b"x", value),), DATE, "i", False, False)
    with pytest.raises(ValueError, match="line end"):
        answers.begun(200, value, (), DATE, "i", False, True)


def test_the_date_is_one_that_others_read() -> None:
    assert parsedate_to_datetime(answers.date().decode()).tzinfo is not None


def test_fixed_heads_are_bounded() -> None:
    for at in range(2000):
        answers.whole(200, b"", b"text/x-%d" % at, (), DATE, "i", False, False)
    assert len(answers._heads) <= 512
