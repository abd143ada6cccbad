"""Step 6, tensors.md and tree.md: the shards, the node table, the columns, all rules but those of names and values."""

import json
import math
import re
import struct
from base64 import b64decode, b64encode
from collections import Counter
from itertools import chain, pairwise

import numpy as np

from spec.reference.members import MIB, SHARD
from spec.reference.form import FITS, FORM, SAFE, SCHEMAS, Refused, decode, encode, misfit, need

INVALID, ODD, BAD, DTYPE = "tree-invalid", "tree-not-canonical", "tensor-header-invalid", "dtype-unknown"
KINDS, WORDS = SCHEMAS["tree"]["$defs"], SCHEMAS["shard"]["additionalProperties"]["properties"]["dtype"]["enum"]
SCALARS = {"none", "ellipsis", "bool", "int", "float", "complex", "str", "utf16", "bytes", "scalar"}
MAPPINGS, SETS = ("dict", "ordered-dict", "default-dict"), ("set", "frozenset")
PLACES = {"list": 1, "tuple": 1, "set": 1, "frozenset": 1, "deque": 1, "map": 3, "object-array": 3}  # of the items


def read_shard(shard, limits):  # {name: (dtype, shape, bytes)} of one shard, of which the header is what these give
    need(len(shard) >= 8, BAD)
    start = 8 + struct.unpack_from("<Q", shard)[0]
    need(start - 8 <= limits["tensor_header_bytes"], "limit-tensor-header-bytes", start <= len(shard), BAD)
    header, _ = decode(shard[8:start], BAD)
    need(not isinstance(header, dict) or len(header) <= limits["tensors"], "limit-tensors")
    need(misfit(header, SCHEMAS["shard"])[0] == FITS, BAD)
    need(all(len(each["shape"]) <= limits["tensor_rank"] + 1 for each in header.values()), BAD)
    tensors, sound, at, room = {}, {}, 0, len(shard) - start
    for name, each in sorted(header.items(), key=lambda item: (WORDS.index(item[1]["dtype"]), item[0])):
        dtype, shape, (begin, end) = each["dtype"], each["shape"], each["data_offsets"]
        size = int(dtype.strip("BCFILOU") or 8) // 8 * math.prod(shape)
        need(0 <= begin <= end <= room and end - begin == size, "tensor-out-of-bounds")
        sound[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + size]}
        tensors[name], at = (dtype, shape, shard[start + at :][:size]), at + size
    need(header and at == room, "tensor-out-of-bounds")
    text = json.dumps(sound, separators=(",", ":")).encode()
    text += b" " * (-(8 + len(text)) % (16384 if room >= MIB else 64))
    need(shard[:start] == struct.pack("<Q", len(text)) + text, "tensor-header-not-canonical")
    need(all(max(data) < 2 for dtype, _, data in tensors.values() if dtype == "BOOL" and data), "tensor-bool")
    return tensors


def read_tensors(members, limits):  # (dtype, shape, bytes) of every tensor, in the order of the numbers
    shards = [read_shard(members[name], limits) for name in sorted(filter(SHARD.fullmatch, members))]
    merged, names = dict(chain(*map(dict.items, shards))), [f"t{at}" for at in range(sum(map(len, shards)))]
    need(len(names) <= limits["tensors"], "limit-tensors", set(names) == set(merged), "shards-not-canonical")
    wanted, held = [], 128 * MIB
    for name in names:
        held += len(merged[name][2])
        if held > 128 * MIB or not wanted:
            wanted, held = [*wanted, set()], len(merged[name][2])
        wanted[-1].add(name)
    need([set(shard) for shard in shards] == wanted, "shards-not-canonical")
    return [merged[name] for name in names]


def carrier(dtype):  # the type of the tensor that carries a dtype, and the dimensions added at its end
    kind, width = dtype.kind, dtype.itemsize
    if dtype.str[0] == ">" or kind in "SUV":
        item = {"S": 1, "U": 4}.get(kind * (dtype.str[0] != ">"), math.gcd(width or 1, 8))
        return f"U{8 * item}", [width // item]
    word = "BOOL" if kind == "b" else f"{'I' if kind in 'mM' else kind.upper()}{8 * width}"
    return ("F64", [2]) if width == 16 else (word, [])


def count(shape, item, limits):
    sound = len(shape) <= limits["tensor_rank"] and math.prod(filter(None, shape)) * max(item, 1) <= 2**62
    need(sound, "shape-invalid")
    return math.prod(shape)


def structured(node, known, limits):
    """Return (dtype, nesting, dimensions) of a `structured` node; `known` are those with larger indices."""
    (_, fields, size, aligned), formats, nesting, rank, end = node, [], 1, 0, 0
    need(len(fields) <= limits["dtype_fields"], "limit-dtype-fields")
    for _, dtype, offset, shape in fields:
        need(isinstance(dtype, str) or dtype in known, DTYPE)
        inner, depth, dims = (np.dtype(dtype), 0, 0) if isinstance(dtype, str) else known[dtype]
        need(end <= offset and (not shape or (inner.itemsize and max(shape) < 2**31)), DTYPE)
        end, formats = offset + inner.itemsize * count(shape, inner.itemsize, limits), [*formats, (inner, tuple(shape))]
        nesting, rank = max(nesting, depth + 1), max(rank, dims + len(shape))
    need(end <= size and nesting <= 16 and rank <= limits["tensor_rank"], DTYPE)
    try:  # NumPy refuses names that stand twice, and offsets that are not aligned where they say so
        spelled = {"names": [each[0] for each in fields], "formats": formats, "offsets": [each[2] for each in fields]}
        return np.dtype(spelled | {"itemsize": size, "aligned": aligned}), nesting, rank
    except (ValueError, TypeError) as error:
        raise Refused(DTYPE) from error


def value(node):  # the Python value of a scalar node; None where it has none
    match node:
        case ["bool" | "str", found]:
            return found
        case ["int", number]:
            return int(number)
        case ["float" | "complex", *texts]:
            parts = [float(each.partition(":")[0]) for each in texts]
            return complex(*parts) if texts[1:] else parts[0]
        case ["bytes" | "utf16" as kind, text]:
            return b64decode(text) if kind == "bytes" else b64decode(text).decode("utf-16-le", "surrogatepass")
        case ["scalar", str(dtype), digits] if dtype[1] == "U":
            return bytes.fromhex(digits).decode("utf-32-be" if dtype[0] == ">" else "utf-32-le", "replace").rstrip("\0")
        case ["scalar", str(dtype), digits] if dtype[1] in "biufcS":
            return np.frombuffer(bytes.fromhex(digits), dtype)[0].item() if digits else b""
    return None


def identity(node):  # what is equal for equal keys: numbers are themselves, texts their UTF-16, all else its spelling
    found = value(node)
    text = found.encode("utf-16-le", "surrogatepass") if isinstance(found, str) else encode(node).decode()
    return frozenset([text]) if found is None or isinstance(found, str) or found != found else found


class Tree:
    """A table of which the form is sound: `nodes` as JSON has them, their `children`, `columns`, `tensors`."""

    def __init__(self, members, limits):
        self.limits, self.tensors, self.columns, self.structured = limits, read_tensors(members, limits), [], {}
        self.taken, self.named, met = set(), set(), 1
        table, canonical = decode(members["model/tree.json"], INVALID)
        need(isinstance(table, dict) and set(table) == {"nodes", "root"} and type(table["root"]) is int, INVALID)
        self.nodes = nodes = table["nodes"]
        need(isinstance(nodes, list), INVALID)
        need(len(nodes) <= limits["nodes"], "limit-nodes")
        need(all(isinstance(node, list) and [*map(type, node[:1])] == [str] for node in nodes), INVALID)
        need({node[0] for node in nodes} <= set(KINDS), INVALID)
        self.children = [[] for _ in nodes]
        faults = [misfit(node, KINDS[node[0]], INVALID, self.children[at]) for at, node in enumerate(nodes)]
        need(all(level < FORM for level, _ in faults), INVALID, canonical, ODD)
        if "model/strings.json" in members:
            self.columns, canonical = decode(members["model/strings.json"], INVALID)
            need(misfit(self.columns, SCHEMAS["strings"])[0] == FITS, INVALID, canonical, ODD)
        for at, below in enumerate(self.children):  # in the order in which a breadth-first walk meets them
            for child in below:
                need(at < met and 0 <= child <= met, "tree-order")
                met += child == met
        need(nodes and table["root"] == 0 and met == len(nodes), "tree-order")
        for at in reversed([at for at, node in enumerate(nodes) if node[0] == "structured"]):
            need(faults[at][0] == FITS, faults[at][1])
            self.structured[at] = structured(nodes[at], self.structured, limits)
        for node, (level, code) in zip(nodes, faults, strict=True):
            long = node[0] == "int" and isinstance(node[1], str) and len(node[1]) > limits["integer_digits"]
            need(not long, "limit-integer-digits", level == FITS, code)
            self.check(node)
        for check in (self.check_columns, self.check_keys):
            for node in nodes:
                check(node)
        need(
            len(self.taken) == len(self.tensors), "tensor-unused", len(self.named) == len(self.columns), "column-unused"
        )

    def dtype(self, dtype):
        need(isinstance(dtype, str) or dtype in self.structured, DTYPE)
        return np.dtype(dtype) if isinstance(dtype, str) else self.structured[dtype][0]

    def take(self, number, dtype, shape):
        """Note that a node names a tensor, which is as the node says and named by no other."""
        need(number < len(self.tensors), "tensor-missing", number not in self.taken, "tensor-shared")
        self.taken.add(number)
        (kind, dims, _), (wanted, tail) = self.tensors[number], carrier(self.dtype(dtype))
        need(kind == wanted and dims == (dims[:1] or [0] if shape is None else shape) + tail, "tensor-mismatch")

    def check(self, node):  # the rules of one node that its schema cannot say: text, columns, arrays
        match node:
            case ["int", str(text)]:
                need(abs(int(text)) > SAFE, "number-invalid")
            case ["bytes" | "bytearray" | "utf16" as kind, text]:
                lone = kind != "utf16" or re.search("[\ud800-\udfff]", value(node))
                need(lone and b64encode(b64decode(text)).decode() == text, ODD)
            case ["deque", items, int(longest)]:
                need(len(items) <= longest, INVALID)
            case ["default-dict", factory, _]:
                need(self.nodes[factory][0] in ("type", "custom-type", "none"), INVALID)
            case ["strings", _, column]:
                need(column < len(self.columns), "column-missing", column not in self.named, "column-shared")
                self.named.add(column)
            case ["numbers", _, _, dtype, tensor]:
                self.take(tensor, dtype, None)
            case ["object-array", shape, *_]:
                count(shape, 8, self.limits)
            case ["scalar", dtype, digits]:
                need(len(digits) == 2 * self.dtype(dtype).itemsize, "number-invalid")
            case ["array", dtype, shape, order, tensor]:
                item, axes = self.dtype(dtype).itemsize, [int(each) for each in order.split("r")[1:]]
                size, inner = count(shape, item, self.limits), self.structured.get(dtype, (0, 0, 0))[2]
                sound = len(shape) + inner <= self.limits["tensor_rank"] and (item or size <= self.limits["nodes"])
                need(sound, "shape-invalid", tensor is not None or not size * item, "tensor-missing")
                need(tensor is None or size * item, "tensor-mismatch")
                sound = all(axis < len(shape) and shape[axis] > 1 for axis in axes) and axes == sorted(set(axes))
                need(sound and (not axes if tensor is None else order[0] == "C" or len(shape) > 1), ODD)
                if tensor is not None:
                    self.take(tensor, dtype, shape if order[0] == "C" else shape[::-1])

    def check_columns(self, node):  # columns stand in maps and object arrays, and have their lengths
        columns = [self.nodes[at] for at in node[2:] if node[0] in ("map", "object-array") and isinstance(at, int)]
        need(all(each[0] in ("strings", "numbers") for each in columns), INVALID)
        need(node[0] != "map" or len(self.items(columns[0])) == len(self.items(columns[1])), INVALID)
        need(node[0] != "object-array" or math.prod(node[1]) == len(self.items(node)), "tensor-mismatch")

    def check_keys(self, node):  # keys and elements of sets are scalars or flat tuples of scalars, in order, and differ
        if node[0] == "map":
            found = [value(key) for key in self.items(self.nodes[node[2]])]
        else:
            pairs = node[-1] if node[0] in MAPPINGS else [[at] for at in node[1]] if node[0] in SETS else []
            keys = [self.nodes[key] for key, *_ in pairs]
            keys = [["tuple", [self.nodes[part] for part in key[1]]] if key[0] == "tuple" else key for key in keys]
            for part in chain(*(key[1] if key[0] == "tuple" else [key] for key in keys)):
                opaque = part[0] == "scalar" and (isinstance(part[1], int) or part[1][1] == "V")
                large = part[0] == "int" and not -(2**63) <= int(part[1]) < 2**64
                need(part[0] in SCALARS and not opaque and not large, "key-invalid")
            need(node[0] not in SETS or all(one < other for one, other in pairwise(map(encode, keys))), ODD)
            found = [tuple(map(identity, key[1])) if key[0] == "tuple" else identity(key) for key in keys]
            need(max(Counter(map(hash, found)).values(), default=0) <= 64, "key-invalid")
        need(len(set(found)) == len(found), "key-duplicate")

    def items(self, node):  # the nodes that stand in a collection or column; None where a node is neither
        if node[0] == "strings":
            return [["str", text] for text in self.columns[node[2]]]
        if node[0] == "numbers":
            return [["scalar", node[3], each.tobytes().hex()] for each in self.array(node)]
        found = (
            [at for _, at in node[-1]] if node[0] in MAPPINGS else node[PLACES[node[0]]] if node[0] in PLACES else None
        )
        column = isinstance(found, int)
        return self.items(self.nodes[found]) if column else None if found is None else [self.nodes[at] for at in found]

    def array(self, node):  # the array of an `array` or `numbers` node, a view of its tensor; anything else as it is
        if isinstance(node, np.ndarray) or node[0] not in ("array", "numbers"):
            return node
        dtype, shape, order, tensor = node[1:] if node[0] == "array" else (node[3], [-1], "C", node[4])
        found = np.empty(shape, self.dtype(dtype)) if tensor is None else None
        if tensor is not None:
            found = np.frombuffer(self.tensors[tensor][2], self.dtype(dtype)).reshape(shape, order=order[0])
        return np.flip(found, [int(axis) for axis in order.split("r")[1:]])
