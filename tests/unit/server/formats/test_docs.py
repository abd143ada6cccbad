"""The docs page: nothing from elsewhere, nothing that becomes markup, and a policy that allows only itself."""

from __future__ import annotations

import base64
import hashlib
import re

from amber.server.formats import docs


def test_nothing_comes_from_elsewhere() -> None:
    body, content_type, _ = docs.page()
    text = body.decode()
    assert content_type == b"text/html; charset=utf-8"
    assert not re.findall(r"https?://|//[a-z]|@import|url\(", text.split("<script>")[0])
    assert set(re.findall(r'(?:src|href)="([^"]*)"', text)) == {"openapi.json"}
    assert re.findall(r"https?:", text) == []


def test_no_text_becomes_markup() -> None:
    script = re.findall(rb"<script>(.*?)</script>", docs.page()[0], re.DOTALL)[0].decode()
    for word in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "Function(",
        "localStorage",
    ):
        assert word not in script
    markup = docs.page()[0].decode()
    assert not re.findall(r"\son[a-z]+=|\sstyle=|javascript:", markup.replace(script, ""))


def test_the_policy_allows_its_script_and_style_by_their_digests() -> None:
    body, _, headers = docs.page()
    policy = dict(headers)[b"content-security-policy"].decode()
    for tag, directive in (("script", "script-src"), ("style", "style-src")):
        (text,) = re.findall(rf"<{tag}>(.*?)</{tag}>".encode(), body, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text).digest()).decode()
        assert f"{directive} 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
