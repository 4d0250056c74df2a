"""When a file was recorded, as its name says it: a date and a time to the second, with all that stands around them.

Names are written by recorders, phones, web sites and people. Behind the time there may be thousandths, AM or PM, a
zone; and sizes, counters and the end of the recording, which look like zones and are none. Dates that begin with the
year are clear. Others are clear where only one order makes a date, or where dots stand between their parts, as only
those write who put the day first.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from sceneseek.inference.zones import zone_of

_DATE = (
    r"(?<!\d)(?:(?P<year>(?:19|20)\d\d)(?P<ymd>[-_.])?(?P<month>0[1-9]|1[0-2]|(?(ymd)[1-9](?!\d)|(?!)))(?(ymd)(?P=ymd)?)"
    r"(?P<day>0[1-9]|[12]\d|3[01]|(?(ymd)[1-9](?!\d)|(?!)))"
    r"|(?P<first>[0-3]?\d)(?P<sep>[-_.]?)(?P<second>[0-3]?\d)(?P=sep)(?P<last>(?:19|20)\d\d)(?!\d))"
)
_BETWEEN = r"(?P<between>[ T_.-]|[-_ ]?(?:at|um|om|à|a las|alle|kl\.?)[-_ ]|--|__|, ?| - )?"
_TIME = (
    r"(?P<hour>[0-2]\d|(?<!\d)\d(?=[-_.:h ]))(?P<hms>[-_.:h ]?)(?P<minute>[0-5]\d)(?:(?P=hms)|(?<=\dh\d\d)m)"
    r"(?P<seconds>[0-5]\d)(?:[.,](?P<part>\d{1,9})|(?P<thousandths>\d{3}))?(?!\d)"
)
_HALF = r"(?:[\s_.-]*(?P<half>[AaPp]\.?[Mm])\b)?"
_MOMENT = re.compile(_DATE + _BETWEEN + _TIME + _HALF)

_SIGNS = (
    (re.compile(r"(\d{4})[年년]\s?(\d{1,2})[月월]\s?(\d{1,2})[日일]"), r"\1-\2-\3"),
    (re.compile(r"(\d{4})y(\d\d)m(\d\d)d"), r"\1-\2-\3"),
    (re.compile(r"(\d{1,2})[時时點点시]\s?(\d{1,2})[分분]\s?(\d{1,2})[秒초]"), r"\1.\2.\3"),
)
"""Words for year, month, day, hour, minute and second that stand behind the numbers."""
_DAY = re.compile(
    r"(?<!\d)(?:19|20)\d\d(?:([-_.])(?:0?[1-9]|1[0-2])\1(?:0?[1-9]|[12]\d|3[01])"
    r"|(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01]))(?!\d)"
)
_LIKE_A_TIME = re.compile(r"(?<!\d)(?:\d{6}|\d{1,2}[-_.:h]\d{1,2}[-_.:m]\d{1,2})(?!\d)")

_END = r"(?![A-Za-z0-9])"
_ZULU = re.compile(rf"[\s_.-]?(Z|(?:UTC|GMT)(?:[+-]\d{{1,2}}(?::?\d\d)?)?){_END}")
_EAST = re.compile(rf"[\s_]?(\+\d\d:?\d\d){_END}")
_EAST_IN_HOURS = re.compile(rf"(\+\d\d){_END}")
_WITH_COLON = re.compile(rf"([+\u2212-]\d\d:\d\d){_END}")
_WEST = re.compile(rf"\s?(-\d\d(?:\d\d)?){_END}")
_LETTERS = re.compile(
    r"[\s_.-]?(CES?T|EES?T|WES?T|MSK|BST|IST|[ECMP][SD]T|AK[SD]T|HST|JST|KST|AE[SD]T|AC[SD]T|AWST|NZ[SD]T|SGT|HKT)"
    + _END
)

_PIXEL = re.compile(r"^PXL_\d{8}_")
"""Phones of one maker write UTC into the name; all others write local time."""


@dataclass(frozen=True)
class NamedTime:
    """A moment in a file's name.

    Attributes:
        local: What the clock showed; ``None`` where the name does not say it for certain.
        zone: Of the clock, where the name says so.
        doubt: What is doubtful, as part of a sentence; empty when nothing is.
    """

    local: datetime | None
    zone: tzinfo | None = None
    doubt: str = ""


def named_time(name: str) -> NamedTime | None:
    """The moment in a file's name at which the recording began, or ``None`` where the name holds none.

    Example:
        >>> str(named_time("Screenshot 2026-09-04 at 3.05.10 PM.png").local)
        '2026-09-04 15:05:10'
        >>> named_time("04-09-2026 12-03-10.jpg").doubt
        "'04-09-2026' in its name may be day and month, or month and day"
    """
    name = unicodedata.normalize("NFC", name)  # some systems write letters and their accents apart
    for words, plain in _SIGNS:
        name = words.sub(plain, name)
    found = list(_times_in(name))
    if not found:
        return _half_understood(name)
    first = found[0]
    # From and to: the first is the beginning. With an earlier one behind it, nobody knows which is which.
    earlier = next((t for t in found if t.local and first.local and t.local < first.local), None)
    if earlier is not None:
        return NamedTime(None, None, f"its name holds {first.local} and, behind it, {earlier.local}")
    return first


def of_twelve(hour: int, afternoon: bool) -> int | None:
    """The hour of the day on a clock of twelve hours; one that counts to 24 as well is taken at its word.

    Example:
        >>> of_twelve(12, False), of_twelve(3, True), of_twelve(15, True), of_twelve(15, False)
        (0, 15, 15, None)
    """
    if 1 <= hour <= 12:
        return hour % 12 + (12 if afternoon else 0)
    return hour if (hour > 12) == afternoon else None


def _times_in(name: str) -> Iterator[NamedTime]:
    for match in _MOMENT.finditer(name):
        if _runs_on(match):
            continue
        local, doubt = _local(match)
        if local is None:
            yield NamedTime(None, None, doubt)
            continue
        zone, doubt = _zone_behind(name[match.end() :], match)
        yield NamedTime(local, UTC if _PIXEL.match(name) else zone, doubt)


def _half_understood(name: str) -> NamedTime | None:
    """Whether there is a day in a name, and beside it what may be the time of day."""
    day = _DAY.search(name)
    if day is None or not _LIKE_A_TIME.search(name[: day.start()] + " " + name[day.end() :]):
        return None
    return NamedTime(None, None, "its name holds a day, and what may be a time of day is not understood")


def _runs_on(match: re.Match[str]) -> bool:
    """Whether these are digits in a row and no date: one that ends with the year has signs in it, or eight digits."""
    if match["last"] is None:
        return False
    return not match["sep"] and len(match["first"] + match["second"]) < 4


def _local(match: re.Match[str]) -> tuple[datetime | None, str]:
    hour: int | None = int(match["hour"])
    half = match["half"]
    # Behind six digits, "am" is a word of some languages.
    if half and (match["hms"] or half.isupper()):
        hour = of_twelve(int(match["hour"]), half[0] in "Pp")
    order = _date(match)
    if order is None:
        written = match["sep"].join((match["first"], match["second"], match["last"]))
        return None, f"{written!r} in its name may be day and month, or month and day"
    try:
        local = datetime(*order, -1 if hour is None else hour, int(match["minute"]), int(match["seconds"]))
    except ValueError:
        return None, f"{match[0]!r} in its name is no date and time"
    return local + timedelta(seconds=float(f"0.{match['part'] or match['thousandths'] or 0}")), ""


def _date(match: re.Match[str]) -> tuple[int, int, int] | None:
    """Year, month and day; ``None`` where their order is open."""
    if match["year"]:
        return int(match["year"]), int(match["month"]), int(match["day"])
    first, second, year = int(match["first"]), int(match["second"]), int(match["last"])
    if second > 12:
        return year, first, second
    if match["sep"] == "." or first > 12 or first == second:
        return year, second, first
    return None


def _zone_behind(tail: str, match: re.Match[str]) -> tuple[tzinfo | None, str]:
    """The zone that follows the time, and what is doubtful about it."""
    iso = match["between"] == "T"
    for pattern in (_ZULU, _EAST, _WITH_COLON, *((_EAST_IN_HOURS,) if iso else ())):
        written = pattern.match(tail)
        zone = zone_of(written[1]) if written else None
        if zone is not None:
            return zone, ""
    west = _WEST.match(tail) if iso or tail[:1].isspace() else None
    zone = zone_of(west[1]) if west else None
    if west and zone is not None:
        if match["hms"] == ":":
            return zone, ""
        return None, f"{west[1]!r} behind the time in its name may be a zone or a number, and was taken for a number"
    letters = _LETTERS.match(tail)
    if letters:
        return None, f"{letters[1]!r} behind the time in its name was not read as a zone"
    return None, ""
