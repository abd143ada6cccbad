"""The normal distribution in double from standard operators: its cumulative distribution and the inverse.

Polynomials fitted to SciPy's `ndtri` and `erfcx` (Chebyshev nodes, lowest power first); relative error below 3e-13.
"""

from __future__ import annotations

from collections.abc import Sequence

from amber.programs.emit.flow import Context
from amber.programs.emit.graph import Tensor

_CENTER = (
    2.8067362499056125, 0.38539042352242425, 0.11648711642620774, 0.044072120601466216, 0.018552375344771083,
    0.008311266664073579, 0.003878087476738552, 0.0018621267075937312, 0.000913356661019215, 0.0004558506302385333,
    0.00023046824253777822, 0.00011594333205337092, 5.918352186452916e-05, 3.5220870081740304e-05,
    1.9392926301421228e-05, 2.451556715232358e-06, 9.241506064296551e-08, 8.688013102987349e-06,
    5.514777477328414e-06, -3.119308612936029e-06, -2.0459780551706772e-06, 1.326493429368824e-06,
    7.81994114472242e-07,
)  # fmt: skip
_TAIL = (
    3.442760286724876, 1.9242634153099096, -0.051712769602557884, 0.01754632105411895, -0.0061709532287284406,
    0.002224460274112142, -0.0008173775296860289, 0.00030522491647320493, -0.00011559734519090154,
    4.43294819632706e-05, -1.7191724299774212e-05, 6.747338389628965e-06, -2.668388538229747e-06,
    1.0361796802754753e-06, -4.126147269326572e-07, 2.0011220263542003e-07, -8.336129350965651e-08,
    7.457211322612699e-09, -2.0314834159416063e-09, 1.2495914560725498e-08, -5.339936878418103e-09,
)  # fmt: skip
_BELOW = (
    0.472053206509845, -0.09670347732652618, 0.013999634724414995, 0.028600364053586798, -0.03219783742753658,
    0.017936097478620395, -0.0050023786018866265, -0.00028562308345428394, 0.0006948972152174808,
    -9.443036365530623e-05, -8.785385423868588e-05, 2.125054982246706e-05, 1.3629460214437818e-05,
    -3.433648013060957e-06, -2.6195196523001023e-06, 4.0719779165301065e-07, 5.632679791057663e-07,
    -1.7822815924421776e-09, -1.2365312359469715e-07, -1.754296838114963e-08, 2.658944911205131e-08,
    5.315795884718506e-09, -5.120510318524172e-09, -6.480018777235597e-10, 6.105449435306727e-10,
)  # fmt: skip
_INNER = 0.425  # |share - 1/2| up to here: share - 1/2 times a polynomial in its square
_NEAR, _FAR = 2.2760787180788924, 5.8  # sqrt(-2 log(share)) of the tails that `_TAIL` is for
_LOW, _HIGH = -5.199337582605575, 5.19933758270342  # quantiles of 1e-7 - eps and of 1 less that: scikit-learn clips
_FOLD = 4.0  # `_BELOW` is in (z - 4) / (z + 4)


def _polynomial(x: Tensor, factors: Sequence[float]) -> Tensor:
    """Evaluate a polynomial, lowest power first (Horner)."""
    value = x * factors[-1] + factors[-2]
    for factor in reversed(factors[:-2]):
        value = value * x + factor
    return value


def quantile(share: Tensor, c: Context) -> Tensor:
    """Return the quantile of shares in [0, 1], clipped as QuantileTransformer clips it; NaN stays."""
    g = c.graph
    away = share - 0.5
    inner = away * _polynomial(away * away * (2 / _INNER**2) - 1.0, _CENTER)
    rest = g.where(away < 0.0, share, 1.0 - share)
    root = g.op("Sqrt", g.op("Log", rest) * -2.0)
    root = g.where(root > _FAR, _FAR, root)
    tail = _polynomial((root * 2.0 - (_NEAR + _FAR)) / (_FAR - _NEAR), _TAIL)
    tail = g.where(away < 0.0, -tail, tail)
    value = g.where(g.op("Abs", away) > _INNER, tail, inner)
    return g.where(value < _LOW, _LOW, g.where(value > _HIGH, _HIGH, value))


def below(x: Tensor, c: Context) -> Tensor:
    """Return the share below x of the standard normal distribution; NaN stays."""
    g = c.graph
    z = g.op("Abs", x)
    density = g.op("Exp", z * z * -0.5)
    tail = density * _polynomial((z - _FOLD) / (z + _FOLD), _BELOW) / (z + 1.0)
    return g.where(x < 0.0, tail, 1.0 - tail)
