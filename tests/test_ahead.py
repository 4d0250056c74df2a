"""Reading ahead in a thread: order, bounds, errors, and an end."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from sceneseek.ahead import read_ahead
from sceneseek.errors import ValueRefused


def test_read_ahead_keeps_order_and_runs_no_further_ahead_than_asked() -> None:
    made = 0

    def source() -> Iterator[int]:
        nonlocal made
        for i in range(50):
            made = i + 1
            yield i

    ahead = read_ahead(source(), depth=3)
    assert next(ahead) == 0
    threading.Event().wait(0.3)
    assert made <= 1 + 3 + 1
    assert list(ahead) == list(range(1, 50))


def test_read_ahead_hands_over_an_error_in_its_place() -> None:
    def source() -> Iterator[int]:
        yield 1
        raise OSError("the disk is gone")

    ahead = read_ahead(source())
    assert next(ahead) == 1
    with pytest.raises(OSError, match="the disk is gone"):
        next(ahead)


def test_read_ahead_closes_its_source_when_nobody_listens_any_more() -> None:
    closed = threading.Event()

    def source() -> Iterator[int]:
        try:
            yield from range(10**9)
        finally:
            closed.set()

    ahead = read_ahead(source(), depth=2)
    next(ahead)
    ahead.close()
    assert closed.wait(5)
    assert not [thread for thread in threading.enumerate() if thread.name == "sceneseek-read-ahead"]
    with pytest.raises(ValueRefused, match="depth"):
        next(read_ahead([1], depth=0))
