"""Reading ahead in a thread: order, bounds, errors, and an end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence

import pytest

from patience import PATIENCE_S, until
from sceneseek.ahead import WorkBehind, read_ahead, side_by_side
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
    assert closed.is_set()
    assert not [thread for thread in threading.enumerate() if thread.name == "sceneseek-read-ahead"]
    with pytest.raises(ValueRefused, match="depth"):
        next(read_ahead([1], depth=0))


def test_a_source_that_cannot_wait_keeps_its_newest_items() -> None:
    all_made = threading.Event()

    def camera() -> Iterator[int]:
        yield from range(50)
        all_made.set()

    ahead = read_ahead(camera(), depth=2, newest=True)
    first = next(ahead)
    assert all_made.wait(PATIENCE_S), "it did not wait for anybody"
    kept = [first, *ahead]
    assert kept == sorted(kept)
    assert kept[-1] == 49
    assert len(kept) <= 1 + 2


def test_several_sources_run_side_by_side() -> None:
    fast_is_done = threading.Event()

    def slow() -> Iterator[str]:
        assert fast_is_done.wait(PATIENCE_S)
        yield "slow"

    def fast() -> Iterator[str]:
        yield from ("fast 1", "fast 2")
        fast_is_done.set()

    assert list(side_by_side([slow(), fast()], depth=4)) == ["fast 1", "fast 2", "slow"]
    assert list(side_by_side([], depth=1)) == []


def test_nothing_for_a_while_is_told_when_asked_to() -> None:
    go_on = threading.Event()

    def source() -> Iterator[int]:
        yield 1
        assert go_on.wait(PATIENCE_S)
        yield 2

    came = []
    for item in side_by_side([source()], depth=2, idle_s=0.05):
        came.append(item)
        if item is None:
            go_on.set()
    assert came[0] == 1
    assert came[-1] == 2
    assert None in came


def test_work_behind_keeps_order_and_is_done_when_left() -> None:
    done: list[int] = []
    with WorkBehind(done.append, capacity=3) as behind:
        for i in range(100):
            behind.give(i)
    assert done == list(range(100))
    assert not [thread for thread in threading.enumerate() if thread.name == "sceneseek-work-behind"]


def test_work_behind_holds_no_more_than_its_capacity() -> None:
    go_on, given = threading.Event(), []

    def work(item: int) -> None:
        assert go_on.wait(PATIENCE_S)

    def give(behind: WorkBehind[int]) -> None:
        for i in range(6):
            behind.give(i, weight=2)
            given.append(i)

    with WorkBehind(work, capacity=5) as behind:
        giver = threading.Thread(target=give, args=(behind,))
        giver.start()
        until(lambda: len(given) >= 2)
        time.sleep(0.1)
        assert given == [0, 1], "a third would weigh six, with the one in work"
        go_on.set()
        giver.join()
    with WorkBehind(work, capacity=1) as behind:
        behind.give(7, weight=99)  # alone, anything may wait


def test_an_error_behind_comes_back_and_an_error_in_front_drops_what_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(item: int) -> None:
        raise OSError("the disk is full")

    def give(work: Callable[[int], None], items: Sequence[int], then: BaseException | None = None) -> None:
        with WorkBehind(work, capacity=50) as behind:
            for item in items:
                behind.give(item)
            if then is not None:
                raise then

    for count in (1, 1000):
        with pytest.raises(OSError, match="the disk is full"):
            give(refuse, range(count))
    done: list[int] = []
    go_on = threading.Event()

    def keep(item: int) -> None:
        assert go_on.wait(PATIENCE_S)
        done.append(item)

    # Whoever waits for the thread has dropped what waited: from then on it may go on.
    monkeypatch.setattr(
        threading.Thread, "join", lambda thread, join=threading.Thread.join: (go_on.set(), join(thread))
    )
    with pytest.raises(ZeroDivisionError):
        give(keep, range(40), ZeroDivisionError())
    assert len(done) <= 1, "what was in work, at most"
    go_on.clear()
    done.clear()
    with pytest.raises(KeyboardInterrupt):
        give(keep, range(40), KeyboardInterrupt())
    assert done == list(range(40)), "who stops the work keeps what was seen"
