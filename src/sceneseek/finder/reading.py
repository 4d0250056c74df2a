"""The reading side of indexing: opens media in threads of its own and says what happens, event by event.

Files are read one after the other. A live source cannot wait for its turn: each is read in a thread of its own, and
where the model is too slow for it, the oldest picture gives way to the newest.
"""

from __future__ import annotations

import inspect
import math
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sceneseek.ahead import read_ahead, side_by_side
from sceneseek.errors import SceneseekError
from sceneseek.structures import Frame, MediaItem, MediaNote, MediaProblem

FramesOf = Callable[..., Iterator[Frame | MediaProblem]]
"""Opens a media item: ``frames_of(item)``. One that takes ``start_index`` spares a resumed video its first part."""

StartOf = Callable[[MediaItem], int | None]
"""The first frame of an item that is to be looked at; ``None`` when it is known already."""

Stop = Callable[[], bool]
"""Asked now and then: whether to stop."""

_READ_AHEAD = 4
_LIVE_AHEAD = 2
_FAREWELL_S = 2.0
_IDLE_S = 0.5
"""How long a group of live pictures waits for more."""


def never() -> bool:
    """Do not stop."""
    return False


class Recognised(NamedTuple):
    """A file that is known already."""

    item: MediaItem


class Begun(NamedTuple):
    """A file is opened; frames before ``start_index`` are done."""

    item: MediaItem
    start_index: int


class Seen(NamedTuple):
    """A picture of it."""

    item: MediaItem
    frame: Frame


class Ended(NamedTuple):
    """A file was read to its end, or as far as it goes.

    Attributes:
        item: The file.
        problem: What went wrong; empty when nothing did.
        note: What is doubtful about what was read; empty when nothing is.
    """

    item: MediaItem
    problem: str
    note: str = ""


Event = MediaProblem | Recognised | Begun | Seen | Ended


@dataclass(frozen=True)
class Reading:
    """What is read, and how.

    Attributes:
        items: Photographs, videos, live sources, and problems met while looking for them. Live sources in a sequence
            are read beside the files; in an iterator, in their turn.
        frames_of: Opens one of them.
        start_of: Where to begin.
        stop: Asked between pictures: whether to stop. What opens live sources must ask it, too, since a silent one
            gives nobody else a chance.
    """

    items: Iterable[MediaItem | MediaProblem]
    frames_of: FramesOf
    start_of: StartOf
    stop: Stop

    def events(self) -> Generator[Event | None]:
        """What happens, in order for each medium; ``None`` when nothing came for a while.

        A file that was stopped has no end: the next run goes on with it.
        """
        items: Iterable[MediaItem | MediaProblem] = self.items
        live: list[MediaItem] = []
        if isinstance(items, Sequence):
            live = [item for item in items if isinstance(item, MediaItem) and item.kind == "stream"]
            items = [item for item in items if not (isinstance(item, MediaItem) and item.kind == "stream")]
        sources = [self._of_files(items), *(self._of_live(item) for item in live)]
        return side_by_side(sources, _READ_AHEAD, idle_s=_IDLE_S if live else None)

    def _of_files(self, items: Iterable[MediaItem | MediaProblem]) -> Iterator[Event]:
        met: set[str] = set()
        for item in items:
            if self.stop():
                return
            if isinstance(item, MediaProblem):
                yield item
                continue
            if not _is_text(item.source):
                yield MediaProblem(item.source, "The file's name holds bytes that are no letters; rename it.")
                continue
            start = None if item.content_key in met else self.start_of(item)
            met.add(item.content_key)
            if start is None:
                yield Recognised(item)
            else:
                yield from self._of(item, start)

    def _of_live(self, item: MediaItem) -> Iterator[Event]:
        return self._of(item, 0)

    def _of(self, item: MediaItem, start: int) -> Iterator[Event]:
        yield Begun(item, start)
        problems: list[str] = []
        notes = [item.doubt]
        leave_at = math.inf
        try:
            for frame in self._frames(item, start):
                if isinstance(frame, MediaProblem):
                    (notes if isinstance(frame, MediaNote) else problems).append(frame.reason)
                elif frame.frame_index >= start:
                    yield Seen(item, frame)
                if self.stop() and item.kind == "video":
                    return
                if self.stop() and item.kind == "stream":
                    # Its source was told to stop, too, and may have something to say at the end.
                    leave_at = min(leave_at, time.monotonic() + _FAREWELL_S)
                if time.monotonic() > leave_at:
                    break
        except Exception as error:
            problems.append(reason_of(error, "it could not be read"))
        yield Ended(item, " ".join(problems), " ".join(filter(None, notes)))

    def _frames(self, item: MediaItem, start: int) -> Iterator[Frame | MediaProblem]:
        if item.kind == "stream":
            return read_ahead(self.frames_of(item), _LIVE_AHEAD, newest=True)
        if start and "start_index" in inspect.signature(self.frames_of).parameters:
            return self.frames_of(item, start_index=start)
        return self.frames_of(item)


def _is_text(name: str) -> bool:
    """A file name on Linux may hold any bytes; those that are no UTF-8 cannot be stored as text."""
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def reason_of(error: Exception, what: str) -> str:
    """An error as a sentence for a summary; one of ours says it all by itself."""
    if isinstance(error, SceneseekError):
        return str(error)
    return f"{what} ({type(error).__name__}: {error})."
