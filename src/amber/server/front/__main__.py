"""`python -m amber.server.front FD...`: the successor of another front, whose listening sockets it was given.

In: settings as one line of JSON on stdin. Out: one line on stdout when every model answers; events on stderr.
"""

import os
import socket
import sys

from amber.server.events import AnyEvent, Ready, to_json
from amber.server.front.app import run
from amber.server.front.succession import READY
from amber.server.settings import Settings


def main() -> int:
    """Serve."""
    settings = Settings.from_json(sys.stdin.buffer.readline())
    sockets = [socket.socket(fileno=int(word)) for word in sys.argv[1:]]
    out = os.dup(1)
    os.dup2(2, 1)  # nothing but that line goes there

    def announce(event: AnyEvent) -> None:
        sys.stderr.buffer.write(to_json(event) + b"\n")
        sys.stderr.buffer.flush()
        if isinstance(event, Ready):
            os.write(out, READY if event.ready else b"refused\n")
            os.close(out)

    return run(settings, announce, sockets=sockets)


if __name__ == "__main__":
    sys.exit(main())
