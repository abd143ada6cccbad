from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.interpolate
import scipy.sparse
import scipy.spatial
import scipy.stats

from amber.adapters.take import take
from amber.errors import SaveError
from tests.unit.adapters.hostile import refusal, there_and_back

DENSE = np.array([[0, 1.5, 0, 0], [0, 0, -2, 0], [3, 0, 0, 4], [0, 0, 0, 0]])
X = np.arange(7.0)


def sparse(name: str) -> Any:
    return getattr(scipy.sparse, name)(DENSE)


def put(array: Any, index: Any, value: Any) -> Any:
    changed = np.array(array)
    changed[index] = value
    return changed


COMPRESSED = [
    (lambda s: {"indices": put(s["indices"], 0, 4)}, "index-out-of-range"),
    (lambda s: {"indices": put(s["indices"], 0, -1)}, "index-out-of-range"),
    (lambda s: {"indices": s["indices"][:-1]}, "shape-mismatch"),
    (lambda s: {"indices": s["indices"].astype("i4" if s["indices"].itemsize == 8 else "i8")}, "value-mismatch"),
    (lambda s: {"indices": s["indices"].astype("f8")}, "dtype-mismatch"),
    (lambda s: {"indptr": put(s["indptr"], 1, 10**6)}, "not-increasing"),
    (lambda s: {"indptr": put(s["indptr"], 0, 1)}, "not-increasing"),
    (lambda s: {"indptr": put(s["indptr"], -1, 99)}, "not-increasing"),
    (lambda s: {"indptr": s["indptr"][:-1]}, "shape-mismatch"),
    (lambda s: {"shape": [2**40, 2**40]}, "shape-mismatch"),
    (lambda s: {"shape": [4]}, "value-out-of-range"),
    (lambda s: {"data": s["data"].astype(object)}, "dtype-mismatch"),
    (lambda s: {"data": s["data"].astype(">f8")}, "dtype-mismatch"),
]


@pytest.mark.parametrize("name", ["csr_matrix", "csc_array", "lil_matrix"])
@pytest.mark.parametrize(("change", "code"), COMPRESSED)
def test_tampered_compressed_matrix_is_refused(name: str, change: Any, code: str) -> None:
    assert refusal(sparse(name), change) == code


BLOCKS = scipy.sparse.bsr_matrix(np.kron(np.eye(2), np.ones((2, 3))), blocksize=(2, 3))
HOSTILE = [
    (BLOCKS, lambda s: {"data": s["data"].transpose(0, 2, 1).copy()}, "shape-mismatch"),
    (BLOCKS, lambda s: {"data": s["data"][:, :0]}, "shape-mismatch"),
    (sparse("bsr_array"), lambda s: {"indices": put(s["indices"], 0, 99)}, "index-out-of-range"),
    (sparse("coo_matrix"), lambda s: {"coords": [put(s["coords"][0], 0, 4), s["coords"][1]]}, "index-out-of-range"),
    (sparse("coo_array"), lambda s: {"coords": [s["coords"][0], put(s["coords"][1], 0, -1)]}, "index-out-of-range"),
    (sparse("coo_array"), lambda s: {"coords": s["coords"][:1]}, "shape-mismatch"),
    (sparse("coo_array"), lambda s: {"coords": [axis[:-1] for axis in s["coords"]]}, "shape-mismatch"),
    (sparse("dok_matrix"), lambda s: {"coords": [axis * 0 for axis in s["coords"]]}, "key-duplicate"),
    (sparse("dok_array"), lambda s: {"coords": [axis + 4 for axis in s["coords"]]}, "index-out-of-range"),
    (sparse("dia_matrix"), lambda s: {"offsets": put(s["offsets"], 0, 10**6)}, "index-out-of-range"),
    (sparse("dia_matrix"), lambda s: {"offsets": s["offsets"] * 0}, "not-distinct"),
    (sparse("dia_array"), lambda s: {"offsets": s["offsets"][:1]}, "shape-mismatch"),
    (sparse("lil_array"), lambda s: {"indices": s["indices"][::-1].copy()}, "not-increasing"),
    (scipy.interpolate.make_interp_spline(X, X), lambda s: {"k": 17}, "limit-polynomial-degree"),
    (scipy.interpolate.make_interp_spline(X, X), lambda s: {"k": 5}, "shape-mismatch"),
    (scipy.interpolate.make_interp_spline(X, X), lambda s: {"c": s["c"][:3]}, "shape-mismatch"),
    (scipy.interpolate.make_interp_spline(X, X), lambda s: {"t": s["t"][::-1].copy()}, "not-increasing"),
    (scipy.interpolate.make_interp_spline(X, X), lambda s: {"t": put(s["t"], 3, np.nan)}, "not-finite"),
    (scipy.interpolate.make_interp_spline(X, X), lambda s: {"t": s["t"] * 0}, "not-increasing"),
    (scipy.interpolate.make_interp_spline(X, X), lambda s: {"axis": 1}, "shape-mismatch"),
    (scipy.interpolate.CubicSpline(X, X), lambda s: {"c": s["c"][:, :3]}, "shape-mismatch"),
    (scipy.interpolate.CubicSpline(X, X), lambda s: {"x": put(s["x"], 1, 5.5)}, "not-increasing"),
    (scipy.interpolate.CubicSpline(X, X), lambda s: {"c": np.ones((30, 6))}, "limit-polynomial-degree"),
    (scipy.interpolate.interp1d(X, X), lambda s: {"kind": "cubic"}, "string-not-allowed"),
    (scipy.interpolate.interp1d(X, X), lambda s: {"y": s["y"][:3]}, "shape-mismatch"),
    (scipy.interpolate.interp1d(X, X), lambda s: {"fill_value": np.ones((9, 9))}, "value-mismatch"),
    (scipy.stats.uniform(0, 1), lambda s: {"name": "rv_histogram"}, "string-not-allowed"),
    (scipy.stats.uniform(0, 1), lambda s: {"name": "randint"}, "string-not-allowed"),
    (scipy.stats.uniform(0, 1), lambda s: {"args": [np.zeros(10)]}, "kind-mismatch"),
    (scipy.stats.uniform(0, 1), lambda s: {"kwds": {"nonsense": 1}}, "value-mismatch"),
    (scipy.spatial.KDTree(np.eye(3)), lambda s: {"leafsize": 0}, "value-out-of-range"),
    (scipy.spatial.KDTree(np.eye(3)), lambda s: {"data": s["data"] * np.nan}, "not-finite"),
    (scipy.spatial.cKDTree(np.eye(3)), lambda s: {"boxsize": np.ones(2)}, "shape-mismatch"),
    (scipy.spatial.cKDTree(np.eye(3)), lambda s: {"boxsize": np.full(3, 0.5)}, "value-mismatch"),
]


@pytest.mark.parametrize(("obj", "change", "code"), HOSTILE)
def test_tampered_state_is_refused(obj: Any, change: Any, code: str) -> None:
    assert refusal(obj, change) == code


@pytest.mark.parametrize("name", ["csr_matrix", "csc_matrix", "bsr_matrix", "coo_matrix", "dia_matrix", "csr_array"])
@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_index_dtype_is_kept(name: str, dtype: Any) -> None:
    made = sparse(name)
    fields = {"coo": ["row", "col"], "dia": ["offsets"]}.get(name[:3], ["indices", "indptr"])
    if name[:3] == "coo":
        made.coords = tuple(axis.astype(dtype) for axis in made.coords)
    else:
        for field in fields:
            setattr(made, field, getattr(made, field).astype(dtype))
    again = there_and_back(made)
    assert {getattr(again, field).dtype for field in fields} == {np.dtype(dtype)}
    assert (again.toarray() == DENSE).all()


def test_spline_answers_the_same_bits() -> None:
    spline = scipy.interpolate.CubicSpline(X, np.sin(X))
    points = np.linspace(-1, 8, 50)
    assert (there_and_back(spline)(points) == spline(points)).all()


def test_tree_answers_the_same() -> None:
    points = np.random.RandomState(0).rand(100, 3)
    tree = scipy.spatial.KDTree(points, leafsize=7)
    assert (there_and_back(tree).query(points + 0.01, k=4)[1] == tree.query(points + 0.01, k=4)[1]).all()


def test_tree_of_other_options_is_refused_at_save() -> None:
    points = np.exp(np.random.RandomState(0).rand(100, 2) * 9)
    with pytest.raises(SaveError, match="default options"):
        take(scipy.spatial.KDTree(points, balanced_tree=False))


@pytest.mark.parametrize(
    "make",
    [
        lambda: scipy.interpolate.interp1d(X, X, kind="cubic"),
        lambda: scipy.stats.studentized_range(3, 10),
        lambda: scipy.stats.rv_histogram(np.histogram(X))(),
        lambda: scipy.interpolate.UnivariateSpline(X, X),
    ],
)
def test_what_cannot_be_rebuilt_is_refused_at_save(make: Any) -> None:
    with pytest.raises(SaveError):
        take(make())


def test_frozen_distribution_samples_the_same() -> None:
    frozen = scipy.stats.loguniform(1e-3, 10)
    again = there_and_back(frozen)
    assert (again.rvs(5, random_state=3) == frozen.rvs(5, random_state=3)).all()
    assert again.dist._random_state is np.random.mtrand._rand
