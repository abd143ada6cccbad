from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from amber.archive import manifest as m
from amber.archive import peek
from amber.archive.assemble import assemble
from amber.archive.digests import artifact_id
from amber.archive.source import open_source
from amber.archive.write import to_bytes, write_artifact, write_folder
from amber.errors import AmberError
from amber.limits import Limits
from amber.policy import Policy
from amber.tree import nodes
from amber.tree.nodes import Tree
from amber.vault import inspect as module
from amber.vault.inspect import Info, inspect
from amber.vault.outline import MAX_CHILDREN, outline
from tests.unit.archive.samples import CARD, LOCK, artifact, draft, evidence, members, tree_of

EVIL = "a\u202eb\x1b[31m<script>"


def rich() -> bytes:
    tree = Tree(
        [
            nodes.List([1, 2, 3, 4]),
            nodes.Object("sklearn.preprocessing.StandardScaler", {}),
            nodes.Custom("mypkg.text.Scaler", {"sep": 5}),
            nodes.FunctionRef("numpy.log1p"),
            nodes.CustomFunction("mypkg.text.clean"),
            nodes.Str(EVIL),
        ],
        0,
        [],
        [],
    )
    about = draft(
        metadata={"note": EVIL},
        inputs=[
            m.InputInfo(name="age", dtype="FP64", shape=[-1, 1], schema=m.Schema(range=(0, "99.5"))),
            m.InputInfo(name=EVIL, dtype="BYTES", shape=[-1, 1], schema=m.Schema(categories=["a", "b"])),
        ],
        outputs=[
            m.OutputInfo(method="predict", name="label", dtype="INT64", shape=[-1], classes=[0, 1]),
            m.OutputInfo(
                method="predict_proba",
                name="p",
                dtype="FP64",
                shape=[-1, 2],
                tolerance=m.Tolerance(relative="1e-09", absolute="1e-12"),
            ),
        ],
        lineage=m.Lineage(parent="0" * 64),
        licence="Apache-2.0",
        created="2030-01-31T12:00:00Z",
    )
    return to_bytes(assemble(about, tree, evidence(), LOCK, CARD))


def test_what_an_info_holds() -> None:
    info = inspect(rich())
    assert (info.name, info.version, info.kind, info.methods) == ("churn", "1.4.0", "classifier", ["predict"])
    assert info.types == {"sklearn.preprocessing.StandardScaler": 1}
    assert info.functions == ("numpy.log1p",)
    assert info.allow == ("mypkg.text.Scaler", "mypkg.text.clean")
    assert info.environment == {"python": "3.11.4"}
    assert (info.digests, info.signature_status, info.form) == ("passed", "not-present", "bytes")
    assert info.manifest.cases is not None
    assert info.manifest.cases.rows == 2
    assert info.id == artifact_id({name: [view] for name, view in open_source(rich()).members.items()})


def test_it_can_be_read_by_people() -> None:
    text = str(inspect(rich()))
    for words in ("churn 1.4.0: classifier", "2 rows, from the sample", "--allow mypkg.text.Scaler", "within 1e-09",
                  "age FP64 [any, 1] 0 to 99.5", "2 categories", "roc_auc 0.91", "not-present"):  # fmt: skip
        assert words in " ".join(text.split()), words
    for forbidden in ("\u202e", "\x1b"):
        assert forbidden not in text
    assert "<script>" not in inspect(rich())._repr_html_()


def test_it_can_be_read_by_programs() -> None:
    found = json.loads(json.dumps(inspect(rich()).to_dict()))
    assert found["name"] == "churn"
    assert found["cases"]["source"] == "sample"
    assert found["allow"] == ["mypkg.text.Scaler", "mypkg.text.clean"]
    assert found["signatures"] == {"status": "not-present", "members": []}
    assert found["members"]["README.md"] == len(CARD)


@pytest.mark.parametrize("form", ["file", "folder", "bytes", "object"])
@pytest.mark.parametrize("with_id", [True, False, None])
def test_forms_and_ids(tmp_path: Path, form: str, with_id: bool | None) -> None:
    write_artifact(tmp_path / "m.amber", members())
    write_folder(tmp_path / "m", members())
    source: Any = {"folder": tmp_path / "m", "bytes": artifact(), "object": io.BytesIO(artifact())}.get(form)
    info = inspect(source or tmp_path / "m.amber", id=with_id)
    assert info.id == ("" if with_id is False else artifact_id(members()))
    assert info.digests == ("not-asked" if with_id is False else "passed")


@pytest.mark.parametrize("form", ["file", "folder", "bytes"])
def test_above_16_mib_the_id_must_be_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    monkeypatch.setattr(module, "ID_BYTES", 100)
    write_artifact(tmp_path / "m.amber", members())
    write_folder(tmp_path / "m", members())
    source: Any = {"folder": tmp_path / "m", "bytes": artifact()}.get(form, tmp_path / "m.amber")
    info = inspect(source)
    assert (info.id, info.digests) == ("", "not-asked")
    assert "not computed" in str(info)
    assert inspect(source, id=True).id == artifact_id(members())


def test_arrays_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_artifact(tmp_path / "m.amber", members(tree_of(3 * 1024 * 1024)))
    seen: list[int] = []
    real = peek._file_fetch

    def counted(descriptor: int, where: str) -> Any:
        fetch = real(descriptor, where)
        return lambda offset, size: (seen.append(size), fetch(offset, size))[1]

    monkeypatch.setattr(peek, "_file_fetch", counted)
    assert inspect(tmp_path / "m.amber", id=False).size > 3 * 1024 * 1024
    assert sum(seen) < 100_000


def test_no_framework_is_imported(tmp_path: Path) -> None:
    (tmp_path / "m.amber").write_bytes(rich())
    code = (
        "import sys; from amber.vault.inspect import inspect; i = inspect(sys.argv[1]); str(i); i.tree(); i.to_dict();"
        "print(sorted({m.split('.')[0] for m in sys.modules} & {'numpy','scipy','sklearn','pandas','mypkg'}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "m.amber")], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_what_is_refused(tmp_path: Path) -> None:
    for source, code in ((b"", "container-not-canonical"), (tmp_path / "absent", "source-missing"),
                         ("https://a/b", "source-url"), (artifact()[:-3], "container-not-canonical")):  # fmt: skip
        with pytest.raises(AmberError) as caught:
            inspect(source)
        assert caught.value.code == code
    with pytest.raises(AmberError) as caught:
        inspect(artifact(), id=False, policy=Policy(limits=Limits(tree_bytes=4)))
    assert caught.value.code == "limit-tree-bytes"


@pytest.mark.parametrize("lock", [b"\xff", b"a = [", b"a = " + b"[" * 5000, b"tool = 3"])
def test_odd_environments(lock: bytes) -> None:
    data = to_bytes(assemble(draft(), tree_of(3), None, lock))
    if lock == b"tool = 3":
        assert inspect(data).environment == {}
        return
    with pytest.raises(AmberError) as caught:
        inspect(data)
    assert caught.value.code == "environment-invalid"


def test_a_damaged_small_artifact_is_refused_by_a_first_look_too(tmp_path: Path) -> None:
    data = artifact()
    at = data.index(b'"churn"') + 2
    (tmp_path / "m").write_bytes(data[:at] + b"x" + data[at + 1 :])
    with pytest.raises(AmberError) as caught:
        inspect(tmp_path / "m", id=False)
    assert caught.value.code == "crc-mismatch"


def test_the_tree_as_text() -> None:
    lines = inspect(rich()).tree().splitlines()
    assert lines[:3] == [
        "model: list of 4",
        "  [0]: sklearn.preprocessing.StandardScaler",
        "  [1]: mypkg.text.Scaler (custom)",
    ]
    assert "\u202e" not in "".join(lines)
    assert any("numpy.log1p" in line for line in lines)


def test_shared_nodes_and_cycles_are_marked() -> None:
    tree = Tree([nodes.List([1, 1, 0]), nodes.List([0])], 0, [], [])
    assert outline(tree).splitlines() == [
        "model: list of 3 &0", "  [0]: list of 1 &1", "    [0]: *0 list of 3", "  [1]: *1 list of 1",
        "  [2]: *0 list of 3",
    ]  # fmt: skip


def test_scalars_are_not_marked_and_pairs_are_numbered() -> None:
    tree = Tree([nodes.List([1, 1]), nodes.Tuple([2, 3]), nodes.Str("clf"), nodes.NoneNode()], 0, [], [])
    assert outline(tree).splitlines() == [
        "model: list of 2", "  [0]: tuple of 2 &1", "    [0]: 'clf'", "    [1]: none", "  [1]: *1 tuple of 2",
    ]  # fmt: skip
    same = Tree([nodes.List([1, 1]), nodes.NoneNode()], 0, [], [])
    assert outline(same).splitlines() == ["model: list of 2", "  [0]: none", "  [1]: none"]


def test_the_outline_is_bounded() -> None:
    wide = Tree([nodes.List(list(range(1, 5001))), *[nodes.Int(i) for i in range(5000)]], 0, [], [])
    text = outline(wide).splitlines()
    assert len(text) == MAX_CHILDREN + 2
    assert text[-1].strip() == "... and more"
    deep = Tree([*[nodes.List([i + 1]) for i in range(5000)], nodes.NoneNode()], 0, [], [])
    assert len(outline(deep).splitlines()) < 100
    assert outline(wide, max_lines=5).splitlines()[-1].startswith("... cut after 5 lines")


def test_every_kind_of_node_can_be_described() -> None:
    children: list[Any] = [
        nodes.NoneNode(), nodes.EllipsisNode(), nodes.Bool(True), nodes.Int(3), nodes.Float("0.5"),
        nodes.Complex("0.5", "1.0"),
        nodes.Str("a"), nodes.Utf16("ANg="), nodes.Bytes("AA=="), nodes.ByteArray("AA=="), nodes.Range(0, 1,
        1), nodes.Tuple([]),
        nodes.Set([]), nodes.FrozenSet([]), nodes.Deque([], None), nodes.Dict([]), nodes.OrderedDict([]),
        nodes.Array("<f8", [0], "C", None), nodes.ObjectArray([0], "C", []), nodes.Scalar("<f8", "00" * 8),
        nodes.Dtype("<f8"),
        nodes.Structured([], 0, False), nodes.TypeRef("numpy.float64"), nodes.Link("rng.global"),
        nodes.CustomType("a.B"),
        nodes.Strings("list", 0),
    ]  # fmt: skip
    tree = Tree([nodes.List(list(range(1, len(children) + 1))), *children], 0, [["x", "y"]], [])
    text = outline(tree)
    assert len(text.splitlines()) == len(children) + 1
    assert "list of 2 str" in text
    assert "range 0, 1, 1" in text


def test_a_notebook_shows_escaped_text() -> None:
    info: Info = inspect(rich())
    assert info._repr_html_().startswith("<pre>")
    assert "&lt;script&gt;" in info._repr_html_()
