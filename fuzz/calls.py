"""Which calls are made on what a file built: every public method of an estimator, the useful ones of native classes."""

from __future__ import annotations

import copy
import inspect
import itertools
import pickle
import random
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from scipy import sparse

from fuzz import inputs

Call = tuple[str, Callable[[], Any]]
FITTING = frozenset(("fit", "fit_transform", "fit_predict", "cost_complexity_pruning_path", "path"))
"""Time and memory of these are what the parameters ask for; only a crash of theirs is a finding."""
CHANGING = FITTING | {"partial_fit"}
"""The memory of these is what the parameters ask for."""
_NOT_CALLED = frozenset(("set_params", "set_output", "get_metadata_routing", "register"))
_PARTS = 24  # objects inside the model that are asked too
_CONTAINERS = (list, tuple, set, frozenset)


def calls(root: Any, rng: random.Random) -> Iterator[Call]:
    """Yield every call, with its name; each may raise any Python exception."""
    yield from plain(root)
    # last what changes it: a fit that ends half way leaves what scikit-learn itself may crash on
    found = parts(root)
    for asked in (of, fitting):
        for part in found:
            for name, call in asked(part, rng):
                yield f"{type(part).__name__}.{name}", call


def plain(obj: Any) -> Iterator[Call]:
    """What works on any object."""
    yield "repr", lambda: repr(obj)
    yield "pickle", lambda: pickle.dumps(obj)
    yield "deepcopy", lambda: copy.deepcopy(obj)
    yield "equal", lambda: obj == obj
    yield "bool", lambda: bool(obj)
    if hasattr(obj, "__iter__"):
        yield "iterate", lambda: list(itertools.islice(iter(obj), 50))


def parts(root: Any) -> list[Any]:
    """The root and the objects inside it that have methods of their own, breadth first."""
    found: list[Any] = []
    met: set[int] = set()
    queue = [root]
    for obj in queue:
        if id(obj) in met or len(queue) > 4000:
            continue
        met.add(id(obj))
        if _has_methods(obj):
            found.append(obj)
            if len(found) >= _PARTS:
                break
        queue += itertools.islice(_inside(obj), 200)
    return found


def _has_methods(obj: Any) -> bool:
    return type(obj).__module__.partition(".")[0] in ("sklearn", "scipy", "pandas", "numpy") and not isinstance(
        obj, type | np.generic | np.dtype | np.ufunc
    )


def _inside(obj: Any) -> Iterator[Any]:
    if isinstance(obj, dict):
        yield from obj.values()
    elif isinstance(obj, _CONTAINERS) or (isinstance(obj, np.ndarray) and obj.dtype == object):
        yield from obj.ravel().tolist() if isinstance(obj, np.ndarray) else obj
    elif hasattr(obj, "__dict__") and not isinstance(obj, type) and not callable(obj):
        yield from vars(obj).values()
    for name in ("tree_", "dist_metric"):
        if (inner := vars(obj).get(name) if hasattr(obj, "__dict__") else None) is not None:
            yield inner


def of(obj: Any, rng: random.Random) -> Iterator[Call]:
    """The calls of one object by what it is."""
    if hasattr(obj, "get_params"):
        yield from estimator(obj, rng)
    elif isinstance(obj, np.ndarray):
        yield from _array(obj)
    elif sparse.issparse(obj):
        yield from _sparse(obj)
    else:
        yield from _methods(obj, rng)


def estimator(obj: Any, rng: random.Random) -> Iterator[Call]:
    """Properties, then each public method with rows that fit and rows that do not."""
    from sklearn.base import clone

    yield "get_params", lambda: obj.get_params(deep=True)
    yield "clone", lambda: clone(obj)
    if rng.random() < 0.1:
        yield "html", lambda: obj._repr_html_()
    names = [name for name in dir(type(obj)) if not name.startswith("_") and name not in _NOT_CALLED]
    names = [name for name in names if not (name.startswith("set_") and name.endswith("_request"))]
    for name in [each for each in names if each not in CHANGING]:
        for x in inputs.rows(obj, rng):
            yield name, lambda name=name, x=x: _called(obj, name, x, rng)


def fitting(obj: Any, rng: random.Random) -> Iterator[Call]:
    """One of the methods that change an estimator."""
    names = [name for name in dir(type(obj)) if name in CHANGING]
    if names and hasattr(obj, "get_params") and rng.random() < 0.3:
        name = rng.choice(names)
        for x in itertools.islice(inputs.rows(obj, rng), 2):
            yield name, lambda: _called(obj, name, x, rng)  # noqa: B023 - called before the next


def _called(obj: Any, name: str, x: Any, rng: random.Random) -> Any:
    method = getattr(obj, name)
    if not callable(method):
        return repr(method)
    answer = method(*_arguments(method, x, rng, obj))
    return list(itertools.islice(answer, 20)) if inspect.isgenerator(answer) else repr(answer)


def _arguments(method: Any, x: Any, rng: random.Random, obj: Any) -> list[Any]:
    made: list[Any] = []
    for parameter in inspect.signature(method).parameters.values():
        if parameter.kind not in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            break
        if parameter.name in ("n_samples", "n_neighbors", "i", "n"):
            made.append(rng.choice((1, 2, 5)))
        elif parameter.name in ("y", "Y") and (parameter.default is parameter.empty or rng.random() < 0.7):
            made.append(_target(obj, x, rng))
        elif parameter.default is parameter.empty:
            made.append(x)
        else:
            break
    return made


def _target(obj: Any, x: Any, rng: random.Random) -> Any:
    classes = vars(obj).get("classes_") if hasattr(obj, "__dict__") else None
    count = len(x) if hasattr(x, "__len__") and not sparse.issparse(x) else inputs.ROWS
    if isinstance(classes, np.ndarray) and classes.ndim == 1 and len(classes):
        return np.resize(classes, count)
    return np.resize(np.array(rng.choice(([0, 1, 2], [0.5, 1.5, 2.5])), dtype=None), count)


def _array(found: np.ndarray[Any, Any]) -> Iterator[Call]:
    yield "repr", lambda: repr(found)
    yield "copy", lambda: found.copy()
    yield "sum", lambda: found.sum()
    yield "sort", lambda: np.sort(found, axis=None)
    yield "text", lambda: found.reshape(-1)[:20].astype(str)
    yield "list", lambda: found.reshape(-1)[:50].tolist()
    yield "unique", lambda: np.unique(found)


def _sparse(found: Any) -> Iterator[Call]:
    small = np.prod(found.shape, dtype=object) < 10**6
    yield "repr", lambda: str(found)
    for name in ("sum", "copy", "tocsr", "tocsc", "tocoo", "max", "min", "count_nonzero", "diagonal", "transpose"):
        if hasattr(found, name) and (small or name in ("copy", "count_nonzero", "transpose")):
            yield name, lambda name=name: getattr(found, name)()
    if small and len(found.shape) == 2:
        yield "toarray", found.toarray
        yield "right", lambda: found @ np.ones((found.shape[1], 2))
        yield "left", lambda: np.ones((2, found.shape[0])) @ found
        yield "product", lambda: found @ found.T
        yield "row", lambda: found.tocsr()[0]
        yield "rows", lambda: found.tocsr()[:2]
        yield "column", lambda: found.tocsc()[:, 0]
        yield "add", lambda: found + found
        yield "multiply", lambda: found.multiply(found)
        yield "sorted", lambda: found.tocsr(copy=True).sort_indices()
        yield "summed", lambda: found.tocsr(copy=True).sum_duplicates()
        yield "zeros", lambda: found.tocsr(copy=True).eliminate_zeros()


# Methods of classes that are no estimators, with arguments that fit (`w`: rows of the right width).
def _methods(obj: Any, rng: random.Random) -> Iterator[Call]:
    wide = inputs.width(obj)
    w = np.random.default_rng(rng.randrange(2**32)).normal(size=(inputs.ROWS, wide))
    line = np.linspace(-2.0, 3.0, 7)
    table: dict[str, tuple[Any, ...]] = {
        "apply": (w.astype(np.float32),), "decision_path": (w.astype(np.float32),), "query": (w, 2),
        "compute_feature_importances": (), "query_radius": (w, 1.0), "kernel_density": (w, 1.0),
        "two_point_correlation": (w, 1.0), "get_arrays": (), "get_tree_stats": (), "get_n_calls": (),
        "pairwise": (w,), "dist_to_rdist": (1.0,), "rdist_to_dist": (1.0,), "get_max_depth": (), "get_n_leaf_nodes": (),
        "__call__": (line,), "derivative": (), "antiderivative": (), "integrate": (0.0, 1.0), "roots": (), "solve": (),
        "query_ball_point": (w, 1.0), "query_pairs": (1.0,), "random": (3,), "normal": (), "integers": (0, 10, 3),
        "standard_gamma": (2.0,), "permutation": (5,), "random_sample": (3,), "randint": (0, 10, 3), "randn": (3,),
        "shuffle": ([1, 2, 3],), "bytes": (5,), "multivariate_normal": ([0.0], [[1.0]]), "random_raw": (2,),
        "rvs": (), "pdf": (line,), "pmf": (line,), "cdf": (line,), "ppf": (0.3,), "mean": (), "var": (), "std": (),
        "to_numpy": (), "describe": (), "isna": (), "unique": (), "sort_index": (), "to_dict": (), "copy": (),
        "memory_usage": (), "value_counts": (), "argsort": (), "diag": (w,), "bounds": (),
        "gradient": (w[:, 0], w[:, 0]),
        "loss": (w[:, 0], w[:, 0]), "link": (line,), "inverse": (line,), "split": (w, np.array([0, 1] * 3)),
        "get_n_splits": (w, np.array([0, 1] * 3)), "isoformat": (), "tolist": (), "to_list": (), "factorize": (),
    }  # fmt: skip
    yield from plain(obj)
    for name in dir(type(obj)):
        if name.startswith("_") and name != "__call__":
            continue
        if name in table:
            yield name, lambda name=name: repr(getattr(obj, name)(*table[name]))
        elif not callable(getattr(type(obj), name, None)):
            yield name, lambda name=name: repr(getattr(obj, name))
