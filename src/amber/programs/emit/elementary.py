"""Functions of one or two numbers that have no kernel in float64, built from those that have.

Where NumPy's answer is a matter of sign, infinity or missing values, so is this one; elsewhere it is within a few
units in the last place. The cuts and coefficients of the trigonometric functions are those of FreeBSD's msun (fdlibm).
"""

from __future__ import annotations

import math
from collections.abc import Callable

from amber.programs.emit.graph import Graph, Operand, Tensor

INF, NAN = math.inf, math.nan
LN2 = math.log(2.0)


def _abs(g: Graph, x: Tensor) -> Tensor:
    return g.op("Abs", x)


def _log(g: Graph, x: Tensor) -> Tensor:
    return g.op("Log", x)


def _exp(g: Graph, x: Tensor) -> Tensor:
    return g.op("Exp", x)


def _sqrt(g: Graph, x: Tensor) -> Tensor:
    return g.op("Sqrt", x)


def _power(g: Graph, x: Operand, y: Operand) -> Tensor:
    return g.binary("Pow", x, y)


def negative(g: Graph, x: Tensor) -> Tensor:
    """Return where the sign bit is set; that of a missing value is taken as not set."""
    return (x < 0.0) | (x.equal(0.0) & (g.op("Reciprocal", x) < 0.0))


def signed(g: Graph, size: Tensor, like: Tensor) -> Tensor:
    """Return numbers >= 0 with the signs of others. A product keeps the sign of zero, the kernel `Where` does not."""
    return size * g.where(negative(g, like), -1.0, g.const(1.0))


def polynomial(x: Tensor, coefficients: list[float]) -> Tensor:
    """Return c0 + x (c1 + x (c2 + ...))."""
    total = x * coefficients[-1] + coefficients[-2]
    for each in coefficients[-3::-1]:
        total = total * x + each
    return total


# -- exponentials and logarithms ---------------------------------------------------------------------------------------


def log1p(g: Graph, x: Tensor) -> Tensor:
    """log(1 + x): what the sum loses is added back."""
    u = x + 1.0
    exact = u.equal(0.0) | u.equal(INF)
    found = _log(g, u) + (x - (u - 1.0)) / g.where(exact, 1.0, u)
    return signed(g, _abs(g, g.where(u.equal(1.0), x, g.where(exact, _log(g, u), found))), x)


def expm1(g: Graph, x: Tensor) -> Tensor:
    """exp(x) - 1; near zero (u - 1) x / log(u), where the error of u cancels."""
    near = _abs(g, x) < 1.0
    u = _exp(g, x)
    flat = u.equal(1.0)
    small = (u - 1.0) * (x / g.where(flat | ~near, 1.0, _log(g, u)))
    return signed(g, _abs(g, g.where(near, g.where(flat, x, small), u - 1.0)), x)


def exp2(g: Graph, x: Tensor) -> Tensor:
    """2 ** x."""
    return _power(g, g.const(2.0), x)


def _log_of(g: Graph, x: Tensor, base: float) -> Tensor:
    """Logarithm to a base, exact where x is a whole power of it."""
    found = _log(g, x) * (1.0 / math.log(base))
    whole = g.op("Round", found)
    return g.where(_power(g, g.const(base), whole).equal(x), whole, found)


def log2(g: Graph, x: Tensor) -> Tensor:
    """Logarithm to base two."""
    return _log_of(g, x, 2.0)


def log10(g: Graph, x: Tensor) -> Tensor:
    """Logarithm to base ten."""
    return _log_of(g, x, 10.0)


def cbrt(g: Graph, x: Tensor) -> Tensor:
    """Cube root: a power, then one step of Newton's; subnormal numbers are scaled up for it."""
    double = g.precision == "float64"
    tiny = _abs(g, x) < (2.0**-900 if double else 2.0**-90)
    size = _abs(g, g.where(tiny, x * (2.0**300 if double else 2.0**60), x))
    root = _power(g, size, 1.0 / 3.0)
    root = root - (root * root * root - size) / (root * root * 3.0)
    root = g.where(tiny, root * (2.0**-100 if double else 2.0**-20), root)
    ordinary = (size > 0.0) & (size < INF)
    return signed(g, g.where(ordinary, root, size), x)


def hypot(g: Graph, x: Tensor, y: Tensor) -> Tensor:
    """Length of (x, y), scaled so that no square overflows; infinite where one of them is."""
    a, b = _abs(g, x), _abs(g, y)
    most = g.op("Max", a, b)
    far, step = (500, 600) if g.precision == "float64" else (50, 80)
    small = g.where(most.equal(0.0), 1.0, g.const(2.0**step))
    scale = g.where(most > 2.0**far, 2.0**-step, g.where(most < 2.0**-far, small, 1.0))
    a, b = a * scale, b * scale
    found = _sqrt(g, a * a + b * b) / scale
    return g.where(g.op("IsInf", x, dtype="bool") | g.op("IsInf", y, dtype="bool"), INF, found)


# -- hyperbolic functions ----------------------------------------------------------------------------------------------


def sinh(g: Graph, x: Tensor) -> Tensor:
    """Hyperbolic sine from expm1; of large numbers from the square of a half."""
    size = _abs(g, x)
    t = expm1(g, size)
    middle = 0.5 * (t + t / (t + 1.0))
    small = 0.5 * (2.0 * t - t * t / (t + 1.0))
    half = _exp(g, 0.5 * size)
    found = g.where(size < 1.0, small, g.where(size < 22.0, middle, 0.5 * half * half))
    return signed(g, g.where(size < 2.0**-28, size, found), x)


def cosh(g: Graph, x: Tensor) -> Tensor:
    """Hyperbolic cosine."""
    size = _abs(g, x)
    t = expm1(g, size)
    small = 1.0 + t * t / (2.0 * (1.0 + t))
    e = _exp(g, size)
    half = _exp(g, 0.5 * size)
    return g.where(size < 0.5 * LN2, small, g.where(size < 22.0, 0.5 * e + 0.5 / e, 0.5 * half * half))


def tanh(g: Graph, x: Tensor) -> Tensor:
    """Hyperbolic tangent from expm1."""
    size = _abs(g, x)
    t = expm1(g, -2.0 * size)
    near = -t / (t + 2.0)
    far = 1.0 - 2.0 / (expm1(g, 2.0 * size) + 2.0)
    found = g.where(size < 1.0, near, g.where(size < 22.0, far, g.where(g.op("IsNaN", x, dtype="bool"), NAN, 1.0)))
    return signed(g, g.where(size < 2.0**-28, size, found), x)


def arcsinh(g: Graph, x: Tensor) -> Tensor:
    """Inverse of sinh."""
    size = _abs(g, x)
    square = size * size
    far = _log(g, size) + LN2
    middle = _log(g, 2.0 * size + 1.0 / (_sqrt(g, square + 1.0) + size))
    near = log1p(g, size + square / (1.0 + _sqrt(g, square + 1.0)))
    found = g.where(size > 2.0**28, far, g.where(size > 2.0, middle, near))
    return signed(g, g.where(size < 2.0**-28, size, found), x)


def arccosh(g: Graph, x: Tensor) -> Tensor:
    """Inverse of cosh; missing below one."""
    t = x - 1.0
    far = _log(g, x) + LN2
    middle = _log(g, 2.0 * x - 1.0 / (x + _sqrt(g, x * x - 1.0)))
    near = log1p(g, t + _sqrt(g, 2.0 * t + t * t))
    return g.where(x < 1.0, NAN, g.where(x > 2.0**28, far, g.where(x > 2.0, middle, near)))


def arctanh(g: Graph, x: Tensor) -> Tensor:
    """Inverse of tanh."""
    size = _abs(g, x)
    t = size + size
    found = 0.5 * log1p(g, g.where(size < 0.5, t + t * size / (1.0 - size), t / (1.0 - size)))
    return signed(g, g.where(size < 2.0**-28, size, found), x)


# -- trigonometric functions -------------------------------------------------------------------------------------------

_TURNS = 823549.0  # up to here a quarter turn is taken away exactly enough
_PIO2 = (1.57079632673412561417e00, 6.07710050630396597660e-11, 2.02226624871116645580e-21)  # 33 bits each
_REST = 8.47842766036889956997e-32
_SIN = [-1.66666666666666324348e-01, 8.33333333332248946124e-03, -1.98412698298579493134e-04,
        2.75573137070700676789e-06, -2.50507602534068634195e-08, 1.58969099521155010221e-10]  # fmt: skip
_COS = [4.16666666666666019037e-02, -1.38888888888741095749e-03, 2.48015872894767294178e-05,
        -2.75573143513906633035e-07, 2.08757232129817482790e-09, -1.13596475577881948265e-11]  # fmt: skip


def _reduced(g: Graph, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return x less its quarter turns, as a number and what it lacks, and the number of those turns."""
    turns = g.op("Round", x * (2.0 / math.pi))
    high, rest = x - turns * _PIO2[0], turns * -_REST
    for part in _PIO2[1:]:
        before, taken = high, turns * part
        high = before - taken
        rest = rest + ((before - high) - taken)
    found = high + rest
    return found, (high - found) + rest, turns


def _sin_cos(g: Graph, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return sine and cosine of x less its quarter turns, and how many of the four they are."""
    y, tail, turns = _reduced(g, x)
    z = y * y
    v = z * y
    r = polynomial(z, _SIN[1:])
    sine = y - ((z * (0.5 * tail - v * r) - tail) - v * _SIN[0])
    r = z * polynomial(z, _COS)
    half = 0.5 * z
    w = 1.0 - half
    cosine = w + (((1.0 - w) - half) + (z * r - y * tail))
    quarter = turns - 4.0 * g.op("Floor", turns * 0.25)
    return sine, cosine, quarter


def _small_is_itself(g: Graph, x: Tensor, found: Tensor) -> Tensor:
    """Return x itself where it is that small, and zero with its sign."""
    size = _abs(g, x)
    found = g.where(size < 2.0**-27, x, found)
    return _abs(g, found) * g.where(found < 0.0, -1.0, g.where(x.equal(0.0) & negative(g, x), -1.0, g.const(1.0)))


def sin(g: Graph, x: Tensor) -> Tensor:
    """Sine. Of very large numbers it is the kernel's own, whose absolute error is as small."""
    sine, cosine, quarter = _sin_cos(g, x)
    odd = quarter.equal(1.0) | quarter.equal(3.0)
    found = g.where(odd, cosine, sine)
    found = g.where(quarter >= 2.0, -found, found)
    size = _abs(g, x)
    found = g.where(size < _TURNS, found, g.op("Sin", x))
    return _small_is_itself(g, x, found)


def cos(g: Graph, x: Tensor) -> Tensor:
    """Cosine."""
    sine, cosine, quarter = _sin_cos(g, x)
    odd = quarter.equal(1.0) | quarter.equal(3.0)
    found = g.where(odd, sine, cosine)
    found = g.where(quarter.equal(1.0) | quarter.equal(2.0), -found, found)
    return g.where(_abs(g, x) < _TURNS, found, g.op("Cos", x))


def tan(g: Graph, x: Tensor) -> Tensor:
    """Tangent."""
    sine, cosine, quarter = _sin_cos(g, x)
    odd = quarter.equal(1.0) | quarter.equal(3.0)
    found = g.where(odd, -cosine / sine, sine / cosine)
    size = _abs(g, x)
    return _small_is_itself(g, x, g.where(size < _TURNS, found, g.op("Sin", x) / g.op("Cos", x)))


_ATAN = [3.33333333333329318027e-01, -1.99999999998764832476e-01, 1.42857142725034663711e-01,
         -1.11111104054623557880e-01, 9.09088713343650656196e-02, -7.69187620504482999495e-02,
         6.66107313738753120669e-02, -5.83357013379057348645e-02, 4.97687799461593236017e-02,
         -3.65315727442169155270e-02, 1.62858201153657823623e-02]  # fmt: skip
# from which size on, the angle there, and what its double lacks
_ANGLES = ((0.4375, 4.63647609000806093515e-01, 2.26987774529616870924e-17),
           (0.6875, 7.85398163397448278999e-01, 3.06161699786838301793e-17),
           (1.1875, 9.82793723247329054082e-01, 1.39033110312309984516e-17),
           (2.4375, 1.57079632679489655800e00, 6.12323399573676603587e-17))  # fmt: skip


def arctan(g: Graph, x: Tensor) -> Tensor:
    """Inverse of tan: the angle of the nearest of five tangents, and a polynomial from there."""
    size = g.op("Min", _abs(g, x), g.const(1e300 if g.precision == "float64" else 1e30))
    ways = (
        (2.0 * size - 1.0) / (2.0 + size),
        (size - 1.0) / (size + 1.0),
        (size - 1.5) / (1.0 + 1.5 * size),
        -1.0 / size,
    )
    t, high, low = size, g.const(0.0), g.const(0.0)
    for (start, angle, lacks), way in zip(_ANGLES, ways, strict=True):
        beyond = size >= start
        t, high, low = g.where(beyond, way, t), g.where(beyond, angle, high), g.where(beyond, lacks, low)
    z = t * t
    s = t * (z * polynomial(z, _ATAN))
    return signed(g, g.where(size < 2.0**-27, size, high - ((s - low) - t)), x)


def arctan2(g: Graph, y: Tensor, x: Tensor) -> Tensor:
    """Angle of the point (x, y), with the signs of zeros and the cases of infinities."""
    a, b = _abs(g, y), _abs(g, x)
    both = g.op("IsInf", y, dtype="bool") & g.op("IsInf", x, dtype="bool")
    ratio = g.where(both, 1.0, g.where(a.equal(0.0), 0.0, a / b))
    angle = arctan(g, ratio)
    missing = g.op("IsNaN", y, dtype="bool") | g.op("IsNaN", x, dtype="bool")
    found = g.where(negative(g, x), math.pi - (angle - 1.2246467991473531772e-16), angle)
    return signed(g, g.where(missing, NAN, found), y)


_PS = [1.66666666666666657415e-01, -3.25565818622400915405e-01, 2.01212532134862925881e-01,
       -4.00555345006794114027e-02, 7.91534994289814532176e-04, 3.47933107596021167570e-05]  # fmt: skip
_QS = [1.0, -2.40339491173441421878e00, 2.02094576023350569471e00, -6.88283971605453293030e-01,
       7.70381505559019352791e-02]  # fmt: skip
_HALF_PI, _HALF_PI_LACKS = 1.57079632679489655800e00, 6.12323399573676603587e-17


def _arc(g: Graph, size: Tensor) -> tuple[Tensor, Tensor]:
    """Return (arcsin(v) - v) / v for v = size up to one half, else for v = sqrt((1 - size) / 2); and v squared."""
    z = g.where(size < 0.5, size * size, (1.0 - size) * 0.5)
    return z * polynomial(z, _PS) / polynomial(z, _QS), z


def arcsin(g: Graph, x: Tensor) -> Tensor:
    """Inverse of sin; missing outside -1 to 1."""
    size = _abs(g, x)
    r, z = _arc(g, size)
    root = _sqrt(g, z)
    near = size + size * r
    far = _HALF_PI - (2.0 * (root + root * r) - _HALF_PI_LACKS)
    return signed(g, g.where(size < 2.0**-27, size, g.where(size < 0.5, near, far)), x)


def arccos(g: Graph, x: Tensor) -> Tensor:
    """Inverse of cos; missing outside -1 to 1."""
    size = _abs(g, x)
    r, z = _arc(g, size)
    root = _sqrt(g, z)
    near = _HALF_PI - (x - (_HALF_PI_LACKS - x * r))
    low = math.pi - 2.0 * (root + (r * root - _HALF_PI_LACKS))
    high = 2.0 * (root + r * root)
    return g.where(size < 0.5, near, g.where(x < 0.0, low, high))


# -- division with a rest ----------------------------------------------------------------------------------------------


def fmod(g: Graph, x: Tensor, y: Tensor) -> Tensor:
    """Rest of x / y with the sign of x."""
    return g.op("Mod", x, y, fmod=1)


def _divided(g: Graph, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Return x // y and x % y as NumPy has them."""
    rest = fmod(g, x, y)
    whole = (x - rest) / y
    apart = ~rest.equal(0.0)
    turned = apart & ~((y < 0.0).equal(rest < 0.0))
    whole = g.where(turned, whole - 1.0, whole)
    rest = signed(g, _abs(g, g.where(turned, rest + y, rest)), y)
    floor = g.op("Floor", whole)
    floor = g.where(whole - floor > 0.5, floor + 1.0, floor)
    below = (floor < 0.0) | (floor.equal(0.0) & negative(g, x / y))
    return _abs(g, floor) * g.where(below, -1.0, g.const(1.0)), rest


def floor_divide(g: Graph, x: Tensor, y: Tensor) -> Tensor:
    """Return x // y; by zero x / y."""
    return g.where(y.equal(0.0), x / y, _divided(g, x, y)[0])


def remainder(g: Graph, x: Tensor, y: Tensor) -> Tensor:
    """Return x % y, with the sign of y; missing by zero."""
    return g.where(y.equal(0.0), fmod(g, x, y), _divided(g, x, y)[1])


ONE: dict[str, Callable[[Graph, Tensor], Tensor]] = {
    each.__name__: each
    for each in (log1p, expm1, exp2, log2, log10, cbrt, sinh, cosh, tanh, arcsinh, arccosh, arctanh, sin, cos, tan,
                 arctan, arcsin, arccos)
}  # fmt: skip
TWO: dict[str, Callable[[Graph, Tensor, Tensor], Tensor]] = {
    each.__name__: each for each in (hypot, arctan2, fmod, floor_divide, remainder)
}
