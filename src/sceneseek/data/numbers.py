"""Numbers out of files: what may be an id, and what may be a measure. Files hold anything; arrays do not."""

from __future__ import annotations

import math
from typing import Any

from sceneseek.data.problems import BadRecord, Place
from sceneseek.structures import LARGEST_ID

_EXACT = 2**53
"""Whole numbers beyond it cannot be told apart once they were written as floating-point numbers."""
_SHOWN = 40


def whole(value: Any, name: str, place: Place, kind: str = "unreadable record") -> int:
    """An id, or another whole number; ``3.0`` is one, ``True`` and ``"3"`` are not.

    Args:
        value: What the file holds.
        name: What to call it in messages.
        place: Where it is.
        kind: What a problem with it is about.

    Raises:
        BadRecord: It is not a whole number, or does not fit into 64 bits with a sign.
    """
    if type(value) is int and -LARGEST_ID <= value <= LARGEST_ID:  # nearly all of them, and there are millions
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadRecord(place, f"{name} is {shown(value)}; expected a whole number.", kind)
    if isinstance(value, float) and not (math.isfinite(value) and value == int(value)):
        raise BadRecord(place, f"{name} is {shown(value)}; expected a whole number.", kind)
    if isinstance(value, float) and abs(value) > _EXACT:
        message = f"{name} is {value:g}, a floating-point number too large to be exact; write it as a whole number."
        raise BadRecord(place, message, kind)
    if not -LARGEST_ID <= value <= LARGEST_ID:
        message = f"{name} is {shown(int(value))}; the largest number that is taken is {LARGEST_ID}. Renumber them."
        raise BadRecord(place, message, kind)
    return int(value)


def real(value: Any, name: str, place: Place, kind: str = "unreadable record") -> float:
    """A finite number.

    Raises:
        BadRecord: It is none.
    """
    if not is_finite(value):
        raise BadRecord(place, f"{name} is {shown(value)}; expected a number.", kind)
    return float(value)


def is_finite(value: Any) -> bool:
    """Whether a value is a number that a float can hold."""
    return type(value) in (int, float) and _is_finite(value)


def shown(value: Any) -> str:
    """A value as a message shows it: short, whatever it is.

    Example:
        >>> shown("seven"), shown(10**60)
        ("'seven'", '100000000000000000000... (61 digits)')
    """
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 10**_SHOWN:
        digits = _digits(value)
        return f"{digits[: _SHOWN // 2 + 1]}... ({len(digits.lstrip('-'))} digits)"
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _digits(value: int) -> str:
    try:
        return str(value)
    except ValueError:  # Python refuses to print thousands of digits
        return f"{'-' * (value < 0)}{int(math.log10(abs(value)))}"


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond every float
        return False
