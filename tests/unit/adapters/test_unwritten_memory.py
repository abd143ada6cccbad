"""scikit-learn leaves memory that nobody wrote in support vector machines fitted on sparse rows; saving mends that."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import sparse
from sklearn.svm import SVR, NuSVR, OneClassSVM

import amber


@pytest.mark.parametrize("cls", [SVR, NuSVR, OneClassSVM])
def test_whatever_stands_there_it_is_saved_with_the_same_bytes(tmp_path: Path, cls: type) -> None:
    rows = sparse.random(40, 5, density=0.6, random_state=0, format="csr")
    model = cls().fit(rows, np.arange(40.0))
    found = []
    for garbage in ([-1075445199, 7], [0, 2**30]):
        model._n_support = np.array(garbage, dtype=np.int32)
        amber.save(model, tmp_path / "m.amber", sample=rows)
        found.append((tmp_path / "m.amber").read_bytes())
    assert found[0] == found[1]
    again = amber.load(tmp_path / "m.amber")
    assert again._n_support.tolist() == [len(model.support_)] * 2
    assert np.array_equal(again.predict(rows), model.predict(rows))
