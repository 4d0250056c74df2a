"""From matches back to pictures: the files at which the gallery met them, read again."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from sceneseek.errors import PictureError, VideoError
from sceneseek.pictures import read_picture
from sceneseek.reports import ReadScene
from sceneseek.structures import Frame, ImageArray, Match, MediaItem


def read_from(places: Callable[[str], Iterable[str]]) -> ReadScene:
    """Read scenes from the paths at which the gallery met them; the first that is still there serves.

    Args:
        places: All paths of a source, such as ``Gallery.places``.
    """

    def read(match: Match) -> ImageArray:
        from sceneseek.inference.media import is_there
        from sceneseek.inference.places import Place

        there = next((place for place in places(match.source) if is_there(place)), None)
        if there is None:
            raise PictureError(f"{match.source} is no longer there.")
        return (
            read_picture(Place.of(there).picture()) if match.time_s is None else _read_moment(there, match.frame_index)
        )

    return read


def _read_moment(source: str, frame_index: int) -> ImageArray:
    """Decode one frame of a video, entering the file at the key frame before it."""
    from sceneseek.inference.media import frames_of

    frame = next(frames_of(MediaItem(source, "video", ""), every_s=0, start_index=frame_index), None)
    if isinstance(frame, Frame) and frame.frame_index == frame_index:
        return frame.image
    raise VideoError(f"{source}: frame {frame_index} cannot be read any more; index it again if it has changed.")
