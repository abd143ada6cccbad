"""XGBoost: trees, dropped trees and linear boosters in float32, as XGBoost itself computes them.

Inputs become float32, a split sends `x < t` to the left, sums begin at the base score and go tree after tree. What is
read of a model is `tree.natives.xgboost`: nothing here looks at bytes.
"""

from __future__ import annotations

import functools

import numpy as np

from amber.programs.emit.boosters import BELOW, MEMBER, answered, exponential, grove, is_sparse
from amber.programs.emit.flow import Context, Labels, Methods, Scores, emits, scores
from amber.programs.emit.graph import Tensor
from amber.programs.emit.nodes import Array, Nodes, flat
from amber.programs.emit.trees import need
from amber.programs.emit.values import Matrix, Sparse, Value
from amber.programs.emit.view import View
from amber.tree.natives import xgboost as native

_LOGISTIC = frozenset(["binary:logistic", "reg:logistic"])
_LOGARITHMIC = frozenset(["count:poisson", "reg:gamma", "reg:tweedie", "survival:cox", "survival:aft"])
_LARGEST = np.float32(88.7)  # of an exponent in XGBoost's sigmoid


class Model:
    """One model and the float32 matrix that its booster sees: missing values are NaN."""

    def __init__(self, e: View, X: Value, c: Context) -> None:
        self.e, self.c, self.g = e, c, c.graph
        self.booster = native.read(e["_Booster"]["native"].tobytes())
        need(not self.booster.recoded, "XGBoost with the categories of a data frame")
        self.given, self.x = _single(e, X, c)
        self.linear = self.booster.kind == "gblinear"

    @functools.cached_property
    def count(self) -> int:
        """How many trees answer: early stopping leaves those after the best iteration out."""
        best = self.booster.attributes.get("best_iteration")
        rounds = self.booster.rounds
        last = len(rounds) - 1 if best is None else int(best) + 1
        return int(rounds[last])

    @functools.cached_property
    def base(self) -> Array:
        """The base score of each output on the scale of the sum, in float32 as XGBoost computes it."""
        b = self.booster
        score = np.asarray(b.base if len(b.base) == b.outputs else b.base * b.outputs, dtype=np.float32)
        one = np.float32(1)
        with np.errstate(all="ignore"):
            if b.objective in _LOGISTIC:
                return -np.log((one / score - one).astype(np.float64)).astype(np.float32)
            if b.objective in _LOGARITHMIC:
                return np.log(score.astype(np.float64)).astype(np.float32)
        return score

    def margin(self) -> Tensor:
        """Return the sums before the objective has its say, float32 [N, outputs]."""
        return self.products() if self.linear else self.sums()

    def products(self) -> Tensor:
        """Return what a linear booster answers: bias, then one product after another, missing values left out.

        Of several base scores XGBoost takes the first for all outputs here.
        """
        g, b = self.g, self.booster
        table = np.asarray(b.weights, dtype=np.float32).reshape(b.features + 1, b.outputs)
        x = g.where(g.op("IsNaN", self.x, dtype="bool"), g.const(0.0, "float32"), self.x)
        columns = []
        for k in range(b.outputs):
            terms = x * g.const(table[:-1, k], "float32")
            start = g.const(np.float32(table[-1, k] + self.base[0]), "float32")
            begun = g.concat([g.columns(x, [0]) * 0.0 + start, terms])
            columns.append(g.columns(g.op("CumSum", begun, g.const(np.int64(1))), [b.features]))
        return g.concat(columns)

    @functools.cached_property
    def forest(self) -> tuple[Nodes, Array, list[list[int]], Tensor, Array]:
        """The trees that answer: nodes, kinds of splits, sets of categories, the matrix, the values of leaves."""
        trees = self.booster.trees[: self.count]
        features, x = self._columns(trees)
        left, right, inner, threshold, missing, mode = [], [], [], [], [], []
        sets: list[list[int]] = []
        for tree in trees:
            one, two = np.array(tree.left), np.array(tree.right)
            own, kind = one >= 0, np.full(len(one), BELOW)
            default = np.asarray(tree.default_left).astype(np.int64)
            for node, members in tree.categories.items():
                if own[node]:  # those in the set go to the right
                    kind[node], default[node] = MEMBER, 1 - default[node]
                    one[node], two[node] = two[node], one[node]
                    sets.append(list(members))
            left.append(one)
            right.append(two)
            inner.append(own)
            threshold.append(np.where(kind == BELOW, np.asarray(tree.condition, dtype=np.float64), 0.0))
            missing.append(default)
            mode.append(kind)
        inside = np.concatenate(inner)
        nodes = flat(
            [len(each) for each in left], np.concatenate(left), np.concatenate(right), np.concatenate(features),
            np.concatenate(threshold), np.concatenate(missing), inside,
            np.concatenate([np.asarray(tree.cover, dtype=np.float64) for tree in trees]),
        )  # fmt: skip
        values = np.concatenate([np.asarray(tree.condition, dtype=np.float32) for tree in trees])[nodes.place]
        return nodes, np.concatenate(mode)[inside], sets, x, values

    def _columns(self, trees: list[native.Tree]) -> tuple[list[Array], Tensor]:
        """Return the column of each node, and a matrix in which features split by category stand once more, cut."""
        g = self.g
        features = [np.array(tree.feature, dtype=np.int64) for tree in trees]
        asked = {
            int(f[n]) for tree, f in zip(trees, features, strict=True) for n in tree.categories if tree.left[n] >= 0
        }
        if not asked:
            return features, self.x
        order = sorted(asked)
        place = {feature: self.booster.features + i for i, feature in enumerate(order)}
        for tree, feature in zip(trees, features, strict=True):
            for node in tree.categories:
                if tree.left[node] >= 0:
                    feature[node] = place[int(feature[node])]
        cut = g.columns(self.x, order)
        cut = g.where(cut < 0.0, g.const(-1.0, "float32"), g.op("Floor", cut))
        return features, g.concat([self.x, cut])

    def sums(self) -> Tensor:
        """Return base scores plus trees, in their order."""
        g, b, width = self.g, self.booster, self.booster.outputs
        if not self.count:
            return self._constant()
        nodes, modes, sets, x, values = self.forest
        targets = np.asarray(b.groups, dtype=np.int64)[nodes.tree]
        if b.kind == "dart":  # each tree is asked with the base score, which is taken off again before it is weighted
            alone = (self.base[targets] + values) - self.base[targets]
            values = alone * np.asarray(b.drops, dtype=np.float32)[nodes.tree]
        begun, first = np.unique(np.asarray(b.groups[: self.count]), return_index=True)
        need(len(begun) == width, "XGBoost with an output that no tree adds to")
        values = np.where(nodes.tree == first[targets], self.base[targets] + values, values)
        return grove(g, x, nodes, modes, sets, values, targets, width)

    def _constant(self) -> Tensor:
        g = self.g
        rows = g.op("Shape", self.x, dtype="int64", start=0, end=1)
        return g.op("Expand", g.const(self.base[None, :], "float32"), g.concat([rows, g.const([1])], axis=0))

    def output(self) -> Tensor:
        """Return what the booster answers after its objective, float32 [N, outputs]."""
        g, name, margin = self.g, self.booster.objective, self.margin()
        if name in _LOGISTIC:
            return 1.0 / (exponential(g.op("Min", -margin, g.const(_LARGEST, "float32"))) + 1.0)
        if name in _LOGARITHMIC:
            return exponential(margin)
        if name == "binary:hinge":
            return (margin > 0.0).cast("float32")
        if name == "multi:softprob":
            return _shares(margin)
        return margin

    def leaves(self) -> Tensor:
        """Return the leaf of each tree, float32 [N, trees], of one tree [N].

        Raises:
            Unsupported: It is asked within a model: XGBoost refuses infinity here and nowhere else.
        """
        need(not self.linear, "leaves of a linear booster")
        need(self.given.source is not None, "apply of XGBoost after another step")
        need(self.count > 0, "leaves of a booster without trees")
        self.c.require(self.given, "float32", ("predict", "predict_proba"))
        nodes, modes, sets, x, _ = self.forest
        found = grove(self.g, x, nodes, modes, sets, nodes.number, nodes.tree, nodes.trees)
        return self.g.squeeze(found) if nodes.trees == 1 else _vector_of_none(found)


def _single(e: View, X: Value, c: Context) -> tuple[Matrix, Tensor]:
    """Return the request as a matrix, and in float32 with NaN where XGBoost finds nothing.

    Raises:
        Unsupported: Whether zeros are there or missing cannot be told.
    """
    g = c.graph
    missing = float(np.nan if e["missing"] is None else e["missing"])
    need(not np.isinf(missing), "XGBoost with infinity for missing values")
    nothing = g.const(np.nan, "float32")
    given = c.matrix(X)
    if isinstance(X, Sparse) and X.data.name == "sparse.data":  # the request itself, whose zeros may be there
        shape = g.concat([X.rows, g.const([X.width])], axis=0)
        empty = g.op("ConstantOfShape", shape, dtype="float32", value=np.full(1, np.nan, np.float32))
        places = g.concat([g.expand(X.row), g.expand(X.column)], axis=1)
        x = g.op("ScatterND", empty, places, X.data.cast("float32"))
    elif is_sparse(e, c):
        x = g.where(given.tensor.equal(0.0), nothing, given.tensor.cast("float32"))
    else:
        x = given.tensor.cast("float32")
    return given, x if np.isnan(missing) else g.where(x.equal(missing), nothing, x)


def _none(value: Tensor) -> tuple[Tensor, Tensor]:
    """Return the shape of a matrix and whether it has no rows, bool [1]."""
    shape = value.graph.op("Shape", value, dtype="int64")
    return shape, value.graph.op("Slice", shape, np.array([0]), np.array([1])).equal(0)


def _two_of_none(value: Tensor) -> Tensor:
    """Return probabilities, of no rows those of two classes: so many XGBoost gives them."""
    g = value.graph
    shape, none = _none(value)
    width = g.where(none, g.const([2]), g.op("Slice", shape, np.array([1]), np.array([2])))
    return g.op("Slice", value, np.array([0]), width, np.array([1]))


def _vector_of_none(value: Tensor) -> Tensor:
    """Return a matrix, of no rows a vector: XGBoost loses the second axis there."""
    g = value.graph
    shape, none = _none(value)
    kept = g.op("Slice", shape, np.array([0]), g.where(none, g.const([1]), g.const([2])))
    return g.op("Reshape", value, kept, allowzero=1)


def _shares(margin: Tensor) -> Tensor:
    """Return the softmax as XGBoost adds it up: terms in float32, their sum in float64."""
    g = margin.graph
    terms = exponential(margin - g.max(margin, 1, keep=True))
    return terms / g.sum(terms.cast("float64"), 1, keep=True).cast("float32")


@emits("xgboost.XGBClassifier", "xgboost.XGBRFClassifier")
def classifier(e: View, X: Value, c: Context) -> Methods:
    """Labels are positions: XGBoost takes classes 0, 1, 2 ... only."""
    m, g, count = Model(e, X, c), c.graph, int(e["n_classes_"])
    b = m.booster
    if m.linear:
        c.require(m.given, "float32")
    found = functools.cache(m.output)

    def predict() -> Labels | Scores:
        if b.objective == "multi:softmax":
            return Labels(g.argmax(found()), (np.arange(b.outputs, dtype=np.int32),))
        if b.outputs > 1 and count != 2:
            return Labels(g.argmax(found()), (np.arange(b.outputs),))
        if b.outputs > 1:
            return scores((found() > 0.5).cast("float64"))
        return Labels((g.squeeze(found()) > 0.5).cast("int64"), (np.arange(2),))

    def proba() -> Scores:
        if b.objective == "multi:softmax":
            return scores(answered(_shares(found()), e, c))
        if b.outputs == 1:
            return scores(answered(g.concat([1.0 - found(), found()]), e, c))
        need(b.outputs == count or count == 2, "probabilities of several outputs with several classes")
        return scores(answered(_two_of_none(found()), e, c))

    return {"predict": predict, "predict_proba": proba, "apply": lambda: scores(answered(m.leaves(), e, c))}


@emits("xgboost.XGBRegressor", "xgboost.XGBRFRegressor", "xgboost.XGBRanker", "xgboost.XGBModel")
def regressor(e: View, X: Value, c: Context) -> Methods:
    """The number or numbers that the objective makes of the sums."""
    m = Model(e, X, c)
    if m.linear:
        c.require(m.given, "float32")

    def predict() -> Scores:
        need(m.booster.objective != "multi:softmax", "classes as numbers")
        out = m.output()
        return scores(answered(c.graph.squeeze(out) if m.booster.outputs == 1 else _vector_of_none(out), e, c))

    return {"predict": predict, "apply": lambda: scores(answered(m.leaves(), e, c))}
