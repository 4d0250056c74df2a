"""Who calls, for the routes: each names the role it needs, and none can be reached without one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import Depends, Request, Security
from fastapi.routing import APIRoute
from fastapi.security import APIKeyCookie, HTTPBearer

from sceneseek.web.documents import ErrorDocument
from sceneseek.web.door import SESSION_COOKIE, Caller
from sceneseek.web.guard import address_of
from sceneseek.web.service import Service
from sceneseek.web.settings import Role

_BEARER = HTTPBearer(auto_error=False, description="A token made with `sceneseek serve --make-token`.")
_COOKIE = APIKeyCookie(
    name=SESSION_COOKIE,
    auto_error=False,
    description="A session, from `POST /api/login`. The cookie's name ends in the server's port; it begins with "
    "`__Host-` where browsers come by HTTPS.",
)

_ERRORS = {
    400: "The request could not be read, or names a host that the server does not know.",
    401: "A token or a session is needed.",
    403: "The caller's role does not include this, or the request comes from another site's page.",
    404: "There is nothing of that name.",
    405: "The address does not know that method.",
    408: "The body came too slowly.",
    410: "It was there once: the file is no longer where it was indexed.",
    412: "It is not what If-Match names.",
    413: "The body is too large.",
    415: "It is not a picture or a video that can be decoded, or the body is of another type.",
    416: "There is no such part.",
    422: "A value was refused.",
    429: "Too many requests.",
    431: "The headers are too large.",
    500: "The server failed; its log says more.",
    507: "The disk of the server is nearly full.",
    503: "Too much waits already, or the gallery is being written to; ask again later.",
}


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The errors that a route documents: the given ones, and those of every route."""
    always = (400, 401, 403, 408, 413, 422, 429, 500, 503)
    return {s: {"model": ErrorDocument, "description": _ERRORS[s]} for s in sorted({*always, *statuses})}


PARTS: dict[int | str, dict[str, Any]] = {
    206: {"description": "The part that the Range header asks for."},
    304: {"description": "The caller has it already, as If-None-Match says."},
}
"""What addresses of pictures and clips answer with, too."""


def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


async def _caller(
    request: Request,
    bearer: Annotated[Any, Security(_BEARER)],
    cookie: Annotated[str | None, Security(_COOKIE)],
) -> Caller:
    # The two schemes are here for the OpenAPI document; the door reads the headers itself.
    return _service(request).door.let_in(request, request.method, address_of(request.scope))


def _with_role(role: Role) -> Callable[..., Awaitable[Caller]]:
    async def checked(caller: Annotated[Caller, Depends(_caller)]) -> Caller:
        caller.check_role(role)
        return caller

    checked.role = role  # type: ignore[attr-defined]
    return checked


def role_needed(route: APIRoute) -> Role | None:
    """The role that a route asks for; ``None`` where nobody has to log in."""
    waiting = list(route.dependant.dependencies)  # codespell:ignore dependant
    while waiting:
        dependency = waiting.pop()
        role = getattr(dependency.call, "role", None)
        if role is not None:
            return Role(role)
        waiting += dependency.dependencies
    return None


Viewer = Annotated[Caller, Depends(_with_role(Role.VIEWER))]
Operator = Annotated[Caller, Depends(_with_role(Role.OPERATOR))]
Keeper = Annotated[Caller, Depends(_with_role(Role.KEEPER))]
Serving = Annotated[Service, Depends(_service)]
