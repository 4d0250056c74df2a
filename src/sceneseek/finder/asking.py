"""The asking side: who is sought, from pictures, drawn boxes and people of the gallery; who is surely not meant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sceneseek import boxes as box_arithmetic
from sceneseek import quality
from sceneseek.errors import BoxError, ValueRefused
from sceneseek.gallery import Filters, FrameKey, Gallery
from sceneseek.reranking import query_context
from sceneseek.similarity import normalise
from sceneseek.structures import Detections, FloatArray, ImageArray, Match, PersonModel

Box = Sequence[float]

COUNTER_WEIGHT = 0.3
"""How much the mean counter-example is turned away from; chosen on other synthetic scenes than it is measured on."""


@dataclass(frozen=True, eq=False)
class QueryPerson:
    """A person to find, or surely not to find: located in a query picture, or known from the gallery.

    Attributes:
        box: ``xyxy`` in pixels of the picture.
        embedding: ``(D,)`` unit vector.
        score: The detector's confidence; ``None`` when the box was given.
        flags: What speaks against a good answer, see ``quality.flags``.
        company: ``(C, D)`` embeddings of the other people in the picture, surest first, for context matching.
        detection_id: The gallery's name for this person in this frame; ``None`` for a query picture.
        tracklet_id: The gallery's name for the sighting it belongs to, if any.
        frame: The picture's own place in the gallery, should it be there; ``None`` where nobody knows.
    """

    box: tuple[float, float, float, float]
    embedding: FloatArray
    score: float | None = None
    flags: tuple[str, ...] = ()
    company: FloatArray | None = None
    detection_id: str | None = None
    tracklet_id: str | None = None
    frame: FrameKey | None = None


def people_in(model: PersonModel, image: ImageArray) -> list[QueryPerson]:
    """Find everybody in a query picture, the surest first.

    Args:
        model: Finds and describes people.
        image: ``(H, W, 3)`` uint8 RGB.

    Returns:
        One entry per person, each with the others as company; empty when nobody was found.
    """
    people = model.detect([image])[0]
    if people.embeddings is None:
        return []
    marks = quality.flags(image, people.boxes, people.scores)
    return [
        QueryPerson(
            box=_as_tuple(people.boxes[i]),
            embedding=people.embeddings[i],
            score=float(people.scores[i]),
            flags=marks[i],
            company=company_of(people.boxes[i], people),
        )
        for i in np.argsort(-people.scores, kind="stable")
    ]


def locate_person(
    model: PersonModel, image: ImageArray, box: Box | None = None, *, company: bool = True
) -> QueryPerson:
    """Find out who is asked for in a query picture.

    Args:
        model: Finds and describes people.
        image: ``(H, W, 3)`` uint8 RGB.
        box: ``xyxy`` in pixels; parts outside the picture are cut off. Without one: the most confident person.
        company: Whether to look for the others in the picture as well, whom context matching asks for.

    Raises:
        ValueRefused: No box was given and nobody was found.
        BoxError: The box is not one, or lies outside the picture.
    """
    if box is None:
        people = people_in(model, image)
        if not people:
            raise ValueRefused(
                f"nobody was found in the query picture of {image.shape[1]}x{image.shape[0]} pixels. Say where the "
                "person is with --box x1,y1,x2,y2 (pixels), or take a picture that shows more of the person."
            )
        return people[0]
    inside = _inside(box, image)
    embedding = model.embed([image], [inside])[0][0]
    others = company_of(inside[0], model.detect([image])[0]) if company else None
    # Nobody measured how sure it is that a drawn box holds a person: it counts as sure.
    (marks,) = quality.flags(image, inside, [1.0])
    return QueryPerson(_as_tuple(inside[0]), embedding, flags=marks, company=others)


def company_of(box: FloatArray, people: Detections) -> FloatArray | None:
    """Embeddings of those in a picture who are not the person in ``box``, surest first, ``(C, D)``."""
    if people.embeddings is None:
        return None
    return people.embeddings[query_context(box, people.boxes, people.scores, k2=len(people) + 1)]


def remembered(gallery: Gallery, detection_id: str) -> QueryPerson:
    """Somebody whom the gallery holds, with the others of the frame as company.

    Raises:
        NotInGalleryError: There is nobody of that name.
    """
    person = gallery.person(detection_id)
    others = gallery.frame(person.media_key, person.frame_index).people
    boxes, scores = [other.box for other in others], [other.score for other in others]
    near = query_context(person.box, boxes, scores, k2=len(others) + 1)
    company = [others[i].embedding for i in near]
    return QueryPerson(
        box=person.box,
        embedding=person.embedding,
        score=person.score,
        flags=person.flags,
        company=np.stack(company) if company else None,
        detection_id=detection_id,
        tracklet_id=person.tracklet_id,
        frame=FrameKey(person.media_key, person.frame_index),
    )


def without_own_pictures(filters: Filters | None, people: Sequence[QueryPerson]) -> Filters:
    """Filters that also leave out the pictures that the examples come from: of course the person is in there.

    The one rule for every question, whoever asks it: a query picture that the gallery holds too, the picture of each
    match that was marked as right, and a scene in which a box was drawn. ``Finder.find_people`` applies it, and leaves
    out the rest of an example's sighting besides.

    Args:
        filters: Further conditions; none when not given.
        people: The examples.
    """
    filters = filters or Filters()
    own = (person.frame for person in people if person.frame is not None)
    return replace(filters, exclude=tuple(dict.fromkeys((*filters.exclude, *own))))


def pinned(gallery: Gallery, people: Sequence[QueryPerson], vector: FloatArray) -> list[Match]:
    """The examples that are people of the gallery, as matches apart from the ranking; a frame counts once.

    Args:
        gallery: Where they are.
        people: The examples.
        vector: ``(D,)``, the question, see ``combined``.

    Returns:
        In the order of the examples, each with its similarity to the question and without a false-match rate.
    """
    names = list(dict.fromkeys(p.detection_id for p in people if p.detection_id is not None))
    stored = gallery.people(names) if names else []
    sightings = gallery.sightings(p.tracklet_id for p in stored if p.tracklet_id is not None)
    return [
        replace(
            person.as_match(),
            rank=place,
            similarity=float(np.clip(person.embedding @ vector, -1.0, 1.0)),
            sighting=None if person.tracklet_id is None else sightings.get(person.tracklet_id),
        )
        for place, person in enumerate(stored, start=1)
    ]


def shown(match: Match, people: Sequence[QueryPerson]) -> bool:
    """Whether a match is one of some people of the gallery, or the sighting that one of them belongs to."""
    sighting = None if match.sighting is None else match.sighting.tracklet_id
    return any(
        (p.detection_id is not None and p.detection_id == match.detection_id)
        or (sighting is not None and p.tracklet_id == sighting)
        for p in people
    )


def combined(people: Sequence[QueryPerson], against: Sequence[QueryPerson] = ()) -> FloatArray:
    """One vector for several views of a person, turned away from people who are surely somebody else.

    The mean of the unit embeddings of the views, minus ``COUNTER_WEIGHT`` times the mean of those of the
    counter-examples, at length one. Without counter-examples the ranking is by the mean similarity to the views.

    Source: Rocchio, 1971, *Relevance feedback in information retrieval*; the query itself is one of the views.

    Args:
        people: Views of the person: query pictures, and matches marked as right.
        against: Matches marked as wrong.

    Returns:
        ``(D,)`` float32 unit vector.

    Raises:
        ValueRefused: No view was given, or everything cancels out.
    """
    if not people:
        raise ValueRefused("no query picture was given; expected at least one.")
    direction = _mean(people)
    if against:
        direction = direction - COUNTER_WEIGHT * _mean(against)
    unit: FloatArray = normalise(direction[None])[0].astype(np.float32)
    return unit


def _mean(people: Sequence[QueryPerson]) -> NDArray[np.float64]:
    rows = np.stack([person.embedding for person in people]).astype(np.float64)
    return np.asarray(rows.mean(axis=0))


def _inside(box: Box, image: ImageArray) -> FloatArray:
    """A user's box, checked and cut to the picture, ``(1, 4)`` float32."""
    height, width = image.shape[:2]
    values = np.asarray(box, np.float32).reshape(-1)
    if values.shape != (4,) or not np.isfinite(values).all() or values[2] <= values[0] or values[3] <= values[1]:
        raise BoxError(f"the box {list(box)} is not one: expected x1,y1,x2,y2 in pixels with x1 < x2 and y1 < y2.")
    inside: FloatArray = box_arithmetic.clip(values[None, :], width, height).astype(np.float32)
    if not box_arithmetic.valid_mask(inside, min_side=1.0)[0]:
        raise BoxError(
            f"the box {list(box)} has less than a pixel inside the query picture of {width}x{height} pixels."
        )
    return inside


def _as_tuple(box: FloatArray) -> tuple[float, float, float, float]:
    x1, y1, x2, y2 = (float(v) for v in box)
    return x1, y1, x2, y2
