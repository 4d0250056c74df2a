"""Questions: from what a caller sends to whom it shows, and on to a ranking."""

from __future__ import annotations

import asyncio
import hashlib
import time
from dataclasses import replace
from typing import Any, NamedTuple

from fastapi import UploadFile

from sceneseek.finder import Finder, QueryPerson
from sceneseek.gallery import Filters, FrameKey
from sceneseek.gallery.naming import narrowed
from sceneseek.structures import Match, Ranking
from sceneseek.web import showing
from sceneseek.web.documents import Box, Example, SearchRequest
from sceneseek.web.door import Caller
from sceneseek.web.refusals import Refusal
from sceneseek.web.service import Service
from sceneseek.web.shelf import QueryPicture, Scale
from sceneseek.web.uploads import shown_name
from sceneseek.words import plain

PREVIEW_SIDE = 1600
"""Pixels of the longer side of a query picture that is kept for the page."""


class Answer(NamedTuple):
    """What a search found.

    Attributes:
        ranking: The matches.
        people: The views of the person that were asked with.
        against: Those who are somebody else.
        seconds: How long it took in the server.
        pinned: The views that are people of the gallery, apart from the matches.
    """

    ranking: Ranking
    people: list[QueryPerson]
    against: list[QueryPerson]
    seconds: float
    pinned: list[Match]


async def take_query(service: Service, upload: UploadFile, caller: Caller) -> tuple[str, QueryPicture]:
    """Take a query picture in: decode it at arm's length, find the people in it, and keep it for a while.

    Args:
        service: The server.
        upload: The file as it came; it is read when its turn has come, so that those who wait take no memory.
        caller: Who asks.

    Returns:
        The name that it has from now on, and the picture.

    Raises:
        Refusal: (413) It is too large; (503) too many wait already.
    """
    most = service.settings.limits.picture_bytes
    async with service.pixels.held():
        data = await upload.read(most + 1)
        if len(data) > most:
            raise Refusal(413, "The picture is too large.", expected=f"{most:,} bytes")
        taken = await service.decoders.query(data, PREVIEW_SIDE)
        found = await service.infer(lambda finder: finder.people(taken.image))
    own = FrameKey(content_key(data))
    picture = QueryPicture(
        name=shown_name(upload),
        data=taken.file,
        preview=taken.preview,
        width=taken.width,
        height=taken.height,
        people=(),
        frame=own,
        owner=caller.name,
        sha256=hashlib.sha256(data).hexdigest(),
    )
    people = tuple(replace(p, box=picture.scale.from_pixels(p.box, taken.image), frame=own) for p in found)
    picture = replace(picture, people=people)
    return service.shelf.put(picture), picture


async def query_preview(service: Service, query_id: str, max_side: int, caller: Caller) -> bytes:
    """A query picture as JPEG, at most ``max_side`` pixels wide or high; larger than usual for who zooms in.

    Raises:
        Refusal: (404) It is not kept any more.
    """
    picture = service.shelf.get(query_id, caller.name)
    if max_side == PREVIEW_SIDE:
        return picture.preview
    async with service.pixels.held():
        return await service.decoders.jpeg(picture.data, max_side)


async def search(service: Service, asked: SearchRequest, caller: Caller, action: str = "search") -> Answer:
    """Answer a question, and write into the audit log who asked it.

    Args:
        service: The server.
        asked: The question.
        caller: Who asks.
        action: What the audit log calls it.
    """
    if service.settings.reasons and not any(map(str.isalnum, plain(asked.reason or ""))):
        raise Refusal(422, "On this server a search says why it is made.", expected="a reason")
    people = [await person_meant(service, example, caller) for example in asked.examples]
    against = [await person_meant(service, example, caller) for example in asked.counter_examples]
    filters = await _filters(service, asked, caller)
    await service.log(caller, action, **_told(service, asked, caller))
    began = time.perf_counter()

    def find(finder: Finder) -> tuple[Ranking, list[Match]]:
        ranking = finder.find_people(
            people,
            top=asked.top,
            filters=filters,
            against=against,
            by=asked.by,
            rerank=asked.rerank,
            own_pictures=asked.own_pictures,
        )
        return ranking, finder.pinned(people, against)

    ranking, pinned = await service.find(find)
    if asked.sources:  # in the words of the one who asked, not in those of the disk
        ranking = replace(ranking, filters={**ranking.filters, "source": ", ".join(asked.sources)})
    return Answer(ranking, people, against, time.perf_counter() - began, pinned)


async def person_meant(service: Service, example: Example, caller: Caller) -> QueryPerson:
    """The person that an example shows.

    Raises:
        Refusal: The query picture is gone, or shows no such person.
        NotInGalleryError: There is no such person, or picture, in the gallery.
        MediaError: The file of the picture has changed, or cannot be decoded.
    """
    if example.detection_id is not None:
        name = example.detection_id
        return await service.find(lambda finder: finder.person(name))
    if example.picture is not None:
        return await _drawn_in_gallery(service, FrameKey(*example.picture), example.box)
    assert example.query_id is not None
    picture = service.shelf.get(example.query_id, caller.name)
    if example.person is None:
        async with service.pixels.held():
            image = await service.decoders.rgb(picture.data)
            box = None if example.box is None else picture.scale.to_pixels(example.box, image)
            located = await service.infer(lambda finder: finder.locate(image, box))
            return replace(located, box=picture.scale.from_pixels(located.box, image), frame=picture.frame)
    if example.person >= len(picture.people):
        raise Refusal(
            422,
            "The query picture shows no such person.",
            found=str(example.person),
            expected=f"a number from 0 to {len(picture.people) - 1}" if picture.people else "a box",
        )
    return picture.people[example.person]


async def _drawn_in_gallery(service: Service, place: FrameKey, box: Box | None) -> QueryPerson:
    """Somebody whom the detector missed in a picture of the gallery, which is read from its file again."""
    frame = await showing.frame(service, *place)
    async with service.pixels.held():
        image = await showing.pixels(service, frame)
        scale = Scale(frame.width or image.shape[1], frame.height or image.shape[0])
        drawn = None if box is None else scale.to_pixels(box, image)
        located = await service.infer(lambda finder: finder.locate(image, drawn))
    return replace(located, box=scale.from_pixels(located.box, image), frame=place)


def content_key(data: bytes) -> str:
    """The key that the same picture has as a file of the gallery, see ``inference.media.content_key``."""
    digest = hashlib.blake2b(digest_size=20)
    digest.update(len(data).to_bytes(8, "little"))
    digest.update(data)
    return digest.hexdigest()


async def _filters(service: Service, asked: SearchRequest, caller: Caller) -> Filters:
    """Whom a question asks about."""
    filters = Filters(
        cameras=_names(asked.cameras),
        since_s=asked.since_s,
        until_s=asked.until_s,
        min_score=asked.min_score,
        after=asked.after,
        before=asked.before,
        exclude_flags=tuple(asked.exclude_flags),
        media_keys=_names(asked.media_keys),
    )
    return await _in_sources(service, filters, asked.sources, caller) if asked.sources else filters


async def _in_sources(service: Service, filters: Filters, asked: list[str], caller: Caller) -> Filters:
    """The filters with files and folders in the caller's words; a hundred thousand files take a while."""
    records = list((await service.records()).values())

    def meant() -> Filters:
        known = (source for record in records for source in record.sources)
        return narrowed(filters, records, service.places.filtered(asked, caller.role, known))

    return await asyncio.to_thread(meant)


def _told(service: Service, asked: SearchRequest, caller: Caller) -> dict[str, Any]:
    """What the audit log says of a search: the query picture's digest, never the picture."""
    examples = [_example_told(service, example, caller) for example in asked.examples]
    filters = asked.model_dump(mode="json", exclude_defaults=True, exclude={"examples", "counter_examples", "reason"})
    reason = {"reason": asked.reason} if asked.reason else {}
    return {**reason, "examples": examples, "counter_examples": len(asked.counter_examples), "asked": filters}


def _example_told(service: Service, example: Example, caller: Caller) -> dict[str, Any]:
    if example.detection_id is not None:
        return {"detection": example.detection_id}
    if example.query_id is None:
        return {"frame": f"{example.media_key}:{example.frame_index}", "box": example.box}
    picture = service.shelf.get(example.query_id, caller.name)
    return {"picture_sha256": picture.sha256}


def _names(given: list[str] | None) -> tuple[str, ...] | None:
    return None if given is None else tuple(given)
