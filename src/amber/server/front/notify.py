"""Telling systemd (or whoever started the server) how it is: sd_notify(3), a datagram to a socket it named."""

from __future__ import annotations

import os
import socket


def notify(state: str) -> None:
    """Send a state such as `READY=1`; does nothing where nobody asked for it."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address or not hasattr(socket, "AF_UNIX"):
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.sendto(state.encode(), address)
    except OSError:
        pass  # the server runs on without a supervisor


def passed_sockets() -> list[socket.socket]:
    """Return the listening sockets a supervisor opened for this process: sd_listen_fds(3)."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        return []
    count = os.environ.get("LISTEN_FDS", "0")
    return [socket.socket(fileno=3 + place) for place in range(int(count) if count.isdecimal() else 0)]
