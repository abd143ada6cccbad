"""The fuzzer notices what it is there for, and its mutations reach behind the digests."""

from __future__ import annotations

import random
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from amber.errors import AmberError
from amber.vault.check import check
from fuzz import files, graph, mutation
from fuzz.harness import Harness
from fuzz.parent import Parent
from tests.hostile import pretending

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the fuzzer's limits are those of Linux")
VECTORS = Path(__file__).resolve().parents[2] / "spec" / "vectors"
SEEDS = [path.read_bytes() for path in sorted((VECTORS / "accept").glob("*.amber")) if path.stat().st_size < 20_000]


@pytest.fixture(scope="module")
def watcher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parent]:
    made = Parent(tmp_path_factory.mktemp("findings"), pretending.serve)
    yield made
    made.stop()


@pytest.mark.parametrize(
    ("file", "says"),
    [
        (b"predict crash", "SIGSEGV: Model.predict"), (b"fit crash", "SIGSEGV: Model.fit"),
        (b"predict loop", "Model.predict: .*Late"), (b"predict native_loop", "(?s)Late|SIGXCPU: Model.predict"),
        (b"predict bomb", "Model.predict: .*MemoryError"), (b"predict broken", "Model.predict: .*SystemError"),
        (b"predict effect", "effect of Model.predict: os.system"),
    ],
)  # fmt: skip
def test_a_finding_is_found_and_kept(watcher: Parent, file: bytes, says: str) -> None:
    before = set(watcher.folder.glob("*"))
    assert watcher.ask(file) == ("finding" if b"crash" in file or b"native" in file else "built")
    made = {path.suffix: path for path in set(watcher.folder.glob("*")) - before}
    assert made[".amber"].read_bytes() == file
    assert re.search(says, made[".txt"].read_text(), re.DOTALL)


@pytest.mark.parametrize("file", [b"predict honest", b"fit loop", b"fit bomb"])
def test_what_is_an_answer_is_no_finding(watcher: Parent, file: bytes) -> None:
    before = set(watcher.folder.glob("*"))
    assert watcher.ask(file) == "built"
    assert set(watcher.folder.glob("*")) == before


def test_taking_a_file_apart_and_putting_it_together_changes_nothing() -> None:
    for data in SEEDS:
        members = files.split(data)
        assert files.join(members) == data
        if data != (VECTORS / "accept" / "tensor-order.amber").read_bytes():  # its tensors are numbered backwards
            tree = files.tree_of(members)
            assert files.join(files.with_tree(members, graph.canonical(tree))) == data


def test_mutations_pass_the_container_and_the_digests() -> None:
    mutate = mutation.Mutator(SEEDS, lambda data, size: (data + b"?")[:size])
    steps: Counter[int] = Counter()
    for number in range(300):
        data = mutate(SEEDS[number % len(SEEDS)], 1 << 20, number)
        assert data == mutate(SEEDS[number % len(SEEDS)], 1 << 20, number), "the same seed gives the same bytes"
        with check(data) as checked:
            steps[next((step.number for step in checked.steps if step.status == "failed"), 0)] += 1
    assert steps[0] > 60, "many are sound"
    assert steps[6] > 20, "some are refused by the audit alone"
    assert steps[1] < 40
    assert steps[4] == 0


def test_a_short_run_finds_nothing(tmp_path: Path) -> None:
    parent = Parent(tmp_path)
    harness = Harness(parent)
    mutate = mutation.Mutator(SEEDS, lambda data, size: random.Random(len(data)).randbytes(min(size, 64)))
    for number in range(60):
        harness(mutate(SEEDS[number % len(SEEDS)], 1 << 20, number))
    parent.stop()
    assert not list(tmp_path.iterdir())
    assert parent.counts["built"] > 10
    assert parent.counts["refused before the child"] > 10


def test_the_same_finding_is_kept_once(tmp_path: Path) -> None:
    parent = Parent(tmp_path)
    for where in ("0x7f00", "0x7f11"):
        parent.record(f"SIGSEGV at {where}, line 12", b"x")
    assert len(list(tmp_path.glob("*.amber"))) == 1
    with pytest.raises(AmberError):
        files.split(b"no container")
