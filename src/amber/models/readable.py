"""A model as a person writes it: the equation of a linear one, the rules of a small tree. For the model card.

Read from the tree alone, no library of the model is touched. Scalers before the model are folded into the numbers, so
that the equation and the rules speak of the columns as the caller has them. Six significant digits: this is to be
looked at, the program is to be run.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from amber.adapters.build import leaf
from amber.errors import shown
from amber.programs.emit.decide import dense
from amber.programs.emit.graph import Unsupported
from amber.programs.emit.view import Model, View
from amber.tree.nodes import Tree

TERMS = 20  # of one equation
EQUATIONS = 20
LEAVES = 63
_ONE_LINE = 100  # characters
_LARGEST = 1_000_000  # coefficients: what is larger is not to be read
_PLAIN_NAME = re.compile(r"[^\W\d][\w.]{0,63}")
_L = "sklearn.linear_model."
_REGRESSORS = frozenset(
    _L + name
    for name in (
        "ARDRegression", "BayesianRidge", "ElasticNet", "ElasticNetCV", "HuberRegressor", "Lars", "LarsCV", "Lasso",
        "LassoCV", "LassoLars", "LassoLarsCV", "LassoLarsIC", "LinearRegression", "MultiTaskElasticNet",
        "MultiTaskElasticNetCV", "MultiTaskLasso", "MultiTaskLassoCV", "OrthogonalMatchingPursuit",
        "OrthogonalMatchingPursuitCV", "PassiveAggressiveRegressor", "QuantileRegressor", "Ridge", "RidgeCV",
        "SGDRegressor", "TheilSenRegressor",
    )
) | {"sklearn.svm.LinearSVR"}  # fmt: skip
_GENERALISED = frozenset(_L + name for name in ("PoissonRegressor", "GammaRegressor", "TweedieRegressor"))
_LOGISTIC = frozenset(_L + name for name in ("LogisticRegression", "LogisticRegressionCV"))
_CLASSIFIERS = frozenset(
    _L + name
    for name in ("PassiveAggressiveClassifier", "Perceptron", "RidgeClassifier", "RidgeClassifierCV", "SGDClassifier")
) | {"sklearn.svm.LinearSVC", "sklearn.discriminant_analysis.LinearDiscriminantAnalysis"}
_TREES = frozenset(
    f"sklearn.tree.{kind}Tree{task}" for kind in ("Decision", "Extra") for task in ("Classifier", "Regressor")
)


class _Beyond(Exception):  # noqa: N818 - a signal inside this module
    """The model has no form for a person."""


@dataclass(frozen=True)
class _Columns:
    """The columns a model reads: their names, and that its value of each is `factor * x + shift` of the caller's x."""

    names: list[str]
    factor: Any
    shift: Any


def readable(tree: Tree, names: Sequence[str] | None = None) -> str | None:
    """Return the equation or the rules of a model as plain text, or None where it has no form for a person.

    Linear models, and trees of at most 63 leaves; alone, behind scalers in a pipeline, or found by a search. No line
    begins with a text of the model.

    Args:
        tree: The audited tree.
        names: Of the columns, for a model that does not know them; `x0`, `x1` ... without.
    """
    try:
        return _model(Model(tree, leaf).root(), names)
    except (_Beyond, Unsupported):
        return None
    except (KeyError, ValueError, TypeError, IndexError, AttributeError):  # attributes that are not what a fit leaves
        return None


def _model(e: Any, names: Sequence[str] | None) -> str:
    steps = []
    while isinstance(e, View) and e.type not in _TREES and "coef_" not in e:
        names = _known(e, names)
        if e.type == "sklearn.pipeline.Pipeline":
            own = [step[1] for step in e["steps"]]
            steps += [step for step in own[:-1] if step is not None and step != "passthrough"]
            e = own[-1]
        elif "best_estimator_" in e:
            e = e["best_estimator_"]
        elif e.type == _L + "RANSACRegressor":
            e = e["estimator_"]
        else:
            raise _Beyond
    if not isinstance(e, View):
        raise _Beyond
    for each in (*steps, e):
        names = _known(each, names)
    columns = _scaled(steps, int(e["n_features_in_"]), names)
    return _rules(e, columns) if e.type in _TREES else _equations(e, columns)


def _known(e: Any, names: Sequence[str] | None) -> Sequence[str] | None:
    """Return the names the first step was fitted with, else those known before."""
    own = e.get("feature_names_in_") if isinstance(e, View) else None
    return names if own is None or names is not None else [str(name) for name in own]


def _scaled(steps: Sequence[Any], width: int, names: Sequence[str] | None) -> _Columns:
    """Fold scalers into one factor and shift for each column.

    Raises:
        _Beyond: A step is none of them.
    """
    if width > _LARGEST:
        raise _Beyond
    factor, shift = np.ones(width), np.zeros(width)
    for step in steps:
        if not isinstance(step, View) or step.type not in _SCALERS:
            raise _Beyond
        times, plus = (np.broadcast_to(np.asarray(each, np.float64), (width,)) for each in _SCALERS[step.type](step))
        factor, shift = factor * times, shift * times + plus
    if names is None or len(names) != width:
        names = [f"x{column}" for column in range(width)]
    return _Columns([_name(name) for name in names], factor, shift)


def _or(value: Any, default: float) -> Any:
    return default if value is None else np.asarray(value, np.float64)


def _standard(e: View) -> tuple[Any, Any]:
    scale = _or(e.get("scale_"), 1.0)
    return 1.0 / scale, -_or(e.get("mean_") if e.get("with_mean", True) else None, 0.0) / scale


def _min_max(e: View) -> tuple[Any, Any]:
    if e.get("clip"):
        raise _Beyond
    return e["scale_"], e["min_"]


def _max_abs(e: View) -> tuple[Any, Any]:
    if e.get("clip"):
        raise _Beyond
    return 1.0 / e["scale_"], 0.0


def _robust(e: View) -> tuple[Any, Any]:
    scale = _or(e.get("scale_"), 1.0)
    return 1.0 / scale, -_or(e.get("center_"), 0.0) / scale


_SCALERS: dict[str, Callable[[View], tuple[Any, Any]]] = {
    "sklearn.preprocessing.StandardScaler": _standard,
    "sklearn.preprocessing.MinMaxScaler": _min_max,
    "sklearn.preprocessing.MaxAbsScaler": _max_abs,
    "sklearn.preprocessing.RobustScaler": _robust,
}


def _name(text: str) -> str:
    """Return a name so that it cannot be taken for a part of the equation."""
    safe = shown(text, 60)
    return safe if _PLAIN_NAME.fullmatch(safe) else "'" + safe.replace("'", "\\'") + "'"


def _class(value: Any) -> str:
    value = value.item() if isinstance(value, np.generic) else value
    return "'" + shown(value, 60).replace("'", "\\'") + "'" if isinstance(value, str) else shown(value, 60)


def _number(value: float) -> str:
    if not np.isfinite(value):
        raise _Beyond
    return f"{value:.6g}"


# -- linear models -------------------------------------------------------------------------------------------------


def _equations(e: View, columns: _Columns) -> str:
    coef = np.atleast_2d(dense(e["coef_"]).astype(np.float64))
    if coef.size > _LARGEST or coef.shape[1] != len(columns.names):
        raise _Beyond
    intercept = np.broadcast_to(np.asarray(e["intercept_"], np.float64), (len(coef),))
    heads, double, tail = _heads(e, len(coef))
    lines = [
        _equation(head, coef[row] * double, float(intercept[row]) * double, columns)
        for row, head in enumerate(heads[:EQUATIONS])
    ]
    lines += [f"and {len(heads) - EQUATIONS} more equations"] if len(heads) > EQUATIONS else []
    return "\n".join([*lines, *([tail] if tail else [])])


def _heads(e: View, rows: int) -> tuple[list[str], float, str]:
    """Return the left side of each equation, what the score is multiplied with, and how the answer follows from it."""
    if e.type in _REGRESSORS:
        return (["y"] if rows == 1 else [f"y[{row}]" for row in range(rows)]), 1.0, ""
    if e.type in _GENERALISED:
        link = e.get("link", "log")
        if link == "auto":
            link = "identity" if e["power"] <= 0 else "log"
        return ["y" if link == "identity" else "log(y)"], 1.0, ""
    if e.type not in _LOGISTIC and e.type not in _CLASSIFIERS:
        raise _Beyond
    known = list(e["classes_"] if "classes_" in e else e["_label_binarizer"]["classes_"])
    if rows == 1 and len(known) == 2:
        no, yes = map(_class, known)
        odds, double = _log_odds(e)
        return [f"{'log-odds' if odds else 'score'} of {yes}"], double, f"above 0 the answer is {yes}, else {no}"
    if rows != len(known):
        raise _Beyond  # several labels at once
    return [f"score of {_class(each)}" for each in known], 1.0, "the class with the largest score is the answer"


def _log_odds(e: View) -> tuple[bool, float]:
    """Whether the score of two classes is their log-odds, and times what: a softmax of (-s, s) has twice the score."""
    if e.type in _LOGISTIC:
        return True, 2.0 if e.get("multi_class", "auto") == "multinomial" else 1.0
    return e.name == "LinearDiscriminantAnalysis" or (e.name == "SGDClassifier" and e["loss"] == "log_loss"), 1.0


def _equation(head: str, coef: Any, intercept: float, columns: _Columns) -> str:
    """Return one equation; of many terms those that matter most, by the coefficient of the scaled column."""
    constant = intercept + float(np.dot(coef, columns.shift))
    raw = coef * columns.factor
    order = [int(i) for i in np.argsort(-np.abs(coef), kind="stable") if coef[i] != 0]
    chosen = sorted(order[:TERMS]) if len(order) <= TERMS else order[:TERMS]
    terms = [f"{'-' if raw[i] < 0 else '+'} {_number(abs(raw[i]))} * {columns.names[i]}" for i in chosen]
    more = [f"... and {len(order) - TERMS} more terms, of smaller coefficients"] if len(order) > TERMS else []
    parts = [f"{head} = {_number(constant)}", *terms, *more]
    line = " ".join(parts)
    return line if len(line) <= _ONE_LINE and not more else "\n    ".join(parts)


# -- trees ---------------------------------------------------------------------------------------------------------


def _rules(e: View, columns: _Columns) -> str:
    """Return the rules of a tree, indented."""
    tree = e["tree_"]
    nodes, values = tree["nodes"], np.asarray(tree["values"], np.float64)
    if len(nodes) > 2 * LEAVES - 1 or values.shape[1] != 1:
        raise _Beyond
    known = list(e["classes_"]) if e.name.endswith("Classifier") else None
    lines: list[str] = []
    todo: list[tuple[str, str, int]] = [("", "", 0)]  # indent, what comes before, node
    seen = 0
    while todo:
        indent, said, index = todo.pop()
        if said:
            lines.append(f"{indent[:-2]}{said}")
        if index < 0:
            raise _Beyond
        seen += 1
        node = nodes[index]
        if seen > len(nodes):
            raise _Beyond  # no tree
        if node["left_child"] < 0:
            lines.append(f"{indent}{_answer(values[index, 0], known)}")
            continue
        condition = _condition(node, columns)
        todo.append((indent + "  ", "else:", int(node["right_child"])))
        todo.append((indent + "  ", f"if {condition}:", int(node["left_child"])))
    return "\n".join(lines)


def _condition(node: Any, columns: _Columns) -> str:
    """Return what leads to the left, said of the caller's column; a split at infinity is one on missing values."""
    column, threshold = int(node["feature"]), float(node["threshold"])
    if column < 0:
        raise _Beyond
    name = columns.names[column]
    if np.isinf(threshold):
        return f"{name} is {'not ' if threshold > 0 else ''}missing"
    factor, shift = float(columns.factor[column]), float(columns.shift[column])
    return f"{name} {'<=' if factor > 0 else '>='} {_number((threshold - shift) / factor)}"


def _answer(values: Any, known: Sequence[Any] | None) -> str:
    if known is None:
        return f"y = {_number(float(values[0]))}"
    values = values[: len(known)]
    best = int(values.argmax())
    return f"answer {_class(known[best])}, share {_number(float(values[best] / values.sum()))}"
