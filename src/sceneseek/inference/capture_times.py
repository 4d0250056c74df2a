"""When a picture was taken by the clock on the wall: what EXIF, a video's own data or the file's name say of it.

All answers are UTC. A camera that writes no zone means the zone it was set to: the caller says which, by default that
of this machine. What is not wholly understood is not an answer, and what is wrong beside a sound time does not cost it;
either way, the doubt is told. A clock that was never set (1904, 1970, 2000, 2036) counts as no answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

from sceneseek.inference.named_times import named_time, of_twelve
from sceneseek.inference.zones import in_utc, offset_zone, says_nothing, zone_of
from sceneseek.pictures import GPS_IFD, ExifTags

_DATE_TIME, _ORIGINAL, _DIGITISED = 0x0132, 0x9003, 0x9004
_OFFSET, _OFFSET_ORIGINAL, _OFFSET_DIGITISED = 0x9010, 0x9011, 0x9012
_FRACTION, _FRACTION_ORIGINAL, _FRACTION_DIGITISED = 0x9290, 0x9291, 0x9292
_EXIF_TIMES = (
    (_ORIGINAL, _OFFSET_ORIGINAL, _FRACTION_ORIGINAL),
    (_DIGITISED, _OFFSET_DIGITISED, _FRACTION_DIGITISED),
    (_DATE_TIME, _OFFSET, _FRACTION),
)
_GPS_DAY, _GPS_TIME = 0x001D, 0x0007
_GPS_STALE = timedelta(seconds=90)
"""A receiver repeats its last fix: one that is older tells nothing about the camera's zone."""

_FIRST, _LAST = datetime(1990, 1, 1, tzinfo=UTC), datetime(2036, 1, 1, tzinfo=UTC)
"""Before the one there were no files of these kinds; behind the other, counters of seconds run over."""
_AHEAD = timedelta(days=2)
"""So much later than this machine's clock a camera's may be, wherever it is."""
_DEFAULT_DAYS = frozenset({date(1999, 11, 30), date(2000, 1, 1)})
"""Days at which clocks begin that were never set, or that lost their power."""

_WRITTEN = re.compile(
    r"(\d{4})[:/.-](\d\d?)[:/.-](\d\d?)(?:[ T]+|(?=\D))(?P<before>[^\d\s]*) ?"
    r"(\d\d?):(\d\d)(?::(\d\d|  )(?:[.,](\d+))?)?(?P<rest>.*)",
    re.DOTALL,
)
_HALVES = {"am": False, "a.m.": False, "上午": False, "午前": False, "오전": False,
           "pm": True, "p.m.": True, "下午": True, "午後": True, "오후": True}  # fmt: skip


@dataclass(frozen=True)
class Moment:
    """When something was taken, as far as it is known.

    Attributes:
        at: In UTC; ``None`` where it is not known.
        doubt: What is not certain, or why nothing is known, as part of a sentence; empty where there is nothing to say.
    """

    at: datetime | None = None
    doubt: str = ""

    @property
    def sentence(self) -> str:
        """What to tell the user; empty where there is nothing to say."""
        if not self.doubt:
            return ""
        return f"The time is {'not known' if self.at is None else 'doubtful'}: {self.doubt}."


def from_exif(tags: ExifTags, zone: tzinfo | None = None) -> datetime | None:
    """When a photograph was taken, from its EXIF data; see ``exif_moment``."""
    return exif_moment(tags, zone).at


def from_metadata(metadata: Mapping[str, str], zone: tzinfo | None = None) -> datetime | None:
    """When a video began, from what its container says; see ``metadata_moment``."""
    return metadata_moment(metadata, zone).at


def from_name(source: str | Path, zone: tzinfo | None = None) -> datetime | None:
    """When a file was recorded, from its name; see ``name_moment``.

    Example:
        >>> from_name("door_2026-11-27_12-03-10.mp4", UTC).isoformat()
        '2026-11-27T12:03:10+00:00'
        >>> from_name("20261127.mp4", UTC) is None
        True
    """
    return name_moment(source, zone).at


def first_known(*answers: Callable[[], Moment]) -> Moment:
    """The first answer that knows a time; where none does, the first that says why.

    An answer that comes second because an earlier one was not understood is doubtful, and says so.
    """
    why = ""
    for answer in answers:
        moment = answer()
        if moment.at is not None:
            parts = (f"{why}; the next best was taken" if why else "", moment.doubt)
            return Moment(moment.at, "; ".join(part for part in parts if part))
        why = why or moment.doubt
    return Moment(None, why)


def exif_moment(tags: ExifTags, zone: tzinfo | None = None) -> Moment:
    """When a photograph was taken, from its EXIF data.

    The shot's own time counts first, then that of its digitisation, then the file's; its zone is the one written with
    it, or the one that follows from the time of GPS, or the caller's. With no time at all, that of GPS counts.

    Args:
        tags: See ``pictures.exif_tags``.
        zone: That of the camera's clock where the photograph names none; ``None`` for this machine's.
    """
    satellites = _gps_time(tags)
    answers = [lambda names=names: _exif_time(tags, names, satellites, zone) for names in _EXIF_TIMES]
    return first_known(*answers, lambda: _checked(satellites, "GPS data"))


def metadata_moment(metadata: Mapping[str, str], zone: tzinfo | None = None) -> Moment:
    """When a video began, from what its container says.

    Args:
        metadata: The container's words.
        zone: That of a time without one; ``None`` for this machine's. ``creation_time`` of MP4 has one, UTC: that is
            the standard, and some cameras write their local time there all the same.
    """
    return first_known(*(lambda name=name: _metadata_time(metadata, name, zone) for name in _METADATA_TIMES))


_METADATA_TIMES = ("com.apple.quicktime.creationdate", "creation_time", "DATE_RECORDED", "date")


def name_moment(source: str | Path, zone: tzinfo | None = None) -> Moment:
    """When a file was recorded, from its name: a date and a time to the second.

    Args:
        source: Its path or address; only the last part is looked at.
        zone: That of names without one; ``None`` for this machine's.
    """
    named = named_time(Path(source).name)
    if named is None or named.local is None:
        return Moment(None, "" if named is None else named.doubt)
    return _placed(named.local, named.zone or zone, "its name", named.doubt)


def _exif_time(tags: ExifTags, names: tuple[int, int, int], satellites: datetime | None, zone: tzinfo | None) -> Moment:
    when, offset, fraction = (_words(tags.get(name)) for name in names)
    read = _read(when)
    if read is None:
        odd = when if any(letter.isdigit() and letter != "0" for letter in when) else ""
        return Moment(None, f"EXIF says {odd!r}, which is not understood" if odd else "")
    local, own, doubt = read
    if local is None:
        return Moment(None, f"EXIF says {when!r}, {doubt}")
    own = own or zone_of(offset)
    if own is None and not says_nothing(offset):
        doubt = doubt or f"its EXIF zone {offset!r} is not understood"
    fixed = None if satellites is None else _zone_between(local, satellites)
    if own is not None and fixed is not None and fixed.utcoffset(None) != own.utcoffset(local):
        doubt = doubt or f"EXIF says {local} in the zone {own}, and GPS the same in {fixed}; that of EXIF was taken"
    own = own or fixed
    if not local.microsecond and (digits := re.match(r"\d+", fraction)):
        local += timedelta(seconds=float(f"0.{digits[0]}"))
    return _placed(local, own or zone, "EXIF", doubt)


def _metadata_time(metadata: Mapping[str, str], name: str, zone: tzinfo | None) -> Moment:
    text = metadata.get(name, metadata.get(name.upper(), "")).strip()
    read = _read(text)
    if read is None:
        return Moment()
    local, own, doubt = read
    if local is None:
        return Moment(None, f"its {name} is {text!r}, {doubt}")
    if name == "creation_time" and own is UTC and "major_brand" in metadata:
        doubt = doubt or (
            "it is the creation_time of the file, read as UTC; a camera that writes its local time there is off by its "
            "zone, and a program that exports writes the time of the export"
        )
    return _placed(local, own or zone, f"its {name}", doubt)


def _read(text: str) -> tuple[datetime | None, tzinfo | None, str] | None:
    """A written time: what the clock showed, the zone behind it, and what is doubtful; ``None`` for none at all."""
    match = _WRITTEN.match(text)
    if match is None:
        return None
    year, month, day, before, *clock, rest = match.groups()
    hour, minute, second, fraction = clock
    half, behind = _half(before, rest)
    if before and half is None:  # half a day perhaps, in words of another language
        return None, None, f"with {before!r}, which is not understood"
    zone = zone_of(behind)
    doubt = f"{behind!r} behind its time is not understood" if zone is None and not says_nothing(behind) else ""
    try:
        on_the_day = int(hour) if half is None else of_twelve(int(hour), half)
        local = datetime(int(year), int(month), int(day), -1 if on_the_day is None else on_the_day, int(minute))
        local += timedelta(seconds=_up_to_a_minute((second or "").strip() or "0"))
    except (ValueError, OverflowError):
        return None if int(year) == 0 else (None, None, "which is no date and time")
    return local + timedelta(seconds=float(f"0.{fraction or 0}")), zone, doubt


def _up_to_a_minute(text: str) -> int:
    seconds = int(text)
    if seconds > 60:  # 60 is a leap second
        raise ValueError(text)
    return seconds


def _half(before: str, rest: str) -> tuple[bool | None, str]:
    """Which half of the day a clock of twelve hours means, and what else stands behind the time."""
    rest = rest.strip(" \0\u202f\u00a0")
    for word, afternoon in _HALVES.items():
        if before.lower() == word:
            return afternoon, rest
        if rest.lower().startswith(word):
            return afternoon, rest[len(word) :].strip()
    return None, rest


def _gps_time(tags: ExifTags) -> datetime | None:
    """What a receiver says, always UTC; ``None`` without one that knew the time."""
    said = tags.get(GPS_IFD)
    if not isinstance(said, Mapping):
        return None
    day = re.match(r"(\d{4})[:/-](\d\d?)[:/-](\d\d?)", _words(said.get(_GPS_DAY)))
    try:
        hours, minutes, seconds = (float(part) for part in said[_GPS_TIME])
        assert day is not None
        assert 0 <= hours < 24
        assert 0 <= minutes < 60
        assert 0 <= seconds < 61
        midnight = datetime(int(day[1]), int(day[2]), int(day[3]), tzinfo=UTC)
        return midnight + timedelta(hours=hours, minutes=minutes, seconds=seconds)
    except (KeyError, TypeError, ValueError, OverflowError, ZeroDivisionError, AssertionError):
        return None


def _zone_between(local: datetime, satellites: datetime) -> tzinfo | None:
    """The zone that a clock was set to, where it and a receiver tell the same moment."""
    ahead = local - satellites.replace(tzinfo=None)
    quarter = timedelta(minutes=15)
    nearest = round(ahead / quarter) * quarter
    return offset_zone(nearest) if abs(ahead - nearest) <= _GPS_STALE else None


def _placed(local: datetime, zone: tzinfo | None, who: str, doubt: str) -> Moment:
    """A clock's time in UTC, unless it cannot be one that was set."""
    unset = local.date() in _DEFAULT_DAYS or (local.month, local.day, local.time()) == (1, 1, datetime.min.time())
    if unset:
        return Moment(None, f"{who} says {local}, as a clock does that was never set")
    try:
        at, unclear = in_utc(local, zone)
    except (ValueError, OverflowError, OSError):
        return Moment(None, f"{who} says {local}, which is no time of these days")
    checked = _checked(at, who)
    if checked.at is None:
        return checked
    return Moment(at, "; ".join(part for part in (doubt, unclear, checked.doubt) if part))


def _checked(at: datetime | None, who: str) -> Moment:
    if at is None:
        return Moment()
    if not _FIRST <= at < _LAST:
        return Moment(None, f"{who} says {at:%Y-%m-%d %H:%M:%S}, as a clock does that was never set")
    if at > datetime.now(UTC) + _AHEAD:
        return Moment(at, f"{who} says {at:%Y-%m-%d %H:%M:%S}, which lies in the future by this machine's clock")
    return Moment(at)


def _words(value: Any) -> str:
    """A tag's text. What cameras write beyond ASCII is UTF-8, which readers of EXIF take for Latin letters."""
    if isinstance(value, str):
        with suppress(UnicodeError):
            value = value.encode("latin-1").decode("utf-8")
    elif isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    return value.strip(" \0") if isinstance(value, str) else ""
