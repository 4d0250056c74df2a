"""In and out: is the server there, who am I, log in, log out."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from sceneseek import __version__
from sceneseek.web.callers import Serving, Viewer, errors
from sceneseek.web.confinement import means
from sceneseek.web.documents import CallerView, Health, Login
from sceneseek.web.door import LOCAL
from sceneseek.web.guard import address_of

router = APIRouter(tags=["entry"])


@router.get("/health", responses=errors())
async def health(request: Request, service: Serving) -> Health:
    """Say that the server is there. Needs no token; the rest is for those who have one."""
    health = Health(status="ok", version="", login=not service.door.open)
    if service.door.known(request) is None:
        return health
    return health.model_copy(update={"version": __version__, "decoders": means().words})


@router.post("/login", responses=errors())
async def login(given: Login, request: Request, response: Response, service: Serving) -> CallerView:
    """Exchange a token for a session: a cookie that scripts cannot read, and a CSRF token that they must send.

    Where the server needs no tokens, everybody is `local` and there is no session. Wrong tokens are counted.
    """
    if service.door.open:
        return CallerView(name=LOCAL.name, role=LOCAL.role)
    caller, secret = service.door.log_in(given.token, address_of(request.scope))
    await service.log(caller, "login")
    response.set_cookie(
        service.door.cookie, secret, httponly=True, samesite="strict", secure=service.settings.https, path="/"
    )
    return CallerView(name=caller.name, role=caller.role, csrf=caller.csrf)


@router.post("/logout", status_code=204, responses=errors())
async def logout(caller: Viewer, request: Request, response: Response, service: Serving) -> None:
    """End the session."""
    service.door.log_out(request.cookies.get(service.door.cookie, ""))
    await service.log(caller, "logout")
    response.delete_cookie(
        service.door.cookie, httponly=True, samesite="strict", secure=service.settings.https, path="/"
    )
