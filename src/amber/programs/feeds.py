"""The inputs of a graph, made from a request: numbers as one float matrix, categories as codes, texts as counts.

Before the session runs the rules are enforced here: those of the original's own input check (`input-refused`), and
those of the certificate's domain (`outside-domain`), each with the row and the column that break them.
"""

from __future__ import annotations

import math
import operator
import struct
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from amber.errors import shown
from amber.programs import plan as plans
from amber.programs.plan import FLOAT32_OVERFLOW, Codes, Plan, Rule
from amber.programs.requests import Rows, RowsError, floats, label, refusal

# Numbers whose squares sum up to less are finite and fit float32; the sum may overflow or be NaN.
_SMALL = 1e38
Feeds = dict[str, Any]
_OF_FINITE = ("finite", "no-infinity", "float32")
_PLAIN = frozenset((float, int, bool, type(None)))


class Feeder:
    """One plan, ready: `feed(rows)` gives the inputs of the graph by name."""

    def __init__(self, plan: Plan, domain: Sequence[Rule] = (), method: str = "") -> None:
        self.plan = plan
        self.float: Any = np.dtype(plan.precision)
        self.columns, self.objects = list(plan.numbers), plan.request.objects
        self.compared = frozenset(plan.compared)
        self.cast = self.compared.isdisjoint(plan.numbers)
        count = len(self.columns)
        self.whole = count == plan.request.width and self.columns == list(range(count))
        place = {column: position for position, column in enumerate(self.columns)}
        self.checks = [
            (rule, code, _places(rule, place))
            for rules, code in ((plan.rules, "input-refused"), (domain, "outside-domain"))
            for rule in rules
            if rule.rule in _NUMERIC and method not in rule.spared
        ]
        self.strict = any(rule.rule in ("finite", "float32") for rule, _, _ in self.checks)
        # no rule that numbers of ordinary size could break; and nothing but numbers and categories
        self.ordinary = all(rule.rule in _OF_FINITE for rule, _, _ in self.checks)
        self.straight = (
            plan.request.form == "table"
            and not plan.texts
            and not plan.records
            and not domain
            and self.ordinary
            and len(self.columns) + len(plan.codes) == plan.request.width
        )
        self.named = bool(plan.codes) or not plan.request.arrays or not self.whole
        self.names = list(plan.request.names or [])
        self.lookups = [Lookup(codes, plan, domain) for codes in plan.codes]
        self.texts = [_text_reader(text, plan, domain) for text in plan.texts]
        self.texts += [_record_reader(records) for records in plan.records]
        self.inputs = [tuple(f"{name}.{part}" for part in ("data", "column", "row")) for name, _, _ in self.texts]
        self.worded = plan.request.form == "texts" and len(self.texts) == 1 and not self.checks
        self.one = self._one() if self.straight and self.names else None

    def direct(self, rows: Any) -> Feeds | None:
        """Return the inputs of a request that needs no conversion; None where it does, or may break a rule.

        That is a float64 array of the model's width, a dict of one plain value for each column, or a list of texts.
        """
        if not self.straight:
            if type(rows) is list and self.worded and 0 < len(rows) <= self.plan.block:
                return self._counted(rows, 0, len(rows), {})
            return None
        if type(rows) is np.ndarray:
            if rows.dtype != self.float or rows.ndim != 2 or rows.shape[1] != len(self.columns) or self.named:
                return None
            if not 0 < len(rows) <= self.plan.block or (self.checks and not self._ordinary(rows)):
                return None
            return {"numbers": rows}
        return self.one(rows) if type(rows) is dict and self.one is not None else None

    def _ordinary(self, rows: Any) -> bool:
        """Whether all numbers keep every rule about finite numbers at once; if not, the rules are asked one by one."""
        if np.vdot(rows, rows) < _SMALL:  # one product instead of three passes
            return True
        if self.strict:
            return bool((np.abs(rows) < (FLOAT32_OVERFLOW if rows.itemsize == 8 else math.inf)).all())
        return not np.isinf(rows).any()

    def _one(self) -> Callable[[dict[Any, Any]], Feeds | None]:
        """Return what makes the inputs of one row as a dict of plain values; None where it must be converted."""
        width, count = len(self.names), len(self.columns)
        numbers_of = _values_of([self.names[column] for column in self.columns])
        values_of = _values_of([self.names[lookup.column] for lookup in self.lookups])
        tables = [
            {value: code for value, code in each.plain.items() if code not in each.refused} for each in self.lookups
        ]
        pack, shape, plain = struct.Struct(f"{count}d").pack, (1, count), _PLAIN.issuperset
        strict, endless = self.strict, bool(self.checks) and not self.strict
        cast, places, codes_of = self.float != np.float64, (1, len(tables)), struct.Struct(f"{len(tables)}q").pack

        def one(row: dict[Any, Any]) -> Feeds | None:
            feeds: Feeds = {}
            try:
                if len(row) != width:
                    return None
                if count:
                    numbers = numbers_of(row)
                    if not plain(map(type, numbers)):
                        return None
                    if None in numbers:
                        numbers = [math.nan if value is None else value for value in numbers]
                    matrix: Any = np.ndarray(shape, np.float64, bytearray(pack(*numbers)))
                    if strict and not self._ordinary(matrix):
                        return None
                    if endless and (math.inf in numbers or -math.inf in numbers):
                        return None
                    feeds["numbers"] = matrix.astype(self.float) if cast else matrix
                if tables:
                    codes = codes_of(*[table[value] for table, value in zip(tables, values_of(row), strict=True)])
                    feeds["codes"] = np.ndarray(places, np.int64, bytearray(codes))
            except (KeyError, TypeError, struct.error):  # what the dict lacks, or the original may refuse
                return None
            return feeds

        return one

    def blamed(self, row: int, feeds: Feeds, start: int = 0) -> RowsError:
        """Return the error for a row that an inner step refuses, with the first column that is not finite if any is.

        `start`: row of the request with which these inputs begin.
        """
        if "numbers" in feeds:
            odd = np.flatnonzero(~np.isfinite(feeds["numbers"][row]))
            if len(odd):
                value = float(feeds["numbers"][row, odd[0]])
                where = label(self.plan.request, self.columns[odd[0]])
                return refusal(f"row {row + start}, {where}: {value}; the model refuses it", expected=_FINITE)
        data = next((name for name in feeds if name.endswith(".data")), None)
        if data is not None:
            stem = data.removesuffix(".data")
            odd = np.flatnonzero((feeds[f"{stem}.row"] == row) & ~np.isfinite(feeds[data]))
            if len(odd):
                where = f"column {int(feeds[f'{stem}.column'][odd[0]])}"
                value = float(feeds[data][odd[0]])
                return refusal(f"row {row + start}, {where}: {value}; the model refuses it", expected=_FINITE)
        return refusal(f"row {row + start}: a step of the model refuses what comes out of the steps before it")

    def feed(self, rows: Rows) -> Feeds:
        """Return the inputs of the graph.

        Raises:
            SourceError: `input-refused` or `outside-domain`, naming row and column.
        """
        feeds: Feeds = {}
        if self.columns:
            feeds["numbers"] = self.numbers(rows)
        if self.lookups:
            feeds["codes"] = np.stack([lookup(rows) for lookup in self.lookups], axis=1)
        for place, (_, column, _) in enumerate(self.texts):
            self._counted(rows.pick(column), place, rows.count, feeds)
        if rows.entries is not None:
            self.sparse(rows.entries, feeds)
        if rows.entries is not None or not feeds:
            feeds["rows"] = np.array([rows.count], np.int64)
        return feeds

    def _counted(self, values: Any, place: int, count: int, feeds: Feeds) -> Feeds:
        """Put the counts of one column of texts or records into the inputs, and how many rows there are."""
        data, columns, row = self.texts[place][2](values)
        named = self.inputs[place]
        feeds[named[0]] = np.asarray(data, self.float)
        feeds[named[1]], feeds[named[2]] = np.asarray(columns, np.int64), np.asarray(row, np.int64)
        feeds["rows"] = np.array((count,), np.int64)
        return feeds

    def numbers(self, rows: Rows) -> Any:
        """Return the float matrix [N, columns]."""
        if self.whole and rows.whole is not None:
            matrix = floats(rows.whole, "the table", objects=self.objects, texts=self.cast)
        elif rows.whole is not None and rows.whole.dtype.kind in "fiub":
            matrix = floats(rows.whole[:, self.columns], "the table", texts=self.cast)
        else:
            matrix = np.empty((rows.count, len(self.columns)))
            for position, column in enumerate(self.columns):
                where, texts = label(self.plan.request, column), column not in self.compared
                matrix[:, position] = floats(rows.pick(column), where, objects=self.objects, texts=texts)
        if self.checks and not (self.ordinary and self._ordinary(matrix)):
            for rule, code, places in self.checks:
                self._enforce(rule, code, places, matrix)
        if matrix.dtype == self.float:
            return matrix
        with np.errstate(over="ignore"):
            return matrix.astype(self.float)

    def _enforce(self, rule: Rule, code: str, places: list[int], matrix: Any) -> None:
        values = matrix if len(places) == matrix.shape[1] else matrix[:, places]
        bad = _NUMERIC[rule.rule](values, rule)
        if bad.any():
            row, place = (int(each) for each in np.argwhere(bad)[0])
            where = label(self.plan.request, self.columns[places[place]])
            raise broken(rule, code, row, where, float(values[row, place]))

    def sparse(self, entries: tuple[Any, Any, Any], feeds: Feeds) -> None:
        """Put the entries of a sparse request into the inputs."""
        data = floats(entries[0], "the matrix")
        for rule, code, _ in self.checks:
            bad = _NUMERIC[rule.rule](data, rule)
            if rule.columns:
                bad &= np.isin(entries[1], rule.columns)
            if bad.any():
                place = int(np.flatnonzero(bad)[0])
                raise broken(rule, code, int(entries[2][place]), f"column {int(entries[1][place])}", float(data[place]))
        feeds["sparse.data"] = data.astype(self.float, copy=False)
        feeds["sparse.column"] = np.asarray(entries[1], np.int64)
        feeds["sparse.row"] = np.asarray(entries[2], np.int64)


def _values_of(names: Sequence[Any]) -> Callable[[dict[Any, Any]], Sequence[Any]]:
    """Return what reads the values of these names in a dict."""
    if len(names) == 1:
        return lambda row: (row[names[0]],)
    return operator.itemgetter(*names) if names else lambda row: ()


def dtype_of(rows: Rows) -> str:
    """Return the dtype a request came in, as variants have it; empty for any other."""
    return "float32" if rows.narrow or rows.single else "integers" if rows.integers else ""


def _places(rule: Rule, place: dict[int, int]) -> list[int]:
    return [place[column] for column in rule.columns if column in place] if rule.columns else sorted(place.values())


def broken(rule: Rule, code: str, row: int, where: str, value: float | None = None) -> RowsError:
    """Return the error for a value that breaks a rule; no value of the request is in it but NaN and infinity."""
    said = "" if value is None or math.isfinite(value) else f" ({value})"
    message, hint = f"row {row}, {where}: {_WORDS[rule.rule]}{said}", ""
    if code == "outside-domain":
        hint = "ask the original model, or keep such rows out"
        message += ", and the program is not certified for that"
    else:
        message += "; the model refuses it"
    error = RowsError(code, message, where="input", hint=hint)
    error.expected = _EXPECTED[rule.rule].format(low=rule.low, high=rule.high, most=f"{float(rule.high or 'inf'):g}")
    return error


_WORDS: dict[str, str] = {
    "finite": "missing or infinite",
    "no-infinity": "infinite",
    "not-missing": "missing",
    "float32": "too large for float32",
    "not-negative": "negative",
    "range": "out of range",
    "categories-known": "a category the model does not know",
    "ascii": "not ASCII",
    "max-length": "too long",
}
_FINITE = "a finite number"
_EXPECTED: dict[str, str] = {
    "finite": _FINITE,
    "no-infinity": "a number that is not infinite",
    "not-missing": "a value that is not missing",
    "float32": "a number in the range of float32, up to 3.4e38",
    "not-negative": "a number from 0 on",
    "range": "a number from {low} to {high}",
    "categories-known": "a category that the model knows",
    "ascii": "ASCII text",
    "max-length": "a text of at most {most} characters",
}
_NUMERIC: dict[str, Callable[[Any, Rule], Any]] = {
    "finite": lambda values, rule: ~np.isfinite(values),
    "no-infinity": lambda values, rule: np.isinf(values),
    "not-missing": lambda values, rule: np.isnan(values),
    "float32": lambda values, rule: np.abs(values) >= FLOAT32_OVERFLOW,
    "not-negative": lambda values, rule: values < 0,
    "range": lambda values, rule: (values < float(rule.low or "-inf")) | (values > float(rule.high or "inf")),
}


class Lookup:
    """One column of categories: its values to codes, by exact equality as a dict has it."""

    def __init__(self, codes: Codes, plan: Plan, domain: Sequence[Rule]) -> None:
        self.column, self.where = codes.column, label(plan.request, codes.column)
        self.known: dict[Any, int] = {plans.value_of(value): code for code, value in enumerate(codes.values)}
        self.known[np.nan] = plans.NAN
        self.plain = {**self.known, None: codes.none}
        self.known[None] = plans.NONE
        self.refused = frozenset(codes.refused)
        self.texts = codes.column in plan.compared and any(isinstance(value, str) for value in codes.values)
        self.closed = [
            rule for rule in domain if codes.column in rule.columns and rule.rule in ("categories-known", "not-missing")
        ]

    def __call__(self, rows: Rows) -> Any:
        """Return the codes, int64 [N]."""
        values = rows.pick(self.column)
        dtype = getattr(values, "dtype", None)
        known = self.known if hasattr(values, "iloc") else self.plain
        if self.texts and isinstance(dtype, np.dtype) and dtype.kind in "biufcmMS":
            raise refusal(f"{self.where}: {dtype} where the model takes texts", expected="a text")
        values = values.tolist() if hasattr(values, "tolist") else list(values)
        get = known.get
        try:
            codes = [get(value, plans.UNSEEN) for value in values]
        except TypeError as error:
            raise refusal(f"{self.where}: a value that is no category", expected="a text or a number") from error
        if plans.UNSEEN in codes:
            codes = [code if code != plans.UNSEEN else _other(value) for code, value in zip(codes, values, strict=True)]
        if self.refused and not self.refused.isdisjoint(codes):
            row = next(row for row, code in enumerate(codes) if code in self.refused)
            said = f"the category {shown(values[row])!r}" if codes[row] == plans.UNSEEN else "the value"
            wanted = _EXPECTED["categories-known" if codes[row] == plans.UNSEEN else "not-missing"]
            raise refusal(f"row {row}, {self.where}: the model refuses {said}" + _state(codes[row]), expected=wanted)
        for rule in self.closed:
            outside = (plans.UNSEEN,) if rule.rule == "categories-known" else (plans.NAN, plans.NONE, plans.NA)
            row = next((row for row, code in enumerate(codes) if code in outside), -1)
            if row >= 0:
                raise broken(rule, "outside-domain", row, self.where)
        return np.array(codes, np.int64)


def _other(value: Any) -> int:
    """Return the code of a value the dict does not hold: another NaN, pandas.NA, or something never seen."""
    if isinstance(value, float) and value != value:
        return plans.NAN
    name = type(value).__name__
    if name in ("NAType", "NaTType"):
        return plans.NA
    return plans.UNSEEN


def _state(code: int) -> str:
    return {plans.NAN: ": NaN", plans.NONE: ": None", plans.NA: ": NA"}.get(code, "")


def _text_reader(text: plans.Text, plan: Plan, domain: Sequence[Rule]) -> tuple[str, int, Callable[[Any], Any]]:
    from amber.programs import prelude  # here, since most programs have none

    run = prelude.compile(text.prelude)
    where = "the texts" if text.column < 0 else label(plan.request, text.column)
    rules = [rule for rule in domain if rule.rule in ("ascii", "max-length") and text.column in (*rule.columns, -1)]

    def read(values: Any) -> Any:
        items = values.tolist() if hasattr(values, "tolist") else values
        for rule in rules:
            for row, item in enumerate(items):
                if isinstance(item, str | bytes) and _outside(item, rule):
                    raise broken(rule, "outside-domain", row, where)
        return run(items)

    return text.input, max(text.column, 0), read


def _record_reader(records: plans.Records) -> tuple[str, int, Callable[[Any], Any]]:
    from amber.programs import prelude

    return records.input, 0, prelude.compile_records(records)


def _outside(item: str | bytes, rule: Rule) -> bool:
    return not item.isascii() if rule.rule == "ascii" else len(item) > float(rule.high or "inf")
