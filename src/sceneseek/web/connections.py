"""Who may be connected, so that idle and slow callers of one address keep nobody else out.

A connection costs its owner nothing and the server a place, so places are given up in an order. When all are taken, the
oldest connection goes that nobody known has used, of the address that has the most such connections. A few of each
known caller are safe from that; further ones count as those of strangers do. One that the server is at work for stays.
Only when all are at work or safe is a newcomer refused.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Protocol


class Connection(Protocol):
    """A connection, as it is seen here.

    Attributes:
        address: Where it comes from.
        caller: Who used it last; ``None`` for nobody known.
        at_work: Whether the server has something to do for it, and waits for nothing from its caller.
    """

    @property
    def address(self) -> str: ...  # noqa: D102

    @property
    def caller(self) -> str | None: ...  # noqa: D102

    @property
    def at_work(self) -> bool: ...  # noqa: D102

    def give_way(self) -> None:
        """Be closed at once."""


class Connections:
    """The connections of a server, the oldest first.

    Args:
        most: Served at a time.
        of_address: Of these, connections of one address that nobody known has used.
        of_caller: Connections of one known caller that do not give way to others.
        trusted: Addresses that many callers come from: those of proxies.
    """

    def __init__(self, most: int, of_address: int, of_caller: int, trusted: Iterable[str] = ()) -> None:
        self._most = most
        self._of_address = of_address
        self._of_caller = of_caller
        self._trusted = frozenset(trusted)
        self._open: dict[Connection, None] = {}

    def __len__(self) -> int:
        """How many are open."""
        return len(self._open)

    def arrive(self, connection: Connection) -> bool:
        """Take a connection in, if need be in place of another one; says whether there was a place."""
        strangers = self._strangers()
        same = [other for other in strangers if other.address == connection.address]
        if connection.address not in self._trusted and len(same) >= self._of_address:
            return self._replace(_first_idle(same), connection)
        if len(self._open) >= self._most:
            return self._replace(self._greediest(strangers) or self._idle_of_greediest_caller(), connection)
        self._open[connection] = None
        return True

    def leave(self, connection: Connection) -> None:
        """Note that a connection is closed."""
        self._open.pop(connection, None)

    def _replace(self, victim: Connection | None, connection: Connection) -> bool:
        if victim is None:
            return False
        self.leave(victim)
        victim.give_way()
        self._open[connection] = None
        return True

    def _strangers(self) -> list[Connection]:
        """Connections that nobody known has used, or that are one too many of their caller, the oldest first."""
        safe: Counter[str] = Counter()
        found = []
        for connection in reversed(self._open):  # what a caller opened last is what is of use
            caller = connection.caller
            if caller is None or safe[caller] >= self._of_caller:
                found.append(connection)
            else:
                safe[caller] += 1
        return found[::-1]

    def _greediest(self, strangers: list[Connection]) -> Connection | None:
        """The oldest of the address, or of the known caller, that has the most."""
        idle = [connection for connection in strangers if not connection.at_work]
        counts = Counter(connection.caller or connection.address for connection in strangers)
        return max(idle, key=lambda connection: counts[connection.caller or connection.address], default=None)

    def _idle_of_greediest_caller(self) -> Connection | None:
        idle = [connection for connection in self._open if not connection.at_work]
        counts = Counter(connection.caller for connection in self._open)
        return max(idle, key=lambda connection: counts[connection.caller], default=None)


def _first_idle(connections: Iterable[Connection]) -> Connection | None:
    return next((connection for connection in connections if not connection.at_work), None)
