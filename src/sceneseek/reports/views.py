"""What a report shows of a person: cut out, and the scene around."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sceneseek.drawing import crop, thumbnail
from sceneseek.errors import SceneseekError
from sceneseek.structures import ImageArray, Match

ReadScene = Callable[[Match], ImageArray]
"""Reads the whole picture in which a match was found."""

Hide = Callable[[ImageArray, Match], ImageArray]
"""Makes everybody but the match unrecognisable."""

Box = tuple[float, float, float, float]


@dataclass(frozen=True, eq=False)
class View:
    """A person to show: cut out, and the scene around.

    Attributes:
        person: The person, ``(h, w, 3)`` uint8, or ``None`` when the scene cannot be read any more.
        scene: The whole scene made smaller, or ``None``.
        box: ``xyxy`` in pixels of the scene as it is here.
        problem: Why there is no picture; empty when there is.
    """

    person: ImageArray | None
    scene: ImageArray | None
    box: Box
    problem: str = ""


def view_of(image: ImageArray, box: Box, scene_side: int = 1280, person_side: int = 360) -> View:
    """Cut a person out of a scene and make both small enough for a page."""
    scene = thumbnail(image, scene_side)
    sx, sy = scene.shape[1] / image.shape[1], scene.shape[0] / image.shape[0]
    small = (box[0] * sx, box[1] * sy, box[2] * sx, box[3] * sy)
    return View(thumbnail(crop(image, box, margin=0.08), person_side), scene, small)


def views_of(matches: Sequence[Match], read: ReadScene, hide: Hide | None = None) -> list[View]:
    """Read the scenes of matches, in order of file and time so that each is opened once.

    Args:
        matches: What was found.
        read: Reads one scene; what it raises becomes the view's ``problem``.
        hide: Makes others unrecognisable before anything is cut out.

    Returns:
        One view per match, in the order of the matches.
    """
    order = sorted(range(len(matches)), key=lambda i: (matches[i].source, matches[i].frame_index))
    views: dict[int, View] = {}
    last: tuple[tuple[str, int], ImageArray | str] | None = None
    for i in order:
        match = matches[i]
        scene_key = (match.source, match.frame_index)
        if last is None or last[0] != scene_key:
            last = (scene_key, _read(read, match))
        views[i] = _viewed(last[1], match, hide)
    return [views[i] for i in range(len(matches))]


def _read(read: ReadScene, match: Match) -> ImageArray | str:
    try:
        return read(match)
    except SceneseekError as error:
        return str(error)
    except OSError as error:
        return f"{match.source} cannot be read any more: {error.strerror or error}."


def _viewed(picture: ImageArray | str, match: Match, hide: Hide | None) -> View:
    if isinstance(picture, str):
        return View(None, None, match.box, picture)
    height, width = picture.shape[:2]
    if match.width and (width, height) != (match.width, match.height):
        reason = f"the picture has {width}x{height} pixels now and had {match.width}x{match.height} when it was indexed"
        return View(None, None, match.box, f"{reason}; index it again.")
    return view_of(picture if hide is None else hide(picture, match), match.box)
