"""Keys: ECDSA on P-256, P-384 and P-521, the only ones that the specification of model signing has.

In come key files, out come objects that verify and sign; the cryptography is that of the library. The digest follows
from the curve, signatures are DER, and signing is deterministic (RFC 6979): the same key and message give the same
bytes. Importing this module loads no cryptography, and nothing here ever loads X.509.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from amber.errors import UsageError
from amber.policy import encodings
from amber.trust.libraries import missing

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import ec

# The curves, and for each what the library calls it and the digest that goes with it.
CURVES = {"P-256": "secp256r1", "P-384": "secp384r1", "P-521": "secp521r1"}
_DIGESTS = {"secp256r1": "sha256", "secp384r1": "sha384", "secp521r1": "sha512"}
_MOST_BYTES = 64 * 1024  # of a key file
_MOST_SIGNATURE = 256  # bytes of DER; one of P-521 has at most 141
_UNSUPPORTED_HINT = "use a P-256, P-384 or P-521 key: `amber keygen` makes one"


class Signing(Protocol):
    """What can sign: a private key, or a command that has one."""

    @property
    def public(self) -> PublicKey:
        """The key that verifies what `sign` returns."""

    def sign(self, message: bytes) -> bytes:
        """Return the DER signature of a message."""


@dataclass(frozen=True)
class PublicKey:
    """A public key.

    Args:
        der: SubjectPublicKeyInfo in DER, with the point uncompressed: one key has one spelling.
        of_library: The key as `cryptography` has it.
    """

    der: bytes
    of_library: ec.EllipticCurvePublicKey = field(repr=False, compare=False)

    @property
    def curve(self) -> str:
        """`P-256`, `P-384` or `P-521`."""
        return next(name for name, theirs in CURVES.items() if theirs == self.of_library.curve.name)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the DER, in hex."""
        return hashlib.sha256(self.der).hexdigest()

    @cached_property
    def pem(self) -> bytes:
        """The key as PEM: 64 columns, line feeds."""
        return encodings.pem(self.der, "PUBLIC KEY").encode("ascii")

    @property
    def hint(self) -> str:
        """What bundles call the key: SHA-256 of the PEM, in hex."""
        return hashlib.sha256(self.pem).hexdigest()

    def verify(self, message: bytes, signature: bytes) -> bool:
        """Whether this DER signature over the message is of this key. High s is as good as low s."""
        return self.verifies(Message(message), signature)

    def verifies(self, message: Message, signature: bytes) -> bool:
        """The same for a message that several keys are tried on: it is hashed once for each digest."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

        if len(signature) > _MOST_SIGNATURE:
            return False
        name = _DIGESTS[self.of_library.curve.name]
        try:
            self.of_library.verify(signature, message.digest(name), ec.ECDSA(Prehashed(_hash(name))))
        except InvalidSignature:
            return False
        return True


class Message:
    """What was signed, hashed when a key asks.

    Args:
        data: The bytes.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._digests: dict[str, bytes] = {}

    def digest(self, name: str) -> bytes:
        """Return the digest of this name, `sha256` for example."""
        if name not in self._digests:
            self._digests[name] = hashlib.new(name, self._data).digest()
        return self._digests[name]


@dataclass(frozen=True)
class PrivateKey:
    """A private key; it is never shown.

    Args:
        of_library: The key as `cryptography` has it: it signs certificates too (`amber.trust.issue`).
    """

    of_library: ec.EllipticCurvePrivateKey = field(repr=False, compare=False)

    @cached_property
    def public(self) -> PublicKey:
        """The key that verifies."""
        from cryptography.hazmat.primitives import serialization as s

        key = self.of_library.public_key()
        return PublicKey(key.public_bytes(s.Encoding.DER, s.PublicFormat.SubjectPublicKeyInfo), key)

    def sign(self, message: bytes) -> bytes:
        """Return the DER signature of a message (ECDSA with RFC 6979).

        Raises:
            UsageError: `library-missing`: the OpenSSL of the library is older than 3.2 and signs with chance only.
        """
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric import ec

        try:
            how = ec.ECDSA(_hash(_DIGESTS[self.of_library.curve.name]), deterministic_signing=True)
            return self.of_library.sign(message, how)
        except UnsupportedAlgorithm as error:
            raise UsageError(
                "library-missing",
                "cryptography was built with an OpenSSL that has no deterministic ECDSA (RFC 6979)",
                hint="install cryptography from its wheel, or build it with OpenSSL 3.2 or newer",
            ) from error

    def encrypted(self, passphrase: bytes) -> bytes:
        """Return the key as PEM (PKCS8), encrypted with a passphrase.

        The library derives with 2048 rounds and no other number: a passphrase that can be guessed does not protect
        the key (`amber.trust.passphrase`).
        """
        from cryptography.hazmat.primitives import serialization as s

        how = s.BestAvailableEncryption(passphrase)
        return self.of_library.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, how)


def generate(curve: str = "P-256") -> PrivateKey:
    """Make a new key.

    Raises:
        UsageError: `key-unsupported`: not one of the three curves. `library-missing`.
    """
    curves = _curves()
    if curve not in curves:
        raise _unsupported(f"{curve!r} is not one of {', '.join(curves)}", "curve")
    return PrivateKey(_library().generate_private_key(curves[curve]()))


def public(data: bytes | str, where: str = "public key") -> PublicKey:
    """Read a public key, PEM or DER (SubjectPublicKeyInfo), in the one spelling that a policy reads too.

    A second spelling (a compressed point, say) would be a second fingerprint: one key could be taken for two signers.

    Raises:
        UsageError: `key-malformed`: no such key. `key-private`. `key-unsupported`: a key of another kind or spelling.
            `library-missing`.
    """
    ec = _library()
    text = data.encode("utf-8", "replace") if isinstance(data, str) else bytes(data)
    _check_size(text, where)
    der = encodings.public_der(text, where)
    curve = encodings.check_public(der, where)
    try:
        # not through the library's serialization: importing that costs more than verifying a signature
        key = ec.EllipticCurvePublicKey.from_encoded_point(_curves()[curve](), der[-encodings.CURVES[curve][1] - 1 :])
    except ValueError as error:
        raise UsageError("key-malformed", f"the point is not on {curve}", where=where) from error
    return PublicKey(der, key)


def private(data: bytes, passphrase: bytes | None = None, where: str = "private key") -> PrivateKey:
    """Read a private key: PKCS8 (encrypted in any form OpenSSL writes, scrypt too) or SEC1, PEM or DER.

    Args:
        data: The bytes of the file.
        passphrase: What decrypts it; not used where it is not encrypted.
        where: Name of the file, for errors.

    Raises:
        UsageError: `passphrase-missing`, `passphrase-wrong`; `key-malformed`: no private key; `key-unsupported`: a key
            of another kind; `library-missing`.
    """
    _library()
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization as s

    text = bytes(data)
    _check_size(text, where)
    if b"-----BEGIN PUBLIC KEY-----" in text:
        raise UsageError("key-malformed", "this is a public key; the private one is wanted", where=where)
    load: Any = s.load_pem_private_key if b"-----BEGIN" in text else s.load_der_private_key
    try:
        return _private(_open(load, text, passphrase, where), where)
    except UnsupportedAlgorithm as error:
        raise _unsupported(f"a key, or an encryption, of this kind is not supported: {error}", where) from error
    except ValueError:
        # from None: what the library says of secret bytes is not passed on
        raise UsageError(
            "key-malformed",
            "not a private key in PEM or DER (PKCS8 or SEC1)",
            where=where,
            hint="`openssl pkcs8 -topk8` converts other forms",
        ) from None


def _open(load: Any, text: bytes, passphrase: bytes | None, where: str) -> object:
    """Load a key; the library raises TypeError where it is encrypted and no passphrase was said."""
    try:
        return load(text, None)
    except TypeError:
        if not passphrase:
            raise UsageError(
                "passphrase-missing",
                "the private key is encrypted",
                where=where,
                hint="give the passphrase with --passphrase-file, --passphrase-fd or AMBER_PASSPHRASE",
            ) from None
    try:
        return load(text, passphrase)
    except ValueError:
        raise UsageError(
            "passphrase-wrong",
            "the private key cannot be decrypted: the passphrase is another one, or the file is damaged",
            where=where,
        ) from None


def _private(key: object, where: str) -> PrivateKey:
    ec = _library()
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name not in _DIGESTS:
        raise _unsupported(f"the key is {_kind(key)}", where)
    return PrivateKey(key)


def _kind(key: object) -> str:
    curve = getattr(getattr(key, "curve", None), "name", "")
    if curve:
        return f"on the curve {curve}"
    return "of the kind " + re.sub(r"(Public|Private)Key$", "", type(key).__name__.lstrip("_"))


def _unsupported(message: str, where: str) -> UsageError:
    return UsageError("key-unsupported", message, where=where, hint=_UNSUPPORTED_HINT)


def _check_size(text: bytes, where: str) -> None:
    if len(text) > _MOST_BYTES:
        raise UsageError("key-malformed", f"{len(text)} bytes are too many for a key", where=where)


def _curves() -> dict[str, Any]:
    ec = _library()
    return {"P-256": ec.SECP256R1, "P-384": ec.SECP384R1, "P-521": ec.SECP521R1}


def _hash(name: str) -> Any:
    from cryptography.hazmat.primitives import hashes

    return {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}[name]


def _library() -> Any:
    try:
        from cryptography.hazmat.primitives.asymmetric import ec
    except ImportError as error:
        raise missing("sign", error) from error
    return ec
