"""Methods that each address answers beside its own: HEAD wherever GET works, and OPTIONS.

HEAD is answered by the code of GET, whose body is left out, so that status and headers are the same. Ranges are
defined for GET alone, and a range that cannot be read does not count (RFC 9110, 14.2).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Mount

from sceneseek.web.ranges import plain_range

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_SENDING_TELLS = (2, 4)
"""From this version of ASGI on, a stream learns that its reader has gone when it sends, and listens no more."""


class Methods:
    """Adds HEAD and OPTIONS to an application.

    Args:
        app: Everything behind.
    """

    def __init__(self, app: Callable[..., Awaitable[None]]) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if scope["method"] == "OPTIONS" and (allowed := _allowed(scope)):
            await Response(status_code=204, headers={"Allow": allowed})(scope, receive, send)
        elif scope["method"] == "HEAD":
            await self._head(scope, send)
        else:
            await self._app(_with_headers(scope, keep_range=True), receive, _naming_methods(scope, send))

    async def _head(self, scope: Scope, send: Send) -> None:
        without_body = _WithoutBody(scope, _naming_methods(scope, send))
        as_get = {**_with_headers(scope, keep_range=False), "method": "GET"}
        try:
            await self._app(as_get, without_body.receive, without_body.send)
        except ClientDisconnect:
            if not without_body.sent.is_set():
                raise


class _WithoutBody:
    """Lets an answer's head through and tells the writer of the body that nobody reads it."""

    def __init__(self, scope: Scope, send: Send) -> None:
        version = scope.get("asgi", {}).get("spec_version", "2.0")
        self._sending_tells = tuple(map(int, version.split("."))) >= _SENDING_TELLS
        self._send = send
        self._asked = False
        self.sent = asyncio.Event()

    async def receive(self) -> Message:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self.sent.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            await self._send(message)
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})
            self.sent.set()
        elif self._sending_tells and message.get("more_body", False):
            raise OSError("nobody reads the body of an answer to HEAD")


def _with_headers(scope: Scope, *, keep_range: bool) -> Scope:
    """A request whose range is in plain form, or without one that does not count."""
    headers = [(name, value) for name, value in scope["headers"] if name != b"range"]
    ranges = [value for name, value in scope["headers"] if name == b"range"]
    plain = plain_range(b",".join(ranges).decode("latin-1")) if keep_range else None
    if plain is not None:
        headers.append((b"range", plain.encode("ascii")))
    return {**scope, "headers": headers}


def _naming_methods(scope: Scope, send: Send) -> Send:
    """Have a refused method be told all that the address knows: the framework names those of its first route."""
    asked = dict(scope)  # on its way in, a request's address is taken apart

    async def named(message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] == 405:
            MutableHeaders(raw=message["headers"])["Allow"] = _allowed(asked)
        await send(message)

    return named


def _allowed(scope: Scope) -> str:
    known = [method for method in _METHODS if any(_serves(route, scope, method) for route in _routes(scope))]
    if not known:
        return ""
    return ", ".join([*known, *(["HEAD"] if "GET" in known else []), "OPTIONS"])


def _routes(scope: Scope) -> Iterator[BaseRoute]:
    yield from scope["app"].router.routes


def _serves(route: BaseRoute, scope: Scope, method: str) -> bool:
    if isinstance(route, Mount):  # it takes whatever lies below it, and its files are only read
        return method == "GET" and route.matches(scope)[0] is not Match.NONE
    return route.matches({**scope, "method": method})[0] is Match.FULL
