"""What the gallery holds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from pathlib import PurePath
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query

from sceneseek.gallery import MediaRecord
from sceneseek.web.callers import Serving, Viewer, errors
from sceneseek.web.documents import (
    RERANKING,
    CalibrationView,
    CallerView,
    CameraName,
    CameraView,
    GalleryView,
    MediaOrder,
    MediaPage,
    Text,
)
from sceneseek.web.views import medium_view

router = APIRouter(tags=["gallery"])


@router.get("/gallery", responses=errors())
async def gallery(caller: Viewer, service: Serving) -> GalleryView:
    """What the gallery holds, what the server can do, and who the caller is."""
    facts = await service.read(lambda gallery: gallery.info())
    trust = await service.find(lambda finder: finder.calibration())
    return GalleryView(
        name=facts.path.name,
        model="+".join(PurePath(part).name for part in facts.manifest.model.split("+")),
        fingerprint=facts.manifest.fingerprint,
        created=facts.manifest.created,
        num_people=facts.num_people,
        num_photos=facts.num_photos,
        num_videos=facts.num_videos,
        num_streams=0,
        num_frames=facts.num_frames,
        num_unfinished=facts.num_unfinished,
        num_damaged=facts.num_damaged,
        bytes_on_disk=facts.bytes_on_disk,
        cameras=[CameraView(camera_id=c, num_people=n) for c, n in sorted(facts.people_per_camera.items())],
        first=facts.captured_from,
        last=facts.captured_until,
        calibration=CalibrationView(
            available=trust.strangers is not None, summary=trust.summary, num_pairs=round(trust.num_pairs)
        ),
        media_roots=service.places.root_names,
        upload_files=service.settings.limits.upload_files,
        upload_bytes=service.settings.limits.upload_bytes,
        every_s=service.settings.every_s,
        reranking=list(RERANKING),
        report_formats=["html", "pdf", "csv"],
        reasons=service.settings.reasons,
        caller=CallerView(name=caller.name, role=caller.role, csrf=caller.csrf),
    )


@router.get("/media", responses=errors())
async def media(
    caller: Viewer,
    service: Serving,
    page: Annotated[int, Query(ge=1, le=10_000_000, description="1 is the first.")] = 1,
    per_page: Annotated[int, Query(ge=1, le=1000, description="Files on a page.")] = 100,
    status: Annotated[Literal["indexing", "complete", "damaged"] | None, Query(description="Only these.")] = None,
    text: Annotated[Text | None, Query(description="Only files of which one of the paths holds this text.")] = None,
    camera: Annotated[CameraName | None, Query(description="Only files of this camera; empty for no camera.")] = None,
    order: Annotated[MediaOrder, Query(description="By what.")] = "source",
    descending: Annotated[bool, Query(description="The last one first.")] = False,
) -> MediaPage:
    """The files that were looked at, with what went wrong with them."""

    def asked(record: MediaRecord) -> bool:
        if status is not None and str(record.status) != status:
            return False
        if camera is not None and (record.camera_id or "") != camera:
            return False
        return not text or any(text.lower() in called(source) for source in record.sources)

    def called(source: str) -> str:
        return service.places.shown(source, caller.role).lower()

    def chosen(records: Iterable[MediaRecord]) -> list[MediaRecord]:
        return ordered(filter(asked, records), order, descending)

    # A hundred thousand files take a while: the others are answered meanwhile.
    records = await asyncio.to_thread(chosen, (await service.records()).values())
    first = (page - 1) * per_page
    shown = [medium_view(record, service.places, caller) for record in records[first : first + per_page]]
    return MediaPage(total=len(records), page=page, per_page=per_page, media=shown)


def ordered(records: Iterable[MediaRecord], order: MediaOrder, descending: bool) -> list[MediaRecord]:
    """Files in some order; those of which it is not known come last, and equal ones go by their source."""
    key = _ORDERS[order]
    by_source = sorted(records, key=lambda record: record.source)
    known = [record for record in by_source if key(record) is not None]
    unknown = [record for record in by_source if key(record) is None]
    return sorted(known, key=key, reverse=descending) + unknown


_ORDERS: dict[MediaOrder, Callable[[MediaRecord], Any]] = {
    "source": lambda record: record.source,
    "name": lambda record: PurePath(record.source).name.lower(),
    "camera": lambda record: record.camera_id,
    "taken": lambda record: record.captured_at,
    "added": lambda record: record.indexed_at or None,
    "people": lambda record: record.num_people,
    "pictures": lambda record: record.num_frames,
    "status": lambda record: str(record.status),
}
