"""The web application: addresses, guards and the files of the page, put together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

from sceneseek import __version__
from sceneseek.finder import Finder
from sceneseek.web.callers import role_needed
from sceneseek.web.guard import Guard
from sceneseek.web.media import OpenMedia
from sceneseek.web.methods import Methods
from sceneseek.web.refusals import handle_errors
from sceneseek.web.routes import entry, gallery, indexing, keeping, pictures, queries, search
from sceneseek.web.service import Service
from sceneseek.web.settings import Settings

STATIC = Path(__file__).parent / "static"
API = "/api"

_DESCRIPTION = """Find a person in a gallery of photographs and video.

Errors have one shape, `{"error": {"message", "found", "expected"}}`. Times are ISO 8601 in UTC; seconds are counted
from the start of a video; boxes are `x1, y1, x2, y2` in pixels of the upright picture."""


def create_app(finder: Finder, *, settings: Settings, open_media: OpenMedia | None = None) -> FastAPI:
    """Make the application that serves a gallery.

    Args:
        finder: A model and a gallery.
        settings: How the server is set up.
        open_media: Finds and opens what jobs index; a process of its own does when not given.

    Returns:
        An ASGI application; it owns threads and processes from start to stop (its lifespan).
    """
    service = Service(finder, settings, open_media)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        service.start()
        try:
            yield
        finally:
            service.close()

    app = _addresses(lifespan)
    app.state.service = service
    handle_errors(app, service.places.scrub)
    app.add_middleware(Methods)
    app.add_middleware(Guard, settings=settings, door=service.door)
    _serve_page(app)
    return app


def describe() -> dict[str, Any]:
    """The OpenAPI document of the HTTP interface, without a server."""
    return _addresses(None).openapi()


def _addresses(lifespan: Any) -> FastAPI:
    # The usual pages that show an OpenAPI document load scripts from elsewhere: none here.
    app = FastAPI(
        title="sceneseek",
        version=__version__,
        description=_DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=f"{API}/openapi.json",
        swagger_ui_oauth2_redirect_url=None,
    )
    api = APIRouter(prefix=API)
    for part in (entry, gallery, queries, search, pictures, indexing, keeping):
        for route in part.router.routes:
            if isinstance(route, APIRoute):
                route.openapi_extra = {"x-role": str(role_needed(route) or "none")}
        api.include_router(part.router)
    app.include_router(api)
    return app


def _serve_page(app: FastAPI) -> None:
    """The files of the page; they hold nothing about anybody and need no token."""
    files = StaticFiles(directory=STATIC, check_dir=False)

    @app.get("/", include_in_schema=False)
    async def page(request: Request) -> Response:
        return await files.get_response("index.html", request.scope)

    app.mount("/static", files, name="static")
