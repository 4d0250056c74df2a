"""Keeping a gallery: say which camera took what, forget people, and show who searched for whom."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from sceneseek.web import keeping
from sceneseek.web.callers import Keeper, Operator, Serving, errors
from sceneseek.web.documents import AuditPage, CameraAnswer, CameraRequest, ForgetAnswer, ForgetRequest

router = APIRouter(tags=["keeping"])


@router.post("/cameras", responses=errors(404))
async def cameras(asked: CameraRequest, caller: Operator, service: Serving) -> CameraAnswer:
    """Say which camera took some files, or give a camera another name. A name that exists already then holds both."""
    return await keeping.give_to_camera(service, asked, caller)


@router.post("/forget", responses=errors(404))
async def forget(asked: ForgetRequest, caller: Keeper, service: Serving) -> ForgetAnswer:
    """Forget people, files or a time span, with embeddings, thumbnails and index entries; or say whom it would be."""
    return await keeping.forget(service, asked, caller)


@router.get("/audit", responses=errors())
async def audit(
    caller: Keeper,
    service: Serving,
    page: Annotated[int, Query(ge=1, le=10_000_000, description="1 is the first.")] = 1,
    per_page: Annotated[int, Query(ge=1, le=1000, description="Entries on a page.")] = 100,
) -> AuditPage:
    """The audit log, the newest entry first, and whether its chain of hashes is intact."""
    return await keeping.audit_page(service, page, per_page)
