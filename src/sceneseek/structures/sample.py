"""One annotated scene, and sets of them with the questions to ask."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from sceneseek.errors import DataError, ValueRefused
from sceneseek.structures._checks import BoolArray, FloatArray, IntArray, as_boxes, as_id, as_vector

UNLABELED = -1
"""The id of a person whose identity is not known. Every reader translates its file's own code to this one."""


@dataclass(frozen=True, eq=False)
class Sample:
    """One scene image with its people; pixels are read when needed.

    Attributes:
        image_id: Unique in its set.
        path: The image file.
        width: Pixels.
        height: Pixels.
        boxes: ``(N, 4)`` float32 ``xyxy``, pixels of the original image.
        person_ids: ``(N,)`` int64, ``UNLABELED`` where the identity is not known.
        camera_id: Which camera took the scene, when known.
        ignore_mask: ``(N,)`` bool, boxes that count neither as a hit nor as a false alarm.
        visibility: ``(N,)`` float32 in [0, 1], the visible share of each person; ones when not known.
        time_s: Seconds on the camera's clock, when known.
    """

    image_id: int
    path: Path
    width: int
    height: int
    boxes: FloatArray
    person_ids: IntArray
    camera_id: str | None = None
    ignore_mask: BoolArray | None = None
    visibility: FloatArray | None = None
    time_s: float | None = None

    def __post_init__(self) -> None:
        owner = f"Sample {self.image_id}"
        object.__setattr__(self, "image_id", as_id(self.image_id, owner, "image_id"))
        if self.width < 1 or self.height < 1:
            raise ValueRefused(f"{owner}: the image is {self.width}x{self.height} pixels; expected at least 1x1.")
        boxes = as_boxes(self.boxes, owner)
        n = len(boxes)
        ignore = np.zeros(n, bool) if self.ignore_mask is None else self.ignore_mask
        visibility = np.ones(n, np.float32) if self.visibility is None else self.visibility
        object.__setattr__(self, "path", Path(self.path))
        object.__setattr__(self, "boxes", boxes)
        object.__setattr__(self, "person_ids", as_vector(self.person_ids, n, np.int64, owner, "person_ids"))
        object.__setattr__(self, "ignore_mask", as_vector(ignore, n, np.bool_, owner, "ignore_mask"))
        object.__setattr__(self, "visibility", as_vector(visibility, n, np.float32, owner, "visibility"))

    def __len__(self) -> int:
        return len(self.boxes)


@dataclass(frozen=True, eq=False)
class Query:
    """A person to find: one box in one image, and where to look.

    Attributes:
        query_id: Unique in its set.
        image_id: The image that shows the person.
        box: ``(4,)`` float32 ``xyxy``.
        person_id: Whom to find.
        gallery: Image ids to search, in protocol order.
        shot_group: Queries of one group are several pictures of one person, which may be asked as one question.
    """

    query_id: int
    image_id: int
    box: FloatArray
    person_id: int
    gallery: tuple[int, ...]
    shot_group: int | None = None

    def __post_init__(self) -> None:
        owner = f"Query {self.query_id}"
        for name in ("query_id", "image_id", "person_id"):
            object.__setattr__(self, name, as_id(getattr(self, name), owner, name))
        if self.shot_group is not None:
            object.__setattr__(self, "shot_group", as_id(self.shot_group, owner, "shot_group"))
        object.__setattr__(self, "box", as_boxes([self.box], owner)[0])
        object.__setattr__(self, "gallery", tuple(self.gallery))


@dataclass(frozen=True, eq=False)
class SceneSet:
    """Annotated scenes and the queries asked of them.

    Attributes:
        name: A short name, for reports.
        samples: The scenes.
        queries: The questions; may be empty (training sets).
        detection_labels_complete: Whether every visible person has a box; detection is scored only then.
        info: Free text facts from the file (licence, notes).
    """

    name: str
    samples: tuple[Sample, ...]
    queries: tuple[Query, ...] = ()
    detection_labels_complete: bool = True
    info: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "samples", tuple(self.samples))
        object.__setattr__(self, "queries", tuple(self.queries))
        if len(self.by_id) != len(self.samples):
            raise DataError(f"{self.name}: two images share an id; image ids must be unique.")
        if len({query.query_id for query in self.queries}) != len(self.queries):
            raise DataError(f"{self.name}: two queries share an id; query ids must be unique.")
        for query in self.queries:
            unknown = [i for i in (query.image_id, *query.gallery) if i not in self.by_id]
            if unknown:
                raise DataError(
                    f"{self.name}: query {query.query_id} names image {unknown[0]}, which is not in the set."
                )

        people: dict[int, int] = {}
        for query in self.queries:
            if query.shot_group is not None and people.setdefault(query.shot_group, query.person_id) != query.person_id:
                raise DataError(
                    f"{self.name}: query {query.query_id} of shot group {query.shot_group} asks for person "
                    f"{query.person_id}, others of the group for person {people[query.shot_group]}."
                )

    @cached_property
    def by_id(self) -> dict[int, Sample]:
        """Scenes by image id."""
        return {sample.image_id: sample for sample in self.samples}

    @cached_property
    def person_ids(self) -> IntArray:
        """Sorted ids of the labelled people, ``(P,)``."""
        ids = np.concatenate([s.person_ids for s in self.samples]) if self.samples else np.zeros(0, np.int64)
        return np.unique(ids[ids != UNLABELED])

    def __len__(self) -> int:
        return len(self.samples)
