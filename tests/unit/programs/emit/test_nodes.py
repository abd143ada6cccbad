"""Trees turned for the processor's guess lead every row to the same leaf: missing, infinite, at a threshold."""

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

import onnx
from sklearn import ensemble

from amber.programs.emit.graph import Graph
from amber.programs.emit.nodes import flat, turned
from tests.unit.programs.emit.harness import Run, compare, ort, wrong

RNG = np.random.default_rng(0)
X = RNG.normal(size=(400, 3))
Y = RNG.integers(0, 3, 400)  # nothing to learn: many splits
GAPS = np.where(RNG.random(X.shape) < 0.1, np.nan, X)
FORESTS = [
    ensemble.RandomForestClassifier(20, random_state=0), ensemble.RandomForestRegressor(20, random_state=0),
    ensemble.ExtraTreesClassifier(20, random_state=0), ensemble.GradientBoostingClassifier(max_depth=4, random_state=0),
    ensemble.IsolationForest(n_estimators=20, random_state=0),
    ensemble.BaggingRegressor(n_estimators=20, random_state=0),
]  # fmt: skip


def kept(run):
    """Return the attributes of the ensembles of a graph."""
    nodes = onnx.load_model_from_string(run.emitted.graph).graph.node
    found = [{each.name: each for each in node.attribute} for node in nodes if node.op_type == "TreeEnsemble"]
    assert found
    return found


ASKED = [(model, X) for model in FORESTS] + [
    (model, GAPS) for model in FORESTS if not isinstance(model, ensemble.GradientBoostingClassifier)
]


@pytest.mark.parametrize(
    ("model", "table"), ASKED, ids=[f"{type(model).__name__}{' gaps' * (table is GAPS)}" for model, table in ASKED]
)
def test_forests_that_are_turned(model, table):
    model.fit(table, Y)
    assert wrong(compare(model, table)) == {}
    for attributes in kept(Run(model, table)):
        assert "nodes_missing_value_tracks_true" not in attributes
        assert max(attributes["nodes_featureids"].ints) >= table.shape[1]  # some columns stand twice


STUMPS = 300
MOST = np.finfo(float).max
THRESHOLDS = np.array([0.0, -0.0, 1.0, -1.0, 5e-324, -5e-324, 1.5e308, MOST, -MOST, np.inf])
CELLS = np.unique(np.concatenate([THRESHOLDS, *(np.nextafter(THRESHOLDS, way) for way in (np.inf, -np.inf))]))
CELLS = np.concatenate([CELLS, [-np.inf, np.nan]])


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("lowest", [False, True], ids=["", "with a threshold of minus infinity"])
def test_every_threshold_keeps_its_meaning(strict, lowest):
    cuts = np.append(THRESHOLDS, -np.inf) if lowest else THRESHOLDS
    place = np.arange(STUMPS)
    cut = cuts[place % len(cuts)]
    pattern = np.array([True, False, False])
    three = STUMPS * 3
    for missing in (0, 1):
        for often in (0.0, 2.0):  # of what goes left
            nodes = flat(
                [3] * STUMPS, np.tile([1, -1, -1], STUMPS), np.tile([2, -1, -1], STUMPS), np.zeros(three, int),
                np.repeat(cut, 3), np.full(three, missing), np.tile(pattern, STUMPS), np.tile([3, often, 1.0], STUMPS),
            )  # fmt: skip
            for stump in range(len(cuts)):  # one of each is asked, the rest make it worth the while
                answers = []
                for turn in (False, True):
                    weights = np.zeros(2 * STUMPS)
                    weights[2 * stump : 2 * stump + 2] = [1, 2]
                    answers.append(_alone(nodes, weights, strict, turn))
                np.testing.assert_array_equal(*answers)


def _alone(nodes, weights, strict, turn):
    g = Graph("float64")
    x, splits = g.input("x", "float64", ["N", 1]), nodes.threshold
    if turn:
        x, nodes, splits = turned(g, x, nodes, splits, strict)
    g.output("y", g.op(
        "TreeEnsemble", x, domain="ai.onnx.ml", n_targets=1, aggregate_function=1, post_transform=0,
        tree_roots=nodes.roots.tolist(), nodes_featureids=nodes.feature.tolist(), nodes_splits=splits,
        nodes_modes=np.full(len(splits), int(strict), np.uint8), nodes_truenodeids=nodes.left.tolist(),
        nodes_falsenodeids=nodes.right.tolist(), nodes_trueleafs=nodes.left_leaf.astype(int).tolist(),
        nodes_falseleafs=nodes.right_leaf.astype(int).tolist(),
        nodes_missing_value_tracks_true=nodes.missing_left.astype(int).tolist(),
        leaf_weights=weights, leaf_targetids=[0] * len(weights),
    ))  # fmt: skip
    session = ort.InferenceSession(g.finished(), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": CELLS[:, np.newaxis]})[0]
