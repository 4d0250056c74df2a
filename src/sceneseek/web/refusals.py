"""How a request is refused: one shape for every error, with what was found and what was expected."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from sceneseek.errors import GalleryError, MediaError, NotInGalleryError, SceneseekError, ValueRefused

_LOG = logging.getLogger("sceneseek.web")

_STATUS: tuple[tuple[type[SceneseekError], int], ...] = (
    (ValueRefused, 422),
    (MediaError, 415),
    (NotInGalleryError, 404),
    (GalleryError, 503),
)


_HANGS_UP = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.REQUEST_ENTITY_TOO_LARGE})
"""Refusals in the middle of a body: what is left of it is not waited for."""


class Refusal(HTTPException):
    """A request that is not served.

    Args:
        status: The HTTP status.
        message: What was found and what to do, one or two sentences.
        found: What the request held, where that helps.
        expected: What would have been accepted.
        retry_after: Seconds after which asking again makes sense.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        found: str | None = None,
        expected: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        headers = {} if retry_after is None else {"Retry-After": str(max(1, math.ceil(retry_after)))}
        if status == HTTPStatus.UNAUTHORIZED:
            headers["WWW-Authenticate"] = "Bearer"
        if status in _HANGS_UP:
            headers["Connection"] = "close"
        super().__init__(status, message, headers)
        self.found = found
        self.expected = expected

    def hanging_up(self) -> Refusal:
        """The same while a body is still coming: what is left of it is not waited for."""
        self.headers = {**(self.headers or {}), "Connection": "close"}
        return self

    def response(self) -> JSONResponse:
        """The refusal as a response."""
        error = {"message": self.detail, "found": self.found, "expected": self.expected}
        return JSONResponse({"error": error}, self.status_code, self.headers)


def handle_errors(app: FastAPI, scrub: Callable[[str], str]) -> None:
    """Give every error of an app the shape of a ``Refusal``.

    Args:
        app: The app.
        scrub: Takes the places of files out of a text.
    """

    @app.exception_handler(Refusal)
    async def refused(request: Request, error: Refusal) -> JSONResponse:
        return error.response()

    @app.exception_handler(SceneseekError)
    async def ours(request: Request, error: SceneseekError) -> JSONResponse:
        return refusal_of(error, scrub).response()

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"] if part not in ("body", "query", "path"))
        message = f"{where or 'the request'}: {first['msg']}."
        return Refusal(422, message, found=_short(first.get("input")), expected=_expected(first)).response()

    @app.exception_handler(HTTPException)
    async def plain(request: Request, error: HTTPException) -> JSONResponse:
        found = str(error.detail)[:80] if error.status_code == HTTPStatus.BAD_REQUEST else None
        refusal = Refusal(error.status_code, _PLAIN.get(error.status_code, str(error.detail)), found=found)
        refusal.headers = {**(error.headers or {}), **(refusal.headers or {})}
        return refusal.response()


def refusal_of(error: SceneseekError, scrub: Callable[[str], str]) -> Refusal:
    """One of our errors as a refusal."""
    status = next((status for kind, status in _STATUS if isinstance(error, kind)), 500)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        _LOG.error("a request failed: %s", error)
    return Refusal(status, scrub(str(error)), retry_after=5.0 if status == HTTPStatus.SERVICE_UNAVAILABLE else None)


def unforeseen(error: Exception, method: str, path: str) -> Refusal:
    """An error nobody foresaw: its text may hold anything, so it goes into the server's log and nowhere else."""
    _LOG.error("%s %s failed", method, path, exc_info=error)
    return Refusal(500, "The server failed at this request; its log says more.")


_PLAIN = {
    400: "The body could not be read; expected a JSON document in UTF-8, or a multipart form where files are sent.",
    404: "There is nothing at this address.",
    405: "This address does not know that method.",
}


def _expected(first: dict[str, Any]) -> str | None:
    context = {name: value for name, value in first.get("ctx", {}).items() if isinstance(value, str | int | float)}
    return ", ".join(f"{name} {value}" for name, value in context.items()) or None


def _short(value: Any) -> str | None:
    if value is None or isinstance(value, dict | list):
        return None
    text = str(value)
    return text if len(text) <= 80 else f"{text[:80]}..."
