"""The front takes no descriptors: closing one that came with a message may wait for as long as its sender likes."""

from __future__ import annotations

import contextlib
import socket
import sys

_PASSRIGHTS = 83  # SO_PASSRIGHTS of Linux 6.16, asm-generic/socket.h; Python has no name for it


def refuse_descriptors(end: socket.socket) -> None:
    """Have whoever sends descriptors to this end get an error.

    A kernel before 6.16 cannot; there they are discarded when they arrive, and a socket among them that lingers holds
    up who discards it.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            end.setsockopt(socket.SOL_SOCKET, _PASSRIGHTS, 0)
