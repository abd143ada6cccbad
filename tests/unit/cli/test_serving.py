"""What `amber serve` shows of each event, and what `--check` exits with; the words of the shell become settings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import pytest

from amber.cli.main import main
from amber.cli.serving import Shown
from amber.server import events
from amber.server.front import app
from amber.server.settings import Settings

LISTENING = events.Listening(http=["http://127.0.0.1:8080"], grpc="127.0.0.1:8081", docs="/docs", pid=7)
LOADED = events.Loaded(
    path="churn.amber", name="churn", version="1.4.0", route="program", cases=2056, seconds=0.44,
    verdicts={"original": "unchecked", "program": "identical"}, notes=["numpy 2.1 -> 2.2"],
)  # fmt: skip
REFUSED = events.Refused(
    path="bad.amber", name="bad", version="2.0.0", verdict="drifted", code="verdict-drifted", reason="3 labels flipped",
    hint="amber verify bad.amber",
)  # fmt: skip


def shown(said: list[events.AnyEvent], capsys: pytest.CaptureFixture[str], **how: bool) -> str:
    with Shown(**{"as_json": False, "check": False, "keys": False, **how}) as screen:
        for event in said:
            screen.announce(event)
    return click.unstyle(capsys.readouterr().out)


def test_a_person_sees_what_is_served_where(capsys: pytest.CaptureFixture[str]) -> None:
    text = shown([events.Loading(path="churn.amber"), LISTENING, LOADED, events.Ready(ready=True, seconds=0.5)], capsys)
    assert text.splitlines() == [
        "churn 1.4.0  program identical, original unchecked, 2,056 cases, 0.4 s; served: the program",
        "  note   numpy 2.1 -> 2.2",
        "ready at http://127.0.0.1:8080 after 0.5 s; Ctrl-C ends it",
        "  model  http://127.0.0.1:8080/v2/models/churn",
        "  docs   http://127.0.0.1:8080/docs",
        "  gRPC   127.0.0.1:8081",
        "  try    curl http://127.0.0.1:8080/v1/models/churn:predict -H 'content-type: text/csv'"
        " --data-binary @rows.csv",
    ]


def test_the_example_can_be_typed(capsys: pytest.CaptureFixture[str]) -> None:
    loaded = events.Loaded(path="p", name="m", version="1.0.0", route="program", example='[{"city":"O\'Hare"}]')
    text = shown([LISTENING, loaded, events.Ready(ready=True)], capsys, keys=True)
    assert 'curl -H "authorization: Bearer $KEY" http://127.0.0.1:8080/v1/models/m:predict -d' in text
    assert """'[{"city":"O'"'"'Hare"}]'""" in text


def test_what_is_refused_says_why_and_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    text = shown([LISTENING, REFUSED, events.Ready(ready=False)], capsys)
    assert "not served: bad 2.0.0: drifted: 3 labels flipped" in text
    assert "what to do: amber verify bad.amber" in text
    assert "[verdict-drifted]" in text
    assert "not ready at" in text


def test_a_long_reason_keeps_its_lines(capsys: pytest.CaptureFixture[str]) -> None:
    text = shown([events.Refused(path="a.amber", code="c", reason="first\n  - second", verdict="drifted")], capsys)
    assert text.splitlines() == ["not served: a.amber: drifted: first", "  - second", "  [c]"]


def test_later_events_are_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    noted = events.Noted(message="a worker ended and was forked anew", name="churn", version="1.4.0")
    text = shown([noted, events.Noted(message="x"), events.Draining(reason="SIGTERM"), events.Stopped()], capsys)
    assert text.splitlines() == [
        "note: churn 1.4.0: a worker ended and was forked anew",
        "note: x",
        "finishing what has begun (SIGTERM)",
    ]


def test_what_a_file_says_does_not_reach_the_terminal_raw(capsys: pytest.CaptureFixture[str]) -> None:
    evil = events.Refused(path="\x1b[2J", code="c", reason="\x1b]0;evil\x07", name="n\n", verdict="x")
    text = shown([evil], capsys)
    assert "\x1b" not in text
    assert "\x07" not in text


def test_json_is_one_line_an_event(capsys: pytest.CaptureFixture[str]) -> None:
    said: list[events.AnyEvent] = [LISTENING, LOADED, REFUSED, events.Ready(ready=False)]
    lines = shown(said, capsys, as_json=True).splitlines()
    assert [json.loads(line)["event"] for line in lines] == ["listening", "loaded", "refused", "ready"]
    assert [events.from_json(line.encode()) for line in lines] == said


def loaded(verdict: str) -> events.Loaded:
    return events.Loaded(path="p", name="m", version="1", route="program", verdicts={"program": verdict})  # type: ignore[dict-item]


def refused(verdict: str = "", code: str = "c") -> events.Refused:
    return events.Refused(path="p", code=code, reason="r", verdict=verdict)


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ([], 3),
        ([loaded("identical")], 0),
        ([loaded("equivalent"), loaded("identical")], 0),
        ([loaded("identical"), loaded("unchecked")], 3),
        ([loaded("unchecked"), refused("drifted")], 1),
        ([refused("drifted"), refused("broken")], 2),
        ([loaded("identical"), refused()], 2),
        ([refused("identical", "policy-refused")], 2),
        ([refused("unchecked")], 3),
        ([refused("no such word")], 2),
    ],
    ids=["none", "good", "both", "unchecked", "drifted", "broken", "unknown", "policy", "refused", "word"],
)
def test_check_exits_with_the_gravest(
    said: list[events.AnyEvent], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    screen = Shown(as_json=False, check=True, keys=False)
    for event in said:
        screen.announce(event)
    assert screen.exit_code == code
    assert "http" not in capsys.readouterr().out


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the front would be started with."""
    found: list[Any] = []

    def run(settings: Settings, announce: events.Announce, *, check: bool = False) -> int:
        found.append((settings, check))
        announce(LOADED)
        return 0

    monkeypatch.setattr(app, "run", run)
    return found


def test_words_become_settings(tmp_path: Path, started: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a.amber", "b.amber", "keys.toml", "cert.pem", "key.pem", "policy.toml"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "serve.toml").write_text('workers = 4\nport = 1\n[[models]]\npath = "b.amber"\n')
    words = ["serve", str(tmp_path / "a.amber"), "--config", str(tmp_path / "serve.toml"), "--host", "0.0.0.0"]
    words += ["--port", "0", "--grpc-port", "8081", "--allowed-host", "a:1", "--allowed-host", "b", "--memory", "8GiB"]
    for option, name in [("api-keys", "keys.toml"), ("tls-cert", "cert.pem"), ("tls-key", "key.pem")]:
        words += [f"--{option}", str(tmp_path / name)]
    words += ["--policy", str(tmp_path / "policy.toml"), "--folder", str(tmp_path), "--reload", "--route", "original"]
    assert main(words) == 0
    ((settings, check),) = started
    assert (settings.host, settings.port, settings.grpc_port, settings.workers) == ("0.0.0.0", 0, 8081, 4)
    assert (settings.allowed_hosts, settings.memory, settings.reload) == (("a:1", "b"), 8 << 30, True)
    assert [(Path(each.path).name, each.route) for each in settings.models] == [
        ("b.amber", "original"), ("a.amber", "original"),
    ]  # fmt: skip
    assert not check
    assert "churn 1.4.0" in capsys.readouterr().out


def test_check_prints_the_verdicts_and_exits_with_them(
    tmp_path: Path, started: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.amber").write_bytes(b"")
    assert main(["serve", str(tmp_path / "a.amber"), "--check"]) == 0
    assert started[0][1]
    assert "  file   churn.amber" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ([], 64, "nothing to serve"),
        (["none.amber"], 66, "none.amber"),
        (["a.amber", "--host", "0.0.0.0"], 64, "--api-keys"),
        (["a.amber", "--memory", "much"], 64, "number of bytes"),
        (["a.amber", "--config", "none.toml"], 66, "none.toml"),
        (["a.amber", "--route", "fast"], 64, "fast"),
    ],
    ids=["nothing", "missing", "open", "size", "config", "route"],
)
def test_what_cannot_be_served_is_said(
    words: list[str], code: int, said: str, tmp_path: Path, started: list[Any], monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.amber").write_bytes(b"")
    assert main(["serve", *words]) == code
    assert said in capsys.readouterr().err
    assert started == []
