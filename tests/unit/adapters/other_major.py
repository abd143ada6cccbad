"""What one major version of pandas writes for the other to read.

    python -m tests.unit.adapters.other_major    # writes data/pandas-<major>.json with the installed pandas

The file holds the tree, strings and tensors of one dict of objects, and what the writer itself says about each.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from amber.adapters.take import take
from amber.tree.codec import encode_strings, encode_tree

DATA = Path(__file__).parent / "data"
NOON = np.array(["2024-03-31T12:00", "NaT", "1969-12-31T23:59:59"], "M8[ns]")


def objects() -> dict[str, Any]:
    """The same calls under both majors, with what each of them makes of them."""
    frame = pd.DataFrame(
        {
            "default text": ["a", None, "c"],
            "object text": pd.Series(["a", None, "c"], dtype=object),
            "string": pd.Series(["a", None, "c"], dtype=pd.StringDtype("python")),
            "category": pd.Series(["x", None, "y"], dtype="category"),
            "nullable": pd.array([1, None, 3], dtype="Int64"),
            "time": NOON,
            "zone": pd.DatetimeIndex(NOON).tz_localize("UTC").tz_convert("Europe/Paris"),
            "period": pd.PeriodIndex(["2024-01", None, "2024-03"], freq="M"),
        },
        index=pd.Index(["r", "s", "t"], name="key"),
    )
    return {
        "frame": frame,
        "dates": pd.date_range("2024-01-31", periods=3, freq=pd.offsets.MonthEnd()),
        "multi": pd.MultiIndex.from_arrays([["a", "b"], [1, 2]], names=["x", None]),
        "moment": pd.Timestamp("2024-10-27 01:30", tz="UTC").tz_convert("Europe/Paris"),
        "quarters": pd.period_range("2020Q1", periods=2, freq="Q-NOV"),
    }


def described(made: dict[str, Any]) -> dict[str, Any]:
    """What must be read back: dtypes and values as text, alike under both majors where the meaning is."""
    frame = made["frame"]
    return {
        "dtypes": [str(dtype) for dtype in frame.dtypes],
        "missing": frame.isna().to_numpy().tolist(),
        "values": [[str(value) for value in frame[name].dropna()] for name in frame.columns],
        "labels": [*map(str, frame.index), str(frame.index.name), *map(str, frame.columns)],
        "dates": [str(made["dates"].dtype), made["dates"].freqstr, *map(str, made["dates"])],
        "multi": [*map(str, made["multi"]), str(list(made["multi"].names))],
        "moment": [made["moment"].isoformat(), made["moment"].unit, made["moment"].fold],
        "quarters": [*map(str, made["quarters"]), str(made["quarters"].dtype)],
    }


def main() -> None:
    """Write the file of the installed major."""
    made = objects()
    tree = take(made).tree
    DATA.mkdir(exist_ok=True)
    content = {
        "pandas": pd.__version__,
        "described": described(made),
        "tree": json.loads(encode_tree(tree)),
        "strings": json.loads(encode_strings(tree)),
        "tensors": [
            [each.carrier, list(each.shape), base64.b64encode(bytes(each.data)).decode()] for each in tree.tensors
        ],
    }
    path = DATA / f"pandas-{pd.__version__.partition('.')[0]}.json"
    path.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
