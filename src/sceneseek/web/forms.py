"""Multipart forms, with a bound on their parts: small parts stay in memory while a form is read."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.datastructures import FormData
from starlette.formparsers import MultiPartParser

from sceneseek.web.refusals import Refusal
from sceneseek.web.service import Service
from sceneseek.web.settings import Limits

MultiPartParser.spool_max_size = 128 << 10  # hundreds of files of one upload stay in memory up to this size each

_FIELDS = 8
_FIELD_BYTES = 4 << 10
"""Our forms hold files; a field beside them is a mistake, and is told so."""


def form_route(
    most_files: Callable[[Limits], int], admit: Callable[[Service], object] = lambda service: None
) -> type[APIRoute]:
    """A class of routes that read forms of so many files at most.

    Args:
        most_files: How many the server's limits allow.
        admit: Refuses a form before any of it is read.
    """

    class Counted(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            handle = super().get_route_handler()

            async def counted(request: Request) -> Response:
                service: Service = request.app.state.service
                most = most_files(service.settings.limits)
                return await handle(_Counted(request, most, lambda: admit(service)))

            return counted

    return Counted


class _Counted(Request):
    """A request whose form is bounded, whoever reads it."""

    def __init__(self, request: Request, most_files: int, admit: Callable[[], object]) -> None:
        super().__init__(request.scope, request.receive)
        self._most_files = most_files
        self._admit = admit

    async def _get_form(self, **_: Any) -> FormData:
        try:
            self._admit()
        except Refusal as refusal:
            raise refusal.hanging_up() from None
        return await super()._get_form(max_files=self._most_files, max_fields=_FIELDS, max_part_size=_FIELD_BYTES)
