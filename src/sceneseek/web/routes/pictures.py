"""People, frames and clips of the gallery, and their pictures."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response

from sceneseek.web import showing
from sceneseek.web.callers import PARTS, Serving, Viewer, errors
from sceneseek.web.documents import (
    DetectionId,
    FrameIndex,
    FramesAround,
    FrameView,
    MediaKey,
    PersonView,
    Seconds,
    TrackletId,
    TrackletView,
)
from sceneseek.web.ranges import answer
from sceneseek.web.views import frame_view, person_view

router = APIRouter(tags=["pictures"])

_PICTURE: dict[int | str, dict[str, Any]] = {
    **errors(404, 410, 415, 416),
    200: {"content": {"image/jpeg": {}}, "description": "A JPEG."},
    **PARTS,
}
MaxSide = Annotated[int, Query(ge=64, le=4096, description="Pixels of the longer side, at most.")]
Boxes = Annotated[bool, Query(description="Draw the boxes of the people found.")]


@router.get("/detections/{detection_id}", responses=errors(404))
async def detection(detection_id: DetectionId, caller: Viewer, service: Serving) -> PersonView:
    """A person of the gallery."""
    return person_view(await service.person(detection_id), service.places, caller)


@router.get("/detections/{detection_id}/crop", response_class=Response, responses=_PICTURE)
async def crop(detection_id: DetectionId, request: Request, caller: Viewer, service: Serving) -> Response:
    """The person's picture."""
    await service.looking.at(caller, "crops", detection_id)
    return answer(request, await showing.crop(service, detection_id), "image/jpeg")


@router.get("/detections/{detection_id}/scene", response_class=Response, responses=_PICTURE)
async def scene(
    detection_id: DetectionId,
    request: Request,
    caller: Viewer,
    service: Serving,
    max_side: MaxSide = 1600,
    boxes: Boxes = True,
) -> Response:
    """The whole picture in which a person was found, read from its file again."""
    person = await service.person(detection_id)
    await service.looking.at(caller, "scenes", f"{person.media_key}:{person.frame_index}")
    return answer(request, await showing.scene(service, person, max_side, [person] * boxes), "image/jpeg")


@router.get("/tracklets/{tracklet_id}", responses=errors(404))
async def tracklet(
    tracklet_id: TrackletId,
    caller: Viewer,
    service: Serving,
    first: Annotated[int, Query(ge=0, le=10_000_000, description="Frames of it to leave out at its start.")] = 0,
    most: Annotated[int, Query(ge=1, le=1000, description="Frames of it at most.")] = 1000,
) -> TrackletView:
    """A sighting, frame by frame; a long one in parts."""
    people = await service.read(lambda gallery: gallery.tracklet(tracklet_id))
    return TrackletView(
        tracklet_id=tracklet_id,
        total=len(people),
        people=[person_view(person, service.places, caller) for person in people[first : first + most]],
    )


@router.get("/frames/{media_key}/{frame_index}", responses=errors(404))
async def frame(
    media_key: MediaKey, frame_index: Annotated[FrameIndex, Path()], caller: Viewer, service: Serving
) -> FrameView:
    """A photograph or a moment of a video, and who was found in it."""
    found = await showing.frame(service, media_key, frame_index)
    return frame_view(found, (await service.record(media_key)).source, service.places, caller)


@router.get(
    "/frames/{media_key}/{frame_index}/picture",
    response_class=Response,
    responses=_PICTURE,
)
async def frame_picture(
    media_key: MediaKey,
    frame_index: Annotated[FrameIndex, Path()],
    request: Request,
    caller: Viewer,
    service: Serving,
    max_side: MaxSide = 1600,
    boxes: Boxes = False,
) -> Response:
    """The picture itself, read from its file again."""
    found = await showing.frame(service, media_key, frame_index)
    await service.looking.at(caller, "scenes", f"{media_key}:{frame_index}")
    jpeg = await showing.scene(service, found, max_side, found.people if boxes else ())
    return answer(request, jpeg, "image/jpeg")


@router.get("/frames/{media_key}/{frame_index}/around", responses=errors(404))
async def around(
    media_key: MediaKey,
    frame_index: Annotated[FrameIndex, Path()],
    caller: Viewer,
    service: Serving,
    before: Annotated[int, Query(ge=0, le=50, description="Frames before it.")] = 5,
    after: Annotated[int, Query(ge=0, le=50, description="Frames after it.")] = 5,
) -> FramesAround:
    """The frames before and after one, as far as they were searched."""
    source = (await service.record(media_key)).source
    frames = await service.read(lambda gallery: gallery.frames_around(media_key, frame_index, before, after))
    return FramesAround(
        media_key=media_key,
        frame_index=frame_index,
        frames=[frame_view(found, source, service.places, caller) for found in frames],
    )


@router.get(
    "/media/{media_key}/clip",
    response_class=Response,
    responses={
        **errors(404, 410, 415, 416),
        200: {"content": {"video/mp4": {}}, "description": "An MP4 (H.264)."},
        **PARTS,
    },
)
async def clip(
    media_key: MediaKey,
    request: Request,
    caller: Viewer,
    service: Serving,
    start_s: Annotated[Seconds, Query(description="Seconds from the start of the video.")],
    end_s: Annotated[Seconds, Query(description="Until here.")],
) -> Response:
    """A part of a video, made for any browser; without sound, at most 1280 pixels wide or high."""
    await service.looking.at(caller, "clips", f"{media_key}:{start_s:g}-{end_s:g}")
    return answer(request, await showing.clip(service, media_key, start_s, end_s), "video/mp4")
