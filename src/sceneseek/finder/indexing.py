"""Indexing as a pipeline: media are read ahead, the model looks, and a thread behind it writes down.

::

    files, cameras  ->  reading   ->  the model  ->  remembering  ->  gallery
                        (threads)     (here)         (a thread)

Each arrow is bounded in what may wait on it, so memory stays flat however much there is to do, and the model, the most
expensive part, waits for neither of its neighbours.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from sceneseek.ahead import WorkBehind
from sceneseek.finder.reading import Begun, Ended, Event, FramesOf, Reading, Recognised, Seen, Stop, reason_of
from sceneseek.finder.remembering import Look, Memory
from sceneseek.gallery import Gallery, GalleryWriter
from sceneseek.structures import (
    Detections,
    ImageArray,
    MediaItem,
    MediaNote,
    MediaProblem,
    PersonModel,
    Progress,
)
from sceneseek.words import clock_words

_GROUP_PIXELS = 32_000_000
"""Pixels handed to the model at a time, at most (but at least one picture): bounds memory for large photographs."""

_BEHIND_PIXELS = 64_000_000
"""Pixels that wait to be written down, at most (but at least one picture)."""

_GROUP_EVENTS = 256


@dataclass(frozen=True)
class IndexSummary:
    """What one run of indexing did.

    Attributes:
        photos: Photographs that were searched for people in this run.
        videos: Videos of which at least one frame was searched in this run.
        streams: Live sources of which at least one frame was searched.
        frames: Pictures searched, photographs and video frames.
        people: People found and remembered.
        already: Files that were known and needed nothing.
        problems: What could not be used, or not to its end. Everything else was indexed.
        notes: What is doubtful about what was indexed, such as a time or a white point; a ``PassedOver`` among them
            counts what was left alone.
        stopped: Whether the run was asked to stop before it came to its end; the next one goes on there.
        seconds: How long it took; no part of what makes two summaries equal, like the next.
        model_seconds: How long the model worked in this time.
    """

    photos: int = 0
    videos: int = 0
    streams: int = 0
    frames: int = 0
    people: int = 0
    already: int = 0
    problems: tuple[MediaProblem, ...] = ()
    notes: tuple[MediaNote, ...] = ()
    stopped: bool = False
    seconds: float = field(default=0.0, compare=False)
    model_seconds: float = field(default=0.0, compare=False)

    @property
    def frames_per_second(self) -> float:
        """Pictures searched a second, everything included."""
        return self.frames / self.seconds if self.seconds > 0 else 0.0


def index_media(
    model: PersonModel,
    gallery: Gallery,
    writer: GalleryWriter,
    items: Iterable[MediaItem | MediaProblem],
    frames_of: FramesOf,
    *,
    every_s: float | None,
    group_frames: int,
    progress: Progress,
    stop: Stop,
) -> IndexSummary:
    """Look for people in media and hand them to ``writer``; see ``Finder.index``."""
    begun = time.perf_counter()
    reading = Reading(items, frames_of, lambda item: writer.plan(item, every_s).start_frame, stop)
    memory = Memory(gallery, writer, every_s)
    with WorkBehind(memory.take, _BEHIND_PIXELS) as behind, closing(reading.events()) as events:
        run = _Run(model, behind, _Course(items, every_s, progress))
        group: list[Event] = []
        pictures = pixels = 0
        for event in events:
            if event is not None:
                group.append(event)
            if isinstance(event, Seen):
                pictures += 1
                pixels += _pixels(event)
            full = pictures >= group_frames or pixels >= _GROUP_PIXELS or len(group) >= _GROUP_EVENTS
            if full or event is None:
                run.take(group)
                group, pictures, pixels = [], 0, 0
        run.take(group)
    kinds = list(run.searched.values())
    return IndexSummary(
        photos=kinds.count("photo"),
        videos=kinds.count("video"),
        streams=kinds.count("stream"),
        frames=run.frames,
        people=run.people,
        already=memory.already,
        problems=tuple(memory.problems),
        notes=tuple(memory.notes),
        stopped=stop(),
        seconds=time.perf_counter() - begun,
        model_seconds=run.model_seconds,
    )


def expected_pictures(item: MediaItem | MediaProblem, every_s: float | None) -> int | None:
    """How many pictures of a medium there will be to look at; ``None`` when nobody knows.

    Args:
        item: The medium.
        every_s: The sampling, see ``Finder.index``. By scene change, one a second is taken for a guess.
    """
    if isinstance(item, MediaProblem):
        return 0 if isinstance(item, MediaNote) else 1
    if item.kind == "photo":
        return 1
    if item.duration_s is None or not math.isfinite(item.duration_s):
        return None
    if every_s == 0:
        return max(1, round(item.duration_s * (item.frame_rate or 25)))
    return max(1, math.ceil(item.duration_s / (every_s if every_s is not None and every_s > 0 else 1.0)))


class _Course:
    """How far a run has come: in pictures where all of them can be counted beforehand, else in files."""

    def __init__(self, items: Iterable[MediaItem | MediaProblem], every_s: float | None, progress: Progress) -> None:
        self._every_s = every_s
        self._progress = progress
        self._finished = 0
        self._total: int | None = None
        self._in_pictures = False
        if isinstance(items, Sequence):
            counts = [expected_pictures(item, every_s) for item in items]
            self._in_pictures = None not in counts
            self._total = sum(1 if count is None else count for count in counts)
            if any(isinstance(item, MediaItem) and item.kind == "stream" for item in items):
                self._total = None  # a camera has no end

    def tell(self, event: Event) -> None:
        if isinstance(event, MediaNote):
            return
        if isinstance(event, MediaProblem):
            self._finished += 1
            self._progress(self._finished, self._total, Path(event.source).name)
        elif isinstance(event, Recognised):
            # Nothing was searched here: counted as done, it would make the rest look as quick.
            if self._total is not None:
                self._total -= self._expected(event.item)
            self._progress(self._finished, self._total, f"{_name(event.item)}: known already")
        elif isinstance(event, Ended):
            self._finished += self._expected(event.item)
            self._progress(self._finished, self._total, _name(event.item))
        elif isinstance(event, Seen) and event.item.kind != "photo" and event.frame.time_s is not None:
            whole = event.item.duration_s
            share = min(1.0, event.frame.time_s / whole) if whole else 0.0
            within = int(share * self._expected(event.item)) if self._in_pictures else 0
            note = (
                f"{_name(event.item)} {clock_words(event.frame.time_s)}{f' of {clock_words(whole)}' if whole else ''}"
            )
            self._progress(self._finished + within, self._total, note)

    def _expected(self, item: MediaItem) -> int:
        return (expected_pictures(item, self._every_s) or 1) if self._in_pictures else 1


@dataclass
class _Run:
    """The middle of the pipeline: detects, hands on, counts."""

    model: PersonModel
    behind: WorkBehind[Look]
    course: _Course
    frames: int = 0
    people: int = 0
    model_seconds: float = 0.0
    searched: dict[str, str] = field(default_factory=dict)

    def take(self, group: list[Event]) -> None:
        """Detect in all frames of a group at once, then hand its events on in their order."""
        images = [event.frame.image for event in group if isinstance(event, Seen)]
        begun = time.perf_counter()
        answers = iter(_detect(self.model, images))
        self.model_seconds += time.perf_counter() - begun
        for event in group:
            answer = next(answers) if isinstance(event, Seen) else None
            self.behind.give((event, answer), _pixels(event) if isinstance(event, Seen) else 0)
            if isinstance(event, Seen) and isinstance(answer, Detections):
                self.frames += 1
                self.people += len(answer)
                self.searched[event.item.content_key] = event.item.kind
            if not isinstance(event, Begun):
                self.course.tell(event)


def _detect(model: PersonModel, images: list[ImageArray]) -> list[Detections | str]:
    """Detect in all images; if that fails, one by one, so that only the culprit is lost and can be named."""
    if not images:
        return []
    try:
        return list(model.detect(images))
    except Exception as error:
        if len(images) == 1:
            return [reason_of(error, "looking for people in it failed")]
        return [answer for image in images for answer in _detect(model, [image])]


def _pixels(event: Seen) -> int:
    height, width = event.frame.image.shape[:2]
    return int(height * width)


def _name(item: MediaItem) -> str:
    return item.camera_id or item.source if item.kind == "stream" else Path(item.source).name
