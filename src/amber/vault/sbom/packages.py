"""Which packages the model needs, as `env/pylock.toml` and the manifest record them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from amber.archive.lock import tables
from amber.archive.names import ENVIRONMENT
from amber.errors import FormatError

_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z.!+_-]{0,127}")
_MAX_NAME = 128
_RUNTIME = re.compile(r"[ -~]{1,64}")


@dataclass(frozen=True, slots=True)
class Package:
    """One distribution of the writing environment.

    Args:
        name: Normalised (PEP 503).
        version: As recorded.
        needs: Names of recorded packages it depends on; None where nothing says so.
    """

    name: str
    version: str
    needs: tuple[str, ...] | None = None

    @property
    def purl(self) -> str:
        """Package URL of type pypi."""
        return f"pkg:pypi/{self.name}@{quote(self.version, safe='.-_')}"


@dataclass(frozen=True, slots=True)
class Environment:
    """What the model was written with.

    Args:
        packages: By name, sorted.
        direct: Names of those that own a type of the model.
        runtime: Implementation and version of Python; empty strings where not recorded.
    """

    packages: tuple[Package, ...] = ()
    direct: tuple[str, ...] = ()
    runtime: tuple[str, str] = field(default=("", ""))


def read(lock: bytes | memoryview, libraries: Mapping[str, str]) -> Environment:
    """Return the packages of an artifact.

    A library of the manifest that was installed under another name (`xgboost-cpu`) is the recorded package of that
    name; one that is not recorded at all stands with the version the manifest gives.

    Args:
        lock: Bytes of `env/pylock.toml`.
        libraries: `manifest.libraries`.

    Raises:
        FormatError: `environment-invalid`: not TOML, or its packages are not names and versions.
    """
    document = tables(lock)
    facts = _table(_table(document, "tool"), "amber")
    recorded = _recorded(facts)
    variants = _variants(recorded)
    direct = []
    for library, version in sorted(libraries.items()):
        others = variants.get((library, version), [])
        own = others[0] if library not in recorded and len(others) == 1 else library
        recorded.setdefault(own, version)
        direct.append(own)
    needs = _needs(document, frozenset(recorded))
    packages = tuple(Package(name, version, needs.get(name)) for name, version in sorted(recorded.items()))
    return Environment(packages, tuple(sorted(direct)), (_text(facts, "implementation"), _text(facts, "python")))


def _table(table: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = table.get(key)
    return found if isinstance(found, dict) else {}


def _text(facts: Mapping[str, Any], key: str) -> str:
    found = facts.get(key)
    return found if isinstance(found, str) and _RUNTIME.fullmatch(found) else ""


def _recorded(facts: Mapping[str, Any]) -> dict[str, str]:
    packages = _table(facts, "packages")
    for name, version in packages.items():
        fits = len(name) <= _MAX_NAME and _NAME.fullmatch(name)
        if not fits or not isinstance(version, str) or not _VERSION.fullmatch(version):
            raise FormatError("environment-invalid", f"{name!r} is not a package with a version", where=ENVIRONMENT)
    return dict(packages)


def _variants(recorded: Mapping[str, str]) -> dict[tuple[str, str], list[str]]:
    """Return the packages whose names begin with that of a library, by it and their version: `xgboost-cpu`."""
    found: dict[tuple[str, str], list[str]] = {}
    for name, version in recorded.items():
        words = name.split("-")
        for count in range(1, len(words)):
            found.setdefault(("-".join(words[:count]), version), []).append(name)
    return found


def _needs(document: Mapping[str, Any], recorded: frozenset[str]) -> dict[str, tuple[str, ...]]:
    """Return the edges that a lock of the caller's own states (PEP 751, `dependencies`), between recorded packages."""
    packages = document.get("packages")
    found: dict[str, tuple[str, ...]] = {}
    for package in packages if isinstance(packages, list) else []:
        if not isinstance(package, dict) or not isinstance(package.get("dependencies"), list):
            continue
        name = package.get("name")
        wanted = {entry.get("name") for entry in package["dependencies"] if isinstance(entry, dict)}
        if isinstance(name, str) and name in recorded:
            found[name] = tuple(sorted(recorded.intersection(each for each in wanted if isinstance(each, str))))
    return found
