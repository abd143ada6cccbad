"""The simple way: rows as people have them, answers as people read them.

A body of `POST /v1/models/{name}:predict` is JSON in one of these forms; rows may stand alone or under one of the
keys `instances`, `rows` or `inputs` (as KServe's v1, this server and MLflow call them), beside which `outputs` (names
of methods or outputs), `route` and `id` may stand:

- named columns: `[{"age": 41, "city": "Oslo"}, ...]`, one such object, or `{"age": [41], "city": ["Oslo"]}`;
- a matrix: `[[5.1, 3.5], ...]`, or `[5.1, 3.5]` for one row of several values;
- texts: `["...", ...]` or `"..."`;
- records: `[{...}, ...]` or one object.

Numbers are decimal text (see `columns.Column`), null is a missing value, a key that is not there where the model needs
it is refused, and so is one that the model does not know. CSV, Arrow and Parquet bodies are read by the bulk process,
which hands slices of them to `cells`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import Any, Final, NamedTuple

import msgspec

from amber.errors import shown
from amber.server.exchange import Asked, Failure
from amber.server.formats import bodies
from amber.server.formats.columns import Cells, came
from amber.server.formats.plan import ROUTES, Plan, plan_of
from amber.server.formats.simple_answer import columns_of, csv_rows, encode, form_of
from amber.server.interface import Interface, Route

__all__ = ["WRAPPERS", "cells", "columns_of", "csv_rows", "decode", "encode", "form_of", "options"]

WRAPPERS: Final = ("instances", "rows", "inputs")
_OPTIONS: Final = frozenset({"outputs", "route", "id"})
_MEDIA: Final = frozenset({"application/json", "text/json", "application/x-www-form-urlencoded", ""})
_JSON: Final = frozenset({b"application/json", b""})  # as most clients write it
_ID_CHARS: Final = 200
_DICT: Final = frozenset({dict})
_LIST: Final = frozenset({list})
_decode = msgspec.json.Decoder().decode


class _Body(NamedTuple):
    """Rows without what stood around them."""

    rows: Any
    outputs: tuple[int, ...] = ()
    route: Route | None = None
    id: str | None = None


def decode(
    interface: Interface, body: bytes, content_type: bytes | str = b"", query: Mapping[str, list[str]] | None = None
) -> Asked:
    """Read the rows of a JSON body.

    Args:
        interface: Of the version that is asked.
        body: All of it.
        content_type: Of the request; none is taken for JSON, and so is the one that curl sends by itself.
        query: `outputs` (names, separated by commas) and `route`, as `urllib.parse.parse_qs` gives them; the body's
            own have priority.

    Raises:
        Failure: 400, 415 or 422.
    """
    if content_type not in _JSON and media_type(content_type) not in _MEDIA:
        media = media_type(content_type)
        hint = "application/json, text/csv, application/vnd.apache.arrow.stream or application/vnd.apache.parquet"
        raise Failure(415, "media-type", f"the media type {shown(media, 60)!r} is not read here", hint=hint)
    plan = plan_of(interface)
    value = bodies.read(_decode, body)
    found = _unwrapped(plan, value) if type(value) is dict else _Body(value)
    if query:
        found = _queried(plan, found, query)
    asked = _FORMS[interface.form](plan, found.rows)
    bodies.check_keys(body, _keys(value, found.rows))
    asked.outputs, asked.route, asked.id = found.outputs or plan.default, found.route, found.id
    return asked


def media_type(content_type: bytes | str) -> str:
    """Return the media type of a Content-Type, without parameters, in lower case."""
    text = content_type.decode("latin-1") if isinstance(content_type, bytes) else content_type
    return text.partition(";")[0].strip().lower()


def options(interface: Interface, query: Mapping[str, list[str]]) -> tuple[tuple[int, ...], Route | None]:
    """Return the places of the outputs that a query names (none: the default), and the route.

    Raises:
        Failure: 422.
    """
    found = _queried(plan_of(interface), _Body(None), query)
    return found.outputs, found.route


def cells(
    interface: Interface,
    columns: Mapping[str, Sequence[Any]],
    *,
    near: bool = False,
    first: int = 0,
    outputs: tuple[int, ...] = (),
    route: Route | None = None,
) -> Asked:
    """Make a request of columns of Python values: a slice of a table.

    Args:
        interface: Of the version that is asked.
        columns: By name, all of one length. A matrix takes as many as it is wide, in their order; texts one.
        near: Whether numbers were decimal text (CSV); else each is one exact value (Arrow, Parquet).
        first: The slice's first row in its table, so that rows are named as the caller counts them.
        outputs: Places of outputs, ascending; empty: the default.
        route: Which form of the model is asked.

    Raises:
        Failure: 422, naming row and column.
    """
    plan = plan_of(interface)
    rows = max(map(len, columns.values()), default=0)
    if not rows or any(len(each) != rows for each in columns.values()):
        raise Failure(422, "rows-missing", "the table has no rows, or columns of several lengths")
    taken: list[Cells]
    if interface.form == "columns":
        taken = _named(plan, columns, rows, near, first)
    elif interface.form == "records":
        names = list(columns)
        records = [
            {name: value for name, value in zip(names, row, strict=True) if value is not None}
            for row in zip(*columns.values(), strict=True)
        ]
        taken = [plan.columns[0].take(records, near, first)]
    else:
        taken = [plan.columns[0].take(_side_by_side(plan, columns), near, first)]
    return plan.asked(rows, taken, outputs=outputs, route=route)


def _side_by_side(plan: Plan, columns: Mapping[str, Sequence[Any]]) -> Sequence[Any]:
    """Columns of a table as the rows of the one input."""
    width = plan.columns[0].width
    if len(columns) != width:
        message = f"the table has {len(columns)} columns, the model takes {width}"
        raise Failure(422, "input-missing", message, expected=f"{width} columns")
    if width == 1:
        return next(iter(columns.values()))
    return list(chain.from_iterable(zip(*columns.values(), strict=True)))


def _unwrapped(plan: Plan, value: dict[str, Any]) -> _Body:
    """Take rows out of the key they stand under; an object with any other key beside it is a record."""
    keys = [key for key in value if key in WRAPPERS and key not in plan.by_name]
    if len(keys) != 1 or not (value.keys() - keys) <= _OPTIONS or not isinstance(value[keys[0]], list | dict | str):
        return _Body(value)
    outputs, route, name = value.get("outputs"), value.get("route"), value.get("id")
    if name is not None and (not isinstance(name, str) or len(name) > _ID_CHARS):
        raise Failure(
            400, "body-malformed", f"`id` is {came(name)}", expected=f"a text, at most {_ID_CHARS} characters"
        )
    return _Body(value[keys[0]], _outputs(plan, outputs), _route(route), name)


def _queried(plan: Plan, found: _Body, query: Mapping[str, list[str]]) -> _Body:
    outputs, route = query.get("outputs"), query.get("route")
    if outputs and not found.outputs:
        found = found._replace(outputs=_outputs(plan, ",".join(outputs).split(",")))
    return found._replace(route=_route(route[-1])) if route and found.route is None else found


def _outputs(plan: Plan, names: object) -> tuple[int, ...]:
    if names is None:
        return ()
    listed = [names] if isinstance(names, str) else names
    if not isinstance(listed, list) or not all(isinstance(each, str) for each in listed):
        raise Failure(400, "body-malformed", f"`outputs` is {came(names)}", expected="a list of names")
    return tuple(sorted({place for name in listed for place in plan.output_places(name.strip())}))


def _route(route: Any) -> Route | None:
    if route is not None and route not in ROUTES:
        expected = " or ".join(ROUTES)
        raise Failure(400, "route-unknown", f"`route` is {came(route)}", expected=expected)
    found: Route | None = route
    return found


def _keys(value: Any, rows: Any) -> int:
    """How many keys of the JSON were read: those around the rows, and those of the rows."""
    around = len(value) if type(value) is dict and value is not rows else 0
    inside = [rows] if type(rows) is dict else rows if type(rows) is list else ()
    return around + sum([len(each) for each in inside if type(each) is dict])


def _columns(plan: Plan, value: Any) -> Asked:
    if type(value) is dict:
        lists = [type(each) is list for each in value.values()]
        if lists and all(lists):
            return _by_column(plan, value)
        value = [value]
    if type(value) is not list or not value:
        raise _form(plan, value)
    if len(value) == 1 and plan.lone.possible and type(value[0]) is dict and len(value[0]) == len(plan.names):
        record = value[0]
        try:
            found = plan.lone.take([record[name] for name in plan.names])
        except KeyError:
            found = None
        if found is not None:
            return Asked(1, found[0], found[1])
    if set(map(type, value)) != _DICT:
        at = next(row for row, each in enumerate(value) if type(each) is not dict)
        raise _form(plan, value[at], at)
    try:
        columns: dict[str, Any] = {name: [record[name] for record in value] for name in plan.names}
    except KeyError:
        _check_records(plan, value)
        given = {name for record in value for name in record}
        columns = {name: [record.get(name) for record in value] for name in plan.names if name in given}
    if set(map(len, value)) != {len(plan.names)}:
        _check_records(plan, value)
    return plan.asked(len(value), _named(plan, columns, len(value), True))


def _check_records(plan: Plan, records: Sequence[dict[str, Any]]) -> None:
    """Name the first record that has an input too few or too many."""
    for row, record in enumerate(records):
        unknown = next((name for name in record if name not in plan.by_name), None)
        if unknown is not None:
            raise plan.unknown_input(unknown, row)
        if any(each.input.required and each.name not in record for each in plan.columns):
            raise plan.missing_inputs(record, row)


def _by_column(plan: Plan, columns: dict[str, list[Any]]) -> Asked:
    lengths = {name: len(each) for name, each in columns.items()}
    rows = max(lengths.values())
    if not rows:
        raise _form(plan, [])
    short = next((name for name, length in lengths.items() if length != rows), None)
    if short is not None:
        message = f"column {shown(short, 100)!r} has {lengths[short]} rows, another has {rows}"
        raise Failure(422, "rows-missing", message, column=short, expected=f"{rows} values")
    return plan.asked(rows, _named(plan, columns, rows, True))


def _named(plan: Plan, columns: Mapping[str, Sequence[Any]], rows: int, near: bool, first: int = 0) -> list[Cells]:
    """Cells of named columns; one that is not required may be absent."""
    unknown = next((name for name in columns if name not in plan.by_name), None)
    if unknown is not None:
        raise plan.unknown_input(unknown)
    if any(each.input.required and each.name not in columns for each in plan.columns):
        raise plan.missing_inputs(columns)
    return [
        each.take(columns[each.name], near, first) if each.name in columns else each.absent(rows)
        for each in plan.columns
    ]


def _matrix(plan: Plan, value: Any) -> Asked:
    column = plan.columns[0]
    value = _only(plan, value)
    if type(value) is not list or not value:
        raise _form(plan, value)
    if type(value[0]) is not list and (column.width == 1 or len(value) == column.width):
        return plan.asked(len(value) // column.width, [column.take(value, True)])
    if set(map(type, value)) != _LIST:
        at = next(row for row, each in enumerate(value) if type(each) is not list)
        raise _form(plan, value[at], at)
    if set(map(len, value)) != {column.width}:
        at = next(row for row, each in enumerate(value) if len(each) != column.width)
        message = f"row {at}: it has {len(value[at])} values, the model takes {column.width}"
        expected = f"{column.width} values"
        raise Failure(422, "row-width", message, row=at, column=column.name, expected=expected)
    flat = value[0] if len(value) == 1 else list(chain.from_iterable(value))
    return plan.asked(len(value), [column.take(flat, True)])


def _texts(plan: Plan, value: Any) -> Asked:
    value = _only(plan, value)
    if type(value) is str:
        value = [value]
    if type(value) is not list or not value:
        raise _form(plan, value)
    return plan.asked(len(value), [plan.columns[0].take(value, True)])


def _records(plan: Plan, value: Any) -> Asked:
    records = [value] if type(value) is dict else value
    if type(records) is not list or not records:
        raise _form(plan, value)
    return plan.asked(len(records), [plan.columns[0].take(records, True)])


def _only(plan: Plan, value: Any) -> Any:
    """The one input, by its name where it is given so."""
    if type(value) is dict and len(value) == 1 and plan.names[0] in value:
        return value[plan.names[0]]
    return value


def _form(plan: Plan, value: Any, row: int | None = None) -> Failure:
    """Say that the body has not the form of rows of this model."""
    expected = {
        "columns": "an object with the model's columns, a list of them, or an object of lists",
        "matrix": f"a list of rows, each a list of {plan.columns[0].width} values",
        "sparse": f"a list of rows, each a list of {plan.columns[0].width} values",
        "texts": "a list of texts",
        "records": "a list of objects",
    }[plan.interface.form]
    got = "no rows" if value in ([], {}) else came(value)
    if row is not None:
        message = f"row {row}: expected {'an object' if plan.interface.form == 'columns' else 'a list'}, got {got}"
        return Failure(422, "row-form", message, row=row, expected=expected)
    hint = "the model's openapi.json has an example"
    return Failure(422, "row-form", f"expected {expected}, got {got}", expected=expected, hint=hint)


_FORMS: Final[dict[str, Callable[[Plan, Any], Asked]]] = {
    "columns": _columns,
    "matrix": _matrix,
    "sparse": _matrix,
    "texts": _texts,
    "records": _records,
}
