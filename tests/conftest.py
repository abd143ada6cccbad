"""For every test: fast ones first, and Hypothesis without clock or chance."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

from amber.policy import places

# The same examples on every machine and no deadline: a shared machine would fail it for its neighbours' sake.
settings.register_profile("house", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests marked slow last; the order within both halves stays."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is not None)


@pytest.fixture(autouse=True)
def nobodys_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whom the developer trusts, and what this machine demands, decide no test."""
    monkeypatch.setattr(places, "keyring_folder", lambda: None)
    monkeypatch.setattr(places, "floor_file", lambda: None)
