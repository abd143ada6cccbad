"""Steps 3, 4 and 7: manifests, members that do not fit them, digests that differ, environments that are none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from amber.archive import names
from tools.vectors.artifact import Draft, pack, plain
from tools.vectors.index import Vector, reject

ZEROS = "0" * 64


def vectors() -> Iterator[Vector]:
    yield from _form()
    yield from _head()
    yield from _values()
    yield from _members()
    yield from _limits()
    yield from _digests()
    yield from _environments()


def _with(**keys: Any) -> Draft:
    draft = plain()
    draft.manifest = draft.manifest | keys
    return draft


def _without(key: str) -> Draft:
    draft = plain()
    del draft.manifest[key]
    return draft


def _bytes(change: Callable[[bytes], bytes]) -> Draft:
    draft = plain()
    draft.manifest_bytes = change
    return draft


def _replace(old: bytes, new: bytes) -> Draft:
    def change(data: bytes) -> bytes:
        assert old in data
        return data.replace(old, new, 1)

    return _bytes(change)


def _form() -> Iterator[Vector]:
    for what, draft, shows in (
        ("empty", _bytes(lambda data: b""), "no byte"),
        ("not-json", _bytes(lambda data: b"format: 1\n"), "YAML"),
        ("array", _bytes(lambda data: b"[]"), "an array"),
        ("null", _bytes(lambda data: b"null"), "null"),
        ("latin-1", _replace(b'"object"', b'"obj\xe9ct"'), "not UTF-8"),
        ("surrogate", _replace(b'"object"', b'"\\ud800"'), "an escaped lone surrogate"),
        ("deep", _bytes(lambda data: b"[" * 20_000), "20 000 open brackets"),
        ("nan", _with_raw_metric(b"NaN"), "NaN, which is no JSON"),
        ("cut", _bytes(lambda data: data[:-1]), "the last brace is missing"),
        ("unknown-key", _with(entry_point="os.system"), "an unknown key at the top"),
        ("trusted-list", _with(allow=["os.system"], policy={"allow": ["os.system"]}), "a policy that the file brings"),
        ("unknown-key-inside", _with(adapter={"id": "python", "state_version": 1, "x": 1}), "an unknown key inside"),
        ("missing-key", _without("methods"), "a required key is absent"),
        ("wrong-type", _with(methods={}), "an object where an array is needed"),
        ("float", _with_raw_metric(b"0.5"), "a JSON number with a fraction"),
    ):
        yield reject("manifest-invalid", what, draft, f"manifest.json: {shows}", 3)
    for what, draft, shows in (
        ("space", _bytes(lambda data: data + b" "), "a space at the end"),
        ("newline", _bytes(lambda data: data + b"\n"), "a line feed at the end"),
        ("indented", _bytes(lambda data: data.replace(b",", b", ")), "spaces after commas"),
        ("unsorted", _replace(b'"adapter":{"id":"python","state_version":1}',
                              b'"adapter":{"state_version":1,"id":"python"}'), "keys that are not sorted"),
        ("escape", _replace(b'"object"', b'"\\u006fbject"'), "an escape that is not needed"),
        ("duplicate-key", _replace(b'"name":"model"', b'"name":"model","name":"model"'), "a key twice"),
        ("duplicate-key-other", _replace(b'"name":"model"', b'"name":"evil","name":"model"'),
         "a key twice with two values"),
        ("duplicate-member", _replace(b'"members":{', b'"members":{"env/pylock.toml":{"blake3":"' + ZEROS.encode()
                                      + b'","size":0},'), "two digests for one member"),
        ("default", _with(programs=[]), "a key that holds its default and is then absent"),
        ("null-key", _with(created=None), "null for a key that is then absent"),
        ("minus-zero", _with_raw_metric(b"-0"), "the integer -0"),
    ):  # fmt: skip
        yield reject("manifest-not-canonical", what, draft, f"manifest.json: {shows}", 3)


def _with_raw_metric(text: bytes) -> Draft:
    return _replace(b'"metrics":{}', b'"metrics":{"m":' + text + b"}")


def _head() -> Iterator[Vector]:
    yield reject("format-unknown", "2", _with(format=2), "a format version to come", 3)
    yield reject("format-unknown", "0", _with(format=0), "a format version that never was", 3)
    later = _with(format=2, requires=["zstd"], surprise={})
    yield reject("format-unknown", "2-with-more", later, "the version decides before unknown keys do", 3)
    yield reject("requires-unknown", "zstd", _with(requires=["zstd"]), "a feature this version does not have", 3)


def _values() -> Iterator[Vector]:
    for what, name in (
        ("empty", ""), ("upper", "Churn"), ("path", "../churn"), ("two-dots", "a..b"), ("long", "a" * 64),
        ("unicode", "\u0430bc"), ("newline", "a\n"),
    ):  # fmt: skip
        yield reject("name-invalid", what, _with(name=name), f"name: {what}", 3)
    for what, version in (
        ("two", "1.2"), ("leading-zero", "1.02.3"), ("pre-release", "1.0.0-rc1"), ("words", "latest"),
        ("digits", "1.0.\u0663"), ("negative", "-1.0.0"),
    ):  # fmt: skip
        yield reject("version-invalid", what, _with(version=version), f"version: {what}", 3)
    for what, value in (("nan", "nan"), ("infinite", "inf"), ("text", "high"), ("spelling", "0.50"), ("hex", "0x1p3"),
                        ("underscore", "1_0.0"), ("large", 2**53)):  # fmt: skip
        yield reject("metric-not-finite", what, _with(metrics={"roc_auc": value}), f"a metric: {what}", 3)
    column = {"name": "a", "dtype": "<f8", "shape": [-1]}
    output = {"method": "predict", "name": "y", "dtype": "<f8", "shape": [-1]}
    summary = {"count": 3, "missing": 0}
    cases: list[tuple[str, Draft]] = [
        ("kind", _with(kind="Object!")),
        ("adapter-id", _with(adapter={"id": "../x", "state_version": 1})),
        ("state-version", _with(adapter={"id": "python", "state_version": 0})),
        ("created", _with(created="yesterday")),
        ("created-date", _with(created="2030-02-30T00:00:00Z")),
        ("created-zone", _with(created="2030-01-01T00:00:00+01:00")),
        ("lineage-parent", _with(lineage={"parent": "x"})),
        ("lineage-note", _with(lineage={"parent": ZEROS, "note": "x" * 4097})),
        ("licence", _with(licence="\u00a9")),
        ("licence-empty", _with(licence="")),
        ("digest-upper", _listed({"blake3": "A" * 64, "size": 1})),
        ("digest-short", _listed({"blake3": "0" * 63, "size": 1})),
        ("size-negative", _listed({"blake3": ZEROS, "size": -1})),
        ("metadata-large", _with(metadata={"n": 2**53})),
        ("metadata-key", _with(metadata={"\U0001f511": 1})),
        ("metadata-key-control", _with(metadata={"a\n": 1})),
        ("metadata-key-empty", _with(metadata={"": 1})),
        ("metadata-deep", _with(metadata=_nested(40))),
        ("hyperparameters-large", _with(hyperparameters={"n": -(2**53)})),
        ("extensions-name", _with(extensions={"evil": {}})),
        ("libraries-name", _with(libraries={"scikit learn": "1.0"})),
        ("libraries-version", _with(libraries={"numpy": "1.0; import os"})),
        ("metric-name", _with(metrics={"\U0001f511": 1})),
        ("metric-name-empty", _with(metrics={"": 1})),
        ("methods-unsorted", _with(methods=["predict", "decision_function"])),
        ("methods-twice", _with(methods=["predict", "predict"])),
        ("methods-name", _with(methods=["__reduce__ "])),
        ("batching-method", _with(batching={"predict": {"original": "exact"}})),
        ("input-dtype", _with(inputs=[column | {"dtype": ""}])),
        ("input-shape", _with(inputs=[column | {"shape": [-2]}])),
        ("input-name", _with(inputs=[column | {"name": "x" * 4097}])),
        ("schema-kinds", _with(inputs=[column | {"schema": {"kinds": ["number", "missing"]}}])),
        ("schema-order", _with(inputs=[column | {"schema": {"order": -1}}])),
        ("schema-range", _with(inputs=[column | {"schema": {"range": [0, "many"]}}])),
        ("summary-count", _with(inputs=[column | {"summary": summary | {"count": -1}}])),
        ("summary-missing", _with(inputs=[column | {"summary": summary | {"missing": 2}}])),
        ("summary-quantiles", _with(inputs=[column | {"summary": summary | {"quantiles": [1, 2]}}])),
        ("summary-support", _with(inputs=[column | {"summary": summary | {"categories": [["rare", 4]]}}])),
        ("output-method", _with(outputs=[output | {"method": "1"}])),
        ("tolerance-negative", _with(outputs=[output | {"tolerance": {"relative": "-0.1", "absolute": 0}}])),
        ("tolerance-infinite", _with(outputs=[output | {"tolerance": {"relative": "inf", "absolute": 0}}])),
    ]  # fmt: skip
    for what, draft in cases:
        yield reject("manifest-value", what, draft, f"a value of the manifest: {what}", 3)


def _nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = {"a": value}
    return value


def _listed(entry: dict[str, Any]) -> Draft:
    draft = plain()
    draft.listed = {names.TREE: entry}
    return draft


def _members() -> Iterator[Vector]:
    draft = plain()
    draft.extra = {"model/more.json": b"{}"}
    yield reject("member-unknown", "place", draft, "a listed member in a place the format does not have", 3)
    for what, name in (
        ("folder", "code/main.py"), ("pickle", "model/model.pkl"), ("shard-name", "model/tensors-1.safetensors"),
        ("signature", "signatures/0001-oms.json"), ("signature-kind", "signatures/0001-gpg.sigstore.json"),
    ):  # fmt: skip
        draft = plain()
        draft.extra = {name: b"x"}
        yield reject("member-unknown", what, draft, f"there is a member {name}", 3)
    draft = plain()
    draft.extra, draft.unlisted = {"README.md": b"# Card\n"}, ["README.md"]
    yield reject("member-unlisted", "card", draft, "a member that the manifest does not list", 3)
    draft = plain()
    draft.extra = {"cases/g000.json": b"{}", "cases/g000.bin": b""}
    yield reject("member-unlisted", "cases", draft, "cases, but no `cases` in the manifest", 3)
    draft = plain()
    draft.extra = {"programs/p.onnx": b"", "programs/p.json": b"{}"}
    yield reject("member-unlisted", "program", draft, "a program that the manifest does not describe", 3)
    yield from _missing()
    draft = plain()
    draft.listed = {names.TREE: {"blake3": ZEROS, "size": 1}}
    yield reject("member-size", "tree", draft, "the manifest gives a member another size", 3)
    draft = plain()
    draft.listed = {names.shard_name(1): {"blake3": ZEROS, "size": 2**52}}
    yield reject("member-size", "huge", draft, "the manifest gives a shard four petabytes", 3)
    draft = plain()
    draft.extra = {"signatures/0001-test-result.sigstore.json": b" " * (256 * 1024 + 1)}
    yield reject("member-too-large", "signature", draft, "a signature of more than 256 KiB", 2)
    draft = plain()
    draft.extra = {"README.md": b"caf\xe9\n"}
    yield reject("card-invalid", "latin-1", draft, "the card is not UTF-8", 3)


def _missing() -> Iterator[Vector]:
    described = {"contains_training_rows": False, "dropped": 0, "knife_edge": 0, "rows": 1, "source": "synthetic"}
    drafts: list[tuple[str, Draft, str]] = []
    for what, name in (("tree", names.TREE), ("environment", names.ENVIRONMENT)):
        draft = plain()
        draft.without = [name]
        drafts.append((what, draft, f"there is no {name}"))
    draft = plain()
    draft.listed = {"README.md": {"blake3": ZEROS, "size": 0}}
    drafts.append(("listed", draft, "a listed member that is not there"))
    draft = plain()
    draft.extra = {"model/tensors-00003.safetensors": b"x"}
    drafts.append(("shard", draft, "shards 1 and 3, but no shard 2"))
    drafts.append(("cases", _with(cases=described), "the manifest describes cases, there are none"))
    draft = _with(cases=described)
    draft.extra = {"cases/g000.json": b"{}"}
    drafts.append(("case-half", draft, "the JSON of a group without its tensors"))
    program = {"certificate": {}, "domain": {}, "member": "programs/p.onnx", "name": "p", "precision": "float64"}
    drafts.append(("program", _with(programs=[program]), "the manifest describes a program that is not there"))
    draft = _with(programs=[program])
    draft.extra = {"programs/p.onnx": b""}
    drafts.append(("program-half", draft, "a graph without its plan"))
    for what, draft, shows in drafts:
        yield reject("member-missing", what, draft, shows, 3)


def _limits() -> Iterator[Vector]:
    data = plain().data()
    for name, value in (("manifest_bytes", 100), ("tree_bytes", 20), ("strings_bytes", 5), ("environment_bytes", 10)):
        code = "limit-" + name.replace("_", "-")
        yield reject(code, "small-limit", data, f"larger than the reader's {name}", 3, limits={name: value})
    draft = plain()
    draft.extra = {"README.md": b"# Card\n" * 10}
    yield reject("limit-card-bytes", "small-limit", draft, "larger than the reader's card_bytes", 3,
                 limits={"card_bytes": 20})  # fmt: skip
    draft = _with(cases={"contains_training_rows": False, "dropped": 0, "knife_edge": 0, "rows": 1,
                         "source": "synthetic"})  # fmt: skip
    draft.extra = {"cases/g000.json": b"{}", "cases/g000.bin": bytes(64)}
    yield reject("limit-cases-members", "small-limit", draft, "more members than cases_members", 3,
                 limits={"cases_members": 1})  # fmt: skip
    yield reject("limit-cases-bytes", "small-limit", draft, "larger than cases_bytes", 3, limits={"cases_bytes": 10})


def _digests() -> Iterator[Vector]:
    base = plain()
    for what, name in (("tree", names.TREE), ("tensor", names.shard_name(1)), ("environment", names.ENVIRONMENT)):
        draft = plain()
        data = base.members()[name]
        draft.listed = {name: {"blake3": ZEROS, "size": len(data)}}
        yield reject("digest-mismatch", what, draft, f"the manifest gives {name} another digest", 4)
    members = base.members()
    shard = bytearray(members[names.shard_name(1)])
    shard[-1] ^= 0x80
    changed = members | {names.shard_name(1): bytes(shard)}
    yield reject("digest-mismatch", "swapped", pack(list(changed.items())),
                 "a changed tensor in a container that was written again (its CRC is right)", 4)  # fmt: skip
    yield reject("digest-mismatch", "folder", changed, "a changed tensor in the folder form", 4)
    exchanged = members | {
        names.TREE: members[names.ENVIRONMENT].ljust(len(members[names.TREE]))[: len(members[names.TREE])]
    }
    yield reject("digest-mismatch", "other-member", pack(list(exchanged.items())), "a member holds another's bytes", 4)


def _environments() -> Iterator[Vector]:
    for what, data, shows in (
        ("json", b'{"lock-version": "1.0"}', "JSON"),
        ("latin-1", b'lock-version = "\xe9"\n', "not UTF-8"),
        ("duplicate", b"a = 1\na = 2\n", "a key twice"),
        ("deep", b"a = " + b"[" * 20_000, "20 000 open brackets"),
    ):
        draft = plain()
        draft.extra = {names.ENVIRONMENT: data}
        yield reject("environment-invalid", what, draft, f"env/pylock.toml is no TOML: {shows}", 7)
