"""``report.json``: everything a report shows but the pixels, written and read back without the model."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from sceneseek import text_files
from sceneseek.errors import DataError
from sceneseek.evaluation.album import Album
from sceneseek.evaluation.comparison import Comparison
from sceneseek.evaluation.plots import FROM, label, thinned
from sceneseek.evaluation.summary import detection_scores_of
from sceneseek.structures import (
    CocoScores,
    DetectionScores,
    Failure,
    GalleryPoint,
    Provenance,
    QueryOutcomes,
    Score,
    SearchReport,
    SimilarityHistogram,
    ThresholdPoint,
)

FORMAT = 2
NAME = "report.json"


@dataclass(frozen=True, eq=False)
class RunRecord:
    """An evaluation on record: its report, and where its pictures are to be cut from."""

    report: SearchReport
    album: Album


def as_json(
    reports: Sequence[SearchReport],
    command: str = "",
    date: str = "",
    *,
    albums: Sequence[Album] = (),
    comparisons: Sequence[Comparison] = (),
) -> dict[str, Any]:
    """The reports as plain values: every number, fractions, ``None`` where there is none.

    Args:
        reports: The models.
        command: How to make the report again.
        date: When it was made.
        albums: One per report, to show the report again; without them the document holds the numbers alone.
        comparisons: Of each further report with the first.
    """
    models = [_model(r, albums[i] if albums else None) for i, r in enumerate(reports)]
    differences = [_comparison(c, reports[0], r) for c, r in zip(comparisons, reports[1:], strict=False)]
    return {"format": FORMAT, "date": date, "command": command, "models": models, "comparisons": differences}


def text_of(values: Mapping[str, Any]) -> str:
    """JSON that people can read and compare: one line per query, number list or small record."""
    return _text(values, "") + "\n"


def read_report(path: str | Path) -> list[RunRecord]:
    """Read the runs of a saved report.

    Args:
        path: ``report.json``, or the folder that holds it.

    Returns:
        Its models, in order.

    Raises:
        DataError: There is none, it is damaged, of another format, or holds numbers alone.
    """
    file = Path(path)
    if file.is_dir():
        file = file / NAME
    if not file.is_file():
        raise DataError(f"there is no saved report at {path}; name a folder that 'sceneseek evaluate --out' wrote.")
    try:
        values = text_files.read_json(file)
    except ValueError as error:
        raise DataError(f"{file} cannot be read ({error}); score again with 'sceneseek evaluate --out'.") from None
    found = values.get("format") if isinstance(values, dict) else None
    if found != FORMAT:
        raise DataError(
            f"{file} is not a report of format {FORMAT} (found {found}); score again with 'sceneseek evaluate --out'."
        )
    try:
        return [_read_model(model) for model in values["models"]]
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise DataError(
            f"{file} lacks something that a report needs ({type(error).__name__}: {error}); score again with "
            "'sceneseek evaluate --out'."
        ) from None


def told_apart(records: Sequence[RunRecord], sources: Sequence[str]) -> list[RunRecord]:
    """The same records, where two models of one name say which run they come from.

    Args:
        records: Of several saved reports.
        sources: For each the place that it was read from.
    """
    names = Counter(label(r.report) for r in records)
    turn: Counter[tuple[str, str]] = Counter()
    told = []
    for record, source in zip(records, sources, strict=True):
        name = label(record.report)
        if names[name] > 1:
            turn[name, source] += 1
            number = f" ({turn[name, source]})" if turn[name, source] > 1 else ""
            origin = record.report.provenance
            origin = replace(origin, model=f"{origin.model}{FROM}{source}{number}")
            record = replace(record, report=replace(record.report, provenance=origin))
        told.append(record)
    return told


def _model(report: SearchReport, album: Album | None) -> dict[str, Any]:
    values = {
        "model": report.provenance.model,
        "provenance": asdict(report.provenance),
        "protocol": dict(report.protocol),
        "images": report.num_images,
        "detections": report.num_detections,
        "queries": report.num_queries,
        "queries_without_anybody_to_find": report.num_unanswerable,
        "gallery_size": report.gallery_size,
        "scores": report.headline(),
        "intervals": {name: [s.low, s.high] for name, s in detection_scores_of(report).items()},
        "cmc": report.cmc.tolist(),
        "gallery_curve": [
            {"gallery_size": p.gallery_size, "mAP": asdict(p.mean_ap), "top-1": asdict(p.top_1), "seconds": p.seconds}
            for p in report.gallery_curve
        ],
        "threshold_sweep": [asdict(p) for p in report.threshold_sweep],
        "similarities": {
            "edges": [round(float(e), 6) for e in report.histogram.edges],
            "matches": report.histogram.matches.tolist(),
            "strangers": report.histogram.strangers.tolist(),
        },
        "detection_curve": None if report.detection is None else _detection_curve(report.detection),
        "per_query": [_query(report.outcomes, album, i) for i in range(len(report.outcomes))],
        "failures": [asdict(f) for f in report.failures],
        "seconds": dict(report.seconds),
    }
    if album is not None:
        values["pictures"] = {
            "folder": str(album.folder),
            "names": {str(image_id): name for image_id, name in album.names.items()},
        }
    return values


def _query(o: QueryOutcomes, album: Album | None, i: int) -> dict[str, Any]:
    row: dict[str, Any] = {
        "query": int(o.query_ids[i]),
        "AP": None if math.isnan(o.average_precision[i]) else float(o.average_precision[i]),
        "first_hit_rank": int(o.first_hit_rank[i]) or None,
        "positives": int(o.num_positives[i]),
        "found": int(o.num_found[i]),
        "ranked": int(o.num_ranked[i]),
        "images": int(o.num_images[i]) if len(o.num_images) else None,
    }
    if album is not None:
        row["image"], row["person"] = int(album.query_images[i]), int(album.query_people[i])
        row["box"] = _rounded(album.query_boxes[i], 2)
        row["top"] = [
            {
                "image": int(album.ranked_images[i, k]),
                "box": _rounded(album.ranked_boxes[i, k], 2),
                "similarity": round(float(o.top_similarities[i, k]), 6),
                "hit": bool(o.top_hits[i, k]),
            }
            for k in np.flatnonzero(o.top_detections[i] >= 0)
        ]
    return row


def _rounded(values: Any, digits: int) -> list[float]:
    return [round(float(v), digits) for v in values]


def _detection_curve(d: DetectionScores) -> dict[str, list[float]]:
    keep = thinned(d)
    return {
        "recall": _rounded(d.curve_recall[keep], 6),
        "precision": _rounded(d.curve_precision[keep], 6),
        "score": _rounded(d.curve_scores[keep], 6),
    }


def _comparison(comparison: Comparison, first: SearchReport, second: SearchReport) -> dict[str, Any]:
    return {
        "first": label(first),
        "second": label(second),
        "queries": comparison.num_queries,
        "differences": [{**asdict(d), "difference": d.value} for d in comparison.differences],
        "better": [asdict(c) for c in comparison.better],
        "worse": [asdict(c) for c in comparison.worse],
        "differing_switches": {name: list(pair) for name, pair in comparison.differing.items()},
    }


def _text(value: Any, indent: str) -> str:
    deeper = indent + " "
    if isinstance(value, Mapping) and value:
        if all(not isinstance(v, Mapping | list) or _flat(v) for v in value.values()) and len(value) <= 8:
            line = json.dumps(value, ensure_ascii=False, allow_nan=False)
            if len(line) <= 400:
                return line
        rows = [f"{deeper}{json.dumps(str(k), ensure_ascii=False)}: {_text(v, deeper)}" for k, v in value.items()]
        return "{\n" + ",\n".join(rows) + f"\n{indent}}}"
    if isinstance(value, list) and value and not _flat(value):
        return "[\n" + ",\n".join(deeper + _text(v, deeper) for v in value) + f"\n{indent}]"
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _flat(value: Any) -> bool:
    return isinstance(value, list) and not any(isinstance(v, Mapping | list) for v in value)


def _read_model(model: Mapping[str, Any]) -> RunRecord:
    scores, curve = model["scores"], model["similarities"]
    outcomes, album = _read_queries(model)
    report = SearchReport(
        provenance=Provenance(**model["provenance"]),
        protocol=model["protocol"],
        num_images=model["images"],
        num_detections=model["detections"],
        num_queries=model["queries"],
        num_unanswerable=model["queries_without_anybody_to_find"],
        gallery_size=model["gallery_size"],
        mean_ap=Score(**scores["mAP"]),
        top_k={int(n[4:]): Score(**s) for n, s in scores.items() if n.startswith("top-")},
        positives_found=scores["positives_found"],
        outcomes=outcomes,
        cmc=np.array(model["cmc"], np.float64),
        histogram=SimilarityHistogram(
            np.array(curve["edges"], np.float64),
            np.array(curve["matches"], np.int64),
            np.array(curve["strangers"], np.int64),
        ),
        gallery_curve=tuple(
            GalleryPoint(p["gallery_size"], Score(**p["mAP"]), Score(**p["top-1"]), p["seconds"])
            for p in model["gallery_curve"]
        ),
        detection=_read_detection(model),
        failures=tuple(_read_failure(f) for f in model["failures"]),
        seconds=model["seconds"],
        threshold_sweep=tuple(_read_threshold(p) for p in model["threshold_sweep"]),
    )
    return RunRecord(report, album)


def _read_failure(failure: Mapping[str, Any]) -> Failure:
    boxes = {name: failure[name] and tuple(failure[name]) for name in ("right_box", "near_box")}
    return Failure(**{**failure, **boxes})


def _read_threshold(point: Mapping[str, Any]) -> ThresholdPoint:
    scores = {name: Score(**point[name]) for name in ("mean_ap", "top_1", "top_20")}
    return ThresholdPoint(threshold=point["threshold"], boxes_per_image=point["boxes_per_image"], **scores)


def _read_detection(model: Mapping[str, Any]) -> DetectionScores | None:
    scores, curve = model["scores"]["detection"], model["detection_curve"]
    if scores is None:
        return None
    ends = {name: pair and tuple(pair) for name, pair in model["intervals"].items()}
    recall, ap50 = ends.get("detection recall"), ends.get("detection AP50")
    return DetectionScores(
        recall=scores["recall"], ap=scores["AP"], ap50=scores["AP50"], score_threshold=scores["score_threshold"],
        num_people=scores["people"], num_detections=scores["detections"],
        curve_recall=np.array(curve["recall"], np.float64),
        curve_precision=np.array(curve["precision"], np.float64),
        curve_scores=np.array(curve["score"], np.float64),
        recall_interval=None if recall is None or recall[0] is None else recall,
        ap50_interval=None if ap50 is None or ap50[0] is None else ap50,
        coco=scores["coco"] and CocoScores(**scores["coco"]),
    )  # fmt: skip


def _read_queries(model: Mapping[str, Any]) -> tuple[QueryOutcomes, Album]:
    rows, pictures = model["per_query"], model["pictures"]
    top = max((len(r["top"]) for r in rows), default=0)
    shape = (len(rows), top)
    there, hits = np.full(shape, -1, np.int64), np.zeros(shape, bool)
    images, boxes = np.full(shape, -1, np.int64), np.zeros((*shape, 4), np.float32)
    similarities = np.zeros(shape, np.float32)
    for i, row in enumerate(rows):
        for k, entry in enumerate(row["top"]):
            there[i, k], images[i, k], boxes[i, k] = 0, entry["image"], entry["box"]
            similarities[i, k], hits[i, k] = entry["similarity"], entry["hit"]
    counts = {
        n: np.array([r[n] or 0 for r in rows], np.int64) for n in ("first_hit_rank", "positives", "found", "ranked")
    }
    positives = counts["positives"]
    outcomes = QueryOutcomes(
        query_ids=np.array([r["query"] for r in rows], np.int64),
        average_precision=np.array([math.nan if r["AP"] is None else r["AP"] for r in rows], np.float64),
        recall=np.divide(counts["found"], positives, out=np.full(len(rows), np.nan), where=positives > 0),
        first_hit_rank=counts["first_hit_rank"],
        num_positives=positives,
        num_found=counts["found"],
        num_ranked=counts["ranked"],
        top_detections=there,
        top_similarities=similarities,
        top_hits=hits,
        num_images=np.array([r["images"] or 0 for r in rows], np.int64),
    )
    album = Album(
        query_images=np.array([r["image"] for r in rows], np.int64),
        query_boxes=np.reshape([r["box"] for r in rows], (-1, 4)).astype(np.float32),
        query_people=np.array([r["person"] for r in rows], np.int64),
        ranked_images=images,
        ranked_boxes=boxes,
        folder=Path(pictures["folder"]),
        names={int(image_id): name for image_id, name in pictures["names"].items()},
    )
    return outcomes, album
