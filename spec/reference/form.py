"""Codes, limits, JSON and JSON Schema as far as used here; then steps 1 and 3, container.md and manifest.md."""

import json
import re
import zlib
from functools import partial
from pathlib import Path
from struct import pack, unpack_from

SPEC = Path(__file__).resolve().parent.parent
STEPS = {row["code"]: row["step"] for row in json.loads((SPEC / "codes.json").read_text("utf-8"))}
SCHEMAS = {path.stem.partition(".")[0]: json.loads(path.read_text("utf-8")) for path in SPEC.glob("schemas/*.json")}
FILES = [json.loads(path.read_text("utf-8")) for path in SPEC.glob("vocabulary/*.json")]
LIMITS = {name: each["default"] for name, each in SCHEMAS["policy"]["properties"]["limits"]["properties"].items()}
DEFINED = SCHEMAS["manifest"]["$defs"] | SCHEMAS["tree"]["$defs"]
TYPES = {dict: ("object", "Properties"), list: ("array", "Items"), str: ("string", "Length"), int: ("integer", "imum")}
TYPES |= {bool: ("boolean", ""), type(None): ("null", "")}
FITS, VALUE, ODD, FORM = range(4)  # a misfit: none; a bound or pattern; null or empty instead of absent; type or keys
Refused = type("Refused", (Exception,), {})  # its argument is a code, a word of `codes.json`, which names its step
encode = partial(json.dumps, sort_keys=True, separators=(",", ":"), ensure_ascii=False)  # the one spelling of JSON
MANIFEST, SIGNATURES, PYLOCK, BAD = "manifest.json", "signatures/", "env/pylock.toml", "container-not-canonical"
SHARD, MIB, MAX16, MAX32 = re.compile(r"model/tensors-[0-9]{5}\.safetensors"), 1 << 20, 0xFFFF, 0xFFFFFFFF
NAME, PLACE, HEAD = (SCHEMAS["manifest"]["$defs"][name] for name in ("MemberName", "MemberPlace", "Head"))
LIMITED = {"tree": "model/tree.json", "strings": "model/strings.json", "card": "README.md", "environment": PYLOCK}


def need(*pairs):  # refuse with the first code whose condition does not hold; nothing otherwise: need(...) or answer
    for condition, code in zip(pairs[::2], pairs[1::2], strict=True):
        if not condition:
            raise Refused(code)


def decode(data, code):  # what JSON says (integers, no fractions), and whether this is its one spelling
    try:
        value = json.loads(bytes(data).decode("utf-8"), parse_float=int, parse_constant=int)
        return value, encode(value).encode("utf-8") == data
    except (ValueError, RecursionError) as error:
        raise Refused(code) from error


def misfit(value, schema, code="", children=None):  # how badly a value breaks a schema, and the code it names there
    code, name, level = schema.get("code", code), schema.get("$ref", "").rpartition("/")[2], [value]
    if name == "child" and type(value) is int:
        children.append(value)
    if name:
        return misfit(value, DEFINED[name], code, children)
    if "anyOf" in schema:
        return min(misfit(value, each, code, children) for each in schema["anyOf"])
    for _ in range(schema.get("maxDepth", 0)):
        level = [one for each in level if isinstance(each, dict | list) for one in getattr(each, "values", each.copy)()]
    if "maxDepth" in schema and any(isinstance(each, dict | list) for each in level):
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


def layout(members):  # (offset, bytes) of the header of each (name, size, crc), and of all that follows the payloads
    headers, entries, at = [], b"", 0
    for name, size, crc in members:
        fixed = pack("<HHHHHLLL", 45, 0x0800, 0, 0, 0x21, crc, min(size, MAX32), min(size, MAX32))
        wide, extra = (part * (size >= MAX32) for part in (pack("<QQ", size, size), pack("<HHQQ", 1, 16, size, size)))
        alignment = 16384 if size >= MIB else 64 if SHARD.fullmatch(name) else 1
        zeros = -(at + 36 + len(name) + len(extra)) % alignment
        extra += (pack("<HHH", 0xD935, 2 + zeros, alignment) + bytes(zeros)) * (alignment > 1)
        headers.append((at, b"PK\3\4" + fixed + pack("<HH", len(name), len(extra)) + name.encode() + extra))
        wide += pack("<Q", at) * (at >= MAX32)
        extra = wide and pack("<HH", 1, len(wide)) + wide
        rest = pack("<HHHHHLL", len(name), len(extra), 0, 0, 0, 0x81A40000, min(at, MAX32))
        entries += b"PK\1\2" + pack("<H", 813) + fixed + rest + name.encode() + extra
        at += len(headers[-1][1]) + size
    number, length = len(members), len(entries)
    if number >= MAX16 or length >= MAX32 or at >= MAX32:
        entries += b"PK\6\6" + pack("<QHHLLQQQQ", 44, 813, 45, 0, 0, number, number, length, at)
        entries += b"PK\6\7" + pack("<LQL", 0, at + length, 1)
    short = [min(number, MAX16)] * 2 + [min(length, MAX32), min(at, MAX32)]
    return [*headers, (at, entries + b"PK\5\6" + pack("<HHHHLLH", 0, 0, *short, 0))]


def read_members(source, limits):  # the payload of each member by its name: a folder's files, or a file's entries
    folder, paths, entries, total, seen = not isinstance(source, bytes) and Path(source).is_dir(), {}, [], 0, set()
    for path in Path(source).rglob("*") if folder else ():
        name, found, real = path.relative_to(source).as_posix(), path.lstat(), not path.is_symlink()
        regular, inner = real and path.is_file(), real and path.is_dir()
        need(inner or (regular and found.st_nlink == 1), "folder-link")
        need(misfit(name, NAME)[0] == FITS and (regular or any(path.iterdir())), "folder-extra")
        total, paths = total + found.st_size * regular, paths | ({name: path} if regular else {})
        need(total <= limits["file_bytes"], "limit-file-bytes", len(paths) <= limits["members"], "limit-members")
    if not folder:
        data = memoryview(source if isinstance(source, bytes) else Path(source).read_bytes())
        need((total := len(data)) <= limits["file_bytes"], "limit-file-bytes")
        need(total >= 52 and data[:4] == b"PK\3\4" and data[-22:-18] == b"PK\5\6", BAD)
        number, length, at = unpack_from("<HLL", data, total - 12)
        if number == MAX16 or MAX32 in (length, at):
            need(total >= 98 and data[-98:-94] == b"PK\6\6", BAD)
            number, length, at = unpack_from("<QQQ", data, total - 66)
        need(number <= limits["members"], "limit-members", (end := at + length) <= min(total, at + number * 202), BAD)
        for _ in range(number):
            need(at + 46 <= end, BAD)
            crc, _, size, *lengths = unpack_from("<LLLHHH", data, at + 16)
            name, extra, at = at + 46, at + 46 + lengths[0], at + 46 + sum(lengths)
            need(at <= end and (size < MAX32 or lengths[1] >= 12), BAD)
            size = unpack_from("<Q", data, extra + 4)[0] if size == MAX32 else size
            entries.append((bytes(data[name:extra]).decode("latin-1"), size, crc))
    names = [*paths, *(name for name, _, _ in entries)]
    for name in names:
        need(misfit(name, NAME)[0] == FITS, "member-name", name.lower() not in seen, "member-duplicate")
        seen.add(name.lower())
    need(not seen & {name[: slash.start()] for name in seen for slash in re.finditer("/", name)}, "member-duplicate")
    signatures = sum(name.startswith(SIGNATURES) for name in names)
    need(len(names) <= limits["members"], "limit-members", signatures <= limits["signatures"], "limit-signatures")
    if folder:
        need(MANIFEST in names, "manifest-missing")
        return {name: memoryview(path.read_bytes()) for name, path in paths.items()}
    names.sort(key=lambda name: (name != MANIFEST, name.startswith(SIGNATURES), name))
    need(names == [each[0] for each in entries] and sum(size for _, size, _ in entries) <= total, BAD)
    *headers, (at, rest) = layout(entries)
    need(at + len(rest) == total and all(data[at:][: len(part)] == part for at, part in [*headers, (at, rest)]), BAD)
    need(names[:1] == [MANIFEST], "manifest-missing")
    members = {each[0]: data[at + len(part) :][: each[1]] for each, (at, part) in zip(entries, headers, strict=True)}
    return need(all(zlib.crc32(members[name]) == crc for name, _, crc in entries), "crc-mismatch") or members


def signature_sizes(members):
    signed = [name for name in members if name.startswith(SIGNATURES)]
    most = {name: 262144 + 256 * len(members) * name.endswith("-oms.sigstore.json") for name in signed}
    need(all(len(members[name]) <= min(most[name], 1 << 24) for name in signed), "member-too-large")


def read_manifest(members, limits):  # its form, its spelling, its values are looked at in this order; then the members
    need(len(members[MANIFEST]) <= limits["manifest_bytes"], "limit-manifest-bytes")
    manifest, canonical = decode(members[MANIFEST], "manifest-invalid")
    need(misfit(manifest, HEAD)[0] < FORM, "manifest-invalid")
    need(manifest["format"] == 1, "format-unknown", not manifest.get("requires"), "requires-unknown")
    fit, code = misfit(manifest, SCHEMAS["manifest"], "manifest-value")
    need(fit < FORM, "manifest-invalid", canonical and fit < ODD, "manifest-not-canonical", fit == FITS, code)
    frozen = [(each["name"], each["member"]) for each in manifest.get("programs", [])]
    sound = frozen == sorted(dict(frozen).items()) and set(manifest["batching"]) <= set(manifest["methods"])
    need(sound and all(member == f"programs/{name}.onnx" for name, member in frozen), "manifest-value")
    listed, signed = manifest["members"], {name for name in members if name.startswith(SIGNATURES)}
    named = {f"programs/{name}.{end}" for name, _ in frozen for end in ("onnx", "json")}
    present = set(members) - signed - {MANIFEST}
    cases, programs = ({name for name in present if name.startswith(folder)} for folder in ("cases/", "programs/"))
    need(present <= set(listed), "member-unlisted", set(listed) <= present, "member-missing")
    need(all(len(members[name]) == listed[name]["size"] for name in present), "member-size")
    need(all(misfit(name, PLACE)[0] == FITS for name in members), "member-unknown")
    shards = {f"model/tensors-{at:05d}.safetensors" for at in range(1, 1 + len([*filter(SHARD.fullmatch, present)]))}
    pairs = {name.partition(".")[0] + end for name in cases for end in (".json", ".bin")}
    need({"model/tree.json", PYLOCK} | shards | pairs <= present, "member-missing")
    need(not cases or "cases" in manifest, "member-unlisted", cases or "cases" not in manifest, "member-missing")
    need(programs <= named, "member-unlisted", named <= programs, "member-missing")
    for limit, name in LIMITED.items():
        need(len(members.get(name, b"")) <= limits[f"{limit}_bytes"], f"limit-{limit}-bytes")
    size, card = sum(len(members[name]) for name in cases), bytes(members.get("README.md", b""))
    need(len(cases) <= limits["cases_members"], "limit-cases-members")
    need(size <= limits["cases_bytes"], "limit-cases-bytes")
    return need(card.decode("utf-8", "ignore").encode() == card, "card-invalid") or manifest
