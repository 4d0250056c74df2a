"""From matches back to pictures: the files at which the gallery met them, read again."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

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
        if match.time_s is None:
            return read_picture(Place.of(there).picture())
        return _of_its_size(_read_moment(there, match.frame_index), there, match)

    return read


def _of_its_size(image: ImageArray, source: str, match: Match) -> ImageArray:
    """A moment in the size in which it was indexed.

    Earlier versions did not heed the shape of a video's pixels. The picture is scaled back to what they saw, provided
    that the file is the same; another file is another matter, and the reader of the report is told.
    """
    height, width = image.shape[:2]
    if not match.width or (width, height) == (match.width, match.height) or _key_now(source) != match.media_key:
        return image
    from PIL import Image

    return np.asarray(Image.fromarray(image).resize((match.width, match.height)), np.uint8)


def _key_now(source: str) -> str:
    from sceneseek.inference.content_keys import content_key_now, finished

    return finished(content_key_now(source))


def _read_moment(source: str, frame_index: int) -> ImageArray:
    """Decode one frame of a video, entering the file at the key frame before it."""
    from sceneseek.inference.media import frames_of

    frame = next(frames_of(MediaItem(source, "video", ""), every_s=0, start_index=frame_index), None)
    if isinstance(frame, Frame) and frame.frame_index == frame_index:
        return frame.image
    raise VideoError(f"{source}: frame {frame_index} cannot be read any more; index it again if it has changed.")
