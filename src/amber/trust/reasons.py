"""Why a bundle that is well made counts for nobody: the one exception between the verifiers and `judge`.

`certificates`, `timestamps` and `keyless` raise `NotTrusted` for everything that a *bundle* may be at fault for;
`judge` turns it into a `Found` with that status and detail and goes on with the next signer. What the *reader* is at
fault for is an `AmberError` and stops the judgement: `policy-invalid` (a root or a trusted root that cannot be read),
`library-missing` (the extra that checks such a bundle is not installed).
"""

from __future__ import annotations

from typing import Literal

from amber.errors import shown

Status = Literal["unknown", "expired", "revoked", "unsupported"]

_MOST_CHARS = 300


class NotTrusted(Exception):  # noqa: N818 - an answer about a bundle, not an error
    """The bundle does not count for the signer that was asked about.

    Args:
        status: `unknown` (no path to the signer), `expired` (a path, but not at this time: also not valid yet),
            `revoked` (the reader's policy names a certificate of the path), `unsupported` (an algorithm or a form that
            Amber does not take).
        detail: One sentence for the report, safe to show.
    """

    def __init__(self, status: Status, detail: str) -> None:
        self.status: Status = status
        self.detail = shown(detail, _MOST_CHARS)
        super().__init__(self.detail)
