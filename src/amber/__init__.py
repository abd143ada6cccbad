"""Amber: one code-free file that proves it still computes the same thing.

save:   object -> adapters (vocabulary) -> tree -> cases recorded on the rebuilt copy -> archive -> bytes
load:   bytes -> archive (step 1 container, 3 manifest, 4 digests) -> tree -> audit of names and values (step 6)
        -> adapters (closed vocabulary) -> object -> cases (step 9: the same answers?)

`save`, `load`, `verify`, `diff` build models and live in `amber.models`; `inspect`, `pack`, `unpack` and `sign` never
do and live in `amber.vault`. Importing `amber` costs the standard library only; everything else is imported when used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from amber.errors import AmberError as AmberError
    from amber.errors import AmberWarning as AmberWarning
    from amber.models.attest import Attested as Attested
    from amber.models.attest import attest as attest
    from amber.models.bench import Measured as Measured
    from amber.models.bench import bench as bench
    from amber.models.diff import Difference as Difference
    from amber.models.diff import diff as diff
    from amber.models.export import Exported as Exported
    from amber.models.export import export as export
    from amber.models.freeze import Frozen as Frozen
    from amber.models.freeze import freeze as freeze
    from amber.models.load import load as load
    from amber.models.program import program as program
    from amber.models.redact import redact as redact
    from amber.models.save import save as save
    from amber.models.verify import verify as verify
    from amber.policy import Policy as Policy
    from amber.report import Report as Report
    from amber.server.client import Client as Client
    from amber.server.local import serve as serve
    from amber.vault.inspect import Info as Info
    from amber.vault.inspect import inspect as inspect
    from amber.vault.pack import pack as pack
    from amber.vault.pack import unpack as unpack
    from amber.vault.sbom.make import sbom as sbom
    from amber.vault.sign import sign as sign

__version__ = "0.1.0"

_HOMES = {
    "AmberError": "amber.errors",
    "AmberWarning": "amber.errors",
    "Attested": "amber.models.attest",
    "Client": "amber.server.client",
    "Difference": "amber.models.diff",
    "Exported": "amber.models.export",
    "Frozen": "amber.models.freeze",
    "Info": "amber.vault.inspect",
    "Measured": "amber.models.bench",
    "Policy": "amber.policy",
    "Report": "amber.report",
    "attest": "amber.models.attest",
    "bench": "amber.models.bench",
    "diff": "amber.models.diff",
    "export": "amber.models.export",
    "freeze": "amber.models.freeze",
    "inspect": "amber.vault.inspect",
    "load": "amber.models.load",
    "pack": "amber.vault.pack",
    "program": "amber.models.program",
    "redact": "amber.models.redact",
    "save": "amber.models.save",
    "sbom": "amber.vault.sbom.make",
    "serve": "amber.server.local",
    "sign": "amber.vault.sign",
    "unpack": "amber.vault.pack",
    "verify": "amber.models.verify",
}
__all__ = [*sorted(_HOMES), "__version__"]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'amber' has no attribute {name!r}")
    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return list(__all__)
