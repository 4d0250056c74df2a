"""What every request passes before anything reads it, and every answer on its way out.

Plain ASGI, without FastAPI: it sees the bytes first. Names that are not ours are refused (a page elsewhere may have
bound its own name to our address), requests that another site's page makes are refused, so is what two readers could
understand in two ways, bodies are counted and timed while they arrive, large ones are taken from those alone who may
send them, and every answer says what a browser may do with it.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection

from sceneseek.web.arrivals import Arrivals
from sceneseek.web.door import HARMLESS, Caller, Door
from sceneseek.web.refusals import Refusal, unforeseen
from sceneseek.web.settings import Role, Settings
from sceneseek.web.shares import ASKER

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

POLICY = "; ".join([
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' blob:",
    "media-src 'self' blob:",
    "font-src 'self'",
    "connect-src 'self'",
    "manifest-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
])  # fmt: skip
"""The Content-Security-Policy: nothing from elsewhere, nothing in line."""

HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}

_UPLOADS, _QUERIES = "/api/uploads", "/api/queries"
LARGE = {_UPLOADS: Role.OPERATOR, _QUERIES: Role.VIEWER}
"""Where large bodies are sent to, and the role that this needs. A form is read before a route asks who sends it."""
_HEALTH, _LOGIN = "/api/health", "/api/login"
_OPENAPI = "/api/openapi.json"
_FORM_BYTES = 64 << 10
"""What a multipart form adds around its files."""
_LOGIN_BYTES = 4 << 10
HEADER_BYTES = 32 << 10
"""Names and values of all headers of a request, and its address."""


class Guard:
    """The first and the last to see a request.

    Args:
        app: Everything behind.
        settings: Names and limits.
        door: Counts requests.
    """

    def __init__(self, app: Callable[..., Awaitable[None]], settings: Settings, door: Door) -> None:
        self._app = app
        self._settings = settings
        self._door = door
        self._arrivals = Arrivals(settings.limits.arriving_bytes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        outward = _Answer(scope, send, https=self._settings.https)
        body = _Body(receive, self._most_bytes(scope), self._settings)
        try:
            self._admit(scope)
            body.check_length(Headers(scope=scope))
            if _is_large(scope):
                with self._arrivals.body(ASKER.get()) as body.count:
                    await self._app(scope, body.receive, outward.send)
            else:
                await self._app(scope, body.receive, outward.send)
        except Refusal as refusal:
            await refusal.response()(scope, receive, outward.send)
        except Exception as error:
            failure = unforeseen(error, scope["method"], scope["path"])
            if outward.begun:
                raise
            await failure.response()(scope, receive, outward.send)

    def _admit(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        _check_form(scope, headers)
        self._check_host(headers)
        if scope["method"] not in HARMLESS:
            self._check_origin(headers)
        if not scope["path"].startswith("/api/"):
            return
        if scope["path"] != _HEALTH:
            _check_site(headers)
        self._count(scope)
        if scope["path"] == _OPENAPI:
            self._let_in(scope)
        if _is_large(scope):
            self._let_in(scope).check_role(LARGE[scope["path"]])

    def _count(self, scope: Scope) -> None:
        """Count a request: known callers by their names, so that nobody else at their address uses up what is theirs.

        Logging in is not counted: its wrong tokens are, and right ones must come through whatever else comes.
        """
        address = address_of(scope)
        caller = None if self._door.open else self._door.known(HTTPConnection(scope))
        who = f"address {address}" if caller is None else f"caller {caller.name}"
        ASKER.set(who)
        if scope["path"] != _LOGIN:
            self._door.count(who)

    def _let_in(self, scope: Scope) -> Caller:
        return self._door.let_in(HTTPConnection(scope), scope["method"], address_of(scope))

    def _check_host(self, headers: Headers) -> None:
        hosts = headers.getlist("host")
        if len(hosts) != 1 or hosts[0].lower() not in self._settings.host_names:
            raise Refusal(
                400,
                "The server is not known by the name in the Host header; start it with --allow-host NAME.",
                found=", ".join(hosts)[:80] or None,
            )

    def _check_origin(self, headers: Headers) -> None:
        """Refuse what another site's page sends: browsers say where a request comes from."""
        origin, host = headers.get("origin"), headers.get("host", "")
        if origin is not None and urlsplit_host(origin) != host.lower():
            raise Refusal(403, "The request comes from another site's page.", found=origin[:80], expected=host)
        _check_site(headers)

    def _most_bytes(self, scope: Scope) -> int:
        limits = self._settings.limits
        if scope["path"] == _LOGIN:
            return min(_LOGIN_BYTES, limits.json_bytes)
        if not _is_large(scope):
            return limits.json_bytes
        if scope["path"] == _UPLOADS:
            return limits.upload_bytes + _FORM_BYTES * 4
        return limits.picture_bytes + _FORM_BYTES


def _check_form(scope: Scope, headers: Headers) -> None:
    """Refuse what is too long, and what says its length in two ways: proxies and servers may believe different ones."""
    size = sum(len(name) + len(value) for name, value in scope["headers"])
    size += len(scope.get("raw_path") or b"") + len(scope["query_string"])
    if size > HEADER_BYTES:
        raise Refusal(
            431, "The headers are too large.", found=f"{size:,} bytes", expected=f"at most {HEADER_BYTES:,} bytes"
        ).hanging_up()
    if "content-length" in headers and "transfer-encoding" in headers:
        raise Refusal(
            400,
            "The request says its length in two ways.",
            found="Content-Length and Transfer-Encoding",
            expected="one of them",
        ).hanging_up()


def _check_site(headers: Headers) -> None:
    """Refuse what another site's page, frame or link sends, even where it changes nothing: it makes us work."""
    site = headers.get("sec-fetch-site", "same-origin")
    if site not in ("same-origin", "none"):
        raise Refusal(403, "The request comes from another site's page.", found=site[:80])


def _is_large(scope: Scope) -> bool:
    return scope["method"] == "POST" and scope["path"] in LARGE


class _Body:
    """A request's body on its way in: counted, and given up when it takes too long."""

    def __init__(self, receive: Receive, most: int, settings: Settings) -> None:
        self._receive = receive
        self._most = most
        self._limits = settings.limits
        self._began = time.monotonic()
        self._size = 0
        self._complete = False
        self.count: Callable[[int], None] = lambda size: None

    def check_length(self, headers: Headers) -> None:
        """Refuse what says itself that it is too large."""
        length = headers.get("content-length")
        if length is None:
            return
        if not re.fullmatch(r"\d{1,18}", length):
            raise Refusal(400, "The Content-Length is not a number.", found=length[:80])
        if int(length) > self._most:
            raise self._too_large(int(length))

    async def receive(self) -> Message:
        if self._complete:
            return await self._receive()  # waits for the caller to hang up
        allowed = self._limits.body_seconds
        late = time.monotonic() - self._began - 2 * allowed - self._size / self._limits.body_rate
        try:
            if late > 0:
                raise TimeoutError
            message = await asyncio.wait_for(self._receive(), allowed)
        except TimeoutError:
            raise Refusal(
                408,
                "The request's body comes too slowly.",
                expected=f"a piece every {allowed:g} s and {self._limits.body_rate:g} bytes a second",
            ) from None
        if message["type"] == "http.request":
            self._size += len(message.get("body", b""))
            self._complete = not message.get("more_body", False)
            if self._size > self._most:
                raise self._too_large(self._size)
            try:
                self.count(len(message.get("body", b"")))
            except Refusal as refusal:
                raise refusal.hanging_up() from None
        return message

    def _too_large(self, size: int) -> Refusal:
        return Refusal(
            413, "The request is too large.", found=f"{size:,} bytes or more", expected=f"at most {self._most:,} bytes"
        )


def address_of(scope: Scope) -> str:
    """The caller's address, without the port."""
    client = scope.get("client")
    return str(client[0]) if client else "unknown"


def urlsplit_host(origin: str) -> str | None:
    """The host and port of an Origin header, in lower case; ``None`` where it has none (``null``)."""
    try:
        return urlsplit(origin).netloc.lower() or None
    except ValueError:
        return None


class _Answer:
    """An answer on its way out."""

    def __init__(self, scope: Scope, send: Send, *, https: bool) -> None:
        self._send = send
        # People's pictures stay in no cache; the page's own files are asked for again each time.
        caching = "no-store" if scope["path"].startswith("/api/") else "no-cache"
        self._headers = {**HEADERS, "Cache-Control": caching}
        if https:
            self._headers["Strict-Transport-Security"] = "max-age=31536000"
        self.begun = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.begun = True
            headers = MutableHeaders(raw=message.setdefault("headers", []))
            for name, value in self._headers.items():
                headers[name] = value
        await self._send(message)
