"""The docs page: one file without external resources, which builds itself from `openapi.json` in the browser.

Names and categories of models never become markup (the script writes text only), and the policy the page comes with
allows no script, style or connection but its own.
"""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from pathlib import Path
from typing import Final

_FILE: Final = Path(__file__).with_name("docs.html")
_SCRIPT: Final = re.compile(rb"<script>(.*?)</script>", re.DOTALL)
_STYLE: Final = re.compile(rb"<style>(.*?)</style>", re.DOTALL)

CONTENT_TYPE: Final = b"text/html; charset=utf-8"


@cache
def page() -> tuple[bytes, bytes, tuple[tuple[bytes, bytes], ...]]:
    """Return the page: its body, content type and headers."""
    body = _FILE.read_bytes()
    policy = (
        f"default-src 'none'; script-src {_hash(_SCRIPT, body)}; style-src {_hash(_STYLE, body)}; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    headers = (
        (b"content-security-policy", policy.encode()),
        (b"referrer-policy", b"no-referrer"),
        (b"cache-control", b"no-cache"),
    )
    return body, CONTENT_TYPE, headers


def _hash(part: re.Pattern[bytes], body: bytes) -> str:
    """The one inline script or style, as a source of a content security policy."""
    (text,) = part.findall(body)
    return f"'sha256-{base64.b64encode(hashlib.sha256(text).digest()).decode()}'"
