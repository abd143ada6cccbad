"""The environment of a model: `env/pylock.toml` for save and verify, and a cheap fingerprint for load.

`[tool.amber]` alone is compared. It holds nothing momentary: no clock, host name, thread setting or path, and the set
of packages is the dependency closure of the libraries the model needs, not what happened to be imported.
"""

from __future__ import annotations

import os
import platform
import re
import sys
import threading
import tomllib
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from amber.archive.lock import tables
from amber.errors import SourceError, UsageError

# library of the vocabulary -> module that carries `__version__`
MODULES = {
    "numpy": "numpy", "scipy": "scipy", "pandas": "pandas", "scikit-learn": "sklearn",
    "xgboost": "xgboost", "lightgbm": "lightgbm",
}  # fmt: skip
# library -> distributions that bring its module, where its own name is not the only one
_DISTRIBUTIONS = {"xgboost": ("xgboost", "xgboost-cpu")}
ALWAYS = ("numpy", "scipy")
_reading = threading.Lock()


@lru_cache(maxsize=1)
def machine() -> dict[str, Any]:
    """Return what of this process and machine can change an answer; once a process."""
    import numpy as np

    return {
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "os": platform.system(),
        "machine": platform.machine(),
        "blas": _blas(np),
        "cpu": _cpu_features(),
    }


def _blas(numpy: Any) -> str:
    config = numpy.__config__.CONFIG.get("Build Dependencies", {}).get("blas", {})
    return f"{config.get('name', 'unknown')} {config.get('version', 'unknown')}"


def _cpu_features() -> list[str]:
    import numpy as np

    core = getattr(np, "_core", None) or np.core  # NumPy 1.26 has no _core
    features = core._multiarray_umath.__cpu_features__
    return sorted(name for name, present in features.items() if present)


def versions(libraries: Iterable[str]) -> dict[str, str]:
    """Return `__version__` of the imported modules that own a type of the model, NumPy and SciPy included."""
    found = {}
    for library in sorted({*libraries, *ALWAYS}):
        module = sys.modules.get(MODULES.get(library, ""))
        version = getattr(module, "__version__", None)
        if isinstance(version, str):
            found[library] = version
    return found


def closure(libraries: Iterable[str]) -> dict[str, str]:
    """Return the versions of the distributions the libraries need, themselves included, by normalised name."""
    # one thread at a time: packaging evaluates literals with `ast`, which CPython 3.11 cannot do in two at once
    with _reading:
        return _closure(libraries)


def _closure(libraries: Iterable[str]) -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, distribution

    from packaging.requirements import InvalidRequirement, Requirement

    found: dict[str, str] = {}
    todo = [name for library in libraries if library in MODULES for name in _DISTRIBUTIONS.get(library, (library,))]
    while todo:
        name = _normal(todo.pop())
        if name in found:
            continue
        try:
            dist = distribution(name)
        except PackageNotFoundError:
            continue
        found[name] = dist.version
        for line in dist.requires or ():
            try:
                requirement = Requirement(line)
            except InvalidRequirement:
                continue
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                todo.append(requirement.name)
    return dict(sorted(found.items()))


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def describe(libraries: Iterable[str]) -> dict[str, Any]:
    """Return the table `[tool.amber]`."""
    return {**machine(), "packages": closure({*libraries, *ALWAYS})}


def pylock(libraries: Iterable[str], lock: str | os.PathLike[str] | None) -> tuple[bytes, list[str]]:
    """Return the bytes of `env/pylock.toml` and the notices about it.

    Args:
        libraries: Libraries of the vocabulary that own a type of the model.
        lock: The caller's own lock (PEP 751), or None: then `packages` is empty, because installers do not record
            the source and hash of an index install, and an entry without them is invalid.

    Raises:
        SourceError: The lock cannot be read.
        UsageError: It is not valid, names a local path or a credential, or does not fit what is installed.
    """
    import tomli_w

    facts = describe(libraries)
    notices: list[str] = []
    document: dict[str, Any] = {"lock-version": "1.0", "created-by": "amber", "packages": []}
    if lock is not None:
        document = _read_lock(lock)
        notices = _check_lock(document, facts["packages"], str(lock))
    tool = document.setdefault("tool", {})
    tool["amber"] = facts
    return tomli_w.dumps(document).encode(), notices


def _read_lock(lock: str | os.PathLike[str]) -> dict[str, Any]:
    from packaging.pylock import Pylock, PylockValidationError

    try:
        with open(lock, "rb") as file:
            document = tomllib.load(file)
    except OSError as error:
        raise SourceError("lock-unreadable", str(error), where=str(lock)) from error
    except (ValueError, RecursionError) as error:  # ValueError: not TOML, not UTF-8, a number too long
        raise UsageError("lock-invalid", f"not TOML: {error}", where=str(lock)) from error
    document.pop("tool", None)  # tool tables must not affect an install, and may hold anything
    for package in document.get("packages", []):
        if isinstance(package, dict):
            package.pop("index", None)
            package.pop("tool", None)
    try:
        Pylock.from_dict(document).validate()
    except (PylockValidationError, ValueError, TypeError) as error:
        raise UsageError(
            "lock-invalid", f"not a valid pylock.toml: {error}", where=str(lock), hint="write it with uv or pip lock"
        ) from error
    return document


def _check_lock(document: dict[str, Any], installed: Mapping[str, str], where: str) -> list[str]:
    hosts: set[str] = set()
    for package in document["packages"]:
        name, version = _normal(package["name"]), str(package.get("version", ""))
        if name in installed and version and installed[name] != version:
            raise UsageError(
                "lock-mismatch",
                f"{name} {installed[name]} is installed, the lock says {version}",
                where=where,
                hint="save from an environment that was installed from this lock",
            )
        if "directory" in package:
            raise UsageError("lock-local-path", f"{name} comes from a local folder", where=where)
        for source in _sources(package):
            hosts |= _host(source, name, where)
    return [f"the lock names these hosts: {', '.join(sorted(hosts))}"] if hosts else []


def _sources(package: dict[str, Any]) -> list[dict[str, Any]]:
    single = [package[key] for key in ("vcs", "archive", "sdist") if key in package]
    return [*single, *package.get("wheels", [])]


def _host(source: dict[str, Any], name: str, where: str) -> set[str]:
    if "path" in source:
        raise UsageError("lock-local-path", f"{name} comes from a local path", where=where)
    parts = urlsplit(str(source.get("url", "")))
    if parts.username or parts.password or parts.scheme == "file":
        raise UsageError("lock-credential", f"the address of {name} holds a credential or a local path", where=where)
    return {parts.hostname} if parts.hostname else set()


def recorded(lock: bytes | memoryview) -> Mapping[str, Any]:
    """Return the table `[tool.amber]` of `env/pylock.toml`, as written; {} where there is none.

    Raises:
        FormatError: `environment-invalid`: the member is not TOML.
    """
    return _recorded(bytes(lock))


@lru_cache(maxsize=16)
def _recorded(lock: bytes) -> Mapping[str, Any]:
    tool = tables(lock).get("tool")
    facts = tool.get("amber") if isinstance(tool, dict) else None
    return facts if isinstance(facts, dict) else {}


def differences(then: Mapping[str, Any], wrote: Mapping[str, str], libraries: Iterable[str]) -> list[str]:
    """Return one line for each fact that differs from the recorded environment (the cheap fingerprint of load).

    Args:
        then: The recorded table.
        wrote: `manifest.libraries`, versions at writing.
        libraries: Libraries that own a type of the model.
    """
    now = machine()
    # the libraries first: they are the usual reason, and a finding is cut at 200 characters
    lines = [
        f"{library} {wrote.get(library, 'unknown')} -> {version}"
        for library, version in versions(libraries).items()
        if wrote.get(library) != version
    ]
    facts = ("python", "implementation", "os", "machine", "blas")
    lines += [f"{key} {then.get(key, 'unknown')} -> {now[key]}" for key in facts if then.get(key) != now[key]]
    cpu = then.get("cpu")
    if cpu != now["cpu"]:
        before = {str(each) for each in cpu} if isinstance(cpu, list) else set()
        lost, gained = sorted(before - set(now["cpu"])), sorted(set(now["cpu"]) - before)
        lines.append(f"cpu features -{','.join(lost) or '(none)'} +{','.join(gained) or '(none)'}")
    return lines


def written_versions(libraries: Iterable[str]) -> dict[str, str]:
    """Return the versions to write into the manifest; imports NumPy and SciPy so that every process says the same."""
    import importlib

    for library in sorted({*libraries, *ALWAYS}):
        try:
            importlib.import_module(MODULES.get(library, "sys"))
        except ImportError:
            continue
    return versions(libraries)
