"""Signing: what is whole is signed, once by each key, in every form with the same id."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import amber
from amber.archive import append
from amber.archive.digests import artifact_id
from amber.archive.source import open_source
from amber.archive.write import to_bytes, write_artifact, write_folder
from amber.errors import AmberError, AmberWarning, SourceError
from amber.policy import Key, Line, Policy, Rule, Signer
from amber.tree import nodes
from amber.tree.nodes import Tree
from amber.trust import issue, keys, statement
from amber.trust.bundle import PAYLOAD_TYPE, decode, encode_key
from amber.trust.external import Command
from amber.trust.pae import pae
from amber.vault.check import check
from amber.vault.key_files import certificate_chain, write_new
from amber.vault.sign import add, sign, strip
from tests.unit.archive.samples import artifact, members, tree_of

ID = artifact_id(members())
FORMS = ("file", "folder")
PASSPHRASE = "correct horse battery staple"
FIRST, SECOND = "signatures/0001-oms.sigstore.json", "signatures/0002-oms.sigstore.json"


@cache
def _key(name: str, curve: str) -> keys.PrivateKey:
    return keys.generate(curve)


def key(name: str = "alice", curve: str = "P-256") -> keys.PrivateKey:
    """One key a name and curve for a whole run."""
    return _key(name, curve)


def made(tmp_path: Path, form: str = "file") -> Path:
    path = tmp_path / ("m.amber" if form == "file" else "m")
    (write_artifact if form == "file" else write_folder)(path, members())
    return path


def held(path: Path) -> dict[str, bytes]:
    with open_source(path) as opened:
        return {name: bytes(view) for name, view in opened.members.items() if name.startswith("signatures/")}


def wants(*signers: keys.PrivateKey) -> Policy:
    known = tuple(Signer(f"signer-{number}", keys=(Key(each.public.der, None),)) for number, each in enumerate(signers))
    lines = tuple(Line((each.label,), 1) for each in known)
    return Policy(signers=known, rules=(Rule(names=("*",), require=lines),))


def refused(action: Callable[..., Any], *arguments: Any, **keywords: Any) -> str:
    with pytest.raises(AmberError) as caught:
        action(*arguments, **keywords)
    return caught.value.code


@pytest.mark.parametrize("curve", ["P-256", "P-384", "P-521"])
@pytest.mark.parametrize("form", FORMS)
def test_what_is_signed_counts_for_a_reader_who_knows_the_key(tmp_path: Path, form: str, curve: str) -> None:
    path = made(tmp_path, form)
    signer = key("alice", curve)
    done = sign(path, signing=signer)
    assert (done.id, done.path, done.written, done.there) == (ID, str(path), (FIRST,), ())
    assert done.signer == signer.public.fingerprint
    assert list(held(path)) == [FIRST]
    with check(path, wants(signer)) as checked:
        assert (checked.code, checked.refused, checked.id) == ("", (), ID)
    with check(path, wants(key("mallory", curve))) as checked:
        assert checked.refused


@pytest.mark.parametrize("form", FORMS)
def test_signing_twice_gives_the_same_file(tmp_path: Path, form: str) -> None:
    path = made(tmp_path, form)
    sign(path, signing=key())
    before = held(path), os.stat(path).st_ino
    again = sign(path, signing=key())
    assert (again.written, again.there) == ((), (FIRST,))
    assert (held(path), os.stat(path).st_ino) == before
    strip(path)
    sign(path, signing=key())
    assert held(path) == before[0]


def test_the_file_is_the_one_the_writer_would_write(tmp_path: Path) -> None:
    path = made(tmp_path)
    sign(path, signing=key("alice"))
    sign(path, signing=key("bob", "P-384"))
    bundles = held(path)
    assert list(bundles) == [FIRST, SECOND]
    assert path.read_bytes() == to_bytes({**members(), **{name: [data] for name, data in bundles.items()}})
    with check(path, wants(key("alice"), key("bob", "P-384"))) as checked:
        assert checked.refused == ()


def test_the_statement_describes_every_member(tmp_path: Path) -> None:
    import hashlib

    path = made(tmp_path)
    sign(path, signing=key())
    said = statement.decode(decode(held(path)[FIRST], "").payload, "")
    assert said.subject == ID
    assert {each["name"]: each["digest"] for each in said.predicate["resources"]} == {
        name: hashlib.sha256(b"".join(parts)).hexdigest() for name, parts in members().items()
    }
    assert said.predicate["serialization"]["ignore_paths"] == ["signatures"]


@pytest.mark.parametrize("form", FORMS)
def test_another_target_leaves_the_source(tmp_path: Path, form: str) -> None:
    path = made(tmp_path, form)
    done = sign(path, signing=key(), target=tmp_path / "signed")
    assert held(path) == {}
    assert list(held(tmp_path / "signed")) == list(done.written) == [FIRST]
    assert sign(tmp_path / "signed", signing=key(), target=tmp_path / "again").there == (FIRST,)
    assert held(tmp_path / "again") == held(tmp_path / "signed")
    assert strip(tmp_path / "signed", target=tmp_path / "bare").dropped == (FIRST,)
    assert held(tmp_path / "bare") == {}


@pytest.mark.parametrize("form", FORMS)
def test_a_detached_bundle_stands_beside(tmp_path: Path, form: str) -> None:
    path = made(tmp_path, form)
    before = sorted(os.listdir(tmp_path))
    done = sign(f"{path}/" if form == "folder" else path, signing=key(), detached=True)
    assert done.written == (f"{path}.0001-oms.sigstore.json",)
    assert held(path) == {}
    assert sign(path, signing=key(), detached=True).there == done.written
    second = sign(path, signing=key("bob"), detached=True)
    assert second.written == (f"{path}.0002-oms.sigstore.json",)
    inside = add(path, [done.written[0]])
    assert inside.written == (FIRST,)
    assert held(path)[FIRST] == Path(done.written[0]).read_bytes()
    assert sign(path, signing=key("carol"), detached=True).written == (f"{path}.0003-oms.sigstore.json",)
    assert len(os.listdir(tmp_path)) == len(before) + 3


def test_a_file_beside_that_is_no_bundle_is_left_alone(tmp_path: Path) -> None:
    path = made(tmp_path)
    (tmp_path / "m.amber.0001-oms.sigstore.json").write_bytes(b"not JSON")
    assert sign(path, signing=key(), detached=True).written == (f"{path}.0002-oms.sigstore.json",)
    assert (tmp_path / "m.amber.0001-oms.sigstore.json").read_bytes() == b"not JSON"


def test_numbers_follow_the_highest(tmp_path: Path) -> None:
    path = tmp_path / "m.amber"
    sign(made(tmp_path), signing=key("bob"))
    taken = {"signatures/0007.tlog-proof": b"x", "signatures/0005-oms.sigstore.json": held(path)[FIRST]}
    append.with_signatures(str(path), str(path), taken)
    assert sign(path, signing=key()).written == ("signatures/0008-oms.sigstore.json",)
    append.with_signatures(str(path), str(path), {"signatures/9999.tlog-proof": b""})
    assert sign(path, signing=key()).written == (FIRST,)


def test_the_sixty_fifth_signature_is_refused(tmp_path: Path) -> None:
    path = made(tmp_path)
    append.with_signatures(str(path), str(path), {f"signatures/{n:04d}.tlog-proof": b"" for n in range(1, 65)})
    before = path.read_bytes()
    assert refused(sign, path, signing=key()) == "limit-signatures"
    assert path.read_bytes() == before


def damaged(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def with_stranger(path: Path) -> None:
    write_artifact(path, {**members(), "model/other.bin": [b"x"]})


def of_another(path: Path) -> None:
    """A signature that was moved here from another artifact."""
    other = path.with_name("other.amber")
    write_artifact(other, members(tree_of(5)))
    sign(other, signing=key("bob"))
    append.with_signatures(str(path), str(path), held(other))


@pytest.mark.parametrize(
    ("spoil", "codes"),
    [
        (damaged, {"crc-mismatch", "container-not-canonical"}),
        (with_stranger, {"member-unlisted"}),
        (of_another, {"signature-coverage"}),
        (lambda path: path.write_bytes(artifact()[:-1]), {"container-not-canonical"}),
        (lambda path: path.write_bytes(artifact(Tree([nodes.Object("os.system", {})], 0, [], []))), {"type-unknown"}),
    ],
    ids=["damaged", "a member too many", "a moved signature", "cut", "an evil name"],
)
@pytest.mark.parametrize("detached", [False, True])
def test_what_is_not_whole_is_never_signed(
    tmp_path: Path, spoil: Callable[[Path], None], codes: set[str], detached: bool
) -> None:
    path = made(tmp_path)
    spoil(path)
    before = {name: (tmp_path / name).read_bytes() for name in os.listdir(tmp_path)}
    assert refused(sign, path, signing=key(), detached=detached) in codes
    assert refused(add, path, [signed_bundle()], detached=detached) in codes
    assert {name: (tmp_path / name).read_bytes() for name in os.listdir(tmp_path)} == before


def test_classes_of_the_users_own_are_signed_when_they_are_named(tmp_path: Path) -> None:
    path = tmp_path / "m.amber"
    path.write_bytes(artifact(Tree([nodes.Custom("mine.Thing", {})], 0, [], [])))
    assert refused(sign, path, signing=key()) == "name-not-allowed"
    assert sign(path, signing=key(), allow=["mine.Thing"]).written == (FIRST,)


def signed_bundle(signer: keys.PrivateKey | None = None, id: str = ID, kind: str = "vsa") -> bytes:
    """An attestation about the artifact."""
    signer = signer or key()
    predicate = {"verifier": {"id": "https://x.example"}, "verificationResult": "PASSED"}
    payload = statement.attestation(id, "churn", statement.KINDS[kind][0], predicate)
    return encode_key(payload, signer.sign(pae(PAYLOAD_TYPE, payload)), signer.public.hint)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("as_files", [False, True])
def test_bundles_that_were_made_elsewhere_go_in(tmp_path: Path, form: str, as_files: bool) -> None:
    path = made(tmp_path, form)
    bundles: list[Any] = [signed_bundle(kind="vsa"), signed_bundle(kind="provenance"), signed_bundle(kind="vsa")]
    if as_files:
        for number, data in enumerate(bundles):
            (tmp_path / f"{number}.json").write_bytes(data)
            bundles[number] = tmp_path / f"{number}.json"
    done = add(path, bundles)
    names = ("signatures/0001-vsa.sigstore.json", "signatures/0002-provenance.sigstore.json")
    assert (done.id, done.written, done.there) == (ID, names, names[:1])
    assert tuple(held(path)) == names
    again = add(path, bundles[:1])
    assert (again.written, again.there) == ((), names[:1])
    assert strip(path).dropped == names
    assert held(path) == {}


def test_bundles_beside(tmp_path: Path) -> None:
    path = made(tmp_path)
    bundles = [signed_bundle(kind="vsa"), signed_bundle(kind="provenance")]
    done = add(path, bundles, detached=True)
    assert done.written == (f"{path}.0001-vsa.sigstore.json", f"{path}.0002-provenance.sigstore.json")
    assert add(path, bundles, detached=True).there == done.written
    assert held(path) == {}


def over_the_container(path: Path) -> bytes:
    import hashlib

    payload = statement.oms("churn", {".": hashlib.sha256(path.read_bytes()).hexdigest()})
    return encode_key(payload, key().sign(pae(PAYLOAD_TYPE, payload)), key().public.hint)


@pytest.mark.parametrize(
    ("bundle", "code"),
    [
        (lambda _: b"{}", "bundle-invalid"),
        (lambda _: b"\xff", "bundle-invalid"),
        (lambda _: signed_bundle(id="0" * 64), "attestation-subject"),
        (over_the_container, "signature-over-container"),
        (lambda _: signed_bundle().replace(b"application/vnd.in-toto+json", b"text/plain"), "bundle-invalid"),
    ],
    ids=["empty", "no text", "another artifact", "the container", "another payload type"],
)
@pytest.mark.parametrize("form", FORMS)
def test_a_bundle_that_is_not_about_the_artifact_stays_out(
    tmp_path: Path, form: str, bundle: Callable[[Path], bytes], code: str
) -> None:
    path = made(tmp_path, form)
    file = tmp_path / "x.amber"
    write_artifact(file, members())
    assert refused(add, path, [signed_bundle(), bundle(file)]) == code
    assert held(path) == {}


def test_a_bundle_without_end_is_not_read(tmp_path: Path) -> None:
    path = made(tmp_path)
    with open(tmp_path / "huge", "wb") as file:
        file.truncate(1 << 40)
    assert refused(add, path, [tmp_path / "huge"]) == "limit-file-bytes"
    assert refused(add, path, [tmp_path / "absent"]) == "source-missing"


def test_whatever_the_signatures_are_they_can_be_taken_out(tmp_path: Path) -> None:
    path = made(tmp_path)
    append.with_signatures(str(path), str(path), {FIRST: b"garbage", SECOND: b"{}"})
    with check(path) as checked:
        assert checked.code == "bundle-invalid"
    done = strip(path)
    assert (done.id, done.dropped) == (ID, (FIRST, SECOND))
    assert path.read_bytes() == artifact()
    inode = os.stat(path).st_ino
    assert strip(path).dropped == ()
    assert os.stat(path).st_ino == inode


@pytest.mark.parametrize("spoil", [damaged, with_stranger], ids=["damaged", "a member too many"])
def test_what_is_damaged_is_not_stripped_and_passed_on(tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    path = made(tmp_path)
    spoil(path)
    before = path.read_bytes()
    assert refused(strip, path) in ("crc-mismatch", "container-not-canonical", "member-unlisted")
    assert path.read_bytes() == before


def test_what_is_signed_is_what_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The source becomes another artifact between copy and check, and back again before the end."""
    path, evil = made(tmp_path), artifact(tree_of(10, 301))
    good, real = path.read_bytes(), append.copy

    def copied(*arguments: Any) -> None:
        real(*arguments)
        path.write_bytes(evil)

    class Signing:
        public = key().public

        def sign(self, message: bytes) -> bytes:
            path.write_bytes(good)
            return key().sign(message)

    monkeypatch.setattr(append, "copy", copied)
    sign(path, signing=Signing(), target=tmp_path / "signed")
    with check(tmp_path / "signed", wants(key())) as checked:
        assert (checked.refused, checked.id) == ((), ID)


def test_a_signer_that_lies_writes_nothing(tmp_path: Path) -> None:
    class Liar:
        public = key().public

        def sign(self, message: bytes) -> bytes:
            return key("mallory").sign(message)

    path = made(tmp_path)
    assert refused(sign, path, signing=Liar()) == "signer-failed"
    assert path.read_bytes() == artifact()
    assert os.listdir(tmp_path) == ["m.amber"]


@pytest.fixture
def openssl(tmp_path: Path) -> Command:
    """A signer without RFC 6979: every signature is another one."""
    from cryptography.hazmat.primitives import serialization as s

    pem = key().of_library.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, s.NoEncryption())
    write_new(str(tmp_path / "plain.pem"), pem, 0o600)
    return Command(["openssl", "dgst", "-sha256", "-sign", str(tmp_path / "plain.pem")], key().public)


def test_a_command_signs_and_signs_once(tmp_path: Path, openssl: Command) -> None:
    path = made(tmp_path)
    assert sign(path, signing=openssl).written == (FIRST,)
    before = path.read_bytes()
    assert sign(path, signing=openssl).there == (FIRST,)
    assert sign(path, signing=key()).there == (FIRST,)  # the same key, its other way to sign
    assert path.read_bytes() == before
    with check(path, wants(key())) as checked:
        assert checked.refused == ()


@cache
def authority() -> tuple[keys.PrivateKey, bytes]:
    return key("ca"), issue.issue_ca(key("ca"), "Example CA")


@cache
def leaf(name: str = "alice") -> bytes:
    return issue.issue_leaf(*authority(), key(name).public, "alice@example.org")


def test_a_certificate_goes_with_the_signature(tmp_path: Path) -> None:
    from amber.policy import Certificate

    path = made(tmp_path)
    assert sign(path, signing=key(), chain=[leaf(), authority()[1]]).written == (FIRST,)
    assert sign(path, signing=key(), chain=[leaf(), authority()[1]]).there == (FIRST,)
    assert sign(path, signing=key()).written == (SECOND,)  # for those who know the key alone
    assert decode(held(path)[FIRST], "").certificates == (leaf(), authority()[1])
    known = Signer("alice", certificates=(Certificate(authority()[1], san="alice@example.org"),))
    rules = Policy(signers=(known,), rules=(Rule(names=("*",), require=(Line(("alice",), 1),)),))
    with check(path, rules) as checked:
        assert checked.refused == ()


@pytest.mark.parametrize(
    "chain",
    [
        lambda: [leaf("bob")],
        lambda: [authority()[1], leaf()],
        lambda: [leaf(), leaf()],
        lambda: [leaf(), issue.issue_ca(key("other"), "Another CA")],
        lambda: [b"no certificate"],
        lambda: [leaf()] * 11,
        lambda: [issue.issue_ca(key(), "Myself")],
    ],
    ids=["another key", "the CA first", "no issuer", "another CA", "no certificate", "too many", "a CA"],
)
def test_a_chain_that_no_reader_would_take_signs_nothing(tmp_path: Path, chain: Callable[[], list[bytes]]) -> None:
    path = made(tmp_path)
    assert refused(sign, path, signing=key(), chain=chain()) == "certificate-invalid"
    assert path.read_bytes() == artifact()


def test_an_expired_leaf_signs_nothing(tmp_path: Path) -> None:
    past = datetime.now(UTC) - timedelta(days=800)
    ca = issue.issue_ca(key("ca"), "Example CA", now=past)
    old = issue.issue_leaf(key("ca"), ca, key().public, "alice@example.org", now=past)
    assert refused(sign, made(tmp_path), signing=key(), chain=[old]) == "certificate-invalid"


def test_chains_are_read_in_pem_and_der(tmp_path: Path) -> None:
    from amber.policy.encodings import pem

    (tmp_path / "both.pem").write_text(pem(leaf(), "CERTIFICATE") + pem(authority()[1], "CERTIFICATE"))
    (tmp_path / "ca.der").write_bytes(authority()[1])
    (tmp_path / "none").write_bytes(b"-----BEGIN NOTHING-----")
    assert certificate_chain([str(tmp_path / "both.pem")]) == (leaf(), authority()[1])
    assert certificate_chain([str(tmp_path / "ca.der")]) == (authority()[1],)
    assert refused(certificate_chain, [str(tmp_path / "none")]) == "certificate-invalid"


@pytest.mark.parametrize("form", ["path", "bytes"])
def test_a_key_file_with_a_passphrase(tmp_path: Path, form: str) -> None:
    path, file = made(tmp_path), tmp_path / "key"
    write_new(str(file), key().encrypted(PASSPHRASE.encode()), 0o600)
    given: Any = file if form == "path" else file.read_bytes()
    assert refused(amber.sign, path, key=given) == "passphrase-missing"
    assert refused(amber.sign, path, key=given, passphrase="another") == "passphrase-wrong"
    assert amber.sign(path, key=given, passphrase=PASSPHRASE).signer == key().public.fingerprint
    assert refused(amber.sign, path) == "signer-invalid"
    assert refused(amber.sign, path, key=given, signing=key()) == "signer-invalid"


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")
def test_a_key_that_others_may_read_is_said(tmp_path: Path) -> None:
    path, file = made(tmp_path), tmp_path / "key"
    write_new(str(file), key().encrypted(PASSPHRASE.encode()), 0o600)
    os.chmod(file, 0o640)
    with pytest.warns(AmberWarning, match=r"0640.*chmod 600"):
        amber.sign(path, key=file, passphrase=PASSPHRASE)


@pytest.mark.parametrize("form", FORMS)
def test_of_several_who_sign_at_once_no_bundle_is_lost(tmp_path: Path, form: str) -> None:
    path = made(tmp_path, form)
    signers = [key(f"signer {number}") for number in range(6)]

    def work(signer: keys.PrivateKey) -> None:
        while True:
            try:
                sign(path, signing=signer)
            except SourceError as error:
                if error.code != "source-changed":  # somebody else was faster: do it again
                    raise
            else:
                return

    with ThreadPoolExecutor(len(signers)) as pool:
        list(pool.map(work, signers))
    assert len(held(path)) == len(signers)
    with check(path, wants(*signers)) as checked:
        assert checked.refused == ()


@pytest.mark.parametrize("source", [b"PK", 7, None])
def test_only_paths_are_signed(source: Any) -> None:
    for action in (lambda: sign(source, signing=key()), lambda: add(source, []), lambda: strip(source)):
        assert refused(action) == "source-type"


def test_the_key_path_imports_no_x509(tmp_path: Path) -> None:
    """It costs more than everything else that signing with a key does."""
    path = made(tmp_path)
    write_new(str(tmp_path / "key"), key().encrypted(PASSPHRASE.encode()), 0o600)
    code = (
        "import sys, amber; amber.sign(sys.argv[1], key=sys.argv[2], passphrase=sys.argv[3]);"
        "print([name for name in sys.modules if 'x509' in name and 'rust' not in name or name == 'numpy'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path), str(tmp_path / "key"), PASSPHRASE],
        check=True,
        capture_output=True,
        text=True,
    )
    assert json.loads(done.stdout) == []


@pytest.mark.parametrize("there", [b"-----BEGIN PUBLIC KEY-----\n", b"PK\3\4 some other archive" + bytes(64), b"n"])
def test_a_file_that_is_no_artifact_is_never_replaced(tmp_path: Path, there: bytes) -> None:
    path, other = made(tmp_path), tmp_path / "notes"
    other.write_bytes(there)
    assert refused(sign, path, signing=key(), target=other) == "target-exists"
    assert refused(strip, path, target=other) == "target-exists"
    assert refused(add, path, [signed_bundle()], target=other) == "target-exists"
    assert other.read_bytes() == there


def test_another_artifact_is_not_replaced_and_the_same_one_is(tmp_path: Path) -> None:
    path, other = made(tmp_path), tmp_path / "other.amber"
    write_artifact(other, members(tree_of(5)))
    before = other.read_bytes()
    assert refused(sign, path, signing=key(), target=other) == "target-exists"
    assert other.read_bytes() == before
    for target in ("signed", "empty"):
        (tmp_path / "empty").touch()
        sign(path, signing=key(), target=tmp_path / target)
        assert sign(path, signing=key("bob"), target=tmp_path / target).written == (FIRST,)


def test_a_detached_bundle_is_written_though_the_same_signature_stands_inside(tmp_path: Path) -> None:
    path = made(tmp_path)
    sign(path, signing=key())
    done = sign(path, signing=key(), detached=True)
    assert (done.written, done.there) == ((f"{path}.0002-oms.sigstore.json",), ())
    assert Path(done.written[0]).read_bytes() == held(path)[FIRST]


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_the_line_end_of_a_passphrase_is_no_part_of_it(tmp_path: Path, end: str) -> None:
    data = key().encrypted(PASSPHRASE.encode())
    assert sign(made(tmp_path), key=data, passphrase=PASSPHRASE + end).written == (FIRST,)
    assert sign(tmp_path / "m.amber", key=data, passphrase=(PASSPHRASE + end).encode()).there == (FIRST,)


def test_a_public_key_in_place_of_the_private_one(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    for name, data in (("key.pub", key().public.pem), ("key.der", key().public.der)):
        (tmp_path / name).write_bytes(data)
        (tmp_path / "key").write_bytes(b"the private one")
        with pytest.raises(AmberError) as caught:
            sign(made(tmp_path), key=tmp_path / name)
        assert (caught.value.code, caught.value.where) == ("key-malformed", str(tmp_path / name))
        assert caught.value.message == "this is a public key; the private key is wanted"
        assert str(tmp_path / "key") in caught.value.hint
    assert not [each for each in recwarn if issubclass(each.category, AmberWarning)]


@pytest.mark.parametrize(
    ("data", "said"),
    [(None, "a public key"), (b"\x80\x04pickle", "something else"), (b"", "nothing"),
     (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "a damaged certificate")],
)  # fmt: skip
def test_a_file_that_is_no_certificate_is_called_what_it_is(tmp_path: Path, data: bytes | None, said: str) -> None:
    (tmp_path / "alice.pub").write_bytes(key().public.pem if data is None else data)
    with pytest.raises(AmberError) as caught:
        certificate_chain([str(tmp_path / "alice.pub")])
    assert caught.value.code == "certificate-invalid"
    assert caught.value.message == f"holds {said}, and no certificate in PEM or DER"


def test_what_is_no_artifact_is_told_who_writes_one(tmp_path: Path) -> None:
    for data in (b"\x80\x04" + bytes(100), b"x"):
        (tmp_path / "model.pkl").write_bytes(data)
        with pytest.raises(AmberError) as caught:
            sign(tmp_path / "model.pkl", signing=key())
        assert caught.value.code == "container-not-canonical"
        assert "amber.save" in caught.value.hint
        assert "incomplete" not in caught.value.hint


def test_the_certificate_of_a_stranger_has_the_digest_of_its_leaf(tmp_path: Path) -> None:
    ca = key("ca")
    root = issue.issue_ca(ca, "CA")
    leaf = issue.issue_leaf(ca, root, key().public, "release@example.org")
    sign(made(tmp_path), signing=key(), chain=(leaf, root))
    with check(tmp_path / "m.amber", Policy(preset="open")) as checked:
        assert [each.identity for each in checked.signatures] == [f"leaf sha256 {hashlib.sha256(leaf).hexdigest()}"]
