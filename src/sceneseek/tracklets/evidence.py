"""How much speaks for two detections being one person, in nats: a log-likelihood ratio of appearance and place.

Each piece of evidence compares two explanations of what was seen. *The same person*: they look alike and have not
walked far in the time between. *A stranger*: they look as strangers do and stand anywhere in the picture. The place
decides while little time has passed; as seconds go by a person may be anywhere, its evidence fades by itself, and the
appearance decides. That is why one rule serves at ten frames a second and at one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sceneseek.errors import ValueRefused
from sceneseek.structures import FloatArray

Nats = NDArray[np.float64]

_SIZES = 2.0
"""Heights of people in one picture: the width of their logarithm, a factor of seven between far and near."""


@dataclass(frozen=True)
class LinkingEvidence:
    """What is known about people who walk past a camera, and about the model that describes them.

    Distances are measured in heights of the person's box, so that near and far people obey the same numbers.

    Attributes:
        even_similarity: The cosine at which two views are as likely one person as two.
        similarity_scale: By how much the cosine must grow to add one nat of evidence.
        most_appearance: Nats that appearance can add or take at most: a network may be sure and wrong.
        box_error: How far a detector's box strays from frame to frame, standard deviation in heights.
        speed: How fast people move across the picture, standard deviation in heights per second.
        size_error: The same for the logarithm of the height, which jumps where a box meets the picture's border.
        approach: How fast the logarithm of the height changes, standard deviation per second.
        newcomer: Nats of evidence that a link needs: how much likelier it is that somebody new has come.
    """

    even_similarity: float = 0.55
    similarity_scale: float = 0.05
    most_appearance: float = 6.0
    box_error: float = 0.15
    speed: float = 0.8
    size_error: float = 0.15
    approach: float = 0.3
    newcomer: float = 0.0

    def __post_init__(self) -> None:
        for name in ("similarity_scale", "box_error", "speed", "size_error", "approach"):
            if not getattr(self, name) > 0:
                raise ValueRefused(f"LinkingEvidence: {name} is {getattr(self, name)}; expected more than 0.")

    def appearance(self, similarities: NDArray[np.floating]) -> Nats:
        """Evidence of cosines, of any shape; bounded in both directions."""
        nats = (np.asarray(similarities, np.float64) - self.even_similarity) / self.similarity_scale
        return np.clip(nats, -self.most_appearance, self.most_appearance)

    def place(
        self, before: FloatArray, after: FloatArray, gap_s: NDArray[np.floating], picture: tuple[int, int]
    ) -> Nats:
        """Evidence of where people are.

        Args:
            before: ``(N, 4)`` ``xyxy``, where people were expected or last seen.
            after: ``(M, 4)`` ``xyxy``, where people are now.
            gap_s: ``(N,)`` seconds since each was last seen.
            picture: Width and height in pixels.

        Returns:
            ``(N, M)`` nats.
        """
        gap = np.asarray(gap_s, np.float64)[:, None]
        centre_a, tall_a = _centres_and_heights(before)
        centre_b, tall_b = _centres_and_heights(after)
        height = np.maximum(tall_a[:, None], tall_b[None, :])
        moved = ((centre_a[:, None] - centre_b[None]) ** 2).sum(axis=2) / height**2
        grown = np.log(tall_a[:, None] / tall_b[None, :]) ** 2
        # A stranger is anywhere in the picture, of any size. Nobody's place is known less well than that, whatever the
        # time: the spreads stop growing where they would say less than nothing.
        room = picture[0] * picture[1] / height**2
        spread = np.minimum(self.box_error**2 + (self.speed * gap) ** 2, room / (2 * np.pi))
        sizes = np.minimum(self.size_error**2 + (self.approach * gap) ** 2, _SIZES**2 / (2 * np.pi))
        near = np.log(room / (2 * np.pi * spread)) - moved / (2 * spread)
        alike = np.log(_SIZES / np.sqrt(2 * np.pi * sizes)) - grown / (2 * sizes)
        nats: Nats = near + alike
        return nats


def _centres_and_heights(boxes: FloatArray) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    rows = np.asarray(boxes, np.float64).reshape(-1, 4)
    centres = (rows[:, :2] + rows[:, 2:]) / 2
    return centres, np.maximum(rows[:, 3] - rows[:, 1], 1.0)
