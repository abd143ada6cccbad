"""What a model did wrong is told once for each kind, with its place and without a value."""

from __future__ import annotations

import json

import pytest

from amber.server.worker.telling import Teller


def fail(error: Exception) -> Exception:
    try:
        raise error
    except type(error) as raised:
        return raised


def test_each_kind_once_and_no_value(capfd: pytest.CaptureFixture[str]) -> None:
    teller = Teller("churn", "1.0.0")
    for secret in ("4111-1111", "4222-2222"):
        teller.tell(fail(RuntimeError(secret)))
    teller.tell(fail(OSError("another")))
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    assert [(each["event"], each["code"], each["name"]) for each in lines] == [("noted", "model-failed", "churn")] * 2
    assert "RuntimeError at test_telling.py:" in lines[0]["message"]
    assert "OSError" in lines[1]["message"]
    assert "4111" not in str(lines)


def test_no_flood(capfd: pytest.CaptureFixture[str]) -> None:
    teller = Teller("churn", "1.0.0")
    for number in range(200):
        teller.tell(type(f"Odd{number}", (Exception,), {})())
    assert 0 < len(capfd.readouterr().err.splitlines()) < 100
