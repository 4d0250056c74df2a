"""Pictures of the gallery: crops that were kept, and scenes and clips that are read from their files again."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import PurePath

from sceneseek.errors import MediaError
from sceneseek.gallery import MediaRecord, SearchedFrames, StoredFrame, StoredPerson
from sceneseek.inference.places import Place
from sceneseek.structures import ImageArray
from sceneseek.web.refusals import Refusal
from sceneseek.web.service import Service


async def crop(service: Service, detection_id: str) -> bytes:
    """A person's picture as JPEG: the thumbnail that was kept, or else cut out of the file again."""
    kept = await service.read(lambda gallery: gallery.thumbnail(detection_id))
    if kept is not None:
        return kept
    person = await service.person(detection_id)
    record = await _readable(service, person.media_key)
    size = (person.width, person.height)
    with _without_folders(record):
        return await service.decoders.person(
            record.sources, record.key, record.kind, person.frame_index, size, person.box
        )


async def scene(
    service: Service, frame: StoredFrame | StoredPerson, max_side: int, drawn: Sequence[StoredPerson]
) -> bytes:
    """A whole picture as JPEG, with boxes around people, read from its file again.

    Raises:
        Refusal: (410) It was seen live, or its file is gone.
        MediaError: Its file has changed, or cannot be decoded.
    """
    record = await _readable(service, frame.media_key)
    boxes = [person.box for person in drawn]
    labels = [""] * len(boxes)
    size = (frame.width, frame.height)
    with _without_folders(record):
        return await service.decoders.scene(
            record.sources, record.key, record.kind, frame.frame_index, size, max_side, boxes, labels
        )


async def pixels(service: Service, frame: StoredFrame) -> ImageArray:
    """A whole picture, ``(H, W, 3)`` uint8 RGB, read from its file again.

    Raises:
        Refusal: (410) It was seen live, or its file is gone.
        MediaError: Its file has changed, or cannot be decoded.
    """
    record = await _readable(service, frame.media_key)
    size = (frame.width, frame.height)
    with _without_folders(record):
        return await service.decoders.pixels(record.sources, record.key, record.kind, frame.frame_index, size)


async def clip(service: Service, media_key: str, start_s: float, end_s: float) -> bytes:
    """A part of a video as MP4.

    Raises:
        Refusal: (415) It is no video; (410) it was seen live, or its file is gone; (422) it is empty or too long.
    """
    longest = service.settings.limits.clip_seconds
    if not 0 < end_s - start_s <= longest:
        raise Refusal(
            422,
            "The clip is empty or too long.",
            found=f"{start_s:g} s to {end_s:g} s",
            expected=f"end_s after start_s, by at most {longest:g} s",
        )
    record = await _readable(service, media_key)
    if record.kind != "video":
        raise Refusal(415, "Only videos can be played.", found=record.kind, expected="video")

    async def cut() -> bytes:
        async with service.cutting.held():
            with _without_folders(record):
                return await service.decoders.clip(record.sources, record.key, start_s, end_s)

    state = await asyncio.to_thread(_state, record.sources)
    return await service.clips.get((record.key, state, start_s, end_s), cut)


async def frame(service: Service, media_key: str, frame_index: int) -> StoredFrame:
    """A picture that was searched.

    Raises:
        NotInGalleryError: It was not.
    """
    return await service.read(lambda gallery: gallery.frame(media_key, frame_index))


async def searched(service: Service, media_key: str) -> SearchedFrames:
    """All pictures of a file that were searched.

    Raises:
        NotInGalleryError: None was.
    """
    return await service.read(lambda gallery: gallery.searched_frames(media_key))


async def _readable(service: Service, media_key: str) -> MediaRecord:
    """The file of a picture, which may be gone; what was seen live is gone for certain."""
    record = await service.record(media_key)
    if record.kind == "stream":
        raise Refusal(410, "This was seen live: only the crops of the people were kept.")
    return record


def _state(sources: Sequence[str]) -> tuple[tuple[int, ...], ...]:
    """What changes when one of some files does, or goes: a clip that was kept is then no longer true."""
    states = []
    for source in sources:
        with suppress(OSError):
            facts = os.stat(Place.of(source).path)
            states.append((facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns))
    return tuple(states)


@contextmanager
def _without_folders(record: MediaRecord) -> Iterator[None]:
    """Take the folders of a file, which may lie anywhere, out of what is said of it: viewers see names."""
    try:
        yield
    except MediaError as error:
        text = str(error)
        for source in record.sources:
            for folder in PurePath(source).parents:  # the longest first
                if folder.name:
                    text = text.replace(f"{folder}/", "")
        raise type(error)(text) from error
