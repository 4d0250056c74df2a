"""Which connection gives way to a newcomer: exact rules, without sockets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sceneseek.web import Limits
from sceneseek.web.connections import Connections
from sceneseek.web.prompt import Prompt


@dataclass(eq=False)
class Wire:
    """A connection as the rules see it."""

    address: str
    caller: str | None = None
    at_work: bool = False
    closed: bool = False

    def give_way(self) -> None:
        self.closed = True


def arrived(connections: Connections, *wires: Wire) -> list[bool]:
    return [connections.arrive(wire) for wire in wires]


def closed(wires: list[Wire]) -> list[int]:
    return [i for i, wire in enumerate(wires) if wire.closed]


def test_an_address_closes_its_own_oldest() -> None:
    connections = Connections(100, 3, 2)
    greedy, modest = [Wire("6.6.6.6") for _ in range(5)], Wire("7.7.7.7")
    assert all(arrived(connections, modest, *greedy))
    assert closed(greedy) == [0, 1]
    assert not modest.closed


def test_when_all_are_taken_the_greediest_stranger_gives_way() -> None:
    connections = Connections(6, 100, 2)
    modest, greedy = [Wire("7.7.7.7"), Wire("8.8.8.8")], [Wire("6.6.6.6") for _ in range(10)]
    assert all(arrived(connections, *modest, *greedy))
    assert closed(modest) == []
    assert closed(greedy) == [0, 1, 2, 3, 4, 5]
    newcomer = Wire("9.9.9.9")
    assert connections.arrive(newcomer)
    assert closed(greedy) == [0, 1, 2, 3, 4, 5, 6]
    assert len(connections) == 6


def test_known_callers_keep_a_few() -> None:
    connections = Connections(6, 100, 2)
    known = [Wire("1.1.1.1", "vera") for _ in range(4)]
    strangers = [Wire("6.6.6.6") for _ in range(8)]
    assert all(arrived(connections, *known, *strangers))
    assert closed(known) == [0], "the two that were opened last are safe, and the stranger has most of the rest"
    assert closed(strangers) == [0, 1, 2, 3, 4]


def test_one_at_work_stays() -> None:
    connections = Connections(3, 100, 2)
    working, idle = Wire("6.6.6.6", at_work=True), [Wire("6.6.6.6") for _ in range(2)]
    assert all(arrived(connections, working, *idle, Wire("7.7.7.7")))
    assert closed([working, *idle]) == [1]


def test_nobody_gives_way_where_all_are_at_work() -> None:
    connections = Connections(2, 100, 2)
    assert arrived(connections, *(Wire("6.6.6.6", at_work=True) for _ in range(2)), Wire("7.7.7.7")) == [
        True,
        True,
        False,
    ]
    address = Connections(100, 2, 2)
    assert arrived(address, *(Wire("6.6.6.6", at_work=True) for _ in range(3))) == [True, True, False]


def test_idle_known_callers_give_way_to_newcomers_in_the_end() -> None:
    """The one with the most of them; or a full house would be full for ever."""
    connections = Connections(3, 100, 2)
    greedy, modest = [Wire("1.1.1.1", "vera") for _ in range(2)], Wire("2.2.2.2", "kim")
    arrived(connections, modest, *greedy)
    assert connections.arrive(Wire("3.3.3.3"))
    assert (closed(greedy), modest.closed) == ([0], False)


def test_a_proxys_address_is_no_caller() -> None:
    connections = Connections(100, 2, 2, trusted=["10.0.0.1"])
    wires = [Wire("10.0.0.1") for _ in range(50)]
    assert all(arrived(connections, *wires))
    assert closed(wires) == []


def test_who_leaves_makes_room() -> None:
    connections = Connections(2, 100, 2)
    first, second = Wire("6.6.6.6", at_work=True), Wire("6.6.6.6", at_work=True)
    arrived(connections, first, second)
    connections.leave(first)
    connections.leave(first)
    assert connections.arrive(Wire("7.7.7.7"))


class Later:
    """A loop and a transport that do nothing by themselves."""

    def __init__(self) -> None:
        self.left = 1_000_000
        self.aborted = False
        self.due: list[tuple[Callable[..., None], tuple[Any, ...]]] = []

    def call_later(self, seconds: float, work: Callable[..., None], *arguments: Any) -> Later:
        assert seconds == 30.0
        self.due.append((work, arguments))
        return self

    def cancel(self) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return self.left

    def abort(self) -> None:
        self.aborted = True

    def pass_time(self) -> None:
        work, arguments = self.due.pop()
        work(*arguments)


def test_an_answer_that_nobody_takes_is_given_up() -> None:
    """One that moves, however slowly beyond the least rate, is not."""
    later = Later()
    prompt: Any = object.__new__(type("Slow", (Prompt,), {"limits": Limits(write_seconds=30.0, write_rate=2000.0)}))
    prompt.loop = prompt.transport = later
    prompt._watch_writing(later.left)
    for _ in range(3):
        later.left -= 60_000
        later.pass_time()
        assert not later.aborted
    later.left -= 59_999
    later.pass_time()
    assert later.aborted
