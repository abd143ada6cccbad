"""LightGBM: trees in float64, as LightGBM itself computes them.

A missing value means something else in each kind of split, so a feature stands in the matrix once for each kind it is
split by. What is read of a model is `tree.natives.lightgbm`: nothing here looks at text.
"""

from __future__ import annotations

import functools

import numpy as np

from amber.programs.emit.boosters import AT_MOST, MEMBER, answered, grove
from amber.programs.emit.flow import Context, Labels, Methods, Scores, emits, scores
from amber.programs.emit.graph import Tensor
from amber.programs.emit.nodes import Array, Nodes, flat
from amber.programs.emit.trees import need
from amber.programs.emit.values import Value
from amber.programs.emit.view import View
from amber.tree.natives import lightgbm as native

_ZERO = float(np.float32(1e-35))  # up to here a number is zero, and rows are read without their zeros
_CATEGORY, _DEFAULT_LEFT, _MISSING = 1, 2, 2  # of `decision_type`: two bits, and how far the kind of missing is up
_NONE, _AS_ZERO, _NAN, _SET = 0, 1, 2, 3  # kinds of splits
_EXPONENTIAL = frozenset(["poisson", "gamma", "tweedie"])


class Model:
    """One model and the matrix that its splits read."""

    def __init__(self, e: View, X: Value, c: Context) -> None:
        self.e, self.c, self.g = e, c, c.graph
        held = e["_Booster"]
        need(isinstance(held, View), "LightGBM without a booster")
        self.booster = native.read(held["native"].tobytes())
        need(not self.booster.categories, "LightGBM with the categories of a data frame")
        width = self.booster.outputs
        every = len(self.booster.trees) // width
        best = int(held["best_iteration"])
        self.rounds = min(best, every) if best > 0 else every
        self.trees = self.booster.trees[: self.rounds * width]
        need(bool(self.trees), "LightGBM without trees")
        need(not any(tree.linear for tree in self.trees), "LightGBM with linear models in its leaves")
        self.x = c.matrix(X).tensor.cast("float64")

    @functools.cached_property
    def raw(self) -> Tensor:
        """The sums of the trees, float64 [N, outputs]."""
        width = self.booster.outputs
        nodes, modes, sets, values = _nodes(self.trees)
        kinds = np.concatenate([_kinds(tree) for tree in self.trees])
        place, x = self._columns(kinds, nodes.feature[: len(kinds)])
        feature = np.concatenate([place, np.zeros(len(nodes.feature) - len(kinds), dtype=np.int64)])
        nodes = Nodes(**{**vars(nodes), "feature": feature})
        return grove(self.g, x, nodes, modes, sets, values, nodes.tree % width, width)

    def _columns(self, kinds: Array, features: Array) -> tuple[Array, Tensor]:
        """Return the column of each split, and a matrix with each feature once for each kind of split on it."""
        g, blocks, start = self.g, [], 0
        place = np.zeros(len(kinds), dtype=np.int64)
        if not len(kinds):
            return place, self.x
        tiny = g.op("Abs", self.x) <= _ZERO
        flushed = g.where(tiny, g.const(0.0, "float64"), self.x)
        for kind in np.unique(kinds).tolist():
            here = kinds == kind
            used, back = np.unique(features[here], return_inverse=True)
            place[here] = start + back.reshape(-1)
            start += len(used)
            blocks.append(self._read(kind, g.columns(flushed, used)))
        return place, g.concat(blocks)

    def _read(self, kind: int, x: Tensor) -> Tensor:
        """Return columns as splits of one kind read them: NaN is what goes where missing values go."""
        g = self.g
        if kind == _NAN:
            return x
        if kind == _SET:  # the integer part; those below 0 are in no set
            return g.where(x < 0.0, g.op("Ceil", x), g.op("Floor", x))
        nothing = g.op("IsNaN", x, dtype="bool")
        if kind == _NONE:
            return g.where(nothing, g.const(0.0, "float64"), x)
        return g.where(nothing | x.equal(0.0), g.const(np.nan, "float64"), x)

    @functools.cached_property
    def output(self) -> Tensor:
        """The numbers after the objective, float64 [N, outputs]."""
        g, b, raw = self.g, self.booster, self.raw
        if b.averaged:  # of forests; raw scores are sums all the same
            raw = raw / float(self.rounds)
        if b.objective in ("binary", "multiclassova"):
            return 1.0 / (1.0 + g.op("Exp", raw * -b.sigmoid))
        if b.objective == "cross_entropy":
            return 1.0 / (1.0 + g.op("Exp", -raw))
        if b.objective == "cross_entropy_lambda":
            return g.op("Log", 1.0 + g.op("Exp", raw))
        if b.objective in _EXPONENTIAL:
            return g.op("Exp", raw)
        if b.objective == "multiclass":
            terms = g.op("Exp", raw - g.max(raw, 1, keep=True))
            return terms / g.sum(terms, 1, keep=True)
        if b.sqrt:
            return g.op("Sign", raw) * raw * raw
        return raw


def _kinds(tree: native.Tree) -> Array:
    """Return the kind of each split."""
    said = np.asarray(tree.decision, dtype=np.int64)
    return np.where(said & _CATEGORY, _SET, said >> _MISSING)


def _nodes(trees: list[native.Tree]) -> tuple[Nodes, Array, list[list[int]], Array]:
    """Return nodes, the mode of each split, the sets of categories, and the value of each leaf."""
    left: list[Array] = []
    right: list[Array] = []
    inner, feature, threshold, missing, modes, values = [], [], [], [], [], []
    sets: list[list[int]] = []
    for tree in trees:
        splits, count = len(tree.feature), len(tree.leaves)
        pad = np.zeros(count, dtype=np.int64)
        for side, found in ((left, tree.left), (right, tree.right)):
            child = np.asarray(found, dtype=np.int64)
            side.append(np.concatenate([np.where(child < 0, splits - 1 - child, child), pad]))
        said = np.asarray(tree.decision, dtype=np.int64)
        in_set = (said & _CATEGORY).astype(bool)
        cut = np.asarray(tree.threshold, dtype=np.float64)
        sets += [_members(tree, int(cut[node])) for node in np.flatnonzero(in_set).tolist()]
        inner.append(np.concatenate([np.ones(splits, dtype=bool), pad.astype(bool)]))
        feature.append(np.concatenate([np.asarray(tree.feature, dtype=np.int64), pad]))
        threshold.append(np.concatenate([np.where(in_set, 0.0, cut), pad.astype(np.float64)]))
        missing.append(np.concatenate([np.where(in_set, 0, (said & _DEFAULT_LEFT) // _DEFAULT_LEFT), pad]))
        modes.append(np.where(in_set, MEMBER, AT_MOST))
        values.append(np.concatenate([np.zeros(splits), np.asarray(tree.leaves, dtype=np.float64)]))
    nodes = flat(
        [len(each) for each in left], np.concatenate(left), np.concatenate(right), np.concatenate(feature),
        np.concatenate(threshold), np.concatenate(missing), np.concatenate(inner),
    )  # fmt: skip
    return nodes, np.concatenate(modes), sets, np.concatenate(values)[nodes.place]


def _members(tree: native.Tree, number: int) -> list[int]:
    """Return the categories of one set: the bits that are on."""
    words = np.asarray(tree.bits[tree.boundaries[number] : tree.boundaries[number + 1]], dtype="<u4")
    found: list[int] = np.flatnonzero(np.unpackbits(words.view(np.uint8), bitorder="little")).tolist()
    return found or [-2]  # of no number at all


@emits("lightgbm.LGBMClassifier")
def classifier(e: View, X: Value, c: Context) -> Methods:
    """The class of the largest share; of two classes the second has what the booster answers."""
    m, g = Model(e, X, c), c.graph

    @functools.cache
    def proba() -> Tensor:
        return m.output if m.booster.outputs > 1 else g.concat([1.0 - m.output, m.output])

    return {
        "predict": lambda: Labels(g.argmax(proba()), (e["_classes"],)),
        "predict_proba": lambda: scores(answered(proba(), e, c)),
        "decision_function": lambda: scores(answered(m.raw if m.booster.outputs > 1 else g.squeeze(m.raw), e, c)),
    }


@emits("lightgbm.LGBMRegressor", "lightgbm.LGBMRanker", "lightgbm.LGBMModel")
def regressor(e: View, X: Value, c: Context) -> Methods:
    """The number that the objective makes of the sum."""
    m = Model(e, X, c)

    def predict() -> Scores:
        return scores(answered(c.graph.squeeze(m.output) if m.booster.outputs == 1 else m.output, e, c))

    return {"predict": predict}
