"""An answer: whom the gallery holds that looks like the query, best first."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from sceneseek.errors import ValueRefused

UNEXPECTED = 0.5
"""Strangers expected to score as high, below which none is: half a person."""


@dataclass(frozen=True)
class Sighting:
    """How long a person was in view without a break: the tracklet that a match belongs to.

    Attributes:
        tracklet_id: The gallery's own name for the tracklet.
        start_s: Its first frame, seconds from the start of the video.
        end_s: Its last frame.
        num_detections: In how many searched frames the person was found.
    """

    tracklet_id: str
    start_s: float
    end_s: float
    num_detections: int


@dataclass(frozen=True)
class Match:
    """One ranked person.

    Attributes:
        rank: 1 is best.
        similarity: Cosine, -1 to 1, larger is closer.
        score: The detector's confidence that this is a person.
        box: ``(x1, y1, x2, y2)`` in pixels of the original image.
        source: The photograph or video.
        frame_index: 0 for a photograph.
        time_s: Seconds from the start of the video, when there is one.
        camera_id: Which camera, when known.
        detection_id: The gallery's own name for this person in this frame.
        width: Width of the scene in pixels.
        height: Height of the scene in pixels.
        media_key: The content key of the file, which stays when the file is moved.
        captured_at: When the picture was taken by the clock on the wall, in UTC, when known.
        sighting: The tracklet that this is the best frame of; ``None`` for a photograph, or where single frames are
            ranked.
        false_match_rate: How often a stranger scores this high in this gallery, 0 to 1; ``None`` where it is not known.
        strangers_expected: How many strangers are expected to score this high among all who were compared; ``None``
            where it is not known.
        revised: The similarity after re-ranking, by which matches are ordered then: larger is closer, but no cosine.
        flags: What speaks against trusting the match: ``"small"``, ``"blurred"``, ``"cut"``, ``"unsure"``.
    """

    rank: int
    similarity: float
    score: float
    box: tuple[float, float, float, float]
    source: str
    frame_index: int = 0
    time_s: float | None = None
    camera_id: str | None = None
    detection_id: str = ""
    width: int = 0
    height: int = 0
    media_key: str = ""
    captured_at: datetime | None = None
    sighting: Sighting | None = None
    false_match_rate: float | None = None
    flags: tuple[str, ...] = ()
    strangers_expected: float | None = None
    revised: float | None = None

    @property
    def likely(self) -> bool:
        """Whether no stranger is expected to score as high."""
        return self.strangers_expected is not None and self.strangers_expected < UNEXPECTED


@dataclass(frozen=True)
class Ranking:
    """Ranked matches of one question.

    Attributes:
        matches: Best first; ranks are 1, 2, 3 and so on.
        model: The model that made query and gallery.
        searched: How many gallery people were compared.
        filters: The restrictions that applied, for display.
        method: How it was searched, for display: the index, re-ranking, examples and counter-examples.
        num_likely: How many of the matches (the first ones, unless they were re-ranked) no stranger is expected to
            reach, see ``gallery.calibration``; 0 says that nobody here looks like the query; ``None`` where it is not
            known.
    """

    matches: tuple[Match, ...]
    model: str
    searched: int
    filters: dict[str, str] = field(default_factory=dict)
    method: dict[str, str] = field(default_factory=dict)
    num_likely: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "matches", tuple(self.matches))
        ranks = [m.rank for m in self.matches]
        if ranks != list(range(1, len(ranks) + 1)):
            raise ValueRefused(f"Ranking: ranks must be 1, 2, 3, ...; found {ranks[:10]}.")
        similarities = [m.similarity if m.revised is None else m.revised for m in self.matches]
        if any(a < b for a, b in itertools.pairwise(similarities)):
            raise ValueRefused("Ranking: matches must be sorted by similarity, the largest first.")

    def __len__(self) -> int:
        return len(self.matches)

    def __iter__(self) -> Iterator[Match]:
        return iter(self.matches)
