"""The writing side of indexing: links people into tracklets, judges them, cuts them out, and hands all to the gallery.

It runs in a thread behind the model, so that the network never waits for a disk.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sceneseek import quality
from sceneseek.drawing import crop, jpeg, thumbnail
from sceneseek.finder.reading import Begun, Ended, Event, Recognised, Seen
from sceneseek.gallery import Gallery, GalleryWriter
from sceneseek.gallery.schema import tracklet_number
from sceneseek.structures import Detections, MediaItem, MediaNote, MediaProblem
from sceneseek.tracklets import TrackletLinker, patience_for

THUMBNAIL_SIDE = 192
"""Longer side of the small pictures that a gallery keeps, pixels."""

_MARGIN = 0.08
_QUALITY = 80
_REMEMBERED_FRAMES = 1000
"""Frames that a resumed video looks back upon at most to go on with its tracklets."""

Look = tuple[Event, Detections | str | None]
"""What happened, and who was found in the picture, or why nobody could be looked for."""


@dataclass
class Memory:
    """Writes down what was seen, in order; one run of indexing.

    Attributes:
        gallery: Where a resumed video's last frames are looked up.
        writer: Where everything goes.
        every_s: The sampling, see ``Finder.index``.
        problems: What could not be used, or not to its end.
        notes: What is doubtful about what was used, and what was left alone.
        already: Files that were known.
    """

    gallery: Gallery
    writer: GalleryWriter
    every_s: float | None
    problems: list[MediaProblem] = field(default_factory=list)
    notes: list[MediaNote] = field(default_factory=list)
    already: int = 0
    _troubles: dict[str, list[str]] = field(default_factory=dict)
    _linkers: dict[str, TrackletLinker] = field(default_factory=dict)

    def take(self, look: Look) -> None:
        """Write down one event."""
        event, answer = look
        if isinstance(event, MediaNote):
            self.notes.append(event)
        elif isinstance(event, MediaProblem):
            self.problems.append(event)
        elif isinstance(event, Recognised):
            self.already += 1
            self._tell(event.item, self.writer.recognise(event.item), self.writer.note_on(event.item))
        elif isinstance(event, Begun):
            self._begin(event)
        elif isinstance(event, Ended):
            key = event.item.content_key
            troubles = [*self._troubles.pop(key), *([event.problem] if event.problem else [])]
            self._linkers.pop(key, None)
            self.writer.finish(event.item, " ".join(troubles), event.note)
            self._tell(event.item, " ".join(troubles), event.note)
        elif isinstance(answer, Detections):
            self._see(event, answer)
        else:
            at = "" if event.item.kind == "photo" else f"frame {event.frame.frame_index}: "
            self._troubles[event.item.content_key].append(f"{at}{answer}")

    def _tell(self, item: MediaItem, problem: str, note: str) -> None:
        if problem:
            self.problems.append(MediaProblem(item.source, problem))
        if note:
            self.notes.append(MediaNote(item.source, note))

    def _begin(self, event: Begun) -> None:
        item = event.item
        self._troubles[item.content_key] = []
        self.writer.begin(item, self.every_s)
        if item.kind == "photo":
            return
        linker = TrackletLinker(patience_for(abs(1.0 if self.every_s is None else self.every_s)))
        self._linkers[item.content_key] = linker
        if event.start_index:
            self._remind(linker, item.content_key, event.start_index)

    def _remind(self, linker: TrackletLinker, key: str, start_index: int) -> None:
        """Let the linker of a resumed video go on where the run before was interrupted."""
        for frame in self.gallery.frames_around(key, start_index - 1, before=_REMEMBERED_FRAMES, after=0):
            people = [person for person in frame.people if person.tracklet_id is not None]
            if frame.time_s is not None and frame.frame_index < start_index:
                linker.recall(
                    frame.frame_index,
                    frame.time_s,
                    [person.box for person in people],
                    [person.embedding for person in people],
                    [tracklet_number(str(person.tracklet_id)) for person in people],
                )

    def _see(self, event: Seen, people: Detections) -> None:
        item, frame = event
        linker = self._linkers.get(item.content_key)
        image, boxes = frame.image, people.boxes
        self.writer.add(
            item,
            frame,
            people,
            tracklet_ids=None if linker is None or frame.time_s is None else linker.update(frame, people),
            flags=quality.flags(image, boxes, people.scores),
            thumbnails=[jpeg(thumbnail(crop(image, box, _MARGIN), THUMBNAIL_SIDE), _QUALITY) for box in boxes],
            sharpness=quality.sharpness(image, boxes),
        )
