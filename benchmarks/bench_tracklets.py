"""Tracklets of one video at 1 to 10 frames a second: do they mix people, and into how many pieces do they break one?

Baseline: linking by the overlap of boxes alone, which is all that the place says. Two stretches of footage: made-up
walkers who cross (``walks.py``); and the six people of walkin6, where ``SCENESEEK_REAL`` names the folder of real sets.
"""

from __future__ import annotations

import json
import os
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.optimize import linear_sum_assignment

from benchmarks.walks import HEIGHT, WIDTH, Walk
from sceneseek import boxes
from sceneseek.inference.media import discover, frames_of
from sceneseek.inference.predictor import Predictor, load_predictor
from sceneseek.structures import Detections, Frame, ImageArray, MediaItem
from sceneseek.tracklets import TrackletLinker, TrackletScores, patience_for, score_tracklets

RATE = 10
VIDEO = "one-by-one-person-detection.mp4"
STRANGER = -1


@dataclass(frozen=True, eq=False)
class Moment:
    """One frame of footage: who was found, and who they are (``STRANGER`` where nobody knows)."""

    index: int
    found: Detections
    person_ids: list[int]


def main() -> None:
    """Print purity, fragments and coverage by frame rate."""
    model = load_predictor("dcinet-synthetic", batch_size=1)
    footage = {"synthetic walkers, 60 s": (list(made_up(model)), (WIDTH, HEIGHT))}
    real = os.environ.get("SCENESEEK_REAL", "")
    if (Path(real) / VIDEO).is_file():
        footage["walkin6, 139 s"] = (list(walkin6(model, Path(real))), (768, 432))
    else:
        print(f"walkin6 is left out: SCENESEEK_REAL names no folder that holds {VIDEO}")
    for name, (moments, size) in footage.items():
        print(f"{name}\n  frames/s  linked by            visits tracklets mixed  purity fragments coverage")
        for per_second in (1, 2, 5, 10):
            part = [m for m in moments if m.index % (RATE // per_second) == 0]
            for way, scores in {
                "appearance and place": linked(part, size, 1 / per_second),
                "overlap": overlap(part),
            }.items():
                counts = f"{scores.num_people:6d} {scores.num_tracklets:9d} {scores.num_mixed:5d}"
                shares = f"{100 * scores.purity:7.1f} {scores.fragments_per_person:9.2f} {100 * scores.coverage:8.1f}"
                print(f"  {per_second:8d}  {way:20s} {counts} {shares}")


def made_up(model: Predictor) -> Iterator[Moment]:
    """The walkers, ten times a second; a detection is who it overlaps most, by half at least."""
    for index, (_, picture, truth, walkers) in enumerate(Walk().frames(RATE)):
        (found,) = model.detect([picture])
        overlaps = boxes.iou(found.boxes, truth)
        whose = [walkers[int(row.argmax())] if len(row) and row.max() >= 0.5 else STRANGER for row in overlaps]
        yield Moment(index, found, whose)


def walkin6(model: Predictor, folder: Path) -> Iterator[Moment]:
    """The real video: one person at a time, so that a detection is whose labelled visit is nearest."""
    labels = json.loads((folder / "walkin6" / "annotations.json").read_text(encoding="utf-8"))
    frame_of = {image["id"]: image["frame"] for image in labels["images"]}
    visits = [(frame_of[a["image_id"]], a["person_id"]) for a in labels["annotations"]]
    (item,) = discover(folder / VIDEO)
    assert isinstance(item, MediaItem)
    for frame in frames_of(item, every_s=0):
        assert isinstance(frame, Frame)
        (found,) = model.detect([frame.image])
        person = min(visits, key=lambda visit, now=frame.frame_index: abs(visit[0] - now))[1]
        yield Moment(frame.frame_index, found, [person] * len(found))


def linked(moments: list[Moment], size: tuple[int, int], every_s: float) -> TrackletScores:
    """Link by appearance and place."""
    linker = TrackletLinker(patience_for(every_s))
    empty: ImageArray = np.zeros((size[1], size[0], 3), np.uint8)
    names = [linker.update(Frame(empty, "footage", m.index, m.index / RATE), m.found) for m in moments]
    return scored(moments, names)


def overlap(moments: list[Moment]) -> TrackletScores:
    """Link with the frame before by the overlap of boxes alone, by a third at least."""
    names: list[list[str]] = []
    before = Detections.empty()
    for moment in moments:
        now = [f"{moment.index}:{i}" for i in range(len(moment.found))]
        shared = boxes.iou(before.boxes, moment.found.boxes)
        for row, column in zip(*linear_sum_assignment(shared, maximize=True), strict=True):
            if shared[row, column] >= 1 / 3:
                now[column] = names[-1][row]
        names.append(now)
        before = moment.found
    return scored(moments, names)


def scored(moments: list[Moment], names: Sequence[Sequence[Hashable]]) -> TrackletScores:
    """Compare with the truth where it is known."""
    pairs = [
        (name, person)
        for moment, row in zip(moments, names, strict=True)
        for name, person in zip(row, moment.person_ids, strict=True)
        if person != STRANGER
    ]
    return score_tracklets([name for name, _ in pairs], [person for _, person in pairs])
