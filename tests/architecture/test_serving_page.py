"""The reference of the server names the routes, metrics, settings and scopes that there are, and no others."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("httptools")

from amber.server.front.app import bind
from amber.server.front.endpoints.metrics import Metrics
from amber.server.front.endpoints.repository import Repository
from amber.server.front.endpoints.watch import Watch
from amber.server.settings import Settings
from tests.architecture.repository import ROOT

PAGE = (ROOT / "docs" / "serving.md").read_text(encoding="utf-8")
_VERSION = "/versions/{version}"


def section(title: str) -> str:
    return PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


class Noting:
    """Stands where routes are added."""

    def __init__(self) -> None:
        self.found: dict[str, str] = {}

    def add(self, method: str, pattern: str, route: Any) -> None:
        self.found[f"{method} {pattern.replace(_VERSION, '')}"] = route.scope


async def _repository() -> Repository:
    return Repository(Settings(), Watch(), lambda event: None)


def test_endpoints_and_their_scopes() -> None:
    routes = Noting()
    bind(routes, asyncio.run(_repository()), Settings())  # type: ignore[arg-type]
    lines = [line.split(" | ") for line in section("Endpoints").splitlines() if line.startswith("| `")]
    told = {path: line[1] for line in lines for path in re.findall(r"`((?:GET|POST) [^`]+)`", line[0])}
    assert told == {path: "none" if scope == "open" else scope for path, scope in routes.found.items()}


def test_metrics() -> None:
    body, _ = Metrics(asyncio.run(_repository())).render("")
    families = re.findall(rb"^# TYPE (amber_\S+) (\S+)$", body, flags=re.MULTILINE)
    named = {name.decode() for name, _ in families}
    assert set(re.findall(r"`(amber_[a-z_]+)`", section("Metrics"))) == named


def test_no_setting_is_missing_in_the_example(tmp_path: Path) -> None:
    """Every key of `docs/serve.toml`, also those behind a `#`, is a setting."""
    text = (ROOT / "docs" / "serve.toml").read_text(encoding="utf-8")
    keys = set(re.findall(r"^(?:# )?([a-z_]+) = ", text.partition("[[models]]")[0], flags=re.MULTILINE))
    assert keys <= set(Settings.__struct_fields__)
    assert {"host", "workers", "api_keys"} <= keys
