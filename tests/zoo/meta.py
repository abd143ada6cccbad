"""Estimators that hold estimators: searches, ensembles, chains, calibration, thresholds."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import scipy.stats
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.experimental import enable_halving_search_cv  # noqa: F401 - makes the halving searches importable
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge, SGDClassifier
from sklearn.metrics import f1_score, make_scorer, mean_absolute_error, roc_auc_score
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    GroupKFold,
    HalvingGridSearchCV,
    HalvingRandomSearchCV,
    KFold,
    RandomizedSearchCV,
    RepeatedStratifiedKFold,
    ShuffleSplit,
    StratifiedKFold,
    TunedThresholdClassifierCV,
)
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier, OutputCodeClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier, MultiOutputRegressor, RegressorChain
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, QuantileTransformer, StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from tests.zoo import callables
from tests.zoo import data as d
from tests.zoo.specimen import SKLEARN, Specimen, fit, grown


def searches() -> Iterator[Specimen]:
    """Parameter searches with every kind of scorer and splitter."""
    x, y, z = d.numbers(), d.classes(), d.target()
    grid = {"C": [0.1, 1.0]}
    logistic = LogisticRegression
    yield fit(
        "GridSearchCV[string-scorer]",
        lambda: GridSearchCV(logistic(), grid, cv=2, scoring="f1_macro"),
        x,
        d.labels(),
    )
    yield fit(
        "GridSearchCV[make-scorer]",
        lambda: GridSearchCV(logistic(), grid, cv=2, scoring=make_scorer(f1_score, average="macro")),
        x,
        y,
    )
    yield fit(
        "GridSearchCV[error-scorer]",
        lambda: GridSearchCV(
            Ridge(),
            {"alpha": np.logspace(-1, 1, 3)},
            cv=KFold(2),
            scoring=make_scorer(mean_absolute_error, greater_is_better=False),
        ),
        x,
        z,
    )
    yield fit(
        "GridSearchCV[probability-scorer]",
        lambda: GridSearchCV(
            logistic(), grid, cv=2, scoring=make_scorer(roc_auc_score, response_method="predict_proba")
        ),
        x,
        d.binary(),
    )
    yield fit(
        "GridSearchCV[multimetric]",
        lambda: GridSearchCV(
            logistic(),
            grid,
            cv=2,
            scoring={"acc": "accuracy", "loss": "neg_log_loss"},
            refit="acc",
            return_train_score=True,
        ),
        x,
        y,
    )
    yield fit(
        "GridSearchCV[multimetric-list]",
        lambda: GridSearchCV(logistic(), grid, cv=2, scoring=["accuracy", "recall_macro"], refit="accuracy"),
        x,
        y,
    )
    yield fit("GridSearchCV[no-refit]", lambda: GridSearchCV(logistic(), grid, cv=2, refit=False), x, y)
    yield fit(
        "GridSearchCV[own-scorer]",
        lambda: GridSearchCV(
            Ridge(), {"alpha": [1.0, 2.0]}, cv=2, scoring=make_scorer(callables.scaled_difference, scale=2.0)
        ),
        x,
        z,
        allow=("tests.zoo.callables.scaled_difference",),
    )
    yield fit(
        "GridSearchCV[estimator-grid]",
        lambda: GridSearchCV(
            make_pipeline(StandardScaler(), SVC()),
            [
                {"standardscaler": ["passthrough", MinMaxScaler()], "svc__C": [1.0]},
                {"svc": [logistic(), DecisionTreeClassifier(random_state=0)]},
            ],
            cv=2,
        ),
        x,
        d.labels(),
    )
    yield fit(
        "GridSearchCV[iterable-cv]",
        lambda: GridSearchCV(Ridge(), {"alpha": [1.0, 2.0]}, cv=list(KFold(2).split(x))),
        x,
        z,
    )
    yield fit(
        "GridSearchCV[groups]",
        lambda: GridSearchCV(Ridge(), {"alpha": [1.0, 2.0]}, cv=GroupKFold(2)),
        x,
        z,
        groups=np.arange(d.ROWS) % 4,
    )
    yield fit(
        "GridSearchCV[forest-frame]",
        lambda: GridSearchCV(
            RandomForestClassifier(random_state=0),
            {"n_estimators": [2, 4], "max_depth": [None, 3], "criterion": ["gini"]},
            cv=StratifiedKFold(2, shuffle=True, random_state=0),
        ),
        d.number_frame(),
        d.labels(),
    )
    yield fit(
        "RandomizedSearchCV[distributions]",
        lambda: RandomizedSearchCV(logistic(), {"C": scipy.stats.loguniform(0.01, 10)}, n_iter=3, cv=2, random_state=0),
        x,
        y,
    )
    yield fit(
        "RandomizedSearchCV[mixed]",
        lambda: RandomizedSearchCV(
            SGDClassifier(random_state=0),
            {
                "alpha": scipy.stats.uniform(0.001, 0.1),
                "max_iter": scipy.stats.randint(5, 20),
                "penalty": ["l1", "l2"],
            },
            n_iter=3,
            cv=ShuffleSplit(2, random_state=1),
            random_state=0,
        ),
        x,
        y,
    )
    yield fit(
        "HalvingGridSearchCV[logistic]",
        lambda: HalvingGridSearchCV(logistic(), {"C": [0.1, 1.0, 10.0]}, cv=2, random_state=0),
        x,
        d.labels(),
    )
    yield fit(
        "HalvingGridSearchCV[resource]",
        lambda: HalvingGridSearchCV(
            RandomForestClassifier(random_state=0),
            {"max_depth": [2, 3, 4]},
            cv=2,
            resource="n_estimators",
            max_resources=9,
            random_state=0,
        ),
        x,
        y,
    )
    yield fit(
        "HalvingRandomSearchCV[distribution]",
        lambda: HalvingRandomSearchCV(
            Ridge(), {"alpha": scipy.stats.expon(scale=2)}, cv=2, random_state=0, n_candidates=4
        ),
        x,
        z,
    )


def combinations() -> Iterator[Specimen]:
    """Stacking and voting."""
    x, y, z = d.numbers(), d.classes(), d.target()

    def pairs() -> list[tuple[str, Any]]:
        return [
            ("nb", GaussianNB()),
            ("tree", DecisionTreeClassifier(max_depth=3, random_state=0)),
            ("svc", SVC(random_state=0)),
        ]

    def ridges() -> list[tuple[str, Any]]:
        return [
            ("ridge", Ridge()),
            ("near", KNeighborsRegressor()),
            ("tree", DecisionTreeRegressor(max_depth=2, random_state=0)),
        ]

    yield fit(
        "StackingClassifier[passthrough]",
        lambda: StackingClassifier(pairs(), LogisticRegression(), cv=2, passthrough=True),
        x,
        d.labels(),
    )
    yield fit(
        "StackingClassifier[predict]",
        lambda: StackingClassifier(pairs(), DecisionTreeClassifier(random_state=0), cv=2, stack_method="predict"),
        x,
        y,
    )
    yield fit(
        "StackingClassifier[multilabel]",
        lambda: StackingClassifier(
            [("near", KNeighborsClassifier()), ("tree", DecisionTreeClassifier(random_state=0))],
            KNeighborsClassifier(),
            cv=2,
        ),
        x,
        d.multilabel(),
    )
    yield fit(
        "StackingClassifier[drop]",
        lambda: StackingClassifier([*pairs(), ("gone", "drop")], cv=2),
        d.number_frame(),
        d.labels(),
    )
    yield fit(
        "StackingRegressor[default]",
        lambda: StackingRegressor(ridges(), cv=KFold(2, shuffle=True, random_state=0)),
        x,
        z,
    )
    yield fit(
        "StackingRegressor[pipeline]",
        lambda: StackingRegressor(
            [("pipe", make_pipeline(StandardScaler(), Ridge()))],
            KNeighborsRegressor(),
            cv=2,
            passthrough=True,
        ),
        d.number_frame(),
        z,
    )
    yield Specimen(
        "StackingRegressor[prefit]",
        lambda: grown(lambda: StackingRegressor([(name, m.fit(x, z)) for name, m in ridges()], cv="prefit").fit(x, z)),
        x,
        z,
    )
    yield fit("VotingClassifier[hard]", lambda: VotingClassifier(pairs()), x, d.labels())
    yield fit(
        "VotingClassifier[soft]",
        lambda: VotingClassifier(pairs()[:2], voting="soft", weights=[2, 1], flatten_transform=False),
        x,
        d.labels(),
    )
    yield fit(
        "VotingClassifier[drop]",
        lambda: VotingClassifier([*pairs()[:2], ("gone", "drop")], voting="soft"),
        x,
        y,
    )
    yield fit("VotingRegressor[weights]", lambda: VotingRegressor(ridges(), weights=[0.2, 0.3, 0.5]), x, z)


def wrappers() -> Iterator[Specimen]:
    """Calibration, thresholds, many labels and many outputs."""
    x, y = d.numbers(), d.classes()
    methods = ["sigmoid", "isotonic", *(["temperature"] if SKLEARN >= (1, 8) else [])]
    for method in methods:
        yield fit(
            f"CalibratedClassifierCV[{method}]",
            partial(CalibratedClassifierCV, GaussianNB(), method=method, cv=3),
            x,
            d.labels(),
        )
        yield fit(
            f"CalibratedClassifierCV[{method}-binary]",
            partial(CalibratedClassifierCV, LinearSVC(random_state=0), method=method, cv=2, ensemble=False),
            x,
            d.binary(),
        )
    yield fit(
        "CalibratedClassifierCV[forest-frame]",
        lambda: CalibratedClassifierCV(RandomForestClassifier(n_estimators=4, random_state=0), cv=StratifiedKFold(2)),
        d.number_frame(),
        y,
    )
    tuned = TunedThresholdClassifierCV
    yield fit(
        "TunedThresholdClassifierCV[f1]",
        lambda: tuned(LogisticRegression(), scoring="f1", cv=2, store_cv_results=True, thresholds=11),
        x,
        d.binary(),
    )
    yield fit(
        "TunedThresholdClassifierCV[make-scorer]",
        lambda: tuned(
            LogisticRegression(),
            scoring=make_scorer(f1_score, pos_label="b"),
            cv=2,
            thresholds=np.array([0.2, 0.5, 0.7]),
        ),
        x,
        np.where(d.binary() == 1, "b", "a"),
    )
    yield fit(
        "TunedThresholdClassifierCV[single-split]",
        lambda: tuned(GaussianNB(), cv=0.4, refit=False, random_state=0, thresholds=9),
        x,
        d.binary(),
    )
    yield fit(
        "FixedThresholdClassifier[decision]",
        lambda: FixedThresholdClassifier(
            LogisticRegression(), threshold=0.3, response_method="decision_function", pos_label=0
        ),
        x,
        d.binary(),
    )
    yield fit(
        "FixedThresholdClassifier[strings]",
        lambda: FixedThresholdClassifier(GaussianNB(), threshold=0.7, pos_label="yes"),
        x,
        np.where(d.binary() == 1, "yes", "no"),
    )
    yield fit("OneVsRestClassifier[svc]", lambda: OneVsRestClassifier(SVC(random_state=0)), x, d.labels())
    yield fit(
        "OneVsRestClassifier[multilabel]",
        lambda: OneVsRestClassifier(LogisticRegression()),
        x,
        d.multilabel(),
    )
    yield fit(
        "OneVsRestClassifier[constant]",
        lambda: OneVsRestClassifier(LogisticRegression()),
        x,
        np.column_stack([d.binary(), np.ones(d.ROWS, dtype=int), np.zeros(d.ROWS, dtype=int)]),
    )
    yield fit(
        "OneVsOneClassifier[tree]",
        lambda: OneVsOneClassifier(DecisionTreeClassifier(random_state=0)),
        x,
        d.labels(),
    )
    yield fit(
        "OutputCodeClassifier[svc]",
        lambda: OutputCodeClassifier(SVC(), code_size=2, random_state=0),
        x,
        d.labels(),
    )
    yield fit(
        "ClassifierChain[order]",
        lambda: ClassifierChain(LogisticRegression(), order=[2, 0, 1]),
        x,
        d.multilabel(),
    )
    yield fit(
        "ClassifierChain[random-cv]",
        lambda: ClassifierChain(LogisticRegression(), order="random", cv=2, random_state=0),
        x,
        d.multilabel(),
    )
    yield fit("RegressorChain[order]", lambda: RegressorChain(Ridge(), order=[1, 0], cv=2), x, d.targets())
    yield fit(
        "MultiOutputClassifier[forest]",
        lambda: MultiOutputClassifier(RandomForestClassifier(n_estimators=3, random_state=0)),
        x,
        d.multiclass_outputs(),
    )
    yield fit(
        "MultiOutputClassifier[sgd]",
        lambda: MultiOutputClassifier(SGDClassifier(random_state=0)),
        x,
        d.multilabel(),
    )
    yield fit(
        "MultiOutputRegressor[tree]",
        lambda: MultiOutputRegressor(DecisionTreeRegressor(max_depth=3, random_state=0)),
        x,
        d.targets(),
    )


def targets() -> Iterator[Specimen]:
    """Transformed targets and frozen estimators."""
    x, positive = d.numbers(), d.positive_target()
    regressor: Any = TransformedTargetRegressor
    yield fit(
        "TransformedTargetRegressor[log1p]",
        lambda: regressor(Ridge(), func=np.log1p, inverse_func=np.expm1),
        x,
        positive,
    )
    yield fit(
        "TransformedTargetRegressor[quantile]",
        lambda: regressor(
            LinearRegression(), transformer=QuantileTransformer(n_quantiles=20, output_distribution="normal")
        ),
        x,
        positive,
    )
    yield fit(
        "TransformedTargetRegressor[two-outputs]",
        lambda: regressor(Ridge(), transformer=StandardScaler()),
        x,
        d.targets(),
    )
    yield fit(
        "TransformedTargetRegressor[inverse-only]",
        partial(regressor, func=np.sqrt, inverse_func=np.square, check_inverse=False),
        x,
        positive,
    )
    if SKLEARN < (1, 6):
        return
    from sklearn.frozen import FrozenEstimator

    def frozen(model: Any) -> Any:
        return FrozenEstimator(model.fit(x, d.classes()))

    yield Specimen(
        "FrozenEstimator[boosting]",
        lambda: grown(lambda: frozen(HistGradientBoostingClassifier(max_iter=3, random_state=0))),
        x,
        d.classes(),
    )
    yield Specimen("FrozenEstimator[transformer]", lambda: grown(lambda: frozen(PCA(2))), x)
    yield Specimen(
        "Pipeline[frozen-scaler]",
        lambda: grown(lambda: make_pipeline(frozen(StandardScaler()), LogisticRegression()).fit(x, d.labels())),
        x,
        d.labels(),
    )
    yield Specimen(
        "CalibratedClassifierCV[frozen]",
        lambda: grown(lambda: CalibratedClassifierCV(frozen(GaussianNB())).fit(x, d.classes())),
        x,
        d.classes(),
    )


def splitters() -> Iterator[Specimen]:
    """Splitters with a state of their own."""
    cv = partial(RepeatedStratifiedKFold, n_splits=2, n_repeats=2, random_state=0)
    yield fit(
        "GridSearchCV[repeated]",
        lambda: GridSearchCV(GaussianNB(), {"var_smoothing": [1e-9, 1e-3]}, cv=cv()),
        d.numbers(),
        d.labels(),
    )


def meta() -> Iterator[Specimen]:
    """All of this module."""
    yield from searches()
    yield from combinations()
    yield from wrappers()
    yield from targets()
    yield from splitters()
