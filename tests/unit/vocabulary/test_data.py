"""The data files: well formed, the same in `spec/`, and true about the scikit-learn installed here."""

from __future__ import annotations

import importlib
import inspect
import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from amber import vocabulary
from amber.adapters.registry import adapter
from amber.limits import Limits
from amber.vocabulary import entries, terms
from amber.vocabulary.entries import Entry

ROOT = Path(__file__).resolve().parents[3]
KNOWN = vocabulary.load()
SKLEARN = [name for name in KNOWN.identifiers() if name.startswith("sklearn")]
FILES = sorted((ROOT / "src/amber/vocabulary").glob("*.json"))


@cache
def entry(name: str) -> Entry:
    found = KNOWN.entry(name)
    assert found is not None
    return found


def test_the_copy_in_spec_is_the_same_bytes() -> None:
    assert len(FILES) == 7
    copies = sorted((ROOT / "spec/vocabulary").glob("*.json"))
    assert [path.name for path in copies] == [path.name for path in FILES]
    for path, copy in zip(FILES, copies, strict=True):
        assert path.read_bytes() == copy.read_bytes(), path.name


def test_the_generated_file_is_what_its_sources_say() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools/make_vocabulary.py"), "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", KNOWN.identifiers())
def test_constraints_and_rules_can_be_evaluated(name: str) -> None:
    found = entry(name)
    shapes = KNOWN.shapes(found)
    assert set(found.required) <= set(shapes)
    assert set(found.volatile.values()) <= {"drop", "none", "zero", "one"}
    for rule in found.rules:
        for path in paths_of(rule):
            assert path.steps[0] in found.attributes, (path.text, rule)


def paths_of(rule: Any) -> list[terms.Path]:
    found = [terms.path(str(condition[0])) for condition in [*rule.when, *rule.unless]]
    if isinstance(rule, entries.Holds):
        compared = terms.comparison(rule.that)
        return [*found, *terms.paths_of(compared.left), *terms.paths_of(compared.right)]
    texts = [getattr(rule, name, "") for name in ("of", "left", "right", "leaf")]
    found += [terms.path(text) for text in texts if text]
    bounds = [getattr(rule, name, None) for name in ("min", "max", "below", "start", "first", "last", "depth")]
    bounds += [dim for dim in getattr(rule, "dims", []) if dim != "*"]
    where = getattr(rule, "where", None)
    bounds += [where[0]] if where else []
    return [
        *found,
        *(path for bound in bounds if bound not in (None, "") for path in terms.paths_of(terms.term(bound))),
    ]


@pytest.mark.parametrize("name", KNOWN.identifiers())
def test_special_states_have_an_adapter(name: str) -> None:
    found = entry(name)
    if found.state not in ("", "dict"):
        assert found.state in adapter(found.library).specials


def bounds_in(value: Any) -> set[str]:
    """Every name of a limit in a piece of the data."""
    if isinstance(value, list):
        return {name for each in value for name in bounds_in(each)}
    if not isinstance(value, dict):
        return set()
    named = {value[key] for key in ("min", "max", "max_chars") if "is" in value and isinstance(value.get(key), str)}
    return named | {name for each in value.values() for name in bounds_in(each)}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_named_limits_exist(path: Path) -> None:
    limits = set(Limits.__dataclass_fields__)
    text = path.read_text()
    assert bounds_in(json.loads(text)) <= limits
    assert set(re.findall(r"limit\((\w+)\)", text)) <= limits


def test_the_global_generator_can_be_linked_to() -> None:
    assert KNOWN.has_link("rng.global")


def find(targets: list[vocabulary.Target]) -> Any:
    for target in targets:
        try:
            return getattr(importlib.import_module(target.module), target.name)
        except (ImportError, AttributeError):
            continue
    return None


@pytest.mark.parametrize("name", SKLEARN)
def test_sklearn_classes_are_found_and_identified(name: str) -> None:
    found = find(entry(name).targets)
    if found is None:  # a class of another supported version
        assert any(target.versions for target in entry(name).targets) or name.startswith("sklearn:")
        return
    assert isinstance(found, type)
    if found is list:
        return
    assert KNOWN.identify(found.__module__, found.__qualname__) in (name, *aliases(name))


def aliases(name: str) -> tuple[str, ...]:
    """Losses of stochastic gradient descent became the general ones."""
    return tuple(other for other in SKLEARN if entry(other).targets[0].module == entry(name).targets[-1].module)


@pytest.mark.parametrize("name", [name for name in KNOWN.routines() if name.startswith("sklearn")])
def test_sklearn_functions_are_found_and_identified(name: str) -> None:
    routine = KNOWN.routine(name)
    assert routine is not None
    found = find(routine.targets)
    if found is None:
        assert name.rpartition(".")[2] in YOUNG
        return
    assert inspect.isfunction(found)
    assert KNOWN.identify_function(found.__module__, found.__qualname__) == name


YOUNG = {"f_oneway", "d2_brier_score", "d2_log_loss_score"}


def test_every_estimator_of_the_installed_version_is_there() -> None:
    from sklearn.utils import all_estimators

    missing = [name for name, cls in all_estimators() if KNOWN.identify(cls.__module__, cls.__qualname__) is None]
    assert missing == []


@pytest.mark.parametrize("name", SKLEARN)
def test_attributes_do_not_stand_for_methods_of_this_version(name: str) -> None:
    """Names that another version assigns and this one computes are for the adapter's migration, and few."""
    found, cls = entry(name), find(entry(name).targets)
    if found.state != "dict" or cls is None:
        return
    taken = {each for each in found.attributes if hasattr(type(inspect.getattr_static(cls, each, None)), "__get__")}
    assert len(taken) <= 3, taken


def test_a_name_is_either_known_or_not() -> None:
    assert KNOWN.entry("sklearn.svm.SVC2") is None
    assert KNOWN.entry("unheard.of") is None
    assert KNOWN.identify("os", "system") is None
    assert KNOWN.identify_function("os", "system") is None
    assert KNOWN.function("os.system") is None
    assert KNOWN.type_targets("os.system") == []
    assert not KNOWN.has_link("os.environ")


def test_importing_the_vocabulary_imports_no_framework() -> None:
    script = (
        "import sys\nfrom amber import vocabulary\nfrom amber.vocabulary import audit\n"
        "known = vocabulary.load()\nassert known.entry('sklearn.svm.SVC').library == 'scikit-learn'\n"
        "assert known.identify('pandas', 'DataFrame') or True\n"
        "bad = {'numpy', 'sklearn', 'scipy', 'pandas', 'pickle', 'joblib'} & set(sys.modules)\nassert not bad, bad\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, cwd=ROOT, env={"PYTHONPATH": str(ROOT / "src")})
