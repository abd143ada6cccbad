"""Histogram gradient boosting: trees on float64 with missing values, and splits by category.

A split by category asks whether the code of the value is in a set. The sets of a column become columns of their own,
looked up by that code - 0 where it goes to the left, 1 where not, missing where the code is - so that every split of
the ensemble is a comparison. Any number of categories costs one look-up.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from amber.programs.emit.boosting import based, two
from amber.programs.emit.compose import selected
from amber.programs.emit.flow import Context, Labels, Methods, emits, scores
from amber.programs.emit.graph import Tensor
from amber.programs.emit.nodes import Array, Nodes, flat
from amber.programs.emit.trees import ensemble, need
from amber.programs.emit.values import Value
from amber.programs.emit.view import View

LOG_LINK = ("poisson", "gamma")


@emits("sklearn.ensemble.HistGradientBoostingClassifier")
def histogram_classifier(e: View, X: Value, c: Context) -> Methods:
    """Sums of trees, one for two classes, else one for each class; a tie is the first class."""
    g, classes = c.graph, e["classes_"]
    raw = functools.cache(lambda: summed(e, X, c))
    several = e["n_trees_per_iteration_"] > 1

    def decision() -> Tensor:
        return raw() if several else g.squeeze(raw())

    def predict() -> Labels:
        index = g.argmax(raw()) if several else (decision() > 0.0).cast("int64")
        return Labels(index, (classes,))

    return {
        "predict": predict,
        "decision_function": lambda: scores(decision()),
        "predict_proba": lambda: scores(g.softmax(raw()) if several else two(c, g.sigmoid(decision()))),
    }


@emits("sklearn.ensemble.HistGradientBoostingRegressor")
def histogram_regressor(e: View, X: Value, c: Context) -> Methods:
    """The sum of the trees, through the exponential where the loss has a logarithm as its link."""

    def predict() -> Any:
        found = c.graph.squeeze(summed(e, X, c))
        return scores(c.graph.op("Exp", found) if e["loss"] in LOG_LINK else found)

    return {"predict": predict}


def summed(e: View, X: Value, c: Context) -> Tensor:
    """Return the baseline and what the trees add to it, [N, trees of a round], each place an ensemble of its own."""
    splits = Splits(e, [each for around in e["_predictors"] for each in around])
    x = splits.widened(preprocessed(e, X, c), c)
    baseline = np.asarray(e["_baseline_prediction"], dtype=np.float64).ravel()
    sums = []
    for place, start in enumerate(baseline):
        predictors = [around[place] for around in e["_predictors"]]
        nodes = splits.nodes(predictors)
        values = np.concatenate([each["nodes"]["value"] for each in predictors])[nodes.place]
        sums.append(ensemble(c.graph, x, nodes, based(values, nodes, float(start))))
    return c.graph.concat(sums)


def preprocessed(e: View, X: Value, c: Context) -> Tensor:
    """Return the table the trees see: categories first, as codes, then numbers."""
    before = e.get("_preprocessor")
    if before is None:
        return c.matrix(X).tensor
    parts = []
    for name, step, _ in (entry[:3] for entry in before["transformers_"]):
        indices = list(before["_transformer_to_input_indices"][name])
        if step == "drop" or not indices:
            continue
        chosen = selected(X, indices, c)
        # the numeric step checks only that they are numbers
        parts.append(c.matrix(c.transform(step, chosen) if name == "encoder" else chosen).tensor)
    return c.graph.concat(parts)


class Splits:
    """The splits by category of all trees: each distinct set of each column is a column more."""

    def __init__(self, e: View, predictors: Sequence[View]) -> None:
        flags = e.get("_is_categorical_remapped")
        mapper = e["_bin_mapper"]
        self.width = int(e["_n_features"])
        self.counts = [len(each) for each in mapper["bin_thresholds_"]]
        self.sets: dict[int, dict[bytes, int]] = {}  # by column of the table: bits, and their place among its sets
        for each in predictors:
            nodes, bits = each["nodes"], each["raw_left_cat_bitsets"]
            for node in nodes[_by_category(nodes)]:
                known = self.sets.setdefault(int(node["feature_idx"]), {})
                known.setdefault(bits[node["bitset_idx"]].tobytes(), len(known))
        need(not self.sets or flags is not None, "categories that no preprocessor has numbered")
        self.starts: dict[int, int] = {}
        place = self.width
        for column in sorted(self.sets):
            self.starts[column] = place
            place += len(self.sets[column])

    def widened(self, x: Tensor, c: Context) -> Tensor:
        """Return the table with a column for each set: 0 if the category is in it, 1 if not, missing if it is."""
        g, parts = c.graph, [x]
        for column in sorted(self.sets):
            count = self.counts[column]
            bits = np.stack([np.frombuffer(each, dtype=np.uint8) for each in self.sets[column]])
            inside = np.unpackbits(bits, axis=1, bitorder="little")[:, :count]
            table = np.vstack([1.0 - inside.T, np.full(len(bits), np.nan)])
            value = g.column(x, column)
            code = g.where(g.op("IsNaN", value, dtype="bool"), float(count), value).cast("int64")
            parts.append(g.op("Gather", g.const(table), code, dtype=g.precision, axis=0))
        return g.concat(parts)

    def nodes(self, predictors: Sequence[View]) -> Nodes:
        """Return trees as flat arrays, every split a comparison."""
        records = [each["nodes"] for each in predictors]
        feature = np.concatenate([record["feature_idx"] for record in records]).astype(np.int64)
        threshold = np.concatenate([record["num_threshold"] for record in records])
        at = 0
        for each, record in zip(predictors, records, strict=True):
            bits = each["raw_left_cat_bitsets"]
            for number in np.flatnonzero(_by_category(record)):
                column = int(record["feature_idx"][number])
                place = self.sets[column][bits[record["bitset_idx"][number]].tobytes()]
                feature[at + number], threshold[at + number] = self.starts[column] + place, 0.5
            at += len(record)
        left, right, missing, leaf = (
            np.concatenate([record[name] for record in records])
            for name in ("left", "right", "missing_go_to_left", "is_leaf")
        )
        sizes = [len(record) for record in records]
        return flat(sizes, left.astype(np.int64), right.astype(np.int64), feature, threshold, missing, leaf == 0)


def _by_category(nodes: Array) -> Array:
    found: Array = (nodes["is_categorical"] != 0) & (nodes["is_leaf"] == 0)
    return found
