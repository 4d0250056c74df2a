"""Reports: a search, told as a file with pictures, in which everybody else can be made unrecognisable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import NamedTuple

from sceneseek.finder.hiding import hide_company, hide_others
from sceneseek.gallery import Gallery
from sceneseek.gallery.state import state_of
from sceneseek.reports import Answer, Asked, View, render, view_of, views_of
from sceneseek.structures import ImageArray, Match, Ranking
from sceneseek.web import asking
from sceneseek.web.documents import Example, ReportRequest
from sceneseek.web.door import Caller
from sceneseek.web.media import FarMedia
from sceneseek.web.refusals import Refusal
from sceneseek.web.service import Service
from sceneseek.web.views import kind_of

MEDIA_TYPES = {"html": "text/html; charset=utf-8", "pdf": "application/pdf", "csv": "text/csv; charset=utf-8"}

_MOST_PICTURED = 100
"""Matches of a report with pictures: each holds some megabytes while it is written."""


class Report(NamedTuple):
    """A report that was written.

    Attributes:
        content: The file.
        media_type: What it is.
        name: What to save it as.
    """

    content: bytes
    media_type: str
    name: str


async def report(service: Service, asked: ReportRequest, caller: Caller) -> Report:
    """Search, and tell what was found as a file.

    Raises:
        Refusal: (422) Too many matches are to be pictured, or one that was chosen is not among them.
    """
    pictured = asked.format != "csv"
    if pictured and len(asked.detection_ids or range(asked.search.top)) > _MOST_PICTURED:
        raise Refusal(
            422, "That is too much for a report with pictures.", expected=f"{_MOST_PICTURED} matches at most, or csv"
        )
    found = await asking.search(service, asked.search, caller, "export")
    ranking = found.ranking if asked.detection_ids is None else _chosen(found.ranking, asked.detection_ids)
    shown = [await _query_picture(service, example, caller) for example in asked.search.examples] if pictured else []
    examples = [
        Named(example, person.box, person.score, person.flags)
        for example, person in zip(
            (*asked.search.examples, *asked.search.counter_examples), (*found.people, *found.against), strict=True
        )
    ]

    def work(gallery: Gallery) -> bytes:
        told = Telling(gallery, service.far_media, asked.blur)
        views = told.matches(ranking.matches) if pictured else [View(None, None, m.box) for m in ranking]
        answer = Answer(
            asked=tuple(told.examples(examples, shown, len(found.people))) if pictured else (),
            ranking=ranking,
            views=tuple(views),
            gallery=gallery.path.name,
            gallery_state=state_of(gallery),
            fingerprint=gallery.manifest.fingerprint,
            created=datetime.now(UTC),
            seconds=found.seconds,
            hidden="other people who were found" if asked.blur and pictured else "",
            settings={} if ranking is found.ranking else {"Shown": f"{len(ranking)} matches, chosen by hand"},
        )
        return render(answer, asked.format)

    content = await service.tell(work)
    return Report(content, MEDIA_TYPES[asked.format], f"sceneseek-{datetime.now(UTC):%Y%m%d-%H%M%S}.{asked.format}")


class Named(NamedTuple):
    """One example of a question, with what is known of the person."""

    example: Example
    box: tuple[float, float, float, float]
    score: float | None
    flags: tuple[str, ...]


class Pictured(NamedTuple):
    """A query picture with everybody who was found in it."""

    name: str
    image: ImageArray
    boxes: Sequence[tuple[float, float, float, float]]


@dataclass(frozen=True)
class Telling:
    """Gathers the pictures of a report; runs in a thread of its own.

    Attributes:
        gallery: Where people were found.
        media: Opens their files again.
        blur: Whether to hide everybody else.
    """

    gallery: Gallery
    media: FarMedia
    blur: bool

    def matches(self, matches: Sequence[Match]) -> list[View]:
        """What is shown of each match."""
        return views_of(matches, self._read, hide_others(self.gallery) if self.blur else None)

    def examples(self, named: Sequence[Named], pictures: Sequence[Pictured | None], num_right: int) -> list[Asked]:
        """What is shown of each example; the first ``num_right`` are the person, the others somebody else."""
        told = []
        for i, one in enumerate(named):
            picture = pictures[i] if i < len(pictures) else None
            against = i >= num_right
            name, view = self._of_gallery(one) if picture is None else self._of_query(one, picture)
            told.append(Asked(name, view, one.score, one.flags, against))
        return told

    def _of_query(self, named: Named, picture: Pictured) -> tuple[str, View]:
        image = hide_company(picture.image, picture.boxes, named.box) if self.blur else picture.image
        return picture.name, view_of(image, named.box)

    def _of_gallery(self, named: Named) -> tuple[str, View]:
        assert named.example.detection_id is not None
        person = self.gallery.person(named.example.detection_id)
        (view,) = self.matches([person.as_match()])
        return person.source, view

    def _read(self, match: Match) -> ImageArray:
        places = self.gallery.places(match.source)
        kind = kind_of(match.source, match.time_s)
        return self.media.scene(places, kind, match.frame_index, (match.width, match.height), match.media_key)


async def _query_picture(service: Service, example: Example, caller: Caller) -> Pictured | None:
    """The query picture that an example comes from, decoded again; ``None`` for a person of the gallery."""
    if example.query_id is None:
        return None
    kept = service.shelf.get(example.query_id, caller.name)
    image = await service.decoders.rgb(kept.data)
    return Pictured(kept.name, image, [person.box for person in kept.people])


def _chosen(ranking: Ranking, names: Sequence[str]) -> Ranking:
    """The matches that were chosen, in the ranking's order."""
    wanted = set(names)
    kept = [match for match in ranking if match.detection_id in wanted]
    missing = wanted - {match.detection_id for match in kept}
    if missing:
        raise Refusal(422, "A match that was chosen is not among those found.", found=min(missing))
    likely = ranking.num_likely
    return replace(
        ranking,
        matches=tuple(replace(match, rank=rank) for rank, match in enumerate(kept, start=1)),
        num_likely=None if likely is None else sum(match.rank <= likely for match in kept),
    )
