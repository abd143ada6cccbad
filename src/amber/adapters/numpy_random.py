"""NumPy's random generators as plain data: their words and counters, checked before the C code reads them.

A bit generator trusts its state: MT19937 with `pos` beyond 624 reads foreign memory, and a state that only
produces zeros makes every rejection sampler loop for ever. What the vocabulary cannot say is checked here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from amber.errors import AuditError, SaveError

if TYPE_CHECKING:
    from collections.abc import Callable

    from amber.adapters.protocol import Special


class SeedSequence:
    """`numpy.random.SeedSequence`: what it was made from; its pool follows from that."""

    def take(self, obj: Any) -> dict[str, Any]:
        """Return entropy, spawn key, pool size and the number of children spawned."""
        state: dict[str, Any] = dict(obj.state)
        entropy = state["entropy"]
        if not isinstance(entropy, int | np.integer):
            state["entropy"] = [int(word) for word in np.ravel(entropy)]
        state["spawn_key"] = [int(word) for word in state["spawn_key"]]
        return state

    def rebuild(self, cls: Any, state: dict[str, Any]) -> Any:
        """Hash the entropy again, as the constructor does; sizes are capped by the vocabulary."""
        entropy = state["entropy"]
        single = isinstance(entropy, int | np.integer)
        for word in [entropy] if single else [*entropy, *state["spawn_key"]]:
            if word < 0:
                raise AuditError("value-out-of-range", "entropy is negative", where="SeedSequence")
        return cls(
            entropy,
            spawn_key=tuple(state["spawn_key"]),
            pool_size=int(state["pool_size"]),
            n_children_spawned=int(state["n_children_spawned"]),
        )


class BitGenerator:
    """The five bit generators: the parts of `.state`, flat, plus the seed sequence they can spawn from."""

    def take(self, obj: Any) -> dict[str, Any]:
        """Return the state's words; 128-bit words are Python integers."""
        raw = obj.state
        state = {name: value for name, value in raw.items() if name not in ("bit_generator", "state")}
        inner = raw["state"]
        if type(obj).__name__ == "SFC64":
            state["words"] = inner["state"]
        else:
            state.update(inner)
        state["seed_seq"] = _seed_sequence(obj)
        return {name: int(value) if isinstance(value, int) else value for name, value in state.items()}

    def rebuild(self, cls: Any, state: dict[str, Any]) -> Any:
        """Make a generator with exactly this state and seed sequence."""
        name = cls.__name__
        raw = {"bit_generator": name, **_CHECKED[name](state)}
        if "has_uint32" in state:
            raw |= {"has_uint32": int(state["has_uint32"]), "uinteger": int(state["uinteger"])}
        seed = state["seed_seq"]
        generator: Any = cls(np.random.SeedSequence(0) if seed is None else seed)
        if seed is None and name == "MT19937":
            generator._legacy_seeding(0)  # forgets the seed sequence, as RandomState(seed) does
        generator.state = raw
        return generator


class RandomState:
    """`numpy.random.RandomState`: its bit generator and the normal deviate it may hold in store."""

    def take(self, obj: Any) -> dict[str, Any]:
        """Return the bit generator itself, so that one shared between two stays shared."""
        state = obj.get_state(legacy=False)
        return {
            "bit_generator": obj._bit_generator,
            "has_gauss": int(state["has_gauss"]),
            "gauss": float(state["gauss"]),
        }

    def rebuild(self, cls: Any, state: dict[str, Any]) -> Any:
        """Wrap the bit generator and restore the stored deviate."""
        generator = cls(state["bit_generator"])
        full = generator.get_state(legacy=False)
        generator.set_state({**full, "has_gauss": int(state["has_gauss"]), "gauss": float(state["gauss"])})
        return generator


class Generator:
    """`numpy.random.Generator`: nothing but its bit generator."""

    def take(self, obj: Any) -> dict[str, Any]:
        """Return the bit generator itself, so that one shared between two stays shared."""
        return {"bit_generator": obj.bit_generator}

    def rebuild(self, cls: Any, state: dict[str, Any]) -> Any:
        """Wrap the bit generator."""
        return cls(state["bit_generator"])


def _seed_sequence(generator: Any) -> Any:
    seed = getattr(generator, "seed_seq", None)
    if seed is not None and type(seed) is not np.random.SeedSequence:
        raise SaveError(
            "type-unknown",
            f"a bit generator with a {type(seed).__qualname__} cannot be data",
            hint="make it from an integer or a numpy.random.SeedSequence",
        )
    return seed


def _mt19937(state: dict[str, Any]) -> dict[str, Any]:
    key = state["key"]
    if not (key[1:].any() or int(key[0]) >> 31):  # the low 31 bits of the first word are never used
        raise AuditError("value-mismatch", "this state can only produce zeros", where="MT19937.key")
    return {"state": {"key": key, "pos": int(state["pos"])}}


def _pcg(state: dict[str, Any]) -> dict[str, Any]:
    for name in ("state", "inc"):
        if not 0 <= state[name] < 2**128:
            raise AuditError("value-out-of-range", f"{name} is not a 128-bit integer", where=f"PCG64.{name}")
    if not state["inc"] & 1:
        raise AuditError("value-mismatch", "the increment must be odd", where="PCG64.inc")
    return {"state": {"state": state["state"], "inc": state["inc"]}}


def _philox(state: dict[str, Any]) -> dict[str, Any]:
    return {
        "state": {"counter": state["counter"], "key": state["key"]},
        "buffer": state["buffer"],
        "buffer_pos": int(state["buffer_pos"]),
    }


_CHECKED: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "MT19937": _mt19937,
    "PCG64": _pcg,
    "PCG64DXSM": _pcg,
    "Philox": _philox,
    "SFC64": lambda state: {"state": {"state": state["words"]}},
}

SPECIALS: dict[str, Special] = {
    "seed-sequence": SeedSequence(),
    "bit-generator": BitGenerator(),
    "random-state": RandomState(),
    "generator": Generator(),
}
