"""Quiet: the same artifact under other BLAS kernels, threads and CPU features is never said to drift."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[2]
KERNELS = ("Haswell", "SkylakeX", "Zen", "Sandybridge")
THREADS = (1, 2)
ALONE_ROWS = 64
# What each kernel needs of the CPU, in the words of /proc/cpuinfo.
_NEEDS = {
    "Haswell": {"avx2", "fma"},
    "SkylakeX": {"avx512f", "avx512dq", "avx512bw", "avx512vl"},
    "Zen": {"avx2", "fma"},
    "Sandybridge": {"avx"},
}


class Environment(NamedTuple):
    """A numerical environment: its name and the variables that make it."""

    name: str
    variables: dict[str, str]


def runnable() -> dict[str, bool]:
    """Return which kernels this CPU can run; asking for another one would end in an illegal instruction."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return dict.fromkeys(KERNELS, False)
    flags = set(next((line for line in lines if line.startswith("flags")), "").split())
    return {kernel: _NEEDS[kernel] <= flags for kernel in KERNELS}


def environments(python: str = sys.executable) -> Iterator[Environment]:
    """Yield every environment that this machine has for one interpreter."""
    for kernel, fine in runnable().items():
        for threads in THREADS if fine else ():
            yield Environment(f"{kernel}, {_count(threads)}", {"OPENBLAS_CORETYPE": kernel, **_threads(threads)})
    without = features(python)
    for name, chosen in without.items():
        yield Environment(f"NumPy without {name}", {"NPY_DISABLE_CPU_FEATURES": " ".join(chosen), **_threads(1)})


def _count(threads: int) -> str:
    return "1 thread" if threads == 1 else f"{threads} threads"


def _threads(number: int) -> dict[str, str]:
    return {"OMP_NUM_THREADS": str(number), "OPENBLAS_NUM_THREADS": str(number)}


_ASK = """
try:
    import numpy._core._multiarray_umath as m
except ImportError:
    import numpy.core._multiarray_umath as m
print(*[name for name in m.__cpu_dispatch__ if m.__cpu_features__.get(name)])
"""


def features(python: str) -> dict[str, list[str]]:
    """Return the sets of features to take from NumPy: AVX-512, and AVX2 as well, in the words of that NumPy."""
    done = subprocess.run([python, "-c", _ASK], capture_output=True, text=True, check=True)
    known = done.stdout.split()
    wide = [name for name in known if name.startswith("AVX512") or name == "X86_V4"]
    also = [name for name in known if name in ("AVX2", "FMA3", "X86_V3")]
    found = {"AVX-512": wide, "AVX-512, AVX2 and FMA": [*also, *wide]}
    return {name: chosen for name, chosen in found.items() if chosen and (name == "AVX-512" or also)}


def child(python: str, module: str, arguments: Sequence[str], variables: dict[str, str]) -> str:
    """Run a module of this package in a process of its own and return what it printed.

    Raises:
        RuntimeError: It ended with an error.
    """
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("OPENBLAS", "OMP_", "NPY_"))}
    path = os.pathsep.join([str(ROOT), str(ROOT / "src")])
    done = subprocess.run(
        [python, "-m", f"proofs.vigilance.{module}", *arguments],
        env={**inherited, "PYTHONPATH": path, **variables},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{module} under {variables}: {done.stderr.strip()[-2000:]}")
    return done.stdout


def heard(
    python: str, folder: Path, environment: Environment, stems: Sequence[str] = (), alone_rows: int = ALONE_ROWS
) -> dict[str, Any]:
    """Return what `replaying` found in one environment.

    Raises:
        RuntimeError: The kernel that was asked for is not the one that computed.
    """
    found = json.loads(child(python, "replaying", [str(folder), str(alone_rows), *stems], environment.variables))
    asked = environment.variables.get("OPENBLAS_CORETYPE")
    known: list[str] = found["surroundings"]["kernels"]
    # Newer OpenBLAS builds have no kernels of their own for Zen and take Haswell's.
    if asked and known and not set(known) <= {asked, "Haswell" if asked == "Zen" else asked}:
        raise RuntimeError(f"asked for {asked}, computed by {known}")
    result: dict[str, Any] = found
    return result


def alarms(found: dict[str, Any]) -> dict[str, Any]:
    """Return the models that were said to have changed."""
    fine = ("identical", "equivalent", "unchecked")  # unchecked: every answer depends on the other rows of a call
    loud = {n: one for n, one in found["models"].items() if one["batch"] not in fine[:2] or one["alone"] not in fine}
    return {name: one["findings"] for name, one in loud.items()}
