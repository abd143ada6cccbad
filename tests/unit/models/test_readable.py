"""The equation and the rules say what the model does: evaluated as they stand they give its answers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("onnx")

from sklearn.dummy import DummyRegressor
from sklearn.linear_model import (
    Lasso,
    LinearRegression,
    LogisticRegression,
    PoissonRegressor,
    Ridge,
    RidgeClassifier,
    SGDClassifier,
)
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    MaxAbsScaler,
    MinMaxScaler,
    PolynomialFeatures,
    RobustScaler,
    StandardScaler,
)
from sklearn.svm import LinearSVR
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier

import amber
from amber.archive.assemble import read_tree
from amber.models.readable import EQUATIONS, TERMS, readable
from amber.policy import Policy
from amber.vault.check import open_checked

RNG = np.random.default_rng(3)
FRAME = pd.DataFrame(RNG.normal(50, 20, size=(150, 3)), columns=["age", "income", "c"])
Y = FRAME["age"] * 2 - FRAME["c"] + RNG.normal(size=150)
TWO = np.where(Y > 50, "yes", "no")
THREE = np.digitize(Y, [30, 70])


@pytest.fixture
def said(tmp_path: Path) -> Any:
    def of(model: Any, X: Any, y: Any, names: Any = None) -> str | None:
        amber.save(model.fit(X, y), tmp_path / "m.amber", sample=X)
        with open_checked(tmp_path / "m.amber", Policy(), False) as checked:
            return readable(read_tree(checked.opened.members, Policy().limits), names)

    return of


def evaluated(line: str, X: pd.DataFrame) -> Any:
    """Compute the right side of an equation."""
    return eval(line.partition(" = ")[2], {name: X[name].to_numpy() for name in X.columns})


@pytest.mark.parametrize(
    "model",
    [
        LinearRegression(),
        Lasso(),
        LinearSVR(random_state=0),
        make_pipeline(StandardScaler(), Ridge()),
        make_pipeline(StandardScaler(with_mean=False), "passthrough", Ridge()),
        make_pipeline(MinMaxScaler(), LinearRegression()),
        make_pipeline(MaxAbsScaler(), StandardScaler(), LinearRegression()),
        make_pipeline(RobustScaler(), LinearRegression()),
        GridSearchCV(make_pipeline(StandardScaler(), Ridge()), {"ridge__alpha": [0.1, 1.0]}, cv=2),
    ],
    ids=str,
)
def test_a_regressor_is_its_equation(model: Any, said: Any) -> None:
    text = said(model, FRAME, Y)
    assert text.startswith("y = ")
    np.testing.assert_allclose(evaluated(text, FRAME), model.predict(FRAME), rtol=1e-4, atol=1e-3)


def test_a_link_is_named(said: Any) -> None:
    model = PoissonRegressor()
    text = said(make_pipeline(StandardScaler(), model), FRAME, np.abs(Y))
    assert text.startswith("log(y) = ")


def test_two_classes_are_log_odds_of_the_second(said: Any) -> None:
    model = make_pipeline(StandardScaler(), LogisticRegression())
    text = said(model, FRAME, TWO)
    first, last = text.split("\n")
    assert first.startswith("log-odds of 'yes' = ")
    assert last == "above 0 the answer is 'yes', else 'no'"
    p = model.predict_proba(FRAME)[:, 1]
    np.testing.assert_allclose(evaluated(first, FRAME), np.log(p / (1 - p)), rtol=1e-3, atol=1e-3)


def test_several_classes_have_a_line_each(said: Any) -> None:
    model = LogisticRegression(max_iter=2000)
    lines = said(model, FRAME, THREE).split("\n")
    assert [line.partition(" = ")[0] for line in lines[:3]] == [f"score of {k}" for k in range(3)]
    scores = np.stack([evaluated(line, FRAME) for line in lines[:3]], axis=1)
    np.testing.assert_array_equal(scores.argmax(axis=1), model.predict(FRAME))


@pytest.mark.parametrize("model", [RidgeClassifier(), SGDClassifier(random_state=0)], ids=str)
def test_a_classifier_without_probabilities_has_a_score(model: Any, said: Any) -> None:
    text = said(make_pipeline(StandardScaler(), model), FRAME, TWO)
    assert text.startswith("score of 'yes' = ")


def test_several_outputs_are_numbered(said: Any) -> None:
    lines = said(LinearRegression(), FRAME, np.c_[Y, -Y]).split("\n")
    assert [line.partition(" = ")[0] for line in lines] == ["y[0]", "y[1]"]
    many = said(LinearRegression(), FRAME, np.stack([Y] * (EQUATIONS + 5), axis=1)).split("\n")
    assert many[-1] == "and 5 more equations"
    assert len(many) == EQUATIONS + 1


def test_of_many_terms_the_largest_stand_there(said: Any) -> None:
    X = RNG.normal(size=(150, TERMS + 10))
    model = LinearRegression()
    text = said(model, X, X @ np.arange(TERMS + 10.0))
    # one of the coefficients is zero but for rounding
    assert re.search(r"\.\.\. and (9|10) more terms, of smaller coefficients$", text)
    assert text.count(" * ") == TERMS
    assert "* x29" in text.split("\n")[1]
    assert "* x3\n" not in text


def test_coefficients_of_zero_are_no_terms(said: Any) -> None:
    text = said(Lasso(alpha=20.0), FRAME, Y)
    assert "income" not in text
    assert "age" in text


def test_names_cannot_pretend(said: Any) -> None:
    X = FRAME.set_axis(["a - 2 * b", "```\n# head", "x'y"], axis=1)
    text = said(LinearRegression(), X, Y)
    assert "'a - 2 * b'" in text
    assert "\\'" in text
    assert not any(line.startswith(("`", "#")) for line in text.split("\n"))
    tree = said(DecisionTreeClassifier(max_depth=2), X, np.where(Y > 50, "```", "# no"))
    assert all(re.match(r" *(if |else:|answer )", line) for line in tree.split("\n"))


def test_names_may_be_given(said: Any) -> None:
    assert "* speed" in said(LinearRegression(), FRAME.to_numpy(), Y, ["speed", "b", "c"])
    assert "* x0" in said(LinearRegression(), FRAME.to_numpy(), Y)
    assert "* age" in said(LinearRegression(), FRAME, Y, None)


def walked(text: str, row: Any) -> str:
    """Follow the rules by their indent."""
    lines, at, indent = text.split("\n"), 0, 0
    while True:
        line = lines[at].strip()
        if not line.startswith("if "):
            return line
        if not eval(line[3:-1], dict(row)):
            at = next(i for i in range(at + 1, len(lines)) if lines[i] == " " * indent + "else:")
        at, indent = at + 1, indent + 2


@pytest.mark.parametrize(
    "model",
    [
        DecisionTreeClassifier(max_depth=5, random_state=0),
        ExtraTreeClassifier(max_leaf_nodes=40, random_state=0),
        make_pipeline(StandardScaler(), DecisionTreeClassifier(max_depth=4, random_state=0)),
    ],
    ids=str,
)
def test_a_tree_is_its_rules(model: Any, said: Any) -> None:
    text = said(model, FRAME, THREE)
    expected = model.predict(FRAME)
    found = [int(walked(text, row).split()[1].rstrip(",")) for _, row in FRAME.iterrows()]
    assert found == expected.tolist()


def test_a_tree_of_numbers(said: Any) -> None:
    model = DecisionTreeRegressor(max_depth=4)
    text = said(model, FRAME, Y)
    found = [float(walked(text, row).partition("= ")[2]) for _, row in FRAME.iterrows()]
    np.testing.assert_allclose(found, model.predict(FRAME), rtol=1e-5)


def test_a_split_on_missing_values(said: Any) -> None:
    X = FRAME.copy()
    X.loc[Y > 50, ["age", "income", "c"]] = np.nan
    text = said(DecisionTreeClassifier(max_depth=1, random_state=0), X, TWO)
    assert re.match(r"if \w+ is not missing:\n  answer 'no', share 1\nelse:\n  answer 'yes', share 1", text)


@pytest.mark.parametrize(
    ("model", "y"),
    [
        (DecisionTreeRegressor(), Y),
        (DecisionTreeRegressor(max_depth=2), np.c_[Y, Y]),
        (DummyRegressor(), Y),
        (make_pipeline(PolynomialFeatures(), LinearRegression()), Y),
        (make_pipeline(MinMaxScaler(clip=True), LinearRegression()), Y),
    ],
    ids=str,
)
def test_what_has_no_form_gives_none(model: Any, y: Any, said: Any) -> None:
    assert said(model, FRAME, y) is None
