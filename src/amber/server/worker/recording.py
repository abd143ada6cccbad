"""What this process says to the logger `amber.trust`: heard here, where nobody else listens, and told to the front."""

from __future__ import annotations

import logging

from amber.server.decisions import Decision, parsed

_LOGGER = "amber.trust"


class Recording(logging.Handler):
    """Keeps the last decision of this process; on the logger from the moment it is made."""

    def __init__(self) -> None:
        super().__init__()
        self.decision: Decision | None = None
        logger = logging.getLogger(_LOGGER)
        logger.setLevel(logging.INFO)
        logger.propagate = False
        logger.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep what a line says."""
        self.decision = parsed(record.getMessage())

    def of(self, *, refused: bool) -> Decision | None:
        """Return the decision, where it is the reason for what became of the artifact."""
        found = self.decision
        return found if found is not None and (found.decision == "refused") == refused else None
