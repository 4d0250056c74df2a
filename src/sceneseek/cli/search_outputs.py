"""What comes out of a search besides the table on the terminal: JSON, a contact sheet, reports."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sceneseek.cli.console import err, escape, warn
from sceneseek.errors import ValueRefused

if TYPE_CHECKING:
    from sceneseek.finder import Finder, QueryPerson
    from sceneseek.reports import Answer, Asked, Hide
    from sceneseek.structures import ImageArray, Match, Ranking


@dataclass(frozen=True, eq=False)
class Search:
    """One search that was made.

    Attributes:
        finder: With which model, in which gallery.
        names: Files of the query pictures, then the gallery's names of examples.
        images: The query pictures.
        people: Who was sought, as many as names.
        against_names: The gallery's names of counter-examples.
        against: Who was surely not meant.
        ranking: What was found.
        seconds: How long it took.
        reason: Why it was made; empty when nobody said.
    """

    finder: Finder
    names: list[str]
    images: list[ImageArray]
    people: list[QueryPerson]
    against_names: list[str]
    against: list[QueryPerson]
    ranking: Ranking
    seconds: float
    reason: str = ""


@dataclass(frozen=True)
class Output:
    """A file to write.

    Attributes:
        path: Where.
        kind: ``"sheet"``, or a report's format.
    """

    path: Path
    kind: str


def note_search(search: Search, pictures: Sequence[Path]) -> None:
    """Write into the gallery's audit log who searched for whom: digests of the query pictures, never the pictures.

    Raises:
        GalleryError: The log cannot be written; then nothing of the answer is told.
    """
    from sceneseek.gallery import AuditLog, local_user

    facts: dict[str, Any] = {
        **({"reason": search.reason} if search.reason else {}),
        "query_sha256": [hashlib.sha256(picture.read_bytes()).hexdigest() for picture in pictures],
        "examples": [person.detection_id for person in search.people if person.detection_id is not None],
        "counter_examples": list(search.against_names),
        "matches": len(search.ranking),
        "filters": dict(search.ranking.filters),
    }
    AuditLog(search.finder.gallery.path).append(local_user(), "search", **facts)


def search_as_json(search: Search) -> dict[str, Any]:
    """A search for machines; everything that is not known is ``null``."""
    from sceneseek.reports.verdicts import answer_words

    ranking, gallery = search.ranking, search.finder.gallery
    return {
        "gallery": str(gallery.path),
        "reason": search.reason or None,
        "model": ranking.model,
        "searched": ranking.searched,
        "standing": ranking.standing,
        "words": asdict(answer_words(ranking)),
        "num_likely": ranking.num_likely,
        "method": dict(ranking.method),
        "filters": dict(ranking.filters),
        "queries": [_example(name, person) for name, person in zip(search.names, search.people, strict=True)],
        "counter_examples": [
            _example(name, person) for name, person in zip(search.against_names, search.against, strict=True)
        ],
        "matches": [_match(match) for match in ranking],
    }


def _example(name: str, person: QueryPerson) -> dict[str, Any]:
    return {
        "picture": name if person.detection_id is None else None,
        "detection_id": person.detection_id,
        "box": [round(v, 2) for v in person.box],
        "score": person.score,
        "flags": list(person.flags),
    }


def _match(match: Match) -> dict[str, Any]:
    from sceneseek.reports.verdicts import match_words

    sighting = match.sighting
    return {
        "rank": match.rank,
        "similarity": round(match.similarity, 6),
        "revised": match.revised,
        "standing": match.standing,
        "false_match_rate": match.false_match_rate,
        "rate_interval": match.rate_interval,
        "rate_borrowed": match.rate_borrowed,
        "others_expected": match.others_expected,
        "others_interval": match.others_interval,
        "piece": match.piece,
        "words": asdict(match_words(match)),
        "flags": list(match.flags),
        "score": round(match.score, 6),
        "box": [round(v, 2) for v in match.box],
        "source": match.source,
        "frame_index": match.frame_index,
        "time_s": match.time_s,
        "captured_at": None if match.captured_at is None else match.captured_at.isoformat(),
        "camera": match.camera_id,
        "sighting": None
        if sighting is None
        else {
            "tracklet_id": sighting.tracklet_id,
            "start_s": sighting.start_s,
            "end_s": sighting.end_s,
            "num_detections": sighting.num_detections,
        },
        "detection_id": match.detection_id,
        "media_key": match.media_key,
        "width": match.width,
        "height": match.height,
    }


def write_outputs(search: Search, outputs: list[Output], blur: str | None) -> None:
    """Write files, and say on standard error where they are.

    Args:
        search: The search.
        outputs: What to write.
        blur: ``"others"`` hides the other people that were found, ``"all"`` everything around the person.

    Raises:
        ValueRefused: A file cannot be written.
    """
    from sceneseek.gallery import AuditLog, local_user
    from sceneseek.gallery.privacy import private_replacement
    from sceneseek.pictures import write_picture
    from sceneseek.reports import render
    from sceneseek.reports.sheet import render_sheet

    with err.status("reading the scenes of the matches"):
        answer = _answer(search, blur)
    for problem in sorted({view.problem for view in answer.views if view.problem}):
        warn(problem)
    for output in outputs:
        AuditLog(search.finder.gallery.path).append(local_user(), "export", kind=output.kind, hidden=answer.hidden)
        try:
            output.path.parent.mkdir(parents=True, exist_ok=True)
            with private_replacement(output.path) as partial:
                if output.kind == "sheet":
                    write_picture(render_sheet(answer), partial)
                else:
                    partial.write_bytes(render(answer, output.kind))
        except OSError as error:
            raise ValueRefused(f"{output.path} cannot be written ({error.strerror or error}).") from error
        err.print(f"wrote {escape(str(output.path))}", highlight=False, soft_wrap=True)


def _answer(search: Search, blur: str | None) -> Answer:
    from sceneseek.cli.scenes import read_from
    from sceneseek.gallery.state import state_of
    from sceneseek.reports import Answer, views_of

    gallery = search.finder.gallery
    hidden = {None: "", "others": "other people who were found", "all": "everything around each person"}
    return Answer(
        asked=tuple(_asked(search, blur)),
        ranking=search.ranking,
        views=tuple(views_of(search.ranking.matches, read_from(gallery.places), _hide(search, blur))),
        gallery=gallery.path.name,
        gallery_state=state_of(gallery),
        fingerprint=gallery.manifest.fingerprint,
        created=datetime.now(UTC),
        seconds=search.seconds,
        hidden=hidden[blur],
        settings={"Reason": search.reason} if search.reason else {},
    )


def _asked(search: Search, blur: str | None) -> list[Asked]:
    """The examples with their pictures: query pictures are at hand, people of the gallery are read again."""
    from sceneseek.blurring import blur_surroundings
    from sceneseek.finder.hiding import hide_company
    from sceneseek.reports import Asked, view_of

    shown = []
    for name, person, image in zip(search.names, search.people, search.images, strict=False):
        picture = image
        if blur == "all":
            picture = blur_surroundings(image, person.box)
        elif blur == "others":
            picture = hide_company(image, [other.box for other in search.finder.people(image)], person.box)
        shown.append(Asked(name, view_of(picture, person.box), person.score, person.flags))
    remembered = zip(search.names[len(search.images) :], search.people[len(search.images) :], strict=True)
    shown += [_asked_again(search, name, person, blur, against=False) for name, person in remembered]
    marked = zip(search.against_names, search.against, strict=True)
    return shown + [_asked_again(search, name, person, blur, against=True) for name, person in marked]


def _asked_again(search: Search, name: str, person: QueryPerson, blur: str | None, *, against: bool) -> Asked:
    from sceneseek.cli.scenes import read_from
    from sceneseek.reports import Asked, views_of

    gallery = search.finder.gallery
    stored = gallery.person(name)
    (view,) = views_of([stored.as_match()], read_from(gallery.places), _hide(search, blur))
    return Asked(stored.source, view, person.score, person.flags, against)


def _hide(search: Search, blur: str | None) -> Hide | None:
    from sceneseek.blurring import blur_surroundings
    from sceneseek.finder.hiding import hide_others

    if blur == "others":
        return hide_others(search.finder.gallery)
    return (lambda image, match: blur_surroundings(image, match.box)) if blur == "all" else None
