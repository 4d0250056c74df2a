"""Whose turn it is, and who gives way: exact rules, without any clock."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import AsyncExitStack, ExitStack

import numpy as np
import pytest

from loops import finished
from sceneseek.gallery import FrameKey
from sceneseek.web import Limits
from sceneseek.web.arrivals import Arrivals
from sceneseek.web.refusals import Refusal
from sceneseek.web.shares import ASKER, Seats, Slots
from sceneseek.web.shelf import QueryPicture, Shelf
from sceneseek.web.turns import Turns


class Held:
    """A thread of turns that works when told, so that what waits can be arranged."""

    def __init__(self, max_waiting: int = 32) -> None:
        self.turns = Turns("test", max_waiting)
        self.go = threading.Event()
        self.done: list[str] = []

    def note(self, name: str) -> Callable[[], str]:
        def work() -> str:
            self.go.wait()
            self.done.append(name)
            return name

        return work

    async def ask(self, asker: str, name: str) -> asyncio.Task[str]:
        ASKER.set(asker)
        task = asyncio.create_task(self.turns.ask(self.note(name)))
        await asyncio.sleep(0)
        return task


def asks(max_waiting: int, *given: str) -> tuple[list[str], dict[str, str]]:
    """The order in which questions are answered, and what each asker was told; the first one is at work before."""

    async def run() -> tuple[list[str], dict[str, str]]:
        held = Held(max_waiting)
        tasks = {}
        for i, asker in enumerate(given):
            tasks[f"{asker}{i}"] = await held.ask(asker, f"{asker}{i}")
            while i == 0 and len(held.turns._first):  # until the thread has it in its hands
                await asyncio.sleep(0.001)
        held.go.set()
        told = {}
        for name, task in tasks.items():
            try:
                told[name] = await task
            except Refusal as refusal:
                told[name] = str(refusal.status_code)
        held.turns.close()
        return held.done, told

    return finished(run())


def test_a_modest_asker_waits_for_one_of_a_greedy_one() -> None:
    done, _ = asks(32, "greedy", "greedy", "greedy", "greedy", "modest", "greedy", "modest")
    assert done == ["greedy0", "greedy1", "modest4", "greedy2", "modest6", "greedy3", "greedy5"]


def test_when_too_many_wait_the_greediest_gives_way() -> None:
    done, told = asks(4, "greedy", "greedy", "greedy", "greedy", "modest")
    assert done == ["greedy0", "greedy1", "modest4", "greedy2"]
    assert told["greedy3"] == "503"


def test_a_greedy_asker_pushes_nobody_out() -> None:
    _, told = asks(3, "anna", "ben", "carl", "greedy", "greedy")
    assert [told[name] for name in ("anna0", "ben1", "carl2")] == ["anna0", "ben1", "carl2"]
    assert {told["greedy3"], told["greedy4"]} == {"503"}


def test_who_hangs_up_leaves_nothing_waiting() -> None:
    async def run() -> int:
        held = Held()
        tasks = [await held.ask("anna", str(i)) for i in range(5)]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        left = len(held.turns._first)
        held.go.set()
        held.turns.close()
        return left

    assert finished(run()) == 0


def test_a_slot_is_left_for_the_next_one_to_come() -> None:
    async def run() -> list[str]:
        slots, held = Slots(3, 2, 32), []

        async def hold(asker: str, until: asyncio.Event) -> None:
            ASKER.set(asker)
            async with slots.held():
                held.append(asker)
                await until.wait()

        end = asyncio.Event()
        tasks = [asyncio.create_task(hold(asker, end)) for asker in ("greedy",) * 5 + ("modest",)]
        for _ in range(10):
            await asyncio.sleep(0)
        seen = list(held)
        end.set()
        await asyncio.gather(*tasks)
        assert len(held) == 6, "in the end all had their turn"
        return seen

    assert finished(run()) == ["greedy", "greedy", "modest"]


def test_slots_come_back_whatever_happens() -> None:
    """To those who fail, and to those who go while they wait or in the moment in which their turn comes."""

    async def run() -> None:
        slots = Slots(1, 1, 8)
        with pytest.raises(ZeroDivisionError):
            async with slots.held():
                _ = 1 / 0
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(slots.held())

            async def wait() -> None:
                async with slots.held():
                    pass

            tasks = [asyncio.create_task(wait()) for _ in range(3)]
            await asyncio.sleep(0)
            tasks[0].cancel()
            await asyncio.sleep(0)
        tasks[1].cancel()  # its turn has come already
        await asyncio.gather(*tasks, return_exceptions=True)
        async with slots.held():
            pass

    finished(asyncio.wait_for(run(), 60))


def test_a_full_line_of_slots_has_room_for_an_asker_with_less() -> None:
    async def run() -> tuple[int, int]:
        slots = Slots(1, 1, 3)
        end = asyncio.Event()

        async def hold(asker: str) -> None:
            ASKER.set(asker)
            async with slots.held():
                await end.wait()

        tasks = []
        for asker in ("greedy",) * 4 + ("modest",):
            tasks.append(asyncio.create_task(hold(asker)))
            await asyncio.sleep(0)
        end.set()
        told = await asyncio.gather(*tasks, return_exceptions=True)
        return sum(isinstance(answer, Refusal) for answer in told[:4]), int(isinstance(told[4], Refusal))

    assert finished(run()) == (2, 0)


def test_seats_go_from_the_greediest_to_one_with_fewer() -> None:
    seats = Seats(3, "things")
    with seats.taken("greedy") as first, seats.taken("greedy") as second, seats.taken("greedy") as third:
        with pytest.raises(Refusal):
            seats.check_room("greedy")
        with seats.taken("modest") as mine:
            assert [seat.lost for seat in (first, second, third, mine)] == [True, False, False, False]
            with pytest.raises(Refusal):
                seats.check_room("modest")
            seats.check_room("another")
        assert not second.lost
    with seats.taken("modest"):
        pass


@pytest.mark.parametrize(
    ("given", "refused"),
    [
        ([("greedy", 50), ("greedy", 1)], "greedy 1"),
        ([("greedy", 50), ("modest", 50)], None),
        ([("greedy", 50), ("modest", 40), ("third", 20)], "third 20"),
    ],
)
def test_large_bodies_on_their_way_have_an_end(given: list[tuple[str, int]], refused: str | None) -> None:
    arrivals, told = Arrivals(100, lambda: 1 << 40), None
    with ExitStack() as stack:
        for asker, size in given:
            take = stack.enter_context(arrivals.body(asker))
            try:
                take(size)
            except Refusal:
                told = f"{asker} {size}"
    assert told == refused
    assert arrivals.held == 0, "what has gone counts no more"


def test_the_disk_is_looked_at_while_bytes_arrive() -> None:
    free = [10 << 30]
    arrivals = Arrivals(1 << 40, lambda: free[0])
    with arrivals.body("anna") as take:
        take(1)
        free[0] = 100 << 20
        for _ in range(6):
            take(1 << 20)
        with pytest.raises(Refusal, match="nearly full"):
            take(2 << 20)


def picture(owner: str, size: int) -> QueryPicture:
    return QueryPicture("a", b"x" * size, b"", 1, 1, (), FrameKey("a"), owner)


@pytest.mark.parametrize("limits", [Limits(queries=4), Limits(query_bytes=450)])
def test_one_viewer_does_not_push_out_the_others_pictures(limits: Limits) -> None:
    shelf = Shelf(limits, lambda: 0.0)
    mine = shelf.put(picture("modest", 100))
    last = [shelf.put(picture("greedy", 100)) for _ in range(20)][-1]
    assert shelf.get(mine, "modest").owner == "modest"
    assert shelf.get(last, "greedy").owner == "greedy"
    again = shelf.put(picture("modest", 100))
    for name in (mine, again):
        shelf.get(name, "modest")


def test_a_large_picture_goes_before_many_small_ones_of_somebody_else() -> None:
    shelf = Shelf(Limits(query_bytes=1000), lambda: 0.0)
    small = [shelf.put(picture("modest", 10)) for _ in range(20)]
    shelf.put(picture("greedy", 500))
    shelf.put(picture("greedy", 500))
    assert np.all([shelf.get(name, "modest").size == 10 for name in small])
