"""Replacing the front itself without losing a connection: its successor inherits the listening sockets.

On SIGUSR2 the front starts `python -m amber.server.front`, gives it its settings and its sockets, and goes
on answering until that says it is ready. Then it takes no new connections and answers each open one with `connection:
close`; clients come back to the successor. (Closing at once lost every connection: SERVING.md 5.)
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Sequence

from amber.errors import BuildError
from amber.server.settings import Settings

READY = b"ready\n"


async def succeeded(settings: Settings, sockets: Sequence[int], seconds: float) -> int:
    """Start a successor and wait until it answers; return its process id.

    Raises:
        BuildError: It ended, or was not ready in time; this process goes on.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "amber.server.front", *map(str, sockets),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, pass_fds=tuple(sockets),
    )  # fmt: skip
    said = b""
    try:
        if process.stdin is None or process.stdout is None:
            raise OSError("no pipes")
        process.stdin.write(settings.to_json() + b"\n")
        process.stdin.close()
        said = await asyncio.wait_for(process.stdout.readline(), seconds)
    except TimeoutError:
        pass
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise
    if said != READY:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        raise BuildError("successor-failed", "the new front was not ready; this one goes on", hint="see its log")
    return process.pid
