"""A chain makes its leaf the signer only if the root and the name are those that the policy has."""

from __future__ import annotations

import base64
import contextlib
import json
import subprocess
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from amber.errors import UsageError
from amber.policy import Certificate
from amber.trust import certificates
from amber.trust.pae import pae
from amber.trust.reasons import NotTrusted
from amber.trust.revocation import fingerprint
from tests.trust_fixtures.pki import CODE_SIGNING, DAY, ISSUES, NOW, SIGNS, TLS, Node, issue, issue_ca, new_key

VECTORS = Path(__file__).parents[2] / "vectors" / "sigstore" / "certificates"
CI = x509.RFC822Name("ci@example.org")
ROOT = issue_ca("root")
OTHER_ROOT = issue_ca("root")  # the same name, another key


def leaf(issuer: Node | None = ROOT, **changes: Any) -> Node:
    return issue("ci", issuer, **{"names": [CI], **changes})


def judge(
    *chain: Node, root: Node = ROOT, san: str = "ci@example.org", subject: str = "", at: datetime = NOW,
    revoked: Sequence[str] = (),
) -> Any:  # fmt: skip
    wanted = Certificate(root=root.der, san="" if subject else san, subject=subject)
    return certificates.leaf_signer([node.der for node in chain], wanted, at, revoked)


def refused(*chain: Node, status: str = "unknown", **how: Any) -> str:
    with pytest.raises(NotTrusted) as caught:
        judge(*chain, **how)
    assert caught.value.status == status
    return caught.value.detail


@pytest.mark.parametrize("curve", ["P-256", "P-384", "P-521"])
def test_the_key_of_a_leaf_below_the_root_verifies(curve: str) -> None:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    signer = leaf(key=new_key(curve))
    key = judge(signer)
    digest = {"P-256": hashes.SHA256(), "P-384": hashes.SHA384(), "P-521": hashes.SHA512()}[curve]
    assert key.verify(b"message", signer.key.sign(b"message", ec.ECDSA(digest)))
    assert not key.verify(b"massage", signer.key.sign(b"message", ec.ECDSA(digest)))


def test_the_vector_of_the_specification_counts_under_its_subject() -> None:
    """An intermediate of RSA, a leaf that is CA:TRUE and has no subject alternative name."""
    bundle = json.loads((VECTORS / "spec.json").read_bytes())
    material = bundle["verificationMaterial"]["x509CertificateChain"]["certificates"]
    root = x509.load_pem_x509_certificate((VECTORS / "root.pem").read_bytes()).public_bytes(Encoding.DER)
    wanted = Certificate(root=root, subject="CN=intermediate-ca")
    key = certificates.leaf_signer([base64.b64decode(one["rawBytes"]) for one in material], wanted, NOW)
    envelope = bundle["dsseEnvelope"]
    signed = pae(envelope["payloadType"], base64.b64decode(envelope["payload"]))
    assert key.verify(signed, base64.b64decode(envelope["signatures"][0]["sig"]))


def test_intermediates_of_rsa_count_and_three_are_the_most() -> None:
    issuer, chain = ROOT, []
    for number in range(4):
        signer = leaf(issuer)
        if number < 4:
            assert judge(signer, *chain)
        issuer = issue_ca(f"intermediate {number}", issuer, key=new_key("RSA") if number == 0 else None)
        chain.append(issuer)
    assert "depth" in refused(leaf(issuer), *chain)


def test_the_order_of_the_chain_and_certificates_of_no_use_mean_nothing() -> None:
    one = issue_ca("one", ROOT)
    two = issue_ca("two", one)
    assert judge(leaf(two), OTHER_ROOT, one, ROOT, two)


def test_a_root_counts_only_if_the_policy_names_it() -> None:
    signer = leaf(OTHER_ROOT)
    refused(signer)
    refused(signer, OTHER_ROOT)
    assert judge(signer, root=OTHER_ROOT)


def test_the_same_subject_below_two_roots_is_two_signers() -> None:
    mine, theirs = leaf(ROOT), leaf(OTHER_ROOT)
    assert judge(mine).fingerprint != judge(theirs, root=OTHER_ROOT).fingerprint
    refused(mine, root=OTHER_ROOT)
    refused(theirs, root=ROOT)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"purposes": [TLS]}, id="a TLS certificate"),
        pytest.param({"purposes": []}, id="no extended key usage"),
        pytest.param({"purposes": [x509.ObjectIdentifier("2.5.29.37.0")]}, id="any extended key usage"),
        pytest.param({"usage": None}, id="no key usage"),
        pytest.param({"usage": ["content_commitment"]}, id="no digitalSignature"),
        pytest.param({"usage": [*SIGNS, *ISSUES]}, id="keyCertSign"),
        pytest.param({"usage": [*SIGNS, *ISSUES], "is_ca": True}, id="a CA that also signs"),
        pytest.param(
            {"more": [(x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00"), True)]},
            id="a critical extension nobody knows",
        ),
    ],
)
def test_a_leaf_that_is_not_for_signing_code_is_refused(changes: dict[str, Any]) -> None:
    refused(leaf(**changes))


@pytest.mark.parametrize("is_ca", [True, False, None])
def test_the_basic_constraints_of_a_leaf_alone_mean_nothing(is_ca: bool | None) -> None:
    assert judge(leaf(is_ca=is_ca))


def test_expired_and_not_valid_yet() -> None:
    signer = leaf(start=NOW - 10 * DAY, end=NOW - DAY)
    assert "2026-05-31" in refused(signer, status="expired")
    assert judge(signer, at=NOW - 2 * DAY)
    refused(leaf(start=NOW + DAY), status="expired")
    refused(signer, status="expired", at=NOW - 11 * DAY)


def test_the_time_may_be_of_any_zone() -> None:
    signer = leaf(end=NOW + timedelta(hours=1))
    far = timezone(timedelta(hours=13))
    assert judge(signer, at=(NOW + timedelta(minutes=59)).astimezone(far))
    refused(signer, status="expired", at=(NOW + timedelta(minutes=61)).astimezone(far))


def test_an_expired_intermediate_or_root_ends_everything_below() -> None:
    old = issue_ca("old", start=NOW - 10 * DAY, end=NOW - DAY)
    signer = leaf(old, start=NOW - 9 * DAY)
    refused(signer, root=old, status="expired")
    assert judge(signer, root=old, at=NOW - 2 * DAY)
    middle = issue_ca("middle", ROOT, end=NOW + DAY)
    refused(leaf(middle), middle, status="expired", at=NOW + 2 * DAY)


def test_only_what_may_issue_issues() -> None:
    first = leaf()
    refused(leaf(first), first)
    tolerated = leaf(is_ca=True)
    refused(leaf(tolerated), tolerated)
    unsaid = issue_ca("unsaid", ROOT, is_ca=None)
    refused(leaf(unsaid), unsaid)
    forbidden = issue_ca("forbidden", ROOT, usage=SIGNS)
    refused(leaf(forbidden), forbidden)


def test_path_length() -> None:
    short = issue_ca("short", path_length=0)
    assert judge(leaf(short), root=short)
    below = issue_ca("below", short)
    refused(leaf(below), below, root=short)


def test_an_issuer_for_other_purposes_issues_no_signers() -> None:
    web = issue_ca("web", ROOT, purposes=[TLS])
    refused(leaf(web), web)
    code = issue_ca("code", ROOT, purposes=[TLS, CODE_SIGNING])
    assert judge(leaf(code), code)


@pytest.mark.parametrize(
    ("permitted", "inside", "outside"),
    [
        pytest.param(
            x509.RFC822Name("example.org"),
            x509.RFC822Name("ci@example.org"),
            x509.RFC822Name("ci@evil.org"),
            id="email",
        ),
        pytest.param(x509.DNSName("example.org"), x509.DNSName("ci.example.org"), x509.DNSName("evil.org"), id="DNS"),
        pytest.param(
            x509.UniformResourceIdentifier("example.org"),
            None,
            x509.UniformResourceIdentifier("https://example.org/ci"),
            id="URI: not supported, so refused",
        ),
    ],
)
def test_name_constraints(permitted: x509.GeneralName, inside: Any, outside: Any) -> None:
    limited = issue_ca("limited", ROOT, more=[(x509.NameConstraints([permitted], None), True)])
    if inside is not None:
        assert judge(leaf(limited, names=[inside]), limited, san=inside.value)
    refused(leaf(limited, names=[outside]), limited, san=outside.value)


def test_the_name_constraints_of_a_root_bind_too() -> None:
    limit = x509.NameConstraints([x509.RFC822Name("example.org")], None)
    limited = issue_ca("limited", more=[(limit, True)])
    assert judge(leaf(limited), root=limited)
    refused(leaf(limited, names=[x509.RFC822Name("ci@evil.org")]), root=limited, san="ci@evil.org")


def test_a_root_alone_is_nobody() -> None:
    """Neither as the signer itself, whatever else it may do, nor for a leaf of any name."""
    able = issue_ca("able", usage=[*SIGNS, *ISSUES], purposes=[CODE_SIGNING], names=[CI])
    refused(able, root=able)
    refused(leaf(names=[x509.RFC822Name("eve@example.org")]))


def test_a_signer_that_issued_itself_counts_if_it_is_pinned() -> None:
    """The conformance suite has such a case: for signing only, and its own root."""
    own = issue("self-signed-test", is_ca=True)
    assert judge(own, own, root=own, subject="CN=self-signed-test")
    refused(own, root=own, subject="CN=another")
    refused(leaf(own), own, root=own)
    refused(own, root=own, subject="CN=self-signed-test", at=NOW + 31 * DAY, status="expired")


@pytest.mark.parametrize(
    ("name", "san"),
    [
        (x509.RFC822Name("ci@example.org"), "ci@example.org"),
        (x509.UniformResourceIdentifier("https://example.org/ci"), "https://example.org/ci"),
        (x509.UniformResourceIdentifier("spiffe://example.org/ci@1"), "spiffe://example.org/ci@1"),
        (x509.DNSName("ci.example.org"), "ci.example.org"),
    ],
    ids=["email", "URI", "URI with an at sign", "DNS"],
)
def test_the_exact_name_counts_alone_or_among_others(name: Any, san: str) -> None:
    assert judge(leaf(names=[name]), san=san)
    assert judge(leaf(names=[x509.DNSName("else.example.org"), name, x509.RFC822Name("e@example.org")]), san=san)
    for other in (san.upper(), san + "x", san[1:], san.replace("example", "examp1e")):
        refused(leaf(names=[name]), san=other)


def test_a_name_of_another_type_is_another_name() -> None:
    refused(leaf(names=[x509.UniformResourceIdentifier("ci@example.org")]))
    refused(leaf(names=[x509.DNSName("https://example.org")]), san="https://example.org")
    refused(leaf(names=[x509.RFC822Name("example.org")]), san="example.org")
    refused(leaf(names=[x509.RegisteredID(x509.ObjectIdentifier("1.2.3"))]), san="1.2.3")


def test_a_subject_counts_only_where_no_subject_alternative_name_is() -> None:
    bare = leaf(names=[])
    assert judge(bare, subject="CN=ci")
    refused(bare)
    refused(bare, subject="CN=CI")
    refused(leaf(), subject="CN=ci")


@pytest.mark.parametrize("place", [0, 1, 2], ids=["leaf", "intermediate", "root"])
def test_a_revoked_certificate_of_the_path(place: int) -> None:
    middle = issue_ca("middle", ROOT)
    path = [leaf(middle), middle, ROOT]
    revoked = [fingerprint(path[place].der)]
    detail = refused(*path, status="revoked", revoked=revoked)
    assert ["leaf", "intermediate", "root"][place] in detail


def test_a_revoked_certificate_beside_the_path_means_nothing() -> None:
    assert judge(leaf(), OTHER_ROOT, revoked=[fingerprint(OTHER_ROOT.der)])


@pytest.mark.parametrize("kind", ["RSA", "K-256"])
def test_a_leaf_of_another_kind_of_key_does_not_count(kind: str) -> None:
    refused(leaf(key=new_key(kind)), status="unsupported")


def test_bytes_that_are_no_certificate() -> None:
    good = leaf().der
    wanted = Certificate(root=ROOT.der, san="ci@example.org")
    for chain in ([], [b""], [b"\x30\x03\x02\x01\x00"], [good + b"\0"], [good, b"junk"], [good[:-1]], [b"x" * 70_000]):
        with pytest.raises(NotTrusted):
            certificates.leaf_signer(chain, wanted, NOW)


GARBAGE = ["", "3000", "30030c01ff", "3002a500", "3004a3023000", "0500"]
OIDS = {
    "subject key": "2.5.29.14", "usage": "2.5.29.15", "names": "2.5.29.17", "constraints": "2.5.29.19",
    "name constraints": "2.5.29.30", "policies": "2.5.29.32", "issuer key": "2.5.29.35", "purposes": "2.5.29.37",
}  # fmt: skip


def spoilt(which: str, garbage: str, **parts: Any) -> dict[str, Any]:
    """Return the parts of a certificate, with garbage in place of one of its extensions."""
    more = [(x509.UnrecognizedExtension(x509.ObjectIdentifier(OIDS[which]), bytes.fromhex(garbage)), False)]
    parts = {"is_ca": None, "usage": None, "purposes": (), "names": (), "identifiers": False, **parts}
    left_out: dict[str, Any] = {"usage": None, "names": (), "purposes": (), "is_ca": None}
    key = {"constraints": "is_ca"}.get(which, which)
    return {**parts, **({key: left_out[key]} if key in left_out else {}), "more": more}


@pytest.mark.parametrize("garbage", GARBAGE)
@pytest.mark.parametrize("which", OIDS)
def test_an_extension_of_garbage_ends_in_a_refusal_if_it_matters_and_never_in_another_error(
    which: str, garbage: str
) -> None:
    signer = issue("ci", ROOT, **spoilt(which, garbage, usage=SIGNS, names=[CI], purposes=[CODE_SIGNING]))
    middle = issue_ca("middle", ROOT, **spoilt(which, garbage, usage=ISSUES, is_ca=True))
    if which in ("usage", "names", "purposes"):
        refused(signer)
    if which == "usage" or (which in ("constraints", "name constraints", "purposes") and garbage != "3000"):
        refused(leaf(middle), middle)
    for chain in ([signer], [leaf(middle), middle]):
        with contextlib.suppress(NotTrusted):
            assert judge(*chain).curve == "P-256"


@pytest.mark.filterwarnings("ignore:Parsed a serial number")
def test_no_changed_byte_of_a_chain_is_a_way_around_revocation() -> None:
    """Each byte is changed in two ways: it is refused, or it is the same certificate spelt otherwise, and revoked."""
    middle = issue_ca("middle", ROOT)
    original = [leaf(middle).der, middle.der]
    wanted = Certificate(root=ROOT.der, san="ci@example.org")
    for which, data in enumerate(original):
        for place in range(len(data)):
            for change in (0x01, 0xFF):
                chain = list(original)
                chain[which] = data[:place] + bytes([data[place] ^ change]) + data[place + 1 :]
                with pytest.raises(NotTrusted):
                    certificates.leaf_signer(chain, wanted, NOW, [fingerprint(data)])


def test_a_long_chain_is_not_looked_at() -> None:
    assert "1001" in refused(leaf(), *[OTHER_ROOT] * 1000)


def test_certificates_that_all_could_have_issued_each_other_end_soon() -> None:
    """The library gives up after so many signatures: the answer does not wait for every path."""
    loop = [issue_ca("loop", key=new_key()) for _ in range(3)]
    mesh = [issue_ca("loop", one, key=two.key) for one in loop for two in loop]
    refused(leaf(loop[0]), *mesh)


def test_a_root_of_the_policy_that_cannot_be_read_is_the_policys_fault() -> None:
    with pytest.raises(UsageError) as caught:
        certificates.read_root(b"\x30\x03\x02\x01\x00")
    assert caught.value.code == "policy-invalid"


def test_importing_the_module_imports_no_x509() -> None:
    program = (
        "import sys; import amber.trust.certificates, amber.trust.issue, amber.trust.timestamps, amber.trust.keyless;"
        "print([name for name in ('cryptography', 'sigstore', 'rfc3161_client') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_missing_library_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cryptography.x509.verification", None)
    with pytest.raises(UsageError) as caught:
        judge(leaf())
    assert caught.value.code == "library-missing"
    assert "amber[sign]" in caught.value.hint
