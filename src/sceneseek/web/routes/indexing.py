"""Indexing: orders, uploads, and jobs with live progress."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, File, Form, UploadFile
from fastapi.responses import StreamingResponse
from pydantic import AwareDatetime

from sceneseek.web import ordering
from sceneseek.web.callers import Operator, Serving, Viewer, errors
from sceneseek.web.documents import (
    CameraName,
    IndexRequest,
    JobCreated,
    JobId,
    JobList,
    JobView,
    Sampling,
    Text,
    UploadCreated,
    UploadFacts,
)
from sceneseek.web.forms import form_route
from sceneseek.web.views import job_view

router = APIRouter(tags=["indexing"], route_class=form_route(lambda limits: limits.upload_files, ordering.check_upload))


def upload_facts(
    camera: Annotated[CameraName | None, Form(description="The name of the camera that took all this.")] = None,
    camera_from: Annotated[
        Text | None, Form(description="Where the names of files name the camera, such as `{camera}/*`.")
    ] = None,
    taken_at: Annotated[
        AwareDatetime | None, Form(description="When all this was taken, for files that do not say so themselves.")
    ] = None,
    every_s: Annotated[Sampling | None, Form(description="Seconds between the frames taken of a video.")] = None,
) -> UploadFacts:
    """The fields beside the files of an upload; empty ones say nothing."""
    return UploadFacts(camera=camera or None, camera_from=camera_from or None, taken_at=taken_at, every_s=every_s)


@router.post("/index", status_code=202, responses=errors(404))
async def index(asked: IndexRequest, caller: Operator, service: Serving) -> JobCreated:
    """Index files and folders below the media roots. The answer names the job that does it."""
    return JobCreated(job_id=await ordering.index(service, asked, caller))


@router.post("/uploads", status_code=202, responses=errors(507))
async def upload(
    caller: Operator,
    service: Serving,
    files: Annotated[list[UploadFile], File(description="Photographs, videos, and archives of them.")],
    facts: Annotated[UploadFacts, Depends(upload_facts)],
) -> UploadCreated:
    """Take photographs, videos and archives in, and index them. Each is checked, and keeps its sender's name."""
    return await ordering.upload(service, files, facts, caller)


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
