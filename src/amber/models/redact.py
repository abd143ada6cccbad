"""`amber.redact`: the same model with synthetic rows in place of recorded ones, as a new artifact."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import msgspec

from amber.models.libraries import needed
from amber.models.save import Saved
from amber.policy import Policy, in_force


@needed()
def redact(
    source: Any,
    target: str | os.PathLike[str],
    *,
    policy: Policy | None = None,
    bundles: Mapping[str, bytes] | None = None,
) -> Saved:
    """Write a copy of an artifact whose cases hold no recorded row: every column is redrawn, the answers asked anew.

    The model's members, card and environment keep their bytes; signatures and programs are dropped, and said so;
    `lineage.parent` is the old id.

    Args:
        source: The artifact.
        target: The file to write.
        policy: What the reader accepts, as for `load`.
        bundles: Detached signatures by the path they were read from; they count like those inside.

    Raises:
        AmberError: As `load` raises; and nothing is written.
    """
    from amber.adapters.build import build
    from amber.archive.assemble import read_evidence, read_tree
    from amber.archive.write import check_target
    from amber.cases.record import record
    from amber.cases.tables import decode
    from amber.models.audit import audit
    from amber.models.descend import descend
    from amber.models.save import model_bytes
    from amber.vault.check import open_checked
    from amber.vault.trusting import Asked

    rules = in_force(policy)
    check_target(target)
    with open_checked(source, rules, asked=Asked(bundles=bundles or {})) as checked:
        opened, manifest = checked.opened, checked.manifest
        tree = read_tree(opened.members, rules.limits)
        audit(tree, rules)
        model = build(tree, manifest.libraries)
        evidence = read_evidence(manifest, opened.members, rules.limits)
        groups = evidence.groups if evidence is not None else []
        known = next((group for group in groups if group.kind == "sample"), None)
        rows = None if known is None else decode(known.layout, known.inputs)
        recorded = record(model, rows, rows="synthetic", mask=(), model_bytes=model_bytes(tree), limits=rules.limits)
        draft = msgspec.structs.replace(
            manifest,
            inputs=recorded.inputs,
            outputs=recorded.outputs,
            batching=recorded.batching,
            methods=recorded.methods,
            programs=[],  # certified by rows that are gone
        )
        done = descend(checked, target, draft, note="redacted", tree=tree, evidence=recorded.evidence, rules=rules)
    return Saved(
        os.fspath(target), done.size, draft.name, draft.version, recorded.evidence.rows,
        (*recorded.notes, *done.notes),
    )  # fmt: skip
