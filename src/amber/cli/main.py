"""`amber`: parse the words of the shell, run one command, turn whatever happens into an exit code.

Environment: `AMBER_DEBUG=1` prints the traceback of an error; `NO_COLOR` turns colours off.
"""

from __future__ import annotations

import json
import os
import platform
import signal
import sys
import threading
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from types import FrameType

import click

import amber
from amber import report
from amber.cli import render
from amber.cli.commands import LazyGroup
from amber.errors import AmberError, SourceError, UsageError

_VERDICT = "verdict-"  # codes of `Report.require`, and of a load that refuses an answer


def _version(ctx: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        render.out(f"amber {amber.__version__} (format 1, Python {platform.python_version()})")
        ctx.exit()


@click.group(
    name="amber",
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Run 'amber COMMAND --help' for options and examples. New here? Run 'amber demo'.",
)
@click.option(
    "--version", is_flag=True, expose_value=False, is_eager=True, callback=_version, help="Print the version."
)
def amber_group() -> None:
    """One code-free file per trained model that proves it still computes the same thing."""


def exit_code_of(error: AmberError) -> int:
    """Return the exit code of a refusal (`spec/`: one table for code, command line and tests)."""
    if isinstance(error, UsageError):
        return report.EXIT_USAGE
    if isinstance(error, SourceError):
        return report.EXIT_NO_INPUT
    verdict = error.code.removeprefix(_VERDICT)
    if error.code.startswith(_VERDICT) and verdict in report.VERDICTS:
        return report.EXIT_BY_VERDICT[verdict] or report.EXIT_REFUSED
    return report.EXIT_REFUSED


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    Args:
        argv: The words after `amber`; None means those of this process.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    if "_AMBER_COMPLETE" in os.environ:
        return _complete(os.environ["_AMBER_COMPLETE"])
    render.prepare_streams()
    try:
        with warnings.catch_warnings(), _ended_in_order():
            warnings.showwarning = render.show_warning
            return _guarded(words)
    except _EndedError as ended:
        os.kill(os.getpid(), ended.number)  # as if nobody had heeded it: whoever sent it sees it
        raise


class _EndedError(KeyboardInterrupt):
    """Somebody ends this process; not an error of the command."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


@contextmanager
def _ended_in_order() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end a command as Ctrl-C does, the first time.

    Without that the half of a file stays, a terminal that was asked for a passphrase shows nothing any more, and a
    process of its own that runs a stranger's model has nobody to end it. A server heeds them in its own way.
    """

    def end(number: int, _: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        raise _EndedError(number)

    main_thread = threading.current_thread() is threading.main_thread()  # only there signals can be heeded
    known = (getattr(signal, name, None) for name in ("SIGTERM", "SIGHUP")) if main_thread else ()
    heeded = [number for number in known if number is not None and signal.getsignal(number) is signal.SIG_DFL]
    for number in heeded:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in heeded:
            if signal.getsignal(number) is end:
                signal.signal(number, signal.SIG_DFL)


def _guarded(words: list[str]) -> int:
    as_json = "--json" in words
    try:
        code = _run(words)
        render.flush()
    except BrokenPipeError:
        return render.silence_stdout()
    except _EndedError:
        raise
    except (KeyboardInterrupt, click.Abort):
        return _fail(as_json, {"code": "interrupted", "message": "interrupted"}, "interrupted", report.EXIT_INTERRUPTED)
    except click.ClickException as error:
        return _usage(as_json, error)
    except AmberError as error:
        _traceback()
        return _fail(as_json, error.to_dict(), str(error), exit_code_of(error))
    except Exception as error:  # the last line of defence: a message instead of a traceback
        return _internal(as_json, error)
    return code


def _run(words: list[str]) -> int:
    try:
        with amber_group.make_context("amber", words) as context:
            result = amber_group.invoke(context)
    except click.exceptions.Exit as left:
        return left.exit_code
    return result if isinstance(result, int) else report.EXIT_OK


def _usage(as_json: bool, error: click.ClickException) -> int:
    message = error.format_message()
    lines = [message]
    context = getattr(error, "ctx", None)
    if isinstance(error, click.exceptions.NoArgsIsHelpError) and context is not None:
        render.err(context.get_help())
        return report.EXIT_USAGE
    if context is not None:
        usage = " ".join(context.get_usage().removeprefix("Usage: ").split())
        lines += [f"  usage: {usage}", f"  what to do: {context.command_path} --help"]
    return _fail(as_json, {"code": "usage", "message": message}, "\n".join(lines), report.EXIT_USAGE)


def _internal(as_json: bool, error: Exception) -> int:
    _traceback()
    message = f"internal error: {type(error).__name__}: {render.shown(error)}"
    hint = "this is a defect of Amber; run again with AMBER_DEBUG=1 and report the traceback"
    details = {"code": "internal", "message": message, "hint": hint}
    return _fail(as_json, details, f"{message}\n  what to do: {hint}\n  [internal]", report.EXIT_INTERNAL)


def _fail(as_json: bool, details: Mapping[str, object], text: str, code: int) -> int:
    try:
        if as_json:
            with suppress(SourceError):  # of stdout: stderr says it all the same
                render.out(json.dumps({"error": {**details, "exit_code": code}}, ensure_ascii=False, indent=2))
        render.error(text)
    except BrokenPipeError:
        render.silence_stdout()
    return code


def _traceback() -> None:
    if os.environ.get("AMBER_DEBUG") == "1":
        import traceback

        traceback.print_exc()


def _complete(instruction: str) -> int:
    from click.shell_completion import shell_complete

    return shell_complete(amber_group, {}, "amber", "_AMBER_COMPLETE", instruction)


if __name__ == "__main__":
    sys.exit(main())
