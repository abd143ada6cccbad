"""`amber call` and `amber keys` as a shell sees them; the server has the real formats and no workers."""

from __future__ import annotations

import csv
import json
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("urllib3")

from amber.cli import call
from amber.cli.main import main
from amber.server.calling import transport
from amber.server.front.keys import Keys
from tests.unit.server.small_front import SmallFront, small_front


@pytest.fixture
def front(monkeypatch: pytest.MonkeyPatch) -> Iterator[SmallFront]:
    monkeypatch.setattr(transport, "_BACKOFF", 0.001)
    monkeypatch.delenv("AMBER_API_KEY", raising=False)
    with small_front() as running:
        yield running


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.csv"
    path.write_text("id,c,n,a\n" + "".join(f"{n},x{n},{100 + n},{n / 4}\n" for n in range(25)))
    return path


def call_(front: SmallFront, *words: str) -> int:
    return main(["call", *words, "--url", front.url])


def test_answers_come_in_the_order_of_the_rows(
    front: SmallFront, rows: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.csv"
    methods = ["-m", "predict", "-m", "predict_proba", "-m", "decision"]
    assert call_(front, "flow", str(rows), "-o", str(out), *methods, "--batch-rows", "4", "--concurrency", "3") == 0
    with out.open(newline="") as file:
        found = list(csv.DictReader(file))
    assert list(found[0]) == [
        "predict", "predict_proba_no", "predict_proba_yes", "decision.echo", "decision.whole",
    ]  # fmt: skip
    assert [row["decision.whole"] for row in found] == [str(100 + n) for n in range(25)]
    assert [row["predict"] for row in found] == ["no", "yes"] * 12 + ["no"]
    assert float(found[4]["predict_proba_yes"]) == 0.5
    assert "25 rows (predict" in capsys.readouterr().err
    assert [path for _, path, _, _ in front.seen].count("/v2/models/flow/infer") == 7


def test_a_pipe_gets_csv_or_what_was_asked(
    front: SmallFront, rows: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert call_(front, "flow@1.0.0", str(rows)) == 0
    assert capfdbinary.readouterr().out.splitlines()[:3] == [b"predict", b"no", b"yes"]
    assert front.seen[-1][1] == "/v2/models/flow/versions/1.0.0/infer"
    assert call_(front, "flow", str(rows), "--format", "jsonl") == 0
    assert capfdbinary.readouterr().out.splitlines()[0] == b'{"predict": "no"}'


def test_a_file_that_cannot_be_read_is_told_before_a_server_that_cannot_be_reached(
    rows: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "_BACKOFF", 0.001)
    with socket.socket() as silent:  # bound, and nobody listens
        silent.bind(("127.0.0.1", 0))
        nobody = ["--url", f"http://127.0.0.1:{silent.getsockname()[1]}"]
        assert main(["call", "flow", str(tmp_path / "missing.csv"), *nobody]) == 66
        assert "[input-unreadable]" in capsys.readouterr().err
        assert main(["call", "flow", str(rows), *nobody]) == 66
        assert "[server-unreachable]" in capsys.readouterr().err


def test_json_says_what_was_done(
    front: SmallFront, rows: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call_(front, "flow", str(rows), "--json") == 64, "two documents in one stream"
    capsys.readouterr()
    assert call_(front, "flow", str(rows), "--json", "-o", str(tmp_path / "out.jsonl")) == 0
    done = json.loads(capsys.readouterr().out)
    assert (done["rows"], done["columns"], done["model"]) == (25, ["predict"], "flow")


def test_a_refused_row_is_named_and_nothing_is_written(
    front: SmallFront, rows: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows.write_text(rows.read_text().replace("x17,117", "x17,13"))
    out = tmp_path / "out.csv"
    assert call_(front, "flow", str(rows), "-o", str(out), "--batch-rows", "4") == 2
    said = capsys.readouterr().err
    assert "line 19: 13 is refused" in said
    assert "[input-refused]" in said
    assert not out.exists()
    assert call_(front, "flow", str(rows), "-o", str(out), "--json") == 2
    error = json.loads(capsys.readouterr().out)["error"]
    assert (error["row"], error["column"], error["code"]) == (17, "n", "input-refused")


def test_a_busy_server_is_asked_again(front: SmallFront, rows: Path, tmp_path: Path) -> None:
    busy = iter([True, False, True, True])
    front.before = lambda method, path: (429, {"retry-after": "0"}, b"") if next(busy, False) else None
    assert call_(front, "flow", str(rows), "-o", str(tmp_path / "out.csv"), "--batch-rows", "9") == 0
    assert len((tmp_path / "out.csv").read_text().splitlines()) == 26


def test_keys_come_from_a_file_or_the_environment(
    front: SmallFront, rows: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "key").write_text("amber_a_b\n")
    assert call_(front, "flow", str(rows), "--api-key-file", str(tmp_path / "key")) == 0
    assert {headers["authorization"] for _, _, headers, _ in front.seen} == {"Bearer amber_a_b"}
    monkeypatch.setenv("AMBER_API_KEY", "amber_c_d")
    assert call_(front, "flow", str(rows)) == 0
    assert front.seen[-1][2]["authorization"] == "Bearer amber_c_d"
    assert call_(front, "flow", str(rows), "--api-key-file", str(tmp_path / "none")) == 66
    assert "[keys-unreadable]" in capsys.readouterr().err


def test_nobody_there_and_nothing_to_read(front: SmallFront, rows: Path, capsys: pytest.CaptureFixture[str]) -> None:
    front.before = lambda method, path: (0, {}, b"")
    assert call_(front, "flow", str(rows)) == 66
    assert "amber serve" in capsys.readouterr().err
    front.before = lambda method, path: None
    assert call_(front, "flow", "none.csv") == 66
    assert call_(front, "nope", str(rows)) == 2
    assert "no model 'nope'" in capsys.readouterr().err
    assert main(["call", "flow", str(rows), "--url", "127.0.0.1:1"]) == 64


def test_a_person_sees_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    table = call.TableWriter()
    for start in (0, 15):
        part: dict[str, Any] = {
            "predict": np.array(["[red]no", None, "x"] * 5, object),
            "p": np.arange(start, start + 15) / 7,
        }
        table.write(part)
    table.close()
    said = capsys.readouterr()
    lines = said.out.splitlines()
    assert lines[0].split() == ["row", "predict", "p"]
    assert lines[1].split() == ["1", "[red]no", "0"]
    assert lines[2].split() == ["2", "0.142857"]
    assert lines[20].split()[0] == "20"
    assert len(lines) == 21
    assert "and 10 more rows" in said.err


def test_a_key_is_printed_once_and_kept_as_a_hash(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "keys.toml"
    assert main(["keys", str(path), "--new", "web", "--scopes", "read, predict"]) == 0
    token = capsys.readouterr().out.strip()
    assert Keys(str(path)).check(token.encode()) == ("web", frozenset({"read", "predict"}))
    assert token not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert main(["keys", str(path), "--new", "boss", "--scopes", "admin", "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert (made["id"], made["scopes"]) == ("boss", ["admin"])
    assert main(["keys", str(path)]) == 0
    listed = capsys.readouterr().out
    assert [line.split() for line in listed.splitlines()] == [["web", "read,", "predict"], ["boss", "admin"]]
    assert main(["keys", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[1] == {"id": "boss", "scopes": ["admin"]}


@pytest.mark.parametrize(
    ("words", "code"),
    [(["none.toml"], 66), (["k.toml", "--new", "a b"], 64), (["k.toml", "--new", "a", "--scopes", "all"], 64)],
    ids=["missing", "name", "scope"],
)
def test_keys_that_cannot_be(
    words: list[str], code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["keys", *words]) == code
    assert capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
