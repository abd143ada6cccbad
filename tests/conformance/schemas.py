"""The JSON Schemas of the OpenSSF specification, and whether a bundle and what it says are valid by them."""

from __future__ import annotations

import base64
import json
from functools import cache
from typing import Any

import jsonschema
from referencing import Registry, Resource

from tests.conformance.material import ROOT

SPEC = ROOT / "oms" / "spec"
# What the specification demands of each method, beyond the alternatives of the schema.
MATERIAL = {"key": "publicKey", "certificate": "x509CertificateChain", "sigstore": "certificate"}


@cache
def validator(name: str) -> jsonschema.Draft202012Validator:
    schemas = {path.name.split(".")[0]: json.loads(path.read_bytes()) for path in (SPEC / "schemas").glob("*.json")}
    registry: Registry[Any] = Registry().with_resources(
        (schema["$id"], Resource.from_contents(schema)) for schema in schemas.values()
    )
    return jsonschema.Draft202012Validator(schemas[name], registry=registry)


def check_bundle(data: bytes, method: str = "") -> None:
    """Raise where a bundle, or the statement in it, is not valid by the schemas.

    Raises:
        jsonschema.ValidationError: It is not.
        ValueError: It is not JSON, or its payload is not base64.
    """
    made = json.loads(data)
    validator("bundle").validate(made)
    validator("statement").validate(json.loads(base64.b64decode(made["dsseEnvelope"]["payload"])))
    assert not method or MATERIAL[method] in made["verificationMaterial"]
