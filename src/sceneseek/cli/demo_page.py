"""The demo's page: who was sought, who was found, how good that is, and what it took."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sceneseek import boxes as box_ops
from sceneseek.drawing import jpeg_data_uri
from sceneseek.evaluation import page as report_page
from sceneseek.evaluation import plots, summary
from sceneseek.pictures import read_picture
from sceneseek.reports import view_of
from sceneseek.structures import UNLABELED, Match, Sample, SceneSet

if TYPE_CHECKING:
    from sceneseek.cli.demo import Answer
    from sceneseek.evaluation.report import Run

_SCENE_SIDE, _PERSON_SIDE = 560, 240
_ON_SOMEBODY = 0.3
"""The IoU from which a box is about somebody, if not well enough for a hit."""


def write_page(
    path: Path,
    scenes: SceneSet,
    answers: Sequence[Answer],
    runs: Sequence[Run],
    seconds: Mapping[str, float],
    lookalikes: Mapping[int, set[int]],
    num_people: int,
) -> Path:
    """Write the page, everything inside one file.

    Args:
        path: Where to.
        scenes: The demo's world.
        answers: The questions and what was found.
        runs: The model, and what is beside it.
        seconds: Time taken, by step.
        lookalikes: For each person those who are dressed nearly alike.
        num_people: People in the gallery.

    Returns:
        ``path``.
    """
    samples = {sample.path.resolve(): sample for sample in scenes.samples}
    reports = [run.report for run in runs]
    longest = max(seconds.values(), default=1.0)
    page = report_page.environment("sceneseek.cli", "sceneseek.reports").get_template("demo.html").render(
        title="Person search demo",
        answers=[_answer(a, scenes, samples, lookalikes) for a in answers],
        lookalikes_shown=all(lookalikes.get(a.query.person_id) for a in answers),
        num_scenes=len(scenes),
        num_people=num_people,
        num_cameras=len({s.camera_id for s in scenes.samples}),
        head=reports[0],
        label=plots.label(reports[0]),
        cards=report_page.cards(reports[0]),
        table=summary.table(reports),
        bars=report_page.bars(reports),
        charts=report_page.charts(reports),
        steps=[(name, summary.seconds(s), 100 * s / longest) for name, s in seconds.items()],
        total=summary.seconds(sum(seconds.values())),
        facts=summary.facts(reports[0]),
    )  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".html.partial")
    partial.write_text(page, encoding="utf-8")
    partial.replace(path)
    return path


def who(match: Match, sample: Sample, sought: int, lookalikes: Mapping[int, set[int]]) -> str:
    """What the annotations say about a match.

    Returns:
        ``"right"``; ``"box off"``: the right person, but less of them than counts as a hit; ``"look-alike"``;
        ``"other"``; ``"no person"``: the box is on nobody.
    """
    if not len(sample):
        return "no person"
    overlap = box_ops.iou(sample.boxes.astype(np.float64), np.array([match.box]))[:, 0]
    if ((overlap >= box_ops.match_threshold(sample.boxes)) & (sample.person_ids == sought)).any():
        return "right"
    nearest = int(overlap.argmax())
    if overlap[nearest] < _ON_SOMEBODY:
        return "no person"
    person = int(sample.person_ids[nearest])
    if person == sought:
        return "box off"
    return "look-alike" if person != UNLABELED and person in lookalikes.get(sought, set()) else "other"


def _answer(
    answer: Answer, scenes: SceneSet, samples: Mapping[Path, Sample], lookalikes: Mapping[int, set[int]]
) -> dict[str, Any]:
    query = answer.query
    own = scenes.by_id[query.image_id]
    matches = []
    for match in answer.ranking:
        sample = samples[Path(match.source).resolve()]
        matches.append({
            "rank": match.rank,
            "similarity": f"{match.similarity:.3f}",
            "who": who(match, sample, query.person_id, lookalikes),
            "camera": sample.camera_id or "",
            "name": sample.path.name,
            **_pictures(sample.path, match.box),
        })  # fmt: skip
    return {
        "query": {
            "name": own.path.name,
            "camera": own.camera_id or "",
            **_pictures(own.path, tuple(query.box.tolist())),
        },
        "matches": matches,
        "right": sum(m["who"] == "right" for m in matches),
        "milliseconds": round(1000 * answer.seconds),
        "compared": answer.ranking.searched,
    }


def _pictures(path: Path, box: tuple[float, float, float, float]) -> dict[str, Any]:
    view = view_of(read_picture(path), box, scene_side=_SCENE_SIDE, person_side=_PERSON_SIDE)
    assert view.person is not None
    assert view.scene is not None
    return {
        "person": jpeg_data_uri(view.person, 86),
        "scene": jpeg_data_uri(view.scene, 82),
        "width": view.scene.shape[1],
        "height": view.scene.shape[0],
        "corners": tuple(round(v, 1) for v in view.box),
    }
