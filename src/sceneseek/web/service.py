"""What stands behind the addresses: a finder, its model and its gallery, each with a thread of their own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from sceneseek.finder import Finder
from sceneseek.gallery import AuditLog, Gallery, MediaRecord, StoredPerson
from sceneseek.structures import Detections, FloatArray, ImageArray, PersonModel
from sceneseek.web.clips import Clips
from sceneseek.web.decoding import Decoders
from sceneseek.web.door import Caller, Door
from sceneseek.web.jobs import Job, JobBoard
from sceneseek.web.looking import Looking
from sceneseek.web.media import FarMedia, OpenMedia
from sceneseek.web.places import Places
from sceneseek.web.refusals import Refusal
from sceneseek.web.settings import Settings
from sceneseek.web.shares import Slots
from sceneseek.web.shelf import Shelf
from sceneseek.web.turns import Turns
from sceneseek.web.uploads import UPLOADS, clear_partials

_Result = TypeVar("_Result")

_FEW = 4
"""Reports, or requests to forget, that wait at most: each takes long."""
_AT_A_TIME = 2
"""Pictures that an indexing job has looked at in one turn: those who ask wait for no more, and the bar moves."""

_RECORDS_SECONDS = 2.0
"""How long the list of media is good for: pages ask for it over and over."""


class Patient:
    """A model that lets those who ask from a page go first, and counts for the indexing job that holds it.

    Args:
        model: The model.
        turns: The thread in which it runs.
        job: Told of each picture that was looked at.
    """

    def __init__(self, model: PersonModel, turns: Turns, job: Job) -> None:
        self._model = model
        self._turns = turns
        self._job = job

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
        found: list[Detections] = []
        for start in range(0, len(images), _AT_A_TIME):
            some = images[start : start + _AT_A_TIME]
            people = self._turns.wait_for(lambda some=some: self._model.detect(some))  # type: ignore[misc]
            for those in people:
                self._job.count(len(those))
            found += people
        return found

    def embed(self, images: Sequence[ImageArray], boxes: Sequence[FloatArray]) -> list[FloatArray]:
        """Describe people, when nobody asks."""
        return self._turns.wait_for(lambda: self._model.embed(images, boxes))


class Service:
    """Everything that answers requests. ``start`` it before the first one, ``close`` it after the last.

    Args:
        finder: A model and a gallery.
        settings: How the server is set up.
        open_media: Finds and opens what jobs index; a process of its own does when not given.

    Attributes:
        door: Who may come in.
        shelf: The query pictures.
        places: What files are called.
        audit_log: Who did what.
        looking: Who looked at what.
        decoders: The processes that decode pictures; from ``start`` on.
        jobs: The indexing jobs; from ``start`` on.
        far_media: Opens files of the gallery at arm's length.
        pixels: Held by whoever has a decoded picture in memory; from ``start`` on.
        cutting: Held while a clip is made, so that it leaves decoders to the others; from ``start`` on.
        clips: The clips that were made last.
    """

    decoders: Decoders
    jobs: JobBoard
    pixels: Slots
    cutting: Slots

    def __init__(self, finder: Finder, settings: Settings, open_media: OpenMedia | None = None) -> None:
        self.settings = settings
        self.far_media = FarMedia(settings.limits.decoder_bytes, settings.media_roots)
        self.open_media = open_media or OpenMedia(self.far_media.discover, self.far_media.frames_of)
        self.audit_log = AuditLog(finder.gallery.path)
        self.looking = Looking(self.audit_log.append, settings.limits)
        self.door = Door(settings, failed=self.looking.wrong_token)
        self.shelf = Shelf(settings.limits)
        self.clips = Clips(settings.limits.clip_bytes, settings.limits.clip_kept_seconds)
        self.places = Places(settings.media_roots, finder.gallery.path)
        self._finder = finder
        self._records: tuple[float, dict[str, MediaRecord]] = (-1e9, {})

    def start(self) -> None:
        """Start threads and processes."""
        if self.places.first_root is not None:
            clear_partials(self.places.first_root / UPLOADS)
        limits = self.settings.limits
        # Where callers can be told apart, nobody holds all decoders: the next one to come finds one free.
        share = limits.decoders if self.door.open else max(1, limits.decoders - 1)
        self.decoders = Decoders(limits, share)
        self.decoders.start()
        self.pixels = Slots(limits.decoders, share, limits.waiting)
        num_clips = max(1, limits.decoders - 1)
        self.cutting = Slots(num_clips, max(1, num_clips - (not self.door.open)), limits.waiting, "clips")
        self._model_turns = Turns("sceneseek-model", limits.waiting)
        self._search_turns = Turns("sceneseek-search", limits.waiting)
        self._read_turns = Turns("sceneseek-read", 8 * limits.waiting)
        # A table is read by one thread at a time: looking things up waits neither for searches nor for jobs.
        self._write_turns = Turns("sceneseek-write", _FEW)
        self._tell_turns = Turns("sceneseek-report", _FEW)
        path = self._finder.gallery.path
        self._reader, self._writer, self._teller = (Gallery.open(path) for _ in range(3))
        self.looking.start()
        self.jobs = JobBoard(self._indexer, limits.jobs, limits.listeners)

    def close(self) -> None:
        """Stop jobs, threads and processes; what was written stays."""
        self.jobs.close()
        for turns in (self._model_turns, self._search_turns, self._read_turns, self._write_turns, self._tell_turns):
            turns.close()
        self.decoders.close()
        self.far_media.close()
        self.looking.close()

    def _indexer(self, job: Job) -> Finder:
        finder = self._finder
        patient = Patient(finder.model, self._model_turns, job)
        return Finder(patient, Gallery.open(finder.gallery.path), finder.group_frames, finder.commit_frames)

    async def infer(self, work: Callable[[Finder], _Result]) -> _Result:
        """Have the model look at something."""
        return await self._model_turns.ask(lambda: work(self._finder))

    async def find(self, work: Callable[[Finder], _Result]) -> _Result:
        """Search the gallery, without the model."""
        return await self._search_turns.ask(lambda: work(self._finder))

    async def read(self, work: Callable[[Gallery], _Result]) -> _Result:
        """Look something up in the gallery."""
        return await self._read_turns.ask(lambda: work(self._reader))

    async def write(self, work: Callable[[Gallery], _Result]) -> _Result:
        """Change the gallery."""
        return await self._write_turns.ask(lambda: work(self._writer))

    async def tell(self, work: Callable[[Gallery], _Result]) -> _Result:
        """Write a report, which takes a while and much memory: one at a time."""
        return await self._tell_turns.ask(lambda: work(self._teller))

    async def log(self, caller: Caller, action: str, **details: Any) -> None:
        """Write into the audit log; nothing that must be logged happens without."""
        await asyncio.to_thread(self.audit_log.append, caller.name, action, **details)

    async def person(self, detection_id: str) -> StoredPerson:
        """A person of the gallery.

        Raises:
            NotInGalleryError: There is none of that name.
        """
        return await self.read(lambda gallery: gallery.person(detection_id))

    async def records(self) -> dict[str, MediaRecord]:
        """All files that were looked at, by content key."""
        then, records = self._records
        if time.monotonic() - then > _RECORDS_SECONDS:
            records = await self.read(lambda gallery: {record.key: record for record in gallery.media()})
            self._records = (time.monotonic(), records)
        return records

    def forget_records(self) -> None:
        """Look the list of media up again when it is asked for next, and keep no clip of what is there no more."""
        self._records = (-1e9, {})
        self.clips.clear()

    async def record(self, media_key: str) -> MediaRecord:
        """A file that was looked at.

        Raises:
            Refusal: (404) The gallery does not know it.
        """
        record = (await self.records()).get(media_key)
        if record is None:
            raise Refusal(404, "The gallery knows no such file.", found=media_key)
        return record
