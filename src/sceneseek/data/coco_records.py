"""Single records of a COCO-style file: an annotation, a query, and the numbers and flags in them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from sceneseek import boxes as box_ops
from sceneseek import words
from sceneseek.data.numbers import is_finite, real, shown, whole
from sceneseek.data.problems import BadRecord, OnProblem, Place, Problem
from sceneseek.data.targets import SMALLEST_SIDE
from sceneseek.structures import UNLABELED, Query, Sample

Record = dict[str, Any]

_NUM_BOX_FIELDS = 4
_OTHER_IDENTITIES = frozenset({
    "trackid", "trackingid", "trackletid", "track", "instanceid", "identity", "identityid", "pid", "reid", "reidid",
    "objectid", "objid", "subjectid", "personid", "person", "targetid",
})  # fmt: skip
"""Names, without underscores and capitals, under which other tools write who is shown."""


class Person(NamedTuple):
    """One annotation that counts.

    Attributes:
        place: Where it is.
        xywh: As in the file.
        person_id: ``UNLABELED`` where the identity is not known.
        is_ignored: Neither a hit nor a false alarm.
        visibility: The visible share, 0 to 1.
    """

    place: Place
    xywh: tuple[float, float, float, float]
    person_id: int
    is_ignored: bool
    visibility: float


def place_of(file: Place, kind: str, row: Any, index: int) -> Place:
    """An entry by its id where it has one, else by its place in the list."""
    if isinstance(row, dict) and row.get("id") is not None:
        found = row["id"]
        return file.at(f"{kind} {found if isinstance(found, str) and found.isprintable() else shown(found)}")
    return file.at(f"{kind} at place {index + 1}")


def as_object(row: Any, place: Place) -> Record:
    """An entry that is an object.

    Raises:
        BadRecord: It is something else.
    """
    if not isinstance(row, dict):
        raise BadRecord(place, f"it is {shown(row)}; expected an object.")
    return row


def get(row: Any, key: str, place: Place) -> Any:
    """A field that must be there.

    Raises:
        BadRecord: It is not.
    """
    if key not in as_object(row, place):
        raise BadRecord(place, f"it has no '{key}'.")
    return row[key]


def number(row: Any, key: str, place: Place) -> int:
    """A whole number that must be there."""
    return whole(get(row, key, place), f"'{key}'", place)


def share(row: Record, key: str, place: Place) -> float:
    """A number from 0 to 1; 1 where there is none.

    Raises:
        BadRecord: It is something else.
    """
    value = 1.0 if row.get(key) is None else real(row[key], f"'{key}'", place)
    if not 0 <= value <= 1:
        raise BadRecord(place, f"'{key}' is {value:g}; expected a share from 0 to 1.")
    return value


def flag(row: Record, key: str, place: Place, *, default: bool = False) -> bool:
    """A field that is yes or no: a boolean, 0 or 1; ``"false"`` in quotation marks would be yes for a careless reader.

    Raises:
        BadRecord: It is something else.
    """
    value = row.get(key)
    if value is None:
        return default
    if not (isinstance(value, int | float) and value in (0, 1)):
        raise BadRecord(place, f"'{key}' is {shown(value)}; expected 0 or 1, or true or false.")
    return bool(value)


def name(row: Record, key: str, place: Place) -> str | None:
    """A name, or a number that serves as one.

    Raises:
        BadRecord: It is something else.
    """
    value = row.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise BadRecord(place, f"'{key}' is {shown(value)}; expected a name.")
    return str(value)


def box(row: Record, place: Place) -> tuple[float, float, float, float]:
    """The four numbers of a box.

    Raises:
        BadRecord: There are none, or others.
    """
    if "bbox" not in row and "segmentation" in row:
        raise BadRecord(place, "it has a segmentation and no 'bbox'; boxes are not made from outlines.")
    found = get(row, "bbox", place)
    if not isinstance(found, list) or len(found) != _NUM_BOX_FIELDS or not all(map(is_finite, found)):
        raise BadRecord(place, f"it has bbox {shown(found)}; expected [x, y, width, height] in pixels.",
                        "unreadable box")  # fmt: skip
    x, y, w, h = map(float, found)
    return x, y, w, h


def person(row: Record, place: Place, *, is_ignored: bool = False) -> tuple[int, Person]:
    """An annotation: the image that it belongs to, and who is there.

    Raises:
        BadRecord: It cannot be used.
    """
    image_id = number(row, "image_id", place)
    person_id = UNLABELED if row.get("person_id") is None else number(row, "person_id", place)
    ignored = [flag(row, key, place) for key in ("ignore", "iscrowd")]
    return image_id, Person(
        place=place,
        xywh=box(row, place),
        # Others have other codes for those who are not known, such as PRW's -2.
        person_id=max(person_id, UNLABELED),
        is_ignored=is_ignored or any(ignored),
        visibility=share(row, "visibility", place),
    )


def query(row: Any, samples: Mapping[int, Sample], place: Place, on_problem: OnProblem) -> Query:
    """A question.

    Raises:
        BadRecord: It cannot be asked.
    """
    entries = get(row, "gallery", place)
    if not isinstance(entries, list):
        raise BadRecord(place, f"its gallery is {shown(entries)}; expected a list of image ids.")
    gallery = [whole(entry, f"entry {i + 1} of its gallery", place) for i, entry in enumerate(entries)]
    image_id, person_id = number(row, "image_id", place), number(row, "person_id", place)
    if person_id < 0:
        raise BadRecord(place, f"'person_id' is {person_id}; a query asks for somebody who is known, from 0.",
                        "query without an identity")  # fmt: skip
    if image_id not in samples:
        raise BadRecord(place, f"it names image {image_id}, which is not in the set.", "unlisted image")
    for unknown in (i for i in gallery if i not in samples):
        message = f"its gallery names image {unknown}, which is not in the set."
        on_problem(Problem("unlisted image", place, message))
    sample = samples[image_id]
    corners = box_ops.from_xywh([box(row, place)])
    inside = box_ops.clip(corners, sample.width, sample.height)
    if not box_ops.valid_mask(inside, SMALLEST_SIDE)[0]:
        message = (
            f"its bbox {shown(row['bbox'])} lies outside its image of {sample.width}x{sample.height} pixels, or has a "
            f"side of {SMALLEST_SIDE:g} pixel or less."
        )
        raise BadRecord(place, message, "box outside its picture")
    return Query(
        query_id=number(row, "id", place),
        image_id=image_id,
        box=corners[0].astype(np.float32),
        person_id=person_id,
        gallery=tuple(i for i in gallery if i in samples),
        shot_group=None if row.get("shot_group") is None else number(row, "shot_group", place),
    )


class Remarks:
    """What is odd about the annotations of a file, counted: one note for each oddity, however often it is met."""

    def __init__(self) -> None:
        self._ids: set[Any] = set()
        self._twice: list[Any] = []
        self._below: Counter[int] = Counter()
        self._other_identities: Counter[str] = Counter()

    def take(self, row: Record) -> None:
        """Look at an annotation that can be used."""
        found = row.get("id")
        if isinstance(found, str | int):
            if found in self._ids:
                self._twice.append(found)
            self._ids.add(found)
        given = row.get("person_id")
        if given is None:
            self._other_identities.update(_identities_by_other_names(row))
        elif given < UNLABELED:
            self._below[int(given)] += 1

    def tell(self, place: Place, on_problem: OnProblem) -> None:
        """Report them."""
        if self._twice:
            message = (
                f"{_annotations_have(len(self._twice))} an id that another has already, the first is "
                f"{shown(self._twice[0])}; all are read."
            )
            on_problem(Problem("annotation id twice", place, message, "note"))
        if self._below:
            codes = ", ".join(str(code) for code, _ in self._below.most_common(5))
            found = _annotations_have(sum(self._below.values()))
            message = f"{found} a person_id below {UNLABELED} ({codes}); read as not known."
            on_problem(Problem("other code for nobody", place, message, "note"))
        for field, count in self._other_identities.items():
            message = (
                f"{_annotations_have(count)} '{field}' and no 'person_id', and no identity is read. Rename the field "
                "to 'person_id' if its numbers mean the same people in all pictures."
            )
            on_problem(Problem("identity under another name", place, message, "note"))


def _annotations_have(count: int) -> str:
    return f"{words.counted(count, 'annotation')} {'has' if count == 1 else 'have'}"


def _identities_by_other_names(row: Record) -> list[str]:
    nested = row.get("attributes")
    fields = [*row, *(f"attributes.{key}" for key in (nested if isinstance(nested, dict) else ()))]
    return [field for field in fields if _plain(field.rpartition(".")[2]) in _OTHER_IDENTITIES and field != "person_id"]


def _plain(field: str) -> str:
    return re.sub(r"[^a-z]", "", field.casefold())
