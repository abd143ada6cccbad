"""Rows of a file to a server and its answers to a writer: several requests on their way, answers in the rows' order."""

from __future__ import annotations

import collections
import concurrent.futures
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from amber.server.calling.errors import CallError

if TYPE_CHECKING:
    from amber.server.calling.files import Part

Ask = Callable[["Part"], dict[str, Any]]


def answers(parts: Iterable[Part], ask: Ask, concurrency: int) -> Iterator[tuple[Part, dict[str, Any]]]:
    """Yield each part with its answers, in order, while at most `concurrency` requests are on their way.

    Args:
        parts: Rows of the file.
        ask: Sends one part.
        concurrency: At least 1.

    Raises:
        CallError: The server refused a part; its row is the one of the file.
    """
    waiting: collections.deque[tuple[Part, concurrent.futures.Future[dict[str, Any]]]] = collections.deque()
    pool = concurrent.futures.ThreadPoolExecutor(concurrency, thread_name_prefix="amber-call")
    try:
        for part in parts:
            waiting.append((part, pool.submit(ask, part)))
            if len(waiting) >= concurrency:
                yield _first(waiting)
        while waiting:
            yield _first(waiting)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _first(
    waiting: collections.deque[tuple[Part, concurrent.futures.Future[dict[str, Any]]]],
) -> tuple[Part, dict[str, Any]]:
    part, asked = waiting.popleft()
    try:
        return part, asked.result()
    except CallError as error:
        raise _placed(error, part) from error


def _placed(error: CallError, part: Part) -> CallError:
    """Return a refusal with the row's place in the file."""
    if error.row is None or not 0 <= error.row < part.block.rows:
        return error
    place = part.block.place(error.row)
    message = error.message.removeprefix(f"row {error.row}").lstrip(":, ")
    return CallError(
        error.code, f"{place}: {message}", status=error.status, row=part.block.first - 1 + error.row,
        column=error.column, hint=error.hint, request_id=error.request_id,
    )  # fmt: skip


def columns(found: Mapping[str, Any], described: Mapping[str, Any]) -> dict[str, Any]:
    """Return answers as named columns of one table: `predict`, `predict_proba_yes`, `predict_proba_no`.

    Args:
        found: Arrays by method, or by method and output.
        described: The model's metadata; names columns by class where it says the classes.
    """
    classes = {each["name"]: _classes(each) for each in described.get("outputs", [])}
    table: dict[str, Any] = {}
    for method, each in found.items():
        for name, array in each.items() if isinstance(each, dict) else [(method, each)]:
            label = name if name == method or name.startswith(f"{method}.") else f"{method}.{name}"
            flat = array.reshape(len(array), -1)
            known = classes.get(name) or classes.get(f"{method}.{name}") or []
            if array.ndim == 1:
                table[label] = array
                continue
            words = known if len(known) == flat.shape[1] else range(flat.shape[1])
            table |= {f"{label}_{word}": flat[:, place] for place, word in enumerate(words)}
    return table


def _classes(output: Mapping[str, Any]) -> Sequence[Any]:
    text = output.get("parameters", {}).get("amber.classes", "")
    try:
        found = msgspec.json.decode(text) if text else []
    except msgspec.DecodeError:
        return []
    return found if isinstance(found, list) else []
