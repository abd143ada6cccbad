"""Settings of a server: where they come from, how they are refused, what children get."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from amber.errors import SourceError, UsageError
from amber.server.settings import FIELDS, Settings, description, option_of, size_of
from amber.server.settings_check import is_loopback

EXAMPLE = Path(__file__).resolve().parents[3] / "docs" / "serve.toml"


@pytest.fixture
def model(tmp_path: Path) -> str:
    path = tmp_path / "m.amber"
    path.write_bytes(b"")
    return str(path)


def refused(kind: type[UsageError] | type[SourceError], options: dict[str, Any], toml: Path | None = None) -> str:
    with pytest.raises(kind) as error:
        Settings.from_sources(options, toml)
    assert error.value.code.startswith(("settings-", "source-", "policy-"))
    return str(error.value)


def test_every_field_says_what_it_is() -> None:
    assert [name for name in FIELDS if not description(name)] == []
    assert "seconds" in description("drain_delay")
    assert "bytes" in description("memory")


def test_the_defaults_are_a_server_for_this_machine_alone(model: str) -> None:
    settings = Settings.from_sources({"models": (model,)})
    assert (settings.host, settings.port, settings.workers, settings.no_auth) == ("127.0.0.1", 8080, 1, False)
    assert [each.path for each in settings.models] == [model]
    assert settings.spawn is not sys.platform.startswith("linux")


def test_options_win_over_the_file_and_models_of_both_are_served(model: str, tmp_path: Path) -> None:
    toml = tmp_path / "serve.toml"
    (tmp_path / "other.amber").write_bytes(b"")
    toml.write_text(
        'port = 1\nworkers = 3\nmemory = "2GiB"\nroute = "original"\naccess_log = "log.jsonl"\n'
        '[[models]]\npath = "other.amber"\nname = "other"\nroute = "program"\n'
    )
    settings = Settings.from_sources({"models": (model,), "port": 2, "host": None, "allowed_hosts": ()}, toml)
    assert (settings.port, settings.workers, settings.memory) == (2, 3, 2 << 30)
    assert settings.access_log == str(tmp_path / "log.jsonl"), "a path of the file is relative to the file"
    assert [(Path(each.path).name, each.name, each.route) for each in settings.models] == [
        ("other.amber", "other", "program"),
        ("m.amber", None, "original"),
    ]
    assert Path(settings.models[0].path).parent == tmp_path


def test_children_get_the_same(model: str) -> None:
    settings = Settings.from_sources({"models": (model,), "allowed_hosts": ("a:1", "b"), "header_seconds": 3})
    assert Settings.from_json(settings.to_json()) == settings


def test_the_example_of_the_documentation_is_valid(tmp_path: Path) -> None:
    (tmp_path / "churn.amber").write_bytes(b"")
    toml = tmp_path / "serve.toml"
    toml.write_bytes(EXAMPLE.read_bytes())
    settings = Settings.from_sources({}, toml)
    assert (settings.memory, settings.reload, settings.models[0].route) == (8 << 30, True, "auto")


@pytest.mark.parametrize(
    ("text", "size"),
    [("4096", 4096), ("8GiB", 8 << 30), ("1.5 KiB", 1536), ("2mb", 2_000_000), ("3 k", 3000), ("1TiB", 1 << 40)],
)
def test_sizes(text: str, size: int) -> None:
    assert size_of(text) == size


@pytest.mark.parametrize("text", ["", "GiB", "-1", "1 PiB", "1e3", "8 apples"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(ValueError, match="number of bytes"):
        size_of(text)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"port": 70000}, ["--port", "<= 65535", "70000", "TCP port"]),
        ({"port": "80"}, ["--port", "expected int", "got '80'"]),
        ({"workers": 0}, ["--workers", ">= 1"]),
        ({"workers": True}, ["expected int, got bool"]),
        ({"memory": "much"}, ["--memory", "number of bytes", "'much'"]),
        ({"memory": 0}, ["--memory", ">= 1"]),
        ({"header_seconds": 0}, ["--header-seconds", "> 0"]),
        ({"prot": 1}, ["no setting 'prot'", "did you mean port"]),
        ({"route": "fast"}, ["--route", "'fast'"]),
        ({"allowed_hosts": ("http://a",)}, ["http://a", "Host header"]),
        ({"otlp_endpoint": "collector:4318"}, ["otlp_endpoint", "http"]),
        ({"body_inline": "1GiB"}, ["body_inline", "body_limit"]),
        ({"batch_bytes": 100}, ["batch_bytes"]),
        ({"spawn": True, "workers": 2}, ["workers cannot be spawned", "--workers 1"]),
        ({"grpc_port": 8080}, ["a port each", "--grpc-port"]),
        ({"tls_cert": "m.amber"}, ["tls_key is not set"]),
        ({"host": "0.0.0.0"}, ["who may ask", "--api-keys"]),
        ({"host": "0.0.0.0", "no_auth": True}, ["none is allowed", "--allowed-host"]),
        ({"host": "models.example.com", "no_auth": True}, ["none is allowed"]),
        ({"no_auth": True, "api_keys": "m.amber"}, ["exclude each other"]),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_what_is_wrong_is_named_with_a_way_out(
    options: dict[str, Any], said: list[str], model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = refused(UsageError, {"models": (model,), **options})
    assert [word for word in [*said, "what to do"] if word not in text] == []


@pytest.mark.parametrize("key", ["policy", "api_keys", "folder"])
def test_what_is_not_there_is_named(key: str, model: str) -> None:
    assert f"{key}: nowhere" in refused(SourceError, {"models": (model,), key: "nowhere"})


def test_models_that_cannot_be(model: str, tmp_path: Path) -> None:
    assert "nothing to serve" in refused(UsageError, {})
    assert "none.amber" in refused(SourceError, {"models": ("none.amber",)})
    twice = [{"path": model, "name": "a"}, {"path": model, "name": "a"}]
    assert "there twice" in refused(UsageError, {"models": twice})
    assert "cannot be a name" in refused(UsageError, {"models": [{"path": model, "name": "a/b"}]})
    assert "did you mean name" in refused(UsageError, {"models": [{"path": model, "nam": "a"}]})
    assert "with a path" in refused(UsageError, {"models": [3]})
    assert Settings.from_sources({"folder": str(tmp_path)}).models == (), "they may be loaded later"


@pytest.mark.parametrize(
    ("text", "said"),
    [("port = ", "not TOML"), ("prot = 1", "serve.toml: there is no setting"), ('port = "x"', "serve.toml: port")],
    ids=["toml", "key", "value"],
)
def test_a_file_that_is_wrong_is_named(text: str, said: str, tmp_path: Path) -> None:
    toml = tmp_path / "serve.toml"
    toml.write_text(text)
    assert said in refused(UsageError, {}, toml)
    assert "cannot be read" in refused(SourceError, {}, tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("[::1]", True), ("localhost", True), ("0.0.0.0", False),
     ("::", False), ("10.0.0.1", False), ("localhost.evil.example", False)],
)  # fmt: skip
def test_which_addresses_are_this_machine(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


def test_options_are_spelled_as_on_the_command_line() -> None:
    assert (option_of("allowed_hosts"), option_of("grpc_port")) == ("--allowed-host", "--grpc-port")


def test_a_folder_in_place_of_a_policy_is_there_and_no_file(model: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="is no regular file") as error:
        Settings.from_sources({"models": (model,), "policy": str(tmp_path)})
    assert error.value.code == "policy-unreadable"


def test_a_policy_that_is_not_valid_is_told_at_once(model: str, tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text('sharing = "always"\n')
    with pytest.raises(UsageError, match="sharing"):
        Settings.from_sources({"models": (model,), "policy": str(policy)})


def test_what_is_said_of_the_only_file_of_the_command_line(model: str, tmp_path: Path) -> None:
    said = {"bundles": ["a.json", "b.json"], "expect": "churn"}
    (one,) = Settings.from_sources({"models": (model,), **said}).models
    assert (one.bundles, one.expect) == (("a.json", "b.json"), "churn")
    toml = tmp_path / "serve.toml"
    toml.write_text(f'[[models]]\npath = {model!r}\nbundles = ["c.json"]\n')
    first, second = Settings.from_sources({"models": (model,), "bundles": ("a.json",)}, toml).models
    assert first.bundles == (str(tmp_path / "c.json"),)  # of the folder of the settings, like every path there
    assert (second.bundles, second.expect) == (("a.json",), None)


@pytest.mark.parametrize(("key", "option"), [("bundles", "--bundle"), ("expect", "--expect")])
@pytest.mark.parametrize("count", [0, 2])
def test_what_is_said_of_one_file_needs_one(model: str, key: str, option: str, count: int, tmp_path: Path) -> None:
    given = {"models": (model,) * count, "folder": str(tmp_path), key: "churn" if key == "expect" else ("a.json",)}
    with pytest.raises(UsageError, match=f"{option}: it is about one file, and {count or 'none'}"):
        Settings.from_sources(given)


def test_an_empty_expectation_is_refused(model: str) -> None:
    with pytest.raises(UsageError, match="expect is empty"):
        Settings.from_sources({"models": (model,), "expect": ""})
