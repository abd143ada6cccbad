from __future__ import annotations

import hashlib

import pytest
from blake3 import blake3

from amber.archive.digests import artifact_id, blake3_hex, check_digests
from amber.errors import FormatError


@pytest.mark.parametrize("size", [0, 1, 1000, 300_000, 5_000_000])
def test_pieces_do_not_matter(size: int) -> None:
    data = bytes(i % 251 for i in range(size))
    expected = blake3(data).hexdigest()
    assert blake3_hex([data]) == expected
    assert blake3_hex([data[: size // 3], memoryview(data)[size // 3 :], b""]) == expected


@pytest.mark.parametrize("large", [0, 400_000])
def test_the_id_is_the_root_in_code_point_order(large: int) -> None:
    members = {
        "model/tree.json": [b"tree"],
        "README.md": [b"a", b"b"],
        "manifest.json": [b"m" * large],
        "cases/g0.bin": [],
    }
    digests = [hashlib.sha256(data).digest() for data in (b"ab", b"", b"m" * large, b"tree")]
    assert artifact_id(members) == hashlib.sha256(b"".join(digests)).hexdigest()


def test_signatures_are_outside_the_id() -> None:
    members = {"manifest.json": [b"m"]}
    assert artifact_id({**members, "signatures/0001-oms.sigstore.json": [b"s"]}) == artifact_id(members)


def test_the_root_holds_no_names() -> None:
    """Which is why an id is stated only beside a checked manifest."""
    assert artifact_id({"a": [b"1"], "b": [b"2"]}) == artifact_id({"c": [b"1"], "d": [b"2"]})


def test_a_digest_that_differs_names_the_member() -> None:
    members = {"a": memoryview(b"1"), "b": memoryview(b"2")}
    good = {name: blake3(view).hexdigest() for name, view in members.items()}
    check_digests(good, members)
    with pytest.raises(FormatError) as caught:
        check_digests({**good, "b": good["a"]}, members)
    assert (caught.value.code, caught.value.where) == ("digest-mismatch", "b")
