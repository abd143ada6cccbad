"""A server's refusal as an error of this process."""

from __future__ import annotations

from typing import Any

from amber.errors import AmberError, SourceError


class CallError(AmberError):
    """The server refused a request.

    Attributes:
        status: Of HTTP.
        row: Which row of those given, from 0; None: it is about none.
        column: Which input; "": about none.
        request_id: Under which the server's log has it.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        status: int = 0,
        row: int | None = None,
        column: str = "",
        hint: str = "",
        request_id: str = "",
    ) -> None:
        # servers say the row in their sentence: once is enough
        super().__init__(
            code, message, where="" if message.startswith(("row ", "line ")) else _place(row, column), hint=hint
        )
        self.status, self.row, self.column, self.request_id = status, row, column, request_id

    def __reduce__(self) -> Any:
        return (_restored, (self.code, self.message, self.status, self.row, self.column, self.hint, self.request_id))

    def shifted(self, rows: int) -> CallError:
        """Return the error with its row counted from the first of a larger table."""
        row = None if self.row is None else self.row + rows
        message = self.message
        if self.row is not None:
            message = message.replace(f"row {self.row}", f"row {row}", 1)
        return _restored(self.code, message, self.status, row, self.column, self.hint, self.request_id)

    def to_dict(self) -> dict[str, Any]:
        """Return the error as plain data for `--json`."""
        more = {"status": self.status, "row": self.row, "column": self.column or None, "request_id": self.request_id}
        return {**super().to_dict(), **more}


def _restored(
    code: str, message: str, status: int, row: int | None, column: str, hint: str, request_id: str
) -> CallError:
    return CallError(code, message, status=status, row=row, column=column, hint=hint, request_id=request_id)


def _place(row: int | None, column: str) -> str:
    places = ([] if row is None else [f"row {row}"]) + ([f"column {column}"] if column else [])
    return ", ".join(places)


def unreachable(url: str, why: object) -> SourceError:
    """Return what is said where no server answers."""
    hint = "is it running (amber serve), and is the address right (--url)?"
    return SourceError("server-unreachable", f"no answer: {why}", where=url, hint=hint)


def of_answer(status: int, document: Any) -> CallError:
    """Return the refusal that an answer other than 2xx says; any JSON, or none, may have come."""
    said = document if isinstance(document, dict) else {}
    row = said.get("row")
    column = said.get("column")
    return CallError(
        str(said.get("code", f"http-{status}")),
        str(said.get("error", f"the server answered {status}")),
        status=status,
        row=row if isinstance(row, int) else None,
        column=column if isinstance(column, str) else "",
        hint=str(said.get("hint", "")),
        request_id=str(said.get("request_id", "")),
    )
