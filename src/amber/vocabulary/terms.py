"""The small language of rules: paths, integer terms and comparisons, parsed once and kept (`spec/vocabulary.md`).

comparison = term ( "==" | "!=" | "<=" | "<" | ">=" | ">" ) term
term       = product { ( "+" | "-" ) product }
product    = atom { ( "*" | "//" ) atom }
atom       = integer | "(" term ")" | function "(" term { "," term } ")" | path
path       = name { "." name | "[" integer "]" | "[" "*" "]" }
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

_WORD = re.compile(r"\s*(\d+|[A-Za-z_][A-Za-z0-9_]*|==|!=|<=|>=|//|[-+*<>().,\[\]])")
COMPARISONS = ("==", "!=", "<=", "<", ">=", ">")
# How many arguments each function takes, and whether the first is a path rather than a term.
FUNCTIONS = {
    "len": (1, True), "shape": (2, True), "rank": (1, True), "size": (1, True), "sum": (1, True), "min": (1, True),
    "max": (1, True), "peaks": (1, True), "some": (1, True), "pow2": (1, False), "choose": (2, False),
    "limit": (1, True),
}  # fmt: skip
EACH = "*"


class Path(NamedTuple):
    """Where a value stands: attribute names, positions, and `EACH` for every item."""

    steps: tuple[str | int, ...]
    text: str


class Number(NamedTuple):
    """A literal."""

    value: int


class Call(NamedTuple):
    """A function of the language and its arguments."""

    function: str
    arguments: tuple[Term, ...]


class Sum(NamedTuple):
    """Two terms joined by `+`, `-`, `*` or `//`."""

    operator: str
    left: Term
    right: Term


class Comparison(NamedTuple):
    """Two terms compared."""

    operator: str
    left: Term
    right: Term


Term = Path | Number | Call | Sum


@lru_cache(maxsize=4096)
def term(text: str | int) -> Term:
    """Parse a term.

    Raises:
        ValueError: It is not one (a mistake in the vocabulary itself).
    """
    if isinstance(text, int):
        return Number(text)
    parser = _Parser(text)
    found = parser.term()
    parser.end()
    return found


@lru_cache(maxsize=4096)
def comparison(text: str) -> Comparison:
    """Parse a comparison; ValueError as in `term`."""
    parser = _Parser(text)
    left = parser.term()
    operator = parser.take()
    if operator not in COMPARISONS:
        raise ValueError(f"{text!r}: a comparison is missing")
    found = Comparison(operator, left, parser.term())
    parser.end()
    return found


@lru_cache(maxsize=4096)
def path(text: str) -> Path:
    """Parse a path; ValueError as in `term`."""
    found = term(text)
    if not isinstance(found, Path):
        raise ValueError(f"{text!r} is not a path")  # noqa: TRY004 - what was read is wrong, not a type
    return found


def paths_of(found: Term) -> list[Path]:
    """Return every path in a term."""
    if isinstance(found, Path):
        return [found]
    if isinstance(found, Call):
        return [] if found.function == "limit" else [each for item in found.arguments for each in paths_of(item)]
    if isinstance(found, Sum):
        return paths_of(found.left) + paths_of(found.right)
    return []


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.words: list[str] = []
        at = 0
        while at < len(text.rstrip()):
            match = _WORD.match(text, at)
            if match is None:
                raise ValueError(f"{text!r}: unexpected {text[at:]!r}")
            self.words.append(match[1])
            at = match.end()
        self.at = 0

    def peek(self) -> str:
        return self.words[self.at] if self.at < len(self.words) else ""

    def take(self) -> str:
        word = self.peek()
        self.at += 1
        return word

    def expect(self, word: str) -> None:
        if self.take() != word:
            raise ValueError(f"{self.text!r}: {word!r} is missing")

    def end(self) -> None:
        if self.peek():
            raise ValueError(f"{self.text!r}: unexpected {self.peek()!r}")

    def term(self) -> Term:
        left = self.product()
        while self.peek() in ("+", "-"):
            left = Sum(self.take(), left, self.product())
        return left

    def product(self) -> Term:
        left = self.atom()
        while self.peek() in ("*", "//"):
            left = Sum(self.take(), left, self.atom())
        return left

    def atom(self) -> Term:
        word = self.take()
        if word.isdigit():
            return Number(int(word))
        if word == "-" and self.peek().isdigit():
            return Number(-int(self.take()))
        if word == "(":
            inner = self.term()
            self.expect(")")
            return inner
        if not (word[:1].isalpha() or word[:1] == "_"):
            raise ValueError(f"{self.text!r}: unexpected {word!r}")
        if self.peek() == "(":
            return self.call(word)
        return self.path(word)

    def call(self, name: str) -> Call:
        if name not in FUNCTIONS:
            raise ValueError(f"{self.text!r}: {name} is not a function of the language")
        count, path_first = FUNCTIONS[name]
        self.expect("(")
        arguments = [self.term()]
        while self.peek() == ",":
            self.take()
            arguments.append(self.term())
        self.expect(")")
        if len(arguments) != count or (path_first and not isinstance(arguments[0], Path)):
            raise ValueError(f"{self.text!r}: wrong arguments of {name}")
        return Call(name, tuple(arguments))

    def path(self, name: str) -> Path:
        steps: list[str | int] = [name]
        while self.peek() in (".", "["):
            if self.take() == ".":
                steps.append(self.take())
            else:
                inside = self.take()
                steps.append(EACH if inside == EACH else int(inside))
                self.expect("]")
        shown = steps[0] if isinstance(steps[0], str) else ""
        for step in steps[1:]:
            shown += f".{step}" if isinstance(step, str) and step != EACH else f"[{step}]"
        return Path(tuple(steps), shown)
