"""`python -m amber.server.local_process`: a server that ends with the process that started it.

In: settings as one line of JSON on stdin, which then stays open. Out: events as lines of JSON on stdout; a refusal as
the last line of stderr. The end of stdin, which is also the end of the starter, ends the server. (PR_SET_PDEATHSIG
would end it with the thread that started it, and notebooks start things in threads.)
"""

from __future__ import annotations

import os
import signal
import sys
import threading

import msgspec

from amber.errors import AmberError, SourceError
from amber.report import EXIT_REFUSED
from amber.server.events import AnyEvent, to_json
from amber.server.settings import Settings


def main() -> int:
    """Serve until stdin ends; return the exit code."""
    settings = Settings.from_json(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_starter, name="amber-starter", daemon=True).start()
    try:
        from amber.server.front.app import run

        return run(settings, _say)
    except AmberError as error:
        said = {**error.to_dict(), "source": isinstance(error, SourceError)}
    except ImportError as error:
        hint = "pip install 'amber[serve]'"
        said = {"code": "library-missing", "message": f"the server needs {error.name}", "hint": hint}
    sys.stderr.buffer.write(b"\n" + msgspec.json.encode(said))
    return EXIT_REFUSED


def _end_with_starter() -> None:
    os.read(sys.stdin.fileno(), 1)
    os.kill(os.getpid(), signal.SIGTERM)


def _say(event: AnyEvent) -> None:
    try:
        sys.stdout.buffer.write(to_json(event) + b"\n")
        sys.stdout.buffer.flush()
    except OSError:
        pass  # nobody listens any more: the end of stdin is on its way


if __name__ == "__main__":
    sys.exit(main())
