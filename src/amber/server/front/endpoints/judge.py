"""A process that judges anew what is served: started, heard once, ended.

In: an `Order` with `judge`, the sealed copy. Out: `Judged`, or a `LoadError` where nothing was decided. It is a process
of its own because the front reads no artifact, and the loader has run the model that it would have to speak against.
"""

from __future__ import annotations

import asyncio
import subprocess

from amber.server.front.endpoints.process import LoadError
from amber.server.wire.control import Closed, Control, Judged, Order, Refused
from amber.server.wire.starting import start

_STOP_SECONDS = 5.0  # for it to end by itself


async def judged(order: Order, artifact: int) -> Judged:
    """Return what the policy of the order says of an artifact.

    Args:
        order: With `judge`.
        artifact: Descriptor of the sealed copy; stays the caller's.

    Raises:
        LoadError: It could not be judged: a process died, took too long, or lacks what it needs.
    """
    loop = asyncio.get_running_loop()
    try:
        process, control = start(order, artifact)
    except (OSError, Closed) as error:
        raise _unable(f"no process could be started: {error}") from error
    try:
        async with asyncio.timeout(order.seconds):
            return await _heard(control, loop)
    except TimeoutError as error:
        raise _unable(f"nothing was said within {order.seconds:g} seconds") from error
    except Closed as error:
        raise _unable(f"the process ended ({error})") from error
    finally:
        control.close()  # its sign to end
        await asyncio.shield(loop.run_in_executor(None, _ended, process))


async def _heard(control: Control, loop: asyncio.AbstractEventLoop) -> Judged:
    come = asyncio.Event()
    loop.add_reader(control.fd, come.set)
    try:
        while True:
            await come.wait()
            come.clear()
            for frame, _ in control.receive():
                if isinstance(frame, Judged):
                    return frame
                raise LoadError(frame) if isinstance(frame, Refused) else Closed("it said what it may not say")
    finally:
        loop.remove_reader(control.fd)


def _ended(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()  # our own child, not yet waited for
        process.wait()


def _unable(message: str) -> LoadError:
    return LoadError(Refused(code="judge-failed", message=f"it could not be judged: {message}"))
