"""HTTP/1.1 for callers who do their part in time: send their headers, take their answers, and hold few connections."""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar, cast

import h11
from starlette.requests import HTTPConnection
from uvicorn.protocols.http.h11_impl import H11Protocol

from sceneseek.web.connections import Connections
from sceneseek.web.door import Door
from sceneseek.web.settings import Limits


class Prompt(H11Protocol):
    """One connection.

    Attributes:
        limits: How long its caller may take.
        door: Knows callers.
        open_connections: All connections of the server.
        address: Where it comes from.
        caller: Who used it last; ``None`` for nobody known.
    """

    limits: ClassVar[Limits]
    door: ClassVar[Door]
    open_connections: ClassVar[Connections]
    address = "unknown"
    caller: str | None = None
    _overdue: asyncio.TimerHandle | None = None
    _stuck: asyncio.TimerHandle | None = None

    @property
    def at_work(self) -> bool:
        """Whether the server has something to do for it, and waits for nothing from its caller."""
        working = self.cycle is not None and not self.cycle.response_complete and not self.cycle.more_body
        return working and not self.flow.write_paused

    def give_way(self) -> None:
        """Be closed at once, with what is still to be sent."""
        self.transport.abort()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a place, if there is one."""
        super().connection_made(transport)
        self.address = self.client[0] if self.client else "unknown"
        if self.open_connections.arrive(self):
            self._wait_for_headers()
        elif len(self.connections) > 2 * self.limits.connections:
            self.give_way()
        else:
            self.limit_concurrency = 0  # which is answered 503, and soon hung up
            self._overdue = self.loop.call_later(self.limits.header_seconds, self.give_way)

    def data_received(self, data: bytes) -> None:
        """Find out who calls, as soon as the headers are there."""
        before = self.cycle
        super().data_received(data)
        if self.cycle is not before:
            request = HTTPConnection(cast("dict[str, Any]", self.scope))
            caller = None if self.door.open else self.door.known(request)
            self.caller = None if caller is None else caller.name
        self._wait_for_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        """Give the place back."""
        self.open_connections.leave(self)
        self._stop_waiting()
        self._stop_watching()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Watch a caller who takes its answer slowly."""
        super().pause_writing()
        self._watch_writing(self.transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        """All but a rest was taken."""
        self._stop_watching()
        super().resume_writing()

    def _wait_for_headers(self) -> None:
        if self.conn.their_state is not h11.IDLE:
            self._stop_waiting()
        elif self._overdue is None:
            self._overdue = self.loop.call_later(self.limits.header_seconds, self._hang_up)

    def _stop_waiting(self) -> None:
        if self._overdue is not None:
            self._overdue.cancel()
            self._overdue = None

    def _hang_up(self) -> None:
        self._overdue = None
        if self.conn.their_state is h11.IDLE and (self.cycle is None or self.cycle.response_complete):
            self.transport.close()

    def _watch_writing(self, left: int) -> None:
        self._stop_watching()
        self._stuck = self.loop.call_later(self.limits.write_seconds, self._look_at_writing, left)

    def _stop_watching(self) -> None:
        if self._stuck is not None:
            self._stuck.cancel()
            self._stuck = None

    def _look_at_writing(self, before: int) -> None:
        left = self.transport.get_write_buffer_size()
        if before - left < self.limits.write_rate * self.limits.write_seconds:
            self.transport.abort()
        else:
            self._watch_writing(left)
