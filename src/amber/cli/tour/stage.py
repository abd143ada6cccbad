"""How the tour is told: chapters, prose, and the real commands with what they print."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from amber.cli import render
from amber.errors import BuildError
from amber.report import EXIT_UNCHECKED
from amber.trust.passphrase import kept_back

WIDTH = 86  # columns of prose
FOLD = 112  # columns beyond which a line of output is folded, so that the bar beside it stays whole
_INDENT = "   "


class Stage:
    """Tells the tour on stdout and runs its commands in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.chapters = 0
        self.begin = time.perf_counter()

    def title(self, text: str, below: str) -> None:
        """Open the tour."""
        line = "━" if render.can_show("━") else "="
        render.out()
        render.out(f" {render.paint(text, 'yellow', bold=True)}")
        render.out(f" {below}")
        render.out(f" {render.paint(line * (WIDTH - 1), 'yellow')}")

    def chapter(self, text: str) -> None:
        """Begin a chapter."""
        self.chapters += 1
        render.out()
        render.out(f"{render.paint(f'{self.chapters:>2}', 'yellow', bold=True)} {render.paint(text, bold=True)}")

    def say(self, text: str) -> None:
        """Print a paragraph."""
        for line in textwrap.wrap(" ".join(text.split()), WIDTH - len(_INDENT)):
            render.out(_INDENT + line)

    def show(self, lines: Iterable[str], most: int = 40) -> None:
        """Print what a program said, beside a bar; at most `most` lines of it."""
        shown = list(lines)
        bar = render.paint("│" if render.can_show("│") else "|", dim=True)
        for line in shown[:most]:
            for part in render.folded(line, FOLD):
                render.out(f"{_INDENT}{bar} {part}".rstrip())
        if len(shown) > most:
            render.out(f"{_INDENT}{bar} {render.paint(f'... and {len(shown) - most} lines more', dim=True)}")

    def code(self, lines: Sequence[str]) -> None:
        """Print Python as one would type it."""
        for line in lines:
            render.out(_INDENT + render.paint(line, "cyan"))

    def amber(self, *words: str, expect: int = 0, most: int = 40) -> None:
        """Show and run an `amber` command in a fresh process.

        Raises:
            BuildError: It ended with another exit code than the tour promises.
        """
        code, text = self._command(words, most)
        if code == EXIT_UNCHECKED and "[budget]" in text and "--policy" not in words:
            (self.folder / "patient.toml").write_text("[limits]\nreplay_seconds = 600\n", encoding="utf-8")
            self.say("This machine is too busy for the usual 60 seconds. A policy of your own gives it more:")
            code, _ = self._command((*words, "--policy", "patient.toml"), most)
        if code != expect:
            raise BuildError("demo-failed", f"amber {words[0]} ended with {code}, the tour expects {expect}")

    def _command(self, words: Sequence[str], most: int) -> tuple[int, str]:
        render.out(f"{_INDENT}{render.paint('$', dim=True)} {render.paint('amber ' + ' '.join(words), 'cyan')}")
        begin = time.perf_counter()
        done = self.run([sys.executable, "-m", "amber.cli.main", *words])
        seconds = time.perf_counter() - begin
        text = done.stdout + done.stderr
        self.show(text.rstrip("\n").splitlines(), most)
        render.out(_INDENT + render.paint(f"exit code {done.returncode}, {seconds:.1f} s", dim=True))
        return done.returncode, text

    def python(self, program: str, *words: str) -> str:
        """Run a program in a fresh Python and return what it prints.

        Raises:
            BuildError: It failed.
        """
        done = self.run([sys.executable, "-c", program, *words])
        if done.returncode:
            raise BuildError("demo-failed", f"a program of the tour failed: {done.stderr[-1000:]}")
        return done.stdout

    def run(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        """Run a command in the tour's folder, the package importable as it is here."""
        sys.stdout.flush()
        package = str(Path(__file__).resolve().parents[3])
        path = os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH", "")]))
        # a terminal's colours survive the pipe between the two processes
        environment = {**kept_back(), "PYTHONPATH": path, "PYTHONIOENCODING": sys.stdout.encoding or "utf-8"}
        # so small a model is slower with threads, and far slower on a busy machine
        environment.setdefault("OMP_NUM_THREADS", "1")
        environment |= {"FORCE_COLOR": "1"} if render.colours(sys.stdout) else {"NO_COLOR": "1"}
        return subprocess.run(  # noqa: S603 - our own interpreter and programs, no shell
            command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False
        )

    def seconds(self) -> float:
        """Seconds since the tour began."""
        return time.perf_counter() - self.begin
