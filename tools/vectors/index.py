"""One vector: its bytes, and what a reader has to say about them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tools.vectors.artifact import Draft

Content = bytes | dict[str, bytes]  # a file, or the files of a folder


@dataclass(frozen=True)
class Vector:
    """One file or folder. `code` is empty for a vector that must be accepted.

    Args:
        name: File name without ending; `reject/<code>--<what>` style names sort by code.
        content: The bytes.
        shows: What it is about, one sentence.
        code: What the reader must say.
        step: The step that says it (1, 3, 4, 6 ... of `spec/steps.md`); 0 where it is accepted.
        part: `structure` where names and structure suffice; `values` where the elements of arrays must be looked at.
        policy: The reader's policy, as in a policy file.
    """

    name: str
    content: Content
    shows: str
    code: str = ""
    step: int = 0
    part: str = "structure"
    policy: dict[str, Any] = field(default_factory=dict)


Maker = Callable[[], Iterator[Vector]]


def accept(name: str, content: Content | Draft, shows: str, **policy: Any) -> Vector:
    """A vector that every reader must accept."""
    return Vector(name, _content(content), shows, policy=policy)


def reject(
    code: str, what: str, content: Content | Draft, shows: str, step: int, part: str = "structure", **policy: Any
) -> Vector:
    """A vector that every reader must refuse, by this code."""
    return Vector(f"{code}--{what}", _content(content), shows, code, step, part, policy)


def _content(content: Content | Draft) -> Content:
    return content.data() if isinstance(content, Draft) else content
