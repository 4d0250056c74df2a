"""Searching, and reports of what was found."""

from __future__ import annotations

from fastapi import APIRouter, Response

from sceneseek.web import asking, reporting
from sceneseek.web.callers import Operator, Serving, Viewer, errors
from sceneseek.web.documents import ReportRequest, SearchAnswer, SearchRequest
from sceneseek.web.views import answer_view

router = APIRouter(tags=["search"])


@router.post("/search", responses=errors(404, 415))
async def search(asked: SearchRequest, caller: Viewer, service: Serving) -> SearchAnswer:
    """Find a person: ranked matches, best first. Each search is written into the audit log."""
    return answer_view(await asking.search(service, asked, caller), service.places, caller)


@router.post(
    "/reports",
    response_class=Response,
    responses={
        **errors(404, 415),
        200: {
            "content": {"text/html": {}, "application/pdf": {}, "text/csv": {}},
            "description": "The report, as a file to be saved.",
        },
    },
)
async def report(asked: ReportRequest, caller: Operator, service: Serving) -> Response:
    """Search, and write what was found as a file. Each export is written into the audit log."""
    written = await reporting.report(service, asked, caller)
    headers = {"Content-Disposition": f'attachment; filename="{written.name}"'}
    return Response(written.content, media_type=written.media_type, headers=headers)
