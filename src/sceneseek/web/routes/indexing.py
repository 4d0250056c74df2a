"""Indexing: orders, uploads, and jobs with live progress."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, File, UploadFile
from fastapi.responses import StreamingResponse

from sceneseek.web import ordering
from sceneseek.web.callers import Operator, Serving, Viewer, errors
from sceneseek.web.documents import IndexRequest, JobCreated, JobId, JobList, JobView, UploadCreated
from sceneseek.web.forms import form_route
from sceneseek.web.views import job_view

router = APIRouter(tags=["indexing"], route_class=form_route(lambda limits: limits.upload_files, ordering.check_upload))


@router.post("/index", status_code=202, responses=errors(404))
async def index(asked: IndexRequest, caller: Operator, service: Serving) -> JobCreated:
    """Index files and folders below the media roots. The answer names the job that does it."""
    return JobCreated(job_id=await ordering.index(service, asked, caller))


@router.post("/uploads", status_code=202, responses=errors(507))
async def upload(
    caller: Operator,
    service: Serving,
    files: Annotated[list[UploadFile], File(description="Photographs and videos.")],
) -> UploadCreated:
    """Take photographs and videos in, and index them. Each is checked; the server gives it a name of its own."""
    return await ordering.upload(service, files, caller)


@router.get("/jobs", responses=errors())
async def jobs(caller: Viewer, service: Serving) -> JobList:
    """Jobs, the newest first."""
    return JobList(jobs=[job_view(job, service.places, caller) for job in service.jobs.all()])


@router.get("/jobs/{job_id}", responses=errors(404))
async def job(job_id: JobId, caller: Viewer, service: Serving) -> JobView:
    """How far a job has come."""
    return job_view(service.jobs.get(job_id), service.places, caller)


@router.get(
    "/jobs/{job_id}/events",
    response_class=StreamingResponse,
    responses={
        **errors(404),
        200: {
            "content": {"text/event-stream": {}},
            "description": "Events named `progress`, each with the job as JSON; the last one tells how it ended.",
        },
    },
)
async def events(job_id: JobId, caller: Viewer, service: Serving) -> StreamingResponse:
    """Follow a job live (server-sent events), until it ends."""
    job = service.jobs.get(job_id)
    service.jobs.check_room()

    async def told() -> AsyncIterator[str]:
        async for news in service.jobs.follow(job):
            text = job_view(job, service.places, caller).model_dump_json()
            yield f"event: progress\ndata: {text}\n\n" if news else ": still there\n\n"

    return StreamingResponse(told(), media_type="text/event-stream")


@router.delete("/jobs/{job_id}", status_code=202, responses=errors(404))
async def stop(job_id: JobId, caller: Operator, service: Serving) -> JobView:
    """Stop a job. What it has written stays; indexing the same again goes on from there."""
    job = service.jobs.get(job_id)
    await service.log(caller, "stop-job", job=job.order.what)
    service.jobs.stop(job)
    return job_view(job, service.places, caller)
