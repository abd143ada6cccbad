"""How the front starts a loader: a fresh process of our own interpreter, a control connection, a sealed artifact."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from typing import BinaryIO

from amber.server.wire import memory
from amber.server.wire.control import Control, Order, front_end
from amber.trust.passphrase import kept_back

MODULE = "amber.server.worker"
_CHUNK = 4 << 20


def start(order: Order, artifact: int | None = None) -> tuple[subprocess.Popen[bytes], Control]:
    """Start a loader and give it its order; return the process and the front's end of the connection.

    To be called in the front's main thread: on Linux the loader dies with the *thread* that started it. The process
    must be waited for when it has ended; its workers end with it. It writes nothing to its standard output.

    Args:
        order: What to serve; `front` and `modules` are filled in here.
        artifact: Descriptor of the artifact (see `sealed`); it stays the caller's.

    Raises:
        OSError: No process can be started.
    """
    import msgspec

    ours, theirs = socket.socketpair()
    try:
        environment = {key: value for key, value in kept_back().items() if key != "PYTHONSTARTUP"}
        # Arrow's own allocator reserves a GiB of address space at once, which a limit on it does not allow
        environment["ARROW_DEFAULT_MEMORY_POOL"] = "system"
        # -P: the current folder never comes onto sys.path
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and module, no shell
            [sys.executable, "-P", "-m", MODULE, str(theirs.fileno())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=(theirs.fileno(),),
            env=environment,
            start_new_session=True,
        )
    except BaseException:
        ours.close()
        raise
    finally:
        theirs.close()
    control = front_end(ours)
    filled = msgspec.structs.replace(order, front=os.getpid(), modules=[each for each in sys.path if each])
    control.send(filled, [] if artifact is None else [artifact])
    control.block(False)
    return process, control


def sealed(source: BinaryIO, name: str = "amber-artifact") -> int:
    """Return a descriptor of a private copy of a file that nobody can change any more; a temporary file elsewhere.

    Raises:
        OSError: It cannot be read, or there is no memory for it.
    """
    descriptor = memory.fresh(name)
    try:
        while data := source.read(_CHUNK):
            memory.write(descriptor, data)
        memory.seal(descriptor)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor
