"""The shelf of query pictures: in memory alone, so many and no more, and each for a while.

When there is no more room, the oldest picture of the owner with the most goes: one owner does not push out the others'.
"""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from sceneseek.finder import QueryPerson
from sceneseek.gallery import FrameKey
from sceneseek.structures import ImageArray
from sceneseek.web.refusals import Refusal
from sceneseek.web.settings import Limits
from sceneseek.web.shares import oldest_of_greediest

Box = tuple[float, float, float, float]


class Scale(NamedTuple):
    """Between a picture and its pixels as they were decoded, which may be fewer.

    Attributes:
        width: Of the picture, in pixels.
        height: Of the picture.
    """

    width: int
    height: int

    def to_pixels(self, box: Box, image: ImageArray) -> Box:
        """Where a box of the picture lies among its pixels."""
        return _scaled(box, image.shape[1] / self.width, image.shape[0] / self.height)

    def from_pixels(self, box: Box, image: ImageArray) -> Box:
        """The reverse."""
        x1, y1, x2, y2 = _scaled(box, self.width / image.shape[1], self.height / image.shape[0])
        return (x1, y1, min(x2, float(self.width)), min(y2, float(self.height)))


def _scaled(box: Box, x: float, y: float) -> Box:
    return (box[0] * x, box[1] * y, box[2] * x, box[3] * y)


@dataclass(frozen=True, eq=False)
class QueryPicture:
    """A picture somebody asks with.

    Attributes:
        name: What its sender called it, for display alone.
        data: A file of it, to be decoded again when a box is drawn on it: the one that came, or a smaller one where
            that was larger than its pixels are worth.
        preview: A JPEG of it, for the page.
        width: Width of the upright picture in pixels, as it came.
        height: Its height.
        people: Whom the model found in it.
        frame: Its own place in the gallery, should it be there.
        owner: Who asked.
        sha256: Of the file as it came, hexadecimal.
    """

    name: str
    data: bytes
    preview: bytes
    width: int
    height: int
    people: tuple[QueryPerson, ...]
    frame: FrameKey
    owner: str
    sha256: str = ""

    @property
    def scale(self) -> Scale:
        """Between the picture as it came and its pixels as they are decoded."""
        return Scale(self.width, self.height)

    @property
    def size(self) -> int:
        """Bytes that it takes."""
        return len(self.data) + len(self.preview)


class Shelf:
    """Keeps query pictures; of the owner who has the most, the ones that were not used for longest go first.

    Args:
        limits: How many, how large and how long.
        clock: Seconds; for tests.
    """

    def __init__(self, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._clock = clock
        self._pictures: OrderedDict[str, tuple[QueryPicture, float]] = OrderedDict()
        self._bytes = 0

    def put(self, picture: QueryPicture) -> str:
        """Keep a picture; returns its name, which cannot be guessed."""
        self._drop_expired()
        name = secrets.token_urlsafe(16)
        self._pictures[name] = (picture, self._clock())
        self._bytes += picture.size
        while len(self._pictures) > self._limits.queries:
            self._drop(self._oldest_of_greediest(lambda picture: 1))
        while self._bytes > self._limits.query_bytes:
            self._drop(self._oldest_of_greediest(lambda picture: picture.size))
        return name

    def get(self, name: str, owner: str) -> QueryPicture:
        """A picture, which is then kept for another while.

        Raises:
            Refusal: (404) There is none, it has expired, or it is somebody else's.
        """
        self._drop_expired()
        kept = self._pictures.get(name)
        if kept is None or kept[0].owner != owner:
            raise Refusal(404, "That query picture is not kept any more; upload it again.", found=name)
        self._pictures[name] = (kept[0], self._clock())
        self._pictures.move_to_end(name)
        return kept[0]

    def forget(self, name: str, owner: str) -> None:
        """Drop a picture before its time."""
        self.get(name, owner)
        self._drop(name)

    def _oldest_of_greediest(self, weight: Callable[[QueryPicture], int]) -> str:
        return oldest_of_greediest(
            (name, picture.owner, weight(picture)) for name, (picture, _) in self._pictures.items()
        )

    def _drop_expired(self) -> None:
        oldest = self._clock() - self._limits.query_seconds
        while self._pictures:
            name, (_, used) = next(iter(self._pictures.items()))
            if used >= oldest:
                return
            self._drop(name)

    def _drop(self, name: str) -> None:
        picture, _ = self._pictures.pop(name)
        self._bytes -= picture.size
