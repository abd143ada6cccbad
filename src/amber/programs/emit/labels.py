"""Encoders of labels: LabelEncoder, LabelBinarizer. Their rows are labels, one each."""

from __future__ import annotations

import numpy as np

from amber.programs.emit.encode import places
from amber.programs.emit.flow import Answer, Context, Labels, Methods, Scores, emits, inverts, scores
from amber.programs.emit.graph import Unsupported
from amber.programs.emit.values import Matrix, Value
from amber.programs.emit.view import View

_P = "sklearn.preprocessing."


@emits(_P + "LabelEncoder")
def label_encoder(e: View, X: Value, c: Context) -> Methods:
    """The position of each label; an unknown one is refused."""

    def transform() -> Answer:
        given, kind = X, np.asarray(e["classes_"]).dtype.kind
        if kind in "biu":  # the original casts its rows to the dtype of the classes
            whole = c.require(c.matrix(X)).tensor
            cast = ~whole.equal(0.0) if kind == "b" else whole.cast("int64")
            given = Matrix(cast.cast(c.graph.precision), 1)
        return scores(places(given, [e["classes_"]], c, refuse=True)[0] - 1)

    return {"transform": transform}


@inverts(_P + "LabelEncoder")
def label_encoder_inverse(e: View, X: Matrix, c: Context) -> Value | Labels | Scores:
    """The label at a position."""
    g, values, given = c.graph, np.asarray(e["classes_"]), c.graph.column(X.tensor, 0)
    outside = ~((given >= 0.0) & (given < float(len(values))) & given.equal(g.op("Floor", given)))
    c.refuse(outside, wide=False)
    return Labels(g.where(outside, 0.0, given).cast("int64"), (values,))


@emits(_P + "LabelBinarizer")
def label_binarizer(e: View, X: Value, c: Context) -> Methods:
    """One column for each class, or one for two classes; an unknown label has none."""

    def transform() -> Answer:
        g, classes = c.graph, np.asarray(e["classes_"])
        if e["y_type_"] not in ("binary", "multiclass") or len(classes) < 2:
            raise Unsupported(f"LabelBinarizer of {len(classes)} classes, {e['y_type_']}")
        if classes.dtype.kind in "biuf":  # fractions are no labels
            whole = c.require(c.matrix(X))
            c.refuse(~whole.tensor.equal(g.op("Floor", whole.tensor)))
        place = places(X, [classes], c, refuse=False)[0]
        table = np.full((len(classes) + 1, len(classes)), float(e["neg_label"]))
        table[np.arange(1, len(classes) + 1), np.arange(len(classes))] = float(e["pos_label"])
        table = table[:, -1:] if len(classes) == 2 else table
        return Matrix(g.op("Gather", g.const(table), place, dtype=g.precision, axis=0), table.shape[1])

    return {"transform": transform}


@inverts(_P + "LabelBinarizer")
def label_binarizer_inverse(e: View, X: Matrix, c: Context) -> Value | Labels | Scores:
    """The class of the largest number; of two classes the one on its side of the middle."""
    classes = np.asarray(e["classes_"])
    if e["y_type_"] == "multiclass":
        return Labels(c.graph.argmax(X.tensor), (classes,))
    middle = (e["pos_label"] + e["neg_label"]) / 2.0
    return Labels((c.graph.column(X.tensor, X.width - 1) > middle).cast("int64"), (classes,))
