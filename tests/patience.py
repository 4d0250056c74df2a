"""Waiting for what comes by itself, on a machine of any speed: only a test that fails waits to the end."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

_Result = TypeVar("_Result")

PATIENCE_S = 400.0
"""Less than what pytest allows a test, so that a failure says what was waited for."""


def until(condition: Callable[[], _Result], nap_s: float = 0.01) -> _Result:
    """Ask again and again until the answer is true; that answer."""
    deadline = time.monotonic() + PATIENCE_S
    while not (answer := condition()):
        assert time.monotonic() < deadline, "it never came about"
        time.sleep(nap_s)
    return answer
