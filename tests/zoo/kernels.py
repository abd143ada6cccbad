"""Support vector machines, Gaussian processes, kernel approximations and neural networks."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
import sklearn.gaussian_process.kernels as k
import sklearn.kernel_approximation as ka
from sklearn.gaussian_process import GaussianProcessClassifier, GaussianProcessRegressor
from sklearn.neural_network import BernoulliRBM, MLPClassifier, MLPRegressor
from sklearn.svm import SVC, SVR, LinearSVC, LinearSVR, NuSVC, NuSVR, OneClassSVM

from tests.zoo import data as d
from tests.zoo.specimen import Specimen, fit


def machines() -> Iterator[Specimen]:
    """Support vector machines."""
    x, y, z, s = d.numbers(), d.classes(), d.target(), d.sparse()
    for kernel in ("linear", "poly", "rbf", "sigmoid"):
        yield fit(f"SVC[{kernel}]", partial(SVC, kernel=kernel, degree=2), x, d.labels())
        yield fit(f"SVC[{kernel}-csr]", partial(SVC, kernel=kernel, degree=2), s, y)
    yield fit("SVC[probability]", partial(SVC, probability=True, random_state=0), x, d.labels())
    yield fit("SVC[probability-csr]", partial(SVC, probability=True, random_state=0), s, d.binary())
    yield fit("SVC[one-vs-one]", partial(SVC, decision_function_shape="ovo", break_ties=False), x, y)
    yield fit("SVC[break-ties]", partial(SVC, break_ties=True), x, y)
    yield fit("SVC[class-weight]", partial(SVC, class_weight={"apple": 3.0}, gamma="auto"), x, d.labels())
    yield fit("SVC[precomputed-labels]", partial(SVC, kernel="precomputed"), d.gram(), d.labels())
    yield fit("SVC[binary-frame]", partial(SVC, gamma=0.1), d.number_frame(), d.binary())
    yield fit("SVC[weights]", SVC, x, y, sample_weight=d.weights())
    yield fit("NuSVC[probability]", partial(NuSVC, nu=0.3, probability=True, random_state=0), x, d.labels())
    yield fit("NuSVC[csr]", partial(NuSVC, nu=0.3), s, y)
    yield fit("SVR[poly-csr]", partial(SVR, kernel="poly"), s, z)
    yield fit("SVR[rbf]", partial(SVR, C=2.0, epsilon=0.2), x, z)
    yield fit("NuSVR[csr]", partial(NuSVR, nu=0.3), s, z)
    yield fit("OneClassSVM[poly]", partial(OneClassSVM, kernel="poly", nu=0.2), x)
    yield fit("OneClassSVM[csr]", partial(OneClassSVM, nu=0.2), s)
    yield fit("LinearSVC[l1]", partial(LinearSVC, penalty="l1", dual=False, random_state=0), x, d.labels())
    yield fit(
        "LinearSVC[crammer]",
        partial(LinearSVC, multi_class="crammer_singer", max_iter=50, random_state=0),
        x,
        y,
    )
    yield fit("LinearSVC[csr]", partial(LinearSVC, loss="hinge", max_iter=50, random_state=0), s, y)
    yield fit("LinearSVR[squared]", partial(LinearSVR, loss="squared_epsilon_insensitive", dual=False), x, z)


def processes() -> Iterator[Specimen]:
    """Gaussian processes with composed kernels."""
    x, z = d.numbers()[:40], d.target()[:40]
    kernels: dict[str, k.Kernel] = {
        "sum": k.RBF(2.0) + k.WhiteKernel(0.5),
        "product": k.ConstantKernel(2.0) * k.Matern(1.5, nu=1.5),
        "exponentiation": k.DotProduct(1.0) ** 2 + k.WhiteKernel(1.0),
        "quadratic": k.RationalQuadratic(1.0, 0.5, alpha_bounds=(1e-2, 1e3)) + 0.1,
        "periodic": k.ExpSineSquared(1.0, 2.0, periodicity_bounds="fixed") * k.RBF([1.0] * 5),
        "pairwise": k.PairwiseKernel(metric="laplacian", gamma=0.1) + k.WhiteKernel(),
        "nested": (k.RBF(1.0) + k.DotProduct()) * (k.ConstantKernel(1.0, "fixed") + k.Matern(nu=0.5)),
        "matern-inf": k.Matern(nu=np.inf) + k.WhiteKernel(noise_level_bounds=(1e-3, 10.0)),
        "shared": _shared_kernel(),
    }
    for name, kernel in kernels.items():
        process = partial(GaussianProcessRegressor, kernel, alpha=1e-6, random_state=0, normalize_y=True)
        yield fit(f"GaussianProcessRegressor[{name}]", process, x, z)
    yield fit(
        "GaussianProcessRegressor[two-outputs]",
        partial(GaussianProcessRegressor, alpha=0.1),
        x,
        d.targets()[:40],
    )
    yield fit(
        "GaussianProcessRegressor[alpha-array]",
        partial(GaussianProcessRegressor, alpha=np.full(40, 0.1), optimizer=None),
        x,
        z,
    )
    yield fit(
        "GaussianProcessRegressor[restarts]",
        partial(GaussianProcessRegressor, k.RBF() + k.WhiteKernel(), n_restarts_optimizer=1, random_state=0),
        x,
        z,
    )
    mixed = k.ConstantKernel() * k.RBF() + k.WhiteKernel()
    yield fit(
        "GaussianProcessClassifier[binary]",
        partial(GaussianProcessClassifier, mixed, random_state=0),
        x,
        d.binary()[:40],
    )
    yield fit(
        "GaussianProcessClassifier[one-vs-one]",
        partial(GaussianProcessClassifier, k.RBF(), multi_class="one_vs_one", optimizer=None),
        x,
        d.labels()[:40],
    )
    yield fit(
        "GaussianProcessClassifier[string-labels]",
        partial(GaussianProcessClassifier, 1.0 * k.RBF(), optimizer=None),
        x,
        d.labels()[:40],
    )


def _shared_kernel() -> k.Kernel:
    part = k.RBF(1.5)
    return part * part + k.WhiteKernel(0.1)


def approximations() -> Iterator[Specimen]:
    """Kernel approximations."""
    x = d.numbers()
    for kernel in ("rbf", "poly", "cosine", "laplacian"):
        yield fit(f"Nystroem[{kernel}]", partial(ka.Nystroem, kernel=kernel, n_components=8, random_state=0), x)
    yield fit(
        "Nystroem[csr-params]",
        partial(ka.Nystroem, kernel="sigmoid", coef0=0.5, gamma=0.1, n_components=6, random_state=0),
        d.sparse(),
    )
    yield fit("RBFSampler[scale]", partial(ka.RBFSampler, gamma="scale", n_components=7, random_state=0), x)
    yield fit(
        "PolynomialCountSketch[degree-3]",
        partial(ka.PolynomialCountSketch, degree=3, n_components=10, coef0=1, random_state=0),
        x,
    )
    yield fit(
        "SkewedChi2Sampler[skew]",
        partial(ka.SkewedChi2Sampler, skewedness=0.5, n_components=6, random_state=0),
        d.positive(),
    )
    yield fit(
        "AdditiveChi2Sampler[steps]",
        partial(ka.AdditiveChi2Sampler, sample_steps=3, sample_interval=0.4),
        d.sparse(),
    )


def networks() -> Iterator[Specimen]:
    """Neural networks."""
    x = d.numbers()
    for solver in ("adam", "sgd", "lbfgs"):
        net = partial(MLPClassifier, (8, 4), solver=solver, max_iter=12, random_state=0)
        yield fit(f"MLPClassifier[{solver}]", net, x, d.labels())
    net = partial(MLPClassifier, (6,), max_iter=10, random_state=0)
    yield fit("MLPClassifier[early-stopping]", partial(net, early_stopping=True, n_iter_no_change=2), x, d.labels())
    yield fit("MLPClassifier[multilabel-tanh]", partial(net, activation="tanh"), x, d.multilabel())
    yield fit("MLPClassifier[binary-logistic]", partial(net, activation="logistic", warm_start=True), x, d.binary())
    yield fit("MLPClassifier[csr-float32]", net, d.sparse().astype(np.float32), d.classes())
    yield fit(
        "MLPRegressor[sgd-nesterov]",
        partial(
            MLPRegressor,
            hidden_layer_sizes=(5,),
            solver="sgd",
            learning_rate="adaptive",
            max_iter=10,
            learning_rate_init=1e-3,
            random_state=0,
        ),
        x,
        d.targets(),
    )
    yield fit(
        "MLPRegressor[early-stopping]",
        partial(MLPRegressor, hidden_layer_sizes=[5, 3], early_stopping=True, max_iter=10, random_state=0),
        x,
        d.target(),
    )
    yield fit(
        "MLPRegressor[identity-array-sizes]",
        partial(
            MLPRegressor,
            hidden_layer_sizes=np.array([4, 3]),
            activation="identity",
            solver="lbfgs",
            max_iter=10,
            random_state=0,
        ),
        x,
        d.target(),
    )
    yield fit("BernoulliRBM[csr]", partial(BernoulliRBM, 4, n_iter=3, random_state=0), d.sparse() > 1.5)


def kernels() -> Iterator[Specimen]:
    """All of this module."""
    yield from machines()
    yield from processes()
    yield from approximations()
    yield from networks()
