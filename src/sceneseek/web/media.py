"""Where media come from: what jobs find and open, decoded at arm's length like everything from strangers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np

from sceneseek.errors import MediaError
from sceneseek.finder import FramesOf
from sceneseek.structures import Frame, ImageArray, MediaItem, MediaProblem
from sceneseek.web.decoder import STILL_LOOKING, TOLD, as_fields, from_fields, moment
from sceneseek.web.processes import Fields, Processes, raise_told


class Discover(Protocol):
    """Finds media below paths; ``None`` while it looks on."""

    def __call__(
        self, paths: Sequence[str], camera: str | None, camera_from: str | None = None, /
    ) -> Iterable[MediaItem | MediaProblem | None]:
        """Take paths, the name of their camera, and where the paths name it."""


_DISCOVER_SECONDS = 600.0
"""Processor time from one entry, or one block of a file, to the next: the table of a large archive takes a while."""
_FRAME_SECONDS = 600.0
"""Processor time from one sampled frame to the next: what lies between is decoded, too."""


@dataclass(frozen=True)
class OpenMedia:
    """Finds media and opens them.

    Attributes:
        discover: Finds media below paths.
        frames_of: The frames of one of them; takes ``every_s`` and ``start_index``.
    """

    discover: Discover
    frames_of: FramesOf

    def sampling(self, every_s: float) -> FramesOf:
        """Opens videos with this many seconds between two frames."""
        return partial(self.frames_of, every_s=every_s)


class FarMedia:
    """Finds and opens media in a process of its own, so that a hostile file costs itself alone.

    Args:
        address_space: Bytes of memory that the process may map.
        within: The only folders in which media are found, links followed; ``None`` for everywhere.
    """

    def __init__(self, address_space: int, within: Sequence[Path] | None = None) -> None:
        self._processes = Processes(address_space)
        self._within = None if within is None else [str(folder) for folder in within]

    def discover(
        self, paths: Sequence[str], camera: str | None, camera_from: str | None = None, /
    ) -> Iterator[MediaItem | MediaProblem | None]:
        """Find media below paths; ``None`` at each entry and each block, where one may stop."""
        task = {"task": "discover", "paths": list(paths), "camera": camera, "within": self._within}
        task["camera_from"] = camera_from
        for fields, _ in self._stream(task, _DISCOVER_SECONDS):
            yield None if fields == STILL_LOOKING else from_fields(fields)

    def frames_of(self, item: MediaItem, *, every_s: float, start_index: int = 0) -> Iterator[Frame | MediaProblem]:
        """The frames of a medium; one that its decoder dies of ends with a problem."""
        task = {"task": "frames", "item": as_fields(item), "every_s": every_s, "start_index": start_index}
        try:
            for fields, pixels in self._stream(task, _FRAME_SECONDS):
                told = TOLD.get(str(fields.get("type")))
                yield told(item.source, str(fields["reason"])) if told else _frame(fields, pixels)
        except MediaError as error:
            yield MediaProblem(item.source, str(error))

    def scene(self, places: Sequence[str], key: str, kind: str, frame_index: int, size: tuple[int, int]) -> ImageArray:
        """One picture of the gallery, read from its file again, which must have the content that was indexed.

        Args:
            places: The paths at which the file was met.
            key: Its content key: the paths of a gallery may be anybody's.
            kind: ``"photo"`` or ``"video"``.
            frame_index: 0 for a photograph.
            size: Width and height that it had; zeros when not known.

        Raises:
            MediaError: It was seen live, its file is gone, has changed, or cannot be decoded.
        """
        if kind == "stream":
            raise MediaError("This was seen live: only the crops of the people were kept.")
        task = {"task": "pixels", "places": list(places), "key": key, "kind": kind, "frame_index": frame_index}
        ((fields, pixels),) = self._stream(task | {"size": list(size)}, _FRAME_SECONDS)
        return np.frombuffer(pixels, np.uint8).reshape(int(fields["height"]), int(fields["width"]), 3)

    def close(self) -> None:
        """End the process, unless it is at work: then it ends with that."""
        self._processes.close()

    def _stream(self, task: Fields, seconds: float) -> Iterator[tuple[Fields, bytearray]]:
        with self._processes.borrowed() as process:
            for fields, data in process.stream(task, b"", seconds):
                raise_told(fields)
                yield fields, data


def _frame(fields: Fields, pixels: bytearray) -> Frame:
    shape = (int(fields.pop("height")), int(fields.pop("width")), 3)
    fields["captured_at"] = moment(fields["captured_at"])
    return Frame(np.frombuffer(pixels, np.uint8).reshape(shape), **fields)
