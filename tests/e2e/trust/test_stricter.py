"""What the reference accepts and Amber refuses: the same folders and bundles, given to both.

Each is a way to say "signed" of bytes that nobody signed, or to say it so that two readers understand different things.
If the reference refuses one some day, the list here says so by failing.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from amber.errors import FormatError
from amber.policy import Policy
from amber.trust.judge import judge
from tests.unit.trust import signing_material as material
from tests.unit.trust.signing_material import AT, DIGESTS, MEMBERS, key, policy, rooted, signed

pytest.importorskip("model_signing")
pytestmark = pytest.mark.slow

REFERENCE = """
import json, pathlib, sys
from model_signing import verifying
folder = pathlib.Path(sys.argv[1])
answers = {}
for signature in sorted(folder.glob("*/signature.json")):
    config = verifying.Config().use_elliptic_key_verifier(public_key=folder / "key.pub")
    try:
        config.verify(signature.parent / "model", signature)
        answers[signature.parent.name] = "accepted"
    except Exception as error:
        answers[signature.parent.name] = f"refused: {error}"
print(json.dumps(answers))
"""
SWAPPED = {**MEMBERS, "model/tensors-00001.safetensors": b"\x01" * 64}
Said = Callable[[Any], None]


def only(keep: Callable[[str], bool], ignored: list[str]) -> Said:
    """A statement about some members, which asks the verifier to ignore the others."""

    def change(said: Any) -> None:
        predicate = said["predicate"]
        predicate["resources"] = [each for each in predicate["resources"] if keep(each["name"])]
        predicate["serialization"]["ignore_paths"] = ignored

    return rooted(change)


def twice(said: Any) -> None:
    first = said["predicate"]["resources"][0]
    said["predicate"]["resources"].insert(0, {**first, "digest": "00" * 32})


def duplicated(key_: str, data: bytes) -> bytes:
    return data.replace(f'"{key_}": '.encode(), f'"{key_}": "x", "{key_}": '.encode(), 1)


def old(said: Any) -> None:
    digests = sorted(DIGESTS.items())
    said["subject"] = [
        {"name": name, "digest": {"sha256": digest}, "annotations": {"actual_hash_algorithm": "file-sha256"}}
        for name, digest in digests
    ]
    said["predicateType"] = "https://model_signing/Digests/v0.1"
    said["predicate"] = {"unused": "Unused, just passed due to API requirements"}


def garbage_beside(made: Any) -> None:
    made["dsseEnvelope"]["signatures"].append({"sig": material.text(b"garbage"), "keyid": ""})


# The members in the folder, the bundle, and the code Amber refuses with.
CASES: dict[str, tuple[dict[str, bytes], Callable[[], bytes], str]] = {
    "tensors-swapped-under-a-statement-that-ignores-model": (
        SWAPPED,
        lambda: signed(material.statement(only(lambda name: not name.startswith("model/"), ["model"]))),
        "signature-coverage",
    ),
    "any-folder-under-a-statement-about-nothing": (
        {"evil": b"anything"},
        lambda: signed(material.statement(only(lambda name: False, ["."]))),
        "signature-coverage",
    ),
    "a-name-twice": (MEMBERS, lambda: signed(material.statement(rooted(twice))), "signature-coverage"),
    "the-old-predicate": (MEMBERS, lambda: signed(material.statement(old)), "statement-invalid"),
    "a-second-signature-of-garbage": (MEMBERS, lambda: signed(change=garbage_beside), "bundle-invalid"),
    "a-key-twice-in-the-bundle": (MEMBERS, lambda: duplicated("payloadType", signed()), "bundle-invalid"),
    "a-key-twice-in-the-payload": (
        MEMBERS,
        lambda: signed(duplicated("predicateType", json.dumps(material.statement()).encode())),
        "statement-invalid",
    ),
}


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the reference says of each case, and of the right bundle."""
    folder = tmp_path_factory.mktemp("cases")
    (folder / "key.pub").write_bytes(key().public.pem)
    for name, (members, make, _) in {**CASES, "right": (MEMBERS, signed, "")}.items():
        for member, data in members.items():
            path = folder / name / "model" / member
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        (folder / name / "signature.json").write_bytes(make())
    words = [sys.executable, "-c", REFERENCE, str(folder)]
    ran = subprocess.run(words, capture_output=True, text=True, check=False, timeout=120)
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout.splitlines()[-1])  # type: ignore[no-any-return]


def test_both_accept_the_right_one(answers: dict[str, str]) -> None:
    assert answers["right"] == "accepted"
    (found,) = judge({"bundle.json": signed()}, DIGESTS, material.ID, policy(alice=key()), AT)
    assert found.status == "counted"


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("rules", [policy(alice=key()), Policy()], ids=["known", "unknown"])
def test_the_reference_accepts_and_amber_refuses_whoever_signed(
    case: str, rules: Policy, answers: dict[str, str]
) -> None:
    members, make, code = CASES[case]
    assert answers[case] == "accepted"
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in members.items()}
    with pytest.raises(FormatError) as refusal:
        judge({"bundle.json": make()}, digests, material.root([digests[name] for name in sorted(digests)]), rules, AT)
    assert refusal.value.code == code
