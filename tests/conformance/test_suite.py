"""Every case of the community's conformance suite, through the adapter of that suite, and the list of differences.

With a checkout of the suite itself, `python -m tests.conformance.upstream CHECKOUT` runs it and holds it against the
same list.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from amber.trust import bundle
from tests.architecture.repository import ROOT
from tests.conformance import adapter
from tests.conformance.material import KEYLESS, MODELS, REFERENCE, Material
from tests.conformance.material import ROOT as VECTORS
from tests.conformance.schemas import check_bundle
from tests.conformance.verify_bundles import bundle_of
from tests.unit.trust.signing_material import AT

HERE = Path(__file__).parent
CASES: dict[str, dict[str, Any]] = {
    case["id"]: case for case in tomllib.loads((HERE / "cases.toml").read_text(encoding="utf-8"))["case"]
}
DIFFERENCES: dict[str, str] = tomllib.loads((HERE / "expected_differences.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Material:
    return Material(tmp_path_factory.mktemp("keys"))


def write_model(folder: Path, case: dict[str, Any]) -> Path:
    """Write the model of a case; return what `--model-path` names."""
    name, _, inside = case["model"].partition("/")
    model = folder / "model"
    for path, data in (MODELS[name] | dict.fromkeys(case.get("ignore", ()), b"")).items():
        (model / path).parent.mkdir(parents=True, exist_ok=True)
        (model / path).write_bytes(data)
    return model / inside if inside else model


def change_model(model: Path, case: dict[str, Any]) -> None:
    for name in (*case.get("tamper", ()), *case.get("inject", ())):
        (model / name).write_bytes(b"changed after signing\n")
    for name in case.get("delete", ()):
        (model / name).unlink(missing_ok=True)
    for name, target in case.get("links", {}).items():
        (model / name).symlink_to(target)


def verifying(case: dict[str, Any], model: Path, data: Path, material: Material) -> int:
    words = ["verify-model", "--method", case["method"], "--model-path", str(model), "--bundle", str(data)]
    trusts = case.get("trusts", "")
    if case["method"] == "key":
        public = REFERENCE / "signing-key-pub.pem" if trusts == "reference" else material.folder / f"{trusts}.pub"
        words += ["--public-key", str(public)]
    if case["method"] == "certificate":
        own = material.folder / f"{'root' if trusts == 'chain' else trusts}.cert.pem"
        root = VECTORS / "sigstore" / "certificates" / "root.pem" if trusts == "reference" else own
        words += ["--cert-chain", str(root)]
    if case["method"] == "sigstore":
        pytest.importorskip("sigstore")
        words += ["--identity", case["identity"], "--identity-provider", case["provider"]]
        words += ["--trusted-root", str(KEYLESS / "trusted_root.json")]
    words += [word for name in case.get("ignore", ()) for word in ("--ignore-paths", str(model / name))]
    words += ["--ignore-unsigned-files"] if case.get("ignore_unsigned") else []
    return adapter.main([*words, "--at", AT.isoformat()])


def signing(case: dict[str, Any], model: Path, target: Path, material: Material) -> int:
    words = ["sign-model", "--method", case["method"], "--model-path", str(model), "--output-bundle", str(target)]
    signs = case.get("signs", "")
    words += ["--private-key", str(material.folder / f"{signs}.pem")]
    if case["method"] == "certificate":
        above = "intermediate" if signs == "chain" else signs
        words += ["--signing-cert", str(material.folder / f"{signs}.cert.pem")]
        words += ["--cert-chain", str(material.folder / f"{above}.cert.pem")]
    words += [word for name in case.get("ignore", ()) for word in ("--ignore-paths", str(model / name))]
    return adapter.main(words)


def roundtrip(case: dict[str, Any], folder: Path, material: Material) -> bool:
    """Whether a case of this kind is answered as the suite expects; what it checks on the way is asserted."""
    model = write_model(folder, case)
    change_model(model, case)
    target = (model if case.get("inside") else folder) / "bundle.sig"
    status = signing(case, model, target, material)
    if case.get("expect") == "fail" or status != 0:
        return (status == 0) == (case.get("expect") != "fail")
    check_bundle(target.read_bytes(), case["method"])
    if case.get("ignore_unsigned"):
        (model / "injected.bin").write_bytes(b"after signing")
    if verifying(case, model, target, material) != 0:
        return False
    first = target.read_bytes()
    assert signing(case, model, target, material) == 0
    assert target.read_bytes() == first, "signing twice gives the same bytes"
    return "signed" not in case or names_in(first) == case["signed"]


def verify(case: dict[str, Any], folder: Path, material: Material) -> bool:
    model = write_model(folder, case)
    ignored = [model / name for name in case.get("ignore", ())]
    if case.get("ignore_unsigned"):
        change_model(model, case)  # the suite's bundle names the injected file
    digests = adapter.digests_of(model, ignored)
    data = folder / "bundle.sig"
    data.write_bytes(bundle_of(case["id"], digests, material))
    change_model(model, case)
    passed = verifying(case, model, data, material) == 0
    if passed and "signed" in case:
        assert names_in(data.read_bytes()) == sorted(case["signed"])
    return passed == (case.get("expect") != "fail")


def names_in(data: bytes) -> list[str]:
    said = json.loads(bundle.decode(data, "x").payload)
    return sorted(resource["name"] for resource in said["predicate"]["resources"])


def test_all_cases_of_the_suite_are_here() -> None:
    kinds = [case.partition("/")[0] for case in CASES]
    assert (len(CASES), kinds.count("roundtrip")) == (71, 28)


@pytest.mark.parametrize("case", CASES)
def test_a_case_is_answered_as_the_suite_expects_or_differs_for_a_reason(
    case: str, tmp_path: Path, material: Material
) -> None:
    answer = roundtrip if case.startswith("roundtrip/") else verify
    as_expected = answer(CASES[case], tmp_path, material)
    assert as_expected == (case not in DIFFERENCES), DIFFERENCES.get(case, "not in expected_differences.toml")


def test_every_difference_has_a_reason_and_a_case() -> None:
    assert set(DIFFERENCES) <= set(CASES)
    assert all(len(reason) > 20 for reason in DIFFERENCES.values())


def test_a_model_without_a_file_is_not_signed(tmp_path: Path, material: Material) -> None:
    (tmp_path / "model").mkdir()
    case = {"method": "key", "signs": "chain"}
    assert signing(case, tmp_path / "model", tmp_path / "bundle.sig", material) != 0


def test_the_adapter_is_a_command(tmp_path: Path, material: Material) -> None:
    model = write_model(tmp_path, CASES["roundtrip/key-simple"])
    words = [sys.executable, "-m", "tests.conformance.adapter", "sign-model", "--method", "key"]
    words += ["--model-path", str(model), "--private-key", str(material.folder / "p384.pem")]
    words += ["--output-bundle", str(tmp_path / "bundle.sig")]
    ran = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (ran.returncode, names_in((tmp_path / "bundle.sig").read_bytes())) == (0, sorted(MODELS["simple"])), (
        ran.stderr
    )
