"""A second reader of Amber artifacts, written from the pages beside it: steps 1, 3, 4 and 6. See ../README.md."""

from pathlib import Path

from blake3 import blake3

from spec.reference.form import LIMITS, STEPS, Refused, need
from spec.reference.members import check_members, read_file, read_folder, read_manifest
from spec.reference.vocabulary import Audit


def read(source, limits=(), allow=()):
    """Return {step: "passed", "not-asked" or a code} of a file, a folder, or the bytes of a file."""
    code, limits, folder = "", {**LIMITS, **dict(limits)}, not isinstance(source, bytes) and Path(source).is_dir()
    data = source if folder or isinstance(source, bytes) else Path(source).read_bytes()
    try:
        members = read_folder(source, limits) if folder else read_file(memoryview(data), limits)
        manifest = read_manifest(members["manifest.json"], limits)
        check_members(manifest, members, limits)
        for name, each in manifest["members"].items():
            need(blake3(members[name]).hexdigest() == each["blake3"], "digest-mismatch")
        Audit(members, limits, allow)
    except Refused as refusal:
        code = refusal.args[0]
    last = STEPS.get(code, 7)
    return {step: "passed" if step < last else code if step == last else "not-asked" for step in (1, 3, 4, 6)}
