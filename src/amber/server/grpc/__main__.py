"""`python -m amber.server.grpc`: an order on stdin, one line on stdout, then calls until stdin ends."""

from __future__ import annotations

import signal
import sys

import msgspec

from amber.errors import AmberError
from amber.server.grpc.order import Order, Started


def main() -> int:
    """Serve until the front closes the pipe, which it also does by dying.

    Returns:
        0; 1 where gRPC could not start, with the reason on stdout.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the front's; it ends this process in its own order
    order = msgspec.json.decode(sys.stdin.buffer.readline(), type=Order)
    try:
        from amber.server.grpc.serving import start

        running = start(order)
    except ImportError as error:
        return _say(Started(code="library-missing", error=f"gRPC needs {error.name}", hint="pip install 'amber[grpc]'"))
    except AmberError as error:
        return _say(Started(code=error.code, error=error.message, hint=error.hint))
    _say(Started(port=running.port))
    drain = float(order.settings.drain_seconds)
    sys.stdin.buffer.read()
    running.stop(drain)
    return 0


def _say(said: Started) -> int:
    sys.stdout.buffer.write(msgspec.json.encode(said) + b"\n")
    sys.stdout.buffer.flush()
    return 1


if __name__ == "__main__":
    sys.exit(main())
