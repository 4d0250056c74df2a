"""What comes out of photographs and footage before anyone looked for people in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sceneseek.errors import ValueRefused
from sceneseek.structures._checks import ImageArray


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture to search: a photograph, or a moment of a video.

    Attributes:
        image: ``(H, W, 3)`` uint8 RGB, upright (EXIF orientation applied).
        source: The file or address it came from, as given by the user.
        frame_index: 0 for a photograph; the index in decoding order for a video.
        time_s: Seconds from the start of the video; ``None`` for a photograph without a time.
        camera_id: Which camera took it, when known.
        captured_at: When it was taken by the clock on the wall, in UTC, when known.
    """

    image: ImageArray
    source: str
    frame_index: int = 0
    time_s: float | None = None
    camera_id: str | None = None
    captured_at: datetime | None = None

    def __post_init__(self) -> None:
        if self.image.ndim != 3 or self.image.shape[2] != 3 or self.image.dtype != "uint8":
            raise ValueRefused(
                f"Frame of {self.source}: expected (H, W, 3) uint8 RGB; found {self.image.shape} {self.image.dtype}."
            )


@dataclass(frozen=True)
class MediaProblem:
    """A file, or a part of one, that could not be used; the rest goes on.

    Attributes:
        source: The file or address.
        reason: What was found and what to do, one sentence.
    """

    source: str
    reason: str


@dataclass(frozen=True)
class MediaNote(MediaProblem):
    """Something doubtful about a file of which nothing is lost, such as its time: worth telling, and no damage."""


@dataclass(frozen=True)
class PassedOver(MediaNote):
    """What lay below the paths and was left alone, counted.

    Attributes:
        files: How many files, by their ending; ``""`` stands for none.
        folders: How many folders that systems keep for themselves, by name.
    """

    files: Mapping[str, int] = field(default_factory=dict)
    folders: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class MediaItem:
    """A photograph, a video or a live source, not yet opened.

    Attributes:
        source: The file as the user named it (absolute path), or the address of a live source.
        kind: ``"photo"``, ``"video"`` or ``"stream"``.
        content_key: Changes when the file changes; equal for equal files. Used to index nothing twice.
        camera_id: Which camera, when known.
        captured_at: When the photograph was taken or the video begins by the clock on the wall, in UTC, when known.
        duration_s: How long the video says that it lasts, when it does; a promise, for estimates only.
        frame_rate: How many frames a second it says that it has, when it does.
        doubt: What is not certain about this, such as the time, in sentences; empty when all is well.
    """

    source: str
    kind: str
    content_key: str
    camera_id: str | None = None
    captured_at: datetime | None = None
    duration_s: float | None = None
    frame_rate: float | None = None
    doubt: str = ""
