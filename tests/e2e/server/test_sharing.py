"""Requests share a run only as far as the cases showed rows to be independent, and no further than is wished."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

import amber
from tests.e2e.server.served_versions import Server, play, value_of

pytest.importorskip("onnxruntime")
pytest.importorskip("sklearn")
pytestmark = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="several workers need Linux")
COUNT = 6


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A linear model whose original answers a row in company within its tolerance, not bit for bit."""
    import numpy as np
    from sklearn.linear_model import LinearRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import PolynomialFeatures

    X = np.random.default_rng(3).normal(size=(200, 1))
    path = tmp_path_factory.mktemp("artifacts")
    model = make_pipeline(PolynomialFeatures(12), LinearRegression()).fit(X, 3 * X[:, 0])
    amber.save(model, path / "1.amber", sample=X, name="line", version="1.0.0")
    return path


@pytest.mark.parametrize("exact", [False, True])
def test_exact_shares_only_where_no_bit_can_change(artifacts: Path, tmp_path: Path, exact: bool) -> None:
    model = amber.load(artifacts / "1.amber")

    async def scene(server: Server) -> None:
        (output,) = server.version.interface.outputs
        assert output.batching["original"] == "tolerant"
        (worker,) = server.workers
        os.kill(worker, signal.SIGSTOP)
        asked = [asyncio.ensure_future(server.ask(value / 10)) for value in range(COUNT)]
        await asyncio.sleep(0.1)
        os.kill(worker, signal.SIGCONT)
        answers = [value_of(each) for each in await asyncio.gather(*asked)]
        assert answers == pytest.approx([model.predict([[value / 10]])[0] for value in range(COUNT)], rel=1e-9)
        assert server.version.queue.batches == (COUNT if exact else 1)

    play(artifacts, tmp_path, scene, route="original", exact=exact)
