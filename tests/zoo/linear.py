"""Linear models, discriminant analysis, naive Bayes, dummies and isotonic regression."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
import sklearn.linear_model as lm
from sklearn.cross_decomposition import CCA, PLSCanonical, PLSRegression
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis as Lda
from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis as Qda
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.isotonic import IsotonicRegression
from sklearn.kernel_ridge import KernelRidge
from sklearn.naive_bayes import BernoulliNB, CategoricalNB, ComplementNB, GaussianNB, MultinomialNB

from tests.zoo import data as d
from tests.zoo.specimen import SKLEARN, Specimen, fit


def classifiers() -> Iterator[Specimen]:
    """Linear classifiers."""
    x, y = d.numbers(), d.classes()
    logistic = lm.LogisticRegression
    yield fit("LogisticRegression[string-labels]", logistic, x, d.labels())
    yield fit("LogisticRegression[object-labels]", logistic, x, d.object_labels())
    yield fit("LogisticRegression[bool-labels]", logistic, x, d.binary().astype(bool))
    yield fit("LogisticRegression[binary]", partial(logistic, C=0.3), x, d.binary())
    yield fit(
        "LogisticRegression[l1-liblinear]",
        partial(logistic, penalty="l1", solver="liblinear", random_state=0),
        x,
        d.binary(),
    )
    yield fit(
        "LogisticRegression[multinomial-l1]",
        partial(logistic, penalty="l1", solver="saga", max_iter=50, random_state=0),
        x,
        y,
    )
    yield fit(
        "LogisticRegression[elasticnet]",
        partial(logistic, penalty="elasticnet", solver="saga", l1_ratio=0.5, max_iter=50, random_state=0),
        x,
        y,
    )
    yield fit("LogisticRegression[newton-cholesky]", partial(logistic, solver="newton-cholesky"), x, d.binary())
    yield fit("LogisticRegression[sag]", partial(logistic, solver="sag", max_iter=30, random_state=0), x, y)
    yield fit("LogisticRegression[weights-dict]", partial(logistic, class_weight={0: 1.0, 1: 2.5, 2: 0.5}), x, y)
    yield fit("LogisticRegression[balanced]", partial(logistic, class_weight="balanced"), x, d.labels())
    yield fit("LogisticRegression[sample-weight]", logistic, x, y, sample_weight=d.weights())
    yield fit("LogisticRegression[csr]", logistic, d.sparse(), y)
    yield fit("LogisticRegression[csr-array]", logistic, d.sparse_array(), y)
    yield fit("LogisticRegression[float32]", logistic, d.single(), y)
    yield fit("LogisticRegression[frame]", logistic, d.number_frame(), d.labels())
    yield fit("LogisticRegression[warm-start]", partial(logistic, warm_start=True, max_iter=5), x, y)
    yield fit(
        "LogisticRegressionCV[string-labels]",
        partial(lm.LogisticRegressionCV, Cs=3, cv=2, max_iter=50),
        x,
        d.labels(),
    )
    yield fit("RidgeClassifier[multilabel]", lm.RidgeClassifier, x, d.multilabel())
    yield fit("RidgeClassifier[csr]", partial(lm.RidgeClassifier, solver="sparse_cg"), d.sparse(), y)
    yield fit("RidgeClassifierCV[alphas]", partial(lm.RidgeClassifierCV, alphas=[0.1, 1, 10]), x, d.labels())
    yield fit("Perceptron[elasticnet]", partial(lm.Perceptron, penalty="elasticnet", random_state=0), x, y)


def stochastic() -> Iterator[Specimen]:
    """Stochastic gradient descent: every loss, every learning rate."""
    x = d.numbers() / 3
    sgd = partial(lm.SGDClassifier, random_state=0, max_iter=20)
    for loss in ("hinge", "log_loss", "modified_huber", "squared_hinge", "perceptron", "squared_error"):
        yield fit(f"SGDClassifier[{loss}]", partial(sgd, loss=loss), x, d.classes())
    for loss in ("huber", "epsilon_insensitive", "squared_epsilon_insensitive"):
        yield fit(f"SGDClassifier[{loss}]", partial(sgd, loss=loss), x, d.binary())
    yield fit("SGDClassifier[average]", partial(sgd, average=True), x, d.labels())
    yield fit("SGDClassifier[average-5-l1]", partial(sgd, average=5, penalty="l1"), x, d.classes())
    yield fit("SGDClassifier[early-stopping]", partial(sgd, early_stopping=True, loss="log_loss"), x, d.labels())
    yield fit("SGDClassifier[adaptive]", partial(sgd, learning_rate="adaptive", eta0=0.1), x, d.binary())
    yield fit("SGDClassifier[csr-string]", sgd, d.sparse(), d.labels())
    sgr = partial(lm.SGDRegressor, random_state=0, max_iter=20)
    for loss in ("squared_error", "huber", "epsilon_insensitive", "squared_epsilon_insensitive"):
        yield fit(f"SGDRegressor[{loss}]", partial(sgr, loss=loss), x, d.target())
    yield fit("SGDRegressor[average-early]", partial(sgr, average=True, early_stopping=True), x, d.target())
    yield fit("SGDOneClassSVM[average]", partial(lm.SGDOneClassSVM, nu=0.2, average=True, random_state=0), x)
    passive = lm.PassiveAggressiveClassifier
    yield fit(
        "PassiveAggressiveClassifier[squared]",
        partial(passive, loss="squared_hinge", random_state=0),
        x,
        d.labels(),
    )
    yield fit(
        "PassiveAggressiveRegressor[squared]",
        partial(lm.PassiveAggressiveRegressor, loss="squared_epsilon_insensitive", random_state=0),
        x,
        d.target(),
    )


def regressors() -> Iterator[Specimen]:
    """Linear regressors."""
    x, y = d.numbers(), d.target()
    yield fit("LinearRegression[two-outputs]", lm.LinearRegression, x, d.targets())
    yield fit("LinearRegression[positive]", partial(lm.LinearRegression, positive=True), x, y)
    yield fit(
        "LinearRegression[no-intercept-frame]",
        partial(lm.LinearRegression, fit_intercept=False),
        d.number_frame(),
        y,
    )
    yield fit("LinearRegression[csr]", lm.LinearRegression, d.sparse(), y)
    yield fit("LinearRegression[float32]", lm.LinearRegression, d.single(), y.astype(np.float32))
    for solver in ("svd", "cholesky", "lsqr", "sparse_cg", "sag", "saga", "lbfgs"):
        ridge = partial(lm.Ridge, solver=solver, random_state=0, positive=solver == "lbfgs", max_iter=50)
        yield fit(f"Ridge[{solver}]", ridge, x, y)
    yield fit("Ridge[alpha-array]", partial(lm.Ridge, alpha=np.array([0.1, 2.0])), x, d.targets())
    yield fit("Ridge[numpy-alpha]", partial(lm.Ridge, alpha=np.float64(0.25)), x, y)
    yield fit("RidgeCV[store]", partial(lm.RidgeCV, alphas=(0.1, 1.0), store_cv_results=True), x, y)
    yield fit("RidgeCV[scoring]", partial(lm.RidgeCV, scoring="neg_mean_absolute_error", cv=3), x, y)
    yield fit("Lasso[csr-positive]", partial(lm.Lasso, alpha=0.05, positive=True), d.sparse(), y)
    yield fit("Lasso[random]", partial(lm.Lasso, alpha=0.05, selection="random", random_state=0), x, y)
    yield fit("ElasticNet[warm-start]", partial(lm.ElasticNet, alpha=0.1, warm_start=True), x, y)
    yield fit("ElasticNet[precompute]", partial(lm.ElasticNet, alpha=0.1, precompute=True), x, y)
    yield fit("ElasticNetCV[ratios]", partial(lm.ElasticNetCV, l1_ratio=[0.2, 0.8], cv=3), x, y)
    yield fit("LassoCV[alphas]", partial(lm.LassoCV, alphas=[0.01, 0.1], cv=3), x, y)
    yield fit(
        "MultiTaskElasticNetCV[ratios]",
        partial(lm.MultiTaskElasticNetCV, l1_ratio=[0.3, 0.9], cv=2),
        x,
        d.targets(),
    )
    yield fit("MultiTaskLasso[two]", partial(lm.MultiTaskLasso, alpha=0.1), x, d.targets())
    yield fit("Lars[two-outputs]", partial(lm.Lars, n_nonzero_coefs=3), x, d.targets())
    yield fit("Lars[no-path]", partial(lm.Lars, fit_path=False), x, y)
    yield fit("LassoLars[path]", partial(lm.LassoLars, alpha=0.01), x, y)
    yield fit("LassoLarsIC[bic]", partial(lm.LassoLarsIC, criterion="bic"), x, y)
    yield fit("LarsCV[frame]", partial(lm.LarsCV, cv=3), d.number_frame(), y)
    yield fit(
        "OrthogonalMatchingPursuit[two]",
        partial(lm.OrthogonalMatchingPursuit, n_nonzero_coefs=2),
        x,
        d.targets(),
    )
    yield fit("ARDRegression[scores]", partial(lm.ARDRegression, compute_score=True), x, y)
    yield fit("BayesianRidge[scores]", partial(lm.BayesianRidge, compute_score=True, alpha_init=1.0), x, y)
    yield fit("HuberRegressor[warm-start]", partial(lm.HuberRegressor, epsilon=1.2, warm_start=True), x, y)
    yield fit(
        "TheilSenRegressor[subsamples]",
        partial(lm.TheilSenRegressor, n_subsamples=10, max_subpopulation=50, random_state=0),
        x,
        y,
    )
    yield fit(
        "RANSACRegressor[ridge]",
        lambda: lm.RANSACRegressor(lm.Ridge(), min_samples=0.5, loss="squared_error", random_state=0),
        x,
        y,
    )
    yield fit(
        "QuantileRegressor[0.9]",
        partial(lm.QuantileRegressor, quantile=0.9, alpha=0.01, solver="highs"),
        x,
        y,
    )
    for power in (0, 1.5, 2, 3):
        yield fit(f"TweedieRegressor[{power}]", partial(lm.TweedieRegressor, power=power), x, d.positive_target())
    yield fit("TweedieRegressor[identity-link]", partial(lm.TweedieRegressor, power=0, link="identity"), x, y)
    yield fit(
        "PoissonRegressor[newton]",
        partial(lm.PoissonRegressor, solver="newton-cholesky"),
        x,
        d.positive_target(),
    )
    yield fit("GammaRegressor[warm-start]", partial(lm.GammaRegressor, warm_start=True), x, d.positive_target())
    for kernel in ("linear", "rbf", "polynomial", "laplacian", "sigmoid"):
        yield fit(f"KernelRidge[{kernel}]", partial(KernelRidge, kernel=kernel, gamma=0.1, degree=2), x, d.targets())
    yield fit("KernelRidge[precomputed]", partial(KernelRidge, kernel="precomputed"), d.gram(), y)
    yield fit("KernelRidge[csr]", partial(KernelRidge, kernel="rbf"), d.sparse(), y)


def probabilistic() -> Iterator[Specimen]:
    """Discriminant analysis and naive Bayes."""
    x, y = d.numbers(), d.classes()
    yield fit(
        "LinearDiscriminantAnalysis[lsqr-shrinkage]",
        partial(Lda, solver="lsqr", shrinkage="auto"),
        x,
        d.labels(),
    )
    yield fit("LinearDiscriminantAnalysis[eigen]", partial(Lda, solver="eigen", shrinkage=0.2, n_components=1), x, y)
    yield fit(
        "LinearDiscriminantAnalysis[covariance]",
        partial(Lda, store_covariance=True, priors=[0.2, 0.3, 0.5]),
        x,
        y,
    )
    yield fit("LinearDiscriminantAnalysis[binary]", Lda, x, d.binary())
    yield fit(
        "QuadraticDiscriminantAnalysis[covariance]",
        partial(Qda, store_covariance=True, reg_param=0.1),
        x,
        d.labels(),
    )
    yield fit("GaussianNB[priors]", partial(GaussianNB, priors=np.array([0.2, 0.3, 0.5])), x, d.labels())
    yield fit("MultinomialNB[counts]", partial(MultinomialNB, alpha=0.5), d.counts(), d.labels())
    yield fit("MultinomialNB[alpha-array]", partial(MultinomialNB, alpha=np.linspace(0.1, 1, 6)), d.counts(), y)
    yield fit("MultinomialNB[csr]", partial(MultinomialNB, fit_prior=False), d.sparse(), y)
    yield fit("ComplementNB[norm]", partial(ComplementNB, norm=True), d.counts(), y)
    yield fit("BernoulliNB[no-binarize]", partial(BernoulliNB, binarize=None), (d.counts() > 1) * 1.0, y)
    yield fit("BernoulliNB[csr]", partial(BernoulliNB, binarize=1.5), d.sparse(), d.labels())
    yield fit("CategoricalNB[min-categories]", partial(CategoricalNB, min_categories=8), d.codes(), d.labels())
    yield fit("CategoricalNB[array]", partial(CategoricalNB, min_categories=np.array([4, 6, 3])), d.codes(), y)


def dummies() -> Iterator[Specimen]:
    """Dummies, isotonic regression and partial least squares."""
    x = d.numbers()
    for strategy in ("most_frequent", "prior", "stratified", "uniform"):
        dummy = partial(DummyClassifier, strategy=strategy, random_state=3)
        yield fit(f"DummyClassifier[{strategy}]", dummy, x, d.labels())
        yield fit(f"DummyClassifier[{strategy}-two-outputs]", dummy, x, d.multiclass_outputs())
    yield fit(
        "DummyClassifier[constant]",
        partial(DummyClassifier, strategy="constant", constant="Birne"),
        x,
        d.labels(),
    )
    yield fit("DummyClassifier[csr-target]", partial(DummyClassifier, strategy="most_frequent"), x, _sparse_target())
    yield fit("DummyRegressor[median]", partial(DummyRegressor, strategy="median"), x, d.targets())
    yield fit("DummyRegressor[quantile]", partial(DummyRegressor, strategy="quantile", quantile=0.8), x, d.target())
    yield fit(
        "DummyRegressor[constant]",
        partial(DummyRegressor, strategy="constant", constant=[1, 2]),
        x,
        d.targets(),
    )
    for bounds in ("clip", "nan", "raise"):
        isotonic = partial(IsotonicRegression, out_of_bounds=bounds, increasing="auto")
        yield fit(f"IsotonicRegression[{bounds}]", isotonic, d.line(), d.target(), inputs=d.line() * 1.3)
    yield fit(
        "IsotonicRegression[bounded]",
        partial(IsotonicRegression, y_min=-1.0, y_max=1.0),
        d.column(),
        d.target(),
    )
    yield fit(
        "IsotonicRegression[float32]",
        partial(IsotonicRegression, increasing=False),
        d.single()[:, 0],
        d.target(),
    )
    yield fit(
        "IsotonicRegression[two-values]",
        partial(IsotonicRegression, out_of_bounds="clip"),
        np.array([1.0, 1.0, 2.0]),
        np.array([0.0, 1.0, 3.0]),
    )
    yield fit(
        "IsotonicRegression[one-value]",
        partial(IsotonicRegression, out_of_bounds="clip"),
        np.array([1.0, 1.0]),
        np.array([0.0, 1.0]),
    )
    yield fit("PLSRegression[two]", partial(PLSRegression, n_components=2), x, d.targets())
    yield fit(
        "PLSRegression[one-target-frame]",
        partial(PLSRegression, n_components=2),
        d.number_frame(),
        d.target(),
    )
    yield fit("PLSCanonical[svd]", partial(PLSCanonical, algorithm="svd", n_components=2), x, d.targets())
    yield fit("CCA[unscaled]", partial(CCA, scale=False, n_components=2), x, d.targets())


def _sparse_target() -> object:
    import scipy.sparse as sp

    return sp.csc_matrix(d.multilabel())


def linear() -> Iterator[Specimen]:
    """All of this module."""
    yield from classifiers()
    yield from stochastic()
    yield from regressors()
    yield from probabilistic()
    yield from dummies()
    if SKLEARN < (1, 8):  # what these answer no newer version has
        logistic, x = lm.LogisticRegression, d.numbers()
        yield fit("LogisticRegression[ovr]", partial(logistic, multi_class="ovr"), x, d.classes())
        yield fit("LogisticRegression[ovr-binary]", partial(logistic, multi_class="ovr"), x, d.binary())
        yield fit("LogisticRegression[multinomial-binary]", partial(logistic, multi_class="multinomial"), x, d.binary())
        yield fit("LogisticRegression[liblinear-three]", partial(logistic, solver="liblinear"), x, d.classes())
    if SKLEARN >= (1, 8):
        yield fit(
            "LogisticRegression[l1-ratio-1]",
            partial(lm.LogisticRegression, l1_ratio=1.0, solver="saga", max_iter=50, random_state=0),
            d.numbers(),
            d.classes(),
        )
