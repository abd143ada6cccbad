"""`amber.Client`: a served model as functions of rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from amber.errors import FormatError, SourceError
from amber.server.calling.errors import CallError
from amber.server.calling.transport import Transport

if TYPE_CHECKING:
    from amber.server.calling.rows import Table

BATCH_ROWS = 10_000
_NO_ROWS_OF_THIS = 422


class Client:
    """A server of the Open Inference Protocol, best one of `amber serve`. Threads may share it.

    Args:
        url: `http://host:port`, `https://...`.
        api_key: Sent with each request.
        timeout: Seconds for one answer; the server is told and gives up as well.
        retries: How often a request is sent again after 429, 502, 503 or a lost connection, with growing pauses.
        ca_file: PEM file of certificates to trust in place of the system's.
        batch_rows: Rows of one request; more are sent in several, and a server may answer them side by side.

    Raises:
        UsageError: The address is none, or urllib3 is not installed.

    Example:
        >>> with amber.Client("http://127.0.0.1:8080") as client:  # doctest: +SKIP
        ...     client.predict("churn", frame)
    """

    def __init__(
        self, url: str = "http://127.0.0.1:8080", *, api_key: str = "", timeout: float = 30.0, retries: int = 4,
        ca_file: str | None = None, batch_rows: int = BATCH_ROWS,
    ) -> None:  # fmt: skip
        self._transport = Transport(url, api_key=api_key, timeout=timeout, retries=retries, ca_file=ca_file)
        self._batch_rows = batch_rows
        self._known: dict[tuple[str, str], dict[str, Any]] = {}
        self.url = self._transport.url

    def predict(self, name: str, rows: Any, *, version: str = "") -> Any:
        """Return the answers of `predict`, one a row.

        Args:
            name: Of the model.
            rows: A DataFrame (pandas, polars), an Arrow table, a dict of columns, records, an array, lists or texts.
            version: Of the model; "": the one the server answers with.

        Raises:
            CallError: The server refused: its code, row and column.
            SourceError: There is no server.
            UsageError: The rows are none of this model.
        """
        return self.ask(name, rows, ["predict"], version=version)["predict"]

    def predict_proba(self, name: str, rows: Any, *, version: str = "") -> Any:
        """Return probabilities, one row a row and one column a class; raises as `predict`."""
        return self.ask(name, rows, ["predict_proba"], version=version)["predict_proba"]

    def ask(self, name: str, rows: Any, methods: Sequence[str] = ("predict",), *, version: str = "") -> dict[str, Any]:
        """Return the answers of several methods, from one run each; raises as `predict`.

        Returns:
            For each method an array with the server's exact bits; texts, dates and missing values in an array of
            objects. A method with several outputs has a dict of arrays.
        """
        before = self.described(name, version=version)["inputs"]
        try:
            return self._asked(name, rows, methods, version)
        except CallError as error:
            # another version may have taken over meanwhile: its inputs are asked for before the rows are blamed
            if error.status != _NO_ROWS_OF_THIS or self.metadata(name, version=version)["inputs"] == before:
                raise
        return self._asked(name, rows, methods, version)

    def _asked(self, name: str, rows: Any, methods: Sequence[str], version: str) -> dict[str, Any]:
        table = self.table(name, rows, version=version)
        parts = []
        for start in range(0, max(table.rows, 1), self._batch_rows):
            part = table.part(start, start + self._batch_rows)
            try:
                parts.append(self.answer(name, part, methods, version=version))
            except CallError as error:
                raise error.shifted(start) from None
        return parts[0] if len(parts) == 1 else _joined(parts)

    def table(self, name: str, rows: Any, *, version: str = "") -> Table:
        """Return rows as the model's inputs, to be cut and sent by `answer`; raises as `predict`."""
        from amber.server.calling.rows import table_of

        return table_of(rows, self.described(name, version=version))

    def answer(self, name: str, table: Table, methods: Sequence[str], *, version: str = "") -> dict[str, Any]:
        """Return the answers to one request; rows of errors count from its own first; raises as `predict`."""
        from amber.server.calling import tensors

        described = self.described(name, version=version)
        data, head = tensors.body(table, described["inputs"], methods)
        found = self._transport.ask(
            "POST", f"{_path(name, version)}/infer", body=data, head=head, content_type="application/octet-stream"
        )
        return _by_method(tensors.answers(found.document, found.blobs), described, methods)

    def metadata(self, name: str = "", *, version: str = "") -> dict[str, Any]:
        """Return what the server says of a model, or of itself.

        Raises:
            CallError: There is no such model, or the key does not allow it.
            FormatError: The answer is not one of the protocol.
            SourceError: There is no server.
        """
        answer = self._transport.ask("GET", _path(name, version) if name else "/v2").document
        found: dict[str, Any] = answer if isinstance(answer, dict) else {}
        if name:
            if not isinstance(found.get("inputs"), list):
                raise FormatError("answer-invalid", "the server's answer says no inputs", where=name)
            self._known[name, version] = found
        return found

    def described(self, name: str, *, version: str = "") -> dict[str, Any]:
        """Return a model's metadata, asked once; raises as `metadata`."""
        known = self._known.get((name, version))
        return self.metadata(name, version=version) if known is None else known

    def ready(self, name: str = "", *, version: str = "") -> bool:
        """Return whether the server, or one model, is verified and answers; False too where there is no server."""
        path = f"{_path(name, version)}/ready" if name else "/v2/health/ready"
        try:
            self._transport.ask("GET", path, again=False)
        except CallError as error:
            if error.status in (404, 503):
                return False
            raise
        except SourceError:
            return False
        return True

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"amber.Client({self.url!r})"


def _path(name: str, version: str) -> str:
    path = f"/v2/models/{quote(name, safe='')}"
    return f"{path}/versions/{quote(version, safe='')}" if version else path


def _by_method(found: dict[str, Any], described: dict[str, Any], methods: Sequence[str]) -> dict[str, Any]:
    """Return outputs under the methods that were asked, one array where a method has one."""
    of = {each["name"]: each.get("parameters", {}).get("amber.method") for each in described.get("outputs", [])}
    grouped: dict[str, dict[str, Any]] = {method: {} for method in methods}
    for name, array in found.items():
        method = of.get(name) or name.partition(".")[0]
        if len(methods) == 1 and method not in grouped:
            method = methods[0]
        grouped.setdefault(method, {})[name] = array
    return {method: next(iter(each.values())) if len(each) == 1 else each for method, each in grouped.items()}


def _joined(parts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the answers to several requests as one."""
    import numpy as np

    whole: dict[str, Any] = {}
    for method, first in parts[0].items():
        each = [part[method] for part in parts]
        whole[method] = _joined(each) if isinstance(first, dict) else np.concatenate(each)
    return whole
