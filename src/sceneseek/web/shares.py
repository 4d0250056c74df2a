"""A fair share of everything for each who asks: turns, slots, seats.

The rules are the same everywhere. Among those who wait, each has a turn, however many things they ask for. When no more
can be kept, the one with the most gives way to one with less. So a greedy caller waits for itself, and a modest one
hardly notices.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from typing import Generic, TypeVar

from sceneseek.web.refusals import Refusal

ASKER: ContextVar[str] = ContextVar("sceneseek-asker", default="")
"""Who is served at the moment: a caller where one is known, else an address. The guard sets it for each request."""

_Item = TypeVar("_Item")


def greediest(held: Counter[str], asker: str) -> str | None:
    """Who has to give way to an asker: the one with the most, if that is still more than the asker would have then.

    Example:
        >>> greediest(Counter(anna=3, ben=1), "ben"), greediest(Counter(anna=2, ben=1), "ben")
        ('anna', None)
    """
    if not held:
        return None
    name, most = held.most_common(1)[0]
    return name if most > held[asker] + 1 else None


def oldest_of_greediest(kept: Iterable[tuple[_Item, str, int]]) -> _Item:
    """What has to go where all things that are kept are too many: the oldest one of the owner who has the most.

    Args:
        kept: Each thing's key, its owner, and what it counts for; the oldest first, and at least one.

    Example:
        >>> oldest_of_greediest([("a", "ben", 1), ("b", "anna", 1), ("c", "anna", 1)])
        'b'
    """
    things = list(kept)
    held: Counter[str] = Counter()
    for _, owner, weight in things:
        held[owner] += weight
    greedy = held.most_common(1)[0][0]
    return next(key for key, owner, _ in things if owner == greedy)


class Line(Generic[_Item]):
    """Those who wait: first come, first served for each, and by turns among all.

    Example:
        >>> line = Line()
        >>> for who, what in (("anna", 1), ("anna", 2), ("anna", 3), ("ben", 4)):
        ...     line.put(who, what)
        >>> [line.take()[1] for _ in range(4)]
        [1, 4, 2, 3]
    """

    def __init__(self) -> None:
        self._waiting: OrderedDict[str, deque[_Item]] = OrderedDict()

    def __len__(self) -> int:
        """How many wait."""
        return sum(map(len, self._waiting.values()))

    def put(self, asker: str, item: _Item) -> None:
        """Have something wait."""
        self._waiting.setdefault(asker, deque()).append(item)

    def take(self, allowed: Callable[[str], bool] = lambda asker: True) -> tuple[str, _Item] | None:
        """What is next, with its asker: of those allowed, the one whose last turn was longest ago."""
        for asker, items in self._waiting.items():
            if allowed(asker):
                item = items.popleft()
                self._waiting.move_to_end(asker)
                self._drop_if_empty(asker)
                return asker, item
        return None

    def take_newest(self, asker: str) -> _Item | None:
        """What an asker put last."""
        items = self._waiting.get(asker)
        if items is None:
            return None
        item = items.pop()
        self._drop_if_empty(asker)
        return item

    def remove(self, asker: str, item: _Item) -> None:
        """Have something wait no longer."""
        items = self._waiting.get(asker)
        if items is not None and item in items:
            items.remove(item)
            self._drop_if_empty(asker)

    def counts(self) -> Counter[str]:
        """How many things of each wait."""
        return Counter({asker: len(items) for asker, items in self._waiting.items()})

    def _drop_if_empty(self, asker: str) -> None:
        if not self._waiting[asker]:
            del self._waiting[asker]


def outnumbered() -> Refusal:
    """What somebody is told who had to give way."""
    return Refusal(503, "Others have asked for less and go first; ask again in a few seconds.", retry_after=2.0)


def too_many(waiting: int, what: str, most: int) -> Refusal:
    """The refusal where there is no place to wait."""
    return Refusal(
        503,
        f"{waiting} {what} wait already; ask again in a few seconds.",
        expected=f"at most {most} at a time",
        retry_after=2.0,
    )


class Slots:
    """Something that few may hold at a time, such as a decoder.

    Args:
        slots: Held by so many at a time.
        share: Of these, one asker holds so many at most: the others are for the next ones to come.
        max_waiting: Who holds one or waits for one, at most.
        what: What waits, for people.
    """

    def __init__(self, slots: int, share: int, max_waiting: int, what: str = "pictures") -> None:
        self._free = slots
        self._share = share
        self._max_waiting = max_waiting
        self._what = what
        self._holding: Counter[str] = Counter()
        self._line: Line[asyncio.Future[None]] = Line()

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """Wait for a slot, and hold it.

        Raises:
            Refusal: (503) Too many wait already.
        """
        asker = ASKER.get()
        await self._wait(asker)
        try:
            yield
        finally:
            self._give_back(asker)

    async def _wait(self, asker: str) -> None:
        self._make_room(asker)
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._line.put(asker, turn)
        self._admit()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self._give_back(asker)  # the slot had come when its asker went
            else:
                self._line.remove(asker, turn)
            raise

    def _make_room(self, asker: str) -> None:
        waiting = sum(self._holding.values()) + len(self._line)
        if waiting < self._max_waiting:
            return
        other = greediest(self._line.counts(), asker)
        turn = None if other is None else self._line.take_newest(other)
        if turn is None:
            raise too_many(waiting, self._what, self._max_waiting)
        turn.set_exception(outnumbered())

    def _give_back(self, asker: str) -> None:
        self._free += 1
        self._holding[asker] -= 1
        if not self._holding[asker]:
            del self._holding[asker]
        self._admit()

    def _admit(self) -> None:
        while self._free:
            found = self._line.take(lambda asker: self._holding[asker] < self._share)
            if found is None:
                return
            asker, turn = found
            if turn.done():  # its asker has gone
                continue
            self._free -= 1
            self._holding[asker] += 1
            turn.set_result(None)


class Seat:
    """Held for as long as its holder likes, or until it is lost to somebody who has fewer."""

    def __init__(self, asker: str) -> None:
        self.asker = asker
        self.lost = False


class Seats:
    """Something that many hold for long, such as a stream of events.

    Args:
        most: How many there are.
        what: What holds them, for people.
    """

    def __init__(self, most: int, what: str) -> None:
        self._most = most
        self._what = what
        self._taken: list[Seat] = []

    def __len__(self) -> int:
        """How many are taken."""
        return len(self._taken)

    def check_room(self, asker: str) -> None:
        """Make sure that there is a seat, or somebody who gives way.

        Raises:
            Refusal: (503) There is none.
        """
        if len(self._taken) >= self._most and greediest(self._counts(), asker) is None:
            raise Refusal(503, f"Too many {self._what} already.", expected=f"at most {self._most}", retry_after=10.0)

    @contextmanager
    def taken(self, asker: str) -> Iterator[Seat]:
        """Hold a seat.

        Raises:
            Refusal: (503) There is none.
        """
        self.check_room(asker)
        if len(self._taken) >= self._most:
            other = greediest(self._counts(), asker)
            oldest = next(seat for seat in self._taken if seat.asker == other)
            oldest.lost = True
            self._taken.remove(oldest)
        seat = Seat(asker)
        self._taken.append(seat)
        try:
            yield seat
        finally:
            if not seat.lost:
                self._taken.remove(seat)

    def _counts(self) -> Counter[str]:
        return Counter(seat.asker for seat in self._taken)
