"""FunctionTransformer as a graph: every function of the closed list, on ordinary numbers and at the corners."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

import onnxruntime as ort
import scipy.special
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from amber.programs.emit import elementary, function
from amber.programs.emit.graph import Graph
from amber.programs.trace import trace
from amber.programs.trace.record import BINARY, UNARY
from tests.unit.programs.emit.harness import compare, wrong

RNG = np.random.default_rng(0)
CORNERS = [0.0, -0.0, np.nan, np.inf, -np.inf, 5e-324, -5e-324, 1e-310, 0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 1.0, -1.0,
           1e308, 1.7e308, -1e308, 709.7, 710.0, 710.47, 711.0, -745.0, -746.0, 2.0**53, 4503599627370497.5, np.pi,
           np.pi / 2, -np.pi / 2, 2.0, -2.0, 3.0, 4.0, 8.0, 1024.0, 1e3, 1e10, 27.0, 64.0, 2.0**-1074, 2.0**1000, 1e300,
           22.0, 0.3,
           float(np.nextafter(1, 0)), float(np.nextafter(1, 2)), -float(np.nextafter(1, 0)), 1e-8, 1e-5]  # fmt: skip
WILD = np.concatenate([
    RNG.normal(size=2000), 10 ** RNG.uniform(-300, 300, 2000) * RNG.choice([-1, 1], 2000), RNG.uniform(-1, 1, 1500),
    RNG.uniform(-800, 800, 2000), RNG.uniform(-8e5, 8e5, 1500),
    10 ** RNG.uniform(-20, 2, 1500) * RNG.choice([-1, 1], 1500),
    np.arange(-300, 300) * np.pi / 2, CORNERS,
])  # fmt: skip
# ulps at most; those not named here are exact
ULPS = {"exp": 3, "log": 2, "exp2": 2, "log1p": 3, "expm1": 3, "log2": 3, "log10": 4, "cbrt": 3, "sin": 3, "cos": 3,
        "tan": 4, "arcsin": 4, "arccos": 4, "arctan": 3, "sinh": 4, "cosh": 4, "tanh": 4, "arcsinh": 4, "arccosh": 4,
        "arctanh": 4, "power": 2, "hypot": 2, "arctan2": 3}  # fmt: skip


def run(function_: Any, *tables: Any) -> Any:
    """Trace a function of a table and run its graph."""
    table = np.column_stack(tables) if tables[0].ndim == 1 else tables[0]
    graph = Graph()
    given = graph.input("x", "float64", ["N", table.shape[1]])
    graph.output("y", function.emitted(trace(function_, table.shape[1]), given, graph))
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = ort.InferenceSession(graph.finished(), options, providers=["CPUExecutionProvider"])
    return session.run(None, {"x": table})[0], table


def assert_near(name: str, expected: Any, found: Any, *given: Any) -> None:
    """Compare to the ulp, with infinities and missing values the same, and the signs of zeros."""
    assert expected.shape == found.shape
    if expected.dtype.kind == "b":
        assert (expected == found).all(), [each[expected != found][:5] for each in given]
        return
    same = (expected == found) | (np.isnan(expected) & np.isnan(found))
    ordinary = np.isfinite(expected) & np.isfinite(found)
    assert (same | ordinary).all(), [each[~(same | ordinary)][:5] for each in given]
    with np.errstate(all="ignore"):
        ulps = np.where(same, 0, np.abs(expected - found) / np.spacing(np.maximum(np.abs(expected), 1e-307)))
    assert ulps[ordinary].max(initial=0) <= ULPS.get(name, 0), [each[ulps > ULPS.get(name, 0)][:5] for each in given]
    zeros = ordinary & (expected == 0)
    assert (np.signbit(expected[zeros]) == np.signbit(found[zeros])).all()


@pytest.mark.parametrize("name", sorted(UNARY - {"logical_not"}))
@pytest.mark.filterwarnings("ignore")
def test_functions_of_one_number(name: str) -> None:
    numpys = getattr(np, name)
    found, table = run(lambda x: numpys(x), WILD)
    assert_near(name, numpys(table), found, table)


@pytest.mark.parametrize("name", sorted(BINARY - {"logical_and", "logical_or", "logical_xor"}))
@pytest.mark.filterwarnings("ignore")
def test_functions_of_two_numbers(name: str) -> None:
    numpys = getattr(np, name)
    corners = np.array(list(itertools.product(CORNERS, CORNERS)))
    small = np.column_stack([WILD, RNG.normal(size=len(WILD)).round(1)])
    mixed = np.column_stack([WILD, RNG.permutation(WILD)])
    for pairs in (corners, small, mixed):
        found, table = run(lambda x: numpys(x[:, 0], x[:, 1]), pairs)
        assert_near(name, numpys(table[:, 0], table[:, 1]), found, table[:, 0], table[:, 1])


@pytest.mark.parametrize(
    "exponent", [2, 2.0, 0.5, -1, -1.0, 3, 0, 1, -2, 0.1, 1 / 3, 10.0, np.array([2.0]), np.float64(0.5)], ids=repr
)
@pytest.mark.filterwarnings("ignore")
def test_powers(exponent: Any) -> None:
    for raised in (lambda x: x**exponent, lambda x: np.power(x, exponent)):
        found, table = run(raised, WILD)
        assert_near("power", raised(table), found, table)
    found, table = run(lambda x: 2.5**x, WILD)
    assert_near("power", 2.5**table, found, table)


def steep(x: Any) -> Any:
    return np.where(x > 0, np.log1p(np.abs(x)) * 2, -np.sqrt(np.abs(x)))


def scaled(x: Any, low: float = -1.0, high: float = 1.0) -> Any:
    return (np.clip(x, low, high) - low) / (high - low)


def apart(x: Any) -> Any:
    return np.column_stack([x[:, 0] / x[:, 1], x[:, 0] - x[:, 1], np.hypot(x[:, 0], x[:, 2]), x[:, 0] > x[:, 1]])


def with_totals(x: Any) -> Any:
    return np.hstack([x, x.sum(axis=1, keepdims=True), np.mean(x, axis=1)[:, None], np.std(x, axis=1).reshape(-1, 1)])


def extremes(x: Any) -> Any:
    return np.stack(
        [np.max(x, axis=1), x.min(axis=1), np.any(x > 1, axis=1), np.all(x < 1, 1), np.sum(x > 0, axis=-1)], axis=1
    )


def filled(x: Any) -> Any:
    return np.nan_to_num(x, nan=-1.0, posinf=1e6)


def filled_plainly(x: Any) -> Any:
    return np.nan_to_num(x)


def parted(x: Any) -> Any:
    return np.select([x < -1, x < 1], [x * 2, np.square(x)], default=x.astype(float) // 2)


def rounded(x: Any) -> Any:
    return np.concatenate([np.round(x, 2), x.round(), np.rint(x * 2) / 2, np.round(x, -1), np.trunc(x)], axis=1)


def counted(x: Any) -> Any:
    return (x > 0.5).astype(int) + (x > 1).astype(int)


def flagged(x: Any) -> Any:
    return (x > 0) & ~(x >= 1) | np.isnan(x) ^ np.isinf(x)


def one_number(x: Any) -> Any:
    return x[:, 1] % 0.7 - 3


def by_row(x: Any) -> Any:
    return x * np.arange(1.0, 4.0) - np.array([[1, 2, 3]])


def again(x: Any) -> Any:
    rows = x.reshape(x.shape[0], -1)
    return rows[:, ::-1][:, [0, -1]] + rows[..., 1:] - np.diff(x, axis=1)


def lesser(x: Any) -> Any:
    return np.fmin(np.fmax(x, 0.25), x[:, :1])


FUNCTIONS = [steep, scaled, apart, with_totals, extremes, filled, filled_plainly, parted, rounded, counted, flagged,
             one_number, by_row, again, lesser]  # fmt: skip
OWN = {f"{each.__module__}.{each.__name__}": each for each in FUNCTIONS}
X = RNG.normal(size=(60, 3)) * 1.5
CORNERED = np.vstack([X[:5], np.array(list(itertools.islice(itertools.permutations(CORNERS, 3), 0, 60_000, 53)))])


@pytest.mark.parametrize("own", FUNCTIONS, ids=lambda each: each.__name__)
@pytest.mark.filterwarnings("ignore")
def test_functions_of_the_callers_own(own: Any) -> None:
    """The values, on ordinary rows and at the corners; exact where nothing but arithmetic is in them."""
    for table in (X, CORNERED):
        found, _ = run(own, table)
        expected = own(table)
        if expected.dtype.kind == "f":
            same = (expected == found) | (np.isnan(expected) & np.isnan(found))
            near = np.abs(found - expected) <= 1e-15 * np.abs(expected)
            assert (same | near).all(), table[~(same | near).reshape(len(table), -1).all(axis=1)][:3]
            if own not in (steep, with_totals):
                assert same.all() or own is apart
        else:
            assert (expected == found).all()


@pytest.mark.parametrize("own", FUNCTIONS, ids=lambda each: each.__name__)
@pytest.mark.filterwarnings("ignore")
def test_transformers_with_a_function_of_the_callers_own(own: Any) -> None:
    methods = ["transform"] if own is one_number else None  # what is a vector is never asked back
    assert wrong(compare(FunctionTransformer(own).fit(X), X, functions=OWN, methods=methods)) == {}
    assert wrong(compare(FunctionTransformer(own, validate=True).fit(X), X, functions=OWN, methods=methods)) == {}
    single = compare(FunctionTransformer(own).fit(X), X, functions=OWN, precision="float32", rows=[X])
    assert not single["transform"].absent


@pytest.mark.parametrize(
    "model",
    [
        FunctionTransformer(), FunctionTransformer(validate=True),
        FunctionTransformer(np.log1p, np.expm1), FunctionTransformer(np.sqrt, validate=True),
        FunctionTransformer(np.abs), FunctionTransformer(np.asarray), FunctionTransformer(np.isnan),
        FunctionTransformer(np.clip, kw_args={"a_min": -0.5, "a_max": 1}),
        FunctionTransformer(np.round, kw_args={"decimals": 1}), FunctionTransformer(np.sum, kw_args={"axis": 1}),
        FunctionTransformer(np.nan_to_num, kw_args={"nan": 7.0}),
        FunctionTransformer(np.arcsinh, np.sinh),
        FunctionTransformer(None, np.exp, check_inverse=False),
    ],
    ids=lambda model: f"{getattr(model.func, '__name__', None)}-{model.validate}",
)  # fmt: skip
@pytest.mark.filterwarnings("ignore")
def test_functions_of_numpy_by_name(model: Any) -> None:
    """No allowance is needed for them."""
    vector = model.func is np.sum  # of which there is no inverse
    assert wrong(compare(model.fit(X), X, methods=["transform"] if vector else None)) == {}


@pytest.mark.filterwarnings("ignore")
def test_inside_other_models() -> None:
    y = (X[:, 0] + X[:, 1] > 0).astype(int)
    pipe = make_pipeline(FunctionTransformer(scaled, kw_args={"high": 2.0}), StandardScaler(), LogisticRegression())
    assert wrong(compare(pipe.fit(X, y), X, functions=OWN)) == {}
    flags = make_pipeline(FunctionTransformer(flagged), LogisticRegression())
    assert wrong(compare(flags.fit(X, y), X, functions=OWN)) == {}
    union = FeatureUnion([("a", FunctionTransformer(steep)), ("b", FunctionTransformer(np.tanh))])
    assert wrong(compare(union.fit(X), X, functions=OWN)) == {}
    columns = ColumnTransformer([("a", FunctionTransformer(np.cbrt), [2, 0]), ("b", FunctionTransformer(), [1])])
    assert wrong(compare(columns.fit(X), X)) == {}


@pytest.mark.parametrize("width", [1, 2, 7, 8, 9, 16, 23, 127, 128, 129, 136, 300, 1025])
def test_sums_add_in_numpys_order(width: int) -> None:
    """Equal to the bit, however many columns there are."""
    table = RNG.normal(size=(50, width)) * 10 ** RNG.uniform(-5, 5, (50, width))
    found, _ = run(lambda x: np.sum(x, axis=1), table)
    assert (found == table.sum(axis=1)).all()
    found, _ = run(lambda x: np.std(x, axis=1, ddof=width > 1), table)
    assert (found == table.std(axis=1, ddof=width > 1)).all()
    found, _ = run(lambda x: x.mean(axis=1), table)
    assert (found == table.mean(axis=1)).all()


def absent(model: Any, table: Any = X, **options: Any) -> str:
    """Return why a model has no form."""
    return compare(model, table, methods=["transform"], **options)["transform"].absent


def sorts(x: Any) -> Any:
    return np.sort(x, axis=1)


def errs(x: Any) -> Any:
    return scipy.special.erf(x)


def odds(x: Any) -> Any:
    return scipy.special.logit(scipy.special.expit(x))


@pytest.mark.filterwarnings("ignore")
def test_functions_of_scipy() -> None:
    """Those that NumPy's can say."""
    shares = np.clip(np.vstack([X, [[0.5, 0.5 + 1e-12, 0.65], [0.3, 0.0, 1.0]]]), -0.5, 1.5)
    for name in ("cbrt", "exp2", "expit", "expm1", "log1p", "logit"):
        model = FunctionTransformer(getattr(scipy.special, name)).fit(shares)
        assert wrong(compare(model, shares)) == {}
    name = f"{odds.__module__}.odds"
    assert wrong(compare(FunctionTransformer(odds).fit(X), X, rows=[X], functions={name: odds})) == {}


def test_what_is_refused_by_name() -> None:
    """A function that no policy names is not called; one that is named, or NumPy's, says what stands in the way."""
    assert "numpy.sort" in absent(FunctionTransformer(np.sort))
    assert "over rows" in absent(FunctionTransformer(np.mean))
    name = f"{sorts.__module__}.sorts"
    assert "numpy.sort" in absent(FunctionTransformer(sorts), functions={name: sorts})
    assert "scipy.special.erf" in absent(FunctionTransformer(scipy.special.erf))
    name = f"{errs.__module__}.errs"
    assert "the function erf" in absent(FunctionTransformer(errs), functions={name: errs})


def test_a_function_that_may_not_be_called() -> None:
    import amber
    from amber.adapters.build import leaf
    from amber.adapters.take import take
    from amber.programs import emit
    from amber.programs.emit.graph import Unsupported

    name = f"{steep.__module__}.steep"
    tree = take(FunctionTransformer(steep), amber.Policy(allow=(name,))).tree
    with pytest.raises(Unsupported, match="allow it by name"):
        emit.emit(tree, leaf, form="table", width=3, methods=["transform"])


def totals(x: Any) -> Any:
    return np.sum(x, axis=1)


@pytest.mark.filterwarnings("ignore")
def test_frames_have_sums_of_their_own() -> None:
    """The sum of a frame leaves out missing values, that of an array does not: which it was is in the tree."""
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=["a", "b", "c"])
    name = f"{totals.__module__}.totals"
    assert "of a frame" in absent(FunctionTransformer(totals).fit(frame), functions={name: totals})
    model = FunctionTransformer(np.log1p).fit(frame)
    assert wrong(compare(model, frame, rows=[frame, frame[:1]])) == {}


def of_the_hour(x: Any) -> Any:
    return np.hstack([np.sin(x % 24 * (2 * np.pi / 24)), np.cos(2 * np.pi * (x % 24) / 24), x // 24])


@pytest.mark.filterwarnings("ignore")
def test_hours_of_a_frame() -> None:
    """The usual function on frames, inside a ColumnTransformer, with large numbers."""
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"hour": np.arange(60) * 1.5 - 20, "when": 1.7e9 + np.arange(60) * 977.0, "y": X[:, 0]})
    hours = FunctionTransformer(of_the_hour)
    model = ColumnTransformer([("hours", hours, ["hour", "when"]), ("rest", "passthrough", ["y"])]).fit(frame)
    name = f"{of_the_hour.__module__}.of_the_hour"
    found = compare(model, frame, rows=[frame, frame[:1]], functions={name: of_the_hour})
    assert wrong(found) == {}
    assert "transform" in found


def test_kernels_in_single_precision_run() -> None:
    for name, made in {**elementary.ONE, **elementary.TWO}.items():
        graph = Graph("float32")
        if name in elementary.TWO:
            tables = [np.array([0.75, -2.5], np.float32), np.array([0.5, 1.5], np.float32)]
            graph.output("y", made(graph, *(graph.input(each, "float32", ["N"]) for each in "xz")))
            session = ort.InferenceSession(graph.finished(), providers=["CPUExecutionProvider"])
            expected = getattr(np, name)(*tables)
            np.testing.assert_allclose(session.run(None, dict(zip("xz", tables, strict=True)))[0], expected, rtol=1e-5)
            continue
        graph.output("y", made(graph, graph.input("x", "float32", ["N"])))
        session = ort.InferenceSession(graph.finished(), providers=["CPUExecutionProvider"])
        table = np.array([0.25, 0.75], np.float32) + (1 if name == "arccosh" else 0)
        np.testing.assert_allclose(session.run(None, {"x": table})[0], getattr(np, name)(table), rtol=1e-5)
