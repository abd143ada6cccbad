"""Tools of the rules about what moved between scikit-learn versions."""

from __future__ import annotations

from typing import Any

Version = tuple[int, int]
State = dict[str, Any]


def rename(state: State, old: str, new: str, changed: Version, here: Version) -> None:
    """`old` became `new` in version `changed`; `deprecated` stands for a parameter that is not used."""
    source, target = (old, new) if here >= changed else (new, old)
    value = state.get(source, "deprecated")
    if isinstance(value, str) and value == "deprecated":
        return
    current = state.get(target, "deprecated")
    if current is None or (isinstance(current, str) and current == "deprecated"):
        state[target] = value
    del state[source]


def replace(state: State, name: str, old: Any, new: Any) -> None:
    """Give a parameter another spelling of the same meaning."""
    if name in state and type(state[name]) is type(old) and state[name] == old:
        state[name] = new
