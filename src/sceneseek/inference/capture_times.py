"""When a picture was taken by the clock on the wall: what EXIF, a video's own data or the file's name say of it.

All answers are UTC. A camera that writes no zone means the zone it was set to: the caller says which, by default that
of this machine. A clock that was never set (1904, 1970, 1980) counts as no answer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

from sceneseek.pictures import ExifTags

_DATE_TIME, _ORIGINAL, _DIGITISED = 0x0132, 0x9003, 0x9004
_OFFSET, _OFFSET_ORIGINAL, _OFFSET_DIGITISED = 0x9010, 0x9011, 0x9012
_FRACTION, _FRACTION_ORIGINAL, _FRACTION_DIGITISED = 0x9290, 0x9291, 0x9292
_EXIF_TIMES = (
    (_ORIGINAL, _OFFSET_ORIGINAL, _FRACTION_ORIGINAL),
    (_DIGITISED, _OFFSET_DIGITISED, _FRACTION_DIGITISED),
    (_DATE_TIME, _OFFSET, _FRACTION),
)
_FIRST = datetime(1990, 1, 1, tzinfo=UTC)
"""Before this there were no files of these kinds: the clock was not set."""

_IN_A_NAME = re.compile(
    r"(?<!\d)((?:19|20)\d\d)([-_.]?)(0[1-9]|1[0-2])\2(0[1-9]|[12]\d|3[01])"  # 2026-11-27, 20261127
    r"(?:[ T_.-]|[-_ ]?at[-_ ]|--|__)?"  # and then
    r"([01]\d|2[0-3])([-_.:h]?)([0-5]\d)\6([0-5]\d)(?:[.,]?(\d{3}))?(?!\d)"  # 12-03-10, 120310, 120310123
    r"(Z|[+-][01]\d:?[0-5]\d)?"
)
_PIXEL = re.compile(r"^PXL_\d{8}_")
"""Phones of one maker write UTC into the name; all others write local time."""


def from_exif(tags: ExifTags, zone: tzinfo | None = None) -> datetime | None:
    """When a photograph was taken, from its EXIF data.

    Args:
        tags: See ``pictures.exif_tags``.
        zone: That of the camera's clock where the photograph names none; ``None`` for this machine's.
    """
    for when, offset, fraction in _EXIF_TIMES:
        text = _words(tags.get(when))
        match = re.match(r"(\d{4})[:-](\d\d)[:-](\d\d)[ T](\d\d):(\d\d):(\d\d)", text)
        if match is None:
            continue
        digits = re.sub(r"\D.*", "", _words(tags.get(fraction)))
        taken = _moment(match.groups(), digits, _words(tags.get(offset)), zone)
        if taken is not None:
            return taken
    return None


def from_metadata(metadata: Mapping[str, str]) -> datetime | None:
    """When a video began, from what its container says: always with a zone, or in UTC."""
    for name in ("com.apple.quicktime.creationdate", "creation_time", "DATE_RECORDED", "date"):
        text = metadata.get(name, metadata.get(name.upper(), ""))
        if not re.match(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d", text):
            continue
        try:
            began = datetime.fromisoformat(text.replace("Z", "+00:00"))
        except ValueError:
            continue
        began = began if began.tzinfo else began.replace(tzinfo=UTC)
        if _plausible(began):
            return began.astimezone(UTC)
    return None


def from_name(source: str | Path, zone: tzinfo | None = None) -> datetime | None:
    """When a file was recorded, from its name: a date and a time to the second, in the order year to second.

    Args:
        source: Its path or address; only the last part is looked at.
        zone: That of names without one; ``None`` for this machine's.

    Example:
        >>> from_name("door_2026-11-27_12-03-10.mp4", UTC).isoformat()
        '2026-11-27T12:03:10+00:00'
        >>> from_name("20261127.mp4", UTC) is None
        True
    """
    name = Path(source).name
    match = _IN_A_NAME.search(name)
    if match is None:
        return None
    year, _, month, day, hour, _, minute, second, fraction, offset = match.groups()
    if _PIXEL.match(name):
        zone = UTC
    return _moment((year, month, day, hour, minute, second), fraction or "", offset or "", zone)


def _moment(parts: Sequence[str], fraction: str, offset: str, zone: tzinfo | None) -> datetime | None:
    try:
        year, month, day, hour, minute, second = (int(part) for part in parts)
        local = datetime(year, month, day, hour, minute, second)
        local += timedelta(seconds=float(f"0.{fraction}")) if fraction else timedelta()
        if offset:
            zone = datetime.fromisoformat(f"2000-01-01T00:00:00{offset.replace('Z', '+00:00')}").tzinfo or zone
        # Without a zone, ``astimezone`` takes this machine's, with its summer time of that day.
        taken = local.replace(tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return taken if _plausible(taken) else None


def _plausible(taken: datetime) -> bool:
    return _FIRST <= taken <= datetime.now(UTC) + timedelta(days=2)


def _words(value: Any) -> str:
    return value.strip(" \0") if isinstance(value, str) else ""
