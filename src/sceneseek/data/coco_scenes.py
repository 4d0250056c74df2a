"""The scenes of a COCO-style file: images with their people, and what shows only when all are there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sceneseek import boxes as box_ops
from sceneseek.data import coco_records as records
from sceneseek.data.coco_records import Person
from sceneseek.data.numbers import real, shown
from sceneseek.data.picture_files import PictureFiles
from sceneseek.data.plausibility import STICKS_OUT, Boxes
from sceneseek.data.problems import BadRecord, OnProblem, Place, Problem
from sceneseek.structures import UNLABELED, Sample


class Scenes:
    """Scenes, in the order in which they are added.

    Args:
        files: The pictures.
        place: The file.
        on_problem: Told of what is wrong.

    Attributes:
        by_id: The scenes that can be used.
    """

    def __init__(self, files: PictureFiles, place: Place, on_problem: OnProblem) -> None:
        self.by_id: dict[int, Sample] = {}
        self._files = files
        self._place = place
        self._on_problem = on_problem
        self._listed: set[int] = set()
        self._named: dict[Path, int] = {}
        self._boxes = Boxes()

    def add(self, row: Any, people: Mapping[int, Sequence[Person]], place: Place) -> None:
        """Add an image.

        Raises:
            BadRecord: It cannot be used.
        """
        image_id = records.number(row, "id", place)
        if image_id in self._listed:
            raise BadRecord(place, f"another image has the id {image_id} already; the two share an id.", "image id")
        self._listed.add(image_id)
        name = records.get(row, "file_name", place)
        if not isinstance(name, str):
            raise BadRecord(place, f"'file_name' is {shown(name)}; expected the path of a picture.", "picture name")
        path = self._files.find(name, place, self._on_problem)
        width, height = records.number(row, "width", place), records.number(row, "height", place)
        if min(width, height) < 1:
            raise BadRecord(place, f"it has {width}x{height} pixels; expected at least 1x1.", "picture size")
        first = self._named.setdefault(path, image_id)
        if first != image_id:
            message = f"image {first} is the same picture, {path.name}; both are read."
            self._on_problem(Problem("picture listed twice", place, message, "note"))
        here = people.get(image_id, ())
        self._remark_doubles(here, name)
        self.by_id[image_id] = self._sample(row, image_id, path, (width, height), here, place)

    def check_as_a_whole(self, people: Mapping[int, Sequence[Person]], *, of_people: bool = True) -> None:
        """Report people of images that are not listed, and boxes that look like something else."""
        for image_id, rows in people.items():
            if image_id not in self._listed:
                for person in rows:
                    message = f"it belongs to image {image_id}, which is not listed."
                    self._on_problem(Problem("unlisted image", person.place, message))
        self._boxes.check(self._place, self._on_problem, of_people=of_people)

    def _sample(
        self,
        row: records.Record,
        image_id: int,
        path: Path,
        size: tuple[int, int],
        people: Sequence[Person],
        place: Place,
    ) -> Sample:
        kept, corners = self._inside(people, path.name, size)
        return Sample(
            image_id=image_id,
            path=path,
            width=size[0],
            height=size[1],
            boxes=corners,
            person_ids=np.array([p.person_id for p in kept], np.int64),
            camera_id=records.name(row, "camera", place),
            ignore_mask=np.array([p.is_ignored for p in kept], bool),
            visibility=np.array([p.visibility for p in kept], np.float32),
            time_s=None if row.get("time_s") is None else real(row["time_s"], "'time_s'", place),
        )

    def _inside(self, people: Sequence[Person], name: str, size: tuple[int, int]) -> tuple[list[Person], Any]:
        """Those whose box has an area in the picture, with their corners; the rest is reported."""
        width, height = size
        raw = box_ops.from_xywh(np.array([p.xywh for p in people], np.float64).reshape(-1, 4))
        corners = box_ops.clip(raw, width, height)
        inside = box_ops.valid_mask(corners)
        for person, good in zip(people, inside.tolist(), strict=True):
            self._boxes.add(person.xywh, width, height)
            if not good:
                message = (
                    f"it has bbox {list(person.xywh)}, which lies outside its image {name} of {width}x{height} pixels "
                    "or has no area."
                )
                self._on_problem(Problem("box outside its picture", person.place, message))
        for i in np.flatnonzero(inside & (np.abs(raw - corners) > STICKS_OUT).any(axis=1)).tolist():
            self._boxes.clipped(people[i].place, people[i].xywh, name, width, height)
        kept = [person for person, good in zip(people, inside, strict=True) if good]
        return kept, corners[inside].astype(np.float32)

    def _remark_doubles(self, people: Sequence[Person], name: str) -> None:
        """Note people who are in one image twice; all are read, as in the scores of PRW, which has one such pair."""
        met: dict[tuple[float, ...], list[Person]] = {}
        for person in people:
            there = met.setdefault(person.xywh, [])
            twin = next((other for other in there if other[2:] == person[2:]), None)
            if twin is not None:
                message = f"it says the same as {twin.place.record}; both are read."
                self._on_problem(Problem("annotation twice", person.place, message, "note"))
            elif there:
                message = f"its box is that of {there[0].place.record}, with another identity or flag; both are read."
                self._on_problem(Problem("two people in one place", person.place, message, "note"))
            there.append(person)
        times = Counter(p.person_id for p in people if p.person_id != UNLABELED and not p.is_ignored)
        for person_id in (person_id for person_id, count in times.items() if count > 1):
            place = next(p.place for p in reversed(people) if p.person_id == person_id)
            message = f"person {person_id} is in the image {name} {times[person_id]} times; all are read."
            self._on_problem(Problem("person twice in a picture", place, message, "note"))
