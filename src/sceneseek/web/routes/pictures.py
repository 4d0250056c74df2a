"""People, frames and clips of the gallery, and their pictures."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response

from sceneseek.web import showing
from sceneseek.web.callers import PARTS, Serving, Viewer, errors
from sceneseek.web.documents import (
    DetectionId,
    FrameIndex,
    FrameMark,
    FramePage,
    FramesAround,
    FrameView,
    MediaKey,
    MediumOutline,
    PersonView,
    Seconds,
    Stretch,
    TrackletId,
    TrackletView,
)
from sceneseek.web.ranges import answer
from sceneseek.web.views import frame_view, person_view, time_or_none

router = APIRouter(tags=["pictures"])

_PICTURE: dict[int | str, dict[str, Any]] = {
    **errors(404, 410, 412, 415, 416),
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


@router.get("/media/{media_key}/frames", responses=errors(404))
async def frames(
    media_key: MediaKey,
    caller: Viewer,
    service: Serving,
    first: Annotated[int, Query(ge=0, le=1_000_000_000, description="Pictures to leave out at the start.")] = 0,
    most: Annotated[int, Query(ge=1, le=500, description="Pictures told at most.")] = 100,
    frame_index: Annotated[
        int | None, Query(ge=0, lt=1 << 40, description="Tell of those around this frame instead.")
    ] = None,
) -> FramePage:
    """The searched pictures of a file, a part at a time: to step through a whole video, however long it is."""
    seen = await showing.searched(service, media_key)
    place = min(first, len(seen)) if frame_index is None else seen.place_of(frame_index)
    begin = place if frame_index is None else max(0, place - most // 2)
    told = slice(begin, begin + most)
    columns = zip(seen.indices[told].tolist(), seen.times_s[told].tolist(), seen.num_people[told].tolist(), strict=True)
    marks = [FrameMark(frame_index=index, time_s=time_or_none(t), num_people=people) for index, t, people in columns]
    return FramePage(media_key=media_key, total=len(seen), first=begin, place=place, frames=marks)


@router.get("/media/{media_key}/outline", responses=errors(404))
async def outline(
    media_key: MediaKey,
    caller: Viewer,
    service: Serving,
    parts: Annotated[int, Query(ge=1, le=2000, description="Stretches at most.")] = 400,
) -> MediumOutline:
    """A whole file at a glance: in which stretches of it people were found."""
    seen = await showing.searched(service, media_key)
    return MediumOutline(
        media_key=media_key,
        total=len(seen),
        start_s=time_or_none(float(seen.times_s[0])),
        end_s=time_or_none(float(seen.times_s[-1])),
        stretches=[
            Stretch(first=first, time_s=time_or_none(float(seen.times_s[first])), num_people=people)
            for first, people in seen.outline(parts)
        ],
    )


@router.get(
    "/media/{media_key}/clip",
    response_class=Response,
    responses={
        **errors(404, 410, 412, 415, 416),
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
