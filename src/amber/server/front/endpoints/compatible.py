"""Whether callers of one version can go on as they do with another: what would be refused, or mean something else.

In: two interfaces. Out: sentences, none where every request that the old version takes is taken by the new one, and
every output that the old one gives is there, of the same datatype and shape. A file that changed is not taken over
where there is one (`Endpoint`): its callers would get 422 for good, which no rollback would ever notice.
"""

from __future__ import annotations

from itertools import pairwise

from msgspec import structs

from amber.errors import shown
from amber.server.formats.columns import Column
from amber.server.formats.kinds import Kind
from amber.server.interface import Input, Interface, Output

_MATRICES = ("matrix", "sparse")  # asked in the same way
_SAID = 5


def breaks(old: Interface, new: Interface) -> list[str]:
    """Return what callers of `old` could not do with `new`, a clause each; at most five and how many more."""
    found = [*_forms(old, new), *_inputs(old, new), *_outputs(old, new)]
    return found if len(found) <= _SAID else [*found[:_SAID], f"and {len(found) - _SAID} more"]


def alike(old: Interface, new: Interface) -> bool:
    """Whether two versions take and give the very same, whatever values they saw when they were trained."""
    return (old.form, *_bare(old)) == (new.form, *_bare(new))


def _bare(interface: Interface) -> tuple[list[Input], list[Output]]:
    inputs = [structs.replace(each, schema={}, summary={}) for each in interface.inputs]
    return inputs, [structs.replace(each, summary={}, batching={}) for each in interface.outputs]


def _forms(old: Interface, new: Interface) -> list[str]:
    if old.form == new.form or {old.form, new.form} <= set(_MATRICES):
        return []
    return [f"rows are {new.form} now, they were {old.form}"]


def _inputs(old: Interface, new: Interface) -> list[str]:
    before = {each.name: Column(each, old.form) for each in old.inputs}
    after = {each.name: Column(each, new.form) for each in new.inputs}
    found = [f"column {shown(name)!r} is gone" for name in before if name not in after]
    found += [
        f"column {shown(name)!r} is new and required"
        for name, column in after.items()
        if name not in before and column.input.required
    ]
    both = [name for name in before if name in after]
    for name in both:
        found += [f"column {shown(name)!r} {said}" for said in _narrowed(before[name], after[name])]
    places = {name: place for place, name in enumerate(after)}
    if any(
        places[first] > places[second] for first, second in pairwise(both)
    ):  # a table without names goes by its order
        found.append("the columns stand in another order")
    return found


def _narrowed(old: Column, new: Column) -> list[str]:
    found = []
    if old.width != new.width:
        found.append(f"has {new.width} values a row now, it had {old.width}")
    if not _holds(old, new):
        found.append(f"takes {new.wants} now, it took {old.wants}")
    elif old.missing and not new.missing:
        found.append("takes no missing values any more")
    if new.input.required and not old.input.required:
        found.append("is required now")
    return found


def _holds(old: Column, new: Column) -> bool:
    """Whether the new column takes the kind of values that the old one took."""
    if old.kind.family == "text" and new.kind.family == "text":
        if new.is_date:
            return old.is_date and old.is_zoned == new.is_zoned
        return old.is_date or not old.is_scalar or new.is_scalar
    return _contains(new.kind, old.kind)


def _contains(new: Kind, old: Kind) -> bool:
    """Whether a datatype holds the values of another; doubles are taken to hold whole numbers, as JSON does."""
    if new.family == "float":
        return (old.family == "float" and old.size <= new.size) or (
            old.family == "integer" and (new.size == 8 or old.size < new.size)
        )
    return new.family == old.family and new.low <= old.low and old.high <= new.high


def _outputs(old: Interface, new: Interface) -> list[str]:
    after = {(each.method, each.name): each for each in new.outputs}
    found = []
    for output in old.outputs:
        other = after.get((output.method, output.name))
        if other is None:
            found.append(f"output {shown(output.name)!r} of {shown(output.method)} is gone")
        else:
            found += [f"output {shown(output.name)!r} {said}" for said in _changed(output, other)]
    answered = new.methods.get(new.route, [])
    gone = [each for each in old.methods.get(old.route, []) if each not in answered]
    found += [f"{shown(each)} is not answered any more" for each in gone if any(each == m for m, _ in after)]
    unasked = _default(old) - _default(new)
    found += [
        f"{shown(method)} has to be asked for now" for method in sorted({m for m, n in unasked if (m, n) in after})
    ]
    return found


def _changed(old: Output, new: Output) -> list[str]:
    if old.datatype != new.datatype:
        return [f"is {new.datatype} now, it was {old.datatype}"]
    if old.shape != new.shape:
        return [f"has rows of shape {new.shape} now, they had {old.shape}"]
    if old.cell != "label" and old.classes != new.classes:  # probabilities are read by their place
        return ["has columns of other classes now"]
    return []


def _default(interface: Interface) -> set[tuple[str, str]]:
    """Outputs of a request that names none."""
    return {(interface.outputs[place].method, interface.outputs[place].name) for place in interface.default}
