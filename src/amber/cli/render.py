"""What a person sees: streams, colours, errors, sizes, progress. Strings from files pass `shown` first."""

from __future__ import annotations

import os
import re
import shutil
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol, TextIO

import click

from amber.errors import AmberWarning, SourceError, shown
from amber.report import EXIT_CLOSED_PIPE

if TYPE_CHECKING:
    from amber.report import Report

__all__ = ["err", "error", "note", "out", "paint", "prepare_streams", "progress", "shown", "size"]

_STATUS = {
    "passed": "green",
    "failed": "red",
    "not-present": "bright_black",
    "not-supported": "bright_black",
    "not-asked": "bright_black",
}
_VERDICT = {
    "identical": "green",
    "equivalent": "green",
    "unchecked": "yellow",
    "drifted": "red",
    "broken": "red",
}


def prepare_streams() -> None:
    """Never fail on a character that the terminal cannot show, or where a stream was closed before the start."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # its descriptor too: else that of the next file would be taken for it
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115 - for as long as we run
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def colours(stream: TextIO) -> bool:
    """Whether colours may be written to `stream`: a terminal, and nobody said no (https://no-color.org)."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return hasattr(stream, "isatty") and stream.isatty()


def can_show(char: str) -> bool:
    """Whether stdout's encoding has a character."""
    try:
        char.encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def out(text: str = "") -> None:
    """Write one text to stdout.

    Raises:
        SourceError: `target-unwritable`: the disk is full, say. BrokenPipeError: nobody reads it any more.
    """
    with writing():
        click.echo(text, color=colours(sys.stdout))


def flush() -> None:
    """Write what waits for stdout.

    Raises:
        SourceError, BrokenPipeError: As `out` does.
    """
    with writing():
        sys.stdout.flush()


@contextmanager
def writing() -> Iterator[None]:
    """Say of an error of the system that it is one of writing to stdout; for work in which nothing else can have any.

    Raises:
        SourceError, BrokenPipeError: As `out` does.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        silence_stdout()  # or the interpreter tries again when it ends
        said = f"cannot be written: {error.strerror}"
        raise SourceError("target-unwritable", said, where="standard output") from error


def err(text: str = "") -> None:
    """Write one text to stderr; where that fails the exit code alone has to say it."""
    try:
        click.echo(text, err=True, color=colours(sys.stderr))
    except BrokenPipeError:
        raise
    except OSError:
        _silence(sys.stderr)


def error(text: str) -> None:
    """Write an error to stderr; the first word says what it is."""
    err(f"{paint('error:', 'red', bold=True)} {text}")


def note(text: str) -> None:
    """Write something the caller should know to stderr."""
    err(f"{paint('note:', 'cyan')} {text}")


def paint(text: str, colour: str | None = None, *, bold: bool = False, dim: bool = False) -> str:
    """Return `text` in a colour; `out` and `err` take it away where the stream is no terminal."""
    return click.style(text, fg=colour, bold=bold or None, dim=dim or None)


def show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Show a warning as one line instead of a place in somebody's source file."""
    if issubclass(category, AmberWarning):
        note(shown(message, 2000))
    else:
        err(f"{paint('warning:', 'yellow')} {category.__name__}: {shown(message)}")


def silence_stdout() -> int:
    """Forget what could not be written to a closed pipe, and return the exit code of that."""
    _silence(sys.stdout)
    return EXIT_CLOSED_PIPE


def _silence(stream: TextIO) -> None:
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, stream.fileno())
    os.close(devnull)


def size(count: int) -> str:
    """Return a number of bytes for a person: `812 B`, `24.6 KiB`, `1.9 GiB`."""
    if count < 1024:
        return f"{count} B"
    value = float(count)
    for unit in ("KiB", "MiB", "GiB"):
        value /= 1024
        if value < 1024:
            return f"{value:.1f} {unit}"
    return f"{value / 1024:.1f} TiB"


def report_text(report: Report) -> str:
    """Return the report as every other front prints it, with colours for a terminal."""
    lines = str(report).split("\n")
    lines[0] = lines[0].replace(f": {report.verdict}", f": {verdict(report.verdict)}", 1)
    for position, step in enumerate(report.steps, start=1):
        if position < len(lines):
            lines[position] = lines[position].replace(step.status, paint(step.status, _STATUS[step.status]), 1)
    return "\n".join(lines)


def folded(line: str, width: int) -> list[str]:
    """Return a line of plain text in parts of at most `width` characters, the later ones indented."""
    if len(line) <= width or "\x1b" in line:
        return [line]
    indent = " " * (len(line) - len(line.lstrip()) + 4)
    return textwrap.wrap(line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def for_terminal(text: str) -> str:
    """Return `text` with long lines folded where a person sees them; a file or a pipe gets each line whole."""
    if not sys.stdout.isatty():
        return text
    width = max(40, shutil.get_terminal_size().columns - 1)
    return "\n".join(part for line in text.split("\n") for part in folded(line, width))


def overview(text: str) -> str:
    """Return `str(info)` with colours: the head bold, names of sections and facts in one colour."""
    head, *lines = text.split("\n")
    return "\n".join([paint(head, bold=True), *(_FACT.sub(_coloured, line) for line in lines)])


_FACT = re.compile(r"^  ([a-z]+)(?= {2,}|$)")


def _coloured(found: re.Match[str]) -> str:
    return "  " + paint(found[1], "cyan")


def verdict(word: str) -> str:
    """Return a verdict in its colour."""
    return paint(word, _VERDICT.get(word), bold=True)


class Progress(Protocol):
    """Called while rows go by: how much of the input is done (0 to 1; None: unknown) and how many rows."""

    def __call__(self, share: float | None, rows: int) -> None: ...


def _quiet(share: float | None, rows: int) -> None:
    """Show nothing: stderr is no terminal, or rich is not installed."""


@contextmanager
def progress(label: str, *, wanted: bool = True) -> Iterator[Progress]:
    """Show a progress bar on stderr while the block runs, on a terminal only; on a pipe this is silent."""
    bar = _bar() if wanted and sys.stderr.isatty() and colours(sys.stderr) else None
    if bar is None:
        yield _quiet
        return
    with bar:
        task = bar.add_task(label, total=1.0, rows="")

        def show(share: float | None, rows: int) -> None:
            bar.update(task, completed=share or 0.0, total=None if share is None else 1.0, rows=f"{rows:,} rows")

        yield show


def _bar() -> Any:
    try:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    except ImportError:
        return None
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TextColumn("{task.fields[rows]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=Console(stderr=True), transient=True)
