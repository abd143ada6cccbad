"""A token of RFC 3161 moves the time of judgement only if an authority that the policy names vouches for it."""

from __future__ import annotations

import base64
import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from amber.errors import UsageError
from amber.policy import Certificate
from amber.trust import certificates, timestamps
from amber.trust.reasons import NotTrusted
from amber.trust.revocation import fingerprint
from tests.trust_fixtures.pki import DAY, TIME_STAMPING, TLS, Node, issue, issue_ca
from tests.trust_fixtures.tsa import new_authority, stamp

VECTORS = Path(__file__).parents[2] / "vectors" / "sigstore" / "keyless"
SIGNATURE = b"the bytes of a DSSE signature"
SIGNER, ROOT = new_authority()
CLOCK = datetime.now(UTC)
LATER = CLOCK + 2000 * DAY


def is_about_now(time: datetime | None) -> bool:
    return time is not None and abs(time - CLOCK) < DAY  # a whole run may lie between the two


def time_of(*tokens: bytes, signature: bytes = SIGNATURE, root: Node = ROOT, **how: object) -> datetime | None:
    return timestamps.time_of(tokens, signature, [root.der], **{"at": LATER, **how})  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def token(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return stamp(tmp_path_factory.mktemp("tsa"), SIGNATURE, SIGNER)


def test_a_token_gives_its_time_in_utc(token: bytes) -> None:
    time = time_of(token)
    assert is_about_now(time)
    assert time is not None
    assert time.utcoffset() == timedelta(0)


@pytest.mark.parametrize("digest", ["sha384", "sha512"])
def test_tokens_of_longer_digests(tmp_path: Path, digest: str) -> None:
    assert is_about_now(time_of(stamp(tmp_path, SIGNATURE, SIGNER, digest=digest)))


def test_a_token_with_its_chain(tmp_path: Path) -> None:
    """The certificates are a set of DER, which is sorted; openssl writes the signer first, so it must be shorter."""
    long_name = [x509.DNSName("a-name-that-makes-the-certificate-longer.example.org")]
    middle = issue_ca("middle", ROOT, start=CLOCK - 9 * DAY, end=LATER, names=long_name)
    signer = issue("tsa", middle, start=CLOCK - DAY, end=LATER, purposes=[TIME_STAMPING], critical_purposes=True)
    assert is_about_now(time_of(stamp(tmp_path / "with", SIGNATURE, signer, [middle])))
    assert time_of(stamp(tmp_path / "without", SIGNATURE, signer)) is None


def test_a_token_over_other_bytes_or_of_another_authority_proves_nothing(token: bytes) -> None:
    assert time_of(token, signature=SIGNATURE + b".") is None
    assert time_of(token, root=new_authority()[1]) is None
    assert time_of(token, root=SIGNER) is None


def test_a_token_from_after_the_time_of_judgement_proves_nothing(token: bytes) -> None:
    assert time_of(token, at=CLOCK - timedelta(hours=1)) is None


def test_of_several_tokens_the_earliest_that_counts(token: bytes) -> None:
    real = json.loads((VECTORS / "spec.json").read_bytes())
    material = real["verificationMaterial"]["timestampVerificationData"]["rfc3161Timestamps"][0]
    foreign = base64.b64decode(material["signedTimestamp"])  # from 2025, over another signature
    assert is_about_now(time_of(foreign, b"garbage", b"", token))
    assert time_of(foreign, b"garbage") is None
    assert time_of() is None
    assert time_of(*[b"garbage"] * timestamps.MOST_TOKENS, token) is None
    assert time_of(token + b"\0" * timestamps.MOST_TOKEN_BYTES) is None


def test_a_changed_byte_proves_nothing_or_changes_nothing(token: bytes) -> None:
    """A few bytes of a response (what it says of the digests used, for example) are outside what is signed."""
    true = time_of(token)
    times = set()
    for place in range(0, len(token), 5):
        changed = bytearray(token)
        changed[place] ^= 0x41
        times.add(time_of(bytes(changed)))
    assert times <= {None, true}
    assert None in times


@pytest.mark.parametrize("true_one_first", [True, False])
def test_a_certificate_for_something_else_cannot_stamp_in_disguise(tmp_path: Path, true_one_first: bool) -> None:
    """A TLS certificate of the root, and beside it one of the same issuer name, serial number and key that may stamp.

    The verifier finds the signer by issuer and serial number: what one of the two is trusted for, and what the other
    is fit for, must not add up.
    """
    long_name = [x509.DNSName("a-name-that-makes-the-certificate-longer.example.org")]
    web, root = new_authority(purposes=[TLS], names=[] if true_one_first else long_name)
    forged = issue(
        "tsa",
        Node(root.certificate, web.key),
        key=web.key,
        purposes=[TIME_STAMPING],
        critical_purposes=True,
        end=LATER,
        serial=web.certificate.serial_number,
        names=long_name if true_one_first else [],
    )
    assert time_of(stamp(tmp_path / "alone", SIGNATURE, forged), root=root) is None
    token = stamp(tmp_path / "both", SIGNATURE, forged, [web])
    assert forged.der + web.der in token
    if true_one_first:
        token = token.replace(forged.der + web.der, web.der + forged.der)
    assert time_of(token, root=root) is None


def test_a_signer_that_had_expired_when_it_stamped(tmp_path: Path) -> None:
    signer, root = new_authority(end=CLOCK - DAY)
    assert time_of(stamp(tmp_path, SIGNATURE, signer), root=root) is None


def test_a_token_outlives_its_authority(token: bytes) -> None:
    """The certificates are judged at the time of the token: that is what it is for."""
    assert is_about_now(time_of(token, at=CLOCK + 20_000 * DAY))


@pytest.mark.parametrize("node", [SIGNER, ROOT], ids=["signer", "root"])
def test_a_revoked_authority_proves_nothing(token: bytes, node: Node) -> None:
    assert time_of(token, revoked=[fingerprint(node.der)]) is None


def test_a_whole_authority_vouches_for_its_own_tokens_only(token: bytes, tmp_path: Path) -> None:
    """As a trusted root has it: what is between signer and root need not be in the token."""
    middle = issue_ca("middle", ROOT, start=CLOCK - 9 * DAY, end=LATER)
    signer = issue("tsa", middle, start=CLOCK - DAY, end=LATER, purposes=[TIME_STAMPING], critical_purposes=True)
    below = stamp(tmp_path, SIGNATURE, signer)
    authority = [signer.der, middle.der, ROOT.der]
    assert is_about_now(timestamps.time_by(below, SIGNATURE, authority))
    assert timestamps.time_by(token, SIGNATURE, authority) is None
    assert timestamps.time_by(below, SIGNATURE, [signer.der, ROOT.der]) is None
    for der in authority:
        assert timestamps.time_by(below, SIGNATURE, authority, [fingerprint(der)]) is None


def test_a_root_that_cannot_be_read_is_the_policys_fault(token: bytes) -> None:
    with pytest.raises(UsageError) as caught:
        timestamps.time_of([token], SIGNATURE, [b"\x30\x00"], at=LATER)
    assert caught.value.code == "policy-invalid"


@pytest.mark.parametrize("name", ["v1.1.0", "spec"])
def test_the_token_of_a_real_bundle(name: str) -> None:
    bundle = json.loads((VECTORS / f"{name}.json").read_bytes())
    data = bundle["verificationMaterial"]["timestampVerificationData"]["rfc3161Timestamps"][0]["signedTimestamp"]
    signature = base64.b64decode(bundle["dsseEnvelope"]["signatures"][0]["sig"])
    public = json.loads((VECTORS / "trusted_root.json").read_bytes())
    root = base64.b64decode(public["timestampAuthorities"][0]["certChain"]["certificates"][-1]["rawBytes"])
    token = base64.b64decode(data)
    assert timestamps.time_of([token], signature, [root], at=LATER) == datetime(2025, 10, 10, 2, 12, 20, tzinfo=UTC)
    assert timestamps.time_of([token], signature[:-1], [root], at=LATER) is None


def test_an_expired_leaf_stands_if_it_was_stamped_in_time(token: bytes) -> None:
    ca = issue_ca("root", start=CLOCK - 9 * DAY, end=LATER + DAY)
    leaf = issue("ci", ca, names=[x509.DNSName("ci.example.org")], start=CLOCK - DAY, end=CLOCK + DAY)
    wanted = Certificate(root=ca.der, san="ci.example.org")
    with pytest.raises(NotTrusted) as caught:
        certificates.leaf_signer([leaf.der], wanted, LATER)
    assert caught.value.status == "expired"
    assert certificates.leaf_signer([leaf.der], wanted, time_of(token) or LATER)
    too_late = issue("ci", ca, names=[x509.DNSName("ci.example.org")], start=CLOCK - 2 * DAY, end=CLOCK - DAY)
    with pytest.raises(NotTrusted):
        certificates.leaf_signer([too_late.der], wanted, time_of(token) or LATER)


def test_a_missing_library_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rfc3161_client", None)
    with pytest.raises(UsageError) as caught:
        time_of(b"")
    assert caught.value.code == "library-missing"
    assert "amber[timestamp]" in caught.value.hint
