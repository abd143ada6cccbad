"""A time stamping authority of our own: `openssl ts`, which stamps with the clock's time."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.trust_fixtures.pki import DAY, SIGNS, TIME_STAMPING, Node, issue, issue_ca

_CONFIG = """
[tsa]
serial = {folder}/serial
crypto_device = builtin
signer_cert = {folder}/signer.pem
signer_key = {folder}/key.pem
signer_digest = sha256
certs = {folder}/chain.pem
default_policy = 1.2.3.4.1
digests = sha256, sha384, sha512
ess_cert_id_alg = sha256
"""


def new_authority(start: datetime | None = None, **changes: Any) -> tuple[Node, Node]:
    """Return the signer and the root of an authority, valid today; `changes` are of the signer's certificate."""
    start = start or datetime.now(UTC) - 10 * DAY
    root = issue_ca("tsa root", start=start, end=start + 3650 * DAY)
    signer = {"purposes": [TIME_STAMPING], "critical_purposes": True, "usage": SIGNS, "end": start + 3000 * DAY}
    return issue("tsa", root, start=start, **{**signer, **changes}), root


def stamp(folder: Path, message: bytes, signer: Node, chain: Sequence[Node] = (), digest: str = "sha256") -> bytes:
    """Return the response to a request over a message; `chain` is carried beside the signer's certificate."""
    folder.mkdir(exist_ok=True)
    (folder / "message").write_bytes(message)
    (folder / "serial").write_text("01\n")
    (folder / "signer.pem").write_bytes(signer.pem)
    (folder / "key.pem").write_bytes(signer.key_pem)
    (folder / "chain.pem").write_bytes(b"".join(node.pem for node in chain) or signer.pem)
    (folder / "openssl.cnf").write_text(_CONFIG.format(folder=folder))
    _run(folder, "-query", "-data", "message", f"-{digest}", "-no_nonce", "-cert", "-out", "query")
    _run(folder, "-reply", "-config", "openssl.cnf", "-section", "tsa", "-queryfile", "query", "-out", "reply")
    return (folder / "reply").read_bytes()


def _run(folder: Path, *words: str) -> None:
    done = subprocess.run(["openssl", "ts", *words], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise AssertionError(f"openssl ts {' '.join(words)}: {done.stderr}")
