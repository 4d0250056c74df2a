"""Moments by the clock on the wall, as people write them."""

from __future__ import annotations

from datetime import datetime, time

from sceneseek.errors import ValueRefused


def moment(text: str | None, option: str, *, end_of_day: bool = False) -> datetime | None:
    """Read a moment; one without a zone is meant in the zone of this machine.

    Args:
        text: ``2026-03-02``, ``2026-03-02 08:30``, ``2026-03-02T08:30:00+01:00``; nothing for none.
        option: What it was given for, for the message.
        end_of_day: Whether a date without a time means the end of that day.

    Raises:
        ValueRefused: It is none.

    Example:
        >>> moment("2026-03-02 08:30+01:00", "--after").isoformat()
        '2026-03-02T08:30:00+01:00'
    """
    if text is None:
        return None
    try:
        value = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueRefused(
            f"{option} {text!r} is no moment; expected a date such as 2026-03-02, or with a time: 2026-03-02 08:30."
        ) from None
    if end_of_day and len(text.strip()) <= len("2026-03-02"):
        value = datetime.combine(value.date(), time.max)
    return value if value.tzinfo is not None else value.astimezone()


def shown(value: datetime | None) -> str:
    """A moment for people, in the zone of this machine."""
    return "" if value is None else f"{value.astimezone():%Y-%m-%d %H:%M:%S}"
