"""What a reader may write, and what is refused instead of being guessed."""

from __future__ import annotations

from pathlib import Path

import pytest

from amber.errors import SourceError, UsageError
from amber.limits import DEFAULT
from amber.policy import Policy


def test_a_file_says_the_same_as_the_constructor(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(
        'allow = ["mypkg.text.Scaler"]\nverdict = "equivalent"\nsigners = ["alice"]\n'
        "[limits]\nnodes = 5\nreplay_seconds = 1.5\n"
    )
    policy = Policy.from_file(path)
    assert policy.allow == ("mypkg.text.Scaler",)
    assert policy.verdict == "equivalent"
    assert policy.signers == ("alice",)
    assert policy.limits.nodes == 5
    assert policy.limits.replay_seconds == 1.5
    assert policy.limits.members == DEFAULT.members


@pytest.mark.parametrize(
    "text",
    [
        "allow = 3",
        'allow = "mypkg.A"',
        'allow = ["mypkg.*"]',
        'allow = ["Scaler"]',
        'allow = ["a.b; c"]',
        'alow = ["a.B"]',
        'verdict = "fine"',
        "limits = 3",
        "[limits]\nnode = 3",
        "[limits]\nnodes = -1",
        "[limits]\nnodes = 1.5",
        "[limits]\nnodes = true",
        '[limits]\nnodes = "3"',
        "signers = [1]",
        "not toml",
    ],
)
def test_a_bad_policy_is_refused_as_a_whole(tmp_path: Path, text: str) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(text)
    with pytest.raises(UsageError) as caught:
        Policy.from_file(path)
    assert caught.value.code == "policy-invalid"


def test_names_are_a_list_not_a_string() -> None:
    with pytest.raises(UsageError):
        Policy(allow="mypkg.text.Scaler")  # type: ignore[arg-type]


def test_a_missing_file_is_no_empty_policy(tmp_path: Path) -> None:
    with pytest.raises(SourceError) as caught:
        Policy.from_file(tmp_path / "absent.toml")
    assert caught.value.code == "policy-unreadable"


def test_allowing_adds_names_once() -> None:
    assert Policy(allow=("a.B",)).allowing(("c.D", "a.B")).allow == ("a.B", "c.D")
