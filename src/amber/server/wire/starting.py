"""How the front starts a loader: a fresh process of our own interpreter, a control connection, a sealed artifact."""

from __future__ import annotations

import contextlib
import io
import os
import socket
import subprocess
import sys
from typing import BinaryIO

import msgspec

from amber.server.wire import memory
from amber.server.wire.control import Closed, Control, Order, front_end
from amber.trust.passphrase import kept_back

MODULE = "amber.server.worker"
_CHUNK = 4 << 20
_MOST_FRAME = 1 << 15  # a socket takes it, whether or not anybody reads


def start(order: Order, artifact: int | None = None) -> tuple[subprocess.Popen[bytes], Control]:
    """Start a loader and give it its order; return the process and the front's end of the connection.

    To be called in the front's main thread: on Linux the loader dies with the *thread* that started it. The process
    must be waited for when it has ended; its workers end with it. It writes nothing to its standard output.

    Args:
        order: What to serve; `front` and `modules` are filled in here, and a large one goes as a sealed descriptor.
        artifact: Descriptor of the artifact (see `sealed`); it stays the caller's.

    Raises:
        OSError: No process can be started.
        Closed: It ended before it had its order.
    """
    with contextlib.ExitStack() as held:
        fds = [] if artifact is None else [artifact]
        filled = msgspec.structs.replace(order, front=os.getpid(), modules=[each for each in sys.path if each])
        body = msgspec.msgpack.encode(filled)
        if len(body) > _MOST_FRAME:  # it could fill the socket, and the front would wait for the loader to read
            fds.append(sealed(io.BytesIO(body), "amber-order"))
            held.callback(os.close, fds[-1])
            filled = Order(artifact=order.artifact, beside=True)
        process, control = _started()
        try:
            control.send(filled, fds)
        except Closed:
            control.close()
            process.kill()  # our own child, not yet waited for: the front must not wait until it ends by itself
            process.wait()
            raise
    control.block(False)
    return process, control


def _started() -> tuple[subprocess.Popen[bytes], Control]:
    """Return a fresh process, which has no order yet, and the front's end of the connection to it."""
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
            # Ctrl-C is not meant for it. And where the kernel groups tasks by session (autogroup) a newcomer that
            # stands back gets a share for all that: a busy neighbour does not keep it waiting for minutes
            start_new_session=True,
        )
    except BaseException:
        ours.close()
        raise
    finally:
        theirs.close()
    return process, front_end(ours)


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
