"""A factor beside a matrix product keeps its float64 bits: onnxruntime would merge it into the product as a float32."""

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

import onnxruntime as ort

from amber.programs.emit.graph import Graph


def run(build, rows, width):
    g = Graph("float64")
    x = g.input("x", "float64", ["N", width])
    g.output("y", build(g, x))
    session = ort.InferenceSession(g.finished(), providers=["CPUExecutionProvider"])
    return session.run(["y"], {"x": rows})[0]


WEIGHTS = np.random.default_rng(0).normal(size=(4, 3))
ROWS = np.random.default_rng(1).normal(size=(20, 4))


@pytest.mark.parametrize("width", [3, 1])
def test_a_factor_after_a_product(width):
    weights = WEIGHTS[:, :width]
    found = run(lambda g, x: (x @ g.const(weights)) * 0.3, ROWS, 4)
    np.testing.assert_allclose(found, (ROWS @ weights) * 0.3, rtol=1e-13)


def test_a_factor_before_a_product_and_a_divisor():
    np.testing.assert_allclose(
        run(lambda g, x: (x * 0.3) @ g.const(WEIGHTS), ROWS, 4), ROWS * 0.3 @ WEIGHTS, rtol=1e-12
    )
    np.testing.assert_allclose(
        run(lambda g, x: (x @ g.const(WEIGHTS)) / 0.3, ROWS, 4), ROWS @ WEIGHTS / 0.3, rtol=1e-13
    )
    np.testing.assert_allclose(
        run(lambda g, x: (x @ g.const(WEIGHTS)) * -2.0 * 0.1 * 0.3, ROWS, 4), ROWS @ WEIGHTS * -0.06, rtol=1e-13
    )
    np.testing.assert_allclose(
        run(lambda g, x: (x * 0.3 * 2.0) @ g.const(WEIGHTS), ROWS, 4), ROWS * 0.6 @ WEIGHTS, rtol=1e-12
    )
