"""What stands behind the addresses: a finder, its model and its gallery, each with a thread of their own."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from fastapi import UploadFile

from sceneseek.finder import Finder, QueryPerson
from sceneseek.gallery import Filters, FrameKey, Gallery, MediaRecord
from sceneseek.gallery.audit import AuditLog
from sceneseek.structures import Detections, FloatArray, ImageArray, PersonModel, Ranking
from sceneseek.web import interim
from sceneseek.web.decoding import Decoders
from sceneseek.web.documents import AuditEntry, AuditPage, Example, IndexRequest, SearchRequest, UploadCreated
from sceneseek.web.door import Caller, Door
from sceneseek.web.jobs import JobBoard, Order
from sceneseek.web.media import OpenMedia
from sceneseek.web.places import Places
from sceneseek.web.refusals import Refusal
from sceneseek.web.settings import Settings
from sceneseek.web.shelf import QueryPicture, Shelf
from sceneseek.web.turns import Turns
from sceneseek.web.views import kind_of

_Result = TypeVar("_Result")

_PREVIEW_SIDE = 1600
_RECORDS_SECONDS = 2.0
"""How long the list of media is good for: pages ask for it over and over."""


class Patient:
    """A model that lets those who ask from a page go first; an indexing job holds it.

    Args:
        model: The model.
        turns: The thread in which it runs.
    """

    def __init__(self, model: PersonModel, turns: Turns) -> None:
        self._model = model
        self._turns = turns

    @property
    def name(self) -> str:
        """With this name it can be loaded again."""
        return self._model.name

    @property
    def fingerprint(self) -> str:
        """Equal fingerprints, comparable embeddings."""
        return self._model.fingerprint

    @property
    def embedding_dim(self) -> int:
        """Length of an embedding."""
        return self._model.embedding_dim

    def detect(self, images: Sequence[ImageArray]) -> list[Detections]:
        """Find people, when nobody asks."""
        return self._turns.wait_for(lambda: self._model.detect(images))

    def embed(self, images: Sequence[ImageArray], boxes: Sequence[FloatArray]) -> list[FloatArray]:
        """Describe people, when nobody asks."""
        return self._turns.wait_for(lambda: self._model.embed(images, boxes))


class Service:
    """Everything that answers requests. ``start`` it before the first one, ``close`` it after the last.

    Args:
        finder: A model and a gallery.
        settings: How the server is set up.
        open_media: Opens what jobs index.
    """

    def __init__(self, finder: Finder, settings: Settings, open_media: OpenMedia) -> None:
        self.settings = settings
        self._open_media = open_media
        self.door = Door(settings)
        self.shelf = Shelf(settings.limits)
        self.places = Places(settings.media_roots, finder.gallery.path)
        self.audit_log = AuditLog(finder.gallery.path)
        self.gallery = finder.gallery
        self.model = finder.model
        self._seeker = finder
        self._records: tuple[float, dict[str, MediaRecord]] = (-1e9, {})

    def start(self) -> None:
        """Start threads and processes."""
        limits = self.settings.limits
        self.decoders = Decoders(limits)
        self.decoders.start()
        self._uploads = asyncio.Semaphore(limits.decoders)
        self._model_turns = Turns("sceneseek-model", limits.waiting)
        self._search_turns = Turns("sceneseek-search", limits.waiting)
        self._read_turns = Turns("sceneseek-read", 4 * limits.waiting)
        # A table is read by one thread at a time: looking things up must not wait for searches, nor for jobs.
        path = self.gallery.path
        self._reader = Gallery.open(path)
        indexer = Finder(Patient(self.model, self._model_turns), Gallery.open(path), self._seeker.group_frames)
        self.jobs = JobBoard(indexer, limits.jobs, limits.listeners)

    def close(self) -> None:
        """Stop jobs, threads and processes; what was written stays."""
        self.jobs.close()
        for turns in (self._model_turns, self._search_turns, self._read_turns):
            turns.close()
        self.decoders.close()

    async def read(self, work: Callable[[Gallery], _Result]) -> _Result:
        """Look something up in the gallery."""
        return await self._read_turns.ask(lambda: work(self._reader))

    async def log(self, caller: Caller, action: str, **details: Any) -> None:
        """Write into the audit log; nothing that must be logged happens without."""
        await asyncio.to_thread(self.audit_log.append, caller.name, action, **details)

    async def take_query(self, data: bytes, caller: Caller) -> tuple[str, QueryPicture]:
        """Take a query picture in: decode it at arm's length, find the people in it, and keep it for a while."""
        async with self._uploads:  # pixels of no more pictures than this lie in memory at a time
            image = await self.decoders.rgb(data)
            people = await self._model_turns.ask(lambda: interim.people_in(self._seeker, image))
            preview = await self.decoders.jpeg(data, _PREVIEW_SIDE)
            height, width = image.shape[:2]
        own = FrameKey(_content_key(data))
        flags = tuple(tuple(getattr(person, "flags", ())) for person in people)
        picture = QueryPicture(data, preview, width, height, tuple(people), flags, own, caller.name)
        return self.shelf.put(picture), picture

    async def search(self, asked: SearchRequest, caller: Caller) -> tuple[Ranking, float]:
        """Answer a question; returns the ranking and the seconds it took."""
        people = [await self.person_meant(example, caller) for example in asked.examples]
        against = [await self.person_meant(example, caller) for example in asked.counter_examples]
        filters = self._filters(asked, caller)
        await self.log(caller, "search", **self._told(asked, caller))
        began = time.perf_counter()
        ranking = await self._search_turns.ask(lambda: self._seek(asked, people, against, filters))
        return ranking, time.perf_counter() - began

    async def person_meant(self, example: Example, caller: Caller) -> QueryPerson:
        """The person that an example shows."""
        if example.detection_id is not None:
            stored = await self.stored_person(example.detection_id)
            return QueryPerson(stored.box, stored.embedding)
        assert example.query_id is not None
        picture = self.shelf.get(example.query_id, caller.name)
        if example.person is not None:
            if example.person >= len(picture.people):
                raise Refusal(
                    422,
                    "The query picture shows no such person.",
                    found=str(example.person),
                    expected=f"a number from 0 to {len(picture.people) - 1}" if picture.people else "a box",
                )
            return picture.people[example.person]
        async with self._uploads:
            image = await self.decoders.rgb(picture.data)
            return await self._model_turns.ask(lambda: self._seeker.locate(image, example.box))

    async def stored_person(self, detection_id: str) -> Any:
        """A person of the gallery.

        Raises:
            Refusal: (404) There is none of that name.
        """
        try:
            return await self.read(lambda gallery: interim.person(gallery, detection_id))
        except KeyError:
            raise Refusal(404, "The gallery knows nobody of that name.", found=detection_id) from None

    async def frames_around(self, media_key: str, frame_index: int, before: int, after: int) -> list[Any]:
        """Frames of one file in order of time.

        Raises:
            Refusal: (404) The frame is not in the gallery.
        """
        frames = await self.read(lambda g: interim.frames_around(g, media_key, frame_index, before, after))
        if not any(frame.frame_index == frame_index for frame in frames):
            raise Refusal(404, "The gallery knows no such frame.", found=f"{media_key}, frame {frame_index}")
        return frames

    async def records(self) -> dict[str, MediaRecord]:
        """All files that were looked at, by content key."""
        then, records = self._records
        if time.monotonic() - then > _RECORDS_SECONDS:
            records = await self.read(lambda gallery: {record.key: record for record in gallery.media()})
            self._records = (time.monotonic(), records)
        return records

    async def record(self, media_key: str) -> MediaRecord:
        """A file that was looked at.

        Raises:
            Refusal: (404) The gallery does not know it.
        """
        record = (await self.records()).get(media_key)
        if record is None:
            raise Refusal(404, "The gallery knows no such file.", found=media_key)
        return record

    async def crop(self, detection_id: str) -> bytes:
        """A person's picture as JPEG: the thumbnail that was kept, or cut out of the source again."""
        person = await self.stored_person(detection_id)
        places, kind = await self._origin(person.source, person.time_s)
        size = (person.width, person.height)
        return await self.decoders.person(places, kind, person.frame_index, size, person.box)

    async def scene(
        self,
        source: str,
        time_s: float | None,
        frame_index: int,
        size: tuple[int, int],
        max_side: int,
        boxes: Sequence[Sequence[float]],
    ) -> bytes:
        """A whole picture as JPEG, read from its source again."""
        places, kind = await self._origin(source, time_s)
        labels = [""] * len(boxes)
        return await self.decoders.scene(places, kind, frame_index, size, max_side, boxes, labels)

    async def clip(self, record: MediaRecord, start_s: float, end_s: float) -> bytes:
        """A part of a video as MP4."""
        return await self.decoders.clip(record.sources, start_s, end_s)

    async def index(self, asked: IndexRequest, caller: Caller) -> str:
        """Take an order to index files and folders; returns the job's name."""
        paths = [str(self.places.to_index(path)) for path in asked.paths]
        what = ", ".join(asked.paths[:3]) + (f" and {len(paths) - 3} more" if len(paths) > 3 else "")
        return await self._take_order(what, paths, asked.camera, asked.every_s, caller)

    async def _take_order(
        self, what: str, paths: list[str], camera: str | None, every_s: float | None, caller: Caller
    ) -> str:
        await self.log(caller, "index", what=what, num_paths=len(paths))
        every_s = self.settings.every_s if every_s is None else every_s
        return self.jobs.take(
            Order(
                what=what,
                owner=caller.name,
                items=lambda: self._open_media.discover(paths, camera),
                frames_of=self._open_media.sampling(every_s),
                every_s=every_s,
            )
        ).job_id

    async def take_uploads(self, files: Sequence[UploadFile], caller: Caller) -> UploadCreated:
        """Take media in, and index them."""
        raise Refusal(501, "Uploads are not taken yet.")

    async def audit_page(self, page: int, per_page: int) -> AuditPage:
        """A page of the audit log, the newest entry first."""
        return await asyncio.to_thread(self._audit_page, page, per_page)

    def _audit_page(self, page: int, per_page: int) -> AuditPage:
        verdict = self.audit_log.verify()
        entries = list(self.audit_log.entries()) if verdict.whole else []
        shown = list(reversed(entries))[(page - 1) * per_page : page * per_page]
        return AuditPage(
            total=verdict.num_entries,
            page=page,
            per_page=per_page,
            intact=verdict.whole,
            problem=" ".join(verdict.problems[:5]),
            entries=[
                AuditEntry(number=e.number, at=e.at, who=e.actor, action=e.action, details=dict(e.details))
                for e in shown
            ],
        )

    async def _origin(self, source: str, time_s: float | None) -> tuple[Sequence[str], str]:
        """All paths at which a source was met, and what kind it is."""
        kind = kind_of(source, time_s)
        if kind == "stream":
            raise Refusal(410, "This was seen live: only the crops of the people were kept.")
        return await self.read(lambda gallery: gallery.places(source)), kind

    def _seek(
        self, asked: SearchRequest, people: list[QueryPerson], against: list[QueryPerson], filters: Filters
    ) -> Ranking:
        return self._seeker.find_people(people, top=asked.top, filters=filters)

    def _filters(self, asked: SearchRequest, caller: Caller) -> Filters:
        own = [] if asked.own_pictures else self._own_frames(asked, caller)
        return Filters(
            cameras=None if asked.cameras is None else tuple(asked.cameras),
            sources=None if asked.sources is None else tuple(map(self.places.asked, asked.sources)),
            since_s=asked.since_s,
            until_s=asked.until_s,
            min_score=asked.min_score,
            exclude=tuple(own),
        )

    def _own_frames(self, asked: SearchRequest, caller: Caller) -> Iterator[FrameKey]:
        """The pictures that the examples come from: of course the person is in there."""
        for example in asked.examples:
            if example.query_id is not None:
                yield self.shelf.get(example.query_id, caller.name).frame
            elif example.detection_id is not None:
                key, index, _ = example.detection_id.rsplit(":", 2)
                yield FrameKey(key, int(index))

    def _told(self, asked: SearchRequest, caller: Caller) -> dict[str, Any]:
        """What the audit log says of a search: the query picture's digest, not the picture."""
        pictures = [
            {"picture_sha256": hashlib.sha256(self.shelf.get(e.query_id, caller.name).data).hexdigest()}
            if e.query_id is not None
            else {"detection": e.detection_id}
            for e in asked.examples
        ]
        filters = asked.model_dump(mode="json", exclude_defaults=True, exclude={"examples", "counter_examples"})
        return {"examples": pictures, "counter_examples": len(asked.counter_examples), "asked": filters}


def _content_key(data: bytes) -> str:
    """The key that the same picture has as a file of the gallery, see ``inference.media.content_key``."""
    digest = hashlib.blake2b(digest_size=20)
    digest.update(len(data).to_bytes(8, "little"))
    digest.update(data)
    return digest.hexdigest()
