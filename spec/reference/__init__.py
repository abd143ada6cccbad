"""A second reader of Amber artifacts, written from the pages beside it: steps 1, 3, 4 and 6. See ../README.md."""

from pathlib import Path

from blake3 import blake3

from spec.reference.form import LIMITS, STEPS, Refused, need
from spec.reference.members import check_members, read_file, read_folder, read_manifest
from spec.reference.vocabulary import Audit


def read(source, limits=(), allow=()):
    """Return {step: "passed", "not-asked" or a code} of a file, a folder, or the bytes of a file."""
    said, limits = dict.fromkeys((1, 3, 4, 6), "not-asked"), {**LIMITS, **dict(limits)}
    folder = not isinstance(source, bytes) and Path(source).is_dir()
    data = source if folder or isinstance(source, bytes) else Path(source).read_bytes()
    try:
        members = read_folder(source, limits) if folder else read_file(memoryview(data), limits)
        said[1] = "passed"
        manifest = read_manifest(members["manifest.json"], limits)
        check_members(manifest, members, limits)
        said[3] = "passed"
        for name, each in manifest["members"].items():
            need(blake3(members[name]).hexdigest() == each["blake3"], "digest-mismatch")
        said[4] = "passed"
        Audit(members, limits, allow)
        said[6] = "passed"
    except Refused as refusal:
        said[STEPS[refusal.args[0]]] = refusal.args[0]
    return said
