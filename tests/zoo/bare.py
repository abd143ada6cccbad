"""Write an artifact without cases: every layer of `amber.save` but the recording, which costs the most time."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any

from amber.adapters.build import build
from amber.adapters.take import take
from amber.archive.assemble import assemble
from amber.archive.write import write_artifact
from amber.cases.record import record
from amber.models import environment
from amber.models.audit import audit
from amber.models.save import About, describe, manifest_draft, model_adapter
from amber.policy import Policy


def write_bare(model: Any, path: str | os.PathLike[str], policy: Policy) -> Path:
    """Write the artifact of a fitted model with no recorded case.

    The tree is audited and built once, as `amber.save` does. What is recorded are the cases of an object that
    answers nothing.

    Raises:
        SaveError: Something in the model cannot be data.
    """
    description = describe(model)
    taken = take(model, policy)
    audit(taken.tree, policy)
    versions = environment.written_versions(taken.libraries)
    build(taken.tree, versions)
    pylock, _ = _lock()
    nothing = record(object(), None, limits=policy.limits)
    draft = manifest_draft(About(), description, versions, nothing, model_adapter(taken.tree))
    write_artifact(path, assemble(draft, taken.tree, nothing.evidence, pylock, None, limits=policy.limits))
    return Path(path)


@cache
def _lock() -> Any:
    """The lock of this environment, described once: it is the same for every artifact of a process."""
    return environment.pylock(["scikit-learn"], None)
