"""Whom a picture that is handed on must not show: everybody who was found in it but the one it is about."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sceneseek.blurring import blur_people, blur_surroundings
from sceneseek.boxes import iou
from sceneseek.gallery import Gallery, KeepOut
from sceneseek.structures import ImageArray, Match

_SAME_PERSON = 0.5
"""Boxes of a query picture that overlap by more than this are about one person."""


def hide_others(gallery: Gallery) -> Callable[[ImageArray, Match], ImageArray]:
    """Hides, in the scene of a match, everybody else whom the gallery remembers there.

    Where somebody was forgotten the gallery no longer knows where they stand, so everything but the match is hidden.

    Args:
        gallery: Where the match was found.

    Returns:
        A function of the scene ``(H, W, 3)`` and the match; the scene itself stays as it is.

    Raises:
        GalleryError: The list of files in which people were forgotten is damaged.
    """
    with_forgotten = KeepOut.read(gallery.path).entries

    def hide(image: ImageArray, match: Match) -> ImageArray:
        if match.media_key in with_forgotten:
            return blur_surroundings(image, match.box)
        people = gallery.frame(match.media_key, match.frame_index).people
        return blur_people(image, [p.box for p in people if p.detection_id != match.detection_id], keep=match.box)

    return hide


def hide_company(
    image: ImageArray, boxes: Sequence[tuple[float, float, float, float]], keep: tuple[float, float, float, float]
) -> ImageArray:
    """Hides, in a query picture, everybody but the one who is sought.

    Args:
        image: ``(H, W, 3)`` uint8 RGB.
        boxes: Everybody who was found in it, ``xyxy`` in pixels; boxes about the one who is sought may be among them.
        keep: The box of the one who is sought.
    """
    others = [box for box in boxes if float(iou([box], [keep])[0, 0]) <= _SAME_PERSON]
    return blur_people(image, others, keep=keep)
