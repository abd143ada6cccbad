"""Step 9, before anything is compared: recorded groups that break a rule of `spec/cases.md`."""

from __future__ import annotations

import base64
import copy
import json
import struct
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tools.vectors.artifact import Draft, canonical
from tools.vectors.graph import Node, Obj, draft
from tools.vectors.index import Vector, accept, reject

THREE = struct.pack("<3d", 1.0, 2.0, 4.0)


def scaler() -> Obj:
    """A fitted StandardScaler of one feature: (x - 1) / 2."""
    return Obj("sklearn.preprocessing.StandardScaler", copy=True, with_mean=True, with_std=True, n_features_in_=1,
               n_samples_seen_=Node.of("scalar", "<i8", (3).to_bytes(8, "little").hex()), mean_=np.array([1.0]),
               scale_=np.array([2.0]), var_=np.array([4.0]))  # fmt: skip


def group() -> dict[str, Any]:
    """A request of three rows and the answer of `transform`."""
    return {
        "answers": [{"layout": "array", "method": "transform", "outputs": 1}],
        "kind": "synthetic", "layout": "array",
        "request": {"id": "g000", "inputs": [column("X", [3, 1])],
                    "parameters": {"amber.methods": "transform", "binary_data_output": True}},
        "response": {"id": "g000", "model_name": "model", "outputs": [column("transform", [3, 1])]},
        "rows": 3, "steps": [], "synthetic": True,
    }  # fmt: skip


def column(name: str, shape: list[int], datatype: str = "FP64", size: int = 24, **parameters: Any) -> dict[str, Any]:
    """A tensor of a request or response."""
    named = {key.replace("_", "."): value for key, value in parameters.items()}
    return {"datatype": datatype, "name": name, "parameters": named | {"binary_data_size": size}, "shape": shape}


def data() -> bytes:
    """The tensors of `group`."""
    return THREE + struct.pack("<3d", 0.0, 0.5, 1.5)


def with_cases(described: dict[str, Any], binary: bytes, raw: Callable[[bytes], bytes] = bytes) -> Draft:
    """The scaler with one recorded group."""
    made = draft(scaler(), kind="transformer", methods=["transform"], adapter={"id": "sklearn", "state_version": 1})
    made.manifest["cases"] = {
        "contains_training_rows": False, "dropped": 0, "knife_edge": 0, "rows": 3, "source": "synthetic",
    }  # fmt: skip
    made.extra = {"cases/g000.bin": binary, "cases/g000.json": raw(canonical(described))}
    return made


def vectors() -> Iterator[Vector]:
    yield accept("cases", with_cases(group(), data()), "a model with one recorded group, which it answers as recorded")
    yield from _form()
    yield from _rules()
    yield from _tables()


def _changed(change: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    made = copy.deepcopy(group())
    change(made)
    return made


def _refuse(
    code: str, what: str, shows: str, change: Callable[[dict[str, Any]], None], binary: bytes | None = None
) -> Vector:
    made = with_cases(_changed(change), data() if binary is None else binary)
    return reject(code, what, made, f"a recorded group: {shows}", 9)


def _form() -> Iterator[Vector]:
    for code, what, raw, shows in (
        ("cases-invalid", "empty", lambda text: b"", "no byte"),
        ("cases-invalid", "array", lambda text: b"[]", "an array"),
        ("cases-invalid", "deep", lambda text: b"[" * 20_000, "20 000 open brackets"),
        ("cases-invalid", "latin-1", lambda text: text.replace(b"synthetic", b"synth\xe9tic", 1), "not UTF-8"),
        ("cases-not-canonical", "space", lambda text: text + b" ", "a space at the end"),
        (
            "cases-not-canonical",
            "duplicate",
            lambda text: text.replace(b'"rows":3', b'"rows":3,"rows":3'),
            "a key twice",
        ),
    ):
        yield reject(code, what, with_cases(group(), data(), raw), f"a recorded group: {shows}", 9)
    yield _refuse("cases-invalid", "key", "an unknown key", lambda made: made.update(extra=1))
    yield _refuse("cases-invalid", "kind", "a kind of another spelling", lambda made: made.update(kind="Sample 1"))
    yield _refuse("cases-invalid", "methods", "the request names other methods than the answers",
                  lambda made: made["request"]["parameters"].update({"amber.methods": "predict"}))  # fmt: skip
    yield _refuse("cases-invalid", "model-name", "another model name",
                  lambda made: made["response"].update(model_name="other"))  # fmt: skip
    yield _refuse("cases-invalid", "parameter", "a parameter beyond 2^53-1",
                  lambda made: made["request"]["inputs"][0]["parameters"].update(n=2**53))  # fmt: skip


def _rules() -> Iterator[Vector]:
    def answer(**keys: Any) -> Callable[[dict[str, Any]], None]:
        return lambda made: made["answers"][0].update(keys)

    def tensor(**keys: Any) -> Callable[[dict[str, Any]], None]:
        return lambda made: made["request"]["inputs"][0].update(keys)

    yield _refuse("cases-id", "request", "the request has another id", lambda made: made["request"].update(id="g001"))
    yield _refuse("cases-id", "response", "the response has another id", lambda made: made["response"].update(id="x"))
    yield _refuse("cases-layout", "request", "a layout that does not exist", lambda made: made.update(layout="pickle"))
    yield _refuse("cases-layout", "answer", "an answer of no layout", answer(layout="pickle"))
    yield _refuse("cases-method", "name", "a method of another spelling", answer(method="__reduce__.x"))
    yield _refuse("cases-answer", "both", "an answer and a refusal", answer(refusal="ValueError"))
    yield _refuse(
        "cases-answer", "neither", "neither answer nor refusal", lambda made: made["answers"][0].pop("layout")
    )
    yield _refuse("cases-answer", "more", "more outputs than there are", answer(outputs=2))
    yield _refuse("cases-answer", "fewer", "an output of no method", lambda made: made["answers"][0].pop("outputs"))
    yield _refuse("cases-tolerance", "negative", "a negative tolerance", answer(relative="-0.1"))
    yield _refuse("cases-tolerance", "infinite", "a tolerance that lets everything pass", answer(absolute="inf"))
    yield _refuse("cases-tolerance", "spelling", "a tolerance in another spelling", answer(relative="1e-9"))
    yield _refuse("cases-rows", "negative", "minus one row", lambda made: made.update(rows=-1))
    yield _refuse("cases-rows", "other", "an input of another number of rows", lambda made: made.update(rows=2))
    yield _refuse("cases-rows", "knife-edge", "a marked row that is not there", answer(knife_edge=[3]))
    yield _refuse("cases-rows", "knife-edge-order", "marked rows out of order", answer(knife_edge=[1, 0]))
    yield _refuse("cases-datatype", "unknown", "a datatype that the protocol does not have", tensor(datatype="PICKLE"))
    yield _refuse("cases-shape", "negative", "a negative dimension", tensor(shape=[-3, 1]))
    yield _refuse("cases-shape", "huge", "a dimension of 2^40", tensor(shape=[2**40, 1]))
    yield _refuse("cases-size", "shape", "a shape of other bytes", tensor(shape=[3, 2]))
    yield _refuse("cases-size", "beyond", "a tensor that ends behind the member",
                  lambda made: made["request"]["inputs"][0]["parameters"].update(binary_data_size=2**40))  # fmt: skip
    yield _refuse("cases-size", "absent", "a tensor without its size",
                  lambda made: made["request"]["inputs"][0]["parameters"].clear())  # fmt: skip
    yield _refuse("cases-size", "rest", "bytes that belong to no tensor", lambda made: None, data() + b"PAYLOAD!")
    text = column("X", [3], "BYTES", 24)
    yield _refuse("cases-size", "text", "texts that end behind their tensor", _input(text, "strings"),
                  struct.pack("<I", 2**31) + bytes(20) + data()[24:])  # fmt: skip
    flags = column("X", [3], "BOOL", 3)
    yield _refuse("cases-value", "boolean", "a boolean of value 2", _input(flags, "array"), b"\0\1\2" + data()[24:])


def _input(replaced: dict[str, Any], layout: str, *more: dict[str, Any]) -> Callable[[dict[str, Any]], None]:
    def change(made: dict[str, Any]) -> None:
        made["layout"] = layout
        made["request"]["inputs"] = [replaced, *more]

    return change


def _packed(*items: bytes) -> bytes:
    return b"".join(struct.pack("<I", len(item)) + item for item in items)


def _tables() -> Iterator[Vector]:
    """Groups of sound form whose columns are not the object that their layout and parameters name."""
    rest = data()[24:]

    def one(code: str, what: str, shows: str, layout: str, binary: bytes, *columns: dict[str, Any]) -> Vector:
        return _refuse(code, f"table-{what}", shows, _input(columns[0], layout, *columns[1:]), binary + rest)

    def cells(what: str, shows: str, *values: Any) -> Vector:
        packed = _packed(*(json.dumps(value).encode() for value in values))
        return one("cases-cell", what, shows, "values", packed,
                   column("X", [len(values)], "BYTES", len(packed), amber_items="cell"))  # fmt: skip

    yield cells("kind", "a cell of a kind that does not exist", {"reduce": ["os.system", "true"]}, 1, 1)
    yield cells("two-keys", "a cell of two kinds", {"int": "1", "float": "1"}, 1, 1)
    yield cells("zone", "a time zone that is a path", {"timestamp": ["s", "0", "/etc/passwd"]}, 1, 1)
    yield cells("array", "an array of a terabyte", {"array": ["<f8", [2**37], ""]}, 1, 1)
    yield cells("code-point", "a text array beyond U+10FFFF",
                {"array": ["<U1", [1], base64.b64encode(b"\xff" * 4).decode()]}, 1, 1)  # fmt: skip
    yield one("cases-dtype", "object", "numbers as a dtype that cannot be", "array", THREE,
              column("X", [3, 1], amber_dtype="|O"))  # fmt: skip
    yield one("cases-dtype", "carrier", "a dtype that the datatype cannot carry", "array", THREE,
              column("X", [3, 1], amber_dtype="<i8"))  # fmt: skip
    yield one("cases-layout", "columns", "two columns where one is needed", "array", THREE + THREE,
              column("X", [3, 1]), column("Y", [3, 1]))  # fmt: skip
    bits = column("X", [3], amber_dtype="object", amber_items="float", amber_missing_nan="AAAAAA==")
    yield one("cases-missing", "length", "a bitmap of another length", "array", THREE, bits)
    text = _packed(b"a", b"\xff", b"b")
    yield one("cases-text", "utf-8", "a text that is not UTF-8", "strings", text, column("X", [3], "BYTES", len(text)))
    yield one("cases-cell", "label", "the label of an index is no cell", "frame", THREE,
              column("X", [3], amber_role="index", amber_label="["))  # fmt: skip
    yield one("cases-shape", "column", "a column of two dimensions", "frame", THREE, column("X", [3, 1]))
    indices = struct.pack("<3i", 0, 0, 10**9)
    pointers = struct.pack("<4i", 0, 1, 2, 3)
    parts = (
        column("d", [3], amber_part="data", amber_sparse="csr_matrix", amber_shape="3,1"),
        column("i", [3], "INT32", 12, amber_part="indices"), column("p", [4], "INT32", 16, amber_part="indptr"),
    )  # fmt: skip
    yield one(
        "cases-sparse", "index", "a column index of 10^9 in a sparse matrix", "csr", THREE + indices + pointers, *parts
    )


__all__ = ["Node", "scaler", "vectors", "with_cases"]
