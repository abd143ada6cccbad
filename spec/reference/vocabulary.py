"""Step 6, vocabulary.md: names, attributes, kinds and cycles, decided from the table; then the rules of values."""

import ast
import math
import re
from collections import namedtuple
from itertools import pairwise, zip_longest
from operator import add, eq, ge, gt, le, lt, mul, ne, sub

import numpy as np

from spec.reference.form import FILES, encode, need
from spec.reference.tree import MAPPINGS, Tree, value

ENTRIES = {name: {"named": file["constraints"], **each} for file in FILES for name, each in file["types"].items()}
FUNCTIONS = {name: each["group"] for file in FILES for name, each in file["functions"].items()}
LINKS, BOUNDS = {name for file in FILES for name in file["links"]}, {"min": ge, "max": le, "below": lt}
BUILT_IN = {"natural": {"is": "int", "min": 0}, "positive": {"is": "int", "min": 1}}
COUNTED, LISTS = {"object-array", "deque", "default-dict"}, ("list", "tuple", "strings", "numbers")
CONTAINERS = COUNTED | {"list", "tuple", "dict", "ordered-dict"}
DOTTED = r"[A-Za-z][A-Za-z0-9_]{0,63}(\.[A-Za-z][A-Za-z0-9_]{0,63}){0,7}"
HUGE, MISSING, KIND = 2**62, "attribute-missing", "kind-mismatch"
STRING, SHAPE, RANGE = "string-not-allowed", "shape-mismatch", "value-out-of-range"
CODES = {"holds": "value-mismatch", "shape": SHAPE, "within": "index-out-of-range", "finite": "not-finite", "is": KIND}
CODES |= {"increasing": "not-increasing", "binary-tree": "child-not-greater", "distinct": "not-distinct"}
SIGNS = {ast.Eq: eq, ast.NotEq: ne, ast.LtE: le, ast.Lt: lt, ast.GtE: ge, ast.Gt: gt, ast.Add: add, ast.Sub: sub}
SIGNS |= {ast.Mult: mul, ast.FloorDiv: lambda one, other: one // other if other else 0}
SIGNS |= {"pow2": lambda one, _: 0 if one < 0 else 2 ** min(one, 62)}  # and 200 over 100 is beyond that already
SIGNS |= {"choose": lambda one, other: math.comb(one, min(other, one - other, 100)) if 0 <= other <= one else 0}
ASCII, MARKS = frozenset(map(chr, range(128))), frozenset({"letter", "digit", "space", "rest"})
SETS = {"d": frozenset("0123456789") | {"digit"}, "s": frozenset(" \t\n\r\f\v\x1c\x1d\x1e\x1f") | {"space"}}
SETS["w"] = frozenset(each for each in ASCII if each.isalnum() or each == "_") | {"letter", "digit"}
SETS |= {name.upper(): (ASCII | MARKS) - held for name, held in SETS.items()}
SETS |= {name: frozenset(held) for name, held in zip("ntrfva", "\n\t\r\f\v\a", strict=True)}
TOKEN = re.compile(
    r"(?s)(?P<open>\((?:\?:|\?P<[A-Za-z_]\w{0,63}>|(?!\?)))|(?P<mark>[|^$]|\\[bBAZ])|"
    r"(?P<atom>\)|\[\^?\]?(?:\\.|[^\]\\])*\]|\\.|[^*+?{()|\[\\])"
    r"(?:(?:(?P<sign>[*+?])|\{(?=,?[0-9])(?P<low>[0-9]{0,4})(?:(?P<comma>,)(?P<high>[0-9]{0,4}))?\})\??(?![*+{]))?"
)
Part = namedtuple("Part", "held loops ways inner low high")  # characters, loops, ways; of a group the inside; how often


def characters(text, fold=False, alone=False):  # what a character, an escape, or (alone) a class or the dot stands for
    if alone and text == ".":
        held = ASCII | MARKS
    elif alone and text[0] == "[":
        pairs = re.findall(r"(\\.|[^\\])(?:-(\\.|[^\\]))?", text[1:-1].removeprefix("^"), re.DOTALL)
        held = frozenset().union(*(characters(each) for pair in pairs for each in pair if each))
        for ends in (pair for pair in pairs if pair[1]):
            low, high = (ord(each if len(each) == 1 else "".join(characters(each))) for each in ends)
            held |= {chr(code) for code in range(low, min(high, 127) + 1)} | (MARKS if high > 127 else set())
    elif text[0] == "\\" and (text[1] in SETS or text[1].isalnum()):
        held = SETS[text[1]]
    else:
        marks = {"digit", "letter"} if text[-1].isdigit() else {"space"} if text[-1].isspace() else {"letter", "rest"}
        held = frozenset(text[-1] if text[-1] in ASCII else marks)
    both = {case for each in held - MARKS for case in (each.lower(), each.upper())} if fold else set()
    held |= both | ({"letter"} if both & set("sk") else set())
    return (ASCII | MARKS) - (held - MARKS) if text[:2] == "[^" else held


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
            again, taken = bool(taken & each.held), taken | each.held
            overlapping, product = overlapping + (again and each.loops > 0), product * each.ways**again
        elif each.low and not each.held & taken:
            taken = frozenset()
    return overlapping <= 1 and product <= 64


def is_tame(text):  # whether a pattern is in the grammar, keeps the rules, and is one that Python's `re` reads
    flags, groups = re.match(r"(\(\?[aimsu]+\))?", text)[0], [[[]]]
    tokens = [*TOKEN.finditer(text, len(flags))]  # in the numbers below, 1001 stands for endless
    try:
        re.compile(text)
        for token in tokens:
            low, high = token["low"], token["high"]
            if token["open"] or token["mark"] == "|":
                (groups if token["open"] else groups[-1]).append([[]] if token["open"] else [])
            elif token["atom"]:
                inner = groups.pop() if token["atom"] == ")" else []
                low, high = (1, 1) if low is None else (int(low or 0), int(high or (1001 if token["comma"] else low)))
                low, high = {"*": (0, 1001), "+": (1, 1001), "?": (0, 1)}.get(token["sign"], (low, high))
                parts = [each for parts in inner for each in parts]
                held = [each.held for each in parts] if inner else [characters(token["atom"], "i" in flags, alone=True)]
                size, held = sum(map(len, held)), frozenset().union(*held)
                single = all(len(parts) == 1 and parts[0][3:] == ([], 1, 1) for parts in inner)
                inner = [] if single and size == len(held) else inner
                ways = sum(min(65, math.prod(each.ways for each in parts)) for parts in inner) or 1
                ways, loops = min(65, ways * (1 if high > 8 else high - low + 1)), sum(each.loops for each in parts)
                groups[-1][-1].append(Part(held, loops + (high > 8), ways, inner, low, high))
            if len(groups) > 17 or int(token["low"] or 0) > 1000 or int(token["high"] or 0) > 1000:
                return False
    except (ValueError, LookupError, TypeError, OverflowError, re.error):
        return False
    whole = len(groups) == 1 and flags + "".join(token[0] for token in tokens) == text
    return whole and sum(each.loops for parts in groups[0] for each in parts) <= 8 and all(map(is_linear, groups[0]))


class Audit(Tree):
    """A table of which the names, the kinds, the cycles and the values are those of the vocabulary."""

    def __init__(self, members, limits, allow):
        super().__init__(members, limits)
        for node in self.nodes:
            match node:
                case ["object", name, attrs]:
                    known = ENTRIES.get(name, {"state": "", "named": {}})
                    rules, self.constraints = known.get("attributes", {}), known["named"]
                    need(known.get("state", "dict"), "type-unknown", set(attrs) <= set(rules), "attribute-unknown")
                    faults = [self.fault(rules[key], self.nodes[at]) for key, at in attrs.items()]
                    fault = next(filter(None, faults), "")
                    need(not fault, fault, set(known.get("required", ())) <= set(attrs), MISSING)
                case ["type" | "function" | "link" as kind, name]:
                    need(name in {"type": ENTRIES, "function": FUNCTIONS, "link": LINKS}[kind], f"{kind}-unknown")
                case ["range" | "dtype", *sizes]:
                    size = len(range(*sizes)) if sizes[1:] else np.dtype(*sizes).itemsize
                    need(size <= (limits["components"] if sizes[1:] else 65536), "limit-components")
                case ["dict" | "ordered-dict" | "default-dict", *_, pairs]:
                    texts = [value(self.nodes[item]) for key, item in pairs if value(self.nodes[key]) == "dtype"]
                    need(not any(re.search("[0-9]{6}", text) for text in texts if isinstance(text, str)), STRING)
                case ["custom" | "custom-type" | "custom-function", name, *attrs]:
                    private = any(key.startswith("__") for each in attrs for key in each)
                    need(name in allow, "name-not-allowed", not private, "attribute-unknown")
        # What would unfold to too much, nest too deep, or not exist before its parts do.
        size = dict.fromkeys(graph := self.graph(CONTAINERS | {"object", "custom"}), 0)
        for at in self.walk(reversed(graph), graph):
            size[at] = 1 + sum(size[child] for child in graph[at])
            need(size[at] <= self.limits["unfolded_objects"], "limit-unfolded-objects")
        graph, counted, before, nodes = self.graph(CONTAINERS), set(self.graph(COUNTED)), None, self.nodes
        need(not self.core(graph) & counted, "limit-nesting")
        depth, order = dict.fromkeys(graph, 0), [*self.walk(graph, graph)]
        while before != depth:
            before = dict(depth)
            for at in order:
                depth[at] = (at in counted) + max((depth[child] for child in graph[at]), default=0)
        need(max(depth.values(), default=0) <= self.limits["nesting"], "limit-nesting")
        every, objects, chain = self.graph({node[0] for node in self.nodes}), self.graph({"object"}), {}
        special = {at for at in objects if ENTRIES[self.nodes[at][1]].get("state", "dict") != "dict"}
        need(not any(at in self.walk(every[at], every) for at in special & self.core(every)), "tree-cycle")
        for at, (_, name, attrs) in ((at, self.nodes[at]) for at in objects):
            keys = set(ENTRIES[name].get("chains", ())) & set(attrs)
            chain |= {(at, name, key): (attrs[key], name, key) for key in keys}
        chain = {link: [other] * (other in chain) for link, other in chain.items()}
        fixed = self.graph({"tuple", "frozenset", "slice", "map"}, special)
        need(not self.core(fixed) and not self.core(chain), "tree-cycle")
        for node in self.nodes:  # text is Unicode and bools are 0 or 1, wherever they stand
            scalar = node[0] == "scalar" and node[2]
            found = [np.frombuffer(bytes.fromhex(node[2]), self.dtype(node[1])[0]) if scalar else self.array(node)]
            while found and isinstance(each := found.pop(), np.ndarray):
                found += [each[name] for name in reversed(each.dtype.names or ())]
                if each.size and each.dtype.kind == "U" and each.dtype.itemsize:
                    codes = np.ascontiguousarray(each).reshape(-1).view(each.dtype.byteorder.replace("=", "<") + "u4")
                    need(codes.max() <= 0x10FFFF, "text-invalid")
                need(each.dtype.kind != "b" or not each.size or each.view("u1").max() <= 1, "bool-invalid")
        for self.node in nodes:
            for rule in ENTRIES[self.node[1]].get("rules", ()) if self.node[0] == "object" else ():
                if all(map(self.agrees, rule.get("when", ()))) and not any(map(self.agrees, rule.get("unless", ()))):
                    need(self.keeps(rule), rule.get("code", CODES[rule["rule"]]))

    def fault(self, rule, *nodes):  # the code with which the first node that breaks a constraint does so, or nothing
        if len(nodes) != 1:
            return next(filter(None, (self.fault(rule, each) for each in nodes)), "")
        (node,) = nodes
        rule = self.constraints.get(rule) or BUILT_IN.get(rule, {"is": rule}) if isinstance(rule, str) else rule
        if isinstance(rule, list):
            found = [self.fault(each, node) for each in rule]
            return "" if "" in found else next((code for code in found if code != KIND), KIND)
        kind, scalar, bounds = node[0], value(node), (rule.get("min"), rule.get("max"))
        match rule["is"]:
            case "any" | "none" | "object" | "type" | "kind" as word:
                good = kind in rule.get("kinds", [word]) and ("types" not in rule or node[1] in rule["types"])
                return "" if good or word == "any" else KIND
            case "bool" if type(scalar) is bool:
                return "" if scalar == rule.get("value", scalar) else RANGE
            case "int" | "number" as word if type(scalar) is int or (type(scalar) is float and word == "number"):
                return self.outside(scalar, *bounds)
            case "option":
                dotted = "dotted" in rule and isinstance(scalar, str) and re.fullmatch(DOTTED, scalar)
                return "" if not isinstance(scalar, str) or scalar in rule.get("values", ()) or dotted else STRING
            case "str" if isinstance(scalar, str):
                names, pattern = rule.get("template"), rule.get("pattern")
                rest = re.sub(r"\{(\w+)\}", lambda field: field[0] * (field[1] not in (names or ())), scalar)
                bad = scalar not in rule.get("values", [scalar]) or scalar in rule.get("refused", ())
                long = self.outside(len(scalar), None, "pattern_chars" if pattern else rule.get("max_chars"))
                bad = bad or (names is not None and (len(scalar) > 256 or set("{}") & set(rest)))
                return STRING if bad else long or ("pattern-refused" if pattern and not is_tame(scalar) else "")
            case "array" if kind in ("array", "object-array"):
                dtype, shape = node[1:3] if kind == "array" else ("|O", node[1])
                fields = isinstance(dtype, int) and [[key, of, *dims] for key, of, _, dims in self.nodes[dtype][1]]
                names = {dtype, dtype[1]} if isinstance(dtype, str) else {"V"}
                good = rule["fields"] == fields if "fields" in rule else names & set(rule.get("dtype", names))
                found = "dtype-mismatch" if not good or ("items" in rule and kind == "array") else ""
                found = found or ("items" in rule and self.fault(rule["items"], *self.items(node)))
                return found or ("" if len(shape) in rule.get("rank", [len(shape)]) else SHAPE)
            case "list" if kind in LISTS:
                number = len(items := self.items(node))
                return self.fault(rule.get("items", "any"), *items) or self.outside(number, *bounds)
            case "map" if kind in (*MAPPINGS, "map"):
                keys = self.items(self.nodes[node[2]]) if kind == "map" else [self.nodes[key] for key, _ in node[-1]]
                found = self.fault(rule.get("keys", "any"), *keys)
                return found or self.fault(rule.get("values", "any"), *self.items(node))
            case "function" if kind == "function":
                listed = node[1] in rule.get("names", ()) or FUNCTIONS.get(node[1]) in rule.get("groups", ())
                return "" if listed or not {"names", "groups"} & set(rule) else "function-not-allowed"
        return KIND

    def outside(self, number, least, most):  # the code with which a number leaves its bounds: numbers, or limits
        low, high = (self.limits.get(bound, bound) for bound in (least, most))
        long = RANGE if most in (None, high) else f"limit-{most.replace('_', '-')}"
        return RANGE if low is not None and not number >= low else "" if high is None or number <= high else long

    def graph(self, kinds, more=()):  # which nodes refer to which, among those of some kinds, and some more
        inside = {at for at, node in enumerate(self.nodes) if node[0] in kinds} | set(more)
        return {at: [child for child in self.children[at] if child in inside] for at in sorted(inside)}

    def follow(self, path, strict=True):  # the nodes and arrays at a path
        found = [self.node]
        for step in re.findall(r"\w+|[*:]", path):
            found = [inner for item in found for inner in self.step(self.array(item), step, strict)]
        return found

    def step(self, item, step, strict):
        each, found = step in "*:", []
        match item:
            case np.ndarray():
                inner = [item[int(step), ...]] if step.isdigit() and item.ndim and int(step) < len(item) else []
                found = [item] if each else [item[step]] if step in (item.dtype.names or ()) else inner
            case ["list" | "tuple" | "strings" | "object-array", *_] if step.isdigit():
                found = self.items(item)[int(step) :][:1]
            case _ if each:
                found = self.items(item)
            case ["object" | "custom", _, attrs]:
                found = [self.nodes[attrs[step]]] if step in attrs else []
            case ["dict" | "ordered-dict" | "default-dict", *_, pairs]:
                found = [self.nodes[child] for key, child in pairs if self.nodes[key] == ["str", step]]
        return need(found or (each and found is not None) or not strict, MISSING) or found

    def elements(self, item, inside=False):  # the numbers of an item; what is inside a collection has no dimensions
        item = self.array(item)
        if isinstance(item, np.ndarray):
            return need(item.dtype.kind in "biuf" and not (inside and item.ndim), KIND) or item.reshape(-1).tolist()
        if isinstance(number := value(item), int | float):
            return need(isinstance(number, float) or -(2**63) <= number < 2**63, KIND) or [+number]
        need(not inside and item[0] in ("none", "list", "tuple", "set", "frozenset", "object-array"), KIND)
        return [each for node in self.items(item) or () for each in self.elements(node, inside=True)]

    def shape(self, item):
        item = self.array(item)
        if isinstance(item, np.ndarray) or item[0] == "object-array":
            return [*item.shape] if isinstance(item, np.ndarray) else item[1]
        attrs = item[2] if item[0] in ("object", "custom") else {}
        if "shape" in attrs:
            sides = self.elements(self.nodes[attrs["shape"]])
            return need(all(isinstance(each, int) for each in sides), KIND) or sides
        if "array" in attrs and item[0] == "object":
            return self.shape(self.nodes[attrs["array"]])
        found = self.items(item) if item[0] != "none" else []
        return need(found is not None, KIND) or [len(found)]

    def hashable(self, item, inside=()):  # equal as in Python; `inside` are the lists around
        item = self.array(item)
        if isinstance(item, np.ndarray):
            return need(item.dtype.kind in "biufUS", KIND) or item.reshape(-1).tolist()
        if item[0] not in ("list", "tuple", "object-array", "strings"):
            return [value(item) if isinstance(value(item), int | float | str) else (encode(item),)]
        need(item[0] == "strings" or (len(inside) < 16 and all(each is not item for each in inside)), KIND)
        return [found for each in self.items(item) for found in self.hashable(each, (*inside, item))]

    def sortable(self, item):  # numbers, and times as integers, without NaN and NaT at the end; nothing of all else
        item = self.array(item)
        if not isinstance(item, np.ndarray):
            return [] if item[0] in ("strings", "object-array") else self.elements(item)
        found = item.reshape(-1) if item.dtype.kind in "biufmM" else item[:0].reshape(-1)
        while found.size and found[-1] != found[-1]:
            found = found[:-1]
        return (found.astype("i8") if found.dtype.kind in "mM" else found).tolist()

    def one(self, text):
        return need(len(found := self.term(text)) == 1, KIND) or found[0]

    def term(self, term):  # the numbers that a term stands for, or the truths of a comparison
        term = term if isinstance(term, ast.AST) else ast.parse(str(term).replace("[*]", "[:]"), mode="eval").body
        match term:
            case ast.Constant() | ast.UnaryOp():
                return [ast.literal_eval(term)]
            case ast.Call(func=ast.Name(id="limit"), args=[ast.Name(id=name)]):
                return [self.limits[name]]
            case ast.Call(func=ast.Name(id="choose" | "pow2" as sign), args=[left, *right]):
                right = [*right, left][0]
            case ast.Compare(left=left, ops=[sign], comparators=[right]) | ast.BinOp(left=left, op=sign, right=right):
                sign = type(sign)
            case ast.Call(func=ast.Name(id=name), args=[path, *axis]):
                items, axis = self.follow(ast.unparse(path)), [each.value for each in axis]
                return [each for item in items for each in self.ask(name, item, *axis)]
            case _:
                return [each for item in self.follow(ast.unparse(term)) for each in self.elements(item)]
        left, right = self.term(left), self.term(right)
        left, right = left * (len(right) if len(left) == 1 else 1), right * (len(left) if len(right) == 1 else 1)
        need(len(left) == len(right), SHAPE)
        return [self.saturated(SIGNS[sign](one, other)) for one, other in zip(left, right, strict=True)]

    def ask(self, name, item, axis=0):  # what a function of the language says of one item
        if name in ("sum", "min", "max"):
            found = self.elements(item) or [0]
            odd = any(each != each for each in found)
            return [-HUGE if odd else self.saturated({"sum": sum, "min": min, "max": max}[name](found))]
        some, shape = isinstance(item, np.ndarray) or item[0] != "none", self.shape(item) if name != "some" else []
        if name == "peaks":
            need(len(shape) == 2 and shape[0], KIND)
            return [*map(max, np.reshape(self.elements(item), shape).T.tolist())]
        known = {"some": some, "rank": len(shape), "size": self.saturated(math.prod(shape)), "len": [*shape, 1][0]}
        return [known[name] if name in known else [*shape, *[0] * 8][axis]]

    def agrees(self, condition):  # whether a condition of a rule holds
        path, *words = condition
        (found,) = self.follow(path, strict=False) or [["none"]]
        kind = "array" if isinstance(found, np.ndarray) else found[0]
        word = f"type:{found[1]}" if kind == "object" else None if kind == "array" else value(found)
        equal = any(type(each) is type(word) and each == word for each in words)
        return equal and (kind == "none") == (word is None) if words else kind != "none"

    def keeps(self, rule):  # whether the object keeps a rule
        path, kind, loose = rule.get("of", rule.get("left")), rule["rule"], rule.get("loose")
        items = self.follow(path) if path else []
        numbers = [] if loose or kind in ("shape", "is", "distinct") else items
        found = [each for item in numbers for each in self.elements(item)]
        match kind:
            case "holds":
                return all(self.term(rule["that"]))
            case "shape":
                wanted = [None if dim == "*" else self.one(dim) for dim in rule["dims"]]
                pairs = [zip_longest(wanted, self.shape(item), fillvalue=-1) for item in items]
                return all(side >= 0 and dim in (None, side) for each in pairs for dim, side in each)
            case "is":
                names = {"object": rule.get("types", ()), "function": rule.get("functions", ())}
                return all(each[0] in rule.get("kinds", ()) or each[1] in names.get(each[0], ()) for each in items)
            case "distinct":
                return len(set(found := [each for item in items for each in self.hashable(item)])) == len(found)
            case "finite":
                return all(map(math.isfinite, found))
            case "increasing":
                first, last = ([self.one(rule[end])] if end in rule else None for end in ("first", "last"))
                pairs = [pair for run in (map(self.sortable, items) if loose else [found]) for pair in pairwise(run)]
                sound = all(one < other or (one == other and not rule.get("strict")) for one, other in pairs)
                return sound and first in (None, found[:1]) and last in (None, found[-1:])
            case "within":
                chosen = self.term("{} {} {}".format(*rule["where"])) if "where" in rule else [True] * len(found)
                start, also = max(0, self.one(rule.get("start", 0))), rule.get("also", ())
                bounds = [(sign, self.one(rule[key])) for key, sign in BOUNDS.items() if key in rule]
                chosen = need(len(chosen) == len(found), SHAPE) or zip(found[start:], chosen[start:], strict=True)
                return all(each in also or all(sign(each, to) for sign, to in bounds) for each, here in chosen if here)
        right, mark, depth = self.term(rule["right"]), rule.get("leaf_mark"), {0: 0}  # a binary tree, not too deep
        leaves = self.term(rule["leaf"]) if mark is None else [each == mark for each in found]
        deepest, number = self.one(rule["depth"]) if "depth" in rule else len(found), len(found)
        need(len(right) == number == len(leaves), SHAPE)
        inner = [(at, pair) for at, pair in enumerate(zip(found, right, strict=True)) if not leaves[at]]
        for at, pair in inner:
            depth |= dict.fromkeys(pair, depth[at] + 1) if at in depth else {}
        met = [child for at, pair in inner for child in pair if at < child < number]
        sound = number and len(set(met)) == len(met) == 2 * len(inner)
        ends = [(depth.get(at, 0), right[at]) for at in range(number) if leaves[at]]
        return sound and all(steps <= deepest and mark in (None, other) for steps, other in ends)

    def walk(self, starts, following):  # each node after all that can be reached from it, depth first
        stack, seen = [(at, False) for at in reversed([*starts])], set()
        while stack:
            at, done = stack.pop()
            if done:
                yield at
            elif at not in seen:
                seen.add(at)
                stack += [(at, True), *((child, False) for child in reversed(following[at]))]

    def core(self, graph):  # the nodes on and between cycles: those from which neither way leads to ends only
        above, ends = {at: [] for at in graph}, set()
        for child, at in ((child, below) for below in graph for child in graph[below]):
            above[child].append(at)
        for at, links in ((each, way) for way in (graph, above) for each in self.walk(way, way)):
            ends |= {at} if ends.issuperset(links[at]) else set()
        return set(graph) - ends

    def saturated(self, number):  # within +-2^62; one that is NaN or infinite is the lowest
        return max(-HUGE, min(HUGE, int(number))) if math.isfinite(number) else -HUGE
