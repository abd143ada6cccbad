"""`python -m tests.unit.server.endpoints.misjudging FD`: a process that is to judge, and does as the order's name says.

It stands where `amber.server.worker` stands.
"""

from __future__ import annotations

import os
import socket
import sys
import time

from amber.server.wire import control
from amber.server.wire.control import Control, Forked, Judged, Order, Refused

OUT = Refused(code="policy-refused", message="it was taken back")


def behave(name: str, control: Control, end: socket.socket) -> None:
    """Do what the name says."""
    if name == "takes":
        control.send(Judged())
    elif name == "takes-not":
        control.send(Judged(refused=OUT))
    elif name == "cannot":
        control.send(Refused(code="seen-unusable", message="no space"))
    elif name == "another-frame":
        control.send(Forked(lane=1, pid=1))
    elif name == "rubbish":
        end.sendall(b"\xff" * 64)
    elif name == "half":
        end.sendall(b"\x40\x00\x00\x00half")
    elif name in ("sleeps", "takes-and-sleeps"):
        if name == "takes-and-sleeps":
            control.send(Judged())
        time.sleep(60)


def main(descriptor: int) -> None:
    """Take the order, and behave."""
    end = socket.socket(fileno=descriptor)
    end.setblocking(True)
    mine = control.loader_end(end)
    frames: list[tuple[Order, list[int]]] = []
    while not frames:
        frames = mine.receive()
    order, fds = frames[0]
    assert order.judge
    assert len(fds) == 1
    behave(order.name, mine, end)


if __name__ == "__main__":
    main(int(sys.argv[1]))
    os._exit(0)
