"""The application on a socket: uvicorn, with patience for slow callers only where it costs nothing."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from sceneseek.web.connections import Connections
from sceneseek.web.door import Door
from sceneseek.web.guard import HEADER_BYTES
from sceneseek.web.prompt import Prompt
from sceneseek.web.service import Service
from sceneseek.web.settings import Settings

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
        http=_protocol(settings, app.state.service.door, () if transport.proxy is None else (transport.proxy,)),
        ws="none",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=transport.proxy is not None,
        forwarded_allow_ips=transport.proxy,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=_GRACE_S,
        h11_max_incomplete_event_size=HEADER_BYTES,
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


def _protocol(settings: Settings, door: Door, trusted: tuple[str, ...]) -> type[Prompt]:
    """The protocol of one server, which counts its connections."""
    limits = settings.limits
    # Callers of a server without tokens are on this very machine; its address does not tell them apart.
    of_address = limits.connections if door.open else limits.connections_per_address
    connections = Connections(limits.connections, of_address, limits.connections_per_caller, trusted)
    return type("Prompt", (Prompt,), {"limits": limits, "door": door, "open_connections": connections})
