"""Decompositions: a table projected on components, and back."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from amber.programs.emit.decide import dense, finite
from amber.programs.emit.flow import Answer, Context, Methods, emits, inverts, scores
from amber.programs.emit.graph import Tensor, Unsupported
from amber.programs.emit.pairwise import fitted_kernel
from amber.programs.emit.values import Matrix, Sparse, Value
from amber.programs.emit.view import View

Array = np.ndarray[Any, Any]


def floats(values: Any) -> Array:
    """Return an attribute as float64."""
    return np.asarray(values, dtype=np.float64)


def inverse_of(matrix: Array) -> Array:
    """Return the inverse, by SciPy where it is installed: of matrices near to singular its noise is the original's."""
    try:
        from scipy import linalg
    except ImportError:
        return floats(np.linalg.inv(matrix))
    return floats(linalg.inv(matrix))


def projected(c: Context, X: Value, components: Array) -> Tensor:
    """Return the rows of `X`, all finite, on the rows of `components`."""
    return c.product(finite(X, c), components.T)


@emits("sklearn.decomposition.PCA", "sklearn.decomposition.IncrementalPCA")
def pca(e: View, X: Value, c: Context) -> Methods:
    """X V - m V, divided by the standard deviations where whitened; the log-likelihood of the probabilistic model."""
    components, mean = floats(e["components_"]), floats(e["mean_"])

    def transform() -> Answer:
        found = projected(c, X, components) - mean.reshape(1, -1) @ components.T
        if e["whiten"]:
            found = found / np.maximum(np.sqrt(floats(e["explained_variance_"])), np.finfo(np.float64).eps)
        return Matrix(found, len(components))

    def score_samples() -> Answer:
        if isinstance(X, Sparse):
            raise Unsupported("score_samples of PCA takes no sparse rows")
        return scores(log_likelihood(c, X, mean, pca_precision(e)))

    return {"transform": transform, "score_samples": score_samples}


def log_likelihood(c: Context, X: Value, mean: Array, precision: Array) -> Tensor:
    """Return the logarithm of a normal density for each row."""
    centred = c.require(c.matrix(X)).tensor - mean
    found = c.graph.sum(centred * (centred @ c.graph.const(precision)), 1) * -0.5
    sign, logarithm = np.linalg.slogdet(precision)
    determinant = logarithm if sign > 0 else -np.inf
    return found - 0.5 * (len(mean) * math.log(2.0 * np.pi) - determinant)


def pca_precision(e: View) -> Array:
    """Return the inverse of the covariance that the model of a PCA implies."""
    components, variance, noise = (
        floats(e["components_"]),
        floats(e["explained_variance_"]),
        float(e["noise_variance_"]),
    )
    features = components.shape[1]
    if int(e["n_components_"]) == 0:
        return np.eye(features) / noise
    if noise == 0.0:
        return inverse_of(_pca_covariance(e))
    if e["whiten"]:
        components = components * np.sqrt(variance[:, np.newaxis])
    above = np.where(variance > noise, variance - noise, 0.0)
    precision = components @ components.T / noise
    with np.errstate(divide="ignore"):
        precision[np.diag_indices_from(precision)] += 1.0 / above
    precision = components.T @ inverse_of(precision) @ components
    precision /= -(noise**2)
    precision[np.diag_indices_from(precision)] += 1.0 / noise
    return floats(precision)


def _pca_covariance(e: View) -> Array:
    components, variance, noise = (
        floats(e["components_"]),
        floats(e["explained_variance_"]),
        float(e["noise_variance_"]),
    )
    if e["whiten"]:
        components = components * np.sqrt(variance[:, np.newaxis])
    above = np.where(variance > noise, variance - noise, 0.0)
    covariance = (components.T * above) @ components
    covariance[np.diag_indices_from(covariance)] += noise
    return floats(covariance)


@inverts("sklearn.decomposition.PCA", "sklearn.decomposition.IncrementalPCA")
def pca_inverse(e: View, X: Matrix, c: Context) -> Value:
    """The components weighted by what `transform` gave, plus the mean."""
    components = floats(e["components_"])
    if e["whiten"]:
        components = np.sqrt(floats(e["explained_variance_"])[:, np.newaxis]) * components
    return Matrix(c.require(X).tensor @ c.graph.const(components) + floats(e["mean_"]), components.shape[1])


@emits("sklearn.decomposition.TruncatedSVD")
def truncated_svd(e: View, X: Value, c: Context) -> Methods:
    """X V."""
    components = floats(e["components_"])
    return {"transform": lambda: Matrix(projected(c, X, components), len(components))}


@inverts("sklearn.decomposition.TruncatedSVD")
def truncated_svd_inverse(e: View, X: Matrix, c: Context) -> Value:
    """The components weighted by what `transform` gave."""
    components = floats(e["components_"])
    return Matrix(c.require(X).tensor @ c.graph.const(components), components.shape[1])


@emits("sklearn.decomposition.FactorAnalysis")
def factor_analysis(e: View, X: Value, c: Context) -> Methods:
    """The expected mean of the latent variables; the log-likelihood."""
    components, mean, noise = floats(e["components_"]), floats(e["mean_"]), floats(e["noise_variance_"])

    def transform() -> Answer:
        weights = components / noise
        covariance = inverse_of(np.eye(len(components)) + weights @ components.T)
        centred = c.require(c.matrix(X)).tensor - mean
        return Matrix((centred @ c.graph.const(weights.T)) @ c.graph.const(covariance), len(components))

    def score_samples() -> Answer:
        return scores(log_likelihood(c, X, mean, _factor_precision(e, components, noise)))

    return {"transform": transform, "score_samples": score_samples}


def _factor_precision(e: View, components: Array, noise: Array) -> Array:
    if e["n_components"] == 0:
        return np.diag(1.0 / noise)
    if e["n_components"] == components.shape[1]:
        return floats(inverse_of(components.T @ components + np.diag(noise)))
    precision = (components / noise) @ components.T
    precision[np.diag_indices_from(precision)] += 1.0
    precision = components.T @ (inverse_of(precision) @ components)
    precision = precision / noise[:, np.newaxis] / -noise[np.newaxis, :]
    precision[np.diag_indices_from(precision)] += 1.0 / noise
    return floats(precision)


@emits("sklearn.decomposition.FastICA")
def fast_ica(e: View, X: Value, c: Context) -> Methods:
    """The rows, centred where whitened, times the unmixing matrix."""

    def transform() -> Answer:
        components = floats(e["components_"])
        whole = c.require(c.matrix(X)).tensor
        centred = whole - floats(e["mean_"]) if e["whiten"] else whole
        return Matrix(centred @ c.graph.const(components.T), len(components))

    return {"transform": transform}


@inverts("sklearn.decomposition.FastICA")
def fast_ica_inverse(e: View, X: Matrix, c: Context) -> Value:
    """The sources times the mixing matrix, plus the mean."""
    mixing = floats(e["mixing_"])
    found = c.require(X).tensor @ c.graph.const(mixing.T)
    return Matrix(found + floats(e["mean_"]) if e["whiten"] else found, len(mixing))


@emits("sklearn.decomposition.KernelPCA")
def kernel_pca(e: View, X: Value, c: Context) -> Methods:
    """The kernel with the training rows, centred, on the scaled eigenvectors."""

    def transform() -> Answer:
        whole = c.require(c.matrix(X))
        kept = floats(dense(e["X_fit_"]))
        found = fitted_kernel(c, e, whole.tensor, kept, e.get("gamma_", e.get("gamma")))
        c.require(Matrix(found, len(kept)))
        centred = kernel_centred(e["_centerer"], found, len(kept), c)
        values, vectors = floats(e["eigenvalues_"]), floats(e["eigenvectors_"])
        scaled = np.zeros_like(vectors)
        some = np.flatnonzero(values)
        scaled[:, some] = vectors[:, some] / np.sqrt(values[some])
        return Matrix(centred @ c.graph.const(scaled), len(values))

    return {"transform": transform}


def kernel_centred(centerer: View, found: Tensor, rows: int, c: Context) -> Tensor:
    """Return a kernel matrix [N, M] centred in the space of the kernel."""
    mean = c.graph.sum(found, 1, keep=True) / float(rows)
    return (found - floats(centerer["K_fit_rows_"])) - mean + float(centerer["K_fit_all_"])


@inverts("sklearn.decomposition.KernelPCA")
def kernel_pca_inverse(e: View, X: Matrix, c: Context) -> Value:
    """The learned pre-image: a kernel with the transformed training rows, times the dual coefficients."""
    if not e["fit_inverse_transform"]:
        known = X.tensor.equal(X.tensor)
        c.refuse(known | ~known)  # the original refuses every row
        return X
    dual = floats(e["dual_coef_"])
    found = fitted_kernel(c, e, c.require(X).tensor, floats(e["X_transformed_fit_"]), e.get("gamma_", e.get("gamma")))
    return Matrix(found @ c.graph.const(dual), dual.shape[1])


@emits("sklearn.decomposition.SparsePCA", "sklearn.decomposition.MiniBatchSparsePCA")
def sparse_pca(e: View, X: Value, c: Context) -> Methods:
    """Ridge regression of each row on the components: (V V' + a) U = V X'."""

    def transform() -> Answer:
        components = floats(e["components_"])
        gram = components @ components.T
        gram[np.diag_indices_from(gram)] += float(e["ridge_alpha"])
        centred = c.require(c.matrix(X)).tensor - floats(e["mean_"])
        solution = np.linalg.solve(gram, components).T
        return Matrix(centred @ c.graph.const(solution), len(components))

    return {"transform": transform}


@inverts("sklearn.decomposition.SparsePCA", "sklearn.decomposition.MiniBatchSparsePCA")
def sparse_pca_inverse(e: View, X: Matrix, c: Context) -> Value:
    """The components weighted by what `transform` gave, plus the mean."""
    components = floats(e["components_"])
    return Matrix(c.require(X).tensor @ c.graph.const(components) + floats(e["mean_"]), components.shape[1])


@inverts("sklearn.decomposition.NMF", "sklearn.decomposition.MiniBatchNMF")
def nmf_inverse(e: View, X: Matrix, c: Context) -> Value:
    """The components weighted by what `transform` gave."""
    components = floats(e["components_"])
    return Matrix(c.require(X).tensor @ c.graph.const(components), components.shape[1])


@emits("sklearn.decomposition.NMF", "sklearn.decomposition.MiniBatchNMF")
def nmf(e: View, X: Value, c: Context) -> Methods:
    """No form: the weights are searched for by steps whose number depends on all rows of a request together."""
    return {"transform": _iterated}


@emits("sklearn.decomposition.LatentDirichletAllocation")
def latent_dirichlet(e: View, X: Value, c: Context) -> Methods:
    """No form: the topics of a text are searched for by steps until they change little."""
    return {"transform": _iterated}


def _iterated() -> Answer:
    raise Unsupported("transform searches by steps until little changes, which depends on all rows of a request")


@emits(
    "sklearn.decomposition.DictionaryLearning",
    "sklearn.decomposition.MiniBatchDictionaryLearning",
    "sklearn.decomposition.SparseCoder",
)
def sparse_coding(e: View, X: Value, c: Context) -> Methods:
    """Products with the atoms, shrunk by a threshold; the other algorithms search row by row and have no form."""

    def transform() -> Answer:
        atoms, algorithm = _atoms(e), e["transform_algorithm"]
        if algorithm != "threshold":
            raise Unsupported(f"transform by {algorithm!r} searches the atoms of each row by steps")
        g = c.graph
        product = projected(c, X, atoms)
        positive = bool(e["positive_code"])
        shrunk = g.op("Max", (product if positive else g.op("Abs", product)) - _alpha(e), g.const(0.0))
        code = shrunk if positive else g.op("Sign", product) * shrunk
        if e["split_sign"]:
            code = g.concat([g.op("Max", code, g.const(0.0)), -g.op("Min", code, g.const(0.0))])
        return Matrix(code, len(atoms) * (2 if e["split_sign"] else 1))

    return {"transform": transform}


def _atoms(e: View) -> Array:
    return floats(e["components_"] if "components_" in e else e["dictionary"])


def _alpha(e: View) -> float:
    """Return the threshold: that of the transform, or of the fit; one where neither is given."""
    given = e.get("alpha") if e["transform_alpha"] is None else e["transform_alpha"]
    return 1.0 if given is None else float(given)


@inverts(
    "sklearn.decomposition.DictionaryLearning",
    "sklearn.decomposition.MiniBatchDictionaryLearning",
    "sklearn.decomposition.SparseCoder",
)
def sparse_coding_inverse(e: View, X: Matrix, c: Context) -> Value:
    """The atoms weighted by their codes; two halves of a code are one less the other."""
    g, atoms, code = c.graph, _atoms(e), c.require(X).tensor
    if e["split_sign"]:
        half = len(atoms)
        code = g.columns(code, range(half)) - g.columns(code, range(half, 2 * half))
    return Matrix(code @ g.const(atoms), atoms.shape[1])
