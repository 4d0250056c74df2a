"""Query pictures: who is asked for."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, File, Query, Request, Response, UploadFile

from sceneseek.web.asking import PREVIEW_SIDE, query_preview, take_query
from sceneseek.web.callers import PARTS, Serving, Viewer, errors
from sceneseek.web.documents import QueryId, QueryPersonView, QueryView
from sceneseek.web.forms import form_route
from sceneseek.web.ranges import answer
from sceneseek.web.service import Service
from sceneseek.web.shelf import QueryPicture
from sceneseek.web.views import flags_of

router = APIRouter(tags=["queries"], route_class=form_route(lambda limits: 1))


@router.post("/queries", status_code=201, responses=errors(415))
async def ask(
    caller: Viewer, service: Serving, picture: Annotated[UploadFile, File(description="The picture.")]
) -> QueryView:
    """Take a picture in and find the people in it. It is kept in memory for a while, and nowhere else."""
    name, taken = await take_query(service, picture, caller)
    return _view(name, taken, service)


@router.get("/queries/{query_id}", responses=errors(404))
async def query(query_id: QueryId, caller: Viewer, service: Serving) -> QueryView:
    """A query picture that is still kept."""
    return _view(query_id, service.shelf.get(query_id, caller.name), service)


@router.get(
    "/queries/{query_id}/picture",
    response_class=Response,
    responses={
        **errors(404, 412, 416),
        200: {"content": {"image/jpeg": {}}, "description": "The upright picture, made smaller."},
        **PARTS,
    },
)
async def picture(
    query_id: QueryId,
    request: Request,
    caller: Viewer,
    service: Serving,
    max_side: Annotated[int, Query(ge=64, le=4096, description="Pixels of the longer side, at most.")] = PREVIEW_SIDE,
) -> Response:
    """The query picture itself, upright."""
    return answer(request, await query_preview(service, query_id, max_side, caller), "image/jpeg")


@router.delete("/queries/{query_id}", status_code=204, responses=errors(404))
async def forget(query_id: QueryId, caller: Viewer, service: Serving) -> None:
    """Forget a query picture before its time."""
    service.shelf.forget(query_id, caller.name)


def _view(name: str, taken: QueryPicture, service: Service) -> QueryView:
    people = [
        QueryPersonView(index=i, box=person.box, score=person.score or 0.0, flags=flags_of(person.flags))
        for i, person in enumerate(taken.people)
    ]
    return QueryView(
        query_id=name,
        width=taken.width,
        height=taken.height,
        people=people,
        expires_s=service.settings.limits.query_seconds,
    )
