"""An answer: whom the gallery holds that looks like the query, best first."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from sceneseek.errors import ValueRefused

Standing = Literal["likely", "possible", "distant"]
"""How far to trust a match: likely; possible, to be looked at; not close."""
Interval = tuple[float, float]
"""The ends of a 90 % interval."""


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
        false_match_rate: How often a stranger scores this high with this query on this camera, 0 to 1; ``None`` where
            it is not known.
        rate_interval: Of that rate.
        rate_borrowed: Whether too few people were seen side by side on this camera, so that the rate is that of others.
        others_expected: How many others are expected to score this high among all who were compared, judged by how full
            the gallery is around the query; ``None`` where it is not known.
        others_interval: Of that number.
        standing: How far to trust the match; ``None`` for one that is an example itself.
        piece: The rank of the first match that this one resembles more than it resembles the query: both are one piece
            of evidence. Its own rank, where there is none.
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
    revised: float | None = None
    rate_interval: Interval | None = None
    rate_borrowed: bool = False
    others_expected: float | None = None
    others_interval: Interval | None = None
    standing: Standing | None = None
    piece: int = 0

    @property
    def likely(self) -> bool:
        """Whether hardly anybody else is expected to score as high."""
        return self.standing == "likely"


@dataclass(frozen=True)
class Ranking:
    """Ranked matches of one question.

    Attributes:
        matches: Best first; ranks are 1, 2, 3 and so on.
        model: The model that made query and gallery.
        searched: How many gallery people were compared.
        filters: The restrictions that applied, for display.
        method: How it was searched, for display: the index, re-ranking, examples and counter-examples.
        standing: What the answer is, as a whole: that of its best match. ``None`` where there is no match to judge.
        calibrated: Whether strangers of this gallery tell how often they score this high; without them nothing is
            likely.
    """

    matches: tuple[Match, ...]
    model: str
    searched: int
    filters: dict[str, str] = field(default_factory=dict)
    method: dict[str, str] = field(default_factory=dict)
    standing: Standing | None = None
    calibrated: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "matches", tuple(self.matches))
        ranks = [m.rank for m in self.matches]
        if ranks != list(range(1, len(ranks) + 1)):
            raise ValueRefused(f"Ranking: ranks must be 1, 2, 3, ...; found {ranks[:10]}.")
        similarities = [m.similarity if m.revised is None else m.revised for m in self.matches]
        if any(a < b for a, b in itertools.pairwise(similarities)):
            raise ValueRefused("Ranking: matches must be sorted by similarity, the largest first.")

    @property
    def num_likely(self) -> int:
        """How many matches are likely."""
        return sum(match.likely for match in self.matches)

    @property
    def num_likely_pieces(self) -> int:
        """How many pieces of evidence they are: pictures that resemble each other are one."""
        return len({match.piece for match in self.matches if match.likely})

    def showing(self, matches: Sequence[Match]) -> Ranking:
        """The same answer with some of its matches only, ranked 1, 2, 3 and so on; what is said of each stays."""
        firsts: dict[int, int] = {}
        for rank, match in enumerate(matches, start=1):
            firsts.setdefault(match.piece or -rank, rank)
        renumbered = (replace(m, rank=rank, piece=firsts[m.piece or -rank]) for rank, m in enumerate(matches, start=1))
        return replace(self, matches=tuple(renumbered))

    def __len__(self) -> int:
        return len(self.matches)

    def __iter__(self) -> Iterator[Match]:
        return iter(self.matches)
