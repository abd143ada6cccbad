"""What a model card says of the model's use in its front matter: a few known keys, anything else is left alone.

Front matter is the block between two lines of `---` at the top of README.md, as model hubs have it. Read is a small
part of YAML that has one meaning in every reader: `key: text`, `key: [text, text]`, and `key:` with lines `- text`.
A key with a value of another form says nothing here. The keys (and what they become) are in `KEYS`.
"""

from __future__ import annotations

import re

from amber.errors import shown

# key of the card -> what it says; `limitations` is how people write the third
KEYS = {
    "pipeline_tag": "task",
    "datasets": "datasets",
    "users": "users",
    "use_cases": "use_cases",
    "technical_limitations": "limitations",
    "limitations": "limitations",
    "performance_tradeoffs": "tradeoffs",
    "ethical_considerations": "ethics",
}
MAX_LINES = 1000
MAX_TEXTS = 64  # of one key
MAX_CHARS = 1024  # of one text
_FENCE = "---"
_KEY = re.compile(r"([A-Za-z_][A-Za-z0-9_-]*):(?:[ \t]+(.*))?")
_ITEM = re.compile(r"( *)- +(.+)")
_NOTHING = frozenset(("~", "null", "Null", "NULL"))
# What makes a plain text of YAML something else: quotes, anchors, tags, blocks, maps, comments, flow.
_FIRST = frozenset("\"'&*!|>%@`{}[],#?")
_FLOW = frozenset("[]{}:?")  # what texts between brackets may not hold


def read(card: bytes | memoryview | None) -> dict[str, tuple[str, ...]]:
    """Return the texts of each known key by what it says; {} where the card has no front matter.

    Args:
        card: Bytes of README.md, UTF-8, or None.
    """
    if card is None:
        return {}
    found: dict[str, list[str]] = {}
    for key, texts in _entries(_block(bytes(card).decode("utf-8", "replace"))).items():
        if key in KEYS and texts:
            found.setdefault(KEYS[key], []).extend(texts)
    return {key: tuple(texts[:MAX_TEXTS]) for key, texts in found.items()}


def _block(text: str) -> list[str]:
    lines = text.lstrip("\ufeff").split("\n", MAX_LINES)[:MAX_LINES]
    lines = [line.rstrip("\r \t") for line in lines]
    if not lines or lines[0] != _FENCE or _FENCE not in lines[1:]:
        return []
    return lines[1 : lines.index(_FENCE, 1)]


def _entries(lines: list[str]) -> dict[str, list[str] | None]:
    """Return the texts of each key; None marks a key with a line that is none of the three forms."""
    entries: dict[str, list[str] | None] = {}
    key, listing, indent = "", False, ""
    for line in filter(None, lines):
        if matched := _KEY.fullmatch(line):
            key, listing = matched[1], not matched[2]
            # a key that stands twice means something else to every reader
            entries[key] = None if key in entries else _value(matched[2] or "")
            continue
        known, item = entries.get(key), _ITEM.fullmatch(line)
        text = _text(item[2]) if item and listing else None
        if known is not None and item and text is not None and (not known or item[1] == indent):
            known.append(text)
            indent = item[1]
        elif key:
            entries[key] = None
    return entries


def _value(text: str) -> list[str] | None:
    text = text.strip()
    if not text:
        return []
    is_flow = text[0] == "[" and text[-1] == "]"
    if is_flow and _FLOW & {*text[1:-1]}:
        return None
    texts = [_text(each) for each in (text[1:-1].split(",") if is_flow else [text])]
    return None if None in texts else [each for each in texts if each is not None]


def _text(text: str) -> str | None:
    """Return one text without its quotes; None where YAML would make something else of it."""
    text = text.strip()
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "\"'":
        inner = text[1:-1]
        return None if {"\\", text[0]} & {*inner} else shown(inner, MAX_CHARS) or None
    if not text or text[0] in _FIRST or text in _NOTHING or text == "-" or text.startswith("- "):
        return None
    if ": " in text or " #" in text or text.endswith(":"):
        return None
    return shown(text, MAX_CHARS)
