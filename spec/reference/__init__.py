"""A second reader of Amber artifacts, written from the pages beside it: steps 1, 3, 4 and 6. See ../README.md."""

from blake3 import blake3

from spec.reference.form import LIMITS, STEPS, Refused, need, read_manifest, read_members, signature_sizes
from spec.reference.vocabulary import Audit


def read(source, limits=(), allow=()):
    """Return {step: "passed", "not-asked" or a code} of a file, a folder, or the bytes of a file."""
    code, limits = "", {**LIMITS, **dict(limits)}
    try:
        members = read_members(source, limits)
        signature_sizes(members)
        for name, each in read_manifest(members, limits)["members"].items():
            need(blake3(members[name]).hexdigest() == each["blake3"], "digest-mismatch")
        Audit(members, limits, allow)
    except Refused as refusal:
        code = refusal.args[0]
    last = STEPS.get(code, 7)
    said = {step: "passed" if step < last else code if step == last else "not-asked" for step in (1, 2, 3, 4, 6)}
    return said | {2: code if last == 2 else "not-asked"}  # of step 2 the sizes alone
