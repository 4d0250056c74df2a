"""Reports: a search, told as a file with pictures, in which everybody else can be made unrecognisable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from sceneseek.finder import QueryPerson
from sceneseek.finder.hiding import hide_company, hide_others
from sceneseek.gallery import Gallery
from sceneseek.gallery.state import state_of
from sceneseek.reports import Answer, Asked, View, render, view_of, views_of
from sceneseek.structures import ImageArray, Match, Ranking
from sceneseek.web import asking
from sceneseek.web.decoding import Decoders
from sceneseek.web.documents import Example, ReportRequest
from sceneseek.web.door import Caller
from sceneseek.web.media import FarMedia
from sceneseek.web.refusals import Refusal
from sceneseek.web.service import Service
from sceneseek.web.shelf import QueryPicture
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
    ranking = found.ranking if asked.detection_ids is None else _chosen(found, asked.detection_ids)
    examples = [
        Named(example, person, against, _query_picture(service, example, caller))
        for against, given, people in (
            (False, asked.search.examples, found.people),
            (True, asked.search.counter_examples, found.against),
        )
        for example, person in zip(given, people, strict=True)
    ]

    settings = {"Reason": asked.search.reason} if asked.search.reason else {}
    if ranking is not found.ranking:
        settings["Shown"] = f"{len(ranking)} matches, chosen by hand"

    def work(gallery: Gallery) -> bytes:
        told = Telling(gallery, service.far_media, service.decoders, asked.blur)
        views = told.matches(ranking.matches) if pictured else [View(None, None, m.box) for m in ranking]
        answer = Answer(
            asked=tuple(map(told.example, examples)) if pictured else (),
            ranking=ranking,
            views=tuple(views),
            gallery=gallery.path.name,
            gallery_state=state_of(gallery),
            fingerprint=gallery.manifest.fingerprint,
            created=datetime.now(UTC),
            seconds=found.seconds,
            hidden="other people who were found" if asked.blur and pictured else "",
            settings=settings,
        )
        return render(answer, asked.format)

    content = await service.tell(work)
    return Report(content, MEDIA_TYPES[asked.format], f"sceneseek-{datetime.now(UTC):%Y%m%d-%H%M%S}.{asked.format}")


class Named(NamedTuple):
    """One example of a question, with what is known of the person.

    Attributes:
        example: As it was asked.
        person: Whom it shows.
        against: Whether it is somebody else.
        picture: The query picture it comes from, not decoded; ``None`` where it comes from the gallery.
    """

    example: Example
    person: QueryPerson
    against: bool
    picture: QueryPicture | None


@dataclass(frozen=True)
class Telling:
    """Gathers the pictures of a report; runs in a thread of its own, and holds one whole picture at a time.

    Attributes:
        gallery: Where people were found.
        media: Opens their files again.
        decoders: Decode query pictures again.
        blur: Whether to hide everybody else.
    """

    gallery: Gallery
    media: FarMedia
    decoders: Decoders
    blur: bool

    def matches(self, matches: Sequence[Match]) -> list[View]:
        """What is shown of each match."""
        return views_of(matches, self._read, hide_others(self.gallery) if self.blur else None)

    def example(self, named: Named) -> Asked:
        """What is shown of an example: it is made small before the next one is decoded."""
        person, picture = named.person, named.picture
        name, view = self._of_gallery(named.example) if picture is None else self._of_query(picture, person)
        return Asked(name, view, person.score, person.flags, named.against)

    def _of_query(self, picture: QueryPicture, person: QueryPerson) -> tuple[str, View]:
        image = self.decoders.rgb_here(picture.data)
        box = picture.scale.to_pixels(person.box, image)
        if self.blur:
            image = hide_company(image, [picture.scale.to_pixels(other.box, image) for other in picture.people], box)
        return picture.name, view_of(image, box)

    def _of_gallery(self, example: Example) -> tuple[str, View]:
        match = self._drawn(example) if example.detection_id is None else self._person(example.detection_id)
        (view,) = self.matches([match])
        return match.source, view

    def _person(self, detection_id: str) -> Match:
        return self.gallery.person(detection_id).as_match()

    def _drawn(self, example: Example) -> Match:
        """Somebody whom the gallery does not know, in a box that was drawn in one of its pictures."""
        assert example.picture is not None
        assert example.box is not None
        frame = self.gallery.frame(*example.picture)
        source = next(record.source for record in self.gallery.media() if record.key == frame.media_key)
        return Match(
            rank=1,
            similarity=1.0,
            score=1.0,
            box=example.box,
            source=source,
            frame_index=frame.frame_index,
            time_s=frame.time_s,
            media_key=frame.media_key,
            width=frame.width,
            height=frame.height,
        )

    def _read(self, match: Match) -> ImageArray:
        places = self.gallery.places(match.source)
        kind = kind_of(match.source, match.time_s)
        return self.media.scene(places, match.media_key, kind, match.frame_index, (match.width, match.height))


def _query_picture(service: Service, example: Example, caller: Caller) -> QueryPicture | None:
    """The query picture that an example comes from, as it came; ``None`` for a person of the gallery."""
    return None if example.query_id is None else service.shelf.get(example.query_id, caller.name)


def _chosen(found: asking.Answer, names: Sequence[str]) -> Ranking:
    """The matches that were chosen, in the ranking's order, and then the chosen ones that are examples."""
    wanted, ranking = set(names), found.ranking
    kept = [match for match in ranking if match.detection_id in wanted]
    among = {match.detection_id for match in kept}
    kept += [match for match in found.pinned if match.detection_id in wanted - among]
    missing = wanted - {match.detection_id for match in kept}
    if missing:
        raise Refusal(422, "A match that was chosen is not among those found.", found=min(missing))
    return ranking.showing(kept)
