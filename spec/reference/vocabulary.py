"""Step 6, vocabulary.md: names, attributes, kinds and cycles, decided from the table alone; then the rules of values."""

import ast
import json
import math
import operator
import re
from itertools import pairwise

import numpy as np

from spec.reference.form import SPEC, Refused, encode, need
from spec.reference.patterns import is_tame
from spec.reference.tree import MAPPINGS, Tree, value

FILES = [json.loads(path.read_text("utf-8")) for path in SPEC.glob("vocabulary/*.json")]
ENTRIES = {name: {"named": file["constraints"], **each} for file in FILES for name, each in file["types"].items()}
FUNCTIONS = {name: each["group"] for file in FILES for name, each in file["functions"].items()}
LINKS = {name for file in FILES for name in file["links"]}
BUILT_IN = {"natural": {"is": "int", "min": 0}, "positive": {"is": "int", "min": 1}}
COUNTED, LISTS = {"object-array", "deque", "default-dict"}, ("list", "tuple", "strings", "numbers")
CONTAINERS = COUNTED | {"list", "tuple", "dict", "ordered-dict"}
DOTTED = r"[A-Za-z][A-Za-z0-9_]{0,63}(\.[A-Za-z][A-Za-z0-9_]{0,63}){0,7}"
HUGE, MISSING, KIND = 2**62, "attribute-missing", "kind-mismatch"
STRING, SHAPE, RANGE = "string-not-allowed", "shape-mismatch", "value-out-of-range"
CODES = {"holds": "value-mismatch", "shape": SHAPE, "within": "index-out-of-range", "finite": "not-finite", "is": KIND}
CODES |= {"increasing": "not-increasing", "binary-tree": "child-not-greater", "distinct": "not-distinct"}
SIGNS = {ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.LtE: operator.le, ast.Lt: operator.lt, ast.GtE: operator.ge}
SIGNS |= {ast.Gt: operator.gt, ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul}
SIGNS |= {ast.FloorDiv: lambda one, other: one // other if other else 0}
BOUNDS = {"min": operator.ge, "max": operator.le, "below": operator.lt}


def walk(starts, following):  # each node after all that can be reached from it: depth first, without recursion
    stack, seen = [(at, False) for at in reversed([*starts])], set()
    while stack:
        at, done = stack.pop()
        if done:
            yield at
        elif at not in seen:
            seen.add(at)
            stack += [(at, True), *((child, False) for child in reversed(following[at]))]


def core(graph):  # the nodes on cycles and between cycles: what is left without the ends of both sides, again and again
    leading, left = {at: [] for at in graph}, set(graph)
    for at, below in graph.items():
        for child in below:
            leading[child].append(at)
    for following, back in ((graph, leading), (leading, graph)):
        number = {at: len(following[at]) for at in graph}
        ends = [at for at in graph if not number[at]]
        for at in ends:
            for other in back[at]:
                number[other] -= 1
                ends += [other] * (not number[other])
        left -= set(ends)
    return left


def check_text(array):  # text is Unicode and bools are 0 or 1, wherever they stand
    for name in array.dtype.names or ():
        check_text(array[name])
    if array.size and array.dtype.kind == "U" and array.dtype.itemsize:
        codes = np.ascontiguousarray(array).reshape(-1).view(array.dtype.byteorder.replace("=", "<") + "u4")
        need(codes.max() <= 0x10FFFF, "text-invalid")
    need(array.dtype.kind != "b" or not array.size or array.view("u1").max() <= 1, "bool-invalid")


def saturated(number):  # within +-2^62; one that is NaN or infinite is the lowest
    return max(-HUGE, min(HUGE, int(number))) if math.isfinite(number) else -HUGE


def choose(total, chosen):  # 200 over 100 is beyond 2^62 already
    return min(math.comb(total, min(chosen, total - chosen, 100)), HUGE) if 0 <= chosen <= total else 0


def is_increasing(found, strict):
    return all(one < other or (one == other and not strict) for one, other in pairwise(found))


def is_tree(left, right, leaves, mark, deepest):  # whether child indices are a binary tree that is not too deep
    inner, depth = [(at, pair) for at, pair in enumerate(zip(left, right, strict=True)) if not leaves[at]], {0: 0}
    for at, pair in inner:
        depth |= dict.fromkeys(pair, depth[at] + 1) if at in depth else {}
    met = [child for _, pair in inner for child in pair]
    ends = [(depth.get(at, 0), right[at]) for at in range(len(left)) if leaves[at]]
    sound = left and all(at < child < len(left) for at, pair in inner for child in pair) and len(set(met)) == len(met)
    return sound and all(steps <= deepest and (mark is None or other == mark) for steps, other in ends)


class Audit(Tree):
    """A table of which the names, the kinds, the cycles and the values are those of the vocabulary."""

    def __init__(self, members, limits, allow):
        super().__init__(members, limits)
        for node in self.nodes:
            match node:
                case ["object", name, attrs]:
                    known = ENTRIES.get(name, {"state": ""})
                    rules, required = known.get("attributes", {}), set(known.get("required", ()))
                    need(known.get("state", "dict"), "type-unknown", set(attrs) <= set(rules), "attribute-unknown")
                    faults = (self.fault(rules[key], self.nodes[at], known["named"]) for key, at in attrs.items())
                    fault = next(filter(None, faults), "")
                    need(not fault, fault, required <= set(attrs), MISSING)
                case ["type" | "function" as kind, name]:
                    need(name in (ENTRIES if kind == "type" else FUNCTIONS), f"{kind}-unknown")
                case ["range", *numbers]:
                    need(len(range(*numbers)) <= limits["components"], "limit-components")
                case ["dtype", name]:
                    need(np.dtype(name).itemsize <= 65536, "limit-components")
                case ["dict" | "ordered-dict" | "default-dict", *_, pairs]:
                    texts = [value(self.nodes[item]) for key, item in pairs if value(self.nodes[key]) == "dtype"]
                    need(not any(re.search("[0-9]{6}", text) for text in texts if isinstance(text, str)), STRING)
                case ["link", name]:
                    need(name in LINKS, "link-unknown")
                case ["custom" | "custom-type" | "custom-function", name, *attrs]:
                    private = any(key.startswith("__") for each in attrs for key in each)
                    need(name in allow, "name-not-allowed", not private, "attribute-unknown")
        self.check_graphs()
        for node in self.nodes:
            scalar = node[0] == "scalar" and node[2]
            found = np.frombuffer(bytes.fromhex(node[2]), self.dtype(node[1])) if scalar else self.array(node)
            if isinstance(found, np.ndarray):
                check_text(found)
        for self.node in self.nodes:
            for rule in ENTRIES[self.node[1]].get("rules", ()) if self.node[0] == "object" else ():
                if all(map(self.agrees, rule.get("when", ()))) and not any(map(self.agrees, rule.get("unless", ()))):
                    need(self.keeps(rule), rule.get("code", CODES[rule["rule"]]))

    def fault(self, rule, node, named):  # the code with which a node breaks a constraint, or nothing
        rule = named.get(rule) or BUILT_IN.get(rule, {"is": rule}) if isinstance(rule, str) else rule
        if isinstance(rule, list):
            found = [self.fault(each, node, named) for each in rule]
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
                fields = self.nodes[dtype][1] if isinstance(dtype, int) else []
                names = {dtype, dtype[1]} if isinstance(dtype, str) else {"V"}
                good = names & set(rule.get("dtype", names)) and ("items" not in rule or kind != "array")
                if "fields" in rule:
                    good = rule["fields"] == [[name, inner, *dims] for name, inner, _, dims in fields] and fields
                found = good and "items" in rule and self.first(rule["items"], self.items(node), named)
                sound = len(shape) in rule.get("rank", [len(shape)])
                return (found or ("" if sound else SHAPE)) if good else "dtype-mismatch"
            case "list" if kind in LISTS:
                items = self.items(node)
                return self.first(rule.get("items"), items, named) or self.outside(len(items), *bounds)
            case "map" if kind in (*MAPPINGS, "map"):
                keys = self.items(self.nodes[node[2]]) if kind == "map" else [self.nodes[key] for key, _ in node[-1]]
                found = self.first(rule.get("keys"), keys, named)
                return found or self.first(rule.get("values"), self.items(node), named)
            case "function" if kind == "function":
                listed = node[1] in rule.get("names", ()) or FUNCTIONS.get(node[1]) in rule.get("groups", ())
                return "" if listed or not {"names", "groups"} & set(rule) else "function-not-allowed"
        return KIND

    def first(self, rule, nodes, named):
        return next(filter(None, (self.fault(rule, each, named) for each in nodes)), "") if rule else ""

    def outside(self, number, least, most):  # the code with which a number leaves its bounds: numbers, or limits
        low, high = (self.limits.get(bound, bound) for bound in (least, most))
        long = RANGE if most in (None, high) else f"limit-{most.replace('_', '-')}"
        return RANGE if low is not None and not number >= low else "" if high is None or number <= high else long

    def graph(self, kinds, more=()):  # which nodes refer to which, among those of some kinds, and some more
        inside = {at for at, node in enumerate(self.nodes) if node[0] in kinds} | set(more)
        return {at: [child for child in self.children[at] if child in inside] for at in sorted(inside)}

    def check_graphs(self):  # what would unfold to too much, nest too deep, or not exist before its parts do
        graph, chains = self.graph(CONTAINERS | {"object", "custom"}), {}
        size = dict.fromkeys(graph, 0)
        for at in walk(reversed(graph), graph):
            size[at] = 1 + sum(size[child] for child in graph[at])
            need(size[at] <= self.limits["unfolded_objects"], "limit-unfolded-objects")
        graph, counted, before = self.graph(CONTAINERS), set(self.graph(COUNTED)), None
        need(not core(graph) & counted, "limit-nesting")
        depth, order = dict.fromkeys(graph, 0), [*walk(graph, graph)]
        while before != depth:
            before = dict(depth)
            for at in order:
                depth[at] = (at in counted) + max((depth[child] for child in graph[at]), default=0)
        need(max(depth.values(), default=0) <= self.limits["nesting"], "limit-nesting")
        every, objects = self.graph({node[0] for node in self.nodes}), self.graph({"object"})
        special = {at for at in objects if ENTRIES[self.nodes[at][1]].get("state", "dict") != "dict"}
        need(not any(at in walk(every[at], every) for at in special & core(every)), "tree-cycle")
        for at in objects:
            _, name, attrs = self.nodes[at]
            for key in set(ENTRIES[name].get("chains", ())) & set(attrs):
                chains.setdefault((name, key), {})[at] = attrs[key]
        graphs = [{at: [child] * (child in chain) for at, child in chain.items()} for chain in chains.values()]
        fixed = self.graph({"tuple", "frozenset", "slice", "map"}, special)
        need(not any(map(core, [fixed, *graphs])), "tree-cycle")

    def follow(self, path):  # the nodes and arrays at a path
        found = [self.node]
        for step in re.findall(r"\w+|[*:]", path):
            found = [inner for item in found for inner in self.step(self.array(item), step)]
        return found

    def step(self, item, step):
        each, found = step in "*:", []
        match item:
            case np.ndarray() if step.isdigit():
                found = [item[int(step), ...]] if item.ndim and int(step) < len(item) else []
            case np.ndarray():
                found = [item] if each else [item[step]] if step in (item.dtype.names or ()) else []
            case ["list" | "tuple" | "strings" | "object-array", *_] if step.isdigit():
                found = self.items(item)[int(step) :][:1]
            case _ if each:
                found = self.items(item)
            case ["object" | "custom", _, attrs]:
                found = [self.nodes[attrs[step]]] if step in attrs else []
            case ["dict" | "ordered-dict" | "default-dict", *_, pairs]:
                found = [self.nodes[child] for key, child in pairs if self.nodes[key] == ["str", step]]
        need(found or (each and found is not None), MISSING)
        return found

    def elements(self, item, inside=False):  # the numbers of an item; what is inside a collection has no dimensions
        item = self.array(item)
        if isinstance(item, np.ndarray):
            need(item.dtype.kind in "biuf" and not (inside and item.ndim), KIND)
            return item.reshape(-1).tolist()
        number = value(item)
        if isinstance(number, int | float):
            need(isinstance(number, float) or -(2**63) <= number < 2**63, KIND)
            return [+number]
        need(not inside and item[0] in ("none", "list", "tuple", "set", "frozenset", "object-array"), KIND)
        return [each for node in self.items(item) or () for each in self.elements(node, inside=True)]

    def shape(self, item):
        match self.array(item):
            case np.ndarray() as array:
                return [*array.shape]
            case ["object-array", shape, *_]:
                return shape
            case ["object" | "custom", _, {"shape": index}]:
                sides = self.elements(self.nodes[index])
                need(all(isinstance(each, int) for each in sides), KIND)
                return sides
            case ["object", _, {"array": index}]:
                return self.shape(self.nodes[index])
        found = self.items(item) if item[0] != "none" else []
        need(found is not None, KIND)
        return [len(found)]

    def hashable(self, item, inside=()):  # equal as in Python; `inside` are the lists around
        item = self.array(item)
        if isinstance(item, np.ndarray):
            need(item.dtype.kind in "biufUS", KIND)
            return item.reshape(-1).tolist()
        if item[0] in ("list", "tuple", "object-array", "strings"):
            sound = len(inside) < 16 and not any(each is item for each in inside)
            need(sound or item[0] == "strings", KIND)
            return [found for each in self.items(item) for found in self.hashable(each, (*inside, item))]
        return [value(item) if isinstance(value(item), int | float | str) else encode(item)]

    def sortable(self, item):  # numbers, and times as integers, without NaN and NaT at the end; nothing of all else
        item = self.array(item)
        if not isinstance(item, np.ndarray):
            return [] if item[0] in ("strings", "object-array") else self.elements(item)
        time = item.dtype.kind in "mM"
        found = (item.astype("i8") if time else item).reshape(-1).tolist() if item.dtype.kind in "biufmM" else []
        while found and (found[-1] != found[-1] or (time and found[-1] == -(2**63))):
            found.pop()
        return found

    def term(self, text):  # the numbers that a term stands for, or the truths of a comparison
        return self.evaluate(ast.parse(str(text).replace("[*]", "[:]"), mode="eval").body)

    def one(self, text):
        found = self.term(text)
        need(len(found) == 1, KIND)
        return found[0]

    def evaluate(self, term):
        match term:
            case ast.Constant(value=number):
                return [number]
            case ast.UnaryOp(operand=ast.Constant(value=number)):
                return [-number]
            case ast.Call(func=ast.Name(id="limit"), args=[ast.Name(id=name)]):
                return [self.limits[name]]
            case ast.Call(func=ast.Name(id="pow2"), args=[inner]):
                return [0 if each < 0 else 2 ** min(each, 62) for each in self.evaluate(inner)]
            case ast.Call(func=ast.Name(id="choose"), args=pair):
                sign = choose
            case ast.Compare(left=left, ops=[sign], comparators=[right]) | ast.BinOp(left=left, op=sign, right=right):
                pair, sign = (left, right), SIGNS[type(sign)]
            case ast.Call(func=ast.Name(id=name), args=[path, *axis]):
                found = self.follow(ast.unparse(path))
                return [each for item in found for each in self.ask(name, item, *(one.value for one in axis))]
            case path:
                return [each for item in self.follow(ast.unparse(path)) for each in self.elements(item)]
        left, right = map(self.evaluate, pair)
        left, right = left * (len(right) if len(left) == 1 else 1), right * (len(left) if len(right) == 1 else 1)
        need(len(left) == len(right), SHAPE)
        return [saturated(sign(one, other)) for one, other in zip(left, right, strict=True)]

    def ask(self, name, item, axis=0):  # what a function of the language says of one item
        if name == "some":
            return [isinstance(item, np.ndarray) or item[0] != "none"]
        if name in ("sum", "min", "max"):
            found = self.elements(item) or [0]
            odd = any(each != each for each in found)
            return [-HUGE if odd else saturated({"sum": sum, "min": min, "max": max}[name](found))]
        shape = self.shape(item)
        if name == "peaks":
            need(len(shape) == 2 and shape[0], KIND)
            return [*map(max, np.reshape(self.elements(item), shape).T.tolist())]
        known = {"rank": len(shape), "size": saturated(math.prod(shape)), "len": [*shape, 1][0]}
        return [known[name] if name in known else [*shape, *[0] * 8][axis]]

    def agrees(self, condition):  # whether a condition of a rule holds
        path, *words = condition
        try:
            (found,) = self.follow(path)
        except Refused:
            found = ["none"]
        if isinstance(found, np.ndarray) or (not words and found[0] != "none"):
            return not words
        word = f"type:{found[1]}" if found[0] == "object" else value(found)
        equal = any(type(each) is type(word) and each == word for each in words)
        return equal and (found[0] == "none") == (word is None)

    def keeps(self, rule):  # whether the object keeps a rule
        items, strict = (
            [] if rule["rule"] == "holds" else self.follow(rule.get("of") or rule["left"]),
            rule.get("strict"),
        )
        match rule["rule"]:
            case "holds":
                return all(self.term(rule["that"]))
            case "shape":
                wanted = [None if dim == "*" else self.one(dim) for dim in rule["dims"]]
                pairs = [
                    [*zip(wanted, shape, strict=True)] if len(shape) == len(wanted) else [(0, 1)]
                    for shape in map(self.shape, items)
                ]
                return all(dim in (None, side) for pair in pairs for dim, side in pair)
            case "is":
                names = {"object": rule.get("types", ()), "function": rule.get("functions", ())}
                return all(each[0] in rule.get("kinds", ()) or each[1] in names.get(each[0], ()) for each in items)
            case "distinct":
                found = [each for item in items for each in self.hashable(item)]
                return len(set(found)) == len(found)
            case "increasing" if rule.get("loose"):
                return all(is_increasing(self.sortable(item), strict) for item in items)
        found = [each for item in items for each in self.elements(item)]
        match rule["rule"]:
            case "finite":
                return all(map(math.isfinite, found))
            case "increasing":
                first, last = ([self.one(rule[end])] if end in rule else None for end in ("first", "last"))
                return first in (None, found[:1]) and last in (None, found[-1:]) and is_increasing(found, strict)
            case "within":
                chosen = self.term("{} {} {}".format(*rule["where"])) if "where" in rule else [True] * len(found)
                start, also = max(0, self.one(rule.get("start", 0))), rule.get("also", ())
                bounds = [(sign, self.one(rule[key])) for key, sign in BOUNDS.items() if key in rule]
                need(len(chosen) == len(found), SHAPE)
                found = [each for each, here in zip(found[start:], chosen[start:], strict=True) if here]
                return all(each in also or all(sign(each, bound) for sign, bound in bounds) for each in found)
        right, mark = self.term(rule["right"]), rule.get("leaf_mark")
        leaves = self.term(rule["leaf"]) if mark is None else [each == mark for each in found]
        need(len(right) == len(found) == len(leaves), SHAPE)
        return is_tree(found, right, leaves, mark, self.one(rule["depth"]) if "depth" in rule else len(found))
