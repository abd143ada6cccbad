"""Regular expressions from a file: tame ones pass, those that can take exponential time do not."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from amber.vocabulary.patterns import refusal

TAME = [
    r"(?u)\b\w\w+\b",
    r"[a-zA-Z]+",
    r"\w+(?:[-']\w+)*",
    r"(?:a|b)+",
    r"(\w+)@(\w+)\.(\w+)",
    r"\d+\.?\d*",
    r"[^\s]+",
    r"#?\w{2,}",
    r"(?u)\b[^\W\d_]{3,}\b",
    r"(?i)\b[a-z]+\b",
    r"\S+",
    r"https?://\S+|\w+",
    r"x{,3}",
    r"[A-Za-z]+(?:'[a-z]+)?",
    r"\b[a-zA-Z0-9_\-\.]+\b",
    r"[\w']+|[.,!?;]",
    r"(?u)\b\w[\w-]*\w\b",
    ".",
    "",
    r"(?:ab){3,1000}",
    r"[]a]+",
    r"\$\d+",
]
WILD = [
    r"(?:a+)+",
    r"(?:a+)+b",
    r"(a|a)*b",
    r"(?:.|a)*b",
    r"(?:[^b]|a)*b",
    r"(?:\w|a)*b",
    r"(?:aa?)*b",
    r"(?:ab|a)*c",
    r"(a?){50}",
    r"(?:(?:a{1,9}){1,9}){1,9}",
    r".*.*.*=",
    r"(?:a*)(?:a*)(?:a*)b",
    "a?" * 30 + "a" * 30,
    r"\w{0,8}" * 20 + "!",
    r"(?:-?\w+)*!",
    r"(?:a|b|ab)*c",
    r"(?:(?:-a)+)*b",
    r"(?i)(?:k|K)*b",
    "a+" * 9,
]
FOREIGN = [
    r"(a)\1",
    r"(?=a)b",
    r"(?<!a)b",
    r"(?P<a>b)(?P=a)",
    r"(a)?(?(1)b|c)",
    r"(?x) a b",
    r"(?:(?i:a))",
    "[",
    "(",
    ")",
    "a**",
    "*a",
    "a{2000}",
    "a{1001,}",
    "a{\u0663}",  # `re` knows ASCII digits only: these are five characters, and no quantifier
    "{",
    r"\p{L}+",
    "\\",
    r"[\d-z]",
    "(" * 40 + "a" + ")" * 40,
]


@pytest.mark.parametrize("pattern", TAME)
def test_tame(pattern: str) -> None:
    assert refusal(pattern) == ""
    re.compile(pattern)


@pytest.mark.parametrize("pattern", WILD + FOREIGN)
def test_refused_with_a_reason(pattern: str) -> None:
    assert len(refusal(pattern)) > 10


@pytest.mark.parametrize("pattern", TAME)
def test_tame_patterns_answer_on_text_that_invites_backtracking(pattern: str) -> None:
    """Each runs in its own process so that a mistake here ends as a failure, not as a test run that never ends."""
    script = (
        "import re, sys\n"
        "for text in ('a' * 400, 'a-' * 200, '1.' * 200, 'ab' * 200 + '!', ' ' * 400, 'é' * 400):\n"
        "    re.findall(sys.argv[1], text)\n"
    )
    subprocess.run([sys.executable, "-c", script, pattern], check=True, timeout=120)


def test_characters_beyond_ascii_are_compared_cautiously() -> None:
    assert refusal("(?:é|ü)*!")  # both stand for "a letter": they could be the same one
    assert refusal("(?:é|a)*!") == ""
    assert refusal(r"(?:ß\w*)*!")
    assert refusal(r"(?i)(?:ſ|s)*!")  # the long s is an s to Python
