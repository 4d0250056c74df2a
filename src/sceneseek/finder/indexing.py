"""The indexing side: open media, look for people in each picture, and hand them to the gallery's writer."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from sceneseek.ahead import read_ahead
from sceneseek.errors import SceneseekError
from sceneseek.gallery import GalleryWriter
from sceneseek.structures import (
    Detections,
    Frame,
    ImageArray,
    MediaItem,
    MediaProblem,
    PersonModel,
    Progress,
)

FramesOf = Callable[..., Iterator[Frame | MediaProblem]]
"""Opens a media item: ``frames_of(item)``. One that takes ``start_index`` spares a resumed video its first part."""

_GROUP_PIXELS = 32_000_000
"""Pixels handed to the model at a time, at most (but at least one picture): bounds memory for large photographs."""

_GROUP_EVENTS = 256
_READ_AHEAD = 4


@dataclass(frozen=True)
class IndexSummary:
    """What one run of indexing did.

    Attributes:
        photos: Photographs that were searched for people in this run.
        videos: Videos of which at least one frame was searched in this run.
        frames: Pictures searched, photographs and video frames.
        people: People found and remembered.
        already: Files that were known and needed nothing.
        problems: What could not be used, or not to its end. Everything else was indexed.
    """

    photos: int = 0
    videos: int = 0
    frames: int = 0
    people: int = 0
    already: int = 0
    problems: tuple[MediaProblem, ...] = ()


def index_media(
    model: PersonModel,
    writer: GalleryWriter,
    items: Iterable[MediaItem | MediaProblem],
    frames_of: FramesOf,
    *,
    every_s: float | None,
    group_frames: int,
    total: int | None,
    progress: Progress,
) -> IndexSummary:
    """Look for people in media and hand them to ``writer``; see ``Finder.index``."""
    with closing(read_ahead(_events(items, frames_of, writer, every_s), _READ_AHEAD)) as ahead:
        run = _Run(model, writer, every_s, progress, total)
        group: list[_Event] = []
        num_frames = num_pixels = 0
        for event in ahead:
            group.append(event)
            if isinstance(event, _Seen):
                num_frames += 1
                num_pixels += event.frame.image.shape[0] * event.frame.image.shape[1]
            if num_frames >= group_frames or num_pixels >= _GROUP_PIXELS or len(group) >= _GROUP_EVENTS:
                run.take(group)
                group, num_frames, num_pixels = [], 0, 0
        run.take(group)
    return run.summary()


class _Recognised(NamedTuple):
    item: MediaItem


class _Begun(NamedTuple):
    item: MediaItem


class _Seen(NamedTuple):
    item: MediaItem
    frame: Frame


class _Ended(NamedTuple):
    item: MediaItem
    problem: str


_Event = MediaProblem | _Recognised | _Begun | _Seen | _Ended


def _events(
    items: Iterable[MediaItem | MediaProblem], frames_of: FramesOf, writer: GalleryWriter, every_s: float | None
) -> Iterator[_Event]:
    """Open each item that needs it. Runs in the reading thread: it asks the writer and writes nothing."""
    met: set[str] = set()
    for item in items:
        if isinstance(item, MediaProblem):
            yield item
            continue
        if not _is_text(item.source):
            yield MediaProblem(item.source, "The file's name holds bytes that are no letters; rename it.")
            continue
        start = None if item.content_key in met else writer.plan(item, every_s).start_frame
        met.add(item.content_key)
        if start is None:
            yield _Recognised(item)
            continue
        yield _Begun(item)
        problems = []
        try:
            for frame in _open(frames_of, item, start):
                if isinstance(frame, MediaProblem):
                    problems.append(frame.reason)
                elif frame.frame_index >= start:
                    yield _Seen(item, frame)
        except Exception as error:
            problems.append(_reason(error, "it could not be read"))
        yield _Ended(item, " ".join(problems))


def _open(frames_of: FramesOf, item: MediaItem, start: int) -> Iterator[Frame | MediaProblem]:
    if start and "start_index" in inspect.signature(frames_of).parameters:
        return frames_of(item, start_index=start)
    return frames_of(item)


@dataclass
class _Run:
    """The consuming side of one ``index``: detects, writes, counts."""

    model: PersonModel
    writer: GalleryWriter
    every_s: float | None
    progress: Progress
    total: int | None
    done: int = 0
    frames: int = 0
    people: int = 0
    already: int = 0
    searched: dict[str, str] = field(default_factory=dict)
    troubles: list[str] = field(default_factory=list)
    problems: list[MediaProblem] = field(default_factory=list)

    def take(self, group: list[_Event]) -> None:
        """Detect in all frames of a group at once, then let its events happen in their order."""
        seen = [event.frame for event in group if isinstance(event, _Seen)]
        answers = iter(_detect(self.model, [frame.image for frame in seen]))
        for event in group:
            if isinstance(event, _Seen):
                self._add(event, next(answers))
            else:
                self._turn(event)

    def _turn(self, event: MediaProblem | _Recognised | _Begun | _Ended) -> None:
        """Move from one file to the next."""
        if isinstance(event, _Begun):
            self.troubles = []
            self.writer.begin(event.item, self.every_s)
            return
        if isinstance(event, MediaProblem):
            self.problems.append(event)
        elif isinstance(event, _Recognised):
            self.already += 1
            problem = self.writer.recognise(event.item)
            if problem:
                self.problems.append(MediaProblem(event.item.source, problem))
        else:
            problem = " ".join([*self.troubles, *([event.problem] if event.problem else [])])
            self.writer.finish(event.item, problem)
            if problem:
                self.problems.append(MediaProblem(event.item.source, problem))
        self.done += 1
        source = event.source if isinstance(event, MediaProblem) else event.item.source
        self.progress(self.done, self.total, Path(source).name)

    def _add(self, event: _Seen, answer: Detections | str) -> None:
        if isinstance(answer, str):
            at = f"frame {event.frame.frame_index}: " if event.item.kind == "video" else ""
            self.troubles.append(at + answer)
            return
        self.writer.add(event.item, event.frame, answer)
        self.frames += 1
        self.people += len(answer)
        self.searched[event.item.content_key] = event.item.kind
        if event.item.kind == "video" and event.frame.time_s is not None:
            minutes, seconds = divmod(int(event.frame.time_s), 60)
            self.progress(self.done, self.total, f"{Path(event.item.source).name} {minutes}:{seconds:02d}")

    def summary(self) -> IndexSummary:
        kinds = list(self.searched.values())
        return IndexSummary(
            photos=kinds.count("photo"),
            videos=kinds.count("video"),
            frames=self.frames,
            people=self.people,
            already=self.already,
            problems=tuple(self.problems),
        )


def _detect(model: PersonModel, images: list[ImageArray]) -> list[Detections | str]:
    """Detect in all images; if that fails, one by one, so that only the culprit is lost and can be named."""
    if not images:
        return []
    try:
        return list(model.detect(images))
    except Exception as error:
        if len(images) == 1:
            return [_reason(error, "looking for people in it failed")]
        return [answer for image in images for answer in _detect(model, [image])]


def _is_text(name: str) -> bool:
    """A file name on Linux may hold any bytes; those that are no UTF-8 cannot be stored as text."""
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _reason(error: Exception, what: str) -> str:
    if isinstance(error, SceneseekError):
        return str(error)
    return f"{what} ({type(error).__name__}: {error})."
