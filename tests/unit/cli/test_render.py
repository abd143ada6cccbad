"""What a person sees: no colour where nobody sees it, sizes one can read, warnings in one line."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from amber.cli import render
from amber.cli.demo import fresh_folder
from amber.errors import AmberWarning, UsageError
from amber.report import Report, Step

REPORT = Report("drifted", "answers-differ", steps=(Step(1, "passed"), Step(9, "failed", "x")), name="churn")


def test_a_coloured_report_says_the_same_words() -> None:
    assert click.unstyle(render.report_text(REPORT)) == str(REPORT)
    assert render.report_text(REPORT) != str(REPORT)


def test_long_lines_are_folded_under_themselves() -> None:
    line = "  - predict, case g000 row 8: expected fast, got slow; 5 of 111 labels flipped"
    assert render.folded(line, 200) == [line]
    parts = render.folded(line, 40)
    assert all(len(part) <= 40 for part in parts)
    assert all(part.startswith("      ") for part in parts[1:])
    assert " ".join(part.strip() for part in parts) == line.strip()
    assert render.for_terminal(line * 9) == line * 9, "a pipe gets the line whole"


def test_no_colour_on_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    render.out(render.report_text(REPORT))
    assert capsys.readouterr().out == f"{REPORT}\n"


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False), ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False)],
)
def test_colours_on_a_terminal_unless_somebody_says_no(
    environment: dict[str, str], wanted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    terminal = io.StringIO()
    terminal.isatty = lambda: True  # type: ignore[method-assign]
    assert render.colours(terminal) is wanted
    assert render.colours(io.StringIO()) is False


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (25_200, "24.6 KiB"), (2**31, "2.0 GiB"), (2**42, "4.0 TiB")],
)
def test_sizes(count: int, text: str) -> None:
    assert render.size(count) == text


def test_warnings_are_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = render.show_warning
        warnings.warn("moved\x1b[31m", AmberWarning, stacklevel=1)
        warnings.warn("old", FutureWarning, stacklevel=1)
    assert capsys.readouterr().err == "note: moved\\x1b[31m\nwarning: FutureWarning: old\n"


def test_progress_is_silent_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with render.progress("predict") as show:
        show(0.5, 10)
        show(None, 20)
    assert capsys.readouterr() == ("", "")


def pieces(leader: int) -> Iterator[bytes]:
    """What was written to a pseudo-terminal whose other end is closed; it comes in as many pieces as it likes."""
    with contextlib.suppress(OSError):  # the end, as Linux tells it
        while piece := os.read(leader, 65536):
            yield piece


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a pseudo-terminal")
def test_progress_is_shown_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("rich")
    leader, follower = os.openpty()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    with os.fdopen(follower, "w") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        with render.progress("predict") as show:
            show(0.5, 1234)
    shown = b"".join(pieces(leader)).decode()
    os.close(leader)
    assert "1,234 rows" in shown


def test_the_tour_removes_only_what_it_made(tmp_path: Path) -> None:
    folder = fresh_folder(tmp_path / "demo")
    (folder / "left over").write_text("x")
    assert [path.name for path in fresh_folder(folder).iterdir()] == [".made-by-amber-demo"]
    other = tmp_path / "mine"
    other.mkdir()
    (other / "thesis.txt").write_text("x")
    with pytest.raises(UsageError):
        fresh_folder(other)
    assert (other / "thesis.txt").exists()
