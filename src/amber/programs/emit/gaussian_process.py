"""Gaussian processes: the kernel with the training rows, times what was solved for; two classes by Laplace."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from amber.programs.emit.decide import by_sign, pair
from amber.programs.emit.dummy import repeated
from amber.programs.emit.flow import Answer, Context, Methods, emits, scores
from amber.programs.emit.graph import Graph, Tensor, Unsupported
from amber.programs.emit.pairwise import dense, kernel, row_norms, squared_decaying, squared_direct
from amber.programs.emit.values import Matrix, Value
from amber.programs.emit.view import View

Array = np.ndarray[Any, Any]
_M = "sklearn.gaussian_process."
# The logistic function as a sum of five error functions (Williams and Barber), as the original has it.
_LAMBDAS = np.array([0.41, 0.4, 0.37, 0.44, 0.39])
_FACTORS = np.array([-1854.8214151, 3516.89893646, 221.29346712, 128.12323805, -2010.49422654])


@dataclass(frozen=True)
class Pairs:
    """The rows of a request [N, d] and stored ones [S, d]; `weight`: by how much an answer moves with a kernel."""

    x: Tensor
    rows: Array
    c: Context
    weight: float = math.inf

    @property
    def graph(self) -> Graph:
        """The graph."""
        return self.c.graph


def _scaled(e: View, p: Pairs) -> tuple[Tensor, Array]:
    """Return both rows in units of the length scale."""
    length = np.asarray(e["length_scale"], dtype=np.float64)
    return p.x / length, p.rows / length


def _rbf(e: View, p: Pairs) -> Tensor:
    x, rows = _scaled(e, p)
    direct = p.graph.precision == "float32" or p.weight == math.inf
    away = squared_direct(p.c, x, rows) if direct else squared_decaying(p.c, x, rows, 0.5, p.weight)
    return p.graph.op("Exp", away * -0.5)


def _matern(e: View, p: Pairs) -> Tensor:
    g, nu = p.graph, float(e["nu"])
    squared = squared_direct(p.c, *_scaled(e, p))
    if nu == math.inf:
        return g.op("Exp", -(squared / 2.0))
    if nu not in (0.5, 1.5, 2.5):
        raise Unsupported(f"a Matern kernel with nu={nu!r}")
    away = g.op("Sqrt", squared) * math.sqrt(2 * nu)
    if nu == 0.5:
        return g.op("Exp", -away)
    factor = 1.0 + away if nu == 1.5 else 1.0 + away + away * away / 3.0
    return factor * g.op("Exp", -away)


def _rational(e: View, p: Pairs) -> Tensor:
    alpha, length = float(e["alpha"]), float(np.ravel(e["length_scale"])[0])
    base = 1.0 + squared_direct(p.c, p.x, p.rows) / (2.0 * alpha * length**2)
    return p.graph.op("Pow", base, p.graph.const(-alpha))


def _periodic(e: View, p: Pairs) -> Tensor:
    g = p.graph
    away = g.op("Sqrt", squared_direct(p.c, p.x, p.rows))
    wave = g.op("Sin", away * (math.pi / float(e["periodicity"]))) / float(e["length_scale"])
    return g.op("Exp", wave * wave * -2.0)


def _dot(e: View, p: Pairs) -> Tensor:
    product: Tensor = p.x @ p.rows.T
    return product + float(e["sigma_0"]) ** 2


def _constant(e: View, p: Pairs) -> Tensor:
    return p.graph.const(float(e["constant_value"]))


def _white(e: View, p: Pairs) -> Tensor:
    return p.graph.const(0.0)  # noise is in the training rows alone


def _sum(e: View, p: Pairs) -> Tensor:
    terms = [covariance(e[k], p) for k in ("k1", "k2") if e[k].name != "WhiteKernel"]
    return functools.reduce(lambda left, right: left + right, terms) if terms else _white(e, p)


def _product(e: View, p: Pairs) -> Tensor:
    return covariance(e["k1"], p) * covariance(e["k2"], p)


def _exponentiation(e: View, p: Pairs) -> Tensor:
    return p.graph.op("Pow", covariance(e["kernel"], p), p.graph.const(float(e["exponent"])))


def _pairwise(e: View, p: Pairs) -> Tensor:
    if e["pairwise_kernels_kwargs"]:
        raise Unsupported("a pairwise kernel with settings of its own")
    return kernel(p.c, p.x, p.rows, e["metric"], float(e["gamma"]))


_KERNELS: dict[str, Callable[[View, Pairs], Tensor]] = {
    "RBF": _rbf, "Matern": _matern, "RationalQuadratic": _rational, "ExpSineSquared": _periodic, "DotProduct": _dot,
    "ConstantKernel": _constant, "WhiteKernel": _white, "Sum": _sum, "Product": _product,
    "Exponentiation": _exponentiation, "PairwiseKernel": _pairwise,
}  # fmt: skip


def covariance(e: View, p: Pairs) -> Tensor:
    """Return a kernel between the rows of a request [N, d] and stored ones: [N, S], or a number for all of them.

    Raises:
        Unsupported: The kernel has no form as a graph.
    """
    if not e.type.startswith(_M) or e.name not in _KERNELS:
        raise Unsupported(f"the kernel {e.name}")
    return _KERNELS[e.name](e, p)


def largest(e: View) -> float:
    """Return what no value of a kernel exceeds; infinity where nothing bounds it."""
    if e.name in ("RBF", "Matern", "RationalQuadratic", "ExpSineSquared"):
        return 1.0
    if e.name in ("ConstantKernel", "WhiteKernel"):
        return abs(float(e["constant_value"])) if e.name == "ConstantKernel" else 0.0
    if e.name in ("Sum", "Product"):
        left, right = largest(e["k1"]), largest(e["k2"])
        return left + right if e.name == "Sum" else left * right
    return math.inf


def _is_number(e: View) -> bool:
    """Whether a kernel is one number for all rows."""
    if e.name in ("Sum", "Product"):
        return _is_number(e["k1"]) and _is_number(e["k2"])
    return e.name in ("ConstantKernel", "WhiteKernel") or (e.name == "Exponentiation" and _is_number(e["kernel"]))


def variance(e: View, x: Tensor, c: Context) -> Tensor:
    """Return a kernel of each row with itself: [N, 1], or a number for all of them.

    Raises:
        Unsupported: The kernel has no form as a graph.
    """
    g = c.graph
    if e.name in ("RBF", "Matern", "RationalQuadratic", "ExpSineSquared"):
        return g.const(1.0)
    if e.name in ("ConstantKernel", "WhiteKernel"):
        return g.const(float(e["constant_value" if e.name == "ConstantKernel" else "noise_level"]))
    if e.name == "DotProduct":
        return row_norms(c, x) + float(e["sigma_0"]) ** 2
    if e.name in ("Sum", "Product"):
        left, right = variance(e["k1"], x, c), variance(e["k2"], x, c)
        return left + right if e.name == "Sum" else left * right
    if e.name == "Exponentiation":
        return g.op("Pow", variance(e["kernel"], x, c), g.const(float(e["exponent"])))
    raise Unsupported(f"the variance of the kernel {e.name}")


def with_training(e: View, x: Tensor, c: Context, weight: float = math.inf) -> Tensor:
    """Return the kernel with the training rows, [N, S]; `weight` as in `Pairs`."""
    rows, fitted = dense(e["X_train_"], "a Gaussian process"), e["kernel_"]
    found = covariance(fitted, Pairs(x, rows, c, weight))
    return found + repeated(np.zeros(len(rows)), Matrix(x, rows.shape[1]), c) if _is_number(fitted) else found


def _weight(e: View, alpha: Array) -> float:
    """Return by how much an answer moves, in units of the training targets, when each kernel moves by its largest."""
    scale, most = np.abs(e["y_train_"]).max(initial=0.0), largest(e["kernel_"])
    return float(np.abs(alpha).sum(axis=0).max() / scale) * most if 0.0 < most < math.inf and scale else math.inf


@emits(_M + "GaussianProcessRegressor")
def regressor(e: View, X: Value, c: Context) -> Methods:
    """The mean of the process."""
    x = c.require(c.matrix(X)).tensor

    def predict() -> Answer:
        if "X_train_" not in e:
            raise Unsupported("a Gaussian process that was not fitted")
        alpha = np.asarray(e["alpha_"])
        mean = with_training(e, x, c, _weight(e, alpha)) @ (alpha if alpha.ndim == 2 else alpha[:, None])
        mean = np.asarray(e["_y_train_std"]) * mean + np.asarray(e["_y_train_mean"])
        return scores(mean if alpha.ndim == 2 and alpha.shape[1] > 1 else c.graph.squeeze(mean))

    return {"predict": predict}


@emits(_M + "GaussianProcessClassifier")
def classifier(e: View, X: Value, c: Context) -> Methods:
    """Two classes by Laplace's method; more by one against the rest, or in pairs."""
    x = c.require(c.matrix(X))
    found = dict(c.methods(e["base_estimator_"], x))
    found.pop("decision_function", None)
    if e["multi_class"] == "one_vs_one" and int(e["n_classes_"]) > 2:
        found.pop("predict_proba", None)
    return found


@emits("sklearn:gaussian_process.BinaryGaussianProcessClassifierLaplace")
def laplace(e: View, X: Value, c: Context) -> Methods:
    """The sign of the mean of the latent function; its probability with the variance of it."""
    g, x = c.graph, c.matrix(X).tensor
    known = functools.cache(lambda: with_training(e, x, c))
    residual = np.asarray(e["y_train_"] - e["pi_"], dtype=np.float64)
    mean = functools.cache(lambda: known() @ residual[:, None])

    def proba() -> Answer:
        solved = np.linalg.inv(np.asarray(e["L_"])) * np.asarray(e["W_sr_"])
        v = known() @ solved.T
        spread = variance(e["kernel_"], x, c) - row_norms(c, v)
        alpha = 1.0 / (spread * 2.0)
        bent = error_function(mean() * _LAMBDAS * g.op("Sqrt", alpha / (alpha + _LAMBDAS**2)), c)
        integral = g.op("Sqrt", math.pi / alpha) * bent / (g.op("Sqrt", spread * (2.0 * math.pi)) * 2.0)
        return scores(pair(g.sum(integral * _FACTORS, 1) + 0.5 * float(_FACTORS.sum())))

    return {"predict": lambda: by_sign(g.squeeze(mean()), e["classes_"]), "predict_proba": proba}


_NEAR = (
    (9.60497373987051638749, 90.0260197203842689217, 2232.00534594684319226, 7003.32514112805075473,
     55592.3013010394962768),
    (1.0, 33.5617141647503099647, 521.357949780152679795, 4594.32382970980127987, 22629.0000613890934246,
     49267.3942608635921086),
)  # fmt: skip
_FAR = (
    (2.46196981473530512524e-10, 0.564189564831068821977, 7.46321056442269912687, 48.6371970985681366614,
     196.520832956077098242, 526.445194995477358631, 934.528527171957607540, 1027.55188689515710272,
     557.535335369399327526),
    (1.0, 13.2281951154744992508, 86.7072140885989742329, 354.937778887819891062, 975.708501743205489753,
     1823.90916687909736289, 2246.33760818710981792, 1656.66309194161350182, 557.535340817727675546),
)  # fmt: skip


def error_function(x: Tensor, c: Context) -> Tensor:
    """Return erf(x) to the last bits, by rational functions of the Cephes library; `Erf` has no kernel in double."""
    g = c.graph
    away = g.op("Min", g.op("Abs", x), g.const(6.0))  # one to the last bit from there on
    near = x * _ratio(x * x, _NEAR)
    tail = 1.0 - g.op("Exp", -(away * away)) * _ratio(away, _FAR)
    return g.where(away <= 1.0, near, g.where(x < 0.0, -tail, tail))


def _ratio(x: Tensor, both: tuple[tuple[float, ...], tuple[float, ...]]) -> Tensor:
    """Return one polynomial over another, highest power first."""
    above, below = (functools.reduce(lambda value, factor: value * x + factor, p[2:], x * p[0] + p[1]) for p in both)
    return above / below
