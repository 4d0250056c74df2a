"""Numbers of an answer in words that everybody reads alike."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo

from sceneseek.structures import UNEXPECTED, Match, Ranking
from sceneseek.words import counted

MANY = 10.0
"""Strangers expected to score as high as the best match, from which on nobody looks like the query at all."""

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
    return f"1 in {_two_digits(1.0 / max(value, 1e-12)):,}"


def how_many(expected: float | None) -> str:
    """A number of strangers, in one or two words.

    Example:
        >>> how_many(0.02), how_many(3.4), how_many(128.0), how_many(None)
        ('none', 'about 3', 'about 130', 'not known')
    """
    if expected is None:
        return "not known"
    return "none" if expected < UNEXPECTED else f"about {_two_digits(expected):,}"


def strangers(expected: float | None) -> str:
    """How many strangers score this high in a gallery of this size.

    Example:
        >>> strangers(0.02), strangers(0.8), strangers(3.4)
        ('no stranger expected', 'about 1 stranger', 'about 3 strangers')
    """
    if expected is None:
        return "not known"
    if expected < UNEXPECTED:
        return "no stranger expected"
    return f"{how_many(expected)} stranger{'' if _two_digits(expected) == 1 else 's'}"


def verdict(ranking: Ranking) -> str:
    """The answer in one sentence.

    Example:
        >>> match = Match(1, 0.5, 0.9, (0, 0, 1, 1), "a.jpg", strangers_expected=130.0)
        >>> verdict(Ranking((match,), "model", 4000, num_likely=0))
        'Nobody here looks like your query: about 130 strangers are expected to score as high as the best match.'
    """
    if not len(ranking):
        return "There was nobody to compare with."
    if ranking.num_likely is None:
        return "How often strangers score this high is not known here: too few people were seen side by side."
    if ranking.num_likely > 0:
        return f"{counted(ranking.num_likely, 'match', 'matches')} that no stranger is expected to reach."
    least = min(m.strangers_expected for m in ranking if m.strangers_expected is not None)
    if least < MANY:
        return f"No match stands out: {strangers(least)} would score as high as the best one."
    return f"Nobody here looks like your query: {strangers(least)} are expected to score as high as the best match."


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


def _two_digits(value: float) -> int:
    """Rounded to two digits: more would pretend."""
    whole = max(1, round(value))
    step: int = 10 ** max(0, len(str(whole)) - 2)
    return round(whole / step) * step
