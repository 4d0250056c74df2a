"""An answer with everything a report says about it: what was asked, where and how, and what was found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from sceneseek.errors import ValueRefused
from sceneseek.reports.views import View
from sceneseek.structures import Ranking
from sceneseek.words import counted, printable, short_model

RATE_NOTE = (
    "Rates say how often a stranger scores this high with this query, estimated from people seen together in one "
    "picture; others expected says how many other people would, judged by how full the gallery is around the query. "
    "Somebody dressed alike can score as high as the person. No number here says who anybody is: compare the pictures "
    "before you decide."
)
"""What every report says beneath its numbers."""


@dataclass(frozen=True, eq=False)
class Asked:
    """One example of who was sought, or of who was not meant.

    Attributes:
        name: The picture's file, or the gallery's name of the person.
        view: The person in the scene.
        score: The detector's confidence; ``None`` when the box was given by hand.
        flags: What speaks against a good answer.
        against: Whether it is a counter-example.
    """

    name: str
    view: View
    score: float | None = None
    flags: tuple[str, ...] = ()
    against: bool = False

    @property
    def how(self) -> str:
        """Where the box came from, for people."""
        if self.against:
            return "marked as somebody else"
        return "box given by hand" if self.score is None else f"found with score {self.score:.2f}"


@dataclass(frozen=True, eq=False)
class Answer:
    """One search, as a report tells it.

    Attributes:
        asked: Examples, then counter-examples.
        ranking: What was found.
        views: One per match.
        gallery: Its folder.
        gallery_state: A digest of the gallery as it was searched.
        fingerprint: Of the model.
        created: When, with a zone.
        seconds: How long the search took.
        hidden: What was made unrecognisable, in words; empty when nothing was.
        settings: Further facts, by name.

    Raises:
        ValueRefused: There is not one view per match.
    """

    asked: tuple[Asked, ...]
    ranking: Ranking
    views: tuple[View, ...]
    gallery: str
    gallery_state: str
    fingerprint: str
    created: datetime
    seconds: float
    hidden: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(self.views) != len(self.ranking):
            raise ValueRefused(f"there are {len(self.views)} views of {len(self.ranking)} matches; expected one each.")

    @property
    def title(self) -> str:
        """What the report is about."""
        return f"Search for the person in {Path(printable(self.asked[0].name)).name}" if self.asked else "Search"

    def facts(self) -> dict[str, str]:
        """How the answer came about, by name, for people."""
        facts = {
            "Gallery": printable(self.gallery),
            "State of the gallery": self.gallery_state[:16],
            "Model": f"{short_model(self.ranking.model)} ({self.fingerprint[:12]})",
            "Compared": counted(self.ranking.searched, "person", "people"),
        }
        facts.update({name.capitalize(): printable(value) for name, value in self.ranking.method.items()})
        if self.ranking.filters:
            facts["Filters"] = "; ".join(f"{n}: {printable(v)}" for n, v in self.ranking.filters.items())
        if self.hidden:
            facts["Made unrecognisable"] = self.hidden
        facts.update(self.settings)
        facts["Answered in"] = f"{self.seconds * 1000:,.0f} ms"
        zones = {m.captured_at.astimezone().tzname() for m in self.ranking if m.captured_at is not None}
        if zones:
            facts["Times"] = f"by the clock of {' and '.join(sorted(filter(None, zones)))}"
        facts["Date"] = f"{self.created.astimezone():%Y-%m-%d %H:%M %Z}"
        return facts
