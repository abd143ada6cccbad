"""Dates, times and zones of the standard library, field by field."""

from __future__ import annotations

import datetime
import re
import zoneinfo
from typing import TYPE_CHECKING, Any

from amber.errors import AuditError, BuildError, SaveError

if TYPE_CHECKING:
    from amber.adapters.protocol import Special

ZONE_KEY = re.compile(r"[A-Za-z][A-Za-z0-9_+-]{0,31}(/[A-Za-z][A-Za-z0-9_+-]{0,31}){0,2}")
_DATE = ("year", "month", "day")
_TIME = ("hour", "minute", "second", "microsecond")


class Fields:
    """A date, time, datetime or timedelta: the named integers its constructor takes."""

    def __init__(self, names: tuple[str, ...], zone: bool = False) -> None:
        self.names = names
        self.zone = zone

    def take(self, obj: Any) -> dict[str, Any]:
        """Return the fields, and the zone and fold where the class has them."""
        state: dict[str, Any] = {name: getattr(obj, name) for name in self.names}
        if self.zone:
            state |= {"fold": obj.fold, "tzinfo": obj.tzinfo}
        return state

    def rebuild(self, cls: Any, state: dict[str, Any]) -> Any:
        """Call the constructor; it knows which days a month has."""
        try:
            return cls(**state)
        except (ValueError, OverflowError) as error:
            raise AuditError("value-out-of-range", str(error), where=cls.__qualname__) from error


class Timezone:
    """`datetime.timezone`: a fixed offset and perhaps a name."""

    def take(self, obj: Any) -> dict[str, Any]:
        """Return the offset in microseconds and the name, None where it has none."""
        arguments = obj.__getinitargs__()
        return {
            "microseconds": arguments[0] // datetime.timedelta(microseconds=1),
            "name": arguments[1] if len(arguments) > 1 else None,
        }

    def rebuild(self, cls: Any, state: dict[str, Any]) -> Any:
        """Return the zone; the one without offset and name is `timezone.utc` itself."""
        offset = datetime.timedelta(microseconds=state["microseconds"])
        try:
            return cls(offset) if state["name"] is None else cls(offset, state["name"])
        except ValueError as error:
            raise AuditError("value-out-of-range", str(error), where="timezone") from error


class ZoneInfo:
    """`zoneinfo.ZoneInfo` by its key; the rules of the zone are the reader's own."""

    def take(self, obj: Any) -> dict[str, Any]:
        """Return the key; a zone read from a file has none."""
        if obj.key is None or not ZONE_KEY.fullmatch(obj.key):
            raise SaveError(
                "value-mismatch",
                "a time zone without an IANA name cannot be data",
                hint="use zoneinfo.ZoneInfo('Area/City')",
            )
        return {"key": obj.key}

    def rebuild(self, cls: Any, state: dict[str, Any]) -> Any:
        """Look the key up in the installed time zone data."""
        return find_zone(state["key"])


def find_zone(key: str) -> zoneinfo.ZoneInfo:
    """Return the zone of an IANA name.

    Raises:
        AuditError: The key is not of the form of an IANA name, so it is never used as a path.
        BuildError: There is no such zone here.
    """
    if not ZONE_KEY.fullmatch(key):
        raise AuditError("value-mismatch", f"{key!r} is not the name of a time zone", where="ZoneInfo.key")
    try:
        return zoneinfo.ZoneInfo(key)
    except Exception as error:
        raise BuildError(
            "build-failed", f"there is no time zone {key} here", where="ZoneInfo.key", hint="install tzdata"
        ) from error


SPECIALS: dict[str, Special] = {
    "date": Fields(_DATE),
    "time": Fields(_TIME, zone=True),
    "datetime": Fields(_DATE + _TIME, zone=True),
    "timedelta": Fields(("days", "seconds", "microseconds")),
    "timezone": Timezone(),
    "zone": ZoneInfo(),
}
