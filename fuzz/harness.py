"""One input: the inert check in this process, where coverage is counted, then the child."""

from __future__ import annotations

import traceback

from amber.archive.assemble import read_evidence, read_tree
from amber.errors import AmberError
from amber.models.audit import problems
from amber.vault.check import check
from fuzz.child import small_limits
from fuzz.parent import Parent


class Harness:
    """Any bytes give an `AmberError`, or an object whose methods the child then calls."""

    def __init__(self, parent: Parent) -> None:
        self.parent = parent
        self.policy = small_limits()

    def __call__(self, data: bytes) -> None:
        """Check one input."""
        counts = self.parent.counts
        counts["inputs"] += 1
        try:
            sound = self.inert(data)
        except AmberError:
            sound = False
        except Exception:
            self.parent.record("inert: " + traceback.format_exc(limit=-8), data)
            return
        if sound:
            self.parent.ask(data)
        else:
            counts["refused before the child"] += 1

    def inert(self, data: bytes) -> bool:
        """Whether steps 1 to 6 pass: all that is done before anything is built."""
        with check(data, self.policy) as checked:
            if checked.code or checked.opened is None or checked.manifest is None:
                return False
            read_evidence(checked.manifest, checked.opened.members, self.policy.limits)
            tree = read_tree(checked.opened.members, self.policy.limits)
            return not problems(tree, self.policy)
