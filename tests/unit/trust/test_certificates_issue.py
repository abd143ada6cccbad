"""What `issue` makes is what `certificates` asks for, and no more than it was asked to make."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from amber.errors import UsageError
from amber.policy import Certificate
from amber.trust import certificates, issue, keys
from amber.trust.reasons import NotTrusted
from tests.trust_fixtures.pki import issue_ca as any_ca

NOW = datetime(2026, 6, 1, 12, 30, 15, 999, tzinfo=UTC)
DAY = timedelta(days=1)
CA_KEY = keys.generate()
CA = issue.issue_ca(CA_KEY, "Example models", now=NOW)
SANS = ["ci@example.org", "https://example.org/ci", "ci.example.org"]


def leaf(san: str = SANS[0], **how: Any) -> bytes:
    return issue.issue_leaf(CA_KEY, CA, keys.generate().public, san, **{"now": NOW, **how})


@pytest.mark.parametrize("san", SANS)
@pytest.mark.parametrize("curve", ["P-256", "P-384", "P-521"])
def test_a_leaf_counts_under_its_ca_and_name(curve: str, san: str) -> None:
    authority, signer = keys.generate(curve), keys.generate(curve)
    ca = issue.issue_ca(authority, "Example models", now=NOW)
    certificate = issue.issue_leaf(authority, ca, signer.public, san, now=NOW)
    for chain in ([certificate], [certificate, ca]):
        key = certificates.leaf_signer(chain, Certificate(root=ca, san=san), NOW)
        assert key == signer.public
        assert key.verify(b"message", signer.sign(b"message"))


def test_a_ca_signs_no_models_and_issues_no_further_ca() -> None:
    with pytest.raises(NotTrusted):
        certificates.leaf_signer([CA], Certificate(root=CA, subject="CN=Example models"), NOW)
    second = keys.generate()
    own = issue.issue_ca(second, "Example models", now=NOW)  # the same name, so that it could be below
    certificate = issue.issue_leaf(second, own, keys.generate().public, SANS[0], now=NOW)
    with pytest.raises(NotTrusted):
        certificates.leaf_signer([certificate, own], Certificate(root=CA, san=SANS[0]), NOW)


def test_the_extensions_are_these() -> None:
    ca, signer = x509.load_der_x509_certificate(CA), x509.load_der_x509_certificate(leaf())
    seen = {one.value.__class__.__name__: (one.critical, one.value) for one in ca.extensions}
    assert set(seen) == {"BasicConstraints", "KeyUsage", "SubjectKeyIdentifier"}
    assert seen["BasicConstraints"] == (True, x509.BasicConstraints(ca=True, path_length=0))
    assert seen["KeyUsage"][0]
    assert (seen["KeyUsage"][1].key_cert_sign, seen["KeyUsage"][1].crl_sign) == (True, True)
    assert not seen["KeyUsage"][1].digital_signature
    identifier = seen["SubjectKeyIdentifier"][1].key_identifier
    seen = {one.value.__class__.__name__: (one.critical, one.value) for one in signer.extensions}
    assert set(seen) == {
        "AuthorityKeyIdentifier", "BasicConstraints", "ExtendedKeyUsage", "KeyUsage", "SubjectAlternativeName",
        "SubjectKeyIdentifier",
    }  # fmt: skip
    assert seen["AuthorityKeyIdentifier"][1].key_identifier == identifier
    assert seen["BasicConstraints"] == (True, x509.BasicConstraints(ca=False, path_length=None))
    assert list(seen["ExtendedKeyUsage"][1]) == [ExtendedKeyUsageOID.CODE_SIGNING]
    assert seen["KeyUsage"][0]
    assert seen["KeyUsage"][1].digital_signature
    assert not seen["KeyUsage"][1].key_cert_sign
    assert seen["SubjectAlternativeName"] == (True, x509.SubjectAlternativeName([x509.RFC822Name(SANS[0])]))


def test_a_leaf_is_valid_from_now_for_a_year_and_never_longer_than_its_ca() -> None:
    ca, signer = x509.load_der_x509_certificate(CA), x509.load_der_x509_certificate(leaf())
    start = NOW.replace(microsecond=0)
    assert (ca.not_valid_before_utc, ca.not_valid_after_utc) == (start, start + 3650 * DAY)
    assert (signer.not_valid_before_utc, signer.not_valid_after_utc) == (start, start + 365 * DAY)
    late = x509.load_der_x509_certificate(leaf(now=NOW + 3600 * DAY))
    assert late.not_valid_after_utc == ca.not_valid_after_utc
    with pytest.raises(UsageError, match="not valid"):
        leaf(now=NOW + 3651 * DAY)
    with pytest.raises(UsageError, match="not valid"):
        leaf(now=NOW - DAY)


def test_the_clock_is_the_start_by_default() -> None:
    certificate = x509.load_der_x509_certificate(issue.issue_ca(CA_KEY, "Example models"))
    assert abs(certificate.not_valid_before_utc - datetime.now(UTC)) < timedelta(minutes=10)


def test_serial_numbers_are_not_repeated() -> None:
    assert len({x509.load_der_x509_certificate(leaf()).serial_number for _ in range(20)}) == 20


@pytest.mark.parametrize(
    "san",
    [
        pytest.param("", id="empty"),
        pytest.param("a b@example.org", id="space"),
        pytest.param("ci@exämple.org", id="not ASCII"),
        pytest.param("ci@example.org\n", id="line feed"),
        pytest.param("Ci <ci@example.org>", id="a display name"),
        pytest.param("Ci<ci@example.org>", id="a display name without a space"),
        pytest.param("x" * 2000, id="long"),
    ],
)
def test_a_name_that_is_none(san: str) -> None:
    with pytest.raises(UsageError) as caught:
        leaf(san)
    assert caught.value.code == "certificate-invalid"


@pytest.mark.parametrize("name", ["", " ", "x" * 65, "a\nb", " padded"])
def test_a_ca_has_a_name(name: str) -> None:
    with pytest.raises(UsageError) as caught:
        issue.issue_ca(CA_KEY, name, now=NOW)
    assert caught.value.code == "certificate-invalid"


def test_only_a_ca_issues_and_with_its_own_key() -> None:
    for key, ca in ((CA_KEY, leaf()), (keys.generate(), CA), (CA_KEY, b"junk"), (CA_KEY, any_ca("other").der)):
        with pytest.raises(UsageError) as caught:
            issue.issue_leaf(key, ca, keys.generate().public, SANS[0], now=NOW)
        assert caught.value.code == "certificate-invalid"
