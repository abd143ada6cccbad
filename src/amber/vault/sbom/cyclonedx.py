"""The facts as a CycloneDX 1.7 document: an ML-BOM with a model card.

Written as plain data, since the object model of the format's own library has no model card. The model's own component
carries no hash: the id is a digest over digests and no file has it. It stands as the property `amber:id`, and each
member as a component with the digests of its bytes.
"""

from __future__ import annotations

from typing import Any

from amber import __version__
from amber.vault.sbom import licence
from amber.vault.sbom.facts import Facts, Member

SCHEMA = "http://cyclonedx.org/schema/bom-1.7.schema.json"
ID_METHOD = "SHA-256 over the concatenated raw SHA-256 digests of all members outside signatures/, sorted by name"
_MODEL = "model"
_RUNTIME = "runtime"

Plain = dict[str, Any]


def document(facts: Facts) -> Plain:
    """Return the document."""
    components = _components(facts)
    return {
        "$schema": SCHEMA,
        "bomFormat": "CycloneDX",
        "specVersion": "1.7",
        "serialNumber": facts.serial,
        "version": 1,
        "metadata": {
            "lifecycles": [{"phase": "post-build"}],
            "tools": {"components": [{"type": "application", "name": "amber", "version": __version__}]},
            "component": _model(facts),
        },
        "components": components,
        "dependencies": _dependencies(facts),
        "compositions": _compositions(facts),
    }


def _model(facts: Facts) -> Plain:
    manifest = facts.manifest
    model: Plain = {
        "bom-ref": _MODEL,
        "type": "machine-learning-model",
        "name": manifest.name,
        "version": manifest.version,
        "modelCard": _card(facts),
        "components": [_member(member) for member in facts.members],
        "properties": [{"name": f"amber:{name}", "value": value} for name, value in _properties(facts)],
    }
    if manifest.licence is not None:
        is_expression = licence.is_expression(manifest.licence)
        model["licenses"] = [
            {"expression": manifest.licence, "acknowledgement": "declared"}
            if is_expression
            else {"license": {"name": manifest.licence, "acknowledgement": "declared"}}
        ]
    if manifest.lineage is not None:
        parent = manifest.lineage.parent
        ancestor = {"type": "machine-learning-model", "name": parent, "description": "the artifact of this id"}
        model["pedigree"] = {"ancestors": [ancestor]}
    return model


def _card(facts: Facts) -> Plain:
    parameters: Plain = {
        "approach": {"type": facts.approach} if facts.approach else {},
        "task": facts.task,
        "modelArchitecture": facts.architecture,
        "datasets": [{"type": "dataset", "name": name} for name in facts.said.get("datasets", ())],
        "inputs": [{"format": text} for text in facts.inputs],
        "outputs": [{"format": text} for text in facts.outputs],
    }
    metrics = [{"type": name, "value": value} for name, value in facts.metrics.items()]
    considerations: Plain = {
        "users": list(facts.said.get("users", ())),
        "useCases": list(facts.said.get("use_cases", ())),
        "technicalLimitations": list(facts.said.get("limitations", ())),
        "performanceTradeoffs": list(facts.said.get("tradeoffs", ())),
        "ethicalConsiderations": [{"name": text} for text in facts.said.get("ethics", ())],
    }
    return _filled(
        {
            "modelParameters": _filled(parameters),
            "quantitativeAnalysis": {"performanceMetrics": metrics} if metrics else {},
            "considerations": _filled(considerations),
        }
    )


def _filled(parts: Plain) -> Plain:
    """Leave out what is empty: nothing is known of it."""
    return {key: value for key, value in parts.items() if value}


def _properties(facts: Facts) -> list[tuple[str, str]]:
    manifest = facts.manifest
    found = [("id", facts.id), ("id:method", ID_METHOD), ("format", str(manifest.format)), ("kind", manifest.kind)]
    found += [("adapter", manifest.adapter.id), ("version", manifest.version)]
    if manifest.created is not None:
        found.append(("created", manifest.created))
    if manifest.cases is not None:
        cases = manifest.cases
        found += [("cases:source", cases.source), ("cases:rows", str(cases.rows))]
        found += [("cases:dropped", str(cases.dropped)), ("cases:knife_edge", str(cases.knife_edge))]
        found.append(("contains_training_rows", "true" if cases.contains_training_rows else "false"))
    found += [(f"tolerance:{method}", text) for method, text in facts.tolerances.items()]
    found += [(f"program:{program.name}", program.precision) for program in manifest.programs]
    return found


def _member(member: Member) -> Plain:
    return {
        "bom-ref": f"member:{member.name}",
        "type": "data" if member.is_data else "file",
        "mime-type": member.media_type,
        "name": member.name,
        "hashes": [{"alg": "SHA-256", "content": member.sha256}, {"alg": "BLAKE3", "content": member.blake3}],
        "properties": [{"name": "amber:size", "value": str(member.size)}],
    }


def _components(facts: Facts) -> list[Plain]:
    found: list[Plain] = []
    implementation, version = facts.environment.runtime
    if implementation and version:
        found.append({"bom-ref": _RUNTIME, "type": "platform", "name": implementation, "version": version})
    found += [
        {
            "bom-ref": f"package:{package.name}",
            "type": "library",
            "name": package.name,
            "version": package.version,
            "purl": package.purl,
        }
        for package in facts.environment.packages
    ]
    found += [
        {
            "bom-ref": f"own:{name}",
            "type": "library",
            "name": name,
            "description": "the author's own classes or functions; the artifact holds neither their code nor version",
        }
        for name in facts.own
    ]
    return found


def _dependencies(facts: Facts) -> list[Plain]:
    """What is known: what owns a type of the model, and the edges that a lock of the caller's own states."""
    environment = facts.environment
    direct = [f"package:{name}" for name in environment.direct] + [f"own:{name}" for name in facts.own]
    edges: list[Plain] = [{"ref": _MODEL, "dependsOn": [_RUNTIME, *direct] if all(environment.runtime) else direct}]
    edges += [
        {"ref": f"package:{package.name}", "dependsOn": [f"package:{name}" for name in package.needs]}
        for package in environment.packages
        if package.needs is not None
    ]
    return edges


def _compositions(facts: Facts) -> list[Plain]:
    """Say how much of this is all: of the members everything, of the packages what was recorded."""
    found: list[Plain] = [{"aggregate": "complete", "assemblies": [_MODEL]}]
    unknown = [f"package:{package.name}" for package in facts.environment.packages if package.needs is None]
    unknown += [f"own:{name}" for name in facts.own]
    if unknown:
        found.append({"aggregate": "unknown", "dependencies": unknown})
    return found
