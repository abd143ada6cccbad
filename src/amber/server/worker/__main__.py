"""`python -m amber.server.worker FD`: one loader. Libraries read how many threads they may have once, when loaded."""

import os
import sys

for _name in (
    "OMP_NUM_THREADS",
    "OMP_THREAD_LIMIT",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
):
    os.environ[_name] = "1"
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

if __name__ == "__main__":
    from amber.server.worker.loader import main

    sys.exit(main(int(sys.argv[1])))
