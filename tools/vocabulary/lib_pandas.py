"""The vocabulary of pandas 2 and 3: frames, series, indexes, extension arrays, dtypes, moments and offsets."""

from __future__ import annotations

import sys
from pathlib import Path

from shorthand import Json, array, entry, holds, integer, items, obj, shape, text, within

sys.path.insert(0, str(Path(__file__).parents[2] / "src"))
from amber.adapters.pandas_dtypes import ARROW_TYPES
from amber.adapters.pandas_time import OFFSETS

_INDEXES = [
    f"pandas.{name}"
    for name in ("Index", "RangeIndex", "MultiIndex", "DatetimeIndex", "TimedeltaIndex", "PeriodIndex",
                 "IntervalIndex", "CategoricalIndex")
]  # fmt: skip
_ARRAYS = [
    f"pandas.arrays.{name}"
    for name in ("DatetimeArray", "TimedeltaArray", "PeriodArray", "IntervalArray", "IntegerArray", "FloatingArray",
                 "BooleanArray", "StringArray", "ArrowExtensionArray", "SparseArray")
] + ["pandas.Categorical"]  # fmt: skip
_SCALARS = ["pandas.Timestamp", "pandas.Timedelta", "pandas.Period", "pandas.Interval", "pandas.NaT", "pandas.NA",
            "datetime.date", "datetime.datetime", "datetime.time", "datetime.timedelta", "decimal.Decimal",
            "fractions.Fraction", "uuid.UUID"]  # fmt: skip
_EXTRA: dict[str, Json] = {
    "day_of_month": integer(1, 31), "weekday": ["none", integer(0, 6)], "week": integer(0, 3),
    "startingMonth": ["none", integer(1, 12)], "month": ["none", integer(1, 12)],
}  # fmt: skip
_FREQ = obj(*(f"pandas.offsets.{name}" for name in OFFSETS))
_CLOSED = text("left", "right", "both", "neither")
_UNIT = text("s", "ms", "us", "ns")
_ZONE = ["none", text(max_chars=106)]
_MASK = ["none", array("|b1", rank=1)]

CONSTRAINTS: dict[str, Json] = {
    # what may name a row or a column, and be hashed for it: nothing nested deeper than one tuple
    "plain-label": ["none", "bool", "number", "str", {"is": "kind", "kinds": ["bytes", "complex", "scalar"]},
                    obj(*_SCALARS)],
    "label": ["plain-label", items("plain-label", high=64)],
    "labels": [array(*"biufcmM", rank=1), array("O", rank=1, items="label"), obj(*_ARRAYS)],
    "column": [array(*"biufcmMO", rank=1), obj(*_ARRAYS)],
    "index": obj(*_INDEXES),
    "attrs": {"is": "map"},
    "freq": ["none", _FREQ],
}  # fmt: skip


def _index(name: str, module: str, *arrays: str) -> Json:
    holder = obj(*arrays) if arrays else "labels"
    freq: dict[str, Json] = {"freq": "freq"} if name in ("DatetimeIndex", "TimedeltaIndex") else {}
    return entry(
        ["pandas", f"pandas.core.indexes.{module}"], name, state="index",
        attributes={"data": holder, "name": "label", **freq},
    )  # fmt: skip


def _masked(name: str, module: str, kinds: str) -> Json:
    return entry(
        ["pandas.arrays", f"pandas.core.arrays.{module}"], name, state="array-masked",
        attributes={"data": array(*kinds, rank=1), "mask": array("|b1", rank=1)},
        rules=[holds("len(mask) == len(data)", code="shape-mismatch")],
    )  # fmt: skip


def _named(name: str, module: str) -> Json:
    return entry(["pandas", f"pandas.core.arrays.{module}"], name, state="dtype-named")


def _dtype(name: str, state: str, attributes: dict[str, Json], module: str = "pandas.core.dtypes.dtypes") -> Json:
    return entry(["pandas", module], name, state=state, attributes=attributes)


def _frames() -> dict[str, Json]:
    marks: dict[str, Json] = {"attrs": "attrs", "unique_labels": "bool"}
    return {
        "DataFrame": entry(
            ["pandas", "pandas.core.frame"], "DataFrame", state="frame",
            attributes={"index": "index", "columns": "index", "data": items("column"), **marks},
        ),
        "Series": entry(
            ["pandas", "pandas.core.series"], "Series", state="series",
            attributes={"index": "index", "data": "column", "name": "label", **marks},
        ),
        "Index": _index("Index", "base"),
        "DatetimeIndex": _index("DatetimeIndex", "datetimes", "pandas.arrays.DatetimeArray"),
        "TimedeltaIndex": _index("TimedeltaIndex", "timedeltas", "pandas.arrays.TimedeltaArray"),
        "PeriodIndex": _index("PeriodIndex", "period", "pandas.arrays.PeriodArray"),
        "IntervalIndex": _index("IntervalIndex", "interval", "pandas.arrays.IntervalArray"),
        "CategoricalIndex": _index("CategoricalIndex", "category", "pandas.Categorical"),
        "RangeIndex": entry(
            ["pandas", "pandas.core.indexes.range"], "RangeIndex", state="range-index",
            attributes={**dict.fromkeys(("start", "stop", "step"), integer(-(2**53) + 1, 2**53 - 1)),
                        "name": "label"},
            # three numbers that become an array of any length
            rules=[holds("step != 0", code="value-out-of-range"),
                   holds("(stop - start) // step <= limit(components)", code="limit-components")],
        ),
        "MultiIndex": entry(
            ["pandas", "pandas.core.indexes.multi"], "MultiIndex", state="multi-index",
            attributes={
                "levels": items("index", 1, 256), "codes": items(array("i", rank=1), 1, 256),
                "names": items("label", 1, 256), "sortorder": ["none", integer(0, 256)],
            },
            rules=[
                holds("len(codes) == len(levels)", code="shape-mismatch"),
                holds("len(names) == len(levels)", code="shape-mismatch"),
                holds("len(codes[*]) == len(codes[0])", code="shape-mismatch"),
                within("codes[*]", -1),
            ],
        ),
        "Categorical": entry(
            ["pandas", "pandas.core.arrays.categorical"], "Categorical", state="array-category",
            attributes={"codes": array("i", rank=1), "dtype": obj("pandas.CategoricalDtype")},
            rules=[within("codes", -1)],
        ),
    }  # fmt: skip


def _arrays() -> dict[str, Json]:
    times = {"values": array(*(f"<M8[{unit}]" for unit in ("s", "ms", "us", "ns")), rank=1)}
    spans = {"values": array(*(f"<m8[{unit}]" for unit in ("s", "ms", "us", "ns")), rank=1)}
    strings = [("pandas.core.arrays.string_", "StringArray"), ("pandas.arrays", "StringArray"),
               ("pandas.arrays", "ArrowStringArray"), ("pandas.core.arrays.string_arrow", "ArrowStringArray"),
               ("pandas.core.arrays.string_", "StringArrayNumpySemantics"),
               ("pandas.core.arrays.string_arrow", "ArrowStringArrayNumpySemantics")]  # fmt: skip
    mask_fits = holds("len(mask) == len(values)", when=[["mask"]], code="shape-mismatch")
    return {
        "DatetimeArray": entry(["pandas.arrays", "pandas.core.arrays.datetimes"], "DatetimeArray",
                               state="array-times", attributes={**times, "tz": _ZONE}),
        "TimedeltaArray": entry(["pandas.arrays", "pandas.core.arrays.timedeltas"], "TimedeltaArray",
                                state="array-times", attributes=spans),
        "PeriodArray": entry(["pandas.arrays", "pandas.core.arrays.period"], "PeriodArray", state="array-period",
                             attributes={"ordinals": array("<i8", rank=1), "freq": _FREQ}),
        "IntervalArray": entry(["pandas.arrays", "pandas.core.arrays.interval"], "IntervalArray",
                               state="array-interval",
                               attributes={"left": "index", "right": "index", "closed": _CLOSED}),
        "IntegerArray": _masked("IntegerArray", "integer", "iu"),
        "FloatingArray": _masked("FloatingArray", "floating", "f"),
        "BooleanArray": _masked("BooleanArray", "boolean", "b"),
        "StringArray": entry([place for place, _ in strings], [name for _, name in strings], state="array-string",
                             attributes={"storage": text("python", "pyarrow"), "na": text("NA", "nan"),
                                         "values": items("str"), "mask": _MASK}, rules=[mask_fits]),
        "ArrowExtensionArray": entry(["pandas.arrays", "pandas.core.arrays.arrow.array"], "ArrowExtensionArray",
                                     state="array-arrow",
                                     attributes={"type": text(*ARROW_TYPES), "mask": _MASK,
                                                 "values": [items("str"), array(*"biuf", rank=1)]},
                                     rules=[mask_fits]),
        "SparseArray": entry(["pandas.arrays", "pandas.core.arrays.sparse.array"], "SparseArray",
                             state="array-sparse",
                             attributes={"values": array(*"biuf", rank=1), "indices": array("<i4", rank=1),
                                         "length": integer(0, "components"), "fill_value": ["bool", "number"],
                                         "kind": text("integer", "block")},
                             rules=[shape("indices", "len(values)"), within("indices", 0, below="length"),
                                    {"rule": "increasing", "of": "indices", "strict": True}]),
        "NumpyExtensionArray": entry(["pandas.arrays", "pandas.core.arrays.numpy_"], "NumpyExtensionArray",
                                     state="array-plain", attributes={"values": array(rank=1)}),
    }  # fmt: skip


def _dtypes() -> dict[str, Json]:
    integers = [f"{sign}Int{bits}Dtype" for sign in ("", "U") for bits in (8, 16, 32, 64)]
    return {
        **{name: _named(name, "integer") for name in integers},
        **{name: _named(name, "floating") for name in ("Float32Dtype", "Float64Dtype")},
        "BooleanDtype": _named("BooleanDtype", "boolean"),
        "StringDtype": _dtype("StringDtype", "dtype-string",
                              {"storage": text("python", "pyarrow"), "na": text("NA", "nan")},
                              "pandas.core.arrays.string_"),
        "ArrowDtype": _dtype("ArrowDtype", "dtype-arrow", {"type": text(*ARROW_TYPES)}),
        "CategoricalDtype": _dtype("CategoricalDtype", "dtype-category",
                                   {"categories": ["none", "index"], "ordered": ["none", "bool"]}),
        "DatetimeTZDtype": _dtype("DatetimeTZDtype", "dtype-zoned", {"unit": _UNIT, "tz": _ZONE[1]}),
        "PeriodDtype": _dtype("PeriodDtype", "dtype-period", {"freq": _FREQ}),
        "IntervalDtype": _dtype("IntervalDtype", "dtype-interval",
                                {"subtype": ["none", {"is": "kind", "kinds": ["dtype"]},
                                             obj("pandas.DatetimeTZDtype")],
                                 "closed": ["none", _CLOSED]}),
        "SparseDtype": _dtype("SparseDtype", "dtype-sparse",
                              {"subtype": {"is": "kind", "kinds": ["dtype"]}, "fill_value": ["bool", "number"]}),
    }  # fmt: skip


def _moments() -> dict[str, Json]:
    count = integer(-(2**63) + 1, 2**63 - 1)
    bound: Json = ["number", obj("pandas.Timestamp", "pandas.Timedelta")]
    return {
        "Timestamp": entry(["pandas", "pandas._libs.tslibs.timestamps"], "Timestamp", state="moment",
                           attributes={"value": count, "unit": _UNIT, "tz": _ZONE, "fold": integer(0, 1)}),
        "Timedelta": entry(["pandas", "pandas._libs.tslibs.timedeltas"], "Timedelta", state="moment",
                           attributes={"value": count, "unit": _UNIT}),
        "Period": entry(["pandas", "pandas._libs.tslibs.period"], "Period", state="period",
                        attributes={"ordinal": count, "freq": _FREQ}),
        "Interval": entry(["pandas", "pandas._libs.interval"], "Interval", state="interval",
                          attributes={"left": bound, "right": bound, "closed": _CLOSED}),
        "NaT": entry(["pandas.api.typing", "pandas._libs.tslibs.nattype"], "NaTType", state="constant"),
        "NA": entry(["pandas.api.typing", "pandas._libs.missing"], "NAType", state="constant"),
    }  # fmt: skip


def _offsets() -> dict[str, Json]:
    return {
        f"pandas.offsets.{name}": entry(
            "pandas._libs.tslibs.offsets", name, state="offset",
            attributes={"n": integer(-(2**31) + 1, 2**31 - 1), "normalize": "bool",
                        **{field: _EXTRA[field] for field in fields}},
        )
        for name, fields in OFFSETS.items()
    }  # fmt: skip


TYPES: dict[str, Json] = {
    **{f"pandas.{name}": each for name, each in {**_frames(), **_dtypes(), **_moments()}.items()},
    **{f"pandas.arrays.{name}": each for name, each in _arrays().items()},
    **_offsets(),
}
FUNCTIONS: dict[str, Json] = {}
PACKAGES = ["pandas"]
LINKS: list[str] = []
