from __future__ import annotations

import pytest

from amber.archive import names
from amber.errors import FormatError, LimitError
from amber.limits import DEFAULT, Limits

GOOD = ["manifest.json", "README.md", "a", "0", "a/b/c", "model/tensors-00001.safetensors", "x" * 64, "a.b_c-d"]
BAD = [
    "", "/a", "a/", "a//b", "../a", "a/../b", "./a", "A", "Readme.md", "readme/README.md", "a/b/c/d", "-a", ".a", "_a",
    "a.", "a./b", "a b", "a\\b", "a:b", "é", "a\n", "a\x00b", "x" * 65, "/".join(["x" * 60] * 3), "con", "con.txt",
    "model/nul", "com1", "lpt9.json/a", "aux/a", "~", "C:/a", "a\u202eb", "a/b\n",
]  # fmt: skip


@pytest.mark.parametrize("name", GOOD)
def test_good_names_pass(name: str) -> None:
    names.check_name(name)


@pytest.mark.parametrize("name", BAD)
def test_bad_names_are_refused(name: str) -> None:
    with pytest.raises(FormatError) as caught:
        names.check_name(name)
    assert caught.value.code == "member-name"


@pytest.mark.parametrize("name", ["console", "com", "com10", "lpt", "aux1", "nul-a"])
def test_names_that_only_look_like_devices_pass(name: str) -> None:
    names.check_name(name)


@pytest.mark.parametrize("pair", [("README.md", "readme.md"), ("a", "a"), ("a", "a/b"), ("a/b/c", "a/b")])
def test_names_a_file_system_could_mix_up_are_refused(pair: tuple[str, str]) -> None:
    with pytest.raises(FormatError) as caught:
        names.check_names(pair, DEFAULT)
    assert caught.value.code == "member-duplicate"


def test_numbers_of_members_are_limited() -> None:
    names.check_names([f"a{i}" for i in range(3)], Limits(members=3))
    with pytest.raises(LimitError) as caught:
        names.check_names([f"a{i}" for i in range(4)], Limits(members=3))
    assert caught.value.code == "limit-members"


def test_numbers_of_signatures_are_limited() -> None:
    signatures = [f"signatures/{i:04d}-oms.sigstore.json" for i in range(3)]
    names.check_names(signatures, Limits(signatures=3))
    with pytest.raises(LimitError) as caught:
        names.check_names(signatures, Limits(signatures=2))
    assert caught.value.code == "limit-signatures"


def test_order_is_manifest_then_code_points_then_signatures() -> None:
    shuffled = [
        "signatures/0001-oms.sigstore.json",
        "model/tree.json",
        "README.md",
        "zz",
        "manifest.json",
        "env/pylock.toml",
    ]
    assert names.ordered(shuffled) == [
        "manifest.json", "README.md", "env/pylock.toml", "model/tree.json", "zz", "signatures/0001-oms.sigstore.json",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "name",
    [
        "manifest.json", "README.md", "env/pylock.toml", "model/tree.json", "model/strings.json",
        "model/tensors-00001.safetensors", "cases/g000.json", "cases/g000.bin", "programs/main.onnx",
        "programs/main.json",
        "signatures/0001-oms.sigstore.json", "signatures/0001.tlog-proof",
    ],
)  # fmt: skip
def test_known_places(name: str) -> None:
    names.check_place(name)


@pytest.mark.parametrize(
    "name",
    [
        "other.json", "env/other.toml", "model/other.json", "model/tensors-1.safetensors", "cases/g000.txt", "extra/a",
        "signatures/1-oms.sigstore.json", "signatures/0001-other.sigstore.json", "programs/main.pt", "readme.md",
        "model/tensors-00001.safetensors/a",
    ],
)  # fmt: skip
def test_unknown_places_are_refused(name: str) -> None:
    with pytest.raises(FormatError) as caught:
        names.check_place(name)
    assert caught.value.code == "member-unknown"


def test_signature_sizes() -> None:
    assert names.signature_bytes("signatures/0001-sbom.sigstore.json", 10) == 256 * 1024
    assert names.signature_bytes("signatures/0001-oms.sigstore.json", 10) == 256 * 1024 + 2560
    assert names.signature_bytes("signatures/0001-oms.sigstore.json", 10**6) == 16 * 1024 * 1024
