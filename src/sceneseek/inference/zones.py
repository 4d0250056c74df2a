"""Time zones as files write them, and the way from a clock's local time to UTC.

A zone is wholly understood or none at all: what only looks like one costs hours. The clocks of a country are set back
and forth twice a year; a time that came twice, or never, is said to be doubtful.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo

_WEST, _EAST = timedelta(hours=-12), timedelta(hours=14)
_QUARTER = timedelta(minutes=15)
_NO_ZONE = re.compile(r"[\s:]*")
_ZONE = re.compile(
    r"(?:(?P<utc>Z|UTC|GMT)\s*)?(?:(?P<sign>[+\u2212-])(?P<hours>\d{1,2})(?::?(?P<minutes>[0-5]\d))?(?::?00)?)?",
    re.IGNORECASE,
)


def says_nothing(text: str) -> bool:
    """Whether a zone was left blank, in the ways of the EXIF standard: spaces, with or without the colon."""
    return _NO_ZONE.fullmatch(text) is not None


def zone_of(text: str) -> tzinfo | None:
    """The zone that a text names, or ``None`` where it is not wholly understood.

    Zones lie between 12 hours west and 14 hours east, at a quarter of an hour: anything else is some other number.

    Example:
        >>> [str(zone_of(text)) for text in ("+02:00", "-5:00", "+0545", "GMT+2", "Z")]
        ['UTC+02:00', 'UTC-05:00', 'UTC+05:45', 'UTC+02:00', 'UTC']
        >>> [zone_of(text) for text in ("", "+1024", "??:??", "CEST", "-0001")]
        [None, None, None, None, None]
    """
    match = _ZONE.fullmatch(text.strip(" \0"))
    if match is None or not match.group():
        return None
    if match["sign"] is None:
        return UTC
    if (match["utc"] or "").upper() == "Z":
        return None
    ahead = timedelta(hours=int(match["hours"]), minutes=int(match["minutes"] or 0))
    return offset_zone(ahead if match["sign"] == "+" else -ahead)


def offset_zone(ahead: timedelta) -> tzinfo | None:
    """The zone that is so much ahead of UTC, or ``None`` where there is none like it."""
    if not _WEST <= ahead <= _EAST or ahead % _QUARTER:
        return None
    return timezone(ahead)


def in_utc(local: datetime, zone: tzinfo | None) -> tuple[datetime, str]:
    """A clock's local time in UTC.

    Args:
        local: What the clock showed, without a zone.
        zone: Its zone; ``None`` for this machine's, with its summer time of that day.

    Returns:
        The moment, and what is doubtful about it: empty, unless the clocks were changed in that hour.

    Raises:
        OverflowError: The time lies at the end of all calendars.
        OSError: This machine's zone has no answer for it.
        ValueError: Likewise.
    """
    first, second = (local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if first == second:
        return first, ""
    shown = f"{local:%Y-%m-%d %H:%M:%S}"
    if first.astimezone(zone).replace(tzinfo=None, fold=0) == local.replace(fold=0):
        return first, f"{shown} came twice that night, as the clocks were set back; it was taken for the first time"
    return first, (
        f"{shown} did not come that night, as the clocks were set forward; "
        "it was taken for a clock that was not set forward"
    )
