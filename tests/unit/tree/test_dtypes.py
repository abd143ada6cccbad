"""Dtype strings against NumPy itself."""

from __future__ import annotations

import numpy as np
import pytest

from amber.errors import FormatError
from amber.tree.dtypes import CARRIER_BYTES, carrier

GOOD = [
    "|b1", "|i1", "|u1", "<i2", "<u4", "<i8", "<u8", "<f2", "<f4", "<f8", "<c8", "<c16", ">f8", ">c16", ">i2",
    "<M8[ns]", "<M8[25s]", "<m8[D]", ">M8[us]", "<M8", "<U7", ">U3", "<U0", "|S5", "|S0", "|V7", "|V8",
]  # fmt: skip


@pytest.mark.parametrize("text", GOOD)
def test_item_size_is_numpys(text: str) -> None:
    kind = carrier(text)
    assert kind.itemsize == np.dtype(text).itemsize
    assert kind.itemsize == CARRIER_BYTES[kind.type] * int(np.prod(kind.tail, dtype=int))


@pytest.mark.parametrize(
    "text",
    ["", "f8", "<f16", "|O", "O", "<f8,<f8", "(2,)<f8", "<U-1", "<M8[xs]", "<U9999999999", "<b1", "<V7", "object"],
)
def test_other_strings_are_refused(text: str) -> None:
    with pytest.raises(FormatError) as caught:
        carrier(text)
    assert caught.value.code == "dtype-unknown"
