"""Answers of the simple way: JSON with names of classes and columns, or CSV.

JSON: `{"model_name": ..., "model_version": ..., "predictions": [...], "probabilities": [{"leave": 0.1, ...}, ...]}`;
other methods stand under their own names. One value a row is a plain value; several are an object where classes
name them, else a list; a method with several outputs (the columns of a transform) is an object of columns.
Not-a-number is null; an infinity is null and stands in `nonfinite` by output and flat index, as in `amber.nonfinite`.

CSV (RFC 4180): a column for each value, named `output` or `output.class`; missing values are empty. Texts are written
as they are, because another text would be another answer: a spreadsheet takes one that starts with `=`, `+`, `-` or
`@` for a formula, so import the column as text where classes or outputs can start so.
"""

from __future__ import annotations

import csv
import io
from typing import Any, Final, Literal

import msgspec

from amber.server.exchange import Answered, Asked
from amber.server.formats.answers import Answer
from amber.server.formats.plan import Plan, plan_of
from amber.server.interface import Interface

Headers = tuple[tuple[bytes, bytes], ...]
Form = Literal["json", "csv", "arrow"]

JSON: Final = b"application/json"
CSV: Final = b"text/csv; charset=utf-8; header=present"
_FORMS: Final[dict[str, Form]] = {
    "text/csv": "csv",
    "text/*": "csv",
    "application/vnd.apache.arrow.stream": "arrow",
    "application/json": "json",
    "application/*": "json",
    "*/*": "json",
}
_KEYS: Final = {"predict": "predictions", "predict_proba": "probabilities"}
_encode = msgspec.json.Encoder().encode


def form_of(accept: bytes | str | None) -> Form:
    """Return the form a client likes best; JSON where it does not say, or names nothing this server writes."""
    if not accept:
        return "json"
    text = accept.decode("latin-1") if isinstance(accept, bytes) else accept
    best: tuple[float, Form] = (0.0, "json")
    for each in text.split(","):
        media, *parameters = each.split(";")
        form = _FORMS.get(media.strip().lower())
        quality = _quality(parameters)
        if form is not None and quality > best[0]:
            best = (quality, form)
    return best[1]


def _quality(parameters: list[str]) -> float:
    for each in parameters:
        name, _, value = each.partition("=")
        if name.strip().lower() == "q":
            try:
                return float(value) if 0 <= float(value) <= 1 else 0.0
            except ValueError:
                return 0.0
    return 1.0


def encode(
    interface: Interface, asked: Asked, answered: Answered, accept: bytes | str | None = None
) -> tuple[bytes, bytes, Headers]:
    """Write the answer, as JSON or CSV. Arrow is written by the bulk process; who asks for it here gets JSON.

    Returns:
        Body, content type, and headers that name the route and its verdict.

    Raises:
        Failure: 500 `worker-answer`: what the worker wrote has not the lengths and labels of the interface.
    """
    plan = plan_of(interface)
    headers = headers_of(interface, asked)
    if form_of(accept) == "csv":
        return csv_rows(interface, asked, answered), CSV, headers
    found: dict[str, Any] = {"model_name": interface.name, "model_version": interface.version}
    if asked.id is not None:
        found["id"] = asked.id
    methods: dict[str, list[tuple[Answer, Any]]] = {}
    for place, value in zip(asked.outputs, answered.values, strict=True):
        answer = plan.answers[place]
        methods.setdefault(answer.output.method, []).append((answer, rows_of(answer, value, answered.rows)))
    for method, outputs in methods.items():
        several = len(outputs) > 1 or splits(plan, method)
        rows = {answer.output.name: rows for answer, rows in outputs} if several else outputs[0][1]
        found[key_of(method)] = rows
    text = _encode(found)
    if b"null" in text:
        marked = _nonfinite(plan, asked, answered)
        if marked:
            text = _encode(found | {"nonfinite": marked})
    return text, JSON, headers


def key_of(method: str) -> str:
    """Return the key a method's answers stand under."""
    return _KEYS.get(method, method)


def headers_of(interface: Interface, asked: Asked) -> Headers:
    """Return the headers that name the form of the model that is asked, and its verdict."""
    route = asked.route or interface.route
    verdict = interface.verdicts.get(route)
    named = ((b"amber-route", route.encode()),)
    return named if verdict is None else (*named, (b"amber-verdict", verdict.encode()))


def splits(plan: Plan, method: str) -> bool:
    """Whether a method has several outputs, of which a request may name one."""
    return sum(each.method == method for each in plan.interface.outputs) > 1


def rows_of(answer: Answer, value: Any, rows: int) -> list[Any]:
    """Return the values of an output, row by row.

    Raises:
        Failure: 500 `worker-answer`.
    """
    flat = answer.values(value, rows)
    if not answer.output.shape:
        return flat
    width, names = answer.width, answer.class_names
    parts = [flat[at : at + width] for at in range(0, rows * width, width)] if width else [[] for _ in range(rows)]
    return [dict(zip(names, part, strict=True)) for part in parts] if names else parts


def _nonfinite(plan: Plan, asked: Asked, answered: Answered) -> dict[str, str]:
    found = {}
    for place, value in zip(asked.outputs, answered.values, strict=True):
        answer = plan.answers[place]
        mark = answer.json(value, answered.rows).parameters.get("amber.nonfinite")
        if mark is not None:
            found[answer.name] = mark
    return found


def csv_rows(interface: Interface, asked: Asked, answered: Answered, *, header: bool = True) -> bytes:
    """Return rows of CSV; without `header` those of a further slice of one table.

    Raises:
        Failure: 500 `worker-answer`.
    """
    columns = columns_of(interface, asked, answered)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    if header:
        writer.writerow([name for name, _, _ in columns])
    writer.writerows(zip(*[[_plain(each) for each in values] for _, _, values in columns], strict=True))
    return text.getvalue().encode()


def columns_of(interface: Interface, asked: Asked, answered: Answered) -> list[tuple[str, str, list[Any]]]:
    """Return name, datatype and values of each column of an answer written as a table.

    Raises:
        Failure: 500 `worker-answer`.
    """
    plan = plan_of(interface)
    columns: list[tuple[str, str, list[Any]]] = []
    for place, value in zip(asked.outputs, answered.values, strict=True):
        answer = plan.answers[place]
        flat, width = answer.values(value, answered.rows), answer.width
        labels = answer.class_names or [str(each) for each in range(width)]
        names = [answer.name] if not answer.output.shape else [f"{answer.name}.{label}" for label in labels]
        columns += [(name, answer.datatype, flat[at::width]) for at, name in enumerate(names)]
    return columns


def _plain(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return _encode(value).decode() if isinstance(value, list | dict) else value
