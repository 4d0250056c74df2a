"""The application on a socket: uvicorn, with patience for slow callers only where it costs nothing."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h11
import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from sceneseek.web.service import Service
from sceneseek.web.settings import Settings

_HEADER_BYTES = 32 << 10
_KEEP_ALIVE_S = 15
_GRACE_S = 5


@dataclass(frozen=True)
class Transport:
    """How browsers reach the server.

    Attributes:
        certificate: A certificate, in PEM, to speak HTTPS with.
        key: Its key.
        proxy: The address of a proxy whose ``X-Forwarded-For`` is true.
    """

    certificate: Path | None = None
    key: Path | None = None
    proxy: str | None = None


def server_of(app: FastAPI, settings: Settings, transport: Transport | None = None) -> uvicorn.Server:
    """A server that is ready to ``run``.

    Args:
        app: Made by ``create_app``.
        settings: Address and limits.
        transport: HTTPS and proxies; neither when not given.
    """
    transport = transport or Transport()
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http=_protocol(settings.limits.header_seconds),
        ws="none",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=transport.proxy is not None,
        forwarded_allow_ips=transport.proxy,
        limit_concurrency=settings.limits.connections,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=_GRACE_S,
        h11_max_incomplete_event_size=_HEADER_BYTES,
        ssl_certfile=transport.certificate,
        ssl_keyfile=transport.key,
    )
    return _Server(config, app.state.service)


class _Server(uvicorn.Server):
    """Lets those go who follow a job, before it waits for open requests to end."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._service.jobs.hang_up()
        await super().shutdown(sockets)


def _protocol(header_seconds: float) -> type[H11Protocol]:
    """HTTP/1.1 for callers who send their headers within ``header_seconds``."""

    class Prompt(H11Protocol):
        _overdue: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._wait_for_headers()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self._wait_for_headers()

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop_waiting()
            super().connection_lost(exc)

        def _wait_for_headers(self) -> None:
            if self.conn.their_state is not h11.IDLE:
                self._stop_waiting()
            elif self._overdue is None:
                self._overdue = self.loop.call_later(header_seconds, self._hang_up)

        def _stop_waiting(self) -> None:
            if self._overdue is not None:
                self._overdue.cancel()
                self._overdue = None

        def _hang_up(self) -> None:
            self._overdue = None
            if self.conn.their_state is h11.IDLE and (self.cycle is None or self.cycle.response_complete):
                self.transport.close()

    return Prompt
