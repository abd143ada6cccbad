"""What the other modules share: codes and limits, JSON with one spelling, and JSON Schema as far as it is used here."""

import json
import re
from pathlib import Path

SPEC = Path(__file__).resolve().parent.parent
STEPS = {row["code"]: row["step"] for row in json.loads((SPEC / "codes.json").read_text("utf-8"))}
SCHEMAS = {path.stem.partition(".")[0]: json.loads(path.read_text("utf-8")) for path in SPEC.glob("schemas/*.json")}
LIMITS = {name: each["default"] for name, each in SCHEMAS["policy"]["properties"]["limits"]["properties"].items()}
DEFINED = SCHEMAS["manifest"]["$defs"] | SCHEMAS["tree"]["$defs"]
TYPES = {dict: ("object", "Properties"), list: ("array", "Items"), str: ("string", "Length"), int: ("integer", "imum")}
TYPES |= {bool: ("boolean", ""), type(None): ("null", "")}
# How a value breaks a schema: not; a bound or pattern; null or empty where the key should be absent; type or keys.
FITS, VALUE, ODD, FORM = range(4)


class Refused(Exception):  # noqa: N818 - an answer about a file, not a failure of the reader
    """A rule of the format is broken; the argument is its code, a word of `codes.json`, which names its step."""


def need(*pairs):  # refuse with the first code whose condition does not hold; nothing otherwise: need(...) or answer
    for condition, code in zip(pairs[::2], pairs[1::2], strict=True):
        if not condition:
            raise Refused(code)


def encode(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode("utf-8")


def decode(data, code):  # what JSON says (integers, no fractions), and whether this is its one spelling
    try:
        value = json.loads(bytes(data).decode("utf-8"), parse_float=int, parse_constant=int)
        return value, encode(value) == data
    except (ValueError, RecursionError) as error:
        raise Refused(code) from error


def depth(value):
    level, found = [value], 0
    while level := [each for each in level if isinstance(each, dict | list)]:
        level, found = [one for each in level for one in (each.values() if isinstance(each, dict) else each)], found + 1
    return found


def misfit(value, schema, code="", children=None):  # how badly a value breaks a schema, and the code it names there
    code, name = schema.get("code", code), schema.get("$ref", "").rpartition("/")[2]
    if name == "child" and type(value) is int:
        children.append(value)
    if name:
        return misfit(value, DEFINED[name], code, children)
    if "anyOf" in schema:
        return min(misfit(value, each, code, children) for each in schema["anyOf"])
    if "maxDepth" in schema and depth(value) > schema["maxDepth"]:
        return VALUE, code
    kind, word = TYPES[type(value)]
    if kind not in schema.get("type", kind) or value not in schema.get("enum", [schema.get("const", value)]):
        return FORM, code
    inner, own, size = [], FITS, value if kind == "integer" else len(value) if word else 0
    if kind == "array":
        rules = schema.get("prefixItems", [schema.get("items", {})] * size)
        inner, own = zip(value, rules, strict=False), FITS if len(rules) == size else FORM
    if kind == "object":
        known, rest, required = (schema.get(key, {}) for key in ("properties", "additionalProperties", "required"))
        absent = {key for key in set(known) - set(required) if value.get(key, 0) is None}
        closed = set(required) <= set(value) and (rest is not False or set(value) <= set(known))
        own = ODD if closed and absent else FITS if closed else FORM
        inner = [(key, schema.get("propertyNames", {})) for key in value]
        inner += [(each, known.get(key, rest or {})) for key, each in value.items() if key not in absent]
    worst = max([(own, code), *(misfit(*pair, code, children) for pair in inner)])
    if worst[0] == FITS:
        good = schema.get("min" + word, size) <= size <= schema.get("max" + word, size)
        good = good and (kind != "string" or re.fullmatch(schema.get("pattern", r"[\s\S]*"), value))
        good = good and (schema.get("format") != "float" or repr(float(value)) == value)
        good = good and ("sorted" not in schema or value == sorted(set(value)))
        worst = (FITS if good else VALUE if size or word not in ("Items", "Properties") else ODD), code
    return worst
