"""Where to cut the pictures of one evaluation from: enough to show its queries without the model or the annotations."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from sceneseek.structures import Extraction, FloatArray, IntArray, SceneSet, SearchReport


@dataclass(frozen=True, eq=False)
class Album:
    """The boxes behind a report's queries and rankings; rows follow the report's queries.

    Attributes:
        query_images: ``(Q,)`` image ids.
        query_boxes: ``(Q, 4)`` float32.
        query_people: ``(Q,)`` person ids.
        ranked_images: ``(Q, T)`` image ids, best first; -1 where nothing was ranked.
        ranked_boxes: ``(Q, T, 4)`` float32; zeros likewise.
        folder: The pictures' common folder.
        names: By image id, the picture below ``folder``.
    """

    query_images: IntArray
    query_boxes: FloatArray
    query_people: IntArray
    ranked_images: IntArray
    ranked_boxes: FloatArray
    folder: Path
    names: Mapping[int, str]

    @classmethod
    def of(cls, report: SearchReport, extraction: Extraction, scenes: SceneSet) -> Album:
        """Gather what a report shows.

        Args:
            report: An evaluation.
            extraction: What it was made from.
            scenes: The data.
        """
        rows = report.outcomes.top_detections
        there = rows >= 0
        if len(extraction.boxes):
            safe = np.where(there, rows, 0)
            images = np.where(there, extraction.image_ids[extraction.image_of[safe]], -1)
            boxes = np.where(there[..., None], extraction.boxes[safe], np.float32(0))
        else:
            images, boxes = np.full(rows.shape, -1, np.int64), np.zeros((*rows.shape, 4), np.float32)
        shown = {*images[there].tolist(), *(q.image_id for q in scenes.queries)}
        shown |= {f.right_image_id for f in report.failures}
        paths = {i: scenes.by_id[i].path.absolute() for i in sorted(shown)}
        folder = Path(os.path.commonpath([p.parent for p in paths.values()])) if paths else Path()
        return cls(
            query_images=np.array([q.image_id for q in scenes.queries], np.int64),
            query_boxes=np.reshape([q.box for q in scenes.queries], (-1, 4)).astype(np.float32),
            query_people=np.array([q.person_id for q in scenes.queries], np.int64),
            ranked_images=images,
            ranked_boxes=boxes,
            folder=folder,
            names={i: p.relative_to(folder).as_posix() for i, p in paths.items()},
        )

    def path(self, image_id: int) -> Path:
        """The picture's file, which may be gone."""
        return self.folder / self.names[image_id]

    def moved(self, folder: Path) -> Album:
        """The same album with its pictures in another folder."""
        return replace(self, folder=folder)

    @cached_property
    def num_people(self) -> int:
        """How many different people are asked for."""
        return len(np.unique(self.query_people))
