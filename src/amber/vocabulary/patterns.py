r"""Which regular expressions are tame: a small grammar and four rules, none of which runs the expression.

Python's matcher backtracks, so a pattern such as `(?:a+)+b` takes time that doubles with each character of the text.
A file may bring a pattern only if it is written in the grammar below and keeps the rules (`spec/vocabulary.md`,
"Regular expressions"). The rules are conservative: a pattern they refuse may be harmless, and can be replaced by a
tokenizer function that the reader allows by name.

    pattern     = [ "(?" flags ")" ] alternation
    alternation = sequence { "|" sequence }
    sequence    = { atom [ quantifier ] | "^" | "$" | "\b" | "\B" | "\A" | "\Z" }
    atom        = "." | class | escape | literal | "(" [ "?:" | "?P<name>" ] alternation ")"
    quantifier  = ( "*" | "+" | "?" | "{m}" | "{m,}" | "{,n}" | "{m,n}" ) [ "?" ]
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from functools import lru_cache

MAX_DEPTH = 16  # nested groups
MAX_REPEAT = 1000  # {m,n}
MAX_LOOPS = 8  # repetitions with another end than a small number
SMALL = 8  # {m,n} with n up to this is no loop
MAX_WAYS = 64  # of variable parts that overlap
_FLAGS = re.compile(r"\(\?[aimsux]+\)")
_BRACES = re.compile(r"\{([0-9]{0,4})(?:(,)([0-9]{0,4}))?\}")  # ASCII digits, as `re` has it
_NAME = re.compile(r"\?P<[A-Za-z_]\w{0,63}>")
# A set of characters: the 128 ASCII ones, and one mark each for the other letters, digits, spaces and the rest.
_OTHER = frozenset({"other-letter", "other-digit", "other-space", "other"})
_ASCII = frozenset(map(chr, range(128)))
_ALL = _ASCII | _OTHER
_DIGITS = frozenset("0123456789") | {"other-digit"}
_SPACES = frozenset(" \t\n\r\f\v\x1c\x1d\x1e\x1f") | {"other-space"}
_WORD = frozenset(c for c in _ASCII if c.isalnum() or c == "_") | {"other-letter", "other-digit"}
_CLASSES = {
    "d": _DIGITS, "D": _ALL - _DIGITS, "s": _SPACES, "S": _ALL - _SPACES,
    "w": _WORD, "W": _ALL - _WORD,
}  # fmt: skip
_CONTROLS = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "v": "\v", "a": "\a"}
_ANCHORS = frozenset("bBAZ")

Characters = frozenset[str]


class _Refused(Exception):  # noqa: N818 - a verdict, caught below
    """Why a pattern is not tame."""


@dataclass
class _Part:
    """One element of a sequence: the characters it can hold, how often, and what is inside."""

    chars: Characters
    low: int = 1
    high: int = 1
    simple: bool = True  # exactly one character each time
    inner: list[list[_Part]] = field(default_factory=list)

    @property
    def loops(self) -> bool:
        return self.high > SMALL


@lru_cache(maxsize=256)
def refusal(pattern: str) -> str:
    """Return why `pattern` may not come from a file, or an empty string where it is tame."""
    try:
        parser = _Parser(pattern)
        _judge(parser.run())
        re.compile(pattern)
    except _Refused as reason:
        return str(reason)
    except (re.error, OverflowError, RecursionError, ValueError) as error:
        return f"not a regular expression: {error}"
    return ""


class _Parser:
    def __init__(self, pattern: str) -> None:
        self.text = pattern
        start = _FLAGS.match(pattern)
        self.at = start.end() if start else 0
        self.fold = start is not None and "i" in start[0]
        if start is not None and "x" in start[0]:
            raise _Refused("the verbose flag is not accepted")
        self.depth = 0

    def run(self) -> list[list[_Part]]:
        alternatives = self.alternation()
        if self.at < len(self.text):
            raise _Refused(f"unexpected {self.text[self.at]!r} at {self.at}")
        return alternatives

    def peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def alternation(self) -> list[list[_Part]]:
        alternatives = [self.sequence()]
        while self.peek() == "|":
            self.at += 1
            alternatives.append(self.sequence())
        return alternatives

    def sequence(self) -> list[_Part]:
        parts: list[_Part] = []
        while (char := self.peek()) not in ("", "|", ")"):
            if char in "^$":
                self.at += 1
            elif char == "\\" and self.text[self.at + 1 : self.at + 2] in _ANCHORS:
                self.at += 2
            else:
                parts.append(self.quantified(self.atom()))
        return parts

    def atom(self) -> _Part:
        char = self.peek()
        self.at += 1
        if char == "(":
            return self.group()
        if char == "[":
            return _Part(self.bracket())
        if char == ".":
            return _Part(_ALL)
        if char == "\\":
            return _Part(self.folded(self.escape()))
        if char in "*+?{":
            raise _Refused(f"a quantifier without anything to repeat at {self.at - 1}")
        return _Part(self.folded(_character(char)))

    def group(self) -> _Part:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise _Refused(f"groups nested deeper than {MAX_DEPTH}")
        if self.text.startswith("?:", self.at):
            self.at += 2
        elif match := _NAME.match(self.text, self.at):
            self.at = match.end()
        elif self.peek() == "?":
            raise _Refused("look-around, conditions and inline flags are not accepted")
        alternatives = self.alternation()
        if self.peek() != ")":
            raise _Refused("a group that does not end")
        self.at += 1
        self.depth -= 1
        whole = _union(alternatives)
        if all(len(branch) == 1 and _single(branch[0]) for branch in alternatives) and (
            sum(len(branch[0].chars) for branch in alternatives) == len(whole)
        ):
            return _Part(whole)  # alternatives of one character each, none of which another can take: a class
        return _Part(whole, simple=False, inner=alternatives)

    def escape(self) -> Characters:
        char = self.peek()
        self.at += 1
        if char in _CLASSES:
            return _CLASSES[char]
        if char in _CONTROLS:
            return frozenset(_CONTROLS[char])
        if char == "" or char.isalnum():
            raise _Refused(f"the escape \\{char} is not accepted")
        return _character(char)

    def bracket(self) -> Characters:
        negated = self.peek() == "^"
        self.at += negated
        found: Characters = frozenset()
        first = True
        while (char := self.peek()) != "]" or first:
            if char == "":
                raise _Refused("a class that does not end")
            found |= self.member()
            first = False
        self.at += 1
        found = self.folded(found)
        # a mark stands for many characters: leaving some of them out does not leave the mark out
        return (_ALL - (found - _OTHER)) if negated else found

    def member(self) -> Characters:
        start = self.single()
        if self.peek() != "-" or self.text[self.at + 1 : self.at + 2] in ("]", ""):
            return start if isinstance(start, frozenset) else _character(start)
        if isinstance(start, frozenset):
            raise _Refused("a class range that starts with a class")
        self.at += 1
        end = self.single()
        if isinstance(end, frozenset):
            raise _Refused("a class range that ends with a class")
        return _range(start, end)

    def single(self) -> str | Characters:
        char = self.peek()
        self.at += 1
        if char != "\\":
            return char
        found = self.escape()
        return next(iter(found)) if len(found) == 1 and not found & _OTHER else found

    def folded(self, chars: Characters) -> Characters:
        if not self.fold:
            return chars
        both = {each for char in chars - _OTHER for each in (char.lower(), char.upper())}
        # the long s and the Kelvin sign fold to ASCII
        return chars | frozenset(both) | ({"other-letter"} if both & set("skSK") else set())

    def quantified(self, part: _Part) -> _Part:
        char = self.peek()
        if char not in ("*", "+", "?", "{"):
            return part
        if char == "{":
            low, high = self.braces()
        else:
            self.at += 1
            low, high = {"*": (0, MAX_REPEAT + 1), "+": (1, MAX_REPEAT + 1), "?": (0, 1)}[char]
        if self.peek() == "?":
            self.at += 1
        if self.peek() in ("*", "+", "{"):
            raise _Refused("a quantifier on a quantifier")
        return _Part(part.chars, low, high, part.simple, part.inner)

    def braces(self) -> tuple[int, int]:
        match = _BRACES.match(self.text, self.at)
        if match is None or (match[1] == "" and match[3] in (None, "")):
            raise _Refused("a brace that is no quantifier: write \\{")
        self.at = match.end()
        low = int(match[1] or 0)
        high = low if match[2] is None else int(match[3]) if match[3] else MAX_REPEAT + 1
        if low > MAX_REPEAT or (match[3] and high > MAX_REPEAT):
            raise _Refused(f"more than {MAX_REPEAT} repetitions")
        return low, high


def _judge(alternatives: list[list[_Part]]) -> None:
    loops = sum(_count_loops(part) for branch in alternatives for part in branch)
    if loops > MAX_LOOPS:
        raise _Refused(f"more than {MAX_LOOPS} repetitions without a small bound")
    for branch in alternatives:
        _judge_sequence(branch)


def _judge_sequence(parts: list[_Part]) -> None:
    """Neighbours that can take each other's characters: one further loop at most, and few ways in all."""
    further = 0
    ways = 1
    taken: Characters = frozenset()  # what the variable parts since the last firm separator can hold
    for part in parts:
        for branch in part.inner:
            _judge_sequence(branch)
        if part.high > 1 and part.inner:
            _judge_repeated(part)
        looping, choices = _count_loops(part) > 0, _choices(part)
        if looping or choices > 1:
            if taken & part.chars:
                further += looping
                ways *= choices
            taken |= part.chars
        elif part.low > 0 and not part.chars & taken:
            taken = frozenset()
    if further > 1 or ways > MAX_WAYS:
        raise _Refused("several variable parts in a row can match the same characters")


def _choices(part: _Part) -> int:
    """In how many ways a part that is no loop can match, as far as its form says; at most a little over the cap."""
    inside = sum(min(MAX_WAYS + 1, math.prod(map(_choices, branch))) for branch in part.inner) or 1
    own = 1 if part.loops else part.high - part.low + 1
    return min(MAX_WAYS + 1, own * inside)


def _judge_repeated(part: _Part) -> None:
    """A repeated group must not be able to cut the same characters in two ways."""
    if len(part.inner) != 1:
        raise _Refused("a repeated group with alternatives longer than one character")
    parts = part.inner[0]
    if all(each.low == each.high and each.simple for each in parts):
        return
    rest: Characters = frozenset().union(*(each.chars for each in parts[1:]))
    first = parts[0]
    if not (first.simple and first.low == first.high == 1) or first.chars & rest:
        raise _Refused(
            "a repetition inside a repeated group; it is accepted only where the group starts with one character "
            "that occurs nowhere else in it, as in (?:-\\w+)*"
        )


def _count_loops(part: _Part) -> int:
    return part.loops + sum(_count_loops(each) for branch in part.inner for each in branch)


def _single(part: _Part) -> bool:
    return part.simple and part.low == part.high == 1


def _union(alternatives: list[list[_Part]]) -> Characters:
    return frozenset().union(*(part.chars for branch in alternatives for part in branch))


def _character(char: str) -> Characters:
    if char in _ASCII:
        return frozenset(char)
    if char.isdigit():
        return frozenset({"other-digit", "other-letter"})
    if char.isspace():
        return frozenset({"other-space"})
    return frozenset({"other-letter", "other"})


def _range(start: str, end: str) -> Characters:
    inside = frozenset(chr(code) for code in range(ord(start), min(ord(end), 127) + 1))
    return inside | _OTHER if ord(end) > 127 else inside
