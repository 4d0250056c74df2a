"""Numbers of an answer in words that everybody reads alike."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo

from sceneseek.structures import Match

FLAG_WORDS = {
    "small": "too few pixels to recognise anybody",
    "blurred": "no fine detail",
    "cut": "cut off by the picture's border",
    "unsure": "hardly taken for a person",
}
"""What each quality flag means."""


def clock(time_s: float | None) -> str:
    """Seconds as ``h:mm:ss.s``, shortest form; empty for a photograph.

    Example:
        >>> clock(75.25), clock(3675), clock(None)
        ('1:15.2', '1:01:15.0', '')
    """
    if time_s is None:
        return ""
    tenths = round(time_s * 10)
    hours, rest = divmod(tenths, 36_000)
    minutes, rest = divmod(rest, 600)
    seconds = f"{rest // 10:02d}.{rest % 10}"
    return f"{hours}:{minutes:02d}:{seconds}" if hours else f"{minutes}:{seconds}"


def rate(value: float | None) -> str:
    """A false-match rate as people say it.

    Example:
        >>> rate(0.31), rate(0.0021), rate(4.2e-6), rate(None)
        ('1 in 3', '1 in 480', '1 in 240,000', 'not known')
    """
    if value is None:
        return "not known"
    return f"1 in {two_digits(1.0 / max(value, 1e-12)):,}"


def seen(match: Match, zone: tzinfo | None = None) -> str:
    """When somebody was seen: by the clock on the wall where it is known, else by the video's own.

    Args:
        match: The match; with a sighting, from its first to its last frame.
        zone: The reader's; this machine's when not given.
    """
    start = end = match.time_s
    if match.sighting is not None:
        start, end = match.sighting.start_s, match.sighting.end_s
    if match.captured_at is None:
        return clock(start) if start is None or end is None or _same(start, end) else f"{clock(start)} to {clock(end)}"
    here = 0.0 if match.time_s is None else match.time_s
    first = moment(match.captured_at, zone, (start or here) - here)
    if start is None or end is None or _same(start, end):
        return first
    last = moment(match.captured_at, zone, end - here)
    return f"{first} to {last[-8:] if last[:10] == first[:10] else last}"


def moment(value: datetime, zone: tzinfo | None = None, later_s: float = 0.0) -> str:
    """A moment by the clock on the reader's wall, to the second."""
    return f"{(value + timedelta(seconds=later_s)).astimezone(zone):%Y-%m-%d %H:%M:%S}"


def _same(start: float, end: float) -> bool:
    return abs(end - start) < 1e-6


def two_digits(value: float) -> int:
    """Rounded to two digits: more would pretend."""
    whole = max(1, round(value))
    step: int = 10 ** max(0, len(str(whole)) - 2)
    return round(whole / step) * step
