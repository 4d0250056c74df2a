"""Predictor and gallery together: look for people in media, remember them, find them again."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from sceneseek import boxes as box_arithmetic
from sceneseek.ahead import read_ahead
from sceneseek.errors import BoxError, GalleryModelError, SceneseekError, ValueRefused
from sceneseek.gallery import Filters, FrameKey, Gallery, GalleryWriter
from sceneseek.similarity import normalise
from sceneseek.structures import (
    Detections,
    FloatArray,
    Frame,
    ImageArray,
    MediaItem,
    MediaProblem,
    PersonModel,
    Progress,
    Ranking,
    silent,
)

Box = Sequence[float]

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


@dataclass(frozen=True, eq=False)
class QueryPerson:
    """A person to find, located in a query picture.

    Attributes:
        box: ``xyxy`` in pixels of the query picture.
        embedding: ``(D,)`` unit vector.
        score: The detector's confidence; ``None`` when the box was given.
    """

    box: tuple[float, float, float, float]
    embedding: FloatArray
    score: float | None = None


class Finder:
    """Index media into a gallery and find people in it.

    Args:
        model: Finds people in pictures and embeds them.
        gallery: Where people are remembered.
        group_frames: Pictures handed to the model at a time, at most.
        commit_frames: Pictures between two writes, at most: what a killed run can lose.

    Raises:
        GalleryModelError: The gallery was made by another model.
    """

    def __init__(self, model: PersonModel, gallery: Gallery, group_frames: int = 8, commit_frames: int = 64) -> None:
        if model.fingerprint != gallery.manifest.fingerprint:
            raise GalleryModelError(
                f"{gallery.path} was made by model {gallery.manifest.model!r}, not by {model.name!r}; their embeddings "
                f"cannot be compared. Use --model {gallery.manifest.model}, or another --gallery folder."
            )
        if group_frames < 1:
            raise ValueRefused(f"group_frames is {group_frames}; expected at least 1.")
        self.model = model
        self.gallery = gallery
        self.group_frames = group_frames
        self.commit_frames = commit_frames

    def index(
        self,
        items: Iterable[MediaItem | MediaProblem],
        frames_of: FramesOf,
        *,
        every_s: float | None = None,
        progress: Progress = silent,
    ) -> IndexSummary:
        """Look for people in media and remember them.

        Known files are passed over, an interrupted file continues at its first frame that was not written, a changed
        file replaces what was found in it before. A file that cannot be used is reported and never stops the others.
        Reading the next pictures overlaps with looking at the current ones.

        Args:
            items: Photographs and videos; problems met while looking for them are passed on to the summary.
            frames_of: Opens one of them.
            every_s: The sampling that ``frames_of`` applies to video, remembered so that another one starts over.
            progress: Told after each picture: files finished, files in all, and where it is.

        Returns:
            What was done, and all problems.

        Raises:
            GalleryError: Another process is writing into the gallery.
        """
        total = len(items) if isinstance(items, Sized) else None
        with ExitStack() as stack:
            writer = stack.enter_context(self.gallery.writer(self.commit_frames))
            ahead = stack.enter_context(closing(read_ahead(_events(items, frames_of, writer, every_s), _READ_AHEAD)))
            run = _Run(self.model, writer, every_s, progress, total)
            group: list[_Event] = []
            num_frames = num_pixels = 0
            for event in ahead:
                group.append(event)
                if isinstance(event, _Seen):
                    num_frames += 1
                    num_pixels += event.frame.image.shape[0] * event.frame.image.shape[1]
                if num_frames >= self.group_frames or num_pixels >= _GROUP_PIXELS or len(group) >= _GROUP_EVENTS:
                    run.take(group)
                    group, num_frames, num_pixels = [], 0, 0
            run.take(group)
        return run.summary()

    def locate(self, image: ImageArray, box: Box | None = None) -> QueryPerson:
        """Find out who is asked for in a query picture.

        Args:
            image: ``(H, W, 3)`` uint8 RGB.
            box: ``xyxy`` in pixels; parts outside the picture are cut off. Without one: the most confident person.

        Raises:
            ValueRefused: No box was given and nobody was found.
            BoxError: The box is not one, or lies outside the picture.
        """
        if box is None:
            people = self.model.detect([image])[0]
            if not len(people) or people.embeddings is None:
                raise ValueRefused(
                    f"nobody was found in the query picture of {image.shape[1]}x{image.shape[0]} pixels. Say where the "
                    "person is with --box x1,y1,x2,y2 (pixels), or take a picture that shows more of the person."
                )
            best = int(np.argmax(people.scores))
            return QueryPerson(_as_tuple(people.boxes[best]), people.embeddings[best], float(people.scores[best]))
        inside = _inside(box, image)
        embedding = self.model.embed([image], [inside])[0][0]
        return QueryPerson(_as_tuple(inside[0]), embedding)

    def find(
        self,
        queries: Sequence[tuple[ImageArray, Box | None]],
        *,
        top: int = 20,
        cameras: Sequence[str] | None = None,
        sources: Sequence[str] | None = None,
        since: float | None = None,
        until: float | None = None,
        min_score: float | None = None,
        exclude: Sequence[FrameKey] = (),
    ) -> Ranking:
        """Find a person shown in one or several query pictures.

        Args:
            queries: Pictures ``(H, W, 3)`` uint8 RGB of one person, each with a box or ``None`` for the most confident
                person in it.
            top: How many matches at most.
            cameras: Only these cameras.
            sources: Only these files, or files below these folders.
            since: Only video frames from this second on.
            until: Only video frames up to this second.
            min_score: Only people of whom the detector was at least this sure.
            exclude: Frames to leave out, such as the query's own.

        Returns:
            Matches, best first.

        Raises:
            ValueRefused: No query was given, or nobody was found in one.
        """
        filters = Filters(
            cameras=None if cameras is None else tuple(cameras),
            sources=None if sources is None else tuple(sources),
            since_s=since,
            until_s=until,
            min_score=min_score,
            exclude=tuple(exclude),
        )
        return self.find_people([self.locate(image, box) for image, box in queries], top=top, filters=filters)

    def find_people(self, people: Sequence[QueryPerson], *, top: int = 20, filters: Filters | None = None) -> Ranking:
        """Find one person of whom one or several views were located before.

        Several views are combined as the mean of their unit embeddings, scaled to length one again: the ranking is then
        by the mean similarity to the views.

        Raises:
            ValueRefused: No view was given, or the views point in opposite directions.
        """
        if not people:
            raise ValueRefused("no query picture was given; expected at least one.")
        mean = np.mean([person.embedding for person in people], axis=0, keepdims=True)
        return self.gallery.search(normalise(mean)[0], top, filters)


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


def _inside(box: Box, image: ImageArray) -> FloatArray:
    """A user's box, checked and cut to the picture, ``(1, 4)`` float32."""
    height, width = image.shape[:2]
    values = np.asarray(box, np.float32).reshape(-1)
    if values.shape != (4,) or not np.isfinite(values).all() or values[2] <= values[0] or values[3] <= values[1]:
        raise BoxError(f"the box {list(box)} is not one: expected x1,y1,x2,y2 in pixels with x1 < x2 and y1 < y2.")
    inside: FloatArray = box_arithmetic.clip(values[None, :], width, height).astype(np.float32)
    if not box_arithmetic.valid_mask(inside, min_side=1.0)[0]:
        raise BoxError(
            f"the box {list(box)} has less than a pixel inside the query picture of {width}x{height} pixels."
        )
    return inside


def _as_tuple(box: FloatArray) -> tuple[float, float, float, float]:
    x1, y1, x2, y2 = (float(v) for v in box)
    return x1, y1, x2, y2
