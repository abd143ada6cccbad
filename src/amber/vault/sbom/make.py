"""`amber.sbom`: the document as plain data, and as the text of a file."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Literal

from amber.archive.source import Source
from amber.errors import UsageError
from amber.policy import Policy
from amber.vault.sbom import cyclonedx, spdx
from amber.vault.sbom.facts import Facts, gather

Form = Literal["cyclonedx", "spdx"]
FORMS: dict[str, Callable[[Facts], dict[str, Any]]] = {"cyclonedx": cyclonedx.document, "spdx": spdx.document}


def sbom(source: Source, *, format: Form = "cyclonedx", policy: Policy | None = None) -> dict[str, Any]:
    """Return a bill of materials of an artifact as plain data; `json.dump` writes it.

    The same artifact gives the same document under one release of Amber, with or without signatures. It holds names
    of columns, types and packages and digests of members; never a category, a class label or a recorded row.

    Args:
        source: A path to a file or folder, bytes, or a seekable binary file.
        format: `cyclonedx` (1.7, with a model card) or `spdx` (3.0.1, AI profile).
        policy: The reader's limits; describing runs nothing, so that a policy has nothing to decide.

    Raises:
        FormatError: The artifact is not whole.
        SourceError: It cannot be read.
        UsageError: `sbom-unknown`: not one of the formats.
    """
    return described(source, format, policy)[1]


def described(source: Source, format: str, policy: Policy | None = None) -> tuple[Facts, dict[str, Any]]:
    """Return what is known of an artifact, and the document that says it.

    Raises:
        FormatError, SourceError, UsageError: As `sbom`.
    """
    if format not in FORMS:
        raise UsageError(
            "sbom-unknown", f"{format!r} is not a format", where="format", hint=f"one of {', '.join(FORMS)}"
        )
    facts = gather(source, policy)
    return facts, FORMS[format](facts)


def as_text(document: dict[str, Any]) -> str:
    """Return a document as the text of a file: JSON, indented, in ASCII, with a final newline."""
    return json.dumps(document, indent=2) + "\n"
