"""Numbers, counters, patterns and partial calls of the standard library."""

from __future__ import annotations

import functools
import re
import uuid
from typing import TYPE_CHECKING, Any

from amber.errors import AuditError, SaveError

if TYPE_CHECKING:
    from amber.adapters.protocol import Special

# Six digits of exponent are far beyond any number in use; more would let `int()` of it fill the memory.
_DECIMAL = re.compile(r"-?([0-9]+(\.[0-9]+)?(E[+-][0-9]{1,6})?|Infinity|s?NaN[0-9]*)")
_PATTERN_FLAGS = (re.A | re.U | re.M | re.S | re.I).value
_INLINE_FOLD = re.compile(r"\(\?[amsu]*i[amsu]*\)")


class Decimal:
    """`decimal.Decimal` as its exact text."""

    def take(self, obj: Any) -> dict[str, Any]:
        """Return the text; sign, exponent and kind of NaN are all in it."""
        text = str(obj)
        if not _DECIMAL.fullmatch(text):
            raise SaveError("value-out-of-range", "a Decimal with an exponent beyond 999999")
        return {"text": text}

    def rebuild(self, cls: Any, state: dict[str, Any]) -> Any:
        """Parse the text; a spelling that the class would not print itself is refused."""
        text = state["text"]
        value = cls(text) if _DECIMAL.fullmatch(text) else None
        if value is None or str(value) != text:
            raise AuditError("value-mismatch", f"{text!r} is not a decimal number", where="Decimal.text")
        return value


class Fraction:
    """`fractions.Fraction`: numerator and denominator in lowest terms."""

    def take(self, obj: Any) -> dict[str, Any]:
        """Return both integers."""
        return {"numerator": obj.numerator, "denominator": obj.denominator}

    def rebuild(self, cls: Any, state: dict[str, Any]) -> Any:
        """Return the fraction; one that is not in lowest terms is refused."""
        numerator, denominator = state["numerator"], state["denominator"]
        value = cls(numerator, denominator) if denominator > 0 else None
        if value is None or value.denominator != denominator:
            raise AuditError("value-mismatch", "the fraction is not in lowest terms", where="Fraction")
        return value


class Uuid:
    """`uuid.UUID` as its 32 hexadecimal digits."""

    def take(self, obj: Any) -> dict[str, Any]:
        """Return the digits."""
        return {"hex": obj.hex}

    def rebuild(self, cls: Any, state: dict[str, Any]) -> Any:
        """Return the identifier."""
        digits = state["hex"]
        if not re.fullmatch(r"[0-9a-f]{32}", digits):
            raise AuditError("value-mismatch", "a UUID is 32 lower-case hexadecimal digits", where="UUID.hex")
        return uuid.UUID(hex=digits)


class Counter:
    """`collections.Counter`: the dict it is."""

    def take(self, obj: Any) -> dict[str, Any]:
        """Return the counts in insertion order."""
        if vars(obj):
            raise SaveError("attribute-unknown", "a Counter with attributes added by hand cannot be data")
        return {"counts": dict(obj)}

    def rebuild(self, cls: Any, state: dict[str, Any]) -> Any:
        """Fill a new counter."""
        counter = cls()
        dict.update(counter, state["counts"])
        return counter


class Partial:
    """`functools.partial` over a function of the vocabulary, or one the policy allows."""

    def take(self, obj: Any) -> dict[str, Any]:
        """Return function, positional and keyword arguments."""
        if vars(obj):
            raise SaveError("attribute-unknown", "a partial with attributes added by hand cannot be data")
        return {"func": obj.func, "args": obj.args, "keywords": obj.keywords}

    def rebuild(self, cls: Any, state: dict[str, Any]) -> Any:
        """Bind the arguments; nothing is called."""
        keywords = state["keywords"]
        if not all(type(name) is str for name in keywords):
            raise AuditError("value-mismatch", "a keyword is not a str", where="partial.keywords")
        if isinstance(state["func"], type | functools.partial) or not callable(state["func"]):
            raise AuditError("value-mismatch", "not a function", where="partial.func")
        return cls(state["func"], *state["args"], **keywords)


class Pattern:
    """`re.Pattern`: its source and flags. Which sources are harmless is a rule of the vocabulary."""

    def take(self, obj: Any) -> dict[str, Any]:
        """Return source and flags."""
        state = {"pattern": obj.pattern, "flags": obj.flags}
        reason = _pattern_refusal(state)
        if reason:
            raise SaveError("pattern-refused", reason, hint="flags can stand in the pattern: (?i) at its start")
        return state

    def rebuild(self, cls: Any, state: dict[str, Any]) -> Any:
        """Compile it; the vocabulary has capped its length and shape."""
        reason = _pattern_refusal(state)
        if reason:
            raise AuditError("pattern-refused", reason, where="Pattern")
        try:
            pattern = re.compile(state["pattern"], state["flags"])
        except (re.error, RecursionError, OverflowError, ValueError) as error:
            raise AuditError("pattern-refused", f"not a regular expression: {error}", where="Pattern") from error
        if pattern.flags != state["flags"]:
            raise AuditError("value-mismatch", "these are not the flags of this pattern", where="Pattern")
        return pattern


def _pattern_refusal(state: dict[str, Any]) -> str:
    """Say why source and flags do not go together; the rule for tame patterns reads the source alone."""
    pattern, flags = state["pattern"], state["flags"]
    if not isinstance(pattern, str):
        return "a compiled pattern of bytes cannot be data"
    if flags & ~_PATTERN_FLAGS:
        return "a compiled pattern may have the flags A, U, M, S and I only"
    if flags & re.IGNORECASE.value and not _INLINE_FOLD.match(pattern):
        return "a compiled pattern that ignores case must say so itself"
    return ""


SPECIALS: dict[str, Special] = {
    "decimal": Decimal(),
    "fraction": Fraction(),
    "uuid": Uuid(),
    "counter": Counter(),
    "partial": Partial(),
    "pattern": Pattern(),
}
# Kept next to the classes above: types that look as if they were data, and why they are not.
REFUSALS = {
    "pathlib.PosixPath": "a path means something on one machine only; keep it outside the model",
    "pathlib.WindowsPath": "a path means something on one machine only; keep it outside the model",
    "pathlib.PurePosixPath": "a path means something on one machine only; keep a str instead",
    "pathlib.PureWindowsPath": "a path means something on one machine only; keep a str instead",
    "operator.itemgetter": "write a function of your own module that selects the columns, and allow it",
    "operator.attrgetter": "write a function of your own module, and allow it",
    "operator.methodcaller": "write a function of your own module, and allow it",
}
