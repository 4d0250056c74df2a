"""Where media come from: what jobs find below the media roots, and what is uploaded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from sceneseek.finder import FramesOf
from sceneseek.structures import Frame, MediaItem, MediaProblem

Discover = Callable[[Sequence[str], str | None], Iterable[MediaItem | MediaProblem]]


def _discover(paths: Sequence[str], camera: str | None) -> Iterator[MediaItem | MediaProblem]:
    from sceneseek.inference.media import discover

    yield from discover(paths, camera=camera)


def _frames_of(item: MediaItem, *, every_s: float, start_index: int = 0) -> Iterator[Frame | MediaProblem]:
    from sceneseek.inference.media import frames_of

    yield from frames_of(item, every_s=every_s, start_index=start_index)


@dataclass(frozen=True)
class OpenMedia:
    """Finds media and opens them; another one may be given to tests.

    Attributes:
        discover: Media below paths, with the name of their camera.
        frames_of: The frames of one of them; takes ``every_s`` and ``start_index``.
    """

    discover: Discover = _discover
    frames_of: FramesOf = _frames_of

    def sampling(self, every_s: float) -> FramesOf:
        """Opens videos with this many seconds between two frames."""
        return partial(self.frames_of, every_s=every_s)
