"""Scalers, power and quantile transforms, bins: every method equals the original's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    Binarizer,
    KBinsDiscretizer,
    KernelCenterer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)

from tests.unit.programs.emit.harness import compare, wrong

RNG = np.random.default_rng(0)
X = RNG.normal(size=(150, 5)) * [1, 10, 1e-3, 1e6, 1] + [0, 5, 0, 1.7e9, 0]
X[:, 4] = np.round(X[:, 4])
MISSING = X.copy()
MISSING[::7, 1] = np.nan
POSITIVE = np.abs(X) + 0.1
SPARSE = sp.random(80, 12, density=0.3, random_state=0, format="csr")

EXACT = [
    StandardScaler(),
    StandardScaler(with_mean=False),
    StandardScaler(with_std=False),
    StandardScaler(with_mean=False, with_std=False),
    MinMaxScaler(),
    MinMaxScaler(feature_range=(-2, 3), clip=True),
    MaxAbsScaler(),
    RobustScaler(),
    RobustScaler(with_centering=False, unit_variance=True),
    RobustScaler(with_scaling=False),
    Binarizer(),
    Binarizer(threshold=0.5),
    Normalizer(norm="max"),
    KBinsDiscretizer(encode="ordinal", quantile_method="averaged_inverted_cdf"),
    KBinsDiscretizer(n_bins=[2, 3, 8, 5, 2], strategy="uniform", encode="onehot"),
    KBinsDiscretizer(n_bins=4, strategy="kmeans", encode="onehot-dense"),
    QuantileTransformer(n_quantiles=100),
    QuantileTransformer(n_quantiles=37),
]
CLOSE = [
    KBinsDiscretizer(n_bins=4, strategy="uniform", encode="ordinal", dtype=np.float32),
    Normalizer(),
    Normalizer(norm="l1"),
    PowerTransformer(),
    PowerTransformer(standardize=False),
    QuantileTransformer(n_quantiles=100, output_distribution="normal"),
]


@pytest.mark.parametrize("model", EXACT, ids=str)
def test_every_method_has_the_bits_of_the_original(model: Any) -> None:
    found = compare(model.fit(X), X)
    assert wrong(found) == {}
    assert all(each.identical for each in found.values())


@pytest.mark.parametrize("model", CLOSE, ids=str)
def test_every_method_is_equivalent(model: Any) -> None:
    assert wrong(compare(model.fit(X), X)) == {}


@pytest.mark.parametrize(
    "model", [StandardScaler(), RobustScaler(), PowerTransformer(), QuantileTransformer()], ids=str
)
def test_missing_values_stay_missing(model: Any) -> None:
    assert wrong(compare(model.fit(MISSING), MISSING)) == {}


@pytest.mark.parametrize("standardize", [True, False])
def test_box_cox_refuses_what_is_not_positive(standardize: bool) -> None:
    model = PowerTransformer(method="box-cox", standardize=standardize).fit(POSITIVE)
    assert wrong(compare(model, POSITIVE)) == {}


@pytest.mark.parametrize("exponent", [0.0, 2.0, 1.0, -3.5, 1e-17, 0.25])
@pytest.mark.parametrize("method", ["yeo-johnson", "box-cox"])
def test_special_exponents(method: Any, exponent: float) -> None:
    model = PowerTransformer(method=method, standardize=False).fit(POSITIVE[:, :2])
    model.lambdas_[:] = exponent
    table = np.concatenate([POSITIVE[:, :2] / 50, RNG.normal(size=(50, 2)) * 1e-9, RNG.normal(size=(50, 2))])
    table = np.abs(table) if method == "box-cox" else table
    assert wrong(compare(model, table, rows=[table])) == {}


def test_repeated_quantiles_and_their_neighbours() -> None:
    table = np.repeat(RNG.integers(0, 6, size=(60, 2)).astype(float), 2, axis=0)
    for output in ("uniform", "normal"):
        model = QuantileTransformer(n_quantiles=50, output_distribution=output).fit(table)
        near = np.concatenate([table, np.nextafter(table, np.inf), np.nextafter(table, -np.inf), table + 0.37])
        assert wrong(compare(model, table, rows=[near])) == {}


def test_quantiles_of_the_normal_distribution_in_every_region() -> None:
    table = np.linspace(0, 1, 1001)[:, None]
    model = QuantileTransformer(n_quantiles=1001, output_distribution="normal").fit(table)
    shares = np.concatenate([table, 0.5 + np.logspace(-12, -0.31, 200)[:, None], np.logspace(-9, -1, 400)[:, None]])
    assert wrong(compare(model, table, rows=[shares, 1 - shares])) == {}


def test_bin_edges_belong_to_the_upper_bin() -> None:
    model = KBinsDiscretizer(n_bins=6, encode="ordinal", strategy="uniform").fit(X)
    edges = np.stack([each[1:-1] for each in model.bin_edges_], axis=1)
    near = np.concatenate([edges, np.nextafter(edges, np.inf), np.nextafter(edges, -np.inf)])
    assert wrong(compare(model, X, rows=[near])) == {}


def test_rows_without_a_norm_stay() -> None:
    table = np.concatenate([X[:5], np.zeros((2, 5)), np.full((1, 5), 1e-17)])
    for norm in ("l1", "l2", "max"):
        assert wrong(compare(Normalizer(norm=norm).fit(table), table)) == {}


@pytest.mark.parametrize(
    "model",
    [
        StandardScaler(with_mean=False), MaxAbsScaler(), RobustScaler(with_centering=False), Normalizer(),
        Normalizer(norm="l1"), Normalizer(norm="max"), Binarizer(threshold=0.2),
    ],
    ids=str,
)  # fmt: skip
def test_sparse_rows(model: Any) -> None:
    empty = SPARSE.copy()
    empty[3] = 0
    empty.eliminate_zeros()
    assert wrong(compare(model.fit(SPARSE), SPARSE, rows=[SPARSE, empty])) == {}


def test_a_centered_kernel() -> None:
    kernel = X[:, :2] @ X[:40, :2].T
    assert wrong(compare(KernelCenterer().fit(kernel[:40]), kernel)) == {}


def test_infinity_inside_a_pipeline_is_refused() -> None:
    model = make_pipeline(PowerTransformer(), StandardScaler(), MinMaxScaler(clip=True)).fit(X)
    assert wrong(compare(model, X)) == {}


@pytest.mark.parametrize("model", [*EXACT, *CLOSE], ids=str)
def test_single_precision_runs(model: Any) -> None:
    found = compare(model.fit(X), X, rows=[X[:3]], precision="float32")
    assert not any(each.absent for each in found.values())


def test_bins_in_single_precision() -> None:
    model = KBinsDiscretizer(n_bins=6, encode="ordinal", strategy="uniform").fit(X)
    edges = np.stack([each[1:-1] for each in model.bin_edges_], axis=1).astype(np.float32)
    below, above = (np.nextafter(edges, np.float32(end)) for end in (-np.inf, np.inf))
    near = np.concatenate([edges, below, above]).astype(np.float64)
    assert wrong(compare(model, X, rows=[near], methods=["transform"], precision="float32")) == {}
