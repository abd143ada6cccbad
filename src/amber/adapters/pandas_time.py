"""pandas' times: zones, offsets, periods, intervals and single moments."""

from __future__ import annotations

import datetime
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas

from amber.adapters.python_time import ZONE_KEY, find_zone
from amber.errors import AuditError, SaveError

if TYPE_CHECKING:
    from amber.adapters.protocol import Special

pd: Any = pandas  # its stubs are narrower than the library

UNITS = ("s", "ms", "us", "ns")
NAT = -(2**63)
_ZONE = re.compile(r"(fixed|zoneinfo|pytz):(.{1,99})")
_DAY_SECONDS = 86400
# What an offset has besides `n` and `normalize`; everything else of pandas' offsets holds calendars or free text.
OFFSETS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("Day", "Hour", "Minute", "Second", "Milli", "Micro", "Nano"), ()),
    **dict.fromkeys(("BusinessDay", "MonthBegin", "MonthEnd", "BusinessMonthBegin", "BusinessMonthEnd"), ()),
    **dict.fromkeys(("SemiMonthBegin", "SemiMonthEnd"), ("day_of_month",)),
    **dict.fromkeys(("Week", "LastWeekOfMonth"), ("weekday",)),
    "WeekOfMonth": ("week", "weekday"),
    **dict.fromkeys(("QuarterBegin", "QuarterEnd", "BQuarterBegin", "BQuarterEnd"), ("startingMonth",)),
    **dict.fromkeys(("HalfYearBegin", "HalfYearEnd", "BHalfYearBegin", "BHalfYearEnd"), ("startingMonth",)),
    **dict.fromkeys(("YearBegin", "YearEnd", "BYearBegin", "BYearEnd"), ("month",)),
}
_TICKS = ("Day", "Hour", "Minute", "Second", "Milli", "Micro", "Nano")


def zone_text(zone: Any) -> str | None:
    """Return a time zone as text: `fixed:3600`, `zoneinfo:Europe/Paris`, `pytz:Europe/Paris`; None for none.

    Raises:
        SaveError: It is a zone of this machine, of dateutil, or has a made-up name.
    """
    if zone is None:
        return None
    kind = type(zone).__module__.partition(".")[0]
    key = getattr(zone, "key", None) if kind == "zoneinfo" else getattr(zone, "zone", None)
    if kind in ("zoneinfo", "pytz") and key is not None and ZONE_KEY.fullmatch(key):
        return f"{kind}:{key}"
    offset = zone.utcoffset(None) if kind in ("datetime", "pytz") else None
    if offset is not None and not offset % datetime.timedelta(seconds=1):
        plain = datetime.timezone(offset)
        if kind == "pytz" or str(zone) == str(plain):
            return f"fixed:{offset // datetime.timedelta(seconds=1)}"
    raise SaveError(
        "value-mismatch", f"the time zone {zone!r} cannot be data", hint="use an IANA name such as Europe/Paris"
    )


def zone_of(text: str | None) -> Any:
    """Return the time zone of `zone_text`; pytz zones become zoneinfo ones where there is no pytz.

    Raises:
        AuditError: The text has another form.
        BuildError: There is no such zone here.
    """
    if text is None:
        return None
    match = _ZONE.fullmatch(text)
    if match is None:
        raise AuditError("value-mismatch", f"{text!r} is not a time zone", where="tz")
    kind, key = match[1], match[2]
    if kind == "fixed":
        if not re.fullmatch(r"-?[0-9]{1,5}", key) or abs(int(key)) >= _DAY_SECONDS:
            raise AuditError("value-out-of-range", "an offset of a day or more", where="tz")
        return datetime.timezone(datetime.timedelta(seconds=int(key)))
    zone = find_zone(key)
    if kind == "pytz":
        try:
            import pytz  # type: ignore[import-untyped]
        except ImportError:
            return zone
        return pytz.timezone(key)
    return zone


def check_times(values: np.ndarray[Any, Any], where: str) -> None:
    """Check that dates lie in the years 1 to 9999: compiled code of pandas 2 reads foreign memory beyond them.

    Raises:
        AuditError: `value-out-of-range`.
    """
    if values.dtype.kind != "M" or values.dtype == np.dtype("M8[ns]") or not values.size:
        return
    known = values[~np.isnat(values)]
    low, high = (np.datetime64(day).astype(values.dtype) for day in ("0001-01-01", "9999-12-31"))
    if known.size and (known.min() < low or known.max() > high):
        raise AuditError("value-out-of-range", "a date outside the years 1 to 9999", where=where)


def check_ordinals(ordinals: np.ndarray[Any, Any], freq: Any) -> None:
    """Check that periods lie in the years 1 to 9999.

    Raises:
        AuditError: `value-out-of-range`.
    """
    if type(freq).__name__ == "Nano":
        return
    known = ordinals[ordinals != NAT]
    try:
        low = pd.Period(year=1, month=1, day=1, freq=freq).ordinal
        high = pd.Period(year=9999, month=12, day=31, freq=freq).ordinal
    except (ValueError, AttributeError, TypeError) as error:
        raise AuditError("value-mismatch", f"not the frequency of a period: {error}", where="freq") from error
    if known.size and (int(known.min()) < low or int(known.max()) > high):
        raise AuditError("value-out-of-range", "a period outside the years 1 to 9999", where="ordinals")


class Offset:
    """An offset of a fixed rule, such as `MonthEnd(2)`."""

    def take(self, obj: Any) -> dict[str, Any]:
        """Return count, normalize flag and the class's own numbers."""
        if getattr(obj, "offset", datetime.timedelta(0)):
            raise SaveError("value-mismatch", "a BusinessDay with an offset cannot be data")
        extra = {name: getattr(obj, name) for name in OFFSETS[type(obj).__name__]}
        return {"n": int(obj.n), "normalize": bool(obj.normalize), **extra}

    def rebuild(self, cls: Any, state: dict[str, Any]) -> Any:
        """Call the constructor; it knows the ranges of months and weekdays."""
        extra = {name: state[name] for name in OFFSETS[cls.__name__]}
        if cls.__name__ not in _TICKS:
            extra["normalize"] = state["normalize"]
        try:
            return cls(state["n"], **extra)
        except (ValueError, OverflowError) as error:
            raise AuditError("value-out-of-range", str(error), where=cls.__name__) from error


class Moment:
    """`Timestamp` and `Timedelta`: a count of units, and for a Timestamp zone and fold."""

    def take(self, obj: Any) -> dict[str, Any]:
        """Return the count since the epoch in UTC."""
        state = {"value": int(obj.asm8.view("i8")), "unit": obj.unit}
        if isinstance(obj, pd.Timestamp):
            state |= {"tz": zone_text(obj.tzinfo), "fold": int(obj.fold)}
        return state

    def rebuild(self, cls: Any, state: dict[str, Any]) -> Any:
        """Return the moment in its own unit."""
        value, unit = state["value"], state["unit"]
        if not NAT < value < 2**63:
            raise AuditError("value-out-of-range", "not a 64-bit count", where=cls.__name__)
        if "fold" not in state:
            return pd.Timedelta(np.timedelta64(value, unit))
        stamp = np.datetime64(value, unit)
        check_times(np.array([stamp]), "Timestamp")
        zone = zone_of(state["tz"])
        moment = pd.Timestamp(stamp)
        if zone is not None:
            moment = moment.tz_localize("UTC").tz_convert(zone)
        return moment if moment.fold == state["fold"] else moment.replace(fold=state["fold"])


class Period:
    """`Period`: an ordinal at a frequency."""

    def take(self, obj: Any) -> dict[str, Any]:
        """Return both."""
        return {"ordinal": int(obj.ordinal), "freq": obj.freq}

    def rebuild(self, cls: Any, state: dict[str, Any]) -> Any:
        """Return the period."""
        ordinal = state["ordinal"]
        if not NAT < ordinal < 2**63:
            raise AuditError("value-out-of-range", "not a 64-bit ordinal", where="Period.ordinal")
        check_ordinals(np.array([ordinal]), state["freq"])
        return pd.Period(ordinal=ordinal, freq=state["freq"])


class Interval:
    """`Interval`: two bounds and which of them belong to it."""

    def take(self, obj: Any) -> dict[str, Any]:
        """Return the bounds."""
        return {"left": obj.left, "right": obj.right, "closed": obj.closed}

    def rebuild(self, cls: Any, state: dict[str, Any]) -> Any:
        """Return the interval."""
        try:
            return cls(state["left"], state["right"], state["closed"])
        except (ValueError, TypeError) as error:
            raise AuditError("value-mismatch", str(error), where="Interval") from error


class Constant:
    """`NaT` and `NA`, the two constants."""

    def take(self, obj: Any) -> dict[str, Any]:
        """There is nothing to say about them."""
        return {}

    def rebuild(self, cls: Any, state: dict[str, Any]) -> Any:
        """Return the constant."""
        return pd.NaT if cls is type(pd.NaT) else pd.NA


SPECIALS: dict[str, Special] = {
    "offset": Offset(),
    "moment": Moment(),
    "period": Period(),
    "interval": Interval(),
    "constant": Constant(),
}
