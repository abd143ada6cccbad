"""Step 6: a few bytes that ask for far more memory, time or stack than they are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tools.vectors.artifact import Draft
from tools.vectors.graph import Node, Obj, draft
from tools.vectors.index import Vector, reject
from tools.vectors.native import sparse, tree


def vectors() -> Iterator[Vector]:
    yield from _numbers()
    yield from _nesting()
    yield from _sides()
    yield from _votes()
    yield from _dtypes()
    yield from _chains()
    yield from _columns()


def _numbers() -> Iterator[Vector]:
    wide = Obj("sklearn.preprocessing.StandardScaler", mean_=Node.of("range", 0, 10**10, 1))
    yield reject("limit-components", "range", draft(wide), "a range of 10^10 numbers where an array stands", 6)
    back = Node.of("range", 5, -(10**12), -3)
    yield reject("limit-components", "range-backwards", draft([back]), "a range of 10^12 / 3 numbers, counted down", 6)
    rows = Obj("pandas.RangeIndex", start=0, stop=10**11, step=3, name=None)
    shows = "an index of 10^11 / 3 rows out of three numbers"
    yield reject("limit-components", "range-index", draft(rows), shows, 6, "values")
    names = Obj("sklearn.preprocessing.StandardScaler", n_features_in_=2**40)
    yield reject("limit-components", "columns-in", draft(names), "names for 2^40 columns that were never stored", 6)
    shows = "a tree over 2^40 columns, whose importances are an array of that length"
    yield reject("limit-components", "tree-columns", draft(tree(n_features=2**40)), shows, 6)
    made = Obj("sklearn.cluster.KMeans", _n_features_out=2**40)
    yield reject("limit-components", "columns-out", draft(made), "names for 2^40 columns that are never made", 6)


def _chain(kind: str, length: int, *, closed: bool = False) -> Draft:
    """Nodes of one kind, each the only child of the one before."""
    table: list[Any] = []
    last = 0 if closed else length
    for index in range(1, length + 1):
        below = index if index < length else last
        table.append({
            "object-array": ["object-array", [1], "C", [below]],
            "deque": ["deque", [below], None],
            "default-dict": ["default-dict", 0, [[0, below]]],
        }[kind])  # fmt: skip
    return Draft(tree=table if closed else [*table, ["none"]])


def _nesting() -> Iterator[Vector]:
    for kind in ("object-array", "deque"):
        shows = f"101 nodes of {kind}, each inside the one before: freed by as many calls inside one another"
        yield reject("limit-nesting", kind, _chain(kind, 101), shows, 6)
    ring = _chain("object-array", 2, closed=True)
    yield reject("limit-nesting", "ring", ring, "two object arrays, each in the other", 6)
    inside = Draft(tree=[["object-array", [1], "C", [1]], ["list", [0]]])
    yield reject("limit-nesting", "itself", inside, "an object array inside a list inside itself", 6)
    mixed: list[Any] = [["none"]]
    for index in range(1, 103, 3):
        mixed += [["object-array", [1], "C", [index + 1]], ["deque", [index + 2], 9]]
        mixed.append(["default-dict", 0, [[0, index + 3]]])
    table = [["list", [1, 2]], ["none"], *_shifted(mixed[1:], 1)]
    table[-1] = ["default-dict", 1, [[1, 1]]]
    yield reject("limit-nesting", "mixed", Draft(tree=table), "object arrays, deques and default dicts in turn", 6)


def _shifted(table: list[Any], by: int) -> list[Any]:
    """The nodes one place further down; child 0 is the `none` node, which stands at 1."""
    moved: list[Any] = []
    for node in table:
        if node[0] == "object-array":
            moved.append([*node[:3], [node[3][0] + by]])
        elif node[0] == "deque":
            moved.append(["deque", [node[1][0] + by], node[2]])
        else:
            moved.append(["default-dict", by, [[by, node[2][0][1] + by]]])
    return moved


def _sides() -> Iterator[Vector]:
    empty = np.zeros(1)
    yield reject("limit-hash-features", "csr-columns", draft(sparse(shape=(2, 2**40))),
                 "2^40 columns around three values: turned round, an array of 2^40 starts", 6, "values")  # fmt: skip
    place = [np.zeros(1, "<i4"), np.zeros(1, "<i4")]
    wide = Obj("scipy.sparse.coo_matrix", shape=(2**40, 2), data=empty, coords=place)
    yield reject("limit-components", "coo-rows", draft(wide), "2^40 rows around one value", 6, "values")
    diagonal = Obj("scipy.sparse.dia_matrix", shape=(2**40, 2), data=np.ones((1, 2)), offsets=np.zeros(1, "<i4"))
    yield reject("limit-components", "dia-rows", draft(diagonal), "2^40 rows around one diagonal", 6, "values")


def _votes() -> Iterator[Vector]:
    classes = np.array([0, 1])
    one = Obj("sklearn.tree.DecisionTreeClassifier", tree_=tree(), n_features_in_=2, n_outputs_=1, n_classes_=2,
              classes_=classes)  # fmt: skip
    forest = Obj("sklearn.ensemble.RandomForestClassifier", estimators_=[one], n_features_in_=2, n_outputs_=1,
                 n_classes_=2**31, classes_=classes)  # fmt: skip
    shows = "votes for 2^31 classes where the trees know two"
    yield reject("shape-mismatch", "forest-classes", draft(forest), shows, 6, "values")
    bagged = Obj("sklearn.ensemble.BaggingClassifier", n_classes_=2**31, classes_=classes)
    yield reject("shape-mismatch", "bagging-classes", draft(bagged), "the same where any estimator votes", 6, "values")


def _chains() -> Iterator[Vector]:
    table = [["object", "sklearn:cluster.CFNode", {"next_leaf_": child}] for child in (1, 0)]
    shows = "two leaves of Birch, each the next of the other: a list without end"
    yield reject("tree-cycle", "chain", Draft(tree=table), shows, 6)


def _columns() -> Iterator[Vector]:
    many = 2**31
    for what, made, shows in (
        ("dummy-classes", Obj("sklearn.dummy.DummyClassifier", n_outputs_=1, n_classes_=many, classes_=np.arange(2)),
         "2^31 columns of probabilities for two classes"),
        ("dummy-outputs", Obj("sklearn.dummy.DummyRegressor", n_outputs_=many, constant_=np.zeros((1, 1))),
         "2^31 answers out of one constant"),
        ("factors", Obj("sklearn.decomposition.NMF", _n_components=many, components_=np.ones((2, 3))),
         "2^31 factors where two are stored"),
        ("histogram-steps", Obj("sklearn.ensemble.HistGradientBoostingRegressor", n_trees_per_iteration_=many),
         "2^31 trees in each step"),
    ):  # fmt: skip
        yield reject("shape-mismatch", what, draft(made), shows, 6, "values")
    prior = Obj("sklearn.gaussian_process.GaussianProcessRegressor", n_targets=many)
    yield reject("limit-components", "targets", draft(prior), "2^31 answers of a process that nothing was fitted to", 6)


def _dtypes() -> Iterator[Vector]:
    wide = "U100000000"  # 400 MB for each item
    encoder = Obj("sklearn.preprocessing.OrdinalEncoder", dtype=Node.of("dtype", f"<{wide}"))
    yield reject("limit-components", "dtype", draft(encoder), "a dtype whose items have 400 MB", 6)
    named = encoder.but(dtype=wide)
    yield reject("string-not-allowed", "dtype", draft(named), "the same as a string that NumPy would take apart", 6)
    call = Obj("sklearn.preprocessing.FunctionTransformer", func=Node.of("function", "numpy.array"),
               kw_args={"dtype": wide})  # fmt: skip
    yield reject("string-not-allowed", "dtype-argument", draft(call), "the same as an argument of numpy.array", 6)
    fields = call.but(kw_args={"dtype": [("a", "f8")]})
    shows = "a dtype made of a list, whose fields may have any size"
    yield reject("kind-mismatch", "dtype-fields", draft(fields), shows, 6, "values")
