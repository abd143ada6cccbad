"""`python -m amber.server.worker FD load|judge`: one loader.

Libraries read how many threads they may have once, when loaded.
"""

import contextlib
import os
import sys
import threading

for _name in (
    "OMP_NUM_THREADS",
    "OMP_THREAD_LIMIT",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
):
    os.environ[_name] = "1"
os.environ["ORT_DISABLE_TELEMETRY"] = "1"


def _import() -> None:
    """Import what a loader needs: in a thread that stands back, since another version may be answering meanwhile."""
    from amber.server.worker.process import step_back

    step_back()
    with contextlib.suppress(Exception):  # it comes again, and is shown, where it is needed
        import amber.server.worker.loader  # noqa: F401


if __name__ == "__main__":
    if sys.argv[2] == "load":  # a judgement is short, and whoever revokes a key waits for it
        _thread = threading.Thread(target=_import)
        _thread.start()
        _thread.join()
    from amber.server.worker.loader import main

    sys.exit(main(int(sys.argv[1])))
