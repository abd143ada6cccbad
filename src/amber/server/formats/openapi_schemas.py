"""JSON Schemas of one model: a row, a request, an answer, in both protocols."""

from __future__ import annotations

from typing import Any, Final

from amber.server.formats import examples
from amber.server.formats.answers import Answer
from amber.server.formats.columns import Column
from amber.server.formats.plan import Plan
from amber.server.formats.simple import WRAPPERS
from amber.server.formats.simple_answer import key_of, splits

Schema = dict[str, Any]
_MAX_ENUM: Final = 200
_FORMATS: Final = {"FP64": "double", "FP32": "float", "INT32": "int32", "INT64": "int64"}
_YEAR: Final = r"(000[1-9]|00[1-9][0-9]|0[1-9][0-9]{2}|[1-9][0-9]{3})"
_NANOSECOND_YEAR: Final = r"(1[7-9][0-9]{2}|2[01][0-9]{2})"  # whole centuries inside what such a column holds
_DAY: Final = r"((0[1-9]|1[0-2])-(0[1-9]|[12][0-9])|(0[13-9]|1[0-2])-30|(0[13578]|1[02])-31)"
_CLOCK: Final = r"[T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,9})?)?"
_PARAMETER: Final[Schema] = {"type": ["string", "number", "boolean"]}
_COUNT: Final[Schema] = {"type": "integer", "minimum": 0}


def error() -> Schema:
    """Return the schema of every failure."""
    return {
        "type": "object",
        "required": ["error", "code"],
        "properties": {
            "error": {"type": "string", "description": "what is wrong, where, what was expected and what came"},
            "code": {"type": "string", "description": "stable name of the reason"},
            "row": _COUNT | {"description": "within the request, from 0"},
            "column": {"type": "string"},
            "expected": {"type": "string"},
            "hint": {"type": "string", "description": "what to do"},
            "request_id": {"type": "string"},
        },
    }


def value(column: Column) -> Schema:
    """Return the schema of one value of an input, as JSON has it."""
    found = _bare(column)
    described = _described(column)
    if described:
        found["description"] = described
    if column.missing:
        types = found["type"]
        found["type"] = [*([types] if isinstance(types, str) else types), "null"]
        if "enum" in found:
            found["enum"] = [*found["enum"], None]
    return found


def _bare(column: Column) -> Schema:
    family = column.kind.family
    if column.is_record:
        return {"type": "object"}
    if family == "boolean":
        return {"type": "boolean"}
    if family == "text":
        return _text(column)
    found: Schema = {"type": "integer" if family == "integer" else "number"}
    if column.datatype in _FORMATS:
        found["format"] = _FORMATS[column.datatype]
    low, high = examples.limits(column)
    if low is not None:
        found["minimum"] = low
    if high is not None:
        found["maximum"] = high
    known = [examples.number(each) for each in column.input.schema.get("categories") or ()]
    if 0 < len(known) <= _MAX_ENUM and None not in known:
        found["enum"] = known
    return found


def _text(column: Column) -> Schema:
    if column.is_zoned:
        return {"type": "string", "format": "date-time"}
    if column.is_date:
        year = _NANOSECOND_YEAR if "[ns" in column.input.dtype else _YEAR
        return {"type": "string", "pattern": f"^{year}-{_DAY}({_CLOCK})?$"}
    known = column.input.schema.get("categories") or ()
    found: Schema = {"type": "string" if "number" not in column.wants else ["string", "number", "boolean"]}
    if 0 < len(known) <= _MAX_ENUM and all(isinstance(each, str) for each in known) and found["type"] == "string":
        found["enum"] = list(known)
    return found


def _described(column: Column) -> str:
    """What a person should know beside the type: the kind of the column and where its values lie."""
    parts = [f"{column.datatype}, originally {column.input.dtype}"]
    quantiles: list[Any] = column.input.summary.get("quantiles") or []
    if len(quantiles) > 2:
        low, high = examples.number(quantiles[1]), examples.number(quantiles[-2])
        if low is not None and high is not None:
            parts.append(f"most of the sample between {low:.3g} and {high:.3g}")
    return "; ".join(parts)


def row(plan: Plan) -> Schema:
    """Return the schema of one row as `simple` takes it."""
    first = plan.columns[0]
    form = plan.interface.form
    if form == "columns":
        return {
            "type": "object",
            "required": [each.name for each in plan.columns if each.input.required],
            "properties": {each.name: value(each) for each in plan.columns},
            "additionalProperties": False,
        }
    if form in ("texts", "records"):
        return value(first)
    return {"type": "array", "items": value(first), "minItems": first.width, "maxItems": first.width}


def rows(plan: Plan, one: Schema) -> Schema:
    """Return the schema of a body of `:predict`; `one` refers to the schema of a row."""
    many: Schema = {"type": "array", "items": one, "minItems": 1}
    forms = [many, one] if plan.interface.form != "matrix" or plan.columns[0].width > 1 else [many]
    if plan.interface.form == "columns":
        forms.append(
            {
                "title": "columns",
                "type": "object",
                "required": [each.name for each in plan.columns if each.input.required],
                "properties": {
                    each.name: {"type": "array", "items": value(each), "minItems": 1} for each in plan.columns
                },
                "additionalProperties": False,
            }
        )
    options = {
        "outputs": {"type": "array", "items": {"enum": sorted(plan.places)}},
        "route": route(plan),
        "id": {"type": "string", "maxLength": 200},
    }
    forms.append(
        {
            "title": "rows with options",
            "type": "object",
            "required": [WRAPPERS[0]],
            "properties": {WRAPPERS[0]: many, **options},
            "additionalProperties": False,
        }
    )
    return {"anyOf": forms, "examples": [[examples.row(plan)]]}


def route(plan: Plan) -> Schema:
    """Return the schema of the route of a request: the forms of the model that are served."""
    return {"enum": list(plan.interface.methods) or [plan.interface.route]}


def answer_value(answer: Answer) -> Schema:
    """Return the schema of one value of an output."""
    family = answer.kind.family
    labels = [each for column in answer.labels for each in column]
    if 0 < len(labels) <= _MAX_ENUM:
        return {"enum": list(dict.fromkeys(labels))}
    if answer.output.cell == "object":
        return {}
    names = {"float": ["number", "null"], "integer": "integer", "boolean": "boolean", "text": ["string", "null"]}
    return {"type": names[family]}


def _answer_row(answer: Answer) -> Schema:
    one = answer_value(answer)
    if not answer.output.shape:
        return one
    if answer.class_names:
        names = answer.class_names
        return {"type": "object", "required": names, "properties": dict.fromkeys(names, one)}
    return {"type": "array", "items": one, "minItems": answer.width, "maxItems": answer.width}


def prediction(plan: Plan) -> Schema:
    """Return the schema of an answer of `:predict`."""
    methods: dict[str, Schema] = {}
    for method in dict.fromkeys(each.method for each in plan.interface.outputs):
        outputs = [each for each in plan.answers if each.output.method == method]
        columns = {each.output.name: {"type": "array", "items": _answer_row(each)} for each in outputs}
        several: Schema = {"type": "object", "properties": columns}
        methods[key_of(method)] = several if splits(plan, method) else next(iter(columns.values()))
    properties: dict[str, Schema] = {
        "model_name": {"const": plan.interface.name},
        "model_version": {"type": "string"},
        "id": {"type": "string"},
        **methods,
        "nonfinite": {"type": "object", "additionalProperties": {"type": "string"}},
    }
    return {"type": "object", "required": ["model_name", "model_version"], "properties": properties}


def infer_request(plan: Plan) -> Schema:
    """Return the schema of the JSON of an inference request."""
    return {
        "type": "object",
        "required": ["inputs"],
        "properties": {
            "id": {"type": "string", "maxLength": 200},
            "parameters": {"type": "object", "additionalProperties": _PARAMETER},
            "inputs": _tensors(plan),
            "outputs": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["name"],
                    "properties": {
                        "name": {"enum": sorted(plan.places)},
                        "parameters": {"type": "object", "additionalProperties": _PARAMETER},
                    },
                },
            },
        },
        "examples": [examples.infer(plan)],
    }


def _tensors(plan: Plan) -> Schema:
    """All inputs in the model's order, which generated clients then keep; the server takes any order."""
    tensors = [_tensor(each) for each in plan.columns]
    if all(each.input.required for each in plan.columns):
        count = len(tensors)
        return {"type": "array", "prefixItems": tensors, "items": False, "minItems": count, "maxItems": count}
    return {"type": "array", "items": {"anyOf": tensors}, "minItems": 1}


def _tensor(column: Column) -> Schema:
    width = column.width
    shape: list[Schema] = [{"type": "integer", "minimum": 1}]
    if width > 1:
        shape.append({"const": width})
    one = {"type": "string"} if column.is_record else value(column)
    nested = [one, {"type": "array", "items": one}]
    return {
        "type": "object",
        "required": ["name", "shape", "datatype", "data"],
        "properties": {
            "name": {"const": column.name},
            "shape": {"type": "array", "prefixItems": shape, "minItems": len(shape), "maxItems": 2},
            "datatype": {
                "enum": ["FP32" if column.datatype == "FP16" else column.datatype],
                "description": "another one is taken where no value changes",
            },
            "parameters": {"type": "object", "additionalProperties": _PARAMETER},
            "data": {"type": "array", "items": {"anyOf": nested}, "minItems": 1},
        },
    }


def infer_answer(plan: Plan) -> Schema:
    """Return the schema of the JSON of an answer."""
    tensor: Schema = {
        "type": "object",
        "required": ["name", "shape", "datatype"],
        "properties": {
            "name": {"enum": [each.name for each in plan.answers]},
            "shape": {"type": "array", "items": _COUNT},
            "datatype": {"type": "string"},
            "parameters": {"type": "object", "additionalProperties": _PARAMETER},
            "data": {"type": "array"},
        },
    }
    return {
        "type": "object",
        "required": ["model_name", "model_version", "outputs"],
        "properties": {
            "model_name": {"const": plan.interface.name},
            "model_version": {"type": "string"},
            "id": {"type": "string"},
            "parameters": {"type": "object", "additionalProperties": _PARAMETER},
            "outputs": {"type": "array", "items": tensor},
        },
    }
