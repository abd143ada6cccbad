"""Trees, forests, boosting and bagging."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import sklearn.ensemble as en
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier

from tests.zoo import data as d
from tests.zoo.specimen import SKLEARN, Specimen, fit


def single_trees() -> Iterator[Specimen]:
    """Single trees."""
    x = d.numbers()
    tree = partial(DecisionTreeClassifier, random_state=0)
    yield fit("DecisionTreeClassifier[string-labels]", tree, x, d.labels())
    yield fit("DecisionTreeClassifier[two-outputs]", partial(tree, max_depth=4), x, d.multiclass_outputs())
    yield fit("DecisionTreeClassifier[multilabel]", partial(tree, max_depth=4), x, d.multilabel())
    yield fit("DecisionTreeClassifier[missing]", partial(tree, max_depth=5), d.gaps(), d.labels())
    yield fit("DecisionTreeClassifier[best-first]", partial(tree, max_leaf_nodes=9), x, d.classes())
    yield fit("DecisionTreeClassifier[pruned]", partial(tree, ccp_alpha=0.01), x, d.classes())
    yield fit(
        "DecisionTreeClassifier[entropy-balanced]",
        partial(tree, criterion="entropy", class_weight="balanced"),
        x,
        d.labels(),
    )
    yield fit("DecisionTreeClassifier[stump]", partial(tree, max_depth=1), x, d.classes())
    yield fit("DecisionTreeClassifier[one-leaf]", tree, x, np.zeros(d.ROWS, dtype=int))
    yield fit("DecisionTreeClassifier[csr]", tree, d.sparse(), d.classes())
    yield fit("DecisionTreeClassifier[monotonic]", partial(tree, monotonic_cst=[1, 0, -1, 0, 0]), x, d.binary())
    yield fit(
        "DecisionTreeClassifier[weights]",
        partial(tree, splitter="random"),
        x,
        d.classes(),
        sample_weight=d.weights(),
    )
    yield fit("DecisionTreeClassifier[frame]", tree, d.number_frame(), d.labels())
    yield fit(
        "ExtraTreeClassifier[class-weights]",
        partial(ExtraTreeClassifier, class_weight=[{0: 1, 1: 2, 2: 3}, {0: 1, 1: 1}], random_state=0),
        x,
        d.multiclass_outputs(),
    )
    for criterion in ("absolute_error", "friedman_mse", "poisson"):
        yield fit(
            f"DecisionTreeRegressor[{criterion}]",
            partial(DecisionTreeRegressor, criterion=criterion, max_depth=4, random_state=0),
            x,
            d.positive_target(),
        )
    yield fit("DecisionTreeRegressor[two-outputs]", partial(DecisionTreeRegressor, random_state=0), x, d.targets())
    yield fit("DecisionTreeRegressor[missing]", partial(DecisionTreeRegressor, random_state=0), d.gaps(), d.target())


def forests() -> Iterator[Specimen]:
    """Forests and bagging."""
    x, y, z = d.numbers(), d.classes(), d.target()
    forest: Any = partial(en.RandomForestClassifier, n_estimators=6, random_state=0)
    growth: Any = partial(en.RandomForestRegressor, n_estimators=6, random_state=0)
    yield fit("RandomForestClassifier[string-labels]", forest, x, d.labels())
    yield fit("RandomForestClassifier[missing]", partial(forest, max_depth=4), d.gaps(), d.labels())
    yield fit("RandomForestClassifier[oob]", partial(forest, oob_score=True, max_samples=0.8), x, y)
    yield fit("RandomForestClassifier[two-outputs]", forest, x, d.multiclass_outputs())
    yield fit("RandomForestClassifier[multilabel]", forest, x, d.multilabel())
    yield fit("RandomForestClassifier[csr]", forest, d.sparse(), y)
    yield fit(
        "RandomForestClassifier[balanced-subsample]",
        partial(forest, class_weight="balanced_subsample"),
        x,
        d.labels(),
    )
    yield fit("RandomForestClassifier[warm-start]", partial(forest, warm_start=True), x, y)
    yield fit(
        "RandomForestClassifier[frame-jobs]",
        partial(forest, n_jobs=1, max_features=None),
        d.number_frame(),
        y,
    )
    yield fit("RandomForestRegressor[missing]", growth, d.gaps(), z)
    yield fit("RandomForestRegressor[oob-two]", partial(growth, oob_score=True), x, d.targets())
    yield fit("RandomForestRegressor[poisson]", partial(growth, criterion="poisson"), x, d.positive_target())
    yield fit(
        "ExtraTreesClassifier[bootstrap]",
        partial(en.ExtraTreesClassifier, n_estimators=5, bootstrap=True, random_state=0),
        x,
        d.labels(),
    )
    yield fit(
        "ExtraTreesRegressor[depth]",
        partial(en.ExtraTreesRegressor, n_estimators=5, max_depth=3, random_state=0),
        x,
        d.targets(),
    )
    yield fit(
        "RandomTreesEmbedding[dense]",
        partial(en.RandomTreesEmbedding, n_estimators=4, sparse_output=False, random_state=0),
        x,
    )
    yield fit(
        "IsolationForest[contamination]",
        partial(en.IsolationForest, n_estimators=10, contamination=0.1, random_state=0),
        x,
    )
    yield fit(
        "IsolationForest[features]",
        partial(en.IsolationForest, n_estimators=10, max_features=0.6, max_samples=50, random_state=0),
        d.number_frame(),
    )
    yield fit("IsolationForest[csr]", partial(en.IsolationForest, n_estimators=5, random_state=0), d.sparse())
    yield fit(
        "BaggingClassifier[svc]",
        lambda: en.BaggingClassifier(SVC(), n_estimators=3, max_features=0.6, random_state=0),
        x,
        d.labels(),
    )
    yield fit(
        "BaggingClassifier[oob-no-replace]",
        lambda: en.BaggingClassifier(
            GaussianNB(), n_estimators=12, oob_score=True, bootstrap_features=True, random_state=0
        ),
        x,
        y,
    )
    yield fit(
        "BaggingRegressor[ridge]",
        lambda: en.BaggingRegressor(Ridge(), n_estimators=3, bootstrap=False, max_samples=0.5, random_state=0),
        x,
        z,
    )
    yield fit(
        "AdaBoostClassifier[logistic]",
        lambda: en.AdaBoostClassifier(
            LogisticRegression(),
            n_estimators=4,
            random_state=0,
            **({} if SKLEARN >= (1, 6) else {"algorithm": "SAMME"}),
        ),
        x,
        d.labels(),
    )
    for loss in ("linear", "square", "exponential"):
        yield fit(
            f"AdaBoostRegressor[{loss}]",
            partial(en.AdaBoostRegressor, loss=loss, n_estimators=4, random_state=0),
            x,
            z,
        )


def gradient_boosting() -> Iterator[Specimen]:
    """Gradient boosting: every loss and every kind of init."""
    x, z = d.numbers(), d.target()
    boost: Any = partial(en.GradientBoostingClassifier, n_estimators=5, random_state=0)
    climb: Any = partial(en.GradientBoostingRegressor, n_estimators=5, random_state=0)
    yield fit("GradientBoostingClassifier[log-loss-binary]", boost, x, d.binary())
    yield fit("GradientBoostingClassifier[exponential]", partial(boost, loss="exponential"), x, d.binary())
    yield fit("GradientBoostingClassifier[string-labels]", boost, x, d.labels())
    yield fit("GradientBoostingClassifier[zero]", partial(boost, init="zero"), x, d.classes())
    yield fit("GradientBoostingClassifier[init-estimator]", lambda: boost(init=LogisticRegression()), x, d.labels())
    yield fit(
        "GradientBoostingClassifier[subsample]",
        partial(boost, subsample=0.7, max_features="sqrt"),
        x,
        d.classes(),
    )
    yield fit(
        "GradientBoostingClassifier[early-stopping]",
        partial(boost, n_iter_no_change=2, validation_fraction=0.2),
        x,
        d.classes(),
    )
    yield fit("GradientBoostingClassifier[warm-start]", partial(boost, warm_start=True), x, d.binary())
    yield fit("GradientBoostingClassifier[csr]", boost, d.sparse(), d.binary())
    for loss in ("squared_error", "absolute_error", "huber", "quantile"):
        yield fit(f"GradientBoostingRegressor[{loss}]", partial(climb, loss=loss, alpha=0.8), x, z)
        yield fit(f"GradientBoostingRegressor[{loss}-zero]", partial(climb, loss=loss, init="zero"), x, z)
    yield fit("GradientBoostingRegressor[init-estimator]", lambda: climb(init=Ridge()), x, z)
    yield fit("GradientBoostingRegressor[weights]", climb, x, z, sample_weight=d.weights())


def histogram_boosting() -> Iterator[Specimen]:
    """Histogram boosting: losses, categories (unseen, missing, from pandas), constraints."""
    x, z = d.numbers(), d.target()
    boost: Any = partial(en.HistGradientBoostingClassifier, max_iter=4, min_samples_leaf=5, random_state=0)
    climb: Any = partial(en.HistGradientBoostingRegressor, max_iter=4, min_samples_leaf=5, random_state=0)
    coded = np.column_stack([d.codes().astype(float), d.gaps()[:, 0]])
    strange = coded.copy()
    strange[:6, 1] = [7, 40, np.nan, -1, 2, 3]
    yield fit("HistGradientBoostingClassifier[string-labels]", boost, x, d.labels())
    yield fit("HistGradientBoostingClassifier[missing]", boost, d.gaps(), d.labels())
    yield fit(
        "HistGradientBoostingClassifier[categories]",
        partial(boost, categorical_features=[0, 1]),
        coded,
        d.labels(),
        inputs=strange,
    )
    yield fit(
        "HistGradientBoostingClassifier[mask]",
        partial(boost, categorical_features=[True, True, False, False]),
        coded,
        d.binary(),
        inputs=strange,
    )
    yield fit(
        "HistGradientBoostingClassifier[from-dtype]",
        partial(boost, categorical_features="from_dtype"),
        d.category_frame(),
        d.labels(),
    )
    yield fit(
        "HistGradientBoostingClassifier[by-name]",
        partial(boost, categorical_features=["band", "city"]),
        d.category_frame(),
        d.binary(),
    )
    yield fit(
        "HistGradientBoostingClassifier[early-stopping]",
        partial(boost, early_stopping=True, max_iter=10),
        x,
        d.binary(),
    )
    yield fit(
        "HistGradientBoostingClassifier[scoring]",
        partial(boost, early_stopping=True, scoring="roc_auc"),
        x,
        d.binary(),
    )
    yield fit("HistGradientBoostingClassifier[balanced]", partial(boost, class_weight="balanced"), x, d.labels())
    yield fit("HistGradientBoostingClassifier[warm-start]", partial(boost, warm_start=True), x, d.binary())
    yield fit(
        "HistGradientBoostingClassifier[monotonic]",
        partial(boost, monotonic_cst={"a": 1, "b": -1}),
        d.number_frame(),
        d.binary(),
    )
    for loss in ("squared_error", "absolute_error", "gamma", "poisson", "quantile"):
        settings = {"quantile": 0.7} if loss == "quantile" else {}
        yield fit(
            f"HistGradientBoostingRegressor[{loss}]",
            partial(climb, loss=loss, **settings),
            x,
            d.positive_target(),
        )
    yield fit("HistGradientBoostingRegressor[interactions]", partial(climb, interaction_cst=[{0, 1}, {2, 3}]), x, z)
    yield fit(
        "HistGradientBoostingRegressor[pairwise]",
        partial(climb, interaction_cst="pairwise", max_bins=16),
        x,
        z,
    )
    yield fit("HistGradientBoostingRegressor[monotonic]", partial(climb, monotonic_cst=[1, 0, 0, -1, 0]), x, z)
    yield fit(
        "HistGradientBoostingRegressor[from-dtype]",
        partial(climb, categorical_features="from_dtype"),
        d.category_frame(),
        z,
    )
    yield fit(
        "HistGradientBoostingRegressor[weights-float32]",
        partial(climb, max_leaf_nodes=5),
        d.single(),
        z,
        sample_weight=d.weights(),
    )


def trees() -> Iterator[Specimen]:
    """All of this module."""
    yield from single_trees()
    yield from forests()
    yield from gradient_boosting()
    yield from histogram_boosting()
