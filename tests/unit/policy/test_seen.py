"""The memory of versions: against a plain dict, against damage, and against somebody writing at the same time."""

from __future__ import annotations

import json
import os
import stat
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amber.errors import SourceError, UsageError
from amber.policy.seen import Seen
from tests.unit.policy.material import ID, OTHER_ID


@pytest.fixture
def seen(tmp_path: Path) -> Seen:
    return Seen(str(tmp_path / "state" / "seen.json"))


def code(found: object) -> str:
    return getattr(found, "code", "")


def test_checking_remembers_nothing(seen: Seen) -> None:
    assert seen.check("churn", "999.0.0", ID) is None
    assert not os.path.lexists(seen.path)
    assert seen.check("churn", "1.0.0", OTHER_ID) is None


def test_it_rises_when_told_and_refuses_what_is_older(seen: Seen) -> None:
    assert seen.raise_to("churn", "1.9.0", ID) is None
    assert code(seen.check("churn", "1.8.99", ID)) == "version-rollback"
    assert seen.check("churn", "1.9.0", ID) is None
    assert code(seen.check("churn", "1.9.0", OTHER_ID)) == "version-reused"
    assert seen.check("churn", "1.10.0", OTHER_ID) is None
    assert seen.check("fraud", "0.0.1", ID) is None
    assert seen.raise_to("churn", "1.10.0", OTHER_ID) is None
    assert code(seen.raise_to("churn", "1.9.0", ID)) == "version-rollback"
    assert code(seen.raise_to("churn", "1.10.0", ID)) == "version-reused"
    assert seen.check("churn", "1.10.0", OTHER_ID) is None


@pytest.mark.parametrize("version", ["0.0.0", "1.0", ""])
def test_without_a_version_nothing_passes(seen: Seen, version: str) -> None:
    assert code(seen.check("churn", version, ID)) == "version-rollback"
    assert code(seen.raise_to("churn", version, ID)) == "version-rollback"
    assert not os.path.lexists(seen.path)


def test_only_forgetting_lowers_it(seen: Seen) -> None:
    assert seen.forget("churn") == ""
    seen.raise_to("churn", "2.0.0", ID)
    seen.raise_to("fraud", "2.0.0", ID)
    assert seen.forget("churn") == "2.0.0"
    assert seen.forget("churn") == ""
    assert seen.check("churn", "1.0.0", OTHER_ID) is None
    assert code(seen.check("fraud", "1.0.0", OTHER_ID)) == "version-rollback"


@pytest.mark.skipif(sys.platform == "win32", reason="files have no mode of this form there")
def test_it_is_private(seen: Seen) -> None:
    seen.raise_to("churn", "2.0.0", ID)
    folder = Path(seen.path).parent
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    os.chmod(seen.path, 0o666)
    with pytest.raises(UsageError) as caught:
        seen.check("churn", "3.0.0", ID)
    assert caught.value.code == "policy-permissions"


@pytest.mark.skipif(sys.platform == "win32", reason="files have no mode of this form there")
def test_a_folder_that_is_there_keeps_its_mode_and_must_not_be_everybodys(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    Seen(str(tmp_path / "seen.json")).raise_to("churn", "1.0.0", ID)
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755
    tmp_path.chmod(0o777)
    with pytest.raises(UsageError) as caught:
        Seen(str(tmp_path / "seen.json")).raise_to("churn", "2.0.0", ID)
    assert caught.value.code == "policy-permissions"


ENTRY = {"version": "1.0.0", "id": ID}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        "not json",
        "\udcff",
        "[" * 100_000,
        json.dumps({"format": 2, "seen": {}}),
        json.dumps({"format": 1, "seen": []}),
        json.dumps({"format": 1, "seen": {}, "more": 1}),
        json.dumps({"format": 1, "seen": {"Churn": ENTRY}}),
        json.dumps({"format": 1, "seen": {"churn": "1.0.0"}}),
        json.dumps({"format": 1, "seen": {"churn": {"version": "1.0.0"}}}),
        json.dumps({"format": 1, "seen": {"churn": {**ENTRY, "version": 1}}}),
        json.dumps({"format": 1, "seen": {"churn": {**ENTRY, "version": "1.0"}}}),
        json.dumps({"format": 1, "seen": {"churn": {**ENTRY, "id": "abc"}}}),
        json.dumps({"format": 1, "seen": {"churn": ENTRY, "twice": ENTRY}}).replace("twice", "churn"),
    ],
    ids=range(16),
)
def test_a_damaged_file_refuses_and_is_never_started_anew(tmp_path: Path, text: str) -> None:
    path = tmp_path / "seen.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    before = path.read_bytes()
    seen = Seen(str(path))
    for action in (
        lambda: seen.check("churn", "1.0.0", ID),
        lambda: seen.raise_to("churn", "1.0.0", ID),
        lambda: seen.forget("churn"),
    ):
        with pytest.raises(UsageError) as caught:
            action()
        assert caught.value.code == "seen-invalid"
    assert path.read_bytes() == before


def test_a_place_that_cannot_be_used_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SourceError) as caught:
        Seen(str(tmp_path / "file" / "seen.json")).raise_to("churn", "1.0.0", ID)
    assert caught.value.code == "seen-unusable"
    (tmp_path / "seen.json").mkdir()
    with pytest.raises(SourceError) as caught:
        Seen(str(tmp_path / "seen.json")).check("churn", "1.0.0", ID)
    assert caught.value.code == "seen-unusable"


def test_a_failed_write_leaves_the_old_one(seen: Seen, monkeypatch: pytest.MonkeyPatch) -> None:
    seen.raise_to("churn", "1.0.0", ID)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(SourceError) as caught:
        seen.raise_to("churn", "2.0.0", ID)
    assert caught.value.code == "seen-unusable"
    monkeypatch.undo()
    assert seen.check("churn", "1.0.0", ID) is None
    assert len(os.listdir(os.path.dirname(seen.path))) == 2


def test_many_at_once_lose_nothing(seen: Seen) -> None:
    def work(number: int) -> None:
        seen.raise_to(f"m{number % 3}", f"1.{number}.0", f"{number:064x}")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = json.loads(Path(seen.path).read_text())["seen"]
    assert {name: entry["version"] for name, entry in found.items()} == {"m0": "1.21.0", "m1": "1.22.0", "m2": "1.23.0"}


steps = st.tuples(
    st.sampled_from(["check", "raise", "forget"]),
    st.sampled_from(["a", "b"]),
    st.tuples(*[st.integers(0, 2)] * 3),
    st.sampled_from([ID, OTHER_ID]),
)


@given(st.lists(steps, max_size=20))
def test_it_is_a_dict_of_highest_versions(todo: list[tuple[str, str, tuple[int, ...], str]]) -> None:
    import tempfile

    model: dict[str, tuple[tuple[int, ...], str]] = {}
    with tempfile.TemporaryDirectory() as folder:
        seen = Seen(os.path.join(folder, "seen.json"))
        for action, name, version, identity in todo:
            text = ".".join(map(str, version))
            held = model.get(name)
            expected = ""
            if version == (0, 0, 0) or (held and version < held[0]):
                expected = "version-rollback"
            elif held and version == held[0] and identity != held[1]:
                expected = "version-reused"
            if action == "forget":
                assert bool(seen.forget(name)) is (model.pop(name, None) is not None)
            elif action == "check":
                assert code(seen.check(name, text, identity)) == expected
            else:
                assert code(seen.raise_to(name, text, identity)) == expected
                if not expected:
                    model[name] = (version, identity)


@pytest.mark.skipif(sys.platform == "win32", reason="folders have no mode of this form there")
def test_a_memory_that_others_can_take_away_is_not_asked_either(seen: Seen) -> None:
    """Whoever may write the folder removes the file, and an old version would be the first one ever seen."""
    assert seen.raise_to("churn", "1.9.0", ID) is None
    os.unlink(seen.path)
    Path(seen.path).parent.chmod(0o777)
    with pytest.raises(UsageError) as caught:
        seen.check("churn", "1.0.0", OTHER_ID)
    assert caught.value.code == "policy-permissions"


def test_a_rollback_says_how_to_let_it_pass_under_this_policy(tmp_path: Path) -> None:
    seen = Seen(str(tmp_path / "seen.json"), "my policies/policy.toml")
    seen.raise_to("churn", "2.0.0", ID)
    refused = seen.check("churn", "1.0.0", ID)
    assert refused is not None
    assert "`amber trust forget churn --policy 'my policies/policy.toml'` lowers it" in refused.message
