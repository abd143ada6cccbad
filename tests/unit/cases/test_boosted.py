"""Boosters are watched where they break: rows beside thresholds, rows for leaves, and changes that replays catch."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from sklearn.ensemble import BaggingClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

xgboost = pytest.importorskip("xgboost")
lightgbm = pytest.importorskip("lightgbm")

import amber  # noqa: E402
from amber.adapters.lightgbm import BoosterState as LightState  # noqa: E402
from amber.adapters.xgboost import BoosterState as ExtremeState  # noqa: E402
from amber.archive.digests import blake3_hex  # noqa: E402
from amber.archive.manifest import MemberInfo, decode_manifest, encode_manifest  # noqa: E402
from amber.archive.write import write_artifact  # noqa: E402
from amber.cases.anatomy import boosted_in, call_cost, chain_of, decides_exactly, walk  # noqa: E402
from amber.cases.coverage import touched  # noqa: E402
from amber.cases.flat import flat_trees  # noqa: E402
from amber.cases.synthesise import synthesised  # noqa: E402
from amber.cases.thresholds import leaves, threshold_rows  # noqa: E402
from amber.errors import AuditError  # noqa: E402
from amber.limits import DEFAULT  # noqa: E402
from amber.tree.natives import xgboost as native  # noqa: E402

RNG = np.random.default_rng(5)
X = RNG.normal(size=(300, 5))
X[RNG.random(X.shape) < 0.06] = np.nan
Y = (np.nan_to_num(X[:, 0]) + np.nan_to_num(X[:, 1]) ** 2 > 0.5).astype(int)
KINDS = np.where(np.nan_to_num(X[:, 2]) > 0, 2, Y)
SMALL: dict[str, Any] = {"n_estimators": 6, "n_jobs": 1, "max_depth": 3}
LIGHT: dict[str, Any] = {**SMALL, "min_child_samples": 5, "verbose": -1}
MODELS: dict[str, Callable[[], Any]] = {
    "xgboost": lambda: xgboost.XGBClassifier(**SMALL).fit(X, Y),
    "xgboost-3": lambda: xgboost.XGBClassifier(**SMALL).fit(X, KINDS),
    "xgboost-dart": lambda: xgboost.XGBRegressor(booster="dart", **SMALL).fit(X, Y),
    "lightgbm": lambda: lightgbm.LGBMClassifier(**LIGHT).fit(X, Y),
    "lightgbm-3": lambda: lightgbm.LGBMClassifier(**LIGHT).fit(X, KINDS),
    "lightgbm-no-missing": lambda: lightgbm.LGBMRegressor(use_missing=False, **LIGHT).fit(X, Y),
}


def own_leaves(model: Any, rows: Any) -> Any:
    """The leaf of each tree as the library says it; both number as the flat trees do, LightGBM after the splits."""
    found = model.apply(rows) if hasattr(model, "apply") else model.predict(rows, pred_leaf=True)
    return np.asarray(found).reshape(len(rows), -1).astype(int)


@pytest.mark.parametrize("name", MODELS)
def test_rows_go_down_as_in_the_library_also_beside_every_threshold(name: str) -> None:
    model = MODELS[name]()
    trees = list(flat_trees(model))
    beside = threshold_rows(chain_of(model), X)
    rows = np.concatenate([X, beside, -beside])
    said = own_leaves(model, rows)
    assert said.shape[1] == len(trees)
    for k, tree in enumerate(trees):
        offset = int((tree.feature >= 0).sum()) if name.startswith("lightgbm") else 0
        assert (leaves(tree, rows) - offset).tolist() == said[:, k].tolist()


@pytest.mark.parametrize("name", MODELS)
def test_rows_stand_one_step_before_and_behind_a_threshold(name: str) -> None:
    model = MODELS[name]()
    beside = threshold_rows(chain_of(model), X)
    said = own_leaves(model, beside)
    single = name.startswith("xgboost")
    thresholds = {(int(f), float(t)) for tree in flat_trees(model)
                  for f, t in zip(tree.feature, tree.threshold, strict=True) if f >= 0}  # fmt: skip
    met = {(f, t) for f, t in thresholds if t in beside[:, f]}
    assert len(met) >= 0.4 * len(thresholds)
    step = np.float32 if single else np.float64
    for f, t in met:
        assert float(np.nextafter(step(t), step(np.inf))) in beside[:, f]
    assert len({tuple(row) for row in said.tolist()}) > 8


def test_columns_of_a_bag_are_counted_as_the_model_does() -> None:
    bag = BaggingClassifier(xgboost.XGBClassifier(**SMALL), 3, max_features=2, random_state=0).fit(X, Y)
    used = {int(f) for tree in flat_trees(bag) for f in tree.feature if f >= 0}
    assert used <= {int(f) for own in bag.estimators_features_ for f in own}
    assert len(used) > 2
    assert decides_exactly(bag)


def test_linear_boosters_and_leaves_do_not_decide() -> None:
    filled = np.nan_to_num(X)
    line = xgboost.XGBRegressor(booster="gblinear", n_estimators=3, n_jobs=1).fit(filled, Y)
    inside = lightgbm.LGBMRegressor(linear_tree=True, **LIGHT).fit(filled, Y)
    for model in (line, inside):
        assert boosted_in(model) is None
        assert not decides_exactly(model)
        assert not list(flat_trees(model))


def test_trees_after_the_best_iteration_are_left_out() -> None:
    model = xgboost.XGBClassifier(**{**SMALL, "n_estimators": 60}, early_stopping_rounds=2, learning_rate=1.0)
    model.fit(X[:200], Y[:200], eval_set=[(X[200:], Y[200:])], verbose=False)
    assert len(list(flat_trees(model))) == model.best_iteration + 1 < 60
    assert model.get_booster().num_boosted_rounds() > model.best_iteration + 1


def test_leaves_count_as_touched_tree_by_tree() -> None:
    for name in ("xgboost", "lightgbm-3"):
        model = MODELS[name]()
        said = own_leaves(model, X)
        different = {(k, leaf) for row in said.tolist() for k, leaf in enumerate(row)}
        assert len(touched(model, [X]).worth) == len(different)


def test_a_call_costs_what_its_trees_cost() -> None:
    few, many = (xgboost.XGBClassifier(n_estimators=n, max_depth=1, n_jobs=1).fit(X, KINDS) for n in (2, 80))
    assert call_cost(list(walk(many)))[1] > call_cost(list(walk(few)))[1]


# -- a change of one number ----------------------------------------------------------------------------------------


def changed_extreme(data: bytes, tree: int, node: int) -> bytes:
    """Move one threshold or leaf of one tree."""
    marker = b"split_conditions[$d#L"
    at = -1
    for _ in range(tree + 1):
        at = data.index(marker, at + 1)
    place = at + len(marker) + 8 + 4 * node
    (value,) = struct.unpack(">f", data[place : place + 4])
    return data[:place] + struct.pack(">f", value * 1.02 + 0.02) + data[place + 4 :]


def changed_light(data: bytes, tree: int, key: str, node: int) -> bytes:
    """Move one threshold or leaf of one tree, keeping the length of the text."""
    lines = data.decode().split("\n")
    at = [i for i, line in enumerate(lines) if line.startswith(f"{key}=")][tree]
    words = lines[at].partition("=")[2].split(" ")
    new = repr(float(words[node]) * 1.02 + 0.02)[: len(words[node])]
    words[node] = new + "0" * (len(words[node]) - len(new)) if "e" not in new else words[node]
    lines[at] = f"{key}={' '.join(words)}"
    return "\n".join(lines).encode()


def with_native(source: Path, target: Path, old: bytes, new: bytes) -> None:
    """Write an artifact again with other native bytes, all digests made anew."""
    import zipfile

    with zipfile.ZipFile(source) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    assert len(old) == len(new)
    assert old != new
    name = next(name for name, data in members.items() if old in data)
    members[name] = members[name].replace(old, new)
    manifest = decode_manifest(members["manifest.json"], DEFAULT)
    listed = {**manifest.members, name: MemberInfo(size=len(members[name]), blake3=blake3_hex([members[name]]))}
    members["manifest.json"] = encode_manifest(msgspec.structs.replace(manifest, members=listed))
    write_artifact(target, {each: [data] for each, data in members.items()})


@pytest.mark.parametrize("kind", ["threshold", "leaf"])
@pytest.mark.parametrize("name", ["xgboost", "lightgbm-3"])
def test_a_change_of_one_number_makes_verify_say_drifted(name: str, kind: str, tmp_path: Path) -> None:
    model, path, bad = MODELS[name](), tmp_path / "m.amber", tmp_path / "bad.amber"
    amber.save(model, path, sample=X)
    assert amber.verify(path).verdict == "identical"
    if name == "xgboost":
        old = ExtremeState().take(model.get_booster())["native"].tobytes()
        tree = native.read(old).trees[3]
        wanted = [node for node, child in enumerate(tree.left) if (child >= 0) == (kind == "threshold")]
        new = changed_extreme(old, 3, wanted[-1])
    else:
        old = LightState().take(model.booster_)["native"].tobytes()
        new = changed_light(old, 7, "threshold" if kind == "threshold" else "leaf_value", 1)
    with_native(path, bad, old, new)
    report = amber.verify(bad)
    assert report.verdict == "drifted", report
    assert next(step for step in report.steps if step.number == 6).status == "passed"


@pytest.mark.parametrize("name", ["xgboost", "lightgbm-3"])
def test_hostile_bytes_fail_step_6_and_no_library_is_asked(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, path, bad = MODELS[name](), tmp_path / "m.amber", tmp_path / "bad.amber"
    amber.save(model, path, sample=X)
    state = ExtremeState() if name == "xgboost" else LightState()
    old = state.take(model.get_booster() if name == "xgboost" else model.booster_)["native"].tobytes()
    if name == "xgboost":
        at = old.index(b"left_children[$l#L") + len(b"left_children[$l#L") + 8
        new = old[:at] + struct.pack(">i", 10_000) + old[at + 4 :]
    else:
        at = old.index(b"\nleft_child=") + len(b"\nleft_child=")
        new = old[:at] + b"9" + old[at + 1 :]
    with_native(path, bad, old, new)
    report = amber.verify(bad)
    assert report.verdict == "broken"
    failed = next(step for step in report.steps if step.number == 6)
    assert failed.status == "failed"
    assert "_Booster.native.learner" in failed.detail or "_Booster.native.trees[0]" in failed.detail
    monkeypatch.setattr(type(state), "rebuild", None)
    with pytest.raises(AuditError):
        amber.load(bad)


def test_scaled_boosters_have_rows_at_their_thresholds() -> None:
    model = make_pipeline(StandardScaler(), lightgbm.LGBMClassifier(**LIGHT)).fit(np.nan_to_num(X), Y)
    rows = threshold_rows(chain_of(model), np.nan_to_num(X))
    assert rows is not None
    assert len(rows) > 20


@pytest.mark.parametrize("name", ["xgboost", "lightgbm"])
def test_without_a_sample_rows_are_drawn_where_the_thresholds_are(name: str) -> None:
    make = xgboost.XGBClassifier(**SMALL) if name == "xgboost" else lightgbm.LGBMClassifier(**LIGHT)
    model = make.fit(1000 * X + 50_000, Y)
    drawn = synthesised(model, lambda _: True)
    used = {int(f) for tree in flat_trees(model) for f in tree.feature if f >= 0}
    assert used
    assert all(45_000 < np.nanmedian(drawn[:, f]) < 65_000 for f in used)
