"""Hostile bundles: whatever the bytes are, the answer is a refusal with a code or a bundle that does not count.

Three ways to change a bundle: its bytes, a value of its JSON, and a value of a statement that is then rightly signed.
Every change is drawn from a seed, so a failure can be repeated; `python -m tests.hostile.test_bundles SECONDS` draws
others for as long as asked.
"""

from __future__ import annotations

import copy
import json
import random
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from amber.errors import AmberError, FormatError
from amber.policy import Certificate, Keyless, Policy, Signer
from amber.trust import bundle, statement
from amber.trust.judge import judge
from tests.unit.trust import signing_material as material
from tests.unit.trust.signing_material import AT, DIGESTS, ID, key, signed

VECTORS = Path(__file__).resolve().parents[1] / "vectors" / "sigstore"
STEP_2 = {
    "attestation-subject",
    "bundle-invalid",
    "signature-coverage",
    "signature-invalid",
    "signature-over-container",
    "statement-invalid",
}
ODD: list[Any] = [
    None, True, 0, -1, 2**63, 1.5, "", "\0", "é", "." * 1000, "../x", "-_-_", "%", [], {}, [[]], {"": ""}, [{}] * 20,
    {"a": {"b": {"c": []}}}, "application/vnd.in-toto+json", "sha256", ID,
]  # fmt: skip
Changes = Iterator[bytes]


def bytes_changed(data: bytes, draw: random.Random) -> bytes:
    made = bytearray(data)
    for _ in range(draw.choice((1, 1, 2, 8))):
        place = draw.randrange(len(made) + 1)
        how = draw.randrange(5)
        if how == 0:
            made[place:place] = bytes([draw.randrange(256)])
        elif how == 1:
            del made[place : place + draw.choice((1, 5, 200))]
        elif how == 2 and place < len(made):
            made[place] ^= 1 << draw.randrange(8)
        elif how == 3:
            made[place:place] = made[place : place + draw.choice((3, 40))]
        else:
            del made[place:]
        if not made:
            break
    return bytes(made)


def value_changed(value: Any, draw: random.Random) -> Any:
    """The value with one of its parts replaced, dropped, doubled or moved."""
    made = copy.deepcopy(value)
    places = list(_places(made))
    parent, at = draw.choice(places)
    how = draw.randrange(4)
    if how == 0:
        del parent[at]
    elif how == 1 and isinstance(parent, dict):
        parent[draw.choice(("note", "hint", "rawBytes", "certificate", "sig", "name", ""))] = parent[at]
    elif how == 1:
        parent.append(copy.deepcopy(parent[at]))
    elif how == 2:
        other, there = draw.choice(places)
        parent[at] = copy.deepcopy(other[there]) if there in _keys(other) else None
    else:
        parent[at] = copy.deepcopy(draw.choice(ODD))
    return made


def _keys(parent: Any) -> Any:
    return parent if isinstance(parent, dict) else range(len(parent))


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    for at in list(_keys(value)):
        yield value, at
        if isinstance(value[at], dict | list):
            yield from _places(value[at])


def answer(data: bytes, rules: Policy, digests: dict[str, str], id: str) -> str:
    """The status of a bundle, or the code of step 2 it is refused with."""
    try:
        (found,) = judge({"bundle.json": data}, digests, id, rules, AT)
    except FormatError as error:
        if error.code not in STEP_2:
            raise
        return error.code
    return found.status


def by_key(draw: random.Random) -> str:
    data = signed()
    changed = (
        bytes_changed(data, draw) if draw.random() < 0.5 else json.dumps(value_changed(json.loads(data), draw)).encode()
    )
    status = answer(changed, material.policy(alice=key()), DIGESTS, ID)
    if status == "counted":
        assert bundle.decode(changed, "x").payload == bundle.decode(data, "x").payload
    return status


def by_statement(draw: random.Random) -> str:
    said = material.statement()
    payload = (
        bytes_changed(json.dumps(said).encode(), draw)
        if draw.random() < 0.5
        else json.dumps(value_changed(said, draw)).encode()
    )
    status = answer(signed(payload), material.policy(alice=key()), DIGESTS, ID)
    if status == "counted":
        read = statement.decode(payload, "x").predicate
        assert {each["name"]: each["digest"] for each in read["resources"]} == DIGESTS
    return status


def of_others(path: Path, signer: Callable[[], Signer]) -> Callable[[random.Random], str]:
    def drawn(draw: random.Random) -> str:
        data = path.read_bytes()
        original = bundle.decode(data, "x")
        resources = json.loads(original.payload)["predicate"]["resources"]
        digests = {each["name"]: each["digest"] for each in resources}
        changed = (
            bytes_changed(data, draw)
            if draw.random() < 0.3
            else json.dumps(value_changed(json.loads(data), draw)).encode()
        )
        status = answer(changed, Policy(signers=(signer(),)), digests, statement.root_of(list(digests.values())))
        if status == "counted":
            assert bundle.decode(changed, "x").payload == original.payload
        return status

    return drawn


def _certificate() -> Signer:
    import base64

    text = (VECTORS / "certificates" / "root.pem").read_text()
    root = base64.b64decode(text.partition("-----BEGIN CERTIFICATE-----")[2].partition("-----END")[0])
    return Signer("spec", certificates=(Certificate(root, subject="CN=intermediate-ca"),))


def _keyless() -> Signer:
    root = (VECTORS / "keyless" / "trusted_root.json").read_bytes()
    return Signer("spec", keyless=(Keyless("stefanb@us.ibm.com", "https://sigstore.verify.ibm.com/oauth2", root),))


WAYS: dict[str, tuple[Callable[[random.Random], str], int]] = {
    "bundle-by-key": (by_key, 1500),
    "statement": (by_statement, 1500),
    "bundle-by-certificate": (of_others(VECTORS / "certificates" / "spec.json", _certificate), 300),
    "bundle-keyless": (of_others(VECTORS / "keyless" / "v1.1.0.json", _keyless), 150),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_changed_bundle_is_refused_or_does_not_count(way: str) -> None:
    if way == "bundle-keyless":
        pytest.importorskip("sigstore")
    draw, times = WAYS[way]
    answers = {draw(random.Random(f"{way} {number}")) for number in range(times)}
    # the draws reach beyond the first check, and some change nothing that counts
    assert (
        {"counted", "bundle-invalid"} <= answers if way != "statement" else {"counted", "statement-invalid"} <= answers
    )


def test_a_tree_of_a_million_brackets_is_refused_quickly() -> None:
    for data in (b"[" * 1_000_000, b'{"mediaType":' * 100_000, b"[" + b"1," * 1_000_000 + b"1]"):
        with pytest.raises(AmberError):
            bundle.decode(data, "x")


def main(seconds: float) -> None:
    """Draw changes until the time is over; stop at the first answer that is none."""
    end, number, counts = time.monotonic() + seconds, 0, dict[tuple[str, str], int]()
    start = time.time_ns()
    while time.monotonic() < end:
        for way, (draw, _) in WAYS.items():
            seed = f"{start} {number}"
            try:
                status = draw(random.Random(seed))
            except BaseException:
                print(f"{way}: seed {seed!r}")
                raise
            counts[way, status] = counts.get((way, status), 0) + 1
        number += 1
    for pair, count in sorted(counts.items()):
        print(*pair, count)


if __name__ == "__main__":
    main(float(sys.argv[1]))
