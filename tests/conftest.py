"""For every test: fast ones first, and Hypothesis without clock or chance."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from amber.policy import places

UNIT = Path(__file__).parent / "unit"

# The same examples on every machine and no deadline: a shared machine would fail it for its neighbours' sake.
settings.register_profile("house", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the unit tests first and the tests marked slow last; the order within each part stays."""
    items.sort(key=lambda item: (item.get_closest_marker("slow") is not None, UNIT not in item.path.parents))


@pytest.fixture(autouse=True)
def nobodys_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whom the developer trusts, and what this machine demands, decide no test."""
    monkeypatch.setattr(places, "keyring_folder", lambda: None)
    monkeypatch.setattr(places, "floor_file", lambda: None)
