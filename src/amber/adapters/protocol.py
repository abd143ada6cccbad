"""What an adapter is: the two shapes that bind a library to the tree, and the reason for each member.

Most objects need no code at all: an entry of the vocabulary with state `dict` says that an instance is its
`__dict__`, and `adapters/take.py` and `adapters/build.py` do the rest. An adapter holds only what data cannot say.

These are Protocols, not base classes: an adapter of another package satisfies them without importing this one,
and nothing is inherited that could change under it. Methods that touch a library import it inside themselves, so
that naming an adapter costs nothing and reading a file never imports a framework the file does not need.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Special(Protocol):
    """The state of a class whose instances are not their `__dict__`: native memory, dict subclasses, slots.

    Both directions work on plain values and arrays, so each attribute is named, constrained and checked by the
    vocabulary exactly as an attribute of an ordinary object is. A special never sees nodes or bytes, and never
    calls `__reduce__` of something that came from a file.
    """

    def take(self, obj: Any) -> dict[str, Any]:
        """Return the state of `obj` as attributes; it is not modified, and arrays may be views of its memory."""
        ...

    def rebuild(self, cls: type, state: dict[str, Any]) -> Any:
        """Return a new instance of `cls`. Every value of `state` is built and has passed the checks.

        Attributes that the writing version did not have may be absent, those it had and this one lacks may be
        present: a special maps by name and fills defaults.
        """
        ...


@runtime_checkable
class Checks(Protocol):
    """Optional: a special whose arrays hold what no constraint can describe, such as a library's own bytes."""

    def check(self, arrays: Mapping[str, Any]) -> None:
        """Refuse what the library must not be given; it is not imported. Comes before anything is constructed.

        Args:
            arrays: The attributes that are arrays, each a view of the file.

        Raises:
            AuditError: `where` begins with the attribute.
        """
        ...


@dataclass(frozen=True)
class Prepared:
    """The attributes to write for one object, and what a person should know about the difference.

    `state` is the object's own `__dict__` where nothing differs, otherwise a copy: preparing never modifies the
    caller's object. `notes` are whole sentences without the path, which the engine adds.
    """

    state: Mapping[str, Any]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Description:
    """What the manifest says about a model. All values are JSON-safe; numbers that may be NaN are strings."""

    kind: str  # classifier | regressor | transformer | clusterer | outlier-detector | density | other
    hyperparameters: dict[str, str | int | bool | None] = field(default_factory=dict)
    feature_names: tuple[str, ...] | None = None
    n_features: int | None = None
    classes: tuple[tuple[str | int | bool, ...], ...] | None = None  # one tuple for each output

    def to_dict(self) -> dict[str, Any]:
        """Return the description as plain data."""
        return {
            "kind": self.kind,
            "hyperparameters": dict(self.hyperparameters),
            "feature_names": None if self.feature_names is None else list(self.feature_names),
            "n_features": self.n_features,
            "classes": None if self.classes is None else [list(each) for each in self.classes],
        }


@runtime_checkable
class Adapter(Protocol):
    """One library's part of taking and building. Adapters do not see each other."""

    @property
    def id(self) -> str:
        """Name in the manifest (`adapter`) and in identifiers without a public path (`sklearn:tree.Tree`)."""
        ...

    @property
    def state_version(self) -> int:
        """Raised when a special's attributes change meaning; readers keep the older ones."""
        ...

    @property
    def library(self) -> str:
        """The distribution whose version selects targets and migrations (`scikit-learn`)."""
        ...

    @property
    def specials(self) -> Mapping[str, Special]:
        """State name in the vocabulary -> how such a state is taken and rebuilt."""
        ...

    def owns(self, type_name: str) -> bool:
        """Whether `module.qualname` is a class of this library. Imports nothing, never raises."""
        ...

    def examples(self) -> list[tuple[str, Callable[[], Any]]]:
        """Return (name, make) pairs that span every special state; the contract suite runs them all."""
        ...


@runtime_checkable
class Prepares(Protocol):
    """Optional: an adapter whose objects hold things that must be written differently than they stand."""

    def prepare(self, obj: Any) -> Prepared:
        """Return the attributes to write for a `dict`-state object. Volatile names stand in the vocabulary."""
        ...


@runtime_checkable
class Migrates(Protocol):
    """Optional: an adapter that knows how attributes moved between versions of its library."""

    def migrate(self, cls: type, state: dict[str, Any], written: str) -> dict[str, Any]:
        """Return the attributes that the installed version expects of a `dict`-state object of `cls`.

        Args:
            cls: The class that is about to be built.
            state: Its attributes, built; may be changed in place.
            written: The version of `library` that wrote the state; empty where unknown.
        """
        ...


@runtime_checkable
class Models(Protocol):
    """Optional: an adapter whose objects are models, so that save can refuse and describe them."""

    def fitted(self, obj: Any) -> str | None:
        """Return None for a fitted model, else a sentence that names the method to call."""
        ...

    def describe(self, obj: Any) -> Description:
        """Return what the manifest says about a fitted model."""
        ...
