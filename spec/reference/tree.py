"""Step 6, tensors.md and tree.md: the shards, the node table, the columns, all rules but those of names and values."""

import math
from base64 import b64decode, b64encode
from collections import Counter
from itertools import pairwise

import numpy as np

from spec.reference.form import FITS, FORM, MIB, SCHEMAS, SHARD, Refused, decode, encode, misfit, need

INVALID, ODD, BAD, DTYPE = "tree-invalid", "tree-not-canonical", "tensor-header-invalid", "dtype-unknown"
KINDS, WORDS = SCHEMAS["tree"]["$defs"], SCHEMAS["shard"]["additionalProperties"]["properties"]["dtype"]["enum"]
SCALARS = {"none", "ellipsis", "bool", "int", "float", "complex", "str", "utf16", "bytes", "scalar"}
MAPPINGS, SETS = ("dict", "ordered-dict", "default-dict"), ("set", "frozenset")
PLACES = {"list": 1, "tuple": 1, "set": 1, "frozenset": 1, "deque": 1, "map": 3, "object-array": 3}  # of the items


def value(node):  # the Python value of a scalar node; None where it has none
    match node:
        case ["bool" | "str" | "int" as kind, found]:
            return int(found) if kind == "int" else found
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


class Tree:
    """A table of which the form is sound: `nodes` as JSON has them, their `children`, `columns`, `tensors`."""

    def __init__(self, members, limits):
        self.limits, self.columns, self.structured, self.taken, self.named, met = limits, [], {}, set(), set(), 1
        self.tensors = self.read_tensors(members)
        table, canonical = decode(members["model/tree.json"], INVALID)
        need(type(table) is dict and {key: type(table[key]) for key in table} == {"nodes": list, "root": int}, INVALID)
        self.nodes = nodes = table["nodes"]
        need(len(nodes) <= limits["nodes"], "limit-nodes")
        need(all(isinstance(node, list) and node[:1] in [[kind] for kind in KINDS] for node in nodes), INVALID)
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
        for at in reversed(
            [at for at, node in enumerate(nodes) if node[0] == "structured"]
        ):  # dtype, nesting, dimensions
            need(faults[at][0] == FITS, faults[at][1])
            (_, fields, size, aligned), formats, nesting, rank, end = nodes[at], [], 1, 0, 0
            need(len(fields) <= self.limits["dtype_fields"], "limit-dtype-fields")
            for _, dtype, offset, shape in fields:
                inner, depth, dims = self.dtype(dtype)
                need(end <= offset and (not shape or (inner.itemsize and max(shape) < 2**31)), DTYPE)
                end = offset + inner.itemsize * self.count(shape, inner.itemsize)
                formats.append((inner, tuple(shape)))
                nesting, rank = max(nesting, depth + 1), max(rank, dims + len(shape))
            need(end <= size and nesting <= 16 and rank <= self.limits["tensor_rank"], DTYPE)
            names, offsets = ([each[place] for each in fields] for place in (0, 2))
            spelled = {"names": names, "offsets": offsets, "formats": formats, "itemsize": size, "aligned": aligned}
            try:  # NumPy refuses names that stand twice, and offsets that are not aligned where they say so
                self.structured[at] = np.dtype(spelled), nesting, rank
            except (ValueError, TypeError) as error:
                raise Refused(DTYPE) from error
        for node, (level, code) in zip(nodes, faults, strict=True):
            digits = len(node[1]) if node[0] == "int" and isinstance(node[1], str) else 0
            need(digits <= limits["integer_digits"], "limit-integer-digits", level == FITS, code)
            self.check(node)
        for node in self.nodes:  # columns stand in maps and object arrays, and have their lengths
            columns = [self.nodes[at] for at in node[2:] if node[0] in ("map", "object-array") and isinstance(at, int)]
            need(all(each[0] in ("strings", "numbers") for each in columns), INVALID)
            need(node[0] != "map" or len(self.items(columns[0])) == len(self.items(columns[1])), INVALID)
            need(node[0] != "object-array" or math.prod(node[1]) == len(self.items(node)), "tensor-mismatch")
        for node in self.nodes:  # keys are scalars or flat tuples of scalars, in sets in order, and differ
            pairs = node[-1] if node[0] in MAPPINGS else [[at] for at in node[1]] if node[0] in SETS else []
            keys = [self.nodes[key] for key, *_ in pairs]
            keys = [["tuple", [self.nodes[part] for part in key[1]]] if key[0] == "tuple" else key for key in keys]
            for part in [each for key in keys for each in (key[1] if key[0] == "tuple" else [key])]:
                opaque = part[0] == "scalar" and (isinstance(part[1], int) or part[1][1] == "V")
                large = part[0] == "int" and not -(2**63) <= int(part[1]) < 2**64
                need(part[0] in SCALARS and not opaque and not large, "key-invalid")
            need(node[0] not in SETS or all(one < other for one, other in pairwise(map(encode, keys))), ODD)
            found = [tuple(map(self.identity, key[1])) if key[0] == "tuple" else self.identity(key) for key in keys]
            need(max(Counter(map(hash, found)).values(), default=0) <= 64, "key-invalid")
            found = [value(key) for key in self.items(self.nodes[node[2]])] if node[0] == "map" else found
            need(len(set(found)) == len(found), "key-duplicate")
        need(len(self.taken) == len(self.tensors), "tensor-unused")
        need(len(self.named) == len(self.columns), "column-unused")

    def read_tensors(self, members):  # (dtype, shape, bytes) of every tensor, in the order of the numbers
        merged, names, limits, wanted, held = {}, [], self.limits, [], 128 * MIB
        for shard in (members[name] for name in sorted(filter(SHARD.fullmatch, members))):
            need(len(shard) >= 8, BAD)
            start, sound, at = 8 + int.from_bytes(shard[:8], "little"), {}, 0
            need(start - 8 <= limits["tensor_header_bytes"], "limit-tensor-header-bytes", start <= len(shard), BAD)
            (header, _), room = decode(shard[8:start], BAD), len(shard) - start
            need(not isinstance(header, dict) or len(header) <= limits["tensors"], "limit-tensors")
            need(misfit(header, SCHEMAS["shard"])[0] == FITS, BAD)
            need(all(len(each["shape"]) <= limits["tensor_rank"] + 1 for each in header.values()), BAD)
            for name, each in sorted(header.items(), key=lambda item: (WORDS.index(item[1]["dtype"]), item[0])):
                dtype, shape, (begin, end) = each["dtype"], each["shape"], each["data_offsets"]
                size = int(dtype.strip("BCFILOU") or 8) // 8 * math.prod(shape)
                need(0 <= begin <= end <= room and end - begin == size, "tensor-out-of-bounds")
                sound[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + size]}
                merged[name], at = (dtype, shape, shard[start + at :][:size]), at + size
            need(header and at == room, "tensor-out-of-bounds")
            text = encode(sound, sort_keys=False).encode()
            text += b" " * (-(8 + len(text)) % (16384 if room >= MIB else 64))
            need(shard[:start] == len(text).to_bytes(8, "little") + text, "tensor-header-not-canonical")
            flags = [merged[name][2] for name in sound if merged[name][0] == "BOOL"]
            need(all(max(data, default=0) < 2 for data in flags), "tensor-bool")
            names.append(set(sound))
        tensors = [merged.get(f"t{at}") for at in range(sum(map(len, names)))]
        need(len(tensors) <= limits["tensors"], "limit-tensors", None not in tensors, "shards-not-canonical")
        for at, (_, _, data) in enumerate(tensors):
            held += len(data)
            if held > 128 * MIB or not wanted:
                wanted, held = [*wanted, set()], len(data)
            wanted[-1].add(f"t{at}")
        return need(names == wanted, "shards-not-canonical") or tensors

    def count(self, shape, item):
        sound = len(shape) <= self.limits["tensor_rank"] and math.prod(filter(None, shape)) * max(item, 1) <= 2**62
        return need(sound, "shape-invalid") or math.prod(shape)

    def dtype(self, dtype):
        need(isinstance(dtype, str) or dtype in self.structured, DTYPE)
        return (np.dtype(dtype), 0, 0) if isinstance(dtype, str) else self.structured[dtype]

    def take(self, number, dtype, shape):  # note that a node names a tensor: of the type that carries its dtype
        need(number < len(self.tensors), "tensor-missing", number not in self.taken, "tensor-shared")
        self.taken.add(number)
        (word, dims, _), form = self.tensors[number], self.dtype(dtype)[0]
        kind, width, tail = form.kind, form.itemsize, []
        wanted = "BOOL" if kind == "b" else f"{'I' if kind in 'mM' else kind.upper()}{8 * width}"
        if form.str[0] == ">" or kind in "SUV":
            item = {"S": 1, "U": 4}.get(kind * (form.str[0] != ">"), math.gcd(width or 1, 8))
            wanted, tail = f"U{8 * item}", [width // item]
        wanted, tail = ("F64", [2]) if form.str == "<c16" else (wanted, tail)
        need(word == wanted and dims == (dims[:1] or [0] if shape is None else shape) + tail, "tensor-mismatch")

    def check(self, node):  # the rules of one node that its schema cannot say: text, columns, arrays
        match node:
            case ["bytes" | "bytearray" | "utf16" as kind, text]:
                lone = kind != "utf16" or any("\ud800" <= each <= "\udfff" for each in value(node))
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
                self.count(shape, 8)
            case ["scalar", dtype, digits]:
                need(len(digits) == 2 * self.dtype(dtype)[0].itemsize, "number-invalid")
            case ["array", dtype, shape, order, tensor]:
                (form, _, inner), axes = self.dtype(dtype), [int(each) for each in order.split("r")[1:]]
                size = self.count(shape, item := form.itemsize)
                sound = len(shape) + inner <= self.limits["tensor_rank"] and (item or size <= self.limits["nodes"])
                need(sound, "shape-invalid", tensor is not None or not size * item, "tensor-missing")
                need(tensor is None or size * item, "tensor-mismatch")
                sound = all(axis < len(shape) and shape[axis] > 1 for axis in axes) and axes == sorted(set(axes))
                need(sound and (not axes if tensor is None else order[0] == "C" or len(shape) > 1), ODD)
                if tensor is not None:
                    self.take(tensor, dtype, shape if order[0] == "C" else shape[::-1])

    def items(self, node):  # the nodes that stand in a collection or column; None where a node is neither
        if node[0] in ("strings", "numbers"):
            text, dtype = node[0] == "strings", node[-2]
            found = self.columns[node[2]] if text else self.array(node)
            return [["str", each] if text else ["scalar", dtype, each.tobytes().hex()] for each in found]
        found = [at for _, at in node[-1]] if node[0] in MAPPINGS else node[PLACES.get(node[0], 0)]
        if isinstance(found, int):
            return self.items(self.nodes[found])
        return None if found == node[0] else [self.nodes[at] for at in found]

    def array(self, node):  # the array of an `array` or `numbers` node, a view of its tensor; anything else as it is
        if isinstance(node, np.ndarray) or node[0] not in ("array", "numbers"):
            return node
        dtype, shape, order, tensor = node[1:] if node[0] == "array" else (node[3], None, "C", node[4])
        _, dims, data = (None, shape, None) if tensor is None else self.tensors[tensor]
        found = np.ndarray(dims if shape is None else shape, self.dtype(dtype)[0], data or None, order=order[0])
        return np.flip(found, [int(axis) for axis in order.split("r")[1:]])

    def identity(self, node):  # equal for equal keys: numbers are themselves, texts their UTF-16, all else its spelling
        found = value(node)
        text = found.encode("utf-16-le", "surrogatepass") if isinstance(found, str) else encode(node)
        return frozenset([text]) if found is None or isinstance(found, str) or found != found else found
