"""Signed lines, and the policy files they are served under."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from amber.trust.keys import PrivateKey
from amber.vault.sign import sign
from tests.e2e.server.served_versions import write_lines
from tests.unit.signing import ALICE, BOB, pem

KEYS = {"alice": ALICE, "bob": BOB}


def signed(path: Path, key: EllipticCurvePrivateKey, *, detached: bool = False) -> Path:
    """Sign an artifact; return what was written: the artifact, or the bundle beside it."""
    sign(path, signing=PrivateKey(key), detached=detached)
    return Path(f"{path}.0001-oms.sigstore.json") if detached else path


def signed_lines(folder: Path) -> Path:
    """Write lines of slope 1, signed by Alice, and 2, signed by Bob."""
    write_lines(folder)
    signed(folder / "1.amber", ALICE)
    signed(folder / "2.amber", BOB)
    return folder


def text(wanted: Sequence[str] = ("alice",), names: str = "line", top: str = "", more: str = "", **signers: str) -> str:
    """Return a policy under which artifacts of these names need a signature of each of these; more lines as given.

    Args:
        wanted: Labels, of which one has to have signed.
        names: A pattern of the rule's names.
        top: Lines of the top level.
        more: Tables.
        signers: Further lines of a signer, by label.
    """
    known = "".join(
        f'[signers.{label}]\nkeys = ["""\n{pem(key)}"""]\n{signers.get(label, "")}\n' for label, key in KEYS.items()
    )
    labels = ", ".join(f'"{each}"' for each in wanted)
    rule = f'[[rule]]\nnames = ["{names}"]\nrequire = [{{from = [{labels}]}}]\n' if wanted else ""
    return f"{top}\n{known}{rule}{more}"


def put(path: Path, said: str) -> Path:
    """Replace a policy file as it should be: written beside it, renamed."""
    fresh = path.with_suffix(".new")
    fresh.write_text(said)
    os.replace(fresh, path)
    return path


def code_of(answer: tuple[int, Any]) -> tuple[int, str]:
    """Return status and code of an answer."""
    return answer[0], json.loads(answer[1]).get("code", "")
