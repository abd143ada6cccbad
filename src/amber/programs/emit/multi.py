"""Several targets or several classes made of estimators that know one: one-versus-rest, pairs, codes, chains."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from amber.programs.emit.decide import by_maximum, by_sign, indicators, one_label, with_logs
from amber.programs.emit.dummy import repeated
from amber.programs.emit.flow import Answer, Context, Labels, Methods, Scores, emits, scores
from amber.programs.emit.graph import Tensor, Unsupported
from amber.programs.emit.svm import ovr_scores
from amber.programs.emit.values import Matrix, Value
from amber.programs.emit.view import View

_M = "sklearn.multiclass."


def binary_score(estimator: Any, X: Value, c: Context) -> Tensor:
    """Return how much a binary estimator is for its second class, [N]: a decision, a probability, or a prediction."""
    known = c.methods(estimator, X)
    if "decision_function" in known:
        return c.score(estimator, "decision_function", X)
    if "predict_proba" in known:
        return c.graph.column(c.score(estimator, "predict_proba", X), 1)
    return c.score(estimator, "predict", X)


def cut(estimator: Any, X: Value, c: Context) -> float:
    """Return the score above which a binary estimator says its second class."""
    return 0.0 if "decision_function" in c.methods(estimator, X) else 0.5


def side_by_side(columns: Sequence[Tensor], c: Context) -> Tensor:
    """Return vectors [N] as the columns of a matrix."""
    return c.graph.concat([c.graph.expand(each) for each in columns])


@emits("sklearn:multiclass.ConstantPredictor")
def constant(e: View, X: Value, c: Context) -> Methods:
    """The one class its training rows had."""
    value = float(np.ravel(e["y_"])[0])
    one = functools.cache(lambda: repeated(value, X, c, flat=True))
    p = functools.cache(lambda: repeated(np.array([1.0 - value, value]), X, c))
    return {
        "predict": lambda: Labels(repeated(0, X, c, flat=True), (np.ravel(e["y_"]),)),
        "decision_function": lambda: scores(one()),
        "predict_proba": lambda: scores(p()),
    }


@emits(_M + "OneVsRestClassifier")
def one_versus_rest(e: View, X: Value, c: Context) -> Methods:
    """An estimator for each class, or one for the second of two."""
    g, inner, binarizer = c.graph, e["estimators_"], e["label_binarizer_"]
    kind, classes = binarizer["y_type_"], binarizer["classes_"]
    score = functools.cache(lambda: side_by_side([binary_score(each, X, c) for each in inner], c))

    def predict() -> Answer:
        if kind == "multiclass":
            return by_maximum(score(), classes)
        above = score() > cut(inner[0], X, c)
        if kind.startswith("multilabel"):
            return indicators(above, len(inner))
        return one_label(g.squeeze(above), classes)

    def decided() -> Answer:
        each = [c.score(one, "decision_function", X) for one in inner]
        return scores(each[0] if len(each) == 1 else side_by_side(each, c))

    def proba() -> Answer:
        Y = side_by_side([g.column(c.score(each, "predict_proba", X), 1) for each in inner], c)
        if len(inner) == 1:
            Y = g.concat([1.0 - Y, Y])
        if kind.startswith("multilabel"):
            return scores(Y)
        total = g.sum(Y, 1, keep=True)
        return scores(Y / g.where(total.equal(0.0), 1.0, total))

    known = [c.methods(each, X) for each in inner]
    found: Methods = {"predict": predict}
    found |= {
        name: thunk for name, thunk in (("decision_function", decided), ("predict_proba", proba))
        if all(name in each for each in known)
    }  # fmt: skip
    return found


@emits(_M + "OneVsOneClassifier")
def one_versus_one(e: View, X: Value, c: Context) -> Methods:
    """An estimator for each pair of classes; votes, and confidences between equal votes."""
    g, inner, classes = c.graph, e["estimators_"], e["classes_"]
    if e["pairwise_indices_"] is not None:
        raise Unsupported("pairs of a kernel computed before")

    def second(estimator: Any) -> Tensor:
        answer = c.ask(estimator, "predict", X)
        if not isinstance(answer, Labels):
            raise Unsupported("pairs of regressors")
        return g.op("Gather", g.const(np.asarray(answer.classes[0]).astype(np.int64)), answer.index, axis=0).equal(1)

    @functools.cache
    def decided() -> Tensor:
        against = side_by_side([second(each) for each in inner], c)
        confidence = side_by_side([binary_score(each, X, c) for each in inner], c)
        found = ovr_scores(against, confidence, len(classes))
        return g.column(found, 1) if len(classes) == 2 else found

    def predict() -> Answer:
        if len(classes) == 2:
            return by_sign(decided() - cut(inner[0], X, c), classes)
        return by_maximum(decided(), classes)

    return {"decision_function": lambda: scores(decided()), "predict": predict}


@emits(_M + "OutputCodeClassifier")
def output_code(e: View, X: Value, c: Context) -> Methods:
    """The class whose code is nearest to the scores."""
    g, inner, book = c.graph, e["estimators_"], np.asarray(e["code_book_"], dtype=np.float64)

    def predict() -> Answer:
        Y = side_by_side([binary_score(each, X, c) for each in inner], c)
        c.require(Matrix(Y, len(inner)))
        # as scikit-learn's search for the nearest: where the scores overflow all codes are equally far
        away = g.sum(Y * Y, 1, keep=True) + (Y @ book.T) * -2.0 + np.sum(book * book, axis=1)
        return by_maximum(-g.op("Max", away, g.const(0.0)), e["classes_"])

    return {"predict": predict}


@emits("sklearn.multioutput.MultiOutputRegressor")
def outputs(e: View, X: Value, c: Context) -> Methods:
    """A regressor for each target."""
    return {"predict": lambda: scores(side_by_side([c.score(each, "predict", X) for each in e["estimators_"]], c))}


@emits("sklearn.multioutput.MultiOutputClassifier")
def labels(e: View, X: Value, c: Context) -> Methods:
    """A classifier for each target."""
    inner = e["estimators_"]

    def predict() -> Answer:
        answers = [c.ask(each, "predict", X) for each in inner]
        found = [each for each in answers if isinstance(each, Labels) and len(each.classes) == 1]
        if len(found) < len(inner):
            raise Unsupported("a target that is no label")
        return Labels(side_by_side([each.index for each in found], c), tuple(each.classes[0] for each in found))

    methods: Methods = {"predict": predict}
    if all("predict_proba" in c.methods(each, X) for each in inner):
        methods["predict_proba"] = lambda: scores(*(c.score(each, "predict_proba", X) for each in inner), listed=True)
    return methods


def as_number(estimator: Any, method: str, X: Value, c: Context) -> Tensor:
    """Return one answer of an estimator of a chain as numbers [N]: of probabilities the second class's."""
    answer = c.ask(estimator, method, X)
    if isinstance(answer, Labels) and len(answer.classes) == 1:
        values = np.asarray(answer.classes[0])
        if values.dtype.kind not in "biuf":
            raise Unsupported("a chain of labels that are no numbers")
        return c.graph.op("Gather", c.graph.const(values.astype(np.float64)), answer.index, axis=0)
    if not isinstance(answer, Scores) or len(answer.tensors) != 1:
        raise Unsupported("a chain of estimators with several answers")
    if method not in ("predict_proba", "predict_log_proba"):
        return answer.tensors[0]
    if len(estimator.get("classes_", ())) != 2:
        raise Unsupported("a chain of classifiers of more than two classes")
    return c.graph.column(answer.tensors[0], 1)


@emits("sklearn.multioutput.ClassifierChain", "sklearn.multioutput.RegressorChain")
def chain(e: View, X: Value, c: Context) -> Methods:
    """Each estimator sees the answers of those before it as further columns."""
    x, g, inner = c.require(c.matrix(X)), c.graph, e["estimators_"]
    link = e.get("chain_method_", "predict")

    @functools.cache
    def seen() -> list[Matrix]:
        tables = [Matrix(x.tensor, x.width)]  # beside answers in float64 no row stays float32
        for place, each in enumerate(inner[:-1]):
            answer = g.expand(as_number(each, link, tables[-1], c))
            tables.append(Matrix(g.concat([tables[-1].tensor, answer]), x.width + place + 1))
        return tables

    def asked(method: str) -> Callable[[], Answer]:
        def answers() -> Answer:
            found = [as_number(each, method, table, c) for each, table in zip(inner, seen(), strict=True)]
            return scores(g.columns(side_by_side(found, c), np.argsort(np.asarray(e["order_"]))))

        return answers

    methods: Methods = {"predict": asked("predict")}
    if not e.type.endswith("ClassifierChain"):
        return methods
    known = c.methods(inner[0], x)
    methods |= {name: asked(name) for name in ("predict_proba", "decision_function") if name in known}
    return with_logs(methods, c) if "predict_proba" in methods else methods
