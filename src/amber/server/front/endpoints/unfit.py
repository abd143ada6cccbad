"""What requests get that no worker can be asked: failures of the queue, each with a way out."""

from __future__ import annotations

from amber.server.exchange import Asked, Failure
from amber.server.interface import Route


def not_served(route: Route) -> Failure:
    """Return what a request gets for a form of the model that is not served, where nothing better is known."""
    return Failure(503, "route-not-served", f"the {route} of this model is not served", hint="leave the route out")


def too_large(asked: Asked, rows: int) -> Failure:
    """Return what a request gets that does not fit a run of so many rows, and may not be cut."""
    message = f"{asked.rows} rows of this size do not fit one run, and they cannot be asked in parts"
    return Failure(413, "request-too-large", message, hint=f"send fewer rows at once, {rows} at most, or smaller ones")


def unsendable() -> Failure:
    """Return what a request gets that a worker could not be given."""
    return Failure(500, "request-unsendable", "the request could not be handed to a worker; the log says why")
