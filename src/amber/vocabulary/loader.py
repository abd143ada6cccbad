"""Finding entries: one file per library, read when the first identifier of that library is asked for."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

import msgspec

from amber.vocabulary.entries import Entry, File, Routine, Target
from amber.vocabulary.shapes import Alternatives, Constraints

_FOLDER = Path(__file__).parent
# First part of an identifier or a module -> data file. A closed table: nothing is searched for.
_FILES = {
    "sklearn": "sklearn",
    "_loss": "sklearn",  # what compiled losses before scikit-learn 1.9 call their module
    "numpy": "numpy",
    "scipy": "scipy",
    "pandas": "pandas",
    "xgboost": "xgboost",
    "lightgbm": "lightgbm",
    "builtins": "python",
    "collections": "python",
    "datetime": "python",
    "decimal": "python",
    "fractions": "python",
    "functools": "python",
    "operator": "python",
    "python": "python",
    "re": "python",
    "types": "python",
    "uuid": "python",
    "zoneinfo": "python",
}
_SEPARATOR = re.compile(r"[.:]")


class _Targets(msgspec.Struct):
    """An entry, read for its targets only."""

    targets: list[Target]


_file_decoder = msgspec.json.Decoder(File)
_entry_decoder = msgspec.json.Decoder(Entry)
_targets_decoder = msgspec.json.Decoder(_Targets)


class _Library:
    """One data file: its names at once, its entries one by one as they are asked for."""

    def __init__(self, stem: str) -> None:
        self.file = _file_decoder.decode((_FOLDER / f"{stem}.json").read_bytes())
        self.constraints = Constraints(self.file.constraints)
        self._entries: dict[str, Entry] = {}
        self._shapes: dict[str, dict[str, Alternatives]] = {}
        self._classes: dict[tuple[str, str], str] | None = None
        self._functions: dict[tuple[str, str], str] | None = None

    def entry(self, type_id: str) -> Entry | None:
        found = self._entries.get(type_id)
        if found is None:
            raw = self.file.types.get(type_id)
            if raw is None:
                return None
            found = _entry_decoder.decode(raw)
            found.type, found.library = type_id, self.file.library
            self._entries[type_id] = found
        return found

    def shapes(self, entry: Entry) -> dict[str, Alternatives]:
        found = self._shapes.get(entry.type)
        if found is None:
            resolve = self.constraints.resolve
            found = {name: resolve(constraint) for name, constraint in entry.attributes.items()}
            self._shapes[entry.type] = found
        return found

    def classes(self) -> dict[tuple[str, str], str]:
        if self._classes is None:
            self._classes = {}
            for type_id, raw in self.file.types.items():
                for target in _targets_decoder.decode(raw).targets:
                    self._classes.setdefault((target.module, target.name), type_id)
        return self._classes

    def functions(self) -> dict[tuple[str, str], str]:
        if self._functions is None:
            self._functions = {}
            for name, routine in self.file.functions.items():
                for target in routine.targets:
                    self._functions.setdefault((target.module, target.name), name)
        return self._functions


class Vocabulary:
    """All libraries' entries. Cheap to make; files are read when first needed and kept."""

    def __init__(self) -> None:
        self._libraries: dict[str, _Library | None] = {}

    def entry(self, type_id: str) -> Entry | None:
        """Return the entry of an identifier, or None where the vocabulary does not have it."""
        library = self._library(type_id)
        return None if library is None else library.entry(type_id)

    def shapes(self, entry: Entry) -> dict[str, Alternatives]:
        """Return, for each attribute of an entry, the shapes of which one must hold (None: anything)."""
        library = self._library(entry.type)
        return {} if library is None else library.shapes(entry)

    def identify(self, module: str, qualname: str) -> str | None:
        """Return the identifier of a class by where any supported version defines it."""
        library = self._library(module)
        return None if library is None else library.classes().get((module, qualname))

    def type_targets(self, type_id: str) -> list[Target]:
        """Return where a class may be found, to be tried in order; empty where it is unknown."""
        entry = self.entry(type_id)
        return [] if entry is None else entry.targets

    def routine(self, name: str) -> Routine | None:
        """Return a function's targets and reviewed family."""
        library = self._library(name)
        return None if library is None else library.file.functions.get(name)

    def function(self, name: str) -> Target | None:
        """Return where a function is imported from, or None where the vocabulary does not have it."""
        routine = self.routine(name)
        return None if routine is None else routine.targets[0]

    def identify_function(self, module: str, qualname: str) -> str | None:
        """Return the identifier of a function by where any supported version defines it."""
        library = self._library(module)
        return None if library is None else library.functions().get((module, qualname))

    def has_link(self, name: str) -> bool:
        """Whether `name` is an object of the reader's own process that a tree may refer to (`rng.global`)."""
        return any(name in library.file.links for library in self._all())

    def identifiers(self) -> list[str]:
        """Return every type identifier, sorted (documentation and tests)."""
        return sorted(name for library in self._all() for name in library.file.types)

    def routines(self) -> list[str]:
        """Return every function identifier, sorted (documentation and tests)."""
        return sorted(name for library in self._all() for name in library.file.functions)

    def _all(self) -> list[_Library]:
        found = (self._read(stem) for stem in dict.fromkeys(_FILES.values()))
        return [library for library in found if library is not None]

    def _library(self, name: str) -> _Library | None:
        stem = _FILES.get(_SEPARATOR.split(name, maxsplit=1)[0])
        return None if stem is None else self._read(stem)

    def _read(self, stem: str) -> _Library | None:
        if stem not in self._libraries:
            present = (_FOLDER / f"{stem}.json").is_file()
            self._libraries[stem] = _Library(stem) if present else None
        return self._libraries[stem]


@lru_cache(maxsize=1)
def load() -> Vocabulary:
    """Return the vocabulary of this release; the same object each time."""
    return Vocabulary()
