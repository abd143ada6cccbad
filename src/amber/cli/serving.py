"""What `amber serve` shows: for a person what is served where and how to ask it, for a program one JSON line an event.

In: events of the front. Out: text on stdout, a spinner on a terminal's stderr, and the exit code of `--check`. What the
policy decided goes to the standard error as the logger `amber.trust` has it, like the lines of the access log.
"""

from __future__ import annotations

import contextlib
import logging
import shlex
import sys
from typing import Any

from amber.cli import render
from amber.report import EXIT_BY_VERDICT, EXIT_OK, EXIT_REFUSED, EXIT_UNCHECKED, Verdict
from amber.server import events
from amber.server.events import AnyEvent

_TRUST = logging.getLogger("amber.trust")
_GRAVEST = (EXIT_OK, EXIT_UNCHECKED, 1, EXIT_REFUSED)  # of several models the gravest code counts


class Shown:
    """Prints events as they come; a context manager, so that the spinner always ends.

    Args:
        as_json: One line of JSON an event.
        check: Nothing will be served: no addresses, only verdicts.
        keys: Whether requests need a key; examples then show one.
    """

    def __init__(self, *, as_json: bool, check: bool, keys: bool) -> None:
        self._json, self._check, self._keys = as_json, check, keys
        self._url = self._grpc = self._docs = ""
        self._loaded: list[events.Loaded] = []
        self._refused: list[events.Refused] = []
        self._spinner = _Spinner(wanted=not as_json)
        self._record: logging.Handler | None = None

    def __enter__(self) -> Shown:
        if not self._json:  # else each decision is an event
            self._record = logging.StreamHandler(sys.stderr)
            _TRUST.addHandler(self._record)
            _TRUST.setLevel(logging.INFO)
        return self

    def __exit__(self, *_: object) -> None:
        self._spinner.stop()
        if self._record is not None:
            _TRUST.removeHandler(self._record)

    @property
    def exit_code(self) -> int:
        """The code of `--check`: the gravest of all models; unchecked where none was loaded."""
        codes = [EXIT_BY_VERDICT[_verdict(each.verdicts.get(each.route, ""))] for each in self._loaded]
        codes += [EXIT_BY_VERDICT[_verdict(each.verdict)] or EXIT_REFUSED for each in self._refused]
        return max(codes or [EXIT_UNCHECKED], key=_GRAVEST.index)

    def announce(self, event: AnyEvent) -> None:
        """Show one event."""
        self._remember(event)
        with contextlib.suppress(BrokenPipeError):  # who read this has gone; clients of the server have not
            if self._json:
                render.out(events.to_json(event).decode())
                return
            self._spinner.show(event)
            for line in self._lines(event):
                render.out(line)

    def _remember(self, event: AnyEvent) -> None:
        if isinstance(event, events.Listening) and event.http:
            self._url, self._grpc, self._docs = event.http[0], event.grpc, event.docs
        elif isinstance(event, events.Loaded):
            self._loaded.append(event)
        elif isinstance(event, events.Refused):
            self._refused.append(event)

    def _lines(self, event: AnyEvent) -> list[str]:
        """Return an event for a person; nothing for those that the spinner shows."""
        if isinstance(event, events.Loaded):
            return self._of_loaded(event)
        if isinstance(event, events.Refused):
            return _of_refused(event)
        if isinstance(event, events.Ready) and not self._check:
            return self._of_ready(event)
        if isinstance(event, events.Noted):
            about = f"{event.name} {event.version}".strip()
            return [f"{render.paint('note:', 'cyan')} {_said(about)}{': ' if about else ''}{_said(event.message)}"]
        if isinstance(event, events.Draining) and not self._check:
            return [f"finishing what has begun{f' ({_said(event.reason)})' if event.reason else ''}"]
        return []

    def _of_loaded(self, event: events.Loaded) -> list[str]:
        served_first = sorted(event.verdicts.items(), key=lambda each: each[0] != event.route)
        verdicts = [f"{route} {render.verdict(_said(word))}" for route, word in served_first]
        cases = f", {event.cases:,} cases" if event.cases else ""
        head = render.paint(f"{_said(event.name)} {_said(event.version)}", bold=True)
        lines = [f"{head}  {', '.join(verdicts)}{cases}, {event.seconds:.1f} s; served: the {event.route}"]
        if self._check:
            lines += [f"  {_label('file')}{_said(event.path)}"]
        lines += [f"  {_label('note')}{_said(note)}" for note in event.notes]
        return lines

    def _of_ready(self, event: events.Ready) -> list[str]:
        state = (
            render.paint("ready", "green", bold=True) if event.ready else render.paint("not ready", "red", bold=True)
        )
        lines = [f"{state} at {render.paint(self._url, bold=True)} after {event.seconds:.1f} s; Ctrl-C ends it"]
        lines += [f"  {_label('model')}{self._url}/v2/models/{_said(model.name)}" for model in self._loaded]
        if self._docs:
            lines.append(f"  {_label('docs')}{self._url}{self._docs}")
        if self._grpc:
            lines.append(f"  {_label('gRPC')}{self._grpc}")
        if self._loaded:
            lines.append(f"  {_label('try')}{self._curl(self._loaded[0])}")
        return lines

    def _curl(self, model: events.Loaded) -> str:
        key = """ -H "authorization: Bearer $KEY\"""" if self._keys else ""
        address = f"{self._url}/v1/models/{_said(model.name)}:predict"
        if model.example:
            return f"curl{key} {address} -d {shlex.quote(_said(model.example))}"
        return f"curl{key} {address} -H 'content-type: text/csv' --data-binary @rows.csv"


def _of_refused(event: events.Refused) -> list[str]:
    name = f"{event.name} {event.version}".strip() or event.path
    word = f"{render.verdict(_said(event.verdict))}: " if event.verdict else ""
    reason, *more = event.reason.split("\n")
    lines = [f"{render.paint('not served:', 'red', bold=True)} {_said(name)}: {word}{_said(reason)}"]
    lines += [f"  {_said(each.strip())}" for each in more]
    if event.name:
        lines.append(f"  {_label('file')}{_said(event.path)}")
    if event.hint:
        lines.append(f"  what to do: {_said(event.hint)}")
    return [*lines, f"  [{_said(event.code)}]"]


def _label(word: str) -> str:
    return render.paint(f"{word:<7}", "cyan")


def _said(text: str) -> str:
    return render.shown(text, 1000)


def _verdict(word: str) -> Verdict:
    """Return a verdict; what is none of the five words counts as broken."""
    return word if word in EXIT_BY_VERDICT else "broken"


class _Spinner:
    """What is being loaded, on a terminal with rich; elsewhere nothing."""

    def __init__(self, *, wanted: bool) -> None:
        self._wanted = wanted and sys.stderr.isatty() and render.colours(sys.stderr)
        self._names: dict[str, None] = {}
        self._status: Any = None

    def show(self, event: AnyEvent) -> None:
        """Follow an event."""
        if isinstance(event, events.Loading):
            self._names[event.path] = None
        elif isinstance(event, events.Loaded | events.Refused):
            self._names.pop(event.path, None)
        self._draw()

    def stop(self) -> None:
        """Take the spinner away."""
        if self._status is not None:
            self._status.stop()
            self._status = None

    def _draw(self) -> None:
        self.stop()
        if not (self._wanted and self._names):
            return
        with contextlib.suppress(ImportError):
            from rich.console import Console
            from rich.markup import escape

            text = f"verifying {escape(', '.join(map(render.shown, self._names)))}"
            self._status = Console(stderr=True).status(text)
            self._status.start()
