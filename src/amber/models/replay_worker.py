"""The child process of verify and diff: open, audit, build, replay, and write one JSON object to the given descriptor.

Started by `models.child` only. The address space is limited once the libraries are imported, because their own mappings
differ from machine to machine and say nothing about the model.
"""

from __future__ import annotations

import os
import sys
from dataclasses import asdict, replace
from typing import Any, Literal

import msgspec
from blake3 import blake3

from amber.models.child import Order, Outcome, answer, begun, limit_memory


def main(arguments: list[str]) -> int:
    """Run one order from standard input; return the exit status."""
    descriptor, _ = begun(arguments)
    order = msgspec.json.decode(sys.stdin.buffer.read(), type=Order)
    try:
        outcome = _replay(order)
    except MemoryError:
        outcome = Outcome("unchecked", "budget", "more memory than four times the model and 1 GiB")
    answer(descriptor, msgspec.json.encode(outcome))
    return 0


def _replay(order: Order) -> Outcome:
    from amber.archive.assemble import read_evidence, read_tree
    from amber.errors import AmberError, BuildError
    from amber.limits import DEFAULT
    from amber.models.audit import audit
    from amber.policy import Policy
    from amber.vault.check import open_checked
    from amber.vault.trusting import Asked

    rules = Policy(allow=tuple(order.allow), limits=replace(DEFAULT, **order.limits))  # type: ignore[arg-type]
    try:
        with open_checked(os.fsdecode(order.source), rules, _mapping(order), Asked(purpose="replay")) as checked:
            if _changed(checked, order.manifest):
                return Outcome("broken", "source-changed", "the file changed while it was verified")
            if order.program:
                return _program(order, checked, rules)
            tree = read_tree(checked.opened.members, rules.limits)
            audit(tree, rules)
            evidence = _evidence(order, rules, checked, read_evidence)
            model = _built(tree, checked.manifest.libraries, order)
    except BuildError as error:
        return Outcome("broken", error.code, str(error))
    except ImportError as error:
        return Outcome("unchecked", "library-missing", str(error))
    except AmberError as error:
        return Outcome("broken", error.code, str(error))
    return _answers(model, evidence, order)


def _mapping(order: Order) -> Literal["auto", False]:
    return "auto" if order.may_map else False


def _program(order: Order, checked: Any, rules: Any) -> Outcome:
    """Ask a program for every recorded case."""
    import onnxruntime  # noqa: F401 - before the limit: its own mappings say nothing about the program

    from amber.errors import CaseError
    from amber.models.program import chosen, confirm, opened

    manifest, members = checked.manifest, checked.opened.members
    info = chosen(manifest, order.program)
    limit_memory(4 * order.model_bytes + int(order.limits["replay_extra_bytes"]))
    try:
        confirm(opened(manifest, info, members, rules), manifest, members, rules)
    except CaseError as error:
        return Outcome("drifted", "program-drifted", str(error))
    return Outcome("equivalent")


def _changed(checked: Any, digest: str) -> bool:
    """Whether the manifest, and with it every other member, is another one than the parent has judged."""
    from amber.archive.names import MANIFEST

    return bool(blake3(checked.opened.members[MANIFEST]).hexdigest() != digest)


def _evidence(order: Order, rules: Any, checked: Any, read_evidence: Any) -> Any:
    from amber.errors import SourceError
    from amber.vault.check import open_checked
    from amber.vault.trusting import Asked

    if not order.cases_from:
        return read_evidence(checked.manifest, checked.opened.members, rules.limits)
    with open_checked(os.fsdecode(order.cases_from), rules, _mapping(order), Asked(purpose="replay")) as other:
        if _changed(other, order.cases_manifest):
            raise SourceError("source-changed", "the file with the cases changed while it was compared")
        return read_evidence(other.manifest, other.opened.members, rules.limits)


def _built(tree: Any, libraries: dict[str, str], order: Order) -> Any:
    from amber.adapters.build import build
    from amber.models.environment import written_versions

    written_versions(libraries)
    limit_memory(4 * order.model_bytes + int(order.limits["replay_extra_bytes"]))
    return build(tree, libraries)


def _answers(model: Any, evidence: Any, order: Order) -> Outcome:
    from amber.cases.replay import replay

    if evidence is None or not evidence.groups:
        return Outcome("unchecked", "no-cases")
    result = replay(model, evidence, tolerance=order.tolerance, moved="; ".join(order.moved), one_thread=True)
    return Outcome(
        result.verdict,
        result.reason,
        rows=result.rows,
        knife_edge=result.knife_edge,
        findings=[asdict(finding) for finding in result.findings],
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
