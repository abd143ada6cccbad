"""The script of `docs/trust.md` that gets a token for a signature, run against an authority of our own over HTTP."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from tests.architecture.pages import blocks
from tests.architecture.repository import ROOT
from tests.architecture.shell import bash
from tests.e2e.trust.pipelines import EXAMPLES
from tests.trust_fixtures import tsa

POLICY = """
[signers.alice]
keys = ["alice.pub"]
[[rule]]
names = ["*"]
require = [{{from = ["alice"]}}]
[revoked]
keys = [{{fingerprint = "{fingerprint}", since = {since}}}]
"""
ROOTS = '[timestamps]\nroots = ["tsa-root.pem"]\n'


class Authority(BaseHTTPRequestHandler):
    """Answers a request as RFC 3161 over HTTP has it."""

    folder: ClassVar[Path]

    def do_POST(self) -> None:
        assert self.headers["Content-Type"] == "application/timestamp-query"
        (self.folder / "query").write_bytes(self.rfile.read(int(self.headers["Content-Length"])))
        words = ["-config", "openssl.cnf", "-section", "tsa", "-queryfile", "query", "-out", "reply"]
        subprocess.run(["openssl", "ts", "-reply", *words], cwd=self.folder, check=True, capture_output=True)
        self.send_response(200)
        self.end_headers()
        self.wfile.write((self.folder / "reply").read_bytes())

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def authority(tmp_path: Path) -> Iterator[str]:
    """The address of an authority, whose root is `tsa-root.pem`."""
    signer, root = tsa.new_authority()
    (tmp_path / "tsa-root.pem").write_bytes(root.pem)
    Authority.folder = tmp_path / "authority"
    tsa.stamp(Authority.folder, b"leaves its files there", signer)
    server = HTTPServer(("127.0.0.1", 0), Authority)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_token_lets_a_signature_of_a_key_stand_that_was_revoked_later(authority: str, tmp_path: Path) -> None:
    (script,) = [block.text for block in blocks(ROOT / "docs" / "trust.md") if block.title == "timestamp.sh"]
    (tmp_path / "timestamp.sh").write_text(script)
    (tmp_path / "passphrase").write_text("correct horse battery staple")
    shutil.copy(EXAMPLES / "train.py", tmp_path)
    commands = """
        python train.py
        amber keygen --out alice --passphrase-file passphrase --json > made.json
        bash timestamp.sh churn.amber alice passphrase
        python -c 'import json; print(json.load(open("made.json"))["fingerprint"], end="")' > fingerprint
    """
    ran = bash(commands, home=tmp_path, cwd=tmp_path, TSA=authority, NO_PROXY="127.0.0.1")
    assert ran.code == 0, ran.out + ran.err
    since = datetime.now(UTC) + timedelta(hours=1)
    policy = POLICY.format(fingerprint=(tmp_path / "fingerprint").read_text(), since=since.isoformat())
    (tmp_path / "without.toml").write_text(policy)
    (tmp_path / "with.toml").write_text(policy + ROOTS)
    later = (since + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    for name, code, said in (("without", 2, "key, revoked"), ("with", 0, "key, counted")):
        judged = f"amber verify churn.amber --policy {name}.toml --no-cases --at {later}"
        ran = bash(judged, home=tmp_path, cwd=tmp_path)
        assert ran.code == code, ran.out + ran.err
        assert said in ran.out
