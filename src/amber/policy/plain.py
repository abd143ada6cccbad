"""Plain data in, the parts of a policy out. Every key is known or refused; every refusal names its place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, TypeVar

from amber.errors import shown
from amber.limits import DEFAULT, Limits
from amber.policy import encodings
from amber.policy.invalid import at, invalid
from amber.policy.node import Node, rooted
from amber.policy.revoked import Revoked, RevokedKey
from amber.policy.rules import Demand, Line, Rule
from amber.policy.signers import Certificate, Key, Keyless, Signer

if TYPE_CHECKING:
    from amber.policy.policy import Policy

    P = TypeVar("P", bound=Policy)

KEYS = (
    "preset", "issued", "expires", "names", "verdict", "allow", "sharing",
    "limits", "signers", "rule", "revoked", "timestamps", "seen",
)  # fmt: skip
_PEM = ("-----BEGIN ",)
_JSON = ("{",)


def toml(data: bytes, where: str) -> dict[str, Any]:
    """Return the tables of a TOML file.

    Raises:
        UsageError: Not TOML, not UTF-8, or a key of more than 64 parts.
    """
    from amber.policy.toml import tables  # here: most machines have no file of TOML to read

    try:
        return tables(data)
    except (ValueError, RecursionError) as error:  # ValueError: also a number of thousands of digits
        if b"PRIVATE KEY" in data:
            hint = "policy = a TOML file; public keys are named in it"
            raise invalid(where, "this is a private key, not a policy", hint, "key-private") from None
        said = "nested too deeply" if isinstance(error, RecursionError) else shown(error)
        raise invalid(where, f"not TOML: {said}", f"known keys: {', '.join(KEYS)}") from error


def policy(cls: type[P], data: Mapping[str, Any], where: str, base: str | None) -> P:
    """Return the policy that plain data says; `Policy.from_dict` describes it."""
    known = KEYS if base is not None else (*KEYS, "floor")
    found = Node(data, f"{where}: ", base).table(*known)
    made: dict[str, Any] = {"source": where, "given": frozenset(found)}
    for key in ("allow", "names"):
        if key in found:
            made[key] = found[key].texts()
    for key in ("preset", "verdict", "sharing"):
        if key in found:
            made[key] = found[key].text()
    for key in ("issued", "expires"):
        if key in found:
            made[key] = found[key].time()
    if "limits" in found:
        made["limits"] = limits(found["limits"])
        made["given"] |= {at("limits", key) for key in found["limits"].open_table()}
    if "signers" in found:
        made["signers"] = tuple(signer(label, node) for label, node in found["signers"].open_table().items())
    if "rule" in found:
        made["rules"] = tuple(map(rule, found["rule"].items()))
    if "revoked" in found:
        made["revoked"] = revoked(found["revoked"])
    if "timestamps" in found:
        made["timestamps"] = tuple(map(_certificate, _roots(found["timestamps"])))
    if "seen" in found:
        made["seen"] = _seen(found["seen"])
    if "floor" in found:
        made["floor"] = policy(cls, found["floor"].value, at(where, "floor"), None)
    with rooted("", f"{where}: "):
        return cls(**made)


def limits(node: Node) -> Limits:
    """Return the default limits with those that are given.

    Raises:
        UsageError: An unknown one, or not a number >= 0.
    """
    known = tuple(item.name for item in fields(Limits))
    values: dict[str, Any] = {}
    for key, found in node.table(*known).items():
        value = found.value
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
            raise invalid(found.where, "must be a number >= 0")
        if isinstance(getattr(DEFAULT, key), int) and not isinstance(value, int):
            raise invalid(found.where, "must be a whole number")
        values[key] = value
    return replace(DEFAULT, **values)


def signer(label: str, node: Node) -> Signer:
    """Return the signer of one table below `signers`.

    Raises:
        SourceError: A file it names cannot be read.
        UsageError: A value is not valid.
    """
    found = node.table("keys", "certificate", "keyless", "until", "names")
    made: dict[str, Any] = {}
    if "keys" in found:
        made["keys"] = tuple(map(key, found["keys"].items()))
    if "certificate" in found:
        made["certificates"] = tuple(map(_root_and_name, _one_or_more(found["certificate"])))
    if "keyless" in found:
        made["keyless"] = tuple(map(_keyless, _one_or_more(found["keyless"])))
    if "until" in found:
        made["until"] = found["until"].time()
    if "names" in found:
        made["names"] = found["names"].texts()
    with rooted(f"signers.{label}", node.where):
        return Signer(label, **made)


def key(node: Node) -> Key:
    """Return a key: PEM, a path, or a table `{key, until}` of one of them and a time.

    Raises:
        SourceError: The file cannot be read.
        UsageError: `key-private`, `key-unsupported`, `key-malformed`, or a value is not valid.
    """
    until = None
    if isinstance(node.value, Mapping):
        found = node.table("key", "until")
        node = _wanted(found, "key", node)
        until = found["until"].time() if "until" in found else None
    data, where = node.content(_PEM)
    return Key(encodings.public_der(data, where), until)


def rule(node: Node) -> Rule:
    """Return one rule.

    Raises:
        UsageError: A value is not valid.
    """
    known = ("names", "require", "attestations", "verdict", "kinds", "programs", "rows", "max_bytes", "minimum")
    found = node.table(*known)
    made: dict[str, Any] = {"names": _wanted(found, "names", node).texts()}
    if "require" in found:
        made["require"] = tuple(map(_line, found["require"].items()))
    if "attestations" in found:
        made["attestations"] = tuple(map(_demand, found["attestations"].items()))
    if "kinds" in found:
        made["kinds"] = found["kinds"].texts()
    for word in ("verdict", "programs", "rows", "minimum"):
        if word in found:
            made[word] = found[word].text()
            if not made[word]:
                raise invalid(found[word].where, "is empty", "leave it out where nothing is demanded")
    if "max_bytes" in found:
        made["max_bytes"] = found["max_bytes"].whole()
    with rooted("rule", node.where):
        return Rule(**made)


def revoked(node: Node) -> Revoked:
    """Return what was taken back.

    Raises:
        UsageError: A value is not valid.
    """
    found = node.table("ids", "keys", "certificates")
    keys = tuple(map(_revoked_key, found["keys"].items())) if "keys" in found else ()
    lists = {name: found[name].texts() for name in ("ids", "certificates") if name in found}
    with rooted("revoked", node.where):
        return Revoked(keys=keys, **lists)


def _revoked_key(node: Node) -> RevokedKey:
    since = None
    fingerprint = node
    if isinstance(node.value, Mapping):
        found = node.table("fingerprint", "since")
        fingerprint = _wanted(found, "fingerprint", node)
        since = found["since"].time() if "since" in found else None
    with rooted("revoked.keys", node.where):
        return RevokedKey(fingerprint.text(), since)


def _line(node: Node) -> Line:
    found = node.table("from", "k")
    labels = _wanted(found, "from", node).texts()
    k = found["k"].whole() if "k" in found else 1
    with rooted("require", node.where):
        return Line(labels, k)


def _demand(node: Node) -> Demand:
    found = node.table("type", "from", "k", "result")
    kind, labels = _wanted(found, "type", node).text(), _wanted(found, "from", node).texts()
    k = found["k"].whole() if "k" in found else 1
    result = found["result"].text() if "result" in found else ""
    with rooted("attestations", node.where):
        return Demand(kind, labels, k, result)


def _root_and_name(node: Node) -> Certificate:
    found = node.table("root", "san", "subject")
    root = _certificate(_wanted(found, "root", node))
    with rooted("certificate", node.where):
        return Certificate(root, **{name: found[name].text() for name in ("san", "subject") if name in found})


def _certificate(node: Node) -> bytes:
    data, where = node.content(_PEM)
    return encodings.certificate_der(data, where)


def _keyless(node: Node) -> Keyless:
    found = node.table("identity", "issuer", "trusted_root")
    identity, issuer = (_wanted(found, name, node).text() for name in ("identity", "issuer"))
    data, _ = _wanted(found, "trusted_root", node).content(_JSON)
    with rooted("keyless", node.where):
        return Keyless(identity, issuer, data)


def _roots(node: Node) -> list[Node]:
    return _wanted(node.table("roots"), "roots", node).items()


def _seen(node: Node) -> str:
    import os

    path = _wanted(node.table("file"), "file", node)
    text = path.text()
    if not text or "\0" in text:
        raise invalid(path.where, "is not a path")
    if node.base is None and not os.path.isabs(text):
        raise invalid(path.where, "a relative path, where there is no folder it could be relative to")
    return os.path.normpath(os.path.join(node.base or "", text))


def _wanted(found: dict[str, Node], key: str, node: Node) -> Node:
    if key not in found:
        raise invalid(node.where, f"lacks {key}")
    return found[key]


def _one_or_more(node: Node) -> list[Node]:
    return [node] if isinstance(node.value, Mapping) else node.items()
