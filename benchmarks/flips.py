"""Labels that flip: Amber's program and skl2onnx used directly, beside the original, on rows where models break.

Rows: clean, with missing values, at the split thresholds and one ulp to each side, of large magnitude (timestamps, ids
above 2^24), with unseen categories. A row that the original refuses and the other answers, or the other way round, is a
*miss*. Rows that rounding alone decides stand apart: |margin| of the original below 1e-9 of its scale.
"""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from typing import Any

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import numpy as np

KINDS = ("clean", "missing", "threshold", "large", "unseen")


@dataclass
class Flips:
    """What one program showed on rows of one kind."""

    rows: int = 0
    flips: int = 0
    knife_edge: int = 0
    misses: int = 0
    largest: float = 0.0
    error: str = ""

    def text(self) -> str:
        """One cell of the table."""
        if self.error:
            return self.error
        if not self.rows and not self.misses:
            return "-"
        parts = [f"{self.flips} of {self.rows}"]
        parts += [f"{self.knife_edge} on a knife edge"] if self.knife_edge else []
        parts += [f"{self.misses} missed"] if self.misses else []
        return ", ".join([*parts, f"{self.largest:.1e}"])


def tables(model: Any, sample: Any, quick: bool) -> dict[str, Any]:
    """Return the rows of each kind, as the original takes them."""
    count = 100 if quick else 500
    if isinstance(sample, list):
        texts = sample[:count]
        return {"clean": texts, "unseen": [f"{text} neverseen café ß" for text in texts[:100]] + ["", "  "]}
    frame = hasattr(sample, "iloc")
    numbers = [c for c in sample if sample[c].dtype.kind == "f"] if frame else list(range(sample.shape[1]))
    clean = sample[:count].copy()
    missing, large = clean.copy(), clean.copy()
    for row in range(count):
        _put(missing, row, numbers[row % len(numbers)], np.nan)
        _put(large, row, numbers[0], 1.7e9 + 86_400.0 * row)
        _put(large, row, numbers[1], 16_777_217.0 + row)
    found = {"clean": clean, "missing": missing, "large": large}
    cuts = thresholds(model)[: count // 3]
    if cuts and not frame:
        found["threshold"] = at_thresholds(clean, cuts)
    words = [c for c in sample if c not in numbers] if frame else []
    if words:
        unseen = clean.copy()
        for name in words:
            unseen[name] = unseen[name].astype(object)
        for row in range(count):
            _put(unseen, row, words[row % len(words)], "neverseen")
        found["unseen"] = unseen
    return found


def _put(table: Any, row: int, column: Any, value: Any) -> None:
    if hasattr(table, "iloc"):
        table.iloc[row, table.columns.get_loc(column)] = value
    else:
        table[row, column] = value


def thresholds(model: Any) -> list[tuple[int, float]]:
    """Return splits (column, threshold) of the trees of a model, from many trees."""
    found: list[tuple[int, float]] = []
    for tree in getattr(model, "estimators_", []):
        inner = np.flatnonzero(tree.tree_.feature >= 0)[:4]
        found += [(int(tree.tree_.feature[i]), float(tree.tree_.threshold[i])) for i in inner]
    for stage in getattr(model, "_predictors", []):
        for tree in stage:
            inner = tree.nodes[tree.nodes["is_leaf"] == 0][:4]
            found += [(int(node["feature_idx"]), float(node["num_threshold"])) for node in inner]
    name = type(model).__module__.partition(".")[0]
    if name == "xgboost":
        frame = model.get_booster().trees_to_dataframe()
        inner = frame[frame.Feature != "Leaf"].groupby("Tree").head(4)
        found += [(int(str(f).removeprefix("f")), float(s)) for f, s in zip(inner.Feature, inner.Split, strict=True)]
    if name == "lightgbm":
        frame = model.booster_.trees_to_dataframe()
        inner = frame[frame.split_feature.notna()].groupby("tree_index").head(4)
        columns = [int(each.rpartition("_")[2]) for each in inner.split_feature]
        found += list(zip(columns, map(float, inner.threshold), strict=True))
    step = max(1, len(found) // 400)
    return found[::step]


def at_thresholds(clean: Any, cuts: list[tuple[int, float]]) -> Any:
    """Return rows with one value at a threshold, and one ulp of double and of float32 to each side."""
    rows = []
    for number, (column, cut) in enumerate(cuts):
        single = np.float32(cut)
        for value in (
            cut, np.nextafter(cut, np.inf), np.nextafter(cut, -np.inf), float(single),
            float(np.nextafter(single, np.float32(np.inf))), float(np.nextafter(single, np.float32(-np.inf))),
        ):  # fmt: skip
            row = clean[number % len(clean)].copy()
            row[column] = value
            rows.append(row)
    return np.array(rows)


def compared(model: Any, ask: Any, rows: Any) -> Flips:
    """Compare the answers of another form of a model; `ask(rows)` gives (labels, scores) or raises."""
    found = Flips()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            labels, scores = answers(model, rows)
        except Exception:
            try:
                ask(rows)
            except Exception:
                return found
            found.misses = len(rows)
            return found
        try:
            got_labels, got_scores = ask(rows)
        except Exception as error:
            found.misses, found.error = len(rows), f"fails: {type(error).__name__}"
            return found
    found.rows = len(labels)
    classifier = scores is not labels
    theirs = np.asarray(got_scores, float)
    if theirs.size == np.size(scores):  # a converter may answer scores of another kind
        found.largest = float(
            np.nanmax(np.abs(np.asarray(scores, float) - theirs.reshape(np.shape(scores))), initial=0.0)
        )
    if classifier:
        edge = margin(np.asarray(scores, float)) < 1e-9
        flipped = np.asarray(labels) != np.asarray(got_labels)
        found.flips, found.knife_edge = int((flipped & ~edge).sum()), int((flipped & edge).sum())
    return found


def margin(scores: Any) -> Any:
    """How far the two best classes are apart; of one score, how far it is from zero."""
    if scores.ndim == 1:
        return np.abs(scores)
    best = np.sort(scores, axis=1)
    return best[:, -1] - best[:, -2]


def answers(model: Any, rows: Any) -> tuple[Any, Any]:
    """Return (labels, scores) of the original; of a regressor its values twice."""
    labels = model.predict(rows)
    for method in ("predict_proba", "decision_function"):
        if hasattr(model, method):
            return labels, getattr(model, method)(rows)
    return labels, labels


class Converted:
    """A model as skl2onnx (or onnxmltools) converts it, used as its documentation shows."""

    def __init__(self, model: Any, sample: Any, precision: str) -> None:
        import onnxruntime as ort

        self.float: Any = np.float32 if precision == "float32" else np.float64
        self.proto = self._converted(model, sample, precision)
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        data = self.proto.SerializeToString()
        self.session = ort.InferenceSession(data, options, providers=["CPUExecutionProvider"])

    def _converted(self, model: Any, sample: Any, precision: str) -> Any:
        module = type(model).__module__.partition(".")[0]
        if module in ("xgboost", "lightgbm"):
            from onnxmltools import convert
            from onnxmltools.convert.common.data_types import FloatTensorType

            tool = getattr(convert, f"convert_{module}")
            kind = [("X", FloatTensorType([None, sample.shape[1]]))]
            self.float = np.float32
            return tool(model, initial_types=kind, **({"zipmap": False} if module == "lightgbm" else {}))
        from skl2onnx import convert_sklearn
        from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType, StringTensorType

        number = FloatTensorType if precision == "float32" else DoubleTensorType
        if hasattr(sample, "iloc"):
            kinds = [(c, (number if sample[c].dtype.kind == "f" else StringTensorType)([None, 1])) for c in sample]
        elif isinstance(sample, list):
            kinds = [("X", StringTensorType([None, 1]))]
        else:
            kinds = [("X", number([None, sample.shape[1]]))]
        options = {id(model): {"zipmap": False}} if hasattr(model, "predict_proba") else None
        return convert_sklearn(model, initial_types=kinds, options=options, target_opset={"": 18, "ai.onnx.ml": 3})

    def __call__(self, rows: Any) -> tuple[Any, Any]:
        """Return (labels, scores)."""
        if hasattr(rows, "iloc"):
            feeds = {
                c: rows[c].to_numpy(dtype=self.float if rows[c].dtype.kind == "f" else object).reshape(-1, 1)
                for c in rows
            }
        elif isinstance(rows, list):
            feeds = {"X": np.array(rows, dtype=object).reshape(-1, 1)}
        else:
            feeds = {"X": rows.astype(self.float)}
        outs = self.session.run(None, feeds)
        if len(outs) > 1 and isinstance(outs[1], list):  # one dict a row, of classes and scores
            outs[1] = np.array([[row[key] for key in sorted(row)] for row in outs[1]])
        return (outs[0].ravel(), outs[1]) if len(outs) > 1 else (outs[0].ravel(), outs[0].ravel())
