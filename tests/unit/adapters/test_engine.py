"""take and build: every kind of node, sharing, cycles, columns, refusals with their paths, the caller's own classes."""

from __future__ import annotations

import functools
import io
import json
import subprocess
import sys
import textwrap
from collections import OrderedDict, defaultdict, deque
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from amber.adapters.build import build
from amber.adapters.take import take
from amber.errors import AmberError, AuditError, BuildError, SaveError
from amber.limits import DEFAULT
from amber.policy import Policy
from amber.testing.same import same
from amber.tree import nodes
from amber.tree.codec import decode_tree, encode_strings, encode_tree
from amber.tree.nodes import Tensor, Tree


def through_bytes(obj: Any, policy: Policy | None = None) -> Any:
    taken = take(obj, policy).tree
    tensors = [Tensor(t.carrier, t.shape, memoryview(bytearray(t.data))) for t in taken.tensors]
    strings = encode_strings(taken) if taken.strings else None
    return build(decode_tree(encode_tree(taken), strings, tensors, DEFAULT))


def plain_values() -> dict[str, Any]:
    return {
        "none": None,
        "true": True,
        "int": 3,
        "big": -(2**80),
        "float": 0.1,
        "nan": float("nan"),
        "minus": -0.0,
        "inf": float("-inf"),
        "complex": complex(1, -0.0),
        "str": "h\u00e9\U0001f600",
        "surrogate": "\ud800x",
        "bytes": b"\x00\xff",
        "bytearray": bytearray(b"ab"),
        "ellipsis": ...,
        "slice": slice(None, 3, 2),
        "range": range(5, 0, -1),
        "list": [1, [2]],
        "tuple": (1, (2,)),
        "set": {3, "x", (1, 2)},
        "frozenset": frozenset({1.5}),
        "deque": deque([1, 2], 5),
        "dict": {1: "a", (1, "b"): None},
        "ordered": OrderedDict(b=1, a=2),
        "default": defaultdict(None, {1: 2}),
        "empty": [[], (), {}, set()],
        "words": [f"w{i}" for i in range(70)],
        "numbers": tuple(range(70)),
        "floats": [i / 3 for i in range(70)],
        "vocabulary": {f"w{i}": i for i in range(70)},
        "numpy": [np.float32(i) for i in range(70)],
        "mixed": [*range(70), None],
        "bools": [True] * 70,
        "long": [2**70] * 70,
    }


@pytest.mark.parametrize("name", sorted(plain_values()))
def test_plain_python_comes_back_exactly(name: str) -> None:
    value = plain_values()[name]
    assert same(value, through_bytes(value)) is None


DTYPES = "?bBhHiIlLefdFD"


@pytest.mark.parametrize(
    "array",
    [
        *[np.arange(6).astype(code).reshape(2, 3) for code in DTYPES],
        np.arange(3, dtype=">f8"),
        np.arange(3, dtype=">i2"),
        np.array(["a", "bcd", ""]),
        np.array([b"x", b"yz"]),
        np.array(["2020-01-01", "NaT"], "M8[ns]"),
        np.array([1, 2], "m8[25s]"),
        np.array([1], ">M8[D]"),
        np.array(5.0),
        np.zeros((0, 3)),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.arange(24.0).reshape(2, 3, 4).T,
        np.array([1, "x", None], dtype=object),
        np.array(None, dtype=object),
        np.array([["a"] * 40] * 2, dtype=object),
        np.asfortranarray(np.array([[1, None], ["x", 2.5]], dtype=object)),
        np.zeros(3, "V5"),
        np.zeros(2, np.dtype([("a", "<f8"), ("b", "u1", (2, 2)), ("c", [("d", ">i4")])])),
        np.zeros(2, np.dtype([("a", "u1"), ("b", "<f8")], align=True)),
    ],
    ids=lambda a: f"{a.dtype.str}-{a.shape}-{a.flags.f_contiguous}",
)
def test_arrays_come_back_exactly_and_writeable(array: Any) -> None:
    again = through_bytes(array)
    assert same(array, again) is None
    assert again.flags.writeable


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6.0).reshape(2, 3)[::-1],
        np.arange(6.0).reshape(2, 3)[:, ::-1],
        np.arange(6.0)[::-1],
        np.arange(24.0).reshape(2, 3, 4).T[::-1, :, ::-1],
        np.asfortranarray(np.arange(12.0).reshape(4, 3))[:2],
    ],
    ids=lambda a: str(a.strides),
)
def test_strides_keep_their_signs_and_order(array: Any) -> None:
    again = through_bytes(array)
    assert np.array_equal(again, array)
    assert np.sign(again.strides).tolist() == np.sign(array.strides).tolist()
    assert np.argsort(np.abs(again.strides)).tolist() == np.argsort(np.abs(array.strides)).tolist()


def test_scalars_dtypes_and_memmaps(tmp_path: Path) -> None:
    record = np.zeros(1, [("a", "<f8"), ("b", "<U3")])[0]
    values = [
        np.float64(0.1),
        np.float32("nan"),
        np.int8(-3),
        np.bool_(True),
        np.str_("a\u00e9"),
        np.bytes_(b"x"),
        record,
        np.datetime64("2020-01-01", "D"),
        np.timedelta64(3, "s"),
        np.complex64(1j),
        np.dtype("f4"),
        np.dtype(object),
        np.dtype([("a", "<f8")]),
    ]
    assert same(values, through_bytes(values)) is None
    mapped = np.memmap(tmp_path / "m", dtype="f8", mode="w+", shape=(3,))
    mapped[:] = [1, 2, 3]
    again = through_bytes(mapped)
    assert type(again) is np.ndarray
    assert again.tolist() == [1, 2, 3]


def test_sharing_and_cycles_come_back() -> None:
    shared, array = [1], np.arange(3.0)
    cycle: list[Any] = [shared, shared, array, {"array": array}]
    cycle.append((cycle, {"up": cycle}))
    again = through_bytes(cycle)
    assert same(cycle, again) is None
    assert again[0] is again[1]
    assert again[2] is again[3]["array"]
    assert again[4][0] is again


def test_a_tuple_in_a_cycle_comes_back() -> None:
    inner: list[Any] = []
    outer = (inner, 1)
    inner.append(outer)
    again = through_bytes(outer)
    assert again[0][0] is again


def test_equal_arrays_never_alias_and_views_come_back_independent() -> None:
    base = np.arange(4.0)
    again = through_bytes([base, base.copy(), base[:2]])
    again[0][0] = 99
    assert again[1][0] == 0
    assert again[2][0] == 0


def test_depth_costs_no_recursion() -> None:
    deep: list[Any] = []
    for _ in range(20_000):
        deep = [deep]
    again = through_bytes(deep)
    for _ in range(20_000):
        again = again[0]
    assert again == []


def test_bytes_do_not_depend_on_the_hash_seed() -> None:
    program = textwrap.dedent("""
        from amber.adapters.take import take
        from amber.tree.codec import encode_tree
        import hashlib
        made = {"s": {f"w{i}" for i in range(30)}, "f": frozenset({1, "a", (2, "b"), None, 1.5, b"x"})}
        print(hashlib.sha256(encode_tree(take(made).tree)).hexdigest())
    """)
    seen = {
        subprocess.run(
            [sys.executable, "-c", program], env={"PYTHONHASHSEED": seed, "PATH": ""}, capture_output=True, check=True
        ).stdout
        for seed in ("0", "1", "77")
    }
    assert len(seen) == 1


def test_the_global_generator_is_a_link() -> None:
    assert through_bytes([np.random.mtrand._rand])[0] is np.random.mtrand._rand


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (lambda x: x, "function-refused"),
        (open, "name-not-allowed"),
        (json, "type-refused"),
        (io.StringIO(), "type-refused"),
        ((i for i in ()), "type-refused"),
        (functools.partial(print).__call__, "function-refused"),
        (np.longdouble(1), "dtype-refused"),
        (np.ones(2, np.longdouble), "dtype-refused"),
        (np.zeros(1, [("a", object)]), "dtype-refused"),
        ({(1, (2, 3)): 1}, "key-invalid"),
        ({frozenset(): 1}, "key-invalid"),
        ({2**70: 1}, "key-invalid"),
        (2**20_000, "limit-integer-digits"),
        (defaultdict(lambda: 1), "function-refused"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_what_cannot_be_data_is_refused_with_its_path(value: Any, code: str) -> None:
    with pytest.raises(SaveError) as caught:
        take({"a": [1, ("name", value)]})
    assert caught.value.code == code
    assert "['a'][1]" in str(caught.value)


def test_strings_of_variable_width_are_refused_with_what_to_use_instead() -> None:
    width = getattr(np.dtypes, "StringDType", None)  # NumPy 2 has it
    array = np.array(["a", "bb"], dtype=width() if width else "U")
    if width is None:
        assert take(array)
        return
    with pytest.raises(SaveError, match=r"StringDType cannot be data[^\0]*astype\('U'\)") as caught:
        take(array)
    assert caught.value.code == "dtype-refused"


def test_a_path_is_refused_with_what_to_use_instead(tmp_path: Path) -> None:
    with pytest.raises(SaveError) as caught:
        take([tmp_path])
    assert caught.value.code == "type-refused"
    assert "--allow" not in caught.value.hint


def test_every_problem_is_named_in_one_error() -> None:
    with pytest.raises(SaveError) as caught:
        take({"a": json, "b": [lambda: 0]})
    assert {problem.where for problem in caught.value.problems} == {"['a']", "['b'][0]"}


# --- the caller's own classes and functions ---


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    (tmp_path / "ownpkg").mkdir()
    (tmp_path / "ownpkg" / "__init__.py").write_text("")
    (tmp_path / "ownpkg" / "text.py").write_text(
        textwrap.dedent("""
        from sklearn.base import BaseEstimator, TransformerMixin

        class Scaler(TransformerMixin, BaseEstimator):
            def __init__(self, factor=2.0):
                self.factor = factor
            @property
            def double(self):
                return 2 * self.factor

        class Stateful:
            def __getstate__(self):
                return {}

        class Slotted:
            __slots__ = ("a",)

        class Dictionary(dict):
            pass

        def clean(x):
            return x

        alias = clean
        """)
    )
    monkeypatch.syspath_prepend(tmp_path)
    import ownpkg.text  # type: ignore[import-not-found]

    yield ownpkg.text
    for name in [name for name in sys.modules if name.startswith("ownpkg")]:
        del sys.modules[name]


def test_an_own_class_is_refused_with_the_line_to_write(package: Any) -> None:
    with pytest.raises(SaveError) as caught:
        take([package.Scaler(3.0)])
    assert caught.value.code == "name-not-allowed"
    assert 'Policy(allow=["ownpkg.text.Scaler"])' in caught.value.hint
    assert "--allow ownpkg.text.Scaler" in caught.value.hint


def test_an_allowed_class_and_function_come_back(package: Any) -> None:
    policy = Policy(allow=("ownpkg.text.Scaler", "ownpkg.text.clean"))
    made = [package.Scaler(3.0), package.clean, package.Scaler]
    again = through_bytes(made, policy)
    assert type(again[0]) is package.Scaler
    assert again[0].factor == 3.0
    assert again[1] is package.clean
    assert again[2] is package.Scaler


@pytest.mark.parametrize("name", ["Stateful", "Slotted", "Dictionary"])
def test_a_class_with_state_elsewhere_needs_an_adapter(package: Any, name: str) -> None:
    with pytest.raises(SaveError) as caught:
        take([getattr(package, name)()], Policy(allow=(f"ownpkg.text.{name}",)))
    assert caught.value.code == "class-needs-adapter"


def test_names_of_main_and_of_functions_inside_functions_are_refused() -> None:
    class Local:
        pass

    for thing in (Local(), Local):
        with pytest.raises(SaveError) as caught:
            take([thing])
        assert caught.value.code == "name-not-importable"
        assert "move it to a module" in caught.value.hint


def custom(name: str, **attrs: int) -> Tree:
    return Tree([nodes.Custom(name, attrs), *[nodes.Int(each) for each in attrs.values()]], 0, [], [])


def test_an_attribute_must_not_stand_before_a_method_or_property(package: Any) -> None:
    for name in ("double", "get_params", "__class__"):
        tree = Tree([nodes.Custom("ownpkg.text.Scaler", {name: 1}), nodes.Int(1)], 0, [], [])
        with pytest.raises(AuditError) as caught:
            build(tree)
        assert caught.value.code == "attribute-shadows"


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("ownpkg.text.Missing", "custom-missing"),
        ("nowhere.at.All", "custom-missing"),
        ("ownpkg.text.Stateful", "class-needs-adapter"),
        ("ownpkg.text.clean", "name-not-allowed"),
    ],
)
def test_what_an_allowed_name_leads_to_is_checked(package: Any, name: str, code: str) -> None:
    with pytest.raises((AuditError, BuildError)) as caught:
        build(Tree([nodes.Custom(name, {})], 0, [], []))
    assert caught.value.code == code


def test_an_alias_is_not_the_name(package: Any) -> None:
    with pytest.raises(AmberError) as caught:
        build(Tree([nodes.CustomFunction("ownpkg.text.alias")], 0, [], []))
    assert caught.value.code == "name-not-allowed"


def test_equal_keys_of_different_kinds_are_refused() -> None:
    tree = Tree([nodes.Dict([(1, 1), (2, 1)]), nodes.Int(1), nodes.Bool(True)], 0, [], [])
    with pytest.raises(AuditError) as caught:
        build(tree)
    assert caught.value.code == "key-duplicate"
