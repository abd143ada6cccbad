"""The adapter of the community's conformance suite: its two commands over the statement verifier of `amber.trust`.

    python -m tests.conformance.adapter sign-model|verify-model --method key|certificate|sigstore ...

The protocol is that of docs/conformance_adapter_cli_protocol.md in
github.com/sampras343/model-signing-conformance: flags in, an exit status out. The adapter stands where `amber.vault`
stands: it says which files are the members, and leaves out only what its caller names (`--ignore-paths`) and the
bundle itself, never what a statement asks for. Two flags are ours: `--at` sets the time of judgement, and
`--trusted-root` names the root of keyless bundles, which the protocol expects to be fetched.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from amber.errors import AmberError, FormatError
from amber.policy import Certificate, Key, Keyless, Policy, Signer
from amber.trust import bundle, keys, statement
from amber.trust.judge import judge
from amber.trust.pae import pae

REFUSED, UNSUPPORTED = 1, 2
METHODS = {"key": "key", "certificate": "certificate", "sigstore": "keyless"}


def main(arguments: Sequence[str]) -> int:
    """Run one command; return its exit status."""
    asked = _parser().parse_args(arguments)
    try:
        return sign(asked) if asked.command == "sign-model" else verify(asked)
    except AmberError as error:
        print(error, file=sys.stderr)
        return REFUSED


def sign(asked: argparse.Namespace) -> int:
    if asked.method == "sigstore":
        print("keyless signing is done by other tools; their bundles are added", file=sys.stderr)
        return UNSUPPORTED
    digests = digests_of(asked.model_path, [asked.output_bundle, *asked.ignore_paths])
    if not digests:
        raise FormatError("member-missing", "there is no file to sign", where=str(asked.model_path))
    private = keys.private(asked.private_key.read_bytes(), where=str(asked.private_key))
    payload = statement.oms(asked.model_path.name, digests)
    signature = private.sign(pae(bundle.PAYLOAD_TYPE, payload))
    if asked.method == "key":
        made = bundle.encode_key(payload, signature, private.public.hint)
    else:
        chain = [der for path in (asked.signing_cert, *asked.cert_chain) for der in certificates_of(path)]
        made = bundle.encode_certificate(payload, signature, list(dict.fromkeys(chain)))
    asked.output_bundle.write_bytes(made)
    return 0


def verify(asked: argparse.Namespace) -> int:
    digests = digests_of(asked.model_path, [asked.bundle, *asked.ignore_paths])
    if asked.ignore_unsigned_files:
        print("every file counts: --ignore-unsigned-files has no meaning here", file=sys.stderr)
    data = asked.bundle.read_bytes()
    id_ = statement.root_of([digests[name] for name in sorted(digests)])
    policy = Policy(signers=tuple(signers_of(asked, data)))
    (found,) = judge({asked.bundle.name: data}, digests, id_, policy, asked.at)
    print(f"{found.status} ({found.method}): {found.detail}", file=sys.stderr)
    return 0 if found.status == "counted" and found.method == METHODS[asked.method] else REFUSED


def signers_of(asked: argparse.Namespace, data: bytes) -> Iterator[Signer]:
    """The one signer that the flags describe."""
    if asked.method == "key":
        public = keys.public(asked.public_key.read_bytes(), str(asked.public_key))
        yield Signer("signer", keys=(Key(public.der),))
    elif asked.method == "certificate":
        # the protocol pins a root and no name, and a root alone is nobody: the name is taken from the bundle
        name = name_of(bundle.decode(data, asked.bundle.name))
        roots = [der for path in asked.cert_chain for der in certificates_of(path)]
        yield Signer("signer", certificates=tuple(Certificate(root, **name) for root in roots))
    else:
        root = asked.trusted_root.read_bytes()
        yield Signer("signer", keyless=(Keyless(asked.identity, asked.identity_provider, root),))


def name_of(read: bundle.Bundle) -> dict[str, str]:
    """What the leaf of a bundle calls itself."""
    from cryptography import x509

    if not read.certificates:
        return {"subject": "CN=nobody"}
    leaf = x509.load_der_x509_certificate(read.certificates[0])
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return {"san": next(str(name.value) for name in names)}
    except x509.ExtensionNotFound:
        return {"subject": leaf.subject.rfc4514_string()}


def certificates_of(path: Path) -> list[bytes]:
    """DER of each certificate in a PEM file."""
    blocks = path.read_text().split("-----BEGIN CERTIFICATE-----")[1:]
    return [base64.b64decode(block.partition("-----END")[0]) for block in blocks]


def digests_of(model: Path, left_out: Sequence[Path]) -> dict[str, str]:
    """SHA-256 of each file of a model but those named; a model that is one file has its name.

    Raises:
        FormatError: `folder-link`: there is a link, which no artifact has.
    """
    out = {path.absolute() for path in left_out}
    paths = [model] if model.is_file() else sorted(model.rglob("*"))
    digests = {}
    for path in paths:
        if out.intersection((path.absolute(), *path.absolute().parents)):
            continue
        if path.is_symlink():
            raise FormatError("folder-link", "a link is no member", where=str(path))
        if path.is_file():
            name = path.name if path == model else path.relative_to(model).as_posix()
            digests[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return digests


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="adapter")
    commands = parser.add_subparsers(dest="command", required=True)
    signing, verifying = commands.add_parser("sign-model"), commands.add_parser("verify-model")
    for each in (signing, verifying):
        each.add_argument("--method", choices=tuple(METHODS), required=True)
        each.add_argument("--model-path", type=Path, required=True)
        each.add_argument("--cert-chain", type=Path, action="append", default=[])
        each.add_argument("--ignore-paths", type=Path, action="append", default=[])
        each.add_argument("--use-staging", action="store_true")
    signing.add_argument("--output-bundle", type=Path, required=True)
    signing.add_argument("--private-key", type=Path)
    signing.add_argument("--signing-cert", type=Path)
    signing.add_argument("--identity-token")
    verifying.add_argument("--bundle", type=Path, required=True)
    verifying.add_argument("--public-key", type=Path)
    verifying.add_argument("--ignore-unsigned-files", action="store_true")
    verifying.add_argument("--identity", default="nobody")
    verifying.add_argument("--identity-provider", default="https://nobody.invalid")
    verifying.add_argument("--trusted-root", type=Path)
    verifying.add_argument("--at", type=_time, default=datetime.now(UTC))
    return parser


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
