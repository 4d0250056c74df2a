"""COCO's detection scores, by COCO's own code."""

from __future__ import annotations

import contextlib
import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sceneseek import boxes as box_ops
from sceneseek.structures import CocoScores, Extraction, SceneSet

_PERSON = 1
MAX_DETECTIONS = 100
"""Detections per image that count, best scores first."""


def coco_scores(extraction: Extraction, scenes: SceneSet) -> CocoScores:
    """Average precision and recall of an extraction's boxes as ``pycocotools`` computes them.

    Boxes to ignore are COCO's crowds: a detection of which at least the IoU threshold's share lies in one, and that
    fits nobody else, counts neither way.

    Source: Lin et al., 2014; ``COCOeval`` of pycocotools, with one class and one range of areas.

    Args:
        extraction: What the model saw, all scores.
        scenes: The annotations; every visible person must have a box.

    Returns:
        The scores; zeros where there is nobody to find.
    """
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    truth, rows = _truth(scenes), _detections(extraction, scenes)
    if not any(not box["iscrowd"] for box in truth["annotations"]) or not len(rows):
        return CocoScores(0.0, 0.0, 0.0, 0.0)
    with contextlib.redirect_stdout(io.StringIO()):  # It reports every step.
        known = COCO()
        known.dataset = truth
        known.createIndex()
        run = COCOeval(known, known.loadRes(rows), "bbox")
        run.params.areaRng, run.params.areaRngLbl = run.params.areaRng[:1], run.params.areaRngLbl[:1]
        run.params.maxDets = [MAX_DETECTIONS]
        run.evaluate()
        run.accumulate()
    precision, recall = run.eval["precision"][:, :, 0, 0, 0], run.eval["recall"][:, 0, 0, 0]
    at = {round(float(iou), 2): i for i, iou in enumerate(run.params.iouThrs)}
    return CocoScores(
        ap=float(precision.mean()),
        ap50=float(precision[at[0.5]].mean()),
        ap75=float(precision[at[0.75]].mean()),
        recall=float(recall.mean()),
    )


def _truth(scenes: SceneSet) -> dict[str, Any]:
    annotations: list[dict[str, Any]] = []
    for sample in scenes.samples:
        sizes = box_ops.to_xywh(sample.boxes).astype(np.float64)
        for box, ignored in zip(sizes.tolist(), np.asarray(sample.ignore_mask).tolist(), strict=True):
            annotations.append(
                {
                    "id": len(annotations) + 1,  # From 1: the matching takes 0 for nobody.
                    "image_id": sample.image_id,
                    "category_id": _PERSON,
                    "bbox": box,
                    "area": box[2] * box[3],
                    "iscrowd": int(ignored),
                }
            )
    images = [{"id": s.image_id, "width": s.width, "height": s.height} for s in scenes.samples]
    return {"images": images, "annotations": annotations, "categories": [{"id": _PERSON, "name": "person"}]}


def _detections(extraction: Extraction, scenes: SceneSet) -> NDArray[np.float64]:
    """Rows of image, x, y, width, height, score, class."""
    known = np.isin(extraction.image_ids[extraction.image_of], [s.image_id for s in scenes.samples])
    rows = np.flatnonzero(known)
    return np.column_stack(
        [
            extraction.image_ids[extraction.image_of[rows]].astype(np.float64),
            box_ops.to_xywh(extraction.boxes[rows].astype(np.float64)),
            extraction.scores[rows].astype(np.float64),
            np.full(len(rows), float(_PERSON)),
        ]
    )
