"""Steps 1 and 3, container.md and manifest.md: the file or folder, its members, what the manifest says."""

import re
import stat
import zlib
from pathlib import Path
from struct import pack, unpack_from

from spec.reference.form import FITS, FORM, ODD, SCHEMAS, decode, misfit, need

MANIFEST, SIGNATURES, PYLOCK, BAD = "manifest.json", "signatures/", "env/pylock.toml", "container-not-canonical"
SHARD, MIB, MAX16, MAX32 = re.compile(r"model/tensors-[0-9]{5}\.safetensors"), 1 << 20, 0xFFFF, 0xFFFFFFFF
NAME, PLACE, HEAD = (SCHEMAS["manifest"]["$defs"][name] for name in ("MemberName", "MemberPlace", "Head"))
LIMITED = {"tree": "model/tree.json", "strings": "model/strings.json", "card": "README.md", "environment": PYLOCK}


def check_names(names, limits):
    seen = set()
    for name in names:
        need(misfit(name, NAME)[0] == FITS, "member-name", name.lower() not in seen, "member-duplicate")
        seen.add(name.lower())
    need(not seen & {name[: slash.start()] for name in seen for slash in re.finditer("/", name)}, "member-duplicate")
    signatures = sum(name.startswith(SIGNATURES) for name in names)
    need(len(names) <= limits["members"], "limit-members", signatures <= limits["signatures"], "limit-signatures")


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


def read_file(data, limits):  # the payload of each member by its name, as the central directory has them
    total, entries = len(data), []
    need(total <= limits["file_bytes"], "limit-file-bytes")
    need(total >= 52 and data[:4] == b"PK\3\4" and data[-22:-18] == b"PK\5\6", BAD)
    number, length, at = unpack_from("<HLL", data, total - 12)
    if number == MAX16 or MAX32 in (length, at):
        need(total >= 98 and data[-98:-94] == b"PK\6\6", BAD)
        number, length, at = unpack_from("<QQQ", data, total - 66)
    stop = at + length
    need(number <= limits["members"], "limit-members", length <= number * 202 and stop <= total, BAD)
    for _ in range(number):
        need(at + 46 <= stop, BAD)
        crc, _, size, *lengths = unpack_from("<LLLHHH", data, at + 16)
        name, extra, at = at + 46, at + 46 + lengths[0], at + 46 + sum(lengths)
        need(at <= stop and (size < MAX32 or lengths[1] >= 12), BAD)
        size = unpack_from("<Q", data, extra + 4)[0] if size == MAX32 else size
        entries.append((bytes(data[name:extra]).decode("latin-1"), size, crc))
    names = [name for name, _, _ in entries]
    check_names(names, limits)
    names.sort(key=lambda name: (name != MANIFEST, name.startswith(SIGNATURES), name))
    need(names == [each[0] for each in entries] and sum(size for _, size, _ in entries) <= total, BAD)
    *headers, (at, rest) = layout(entries)
    need(at + len(rest) == total and all(data[at:][: len(part)] == part for at, part in [*headers, (at, rest)]), BAD)
    need(names[:1] == [MANIFEST], "manifest-missing")
    members = {each[0]: data[at + len(part) :][: each[1]] for each, (at, part) in zip(entries, headers, strict=True)}
    need(all(zlib.crc32(members[name]) == crc for name, _, crc in entries), "crc-mismatch")
    return members


def read_folder(root, limits):
    members, total = {}, 0
    for path in Path(root).rglob("*"):
        name, found = path.relative_to(root).as_posix(), path.lstat()
        regular, folder = stat.S_ISREG(found.st_mode), stat.S_ISDIR(found.st_mode)
        need(folder or (regular and found.st_nlink == 1), "folder-link")
        need(misfit(name, NAME)[0] == FITS and (regular or any(path.iterdir())), "folder-extra")
        total, members = total + found.st_size * regular, members | ({name: path} if regular else {})
        need(total <= limits["file_bytes"], "limit-file-bytes", len(members) <= limits["members"], "limit-members")
    check_names(list(members), limits)
    need(MANIFEST in members, "manifest-missing")
    return {name: memoryview(path.read_bytes()) for name, path in members.items()}


def read_manifest(data, limits):  # its form, its spelling, its values are looked at in this order
    need(len(data) <= limits["manifest_bytes"], "limit-manifest-bytes")
    manifest, canonical = decode(data, "manifest-invalid")
    need(misfit(manifest, HEAD)[0] < FORM, "manifest-invalid")
    need(manifest["format"] == 1, "format-unknown", not manifest.get("requires"), "requires-unknown")
    fit, code = misfit(manifest, SCHEMAS["manifest"], "manifest-value")
    need(fit < FORM, "manifest-invalid", canonical and fit < ODD, "manifest-not-canonical", fit == FITS, code)
    programs = [(each["name"], each["member"]) for each in manifest.get("programs", [])]
    sound = programs == sorted(dict(programs).items()) and set(manifest["batching"]) <= set(manifest["methods"])
    need(sound and all(member == f"programs/{name}.onnx" for name, member in programs), "manifest-value")
    return manifest


def check_members(manifest, members, limits):  # those listed and those present, their places, pairs, sizes; the card
    listed, signed = manifest["members"], {name for name in members if name.startswith(SIGNATURES)}
    present, named = set(members) - signed - {MANIFEST}, {each["member"] for each in manifest.get("programs", [])}
    cases, programs = ({name for name in present if name.startswith(folder)} for folder in ("cases/", "programs/"))
    need(present <= set(listed), "member-unlisted", set(listed) <= present, "member-missing")
    need(all(len(members[name]) == listed[name]["size"] for name in present), "member-size")
    need(all(misfit(name, PLACE)[0] == FITS for name in members), "member-unknown")
    shards = {f"model/tensors-{at:05d}.safetensors" for at in range(1, 1 + len([*filter(SHARD.fullmatch, present)]))}
    pairs = {name.partition(".")[0] + end for name in cases for end in (".json", ".bin")}
    need({"model/tree.json", PYLOCK} | shards | pairs <= present, "member-missing")
    need(not cases or "cases" in manifest, "member-unlisted", cases or "cases" not in manifest, "member-missing")
    need(programs <= named, "member-unlisted", named <= programs, "member-missing")
    for name in signed:
        most = 262144 + 256 * len(members) * name.endswith("-oms.sigstore.json")
        need(len(members[name]) <= min(most, 1 << 24), "member-too-large")
    for limit, name in LIMITED.items():
        need(len(members.get(name, b"")) <= limits[f"{limit}_bytes"], f"limit-{limit}-bytes")
    total = sum(len(members[name]) for name in cases)
    need(len(cases) <= limits["cases_members"], "limit-cases-members")
    need(total <= limits["cases_bytes"], "limit-cases-bytes")
    card = bytes(members.get("README.md", b""))
    need(card.decode("utf-8", "ignore").encode() == card, "card-invalid")
