"""The facts as an SPDX 3.0.1 document (JSON-LD) of the core, software, AI and licensing profiles.

The form demands a time of creation and of release. The artifact has one only where its author gave it; else both are
`UNKNOWN_TIME`, and a comment says so. It also demands a supplier and a place to download from, which no artifact
knows: an agent named "not stated", and NOASSERTION.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from amber import __version__
from amber.archive import names
from amber.vault.sbom import licence
from amber.vault.sbom.cyclonedx import ID_METHOD
from amber.vault.sbom.facts import Facts, Member

CONTEXT = "https://spdx.org/rdf/3.0.1/spdx-context.jsonld"
UNKNOWN_TIME = "1970-01-01T00:00:00Z"
NO_LICENCE_KNOWN = "https://spdx.org/rdf/3.0.1/terms/ExpandedLicensing/NoAssertionLicense"
_CREATION = "_:creation"
_TIME_UNKNOWN = f"the artifact records no time; {UNKNOWN_TIME} stands where the form demands one"

Plain = dict[str, Any]


def document(facts: Facts) -> Plain:
    """Return the document."""
    return {"@context": CONTEXT, "@graph": _Graph(facts).all()}


class _Graph:
    """The elements of one document; each has an id below the document's own."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.time = facts.manifest.created or UNKNOWN_TIME
        self.relations = 0

    def id(self, name: str) -> str:
        return f"{self.facts.serial}#{name}"

    def element(self, kind: str, local: str, /, **properties: Any) -> Plain:
        found = {"type": kind, "spdxId": self.id(local), "creationInfo": _CREATION, **properties}
        return {key: value for key, value in found.items() if value not in ("", [], None)}

    def relation(self, kind: str, to: Sequence[str], completeness: str = "complete", start: str = "model") -> Plain:
        self.relations += 1
        return self.element(
            "Relationship",
            f"relation-{self.relations}",
            **{"from": self.id(start), "relationshipType": kind, "to": list(to), "completeness": completeness},
        )

    def all(self) -> list[Plain]:
        agents = [
            self.element("SoftwareAgent", "amber", name=f"amber {__version__}"),
            self.element("Agent", "supplier", name="not stated"),
        ]
        parts = [self.model(), *map(self.file, self.facts.members), *self.libraries(), *self.licences()]
        content = [*agents, *parts, *self.relationships()]
        listed = [each["spdxId"] for each in content]
        bom = self.element(
            "software_Sbom",
            "bom",
            software_sbomType=["analyzed"],
            rootElement=[self.id("model")],
            element=listed,
        )
        head = self.element(
            "SpdxDocument",
            "document",
            name=f"{self.facts.manifest.name} {self.facts.manifest.version}",
            profileConformance=["core", "software", "ai", "simpleLicensing"],
            rootElement=[bom["spdxId"]],
            element=[bom["spdxId"], *listed],
        )
        return [self.creation(), head, bom, *content]

    def creation(self) -> Plain:
        found = {
            "@id": _CREATION,
            "type": "CreationInfo",
            "specVersion": "3.0.1",
            "created": self.time,
            "createdBy": [self.id("amber")],
        }
        return found if self.facts.manifest.created else {**found, "comment": _TIME_UNKNOWN}

    def model(self) -> Plain:
        facts, manifest = self.facts, self.facts.manifest
        identity = {
            "type": "ExternalIdentifier",
            "externalIdentifierType": "other",
            "identifier": facts.id,
            "comment": f"the id: {ID_METHOD}",
        }
        return self.element(
            "ai_AIPackage",
            "model",
            name=manifest.name,
            comment="" if manifest.created else _TIME_UNKNOWN,
            externalIdentifier=[identity],
            releaseTime=self.time,
            suppliedBy=self.id("supplier"),
            software_downloadLocation="NOASSERTION",
            software_packageVersion=manifest.version,
            software_primaryPurpose="model",
            ai_domain=[facts.task] if facts.task else [],
            ai_informationAboutApplication=self.application(),
            ai_informationAboutTraining=self.training(),
            ai_limitation="; ".join(facts.said.get("limitations", ())),
            ai_metric=[
                {"type": "DictionaryEntry", "key": name, "value": value} for name, value in facts.metrics.items()
            ],
            ai_typeOfModel=[text for text in (manifest.kind, facts.architecture) if text],
            ai_useSensitivePersonalInformation="noAssertion",
        )

    def application(self) -> str:
        lines = {
            "users": self.facts.said.get("users", ()),
            "use": self.facts.said.get("use_cases", ()),
            "inputs": self.facts.inputs,
            "outputs": self.facts.outputs,
        }
        return ". ".join(f"{name}: {'; '.join(texts)}" for name, texts in lines.items() if texts)

    def training(self) -> str:
        datasets = self.facts.said.get("datasets", ())
        said = [f"datasets: {', '.join(datasets)}"] if datasets else []
        if self.facts.approach:
            said.append(self.facts.approach)
        cases = self.facts.manifest.cases
        if cases is not None and cases.contains_training_rows:
            said.append("the model holds rows it was trained on")
        return "; ".join(said)

    def file(self, member: Member) -> Plain:
        return self.element(
            "software_File",
            f"member/{member.name}",
            name=member.name,
            contentType=member.media_type,
            software_fileKind="file",
            software_primaryPurpose="data" if member.is_data else "file",
            verifiedUsing=[
                {"type": "Hash", "algorithm": "sha256", "hashValue": member.sha256},
                {"type": "Hash", "algorithm": "blake3", "hashValue": member.blake3},
            ],
        )

    def libraries(self) -> list[Plain]:
        environment = self.facts.environment
        found = [
            self.element(
                "software_Package",
                f"package/{package.name}",
                name=package.name,
                software_packageVersion=package.version,
                software_packageUrl=package.purl,
                software_primaryPurpose="library",
            )
            for package in environment.packages
        ]
        found += [
            self.element("software_Package", f"own/{name}", name=name, software_primaryPurpose="library")
            for name in self.facts.own
        ]
        implementation, version = environment.runtime
        if implementation and version:
            found.append(
                self.element(
                    "software_Package",
                    "runtime",
                    name=implementation,
                    software_packageVersion=version,
                    software_primaryPurpose="platform",
                )
            )
        return found

    def licences(self) -> list[Plain]:
        text = self.facts.manifest.licence
        if text is None:
            return []
        if licence.is_expression(text):
            kind, key = "simplelicensing_LicenseExpression", "simplelicensing_licenseExpression"
        else:
            kind, key = "simplelicensing_SimpleLicensingText", "simplelicensing_licenseText"
        return [self.element(kind, "licence", **{key: text})]

    def relationships(self) -> list[Plain]:
        facts, environment = self.facts, self.facts.environment
        members = [member.name for member in facts.members]
        cases = [self.id(f"member/{name}") for name in members if name.startswith(names.CASES)]
        direct = [self.id(f"package/{name}") for name in environment.direct]
        direct += [self.id(f"own/{name}") for name in facts.own]
        direct += [self.id("runtime")] if all(environment.runtime) else []
        declared = self.id("licence") if facts.manifest.licence is not None else NO_LICENCE_KNOWN
        found = [
            self.relation("contains", [self.id(f"member/{name}") for name in members]),
            self.relation("hasDependencyManifest", [self.id(f"member/{names.ENVIRONMENT}")]),
            self.relation("hasDeclaredLicense", [declared], "noAssertion"),
            self.relation("hasConcludedLicense", [NO_LICENCE_KNOWN], "noAssertion"),
        ]
        if names.CARD in members:
            found.append(self.relation("hasDocumentation", [self.id(f"member/{names.CARD}")]))
        if cases:
            found.append(self.relation("hasTestCase", cases))
        if direct:
            found.append(self.relation("dependsOn", direct, "noAssertion"))
        for package in environment.packages:
            if package.needs:
                to = [self.id(f"package/{name}") for name in package.needs]
                found.append(self.relation("dependsOn", to, "noAssertion", start=f"package/{package.name}"))
        return found
