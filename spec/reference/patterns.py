"""Step 6, vocabulary.md "Regular expressions": which patterns take a time that is linear in the text."""

import math
import re
from collections import namedtuple

ASCII, MARKS = frozenset(map(chr, range(128))), frozenset({"letter", "digit", "space", "rest"})
SETS = {"d": frozenset("0123456789") | {"digit"}, "s": frozenset(" \t\n\r\f\v\x1c\x1d\x1e\x1f") | {"space"}}
SETS["w"] = frozenset(each for each in ASCII if each.isalnum() or each == "_") | {"letter", "digit"}
SETS |= {name.upper(): (ASCII | MARKS) - held for name, held in SETS.items()}
SETS |= {name: frozenset(held) for name, held in zip("ntrfva", "\n\t\r\f\v\a", strict=True)}
TOKEN = re.compile(
    r"(?P<open>\((?:\?:|\?P<[A-Za-z_]\w{0,63}>|(?!\?)))|(?P<mark>[|^$]|\\[bBAZ])|"
    r"(?P<atom>\)|\[\^?\]?(?:\\.|[^\]\\])*\]|\\.|[^*+?{()|\[\\])"
    r"(?:(?:(?P<sign>[*+?])|\{(?=,?[0-9])(?P<low>[0-9]{0,4})(?:(?P<comma>,)(?P<high>[0-9]{0,4}))?\})\??(?![*+{]))?",
    re.DOTALL,
)
SIGNS = {"*": (0, 1001), "+": (1, 1001), "?": (0, 1)}  # more than 1000 is endless
# The characters it can hold, how many loops and ways it has, the alternatives of a group, how often it stands.
Part = namedtuple("Part", ("held", "loops", "ways", "inner", "low", "high"))


def characters(text):  # what one character or escape stands for
    if text[0] == "\\" and (text[1] in SETS or text[1].isalnum()):
        return SETS[text[1]]
    marks = {"digit", "letter"} if text[-1].isdigit() else {"space"} if text[-1].isspace() else {"letter", "rest"}
    return frozenset(text[-1] if text[-1] in ASCII else marks)


def members(text, fold):  # what a character, an escape or a class stands for
    if text[0] != "[":
        held = ASCII | MARKS if text == "." else characters(text)
    else:
        pairs = re.findall(r"(\\.|[^\\])(?:-(\\.|[^\\]))?", text.removeprefix("[^").removeprefix("[")[:-1], re.DOTALL)
        held = frozenset().union(*(characters(each) for pair in pairs for each in pair if each))
        for ends in (pair for pair in pairs if pair[1]):
            low, high = (ord(each if len(each) == 1 else "".join(characters(each))) for each in ends)
            held |= {chr(code) for code in range(low, min(high, 127) + 1)} | (MARKS if high > 127 else set())
    both = {case for each in held - MARKS for case in (each.lower(), each.upper())} if fold else set()
    held |= both | ({"letter"} if both & set("sk") else set())
    return (ASCII | MARKS) - (held - MARKS) if text[:2] == "[^" else held


def part(token, inner, fold):  # the part that a token stands for
    low, high = token["low"], token["high"]
    low, high = (1, 1) if low is None else (int(low or 0), int(high or (1001 if token["comma"] else low)))
    low, high = SIGNS.get(token["sign"], (low, high))
    parts = [each for parts in inner for each in parts]
    held = frozenset().union(*(each.held for each in parts)) if inner else members(token["atom"], fold)
    single = all(len(parts) == 1 and parts[0][3:] == ([], 1, 1) for parts in inner)
    inner = [] if single and sum(len(each.held) for each in parts) == len(held) else inner
    ways = sum(min(65, math.prod(each.ways for each in parts)) for parts in inner) or 1
    loops = (high > 8) + sum(each.loops for each in parts)
    return Part(held, loops, min(65, ways * (1 if high > 8 else high - low + 1)), inner, low, high)


def is_linear(sequence):  # whether a sequence keeps rules 2, 3 and 4, inside its groups too
    taken, overlapping, product = frozenset(), 0, 1
    for each in sequence:
        first, *rest = (each.inner or [[]])[0] or [each]
        fixed = all(one.low == one.high and not one.inner for one in [first, *rest] if one is not each)
        separate = first[3:] == ([], 1, 1) and not any(one.held & first.held for one in rest)
        sound = each.high <= 1 or not each.inner or (len(each.inner) == 1 and (fixed or separate))
        if not (sound and all(map(is_linear, each.inner))):
            return False
        if each.loops or each.ways > 1:
            if taken & each.held:
                overlapping, product = overlapping + (each.loops > 0), product * each.ways
            taken |= each.held
        elif each.low and not each.held & taken:
            taken = frozenset()
    return overlapping <= 1 and product <= 64


def is_tame(text):  # whether a pattern is in the grammar, keeps the rules, and is one that Python's `re` reads
    flags, groups = re.match(r"(\(\?[aimsu]+\))?", text)[0], [[[]]]
    tokens = [*TOKEN.finditer(text, len(flags))]
    try:
        re.compile(text)
        for token in tokens:
            if token["open"] or token["mark"] == "|":
                (groups if token["open"] else groups[-1]).append([[]] if token["open"] else [])
            elif token["atom"]:
                inner = groups.pop() if token["atom"] == ")" else []
                groups[-1][-1].append(part(token, inner, "i" in flags))
            if len(groups) > 17 or int(token["low"] or 0) > 1000 or int(token["high"] or 0) > 1000:
                return False
    except (ValueError, LookupError, TypeError, OverflowError, re.error):
        return False
    whole = len(groups) == 1 and flags + "".join(token[0] for token in tokens) == text
    return whole and sum(each.loops for parts in groups[0] for each in parts) <= 8 and all(map(is_linear, groups[0]))
