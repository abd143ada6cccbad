"""Short ways to write the JSON of vocabulary entries."""

from __future__ import annotations

from typing import Any

Json = Any


def entry(
    module: str | list[str],
    name: str | list[str],
    *,
    state: str,
    attributes: dict[str, Json] | None = None,
    optional: tuple[str, ...] = (),
    rules: list[Json] | None = None,
) -> Json:
    """An entry of a special state; `module` and `name` list the places it is or was found at, best first."""
    modules = [module] if isinstance(module, str) else module
    names = [name] * len(modules) if isinstance(name, str) else name
    made: Json = {
        "targets": [{"module": each, "name": called} for each, called in zip(modules, names, strict=True)],
        "state": state,
    }
    if attributes:
        made["attributes"] = attributes
        made["required"] = [each for each in attributes if each not in optional]
    if rules:
        made["rules"] = rules
    return made


def classes(package: str, names: str, *, also: dict[str, list[str]] | None = None) -> dict[str, Json]:
    """Classes that may stand as values but have no instances in a tree; `also` gives further names of one."""
    return {
        f"{package}.{name}": {
            "targets": [{"module": package, "name": each} for each in [name, *(also or {}).get(name, [])]],
            "state": "",
        }
        for name in names.split()
    }


def functions(package: str, names: str, group: str, modules: list[str] | None = None) -> dict[str, Json]:
    """Functions of a package, found in it first and then in `modules`."""
    return {
        f"{package}.{name}": {
            "targets": [{"module": each, "name": name} for each in [package, *(modules or [])]],
            "group": group,
        }
        for name in names.split()
    }


def integer(low: int | None = None, high: int | str | None = None) -> Json:
    """An integer in a closed range."""
    bounds = {"min": low, "max": high}
    return {"is": "int", **{key: value for key, value in bounds.items() if value is not None}}


def text(*values: str, max_chars: int | None = None) -> Json:
    """A string of a closed list, or of at most so many characters."""
    made: Json = {"is": "str"}
    if values:
        made["values"] = sorted(values)
    if max_chars is not None:
        made["max_chars"] = max_chars
    return made


def items(constraint: Json, low: int | None = None, high: int | None = None) -> Json:
    """A list or tuple whose items all satisfy a constraint."""
    bounds = {"min": low, "max": high}
    return {"is": "list", "items": constraint, **{key: value for key, value in bounds.items() if value is not None}}


def array(*dtypes: str, rank: int | list[int] | None = None, items: Json = None) -> Json:
    """An array of one of these dtypes or kinds."""
    made: Json = {"is": "array"}
    if dtypes:
        made["dtype"] = list(dtypes)
    if rank is not None:
        made["rank"] = [rank] if isinstance(rank, int) else rank
    if items is not None:
        made["items"] = items
    return made


def obj(*types: str) -> Json:
    """An instance of one of these types."""
    return {"is": "object", "types": sorted(types)}


def holds(that: str, **more: Json) -> Json:
    """A comparison."""
    return {"rule": "holds", "that": that, **more}


def shape(of: str, *dims: str | int, **more: Json) -> Json:
    """Rank and dimensions."""
    return {"rule": "shape", "of": of, "dims": list(dims), **more}


def within(of: str, low: str | int | None = None, *, below: str | None = None, high: str | int | None = None,
           **more: Json) -> Json:  # fmt: skip
    """Bounds of every element."""
    bounds = {"min": low, "max": high, "below": below}
    return {"rule": "within", "of": of, **{key: value for key, value in bounds.items() if value is not None}, **more}


def increasing(of: str, **more: Json) -> Json:
    """Elements that never decrease."""
    return {"rule": "increasing", "of": of, **more}


def finite(of: str, **more: Json) -> Json:
    """Elements that are numbers."""
    return {"rule": "finite", "of": of, **more}
