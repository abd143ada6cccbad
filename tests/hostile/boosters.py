"""Run in a process of its own: change native models at random, and ask what is not refused everything.

    python -m tests.hostile.boosters xgboost|lightgbm COUNT SEED

Prints how many were refused and how many were asked. A crash is the end of the process, and so of the test.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import resource
import sys
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np

from amber.adapters import lightgbm_examples, xgboost_examples
from amber.adapters.lightgbm import BoosterState as LightState
from amber.adapters.xgboost import BoosterState as ExtremeState
from amber.errors import AmberError

ROOM = 2 << 30  # bytes of address space for everything that a changed model does
LAST = Path(os.environ.get("AMBER_LAST_MODEL", os.devnull))  # where to keep the bytes that are about to be tried


def mutated(data: bytes, rng: Any) -> bytes:
    """Change bytes, digits, runs or the length; most changes are small."""
    changed = bytearray(data)
    kind = rng.integers(6)
    for _ in range(int(rng.choice([1, 1, 1, 2, 8]))):
        at = int(rng.integers(len(changed)))
        if kind == 0:
            changed[at] ^= 1 << int(rng.integers(8))
        elif kind == 1:
            changed[at] = int(rng.integers(256))
        elif kind == 2:
            digits = [i for i in range(at, min(at + 200, len(changed))) if 48 <= changed[i] <= 57]
            if digits:
                changed[digits[0]] = 48 + int(rng.integers(10))
        elif kind == 3:
            other = int(rng.integers(len(changed)))
            changed[at : at + 4] = changed[other : other + 4]
        elif kind == 4 and rng.random() < 0.5:
            changed[at : at + 1] = bytes(rng.choice([b" ", b"\t", b"\r", b"-", b".", b"e", b"\v", b"  "]))
        elif kind == 4:
            del changed[at : at + int(rng.integers(1, 9))]
        else:
            changed[at : at + 4] = rng.choice([b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\0\0", b"\0\0\0\x01"])
    return bytes(changed)


def asked_extreme(booster: Any, X: Any) -> None:
    """Ask a booster of XGBoost everything it answers."""
    import xgboost

    for call in (
        lambda: booster.inplace_predict(X),
        lambda: booster.inplace_predict(X, predict_type="margin"),
        lambda: booster.predict(xgboost.DMatrix(X)),
        lambda: booster.predict(xgboost.DMatrix(X[:3]), pred_leaf=True),
        lambda: booster.predict(xgboost.DMatrix(X[:3]), pred_contribs=True),
        lambda: booster.predict(xgboost.DMatrix(X[:2]), pred_interactions=True),
        lambda: booster.predict(xgboost.DMatrix(X[:3]), pred_contribs=True, approx_contribs=True),
        lambda: booster.get_dump(with_stats=True),
        lambda: booster.get_dump(dump_format="json"),
        lambda: booster.get_score(importance_type="gain"),
        lambda: booster.trees_to_dataframe(),
        lambda: booster.save_raw("json"),
        lambda: booster.save_config(),
        lambda: booster[0:1].num_boosted_rounds(),
        lambda: booster.best_iteration,
    ):
        attempted(call)


def asked_light(booster: Any, X: Any) -> None:
    """Ask a booster of LightGBM everything it answers."""
    for call in (
        lambda: booster.predict(X),
        lambda: booster.predict(X, raw_score=True),
        lambda: booster.predict(X[:3], pred_leaf=True),
        lambda: booster.predict(X[:3], pred_contrib=True),
        lambda: booster.predict(X[:3], start_iteration=2, num_iteration=10_000),
        lambda: booster.dump_model(),
        lambda: booster.model_to_string(),
        lambda: booster.feature_importance("gain"),
        lambda: booster.trees_to_dataframe(),
        lambda: booster.num_trees(),
        lambda: booster.get_leaf_output(0, 0),
        lambda: booster.lower_bound(),
    ):
        attempted(call)


def attempted(call: Any) -> None:
    """Any Python exception is an answer."""
    with contextlib.suppress(Exception):
        call()


def main(library: str, count: int, seed: int) -> None:
    """Change each example so many times."""
    faulthandler.enable()
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + ROOM, resource.RLIM_INFINITY))
    if library == "xgboost":
        import xgboost

        xgboost.set_config(verbosity=0)
        module: Any = xgboost_examples
        state: Any = ExtremeState()
        cls: Any = xgboost.Booster
        ask = asked_extreme
    else:
        import lightgbm

        lightgbm.register_logger(_Silent())
        module, state, cls, ask = lightgbm_examples, LightState(), lightgbm.Booster, asked_light
    X, _ = module.table()
    rng = np.random.default_rng(seed)
    refused = answered = 0
    for name in KINDS[library]:
        made = dict(module.examples())[name]()
        taken = state.take(getattr(made, "_Booster", made))
        ask(state.rebuild(cls, taken), X)
        for _ in range(count):
            data = mutated(taken["native"].tobytes(), rng)
            LAST.write_bytes(data)
            try:
                changed = {**taken, "native": np.frombuffer(data, np.uint8)}
                state.check({"native": changed["native"]})
                booster = state.rebuild(cls, changed)
            except AmberError:
                refused += 1
                continue
            except Exception:
                continue
            answered += 1
            ask(booster, X)
    print(f"{refused} {answered}")


class _Silent:
    """A logger that says nothing."""

    def info(self, message: str) -> None:
        """Drop a line."""

    def warning(self, message: str) -> None:
        """Drop a line."""


KINDS = {
    "xgboost": ("several-classes", "categories", "exact-pruned", "dart", "linear", "quantiles", "ranker"),
    "lightgbm": ("several-classes", "categories", "linear-leaves", "one-leaf", "forest", "ranker"),
}

if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
